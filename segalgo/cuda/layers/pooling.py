"""Max-pooling with indices, and its inverse: launch code of ``_ext/layers/pooling.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of, index_type, window_reach

THREADS = 256
NOBODY = np.iinfo(np.uint64).max


def max_pool2d(
    x: Any,
    kernel_size: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    output_size: tuple[int, int],
) -> tuple[Any, Any]:
    """See `segalgo.max_pool2d`. One thread an output cell."""
    device = device_of(x)
    planes = x.shape[0] * x.shape[1]
    values = device.xp.empty((*x.shape[:2], *output_size), x.dtype)
    indices = device.xp.empty(values.shape, np.int64)
    if values.size:
        sizes = (planes, *x.shape[2:], *kernel_size, *stride, *padding, *dilation, *output_size)
        reach = window_reach(*zip(x.shape[2:], kernel_size, stride, padding, dilation, output_size, strict=True))
        index = index_type((x, values), reach)
        arguments = (x, values, indices, *map(index, sizes))
        kernel = f"max_pool2d<{c_name(x.dtype)}, {c_name(index)}>"
        device.launch("layers.pooling", kernel, blocks_for(values.size, THREADS), (THREADS,), arguments)
    return values, indices


def max_unpool2d(x: Any, indices: Any, output_size: tuple[int, int], unique: bool) -> tuple[Any, int]:
    """See `segalgo.max_unpool2d`. Claim output cells by position with integer atomics, then fetch: never a race.

    Scratch: 8 bytes an output cell, 16 where `unique`.
    """
    device = device_of(x)
    xp = device.xp
    planes, count = x.shape[0] * x.shape[1], x.shape[2] * x.shape[3]
    size = output_size[0] * output_size[1]
    output = xp.zeros((*x.shape[:2], *output_size), x.dtype)
    if indices.size == 0:
        return output, -1
    winner = xp.zeros(max(planes * size, 1), np.uint64)
    first = xp.full(max(planes * size, 1) if unique else 1, NOBODY, np.uint64)
    faults = xp.full(2, NOBODY, np.uint64)
    for number in range(2 if unique else 1):
        arguments = (indices, first, winner, faults, *map(np.int64, (planes, count, size)))
        flags = (np.int32(unique), np.int32(number))
        grid = blocks_for(indices.size, THREADS)
        device.launch("layers.pooling", "max_unpool2d_claim", grid, (THREADS,), (*arguments, *flags))
    for fault in device.to_host(faults):
        if fault != NOBODY:
            return output, int(fault)
    arguments = (x, winner, output, np.int64(planes * size))
    grid = blocks_for(planes * size, THREADS)
    device.launch("layers.pooling", f"max_unpool2d_fetch<{c_name(x.dtype)}>", grid, (THREADS,), arguments)
    return output, -1
