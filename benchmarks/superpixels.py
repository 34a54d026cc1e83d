"""Superpixels of a color picture of 1024^2 pixels beside scikit-image."""

import numpy as np
from scipy import ndimage as ndi

import segalgo
from benchmarks.harness import peer


def picture() -> np.ndarray:
    """Return a smooth color picture."""
    values = np.random.default_rng(0).random((1024, 1024, 3))
    values = ndi.gaussian_filter(values, (6, 6, 0))
    values = (values - values.min()) / np.ptp(values)
    return (values * 255).astype(np.uint8)


class Slic:
    """The labels of scikit-image are others: its centres look twice as far, and its sums are rounded."""

    param_names = ("implementation", "segments")
    params = (("segalgo", "skimage"), (500, 5000))

    def setup(self, implementation, segments):
        image = picture()
        if implementation == "segalgo":
            self.call = lambda: segalgo.slic(image, segments)
        else:
            segmentation = peer("skimage.segmentation")
            self.call = lambda: segmentation.slic(image, segments, start_label=1)
            ours, theirs = int(segalgo.slic(image, segments).max()), int(self.call().max())
            assert abs(ours - theirs) < 0.2 * segments

    def time_slic(self, implementation, segments):
        self.call()


class Felzenszwalb:
    """Both smooth the picture with SciPy; labels are equal where costs of edges are not."""

    param_names = ("implementation",)
    params = (("segalgo", "skimage"),)

    def setup(self, implementation):
        image = picture()
        if implementation == "segalgo":
            self.call = lambda: segalgo.felzenszwalb(image, 100)
        else:
            segmentation = peer("skimage.segmentation")
            self.call = lambda: segmentation.felzenszwalb(image, 100)
            assert (self.call() != segalgo.felzenszwalb(image, 100)).mean() < 0.2

    def time_felzenszwalb(self, implementation):
        self.call()
