"""Activation functions beside PyTorch."""

import segalgo
from benchmarks.beside_torch import BesideTorch, random


class Relu(BesideTorch):
    """1 x 64 x 512 x 512."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.relu(x)

    def theirs(self, f, x):
        return f.relu(x)


class LeakyRelu(BesideTorch):
    """1 x 64 x 512 x 512."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.leaky_relu(x, 0.1)

    def theirs(self, f, x):
        return f.leaky_relu(x, 0.1)


class Prelu(BesideTorch):
    """1 x 64 x 512 x 512."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512), random(dtype, 64))

    def ours(self, x, w):
        return segalgo.prelu(x, w)

    def theirs(self, f, x, w):
        return f.prelu(x, w)


class Relu6(BesideTorch):
    """1 x 64 x 512 x 512."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.relu6(x)

    def theirs(self, f, x):
        return f.relu6(x)


class HardSigmoid(BesideTorch):
    """1 x 64 x 512 x 512."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.hardsigmoid(x)

    def theirs(self, f, x):
        return f.hardsigmoid(x)


class HardSwish(BesideTorch):
    """1 x 64 x 512 x 512."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.hardswish(x)

    def theirs(self, f, x):
        return f.hardswish(x)


class Sigmoid(BesideTorch):
    """1 x 64 x 512 x 512."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.sigmoid(x)

    def theirs(self, f, x):
        return f.sigmoid(x)


class Gelu(BesideTorch):
    """1 x 64 x 512 x 512."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.gelu(x)

    def theirs(self, f, x):
        return f.gelu(x)


class GeluTanh(BesideTorch):
    """1 x 64 x 512 x 512."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.gelu(x, "tanh")

    def theirs(self, f, x):
        return f.gelu(x, approximate="tanh")


class SoftmaxOfClasses(BesideTorch):
    """1 x 21 x 512 x 512, over the classes."""

    def arrays(self, dtype):
        return (random(dtype, 1, 21, 512, 512),)

    def ours(self, x):
        return segalgo.softmax(x, axis=1)

    def theirs(self, f, x):
        return f.softmax(x, 1)


class SoftmaxOfRows(BesideTorch):
    """16384 rows of 256 cells."""

    def arrays(self, dtype):
        return (random(dtype, 16384, 256),)

    def ours(self, x):
        return segalgo.softmax(x, axis=1)

    def theirs(self, f, x):
        return f.softmax(x, 1)


class LogSoftmaxOfClasses(BesideTorch):
    """1 x 21 x 512 x 512, over the classes."""

    def arrays(self, dtype):
        return (random(dtype, 1, 21, 512, 512),)

    def ours(self, x):
        return segalgo.log_softmax(x, axis=1)

    def theirs(self, f, x):
        return f.log_softmax(x, 1)


class LogSoftmaxOfRows(BesideTorch):
    """16384 rows of 256 cells."""

    def arrays(self, dtype):
        return (random(dtype, 16384, 256),)

    def ours(self, x):
        return segalgo.log_softmax(x, axis=1)

    def theirs(self, f, x):
        return f.log_softmax(x, 1)
