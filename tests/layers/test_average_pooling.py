"""Average-pooling on every backend."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerance import assert_within, average_pooling_bound

import segalgo


def reference(operation, *arguments):
    """Return the reference's answer in float64, and that for the absolute values."""
    x, *rest = arguments
    with segalgo.use_backend("reference"):
        wide = np.asarray(x).astype(np.float64)
        return operation(wide, *rest), operation(np.abs(wide), *rest)


def check(backend, operation, x, *arguments):
    got = backend.numpy(operation(backend.array(x), *arguments))
    expected, absolute = reference(operation, x, *arguments)
    assert got.dtype == x.dtype.newbyteorder("=")
    assert_within(got, expected, average_pooling_bound(got.dtype, expected, absolute, x.shape[-1] * x.shape[-2]))
    return got


def test_hand_worked(backend):
    x = backend.array([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]], np.float32)

    def pooled(*arguments):
        return backend.numpy(segalgo.avg_pool2d(x, *arguments)).tolist()

    assert pooled(2) == [[[3]]]
    assert pooled(2, 2, 0, True) == [[[3, 4.5], [7.5, 9]]]  # cells beyond the picture are not counted
    assert pooled(2, 2, 1) == [[[0.25, 1.25], [2.75, 7]]]
    assert pooled(2, 2, 1, False, False) == [[[1, 2.5], [5.5, 7]]]
    assert pooled(3, 1, 0, False, True, 5) == [[[9]]]
    assert backend.numpy(segalgo.adaptive_avg_pool2d(x, 1)).tolist() == [[[5]]]
    assert backend.numpy(segalgo.adaptive_avg_pool2d(x, 2)).tolist() == [[[3, 4], [6, 7]]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(2, 3, 7, 5), (1, 1, 1, 1), (3, 65, 64), (1, 2, 33, 31)])
def test_against_the_reference(backend, rng, dtype, shape):
    x = rng.standard_normal(shape).astype(dtype)
    for arguments in [(1,), (2, 2, 1), (3, 2, 1, True), ((3, 2), (1, 3), 1, True, False), (2, 1, 1, False, True, -3)]:
        if min(shape[-2:]) + 2 * (arguments[2] if len(arguments) > 2 else 0) >= 3 or arguments == (1,):
            check(backend, segalgo.avg_pool2d, x, *arguments)
    for size in (1, (2, 3), (None, 4), 0, (7, None), 40):
        check(backend, segalgo.adaptive_avg_pool2d, x, size)


@given(
    sizes=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    flags=st.tuples(st.booleans(), st.booleans()),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_backend_as_the_reference(backend, sizes, kernel, stride, padding, flags, seed):
    x = np.random.default_rng(seed).standard_normal((1, 2, *sizes)).astype(np.float32)
    arguments = (kernel, stride, padding, *flags)
    try:
        reference(segalgo.avg_pool2d, x, *arguments)
    except ValueError:
        with pytest.raises(ValueError, match="along"):
            segalgo.avg_pool2d(backend.array(x), *arguments)
        return
    check(backend, segalgo.avg_pool2d, x, *arguments)


def test_nan_and_infinity_stay_in_their_windows(backend):
    x = np.ones((1, 4, 6))
    x[0, 0, 0], x[0, 3, 5], x[0, 0, 5] = np.nan, np.inf, -np.inf
    got = backend.numpy(segalgo.avg_pool2d(backend.array(x), 2))
    np.testing.assert_array_equal(got, [[[np.nan, 1, -np.inf], [1, 1, np.inf]]])


def test_views_empty_and_big_endian(backend, rng):
    whole = rng.standard_normal((8, 4, 6, 10)).astype(np.float32)
    whole.flags.writeable = False
    check(backend, segalgo.avg_pool2d, whole.transpose(1, 0, 3, 2)[::2, 1:, ::-1, :], (3, 2))
    check(backend, segalgo.adaptive_avg_pool2d, whole[:, ::-1, 1::2], (2, 3))
    for shape in [(0, 3, 4, 4), (2, 0, 4, 4), (0, 4, 4)]:
        x = backend.array(np.zeros(shape, np.float32))
        assert segalgo.avg_pool2d(x, 2).shape == (*shape[:-2], 2, 2)
        assert segalgo.adaptive_avg_pool2d(x, 3).shape == (*shape[:-2], 3, 3)
    if backend.word != "cuda":
        check(backend, segalgo.avg_pool2d, whole.astype(">f4"), 2)


def test_same_bits_for_one_and_two_threads(rng):
    import threadpoolctl

    x = rng.standard_normal((2, 8, 65, 64)).astype(np.float32)
    results = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            results.append((segalgo.avg_pool2d(x, 3, 2, 1), segalgo.adaptive_avg_pool2d(x, 7)))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: segalgo.avg_pool2d(x[0, 0], 2), ValueError, r"input has shape \(4, 4\)"),
        (lambda x: segalgo.avg_pool2d(x.astype(int), 2), TypeError, "input has dtype int64"),
        (lambda x: segalgo.avg_pool2d(x, 5), ValueError, "kernel of extent 5 along H: expected at most 4"),
        (lambda x: segalgo.avg_pool2d(x, 2, padding=2), ValueError, "padding=2 along H"),
        (lambda x: segalgo.avg_pool2d(x, 2, 0), ValueError, "stride=0"),
        (lambda x: segalgo.avg_pool2d(x, 2, divisor_override=0), ValueError, "divisor_override=0"),
        (lambda x: segalgo.avg_pool2d(x, 2, divisor_override=1.5), TypeError, "divisor_override=1.5"),
        (lambda x: segalgo.adaptive_avg_pool2d(x, -1), ValueError, "output_size"),
        (lambda x: segalgo.adaptive_avg_pool2d(x, 2.5), TypeError, "output_size"),
        (lambda x: segalgo.adaptive_avg_pool2d(x, (1, 2, 3)), ValueError, "output_size"),
        (lambda x: segalgo.adaptive_avg_pool2d(x[:, :, :0], 1), ValueError, "input has shape"),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((1, 1, 4, 4), np.float32))
