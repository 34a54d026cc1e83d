"""Suppression of boxes that overlap better ones."""

import numpy as np

from segalgo.reference.objects.boxes import box_iou


def nms(boxes: np.ndarray, scores: np.ndarray, groups: np.ndarray, threshold: float, plus_one: bool) -> np.ndarray:
    """See `segalgo.nms`. Boxes suppress boxes of their own group alone; `threshold` is a number of their dtype.

    Greedy: take the best box that is left, strike out what overlaps it by more than the threshold, and so on.
    """
    kept = []
    left = np.argsort(-scores, kind="stable")
    while left.size:
        best, left = left[0], left[1:]
        kept.append(best)
        iou = box_iou(boxes[[best]], boxes[left], np.zeros(left.size, bool), plus_one)[0]
        left = left[~((iou > boxes.dtype.type(threshold)) & (groups[left] == groups[best]))]
    return np.array(kept, np.int64)
