"""The UCI Image Segmentation table: measures of 3 x 3 pixel regions, to be classified."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segalgo.datasets.errors import DatasetError
from segalgo.datasets.files import read_lines

CLASS_NAMES = ("brickface", "sky", "foliage", "cement", "window", "path", "grass")
FEATURE_NAMES = (
    "region-centroid-col", "region-centroid-row", "region-pixel-count", "short-line-density-5",
    "short-line-density-2", "vedge-mean", "vedge-sd", "hedge-mean", "hedge-sd", "intensity-mean", "rawred-mean",
    "rawblue-mean", "rawgreen-mean", "exred-mean", "exblue-mean", "exgreen-mean", "value-mean", "saturation-mean",
    "hue-mean",
)  # fmt: skip
FILES = {"train": "segmentation.data", "test": "segmentation.test", "all": "segment.dat"}


class UCISegmentation(Sequence[tuple[np.ndarray, int]]):
    """The UCI Image Segmentation table: 19 measures and a class of each of 2310 regions of 3 x 3 pixels.

    It is a table, no pictures: ``table[k]`` is ``(measures, class index)``, ``table.features`` and ``table.targets``
    are all rows, ``table[10:20]`` is a table of ten. Splits: "train" (``segmentation.data``), "test"
    (``segmentation.test``), "all" (Statlog's ``segment.dat``). The small table is read when it is opened.

    Parameters
    ----------
    path : str or Path
        The folder, or one of the files.
    split : str, optional
        The split; the first that is there if not given.

    Attributes
    ----------
    features : array (N, 19) of float64
        The measures, columns named in ``feature_names``.
    targets : array (N,) of int64
        Class indices, named in ``class_names``.
    """

    kind = "uci"
    title = "UCI Image Segmentation"
    looks_for = "segmentation.data, segmentation.test or segment.dat"
    class_names = CLASS_NAMES
    feature_names = FEATURE_NAMES

    def __init__(self, path: str | Path, split: str | None = None) -> None:
        from segalgo.datasets.dataset import choose_split

        path = Path(path)
        self.root = self.find_root(path)
        if self.root is None:
            raise DatasetError(path, f"is no {self.title}: looked for {self.looks_for}")
        self.splits = tuple(split for split, name in FILES.items() if (self.root / name).is_file())
        if path.is_file() and split is None:
            split = next(key for key, name in FILES.items() if name == path.name)
        self.split = choose_split(self.root, self.splits, split)
        self.features, self.targets = read_table(self.root / FILES[self.split])

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """Return the folder of the table's files."""
        if path.is_file() and path.name in FILES.values():
            return path.parent
        return path if any((path / name).is_file() for name in FILES.values()) else None

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            part = object.__new__(type(self))
            part.__dict__.update(self.__dict__, features=self.features[index], targets=self.targets[index])
            return part
        return self.features[index], int(self.targets[index])

    def progress(self, **options: Any) -> Iterator[tuple[np.ndarray, int]]:
        """Iterate over the rows with a progress bar; options go to ``tqdm.tqdm``."""
        from tqdm import tqdm

        return iter(tqdm(self, **{"unit": "row", "desc": self.split, "disable": None, **options}))

    def __repr__(self) -> str:
        return f"<{self.title}: {len(self)} rows of split {self.split!r}, {len(self.class_names)} classes, {self.root}>"


def read_table(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a file of the table: rows of commas with the class first, or of blanks with the class 1 to 7 last."""
    rows, targets = [], []
    for number, line in read_lines(path):
        cells = [cell.strip() for cell in (line.split(",") if "," in line else line.split())]
        if line.startswith((";", "%", "#")) or not (rows or any(map(_is_number, cells))):
            continue  # remarks, and the names of the measures above the rows
        place = f"line {number}"
        if len(cells) != len(FEATURE_NAMES) + 1:
            raise DatasetError(
                path, f"has {len(cells)} values: expected a class and {len(FEATURE_NAMES)} numbers", place
            )
        if path.name == FILES["all"]:
            cells = [cells[-1], *cells[:-1]]
        targets.append(_class_of(cells[0], path, place))
        wrong = [cell for cell in cells[1:] if not _is_number(cell)]
        if wrong:
            raise DatasetError(path, f"holds {wrong[0]!r}: expected a number", place)
        rows.append([float(cell) for cell in cells[1:]])
    if not rows:
        raise DatasetError(path, "holds no rows")
    return np.array(rows), np.array(targets, np.int64)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _class_of(word: str, path: Path, place: str) -> int:
    if word.lower() in CLASS_NAMES:
        return CLASS_NAMES.index(word.lower())
    if word.isdecimal() and 1 <= int(word) <= len(CLASS_NAMES):
        return int(word) - 1
    raise DatasetError(path, f"names the class {word!r}: expected {', '.join(CLASS_NAMES)} or 1 to 7", place)
