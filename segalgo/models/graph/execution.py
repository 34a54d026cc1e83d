"""Two readers of a network's ``forward(layers, x)``: one computes, the other writes the layers down.

Every method has the same signature in both: the inputs, then the layer's name, then its options. Parameters are found
by name: ``{name}.weight``, ``{name}.bias``, ``{name}.running_mean``, ``{name}.running_var``.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import segalgo
from segalgo._core.arrays import is_cupy
from segalgo.layers.sizes import conv_size, conv_transpose_size, interpolate_size, pool_size

INPUT = "input"


@dataclass(frozen=True)
class Value:
    """What stands for an array while a network is described: a name and a shape (N, C, H, W)."""

    name: str
    shape: tuple[int, int, int, int]


@dataclass(frozen=True)
class Step:
    """One layer of a described network."""

    name: str
    operation: str
    """The method of `Computation` that computes it."""
    inputs: tuple[str, ...]
    """Names of arrays that earlier steps wrote; the network's input is called "input"."""
    outputs: tuple[str, ...]
    """The name of the step; max-pooling with indices also writes ``{name}_indices``."""
    parameters: tuple[str, ...]
    options: dict[str, Any]
    """Keyword arguments of the method, all of them."""
    shape: tuple[int, int, int, int]
    """Of the output (N, C, H, W)."""


