"""Superpixels by local k-means: launch code of ``_ext/segmenters/slic.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

TOPIC = "segmenters.slic"
THREADS = 256


def slic(features: Any, mask: Any, centres: Any, windows: Any, ratios: Any, rounds: int) -> Any:
    """See `segalgo.slic`. Three launches a round; the host waits once each. Every cell looks at every centre."""
    device = device_of(features)
    xp = device.xp
    channels, _, height, width = features.shape
    labels = xp.full(features.shape[1:], -1, np.int32)
    size, count = labels.size, len(centres)
    moved = xp.asarray(centres).copy()
    inside = xp.zeros(1, np.uint8) if mask is None else mask.view(np.uint8)
    tables = (xp.asarray(np.array(windows, np.float32)), xp.asarray(np.array(ratios, np.float32)))
    plane = (np.int64(height), np.int64(width), np.int64(size))
    grid, threads = blocks_for(size, THREADS), (THREADS,)
    for _ in range(rounds):
        changed = xp.zeros(1, np.uint32)
        numbers = (np.int32(mask is not None), np.int32(channels), np.int32(count))
        arguments = (features, inside, moved, *tables, labels, changed, *numbers, *plane)
        device.launch(TOPIC, "slic_assign", grid, threads, arguments)
        if not device.to_host(changed)[0]:
            break
        sums = xp.zeros(count * (4 + channels), np.uint64)
        device.launch(TOPIC, "slic_add", grid, threads, (features, labels, sums, np.int32(channels), *plane))
        arguments = (sums.view(np.int64), moved, np.int32(channels), np.int32(count))
        device.launch(TOPIC, "slic_move", blocks_for(count, THREADS), threads, arguments)
    return labels


def lab_features(codes: Any, linear: Any, matrix: Any, cube: Any) -> Any:
    """See `segalgo.slic`: one launch, one thread a color."""
    device = device_of(codes)
    xp, size = device.xp, codes.size // 3
    output = xp.empty((3, *codes.shape[:-1]), np.float32)
    tables = tuple(map(xp.asarray, (linear, matrix, cube)))
    kernel = f"slic_lab<{c_name(codes.dtype)}>"
    device.launch(TOPIC, kernel, blocks_for(size, THREADS), (THREADS,), (codes, *tables, output, np.int64(size)))
    return output
