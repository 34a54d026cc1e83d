"""Normalization on every backend."""

import numpy as np
import pytest
from tolerance import (
    assert_within,
    batch_norm_bound,
    computed_eps,
    layer_norm_bound,
    local_response_norm_bound,
    two_pass_norm_bound,
)

import segalgo

SHAPES = [(2, 3, 7, 5), (1, 1, 1, 1), (3, 65, 9), (2, 2, 257), (1, 4, 2, 3, 5)]


def with_reference(operation, x, *arguments, **keywords):
    with segalgo.use_backend("reference"):
        return operation(np.asarray(x).astype(np.float64), *arguments, **keywords)


def check_batch_norm(backend, x, vectors, eps=1e-5):
    got = backend.numpy(segalgo.batch_norm(*(backend.array(a) for a in (x, *vectors)), eps=eps))
    expected = with_reference(segalgo.batch_norm, x, *vectors, eps=eps)
    assert got.dtype == x.dtype.newbyteorder("=")
    flat = x.reshape(*x.shape[:2], -1).astype(np.float64)
    bound = batch_norm_bound(got.dtype, expected.reshape(flat.shape), flat, *vectors, eps)
    assert_within(got.reshape(flat.shape), expected.reshape(flat.shape), bound)


def check_layer_norm(backend, x, shape, weight, bias, eps=1e-5):
    keywords = {} if weight is None else {"weight": backend.array(weight), "bias": backend.array(bias)}
    got = backend.numpy(segalgo.layer_norm(backend.array(x), shape, **keywords, eps=eps))
    expected = with_reference(segalgo.layer_norm, x, shape, weight, bias, eps)
    assert got.dtype == x.dtype.newbyteorder("=")
    rows = x.reshape(-1, int(np.prod(shape))).astype(np.float64)
    weight, bias = (np.ones(rows.shape[1]), np.zeros(1)) if weight is None else (weight.ravel(), bias.ravel())
    bound = layer_norm_bound(got.dtype, expected.reshape(rows.shape), rows, weight, bias, eps)
    assert_within(got.reshape(rows.shape), expected.reshape(rows.shape), bound)


