"""A-priori bounds of rounded operations: what a computation may be off, from its own numbers.

Every bound is ``c * eps * S`` plus the rounding of the result to its storage dtype: eps of the dtype that was
computed in, S the operation on absolute values (computed in float64), c the number of roundings on the way. A sum of
n products, each product and addition rounded by at most eps / 2, in any order, is off by at most n * eps * S.
"""

import numpy as np

from segalgo.reference import convolution

DOUBLE = np.finfo(np.float64).eps


def computed_eps(dtype):
    """Return eps of the dtype that an operation computes in: float32 for float16."""
    return np.finfo(np.float32 if dtype == np.float16 else dtype).eps


def storage_bound(dtype, expected):
    """Return the rounding of a result to its dtype, also of a subnormal one."""
    info = np.finfo(dtype)
    return info.eps * np.abs(expected) + info.smallest_subnormal


def average_pooling_bound(dtype, expected, absolute, cells):
    """Bound sums of `cells` terms in float64 and one division; `absolute` is the pooling of the absolute values."""
    return (cells + 2) * DOUBLE * np.abs(absolute) + storage_bound(dtype, expected)


def bilinear_bound(dtype, expected, absolute):
    """Bound three roundings at each of two levels; `absolute` is the interpolation of the absolute values."""
    return 4 * computed_eps(dtype) * absolute + storage_bound(dtype, expected)


def bilinear_position_bound(dtype, expected, absolute, span, size):
    """Bound another implementation's result, whose positions (up to `size`) may round differently by two roundings.

    `span` is the largest difference between cells.
    """
    return bilinear_bound(dtype, expected, absolute) + 8 * computed_eps(dtype) * size * span


def batch_norm_bound(dtype, expected, x, mean, var, weight, bias, eps):
    """Bound six roundings in float64; x is (N, C, cells), the rest (C,)."""
    factor = np.abs(weight) / np.sqrt(var + eps)
    absolute = (np.abs(x) + np.abs(mean)[:, None]) * factor[:, None] + np.abs(bias)[:, None]
    return 6 * DOUBLE * absolute + storage_bound(dtype, expected)


def layer_norm_bound(dtype, expected, x, weight, bias, eps):
    """Bound sums over rows of n cells in float64; x is (rows, n)."""
    n = x.shape[1]
    spread = np.abs(x) + np.abs(x).mean(axis=1, keepdims=True)
    root = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    # The variance's own error: n roundings of squares that are at most `spread` squared.
    relative = 1 + (spread**2).mean(axis=1, keepdims=True) / root**2
    return (n + 8) * DOUBLE * (np.abs(weight) * spread / root * relative + np.abs(bias)) + storage_bound(
        dtype, expected
    )


def local_response_norm_bound(dtype, expected, size, beta):
    """Bound `size` squares and sums in float64, all positive, and a power of the result."""
    return ((size + 4) * abs(beta) + 8) * DOUBLE * np.abs(expected) + storage_bound(dtype, expected)


def sigmoid_bound(dtype, expected):
    """Bound the documented four roundings."""
    return 4 * computed_eps(dtype) * expected + storage_bound(dtype, expected)


def gelu_bound(dtype, expected, x):
    """Bound the documented four roundings of the input's size."""
    return 4 * computed_eps(dtype) * np.abs(x) + storage_bound(dtype, expected)


def softmax_bound(dtype, expected, shifted):
    """Bound exponentials whose argument `shifted` = x - max was rounded once."""
    return (np.abs(shifted) + 6) * computed_eps(dtype) * expected + storage_bound(dtype, expected)


def log_softmax_bound(dtype, expected):
    """Bound the documented roundings of the result and of the sum of exponentials."""
    return (np.abs(expected) + 8) * computed_eps(dtype) + storage_bound(dtype, expected)


def linear_bound(dtype, expected, x, weight, bias):
    """Bound K products and sums, and the bias; x is (rows, K), weight (N, K)."""
    absolute = np.abs(x).astype(np.float64) @ np.abs(weight).astype(np.float64).T + np.abs(bias)
    return (x.shape[1] + 1) * computed_eps(dtype) * absolute + storage_bound(dtype, expected)


# Additions beyond the products: of the bias, and of rounding the result.
C_DIRECT = 2
# Roundings of Winograd's transforms: up to 3 a pass over the input, twice; 5 a pass over the output, twice; one of the
# transformed weights; bias and result.
C_WINOGRAD = 20
# A plan transforms the weights in float32: 3.5 roundings a pass, twice, in place of one.
C_PLANNED_WINOGRAD = 26


def conv2d_bound(x, weight, bias, stride, padding, dilation, groups, output_size):
    """Return the largest error of each output cell of a direct convolution in the dtype of x."""
    absolute = [None if a is None else np.abs(a).astype(np.float64) for a in (x, weight, bias)]
    sums = convolution.conv2d(*absolute, stride, padding, dilation, groups, output_size)
    return (weight[0].size + C_DIRECT) * np.finfo(x.dtype).eps * sums


def conv_transpose2d_bound(x, weight, bias, stride, padding, dilation, groups, output_size):
    """Return the largest error of each output cell of a transposed convolution in the dtype of x."""
    absolute = [None if a is None else np.abs(a).astype(np.float64) for a in (x, weight, bias)]
    sums = convolution.conv_transpose2d(*absolute, stride, padding, dilation, groups, output_size)
    terms = weight.shape[0] // groups * weight.shape[2] * weight.shape[3]
    return (terms + C_DIRECT) * np.finfo(x.dtype).eps * sums


def winograd_bound(x, weight, bias, stride, padding, dilation, groups, output_size, c=C_WINOGRAD):
    """Return the largest error of each cell of F(4x4, 3x3): its formula with all matrices made positive."""
    absolute = [None if a is None else np.abs(a).astype(np.float64) for a in (x, weight, bias)]
    matrices = tuple(np.abs(matrix) for matrix in convolution.WINOGRAD[4])
    sums = convolution.conv2d_winograd(*absolute, stride, padding, dilation, groups, output_size, matrices)
    return (weight.shape[1] + c) * np.finfo(x.dtype).eps * sums


def assert_within(got, expected, bound):
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
