"""Connected components: launch code of ``_ext/labels/labeling.cu``."""

import math
from itertools import product
from typing import Any

import numpy as np

from segalgo.cuda.device import Device, blocks_for, c_name, device_of

THREADS = 256
CHUNK = 4096
LARGEST = np.iinfo(np.int32).max
NOWHERE = np.iinfo(np.uint64).max
# Planes, rows and columns of a tile, by the image's number of axes: a warp reads along a row.
TILES = {1: (1, 1, 512), 2: (1, 16, 32), 3: (4, 4, 32)}


def label(
    image: Any, background: Any, connectivity: int, wrap: tuple[bool, ...], delta: Any, out: Any
) -> tuple[Any, int]:
    """See `segalgo.label`. Union-find in tiles, then along their seams; roots are first pixels, counted in row order.

    Scratch: 4 bytes a pixel, 8 beyond 2**31 pixels. The host waits once, for the count.
    """
    device = device_of(image)
    xp = device.xp
    size = image.size
    if size == 0:
        return (xp.zeros(image.shape, np.int32) if out is None else out), 0
    index = _index_type(size)
    place = c_name(index)
    grid = blocks_for(size, THREADS)
    parent = xp.empty(size, index)
    join = _join_tiles if image.ndim <= 3 else _join_pixels
    join(device, image, parent, background, connectivity, wrap, delta)

    chunks = -(-size // CHUNK)
    counts, total = xp.empty(chunks, np.int64), xp.empty(1, np.int64)
    ends = (np.int64(size), np.int64(CHUNK))
    device.launch("labels.labeling", f"label_count<{place}>", (chunks,), (THREADS,), (parent, counts, *ends))
    device.launch("labels.labeling", "label_scan", (1,), (1024,), (counts, total, np.int64(chunks)))
    count = int(device.to_host(total)[0])
    labels = out
    if labels is None:
        labels = xp.empty(image.shape, np.int32 if count <= LARGEST else np.int64)
    names = f"{place}, {c_name(labels.dtype)}"
    device.launch("labels.labeling", f"label_number<{names}>", (chunks,), (THREADS,), (parent, counts, labels, *ends))
    device.launch("labels.labeling", f"label_fetch<{names}>", grid, (THREADS,), (parent, labels, np.int64(size)))
    return labels, count


def _index_type(size: int) -> np.dtype:
    """Return the integers that number `size` pixels from 0 and hold -1 too."""
    return np.dtype(np.int32 if size - 1 <= LARGEST else np.int64)


def _join_tiles(
    device: Device, image: Any, parent: Any, background: Any, connectivity: int, wrap: tuple[bool, ...], delta: Any
) -> None:
    """Fill parent for an image of up to three axes."""
    shape, wraps = (1,) * (3 - image.ndim) + image.shape, (False,) * (3 - image.ndim) + tuple(wrap)
    tile = TILES[image.ndim]
    tiles = math.prod(-(-n // t) for n, t in zip(shape, tile, strict=True))
    names = f"{c_name(image.dtype)}, {c_name(parent.dtype)}, {', '.join(map(str, tile))}"
    sizes = (image, parent, *map(np.int64, shape), np.int32(connectivity))
    rule = (np.int32(background is not None), image.dtype.type(0 if background is None else background))
    reach = _reach(image, delta)
    device.launch("labels.labeling", f"label_tile<{names}>", (tiles,), (THREADS,), (*sizes, *rule, *reach))
    grid = blocks_for(image.size, THREADS)
    device.launch("labels.labeling", f"label_seams<{names}>", grid, (THREADS,), (*sizes, *map(np.int32, wraps), *reach))


def _join_pixels(
    device: Device, image: Any, parent: Any, background: Any, connectivity: int, wrap: tuple[bool, ...], delta: Any
) -> None:
    """Fill parent for an image of any number of axes, pixel by pixel."""
    xp, size = device.xp, np.int64(image.size)
    names = f"{c_name(image.dtype)}, {c_name(parent.dtype)}"
    grid = blocks_for(image.size, THREADS)
    rule = (np.int32(background is not None), image.dtype.type(0 if background is None else background))
    device.launch("labels.labeling", f"label_start<{names}>", grid, (THREADS,), (image, parent, size, *rule))
    origin = (0,) * image.ndim
    steps = [step for step in product((-1, 0, 1), repeat=image.ndim) if step < origin]
    steps = [step for step in steps if sum(map(abs, step)) <= connectivity]
    tables = [xp.asarray(table, np.int64) for table in (image.shape, wrap, steps)]
    sizes = (size, np.int64(image.ndim), np.int64(len(steps)))
    arguments = (image, parent, *tables, *sizes, *_reach(image, delta))
    device.launch("labels.labeling", f"label_join<{names}>", grid, (THREADS,), arguments)


def _reach(image: Any, delta: Any) -> tuple[np.uint64, np.float64]:
    """Return delta for integers and for floats; a kernel uses the one of its pixels."""
    return np.uint64(0 if image.dtype.kind == "f" else delta), np.float64(delta)


def same_partition(a: Any, b: Any) -> int:
    """See `segalgo.same_partition`. Each label's first pixel by integer atomics, then one comparison a pixel."""
    device = device_of(a)
    if a.size == 0:
        return -1
    size, grid = np.int64(a.size), blocks_for(a.size, THREADS)
    codes, firsts = [], []
    for labels in (a, b):
        code, count = _dense(device.xp, labels)
        first = device.xp.full(count, NOWHERE, np.uint64)
        first[0] = 0
        device.launch("labels.labeling", "same_partition_first", grid, (THREADS,), (code, first, size))
        codes.append(code)
        firsts.append(first)
    fault = device.xp.full(1, NOWHERE, np.uint64)
    device.launch("labels.labeling", "same_partition_compare", grid, (THREADS,), (*codes, *firsts, fault, size))
    found = device.to_host(fault)[0]
    return -1 if found == NOWHERE else int(found)


def _dense(xp: Any, labels: Any) -> tuple[Any, int]:
    """Return the labels renamed to 0, 1, ... (int64), 0 kept, and how many names there may be."""
    least, most = int(labels.min()), int(labels.max())
    if least >= 0 and most <= 2 * labels.size:
        return labels.astype(np.int64), most + 1
    values, code = xp.unique(labels, return_inverse=True)
    # Zero gets code 0; the others keep their order behind it.
    return xp.where(labels == 0, 0, code.reshape(-1) + 1), int(values.size) + 1
