"""Exact Euclidean distances beside edt, OpenCV and SciPy, and growing labels beside scikit-image."""

import numpy as np

import segalgo
from benchmarks.harness import THREADS, floor, peer
from benchmarks.label_arrays import labels_of


def image_of(kind: str) -> np.ndarray:
    """Return a mask (``blobs``, ``points``: one cell of background in a thousand, ``volume``) or labels (``cells``)."""
    if kind == "points":
        return np.random.default_rng(0).random((2048, 2048)) < 0.999
    if kind == "volume":
        return labels_of("volume") != 0
    labels = labels_of(kind, 2048)
    return labels if kind == "cells" else labels != 0


class DistanceTransform:
    """float32 distances; OpenCV's precise mask knows two axes and no labels, SciPy returns float64."""

    param_names = ("implementation", "kind")
    params = (("segalgo", "edt", "cv2", "scipy", "floor"), ("blobs", "points", "cells", "volume"))

    def setup(self, implementation, kind):
        image = image_of(kind)
        distances = segalgo.distance_transform(image)
        if implementation == "segalgo":
            self.call = lambda: segalgo.distance_transform(image)
        elif implementation == "edt":
            edt = peer("edt")
            self.call = lambda: edt.edt(image, parallel=THREADS)
        elif implementation == "floor":
            self.call = floor(image, distances, fresh=True)
        elif kind == "cells" or (implementation == "cv2" and kind == "volume"):
            raise NotImplementedError("knows no such image")
        elif implementation == "cv2":
            cv2 = peer("cv2")
            pixels = image.view(np.uint8)
            self.call = lambda: cv2.distanceTransform(pixels, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        else:
            from scipy import ndimage as ndi

            self.call = lambda: ndi.distance_transform_edt(image)
        if implementation in ("edt", "cv2", "scipy"):
            assert np.allclose(self.call(), distances, rtol=1e-5)

    def time_distance_transform(self, implementation, kind):
        self.call()


class ExpandLabels:
    """Labels grown by 10 cells."""

    param_names = ("implementation", "kind")
    params = (("segalgo", "skimage", "floor"), ("blobs",))

    def setup(self, implementation, kind):
        labels = labels_of(kind, 2048)
        expanded = segalgo.expand_labels(labels, 10)
        if implementation == "segalgo":
            self.call = lambda: segalgo.expand_labels(labels, 10)
        elif implementation == "skimage":
            segmentation = peer("skimage.segmentation")
            self.call = lambda: segmentation.expand_labels(labels, 10)
            assert np.array_equal(self.call() > 0, expanded > 0)
        else:
            self.call = floor(labels, expanded)

    def time_expand_labels(self, implementation, kind):
        self.call()
