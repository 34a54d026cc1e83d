"""Activation functions beside PyTorch."""

import numpy as np

import segalgo
from benchmarks.harness import floor, peer

PARAM_NAMES = ("implementation", "dtype")
PARAMS = (("segalgo", "torch", "floor"), ("float32", "float64"))


def random(dtype: str, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def call_of(implementation, ours, theirs, *arrays):
    """Return the call of one implementation; the peer's answer is compared with ours once."""
    if implementation == "segalgo":
        return lambda: ours(*arrays)
    if implementation == "torch":
        torch = peer("torch")
        tensors = [torch.from_numpy(array) for array in arrays]
        eps = 1e-4 if arrays[0].dtype == np.float32 else 1e-11
        assert np.allclose(ours(*arrays), theirs(torch.nn.functional, *tensors), rtol=eps, atol=eps)
        return lambda: theirs(torch.nn.functional, *tensors)
    return floor(arrays[0], ours(*arrays))


class Relu:
    """1 x 64 x 512 x 512."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.relu(x),
            lambda f, x: f.relu(x),
            *arrays,
        )

    def time_relu(self, implementation, dtype):
        self.call()


class LeakyRelu:
    """1 x 64 x 512 x 512."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.leaky_relu(x, 0.1),
            lambda f, x: f.leaky_relu(x, 0.1),
            *arrays,
        )

    def time_leaky_relu(self, implementation, dtype):
        self.call()


class Prelu:
    """1 x 64 x 512 x 512."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512), random(dtype, 64))
        self.call = call_of(
            implementation,
            lambda x, w: segalgo.prelu(x, w),
            lambda f, x, w: f.prelu(x, w),
            *arrays,
        )

    def time_prelu(self, implementation, dtype):
        self.call()


class Relu6:
    """1 x 64 x 512 x 512."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.relu6(x),
            lambda f, x: f.relu6(x),
            *arrays,
        )

    def time_relu6(self, implementation, dtype):
        self.call()


class HardSigmoid:
    """1 x 64 x 512 x 512."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.hardsigmoid(x),
            lambda f, x: f.hardsigmoid(x),
            *arrays,
        )

    def time_hardsigmoid(self, implementation, dtype):
        self.call()


class HardSwish:
    """1 x 64 x 512 x 512."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.hardswish(x),
            lambda f, x: f.hardswish(x),
            *arrays,
        )

    def time_hardswish(self, implementation, dtype):
        self.call()


class Sigmoid:
    """1 x 64 x 512 x 512."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.sigmoid(x),
            lambda f, x: f.sigmoid(x),
            *arrays,
        )

    def time_sigmoid(self, implementation, dtype):
        self.call()


class Gelu:
    """1 x 64 x 512 x 512."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.gelu(x),
            lambda f, x: f.gelu(x),
            *arrays,
        )

    def time_gelu(self, implementation, dtype):
        self.call()


class GeluTanh:
    """1 x 64 x 512 x 512."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.gelu(x, "tanh"),
            lambda f, x: f.gelu(x, approximate="tanh"),
            *arrays,
        )

    def time_gelu(self, implementation, dtype):
        self.call()


class SoftmaxOfClasses:
    """1 x 21 x 512 x 512, over the classes."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 21, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.softmax(x, axis=1),
            lambda f, x: f.softmax(x, 1),
            *arrays,
        )

    def time_softmax(self, implementation, dtype):
        self.call()


class SoftmaxOfRows:
    """16384 rows of 256 cells."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 16384, 256),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.softmax(x, axis=1),
            lambda f, x: f.softmax(x, 1),
            *arrays,
        )

    def time_softmax(self, implementation, dtype):
        self.call()


class LogSoftmaxOfClasses:
    """1 x 21 x 512 x 512, over the classes."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 21, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.log_softmax(x, axis=1),
            lambda f, x: f.log_softmax(x, 1),
            *arrays,
        )

    def time_log_softmax(self, implementation, dtype):
        self.call()


class LogSoftmaxOfRows:
    """16384 rows of 256 cells."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 16384, 256),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.log_softmax(x, axis=1),
            lambda f, x: f.log_softmax(x, 1),
            *arrays,
        )

    def time_log_softmax(self, implementation, dtype):
        self.call()
