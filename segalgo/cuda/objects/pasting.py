"""Masks of boxes, pasted into pictures: launch code of ``_ext/objects/pasting.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

THREADS = 256


def paste_masks(masks: Any, corners: Any, height: int, width: int, threshold: Any) -> Any:
    """See `segalgo.paste_masks`. One thread a cell."""
    device = device_of(masks)
    bits = threshold is not None
    pasted = device.xp.empty((masks.shape[0], height, width), bool if bits else masks.dtype)
    if pasted.size:
        sizes = map(np.int64, (*masks.shape, height, width))
        limit = (masks.dtype.type(threshold),) if bits else ()
        kernel = f"{'paste_masks_above' if bits else 'paste_masks'}<{c_name(masks.dtype)}>"
        arguments = (masks, corners, pasted, *limit, *sizes)
        device.launch("objects.pasting", kernel, blocks_for(pasted.size, THREADS), (THREADS,), arguments)
    return pasted