class Computation:
    """Compute layers by the public functions of segalgo: the backend is theirs to choose."""

    def __init__(self, parameters: Mapping[str, Any], rng: np.random.Generator | None = None) -> None:
        self.parameters = parameters
        self.rng = rng

    def conv2d(
        self,
        x: Any,
        name: str,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int | str = 0,
        dilation: int = 1,
        bias: bool = True,
    ) -> Any:
        """Convolve; `out_channels` and `kernel_size` are those of the weight."""
        weight, shift = self.parameters[f"{name}.weight"], self.parameters[f"{name}.bias"] if bias else None
        return segalgo.conv2d(x, weight, shift, stride, padding, dilation)

    def conv_transpose2d(self, x: Any, name: str, out_channels: int, kernel_size: int, stride: int) -> Any:
        """Convolve transposed: up-convolution."""
        weight, shift = self.parameters[f"{name}.weight"], self.parameters[f"{name}.bias"]
        return segalgo.conv_transpose2d(x, weight, shift, stride)

    def batch_norm(self, x: Any, name: str, eps: float = 1e-5) -> Any:
        """Normalize by stored statistics."""
        entries = ("running_mean", "running_var", "weight", "bias")
        return segalgo.batch_norm(x, *(self.parameters[f"{name}.{entry}"] for entry in entries), eps=eps)

    def local_response_norm(self, x: Any, name: str, size: int, alpha: float = 1e-4, beta: float = 0.75) -> Any:
        """Normalize across channels."""
        return segalgo.local_response_norm(x, size, alpha, beta)

    def relu(self, x: Any, name: str) -> Any:
        """Cut off below zero."""
        return segalgo.relu(x)

    def max_pool2d(
        self,
        x: Any,
        name: str,
        kernel_size: int = 2,
        stride: int = 2,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        """Pool; return values, or values and indices."""
        return segalgo.max_pool2d(x, kernel_size, stride, ceil_mode=ceil_mode, return_indices=return_indices)

    def max_unpool2d(
        self, x: Any, indices: Any, name: str, output_size: Sequence[int], kernel_size: int = 2, stride: int = 2
    ) -> Any:
        """Put values back where pooling found them."""
        return segalgo.max_unpool2d(x, indices, kernel_size, stride, output_size=output_size)

    def interpolate(
        self,
        x: Any,
        name: str,
        size: Sequence[int] | None = None,
        scale_factor: float | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
    ) -> Any:
        """Sample on another grid."""
        return segalgo.interpolate(x, size, scale_factor, mode, align_corners)

    def pad(self, x: Any, name: str, amounts: Sequence[int]) -> Any:
        """Add zeros: (left, right, top, bottom)."""
        return segalgo.pad(x, amounts)

    def crop(self, x: Any, name: str, size: Sequence[int]) -> Any:
        """Cut out the middle; where it is not a whole number of cells, the cell above and to the left of it."""
        top, left = ((n - m) // 2 for n, m in zip(x.shape[2:], size, strict=True))
        return x[:, :, top : top + size[0], left : left + size[1]]

    def concatenate(self, first: Any, second: Any, name: str) -> Any:
        """Join along channels."""
        return _module_of(first).concatenate((first, second), axis=1)

    def dropout(self, x: Any, name: str, p: float) -> Any:
        """Return x as it is; while sampling, set cells to zero with probability `p` and divide the others by 1 - p.

        The random numbers are NumPy's in every backend, so that one seed gives one answer.
        """
        if self.rng is None or p == 0:
            return x
        # Drawn in one precision, so that the same cells fall in float32 and in float64.
        factor = (self.rng.random(x.shape, np.float32) >= p) / (1 - p)
        return x * _module_of(x).asarray(factor.astype(x.dtype))


class Description:
    """Compute shapes alone, and write down every layer as a `Step`."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.parameter_shapes: dict[str, tuple[int, ...]] = {}

    def conv2d(
        self,
        x: Value,
        name: str,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int | str = 0,
        dilation: int = 1,
        bias: bool = True,
    ) -> Value:
        """Describe a convolution."""
        if padding == "same":
            size = x.shape[2:]
        else:
            border = 0 if padding == "valid" else padding
            size = tuple(conv_size(a, n, kernel_size, stride, border, dilation) for a, n in _axes(x))
        weights = {"weight": (out_channels, x.shape[1], kernel_size, kernel_size)}
        if bias:
            weights["bias"] = (out_channels,)
        options = {
            "out_channels": out_channels,
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "bias": bias,
        }
        return self._record("conv2d", (x,), name, options, (out_channels, *size), weights)

    def conv_transpose2d(self, x: Value, name: str, out_channels: int, kernel_size: int, stride: int) -> Value:
        """Describe a transposed convolution."""
        size = (conv_transpose_size(a, n, kernel_size, stride) for a, n in _axes(x))
        weights = {"weight": (x.shape[1], out_channels, kernel_size, kernel_size), "bias": (out_channels,)}
        options = {"out_channels": out_channels, "kernel_size": kernel_size, "stride": stride}
        return self._record("conv_transpose2d", (x,), name, options, (out_channels, *size), weights)

    def batch_norm(self, x: Value, name: str, eps: float = 1e-5) -> Value:
        """Describe a batch normalization."""
        weights = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (x.shape[1],))
        return self._record("batch_norm", (x,), name, {"eps": eps}, x.shape[1:], weights)

    def local_response_norm(self, x: Value, name: str, size: int, alpha: float = 1e-4, beta: float = 0.75) -> Value:
        """Describe a normalization across channels."""
        options = {"size": size, "alpha": alpha, "beta": beta}
        return self._record("local_response_norm", (x,), name, options, x.shape[1:])

    def relu(self, x: Value, name: str) -> Value:
        """Describe a rectification."""
        return self._record("relu", (x,), name, {}, x.shape[1:])

    def max_pool2d(
        self,
        x: Value,
        name: str,
        kernel_size: int = 2,
        stride: int = 2,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        """Describe a max-pooling."""
        size = (pool_size(a, n, kernel_size, stride, 0, 1, ceil_mode) for a, n in _axes(x))
        options = {
            "kernel_size": kernel_size,
            "stride": stride,
            "ceil_mode": ceil_mode,
            "return_indices": return_indices,
        }
        also = (f"{name}_indices",) if return_indices else ()
        values = self._record("max_pool2d", (x,), name, options, (x.shape[1], *size), also=also)
        return (values, Value(also[0], values.shape)) if return_indices else values

    def max_unpool2d(
        self, x: Value, indices: Value, name: str, output_size: Sequence[int], kernel_size: int = 2, stride: int = 2
    ) -> Value:
        """Describe a max-unpooling."""
        options = {"output_size": tuple(output_size), "kernel_size": kernel_size, "stride": stride}
        return self._record("max_unpool2d", (x, indices), name, options, (x.shape[1], *output_size))

    def interpolate(
        self,
        x: Value,
        name: str,
        size: Sequence[int] | None = None,
        scale_factor: float | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
    ) -> Value:
        """Describe an interpolation."""
        sizes = (None, None) if size is None else size
        result = (interpolate_size(*axis, m, scale_factor) for axis, m in zip(_axes(x), sizes, strict=True))
        options = {"size": size, "scale_factor": scale_factor, "mode": mode, "align_corners": align_corners}
        return self._record("interpolate", (x,), name, options, (x.shape[1], *result))

    def pad(self, x: Value, name: str, amounts: Sequence[int]) -> Value:
        """Describe a border of zeros."""
        left, right, top, bottom = amounts
        shape = (x.shape[1], x.shape[2] + top + bottom, x.shape[3] + left + right)
        return self._record("pad", (x,), name, {"amounts": tuple(amounts)}, shape)

    def crop(self, x: Value, name: str, size: Sequence[int]) -> Value:
        """Describe cutting out the middle."""
        return self._record("crop", (x,), name, {"size": tuple(size)}, (x.shape[1], *size))

    def concatenate(self, first: Value, second: Value, name: str) -> Value:
        """Describe joining along channels."""
        shape = (first.shape[1] + second.shape[1], *first.shape[2:])
        return self._record("concatenate", (first, second), name, {}, shape)

    def dropout(self, x: Value, name: str, p: float) -> Value:
        """Describe a dropout."""
        return self._record("dropout", (x,), name, {"p": p}, x.shape[1:])

    def _record(
        self,
        operation: str,
        inputs: tuple[Value, ...],
        name: str,
        options: dict[str, Any],
        shape: tuple[int, ...],
        weights: Mapping[str, tuple[int, ...]] | None = None,
        also: tuple[str, ...] = (),
    ) -> Value:
        """Write a step down and return its output; `shape` is (C, H, W)."""
        output = Value(name, (inputs[0].shape[0], *shape))
        named = {f"{name}.{entry}": extents for entry, extents in (weights or {}).items()}
        self.parameter_shapes.update(named)
        read = tuple(value.name for value in inputs)
        self.steps.append(Step(name, operation, read, (name, *also), tuple(named), options, output.shape))
        return output


def run_steps(
    steps: Sequence[Step],
    parameters: Mapping[str, Any],
    arrays: Mapping[str, Any],
    rng: np.random.Generator | None = None,
) -> Iterator[tuple[str, Any]]:
    """Compute layers one by one from given arrays; yield each new one with its name, let go of what is read no more."""
    layers = Computation(parameters, rng)
    last_read = {name: k for k, step in enumerate(steps) for name in step.inputs}
    arrays = dict(arrays)
    for k, step in enumerate(steps):
        result = getattr(layers, step.operation)(*(arrays[n] for n in step.inputs), name=step.name, **step.options)
        made = dict(zip(step.outputs, result if len(step.outputs) > 1 else (result,), strict=True))
        arrays.update(made)
        for name in {*step.inputs, *step.outputs}:
            if last_read.get(name, -1) <= k:
                del arrays[name]
        yield from made.items()


def run_samples(
    steps: Sequence[Step], parameters: Mapping[str, Any], x: Any, rng: np.random.Generator, count: int
) -> Iterator[Any]:
    """Compute a network with dropout `count` times, yielding logits; what comes before the first dropout, once."""
    first = next((k for k, step in enumerate(steps) if step.operation == "dropout"), len(steps) - 1)
    read_later = {name for step in steps[first:] for name in step.inputs}
    arrays = {INPUT: x}
    arrays |= {name: array for name, array in run_steps(steps[:first], parameters, arrays) if name in read_later}
    for _ in range(count):
        ((_, logits),) = deque(run_steps(steps[first:], parameters, arrays, rng), maxlen=1)
        yield logits


def _axes(x: Value) -> Iterator[tuple[str, int]]:
    return zip("HW", x.shape[2:], strict=True)


def _module_of(x: Any) -> Any:
    """Return the array module of x: NumPy or CuPy."""
    if is_cupy(x):
        import cupy

        return cupy
    return np
