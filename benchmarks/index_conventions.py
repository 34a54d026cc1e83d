"""Pooling indices between the conventions of PyTorch and TensorFlow, beside NumPy."""

import numpy as np

import segalgo
from benchmarks.harness import floor


class IndexConventions:
    """Indices of 2 x 2 windows of 16 channels of 1024 x 1024."""

    param_names = ("implementation", "function")
    params = (("segalgo", "reference", "floor"), ("plane_to_tensor_indices", "tensor_to_plane_indices"))

    def setup(self, implementation, function):
        rng = np.random.default_rng(0)
        size = (1024, 1024)
        indices = rng.integers(0, size[0] * size[1], (1, 16, 512, 512))
        if function == "tensor_to_plane_indices":
            with segalgo.use_backend("reference"):
                indices = segalgo.plane_to_tensor_indices(indices, size)
        convert = getattr(segalgo, function)
        if implementation == "segalgo":
            self.call = lambda: convert(indices, size)
        elif implementation == "reference":
            self.call = lambda: self.by_reference(convert, indices, size)
            assert np.array_equal(self.call(), convert(indices, size))
        else:
            self.call = floor(indices, indices, fresh=True)

    @staticmethod
    def by_reference(convert, indices, size):
        with segalgo.use_backend("reference"):
            return convert(indices, size)

    def time_index_conventions(self, implementation, function):
        self.call()
