"""Distance to the nearest cell of another value: launch code of ``_ext/morphology/distance_transform.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

TOPIC = "morphology.distance_transform"
THREADS = 256
METRICS = ("euclidean", "cityblock", "chessboard")


def distance_transform(
    labels: Any,
    weights: tuple[float, ...],
    metric: str,
    integral: bool,
    limit: float,
    scale: float,
    root: bool,
    dtype: str,
    indices: bool,
) -> tuple[Any, Any]:
    """See `segalgo.distance_transform`. One launch an axis; scratch: 16 bytes a cell, 24 with indices."""
    device = device_of(labels)
    xp, size = device.xp, labels.size
    output = xp.empty(labels.shape, dtype)
    places = xp.empty(labels.shape if indices else 1, np.int64)
    if size == 0:
        return output, places if indices else None
    grid, name = blocks_for(size, THREADS), c_name(labels.dtype)
    infinity, flag, count = np.float64(np.inf), np.int32(indices), np.int64(size)
    best, next_best, next_places = xp.empty(size, np.float64), xp.empty(size, np.float64), xp.empty_like(places)
    arguments = (labels, best, places, infinity, flag, count)
    device.launch(TOPIC, f"distance_start<{name}>", grid, (THREADS,), arguments)
    inner = 1
    for axis in reversed(range(labels.ndim)):
        length = labels.shape[axis]
        numbers = (np.float64(weights[axis]), np.float64(limit), infinity, np.int32(METRICS.index(metric)), flag)
        sizes = (np.int64(length), np.int64(inner), count)
        arguments = (labels, best, places, next_best, next_places, *numbers, *sizes)
        device.launch(TOPIC, f"distance_axis<{name}>", grid, (THREADS,), arguments)
        best, next_best, places, next_places = next_best, best, next_places, places
        inner *= length
    numbers = (np.float64(scale), infinity, np.int32(root), np.int64(np.iinfo(np.int64).max), count)
    kernel = f"distance_finish<{c_name(output.dtype)}>"
    device.launch(TOPIC, kernel, grid, (THREADS,), (best, output, *numbers))
    return output, places if indices else None
