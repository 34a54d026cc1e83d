"""Average-pooling with a given window, and with a given output size."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.checks import as_flag, as_integer, as_pair, as_planes, as_sequence, is_sequence, shown, widened
from segalgo._core.dispatch import wing
from segalgo.layers.pooling_arguments import as_stride
from segalgo.layers.sizes import adaptive_pool_size, avg_pool_size, check_output
from segalgo.reference.layers.average_pooling import adaptive_windows, pooling_windows


def avg_pool2d(
    input: Any,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """Take the mean of every window.

    ``out[n, c, i, j] = sum over u, v of input[n, c, i*sh - ph + u, j*sw - pw + v] / divisor``; cells outside the
    picture count as 0. The divisor is the number of cells of the window: in the picture and its padding if
    `count_include_pad`, else in the picture alone; or `divisor_override`. Cells beyond the padding, which a last
    window of `ceil_mode` may reach, are never counted. NaN and infinities follow from the sum.

    Parameters
    ----------
    input : array, (N, C, H, W) or (C, H, W), float16, float32 or float64
        NumPy or CuPy; any memory order.
    kernel_size : int or (int, int)
        Window height and width, at least 1.
    stride : int or (int, int), optional
        Step between windows; `kernel_size` if not given, or if it is an empty sequence.
    padding : int or (int, int), default 0
        Cells added on each side; at most half of the kernel.
    ceil_mode : bool, default False
        Round the output size up: a last window may hang over the edge if it starts inside the picture or its padding.
    count_include_pad : bool, default True
        Count the cells of the padding in the divisor.
    divisor_override : int, optional
        Divide by this number instead; not 0.

    Returns
    -------
    array, (N, C, OH, OW) or (C, OH, OW), dtype of `input`
        ``OH = floor((H + 2*ph - kh) / sh) + 1``, ceil if `ceil_mode`.

    Raises
    ------
    TypeError
        If `input` is not of a float dtype, a size is not an integer, or a flag not True or False.
    ValueError
        If a shape or size does not fit, or `divisor_override` is 0.

    Notes
    -----
    Grade: rounded; sums, first down the columns of a window and then along, and the division are in float64, the
    result is rounded once. Cost: ``kh`` additions a column, ``kw`` an output cell.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> x = np.array([[[1, 5, 2, 0], [3, 5, 9, 8]]], np.float32)
    >>> segalgo.avg_pool2d(x, 2)
    array([[[3.5 , 4.75]]], dtype=float32)
    """
    x = as_planes(input, "input")
    kernel = as_pair(kernel_size, "kernel_size", 1)
    steps = as_stride(stride, kernel)
    border = as_pair(padding, "padding", 0)
    if divisor_override is not None and as_integer(divisor_override, "divisor_override", most=2**53) == 0:
        raise ValueError("divisor_override=0: expected an integer other than 0")
    count_include_pad = as_flag(count_include_pad, "count_include_pad")
    axes = list(zip("HW", x.shape[2:], kernel, steps, border, strict=True))
    sizes = [avg_pool_size(*axis, ceil_mode) for axis in axes]
    check_output((*x.shape[:2], *sizes))
    windows = [pooling_windows(size, *axis[1:], count_include_pad) for size, axis in zip(sizes, axes, strict=True)]
    (rows, row_counts), (columns, column_counts) = windows
    if divisor_override is not None:
        row_counts, column_counts = np.full_like(row_counts, divisor_override), np.ones_like(column_counts)
    output = wing("layers.average_pooling", x).avg_pool2d(widened(x), rows, columns, row_counts, column_counts)
    output = output.astype(x.dtype, copy=False)
    return output[0] if np.ndim(input) == 3 else output


def adaptive_avg_pool2d(input: Any, output_size: int | Sequence[int | None] | None) -> Any:
    """Take the mean of windows that divide the picture into an output of a given size.

    Output cell i of an axis covers the input cells from ``floor(i * n / output)`` to before
    ``ceil((i + 1) * n / output)``: windows of nearly equal sizes that may share a cell. ``output_size=1`` is the mean
    of each plane.

    Parameters
    ----------
    input : array, (N, C, H, W) or (C, H, W), float16, float32 or float64
        NumPy or CuPy; any memory order.
    output_size : int or None, or a pair of them
        Height and width of the output, at least 0; None keeps the input's.

    Returns
    -------
    array, (N, C, OH, OW) or (C, OH, OW), dtype of `input`

    Raises
    ------
    TypeError
        If `input` is not of a float dtype, or a size is not an integer.
    ValueError
        If a shape or size does not fit.

    Notes
    -----
    Grade: rounded; sums and the division are in float64, as in `segalgo.avg_pool2d`.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.adaptive_avg_pool2d(np.arange(10.0).reshape(1, 2, 5), (1, 2))
    array([[[3.5, 5.5]]])
    """
    x = as_planes(input, "input")
    if 0 in x.shape[2:]:
        raise ValueError(f"input has shape {x.shape}: expected a height and width of at least 1")
    wanted = (output_size, output_size)
    if is_sequence(output_size):
        wanted = as_sequence(output_size, "output_size", "one size or a pair")
    if len(wanted) != 2:
        raise ValueError(f"output_size={shown(output_size)}: expected one size or a pair")
    sizes = [adaptive_pool_size(*axis) for axis in zip("HW", x.shape[2:], wanted, strict=True)]
    check_output((*x.shape[:2], *sizes))
    rows, columns = (adaptive_windows(n, size) for n, size in zip(x.shape[2:], sizes, strict=True))
    counts = [np.maximum(last - first, 1).astype(np.float64) for first, last in (rows, columns)]
    output = wing("layers.average_pooling", x).avg_pool2d(widened(x), rows, columns, *counts)
    output = output.astype(x.dtype, copy=False)
    return output[0] if np.ndim(input) == 3 else output
