"""Convolution, transposed convolution, and weights packed once for many pictures."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from segalgo._checks import REAL, as_array, as_contiguous, as_pair, as_planes, one_of
from segalgo._dispatch import wing

ALGORITHMS = ("auto", "direct", "winograd")


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

    Cost: n multiplications an output cell, n / 4 for "winograd". Scratch of the Cython wing: the packed weights (four
    times their size for "winograd") and tiles; with "auto" and Winograd both together are at most 64 MiB, and tiles
    alone never more, whatever the size of the picture and the number of threads.

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
    w = _as_weight(weight, x.dtype)
    steps, spread = as_pair(stride, "stride", 1), as_pair(dilation, "dilation", 1)
    groups = _as_groups(groups)
    _check_channels(x, w, groups)
    b = _as_bias(bias, w.shape[0], x.dtype)
    border, size = _conv2d_sizes(x.shape[2:], w.shape[2:], steps, padding, spread)
    compute = wing("convolution", x, w, b)
    method = _algorithm(compute, algorithm, w, steps, spread, groups, size)
    output = compute.conv2d(_widened(x), _widened(w), _widened(b), steps, border, spread, groups, size, method)
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
        ``OH = (H - 1)*sh - 2*ph + dh*(kh - 1) + output_padding + 1``; 0 gives an empty array, less is an error.

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
    w = _as_weight(weight, x.dtype)
    steps, spread = as_pair(stride, "stride", 1), as_pair(dilation, "dilation", 1)
    border, extra = as_pair(padding, "padding", 0), as_pair(output_padding, "output_padding", 0)
    groups = _as_groups(groups)
    if w.shape[0] != x.shape[1] or x.shape[1] % groups:
        raise ValueError(
            f"input has {x.shape[1]} channels, weight has shape {w.shape} and groups={groups}: "
            "expected weight (C, K / groups, kh, kw) for the C channels of input, divisible by groups"
        )
    b = _as_bias(bias, w.shape[1] * groups, x.dtype)
    size = tuple(
        _transposed_size(*axis)
        for axis in zip("HW", x.shape[2:], w.shape[2:], steps, border, extra, spread, strict=True)
    )
    compute = wing("convolution", x, w, b).conv_transpose2d
    output = compute(_widened(x), _widened(w), _widened(b), steps, border, spread, groups, size)
    output = output.astype(x.dtype, copy=False)
    return output[0] if np.ndim(input) == 3 else output


class PreparedConv2d:
    """A convolution whose weights are packed; `prepare_conv2d` makes it, a call applies it.

    Attributes
    ----------
    weight, bias : array
        As given to `prepare_conv2d`, batch normalization folded in; float32 where they were float16.
    stride, dilation : (int, int)
    padding : int, (int, int) or str
    groups : int
    relu : bool
    algorithm : str
    """

    def __init__(
        self,
        weight: Any,
        bias: Any,
        dtype: np.dtype,
        stride: tuple[int, int],
        padding: int | Sequence[int] | str,
        dilation: tuple[int, int],
        groups: int,
        relu: bool,
        algorithm: str,
    ) -> None:
        self.weight, self.bias, self.dtype = weight, bias, dtype
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.relu, self.algorithm = relu, algorithm
        self._packed: dict[tuple[str, str], Any] = {}
        self._pack(wing("convolution", weight), None)

    def __call__(self, input: Any) -> Any:
        """Return the convolution of a tensor (N, C, H, W) or (C, H, W) of the weights' dtype, as `conv2d` does."""
        x = as_planes(input, "input")
        if x.dtype != self.dtype:
            raise TypeError(f"input has dtype {x.dtype}: expected {self.dtype}, that of the weights")
        _check_channels(x, self.weight, self.groups)
        kernel = self.weight.shape[2:]
        border, size = _conv2d_sizes(x.shape[2:], kernel, self.stride, self.padding, self.dilation)
        compute = wing("convolution", x, self.weight)
        output = compute.conv2d_packed(_widened(x), self._pack(compute, size), border, size)
        output = output.astype(x.dtype, copy=False)
        return output[0] if np.ndim(input) == 3 else output

    def _pack(self, compute: ModuleType, size: tuple[int, int] | None) -> Any:
        """Return the packed weights of a wing for an output of this size; each form is packed once."""
        method = _algorithm(compute, self.algorithm, self.weight, self.stride, self.dilation, self.groups, size)
        key = (compute.__name__, method)
        if key not in self._packed:
            self._packed[key] = compute.pack_conv2d(
                self.weight, self.bias, self.stride, self.dilation, self.groups, self.relu, method
            )
        return self._packed[key]