def check_group_norm(backend, x, groups, weight=None, bias=None, eps=1e-5):
    keywords = {} if weight is None else {"weight": backend.array(weight), "bias": backend.array(bias)}
    got = backend.numpy(segalgo.group_norm(backend.array(x), groups, **keywords, eps=eps))
    expected = with_reference(segalgo.group_norm, x, groups, weight, bias, eps)
    assert got.dtype == x.dtype.newbyteorder("=")
    (n, channels), cells = x.shape[:2], int(np.prod(x.shape[2:]))
    rows = x.astype(np.float64).reshape(n * groups, channels // groups * cells)
    weight, bias = (np.ones(channels), np.zeros(channels)) if weight is None else (weight, bias)
    per_cell = (np.tile(vector.repeat(cells).reshape(groups, -1), (n, 1)) for vector in (weight, bias))
    bound = two_pass_norm_bound(got.dtype, expected.reshape(rows.shape), rows, *per_cell, eps, computed_eps(got.dtype))
    assert_within(got, expected, bound.reshape(x.shape))


def check_response(backend, x, *arguments):
    got = backend.numpy(segalgo.local_response_norm(backend.array(x), *arguments))
    expected = with_reference(segalgo.local_response_norm, x, *arguments)
    assert got.dtype == x.dtype.newbyteorder("=")
    beta = arguments[2] if len(arguments) > 2 else 0.75
    assert_within(got, expected, local_response_norm_bound(got.dtype, expected, arguments[0], beta))


def test_hand_worked(backend):
    x = backend.array([[[1.0, 3.0], [5.0, 9.0]]])
    statistics = backend.array([2.0, 5.0]), backend.array([4.0, 1.0])
    affine = backend.array([1.0, 10.0]), backend.array([0.0, 1.0])
    got = backend.numpy(segalgo.batch_norm(x, *statistics, *affine, eps=0.0))
    assert got.tolist() == [[[-0.5, 0.5], [1, 41]]]
    got = backend.numpy(segalgo.layer_norm(x, 2, backend.array([2.0, 1.0]), backend.array([0.0, 7.0]), eps=0.0))
    assert got.tolist() == [[[-2, 8], [-2, 8]]]
    x = backend.array([[[1.0, 3.0], [5.0, 5.0], [-1.0, 1.0]]])
    affine = backend.array([2.0, 1.0, 3.0]), backend.array([0.0, 7.0, -1.0])
    # Three groups of one channel: their standard deviations are 1, 0 and 1.
    got = backend.numpy(segalgo.group_norm(x, 3, *affine, eps=1e-300))
    np.testing.assert_allclose(got, [[[-2, 2], [7, 7], [-4, 2]]], rtol=1e-15)
    # One group: mean 7/3, mean of the squares 62/6.
    cells = np.array([1, 3, 5, 5, -1, 1])
    got = backend.numpy(segalgo.group_norm(x, 1, eps=0.0))
    np.testing.assert_allclose(got.ravel(), (cells - 7 / 3) / np.sqrt(62 / 6 - 49 / 9), rtol=1e-14)
    # Channels of a size 2 window: the one before and the channel itself; divided by 1 + 2/2 * sum.
    got = backend.numpy(segalgo.local_response_norm(backend.array([[[1.0], [2.0], [3.0]]]), 2, 2.0, 1.0))
    np.testing.assert_allclose(got.ravel(), [1 / 2, 2 / 6, 3 / 14], rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_as_the_reference(backend, rng, dtype, shape):
    x = (rng.standard_normal(shape) * 3 + 1).astype(dtype)
    mean, weight, bias = rng.standard_normal((3, shape[1]))
    check_batch_norm(backend, x, (mean, rng.random(shape[1]), weight, bias))
    for axes in range(1, len(shape)):
        inner = shape[-axes:]
        check_layer_norm(backend, x, inner, None, None)
        check_layer_norm(backend, x, inner, *rng.standard_normal((2, *inner)), eps=0.1)
    for groups in {1, shape[1], *(g for g in (2, 5) if shape[1] % g == 0)}:
        check_group_norm(backend, x, groups)
        check_group_norm(backend, x, groups, weight, bias, eps=0.1)
    for arguments in [(1,), (2, 0.5), (5, 1.0, 0.5), (4, 0.3, 0.9, 2.0), (200, 2.0)]:
        check_response(backend, x, *arguments)


def test_group_norm_of_large_groups(fast_backend, rng):
    """Groups of more cells than a thread sums at once, and far from zero."""
    for shape, groups in [((2, 4, 131, 140), 2), ((1, 1, 40000), 1), ((1, 3, 2, 16385), 3)]:
        x = (rng.standard_normal(shape) + 1000).astype(np.float32)
        check_group_norm(fast_backend, x, groups, *rng.standard_normal((2, shape[1])))


def test_batch_norm_takes_pytorch_s_arguments_in_its_order(backend, rng):
    x, mean, var, weight, bias = rng.standard_normal((2, 3, 4)), *rng.random((4, 3))
    arrays = [backend.array(a) for a in (x, mean, var, weight, bias)]
    expected = backend.numpy(segalgo.batch_norm(*arrays, eps=0.25))
    for momentum in (0.1, 0.9, None):
        np.testing.assert_array_equal(backend.numpy(segalgo.batch_norm(*arrays, False, momentum, 0.25)), expected)
        got = segalgo.batch_norm(*arrays, momentum=momentum, eps=0.25)
        np.testing.assert_array_equal(backend.numpy(got), expected)


def test_nan_and_infinity(backend):
    x = np.array([[[1.0, np.nan, np.inf, -np.inf]], [[1.0, 2.0, 3.0, 4.0]]])
    ones = np.ones(1)
    got = backend.numpy(segalgo.batch_norm(*(backend.array(a) for a in (x, 0 * ones, ones)), eps=0.0))
    np.testing.assert_array_equal(got, x)
    got = backend.numpy(segalgo.layer_norm(backend.array(x), 4))
    assert np.isnan(got[0]).all()
    assert np.isfinite(got[1]).all()
    got = backend.numpy(segalgo.batch_norm(*(backend.array(a) for a in (x, 0 * ones, -ones)), eps=0.0))
    assert np.isnan(got).all()  # a negative variance has no root


def test_views_empty_and_big_endian(backend, rng):
    whole = rng.standard_normal((8, 4, 6, 10)).astype(np.float32)
    whole.flags.writeable = False
    view = whole.transpose(1, 0, 3, 2)[::2, 1:, ::-1, :]
    check_batch_norm(backend, view, rng.random((4, 7)))
    check_layer_norm(backend, view, (10, 6), None, None)
    check_group_norm(backend, view.reshape(4, 7, 6, 5)[..., 0], 7)
    check_group_norm(backend, view[:, 1:], 3)
    check_response(backend, view, 3)
    for shape in [(0, 3, 4), (2, 0, 4), (2, 3, 0)]:
        x = backend.array(np.zeros(shape, np.float32))
        vectors = [backend.array(np.ones(shape[1]))] * 2
        assert segalgo.batch_norm(x, *vectors).shape == shape
        assert segalgo.layer_norm(x, shape[2]).shape == shape
        assert segalgo.group_norm(x, 3 if shape[1] == 3 else 4).shape == shape
        assert segalgo.local_response_norm(x, 3).shape == shape
    if backend.word != "cuda":
        check_batch_norm(backend, whole.astype(">f4"), rng.random((4, 4)))


def test_same_bits_for_one_and_two_threads(rng):
    import threadpoolctl

    x = rng.standard_normal((2, 8, 65, 64)).astype(np.float32)
    vectors = rng.random((4, 8))
    results = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            results.append(
                (
                    segalgo.batch_norm(x, *vectors),
                    segalgo.layer_norm(x, 64),
                    segalgo.group_norm(x, 2),
                    segalgo.local_response_norm(x, 5),
                )
            )
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


ONES = np.ones(2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: segalgo.batch_norm(x[0, :, 0], ONES, ONES), ValueError, r"input has shape \(2,\)"),
        (lambda x: segalgo.batch_norm(x.astype(int), ONES, ONES), TypeError, "input has dtype int64"),
        (
            lambda x: segalgo.batch_norm(x, ONES[:1], ONES),
            ValueError,
            r"running_mean has shape \(1,\): expected \(2,\)",
        ),
        (lambda x: segalgo.batch_norm(x, ONES, ONES.astype(int)), TypeError, "running_var has dtype int64"),
        (lambda x: segalgo.batch_norm(x, ONES, ONES, np.ones(3)), ValueError, "weight has shape"),
        (lambda x: segalgo.batch_norm(x, ONES, ONES, None, np.ones(3)), ValueError, "bias has shape"),
        (lambda x: segalgo.batch_norm(x, ONES, ONES, training=True), ValueError, "training=True"),
        (lambda x: segalgo.batch_norm(x, ONES, ONES, momentum="all"), TypeError, "momentum='all'"),
        (lambda x: segalgo.batch_norm(x, ONES, ONES, eps=None), TypeError, "eps=None"),
        (lambda x: segalgo.layer_norm(x, 3), ValueError, r"normalized_shape=\(3,\)"),
        (lambda x: segalgo.layer_norm(x, ()), ValueError, "normalized_shape"),
        (lambda x: segalgo.layer_norm(x, 4.0), TypeError, "normalized_shape=4.0"),
        (lambda x: segalgo.layer_norm(x, 4, np.ones(3)), ValueError, "weight has shape"),
        (lambda x: segalgo.group_norm(x[0, 0], 1), ValueError, r"input has shape \(4,\)"),
        (lambda x: segalgo.group_norm(x.astype(int), 1), TypeError, "input has dtype int64"),
        (lambda x: segalgo.group_norm(x, 3), ValueError, "num_groups=3 .*expected a divisor of 2"),
        (lambda x: segalgo.group_norm(x, 0), ValueError, "num_groups=0"),
        (lambda x: segalgo.group_norm(x, "two"), TypeError, "num_groups='two'"),
        (lambda x: segalgo.group_norm(x, 1, np.ones(3)), ValueError, "weight has shape"),
        (lambda x: segalgo.group_norm(x, 1, None, np.ones((2, 1))), ValueError, "bias has shape"),
        (lambda x: segalgo.local_response_norm(x[0, 0], 3), ValueError, "input has shape"),
        (lambda x: segalgo.local_response_norm(x, 0), ValueError, "size=0"),
        (lambda x: segalgo.local_response_norm(x, 1.5), TypeError, "size=1.5"),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((1, 2, 4), np.float32))
