"""Records of layers that move cells to other places or another grid."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import segalgo
from segalgo._core.arrays import array_module
from segalgo.layers.interpolation import nearest_indices
from segalgo.layers.sizes import interpolate_size
from segalgo.models.graph.layer import CELL, MOVED_AXES, Layer, Parameter, Reach, Shape, Unbounded
from segalgo.models.graph.layers.families import BY_SIZE, Moving, Pair, check_planes, options_at, sizes_by


@dataclass(frozen=True)
class Interpolate(Layer, operation="interpolate"):
    """Another grid: of a given `size` (such as ``y.shape[2:]`` of another map), or `scale_factor` times as fine."""

    onnx = "Resize"
    blocked = "kernel"
    inputs = 1
    extents = ("size",)

    size: Pair | None = None
    scale_factor: float | Sequence[float] | None = None
    mode: str = "nearest"
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None

    def compute(self, x: Any) -> Any:
        options = (self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor)
        return segalgo.interpolate(x, *options)

    def output_shape(self, x: Shape) -> Shape:
        return (*x[:2], *sizes_by(interpolate_size, x, self.size, self.scale_factor))

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, x: Shape) -> int:
        # Bilinear interpolation mixes two cells three times.
        return 6 * (self.mode == "bilinear") * math.prod(self.output_shape(x))

    def flops(self, x: Shape) -> int:
        return 9 * (self.mode == "bilinear") * math.prod(self.output_shape(x))

    def reach(self, axis: int, x: Shape) -> Reach | Unbounded:
        n, size = x[axis], self.output_shape(x)[axis]
        if self.align_corners:
            return BY_SIZE
        (factor,) = options_at(axis, self.scale_factor)
        given = None if factor is None or self.recompute_scale_factor else 1.0 / float(factor)
        step = Fraction(n, size) if given is None else Fraction(given).limit_denominator(1 << 16)
        if 1 not in (step.numerator, step.denominator):
            return Unbounded(f"it changes {n} cells to {size}, not by an integer factor, {BY_SIZE.reason}")
        if self.mode == "bilinear":
            middle = (step - 1) / 2
            return Reach(step, middle - 1, middle + 1, repeats=True)
        shift = step / 2 if self.mode == "nearest-exact" else Fraction(0)
        places = nearest_indices(n, size, given, self.mode == "nearest-exact")
        if any(int(cell) != min(math.floor(j * step + shift), n - 1) for j, cell in enumerate(places)):
            return Unbounded(f"rounding moves its positions, {BY_SIZE.reason}")
        # The cell is floor(p), the only integer above p - 1 and up to p; p is a multiple of 1 / parts.
        parts = math.lcm(step.denominator, shift.denominator)
        return Reach(step, shift - 1 + Fraction(1, parts), shift, repeats=True)


@dataclass(frozen=True)
class Pad(Moving, operation="pad"):
    """Cells added on each side, `amounts` (left, right, top, bottom)."""

    onnx = "Pad"
    blocked = "kernel"
    extents = ("amounts",)

    amounts: Sequence[int]
    mode: str = "constant"
    value: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "amounts", (*self.amounts, 0, 0)[:4])

    def compute(self, x: Any) -> Any:
        return segalgo.pad(x, self.amounts, self.mode, self.value)

    def output_shape(self, x: Shape) -> Shape:
        check_planes(x)
        left, right, top, bottom = self.amounts
        return (*x[:2], x[2] + top + bottom, x[3] + left + right)

    def reach(self, axis: int, x: Shape) -> Reach | Unbounded:
        before, after = self.amounts[2:] if axis == 2 else self.amounts[:2]
        if self.mode == "circular" and (before, after) != (0, 0):
            return Unbounded("it repeats the other side of the picture")
        return Reach(first=Fraction(-before), last=Fraction(-before), repeats=self.mode != "constant")


@dataclass(frozen=True)
class Crop(Moving, operation="crop"):
    """A part of the given size: from the middle, or from `offset` (row, column).

    Where the middle is not a whole number of cells, the cell above and to the left of it is taken.
    """

    onnx = "Slice"
    blocked = "kernel"
    extents = ("size",)

    size: Sequence[int]
    offset: Sequence[int] | None = None

    def corner(self, x: Shape) -> tuple[int, int]:
        """Return the first row and column."""
        if self.offset is not None:
            return tuple(self.offset)
        return tuple((n - m) // 2 for n, m in zip(x[2:], self.size, strict=True))

    def compute(self, x: Any) -> Any:
        top, left = self.corner(x.shape)
        return x[:, :, top : top + self.size[0], left : left + self.size[1]]

    def output_shape(self, x: Shape) -> Shape:
        check_planes(x)
        for n, m, first in zip(x[2:], self.size, self.corner(x), strict=True):
            if not 0 <= first <= first + m <= n:
                raise ValueError(
                    f"size={tuple(self.size)}, offset={self.offset} of an array {x}: expected a part of it"
                )
        return (*x[:2], *self.size)

    def cells_read(self, x: Shape) -> int:
        return math.prod(self.output_shape(x))

    def reach(self, axis: int, x: Shape) -> Reach:
        first = Fraction(self.corner(x)[axis - 2])
        return Reach(first=first, last=first)


@dataclass(frozen=True)
class Transpose(Moving, operation="transpose"):
    """The axes in another order."""

    onnx = "Transpose"
    blocked = "kernel"

    axes: Sequence[int]

    def compute(self, x: Any) -> Any:
        return array_module(x).ascontiguousarray(x.transpose(self.axes))

    def output_shape(self, x: Shape) -> Shape:
        if sorted(self.axes) != list(range(len(x))):
            raise ValueError(f"axes={tuple(self.axes)} of an array {x}: expected each of its axes once")
        return tuple(x[k] for k in self.axes)

    def reach(self, axis: int, x: Shape) -> Reach | Unbounded:
        return CELL if tuple(self.axes) == tuple(range(len(x))) else MOVED_AXES


@dataclass(frozen=True)
class Reshape(Moving, operation="reshape"):
    """The same cells in another shape; one -1 stands for what remains."""

    onnx = "Reshape"
    blocked = "kernel"
    extents = ("shape",)

    shape: Sequence[int]

    def compute(self, x: Any) -> Any:
        return x.reshape(self.output_shape(x.shape))

    def output_shape(self, x: Shape) -> Shape:
        known = math.prod(n for n in self.shape if n != -1)
        free = list(self.shape).count(-1)
        if free > 1 or (free and (known == 0 or math.prod(x) % known)) or (not free and known != math.prod(x)):
            raise ValueError(f"shape={tuple(self.shape)} for an array {x}: expected as many cells")
        return tuple(math.prod(x) // known if n == -1 else n for n in self.shape)

    def reach(self, axis: int, x: Shape) -> Reach | Unbounded:
        return CELL if self.output_shape(x) == x else MOVED_AXES
