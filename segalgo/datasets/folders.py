"""Any data set of two folders: pictures, and label pictures of class indices."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from segalgo.datasets.dataset import Dataset, Record
from segalgo.datasets.encodings import LabelEncoding, plain_encoding
from segalgo.datasets.errors import DatasetError
from segalgo.datasets.files import pair_pictures, read_lines
from segalgo.datasets.label_values import decide_encoding

SPLITS = ("train", "training", "val", "valid", "validation", "test")


class ImageFolders(Dataset):
    """Pictures in ``images/``, label pictures of the same names in ``labels/``, class names in ``classes.txt``.

    The two folders lie in the folder itself (split "all") or in ``train/``, ``val/`` ... Label pictures hold class
    indices, 255 = ignore. ``classes.txt``, in the folder or beside its splits, names one class a line.

    Parameters
    ----------
    path : str or Path
        The folder.
    split : str, optional
        The split; the first if not given.
    class_names : sequence of str, optional
        Names of the classes, instead of ``classes.txt``.
    foreground_value : int, optional
        Of two classes: what label pictures hold where class 1 is, besides 0 for class 0.
    ignore_value : int, optional
        What label pictures hold where a pixel is to be ignored, 255 if not given.

    Notes
    -----
    Masks of two classes are written as 0 and 1 or as 0 and 255, and 255 also says "ignore". If neither value is given,
    the label pictures of the split decide: where 0 and one other value are all that they hold, that value is class 1,
    and a `LabelWarning` says so.
    """

    kind = "folders"
    title = "image folders"
    looks_for = "images/ and labels/ (in the folder or in its splits), and classes.txt"

    def __init__(
        self,
        path: str | Path,
        split: str | None = None,
        class_names: Sequence[str] | None = None,
        foreground_value: int | None = None,
        ignore_value: int | None = None,
    ) -> None:
        self._class_names = class_names
        self._values = {"foreground_value": foreground_value, "ignore_value": ignore_value}
        super().__init__(path, split)
        # The meaning of values is decided from all label pictures of the split, for any subset of it too.
        self._label_files = [record.labels for record in self.records]

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """Return the folder itself where it holds both folders."""
        return path if cls.find_splits(path) else None

    @classmethod
    def find_splits(cls, root: Path) -> tuple[str, ...]:
        """List the splits."""
        return tuple(
            split for split in (*SPLITS, "all") if all(folder.is_dir() for folder in cls._folders(root, split))
        )

    @staticmethod
    def _folders(root: Path, split: str) -> tuple[Path, Path]:
        base = root if split == "all" else root / split
        return base / "images", base / "labels"

    def find_encoding(self) -> LabelEncoding:
        """Return the classes that were given, or those of classes.txt."""
        if self._class_names is not None:
            return plain_encoding(self._class_names, **self._values)
        for path in (
            self.root / "classes.txt",
            self.root / self.split / "classes.txt",
            self.root.parent / "classes.txt",
        ):
            if path.is_file():
                names = [line for _, line in read_lines(path)]
                if not 1 <= len(names) <= self.ignore_index:
                    raise DatasetError(path, f"names {len(names)} classes: expected 1 to {self.ignore_index}")
                return plain_encoding(names, **self._values)
        raise DatasetError(
            self.root, "names no classes: expected classes.txt with one name a line, or class_names=[...]"
        )

    @cached_property
    def label_encoding(self) -> LabelEncoding:
        """How the label files write the classes; of two classes decided by what all of them hold."""
        return decide_encoding(self.encoding, self._label_files, self.root)

    def find_records(self) -> list[Record]:
        """List the split's pictures."""
        return [Record(*pair) for pair in pair_pictures(*self._folders(self.root, self.split))]
