"""A-priori bounds of rounded operations: what a computation may be off, from its own numbers.

Every bound is ``c * eps * S`` plus the rounding of the result to its storage dtype: eps of the dtype that was
computed in, S the operation on absolute values (computed in float64), c the number of roundings on the way. A sum of
n products, each product and addition rounded by at most eps / 2, in any order, is off by at most n * eps * S.

Functions that take `eps` bound a computation in that precision; its default is what our own kernels promise.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo.reference.layers import convolution

DOUBLE = np.finfo(np.float64).eps


def computed_eps(dtype: Any) -> float:
    """Return eps of the dtype that an operation computes in: float32 for float16."""
    return np.finfo(np.float32 if dtype == np.float16 else dtype).eps


def storage_bound(dtype: Any, expected: Any) -> Any:
    """Return the rounding of a result to its dtype, also of a subnormal one."""
    info = np.finfo(dtype)
    return info.eps * np.abs(expected) + info.smallest_subnormal


def sum_bound(dtype: Any, expected: Any, absolute: Any, terms: Any, eps: float = DOUBLE) -> Any:
    """Bound a sum of `terms` terms, in any order, and two roundings more; `absolute` is the sum of absolute values."""
    return (terms + 2) * eps * np.abs(absolute) + storage_bound(dtype, expected)


def average_pooling_bound(dtype: Any, expected: Any, absolute: Any, cells: Any, eps: float = DOUBLE) -> Any:
    """Bound sums of `cells` terms and one division; `absolute` is the pooling of the absolute values."""
    return sum_bound(dtype, expected, absolute, cells, eps)


def bilinear_bound(dtype: Any, expected: Any, absolute: Any) -> Any:
    """Bound three roundings at each of two levels; `absolute` is the interpolation of the absolute values."""
    return 4 * computed_eps(dtype) * absolute + storage_bound(dtype, expected)


def bilinear_position_bound(dtype: Any, expected: Any, absolute: Any, span: Any, size: int) -> Any:
    """Bound another implementation's result, whose positions (up to `size`) may round differently by two roundings.

    `span` is the largest difference between cells.
    """
    return bilinear_bound(dtype, expected, absolute) + 8 * computed_eps(dtype) * size * span


def batch_norm_bound(
    dtype: Any, expected: Any, x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float, unit: float = DOUBLE
) -> Any:
    """Bound six roundings of size `unit`; x is (N, C, cells), the rest (C,)."""
    factor = np.abs(weight) / np.sqrt(var + eps)
    absolute = (np.abs(x) + np.abs(mean)[:, None]) * factor[:, None] + np.abs(bias)[:, None]
    return 6 * unit * absolute + storage_bound(dtype, expected)


def layer_norm_bound(
    dtype: Any, expected: Any, x: Any, weight: Any, bias: Any, eps: float, unit: float = DOUBLE
) -> Any:
    """Bound sums over rows of n cells with roundings of size `unit`; x is (rows, n)."""
    n = x.shape[1]
    spread = np.abs(x) + np.abs(x).mean(axis=1, keepdims=True)
    root = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    # The variance's own error: n roundings of squares that are at most `spread` squared.
    relative = 1 + (spread**2).mean(axis=1, keepdims=True) / root**2
    return (n + 8) * unit * (np.abs(weight) * spread / root * relative + np.abs(bias)) + storage_bound(dtype, expected)


def two_pass_norm_bound(dtype: Any, expected: Any, x: Any, weight: Any, bias: Any, eps: float, unit: float) -> Any:
    """Bound layer normalization that takes the mean first and then squares of differences; x is (rows, n).

    The mean is off by n * unit * mean|x|, and so is every difference; their squares bring that in once with the
    differences and once squared, never with mean|x| squared alone, as the formula E[x^2] - E[x]^2 does.
    """
    n = x.shape[1]
    centred = np.abs(x - x.mean(axis=1, keepdims=True))
    size = np.abs(x).mean(axis=1, keepdims=True)
    var = (centred**2).mean(axis=1, keepdims=True)
    tiny = np.finfo(np.float32 if np.dtype(dtype) == np.float16 else dtype).smallest_subnormal
    off = n * unit * size + unit * centred + tiny
    off_var = n * unit * var + 2 * (off * centred).mean(axis=1, keepdims=True) + (off**2).mean(axis=1, keepdims=True)
    root = np.sqrt(var + eps)
    relative = off_var / (2 * root**2) + 6 * unit
    return (
        np.abs(weight) * (off / root + centred / root * relative)
        + 4 * unit * (np.abs(weight) * centred / root + np.abs(bias))
        + storage_bound(dtype, expected)
    )


def local_response_norm_bound(dtype: Any, expected: Any, size: int, beta: float, unit: float = DOUBLE) -> Any:
    """Bound `size` squares and sums, all positive, and a power of the result."""
    return ((size + 4) * abs(beta) + 8) * unit * np.abs(expected) + storage_bound(dtype, expected)


def sigmoid_bound(dtype: Any, expected: Any) -> Any:
    """Bound the documented four roundings."""
    return 4 * computed_eps(dtype) * expected + storage_bound(dtype, expected)


def hardsigmoid_bound(dtype: Any, expected: Any) -> Any:
    """Bound the documented four roundings of numbers that are at most 1, whichever way the line is computed."""
    return 4 * computed_eps(dtype) + storage_bound(dtype, expected)


def hardswish_bound(dtype: Any, expected: Any, x: Any) -> Any:
    """Bound the documented four roundings of the input's size."""
    return 4 * computed_eps(dtype) * np.abs(x) + storage_bound(dtype, expected)


