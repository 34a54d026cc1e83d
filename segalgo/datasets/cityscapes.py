"""Cityscapes, and KITTI's semantic benchmark, which shares its classes."""

from pathlib import Path

import numpy as np

from segalgo.datasets.dataset import Dataset, Record, check_size, numbered
from segalgo.datasets.encodings import ENCODINGS, LabelEncoding
from segalgo.datasets.files import list_pictures, picture_size, read_indices


class Cityscapes(Dataset):
    """Cityscapes with fine labels: the 19 classes of the benchmark; every other label is ignored.

    Label files contain the 34 label ids, label maps the 19 training ids. Objects are instances of the eight classes
    with instances; groups that are not resolved into instances are not objects.
    """

    kind = "cityscapes"
    title = "Cityscapes"
    looks_for = "leftImg8bit/{train,val,test}/<city>/*_leftImg8bit.png (labels in gtFine/)"
    ending = "_leftImg8bit"

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """Return the folder that holds leftImg8bit."""
        return path if (path / "leftImg8bit").is_dir() and cls.find_splits(path) else None

    @classmethod
    def find_splits(cls, root: Path) -> tuple[str, ...]:
        """List the splits, train first."""
        return tuple(name for name in ("train", "val", "test") if (root / "leftImg8bit" / name).is_dir())

    def find_encoding(self) -> LabelEncoding:
        """Return the 19 classes of the benchmark."""
        return ENCODINGS["cityscapes"]

    def find_records(self) -> list[Record]:
        """List the pictures of all cities."""
        folder = self.root / "leftImg8bit" / self.split
        records = []
        for city in sorted(path for path in folder.iterdir() if path.is_dir()):
            for image in list_pictures(city, self.ending):
                name = image.stem.removesuffix(self.ending)
                stem = self.root / "gtFine" / self.split / city.name / f"{name}_gtFine"
                # The test split comes without labels, or with files that hold "ignore" alone.
                labelled = self.split != "test" or Path(f"{stem}_labelIds.png").exists()
                files = [Path(f"{stem}_{what}.png") for what in ("labelIds", "instanceIds")]
                records.append(Record(name, image, *(files if labelled else (None, None))))
        return records

    def read_instances(self, record: Record) -> np.ndarray | None:
        """Read the numbered objects: files hold 1000 * label + number, or the label alone where nothing is counted."""
        if record.instances is None:
            return None
        raw = read_indices(record.instances, record.name)
        check_size(raw.shape, picture_size(record.image, record.name), record)
        return numbered(raw, raw >= 1000)


class KITTI(Dataset):
    """KITTI's semantic benchmark of 2015: the classes of Cityscapes on KITTI's road scenes."""

    kind = "kitti"
    title = "KITTI semantic"
    looks_for = "training/image_2/ and training/semantic/"

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """Return the folder that holds training."""
        if (path / "training" / "image_2").is_dir() and (path / "training" / "semantic").is_dir():
            return path
        return None

    @classmethod
    def find_splits(cls, root: Path) -> tuple[str, ...]:
        """List training and testing."""
        return tuple(name for name in ("training", "testing") if (root / name / "image_2").is_dir())

    def find_encoding(self) -> LabelEncoding:
        """Return the 19 classes of Cityscapes."""
        return ENCODINGS["kitti"]

    def find_records(self) -> list[Record]:
        """List the split's pictures."""
        folder = self.root / self.split
        labelled = (folder / "semantic").is_dir()
        counted = (folder / "instance").is_dir()
        return [
            Record(
                image.stem,
                image,
                folder / "semantic" / f"{image.stem}.png" if labelled else None,
                folder / "instance" / f"{image.stem}.png" if counted else None,
            )
            for image in list_pictures(folder / "image_2")
        ]

    def read_instances(self, record: Record) -> np.ndarray | None:
        """Read the numbered objects: files hold 256 * label + number, number 0 where nothing is counted."""
        if record.instances is None:
            return None
        raw = read_indices(record.instances, record.name)
        check_size(raw.shape, picture_size(record.image, record.name), record)
        return numbered(raw, raw % 256 != 0)
