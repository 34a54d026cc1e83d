"""COCO's instance annotations: JSON with polygons and run-length codes beside a folder of pictures."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from segalgo.datasets.dataset import Dataset, Sample, choose_split
from segalgo.datasets.encodings import IGNORE_INDEX, LabelEncoding, plain_encoding
from segalgo.datasets.errors import DatasetError, LabelWarning
from segalgo.datasets.files import picture_size, read_json, require
from segalgo.datasets.json_values import known_id, local_name, order_of_id, require_id, require_whole, short
from segalgo.datasets.painting import find_coverage_excess, find_excess, find_masks_excess, paint
from segalgo.masks.colors import colormap
from segalgo.masks.run_lengths import rle_to_mask
from segalgo.masks.segmentations import segmentation_to_rle

ROBOFLOW = "_annotations.coco.json"
MOST_PASSED = 2**22  # columns that the polygons of an annotation may pass, see `segalgo.masks.polygons`
# Values of "iscrowd" that tools write; 0 and 1 count as False and True.
CROWD, NO_CROWD = (True, "1"), (None, False, "0", "")
MOST_CELLS = 2**28  # pixels of a picture: what a file may ask for at most


@dataclass(frozen=True)
class COCORecord:
    """What the annotation file says of one picture."""

    name: str
    image: Path
    id: int | str
    size: tuple[int, int]
    """Height and width."""
    annotations: tuple[dict[str, Any], ...]
    """The picture's annotations, as the file has them but for ids: ``category_id`` is that of the category."""
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

    def __init__(self, path: str | Path, split: str | None = None, strict: bool = False) -> None:
        path = Path(path)
        self.strict = strict
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
        self.skipped: list[str] = []
        self.encoding = self.find_encoding()
        self.records = self.find_records()
        del self._content
        if self.skipped:
            count = len(self.skipped)
            warnings.warn(
                f"{self.annotation_file}: {count} {'entry' if count == 1 else 'entries'} skipped, the first one: "
                f"{self.skipped[0]} (strict refuses such files)",
                LabelWarning,
                stacklevel=2,
            )

    def skip(self, place: str, reason: str) -> None:
        """Note an entry that cannot be used; refuse the file where it is read strictly."""
        if self.strict:
            raise DatasetError(self.annotation_file, reason, place)
        self.skipped.append(f"{place} {reason}")

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
        if self._content.get("categories") is None:
            categories = self._categories_of_annotations()
        else:
            categories = []
            for k, entry in enumerate(require(self._content, "categories", list, path, "the file")):
                number = require_id(entry, "id", path, f"categories[{k}]")
                named = require(entry, "name", str, path, f"categories[{k}]") if entry.get("name") else str(number)
                categories.append({**entry, "id": number, "name": named})
        categories = sorted(categories, key=lambda category: order_of_id(category["id"]))
        for before, after in pairwise(categories):
            if before["id"] == after["id"]:
                raise DatasetError(path, f"names category {after['id']} twice", "categories")
        if not 1 <= len(categories) < IGNORE_INDEX:
            raise DatasetError(
                path,
                f"names {len(categories)} categories: expected 1 to {IGNORE_INDEX - 1}, since classes have numbers of "
                f"8 bits and {IGNORE_INDEX} is ignored; take categories that no annotation needs out of the file, or "
                "divide it by categories",
                "categories",
            )
        return categories

    def _categories_of_annotations(self) -> list[dict[str, Any]]:
        """Return the categories that annotations name, where the file lists none."""
        found: dict[int | str, dict[str, Any]] = {}
        for annotation in require(self._content, "annotations", list, self.annotation_file, "the file"):
            try:
                number = require_id(annotation, "category_id", self.annotation_file, "")
            except DatasetError:
                continue  # refused or skipped with its annotation
            found[number] = {"id": number, "name": str(number)}
        return list(found.values())

    def find_image(self, file_name: str) -> Path:
        """Return where a picture lies: in the folder named as the split, in images/, or beside the annotation file."""
        beside = self.annotation_file.parent
        base = beside.parent if beside.name == "annotations" else beside
        folders = (base / self.split, base / "images" / self.split, base / "images", base, beside)
        names = dict.fromkeys((file_name, Path(file_name).name))  # tools write folders of another machine
        places = [folder / name for name in names for folder in folders]
        return next((place for place in places if place.is_file()), places[0])

    def read_image_entries(self) -> dict[int | str, tuple[str, tuple[int, int]]]:
        """Return file name and size of every picture by its id."""
        path = self.annotation_file
        found: dict[int | str, tuple[str, tuple[int, int]]] = {}
        for k, entry in enumerate(require(self._content, "images", list, path, "the file")):
            place = f"images[{k}]"
            name = local_name(require(entry, "file_name", str, path, place), path, place)
            number = require_id(entry, "id", path, place)
            size = self._size_of(entry, name, place)
            if size is None:
                continue
            if min(size) < 1:
                raise DatasetError(path, f"has size {size[0]} x {size[1]}: expected at least 1 x 1", place)
            if size[0] * size[1] > MOST_CELLS:
                said = " x ".join(short(side) for side in size)
                raise DatasetError(path, f"has size {said}: expected at most {MOST_CELLS} pixels", place)
            if number in found:
                raise DatasetError(path, f"has the id {number} of another picture", place)
            found[number] = name, size
        return found

    def _size_of(self, entry: dict[str, Any], name: str, place: str) -> tuple[int, int] | None:
        """Return a picture's size as the file says or, where it does not say, as the picture has it."""
        path = self.annotation_file
        if entry.get("height") is not None or entry.get("width") is not None:
            return require_whole(entry, "height", path, place), require_whole(entry, "width", path, place)
        image = self.find_image(name)
        if not image.is_file():
            self.skip(place, f"has no key 'height', and the picture {name!r} is not there")
            return None
        return picture_size(image, name)

    def check_image(self, record: Any) -> None:
        """Refuse a picture of another size than the annotation file says, before anything of that size is made."""
        size = picture_size(record.image, record.name)
        if size != record.size:
            said = f"{record.size[0]} x {record.size[1]}"
            raise DatasetError(
                record.image, f"is {size[0]} x {size[1]}, {self.annotation_file.name} says {said}", record.name
            )


