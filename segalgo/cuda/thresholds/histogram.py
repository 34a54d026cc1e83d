"""What global thresholds ask of the pixels: launch code of ``_ext/thresholds/histogram.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

THREADS = 256
# Each block carries its own histogram; more blocks than this would add more histograms than they save.
BLOCKS = 1024


def _grid(size: int) -> tuple[int, int, int]:
    # A block counts in 32 bits: at most 2^31 pixels each.
    return (max(min(blocks_for(size, THREADS * 16)[0], BLOCKS), -(-size // 2**31)), 1, 1)


def value_range(image: Any) -> tuple[np.generic, np.generic, int]:
    """See `segalgo.reference.thresholds.histogram`. A tree per block, the blocks' ends joined by the host."""
    device = device_of(image)
    dtype = image.dtype
    if dtype.kind == "f":
        top, bottom = dtype.type(np.inf), dtype.type(-np.inf)
    else:
        top, bottom = dtype.type(np.iinfo(dtype).max), dtype.type(np.iinfo(dtype).min)
    if image.size == 0:
        return top, bottom, 0
    grid = _grid(image.size)
    lows, highs = (device.xp.empty(grid[0], dtype) for _ in range(2))
    nans = device.xp.empty(grid[0], np.int64)
    arguments = (image, lows, highs, nans, top, bottom, np.int64(image.size))
    device.launch("thresholds.histogram", f"value_range<{c_name(dtype)}>", grid, (THREADS,), arguments)
    return device.to_host(lows).min(), device.to_host(highs).max(), int(device.to_host(nans).sum())


def histogram_integers(image: Any, low: int, size: int) -> np.ndarray:
    """See `segalgo.reference.thresholds.histogram`. Shared counters per block up to 2048 bins."""
    device = device_of(image)
    counts = device.xp.zeros(size, np.uint64)
    if image.size:
        arguments = (image, counts, image.dtype.type(low), np.int64(size), np.int64(image.size))
        kernel = f"histogram_integers<{c_name(image.dtype)}>"
        device.launch("thresholds.histogram", kernel, _grid(image.size), (THREADS,), arguments)
    return device.to_host(counts).astype(np.int64)


def histogram_floats(image: Any, edges: np.ndarray) -> np.ndarray:
    """See `segalgo.reference.thresholds.histogram`. Each pixel's bin by halving."""
    device = device_of(image)
    bins = edges.size - 1
    counts = device.xp.zeros(bins, np.uint64)
    if image.size:
        arguments = (image, device.xp.asarray(edges), counts, np.int64(bins), np.int64(image.size))
        kernel = f"histogram_floats<{c_name(image.dtype)}>"
        device.launch("thresholds.histogram", kernel, _grid(image.size), (THREADS,), arguments)
    return device.to_host(counts).astype(np.int64)


def intensity_sum(image: Any) -> int | float:
    """See `segalgo.reference.thresholds.histogram`. A tree per block; the host adds the blocks in order."""
    device = device_of(image)
    xp = device.xp
    if image.size == 0:
        return 0
    grid = _grid(image.size)
    if image.dtype.kind == "f":
        sums = xp.empty(grid[0], np.float64)
        arguments = (image, sums, np.int64(image.size))
        device.launch("thresholds.histogram", f"sum_floats<{c_name(image.dtype)}>", grid, (THREADS,), arguments)
        with np.errstate(invalid="ignore", over="ignore"):
            return float(device.to_host(sums).sum())
    low, high = xp.empty(grid[0], np.int64), xp.empty(grid[0], np.int64)
    arguments = (image, low, high, np.int64(image.size))
    device.launch("thresholds.histogram", f"sum_integers<{c_name(image.dtype)}>", grid, (THREADS,), arguments)
    return (sum(device.to_host(high).tolist()) << 32) + sum(device.to_host(low).tolist())


def split_sums(image: Any, low: float, threshold: float) -> tuple[int, float, float]:
    """See `segalgo.reference.thresholds.histogram`. A tree per block; the host adds the blocks in order."""
    device = device_of(image)
    grid = _grid(image.size)
    below, sums = device.xp.empty(grid[0], np.int64), device.xp.empty((2, grid[0]), np.float64)
    arguments = (image, below, sums, np.float64(low), np.float64(threshold), np.int64(image.size))
    device.launch("thresholds.histogram", f"split_sums<{c_name(image.dtype)}>", grid, (THREADS,), arguments)
    lower, upper = device.to_host(sums).sum(axis=1).tolist()
    return int(device.to_host(below).sum()), lower, upper


def smallest_gap(image: Any) -> float:
    """See `segalgo.reference.thresholds.histogram`. The array module's sort."""
    xp = device_of(image).xp
    gaps = xp.diff(xp.sort(image).astype(np.float64))
    gaps = gaps[gaps > 0]
    return float(gaps.min()) if gaps.size else np.inf


def smooth_histogram(counts: Any, max_num_iter: int) -> np.ndarray:
    """See `segalgo.reference.thresholds.histogram`. One block; its first thread adds, since the order matters."""
    device = device_of(counts)
    smooth = counts.astype(np.float32)
    entering = device.xp.zeros(smooth.size, np.float64)
    arguments = (smooth, entering, np.int64(smooth.size), np.int64(max_num_iter))
    device.launch("thresholds.histogram", "smooth_histogram", (1, 1, 1), (32,), arguments)
    return device.to_host(smooth)
