"""Label arrays that the benchmarks of labels share: smooth blobs, noise, and cells that fill the plane."""

from functools import cache

import numpy as np
from scipy import ndimage as ndi

import segalgo


@cache
def labels_of(kind: str, size: int = 4096) -> np.ndarray:
    """Return an int32 label array: ``blobs``, ``noise``, ``cells`` (size x size) or ``volume`` (256^3 blobs)."""
    rng = np.random.default_rng(0)
    if kind == "volume":
        smooth = ndi.gaussian_filter(rng.standard_normal((256, 256, 256), np.float32), 4)
        return segalgo.label(smooth > 0.02)
    if kind == "noise":
        return segalgo.label(rng.random((size, size)) < 0.5, connectivity=1)
    smooth = ndi.gaussian_filter(rng.standard_normal((size, size), np.float32), 12)
    if kind == "blobs":
        return segalgo.label(smooth > 0.01)
    # Cells: every pixel has the label of the nearest of some 64 x 64 jittered seeds.
    seeds = np.zeros((size, size), bool)
    step = size // 64
    corner = np.arange(64) * step
    at = rng.integers(0, step, (2, 64, 64))
    seeds[corner[:, None] + at[0], corner[None] + at[1]] = True
    places = ndi.distance_transform_edt(~seeds, return_distances=False, return_indices=True)
    return segalgo.label(seeds)[tuple(places)]


@cache
def intensity_of(kind: str, dtype: str) -> np.ndarray:
    """Return an intensity image for `labels_of`."""
    values = np.random.default_rng(1).integers(0, 256, labels_of(kind).shape, np.uint8)
    return values.astype(dtype)