def holds_segments(path: Path) -> bool:
    """Return whether a JSON file is panoptic."""
    return holds_key(path, "segments_info")


def holds_key(path: Path, key: str) -> bool:
    """Return whether a JSON file holds a key, without parsing what may be hundreds of megabytes."""
    try:
        return f'"{key}"'.encode() in path.read_bytes()
    except OSError as error:
        raise DatasetError(path, f"cannot be read ({error.strerror})") from None


class COCOInstances(COCOFiles):
    """COCO's instances: class 0 is "background", classes 1, 2 ... are the categories in ascending order of their ids.

    Opened from the folder that holds ``annotations/instances_*.json``, or from such a file, whatever its name.
    Pictures are looked for in the folder named as the split (``val2017/``), in ``images/<split>/``, ``images/`` and
    beside the annotation file. Roboflow's folders (``train/_annotations.coco.json`` beside its pictures) are read as
    well. Where objects overlap, the smaller one is in front, and single objects are in front of crowds. Crowds have
    their class in ``labels`` and are no objects in ``instances``. An annotation's place in ``sample.annotations`` plus
    1 is its number in ``sample.instances``.

    Annotations that cannot be used (without a mask, of an unlisted picture, damaged) are skipped, and a `LabelWarning`
    counts them; ``strict=True`` refuses the file instead, as happens where none can be used.

    Parameters
    ----------
    path : str or Path
        The folder or the file.
    split : str, optional
        The split; the first if not given.
    strict : bool, default False
        Refuse files with annotations that cannot be used.
    needs_masks : bool, default True
        Whether an annotation without ``segmentation`` cannot be used; False where boxes are enough.
    """

    kind = "coco"
    title = "COCO instances"
    looks_for = "annotations/instances_*.json, or a JSON file with images, annotations and categories"
    prefix = "instances_"

    def __init__(
        self, path: str | Path, split: str | None = None, strict: bool = False, needs_masks: bool = True
    ) -> None:
        self.needs_masks = needs_masks
        super().__init__(path, split, strict)

    @classmethod
    def find_files(cls, path: Path) -> dict[str, Path]:
        """Return the annotation files by split, training first; also those of Roboflow's folders."""
        found = super().find_files(path)
        if found or not path.is_dir():
            return found
        folders = {folder.name: folder for folder in sorted(path.iterdir()) if folder.is_dir()} | {"all": path}
        found = {name: folder / ROBOFLOW for name, folder in folders.items() if (folder / ROBOFLOW).is_file()}
        return dict(sorted(found.items(), key=lambda item: (not item[0].startswith("train"), item[0])))

    @classmethod
    def fits(cls, path: Path) -> bool:
        """Return whether the file's annotations are single objects; not where it is labelme's, of a single picture."""
        return not holds_segments(path) and not (holds_key(path, "shapes") and not holds_key(path, "annotations"))

    def find_encoding(self) -> LabelEncoding:
        """Return background and the categories, colored by VOC's scheme."""
        names = ("background", *(category["name"] for category in self.categories))
        return plain_encoding(names, colormap("voc", len(names)))

    def find_records(self) -> list[COCORecord]:
        """Sort the annotations to their pictures."""
        path = self.annotation_file
        entries = self.read_image_entries()
        gathered: dict[int | str, list[tuple[dict[str, Any], str]]] = {number: [] for number in entries}
        annotations = require(self._content, "annotations", list, path, "the file")
        before, first = len(self.skipped), None
        for k, annotation in enumerate(annotations):
            place = f"annotations[{k}]"
            try:
                number, kept = self._check_annotation(annotation, place, entries)
            except DatasetError as error:
                first = first or error
                self.skip(place, error.reason)
            else:
                gathered[number].append((kept, place))
        if first is not None and len(self.skipped) - before == len(annotations):
            raise first  # none can be used
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

    def _check_annotation(
        self, annotation: Any, place: str, entries: dict[int | str, tuple[str, tuple[int, int]]]
    ) -> tuple[int | str, dict[str, Any]]:
        """Return the picture's id and the annotation with its category's id; raise where it cannot be used."""
        path = self.annotation_file
        number = known_id(require_id(annotation, "image_id", path, place), entries)
        category = known_id(require_id(annotation, "category_id", path, place), self.class_of_category)
        if number not in entries:
            raise DatasetError(path, f"is of picture {short(number)}, which the file does not list", place)
        if category not in self.class_of_category:
            raise DatasetError(path, f"is of category {short(category)}, which the file does not list", place)
        if annotation.get("iscrowd") not in (*CROWD, *NO_CROWD):
            raise DatasetError(path, f"has iscrowd {short(annotation['iscrowd'])}: expected 0 or 1", place)
        if self.needs_masks:
            require(annotation, "segmentation", (list, dict), path, place)
            try:
                segmentation_to_rle(annotation["segmentation"], entries[number][1], most_passed=MOST_PASSED)
            except (ValueError, TypeError) as error:
                raise DatasetError(path, str(error), place) from None
        return number, {**annotation, "image_id": number, "category_id": category}

    def make_sample(self, record: COCORecord) -> COCOSample:
        """Return the sample of a record, nothing read yet."""
        return COCOSample(self, record)

    def read_masks(self, record: COCORecord) -> np.ndarray:
        """Draw every annotation's mask."""
        self.check_image(record)
        self._refuse_excess(find_masks_excess(record.size, len(record.annotations), self._bytes_of(record)), record)
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
        classes = [self.class_of_category[annotation["category_id"]] + 1 for annotation in record.annotations]
        return self._paint(record, classes, np.uint8)

    def paint_instances(self, record: COCORecord) -> np.ndarray:
        """Paint the numbered objects; the picture itself may be missing."""
        numbers = [0 if is_crowd(annotation) else k for k, annotation in enumerate(record.annotations, 1)]
        return self._paint(record, numbers, np.int32)

    def _paint(self, record: COCORecord, values: list[int], dtype: Any) -> np.ndarray:
        """Paint every annotation with its value: crowds first, then large objects before small ones."""
        self._refuse_excess(find_excess(record.size, self._bytes_of(record)), record)
        codes = self.read_codes(record)
        areas = [int(code["counts"][1::2].sum(dtype=np.int64)) for code in codes]
        self._refuse_excess(find_coverage_excess(record.size, areas), record)
        crowd = [is_crowd(annotation) for annotation in record.annotations]
        order = sorted(range(len(codes)), key=lambda k: (not crowd[k], -areas[k], k))
        return paint(record.size, [codes[k] for k in order], [values[k] for k in order], dtype)

    def _bytes_of(self, record: COCORecord) -> int:
        """Return the length of the annotation file and of the picture, if it is there."""
        return sum(path.stat().st_size for path in (self.annotation_file, record.image) if path.is_file())

    def _refuse_excess(self, reason: str | None, record: COCORecord) -> None:
        if reason is not None:
            raise DatasetError(self.annotation_file, reason, record.name)

    def read_codes(self, record: COCORecord) -> list[dict[str, Any]]:
        """Return the run-length code of every annotation, counts as an array; polygons as COCO draws them."""
        codes: list[dict[str, Any]] = []
        for annotation, place in zip(record.annotations, record.places, strict=True):
            try:
                codes.append(segmentation_to_rle(annotation["segmentation"], record.size, most_passed=MOST_PASSED))
            except (ValueError, TypeError) as error:
                raise DatasetError(self.annotation_file, str(error), place) from None
        return codes


def is_crowd(annotation: Mapping[str, Any]) -> bool:
    """Return whether an annotation is of a crowd."""
    return annotation.get("iscrowd") in CROWD
