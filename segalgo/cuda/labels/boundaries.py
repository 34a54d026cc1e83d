"""Where regions of different labels meet: launch code of ``_ext/labels/boundaries.cu``."""

import itertools
from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

THREADS = 256


def find_boundaries(labels: Any, connectivity: int, mode: str, background: int) -> Any:
    """See `segalgo.find_boundaries`. One thread a cell of the answer."""
    device = device_of(labels)
    xp, ndim = device.xp, labels.ndim
    shape = xp.asarray(np.array(labels.shape, np.int64))
    if mode == "subpixel":
        boundaries = xp.empty([2 * n - 1 for n in labels.shape], bool)
        arguments = (labels, shape, boundaries, np.int32(ndim), np.int64(boundaries.size))
        kernel = f"find_boundaries_between<{c_name(labels.dtype)}>"
    else:
        boundaries = xp.empty(labels.shape, bool)
        every = [o for o in itertools.product((-1, 0, 1), repeat=ndim) if any(o)]
        near = [o for o in every if np.count_nonzero(o) <= connectivity]
        offsets = (xp.asarray(np.array(near, np.int64)), xp.asarray(np.array(every, np.int64)))
        counts = map(np.int32, (ndim, len(near), len(every), mode == "inner", mode == "outer"))
        values = (labels.dtype.type(background), labels.dtype.type(np.iinfo(labels.dtype).max))
        arguments = (labels, shape, *offsets, boundaries, *counts, *values, np.int64(labels.size))
        kernel = f"find_boundaries<{c_name(labels.dtype)}>"
    device.launch("labels.boundaries", kernel, blocks_for(boundaries.size, THREADS), (THREADS,), arguments)
    return boundaries
