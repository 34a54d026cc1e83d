"""PASCAL VOC 2012, and earlier years of the same layout."""

from pathlib import Path

import numpy as np

from segalgo.datasets.dataset import Dataset, Record, check_size, numbered
from segalgo.datasets.encodings import ENCODINGS, LabelEncoding
from segalgo.datasets.files import picture_size, read_indices, read_lines, safe_name


class PascalVOC(Dataset):
    """PASCAL VOC 2012: 20 kinds of objects and background, with an outline of 255 around every object.

    Opened from ``VOCdevkit``, ``VOC2012`` or the folder that holds them. Splits are the lists in
    ``ImageSets/Segmentation``; the pictures of a list without label files ("test") have labels None.
    """

    kind = "voc"
    title = "PASCAL VOC"
    looks_for = "JPEGImages/ and ImageSets/Segmentation/*.txt"
    order = ("train", "trainval", "val", "test")

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """Return the folder of a year; the latest, where there are several."""
        years = sorted((*path.glob("VOC20[0-9][0-9]"), *path.glob("VOCdevkit/VOC20[0-9][0-9]")), reverse=True)
        for folder in (path, *years):
            if (folder / "JPEGImages").is_dir() and any((folder / "ImageSets" / "Segmentation").glob("*.txt")):
                return folder
        return None

    @classmethod
    def find_splits(cls, root: Path) -> tuple[str, ...]:
        """List the names of the lists, train first."""
        names = sorted(path.stem for path in (root / "ImageSets" / "Segmentation").glob("*.txt"))
        return tuple(sorted(names, key=lambda name: cls.order.index(name) if name in cls.order else len(cls.order)))

    def find_encoding(self) -> LabelEncoding:
        """Return VOC's 21 classes."""
        return ENCODINGS["voc"]

    def find_records(self) -> list[Record]:
        """List the pictures that the split's list names."""
        path = self.root / "ImageSets" / "Segmentation" / f"{self.split}.txt"
        names = [safe_name(line, path, f"line {number}") for number, line in read_lines(path)]
        labelled = self.split != "test" or any(
            (self.root / "SegmentationClass" / f"{name}.png").exists() for name in names
        )
        return [self._record(name, labelled) for name in names]

    def _record(self, name: str, labelled: bool) -> Record:
        files = [self.root / folder / f"{name}.png" for folder in ("SegmentationClass", "SegmentationObject")]
        return Record(name, self.root / "JPEGImages" / f"{name}.jpg", *(files if labelled else (None, None)))

    def read_instances(self, record: Record) -> np.ndarray | None:
        """Read the numbered objects."""
        if record.instances is None:
            return None
        raw = read_indices(record.instances, record.name)
        check_size(raw.shape, picture_size(record.image, record.name), record)
        return numbered(raw, (raw != 0) & (raw != self.ignore_index))
