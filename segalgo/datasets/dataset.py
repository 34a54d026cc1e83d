"""The base class of data sets, its records, and samples that read their files on access."""

import copy
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from segalgo.datasets.encodings import LabelEncoding
from segalgo.datasets.errors import DatasetError
from segalgo.datasets.files import picture_size, read_indices, read_photograph

IGNORE_INDEX = 255


@dataclass(frozen=True)
class Record:
    """Where the files of one sample lie."""

    name: str
    image: Path
    labels: Path | None = None
    instances: Path | None = None
    page: int | None = None
    """The page, where the files are stacks of pictures."""


class Sample:
    """One picture with its labels; every file is read when its attribute is first asked for.

    ``image, labels = sample`` unpacks it, ``sample[1]`` reads the labels alone.
    """

    def __init__(self, dataset: "Dataset", record: Any) -> None:
        self.record = record
        self._dataset = dataset

    @property
    def name(self) -> str:
        """The sample's name: the file name without what all files of the data set share."""
        return self.record.name

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes 0, 1, 2 ..."""
        return self._dataset.class_names

    @property
    def colors(self) -> np.ndarray:
        """(K, 3) uint8, the color of each class."""
        return self._dataset.colors

    @cached_property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 of photographs, (H, W) uint8 of grey stacks."""
        return self._dataset.read_image(self.record)

    @cached_property
    def labels(self) -> np.ndarray | None:
        """(H, W) uint8, class indices and 255 for pixels to ignore; None where the split has no labels."""
        return self._dataset.read_labels(self.record)

    @cached_property
    def instances(self) -> np.ndarray | None:
        """(H, W) int32, 0 where no object is, objects 1, 2, 3 ...; None where the data set has none."""
        return self._dataset.read_instances(self.record)

    def __iter__(self) -> Iterator[Any]:
        yield self.image
        yield self.labels

    def __getitem__(self, k: int) -> Any:
        """Return the image for 0, the labels for 1, as in a pair; the other file is not read."""
        if k not in (0, 1, -1, -2):
            raise IndexError(f"sample[{k!r}]: expected 0, the image, or 1, the labels")
        return self.labels if k in (1, -1) else self.image

    def __repr__(self) -> str:
        return f"<sample {self.name!r} of {self._dataset.title}>"


