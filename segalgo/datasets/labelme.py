"""labelme's annotation files: a JSON file for each picture, with polygons, rectangles, circles and masks."""

import base64
import binascii
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segalgo.datasets.coco import holds_key
from segalgo.datasets.errors import DatasetError
from segalgo.datasets.files import picture_size, read_json, require
from segalgo.datasets.json_values import local_name, require_whole
from segalgo.datasets.shapes import Shape, ShapeDataset, check_name
from segalgo.masks.codes import MOST_DECODED
from segalgo.masks.polygons import polygon_to_rle
from segalgo.masks.run_lengths import mask_to_rle, merge_rles
from segalgo.pictures.listing import natural_order

AREAS = ("polygon", "rectangle", "circle", "mask")
IGNORED = ("point", "points", "line", "linestrip")


@dataclass(frozen=True)
class LabelmeRecord:
    """What a JSON file says of one picture."""

    name: str
    image: Path
    labels: Path
    content: dict[str, Any]


class Labelme(ShapeDataset):
    """labelme's JSON files beside their pictures, a folder of them or a single one; classes are sorted by name.

    Polygons, rectangles, circles and masks are objects; shapes of one class that share a ``group_id`` are one. Points
    and lines have no area and are left out.
    """

    kind = "labelme"
    title = "labelme files"
    looks_for = "JSON files with shapes, one for each picture"

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """Return the folder, or the file, where the first JSON file has shapes."""
        files = cls._files(path)
        return path if files and holds_key(files[0], "shapes") else None

    @classmethod
    def find_splits(cls, root: Path) -> tuple[str, ...]:
        """There is one split."""
        return ("all",)

    @staticmethod
    def _files(path: Path) -> list[Path]:
        if path.is_file():
            return [path] if path.suffix.lower() == ".json" else []
        found = [file for file in path.glob("*.json") if not file.name.startswith(".")] if path.is_dir() else []
        return sorted(found, key=natural_order)

    def find_class_names(self) -> list[str]:
        """Return the names that occur, sorted."""
        self._contents = {path: _read(path) for path in self._files(self.root)}
        return sorted({shape["label"] for content in self._contents.values() for shape in content["shapes"]})

    def find_records(self) -> list[LabelmeRecord]:
        """List the files."""
        records = []
        for path, content in self._contents.items():
            name = local_name(content.get("imagePath") or f"{path.stem}.png", path, "imagePath")
            beside = path.parent / name
            image = beside if beside.is_file() else path.parent / Path(name).name
            records.append(LabelmeRecord(path.stem, image, path, content))
        del self._contents
        return records

    def read_size(self, record: LabelmeRecord) -> tuple[int, int]:
        """Return height and width as the file says or, where it does not say, as the picture has it."""
        if record.content.get("imageHeight") is None or record.content.get("imageWidth") is None:
            return picture_size(record.image, record.name)
        size = tuple(
            require_whole(record.content, key, record.labels, "the file") for key in ("imageHeight", "imageWidth")
        )
        if min(size) < 1 or size[0] * size[1] > MOST_DECODED:
            raise DatasetError(record.labels, f"expected imageHeight * imageWidth of 1 to {MOST_DECODED}")
        return size

    def read_shapes(self, record: LabelmeRecord, size: tuple[int, int]) -> list[Shape]:
        """Draw the shapes; those of one class and group are one object."""
        groups: dict[Any, tuple[int, list[dict[str, Any]]]] = {}
        for k, shape in enumerate(record.content["shapes"]):
            place = f"shapes[{k}]"
            if shape.get("shape_type", "polygon") in IGNORED:
                continue
            try:
                code = _draw(shape, size)
            except (ValueError, TypeError, KeyError, IndexError, OverflowError, binascii.Error) as error:
                raise DatasetError(record.labels, f"cannot be drawn ({str(error)[:200]})", place) from None
            group = shape.get("group_id")
            key = (shape["label"], group) if isinstance(group, int | str) else (k,)
            groups.setdefault(key, (self.class_names.index(shape["label"]) - 1, []))[1].append(code)
        return [Shape(k, codes[0] if len(codes) == 1 else merge_rles(codes)) for k, codes in groups.values()]


