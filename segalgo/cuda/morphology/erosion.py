"""The least and the largest value of each neighbourhood: launch code of ``_ext/morphology/erosion.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

TOPIC = "morphology.erosion"
THREADS = 256


def erosion(image: Any, low: tuple[int, ...], high: tuple[int, ...], offsets: Any) -> Any:
    """See `segalgo.erosion`. A launch an axis for a box, one for any other footprint; scratch: the image once."""
    return _extreme(image, low, high, offsets, False)


def dilation(image: Any, low: tuple[int, ...], high: tuple[int, ...], offsets: Any) -> Any:
    """See `segalgo.dilation`. A launch an axis for a box, one for any other footprint; scratch: the image once."""
    return _extreme(image, low, high, offsets, True)


def _extreme(image: Any, low: tuple[int, ...], high: tuple[int, ...], offsets: Any, largest: bool) -> Any:
    device = device_of(image)
    xp, size = device.xp, image.size
    if size == 0:
        return image.copy()
    if image.dtype.kind == "f":
        nothing = image.dtype.type(-np.inf if largest else np.inf)
    else:
        limits = np.iinfo(image.dtype)
        nothing = image.dtype.type(limits.min if largest else limits.max)
    grid, name = blocks_for(size, THREADS), c_name(image.dtype)
    if offsets is not None:
        tables = (xp.asarray(np.array(image.shape, np.int64)), xp.asarray(np.ascontiguousarray(offsets, np.int64)))
        output = xp.empty_like(image)
        sizes = (np.int32(largest), np.int32(image.ndim), np.int64(len(offsets)), np.int64(size))
        kernel = f"erosion_offsets<{name}>"
        device.launch(TOPIC, kernel, grid, (THREADS,), (image, *tables, output, nothing, *sizes))
        return output
    inner, current = 1, image
    for axis in reversed(range(image.ndim)):
        length = image.shape[axis]
        if axis == 0 or low[axis] or high[axis]:
            output = xp.empty_like(image)
            numbers = (nothing, np.int64(low[axis]), np.int64(high[axis]), np.int32(largest))
            sizes = (np.int64(length), np.int64(inner), np.int64(size))
            kernel = f"erosion_line<{name}>"
            device.launch(TOPIC, kernel, grid, (THREADS,), (current, output, *numbers, *sizes))
            current = output
        inner *= length
    return current
