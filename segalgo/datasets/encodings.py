"""How the label files of each data set write its classes."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from segalgo._core.checks import as_array
from segalgo.datasets.classes import (
    ADE20K_NAMES,
    CAMVID_CLASSES,
    CITYSCAPES_LABELS,
    CITYSCAPES_TRAIN,
    VOC_NAMES,
    as_color,
    cityscapes_colors,
    voc_colors,
)
from segalgo.datasets.errors import DatasetError, LabelWarning

IGNORE_INDEX = 255
_UNKNOWN = -1
_COLOR_STEP = np.array([1 << 16, 1 << 8, 1], np.int64)


@dataclass(frozen=True, eq=False)
class LabelEncoding:
    """Classes, and the numbers or colors by which label files write them."""

    class_names: tuple[str, ...]
    colors: np.ndarray
    """(K, 3) uint8."""
    values: Mapping[int, int]
    """What a label file holds -> class index, or 255 for pixels to ignore."""
    rgb: Mapping[tuple[int, int, int], int] = field(default_factory=dict)
    """The same for label files of colors; empty where the data set has none."""
    undecided: bool = False
    """Whether the one value beside 0 in files of two classes is class 1, whatever number it is: see `resolve`."""

    @property
    def reads_rgb(self) -> bool:
        """Whether label files of colors can be read."""
        return bool(self.rgb)

    def resolve(self, present: Iterable[int]) -> "LabelEncoding":
        """Decide by the values of all label files together what they mean.

        Files of two classes are written as 0 and 1, with 255 for pixels to ignore, or as 0 and another value,
        mostly 255, for the object. So where 0 and one other value are all that occurs, that value is class 1.

        Parameters
        ----------
        present : iterable of int
            The values that occur in the label files.

        Returns
        -------
        LabelEncoding
            The encoding itself where it leaves nothing to decide.
        """
        if not self.undecided:
            return self
        others = {int(value) for value in present} - {0}
        if len(others) != 1 or others == {1}:
            return replace(self, undecided=False)
        return replace(self, values={0: 0, others.pop(): 1}, undecided=False)

    def describe(self) -> str | None:
        """Return a sentence about what was decided of the object's value; None where nothing was."""
        value = next((value for value, index in self.values.items() if index == 1), 1)
        if len(self.class_names) != 2 or value == 1:
            return None
        return (
            f"label pictures hold 0 and {value} alone: {value} is taken for class 1, {self.class_names[1]!r} "
            "(foreground_value and ignore_value say otherwise)"
        )

    def decode(self, raw: np.ndarray, path: str | Path, record: str | None = None) -> np.ndarray:
        """Translate what a label file holds to class indices.

        Parameters
        ----------
        raw : array, (H, W) integers or bool, or (H, W, 3) uint8
            The file's numbers, or its colors.
        path : str or Path
            The file, for the error.
        record : str, optional
            The sample, for the error.

        Returns
        -------
        array (H, W) of uint8
            Class indices; 255 for pixels to ignore.

        Raises
        ------
        DatasetError
            If a pixel's number or color is none of the data set; the message names the first such pixel.

        Warns
        -----
        LabelWarning
            If it had to be decided what a value means (two classes, and 0 and 255 alone).
        """
        raw = as_array(raw, "raw")
        raw = raw.view(np.uint8) if raw.dtype == bool else raw
        if self.undecided and raw.ndim == 2:
            decided = self.resolve(np.unique(raw).tolist())
            note = decided.describe()
            if note:
                warnings.warn(f"{path}: {note}", LabelWarning, stacklevel=2)
            return decided.decode(raw, path, record)
        table, keys = (self.rgb, raw @ _COLOR_STEP) if raw.ndim == 3 else (self.values, raw)
        numbers = table if raw.ndim == 2 else {int(np.dot(key, _COLOR_STEP)): to for key, to in table.items()}
        if raw.ndim == 2 and raw.dtype == np.uint8:
            indices = _lookup(numbers)[raw]
        else:
            # Only few distinct values occur: translate each of them once, then look the pixels up.
            present, where = np.unique(keys, return_inverse=True)
            indices = np.array([numbers.get(int(key), _UNKNOWN) for key in present], np.int16)[where].reshape(
                keys.shape
            )
        if (indices == _UNKNOWN).any():
            i, j = np.argwhere(indices == _UNKNOWN)[0]
            found = tuple(map(int, raw[i, j])) if raw.ndim == 3 else int(raw[i, j])
            what = "color" if raw.ndim == 3 else "label"
            expected = "a color of the data set" if raw.ndim == 3 else _ranges(self.values)
            way_out = ""
            if raw.ndim == 2 and self.values.keys() <= {0, 1, IGNORE_INDEX, found}:
                way_out = "; foreground_value and ignore_value name other values"
            raise DatasetError(
                path, f"holds {what} {found} at row {i}, column {j}: expected {expected}{way_out}", record
            )
        return indices.astype(np.uint8)

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Translate class indices to the numbers of the data set's own label files, the lowest where several fit.

        Parameters
        ----------
        labels : array (H, W) of integers
            Class indices; 255 for pixels to ignore.

        Returns
        -------
        array (H, W) of uint8

        Raises
        ------
        ValueError
            If a label is no class, or 255 where the data set has no number for it.
        """
        backwards = np.full(256, _UNKNOWN, np.int16)
        for value, index in sorted(self.values.items(), reverse=True):
            if 0 <= value < 256:
                backwards[index] = value
        labels = as_array(labels, "labels")
        bad = (labels < 0) | (labels > 255)
        if not bad.any():
            bad = backwards[labels] == _UNKNOWN
        if bad.any():
            raise ValueError(f"labels holds {int(labels[bad][0])}: expected one of {len(self.class_names)} classes")
        return backwards[labels].astype(np.uint8)


def _lookup(values: Mapping[int, int]) -> np.ndarray:
    table = np.full(256, _UNKNOWN, np.int16)
    for value, index in values.items():
        if 0 <= value < 256:
            table[value] = index
    return table


def _ranges(values: Mapping[int, int]) -> str:
    """Write numbers as ranges: ``0 to 20, 255``."""
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    return ", ".join(f"{low}" if low == high else f"{low} to {high}" for low, high in runs)


def plain_encoding(
    class_names: Sequence[str],
    colors: np.ndarray | None = None,
    *,
    foreground_value: int | None = None,
    ignore_value: int | None = None,
) -> LabelEncoding:
    """Return the encoding of label files that hold class indices, and 255 where a pixel is to be ignored.

    Of two classes, files may also hold 0 and one other value for class 1, as masks of 0 and 255 do. Which of the two
    it is follows from the values that occur, unless one of the values is given.

    Parameters
    ----------
    class_names : sequence of str
        1 to 255 names.
    colors : array, (K, 3) of uint8, optional
        VOC's if not given.
    foreground_value : int, optional
        The value of class 1, of two classes; then 0 is class 0, and no other value is expected but `ignore_value`.
    ignore_value : int, optional
        The value of pixels to ignore, 255 if not given.

    Returns
    -------
    LabelEncoding

    Raises
    ------
    ValueError
        If there are no names or more than 255, if `foreground_value` is given and there are not two, or if both values
        are one, 0 or negative.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.datasets import plain_encoding
    >>> encoding = plain_encoding(["ground", "cell"], foreground_value=255)
    >>> encoding.decode(np.array([[0, 255]]), "mask.png")
    array([[0, 1]], dtype=uint8)
    """
    names = tuple(class_names)
    if not 1 <= len(names) <= IGNORE_INDEX:
        raise ValueError(f"class_names holds {len(names)} names: expected 1 to {IGNORE_INDEX}")
    if foreground_value is not None and len(names) != 2:
        raise ValueError(f"foreground_value={foreground_value}: expected with two classes, there are {len(names)}")
    for value, argument, least in ((foreground_value, "foreground_value", 1), (ignore_value, "ignore_value", 0)):
        if value is not None and not least <= value < 2**63:
            raise ValueError(f"{argument}={value}: expected at least {least}")
    if foreground_value is not None and foreground_value == ignore_value:
        raise ValueError(f"foreground_value={foreground_value}: expected another value than ignore_value")
    values = {index: index for index in range(len(names))} if foreground_value is None else {0: 0, foreground_value: 1}
    if ignore_value is not None:
        values[ignore_value] = IGNORE_INDEX
    elif foreground_value is None:
        values[IGNORE_INDEX] = IGNORE_INDEX
    undecided = len(names) == 2 and foreground_value is None and ignore_value is None
    return LabelEncoding(names, voc_colors(len(names)) if colors is None else colors, values, undecided=undecided)


def _cityscapes() -> LabelEncoding:
    values = {k: int(row[1]) if row[1] else IGNORE_INDEX for k, row in enumerate(CITYSCAPES_LABELS)}
    names = tuple(CITYSCAPES_LABELS[k][0] for k in CITYSCAPES_TRAIN)
    return LabelEncoding(names, cityscapes_colors()[list(CITYSCAPES_TRAIN)], values)


def _camvid() -> LabelEncoding:
    values = {index: index for index in range(11)} | {11: IGNORE_INDEX, 255: IGNORE_INDEX}
    rgb = {as_color(text): index for index, row in enumerate(CAMVID_CLASSES) for text in row[2].split()}
    rgb[0, 0, 0] = IGNORE_INDEX
    colors = np.array([as_color(row[1]) for row in CAMVID_CLASSES], np.uint8)
    return LabelEncoding(tuple(row[0] for row in CAMVID_CLASSES), colors, values, rgb)


def _ade20k() -> LabelEncoding:
    values = {0: IGNORE_INDEX} | {index + 1: index for index in range(len(ADE20K_NAMES))}
    return LabelEncoding(ADE20K_NAMES, voc_colors(len(ADE20K_NAMES) + 1)[1:], values)


ENCODINGS: Mapping[str, LabelEncoding] = {
    "voc": plain_encoding(VOC_NAMES),
    "cityscapes": _cityscapes(),
    "kitti": _cityscapes(),
    "camvid": _camvid(),
    "ade20k": _ade20k(),
    "isbi": LabelEncoding(("membrane", "cell"), np.array([(0, 0, 0), (255, 255, 255)], np.uint8), {0: 0, 255: 1}),
}
"""How the label files of each data set write its classes, by the data set's short name."""
