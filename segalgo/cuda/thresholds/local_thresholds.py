"""Thresholds from the mean and deviation of windows: launch code of ``_ext/local_thresholding.cu``."""

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

    Scratch: 32 bytes a pixel.
    """
    device = device_of(image)
    if image.size == 0:
        return device.xp.empty(image.shape, dtype)
    outside, shift = (cval - shift, shift) if image.dtype.kind == "f" else (0.0, 0.0)
    once = _window_sums(device, image, window, sources, outside, shift, False)
    squares = _window_sums(device, image, window, sources, outside, shift, True) if RULES[rule] >= 2 else once
    area = float(math.prod(window))
    if rule == "wolf":
        deviation = _apply(device, once, squares, np.dtype(np.float64), DEVIATION, area, origin, ())
        parameters = (*parameters, float(device.to_host(deviation.max())) or 1.0)
    return _apply(device, once, squares, np.dtype(dtype), RULES[rule], area, origin, parameters)


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
    area: float,
    origin: float,
    parameters: Sequence[float],
) -> Any:
    output = device.xp.empty(once.shape, dtype)
    numbers = (area, origin, *parameters, *[0.0] * (5 - len(parameters)))
    arguments = (once, squares, output, np.int32(rule), *map(np.float64, numbers), np.int64(once.size))
    kernel = f"window_rule<{c_name(once.dtype)},{c_name(dtype)}>"
    device.launch("thresholds.local_thresholds", kernel, blocks_for(once.size, THREADS), (THREADS,), arguments)
    return output
