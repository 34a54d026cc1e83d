"""Activation functions on every backend."""

import numpy as np
import pytest
from tolerance import (
    assert_within,
    gelu_bound,
    hardsigmoid_bound,
    hardswish_bound,
    log_softmax_bound,
    sigmoid_bound,
    softmax_bound,
)

import segalgo

DTYPES = ("float16", "float32", "float64")
SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-30, -1e-30, 6e4, -6e4]


def with_reference(operation, x, *arguments):
    with segalgo.use_backend("reference"):
        return operation(x, *arguments)


def spread(dtype):
    """Return cells over the whole range of the smooth functions, and all special ones."""
    wide = np.concatenate(
        [np.linspace(-20, 20, 1001), np.linspace(-3.1, 3.1, 3001), np.linspace(-800, 800, 401), SPECIAL]
    )
    with np.errstate(over="ignore", under="ignore"):
        return wide.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_piecewise_linear_functions_to_the_bit(backend, dtype):
    x = spread(dtype)
    for operation, arguments in (
        (segalgo.relu, ()),
        (segalgo.leaky_relu, ()),
        (segalgo.leaky_relu, (-0.3,)),
        (segalgo.relu6, ()),
        (segalgo.hardsigmoid, ()),
        (segalgo.hardswish, ()),
    ):
        got = backend.numpy(operation(backend.array(x), *arguments))
        expected = with_reference(operation, x, *arguments)
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, expected)
        np.testing.assert_array_equal(np.signbit(got), np.signbit(expected))


def test_hand_worked(backend):
    x = backend.array([-2.0, -0.0, 0.0, 3.0, np.nan])
    assert backend.numpy(segalgo.relu(x)).tolist()[:4] == [0, 0, 0, 3]
    assert not np.signbit(backend.numpy(segalgo.relu(x))[1])
    assert np.isnan(backend.numpy(segalgo.relu(x))[4])
    assert backend.numpy(segalgo.leaky_relu(x, 0.5)).tolist()[:4] == [-1, 0, 0, 3]
    assert backend.numpy(segalgo.relu6(backend.array([-1.0, -0.0, 5.5, 6.0, 7.0, np.inf]))).tolist() == [
        0,
        0,
        5.5,
        6,
        6,
        6,
    ]
    x = backend.array([-np.inf, -3.0, -1.5, 0.0, 1.5, 3.0, 1e300, np.inf, np.nan])
    np.testing.assert_array_equal(backend.numpy(segalgo.hardsigmoid(x)), [0, 0, 0.25, 0.5, 0.75, 1, 1, 1, np.nan])
    expected = [0, 0, -0.375, 0, 1.125, 3, 1e300, np.inf, np.nan]
    np.testing.assert_array_equal(backend.numpy(segalgo.hardswish(x)), expected)
    x = backend.array([-np.inf, 0.0, np.inf, np.log(3.0)])
    np.testing.assert_allclose(backend.numpy(segalgo.sigmoid(x)), [0, 0.5, 1, 0.75], rtol=1e-15)
    scores = backend.array(np.log([[1.0, 2.0], [3.0, 2.0]]))
    np.testing.assert_allclose(backend.numpy(segalgo.softmax(scores, 0)), [[0.25, 0.5], [0.75, 0.5]], rtol=1e-15)
    np.testing.assert_allclose(
        backend.numpy(segalgo.log_softmax(scores, -1)), np.log([[1 / 3, 2 / 3], [0.6, 0.4]]), rtol=1e-14
    )


