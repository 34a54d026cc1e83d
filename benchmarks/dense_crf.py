"""The dense conditional random field beside pydensecrf, which has one thread."""

import numpy as np

import segalgo
from benchmarks.harness import peer


class DenseCRF500x375x21:
    """A picture of 500 x 375 pixels, 21 classes, 10 iterations."""

    param_names = ("implementation",)
    params = (("segalgo", "pydensecrf"),)

    def setup(self, implementation):
        rng = np.random.default_rng(0)
        coarse = rng.random((21, 1, 8, 10), np.float32) * 6
        self.p = segalgo.softmax(segalgo.interpolate(coarse, (375, 500), mode="bilinear")[:, 0], 0)
        shades = rng.random((1, 3, 25, 33), np.float32) * 255
        smooth = segalgo.interpolate(shades, (375, 500), mode="bilinear")[0].transpose(1, 2, 0)
        self.image = np.ascontiguousarray(smooth + rng.normal(0, 4, smooth.shape)).clip(0, 255).astype(np.uint8)
        self.run = {"segalgo": self.ours, "pydensecrf": self.theirs}[implementation]
        if implementation != "segalgo":
            assert (self.ours().argmax(0) == self.theirs().argmax(0)).mean() > 0.999

    def ours(self):
        return segalgo.dense_crf(self.p, self.image)

    def theirs(self):
        densecrf, unary = peer("pydensecrf.densecrf"), peer("pydensecrf.utils")
        crf = densecrf.DenseCRF2D(500, 375, 21)
        crf.setUnaryEnergy(np.ascontiguousarray(unary.unary_from_softmax(self.p)))
        crf.addPairwiseGaussian(sxy=3, compat=3)
        crf.addPairwiseBilateral(sxy=80, srgb=13, rgbim=self.image, compat=10)
        return np.array(crf.inference(10)).reshape(21, 375, 500)

    def time_inference(self, implementation):
        self.run()


class GaussianFeatureFilter65536x21x5:
    """65536 points, 21 channels, 5 features: on the lattice, beside exact means of every 256th point by NumPy."""

    param_names = ("implementation",)
    params = (("segalgo", "numpy"),)

    def setup(self, implementation):
        rng = np.random.default_rng(0)
        self.values = rng.random((21, 65536), np.float32)
        self.features = np.cumsum(rng.normal(0, 0.05, (5, 65536)), axis=1)
        self.run = {"segalgo": self.ours, "numpy": self.theirs}[implementation]

    def ours(self):
        return segalgo.gaussian_feature_filter(self.values, self.features)

    def theirs(self):
        """Return the means for every 256th point."""
        difference = self.features[:, ::256, None] - self.features[:, None]
        weights = np.exp(-0.5 * (difference**2).sum(axis=0)).astype(np.float32)
        return self.values @ (weights / weights.sum(axis=1, keepdims=True)).T

    def time_filter(self, implementation):
        self.run()
