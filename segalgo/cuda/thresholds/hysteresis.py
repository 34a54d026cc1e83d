"""Regions above a low threshold that reach a high one: launch code of ``_ext/thresholds/hysteresis.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, device_of

THREADS = 256


def hysteresis(low: Any, high: Any) -> Any:
    """See `segalgo.reference.thresholds.hysteresis`. Union-find by atomic minima; scratch: 12 bytes a cell."""
    device = device_of(low)
    xp, count = device.xp, low.size
    mask = xp.zeros(count, np.bool_)
    if count == 0:
        return mask.reshape(low.shape)
    cells, above = low.reshape(-1), high.reshape(-1)
    parent, reached = xp.arange(count, dtype=np.uint64), xp.zeros(count, np.uint32)
    grid, size = blocks_for(count, THREADS), np.int64(count)
    inner = count
    for n in low.shape:
        inner //= n
        arguments = (cells, parent, np.int64(n), np.int64(inner), size)
        device.launch("thresholds.hysteresis", "hysteresis_join", grid, (THREADS,), arguments)
    device.launch("thresholds.hysteresis", "hysteresis_mark", grid, (THREADS,), (cells, above, parent, reached, size))
    device.launch("thresholds.hysteresis", "hysteresis_take", grid, (THREADS,), (cells, parent, reached, mask, size))
    return mask.reshape(low.shape)
