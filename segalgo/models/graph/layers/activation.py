"""Records of activations, cell by cell, and of dropout."""

from dataclasses import dataclass
from typing import Any

import numpy as np

import segalgo
from segalgo._core.arrays import array_module
from segalgo.models.graph.layer import Parameter, Shape
from segalgo.models.graph.layers.families import Cellwise


class _Activation(Cellwise):
    """Records of layers that compute each cell from itself alone: a plan calls `compute` on any layout."""

    blocked = "cells"


@dataclass(frozen=True)
class Relu(_Activation, operation="relu"):
    """Zero in place of negative cells."""

    onnx = "Relu"
    multiplications_per_cell, flops_per_cell = 0, 1

    def compute(self, x: Any) -> Any:
        return segalgo.relu(x)


@dataclass(frozen=True)
class LeakyRelu(_Activation, operation="leaky_relu"):
    """Negative cells times a slope."""

    onnx = "LeakyRelu"
    multiplications_per_cell, flops_per_cell = 1, 2

    negative_slope: float = 0.01

    def compute(self, x: Any) -> Any:
        return segalgo.leaky_relu(x, self.negative_slope)


@dataclass(frozen=True)
class PRelu(Cellwise, operation="prelu"):
    """Negative cells times a learned slope: one, or one for each channel."""

    onnx = "PRelu"
    blocked = "kernel"
    multiplications_per_cell, flops_per_cell = 1, 2

    num_parameters: int = 1

    def compute(self, x: Any, weight: Any) -> Any:
        return segalgo.prelu(x, weight)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        if self.num_parameters not in (1, x[1]):
            raise ValueError(f"num_parameters={self.num_parameters}: expected 1 or {x[1]}, the channels of the input")
        return {"weight": Parameter((self.num_parameters,), constant=0.25)}


@dataclass(frozen=True)
class Relu6(_Activation, operation="relu6"):
    """Cells limited to 0 to 6."""

    onnx = "Clip"
    multiplications_per_cell, flops_per_cell = 0, 2

    def compute(self, x: Any) -> Any:
        return segalgo.relu6(x)


@dataclass(frozen=True)
class HardSigmoid(_Activation, operation="hardsigmoid"):
    """``min(max(x + 3, 0), 6) / 6``."""

    onnx = "HardSigmoid"
    multiplications_per_cell, flops_per_cell = 1, 4

    def compute(self, x: Any) -> Any:
        return segalgo.hardsigmoid(x)


@dataclass(frozen=True)
class HardSwish(_Activation, operation="hardswish"):
    """``x * min(max(x + 3, 0), 6) / 6``."""

    onnx = "HardSwish"
    multiplications_per_cell, flops_per_cell = 2, 5

    def compute(self, x: Any) -> Any:
        return segalgo.hardswish(x)


@dataclass(frozen=True)
class Sigmoid(_Activation, operation="sigmoid"):
    """``1 / (1 + exp(-x))``."""

    onnx = "Sigmoid"
    multiplications_per_cell, flops_per_cell = 1, 4

    def compute(self, x: Any) -> Any:
        return segalgo.sigmoid(x)


@dataclass(frozen=True)
class Gelu(_Activation, operation="gelu"):
    """Gaussian error linear unit."""

    onnx = "Gelu"
    multiplications_per_cell, flops_per_cell = 3, 5

    approximate: str = "none"

    def compute(self, x: Any) -> Any:
        return segalgo.gelu(x, self.approximate)


@dataclass(frozen=True)
class Dropout(Cellwise, operation="dropout"):
    """The input as it is; while sampling, cells are set to zero with probability `p`, the others divided by 1 - p.

    The random numbers are NumPy's in every backend, so that one seed gives one answer.
    """

    onnx = "Dropout"
    samples = True
    multiplications_per_cell, flops_per_cell = 0, 0

    p: float = 0.5

    def compute(self, x: Any, rng: np.random.Generator | None = None) -> Any:
        if rng is None or self.p == 0:
            return x
        # Drawn in one precision, so that the same cells fall in float32 and in float64.
        factor = (rng.random(x.shape, np.float32) >= self.p) / (1 - self.p)
        return x * array_module(x).asarray(factor.astype(x.dtype))
