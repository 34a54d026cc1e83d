"""Pairs of labels counted: launch code of ``_ext/metrics/confusion.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

THREADS = 256
PIECE = 16  # cells a thread walks, as in the .cu file
# Each block carries its own matrix; more blocks than this would add more matrices than they save.
BLOCKS = 1024


def confusion_matrix(target: Any, prediction: Any, num_classes: int, ignore_index: int | None) -> tuple[Any, int]:
    """See `segalgo.reference.metrics.confusion`."""
    device = device_of(target)
    matrix = device.xp.zeros((num_classes, num_classes), np.uint64)
    strays = device.xp.zeros(1, np.uint64)
    limits = np.iinfo(target.dtype)
    ignores = ignore_index is not None and limits.min <= ignore_index <= limits.max
    width = max(target.itemsize, prediction.itemsize)
    unsigned = np.dtype(f"u{width}")
    # Negative labels turn into large ones of their own width first: widening must not make classes of them.
    x, y = (array.reshape(-1).view(f"u{array.itemsize}").astype(unsigned, copy=False) for array in (target, prediction))
    bounds = (np.uint64(min(num_classes, int(np.iinfo(array.dtype).max) + 1)) for array in (target, prediction))
    ignored = unsigned.type(ignore_index % (1 << 8 * target.itemsize) if ignores else 0)
    if target.size:
        # A block counts in 32 bits: at most 2^31 cells each.
        grid = (max(min(blocks_for(-(-target.size // PIECE), THREADS)[0], BLOCKS), -(-target.size // 2**31)), 1, 1)
        flags = (ignored, np.int32(ignores), np.int32(num_classes), np.int64(target.size))
        arguments = (x, y, matrix, strays, *bounds, *flags)
        device.launch("metrics.confusion", f"count_pairs<{c_name(unsigned)}>", grid, (THREADS,), arguments)
    return matrix.view(np.int64), int(device.to_host(strays)[0])
