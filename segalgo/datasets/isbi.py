"""Stacks of electron micrographs of the ISBI 2012 challenge, as TIFF stacks or as folders of pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segalgo.datasets.dataset import Dataset, Record, check_size
from segalgo.datasets.encodings import ENCODINGS, LabelEncoding
from segalgo.datasets.errors import DatasetError
from segalgo.datasets.files import (
    count_pages,
    is_grey,
    list_pictures,
    pair_pictures,
    picture_size,
    read_grey,
    read_indices,
)

IMAGE_FOLDERS = ("images", "image", "imgs", "raw")
LABEL_FOLDERS = ("labels", "label", "masks", "membranes")


class ISBIStack(Dataset):
    """ISBI 2012 EM stacks: 0 "membrane", 1 "cell" (the inside of a cell, 255 in label files); nothing is ignored.

    Read from ``train-volume.tif`` and ``train-labels.tif`` (``test-volume.tif`` without labels), or from folders
    ``images/`` and ``labels/``, in the folder itself or in ``train/``, ``val/``, ``test/``. Slices keep their order:
    numbers in file names count as numbers. Pictures are (H, W) uint8.
    """

    kind = "isbi"
    title = "ISBI EM stack"
    looks_for = (
        "train-volume.tif and train-labels.tif, or images/ and labels/ with grey pictures and labels of 0 and 255"
    )

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """Return the folder of the stacks, or of folders of grey pictures with labels of 0 and 255 alone."""
        if _stack(path, "train") or _stack(path, "test"):
            return path
        if any((folder / "classes.txt").is_file() for folder in (path, path.parent)):
            return None  # classes of its own: image folders
        for split in cls.find_splits(path):
            images, labels = _folders(path, split) or (None, None)
            first = [*list_pictures(images)[:1], *list_pictures(labels)[:1]] if images and labels else []
            if len(first) == 2 and is_grey(first[0]) and is_black_and_white(first[1]):
                return path
        return None

    @classmethod
    def accept_root(cls, path: Path) -> Path | None:
        """Return the folder of the stacks or of folders, whatever the pictures hold."""
        return path if cls.find_splits(path) else None

    @classmethod
    def find_splits(cls, root: Path) -> tuple[str, ...]:
        """List the splits; "all" for folders that are not split."""
        return tuple(split for split in ("train", "val", "test", "all") if _stack(root, split) or _folders(root, split))

    def find_encoding(self) -> LabelEncoding:
        """Return membrane and cell."""
        return ENCODINGS["isbi"]

    def find_records(self) -> list[Record]:
        """List the slices."""
        stack = _stack(self.root, self.split)
        if stack:
            images, labels = stack
            count = count_pages(images)
            if labels and count_pages(labels) != count:
                raise DatasetError(labels, f"holds {count_pages(labels)} slices, {images.name} {count}")
            return [Record(f"{page:02d}", images, labels, page=page) for page in range(count)]
        images, labels = _folders(self.root, self.split)
        if labels is None:
            return [Record(path.stem, path) for path in list_pictures(images)]
        return [Record(*pair) for pair in pair_pictures(images, labels)]

    def read_image(self, record: Record) -> np.ndarray:
        """Read a slice, grey."""
        if record.page is None:
            return read_grey(record.image, record.name)
        return read_grey(record.image, record.name, record.page)

    def read_labels(self, record: Record) -> np.ndarray | None:
        """Read a slice's labels."""
        if record.labels is None:
            return None
        if record.page is None:
            raw = read_indices(record.labels, record.name)
            check_size(raw.shape, picture_size(record.image, record.name), record)
        else:
            raw = read_grey(record.labels, record.name, record.page)
            check_size(raw.shape, picture_size(record.image, record.name, record.page), record)
        return self.encoding.decode(raw, record.labels, record.name)


def _stack(root: Path, split: str) -> tuple[Path, Path | None] | None:
    for suffix in (".tif", ".tiff"):
        volume, labels = root / f"{split}-volume{suffix}", root / f"{split}-labels{suffix}"
        if volume.is_file():
            return volume, labels if labels.is_file() else None
    return None


def _folders(root: Path, split: str) -> tuple[Path, Path | None] | None:
    base = root if split == "all" else root / split
    images = _first_folder(base, IMAGE_FOLDERS)
    labels = _first_folder(base, LABEL_FOLDERS)
    if images is None or (labels is None and split != "test"):
        return None
    return images, labels


def is_black_and_white(path: Path) -> bool:
    """Return whether a picture holds 0 and 255, and nothing else."""
    return set(np.unique(read_indices(path, rgb=True)).tolist()) == {0, 255}


def _first_folder(base: Path, names: Sequence[str]) -> Path | None:
    return next((base / name for name in names if (base / name).is_dir()), None)
