"""True objects and detections, as COCO's files list them, checked and sorted for scoring."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segalgo._core.dispatch import host_wing
from segalgo.masks.codes import MOST_CELLS, Codes, as_codes
from segalgo.masks.segmentations import segmentation_to_rle


@dataclass
class DetectionRecords:
    """Records sorted by category and picture, detections by falling score within."""

    records: list[Mapping[str, Any]]
    category: np.ndarray
    picture: np.ndarray
    areas: np.ndarray
    score: np.ndarray
    crowd: np.ndarray
    shapes: Codes | np.ndarray | None = None


def read_tables(
    targets: Any, detections: Any, iou_type: str, most: int
) -> tuple[DetectionRecords, DetectionRecords, list[Any]]:
    """Return true objects and detections as sorted tables, and the categories."""
    annotations, images, categories = _parts_of(targets)
    if not isinstance(detections, Sequence):
        raise TypeError(f"detections is {type(detections).__name__}: expected a sequence of dictionaries")
    names = ("annotations", "detections")
    keys = [
        [_ids(records, key, name) for key in ("image_id", "category_id")]
        for records, name in zip((annotations, detections), names, strict=True)
    ]
    pictures = sorted(images, key=_order) if images is not None else sorted({*keys[0][0], *keys[1][0]}, key=_order)
    kinds = categories if categories is not None else sorted({*keys[0][1], *keys[1][1]}, key=_order)
    number_of = {value: k for k, value in enumerate(pictures)}
    category_of = {value: k for k, value in enumerate(kinds)}
    tables = []
    for (picture_ids, category_ids), records, name in zip(keys, (annotations, detections), names, strict=True):
        unknown = [k for k, value in enumerate(picture_ids) if value not in number_of]
        if unknown:
            k = unknown[0]
            raise ValueError(f"{name}[{k}] has image_id {picture_ids[k]!r}: expected one of the images")
        picture = np.fromiter((number_of[value] for value in picture_ids), np.int64, len(records))
        category = np.fromiter((category_of.get(value, -1) for value in category_ids), np.int64, len(records))
        found = name == "detections"
        score = as_finite(_column(records, "score", name), f"{name}: score") if found else np.zeros(len(records))
        order = np.lexsort((-score, picture, category))
        order = order[category[order] >= 0]
        if found:
            groups = category[order] * max(len(pictures), 1) + picture[order]
            rank = np.arange(order.size) - np.searchsorted(groups, groups)
            order = order[rank < most]
        tables.append(_table(records, order, category, picture, score, images, iou_type, name))
    if iou_type == "segm":
        _check_sizes(*tables, pictures)
    return tables[0], tables[1], kinds


def _parts_of(targets: Any) -> tuple[Sequence[Any], dict[Any, Any] | None, list[Any] | None]:
    """Return annotations, images by id and sorted category ids; None for what a bare list does not say."""
    if not isinstance(targets, Mapping):
        if not isinstance(targets, Sequence):
            raise TypeError(f"targets is {type(targets).__name__}: expected COCO's dictionary or its annotations")
        return targets, None, None
    if "annotations" not in targets:
        raise ValueError("targets has no key 'annotations': expected COCO's dictionary or its annotations")
    images = targets.get("images")
    if images is not None:
        images = dict(zip(_ids(images, "id", "images"), images, strict=True))
    categories = targets.get("categories")
    if categories is not None:
        categories = sorted(set(_ids(categories, "id", "categories")), key=_order)
    return targets["annotations"], images, categories


def _column(records: Sequence[Any], key: str, name: str) -> list[Any]:
    try:
        return [record[key] for record in records]
    except (KeyError, TypeError, IndexError):
        for k, record in enumerate(records):
            if not isinstance(record, Mapping) or key not in record:
                raise ValueError(f"{name}[{k}] has no key {key!r}") from None
        raise


def _ids(records: Sequence[Any], key: str, name: str) -> list[Any]:
    """Return a column of ids: numbers or words."""
    values = _column(records, key, name)
    for k, value in enumerate(values):
        if not isinstance(value, int | float | str | np.number):
            raise ValueError(f"{name}[{k}] has {key} {value!r:.40}: expected a number or a word")
    return values


def _order(value: Any) -> tuple[bool, Any]:
    """Return a key that sorts numbers before words."""
    return isinstance(value, str), value


def as_finite(values: list[Any], name: str) -> np.ndarray:
    """Return a column of finite numbers."""
    try:
        array = np.array(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.empty(0)
    if array.shape != (len(values),):
        raise ValueError(f"{name}: expected a number in each record")
    wrong = ~np.isfinite(array)
    if wrong.any():
        raise ValueError(f"{name} is {array[wrong][0]} in record {int(wrong.argmax())}: expected a finite number")
    return array


def _table(
    records: Sequence[Any],
    order: np.ndarray,
    category: np.ndarray,
    picture: np.ndarray,
    score: np.ndarray,
    images: dict[Any, Any] | None,
    iou_type: str,
    name: str,
) -> DetectionRecords:
    kept = [records[k] for k in order.tolist()]
    crowd = np.fromiter((bool(r.get("iscrowd", 0)) and name == "annotations" for r in kept), bool, len(kept))
    table = DetectionRecords(kept, category[order], picture[order], np.empty(0), score[order], crowd.view(np.uint8))
    try:
        table.shapes = _boxes(kept) if iou_type == "bbox" else _codes(kept, images)
    except _RecordError as error:
        raise ValueError(f"{name}[{int(order[error.index])}] {error}") from None
    table.areas = _areas(table, _has_box(records), iou_type, name)
    return table


def _has_box(records: Sequence[Any]) -> bool:
    """Return whether the first record has a box, a list or an array."""
    box = records[0].get("bbox") if len(records) else None
    return box is not None and np.size(box) > 0


class _RecordError(ValueError):
    """What is wrong with a record, whose place in the caller's list is known further up."""

    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.index = index


