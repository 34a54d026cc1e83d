"""Max-pooling with indices and max-unpooling, on every backend."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import segalgo
from segalgo.reference.layers import pooling as reference


def brute_max_pool2d(x, kernel, stride, padding, dilation, size):
    """Plain loops over one plane: the oracle that shares no code with the wings."""
    height, width = x.shape
    values, indices = np.empty(size, x.dtype), np.empty(size, np.int64)
    for i in range(size[0]):
        for j in range(size[1]):
            cells = [
                (row, column)
                for row in range(
                    i * stride[0] - padding[0],
                    i * stride[0] - padding[0] + kernel[0] * dilation[0],
                    dilation[0],
                )
                for column in range(
                    j * stride[1] - padding[1],
                    j * stride[1] - padding[1] + kernel[1] * dilation[1],
                    dilation[1],
                )
                if 0 <= row < height and 0 <= column < width
            ]
            best = cells[0]
            for cell in cells[1:]:
                if np.isnan(x[cell]) or x[cell] > x[best]:
                    best = cell
            values[i, j], indices[i, j] = x[best], best[0] * width + best[1]
    return values, indices


def test_hand_worked(backend):
    x = backend.array([[[1, 5, 2, 0], [3, 5, 9, 8], [7, 7, 0, 0], [7, 7, 0, 4]]], np.float32)
    values, indices = backend.numpy(segalgo.max_pool2d(x, 2, return_indices=True))
    assert values.tolist() == [[[5, 9], [7, 4]]]
    assert indices.tolist() == [[[1, 6], [8, 15]]]
    assert values.dtype == np.float32
    assert indices.dtype == np.int64


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding", "dilation", "ceil_mode", "size"),
    [
        ((2, 3, 7, 5), (2, 2), (2, 2), (0, 0), (1, 1), False, (3, 2)),
        ((2, 3, 7, 5), (2, 2), (2, 2), (0, 0), (1, 1), True, (4, 3)),
        ((1, 1, 1, 1), (1, 1), (1, 1), (0, 0), (1, 1), False, (1, 1)),
        ((1, 2, 13, 31), (3, 3), (2, 2), (1, 1), (1, 1), False, (7, 16)),
        ((1, 2, 9, 11), (3, 2), (1, 3), (1, 1), (2, 3), False, (7, 4)),
        ((1, 1, 65, 33), (5, 3), (4, 2), (2, 1), (1, 1), True, (17, 17)),
    ],
)
def test_against_loops(backend, rng, dtype, shape, kernel, stride, padding, dilation, ceil_mode, size):
    x = rng.integers(-3, 4, shape).astype(dtype)  # few values, so that ties abound
    x[rng.random(shape) < 0.05] = np.nan
    x[rng.random(shape) < 0.1] = -np.inf
    got = segalgo.max_pool2d(backend.array(x), kernel, stride, padding, dilation, ceil_mode, return_indices=True)
    values, indices = backend.numpy(got)
    assert values.dtype == dtype
    assert values.shape == shape[:2] + size
    for n in range(shape[0]):
        for c in range(shape[1]):
            expected = brute_max_pool2d(x[n, c], kernel, stride, padding, dilation, size)
            np.testing.assert_array_equal(values[n, c], expected[0])
            np.testing.assert_array_equal(indices[n, c], expected[1])


@given(
    sizes=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    ceil_mode=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_backend_as_the_reference(backend, sizes, kernel, stride, dilation, padding, ceil_mode, seed):
    x = np.random.default_rng(seed).integers(0, 5, (2, 1, *sizes)).astype(np.float32)
    arguments = (kernel, stride, padding, dilation, ceil_mode, True)
    try:
        with segalgo.use_backend("reference"):
            expected = segalgo.max_pool2d(x, *arguments)
    except ValueError:
        with pytest.raises(ValueError, match="along"):
            segalgo.max_pool2d(backend.array(x), *arguments)
        return
    got = backend.numpy(segalgo.max_pool2d(backend.array(x), *arguments))
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_array_equal(got[1], expected[1])


def test_unpool_is_the_inverse_where_windows_do_not_overlap(backend, rng):
    x = rng.standard_normal((2, 3, 9, 7)).astype(np.float32)
    values, indices = segalgo.max_pool2d(backend.array(x), 2, ceil_mode=True, return_indices=True)
    restored = backend.numpy(segalgo.max_unpool2d(values, indices, 2, output_size=x.shape))
    assert restored.shape == x.shape
    kept = restored != 0
    np.testing.assert_array_equal(restored[kept], x[kept])
    assert kept.sum() == values.size


def test_unpool_keeps_the_last_of_equal_indices(backend):
    x = backend.array(np.arange(1, 9).reshape(2, 1, 2, 2), np.float64)
    indices = backend.array([[[[0, 5], [5, 0]]], [[[3, 3], [3, 3]]]])
    output = backend.numpy(segalgo.max_unpool2d(x, indices, 2, 2))
    assert output[0, 0].ravel()[[0, 5]].tolist() == [4, 3]
    assert output[1, 0].ravel()[3] == 8
    assert np.count_nonzero(output) == 3
    with pytest.raises(ValueError, match=r"indices\[0, 0, 1, 0\]=5 repeats"):
        segalgo.max_unpool2d(x, indices, 2, 2, on_duplicate="raise")


def test_unpool_takes_distinct_indices_when_told_to_raise(backend, rng):
    x = rng.standard_normal((1, 2, 6, 6)).astype(np.float32)
    values, indices = segalgo.max_pool2d(backend.array(x), 3, return_indices=True)
    expected = backend.numpy(segalgo.max_unpool2d(values, indices, 3))
    got = backend.numpy(segalgo.max_unpool2d(values, indices, 3, on_duplicate="raise"))
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("index", [-1, 16, 2**40])
def test_unpool_refuses_an_index_outside_the_plane(backend, index):
    x = backend.array(np.ones((1, 2, 2, 2), np.float32))
    indices = np.zeros((1, 2, 2, 2), np.int64)
    indices[0, 1, 0, 1] = index
    with pytest.raises(ValueError, match=rf"indices\[0, 1, 0, 1\]={index}: expected 0 to 15.*output_size"):
        segalgo.max_unpool2d(x, backend.array(indices), 2)


INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_at_both_ends_of_their_range(backend, rng, dtype):
    """Exact where float64 could not tell the numbers apart, and right where every cell is the lowest number."""
    info = np.iinfo(dtype)
    ends = np.array([info.min, info.min + 1, info.max - 1, info.max], dtype)
    for shape, kernel, stride, padding, dilation, ceil_mode in [
        ((1, 2, 6, 8), (2, 2), (2, 2), (0, 0), (1, 1), False),
        ((2, 1, 13, 35), (3, 3), (2, 1), (1, 1), (1, 1), True),
        ((1, 1, 9, 11), (3, 2), (1, 3), (1, 1), (2, 3), False),
    ]:
        for x in (rng.choice(ends, shape), np.full(shape, info.min, dtype), np.full(shape, info.max, dtype)):
            got = segalgo.max_pool2d(backend.array(x), kernel, stride, padding, dilation, ceil_mode, True)
            values, indices = backend.numpy(got)
            assert values.dtype == dtype
            for n in range(shape[0]):
                for c in range(shape[1]):
                    expected = brute_max_pool2d(x[n, c], kernel, stride, padding, dilation, values.shape[2:])
                    np.testing.assert_array_equal(values[n, c], expected[0])
                    np.testing.assert_array_equal(indices[n, c], expected[1])


def test_unpool_of_a_dilated_pooling(backend, rng):
    x = rng.standard_normal((1, 2, 9, 11))
    window = {"kernel_size": 3, "stride": (1, 2), "padding": 1, "dilation": (2, 1)}
    values, indices = segalgo.max_pool2d(backend.array(x), **window, return_indices=True)
    got = backend.numpy(segalgo.max_unpool2d(values, indices, **window))
    assert got.shape == x.shape
    kept = np.zeros_like(x)
    for c in range(2):
        kept[0, c].flat[backend.numpy(indices)[0, c].ravel()] = backend.numpy(values)[0, c].ravel()
    np.testing.assert_array_equal(got, kept)


def test_an_empty_stride_is_the_kernel(backend, rng):
    x = backend.array(rng.standard_normal((1, 7, 9)))
    for empty in ((), []):
        for pool in (segalgo.max_pool2d, segalgo.avg_pool2d):
            np.testing.assert_array_equal(backend.numpy(pool(x, (2, 3), empty)), backend.numpy(pool(x, (2, 3))))
        values, indices = segalgo.max_pool2d(x, 2, empty, return_indices=True)
        assert segalgo.max_unpool2d(values, indices, 2, empty).shape == (1, 6, 8)


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 0, 4, 4), (0, 4, 4)])
def test_empty(backend, shape):
    x = backend.array(np.zeros(shape, np.float32))
    values, indices = segalgo.max_pool2d(x, 2, return_indices=True)
    assert values.shape == indices.shape == (*shape[:-2], 2, 2)
    assert segalgo.max_unpool2d(values, indices, 2).shape == shape


def test_views_and_read_only_inputs(backend, rng):
    whole = rng.standard_normal((8, 4, 6, 10)).astype(np.float32)
    whole.flags.writeable = False
    view = whole.transpose(1, 0, 3, 2)[::2, 1:, ::-1, :]
    before = whole.copy()
    got = segalgo.max_pool2d(backend.array(view), (3, 2), return_indices=True)
    with segalgo.use_backend("reference"):
        expected = segalgo.max_pool2d(np.ascontiguousarray(view), (3, 2), return_indices=True)
    np.testing.assert_array_equal(backend.numpy(got[0]), expected[0])
    np.testing.assert_array_equal(backend.numpy(got[1]), expected[1])
    np.testing.assert_array_equal(whole, before)


def test_big_endian():
    x = np.arange(16.0).reshape(1, 4, 4)
    np.testing.assert_array_equal(segalgo.max_pool2d(x.astype(">f8"), 2), segalgo.max_pool2d(x, 2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: segalgo.max_pool2d(x[0, 0], 2), ValueError, r"input has shape \(4, 4\)"),
        (lambda x: segalgo.max_pool2d(x > 0, 2), TypeError, "input has dtype bool"),
        (lambda x: segalgo.max_pool2d(x.astype(complex), 2), TypeError, "input has dtype complex128"),
        (lambda x: segalgo.max_pool2d(x, 5), ValueError, "kernel of extent 5 along H: expected at most 4"),
        (lambda x: segalgo.max_pool2d(x, 0), ValueError, "kernel_size=0"),
        (lambda x: segalgo.max_pool2d(x, 2.5), TypeError, "kernel_size=2.5"),
        (lambda x: segalgo.max_pool2d(x, 2, -1), ValueError, "stride=-1"),
        (lambda x: segalgo.max_pool2d(x, 2, padding=2), ValueError, "padding=2 along H: expected at most 1"),
        (lambda x: segalgo.max_pool2d(x, (2, 2, 2)), ValueError, "kernel_size"),
        (lambda x: segalgo.max_pool2d("picture", 2), TypeError, "input of type str"),
        (lambda x: segalgo.max_unpool2d(x, np.zeros((1, 1, 4, 3), int), 2), ValueError, "indices has shape"),
        (
            lambda x: segalgo.max_unpool2d(x, np.zeros((1, 1, 4, 4)), 2),
            TypeError,
            "indices has dtype float64",
        ),
        (
            lambda x: segalgo.max_unpool2d(x, np.zeros((1, 1, 4, 4), int), 2, output_size=(20, 8)),
            ValueError,
            "output_size",
        ),
        (
            lambda x: segalgo.max_unpool2d(x, np.zeros((1, 1, 4, 4), int), 2, on_duplicate="first"),
            ValueError,
            "on_duplicate='first'",
        ),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((1, 1, 4, 4), np.float32))


def test_same_bits_for_one_and_two_threads(rng):
    import threadpoolctl

    x = rng.standard_normal((2, 8, 64, 64)).astype(np.float32)
    results = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            results.append(segalgo.max_pool2d(x, 3, 2, 1, return_indices=True))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_reference_works_alone(rng):
    """The wings take one signature, so a student may call the reference directly."""
    x = rng.standard_normal((1, 1, 4, 4))
    values, _ = reference.max_pool2d(x, (2, 2), (2, 2), (0, 0), (1, 1), (2, 2))
    np.testing.assert_array_equal(values, segalgo.max_pool2d(x, 2))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 2, 64, 64), (2, 1, 63, 65), (1, 1, 2, 37), (1, 1, 35, 130)])
@pytest.mark.parametrize("window", [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 1, 0), (5, 3, 2), ((1, 2), 2, 0)])
def test_rows_of_every_length(fast_backend, rng, dtype, shape, window):
    x = rng.integers(0, 7, shape).astype(dtype)
    x[rng.random(shape) < 0.02] = np.nan
    kernel, stride, padding = window
    if shape[2] < 3 and kernel == 5:
        shape = (1, 1, 5, 37)
        x = rng.integers(0, 7, shape).astype(dtype)
    for ceil_mode in (False, True):
        arguments = (kernel, stride, padding, 1, ceil_mode, True)
        with segalgo.use_backend("reference"):
            expected = segalgo.max_pool2d(x, *arguments)
        got = fast_backend.numpy(segalgo.max_pool2d(fast_backend.array(x), *arguments))
        np.testing.assert_array_equal(got[0], expected[0])
        np.testing.assert_array_equal(got[1], expected[1])


def test_unpool_takes_indices_in_any_order(backend, rng):
    indices = np.stack([rng.permutation(40 * 50)[:1000] for _ in range(3)]).reshape(1, 3, 20, 50)
    x = rng.standard_normal(indices.shape)
    got = backend.numpy(
        segalgo.max_unpool2d(
            backend.array(x), backend.array(indices), (2, 1), output_size=(40, 50), on_duplicate="raise"
        )
    )
    expected = np.zeros((1, 3, 2000))
    np.put_along_axis(expected, indices.reshape(1, 3, 1000), x.reshape(1, 3, 1000), 2)
    np.testing.assert_array_equal(got, expected.reshape(1, 3, 40, 50))
