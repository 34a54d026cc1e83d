"""Average precision of detected objects, as COCO computes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segalgo._core.checks import as_array, as_contiguous, as_integer, as_number, as_sequence, one_of
from segalgo._core.dispatch import host_wing
from segalgo.masks.run_lengths import grouped_ious
from segalgo.metrics.detection_records import DetectionRecords, read_tables

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALL_POINTS = np.linspace(0.0, 1.0, 101)
AREAS = {"all": (0, 1e10), "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}
MAX_DETECTIONS = (1, 10, 100)


@dataclass(frozen=True)
class AveragePrecision:
    """Precision and recall of detections, by threshold, recall, category, area and number of detections.

    Attributes
    ----------
    precision : array, (T, R, K, A, M)
        At IoU thresholds, recall points, categories, area ranges, most detections a picture; nan for a category
        without true objects in an area range.
    recall : array, (T, K, A, M)
        The largest recall reached; nan likewise.
    scores : array, (T, R, K, A, M)
        The score of the detection that reaches each recall point, 0 where none does; nan likewise.
    thresholds, recall_points : array
        The T thresholds and R recall points.
    categories : list
        The K category ids, sorted.
    areas : dict
        The A area ranges by name.
    max_detections : tuple of int
        The M numbers of detections, ascending.
    """

    precision: np.ndarray
    recall: np.ndarray
    scores: np.ndarray
    thresholds: np.ndarray
    recall_points: np.ndarray
    categories: list[Any]
    areas: dict[str, tuple[float, float]]
    max_detections: tuple[int, ...]

    def mean_precision(
        self, threshold: float | None = None, area: str = "all", most: int | None = None, empty: float = np.nan
    ) -> float:
        """Return AP: the mean of precision over thresholds (or at one), recall points and categories; nan left out."""
        return self._mean(self.precision[..., self._area(area), self._most(most)], threshold, empty)

    def mean_recall(
        self, threshold: float | None = None, area: str = "all", most: int | None = None, empty: float = np.nan
    ) -> float:
        """Return AR: the mean of recall over thresholds (or at one) and categories; nan left out."""
        return self._mean(self.recall[..., self._area(area), self._most(most)], threshold, empty)

    def by_category(self, area: str = "all", most: int | None = None) -> dict[Any, float]:
        """Return the AP of each category; nan where it has no true objects."""
        values = self.precision[..., self._area(area), self._most(most)]
        return {category: self._mean(values[:, :, k], None, np.nan) for k, category in enumerate(self.categories)}

    @property
    def summary(self) -> dict[str, float]:
        """COCO's twelve numbers (those of area ranges and thresholds that were computed), nan where undefined."""
        numbers = {"AP": self.mean_precision()}
        for name, value in (("AP50", 0.5), ("AP75", 0.75)):
            if np.isclose(self.thresholds, value).any():
                numbers[name] = self.mean_precision(value)
        others = [area for area in self.areas if area != "all"]
        numbers |= {f"AP{area[0]}": self.mean_precision(area=area) for area in others}
        numbers |= {f"AR{most}": self.mean_recall(most=most) for most in self.max_detections}
        return numbers | {f"AR{area[0]}": self.mean_recall(area=area) for area in others}

    def _area(self, area: str) -> int:
        return list(self.areas).index(one_of(area, "area", tuple(self.areas)))

    def _most(self, most: int | None) -> int:
        return -1 if most is None else self.max_detections.index(one_of(most, "most", self.max_detections))

    def _mean(self, values: np.ndarray, threshold: float | None, empty: float) -> float:
        if threshold is not None:
            at = np.flatnonzero(np.isclose(self.thresholds, threshold))
            if at.size == 0:
                raise ValueError(f"threshold={threshold}: expected one of {self.thresholds.tolist()}")
            values = values[at]
        defined = values[~np.isnan(values)]
        return float(np.mean(defined)) if defined.size else float(empty)


def average_precision(
    targets: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    detections: Sequence[Mapping[str, Any]],
    iou_type: str = "segm",
    thresholds: Any = None,
    recall_points: Any = None,
    max_detections: Sequence[int] = MAX_DETECTIONS,
    areas: Mapping[str, tuple[float, float]] | None = None,
) -> AveragePrecision:
    """Score detections as COCO does, equal to pycocotools.

    Per picture and category detections go by falling score, the earlier one first among equals; each takes, at each
    IoU threshold, the free true object of largest IoU that reaches the threshold, the later one among equals. Crowds
    and objects outside the area range are ignored: they are taken only where no other fits, a crowd as often as
    needed, and detections that take them, or take nothing and lie outside the area range, do not count. Precision is
    made to fall with recall, and sampled at the recall points.

    Parameters
    ----------
    targets : dict or sequence of dicts
        COCO's annotation file as parsed JSON, or its annotations alone. An annotation has ``image_id``,
        ``category_id``, ``segmentation`` (for ``bbox``: ``bbox``), and may have ``area`` (else that of the mask or
        box) and ``iscrowd``. From a file, its ``images`` and ``categories`` are those that are scored.
    detections : sequence of dicts
        With ``image_id``, ``category_id``, ``score`` and ``segmentation`` or ``bbox``.
    iou_type : {"segm", "bbox"}, default "segm"
        Compare masks (run-length codes of either kind; polygons need ``images`` with ``height`` and ``width``), or
        boxes ``[column, row, width, height]``.
    thresholds : sequence of float, default 0.5, 0.55, ... 0.95
        IoU.
    recall_points : sequence of float, default 0, 0.01, ... 1
        Ascending.
    max_detections : sequence of int, default (1, 10, 100)
        Most detections a picture and category, those of highest score.
    areas : dict of (low, high), default COCO's all, small, medium, large
        Area ranges, both ends included.

    Returns
    -------
    AveragePrecision
        Everything; ``.summary`` has the twelve numbers.

    Raises
    ------
    TypeError, ValueError
        If a record lacks a key or holds what cannot be read; the message names the record and the key.

    Notes
    -----
    As pycocotools has it: where the first detection has a ``bbox``, a detection's area is that of its box, else that
    of its mask; a category that is not in ``categories`` is not scored. In place of its -1 stands nan.

    References
    ----------
    Lin et al., Microsoft COCO: Common Objects in Context, 2014; ``pycocotools/cocoeval.py``.

    Examples
    --------
    >>> from segalgo.metrics import average_precision
    >>> found = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10]}
    >>> round(average_precision([found], [found | {"score": 0.9}], "bbox").summary["AP"], 9)
    1.0
    """
    one_of(iou_type, "iou_type", ("segm", "bbox"))
    steps = _ascending(THRESHOLDS if thresholds is None else thresholds, "thresholds")
    points = _ascending(RECALL_POINTS if recall_points is None else recall_points, "recall_points")
    numbers = as_sequence(max_detections, "max_detections", "a sequence of integers")
    most = tuple(sorted(as_integer(number, "max_detections", least=1) for number in numbers))
    if not most:
        raise ValueError("max_detections is empty: expected at least one number")
    ranges = _ranges(AREAS if areas is None else areas)
    truth, found, categories = read_tables(targets, detections, iou_type, most[-1])
    flags, ignored, at = _match(truth, found, iou_type, steps, ranges)
    curves = _accumulate(truth, found, flags, ignored, at, points, most, len(categories))
    return AveragePrecision(*curves, steps, points, categories, ranges, most)


