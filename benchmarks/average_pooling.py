"""Average-pooling beside PyTorch."""

import segalgo
from benchmarks.beside_torch import BesideTorch, random


class AvgPool2d(BesideTorch):
    """1 x 64 x 512 x 512, kernel 2, stride 2."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.avg_pool2d(x, 2)

    def theirs(self, f, x):
        return f.avg_pool2d(x, 2)


class AvgPool2dOverlapping(BesideTorch):
    """1 x 64 x 512 x 512, kernel 3, stride 2, padding 1."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.avg_pool2d(x, 3, 2, 1)

    def theirs(self, f, x):
        return f.avg_pool2d(x, 3, 2, 1)


class AdaptiveAvgPool2d(BesideTorch):
    """1 x 64 x 512 x 512 to 7 x 7."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.adaptive_avg_pool2d(x, 7)

    def theirs(self, f, x):
        return f.adaptive_avg_pool2d(x, 7)


class GlobalAvgPool2d(BesideTorch):
    """1 x 64 x 512 x 512 to 1 x 1."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.adaptive_avg_pool2d(x, 1)

    def theirs(self, f, x):
        return f.adaptive_avg_pool2d(x, 1)
