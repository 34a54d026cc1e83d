"""Records of layers that join several arrays."""

import math
from dataclasses import dataclass
from typing import Any

from segalgo._core.arrays import array_module
from segalgo.models.graph.layer import CELL, Layer, Parameter, Reach, Shape, Unbounded
from segalgo.models.graph.layers.families import BY_SIZE, Pairwise, without_axis


@dataclass(frozen=True)
class Add(Pairwise, operation="add"):
    """Sum of two arrays."""

    blocked = "kernel"
    onnx = "Add"

    def compute(self, first: Any, second: Any) -> Any:
        return first + second

    def multiplications(self, first: Shape, second: Shape) -> int:
        return 0


@dataclass(frozen=True)
class Multiply(Pairwise, operation="multiply"):
    """Product of two arrays, cell by cell."""

    blocked = "kernel"
    onnx = "Mul"

    def compute(self, first: Any, second: Any) -> Any:
        return first * second

    def multiplications(self, first: Shape, second: Shape) -> int:
        return math.prod(self.output_shape(first, second))


@dataclass(frozen=True)
class Concatenate(Layer, operation="concatenate"):
    """Any number of arrays, joined along an axis: the channels, if no other is named."""

    onnx = "Concat"
    blocked = "kernel"
    inputs = None

    axis: int = 1

    def compute(self, *arrays: Any) -> Any:
        return array_module(arrays[0]).concatenate(arrays, axis=self.axis)

    def output_shape(self, *shapes: Shape) -> Shape:
        first = shapes[0]
        if not -len(first) <= self.axis < len(first):
            raise ValueError(f"axis={self.axis} of an array {first}: expected one of its axes")
        axis = self.axis % len(first)
        if any(len(s) != len(first) or without_axis(axis, s) != without_axis(axis, first) for s in shapes):
            named = "the channels" if axis == 1 else f"axis {axis}"
            raise ValueError(f"arrays of shapes {', '.join(map(str, shapes))}: expected one shape but for {named}")
        return (*first[:axis], sum(s[axis] for s in shapes), *first[axis + 1 :])

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, *shapes: Shape) -> int:
        return 0

    def flops(self, *shapes: Shape) -> int:
        return 0

    def reach(self, axis: int, *shapes: Shape) -> Reach | Unbounded:
        return BY_SIZE if self.axis % len(shapes[0]) == axis else CELL
