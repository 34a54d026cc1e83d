"""COCO's panoptic annotations: a picture of segment numbers and a JSON file that says what each segment is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segalgo.datasets.coco import COCOFiles, holds_segments
from segalgo.datasets.dataset import Sample
from segalgo.datasets.encodings import IGNORE_INDEX, LabelEncoding, plain_encoding
from segalgo.datasets.errors import DatasetError
from segalgo.datasets.files import read_photograph, require, safe_name
from segalgo.masks.colors import colormap


@dataclass(frozen=True)
class PanopticRecord:
    """What the annotation file says of one picture."""

    name: str
    image: Path
    id: int
    labels: Path
    size: tuple[int, int]
    segments: tuple[dict[str, Any], ...]
    place: str


class PanopticSample(Sample):
    """A sample of panoptic COCO: besides image, labels and instances, the segments themselves."""

    @property
    def segments(self) -> tuple[dict[str, Any], ...]:
        """The segments as the file has them: ``id``, ``category_id``, ``iscrowd``, ``area`` ..."""
        return self.record.segments

    @property
    def segment_ids(self) -> np.ndarray:
        """(H, W) int32: the id of each pixel's segment, 0 where there is none."""
        return self._dataset.read_segment_ids(self.record)


class COCOPanoptic(COCOFiles):
    """COCO's panoptic segmentation: the categories in ascending order of their ids; pixels of no segment are ignored.

    Opened from the folder that holds ``annotations/panoptic_*.json``, or from such a file. The pictures of segment
    numbers (id = R + 256 G + 65536 B) lie in a folder of the file's name beside it. ``instances`` numbers the
    segments of things (categories with ``isthing``) in the file's order; stuff and crowds are no objects.
    """

    kind = "coco-panoptic"
    title = "COCO panoptic"
    looks_for = "annotations/panoptic_*.json and the folder annotations/panoptic_*/"
    prefix = "panoptic_"

    @classmethod
    def fits(cls, path: Path) -> bool:
        """Return whether the file's annotations are lists of segments."""
        return holds_segments(path)

    def find_encoding(self) -> LabelEncoding:
        """Return the categories in their own colors where the file names them."""
        colors = colormap("voc", len(self.categories) + 1)[1:]
        for k, category in enumerate(self.categories):
            if "color" in category:
                color = category["color"]
                if not (isinstance(color, list) and len(color) == 3 and all(part in range(256) for part in color)):
                    raise DatasetError(self.annotation_file, f"has the color {color!r}", f"categories[{k}]")
                colors[k] = color
        return plain_encoding([category["name"] for category in self.categories], colors)

    def find_records(self) -> list[PanopticRecord]:
        """Read the list of segments of every picture."""
        path = self.annotation_file
        entries = self.read_image_entries()
        records = []
        for k, annotation in enumerate(require(self._content, "annotations", list, path, "the file")):
            place = f"annotations[{k}]"
            number = require(annotation, "image_id", int, path, place)
            file_name = safe_name(require(annotation, "file_name", str, path, place), path, place)
            segments = require(annotation, "segments_info", list, path, place)
            if number not in entries:
                raise DatasetError(path, f"is of picture {number}, which the file does not list", place)
            for n, segment in enumerate(segments):
                inside = f"{place}.segments_info[{n}]"
                require(segment, "id", int, path, inside)
                if require(segment, "category_id", int, path, inside) not in self.class_of_category:
                    raise DatasetError(
                        path, f"is of category {segment['category_id']}, which the file does not list", inside
                    )
            name, size = entries[number]
            labels = path.parent / path.stem / file_name
            records.append(PanopticRecord(name, self.find_image(name), number, labels, size, tuple(segments), place))
        return records

    def make_sample(self, record: PanopticRecord) -> PanopticSample:
        """Return the sample of a record, nothing read yet."""
        return PanopticSample(self, record)

    def read_segment_ids(self, record: PanopticRecord) -> np.ndarray:
        """Read the picture of segment numbers."""
        return read_ids(record.labels, record.size, record.name)

    def read_labels(self, record: PanopticRecord) -> np.ndarray:
        """Translate segment numbers to classes, after a look at the photograph's size."""
        self.check_image(record)
        return self._translate(
            record, [self.class_of_category[segment["category_id"]] for segment in record.segments], IGNORE_INDEX
        ).astype(np.uint8)

    def read_instances(self, record: PanopticRecord) -> np.ndarray:
        """Translate segment numbers to numbered things."""
        things = {category["id"] for category in self.categories if category.get("isthing", 1)}
        single = [segment["category_id"] in things and not segment.get("iscrowd") for segment in record.segments]
        return self._translate(record, np.where(single, np.cumsum(single), 0), 0).astype(np.int32)

    def _translate(self, record: PanopticRecord, values: Any, void: int) -> np.ndarray:
        present, where = np.unique(self.read_segment_ids(record), return_inverse=True)
        table = dict(zip((segment["id"] for segment in record.segments), values, strict=True)) | {0: void}
        unknown = [int(number) for number in present if int(number) not in table]
        if unknown:
            raise DatasetError(
                record.labels,
                f"holds segment {unknown[0]}, which {record.place} of {self.annotation_file.name} does not list",
                record.name,
            )
        return np.array([table[int(number)] for number in present])[where].reshape(record.size)


def read_ids(path: Path, size: tuple[int, int], record: str) -> np.ndarray:
    """Read a picture of segment numbers, (H, W) int32; refuse one of another size."""
    from segalgo.metrics import id_of_rgb

    colors = read_photograph(path, record)
    if colors.shape[:2] != size:
        shape = f"{colors.shape[0]} x {colors.shape[1]}"
        raise DatasetError(path, f"is {shape}: expected {size[0]} x {size[1]}", record)
    return id_of_rgb(colors).astype(np.int32)
