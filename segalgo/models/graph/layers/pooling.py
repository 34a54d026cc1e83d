"""Records of pooling and unpooling."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import segalgo
from segalgo.layers.sizes import avg_pool_size, pool_size, unpool_size
from segalgo.models.graph.layer import WHOLE_MAP, Layer, Parameter, Reach, Shape, Unbounded
from segalgo.models.graph.layers.families import Pair, check_planes, options_at, pair_of, sizes_by


@dataclass(frozen=True)
class MaxPool2d(Layer, operation="max_pool2d"):
    """Max-pooling: values, or values and indices."""

    onnx = "MaxPool"
    blocked = "kernel"
    inputs = 1

    kernel_size: Pair = 2
    stride: Pair | None = None
    padding: Pair = 0
    dilation: Pair = 1
    ceil_mode: bool = False
    return_indices: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "stride", self.kernel_size if self.stride is None else self.stride)

    def output_names(self, name: str) -> tuple[str, ...]:
        return (name, f"{name}_indices") if self.return_indices else (name,)

    def compute(self, x: Any) -> Any:
        return segalgo.max_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def output_shape(self, x: Shape) -> Shape:
        options = (self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)
        return (*x[:2], *sizes_by(pool_size, x, *options))

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, x: Shape) -> int:
        return 0

    def flops(self, x: Shape) -> int:
        return math.prod(self.output_shape(x)) * (math.prod(pair_of(self.kernel_size)) - 1)

    def reach(self, axis: int, x: Shape) -> Reach:
        kernel, stride, border, dilation = options_at(axis, self.kernel_size, self.stride, self.padding, self.dilation)
        return Reach(Fraction(stride), Fraction(-border), Fraction(dilation * (kernel - 1) - border))


@dataclass(frozen=True)
class MaxUnpool2d(Layer, operation="max_unpool2d"):
    """Max-unpooling: values go back where pooling found them."""

    onnx = "MaxUnpool"
    blocked = "kernel"
    inputs = 2
    index_inputs = (1,)
    extents = ("output_size",)

    output_size: Sequence[int] | None = None
    kernel_size: Pair = 2
    stride: Pair | None = None
    padding: Pair = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "stride", self.kernel_size if self.stride is None else self.stride)
        if self.output_size is not None:
            object.__setattr__(self, "output_size", tuple(self.output_size)[-2:])

    def compute(self, x: Any, indices: Any) -> Any:
        options = (self.kernel_size, self.stride, self.padding)
        return segalgo.max_unpool2d(x, indices, *options, output_size=self.output_size)

    def output_shape(self, x: Shape, indices: Shape) -> Shape:
        if indices != x:
            raise ValueError(f"indices of shape {indices}: expected {x}, that of the values")
        if self.output_size is not None:
            return (*x[:2], *self.output_size)
        return (*x[:2], *sizes_by(unpool_size, x, self.kernel_size, self.stride, self.padding))

    def parameters(self, x: Shape, indices: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, x: Shape, indices: Shape) -> int:
        return 0

    def flops(self, x: Shape, indices: Shape) -> int:
        return 0

    def reach(self, axis: int, x: Shape, indices: Shape) -> Reach:
        kernel, stride, border = options_at(axis, self.kernel_size, self.stride, self.padding)
        return Reach(Fraction(1, stride), Fraction(border - kernel + 1, stride), Fraction(border, stride))


@dataclass(frozen=True)
class AvgPool2d(Layer, operation="avg_pool2d"):
    """Average-pooling."""

    onnx = "AveragePool"
    blocked = "kernel"
    inputs = 1

    kernel_size: Pair = 2
    stride: Pair | None = None
    padding: Pair = 0
    ceil_mode: bool = False
    count_include_pad: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "stride", self.kernel_size if self.stride is None else self.stride)

    def compute(self, x: Any) -> Any:
        options = (self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)
        return segalgo.avg_pool2d(x, *options)

    def output_shape(self, x: Shape) -> Shape:
        options = (self.kernel_size, self.stride, self.padding, self.ceil_mode)
        return (*x[:2], *sizes_by(avg_pool_size, x, *options))

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, x: Shape) -> int:
        return math.prod(self.output_shape(x))

    def flops(self, x: Shape) -> int:
        return math.prod(self.output_shape(x)) * math.prod(pair_of(self.kernel_size))

    def reach(self, axis: int, x: Shape) -> Reach:
        kernel, stride, border = options_at(axis, self.kernel_size, self.stride, self.padding)
        return Reach(Fraction(stride), Fraction(-border), Fraction(kernel - 1 - border))


@dataclass(frozen=True)
class AdaptiveAvgPool2d(Layer, operation="adaptive_avg_pool2d"):
    """Average-pooling to a given size; size 1 is the mean of each plane."""

    onnx = "GlobalAveragePool"
    blocked = "kernel"
    inputs = 1

    output_size: Pair | Sequence[int | None] = 1

    def compute(self, x: Any) -> Any:
        return segalgo.adaptive_avg_pool2d(x, self.output_size)

    def output_shape(self, x: Shape) -> Shape:
        wanted = self.output_size if isinstance(self.output_size, Sequence) else (self.output_size,) * 2
        check_planes(x)
        return (*x[:2], *(n if m is None else m for m, n in zip(wanted, x[2:], strict=True)))

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, x: Shape) -> int:
        return math.prod(self.output_shape(x))

    def flops(self, x: Shape) -> int:
        return math.prod(x)

    def reach(self, axis: int, x: Shape) -> Unbounded:
        return WHOLE_MAP
