"""Panoptic quality: classes and objects in one number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segalgo._core.checks import as_array
from segalgo.metrics.overlaps import overlaps

VOID = 0


@dataclass(frozen=True)
class PanopticQuality:
    """Counts of segments by category, and the panoptic quality derived from them.

    Attributes
    ----------
    categories : list
        Category ids, sorted.
    is_thing : array of bool
        Whether a category has countable objects.
    true_positives, false_positives, false_negatives : array, int64
        Pairs, predicted segments and target segments without a partner.
    iou_sums : array, float64
        The sum of IoU over pairs.
    """

    categories: list[Any]
    is_thing: np.ndarray
    true_positives: np.ndarray
    false_positives: np.ndarray
    false_negatives: np.ndarray
    iou_sums: np.ndarray

    @property
    def pq(self) -> np.ndarray:
        """Panoptic quality of each category; nan where it occurs nowhere."""
        return self._over(self.iou_sums, self._size())

    @property
    def sq(self) -> np.ndarray:
        """Segmentation quality, the mean IoU of pairs: 0 without a pair, nan where the category occurs nowhere."""
        mean = self.iou_sums / np.maximum(self.true_positives, 1)
        return np.where(self._size() > 0, mean, np.nan)

    @property
    def rq(self) -> np.ndarray:
        """Recognition quality, the F1 score of segments; nan where the category occurs nowhere."""
        return self._over(self.true_positives, self._size())

    def mean(self, kind: str = "all", empty: float = np.nan) -> dict[str, float]:
        """Return the means of pq, sq and rq over the categories that occur: ``all``, ``things`` or ``stuff``."""
        if kind not in ("all", "things", "stuff"):
            raise ValueError(f"kind={kind!r}: expected one of 'all', 'things', 'stuff'")
        asked = np.ones(len(self.categories), bool) if kind == "all" else self.is_thing == (kind == "things")
        asked = asked & (self._size() > 0)
        values = {name: getattr(self, name)[asked] for name in ("pq", "sq", "rq")}
        return {name: float(value.mean()) if value.size else float(empty) for name, value in values.items()}

    def _size(self) -> np.ndarray:
        return self.true_positives + 0.5 * self.false_positives + 0.5 * self.false_negatives

    def _over(self, part: np.ndarray, whole: np.ndarray) -> np.ndarray:
        return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


def panoptic_quality(
    targets: Sequence[tuple[Any, Sequence[Mapping[str, Any]]]],
    predictions: Sequence[tuple[Any, Sequence[Mapping[str, Any]]]],
    categories: Mapping[Any, bool] | Sequence[Mapping[str, Any]],
) -> PanopticQuality:
    """Score panoptic segmentations by the rules of the published evaluator.

    A target and a predicted segment of one category, the target no crowd, are a pair where their IoU exceeds 0.5;
    there can be only one partner then. Cells of the prediction on void targets (id 0) count neither to its area nor
    to the union. Target segments without a partner are false negatives unless crowds. Predicted segments without one
    are false positives unless more than half of them lies on void and on the crowd of their category (the last one
    listed, where a picture has several).

    Parameters
    ----------
    targets, predictions : sequences of (id_map, segments)
        One pair for each picture, in the same order. The map, (H, W) of integers, holds segment ids (`id_of_rgb` makes
        them of COCO's colors), 0 is void. The segments are dictionaries with ``id``, ``category_id`` and, of targets,
        perhaps ``iscrowd``: COCO's ``segments_info``. Areas are counted in the map.
    categories : dict or sequence of dicts
        Whether each category id is a thing, or COCO's list with ``id`` and ``isthing``.

    Returns
    -------
    PanopticQuality
        ``.mean()`` has the three numbers that are usually quoted.

    Raises
    ------
    TypeError, ValueError
        If there are not as many predictions as targets, maps differ in shape, a segment is listed twice or is not in
        its map, the map holds an id that is not listed, or a category is unknown; the message names picture and id.

    Notes
    -----
    Cost: one pass over each pair of maps.

    References
    ----------
    Kirillov et al., Panoptic Segmentation, CVPR 2019; ``panopticapi/evaluation.py``.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.metrics import panoptic_quality
    >>> image = (np.array([[5, 5, 9]]), [{"id": 5, "category_id": 1}, {"id": 9, "category_id": 2}])
    >>> panoptic_quality([image], [image], {1: True, 2: False}).mean()
    {'pq': 1.0, 'sq': 1.0, 'rq': 1.0}
    """
    if len(targets) != len(predictions):
        raise ValueError(f"predictions has {len(predictions)} pictures: expected {len(targets)} as targets")
    things = _things(categories)
    names = sorted(things)
    number_of = {name: k for k, name in enumerate(names)}
    counts = np.zeros((3, len(names)), np.int64)
    sums = np.zeros(len(names))
    for k, (target, prediction) in enumerate(zip(targets, predictions, strict=True)):
        _add_picture(target, prediction, k, number_of, counts, sums)
    return PanopticQuality(names, np.array([bool(things[n]) for n in names], bool), *counts, sums)


def id_of_rgb(colors: Any) -> np.ndarray:
    """Return the segment ids of COCO's panoptic pictures: ``R + 256 G + 65536 B``.

    Parameters
    ----------
    colors : array, (..., 3), uint8
        The picture.

    Returns
    -------
    array, (...), uint32
        0 is void.

    Raises
    ------
    TypeError, ValueError
        If it is no array of bytes with three channels.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.metrics import id_of_rgb
    >>> id_of_rgb(np.array([[1, 2, 0]], np.uint8))
    array([513], dtype=uint32)
    """
    array = as_array(colors, "colors")
    if array.dtype != np.uint8:
        raise TypeError(f"colors has dtype {array.dtype}: expected uint8")
    if array.ndim < 1 or array.shape[-1] != 3:
        raise ValueError(f"colors has shape {array.shape}: expected (..., 3)")
    return array[..., 0] + np.uint32(256) * array[..., 1] + np.uint32(65536) * array[..., 2]


def _things(categories: Any) -> dict[Any, bool]:
    if isinstance(categories, Mapping):
        return dict(categories)
    try:
        return {category["id"]: bool(category["isthing"]) for category in categories}
    except (KeyError, TypeError):
        raise ValueError("categories: expected a dictionary, or dictionaries with keys 'id' and 'isthing'") from None


def _segments(picture: Any, where: str, number_of: dict[Any, int]) -> tuple[Any, dict[int, tuple[int, bool]]]:
    """Return the id map and, of each listed segment, its category's number and whether it is a crowd."""
    try:
        id_map, listed = picture
        rows = [(segment["id"], segment["category_id"], bool(segment.get("iscrowd", 0))) for segment in listed]
    except (TypeError, ValueError, KeyError, AttributeError):
        raise ValueError(f"{where}: expected (id_map, segments), each with keys 'id' and 'category_id'") from None
    segments: dict[int, tuple[int, bool]] = {}
    for name, category, crowd in rows:
        if category not in number_of:
            raise ValueError(f"{where}: segment {name} has category_id {category!r}, which is not in categories")
        if name in segments or name == VOID:
            raise ValueError(f"{where}: segment {name} is listed twice, or is {VOID} (void)")
        segments[name] = (number_of[category], crowd)
    return id_map, segments


def _check_listed(areas: dict[int, int], segments: dict[int, Any], where: str) -> None:
    absent = next((name for name in segments if not areas.get(name)), None)
    if absent is not None:
        raise ValueError(f"{where}: segment {absent} is listed but not in the map")
    unknown = next((name for name in areas if name != VOID and areas[name] and name not in segments), None)
    if unknown is not None:
        raise ValueError(f"{where}: the map holds id {unknown}, which is not listed")


def _add_picture(
    target: Any, prediction: Any, k: int, number_of: dict[Any, int], counts: np.ndarray, sums: np.ndarray
) -> None:
    """Add one picture's pairs, false positives and false negatives."""
    id_map, true = _segments(target, f"targets[{k}]", number_of)
    other_map, found = _segments(prediction, f"predictions[{k}]", number_of)
    try:
        shared = overlaps(id_map, other_map)
    except (TypeError, ValueError) as error:
        raise type(error)(f"picture {k}: {error}") from None
    names, other_names = (labels.tolist() for labels in shared.labels)
    areas, other_areas = (
        dict(zip(labels, shared.areas(side).tolist(), strict=True)) for side, labels in enumerate((names, other_names))
    )
    _check_listed(areas, true, f"targets[{k}]")
    _check_listed(other_areas, found, f"predictions[{k}]")
    pairs = zip(*(side.tolist() for side in shared.pairs), shared.counts.tolist(), strict=True)
    common = {(names[row], other_names[column]): count for row, column, count in pairs}
    paired, other_paired = set(), set()
    for (name, other), count in common.items():
        if name == VOID or other == VOID or true[name][1] or true[name][0] != found[other][0]:
            continue
        iou = count / (areas[name] + other_areas[other] - count - common.get((VOID, other), 0))
        if iou > 0.5:
            counts[0, true[name][0]] += 1
            sums[true[name][0]] += iou
            paired.add(name)
            other_paired.add(other)
    crowd_of = {}
    for name, (category, crowd) in true.items():
        if crowd:
            crowd_of[category] = name
        elif name not in paired:
            counts[2, category] += 1
    for other, (category, _) in found.items():
        excused = common.get((VOID, other), 0) + common.get((crowd_of.get(category), other), 0)
        if other not in other_paired and excused / other_areas[other] <= 0.5:
            counts[1, category] += 1
