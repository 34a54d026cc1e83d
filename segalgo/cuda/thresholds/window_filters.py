"""Gaussian and median of the window around each pixel: launch code of ``_ext/thresholds/window_filters.cu``."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

THREADS = 128


def gaussian_filter(
    image: Any, weights: Sequence[np.ndarray], sources: Sequence[np.ndarray], cval: float, dtype: np.dtype
) -> Any:
    """See `segalgo.reference.thresholds.window_filters`. One thread a pixel and axis; scratch: one picture."""
    device = device_of(image)
    xp, dtype = device.xp, np.dtype(dtype)
    inner = image.size
    for axis, (weight, source) in enumerate(zip(weights, sources, strict=True)):
        if weight.size == 1 or image.size == 0:
            inner //= max(image.shape[axis], 1)
            continue
        n = image.shape[axis]
        inner //= n
        output = xp.empty(image.shape, dtype)
        tables = (xp.asarray(weight), xp.asarray(source), dtype.type(cval))
        sizes = map(np.int64, (weight.size - 1, n, inner, image.size))
        kernel = f"gaussian_axis<{c_name(image.dtype)},{c_name(dtype)}>"
        grid = blocks_for(image.size, THREADS)
        device.launch("thresholds.window_filters", kernel, grid, (THREADS,), (image, output, *tables, *sizes))
        image = output
    return image.astype(dtype)


def median_filter(image: Any, window: Sequence[int], sources: Sequence[np.ndarray], cval: float) -> Any:
    """See `segalgo.reference.thresholds.window_filters`. One thread a pixel; scratch: the padded picture."""
    device = device_of(image)
    xp = device.xp
    output = xp.empty(image.shape, image.dtype)
    if image.size == 0:
        return output
    padded = image
    for axis, source in enumerate(sources):
        padded = padded.take(xp.asarray(source), axis)
        if source.min() < 0:
            padded[(slice(None),) * axis + (xp.asarray(source < 0),)] = cval
    padded = xp.ascontiguousarray(padded)
    rows, width = image.shape[:-1], image.shape[-1]
    steps = np.array(padded.strides) // padded.itemsize
    corners = np.tensordot(steps[:-1], np.indices(rows).reshape(len(rows), math.prod(rows)), 1).astype(np.int64)
    offsets = np.tensordot(steps, np.indices(tuple(window)).reshape(image.ndim, -1), 1).astype(np.int64)
    sizes = map(np.int64, (offsets.size, width, image.size))
    arguments = (padded, xp.asarray(corners), xp.asarray(offsets), output, *sizes)
    grid = blocks_for(image.size, THREADS)
    device.launch("thresholds.window_filters", f"median_window<{c_name(image.dtype)}>", grid, (THREADS,), arguments)
    return output
