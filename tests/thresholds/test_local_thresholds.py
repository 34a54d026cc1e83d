"""Local thresholds, on every backend."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage import data, filters

import segalgo
from segalgo._core.dispatch import wing
from segalgo.reference.thresholds import local_thresholds as reference
from segalgo.thresholds.windows import border_sources

BORDERS = ("reflect", "constant", "nearest", "mirror", "wrap")
DTYPES = ("bool", "uint8", "int8", "uint16", "int16", "int32", "int64", "float16", "float32", "float64")


def picture(dtype, shape, seed=0):
    values = np.random.default_rng(seed).integers(0, 100, shape)
    return (
        values > 50 if dtype == "bool" else values / 100 if dtype.startswith("f") else values - 20 * ("u" not in dtype)
    ).astype(dtype)


def agree(got, expected, image):
    """Integers bit for bit; floats within the rounding of windows whose variance cancels."""
    assert got.dtype == expected.dtype
    if image.dtype.kind in "biu":
        np.testing.assert_array_equal(got, expected)
    else:
        single = expected.dtype == np.float32
        np.testing.assert_allclose(got, expected, rtol=1e-5 if single else 1e-10, atol=1e-5 if single else 1e-7)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "window"),
    [((13, 17), 3), ((13, 17), (5, 1)), ((65,), 7), ((1, 1), 3), ((3, 4), 15), ((4, 5, 6), 3), ((4, 5, 6), (1, 5, 3))],
)
def test_niblack_and_sauvola_as_scikit_image(backend, dtype, shape, window):
    image = picture(dtype, shape)
    got = backend.numpy(segalgo.threshold_niblack(backend.array(image), window, 0.3))
    agree(got, filters.threshold_niblack(image, window, 0.3), image)
    r = {"r": 0.5} if dtype == "bool" else {}  # scikit-image takes no range from a bool image
    got = backend.numpy(segalgo.threshold_sauvola(backend.array(image), window, 0.3))
    agree(got, filters.threshold_sauvola(image, window, 0.3, **r), image)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("mode", BORDERS)
@pytest.mark.parametrize("method", ["gaussian", "mean", "median"])
def test_local_as_scikit_image(backend, dtype, mode, method):
    for shape, block in (((11, 14), 5), ((11, 14), (3, 7)), ((9,), 5), ((2, 3), 9), ((4, 5, 6), 3)):
        image = picture(dtype, shape)
        got = backend.numpy(segalgo.threshold_local(backend.array(image), block, method, 0, mode, cval=3.25))
        expected = filters.threshold_local(image, block, method, 0, mode, cval=3.25)
        assert got.dtype == expected.dtype
        if method == "mean":
            np.testing.assert_allclose(
                got, expected, rtol=2e-6 if dtype == "float32" else 1e-12, atol=1e-6 if dtype == "float32" else 1e-12
            )
        else:
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", ["camera", "coins", "page"])
def test_pictures(fast_backend, name):
    image = getattr(data, name)()
    given_image = fast_backend.array(image)
    for call in (
        lambda module, x: module.threshold_niblack(x, 25, 0.2),
        lambda module, x: module.threshold_sauvola(x, (15, 25)),
        lambda module, x: module.threshold_local(x, 35, offset=3),
        lambda module, x: module.threshold_local(x, 5, "gaussian", param=2.5),
    ):
        np.testing.assert_array_equal(fast_backend.numpy(call(segalgo, given_image)), call(filters, image))
    got = fast_backend.numpy(segalgo.threshold_local(given_image[:90], 11, "median"))
    np.testing.assert_array_equal(got, filters.threshold_local(image[:90], 11, "median"))


def test_generic(backend):
    if backend.word == "cuda":
        with pytest.raises(TypeError, match="generic"):
            segalgo.threshold_local(backend.array(np.ones((3, 3))), 3, "generic", param=np.mean)
        return
    image = picture("uint8", (9, 8))
    got = segalgo.threshold_local(image, (3, 5), "generic", param=np.ptp, mode="wrap")
    np.testing.assert_array_equal(got, filters.threshold_local(image, (3, 5), "generic", param=np.ptp, mode="wrap"))


def deviations(image, window):
    """Return mean and deviation of mirrored windows by plain NumPy."""
    half = window // 2
    padded = np.pad(image.astype(np.float64), half, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (window, window))
    return windows.mean((-2, -1)), windows.std((-2, -1))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_beyond_scikit_image(backend, dtype):
    image = picture(dtype, (21, 18))
    m, s = deviations(image, 5)
    scale = np.iinfo(dtype).max if dtype.startswith("u") else 1.0
    low, k = float(image.min()), 0.4
    for call, expected in (
        (segalgo.threshold_wolf, (1 - k) * m + k * low + k * s / s.max() * (m - low)),
        (segalgo.threshold_bradley, m * (1 - k)),
        (segalgo.threshold_phansalkar, m * (1 + 2 * np.exp(-10 * m / scale) + k * (s / scale / 0.5 - 1))),
    ):
        got = backend.numpy(call(backend.array(image), 5, k))
        assert got.dtype == (np.float32 if dtype == "float32" else np.float64)
        np.testing.assert_allclose(got, expected, rtol=2e-6 if dtype == "float32" else 1e-12)


@given(
    shape=st.lists(st.integers(1, 20), min_size=2, max_size=2),
    window=st.tuples(*[st.sampled_from([1, 3, 5, 9])] * 2),
    dtype=st.sampled_from(["uint8", "int16"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_backend_as_the_reference(backend, shape, window, dtype, seed):
    image = np.random.default_rng(seed).integers(0, 255 if dtype == "uint8" else 30000, shape).astype(dtype)
    calls = (
        lambda x: segalgo.threshold_sauvola(x, window),
        lambda x: segalgo.threshold_wolf(x, window),
        lambda x: segalgo.threshold_bradley(x, window),
        lambda x: segalgo.threshold_local(x, window, "mean", mode="wrap"),
        lambda x: segalgo.threshold_local(x, window, "median", mode="nearest"),
        lambda x: segalgo.threshold_local(x, window),
    )
    for call in calls:
        with segalgo.use_backend("reference"):
            expected = call(image)
        np.testing.assert_array_equal(backend.numpy(call(backend.array(image))), expected)


def test_large_windows_hold_their_sums(fast_backend):
    """Sums of squares beyond 32 bits, and beyond 53: integers stay exact."""
    for dtype in (np.uint8, np.uint16):
        image = np.full((240, 250), np.iinfo(dtype).max, dtype)
        image[::7] = 3
        got = fast_backend.numpy(segalgo.threshold_niblack(fast_backend.array(image), 235))
        with segalgo.use_backend("reference"):
            np.testing.assert_array_equal(got, segalgo.threshold_niblack(image, 235))
        flat = np.full_like(image, np.iinfo(dtype).max)
        np.testing.assert_array_equal(
            fast_backend.numpy(segalgo.threshold_niblack(fast_backend.array(flat), 235)), flat
        )


def test_sums_of_floats_keep_their_bound(fast_backend, rng):
    """A tall picture of large and small values: |error| <= 2 * (rows + columns) * eps * sum of absolute values."""
    image = rng.standard_normal((700, 40)) * 10.0 ** rng.integers(-6, 7, (700, 40))
    got = fast_backend.numpy(segalgo.threshold_local(fast_backend.array(image), (9, 5), "mean", mode="constant"))
    padded = np.pad(image.astype(np.longdouble), ((4, 4), (2, 2)))
    exact = np.lib.stride_tricks.sliding_window_view(padded, (9, 5)).sum((-2, -1)) / 45
    bound = 2 * (700 + 40) * np.finfo(float).eps * ndimage.maximum_filter(abs(image), (601, 81)).max() * 45
    assert (abs(got - exact) <= bound).all()


def with_flat_areas(rng, shape, dtype, blocks=3):
    """Noise from 0 to 1 in which every other block holds one value."""
    image = rng.random(shape)
    parts = tuple(np.minimum(np.arange(n) * blocks // n, blocks - 1) for n in shape)
    values = rng.choice([0.1, 0.3, 0.7], (blocks,) * len(shape))
    flat = np.indices(values.shape).sum(0) % 2 == 0
    return np.where(flat[np.ix_(*parts)], values[np.ix_(*parts)], image).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "window"), [((140, 530), (7, 5)), ((40, 33), (1, 9)), ((200,), 5), ((12, 14, 16), (3, 1, 5))]
)
def test_windows_of_one_value_have_no_deviation(fast_backend, rng, dtype, shape, window):
    """Running sums of floats do not cancel: windows of one value must answer it, others stay within the bound.

    A variance is recomputed where it is below 2**-29 of a mean square; its error before that is at most some thousand
    times 2**-53 of the mean square, so that of the deviation is at most 2**-24.
    """
    image = with_flat_areas(rng, shape, dtype)
    low, high = (f(image, window, mode="mirror") for f in (ndimage.minimum_filter, ndimage.maximum_filter))
    for call in (segalgo.threshold_niblack, segalgo.threshold_sauvola, segalgo.threshold_wolf):
        got = fast_backend.numpy(call(fast_backend.array(image), window, 0.4))
        with segalgo.use_backend("reference"):
            expected = call(image, window, 0.4)
        constant = low == high
        assert 0.1 < constant.mean() < 0.9
        np.testing.assert_array_equal(got[constant], expected[constant])
        np.testing.assert_allclose(got, expected, rtol=0, atol=2e-6 if dtype == "float32" else 2.0**-24)


def test_flat_areas_beyond_the_border():
    """Windows that reach rows or columns of `cval` are not constant."""
    kernel = wing("thresholds.local_thresholds", np.zeros(1))
    for shape, window in (((9, 11), (3, 5)), ((6, 7, 8), (3, 3, 3))):
        image = np.full(shape, 0.3)
        sources = [border_sources(n, width, "constant") for n, width in zip(shape, window, strict=True)]
        arguments = (window, sources, 0.7, 0.0, 0.0, "niblack", (0.5,), np.dtype(float))
        np.testing.assert_allclose(
            kernel.window_threshold(image, *arguments),
            reference.window_threshold(image, *arguments),
            rtol=0,
            atol=2.0**-24,
        )


def test_same_bits_for_one_and_two_threads(rng):
    import threadpoolctl

    for image in (
        rng.integers(0, 256, (301, 97)).astype(np.uint8),
        rng.random((301, 97)),
        with_flat_areas(rng, (150, 530), np.float32),
        with_flat_areas(rng, (8, 40, 30), np.float64),
    ):
        results = []
        for threads in (1, 2):
            with threadpoolctl.threadpool_limits(threads):
                results.append(
                    [
                        segalgo.threshold_sauvola(image, 9),
                        segalgo.threshold_wolf(image, 9),
                        segalgo.threshold_local(image, 9),
                        segalgo.threshold_local(image, 9, "median"),
                    ]
                )
        for one, two in zip(*results, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0,)])
def test_empty(backend, shape):
    image = backend.array(np.zeros(shape, np.uint8))
    for call in (
        segalgo.threshold_niblack,
        segalgo.threshold_sauvola,
        segalgo.threshold_wolf,
        segalgo.threshold_bradley,
        segalgo.threshold_phansalkar,
        segalgo.threshold_local,
    ):
        assert call(image, 3).shape == shape
    for method in ("mean", "median"):
        assert segalgo.threshold_local(image, 3, method).shape == shape


def test_views_and_big_endian(backend, rng):
    whole = rng.integers(0, 200, (40, 30)).astype(np.uint8)
    whole.flags.writeable = False
    view = whole.T[::2, ::-1]
    np.testing.assert_array_equal(
        backend.numpy(segalgo.threshold_sauvola(backend.array(view), 5)), filters.threshold_sauvola(view, 5)
    )
    if backend.word != "cuda":
        big = rng.random((9, 7)).astype(">f4")
        np.testing.assert_array_equal(segalgo.threshold_local(big, 3), segalgo.threshold_local(big.astype("f4"), 3))


def test_reference_works_alone():
    image = np.array([[0, 6, 0]], np.uint8)
    sources = [np.array([0]), np.array([1, 0, 1, 2, 1])]
    got = reference.window_threshold(image, (1, 3), sources, 0.0, 0.0, 0.0, "niblack", (0.0,), np.dtype(float))
    assert got.tolist() == [[4, 2, 4]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: segalgo.threshold_local(x, 4), ValueError, "block_size=4: expected odd sizes"),
        (lambda x: segalgo.threshold_local(x, (3, 3, 3)), ValueError, "block_size=.*expected 2 sizes"),
        (lambda x: segalgo.threshold_local(x, 3, "mode"), ValueError, "method='mode'"),
        (lambda x: segalgo.threshold_local(x, 3, mode="edge"), ValueError, "mode='edge'"),
        (lambda x: segalgo.threshold_local(x, 3, "generic"), TypeError, "param=None: expected a function"),
        (
            lambda x: segalgo.threshold_local(x, 3, param=-1),
            ValueError,
            "param=-1: expected a finite number of at least 0",
        ),
        (lambda x: segalgo.threshold_niblack(x, 2.5), TypeError, "window_size=2.5"),
        (lambda x: segalgo.threshold_sauvola(x, -3), ValueError, "window_size=-3"),
        (lambda x: segalgo.threshold_sauvola(x, 3, r=0), ValueError, "r=0"),
        (lambda x: segalgo.threshold_phansalkar(x, 3, r=0), ValueError, "r=0"),
        (lambda x: segalgo.threshold_niblack(x * np.nan), ValueError, "image holds 16 NaN"),
        (lambda x: segalgo.threshold_wolf(x + np.inf), ValueError, "image has values from inf to inf"),
        (lambda x: segalgo.threshold_niblack(x[0, 0]), ValueError, r"image has shape \(\)"),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call(np.ones((4, 4)))
