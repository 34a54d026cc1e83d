"""CamVid in the three layouts in which it goes round."""

import re
from pathlib import Path

from segalgo.datasets.dataset import Dataset, Record
from segalgo.datasets.encodings import ENCODINGS, LabelEncoding
from segalgo.datasets.files import list_pictures, pair_pictures

# The four films that the frames come from.
FRAME = re.compile(r"(0001TP|0006R0|0016E5|Seq05VD)_f?[0-9]+")
SPLITS = ("train", "val", "test")


class CamVid(Dataset):
    """CamVid road scenes with SegNet's eleven classes.

    Three layouts are read: SegNet's (``train/``, ``trainannot/`` ...: label files of class indices, 11 = ignore), the
    same in folders (``train/images/``, ``train/labels/``), and the original frames of 960 x 720 with label files of
    colors (``701_StillsRaw_full/``, ``LabeledApproved_full/``, or ``train/``, ``train_labels/`` ...), whose 32
    classes are gathered to the eleven.
    """

    kind = "camvid"
    title = "CamVid"
    looks_for = (
        "train/ and trainannot/, train/ and train_labels/, 701_StillsRaw_full/ and LabeledApproved_full/, "
        "or images/ and labels/, with frames named as 0001TP_006690"
    )

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """Return the folder whose splits hold frames of CamVid."""
        for root in (path, path / "CamVid", path / "camvid"):
            for split in cls.find_splits(root):
                images = cls._folders(root, split)[0]
                if any(FRAME.match(file.name) for file in list_pictures(images)[:1]):
                    return root
        return None

    @classmethod
    def accept_root(cls, path: Path) -> Path | None:
        """Return the folder that has splits, whatever its frames are called."""
        return cls.find_root(path) or (path if cls.find_splits(path) else None)

    @classmethod
    def find_splits(cls, root: Path) -> tuple[str, ...]:
        """List the splits; "all" where frames are not split."""
        return tuple(split for split in (*SPLITS, "all") if cls._folders(root, split) is not None)

    @classmethod
    def _folders(cls, root: Path, split: str) -> tuple[Path, Path, str] | None:
        """Return the folders of pictures and labels, and what label files add to a frame's name."""
        if split == "all":
            layouts = [("701_StillsRaw_full", "LabeledApproved_full", "_L"), ("images", "labels", "")]
        else:
            layouts = [
                (f"{split}/images", f"{split}/labels", ""),
                (split, f"{split}annot", ""),
                (split, f"{split}_labels", "_L"),
            ]
        for images, labels, ending in layouts:
            if (root / images).is_dir() and (root / labels).is_dir():
                return root / images, root / labels, ending
        return None

    def find_encoding(self) -> LabelEncoding:
        """Return SegNet's eleven classes."""
        return ENCODINGS["camvid"]

    def find_records(self) -> list[Record]:
        """List the split's frames."""
        return [Record(*pair) for pair in pair_pictures(*self._folders(self.root, self.split))]
