"""The fully connected layer beside PyTorch."""

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


class Linear4096x1024x1024:
    """4096 rows, 1024 outputs, 1024 inputs."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 4096, 1024), random(dtype, 1024, 1024), random(dtype, 1024))
        self.call = call_of(
            implementation,
            lambda x, w, b: segalgo.linear(x, w, b),
            lambda f, x, w, b: f.linear(x, w, b),
            *arrays,
        )

    def time_linear(self, implementation, dtype):
        self.call()


class Linear1x4096x4096:
    """1 rows, 4096 outputs, 4096 inputs."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 4096), random(dtype, 4096, 4096), random(dtype, 4096))
        self.call = call_of(
            implementation,
            lambda x, w, b: segalgo.linear(x, w, b),
            lambda f, x, w, b: f.linear(x, w, b),
            *arrays,
        )

    def time_linear(self, implementation, dtype):
        self.call()


class Linear64x1000x2048:
    """64 rows, 1000 outputs, 2048 inputs."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 64, 2048), random(dtype, 1000, 2048), random(dtype, 1000))
        self.call = call_of(
            implementation,
            lambda x, w, b: segalgo.linear(x, w, b),
            lambda f, x, w, b: f.linear(x, w, b),
            *arrays,
        )

    def time_linear(self, implementation, dtype):
        self.call()
