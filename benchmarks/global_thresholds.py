"""Thresholds beside OpenCV and scikit-image."""

import numpy as np
from skimage import data, filters

import segalgo
from benchmarks.harness import floor, peer

METHODS = ("otsu", "li", "yen", "triangle", "isodata", "minimum", "entropy", "mean")


def picture(dtype: str, tiles: int) -> np.ndarray:
    """Return the camera picture, tiled; floats between 0 and 1 with a little noise."""
    image = np.tile(data.camera(), (tiles, tiles))
    if dtype.startswith("f"):
        noise = np.random.default_rng(0).random(image.shape, np.float32)
        return ((image + noise) / 256).astype(dtype)
    return image


class OtsuMask:
    """4096 x 4096 uint8: Otsu's threshold and its mask."""

    param_names = ("implementation",)
    params = (("segalgo", "cv2", "skimage", "floor"),)

    def setup(self, implementation):
        image = picture("uint8", 8)
        expected = image > filters.threshold_otsu(image)
        if implementation == "segalgo":
            self.call = lambda: segalgo.binarize(image, segalgo.threshold_otsu(image))
            assert np.array_equal(self.call(), expected)
        elif implementation == "cv2":
            cv2 = peer("cv2")
            self.call = lambda: cv2.threshold(image, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]
            assert np.array_equal(self.call(), expected)
        elif implementation == "skimage":
            self.call = lambda: image > filters.threshold_otsu(image)
        else:
            self.call = floor(image, expected)

    def time_otsu_mask(self, implementation):
        self.call()


class GlobalThreshold:
    """4096 x 4096: the threshold alone."""

    param_names = ("implementation", "method", "dtype")
    params = (("segalgo", "skimage", "floor"), METHODS, ("uint8", "float32"))

    def setup(self, implementation, method, dtype):
        image = picture(dtype, 8)
        ours, theirs = (getattr(module, f"threshold_{method}", None) for module in (segalgo, filters))
        if implementation == "segalgo":
            if theirs is not None:
                np.testing.assert_allclose(ours(image[:512, :512]), theirs(image[:512, :512]), rtol=1e-5)
            self.call = lambda: ours(image)
        elif implementation == "skimage":
            if theirs is None or (method == "minimum" and dtype == "float32"):
                raise NotImplementedError(f"scikit-image has no {method} here")
            self.call = lambda: theirs(image)
        else:
            self.call = floor(image, np.empty(0))

    def time_global_threshold(self, implementation, method, dtype):
        self.call()


class MultiOtsu:
    """512 x 512 uint8."""

    param_names = ("implementation", "classes")
    params = (("segalgo", "skimage"), (3, 4, 5))

    def setup(self, implementation, classes):
        image = picture("uint8", 1)
        module = segalgo if implementation == "segalgo" else filters
        self.call = lambda: module.threshold_multiotsu(image, classes)
        if implementation == "segalgo" and classes < 5:
            assert np.array_equal(self.call(), filters.threshold_multiotsu(image, classes))

    def time_multi_otsu(self, implementation, classes):
        self.call()


class LocalThreshold:
    """2048 x 2048: Sauvola and Niblack of window 25, Gaussian, mean and median of block 35."""

    param_names = ("implementation", "method", "dtype")
    params = (
        ("segalgo", "skimage", "floor"),
        ("sauvola", "niblack", "gaussian", "mean", "median"),
        ("uint8", "float32"),
    )

    def setup(self, implementation, method, dtype):
        image = picture(dtype, 4)
        if method == "median" and (implementation == "skimage" or dtype == "float32"):
            raise NotImplementedError("selection in each window: a minute")
        module = segalgo if implementation == "segalgo" else filters
        if implementation == "floor":
            self.call = floor(image, np.empty(image.shape, np.float32 if dtype == "float32" else np.float64))
        elif method in ("sauvola", "niblack"):
            function = getattr(module, f"threshold_{method}")
            self.call = lambda: function(image, 25)
        else:
            self.call = lambda: module.threshold_local(image, 35, method)
        if implementation == "segalgo" and method != "median":
            small = image[:256, :256]
            function = filters.threshold_sauvola if method == "sauvola" else filters.threshold_niblack
            expected = function(small, 25) if method[-1] in "ak" else filters.threshold_local(small, 35, method)
            function = segalgo.threshold_sauvola if method == "sauvola" else segalgo.threshold_niblack
            got = function(small, 25) if method[-1] in "ak" else segalgo.threshold_local(small, 35, method)
            np.testing.assert_allclose(got, expected, rtol=1e-4)

    def time_local_threshold(self, implementation, method, dtype):
        self.call()


class Hysteresis:
    """4096 x 4096 uint8, thresholds 90 and 160."""

    param_names = ("implementation",)
    params = (("segalgo", "skimage", "floor"),)

    def setup(self, implementation):
        image = picture("uint8", 8)
        module = segalgo if implementation == "segalgo" else filters
        self.call = lambda: module.apply_hysteresis_threshold(image, 90, 160)
        if implementation == "floor":
            self.call = floor(image, np.empty(image.shape, bool))

    def time_hysteresis(self, implementation):
        self.call()