def prepare_conv2d(
    weight: Any,
    bias: Any = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    batch_norm: Sequence[Any] | None = None,
    relu: bool = False,
    algorithm: str = "auto",
) -> PreparedConv2d:
    """Pack a convolution's weights once, with what follows it folded in; the result is called with the pictures.

    ``prepare_conv2d(weight, bias, ...)(input)`` is ``conv2d(input, weight, bias, ...)``, then batch normalization in
    inference, then ReLU, where asked for.

    Parameters
    ----------
    weight, bias, stride, padding, dilation, groups, algorithm
        As for `conv2d`.
    batch_norm : (running_mean, running_var, weight, bias, eps), optional
        Four arrays (K,) and a number; the third and fourth may be None (1 and 0). Folded into the weights in float64:
        ``scale = weight / sqrt(running_var + eps)``.
    relu : bool, default False
        Replace negative sums by zero in the same step that writes them; NaN stays.

    Returns
    -------
    PreparedConv2d
        Call it with an array (N, C, H, W) or (C, H, W) of the dtype of `weight`. It may be called from several threads.

    Raises
    ------
    TypeError, ValueError
        As `conv2d` does, as soon as the fault can be seen.

    Notes
    -----
    Grade: rounded, with the bound of `conv2d` for the folded weights.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> layer = segalgo.prepare_conv2d(np.array([[[[2.0]]]]), np.array([-3.0]), relu=True)
    >>> layer(np.array([[[1.0, 2.0]]]))
    array([[[0., 1.]]])
    """
    w = _as_weight(weight, None)
    steps, spread = as_pair(stride, "stride", 1), as_pair(dilation, "dilation", 1)
    groups = _as_groups(groups)
    if w.shape[0] % groups:
        raise ValueError(f"groups={groups}: expected a divisor of {w.shape[0]}, the output channels of weight")
    _check_padding(padding, steps)
    b = _as_bias(bias, w.shape[0], w.dtype)
    folded, offset = _widened(w), _widened(b)
    if batch_norm is not None:
        folded, offset = _with_batch_norm(folded, offset, batch_norm)
    return PreparedConv2d(folded, offset, w.dtype, steps, padding, spread, groups, bool(relu), algorithm)


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
    from segalgo.reference import convolution as compute

    size = as_pair(kernel_size, "kernel_size", 1)
    steps = tuple((k + 1) // 2 for k in size) if stride is None else as_pair(stride, "stride", 1)
    if np.dtype(dtype).name not in REAL:
        raise TypeError(f"dtype={np.dtype(dtype)}: expected one of {', '.join(REAL)}")
    kernel = compute.bilinear_weight(size, steps, np.dtype(dtype))
    return np.tile(kernel, (as_pair(channels, "channels", 1)[0], 1, 1, 1))


def _as_weight(value: Any, dtype: np.dtype | None) -> Any:
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


def _as_bias(value: Any, channels: int, dtype: np.dtype) -> Any:
    """Return the bias, contiguous and of this dtype and length, or None."""
    if value is None:
        return None
    array = as_contiguous(as_array(value, "bias"))
    if array.shape != (channels,):
        raise ValueError(f"bias has shape {array.shape}: expected ({channels},), one number an output channel")
    if array.dtype != dtype:
        raise TypeError(f"bias has dtype {array.dtype}: expected {dtype}, that of input and weight")
    return array


def _as_groups(value: Any) -> int:
    """Return the number of groups, at least 1."""
    if isinstance(value, Sequence):
        raise TypeError(f"groups={value!r}: expected an integer")
    return as_pair(value, "groups", 1)[0]


def _check_channels(x: Any, w: Any, groups: int) -> None:
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


def _check_padding(padding: Any, stride: tuple[int, int]) -> tuple[int, int] | str:
    """Return the padding as a pair, or "same"."""
    if isinstance(padding, str):
        one_of(padding, "padding", ("valid", "same"))
        if padding == "same" and stride != (1, 1):
            raise ValueError(f"padding='same' with stride={stride}: expected stride 1")
        return padding if padding == "same" else (0, 0)
    return as_pair(padding, "padding", 0)


def _conv2d_sizes(
    input_size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: Any,
    dilation: tuple[int, int],
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the zeros above and to the left, and (OH, OW)."""
    extent = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    border = _check_padding(padding, stride)
    if border == "same":
        return tuple((n - 1) // 2 for n in extent), tuple(input_size)
    size = []
    for axis, n, e, s, p in zip("HW", input_size, extent, stride, border, strict=True):
        if e > n + 2 * p:
            raise ValueError(
                f"kernel of extent {e} along {axis} (weight, dilation): expected at most {n + 2 * p}, the padded input "
                "size"
            )
        size.append((n + 2 * p - e) // s + 1)
    return border, tuple(size)


def _transposed_size(axis: str, n: int, k: int, s: int, p: int, extra: int, d: int) -> int:
    """Return the output size of one axis of a transposed convolution."""
    if n < 1:
        raise ValueError(f"input has size 0 along {axis}: expected at least 1")
    if extra >= max(s, d):
        raise ValueError(
            f"output_padding={extra} along {axis}: expected less than the stride {s} or the dilation {d} of that axis"
        )
    size = (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
    if size < 0:
        raise ValueError(f"padding={p} along {axis} leaves an output of size {size}: expected at least 0")
    return size


def _algorithm(
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


def _with_batch_norm(weight: Any, bias: Any, batch_norm: Sequence[Any]) -> tuple[Any, Any]:
    """Return weight and bias of the convolution followed by batch normalization; sums in float64."""
    if len(batch_norm) != 5:
        raise ValueError(
            f"batch_norm has {len(batch_norm)} entries: expected (running_mean, running_var, weight, bias, eps)"
        )
    *arrays, eps = batch_norm
    names = ("running_mean", "running_var", "weight", "bias")
    for name, array in zip(names, arrays, strict=True):
        if array is None and name in names[2:]:
            continue
        if np.shape(array) != weight.shape[:1]:
            raise ValueError(f"batch_norm {name} has shape {np.shape(array)}: expected {weight.shape[:1]}")
    mean, var, gamma, beta = (None if a is None else as_array(a, "batch_norm").astype(np.float64) for a in arrays)
    scale = (var + eps) ** -0.5 if gamma is None else gamma * (var + eps) ** -0.5
    shift = -mean * scale if bias is None else (bias.astype(np.float64) - mean) * scale
    shift = shift if beta is None else shift + beta
    return (weight * scale[:, None, None, None]).astype(weight.dtype), shift.astype(weight.dtype)


def _widened(x: Any) -> Any:
    """Return float16 as float32, which holds every value of it exactly; None stays."""
    return x.astype(np.float32) if x is not None and x.dtype == np.float16 else x
