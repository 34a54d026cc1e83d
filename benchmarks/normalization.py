"""Normalization beside PyTorch."""

import numpy as np

import segalgo
from benchmarks.beside_torch import BesideTorch, random


class BatchNorm(BesideTorch):
    """1 x 64 x 512 x 512."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512), *np.abs(random(dtype, 4, 64)))

    def ours(self, x, m, v, w, b):
        return segalgo.batch_norm(x, m, v, w, b)

    def theirs(self, f, x, m, v, w, b):
        return f.batch_norm(x, m, v, w, b)


class LayerNorm(BesideTorch):
    """16384 rows of 256 cells."""

    def arrays(self, dtype):
        return (random(dtype, 16384, 256), *random(dtype, 2, 256))

    def ours(self, x, w, b):
        return segalgo.layer_norm(x, 256, w, b)

    def theirs(self, f, x, w, b):
        return f.layer_norm(x, (256,), w, b)


class LayerNormLong(BesideTorch):
    """64 rows of 65536 cells."""

    def arrays(self, dtype):
        return (random(dtype, 64, 65536),)

    def ours(self, x):
        return segalgo.layer_norm(x, 65536)

    def theirs(self, f, x):
        return f.layer_norm(x, (65536,))


class LocalResponseNorm(BesideTorch):
    """1 x 64 x 256 x 256, 5 channels."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 256, 256),)

    def ours(self, x):
        return segalgo.local_response_norm(x, 5)

    def theirs(self, f, x):
        return f.local_response_norm(x, 5)


class GroupNorm(BesideTorch):
    """1 x 64 x 512 x 512 in 32 groups."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512), *random(dtype, 2, 64))

    def ours(self, x, w, b):
        return segalgo.group_norm(x, 32, w, b)

    def theirs(self, f, x, w, b):
        return f.group_norm(x, 32, w, b)
