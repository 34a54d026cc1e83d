"""Suppression of overlapping boxes: launch code of ``_ext/objects/suppression.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

THREADS = 256
# Rows of the table of overlaps that are held at a time: 512 bytes a box.
ROWS_AT_ONCE = 4096


def nms(boxes: Any, scores: Any, groups: Any, threshold: float, plus_one: bool) -> Any:
    """See `segalgo.nms`. The table of overlaps by all threads, then one block that walks through it in order."""
    device = device_of(boxes)
    xp, count, number = device.xp, boxes.shape[0], boxes.dtype.type
    if count == 0:
        return xp.empty(0, np.int64)
    order = xp.argsort(-scores, kind="stable").astype(np.int64)
    boxes, groups = xp.ascontiguousarray(boxes[order]), xp.ascontiguousarray(groups[order])
    words = -(-count // 64)
    table = xp.empty((min(count, ROWS_AT_ONCE), words), np.uint64)
    struck, kept = xp.zeros(words, np.uint64), xp.empty(count, bool)
    for first in range(0, count, ROWS_AT_ONCE):
        last = min(first + ROWS_AT_ONCE, count)
        strip = (np.int64(first), np.int64(last), np.int64(count))
        device.launch(
            "objects.suppression",
            f"nms_overlaps<{c_name(boxes.dtype)}>",
            blocks_for((last - first) * words, THREADS),
            (THREADS,),
            (boxes, groups, table, number(plus_one), number(threshold), *strip),
        )
        device.launch("objects.suppression", "nms_select", (1, 1, 1), (THREADS,), (table, struck, kept, *strip))
    return order[kept]