def _boxes(records: list[Mapping[str, Any]]) -> np.ndarray:
    try:
        boxes = np.array([record["bbox"] for record in records], np.float64).reshape(-1, 4)
        if len(boxes) == len(records) and np.isfinite(boxes).all() and (boxes[:, 2:] >= 0).all():
            return boxes
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    for k, record in enumerate(records):
        try:
            box = np.array(record["bbox"], np.float64)
        except (KeyError, TypeError, ValueError, OverflowError):
            box = np.empty(0)
        if box.shape != (4,) or not np.isfinite(box).all() or (box[2:] < 0).any():
            shown = str(record.get("bbox", "missing"))[:60]
            raise _RecordError(k, f"has bbox {shown}: expected four finite numbers, width and height at least 0")
    raise AssertionError("a box was refused but none is at fault")


def _codes(records: list[Mapping[str, Any]], images: dict[Any, Any] | None) -> Codes:
    parts = []
    for k, record in enumerate(records):
        segmentation = record.get("segmentation")
        if segmentation is None:
            raise _RecordError(k, "has no key 'segmentation'")
        parts.append(_as_code(segmentation, record, k, images))
    try:
        return as_codes(parts, "")
    except ValueError:
        for k, part in enumerate(parts):
            try:
                as_codes([part], "segmentation", single=True)
            except ValueError as error:
                raise _RecordError(k, f"{error}") from None
        raise


def _as_code(segmentation: Any, record: Mapping[str, Any], k: int, images: dict[Any, Any] | None) -> Mapping[str, Any]:
    """Return a record's code; polygons and lists of codes are put together in the picture that the record names."""
    if isinstance(segmentation, Mapping):
        counts = segmentation.get("counts")
        if isinstance(counts, str | bytes) or not _holds_floats(counts):
            return segmentation
    image = (images or {}).get(record["image_id"], {})
    if not {"height", "width"} <= image.keys():
        if isinstance(segmentation, Mapping):
            return segmentation
        raise _RecordError(k, "has polygons: expected `images` in targets, with height and width of its picture")
    try:
        size = tuple(
            int(side) if isinstance(side, float) and side.is_integer() else operator.index(side)
            for side in (image["height"], image["width"])
        )
    except TypeError:
        shown = f"[{image['height']!r:.20}, {image['width']!r:.20}]"
        raise _RecordError(k, f"has a picture of size {shown}: expected integers") from None
    if min(size) < 0 or size[0] * size[1] > MOST_CELLS:
        raise _RecordError(k, f"has a picture of size {list(size)}: expected 0 to 2^32 - 1 cells")
    try:
        return segmentation_to_rle(segmentation, size)
    except (TypeError, ValueError) as error:
        raise _RecordError(k, str(error)) from None


def _holds_floats(counts: Any) -> bool:
    return isinstance(counts, list) and any(isinstance(count, float) for count in counts)


def _areas(table: DetectionRecords, boxed: bool, iou_type: str, name: str) -> np.ndarray:
    """Return the areas that decide about ranges: as written for true objects, of the box or mask for detections."""
    if name == "detections" and boxed:
        boxes = table.shapes if iou_type == "bbox" else _boxes(table.records)
        return boxes[:, 2] * boxes[:, 3]
    if iou_type == "bbox":
        measured = table.shapes[:, 2] * table.shapes[:, 3]
    else:
        measured = host_wing("masks.run_lengths").areas(table.shapes.counts, table.shapes.offsets).astype(np.float64)
    if name == "detections":
        return measured
    given = [record.get("area", size) for record, size in zip(table.records, measured.tolist(), strict=True)]
    return as_finite(given, "annotations: area")


def _check_sizes(truth: DetectionRecords, found: DetectionRecords, pictures: list[Any]) -> None:
    """Raise where masks of one picture have different sizes."""
    picture = np.concatenate([truth.picture, found.picture])
    sizes = np.concatenate([truth.shapes.sizes, found.shapes.sizes])
    order = np.argsort(picture, kind="stable")
    wrong = (np.diff(picture[order]) == 0) & (np.diff(sizes[order], axis=0) != 0).any(axis=1)
    if wrong.any():
        k = int(wrong.argmax())
        pair = sizes[order][k : k + 2].tolist()
        raise ValueError(
            f"masks of the picture {pictures[picture[order][k]]!r} have sizes {pair[0]} and {pair[1]}: expected one"
        )