def test_prelu_hand_worked(backend):
    x = np.array([[[-1.0, 2.0], [-4.0, np.nan], [-0.0, -np.inf]]])
    got = backend.numpy(segalgo.prelu(backend.array(x), backend.array([0.5, 0.25, -2.0])))
    np.testing.assert_array_equal(got, [[[-0.5, 2], [-1, np.nan], [0, np.inf]]])
    for one in (np.array([0.5]), np.array(0.5)):
        got = backend.numpy(segalgo.prelu(backend.array(x), backend.array(one)))
        np.testing.assert_array_equal(got, [[[-0.5, 2], [-2, np.nan], [0, -np.inf]]])
    # Fewer than two axes: one channel.
    assert backend.numpy(segalgo.prelu(backend.array([-2.0, 2.0]), backend.array([3.0]))).tolist() == [-6, 2]
    assert backend.numpy(segalgo.prelu(backend.array(np.array(-2.0)), backend.array([3.0]))) == -6


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 5, 7), (1, 2, 20000), (3, 1, 4), (2, 0, 3), (0, 2), (9,)])
def test_prelu_as_the_reference(backend, rng, dtype, shape):
    x = (rng.standard_normal(shape) * 8).astype(dtype)
    for slopes in (shape[1:2] if len(shape) > 1 else (1,), (1,), ()):
        weight = rng.standard_normal(slopes).astype(dtype)
        got = backend.numpy(segalgo.prelu(backend.array(x), backend.array(weight)))
        np.testing.assert_array_equal(got, with_reference(segalgo.prelu, x, weight), strict=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_hard_functions_within_their_bounds(backend, dtype):
    x = spread(dtype)
    wide = x.astype(np.float64)
    expected = with_reference(segalgo.hardsigmoid, wide)
    assert_within(backend.numpy(segalgo.hardsigmoid(backend.array(x))), expected, hardsigmoid_bound(x.dtype, expected))
    expected = with_reference(segalgo.hardswish, wide)
    assert_within(
        backend.numpy(segalgo.hardswish(backend.array(x))), expected, hardswish_bound(x.dtype, expected, wide)
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_and_gelu_within_their_bounds(backend, dtype):
    x = spread(dtype)
    wide = x.astype(np.float64)
    got = backend.numpy(segalgo.sigmoid(backend.array(x)))
    assert got.dtype == dtype
    expected = with_reference(segalgo.sigmoid, wide)
    assert_within(got, expected, sigmoid_bound(got.dtype, expected))
    for approximate in ("none", "tanh"):
        got = backend.numpy(segalgo.gelu(backend.array(x), approximate))
        assert got.dtype == dtype
        expected = with_reference(segalgo.gelu, wide, approximate)
        assert_within(got, expected, gelu_bound(got.dtype, expected, wide))


def test_sigmoid_and_erfc_against_scipy(backend, rng):
    from scipy.special import expit, ndtr

    x = rng.standard_normal(1000) * 10
    got = backend.numpy(segalgo.sigmoid(backend.array(x)))
    np.testing.assert_allclose(got, expit(x), rtol=1e-15)
    got = backend.numpy(segalgo.gelu(backend.array(x)))
    np.testing.assert_allclose(got, x * ndtr(x), rtol=1e-15, atol=1e-15)


def check_softmax(backend, x, axis):
    wide = np.asarray(x).astype(np.float64)
    got = backend.numpy(segalgo.softmax(backend.array(x), axis))
    assert got.dtype == x.dtype.newbyteorder("=")
    expected = with_reference(segalgo.softmax, wide, axis)
    with np.errstate(invalid="ignore"):
        shifted = wide - wide.max(axis=axis, keepdims=True) if wide.size else wide
    shifted = np.where(np.isfinite(shifted), shifted, 0)
    assert_within(got, expected, softmax_bound(got.dtype, expected, shifted))
    got = backend.numpy(segalgo.log_softmax(backend.array(x), axis))
    expected = with_reference(segalgo.log_softmax, wide, axis)
    with np.errstate(invalid="ignore"):
        assert_within(got, expected, log_softmax_bound(got.dtype, expected))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(2, 3, 7, 5), (1,), (3, 300), (2, 21, 65), (257, 2), (2, 0, 3), (0,)])
def test_softmax_as_the_reference(backend, rng, dtype, shape):
    x = (rng.standard_normal(shape) * 8).astype(dtype)
    for axis in range(-len(shape), len(shape)):
        check_softmax(backend, x, axis)


def test_softmax_of_special_lines(backend):
    x = np.array([[0, 1, -np.inf], [np.nan, 0, 1], [np.inf, 0, 1], [-np.inf] * 3, [1e300, -1e300, 0]])
    for axis, cells in ((1, x), (0, x.T.copy())):
        got = backend.numpy(segalgo.softmax(backend.array(cells), axis))
        got = got if axis else got.T
        assert np.isnan(got[1:4]).all()
        np.testing.assert_allclose(got[0], [1 / (1 + np.e), np.e / (1 + np.e), 0], rtol=1e-15)
        assert got[4].tolist() == [1, 0, 0]
        got = backend.numpy(segalgo.log_softmax(backend.array(cells), axis))
        assert np.isnan(got if axis else got.T)[1:4].all()


