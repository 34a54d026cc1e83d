"""Watershed as a minimum spanning forest: launch code of ``_ext/morphology/watershed_forest.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, device_of

TOPIC = "morphology.watershed_forest"
THREADS = 256
NONE = np.uint64(np.iinfo(np.uint64).max)


def watershed_forest(image: Any, markers: Any, offsets: Any, mask: Any) -> Any:
    """See `segalgo.watershed`. One sort, then rounds of Boruvka; the host waits once each. Scratch: 45 bytes a cell."""
    device = device_of(image)
    xp, size = device.xp, image.size
    if size == 0:
        return markers.copy()
    flat = image.reshape(-1)
    # One zero, for sorting algorithms that tell them apart.
    order = xp.argsort(flat + flat.dtype.type(0), kind="stable").astype(np.int64)
    rank = xp.empty(size, np.uint32)
    rank[order] = xp.arange(size, dtype=np.uint32)
    state = xp.where(mask, xp.where(markers != 0, np.uint8(2), np.uint8(1)), np.uint8(0)).reshape(-1)
    tables = (xp.asarray(np.array(image.shape, np.int64)), xp.asarray(np.ascontiguousarray(offsets, np.int64)))
    sizes = (np.int32(image.ndim), np.int32(len(offsets)), np.int64(size))
    parent, root = xp.empty(size, np.int64), xp.empty(size, np.int64)
    grid = blocks_for(size, THREADS)
    device.launch(TOPIC, "watershed_least", grid, (THREADS,), (rank, state, *tables, parent, *sizes))
    while True:
        device.launch(TOPIC, "watershed_flatten", grid, (THREADS,), (parent, root, np.int64(size)))
        best, moved = xp.full(size, NONE, np.uint64), xp.zeros(1, np.uint32)
        device.launch(TOPIC, "watershed_edges", grid, (THREADS,), (rank, state, root, *tables, best, *sizes))
        arguments = (order, state, root, best, parent, moved, NONE, np.int64(size))
        device.launch(TOPIC, "watershed_join", grid, (THREADS,), arguments)
        if not device.to_host(moved)[0]:
            break
    labels = xp.where((state > 0) & (state[root] == 2), markers.reshape(-1)[root], markers.dtype.type(0))
    return labels.reshape(markers.shape)
