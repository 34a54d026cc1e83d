"""Interpolation and padding, on every backend."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerance import assert_within, bilinear_bound, bilinear_position_bound

import segalgo

NEAREST = ("nearest", "nearest-exact")


def with_reference(operation, *arguments, **keywords):
    with segalgo.use_backend("reference"):
        return operation(*arguments, **keywords)


def same(backend, operation, x, *arguments, **keywords):
    """Assert that this backend's answer is the reference's to the bit."""
    got = backend.numpy(operation(backend.array(x), *arguments, **keywords))
    expected = with_reference(operation, x, *arguments, **keywords)
    assert got.dtype == expected.dtype == x.dtype.newbyteorder("=")
    np.testing.assert_array_equal(got, expected)
    return got


def test_hand_worked_interpolation(backend):
    x = backend.array([[[[0.0, 4.0, 8.0]]]])

    def row(**keywords):
        return backend.numpy(segalgo.interpolate(x, **keywords))[0, 0, 0].tolist()

    assert row(size=(1, 6)) == [0, 0, 4, 4, 8, 8]
    assert row(size=(1, 2)) == [0, 4]
    assert row(size=(1, 2), mode="nearest-exact") == [0, 8]
    assert row(size=(1, 6), mode="bilinear") == [0, 1, 3, 5, 7, 8]
    assert row(size=(1, 5), mode="bilinear", align_corners=True) == [0, 2, 4, 6, 8]
    assert row(size=(1, 1), mode="bilinear", align_corners=True) == [0]
    # floor(3 * 1.5) = 4 cells; a step of 1 / 1.5, or recomputed, of 3 / 4.
    assert row(scale_factor=(1, 1.5), mode="nearest-exact") == [0, 4, 4, 8]
    np.testing.assert_allclose(row(scale_factor=(1, 1.5), mode="bilinear"), np.clip([-2 / 3, 2, 14 / 3, 22 / 3], 0, 8))
    recomputed = row(scale_factor=(1, 1.5), mode="bilinear", recompute_scale_factor=True)
    np.testing.assert_allclose(recomputed, [0, 2.5, 5.5, 8])


def test_bilinear_reproduces_a_plane(fast_backend):
    i, j = np.mgrid[:7, :5]
    x = (2.0 * i - 3.0 * j)[None, None]
    got = fast_backend.numpy(
        segalgo.interpolate(fast_backend.array(x), size=(13, 9), mode="bilinear", align_corners=True)
    )
    i, j = np.mgrid[:13, :9]
    np.testing.assert_allclose(got[0, 0], i - 1.5 * j, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(2, 3, 7, 5), (1, 1, 1, 1), (1, 2, 33, 31), (0, 2, 3, 3), (1, 0, 3, 3)])
def test_interpolation_as_the_reference(backend, rng, dtype, shape):
    x = rng.standard_normal(shape).astype(dtype)
    for size in (1, (14, 10), (3, 65), shape[2:]):
        for mode in NEAREST:
            same(backend, segalgo.interpolate, x, size, mode=mode)
        for align_corners in (True, False):
            # One order of roundings in all wings; where a compiler fuses none, even the bits are equal.
            got = backend.numpy(segalgo.interpolate(backend.array(x), size, None, "bilinear", align_corners))
            expected, absolute = (
                with_reference(segalgo.interpolate, y.astype(np.float64), size, None, "bilinear", align_corners)
                for y in (x, np.abs(x))
            )
            assert got.dtype == x.dtype
            span = np.max(np.abs(x), initial=0.0)
            assert_within(got, expected, bilinear_position_bound(got.dtype, expected, absolute, span, 34))
            mine = with_reference(segalgo.interpolate, x, size, None, "bilinear", align_corners)
            assert_within(got, mine, bilinear_bound(got.dtype, mine, np.abs(absolute)))


@given(
    sizes=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    factors=st.tuples(st.floats(0.3, 4), st.floats(0.3, 4)),
    mode=st.sampled_from(NEAREST),
    recompute=st.booleans(),
)
def test_nearest_as_the_reference(backend, sizes, factors, mode, recompute):
    x = np.arange(2 * sizes[0] * sizes[1], dtype=np.float32).reshape(1, 2, *sizes)
    if min(int(n * f) for n, f in zip(sizes, factors, strict=True)) < 1:
        with pytest.raises(ValueError, match="expected at least 1"):
            segalgo.interpolate(backend.array(x), None, factors, mode)
        return
    same(backend, segalgo.interpolate, x, None, factors, mode, recompute_scale_factor=recompute)


def test_hand_worked_padding(backend):
    x = backend.array([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])

    def padded(*arguments, **keywords):
        return backend.numpy(segalgo.pad(x, *arguments, **keywords))[0].tolist()

    assert padded((1, 0, 0, 1)) == [[0, 1, 2, 3], [0, 4, 5, 6], [0, 0, 0, 0]]
    assert padded((-1, 1), value=9.0) == [[2, 3, 9], [5, 6, 9]]
    assert padded((2, 1), mode="reflect") == [[3, 2, 1, 2, 3, 2], [6, 5, 4, 5, 6, 5]]
    assert padded((0, 0, 1, 0), mode="reflect") == [[4, 5, 6], [1, 2, 3], [4, 5, 6]]
    assert padded((1, 2, 0, 1), mode="replicate") == [[1, 1, 2, 3, 3, 3], [4, 4, 5, 6, 6, 6], [4, 4, 5, 6, 6, 6]]
    assert padded((2, 1), mode="circular") == [[2, 3, 1, 2, 3, 1], [5, 6, 4, 5, 6, 4]]
    assert padded((1, -1), mode="circular") == [[2, 1, 2], [5, 4, 5]]
    assert padded((-2, -1)) == [[], []]


@given(
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    amounts=st.tuples(*[st.integers(-4, 8)] * 4),
    mode=st.sampled_from(["constant", "reflect", "replicate", "circular"]),
)
def test_padding_as_the_reference(backend, sizes, amounts, mode):
    x = np.arange(2.0 * sizes[0] * sizes[1]).reshape(2, *sizes)
    try:
        with_reference(segalgo.pad, x, amounts, mode)
    except ValueError:
        with pytest.raises(ValueError, match=r"pad=\("):
            segalgo.pad(backend.array(x), amounts, mode)
        return
    same(backend, segalgo.pad, x, amounts, mode)


@pytest.mark.parametrize(("mode", "numpy_mode"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_padding_as_numpy(backend, rng, mode, numpy_mode, dtype):
    x = rng.standard_normal((2, 3, 65, 17)).astype(dtype)
    x[0, 0, 0, 0] = np.nan
    got = backend.numpy(segalgo.pad(backend.array(x), (3, 16, 0, 5), mode))
    np.testing.assert_array_equal(got, np.pad(x, ((0, 0), (0, 0), (0, 5), (3, 16)), numpy_mode))
    got = backend.numpy(segalgo.pad(backend.array(x), (2, 1), value=-np.inf))
    np.testing.assert_array_equal(got, np.pad(x, ((0, 0), (0, 0), (0, 0), (2, 1)), constant_values=-np.inf))


def test_views_empty_and_big_endian(backend, rng):
    whole = rng.standard_normal((8, 4, 6, 10)).astype(np.float32)
    whole.flags.writeable = False
    view = whole.transpose(1, 0, 3, 2)[::2, 1:, ::-1, :]
    same(backend, segalgo.pad, view, (1, 2, 3, -1), "reflect")
    same(backend, segalgo.interpolate, view, 7)
    same(backend, segalgo.pad, np.zeros((0, 2, 3, 4), np.float32), (1, 1), "replicate")
    same(backend, segalgo.pad, np.zeros((2, 0, 3), np.float32), (1, 1, 1, 1))
    if backend.word != "cuda":
        same(backend, segalgo.pad, whole.astype(">f4"), (1, 1))


def test_same_bits_for_one_and_two_threads(rng):
    import threadpoolctl

    x = rng.standard_normal((2, 3, 65, 64)).astype(np.float32)
    results = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            results.append((segalgo.interpolate(x, (91, 130), mode="bilinear"), segalgo.pad(x, (1, 2, 3, 4))))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: segalgo.interpolate(x[0], 2), ValueError, r"input has shape \(1, 4, 4\)"),
        (lambda x: segalgo.interpolate(x.astype(int), 2), TypeError, "input has dtype int64"),
        (lambda x: segalgo.interpolate(x), ValueError, "size=None and scale_factor=None"),
        (lambda x: segalgo.interpolate(x, 2, 2.0), ValueError, "size=2 and scale_factor=2.0"),
        (lambda x: segalgo.interpolate(x, 0), ValueError, "size=0 along H"),
        (lambda x: segalgo.interpolate(x, 2.5), TypeError, "size=2.5"),
        (lambda x: segalgo.interpolate(x, (1, 2, 3)), ValueError, r"size=\(1, 2, 3\)"),
        (lambda x: segalgo.interpolate(x, scale_factor=-1.0), ValueError, "scale_factor=-1.0"),
        (lambda x: segalgo.interpolate(x, 2, mode="cubic"), ValueError, "mode='cubic'"),
        (lambda x: segalgo.interpolate(x, 2, align_corners=True), ValueError, "align_corners=True"),
        (lambda x: segalgo.interpolate(x, 2, recompute_scale_factor=True), ValueError, "recompute_scale_factor"),
        (lambda x: segalgo.interpolate(x[:, :, :0], 2), ValueError, "input has shape"),
        (lambda x: segalgo.pad(x, (1, 2, 3)), ValueError, r"pad=\(1, 2, 3\)"),
        (lambda x: segalgo.pad(x, 1), TypeError, "pad=1"),
        (lambda x: segalgo.pad(x, (0.5, 1)), TypeError, "pad="),
        (lambda x: segalgo.pad(x, (4, 0), "reflect"), ValueError, r"pad=\(4, 0\) along W with mode='reflect'"),
        (lambda x: segalgo.pad(x, (0, 0, 5, 0), "circular"), ValueError, r"pad=\(5, 0\) along H"),
        (lambda x: segalgo.pad(x, (-3, -2)), ValueError, r"pad=\(-3, -2\)"),
        (lambda x: segalgo.pad(x, (-2, -3), "replicate"), ValueError, "expected at least 0"),
        (lambda x: segalgo.pad(x, (-4, 2), "circular"), ValueError, "cell to repeat"),
        (lambda x: segalgo.pad(x, (1, 1), "mirror"), ValueError, "mode='mirror'"),
        (lambda x: segalgo.pad(x, (1, 1), "reflect", 3.0), ValueError, "value=3.0"),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((1, 1, 4, 4), np.float32))


FILTERS = [("bilinear", True), ("bicubic", False), ("bicubic", True)]


@pytest.mark.parametrize(("mode", "antialias"), FILTERS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_filters_as_the_reference(backend, rng, mode, antialias, dtype):
    x = rng.standard_normal((2, 2, 13, 17)).astype(dtype)
    for keywords in (
        {"size": (5, 6)},
        {"size": (29, 3)},
        {"size": (1, 40), "align_corners": True},
        {"scale_factor": (0.3, 1.7)},
        {"scale_factor": 0.21, "recompute_scale_factor": True},
        {"size": (13, 17)},
    ):
        keywords |= {"mode": mode, "antialias": antialias}
        got = backend.numpy(segalgo.interpolate(backend.array(x), **keywords))
        with segalgo.use_backend("reference"):
            expected = segalgo.interpolate(x.astype(np.float64), **keywords)
        assert got.dtype == dtype
        eps = np.finfo(np.float32 if dtype == "float16" else dtype).eps
        # At most 60 products of weights of at most 1.3 in sum, and the rounding of float16.
        bound = 60 * eps * np.abs(x).max() * 2 + np.finfo(dtype).eps * np.abs(expected)
        assert (np.abs(got - expected) <= bound).all()


def test_antialias_hand_worked(backend):
    """Reduced by two, a triangle of half-width two around 1, 3, 5: cells 0 to 2 weigh 3, 3, 1, and so on."""
    x = backend.array([[[[7.0, 0.0, 14.0, 0.0, 0.0, 21.0]]]])
    got = backend.numpy(segalgo.interpolate(x, size=(1, 3), mode="bilinear", antialias=True))
    np.testing.assert_allclose(got.ravel(), [(3 * 7 + 14) / 7, (3 * 14) / 8, (3 * 21) / 7], rtol=1e-14)


def test_a_window_beside_a_nan_is_whole(backend):
    """Weights of zero beyond a window read nothing: NaN and infinities stay in the windows that hold them."""
    x = np.zeros((1, 1, 1, 40))
    x[..., 20], x[..., 39] = np.nan, np.inf
    got = backend.numpy(segalgo.interpolate(backend.array(x), size=(1, 7), mode="bicubic", antialias=True)).ravel()
    assert np.isnan(got[3])
    assert np.isfinite(got[:2]).all()


@pytest.mark.parametrize("antialias", [False, True])
def test_filters_keep_constants_and_lines(backend, antialias):
    x = np.broadcast_to(np.arange(64.0), (1, 1, 64, 64))
    for mode in ("bilinear", "bicubic"):
        got = backend.numpy(segalgo.interpolate(backend.array(x), size=(16, 16), mode=mode, antialias=antialias))
        np.testing.assert_allclose(got[0, 0, 4:-4, 4:-4], np.broadcast_to(4 * np.arange(4, 12) + 1.5, (8, 8)))
        ones = backend.numpy(segalgo.interpolate(backend.array(np.ones((1, 1, 9, 9))), size=(5, 21), mode=mode))
        np.testing.assert_allclose(ones, 1)


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"antialias": True}, ValueError, "antialias=True with mode='nearest'"),
        ({"antialias": "yes", "mode": "bilinear"}, TypeError, "antialias='yes'"),
        ({"mode": "area"}, ValueError, "mode='area'"),
        ({"size": 2**40, "scale_factor": None}, ValueError, "size="),
        ({"size": 2**31 - 1, "scale_factor": None}, ValueError, "output of shape"),
        ({"scale_factor": 1e300}, ValueError, "scale_factor=1e"),
    ],
)
def test_wrong_options_of_interpolate(keywords, error, message):
    with pytest.raises(error, match=message):
        segalgo.interpolate(np.zeros((1, 1, 3, 3)), **{"scale_factor": 2, **keywords})
