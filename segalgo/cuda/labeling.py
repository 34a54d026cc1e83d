"""Connected components: launch code of ``_ext/labeling.cu``."""

from itertools import product
from typing import Any

import numpy as np

from segalgo.cuda._device import blocks_for, c_name, device_of

THREADS = 256
CHUNK = 4096
LARGEST = np.iinfo(np.int32).max


def label(
    image: Any, background: Any, connectivity: int, wrap: tuple[bool, ...], delta: Any, out: Any
) -> tuple[Any, int]:
    """See `segalgo.label`. Union-find over pixels, then the roots, which are first pixels, are counted in row order.

    Scratch: 4 bytes a pixel, 8 beyond 2**31 pixels. The host waits once, for the count.
    """
    device = device_of(image)
    xp = device.xp
    size = image.size
    if size == 0:
        return (xp.zeros(image.shape, np.int32) if out is None else out), 0
    index = np.dtype(np.int32 if size <= LARGEST else np.int64)
    pixel, place = c_name(image.dtype), c_name(index)
    grid = blocks_for(size, THREADS)
    parent = xp.empty(size, index)
    zero = image.dtype.type(0 if background is None else background)
    arguments = (image, parent, np.int64(size), np.int32(background is not None), zero)
    device.launch("labeling", f"label_start<{pixel}, {place}>", grid, (THREADS,), arguments)

    origin = (0,) * image.ndim
    steps = [step for step in product((-1, 0, 1), repeat=image.ndim) if step < origin]
    steps = [step for step in steps if sum(map(abs, step)) <= connectivity]
    tables = (xp.asarray(table, np.int64) for table in (image.shape, wrap, steps))
    whole = np.uint64(0 if image.dtype.kind == "f" else delta)
    sizes = (*map(np.int64, (size, image.ndim, len(steps))), whole, np.float64(delta))
    device.launch("labeling", f"label_join<{pixel}, {place}>", grid, (THREADS,), (image, parent, *tables, *sizes))

    chunks = -(-size // CHUNK)
    counts, total = xp.empty(chunks, np.int64), xp.empty(1, np.int64)
    ends = (np.int64(size), np.int64(CHUNK))
    device.launch("labeling", f"label_count<{place}>", (chunks,), (THREADS,), (parent, counts, *ends))
    device.launch("labeling", "label_scan", (1,), (1024,), (counts, total, np.int64(chunks)))
    count = int(device.to_host(total)[0])
    labels = out
    if labels is None:
        labels = xp.empty(image.shape, np.int32 if count <= LARGEST else np.int64)
    names = f"{place}, {c_name(labels.dtype)}"
    device.launch("labeling", f"label_number<{names}>", (chunks,), (THREADS,), (parent, counts, labels, *ends))
    device.launch("labeling", f"label_fetch<{names}>", grid, (THREADS,), (parent, labels, np.int64(size)))
    return labels, count


def same_partition(a: Any, b: Any) -> int:
    """See `segalgo.same_partition`."""
    raise NotImplementedError
