"""Average-pooling beside PyTorch."""

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


class AvgPool2d:
    """1 x 64 x 512 x 512, kernel 2, stride 2."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.avg_pool2d(x, 2),
            lambda f, x: f.avg_pool2d(x, 2),
            *arrays,
        )

    def time_avg_pool2d(self, implementation, dtype):
        self.call()


class AvgPool2dOverlapping:
    """1 x 64 x 512 x 512, kernel 3, stride 2, padding 1."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.avg_pool2d(x, 3, 2, 1),
            lambda f, x: f.avg_pool2d(x, 3, 2, 1),
            *arrays,
        )

    def time_avg_pool2d(self, implementation, dtype):
        self.call()


class AdaptiveAvgPool2d:
    """1 x 64 x 512 x 512 to 7 x 7."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.adaptive_avg_pool2d(x, 7),
            lambda f, x: f.adaptive_avg_pool2d(x, 7),
            *arrays,
        )

    def time_adaptive_avg_pool2d(self, implementation, dtype):
        self.call()


class GlobalAvgPool2d:
    """1 x 64 x 512 x 512 to 1 x 1."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.adaptive_avg_pool2d(x, 1),
            lambda f, x: f.adaptive_avg_pool2d(x, 1),
            *arrays,
        )

    def time_adaptive_avg_pool2d(self, implementation, dtype):
        self.call()
