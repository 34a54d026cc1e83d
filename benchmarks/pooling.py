"""Max-pooling with indices and max-unpooling beside PyTorch."""

import numpy as np

import segalgo
from benchmarks.harness import floor, peer


def picture(dtype: str) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((1, 64, 512, 512)).astype(dtype)


class MaxPool2d:
    """1 x 64 x 512 x 512, kernel 2, stride 2, with indices."""

    param_names = ("implementation", "dtype")
    params = (("segalgo", "torch", "floor", "fresh_floor"), ("float32", "float64"))

    def setup(self, implementation, dtype):
        x = picture(dtype)
        values, indices = segalgo.max_pool2d(x, 2, return_indices=True)
        if implementation == "segalgo":
            self.call = lambda: segalgo.max_pool2d(x, 2, return_indices=True)
        elif implementation == "torch":
            torch = peer("torch")
            tensor = torch.from_numpy(x)
            self.call = lambda: torch.nn.functional.max_pool2d(tensor, 2, return_indices=True)
            expected = self.call()
            assert np.array_equal(values, expected[0])
            assert np.array_equal(indices, expected[1])
        else:
            self.call = floor(x, values, indices, fresh=implementation == "fresh_floor")

    def time_max_pool2d(self, implementation, dtype):
        self.call()


class MaxPool2dOverlapping:
    """1 x 64 x 512 x 512, kernel 3, stride 2, padding 1, with indices."""

    param_names = ("implementation", "dtype")
    params = (("segalgo", "torch", "floor", "fresh_floor"), ("float32", "float64"))

    def setup(self, implementation, dtype):
        x = picture(dtype)
        arguments = (3, 2, 1, 1, False, True)
        values, indices = segalgo.max_pool2d(x, *arguments)
        if implementation == "segalgo":
            self.call = lambda: segalgo.max_pool2d(x, *arguments)
        elif implementation == "torch":
            torch = peer("torch")
            tensor = torch.from_numpy(x)
            self.call = lambda: torch.nn.functional.max_pool2d(tensor, *arguments)
            assert np.array_equal(indices, self.call()[1])
        else:
            self.call = floor(x, values, indices, fresh=implementation == "fresh_floor")

    def time_max_pool2d(self, implementation, dtype):
        self.call()


class MaxUnpool2d:
    """Back to 1 x 64 x 512 x 512."""

    param_names = ("implementation", "dtype")
    params = (("segalgo", "torch", "floor", "fresh_floor"), ("float32", "float64"))

    def setup(self, implementation, dtype):
        x = picture(dtype)
        values, indices = segalgo.max_pool2d(x, 2, return_indices=True)
        if implementation == "segalgo":
            self.call = lambda: segalgo.max_unpool2d(values, indices, 2)
        elif implementation == "torch":
            torch = peer("torch")
            tensors = torch.from_numpy(values), torch.from_numpy(indices)
            self.call = lambda: torch.nn.functional.max_unpool2d(*tensors, 2)
            assert np.array_equal(self.call(), segalgo.max_unpool2d(values, indices, 2))
        else:
            source = np.concatenate([values.view(np.uint8).ravel(), indices.view(np.uint8).ravel()])
            self.call = floor(source, x, fresh=implementation == "fresh_floor")

    def time_max_unpool2d(self, implementation, dtype):
        self.call()
