"""Normalization beside PyTorch."""

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


class BatchNorm:
    """1 x 64 x 512 x 512."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512), *np.abs(random(dtype, 4, 64)))
        self.call = call_of(
            implementation,
            lambda x, m, v, w, b: segalgo.batch_norm(x, m, v, w, b),
            lambda f, x, m, v, w, b: f.batch_norm(x, m, v, w, b),
            *arrays,
        )

    def time_batch_norm(self, implementation, dtype):
        self.call()


class LayerNorm:
    """16384 rows of 256 cells."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 16384, 256), *random(dtype, 2, 256))
        self.call = call_of(
            implementation,
            lambda x, w, b: segalgo.layer_norm(x, 256, w, b),
            lambda f, x, w, b: f.layer_norm(x, (256,), w, b),
            *arrays,
        )

    def time_layer_norm(self, implementation, dtype):
        self.call()


class LayerNormLong:
    """64 rows of 65536 cells."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 64, 65536),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.layer_norm(x, 65536),
            lambda f, x: f.layer_norm(x, (65536,)),
            *arrays,
        )

    def time_layer_norm(self, implementation, dtype):
        self.call()


class LocalResponseNorm:
    """1 x 64 x 256 x 256, 5 channels."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 256, 256),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.local_response_norm(x, 5),
            lambda f, x: f.local_response_norm(x, 5),
            *arrays,
        )

    def time_local_response_norm(self, implementation, dtype):
        self.call()


class GroupNorm:
    """1 x 64 x 512 x 512 in 32 groups."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512), *random(dtype, 2, 64))
        self.call = call_of(
            implementation,
            lambda x, w, b: segalgo.group_norm(x, 32, w, b),
            lambda f, x, w, b: f.group_norm(x, 32, w, b),
            *arrays,
        )

    def time_group_norm(self, implementation, dtype):
        self.call()
