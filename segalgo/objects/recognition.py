"""A memory of objects: store what was seen, recognise it later by its nearest neighbour."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo._core.checks import as_array
from segalgo._core.writing import replacing
from segalgo.labels.measurement import label_statistics

BLOCK_CELLS = 1 << 22  # cells of a block of differences, some 32 MB


class Recognition(NamedTuple):
    """What an object was recognised as."""

    name: str | None
    """The name of the nearest stored object; None where the score is below the threshold."""
    score: float
    """1 for equal descriptors, falling towards 0 with the distance."""
    distance: float
    """Root mean square of the differences, each in standard deviations of its feature."""
    index: int
    """Which stored object it is, -1 where none is stored."""


class InstanceRecognizer:
    """Remember objects by their descriptors and recognise them later: learning that only stores.

    A new object gets the name of the nearest stored one, with the score ``exp(-distance)``; it is unknown where the
    score is below the threshold. Each feature is measured in its standard deviations among the stored objects, so
    areas and grey values weigh alike; a feature in which all stored objects agree, in its own magnitude.

    Parameters
    ----------
    threshold : float, default 0.3
        The lowest score that counts as recognised, 0 to 1.

    Attributes
    ----------
    names : list of str
        The name of each stored object.
    descriptors : array (N, D) of float64
        Their descriptors.

    References
    ----------
    .. [1] T. Cover, P. Hart, "Nearest neighbor pattern classification", IEEE Trans. Information Theory 13(1), 1967.
    .. [2] D. Aha, D. Kibler, M. Albert, "Instance-based learning algorithms", Machine Learning 6, 1991.

    Examples
    --------
    >>> import segalgo
    >>> memory = segalgo.InstanceRecognizer(threshold=0.3)
    >>> memory.store([[10.0, 0.9], [50.0, 0.2]], ["penny", "bar"])
    >>> [found.name for found in memory.recognize([[11.0, 0.85], [400.0, 0.5]])]
    ['penny', None]
    """

    def __init__(self, threshold: float = 0.3) -> None:
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold={threshold!r}: expected 0 to 1")
        self.threshold = float(threshold)
        self.names: list[str] = []
        self.descriptors = np.zeros((0, 0))

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        kinds = len(set(self.names))
        return f"<InstanceRecognizer: {len(self)} objects of {kinds} names, threshold {self.threshold:g}>"

    def store(self, descriptors: Any, names: Sequence[str]) -> None:
        """Store objects.

        Parameters
        ----------
        descriptors : array (K, D) of finite numbers
            One row per object, as from `describe_objects` or a network.
        names : sequence of K str
            What they are; a name may be stored many times.

        Raises
        ------
        TypeError, ValueError
            If the shapes do not fit each other or what is stored already, or a number is not finite.
        """
        rows = self._as_rows(descriptors)
        names = [names] if isinstance(names, str) else list(names)
        if len(names) != len(rows):
            raise ValueError(f"names holds {len(names)}: expected {len(rows)}, one for each descriptor")
        if not all(isinstance(name, str) for name in names):
            raise TypeError("names holds other things than str: expected a name for each descriptor")
        if any("\0" in name for name in names):
            raise ValueError("names holds a name with a zero character: expected names without")
        self.descriptors = np.concatenate([self.descriptors, rows]) if self.names else rows.copy()
        self.names += names

    def forget(self, name: str) -> int:
        """Drop all objects of a name; return how many there were."""
        keep = [k for k, stored in enumerate(self.names) if stored != name]
        dropped = len(self.names) - len(keep)
        self.descriptors = self.descriptors[keep]
        self.names = [self.names[k] for k in keep]
        return dropped

    def recognize(self, descriptors: Any) -> list[Recognition]:
        """Find the nearest stored object of each descriptor; the one stored first, where several are equally near.

        Parameters
        ----------
        descriptors : array (K, D) of finite numbers
            One row per object; a single descriptor (D,) counts as one row.

        Returns
        -------
        list of K Recognition
            ``name`` (None: unknown), ``score``, ``distance``, ``index``.

        Raises
        ------
        TypeError, ValueError
            If the descriptors do not have the length of those stored, or a number is not finite.
        """
        rows = self._as_rows(descriptors)
        if not self.names:
            return [Recognition(None, 0.0, math.inf, -1)] * len(rows)
        scale = self._scale()
        stored = self.descriptors / scale
        block = max(1, BLOCK_CELLS // max(1, stored.size))
        found = []
        for start in range(0, len(rows), block):
            difference = rows[start : start + block, None] / scale - stored
            distances = np.sqrt(np.mean(difference * difference, -1))
            nearest = distances.argmin(1)
            found += [self._judge(int(k), float(row[k])) for k, row in zip(nearest, distances, strict=True)]
        return found

    def _judge(self, index: int, distance: float) -> Recognition:
        score = math.exp(-distance)
        return Recognition(self.names[index] if score >= self.threshold else None, score, distance, index)

    def _scale(self) -> np.ndarray:
        """Return what counts as 1 in each feature."""
        spread = self.descriptors.std(0)
        magnitude = np.abs(self.descriptors).max(0)
        # What rounding alone makes differ is no spread.
        return np.where(spread > 1e-9 * magnitude, spread, np.where(magnitude > 0, magnitude, 1.0))

    def _as_rows(self, descriptors: Any) -> np.ndarray:
        rows = as_array(descriptors, "descriptors")
        if is_cupy(rows):
            raise TypeError("descriptors is a CuPy array: expected NumPy's, fetch it with .get()")
        if rows.dtype.kind not in "biuf":
            raise TypeError(f"descriptors has dtype {rows.dtype}: expected real numbers")
        rows = rows.astype(np.float64)
        rows = rows[None] if rows.ndim == 1 else rows
        if rows.ndim != 2 or rows.shape[1] == 0:
            raise ValueError(f"descriptors has shape {rows.shape}: expected (K, D), one row per object")
        if self.names and rows.shape[1] != self.descriptors.shape[1]:
            raise ValueError(
                f"descriptors has {rows.shape[1]} features: expected {self.descriptors.shape[1]}, as those stored"
            )
        if not np.isfinite(rows).all():
            raise ValueError("descriptors holds NaN or infinity: expected finite numbers")
        return rows

    def save(self, path: str | Path) -> None:
        """Write the memory to a file: ``.npz`` or ``.safetensors``; neither can carry code.

        The file is replaced when the new one is complete: an interrupted call leaves the old one.

        Raises
        ------
        ValueError
            If the suffix is another one.
        OSError
            If the file cannot be written.
        """
        path = Path(path)
        kind = _kind_of(path)
        text = np.frombuffer("\0".join(self.names).encode(), np.uint8)
        arrays = {
            "descriptors": np.ascontiguousarray(self.descriptors),
            "names": text,
            "count": np.array([len(self.names)], np.int64),
            "threshold": np.array([self.threshold]),
        }
        with replacing(path) as beside, beside.open("wb") as file:
            if kind == ".npz":
                np.savez_compressed(file, **arrays)
            else:
                from safetensors.numpy import save

                file.write(save(arrays))

    @classmethod
    def load(cls, path: str | Path) -> "InstanceRecognizer":
        """Read a memory that `save` has written.

        Raises
        ------
        ValueError
            If the suffix is another one, or the file is damaged or holds something else; the message names it.
        FileNotFoundError
            If there is no such file.
        """
        path = Path(path)
        arrays = _read_arrays(path)
        try:
            memory = cls(float(arrays["threshold"][0]))
            text = arrays["names"].astype(np.uint8).tobytes().decode()
            names = text.split("\0") if arrays["count"][0] else []
            if len(names) != arrays["count"][0]:
                raise ValueError(f"{len(names)} names, expected {int(arrays['count'][0])}")
            if names:
                memory.store(arrays["descriptors"], names)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: holds no memory of objects ({error})") from None
        return memory


def _kind_of(path: Path) -> str:
    if path.suffix not in (".npz", ".safetensors"):
        raise ValueError(f"path={str(path)!r}: expected a name that ends with .npz or .safetensors")
    return path.suffix


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    kind = _kind_of(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        if kind == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return dict(file)
        from safetensors.numpy import load_file

        return load_file(path)
    except Exception as error:  # zip, NumPy and safetensors have error types of their own
        raise ValueError(f"{path}: cannot be read ({error})") from error


DESCRIPTOR_NAMES = ("log_area", "extent", "log_elongation", "intensity_mean", "intensity_min", "intensity_max")


def describe_objects(labels: Any, image: Any = None) -> np.ndarray:
    """Describe every object by its size, its box and, with an image, its intensities.

    Parameters
    ----------
    labels : array (H, W) of integers
        0 where no object is; objects 1 to K, each present.
    image : array (H, W), optional
        The grey picture.

    Returns
    -------
    array (K, 3) or (K, 6) of float64
        Natural logarithm of the area; share of the bounding box that the object fills; logarithm of the box's longer
        side over its shorter one; with `image` mean, lowest and highest intensity. None changes when the object moves
        or turns by 90 degrees.

    Raises
    ------
    TypeError, ValueError
        If the arrays do not fit each other, or an object number is absent (see `relabel_sequential`).

    Examples
    --------
    >>> import segalgo
    >>> segalgo.describe_objects([[1, 1, 0], [0, 0, 2]]).round(2).tolist()
    [[0.69, 1.0, 0.69], [0.0, 1.0, 0.0]]
    """
    plane = as_array(labels, "labels")
    if is_cupy(plane) or is_cupy(image):
        raise TypeError("labels or image is a CuPy array: expected NumPy's, fetch it with .get()")
    if plane.ndim != 2:
        raise ValueError(f"labels has shape {plane.shape}: expected (H, W)")
    statistics = label_statistics(plane, image)
    area, box = statistics.area, statistics.bounding_box
    numbers = statistics.label.tolist()
    absent = next(
        (k for k, (number, size) in enumerate(zip(numbers, area, strict=True), 1) if number != k or not size), 0
    )
    if absent:
        raise ValueError(f"labels holds no object {absent}: expected all up to {numbers[-1]} (see relabel_sequential)")
    sides = np.stack([box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]], 1).astype(np.float64)
    columns = [np.log(area), area / sides.prod(1), np.log(sides.max(1) / sides.min(1))]
    if image is not None:
        measures = (statistics.intensity_mean, statistics.intensity_min, statistics.intensity_max)
        columns += [measure.astype(np.float64) for measure in measures]
    return np.stack(columns, 1) if len(area) else np.zeros((0, len(columns)))
