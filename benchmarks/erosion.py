"""Erosions of 2048^2 cells beside OpenCV and scikit-image."""

import numpy as np

import segalgo
from benchmarks.harness import floor, peer

DISK = (np.add.outer(np.arange(-5, 6) ** 2, np.arange(-5, 6) ** 2) <= 25).astype(np.uint8)
FOOTPRINTS = {"box 3": np.ones((3, 3), np.uint8), "box 15": np.ones((15, 15), np.uint8), "disk 5": DISK}


class Erosion:
    """OpenCV computes an erosion on one thread."""

    param_names = ("implementation", "footprint", "dtype")
    params = (("segalgo", "cv2", "skimage", "floor"), tuple(FOOTPRINTS), ("uint8", "float32"))

    def setup(self, implementation, footprint, dtype):
        image = np.random.default_rng(0).integers(0, 255, (2048, 2048)).astype(dtype)
        shape = FOOTPRINTS[footprint]
        eroded = segalgo.erosion(image, shape)
        if implementation == "segalgo":
            self.call = lambda: segalgo.erosion(image, shape)
        elif implementation == "cv2":
            cv2 = peer("cv2")
            self.call = lambda: cv2.erode(image, shape)
        elif implementation == "skimage":
            morphology = peer("skimage.morphology")
            self.call = lambda: morphology.erosion(image, shape)
        else:
            self.call = floor(image, eroded, fresh=True)
        if implementation in ("cv2", "skimage"):
            assert np.array_equal(self.call(), eroded)

    def time_erosion(self, implementation, footprint, dtype):
        self.call()
