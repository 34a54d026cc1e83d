"""Checks and sizes that the doors of convolution share."""

from types import ModuleType
from typing import Any

import numpy as np

from segalgo._core.checks import REAL, as_array, as_contiguous, as_pair, one_of
from segalgo.layers.sizes import check_output, conv_padding, conv_size

ALGORITHMS = ("auto", "direct", "winograd")


def as_weight(value: Any, dtype: np.dtype | None) -> Any:
    """Return weights (., ., kh, kw) with kh and kw at least 1, contiguous; of this dtype where one is given."""
    array = as_array(value, "weight")
    if array.ndim != 4 or 0 in array.shape[2:]:
        raise ValueError(f"weight has shape {array.shape}: expected four axes, the last two a kernel of at least 1 x 1")
    if array.dtype.name not in REAL:
        raise TypeError(f"weight has dtype {array.dtype}: expected one of {', '.join(REAL)}")
    array = as_contiguous(array)
    if dtype is not None and array.dtype != dtype:
        raise TypeError(f"weight has dtype {array.dtype}: expected {dtype}, that of input")
    return array


def as_bias(value: Any, channels: int, dtype: np.dtype) -> Any:
    """Return the bias, contiguous and of this dtype and length, or None."""
    if value is None:
        return None
    array = as_contiguous(as_array(value, "bias"))
    if array.shape != (channels,):
        raise ValueError(f"bias has shape {array.shape}: expected ({channels},), one number an output channel")
    if array.dtype != dtype:
        raise TypeError(f"bias has dtype {array.dtype}: expected {dtype}, that of input and weight")
    return array


def check_channels(x: Any, w: Any, groups: int) -> None:
    """Raise unless the channels of input and weight fit the groups."""
    if x.shape[1] % groups or w.shape[0] % groups:
        raise ValueError(
            f"groups={groups}: expected a divisor of {x.shape[1]}, the channels of input, and of {w.shape[0]}, the "
            "output channels of weight"
        )
    if w.shape[1] != x.shape[1] // groups:
        raise ValueError(
            f"weight has shape {w.shape}: expected (K, {x.shape[1] // groups}, kh, kw), the {x.shape[1]} channels of "
            f"input divided among groups={groups}"
        )


def check_padding(padding: Any, stride: tuple[int, int]) -> tuple[int, int] | str:
    """Return the padding as a pair, or "same"."""
    if isinstance(padding, str):
        one_of(padding, "padding", ("valid", "same"))
        if padding == "same" and stride != (1, 1):
            raise ValueError(f"padding='same' with stride={stride}: expected stride 1")
        return padding if padding == "same" else (0, 0)
    return as_pair(padding, "padding", 0)


def conv2d_sizes(
    shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    stride: tuple[int, int],
    padding: Any,
    dilation: tuple[int, int],
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the zeros above and to the left, and (OH, OW), for an input (N, C, H, W)."""
    border, kernel = check_padding(padding, stride), weight_shape[2:]
    borders = (border, border) if isinstance(border, str) else border
    axes = zip("HW", shape[2:], kernel, stride, borders, dilation, strict=True)
    size = tuple(conv_size(*axis) for axis in axes)
    check_output((shape[0], weight_shape[0], *size))
    before = zip("HW", kernel, borders, dilation, strict=True)
    return tuple(conv_padding(*axis) for axis in before), size


def choose_algorithm(
    compute: ModuleType,
    algorithm: str,
    weight: Any,
    stride: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
    output_size: tuple[int, int] | None,
) -> str:
    """Return the algorithm that was asked for if it can compute this, or the wing's choice."""
    one_of(algorithm, "algorithm", ALGORITHMS)
    kernel = tuple(weight.shape[2:])
    if algorithm == "auto":
        rows, channels = weight.shape[0] // groups, weight.shape[1]
        itemsize = max(weight.dtype.itemsize, 4)
        return compute.choose_algorithm(channels, rows, kernel, stride, dilation, output_size, itemsize)
    if algorithm == "winograd" and (kernel, stride, dilation[0]) != ((3, 3), (1, 1), dilation[1]):
        raise ValueError(
            f"algorithm='winograd' with a kernel {kernel}, stride {stride}, dilation {dilation}: expected a kernel "
            "(3, 3), stride 1 and one dilation for both axes"
        )
    return algorithm


def widened(x: Any) -> Any:
    """Return float16 as float32, which holds every value of it exactly; None stays."""
    return x.astype(np.float32) if x is not None and x.dtype == np.float16 else x
