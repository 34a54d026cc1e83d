"""Thresholds from the mean and deviation of windows: launch code of ``_ext/thresholds/local_thresholds.cu``."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo.cuda.device import Device, blocks_for, c_name, device_of

THREADS = 256
RULES = {"mean": 0, "scaled_mean": 1, "niblack": 2, "sauvola": 3, "wolf": 4, "phansalkar": 5}
DEVIATION = 6


def window_threshold(
    image: Any,
    window: Sequence[int],
    sources: Sequence[np.ndarray],
    cval: float,
    shift: float,
    origin: float,
    rule: str,
    parameters: Sequence[float],
    dtype: np.dtype,
) -> Any:
    """See `segalgo.reference.thresholds.local_thresholds`. One thread a line, then one a pixel.

    Deviations of floats: one thread a pixel, for each axis. Scratch: 32 bytes a pixel.
    """
    device = device_of(image)
    if image.size == 0:
        return device.xp.empty(image.shape, dtype)
    area = float(math.prod(window))
    merged = image.dtype.kind == "f" and RULES[rule] >= 2
    if merged:
        once, squares = _window_moments(device, image, window, sources, cval)
        origin -= shift
    else:
        once, squares = _sums_of(device, image, window, sources, cval, shift, RULES[rule] >= 2)
    if rule == "wolf":
        deviation = _apply(device, once, squares, np.dtype(np.float64), DEVIATION, merged, area, origin, ())
        parameters = (*parameters, float(device.to_host(deviation.max())) or 1.0)
    return _apply(device, once, squares, np.dtype(dtype), RULES[rule], merged, area, origin, parameters)


def _window_moments(
    device: Device, image: Any, window: Sequence[int], sources: Sequence[np.ndarray], outside: float
) -> tuple[Any, Any]:
    """Return the mean and the variance of each window, merged along one axis after the other."""
    xp, inner = device.xp, image.size
    mean, variance = image, xp.empty(1, np.float64)
    for axis, (width, source) in enumerate(zip(window, sources, strict=True)):
        n = image.shape[axis]
        inner //= n
        m, s = xp.empty(image.shape, np.float64), xp.empty(image.shape, np.float64)
        sizes = (np.int32(axis > 0), *map(np.int64, (n, inner, width, image.size)))
        arguments = (mean, variance, xp.asarray(source), m, s, np.float64(outside), *sizes)
        kernel = f"merge_moments<{c_name(mean.dtype)}>"
        grid = blocks_for(image.size, THREADS)
        device.launch("thresholds.local_thresholds", kernel, grid, (THREADS,), arguments)
        mean, variance = m, s
    return mean, variance


def _sums_of(
    device: Device,
    image: Any,
    window: Sequence[int],
    sources: Sequence[np.ndarray],
    cval: float,
    shift: float,
    squared: bool,
) -> tuple[Any, Any]:
    """Return the sums of pixels minus `shift` over each window, and those of their squares if asked for."""
    outside, shift = (cval - shift, shift) if image.dtype.kind == "f" else (0.0, 0.0)
    once = _window_sums(device, image, window, sources, outside, shift, False)
    return once, _window_sums(device, image, window, sources, outside, shift, True) if squared else once


def _window_sums(
    device: Device,
    image: Any,
    window: Sequence[int],
    sources: Sequence[np.ndarray],
    outside: float,
    shift: float,
    squared: bool,
) -> Any:
    xp, kind = device.xp, np.dtype(np.float64 if image.dtype.kind == "f" else np.int64)
    inner = image.size
    for axis, (width, source) in enumerate(zip(window, sources, strict=True)):
        n = image.shape[axis]
        inner //= n
        lines = image.size // n
        sums = xp.empty(image.shape, kind)
        squares_here = squared and axis == 0
        sizes = (np.int32(squares_here), *map(np.int64, (n, inner, width, lines)))
        arguments = (image, sums, xp.asarray(source), kind.type(outside), kind.type(0 if axis else shift), *sizes)
        kernel = f"slide_sums<{c_name(image.dtype)},{c_name(kind)}>"
        device.launch("thresholds.local_thresholds", kernel, blocks_for(lines, THREADS), (THREADS,), arguments)
        image = sums
        outside = (outside * outside if squares_here else outside) * width
    return image


def _apply(
    device: Device,
    once: Any,
    squares: Any,
    dtype: np.dtype,
    rule: int,
    merged: bool,
    area: float,
    origin: float,
    parameters: Sequence[float],
) -> Any:
    output = device.xp.empty(once.shape, dtype)
    numbers = (area, origin, *parameters, *[0.0] * (5 - len(parameters)))
    arguments = (
        once,
        squares,
        output,
        np.int32(rule),
        np.int32(merged),
        *map(np.float64, numbers),
        np.int64(once.size),
    )
    kernel = f"window_rule<{c_name(once.dtype)},{c_name(dtype)}>"
    device.launch("thresholds.local_thresholds", kernel, blocks_for(once.size, THREADS), (THREADS,), arguments)
    return output
