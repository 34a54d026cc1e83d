"""Records of normalization, by stored statistics or by those of the input."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import segalgo
from segalgo.models.graph.layer import CELL, WHOLE_MAP, Parameter, Reach, Shape, Unbounded
from segalgo.models.graph.layers.families import Cellwise, divided


@dataclass(frozen=True)
class BatchNorm(Cellwise, operation="batch_norm"):
    """Normalization by stored statistics."""

    onnx = "BatchNormalization"
    blocked = "kernel"
    multiplications_per_cell, flops_per_cell = 1, 2

    eps: float = 1e-5

    def compute(self, x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any) -> Any:
        return segalgo.batch_norm(x, running_mean, running_var, weight, bias, eps=self.eps)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        shape = x[1:2]
        return {
            "weight": Parameter(shape, constant=1),
            "bias": Parameter(shape),
            "running_mean": Parameter(shape, trained=False),
            "running_var": Parameter(shape, constant=1, trained=False),
        }


@dataclass(frozen=True)
class LayerNorm(Cellwise, operation="layer_norm"):
    """Normalization over the last axes, by their own statistics."""

    onnx = "LayerNormalization"
    multiplications_per_cell, flops_per_cell = 3, 7

    normalized_shape: int | Sequence[int]
    eps: float = 1e-5

    def compute(self, x: Any, weight: Any, bias: Any) -> Any:
        return segalgo.layer_norm(x, self.normalized_shape, weight, bias, self.eps)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        named = self.normalized_shape
        shape = tuple(named) if isinstance(named, Sequence) else (named,)
        if not shape or x[-len(shape) :] != shape:
            raise ValueError(f"normalized_shape={named} with an array of shape {x}: expected its last axes")
        return {"weight": Parameter(shape, constant=1), "bias": Parameter(shape)}

    def reach(self, axis: int, x: Shape) -> Unbounded:
        return WHOLE_MAP


@dataclass(frozen=True)
class GroupNorm(Cellwise, operation="group_norm"):
    """Normalization over groups of channels and the whole plane, by their own statistics."""

    onnx = "GroupNormalization"
    multiplications_per_cell, flops_per_cell = 3, 7

    num_groups: int
    eps: float = 1e-5

    def compute(self, x: Any, weight: Any, bias: Any) -> Any:
        return segalgo.group_norm(x, self.num_groups, weight, bias, self.eps)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        divided(x[1], self.num_groups, "input")
        return {"weight": Parameter(x[1:2], constant=1), "bias": Parameter(x[1:2])}

    def reach(self, axis: int, x: Shape) -> Unbounded:
        return WHOLE_MAP


@dataclass(frozen=True)
class LocalResponseNorm(Cellwise, operation="local_response_norm"):
    """Normalization across neighbouring channels."""

    onnx = "LRN"

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def compute(self, x: Any) -> Any:
        return segalgo.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def multiplications(self, x: Shape) -> int:
        return math.prod(x) * (self.size + 2)

    def flops(self, x: Shape) -> int:
        return math.prod(x) * (2 * self.size + 3)


@dataclass(frozen=True)
class Softmax(Cellwise, operation="softmax"):
    """Probabilities along an axis."""

    onnx = "Softmax"
    multiplications_per_cell, flops_per_cell = 1, 5

    axis: int

    def compute(self, x: Any) -> Any:
        return segalgo.softmax(x, self.axis)

    def reach(self, axis: int, x: Shape) -> Reach | Unbounded:
        return WHOLE_MAP if self.axis % len(x) == axis else CELL
