"""The fully connected layer on every backend."""

import math

import numpy as np
import pytest
from tolerance import assert_within, linear_bound

import segalgo


def check(backend, x, weight, bias):
    got = backend.numpy(segalgo.linear(*(None if a is None else backend.array(a) for a in (x, weight, bias))))
    assert got.shape == (*x.shape[:-1], weight.shape[0])
    assert got.dtype == x.dtype.newbyteorder("=")
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1]).astype(np.float64)
    vector = np.zeros(1) if bias is None else bias.astype(np.float64)
    expected = rows @ weight.astype(np.float64).T + vector
    bound = linear_bound(got.dtype, expected, rows, weight, vector)
    assert_within(got.reshape(expected.shape), expected, bound)
    return got


def test_hand_worked(backend):
    x, weight = backend.array([[1.0, 2.0], [0.0, -1.0]]), backend.array([[1.0, 1.0], [0.0, 3.0], [2.0, 0.0]])
    got = backend.numpy(segalgo.linear(x, weight, backend.array([0.5, 0.0, -1.0])))
    assert got.tolist() == [[3.5, 6, 1], [-0.5, -3, -1]]
    assert backend.numpy(segalgo.linear(x[0], weight)).tolist() == [3, 6, 2]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    ("lead", "columns", "depth"),
    [
        ((1,), 1, 1),
        ((), 7, 5),
        ((3,), 33, 65),
        ((13,), 33, 31),
        ((8,), 32, 300),
        ((2, 3, 5), 17, 9),
        ((12,), 1, 257),
        ((9,), 3, 0),
        ((0,), 3, 4),
        ((9,), 0, 4),
    ],
)
def test_every_shape_of_tile(backend, rng, dtype, lead, columns, depth):
    x, weight, bias = (rng.standard_normal(s).astype(dtype) for s in ((*lead, depth), (columns, depth), columns))
    check(backend, x, weight, bias)
    check(backend, x, weight, None)


def test_a_large_product(fast_backend, rng):
    x, weight, bias = (rng.standard_normal(s).astype(np.float32) for s in ((131, 700), (203, 700), 203))
    check(fast_backend, x, weight, bias)


def test_nan_stays_in_its_row_and_column(backend, rng):
    x, weight = rng.standard_normal((14, 20)), rng.standard_normal((35, 20))
    x[3, 5], weight[34, 0] = np.nan, np.inf
    got = check(backend, x, weight, None)
    assert np.isnan(got[3]).all()
    assert np.isfinite(np.delete(got, 3, 0)[:, :34]).all()


def test_views_and_big_endian(backend, rng):
    x, weight = rng.standard_normal((20, 30)).astype(np.float32), rng.standard_normal((20, 9)).astype(np.float32)
    weight.flags.writeable = False
    check(backend, x.T[::2, ::-1], weight.T, None)
    if backend.word != "cuda":
        check(backend, x.T.astype(">f4"), weight.T.astype(">f4"), None)


def test_same_bits_for_one_and_two_threads(rng):
    import threadpoolctl

    x, weight = rng.standard_normal((131, 700)), rng.standard_normal((203, 700))
    results = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            results.append((segalgo.linear(x, weight), segalgo.linear(x[:3], weight)))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x, w: segalgo.linear(x.astype(int), w), TypeError, "input has dtype int64"),
        (lambda x, w: segalgo.linear(x[0, 0], w), ValueError, r"input has shape \(\)"),
        (lambda x, w: segalgo.linear(x, w.T), ValueError, r"weight has shape \(3, 4\): expected \(N, 3\)"),
        (lambda x, w: segalgo.linear(x, w[0]), ValueError, r"weight has shape \(3,\)"),
        (lambda x, w: segalgo.linear(x, w.astype(float)), TypeError, "weight has dtype float64: expected float32"),
        (lambda x, w: segalgo.linear(x, w, w[0]), ValueError, r"bias has shape \(3,\): expected \(4,\)"),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((2, 3), np.float32), np.zeros((4, 3), np.float32))