def gelu_bound(dtype: Any, expected: Any, x: Any) -> Any:
    """Bound the documented four roundings of the input's size."""
    return 4 * computed_eps(dtype) * np.abs(x) + storage_bound(dtype, expected)


def softmax_bound(dtype: Any, expected: Any, shifted: Any, terms: int = 0) -> Any:
    """Bound exponentials whose argument `shifted` = x - max was rounded once, and `terms` roundings of their sum."""
    return (np.abs(shifted) + 6 + terms) * computed_eps(dtype) * expected + storage_bound(dtype, expected)


def log_softmax_bound(dtype: Any, expected: Any, terms: int = 0) -> Any:
    """Bound the roundings of the result and of the sum of exponentials; `terms` of them where it is not in float64."""
    return (np.abs(expected) + 8 + terms) * computed_eps(dtype) + storage_bound(dtype, expected)


def linear_bound(dtype: Any, expected: Any, x: Any, weight: Any, bias: Any) -> Any:
    """Bound K products and sums, and the bias; x is (rows, K), weight (N, K)."""
    absolute = np.abs(x).astype(np.float64) @ np.abs(weight).astype(np.float64).T + np.abs(bias)
    return (x.shape[1] + 1) * computed_eps(dtype) * absolute + storage_bound(dtype, expected)


def attention_bound(dtype: Any, expected: Any, absolute: Any, scores: Any, depth: int) -> Any:
    """Bound scores, their exponentials and their mean of values.

    `scores` is, for each query, the largest ``scale * sum of |query| |key|`` (..., L, 1); `absolute` is the mean of the
    absolute values, as weighted; the number of keys counts for sums of weights and of values.
    """
    (largest, keys), eps = scores, computed_eps(dtype)
    off = 2 * ((depth + 3) * largest + 2 * largest) + 2 * keys + 12
    return off * eps * absolute + storage_bound(dtype, expected)


# Additions beyond the products: of the bias, and of rounding the result.
C_DIRECT = 2
# Roundings of Winograd's transforms: up to 3 a pass over the input, twice; 5 a pass over the output, twice; one of the
# transformed weights; bias and result.
C_WINOGRAD = 20
# A plan transforms the weights in float32: 3.5 roundings a pass, twice, in place of one.
C_PLANNED_WINOGRAD = 26


