"""Watersheds of a distance from its peaks, within the mask, beside scikit-image, OpenCV and SciPy."""

from functools import cache

import numpy as np
from scipy import ndimage as ndi

import segalgo
from benchmarks.harness import peer
from benchmarks.label_arrays import labels_of


@cache
def case_of(kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return altitudes, markers and mask: ``plane`` (2048^2) or ``volume`` (256^3)."""
    mask = (labels_of("volume") if kind == "volume" else labels_of("blobs", 2048)) != 0
    distance = segalgo.distance_transform(mask)
    peaks = (ndi.maximum_filter(distance, 9) == distance) & mask
    return -distance, segalgo.label(peaks), mask


class Watershed:
    """Both methods; those of OpenCV and SciPy know 8-bit altitudes alone and give other labels on plateaus."""

    param_names = ("implementation", "kind", "method", "dtype")
    params = (("segalgo", "skimage", "cv2", "scipy"), ("plane", "volume"), ("forest", "flood"), ("float32", "uint8"))

    def setup(self, implementation, kind, method, dtype):
        image, markers, mask = case_of(kind)
        if dtype == "uint8":
            image = (255 + np.maximum(image, -255)).astype(np.uint8)
        if implementation == "segalgo":
            self.call = lambda: segalgo.watershed(image, markers, mask=mask, method=method)
        elif implementation == "skimage":
            segmentation = peer("skimage.segmentation")
            self.call = lambda: segmentation.watershed(image, markers, mask=mask)
            if method == "flood":
                assert np.array_equal(self.call(), segalgo.watershed(image, markers, mask=mask))
        elif dtype != "uint8":
            raise NotImplementedError("knows 8 bits")
        elif implementation == "cv2":
            if kind == "volume":
                raise NotImplementedError("knows two axes")
            cv2 = peer("cv2")
            colors = np.repeat(image[..., None], 3, 2)
            seeds = np.where(mask, markers, -1).astype(np.int32)
            self.call = lambda: cv2.watershed(colors, seeds.copy())
        else:
            seeds = np.where(mask, markers, -1).astype(np.int32)
            self.call = lambda: ndi.watershed_ift(image, seeds)

    def time_watershed(self, implementation, kind, method, dtype):
        self.call()
