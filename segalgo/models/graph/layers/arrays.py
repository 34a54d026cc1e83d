"""Records of layers on whole arrays: constants, parts, repetitions, reductions along axes, sampling on another grid."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.dispatch import wing
from segalgo.models.graph.layer import CELL, MOVED_AXES, WHOLE_MAP, Layer, Parameter, Reach, Shape, Unbounded
from segalgo.models.graph.layers.families import BY_SIZE, Moving
from segalgo.models.graph.resampling import Sampling, taps, taps_of_two


@dataclass(frozen=True)
class Constant(Moving, operation="constant"):
    """An array that the network owns, its parameter ``value``, whatever the input."""

    blocked = None
    onnx = "Constant"
    inputs = 0

    shape: Sequence[int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))

    def compute(self, value: Any) -> Any:
        return value

    def output_shape(self) -> Shape:
        return tuple(self.shape)

    def parameters(self) -> dict[str, Parameter]:
        return {"value": Parameter(tuple(self.shape))}

    def reach(self, axis: int) -> Unbounded:
        return BY_SIZE


@dataclass(frozen=True)
class Slice(Moving, operation="slice"):
    """Along each of `axes` the cells from `starts` to before `stops`, every `steps`-th; as Python's slices.

    A stop of None takes all that is left.
    """

    blocked = None
    onnx = "Slice"
    extents = ("starts", "stops")

    axes: Sequence[int]
    starts: Sequence[int]
    stops: Sequence[int | None]
    steps: Sequence[int] | None = None

    def slices(self, x: Shape) -> tuple[slice, ...]:
        """Return one slice for each axis."""
        parts = [slice(None)] * len(x)
        steps = self.steps or (1,) * len(self.axes)
        for axis, start, stop, step in zip(self.axes, self.starts, self.stops, steps, strict=True):
            if not -len(x) <= axis < len(x):
                raise ValueError(f"axes={tuple(self.axes)} of an array {x}: expected axes of it")
            if step == 0:
                raise ValueError("steps: expected other numbers than 0")
            parts[axis] = slice(start, stop, step)
        return tuple(parts)

    def compute(self, x: Any) -> Any:
        return array_module(x).ascontiguousarray(x[self.slices(x.shape)])

    def output_shape(self, x: Shape) -> Shape:
        return tuple(len(range(*part.indices(n))) for part, n in zip(self.slices(x), x, strict=True))

    def cells_read(self, x: Shape) -> int:
        return math.prod(self.output_shape(x))

    def reach(self, axis: int, x: Shape) -> Reach | Unbounded:
        taken = self.slices(x)[axis].indices(x[axis])
        return CELL if taken == (0, x[axis], 1) else BY_SIZE


@dataclass(frozen=True)
class Take(Moving, operation="take"):
    """The cells of the given indices along an axis, in their order."""

    blocked = None
    onnx = "Gather"

    indices: Sequence[int]
    axis: int = 0

    def compute(self, x: Any) -> Any:
        xp = array_module(x)
        return xp.take(x, xp.asarray(self.indices, np.int64), axis=self.axis)

    def output_shape(self, x: Shape) -> Shape:
        axis = _axis(self.axis, x)
        for index in self.indices:
            if not -x[axis] <= index < x[axis]:
                raise ValueError(f"index {index} along axis {axis} of an array {x}: expected one of its cells")
        return (*x[:axis], len(self.indices), *x[axis + 1 :])

    def cells_read(self, x: Shape) -> int:
        return math.prod(self.output_shape(x))

    def reach(self, axis: int, x: Shape) -> Reach | Unbounded:
        return BY_SIZE if _axis(self.axis, x) == axis else CELL


@dataclass(frozen=True)
class Expand(Moving, operation="expand"):
    """The array repeated along axes of one cell, to a shape that broadcasting gives with `shape`."""

    blocked = None
    onnx = "Expand"
    extents = ("shape",)

    shape: Sequence[int]

    def compute(self, x: Any) -> Any:
        xp = array_module(x)
        return xp.ascontiguousarray(xp.broadcast_to(x, self.output_shape(x.shape)))

    def output_shape(self, x: Shape) -> Shape:
        return tuple(np.broadcast_shapes(x, tuple(self.shape)))

    def reach(self, axis: int, x: Shape) -> Reach | Unbounded:
        return CELL if self.output_shape(x) == x else MOVED_AXES


@dataclass(frozen=True)
class Tile(Moving, operation="tile"):
    """The array so many times along each axis."""

    blocked = None
    onnx = "Tile"

    repeats: Sequence[int]

    def compute(self, x: Any) -> Any:
        return array_module(x).tile(x, tuple(self.repeats))

    def output_shape(self, x: Shape) -> Shape:
        if len(self.repeats) != len(x) or min(self.repeats, default=0) < 0:
            raise ValueError(f"repeats={tuple(self.repeats)} of an array {x}: expected a number for each axis")
        return tuple(n * count for n, count in zip(x, self.repeats, strict=True))

    def reach(self, axis: int, x: Shape) -> Reach | Unbounded:
        return CELL if self.repeats[axis] == 1 else MOVED_AXES


class _Reduction(Layer):
    """Records of layers that make one number of all cells along axes."""

    inputs = 1
    blocked = None
    axes: Sequence[int]
    keepdims: bool

    def output_shape(self, x: Shape) -> Shape:
        axes = {_axis(axis, x) for axis in self.axes}
        if self.keepdims:
            return tuple(1 if k in axes else n for k, n in enumerate(x))
        return tuple(n for k, n in enumerate(x) if k not in axes)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, x: Shape) -> int:
        return 0

    def flops(self, x: Shape) -> int:
        return math.prod(x)

    def reach(self, axis: int, x: Shape) -> Reach | Unbounded:
        if axis in {_axis(a, x) for a in self.axes}:
            return WHOLE_MAP
        return CELL if self.keepdims else MOVED_AXES


@dataclass(frozen=True)
class ReduceMean(_Reduction, operation="reduce_mean"):
    """Mean along axes."""

    onnx = "ReduceMean"

    axes: Sequence[int]
    keepdims: bool = True

    def compute(self, x: Any) -> Any:
        return x.mean(axis=tuple(self.axes), keepdims=self.keepdims)


@dataclass(frozen=True)
class ReduceSum(_Reduction, operation="reduce_sum"):
    """Sum along axes."""

    onnx = "ReduceSum"

    axes: Sequence[int]
    keepdims: bool = True

    def compute(self, x: Any) -> Any:
        return x.sum(axis=tuple(self.axes), keepdims=self.keepdims)


@dataclass(frozen=True)
class ReduceMax(_Reduction, operation="reduce_max"):
    """Largest cell along axes."""

    onnx = "ReduceMax"

    axes: Sequence[int]
    keepdims: bool = True

    def compute(self, x: Any) -> Any:
        return x.max(axis=tuple(self.axes), keepdims=self.keepdims)


@dataclass(frozen=True)
class ReduceMin(_Reduction, operation="reduce_min"):
    """Smallest cell along axes."""

    onnx = "ReduceMin"

    axes: Sequence[int]
    keepdims: bool = True

    def compute(self, x: Any) -> Any:
        return x.min(axis=tuple(self.axes), keepdims=self.keepdims)


@dataclass(frozen=True)
class ArgMax(Layer, operation="argmax"):
    """Place of the largest cell along an axis, the first of equal ones, as a number of the input's dtype."""

    onnx = "ArgMax"
    inputs = 1
    blocked = None

    axis: int
    keepdims: bool = True

    def compute(self, x: Any) -> Any:
        xp = array_module(x)
        places = xp.argmax(x, axis=self.axis).astype(x.dtype)
        return xp.expand_dims(places, self.axis) if self.keepdims else places

    def output_shape(self, x: Shape) -> Shape:
        axis = _axis(self.axis, x)
        return (*x[:axis], *((1,) if self.keepdims else ()), *x[axis + 1 :])

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, x: Shape) -> int:
        return 0

    def flops(self, x: Shape) -> int:
        return math.prod(x)

    def reach(self, axis: int, x: Shape) -> Reach | Unbounded:
        if _axis(self.axis, x) == axis:
            return WHOLE_MAP
        return CELL if self.keepdims else MOVED_AXES