def test_softmax_of_arrays_without_axes(backend):
    """As PyTorch: one line of one element; big-endian scalars as any other."""
    for value, expected in ((1.5, 1), (-np.inf, np.nan), (np.nan, np.nan)):
        for axis in (0, -1):
            x = backend.array(np.array(value))
            np.testing.assert_array_equal(
                backend.numpy(segalgo.softmax(x, axis)), np.array(expected, float), strict=True
            )
            np.testing.assert_array_equal(
                backend.numpy(segalgo.log_softmax(x, axis)), np.log(np.array(expected, float))
            )
    if backend.word != "cuda":
        assert segalgo.relu(np.array(2.5, ">f4")) == np.float32(2.5)
        assert segalgo.softmax(np.array(2.5, ">f8"), 0) == 1


def test_dim_is_another_name_of_axis(backend, rng):
    x = backend.array(rng.standard_normal((3, 4)))
    for operation in (segalgo.softmax, segalgo.log_softmax):
        np.testing.assert_array_equal(backend.numpy(operation(x, dim=0)), backend.numpy(operation(x, 0)))


def test_views_scalars_empty_and_big_endian(backend, rng):
    whole = rng.standard_normal((8, 4, 6, 10)).astype(np.float32)
    whole.flags.writeable = False
    view = whole.transpose(1, 0, 3, 2)[::2, 1:, ::-1, :]
    np.testing.assert_array_equal(backend.numpy(segalgo.relu(backend.array(view))), np.maximum(view, 0))
    check_softmax(backend, view, 1)
    assert segalgo.relu(backend.array(np.float32(-2))).shape == ()
    functions = (segalgo.relu, segalgo.leaky_relu, segalgo.relu6, segalgo.hardsigmoid, segalgo.hardswish)
    for operation in (*functions, segalgo.sigmoid, segalgo.gelu):
        assert operation(backend.array(np.zeros((2, 0, 3), np.float32))).shape == (2, 0, 3)
    if backend.word != "cuda":
        np.testing.assert_array_equal(segalgo.relu(whole.astype(">f4")), np.maximum(whole, 0))


def test_same_bits_for_one_and_two_threads(rng):
    import threadpoolctl

    x = rng.standard_normal((2, 21, 65, 64)).astype(np.float32)
    results = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            results.append((segalgo.gelu(x), segalgo.softmax(x, 1), segalgo.log_softmax(x, 3)))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: segalgo.relu(x.astype(int)), TypeError, "input has dtype int64"),
        (lambda x: segalgo.sigmoid("picture"), TypeError, "input of type str"),
        (lambda x: segalgo.relu6(x.astype(bool)), TypeError, "input has dtype bool"),
        (lambda x: segalgo.hardsigmoid(None), TypeError, "input of type NoneType"),
        (lambda x: segalgo.hardswish(x.astype(int)), TypeError, "input has dtype int64"),
        (
            lambda x: segalgo.prelu(x, np.zeros(2, np.float32)),
            ValueError,
            r"weight has shape \(2,\): expected .*\(3,\)",
        ),
        (lambda x: segalgo.prelu(x[0], x[0]), ValueError, r"weight has shape \(3,\)"),
        (lambda x: segalgo.prelu(x, np.zeros(3)), TypeError, "weight has dtype float64: expected float32"),
        (lambda x: segalgo.prelu(x, np.zeros(3, int)), TypeError, "weight has dtype int64"),
        (lambda x: segalgo.gelu(x, "erf"), ValueError, "approximate='erf'"),
        (lambda x: segalgo.softmax(x, 2), ValueError, r"axis=2 with input of shape \(2, 3\)"),
        (lambda x: segalgo.softmax(x, 1.0), TypeError, "axis=1.0"),
        (lambda x: segalgo.log_softmax(x[0, 0], 1), ValueError, r"axis=1 with input of shape \(\): expected -1 to 0"),
        (lambda x: segalgo.softmax(x), ValueError, "axis=None and dim=None"),
        (lambda x: segalgo.softmax(x, 1, dim=1), ValueError, "axis=1 and dim=1"),
        (lambda x: segalgo.softmax(x, dim=2), ValueError, r"dim=2 with input of shape \(2, 3\)"),
        (lambda x: segalgo.leaky_relu(x, "steep"), TypeError, "negative_slope='steep'"),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((2, 3), np.float32))
