"""Interpolation and padding beside PyTorch."""

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


class BilinearTwice:
    """1 x 64 x 256 x 256 to 512 x 512."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 256, 256),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.interpolate(x, (512, 512), mode="bilinear"),
            lambda f, x: f.interpolate(x, (512, 512), mode="bilinear"),
            *arrays,
        )

    def time_interpolate(self, implementation, dtype):
        self.call()


class BilinearAligned:
    """1 x 64 x 256 x 256 to 385 x 385, corners aligned."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 256, 256),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.interpolate(x, (385, 385), mode="bilinear", align_corners=True),
            lambda f, x: f.interpolate(x, (385, 385), mode="bilinear", align_corners=True),
            *arrays,
        )

    def time_interpolate(self, implementation, dtype):
        self.call()


class BilinearHalf:
    """1 x 64 x 512 x 512 to 256 x 256."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.interpolate(x, (256, 256), mode="bilinear"),
            lambda f, x: f.interpolate(x, (256, 256), mode="bilinear"),
            *arrays,
        )

    def time_interpolate(self, implementation, dtype):
        self.call()


class NearestTwice:
    """1 x 64 x 256 x 256 to 512 x 512."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 256, 256),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.interpolate(x, (512, 512)),
            lambda f, x: f.interpolate(x, (512, 512)),
            *arrays,
        )

    def time_interpolate(self, implementation, dtype):
        self.call()


class NearestExact:
    """1 x 64 x 256 x 256 to 385 x 385."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 256, 256),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.interpolate(x, (385, 385), mode="nearest-exact"),
            lambda f, x: f.interpolate(x, (385, 385), mode="nearest-exact"),
            *arrays,
        )

    def time_interpolate(self, implementation, dtype):
        self.call()


class PadConstant:
    """1 x 64 x 512 x 512, 3 cells on each side, constant."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.pad(x, (3, 3, 3, 3), "constant"),
            lambda f, x: f.pad(x, (3, 3, 3, 3), "constant"),
            *arrays,
        )

    def time_pad(self, implementation, dtype):
        self.call()


class PadReflect:
    """1 x 64 x 512 x 512, 3 cells on each side, reflect."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.pad(x, (3, 3, 3, 3), "reflect"),
            lambda f, x: f.pad(x, (3, 3, 3, 3), "reflect"),
            *arrays,
        )

    def time_pad(self, implementation, dtype):
        self.call()


class PadReplicate:
    """1 x 64 x 512 x 512, 3 cells on each side, replicate."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.pad(x, (3, 3, 3, 3), "replicate"),
            lambda f, x: f.pad(x, (3, 3, 3, 3), "replicate"),
            *arrays,
        )

    def time_pad(self, implementation, dtype):
        self.call()


class PadCircular:
    """1 x 64 x 512 x 512, 3 cells on each side, circular."""

    param_names = PARAM_NAMES
    params = PARAMS

    def setup(self, implementation, dtype):
        arrays = (random(dtype, 1, 64, 512, 512),)
        self.call = call_of(
            implementation,
            lambda x: segalgo.pad(x, (3, 3, 3, 3), "circular"),
            lambda f, x: f.pad(x, (3, 3, 3, 3), "circular"),
            *arrays,
        )

    def time_pad(self, implementation, dtype):
        self.call()
