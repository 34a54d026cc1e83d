"""The vocabulary of networks: one record for each layer.

A network's ``forward(layers, x)`` calls ``layers.conv2d(x, "name", 64, 3, padding=1)``: inputs, name, then the options,
which are the fields of the record here. To add a layer, add a record; nothing else has to know of it.

Shapes are (N, C, H, W) for pictures and any rank for the layers of attention. Sizes are computed by
`segalgo.layers.sizes`, results by the public functions.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

import segalgo
from segalgo._core.arrays import array_module
from segalgo.layers.interpolation import nearest_indices
from segalgo.layers.sizes import (
    avg_pool_size,
    conv_size,
    conv_transpose_size,
    interpolate_size,
    pool_size,
    unpool_size,
)
from segalgo.models.graph.layer import CELL, MOVED_AXES, WHOLE_MAP, Layer, Parameter, Reach, Shape, Unbounded

Pair = int | Sequence[int]
BY_SIZE = Unbounded("its positions depend on the size of the whole picture")


# Convolutions


@dataclass(frozen=True)
class Conv2d(Layer, operation="conv2d"):
    """Convolution; `groups` equal to the channels makes it depthwise."""

    onnx = "Conv"
    blocked = "kernel"
    inputs = 1

    out_channels: int
    kernel_size: Pair
    stride: Pair = 1
    padding: Pair | str = 0
    dilation: Pair = 1
    groups: int = 1
    bias: bool = True

    def compute(self, x: Any, weight: Any, bias: Any = None) -> Any:
        return segalgo.conv2d(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)

    def output_shape(self, x: Shape) -> Shape:
        options = (self.kernel_size, self.stride, self.padding, self.dilation)
        return (x[0], self.out_channels, *_sizes(conv_size, x, *options))

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        channels = _divided(x[1], self.groups, "input")
        _divided(self.out_channels, self.groups, "output")
        shape = (self.out_channels, channels, *_pair(self.kernel_size))
        bias = {"bias": Parameter((self.out_channels,))} if self.bias else {}
        return {"weight": Parameter(shape, products=math.prod(shape[1:])), **bias}

    def multiplications(self, x: Shape) -> int:
        terms = x[1] // self.groups * math.prod(_pair(self.kernel_size))
        return math.prod(self.output_shape(x)) * terms

    def flops(self, x: Shape) -> int:
        return 2 * self.multiplications(x) - (not self.bias) * math.prod(self.output_shape(x))

    def reach(self, axis: int, x: Shape) -> Reach:
        kernel, stride, dilation = _at(axis, self.kernel_size, self.stride, self.dilation)
        extent = dilation * (kernel - 1)
        named = {"same": extent // 2, "valid": 0}
        border = named[self.padding] if isinstance(self.padding, str) else _at(axis, self.padding)[0]
        return Reach(Fraction(stride), Fraction(-border), Fraction(extent - border))


@dataclass(frozen=True)
class ConvTranspose2d(Layer, operation="conv_transpose2d"):
    """Transposed convolution (up-convolution)."""

    onnx = "ConvTranspose"
    blocked = "kernel"
    inputs = 1

    out_channels: int
    kernel_size: Pair
    stride: Pair = 1
    padding: Pair = 0
    output_padding: Pair = 0
    groups: int = 1
    dilation: Pair = 1
    bias: bool = True

    def compute(self, x: Any, weight: Any, bias: Any = None) -> Any:
        return segalgo.conv_transpose2d(
            x, weight, bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )

    def output_shape(self, x: Shape) -> Shape:
        options = (self.kernel_size, self.stride, self.padding, self.output_padding, self.dilation)
        return (x[0], self.out_channels, *_sizes(conv_transpose_size, x, *options))

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        channels = _divided(x[1], self.groups, "input")
        outputs = _divided(self.out_channels, self.groups, "output")
        kernel = _pair(self.kernel_size)
        # Of a kernel, every stride-th row and column meets in one output cell.
        taps = math.prod(-(-k // s) for k, s in zip(kernel, _pair(self.stride), strict=True))
        weight = Parameter((x[1], outputs, *kernel), products=channels * taps)
        return {"weight": weight, **({"bias": Parameter((self.out_channels,))} if self.bias else {})}

    def multiplications(self, x: Shape) -> int:
        return math.prod(x) * self.out_channels // self.groups * math.prod(_pair(self.kernel_size))

    def flops(self, x: Shape) -> int:
        return 2 * self.multiplications(x)

    def reach(self, axis: int, x: Shape) -> Reach:
        kernel, stride, border, dilation = _at(axis, self.kernel_size, self.stride, self.padding, self.dilation)
        extent = dilation * (kernel - 1)
        return Reach(Fraction(1, stride), Fraction(border - extent, stride), Fraction(border, stride))


@dataclass(frozen=True)
class Linear(Layer, operation="linear"):
    """Fully connected layer: the last axis times a matrix."""

    onnx = "Gemm"
    blocked = None
    inputs = 1

    out_features: int
    bias: bool = True

    def compute(self, x: Any, weight: Any, bias: Any = None) -> Any:
        return segalgo.linear(x, weight, bias)

    def output_shape(self, x: Shape) -> Shape:
        return (*x[:-1], self.out_features)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        weight = Parameter((self.out_features, x[-1]), products=x[-1])
        return {"weight": weight, **({"bias": Parameter((self.out_features,))} if self.bias else {})}

    def multiplications(self, x: Shape) -> int:
        return math.prod(x) * self.out_features

    def flops(self, x: Shape) -> int:
        return 2 * self.multiplications(x) - (not self.bias) * math.prod(self.output_shape(x))

    def reach(self, axis: int, x: Shape) -> Unbounded:
        return WHOLE_MAP


@dataclass(frozen=True)
class MatMul(Layer, operation="matmul"):
    """Product of the last two axes of two arrays, scaled: ``first @ second``, or ``first @ second.T``.

    Attention is `matmul` (with `transposed` and ``scale=d**-0.5``), `softmax`, `matmul`.
    """

    onnx = "MatMul"
    blocked = None
    inputs = 2

    transposed: bool = False
    """Whether the last two axes of the second array are exchanged first."""
    scale: float = 1.0

    def compute(self, first: Any, second: Any) -> Any:
        # By the fully connected layer, whose sums do not depend on the number of threads.
        xp = array_module(first)
        shape = self.output_shape(first.shape, second.shape)
        rows = xp.broadcast_to(first, (*shape[:-2], *first.shape[-2:])).reshape(-1, *first.shape[-2:])
        columns = second if self.transposed else second.swapaxes(-1, -2)
        columns = xp.broadcast_to(columns, (*shape[:-2], *columns.shape[-2:])).reshape(-1, *columns.shape[-2:])
        out = xp.empty((len(rows), *shape[-2:]), first.dtype)
        for k in range(len(rows)):
            out[k] = segalgo.linear(rows[k], columns[k])
        return (out if self.scale == 1 else out * first.dtype.type(self.scale)).reshape(shape)

    def output_shape(self, first: Shape, second: Shape) -> Shape:
        if min(len(first), len(second)) < 2:
            raise ValueError(f"arrays of shapes {first} and {second}: expected at least two axes")
        inner, columns = second[-2:] if not self.transposed else second[:-3:-1]
        if first[-1] != inner:
            raise ValueError(f"arrays of shapes {first} and {second}: expected {first[-1]} rows in the second")
        return (*np.broadcast_shapes(first[:-2], second[:-2]), first[-2], columns)

    def parameters(self, first: Shape, second: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, first: Shape, second: Shape) -> int:
        return math.prod(self.output_shape(first, second)) * (first[-1] + (self.scale != 1))

    def flops(self, first: Shape, second: Shape) -> int:
        return math.prod(self.output_shape(first, second)) * (2 * first[-1] - 1 + (self.scale != 1))

    def reach(self, axis: int, *shapes: Shape) -> Unbounded:
        return WHOLE_MAP


# Pooling


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
        return (*x[:2], *_sizes(pool_size, x, *options))

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, x: Shape) -> int:
        return 0

    def flops(self, x: Shape) -> int:
        return math.prod(self.output_shape(x)) * (math.prod(_pair(self.kernel_size)) - 1)

    def reach(self, axis: int, x: Shape) -> Reach:
        kernel, stride, border, dilation = _at(axis, self.kernel_size, self.stride, self.padding, self.dilation)
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
        return (*x[:2], *_sizes(unpool_size, x, self.kernel_size, self.stride, self.padding))

    def parameters(self, x: Shape, indices: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, x: Shape, indices: Shape) -> int:
        return 0

    def flops(self, x: Shape, indices: Shape) -> int:
        return 0

    def reach(self, axis: int, x: Shape, indices: Shape) -> Reach:
        kernel, stride, border = _at(axis, self.kernel_size, self.stride, self.padding)
        return Reach(Fraction(1, stride), Fraction(border - kernel + 1, stride), Fraction(border, stride))


@dataclass(frozen=True)
class AvgPool2d(Layer, operation="avg_pool2d"):
    """Average-pooling."""

    onnx = "AveragePool"
    blocked = None
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
        return (*x[:2], *_sizes(avg_pool_size, x, *options))

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, x: Shape) -> int:
        return math.prod(self.output_shape(x))

    def flops(self, x: Shape) -> int:
        return math.prod(self.output_shape(x)) * math.prod(_pair(self.kernel_size))

    def reach(self, axis: int, x: Shape) -> Reach:
        kernel, stride, border = _at(axis, self.kernel_size, self.stride, self.padding)
        return Reach(Fraction(stride), Fraction(-border), Fraction(kernel - 1 - border))


@dataclass(frozen=True)
class AdaptiveAvgPool2d(Layer, operation="adaptive_avg_pool2d"):
    """Average-pooling to a given size; size 1 is the mean of each plane."""

    onnx = "GlobalAveragePool"
    blocked = None
    inputs = 1

    output_size: Pair | Sequence[int | None] = 1

    def compute(self, x: Any) -> Any:
        return segalgo.adaptive_avg_pool2d(x, self.output_size)

    def output_shape(self, x: Shape) -> Shape:
        wanted = self.output_size if isinstance(self.output_size, Sequence) else (self.output_size,) * 2
        _check_planes(x)
        return (*x[:2], *(n if m is None else m for m, n in zip(wanted, x[2:], strict=True)))

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, x: Shape) -> int:
        return math.prod(self.output_shape(x))

    def flops(self, x: Shape) -> int:
        return math.prod(x)

    def reach(self, axis: int, x: Shape) -> Unbounded:
        return WHOLE_MAP


# Normalization


class _AllCells(Layer):
    """Records of layers with one input and an output of its shape."""

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


@dataclass(frozen=True)
class BatchNorm(_AllCells, operation="batch_norm"):
    """Normalization by stored statistics."""

    onnx = "BatchNormalization"
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
class LayerNorm(_AllCells, operation="layer_norm"):
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
class GroupNorm(_AllCells, operation="group_norm"):
    """Normalization over groups of channels and the whole plane, by their own statistics."""

    onnx = "GroupNormalization"
    multiplications_per_cell, flops_per_cell = 3, 7

    num_groups: int
    eps: float = 1e-5

    def compute(self, x: Any, weight: Any, bias: Any) -> Any:
        return segalgo.group_norm(x, self.num_groups, weight, bias, self.eps)

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        _divided(x[1], self.num_groups, "input")
        return {"weight": Parameter(x[1:2], constant=1), "bias": Parameter(x[1:2])}

    def reach(self, axis: int, x: Shape) -> Unbounded:
        return WHOLE_MAP


@dataclass(frozen=True)
class LocalResponseNorm(_AllCells, operation="local_response_norm"):
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
class Softmax(_AllCells, operation="softmax"):
    """Probabilities along an axis."""

    onnx = "Softmax"
    multiplications_per_cell, flops_per_cell = 1, 5

    axis: int

    def compute(self, x: Any) -> Any:
        return segalgo.softmax(x, self.axis)

    def reach(self, axis: int, x: Shape) -> Reach | Unbounded:
        return WHOLE_MAP if self.axis % len(x) == axis else CELL


# Activations, cell by cell


class _Activation(_AllCells):
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
class PRelu(_AllCells, operation="prelu"):
    """Negative cells times a learned slope: one, or one for each channel."""

    onnx = "PRelu"
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
class Dropout(_AllCells, operation="dropout"):
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


# Several inputs


class _Pairwise(Layer):
    """Records of layers that combine two arrays cell by cell; an axis of one cell is repeated."""

    blocked = "cells"
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


@dataclass(frozen=True)
class Add(_Pairwise, operation="add"):
    """Sum of two arrays."""

    onnx = "Add"

    def compute(self, first: Any, second: Any) -> Any:
        return first + second

    def multiplications(self, first: Shape, second: Shape) -> int:
        return 0


@dataclass(frozen=True)
class Multiply(_Pairwise, operation="multiply"):
    """Product of two arrays, cell by cell."""

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
        if any(len(s) != len(first) or _without(axis, s) != _without(axis, first) for s in shapes):
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


# Moving cells


class _Moving(Layer):
    """Records of layers with one input that compute nothing."""

    inputs = 1

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, x: Shape) -> int:
        return 0

    def flops(self, x: Shape) -> int:
        return 0


@dataclass(frozen=True)
class Interpolate(Layer, operation="interpolate"):
    """Another grid: of a given `size` (such as ``y.shape[2:]`` of another map), or `scale_factor` times as fine."""

    onnx = "Resize"
    blocked = None
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
        return (*x[:2], *_sizes(interpolate_size, x, self.size, self.scale_factor))

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
        (factor,) = _at(axis, self.scale_factor)
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
class Pad(_Moving, operation="pad"):
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
        _check_planes(x)
        left, right, top, bottom = self.amounts
        return (*x[:2], x[2] + top + bottom, x[3] + left + right)

    def reach(self, axis: int, x: Shape) -> Reach | Unbounded:
        before, after = self.amounts[2:] if axis == 2 else self.amounts[:2]
        if self.mode == "circular" and (before, after) != (0, 0):
            return Unbounded("it repeats the other side of the picture")
        return Reach(first=Fraction(-before), last=Fraction(-before), repeats=self.mode != "constant")


@dataclass(frozen=True)
class Crop(_Moving, operation="crop"):
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
        _check_planes(x)
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
class Transpose(_Moving, operation="transpose"):
    """The axes in another order."""

    onnx = "Transpose"
    blocked = None

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
class Reshape(_Moving, operation="reshape"):
    """The same cells in another shape; one -1 stands for what remains."""

    onnx = "Reshape"
    blocked = None
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


# What the records share


def _check_planes(x: Shape) -> None:
    if len(x) != 4:
        raise ValueError(f"input of shape {x}: expected (N, C, H, W)")


def _without(axis: int, shape: Shape) -> Shape:
    """Return a shape without one of its axes."""
    return (*shape[:axis], *shape[axis + 1 :])


def _pair(value: Any) -> tuple[Any, Any]:
    """Return an option for each axis."""
    pair = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value, value)
    if len(pair) != 2:
        raise ValueError(f"{value!r}: expected one value or a pair")
    return pair


def _at(axis: int, *options: Any) -> tuple[Any, ...]:
    """Return the options of axis 2 (rows) or 3 (columns)."""
    return tuple(_pair(option)[axis - 2] for option in options)


def _sizes(rule: Callable[..., int], x: Shape, *options: Any) -> tuple[int, ...]:
    """Return height and width of an output by a rule of `segalgo.layers.sizes`."""
    _check_planes(x)
    return tuple(rule("HW"[axis - 2], x[axis], *_at(axis, *options)) for axis in (2, 3))


def _divided(channels: int, groups: int, which: str) -> int:
    """Return the channels of a group."""
    if groups < 1 or channels % groups:
        raise ValueError(f"groups={groups}: expected a divisor of the {channels} channels of the {which}")
    return channels // groups
