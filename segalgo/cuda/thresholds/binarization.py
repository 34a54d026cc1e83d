"""A picture and a threshold to a mask: launch code of ``_ext/thresholds/binarization.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

THREADS = 256


def binarize(image: Any, threshold: Any, below: bool) -> Any:
    """See `segalgo.binarize`. One thread a pixel."""
    device = device_of(image)
    mask = device.xp.empty(image.shape, np.bool_)
    if image.size:
        common = image.dtype if threshold.dtype == image.dtype else np.dtype(np.float64)
        names = ",".join(map(c_name, (image.dtype, threshold.dtype, common)))
        levels = device.xp.asarray(threshold).reshape(-1)
        sizes = (np.int64(threshold.ndim > 0), np.int32(below), np.int64(image.size))
        grid = blocks_for(image.size, THREADS)
        device.launch("thresholds.binarization", f"binarize<{names}>", grid, (THREADS,), (image, levels, mask, *sizes))
    return mask
