"""YOLO's label files: a text file for each picture, a line for each object, coordinates as shares of the picture."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segalgo.datasets.dataset import Record
from segalgo.datasets.errors import DatasetError
from segalgo.datasets.files import read_lines
from segalgo.datasets.shapes import Shape, ShapeDataset, check_name
from segalgo.masks.polygons import polygon_to_rle
from segalgo.pictures.listing import list_pictures

SPLITS = ("train", "val", "valid", "test")
NAME_FILES = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names")


class YOLO(ShapeDataset):
    """Objects as YOLO's tools write them: ``class x y x y ...`` (polygons) or ``class x y width height`` (boxes).

    Coordinates are shares of the picture's width and height; a box's x and y are its center. Pictures lie in
    ``images/`` and text files in ``labels/`` (in the folder, in its splits, or with splits inside of both). Names of
    classes come from ``data.yaml`` or ``classes.txt``; without them classes are called by their numbers. A picture
    without a text file has no objects. Boxes are filled.
    """

    kind = "yolo"
    title = "YOLO labels"
    looks_for = "images/ and labels/ with a text file for each picture (in the folder or in its splits)"

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """Return the folder itself where its label folders hold text files."""
        found = any(any(cls._folders(path, split)[1].glob("*.txt")) for split in cls.find_splits(path))
        return path if found else None

    @classmethod
    def accept_root(cls, path: Path) -> Path | None:
        """Return the folder where it has pictures and a folder for labels."""
        return path if cls.find_splits(path) else None

    @classmethod
    def find_splits(cls, root: Path) -> tuple[str, ...]:
        """List the splits."""
        return tuple(split for split in (*SPLITS, "all") if cls._folders(root, split) is not None)

    @staticmethod
    def _folders(root: Path, split: str) -> Any:
        inside = [
            (root / split / "images", root / split / "labels"),
            (root / "images" / split, root / "labels" / split),
        ]
        for images, labels in [(root / "images", root / "labels")] if split == "all" else inside:
            if labels.is_dir() and list_pictures(images):
                return images, labels
        return None

    def find_class_names(self) -> list[str]:
        """Return the names of the classes, by number."""
        for folder in (self.root, self.root.parent):
            for name in NAME_FILES:
                if (folder / name).is_file():
                    return _read_names(folder / name)
        _, labels = self._folders(self.root, self.split)
        found = {int(line.split()[0]) for path in sorted(labels.glob("*.txt")) for _, line in read_lines(path)
                 if line.split()[0].isascii() and line.split()[0].isdigit() and len(line.split()[0]) < 4}  # fmt: skip
        return [str(k) for k in range(max(found, default=0) + 1)]

    def find_records(self) -> list[Record]:
        """List the pictures; those without a text file as well."""
        images, labels = self._folders(self.root, self.split)
        return [Record(path.stem, path, labels / f"{path.stem}.txt") for path in list_pictures(images)]

    def read_shapes(self, record: Record, size: tuple[int, int]) -> list[Shape]:
        """Read the lines of a text file."""
        if not record.labels.is_file():
            return []
        shapes = []
        for number, line in read_lines(record.labels):
            place = f"line {number}"
            try:
                shapes.append(self._read_shape(line, size))
            except (ValueError, TypeError) as error:
                raise DatasetError(record.labels, str(error), place) from None
        return shapes

    def _read_shape(self, line: str, size: tuple[int, int]) -> Shape:
        word, *rest = line.split()
        known = len(self.class_names) - 1
        if not (word.isascii() and word.isdigit()) or len(word) > 3 or int(word) >= known:
            raise ValueError(f"is of class {word!r:.20}: expected 0 to {known - 1}")
        try:
            numbers = np.array([float(value) for value in rest])
        except ValueError:
            raise ValueError(f"holds {line!r:.60}: expected a class and numbers") from None
        if len(numbers) % 2 and len(numbers) >= 5:
            numbers = numbers[:-1]  # the confidence of a detection
        if len(numbers) == 4:
            column, row, width, height = numbers
            left, right, top, bottom = column - width / 2, column + width / 2, row - height / 2, row + height / 2
            numbers = np.array([left, top, right, top, right, bottom, left, bottom])
        if len(numbers) < 6 or len(numbers) % 2:
            raise ValueError(f"holds {len(numbers)} numbers: expected 4 of a box, or at least 6 of a polygon")
        points = numbers.reshape(-1, 2) * size[::-1]
        return Shape(int(word), polygon_to_rle(points, size, "center"))


def _read_names(path: Path) -> list[str]:
    """Return names of ``names:`` in YAML (a list, in brackets or line by line, or numbers and names), or lines."""
    lines = [line for _, line in read_lines(path)]
    if path.suffix not in (".yaml", ".yml"):
        return [check_name(line, path, f"line {k}") for k, line in enumerate(lines, 1)]
    start = next((k for k, line in enumerate(lines) if re.match(r"names\s*:", line)), None)
    if start is None:
        raise DatasetError(path, "has no key 'names'")
    text = lines[start].partition(":")[2].strip()
    if text[:1] in "[{" and text:
        for line in lines[start + 1 :]:
            if text[-1] in "]}":
                break
            text += f" {line}"
        entries = [entry.strip() for entry in text.strip("[]{} ").split(",") if entry.strip()]
    else:
        entries = []
        for line in lines[start + 1 :]:
            if not re.match(r"-\s+|[0-9]+\s*:", line):
                break
            entries.append(re.sub(r"^-\s+", "", line))
    names = {}
    for k, entry in enumerate(entries):
        numbered = re.fullmatch(r"([0-9]{1,3})\s*:\s*(.*)", entry)
        number, name = (int(numbered[1]), numbered[2]) if numbered else (k, entry)
        names[number] = check_name(name.strip().strip("'\""), path, "names")
    if sorted(names) != list(range(len(names))):
        raise DatasetError(path, f"names the classes {sorted(names)[:10]}: expected 0, 1, 2 ...", "names")
    return [names[k] for k in range(len(names))]


def yolo_lines(labels: np.ndarray, categories: Sequence[int]) -> list[str]:
    """Return a label map's objects as lines of polygons; object k + 1 is of class categories[k], from 0.

    Parts of an object that do not touch, and its holes, are joined to one ring along lines that enclose nothing.
    """
    from segalgo.masks import join_holes, labels_to_polygons

    height, width = labels.shape
    lines = []
    for number, polygons in labels_to_polygons(labels).items():
        ring = join_holes([join_holes(polygon) for polygon in polygons]) / (width, height)
        # Ten digits resolve a hundredth of a pixel in pictures up to 2^24 pixels wide.
        lines.append(" ".join([str(categories[number - 1]), *(f"{value:.10g}" for value in ring.ravel())]))
    return lines


def yolo_names(names: Sequence[str]) -> str:
    """Return the text of ``data.yaml``."""
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    return f"path: .\ntrain: images\nval: images\nnc: {len(names)}\nnames: [{quoted}]\n"
