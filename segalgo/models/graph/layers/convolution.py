"""Records of convolutions and of products with matrices."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

import segalgo
from segalgo._core.arrays import array_module
from segalgo.layers.sizes import conv_padding, conv_size, conv_transpose_size
from segalgo.models.graph.layer import WHOLE_MAP, Layer, Parameter, Reach, Shape, Unbounded
from segalgo.models.graph.layers.families import Pair, divided, options_at, pair_of, sizes_by


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
        return (x[0], self.out_channels, *sizes_by(conv_size, x, *options))

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        channels = divided(x[1], self.groups, "input")
        divided(self.out_channels, self.groups, "output")
        shape = (self.out_channels, channels, *pair_of(self.kernel_size))
        bias = {"bias": Parameter((self.out_channels,))} if self.bias else {}
        return {"weight": Parameter(shape, products=math.prod(shape[1:])), **bias}

    def multiplications(self, x: Shape) -> int:
        terms = x[1] // self.groups * math.prod(pair_of(self.kernel_size))
        return math.prod(self.output_shape(x)) * terms

    def flops(self, x: Shape) -> int:
        return 2 * self.multiplications(x) - (not self.bias) * math.prod(self.output_shape(x))

    def reach(self, axis: int, x: Shape) -> Reach:
        kernel, stride, dilation = options_at(axis, self.kernel_size, self.stride, self.dilation)
        extent = dilation * (kernel - 1)
        padding = self.padding if isinstance(self.padding, str) else options_at(axis, self.padding)[0]
        border = conv_padding("HW"[axis - 2], kernel, padding, dilation)
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
        return (x[0], self.out_channels, *sizes_by(conv_transpose_size, x, *options))

    def parameters(self, x: Shape) -> dict[str, Parameter]:
        channels = divided(x[1], self.groups, "input")
        outputs = divided(self.out_channels, self.groups, "output")
        kernel = pair_of(self.kernel_size)
        # Of a kernel, every stride-th row and column meets in one output cell.
        taps = math.prod(-(-k // s) for k, s in zip(kernel, pair_of(self.stride), strict=True))
        weight = Parameter((x[1], outputs, *kernel), products=channels * taps)
        return {"weight": weight, **({"bias": Parameter((self.out_channels,))} if self.bias else {})}

    def multiplications(self, x: Shape) -> int:
        return math.prod(x) * self.out_channels // self.groups * math.prod(pair_of(self.kernel_size))

    def flops(self, x: Shape) -> int:
        return 2 * self.multiplications(x)

    def reach(self, axis: int, x: Shape) -> Reach:
        kernel, stride, border, dilation = options_at(axis, self.kernel_size, self.stride, self.padding, self.dilation)
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

    `scaled_dot_product_attention` is `matmul` (with `transposed` and ``scale=d**-0.5``), `softmax`, `matmul` in one.
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


@dataclass(frozen=True)
class ScaledDotProductAttention(Layer, operation="scaled_dot_product_attention"):
    """Mean of values for each query, by how well it fits the keys; `scale` is ``1 / sqrt(E)`` where it is None."""

    onnx = "Attention"
    blocked = None
    inputs = 3

    is_causal: bool = False
    scale: float | None = None

    def compute(self, query: Any, key: Any, value: Any) -> Any:
        return segalgo.scaled_dot_product_attention(query, key, value, self.is_causal, self.scale)

    def output_shape(self, query: Shape, key: Shape, value: Shape) -> Shape:
        fits = len(query) >= 2 and key[:-2] == value[:-2] == query[:-2] and key[-1] == query[-1]
        if not fits or len({len(query), len(key), len(value)}) > 1 or key[-2] != value[-2]:
            raise ValueError(f"query {query}, key {key}, value {value}: expected (..., L, E), (..., S, E), (..., S, V)")
        return (*query[:-1], value[-1])

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        return {}

    def multiplications(self, query: Shape, key: Shape, value: Shape) -> int:
        pairs = math.prod(query[:-1]) * key[-2]
        return pairs * (query[-1] + 1 + value[-1]) + math.prod(query)

    def flops(self, query: Shape, key: Shape, value: Shape) -> int:
        # Of a pair: product and sum for each column, and five operations of softmax.
        return math.prod(query[:-1]) * key[-2] * (2 * query[-1] + 5 + 2 * value[-1]) + math.prod(query)

    def reach(self, axis: int, *shapes: Shape) -> Unbounded:
        return WHOLE_MAP