def _read(path: Path) -> dict[str, Any]:
    content = read_json(path)
    for k, shape in enumerate(require(content, "shapes", list, path, "the file")):
        check_name(require(shape, "label", str, path, f"shapes[{k}]"), path, f"shapes[{k}]")
        if shape.get("shape_type", "polygon") not in (*AREAS, *IGNORED):
            raise DatasetError(path, f"has shape_type {shape['shape_type']!r:.40}", f"shapes[{k}]")
        require(shape, "points", list, path, f"shapes[{k}]")
    content.pop("imageData", None)  # a copy of the picture
    if not isinstance(content.get("imagePath"), str | None):
        raise DatasetError(path, "'imagePath' is no text", "the file")
    return content


def _draw(shape: dict[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    kind, points = shape.get("shape_type", "polygon"), shape["points"]
    if kind == "polygon":
        return polygon_to_rle(points, size, "center")
    (left, top), (right, bottom) = ((float(column), float(row)) for column, row in points)
    if kind == "rectangle":
        return polygon_to_rle([[left, top], [right, top], [right, bottom], [left, bottom]], size, "center")
    if kind == "circle":
        angles = np.linspace(0, 2 * np.pi, 256, endpoint=False)
        radius = np.hypot(right - left, bottom - top)
        return polygon_to_rle(
            np.column_stack([left + radius * np.cos(angles), top + radius * np.sin(angles)]), size, "center"
        )
    return mask_to_rle(_place(_read_mask(shape["mask"]), left, top, size))


def _read_mask(text: str) -> np.ndarray:
    """Return the mask that a PNG in base64 holds."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=["PNG"]) as picture:
            if picture.width * picture.height > 2**26:
                raise ValueError(f"mask has {picture.height} x {picture.width} pixels: expected at most 2^26")
            return np.asarray(picture.convert("L")) != 0
    except (OSError, SyntaxError) as error:
        raise ValueError(f"mask is no PNG ({error})") from None


def _place(mask: np.ndarray, left: float, top: float, size: tuple[int, int]) -> np.ndarray:
    """Return a mask of the picture's size with a smaller one at its place; what lies outside is cut off."""
    if not (abs(left) < 2**24 and abs(top) < 2**24):
        raise ValueError(f"points at {left}, {top}: expected pixels of the picture")
    j, i = round(left), round(top)
    whole = np.zeros(size, bool)
    inside = mask[max(-i, 0) :, max(-j, 0) :]
    rows = whole[max(i, 0) : max(i, 0) + inside.shape[0], max(j, 0) : max(j, 0) + inside.shape[1]]
    rows[:] = inside[: rows.shape[0], : rows.shape[1]]
    return whole


def labelme_content(labels: np.ndarray, names: Sequence[str], file_name: str) -> dict[str, Any]:
    """Return a label map's objects as the content of a labelme file; object k + 1 is called names[k].

    Parts of an object that do not touch are shapes of one group; holes are joined to the ring around them.
    """
    from segalgo.masks import join_holes, labels_to_polygons

    shapes = []
    for number, polygons in labels_to_polygons(labels).items():
        for polygon in polygons:
            shapes.append(
                {
                    "label": names[number - 1],
                    "points": join_holes(polygon).tolist(),
                    "group_id": number if len(polygons) > 1 else None,
                    "shape_type": "polygon",
                    "flags": {},
                }
            )
    return {
        "version": "5.4.1",
        "flags": {},
        "shapes": shapes,
        "imagePath": file_name,
        "imageData": None,
        "imageHeight": labels.shape[0],
        "imageWidth": labels.shape[1],
    }
