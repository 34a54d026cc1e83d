"""What benchmarks of layers share whose peer is `torch.nn.functional`."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from benchmarks.harness import floor, peer


def random(dtype: str, *shape: int) -> np.ndarray:
    """Return normal values of a fixed seed."""
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


class BesideTorch(ABC):
    """One layer; a benchmark says its arrays, our call and that of `torch.nn.functional` (f)."""

    param_names = ("implementation", "dtype")
    params = (("segalgo", "torch", "floor"), ("float32", "float64"))

    @abstractmethod
    def arrays(self, dtype: str) -> tuple[np.ndarray, ...]:
        """Return the input and the weights."""

    @abstractmethod
    def ours(self, *arrays: np.ndarray) -> np.ndarray:
        """Return what segalgo computes."""

    @abstractmethod
    def theirs(self, f: Any, *arrays: Any) -> Any:
        """Return what PyTorch computes of the same arrays as tensors."""

    def setup(self, implementation: str, dtype: str) -> None:
        """Prepare the call; the peer's answer is compared with ours once."""
        arrays = self.arrays(dtype)
        if implementation == "segalgo":
            self.call = lambda: self.ours(*arrays)
        elif implementation == "torch":
            torch = peer("torch")
            tensors = [torch.from_numpy(array) for array in arrays]
            eps = 1e-4 if dtype == "float32" else 1e-11
            expected = self.theirs(torch.nn.functional, *tensors)
            assert np.allclose(self.ours(*arrays), expected, rtol=eps, atol=eps)
            self.call = lambda: self.theirs(torch.nn.functional, *tensors)
        else:
            self.call = floor(arrays[0], self.ours(*arrays))

    def time_layer(self, implementation: str, dtype: str) -> None:
        """Run the call that was prepared."""
        self.call()
