"""COCO's instance annotations: JSON with polygons and run-length codes beside a folder of pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from segalgo.datasets.dataset import Dataset, Sample, choose_split
from segalgo.datasets.encodings import IGNORE_INDEX, LabelEncoding, plain_encoding
from segalgo.datasets.errors import DatasetError
from segalgo.datasets.files import picture_size, read_json, require, safe_name
from segalgo.masks.colors import colormap

MOST_CELLS = 2**28  # pixels of a picture: what a file may ask for at most


@dataclass(frozen=True)
class COCORecord:
    """What the annotation file says of one picture."""

    name: str
    image: Path
    id: int
    size: tuple[int, int]
    """Height and width."""
    annotations: tuple[dict[str, Any], ...]
    """The picture's annotations, as the file has them."""
    places: tuple[str, ...]
    """Where in the file each annotation stands, for errors."""


class COCOSample(Sample):
    """A sample of COCO: besides image, labels and instances, the annotations themselves."""

    @property
    def annotations(self) -> tuple[dict[str, Any], ...]:
        """The annotations as the file has them: ``category_id``, ``bbox``, ``segmentation``, ``iscrowd`` ..."""
        return self.record.annotations

    @cached_property
    def masks(self) -> np.ndarray:
        """(K, H, W) bool: the mask of each annotation, in their order."""
        return self._dataset.read_masks(self.record)


class COCOFiles(Dataset):
    """What COCO's annotation files share: where they lie, where their pictures lie, their categories."""

    prefix: str

    def __init__(self, path: str | Path, split: str | None = None) -> None:
        path = Path(path)
        files = self.find_files(path)
        if not files:
            self._refuse(path)
        self.splits = tuple(files)
        self.split = choose_split(path, self.splits, split)
        self.annotation_file = files[self.split]
        self.root = self.annotation_file.parent if path.is_file() else path
        self._content = read_json(self.annotation_file)
        if not isinstance(self._content, dict):
            raise DatasetError(self.annotation_file, f"holds a {type(self._content).__name__}: expected an object")
        self.categories = self.find_categories()
        self.class_of_category = {category["id"]: k for k, category in enumerate(self.categories)}
        self.encoding = self.find_encoding()
        self.records = self.find_records()
        del self._content

    @classmethod
    def find_files(cls, path: Path) -> dict[str, Path]:
        """Return the annotation files by split, training first."""
        if path.is_file() and path.suffix == ".json":
            return {path.stem.removeprefix(cls.prefix): path} if cls.fits(path) else {}
        found = {
            file.stem.removeprefix(cls.prefix): file
            for folder in (path, path / "annotations")
            for file in sorted(folder.glob(f"{cls.prefix}*.json"))
        }
        return dict(sorted(found.items(), key=lambda item: (not item[0].startswith("train"), item[0])))

    @classmethod
    def fits(cls, path: Path) -> bool:
        """Return whether a JSON file holds this kind of annotations."""
        raise NotImplementedError

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """Return the folder where it holds annotation files, or the file itself."""
        return path if cls.find_files(path) else None

    def find_categories(self) -> list[dict[str, Any]]:
        """Return the categories in ascending order of their ids."""
        path = self.annotation_file
        categories = require(self._content, "categories", list, path, "the file")
        for k, category in enumerate(categories):
            require(category, "id", int, path, f"categories[{k}]")
            require(category, "name", str, path, f"categories[{k}]")
        categories = sorted(categories, key=lambda category: category["id"])
        for before, after in pairwise(categories):
            if before["id"] == after["id"]:
                raise DatasetError(path, f"names category {after['id']} twice", "categories")
        if not 1 <= len(categories) < IGNORE_INDEX:
            raise DatasetError(
                path, f"names {len(categories)} categories: expected 1 to {IGNORE_INDEX - 1}", "categories"
            )
        return categories

    def find_image(self, file_name: str) -> Path:
        """Return where a picture lies: in the folder named as the split, in images/, or beside the annotation file."""
        beside = self.annotation_file.parent
        base = beside.parent if beside.name == "annotations" else beside
        folders = (base / self.split, base / "images" / self.split, base / "images", base, beside)
        return next(
            (folder / file_name for folder in folders if (folder / file_name).is_file()), folders[0] / file_name
        )

    def read_image_entries(self) -> dict[int, tuple[str, tuple[int, int]]]:
        """Return file name and size of every picture by its id."""
        path = self.annotation_file
        found: dict[int, tuple[str, tuple[int, int]]] = {}
        for k, entry in enumerate(require(self._content, "images", list, path, "the file")):
            place = f"images[{k}]"
            name = safe_name(require(entry, "file_name", str, path, place), path, place)
            size = require(entry, "height", int, path, place), require(entry, "width", int, path, place)
            number = require(entry, "id", int, path, place)
            if min(size) < 1:
                raise DatasetError(path, f"has size {size[0]} x {size[1]}: expected at least 1 x 1", place)
            if size[0] * size[1] > MOST_CELLS:
                raise DatasetError(path, f"has size {size[0]} x {size[1]}: expected at most {MOST_CELLS} pixels", place)
            if number in found:
                raise DatasetError(path, f"has the id {number} of another picture", place)
            found[number] = name, size
        return found

    def check_image(self, record: Any) -> None:
        """Refuse a picture of another size than the annotation file says, before anything of that size is made."""
        size = picture_size(record.image, record.name)
        if size != record.size:
            said = f"{record.size[0]} x {record.size[1]}"
            raise DatasetError(
                record.image, f"is {size[0]} x {size[1]}, {self.annotation_file.name} says {said}", record.name
            )


