"""Error bounds of the rounded grade: computed from the inputs, never typed into a test.

A sum of n products, each product and addition rounded by at most eps / 2 relative, in any order, is off by at most
n * eps * S, S the same sum over absolute values. eps is that of the dtype computed in, so half of the bound is slack.
"""

import numpy as np

from segalgo.reference import convolution

# Additions beyond the products: of the bias, and of rounding the result.
C_DIRECT = 2
# Roundings of Winograd's transforms: up to 3 a pass over the input, twice; 5 a pass over the output, twice; one of the
# transformed weights; bias and result.
C_WINOGRAD = 20


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


def winograd_bound(x, weight, bias, stride, padding, dilation, groups, output_size):
    """Return the largest error of each cell of F(4x4, 3x3): its formula with all matrices made positive."""
    absolute = [None if a is None else np.abs(a).astype(np.float64) for a in (x, weight, bias)]
    matrices = tuple(np.abs(matrix) for matrix in convolution.WINOGRAD[4])
    sums = convolution.conv2d_winograd(*absolute, stride, padding, dilation, groups, output_size, matrices)
    return (weight.shape[1] + C_WINOGRAD) * np.finfo(x.dtype).eps * sums


def assert_within(got, expected, bound):
    """Fail with the worst cell where |got - expected| exceeds the bound."""
    excess = np.abs(got.astype(np.float64) - expected) - bound
    if excess.size and not excess.max() <= 0:
        worst = np.unravel_index(np.argmax(excess), excess.shape)
        raise AssertionError(f"at {worst}: got {got[worst]}, expected {expected[worst]} within {bound[worst]}")