def _ranges(areas: Any) -> dict[str, tuple[float, float]]:
    """Return the ranges of areas by name, each from its least to its largest area."""
    if not isinstance(areas, Mapping):
        raise TypeError(f"areas of type {type(areas).__name__}: expected a mapping of names to pairs of numbers")
    if not areas:
        raise ValueError("areas is empty: expected at least one range")
    found = {}
    for name, limits in areas.items():
        pair = as_sequence(limits, f"areas[{name!r}]", "the least and the largest area")
        if len(pair) != 2:
            raise ValueError(f"areas[{name!r}] has {len(pair)} elements: expected the least and the largest area")
        found[name] = (as_number(pair[0], f"areas[{name!r}]"), as_number(pair[1], f"areas[{name!r}]"))
    return found


def _as_real(values: Any, argument: str) -> np.ndarray:
    array = as_array(values, argument)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{argument} has dtype {array.dtype}: expected real numbers")
    return array.astype(np.float64)


def _ascending(values: Any, argument: str) -> np.ndarray:
    array = as_contiguous(_as_real(values, argument)).reshape(-1)
    if array.size == 0 or not np.isfinite(array).all() or (np.diff(array) < 0).any():
        raise ValueError(f"{argument}={values!r}: expected at least one number, ascending")
    return array


def _match(
    truth: DetectionRecords,
    found: DetectionRecords,
    iou_type: str,
    thresholds: np.ndarray,
    areas: dict[str, tuple[float, float]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the flags of detections, those of true objects, and the place of each detection in its group."""
    keys = [
        table.category * (1 + max(truth.picture.max(initial=0), found.picture.max(initial=0))) + table.picture
        for table in (found, truth)
    ]
    groups = np.unique(np.concatenate(keys))
    first, other_first = (np.searchsorted(key, np.append(groups, np.iinfo(np.int64).max)) for key in keys)
    kernels = host_wing("metrics.detections")
    if iou_type == "bbox":
        ious = kernels.grouped_box_ious(found.shapes, truth.shapes, truth.crowd, first, other_first)
    else:
        ious = grouped_ious(found.shapes, truth.shapes, truth.crowd, first, other_first)
    ranges = np.array(list(areas.values()), np.float64).reshape(-1, 2)
    flags, ignored = kernels.match_groups(
        ious, first, other_first, found.areas, truth.areas, truth.crowd, thresholds, ranges
    )
    ranks = np.arange(found.picture.size) - np.repeat(first[:-1], np.diff(first))
    return flags, ignored, ranks


def _accumulate(
    truth: DetectionRecords,
    found: DetectionRecords,
    flags: np.ndarray,
    ignored: np.ndarray,
    ranks: np.ndarray,
    points: np.ndarray,
    most: tuple[int, ...],
    categories: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return precision, recall and scores, each category's detections pooled over pictures by falling score."""
    steps, ranges = flags.shape[1], flags.shape[0]
    precision = np.full((steps, points.size, categories, ranges, len(most)), np.nan)
    scores, recall = precision.copy(), np.full((steps, categories, ranges, len(most)), np.nan)
    first, other_first = (np.searchsorted(t.category, np.arange(categories + 1)) for t in (found, truth))
    kernel = host_wing("metrics.detections").precision_recall
    for k in range(categories):
        own = slice(first[k], first[k + 1])
        order = own.start + np.argsort(-found.score[own], kind="stable")
        sorted_scores, sorted_ranks = np.append(found.score[order], 0.0), ranks[order]
        positives = (ignored[:, other_first[k] : other_first[k + 1]] == 0).sum(axis=1)
        for a in np.flatnonzero(positives):
            sorted_flags = np.ascontiguousarray(flags[a][:, order])
            for m, limit in enumerate(most):
                sampled, places, last = kernel(sorted_flags, sorted_ranks, limit, int(positives[a]), points)
                precision[:, :, k, a, m] = sampled
                recall[:, k, a, m] = last
                scores[:, :, k, a, m] = sorted_scores[places]
    return precision, recall, scores