class Dataset(Sequence[Sample]):
    """A split of a data set: a sequence of samples that read their files when asked.

    ``dataset[3]`` and ``dataset[-1]`` are samples, ``dataset[10:20]`` is a data set of ten; ``dataset["name"]`` finds
    a sample by its name. Iterate over ``dataset`` or, with a progress bar, over ``dataset.progress()``.

    Attributes
    ----------
    root : Path
        The folder that it was opened from.
    split : str
        The split, such as "train".
    splits : tuple of str
        The splits that the folder has.
    class_names : tuple of str
        Names of the classes 0, 1, 2 ...
    colors : array (K, 3) of uint8
        The color of each class.
    ignore_index : int
        255: what a label map holds where a pixel has no class and counts for nothing.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    looks_for: ClassVar[str]
    """The files that make a folder this data set; what `open_dataset` says it looked for."""
    ignore_index = IGNORE_INDEX

    root: Path
    split: str
    splits: tuple[str, ...]
    encoding: LabelEncoding
    records: Sequence[Any]

    def __init__(self, path: str | Path, split: str | None = None) -> None:
        self.root = self.accept_root(Path(path)) or self._refuse(Path(path))
        self.splits = self.find_splits(self.root)
        self.split = choose_split(self.root, self.splits, split)
        self.encoding = self.find_encoding()
        self.records = self.find_records()

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """Return the folder in which this data set lies under `path`, or None where it is another one."""
        raise NotImplementedError

    @classmethod
    def accept_root(cls, path: Path) -> Path | None:
        """Return the folder where somebody says that it is this data set: the layout alone must fit."""
        return cls.find_root(path)

    @classmethod
    def find_splits(cls, root: Path) -> tuple[str, ...]:
        """Return the names of the splits that lie under `root`, the training split first."""
        raise NotImplementedError

    def find_encoding(self) -> LabelEncoding:
        """Return the classes and how label files write them."""
        raise NotImplementedError

    def find_records(self) -> Sequence[Any]:
        """List the files of every sample of the split."""
        raise NotImplementedError

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes 0, 1, 2 ..."""
        return self.encoding.class_names

    @property
    def colors(self) -> np.ndarray:
        """(K, 3) uint8, the color of each class."""
        return self.encoding.colors

    @property
    def label_encoding(self) -> LabelEncoding:
        """How the label files write the classes, where that has to be decided by what they hold."""
        return self.encoding

    @property
    def names(self) -> list[str]:
        """Names of the samples, in order."""
        return [record.name for record in self.records]

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            part = copy.copy(self)
            part.records = self.records[index]
            return part
        if isinstance(index, str):
            found = next((record for record in self.records if record.name == index), None)
            if found is None:
                raise KeyError(f"no sample {index!r} in {self!r}")
            return self.make_sample(found)
        try:
            position = operator.index(index)
        except TypeError:
            raise TypeError(
                f"index has type {type(index).__name__}: expected an integer, a slice or a sample's name"
            ) from None
        if not -len(self) <= position < len(self):
            raise IndexError(
                f"index {position}: expected {-len(self)} to {len(self) - 1}, there are {len(self)} samples"
            )
        return self.make_sample(self.records[position])

    def __iter__(self) -> Iterator[Sample]:
        return map(self.make_sample, self.records)

    def progress(self, **options: Any) -> Iterator[Sample]:
        """Iterate with a progress bar on stderr; none is drawn where stderr is no terminal.

        Parameters
        ----------
        **options
            Passed on to ``tqdm.tqdm``, such as ``desc="evaluating"`` or ``disable=False``.

        Returns
        -------
        iterator of samples
        """
        from tqdm import tqdm

        return iter(tqdm(self, **{"unit": "sample", "desc": self.split, "disable": None, **options}))

    def make_sample(self, record: Any) -> Sample:
        """Return the sample of a record, nothing read yet."""
        return Sample(self, record)

    def read_image(self, record: Any) -> np.ndarray:
        """Read a sample's picture."""
        return read_photograph(record.image, record.name)

    def read_labels(self, record: Any) -> np.ndarray | None:
        """Read a sample's label map and translate it to class indices."""
        if record.labels is None:
            return None
        raw = read_indices(record.labels, record.name, rgb=self.encoding.reads_rgb)
        check_size(raw.shape[:2], picture_size(record.image, record.name), record)
        return self.label_encoding.decode(raw, record.labels, record.name)

    def read_instances(self, record: Any) -> np.ndarray | None:
        """Read a sample's objects, where the data set has them."""
        return None

    def __repr__(self) -> str:
        return (
            f"<{self.title}: {len(self)} samples of split {self.split!r}, {len(self.class_names)} classes, {self.root}>"
        )

    @classmethod
    def _refuse(cls, path: Path) -> Any:
        if not path.exists():
            raise DatasetError(path, "no such file or folder")
        raise DatasetError(path, f"is no {cls.title}: looked for {cls.looks_for}")


def choose_split(root: Path, splits: tuple[str, ...], wanted: str | None) -> str:
    """Return the split that was asked for, or the first."""
    if not splits:
        raise DatasetError(root, "holds no split with pictures")
    if wanted is None:
        return splits[0]
    if wanted not in splits:
        raise DatasetError(root, f"has no split {wanted!r}: expected one of {', '.join(splits)}")
    return wanted


def check_size(labels: tuple[int, ...], image: tuple[int, int], record: Any) -> None:
    """Refuse a label map that is not of its picture's size."""
    if tuple(labels) != image:
        raise DatasetError(
            record.labels, f"is {labels[0]} x {labels[1]}, its picture is {image[0]} x {image[1]}", record.name
        )


def numbered(raw: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Number the pixels marked in `objects` 1, 2, 3 ... in ascending order of their raw values; 0 elsewhere."""
    instances = np.zeros(raw.shape, np.int32)
    instances[objects] = np.unique(raw[objects], return_inverse=True)[1].reshape(-1) + 1
    return instances
