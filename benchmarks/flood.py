"""Floods of 4096^2 cells beside OpenCV and scikit-image."""

import numpy as np
from scipy import ndimage as ndi

import segalgo
from benchmarks.harness import floor, peer


def image_of(kind: str) -> np.ndarray:
    """Return cells of 0 with others among them: none (``plain``), ``blobs``, or each twentieth (``noise``)."""
    rng = np.random.default_rng(0)
    image = np.zeros((4096, 4096), np.uint8)
    if kind == "blobs":
        image[ndi.gaussian_filter(rng.random((4096, 4096)), 8) > 0.505] = 9
    elif kind == "noise":
        image[rng.random((4096, 4096)) < 0.05] = 9
    image[0, 0] = 0
    return image


class Flood:
    """From a corner, over cells of one value that share a side."""

    param_names = ("implementation", "kind")
    params = (("segalgo", "cv2", "skimage", "floor"), ("plain", "blobs", "noise"))

    def setup(self, implementation, kind):
        image = image_of(kind)
        mask = segalgo.flood(image, (0, 0), connectivity=1)
        if implementation == "segalgo":
            self.call = lambda: segalgo.flood(image, (0, 0), connectivity=1)
        elif implementation == "cv2":
            cv2 = peer("cv2")

            def fill():
                filled = np.zeros((image.shape[0] + 2, image.shape[1] + 2), np.uint8)
                cv2.floodFill(image, filled, (0, 0), 0, 0, 0, 4 | 255 << 8 | cv2.FLOODFILL_MASK_ONLY)
                return filled[1:-1, 1:-1] > 0

            self.call = fill
        elif implementation == "skimage":
            segmentation = peer("skimage.segmentation")
            self.call = lambda: segmentation.flood(image, (0, 0), connectivity=1)
        else:
            self.call = floor(image, mask, fresh=True)
        if implementation in ("cv2", "skimage"):
            assert np.array_equal(self.call(), mask)

    def time_flood(self, implementation, kind):
        self.call()
