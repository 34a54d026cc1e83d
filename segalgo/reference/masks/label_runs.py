"""Run-length codes of all labels of a map: the reference of `segalgo.masks.labels_to_rles`."""

from typing import Any

import numpy as np


def labels_to_counts(labels: Any, num_labels: int) -> tuple[Any, Any]:
    """Return the counts of the masks of the labels 1 ... num_labels, one behind the other, and where each begins.

    Label k + 1 has counts[offsets[k] : offsets[k + 1]]. Labels are (H, W) int32.
    """
    line = labels.ravel(order="F")
    parts = [np.empty(0, np.uint32)]
    for number in range(1, num_labels + 1):
        places = np.flatnonzero(np.diff(line == number, prepend=False))
        parts.append(np.diff(places, prepend=0, append=line.size).astype(np.uint32))
    return np.concatenate(parts), np.cumsum([0, *map(len, parts[1:])])
