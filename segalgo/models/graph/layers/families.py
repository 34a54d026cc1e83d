"""What several records share: families of layers, and options and sizes along the axes of a picture."""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from segalgo.models.graph.layer import CELL, Layer, Parameter, Reach, Shape, Unbounded

Pair = int | Sequence[int]
BY_SIZE = Unbounded("its positions depend on the size of the whole picture")


class Cellwise(Layer):
    """Records of layers with one input and an output of its shape."""

    needs: ClassVar[dict[str, str]] = {"multiplications_per_cell": "multiplications", "flops_per_cell": "flops"}
    inputs = 1
    blocked = None
    multiplications_per_cell: ClassVar[int]
    flops_per_cell: ClassVar[int]

    def output_shape(self, x: Shape) -> Shape:
        return x

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, x: Shape) -> int:
        return math.prod(x) * self.multiplications_per_cell

    def flops(self, x: Shape) -> int:
        return math.prod(x) * self.flops_per_cell

    def reach(self, axis: int, x: Shape) -> Reach | Unbounded:
        return CELL


class Pairwise(Layer):
    """Records of layers that combine two arrays cell by cell; an axis of one cell is repeated."""

    inputs = 2

    def output_shape(self, first: Shape, second: Shape) -> Shape:
        return tuple(np.broadcast_shapes(first, second))

    def parameters(self, first: Shape, second: Shape) -> dict[str, Parameter]:
        return {}

    def flops(self, first: Shape, second: Shape) -> int:
        return math.prod(self.output_shape(first, second))

    def reach(self, axis: int, first: Shape, second: Shape) -> Reach | Unbounded:
        if len(first) != len(second) or first[axis] != second[axis]:
            return Unbounded("it repeats an input along an axis of the picture")
        return CELL


class Moving(Layer):
    """Records of layers that move cells and compute nothing."""

    inputs = 1

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, *shapes: Shape) -> int:
        return 0

    def flops(self, *shapes: Shape) -> int:
        return 0


def check_planes(x: Shape) -> None:
    """Refuse a shape that is not (N, C, H, W)."""
    if len(x) != 4:
        raise ValueError(f"input of shape {x}: expected (N, C, H, W)")


def without_axis(axis: int, shape: Shape) -> Shape:
    """Return a shape without one of its axes."""
    return (*shape[:axis], *shape[axis + 1 :])


def pair_of(value: Any) -> tuple[Any, Any]:
    """Return an option for each axis."""
    pair = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value, value)
    if len(pair) != 2:
        raise ValueError(f"{value!r}: expected one value or a pair")
    return pair


def options_at(axis: int, *options: Any) -> tuple[Any, ...]:
    """Return the options of axis 2 (rows) or 3 (columns)."""
    return tuple(pair_of(option)[axis - 2] for option in options)


def sizes_by(rule: Callable[..., int], x: Shape, *options: Any) -> tuple[int, ...]:
    """Return height and width of an output by a rule of `segalgo.layers.sizes`."""
    check_planes(x)
    return tuple(rule("HW"[axis - 2], x[axis], *options_at(axis, *options)) for axis in (2, 3))


def divided(channels: int, groups: int, which: str) -> int:
    """Return the channels of a group."""
    if groups < 1 or channels % groups:
        raise ValueError(f"groups={groups}: expected a divisor of the {channels} channels of the {which}")
    return channels // groups
