"""Run-length codes of masks that are pasted into pictures: the reference of `segalgo.masks.paste_masks_to_rles`."""

from typing import Any

import numpy as np

from segalgo.reference.masks.run_lengths import mask_to_counts
from segalgo.reference.objects.pasting import paste_masks


def paste_masks_to_counts(masks: Any, corners: Any, height: int, width: int, threshold: float) -> tuple[Any, Any]:
    """Return the counts of all masks, and where each one's begin; arguments as those of `paste_masks`."""
    found = [np.empty(0, np.uint32)]
    for k in range(len(masks)):
        pasted = paste_masks(masks[k : k + 1], corners[k : k + 1], height, width, threshold)[0]
        found.append(mask_to_counts(pasted.view(np.uint8)))
    return np.concatenate(found), np.cumsum([len(counts) for counts in found], dtype=np.int64)
