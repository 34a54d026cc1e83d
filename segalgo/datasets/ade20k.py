"""ADE20K, the scene parsing benchmark."""

from pathlib import Path

from segalgo.datasets.dataset import Dataset, Record
from segalgo.datasets.encodings import ENCODINGS, LabelEncoding
from segalgo.datasets.files import list_pictures, pair_pictures


class ADE20K(Dataset):
    """ADE20K's scene parsing benchmark: 150 classes; "other" is ignored.

    Label files hold 1 to 150 and 0 for other; label maps 0 to 149 and 255. Colors are those of VOC's scheme: the
    data set keeps its own outside the archive.
    """

    kind = "ade20k"
    title = "ADE20K"
    looks_for = "images/training/ and annotations/training/ (ADEChallengeData2016)"

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """Return the folder that holds images and annotations."""
        return next((root for root in (path, path / "ADEChallengeData2016") if cls.find_splits(root)), None)

    @classmethod
    def find_splits(cls, root: Path) -> tuple[str, ...]:
        """List training and validation; testing has no labels."""
        labelled = [name for name in ("training", "validation") if (root / "annotations" / name).is_dir()]
        names = [name for name in labelled if (root / "images" / name).is_dir()]
        return (*names, *(["testing"] if names and (root / "images" / "testing").is_dir() else []))

    def find_encoding(self) -> LabelEncoding:
        """Return the 150 classes."""
        return ENCODINGS["ade20k"]

    def find_records(self) -> list[Record]:
        """List the split's pictures."""
        images, labels = self.root / "images" / self.split, self.root / "annotations" / self.split
        if not labels.is_dir():
            return [Record(path.stem, path) for path in list_pictures(images)]
        return [Record(*pair) for pair in pair_pictures(images, labels)]
