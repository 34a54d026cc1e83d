"""Detections held against true objects, as COCO does it: the reference of `segalgo.metrics.average_precision`.

Detections and true objects come in groups, one for each category and picture: group g holds the detections first[g]
... first[g + 1] - 1, by falling score, and the true objects other_first[g] ... IoU of all pairs within groups come
flat, group by group, row by row.
"""

from typing import Any

import numpy as np

MATCHED = 1
IGNORED = 2


def grouped_box_ious(boxes: Any, others: Any, crowd: Any, first: Any, other_first: Any) -> Any:
    """Return IoU of boxes (left, top, width, height), flat; with a crowd, intersection over the detection's area."""
    parts = [np.empty(0)]
    for g in range(first.size - 1):
        a = boxes[first[g] : first[g + 1], None]
        b = others[None, other_first[g] : other_first[g + 1]]
        sides = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
        common = np.where((sides > 0).all(axis=-1), sides[..., 0] * sides[..., 1], 0.0)
        area, other_area = a[..., 2] * a[..., 3], b[..., 2] * b[..., 3]
        union = np.where(crowd[other_first[g] : other_first[g + 1]], area, area + other_area - common)
        parts.append(np.divide(common, union, out=np.zeros_like(common), where=common > 0).ravel())
    return np.concatenate(parts)


def match_groups(
    ious: Any,
    first: Any,
    other_first: Any,
    areas: Any,
    other_areas: Any,
    crowd: Any,
    thresholds: Any,
    ranges: Any,
) -> tuple[Any, Any]:
    """Return flags (A, T, detections), MATCHED and IGNORED, and whether each true object is ignored (A, objects)."""
    flags = np.zeros((len(ranges), len(thresholds), areas.size), np.uint8)
    outside = (other_areas < ranges[:, :1]) | (other_areas > ranges[:, 1:])
    ignored = (outside | (crowd != 0)).astype(np.uint8)
    at = 0
    for g in range(first.size - 1):
        d, o = slice(first[g], first[g + 1]), slice(other_first[g], other_first[g + 1])
        table = ious[at : at + areas[d].size * crowd[o].size].reshape(areas[d].size, crowd[o].size)
        at += table.size
        for a, (low, high) in enumerate(ranges):
            order = np.argsort(ignored[a, o], kind="stable")
            for t, threshold in enumerate(thresholds):
                flags[a, t, d] = _match(table[:, order], ignored[a, o][order], crowd[o][order], threshold)
            beyond = (areas[d] < low) | (areas[d] > high)
            flags[a, :, d] |= np.where(beyond & ((flags[a, :, d] & MATCHED) == 0), IGNORED, 0).astype(np.uint8)
    return flags, ignored


def _match(table: Any, ignored: Any, crowd: Any, threshold: float) -> list[int]:
    """Give each detection, in order, the free object of largest IoU; the later one of equals, real ones first."""
    taken = np.zeros(ignored.size, bool)
    flags = []
    for row in table:
        best, found = min(threshold, 1 - 1e-10), -1
        for k in range(ignored.size):
            if taken[k] and not crowd[k]:
                continue
            if found >= 0 and not ignored[found] and ignored[k]:
                break
            if row[k] >= best:
                best, found = row[k], k
        if found >= 0:
            taken[found] = True
        flags.append(0 if found < 0 else MATCHED | (IGNORED if ignored[found] else 0))
    return flags


def precision_recall(flags: Any, ranks: Any, most: int, positives: int, recall_points: Any) -> tuple[Any, Any, Any]:
    """Return precision at the recall points (T, R), which detection reaches each (T, R; -1: none), the recall (T,).

    `flags` (T, n) are of one category's detections by falling score, `ranks` their places within their pictures; those
    of rank `most` and more do not count. Precision is made to fall with recall, from the right.
    """
    kept = np.flatnonzero(ranks < most)
    matched, ignored = (flags[:, kept] & MATCHED) != 0, (flags[:, kept] & IGNORED) != 0
    true = np.cumsum(matched & ~ignored, axis=1).astype(np.float64)
    false = np.cumsum(~matched & ~ignored, axis=1).astype(np.float64)
    recall = true / positives
    precision = true / (false + true + np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    sampled = np.zeros((len(flags), recall_points.size))
    places = np.full((len(flags), recall_points.size), -1, np.int64)
    for t in range(len(flags)):
        at = np.searchsorted(recall[t], recall_points, side="left")
        reached = at < kept.size
        sampled[t, reached] = precision[t, at[reached]]
        places[t, reached] = kept[at[reached]]
    return sampled, places, recall[:, -1] if kept.size else np.zeros(len(flags))
