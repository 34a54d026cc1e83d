"""The fully connected layer and attention beside PyTorch."""

import segalgo
from benchmarks.beside_torch import BesideTorch, random


class Linear4096x1024x1024(BesideTorch):
    """4096 rows, 1024 outputs, 1024 inputs."""

    def arrays(self, dtype):
        return (random(dtype, 4096, 1024), random(dtype, 1024, 1024), random(dtype, 1024))

    def ours(self, x, w, b):
        return segalgo.linear(x, w, b)

    def theirs(self, f, x, w, b):
        return f.linear(x, w, b)


class Linear1x4096x4096(BesideTorch):
    """1 rows, 4096 outputs, 4096 inputs."""

    def arrays(self, dtype):
        return (random(dtype, 1, 4096), random(dtype, 4096, 4096), random(dtype, 4096))

    def ours(self, x, w, b):
        return segalgo.linear(x, w, b)

    def theirs(self, f, x, w, b):
        return f.linear(x, w, b)


class Linear64x1000x2048(BesideTorch):
    """64 rows, 1000 outputs, 2048 inputs."""

    def arrays(self, dtype):
        return (random(dtype, 64, 2048), random(dtype, 1000, 2048), random(dtype, 1000))

    def ours(self, x, w, b):
        return segalgo.linear(x, w, b)

    def theirs(self, f, x, w, b):
        return f.linear(x, w, b)


class ScaledDotProductAttention(BesideTorch):
    """SegFormer-B0's first stage at 512 x 512: 16384 queries, 256 keys, 32 channels."""

    def arrays(self, dtype):
        return (random(dtype, 1, 16384, 32), random(dtype, 1, 256, 32), random(dtype, 1, 256, 32))

    def ours(self, q, k, v):
        return segalgo.scaled_dot_product_attention(q, k, v)

    def theirs(self, f, q, k, v):
        return f.scaled_dot_product_attention(q, k, v)