def _absolute(*arrays: Any) -> list[Any]:
    return [None if a is None else np.abs(a).astype(np.float64) for a in arrays]


def conv2d_bound(
    x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int, output_size: Any
) -> Any:
    """Return the largest error of each output cell of a direct convolution in the dtype of x."""
    sums = convolution.conv2d(*_absolute(x, weight, bias), stride, padding, dilation, groups, output_size)
    return (weight[0].size + C_DIRECT) * np.finfo(x.dtype).eps * sums


def conv_transpose2d_bound(
    x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int, output_size: Any
) -> Any:
    """Return the largest error of each output cell of a transposed convolution in the dtype of x."""
    sums = convolution.conv_transpose2d(*_absolute(x, weight, bias), stride, padding, dilation, groups, output_size)
    terms = weight.shape[0] // groups * weight.shape[2] * weight.shape[3]
    return (terms + C_DIRECT) * np.finfo(x.dtype).eps * sums


def winograd_bound(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    output_size: Any,
    c: int = C_WINOGRAD,
) -> Any:
    """Return the largest error of each cell of F(4x4, 3x3): its formula with all matrices made positive."""
    matrices = tuple(np.abs(matrix) for matrix in convolution.WINOGRAD[4])
    sums = convolution.conv2d_winograd(
        *_absolute(x, weight, bias), stride, padding, dilation, groups, output_size, matrices
    )
    return (weight.shape[1] + c) * np.finfo(x.dtype).eps * sums


def transform_floor(x: Any, weight: Any, transposed: bool = False) -> Any:
    """Return what a convolution by FFT or Winograd in float64 may leave where all products are zero, (N, K, 1, 1).

    Transforms spread roundings of size eps over a whole plane: at most about ``log2(cells) * eps`` times the norms of
    the picture and of the kernel, by Cauchy's inequality. It counts beside a bound whose S is zero or tiny.
    """
    pictures = np.sqrt((np.abs(x).astype(np.float64) ** 2).sum(axis=(1, 2, 3)))
    axes = (0, 2, 3) if transposed else (1, 2, 3)
    kernels = np.sqrt((np.abs(weight).astype(np.float64) ** 2).sum(axis=axes))
    if transposed:  # groups share the channels of the output; the largest norm serves all
        kernels = np.full(1, kernels.max(initial=0.0))
    cells = max(int(np.prod(x.shape[1:])), 1)
    return 4 * (1 + np.log2(cells)) * DOUBLE * (pictures[:, None] * kernels)[:, :, None, None]


def window_moments_bound(image: Any, window: Sequence[int], total: float, squares: float) -> tuple[float, float]:
    """Return how far mean and mean square of windows may be off that are taken from running sums in float64.

    Running sums along every axis: each is off by at most ``2 * sum(shape + window) * eps`` times all that was added.
    `total` and `squares` are the sums of absolute values and of squares over the padded picture.
    """
    steps = 2 * sum(n + w for n, w in zip(np.shape(image), window, strict=True)) + 4
    area = float(np.prod(window))
    return steps * DOUBLE * total / area, steps * DOUBLE * squares / area


def assert_within(got: Any, expected: Any, bound: Any) -> None:
    """Assert that NaN and infinities agree and every other cell is within its bound; name the worst cell."""
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    assert got.shape == expected.shape
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(got[~finite], expected[~finite])
    allowed = np.broadcast_to(bound, expected.shape)
    # A cell that is NaN where it should be finite exceeds every bound.
    with np.errstate(invalid="ignore"):
        excess = np.where(finite, np.abs(got - np.where(finite, expected, 0)) - allowed, -np.inf)
    if excess.size and not excess.max() <= 0:
        worst = np.unravel_index(np.argmax(excess), excess.shape)
        raise AssertionError(f"at {worst}: got {got[worst]}, expected {expected[worst]} within {allowed[worst]}")
