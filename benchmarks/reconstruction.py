"""Reconstruction and peaks of 2048^2 cells beside scikit-image."""

import numpy as np
from scipy import ndimage as ndi

import segalgo
from benchmarks.harness import peer


def image_of(kind: str) -> np.ndarray:
    """Return uint8 values: ``noise``, or ``smooth`` hills."""
    values = np.random.default_rng(0).random((2048, 2048))
    if kind == "smooth":
        values = ndi.gaussian_filter(values, 3)
        values = (values - values.min()) / np.ptp(values)
    return (values * 255).astype(np.uint8)


class Peaks:
    """scikit-image's `reconstruction` and `h_maxima` compute with floats."""

    param_names = ("implementation", "function", "kind")
    params = (
        ("segalgo", "skimage"),
        ("reconstruction", "h_maxima", "local_maxima", "peak_local_max"),
        ("noise", "smooth"),
    )

    def setup(self, implementation, function, kind):
        image = image_of(kind)
        arguments = {
            "reconstruction": (np.where(image > 20, image - 20, 0).astype(np.uint8), image),
            "h_maxima": (image, 20),
            "local_maxima": (image,),
            "peak_local_max": (image.astype(np.int16), 5),
        }[function]
        ours = getattr(segalgo, function)
        self.call = lambda: ours(*arguments)
        if implementation == "skimage":
            library = peer("skimage.feature" if function == "peak_local_max" else "skimage.morphology")
            theirs = getattr(library, function)
            self.call = lambda: theirs(*arguments)
            assert np.array_equal(self.call(), ours(*arguments))

    def time_peaks(self, implementation, function, kind):
        self.call()
