"""Convolution and transposed convolution."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.checks import REAL, as_integer, as_pair, as_planes, shown
from segalgo._core.dispatch import wing
from segalgo.layers.convolution_arguments import (
    as_bias,
    as_weight,
    check_channels,
    choose_algorithm,
    conv2d_sizes,
    widened,
)
from segalgo.layers.sizes import check_output, conv_transpose_size


def conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    algorithm: str = "auto",
) -> Any:
    """Slide kernels over the picture and sum up the products (cross-correlation, as in every network).

    ``out[n, k, i, j] = bias[k] + sum over c, u, v of weight[k, c, u, v] * input[n, c, i*sh - ph + u*dh,
    j*sw - pw + v*dw]``; cells outside the picture are zero.

    Parameters
    ----------
    input : array, (N, C, H, W) or (C, H, W), float16, float32 or float64
        NumPy or CuPy; any memory order.
    weight : array, (K, C / groups, kh, kw), dtype of `input`
    bias : array, (K,), dtype of `input`, optional
    stride : int or (int, int), default 1
        Step between windows, at least 1.
    padding : int, (int, int), "valid" or "same", default 0
        Zeros added on each side. "valid": none. "same": the output has the size of the input (stride 1 only); of an
        odd total, the larger half lies below and to the right.
    dilation : int or (int, int), default 1
        Step between the cells of a window.
    groups : int, default 1
        Channels are divided among so many convolutions side by side; `groups` divides C and K.
    algorithm : {"auto", "direct", "winograd"}, default "auto"
        "direct" adds the products one by one. "winograd", for 3 x 3 kernels of stride 1 and one dilation for both
        axes, needs a quarter of the multiplications and rounds more (see Notes). "auto" chooses by the shape.

    Returns
    -------
    array, (N, K, OH, OW) or (K, OH, OW), dtype of `input`
        ``OH = floor((H + 2*ph - dh*(kh - 1) - 1) / sh) + 1``.

    Raises
    ------
    TypeError
        If a dtype is not a float dtype, dtypes differ, or a size is not an integer.
    ValueError
        If a shape or size does not fit; the message names it.

    Notes
    -----
    Grade: rounded. With n = kh * kw * C / groups products an output cell, eps of the dtype computed in and S the
    convolution of absolute values, abs(error) <= (n + 2) * eps * S for "direct". For "winograd" it is
    (C / groups + 20) * eps * S', where S' is Winograd's formula with absolute values for pictures, weights and
    matrices; on random data the largest error is some ten times that of "direct". There infinities and NaN spread over
    their tile of 4 x 4 outputs. float16 is widened to float32, computed, and rounded once at the end.

    Cost: n multiplications an output cell, n / 4 for "winograd". Scratch of the Cython wing: the packed weights and
    tiles of the picture; with the weights of "winograd" (four times as large) at most 64 MiB, whatever the picture.

    References
    ----------
    .. [1] A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> x = np.arange(9.0).reshape(1, 3, 3)
    >>> segalgo.conv2d(x, np.array([[[[1.0, 0.0], [0.0, -1.0]]]]))
    array([[[-4., -4.],
            [-4., -4.]]])
    """
    x = as_planes(input, "input")
    w = as_weight(weight, x.dtype)
    steps, spread = as_pair(stride, "stride", 1), as_pair(dilation, "dilation", 1)
    groups = as_integer(groups, "groups", 1)
    check_channels(x, w, groups)
    b = as_bias(bias, w.shape[0], x.dtype)
    border, size = conv2d_sizes(x.shape, w.shape, steps, padding, spread)
    compute = wing("layers.convolution", x, w, b)
    method = choose_algorithm(compute, algorithm, w, steps, spread, groups, size)
    output = compute.conv2d(widened(x), widened(w), widened(b), steps, border, spread, groups, size, method)
    output = output.astype(x.dtype, copy=False)
    return output[0] if np.ndim(input) == 3 else output


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
) -> Any:
    """Spread every cell over the output, weighted by the kernel: the transpose of `conv2d` as a linear map.

    ``out[n, k, i*sh + u*dh - ph, j*sw + v*dw - pw] += input[n, c, i, j] * weight[c, k, u, v]`` for all c, i, j, u, v,
    plus ``bias[k]``; what falls outside the output is dropped. Also called deconvolution or up-convolution.

    Parameters
    ----------
    input : array, (N, C, H, W) or (C, H, W), float16, float32 or float64
        NumPy or CuPy; any memory order; H and W at least 1.
    weight : array, (C, K / groups, kh, kw), dtype of `input`
    bias : array, (K,), dtype of `input`, optional
    stride : int or (int, int), default 1
        Step between the places where kernels are put down, at least 1.
    padding : int or (int, int), default 0
        Rows and columns cut off on each side of the output.
    output_padding : int or (int, int), default 0
        Rows and columns added below and to the right; each less than the stride or the dilation of its axis.
    groups : int, default 1
        Channels are divided among so many convolutions side by side; `groups` divides C.
    dilation : int or (int, int), default 1
        Step between the cells of a kernel.

    Returns
    -------
    array, (N, K, OH, OW) or (K, OH, OW), dtype of `input`
        ``OH = (H - 1)*sh - 2*ph + dh*(kh - 1) + output_padding + 1``, at least 1.

    Raises
    ------
    TypeError
        If a dtype is not a float dtype, dtypes differ, or a size is not an integer.
    ValueError
        If a shape or size does not fit; the message names it.

    Notes
    -----
    Grade: rounded. With n the most products that meet in an output cell (at most kh * kw * C / groups), eps of the
    dtype computed in and S the operation on absolute values, abs(error) <= (n + 2) * eps * S. float16 is widened to
    float32, computed, and rounded once at the end.

    Cost: kh * kw * C / groups * K multiplications an input cell. No output cell is written twice: each phase of the
    output (its rows and columns modulo the stride) is an ordinary convolution of the input.

    References
    ----------
    .. [1] V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, chapter 4.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> x = np.array([[[1.0, 2.0]]])
    >>> segalgo.conv_transpose2d(x, np.array([[[[1.0, 10.0, 100.0]]]]), stride=(1, 2))
    array([[[  1.,  10., 102.,  20., 200.]]])
    """
    x = as_planes(input, "input")
    w = as_weight(weight, x.dtype)
    steps, spread = as_pair(stride, "stride", 1), as_pair(dilation, "dilation", 1)
    border, extra = as_pair(padding, "padding", 0), as_pair(output_padding, "output_padding", 0)
    groups = as_integer(groups, "groups", 1)
    if w.shape[0] != x.shape[1] or x.shape[1] % groups:
        raise ValueError(
            f"input has {x.shape[1]} channels, weight has shape {w.shape} and groups={groups}: "
            "expected weight (C, K / groups, kh, kw) for the C channels of input, divisible by groups"
        )
    b = as_bias(bias, w.shape[1] * groups, x.dtype)
    size = tuple(
        conv_transpose_size(*axis)
        for axis in zip("HW", x.shape[2:], w.shape[2:], steps, border, extra, spread, strict=True)
    )
    check_output((x.shape[0], w.shape[1] * groups, *size))
    compute = wing("layers.convolution", x, w, b).conv_transpose2d
    output = compute(widened(x), widened(w), widened(b), steps, border, spread, groups, size)
    output = output.astype(x.dtype, copy=False)
    return output[0] if np.ndim(input) == 3 else output


def bilinear_weight(
    channels: int,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    dtype: Any = np.float32,
) -> np.ndarray:
    """Return the weights that make `conv_transpose2d` a bilinear interpolation, as an FCN's deconvolution starts.

    ``weight[c, 0, u, v] = max(0, 1 - |u - (kh - 1) / 2| / sh) * max(0, 1 - |v - (kw - 1) / 2| / sw)``: one kernel a
    channel, for ``groups=channels``.

    Parameters
    ----------
    channels : int
        Channels, at least 1.
    kernel_size : int or (int, int)
        Kernel height and width; ``2 * stride`` for an even stride, ``2 * stride - 1`` for an odd one, interpolate.
    stride : int or (int, int), optional
        Factor of the enlargement; ``(kernel_size + 1) // 2``, Caffe's choice, if not given.
    dtype : dtype, default float32
        float16, float32 or float64.

    Returns
    -------
    numpy.ndarray, (channels, 1, kh, kw)

    Raises
    ------
    TypeError, ValueError
        If a size is no integer or less than 1, or `dtype` is not a float dtype.

    Notes
    -----
    Grade: exact. With ``padding=(kernel_size - stride) // 2`` the result is the bilinear interpolation with half-pixel
    centres, but for the border, where zeros come in from outside. For dense weights, as an FCN keeps them, put kernel
    c at ``dense[c, c]``.

    References
    ----------
    .. [1] J. Long, E. Shelhamer, T. Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.bilinear_weight(1, (1, 4))[0, 0]
    array([[0.25, 0.75, 0.75, 0.25]], dtype=float32)
    """
    from segalgo.reference.layers import convolution as compute

    size = as_pair(kernel_size, "kernel_size", 1)
    steps = tuple((k + 1) // 2 for k in size) if stride is None else as_pair(stride, "stride", 1)
    count = as_integer(channels, "channels", 1)
    check_output((count, 1, *size))
    try:
        name = np.dtype(dtype).name
    except (TypeError, ValueError):
        name = shown(dtype)
    if name not in REAL:
        raise TypeError(f"dtype={name}: expected one of {', '.join(REAL)}")
    kernel = compute.bilinear_weight(size, steps, np.dtype(name))
    return np.tile(kernel, (count, 1, 1, 1))