@dataclass(frozen=True)
class Resample(Layer, operation="resample"):
    """Another grid, by any of the rules of ONNX's Resize; `interpolate` has the usual ones.

    Along each axis an output cell mixes a few input cells; which and how much follows from the position that
    `coordinates` gives it (see `segalgo.models.graph.resampling`).
    """

    onnx = "Resize"
    inputs = 1
    blocked = "kernel"
    extents = ("size", "scales")

    size: Sequence[int]
    scales: Sequence[float] | None = None
    """Output cells for one input cell, where they are not the quotient of the sizes."""
    mode: str = "linear"
    coordinates: str = "half_pixel"
    nearest_mode: str = "round_prefer_floor"
    cubic_coeff_a: float = -0.75
    exclude_outside: bool = False
    antialias: bool = False

    @property
    def rule(self) -> Sampling:
        """The rule by which an output cell mixes input cells along one axis."""
        return Sampling(
            self.mode,
            self.coordinates,
            self.nearest_mode,
            self.cubic_coeff_a,
            self.exclude_outside,
            self.antialias,
        )

    def axes(self, x: Shape) -> list[tuple[int, int, float | None]]:
        """Return input cells, output cells and factor (None for their quotient) of rows and columns."""
        scales = (None, None) if self.scales is None else tuple(map(float, self.scales))
        return list(zip(x[2:], map(int, self.size), scales, strict=True))

    def compute(self, x: Any) -> Any:
        pairs = [taps_of_two(*axis, self.rule) for axis in self.axes(x.shape)]
        if None not in pairs and x.dtype.name in ("float32", "float64"):
            (rows, row_weights), (columns, column_weights) = ((k, w.astype(x.dtype)) for k, w in pairs)
            x = array_module(x).ascontiguousarray(x)
            interpolated = wing("layers.interpolation", x).interpolate_bilinear
            return interpolated(x, rows, row_weights, columns, column_weights)
        xp = array_module(x)
        for axis, along in ((3, (-1,)), (2, (-1, 1))):
            indices, weights = taps(*self.axes(x.shape)[axis - 2], self.rule)
            total = None
            for cells, factors in zip(indices, weights, strict=True):
                part = xp.take(x, xp.asarray(cells), axis=axis)
                if self.mode != "nearest":
                    part = part * xp.asarray(factors.astype(x.dtype)).reshape(along)
                total = part if total is None else total + part
            x = total
        return x

    def output_shape(self, x: Shape) -> Shape:
        if len(x) != 4 or 0 in x[2:] or min(self.size) < 1:
            raise ValueError(f"input of shape {x}, size={tuple(self.size)}: expected (N, C, H, W), and no empty axis")
        return (*x[:2], *map(int, self.size))

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, x: Shape) -> int:
        per_axis = {"nearest": 0, "linear": 2, "cubic": 4}[self.mode]
        return per_axis * (math.prod((*x[:3], self.size[1])) + math.prod(self.output_shape(x)))

    def flops(self, x: Shape) -> int:
        return 2 * self.multiplications(x)

    def reach(self, axis: int, x: Shape) -> Unbounded:
        return BY_SIZE


def _axis(axis: int, x: Shape) -> int:
    """Return an axis counted from the first one."""
    if not -len(x) <= axis < len(x):
        raise ValueError(f"axis {axis} of an array {x}: expected one of its {len(x)} axes")
    return axis % len(x)