def holds_segments(path: Path) -> bool:
    """Return whether a JSON file is panoptic, without parsing what may be hundreds of megabytes."""
    try:
        return b'"segments_info"' in path.read_bytes()
    except OSError as error:
        raise DatasetError(path, f"cannot be read ({error.strerror})") from None


class COCOInstances(COCOFiles):
    """COCO's instances: class 0 is "background", classes 1, 2 ... are the categories in ascending order of their ids.

    Opened from the folder that holds ``annotations/instances_*.json``, or from such a file, whatever its name.
    Pictures are looked for in the folder named as the split (``val2017/``), in ``images/<split>/``, ``images/`` and
    beside the annotation file. Where objects overlap, the smaller one is in front, and single objects are in front of
    crowds. Crowds have their class in ``labels`` and are no objects in ``instances``. An annotation's place in
    ``sample.annotations`` plus 1 is its number in ``sample.instances``.
    """

    kind = "coco"
    title = "COCO instances"
    looks_for = "annotations/instances_*.json, or a JSON file with images, annotations and categories"
    prefix = "instances_"

    @classmethod
    def fits(cls, path: Path) -> bool:
        """Return whether the file's annotations are single objects."""
        return not holds_segments(path)

    def find_encoding(self) -> LabelEncoding:
        """Return background and the categories, colored by VOC's scheme."""
        names = ("background", *(category["name"] for category in self.categories))
        return plain_encoding(names, colormap("voc", len(names)))

    def find_records(self) -> list[COCORecord]:
        """Sort the annotations to their pictures."""
        path = self.annotation_file
        entries = self.read_image_entries()
        gathered: dict[int, list[tuple[dict[str, Any], str]]] = {number: [] for number in entries}
        for k, annotation in enumerate(require(self._content, "annotations", list, path, "the file")):
            place = f"annotations[{k}]"
            number = require(annotation, "image_id", int, path, place)
            category = require(annotation, "category_id", int, path, place)
            require(annotation, "segmentation", (list, dict), path, place)
            if number not in entries:
                raise DatasetError(path, f"is of picture {number}, which the file does not list", place)
            if category not in self.class_of_category:
                raise DatasetError(path, f"is of category {category}, which the file does not list", place)
            gathered[number].append((annotation, place))
        return [
            COCORecord(
                name,
                self.find_image(name),
                number,
                size,
                tuple(annotation for annotation, _ in gathered[number]),
                tuple(place for _, place in gathered[number]),
            )
            for number, (name, size) in entries.items()
        ]

    def make_sample(self, record: COCORecord) -> COCOSample:
        """Return the sample of a record, nothing read yet."""
        return COCOSample(self, record)

    def read_masks(self, record: COCORecord) -> np.ndarray:
        """Draw every annotation's mask."""
        from segalgo.masks import rle_to_mask

        self.check_image(record)
        masks = np.zeros((len(record.annotations), *record.size), bool)
        for mask, code in zip(masks, self.read_codes(record), strict=True):
            mask[:] = rle_to_mask(code)
        return masks

    def read_labels(self, record: COCORecord) -> np.ndarray:
        """Paint the classes, large objects first, after a look at the picture's size."""
        self.check_image(record)
        return self.paint_labels(record)

    def read_instances(self, record: COCORecord) -> np.ndarray:
        """Paint the numbered objects, large ones first, after a look at the picture's size."""
        self.check_image(record)
        return self.paint_instances(record)

    def paint_labels(self, record: COCORecord) -> np.ndarray:
        """Paint the classes; the picture itself may be missing."""
        labels = np.zeros(record.size, np.uint8)
        for k, mask in self._painted(record):
            labels[mask] = self.class_of_category[record.annotations[k]["category_id"]] + 1
        return labels

    def paint_instances(self, record: COCORecord) -> np.ndarray:
        """Paint the numbered objects; the picture itself may be missing."""
        instances = np.zeros(record.size, np.int32)
        for k, mask in self._painted(record):
            instances[mask] = 0 if record.annotations[k].get("iscrowd") else k + 1
        return instances

    def _painted(self, record: COCORecord) -> Iterator[tuple[int, np.ndarray]]:
        """Yield place and mask of every annotation in the order of painting; one mask in memory at a time."""
        from segalgo.masks import rle_area, rle_to_mask

        codes = self.read_codes(record)
        areas = [rle_area(code) for code in codes]
        crowd = [bool(annotation.get("iscrowd")) for annotation in record.annotations]
        for k in sorted(range(len(codes)), key=lambda k: (not crowd[k], -areas[k], k)):
            yield k, rle_to_mask(codes[k]).view(bool)

    def read_codes(self, record: COCORecord) -> list[dict[str, Any]]:
        """Return the run-length code of every annotation; polygons are drawn as COCO draws them."""
        codes = []
        for annotation, place in zip(record.annotations, record.places, strict=True):
            try:
                codes.append(segmentation_to_rle(annotation["segmentation"], record.size))
            except (ValueError, TypeError) as error:
                raise DatasetError(self.annotation_file, str(error), place) from None
        return codes


def segmentation_to_rle(segmentation: Any, size: tuple[int, int]) -> dict[str, Any]:
    """Return a run-length code of the picture's size, from polygons or from a code."""
    from segalgo.masks import polygon_to_rle, rle_area

    if isinstance(segmentation, list):
        return polygon_to_rle(segmentation, size)
    rle_area(segmentation)  # raises where the code is none
    if tuple(segmentation["size"]) != size:
        raise ValueError(f"segmentation has size {list(segmentation['size'])}: expected {list(size)}, the picture's")
    return segmentation
