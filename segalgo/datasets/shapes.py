"""Data sets whose label files list polygons and boxes of objects, a file for each picture."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segalgo.datasets.dataset import Dataset
from segalgo.datasets.encodings import LabelEncoding, plain_encoding
from segalgo.datasets.errors import DatasetError
from segalgo.datasets.files import picture_size
from segalgo.datasets.painting import find_coverage_excess, find_excess, paint
from segalgo.masks.codes import as_codes


@dataclass(frozen=True)
class Shape:
    """An object: its class, from 0, and its run-length code."""

    class_index: int
    code: dict[str, Any]


class ShapeDataset(Dataset):
    """Label files that list objects: class 0 is "background", classes 1, 2 ... are those of the files.

    Later objects of a file lie in front. Objects are numbered in the order of the file.
    """

    def find_class_names(self) -> list[str]:
        """Return the names of the objects' classes."""
        raise NotImplementedError

    def find_encoding(self) -> LabelEncoding:
        """Return background and the classes of the files, colored by VOC's scheme."""
        names = self.find_class_names()
        if len(names) > 254:
            raise DatasetError(self.root, f"names {len(names)} classes: expected at most 254")
        return plain_encoding(("background", *names))

    def read_size(self, record: Any) -> tuple[int, int]:
        """Return height and width of a picture."""
        return picture_size(record.image, record.name)

    def read_shapes(self, record: Any, size: tuple[int, int]) -> list[Shape]:
        """Return the objects of a picture."""
        raise NotImplementedError

    def read_labels(self, record: Any) -> np.ndarray:
        """Paint the classes."""
        return self._paint(record, np.uint8)

    def read_instances(self, record: Any) -> np.ndarray:
        """Paint the numbered objects."""
        return self._paint(record, np.int32)

    def read_classes(self, record: Any) -> list[int]:
        """Return the class of each numbered object, from 1."""
        return [shape.class_index + 1 for shape in self.read_shapes(record, self.read_size(record))]

    def _paint(self, record: Any, dtype: Any) -> np.ndarray:
        size = self.read_size(record)
        read = sum(path.stat().st_size for path in (record.labels, record.image) if path and path.is_file())
        self._within_limits(find_excess(size, read), record)
        shapes = self.read_shapes(record, size)
        codes = [shape.code for shape in shapes]
        areas = [int(as_codes([code], "code").counts[1::2].sum(dtype=np.int64)) for code in codes]
        self._within_limits(find_coverage_excess(size, areas), record)
        numbers = dtype is np.int32
        values = [k if numbers else shape.class_index + 1 for k, shape in enumerate(shapes, 1)]
        return paint(size, codes, values, dtype)

    @staticmethod
    def _within_limits(reason: str | None, record: Any) -> None:
        if reason is not None:
            raise DatasetError(record.labels or record.image, reason, record.name)


def check_name(name: Any, path: Path, place: str) -> str:
    """Return the name of a class: a text of one line."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise DatasetError(path, f"names the class {name!r:.60}: expected a printable text", place)
    return name
