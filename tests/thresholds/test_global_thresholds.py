"""Global thresholds, on every backend."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data, exposure, filters

import segalgo
from segalgo.reference.thresholds import histogram as reference
from segalgo.thresholds import multi_otsu

PICTURES = {"camera": data.camera(), "coins": data.coins(), "page": data.page(), "cell": data.cell()}
NAMES = ("otsu", "yen", "isodata", "li", "minimum", "mean", "triangle")
BY_HISTOGRAM = ("otsu", "yen", "isodata", "triangle", "entropy")


def of(module, name):
    return getattr(module, f"threshold_{name}")


def pictures():
    """Yield pictures in many dtypes, with values that are negative, sparse or few."""
    for name, image in PICTURES.items():
        yield name, image
        yield f"{name} float32", (image / 255).astype(np.float32)
        if name != "camera":
            continue
        yield f"{name} int8", (image.astype(np.int16) - 128).astype(np.int8)
        yield f"{name} uint16", image.astype(np.uint16) * 257
        yield f"{name} int16", image.astype(np.int16) * 20 - 3000
        yield f"{name} int32", image.astype(np.int32) - 100
        yield f"{name} uint32", image.astype(np.uint32) + 7
        yield f"{name} int64", image.astype(np.int64) * 3
        yield f"{name} uint64", image.astype(np.uint64)
        yield f"{name} float16", (image / 255).astype(np.float16)
        yield f"{name} float64", image / 255 - 0.3


@pytest.fixture(params=list(pictures()), ids=lambda pair: pair[0])
def picture(request):
    return request.param[1]


def answer(call):
    """Return what a call returns, or the kind of its error."""
    try:
        return call()
    except (RuntimeError, ValueError) as error:
        return type(error)


@pytest.mark.parametrize("name", NAMES)
def test_as_scikit_image(fast_backend, picture, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of scikit-image, where a logarithm meets zero
        if name == "minimum" and picture.dtype.kind != "f":
            # Thousands of values would take scikit-image minutes to smooth.
            picture = picture // picture.dtype.type(max((int(picture.max()) - int(picture.min())) // 120, 1))
        # scikit-image's Li wraps where small signed integers are counted from the smallest.
        theirs = picture.astype(np.int64) if name == "li" and picture.dtype.kind == "i" else picture
        expected = answer(lambda: of(filters, name)(theirs))
    got = answer(lambda: of(segalgo, name)(fast_backend.array(picture)))
    if isinstance(expected, type):
        assert got is expected
    elif picture.dtype.kind == "f" and name in ("li", "mean"):
        rounding = {"float16": 3e-3, "float32": 1e-5, "float64": 1e-10}[picture.dtype.name]
        np.testing.assert_allclose(got, expected, rtol=rounding)
        assert got.dtype == expected.dtype
    else:
        assert got == expected
        # scikit-image's dtype of a uint64 image depends on its values.
        unsigned = picture.dtype == np.uint64 and expected.dtype == np.int64
        assert got.dtype == (np.uint64 if unsigned else expected.dtype)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int64", "float16", "float32", "float64"])
def test_small(backend, rng, dtype, name):
    for shape in ((65,), (1, 64), (7, 9), (3, 5, 6), (1009,)):
        image = (abs(rng.standard_normal(shape)) * 15 + 60 * (rng.random(shape) < 0.4)).astype(dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            theirs = image.astype(np.int64) if dtype == "int8" else image
            expected = answer(lambda theirs=theirs: of(filters, name)(theirs))
        got = answer(lambda image=image: of(segalgo, name)(backend.array(image)))
        if isinstance(expected, type):
            assert got is expected
        elif dtype.startswith("f"):
            np.testing.assert_allclose(got, expected, rtol=1e-2 if dtype == "float16" else 1e-5, atol=1e-2)
        else:
            assert got == expected


def test_isodata_all(fast_backend, picture):
    got = segalgo.threshold_isodata(fast_backend.array(picture), return_all=True)
    np.testing.assert_array_equal(got, filters.threshold_isodata(picture, return_all=True))


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("name", list(PICTURES))
def test_multiotsu_as_scikit_image(fast_backend, name, classes):
    for image in (PICTURES[name], PICTURES[name].astype(np.int16) - 100, (PICTURES[name] / 255).astype(np.float32)):
        got = segalgo.threshold_multiotsu(fast_backend.array(image), classes)
        np.testing.assert_array_equal(got, filters.threshold_multiotsu(image, classes))


@given(seed=st.integers(0, 2**32 - 1), bins=st.integers(6, 40), classes=st.integers(2, 5), sparse=st.booleans())
def test_multiotsu_bit_for_bit(seed, bins, classes, sparse):
    """Every tie and every empty bin falls as in scikit-image's search."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, rng.choice([2, 5, 1000, 10**6]), bins)
    if sparse:
        counts[rng.random(bins) < 0.5] = 0
    counts[[0, -1]] += 1
    if np.count_nonzero(counts) < classes:
        with pytest.raises(ValueError, match="different values"):
            segalgo.threshold_multiotsu(classes=classes, hist=counts)
        return
    got = segalgo.threshold_multiotsu(classes=classes, hist=counts)
    np.testing.assert_array_equal(got, filters.threshold_multiotsu(classes=classes, hist=counts))


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_multiotsu_of_many_values(rng, classes, monkeypatch):
    """The divided search finds the sum that the whole table finds."""
    counts = rng.integers(1, 1000, 300)
    share = counts / counts.sum()
    zeroth, first = np.cumsum(share), np.cumsum(share * np.arange(300))

    def worth(thresholds):
        ends = [-1, *thresholds, 299]
        p, s = (np.diff([0 if e < 0 else x[e] for e in ends]) for x in (zeroth, first))
        return (s**2 / p).sum()

    whole = multi_otsu.multiotsu(share.astype(np.float32), classes)
    monkeypatch.setattr(multi_otsu, "MOST_EXACT_BINS", 100)
    divided = multi_otsu.multiotsu(share, classes)
    assert worth(divided) >= worth(whole) * (1 - 1e-14)
    assert abs(divided - whole).max() <= 1


def kapur(counts):
    """The two entropies by their definition."""
    p = counts / counts.sum()
    total = []
    for t in range(p.size - 1):
        parts = (p[: t + 1] / p[: t + 1].sum(), p[t + 1 :] / p[t + 1 :].sum())
        total.append(sum(-(q[q > 0] * np.log(q[q > 0])).sum() for q in parts))
    return int(np.argmax(np.round(total, 12)))


@pytest.mark.parametrize("name", list(PICTURES))
def test_entropy(fast_backend, name):
    image = PICTURES[name]
    expected = kapur(np.bincount(image.ravel())[image.min() :]) + image.min()
    assert segalgo.threshold_entropy(fast_backend.array(image)) == expected


@pytest.mark.parametrize("name", [*BY_HISTOGRAM, "minimum", "mean", "li"])
def test_mask_and_histogram(backend, rng, name):
    image = (rng.normal(60, 9, (30, 20)) + 90 * (rng.random((30, 20)) < 0.5)).astype(np.uint8)
    mask = rng.random(image.shape) < 0.5
    with segalgo.use_backend("reference"):
        expected = of(segalgo, name)(image[mask])
    assert of(segalgo, name)(backend.array(image), mask=backend.array(mask)) == expected
    if backend.word == "cuda":
        return
    assert of(segalgo, name)(hist=np.bincount(image[mask])) == expected
    assert of(segalgo, name)(hist=(np.bincount(image[mask], minlength=256), np.arange(256))) == expected
    real = image / 7.0
    histogram = exposure.histogram(real)
    np.testing.assert_allclose(of(segalgo, name)(hist=histogram), of(segalgo, name)(real), rtol=2e-2)


def test_li_options():
    cell = PICTURES["cell"]
    for guess in (np.percentile(cell, 5), np.percentile(cell, 95), 100, np.mean, lambda x: np.quantile(x, 0.95)):
        for image in (cell, cell / 255.0):
            start = guess if callable(guess) or image is cell else guess / 255
            ours, theirs = [], []
            got = segalgo.threshold_li(image, initial_guess=start, iter_callback=ours.append)
            expected = filters.threshold_li(image, initial_guess=start, iter_callback=theirs.append)
            np.testing.assert_allclose(got, expected, rtol=1e-10)
            np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    assert segalgo.threshold_li(cell, tolerance=5) == filters.threshold_li(cell, tolerance=5)
    with pytest.raises(ValueError, match=r".*initial guess.*must be within the range"):
        segalgo.threshold_li(cell, initial_guess=-5)
    with pytest.raises(TypeError, match="initial_guess of type list"):
        segalgo.threshold_li(cell, initial_guess=[1])


@pytest.mark.parametrize(
    "values",
    [
        [0, 0, 1, 0, 0, 1, 0, 1],
        [0, 0, 0.1, 0, 0, 0.1, 0.01, 0.1],
        [1, 1],
        [1, 2],
        [0, 254, 255],
        [0, 1, 255],
        [0.1, 0.8, 0.9],
    ],
)
def test_li_of_few_values(backend, values):
    image = np.array(values)
    np.testing.assert_allclose(segalgo.threshold_li(backend.array(image)), filters.threshold_li(image))


# What the functions answer where little can be asked: the table in `segalgo.thresholds`. A type is an error;
# NEAR is a threshold that splits the values.
NEAR = object()
INF = np.inf
DEGENERATE = {
    # picture: (otsu, yen, isodata, triangle, entropy), minimum, li, mean, multiotsu of two classes
    "empty": (np.zeros((0, 3), np.uint8), ValueError, ValueError, ValueError, ValueError, ValueError),
    "empty float": (np.zeros((2, 0)), ValueError, ValueError, ValueError, ValueError, ValueError),
    "one pixel": (np.array([[3]], np.uint8), 3, RuntimeError, 3, 3, ValueError),
    "one float": (np.array([[0.25]]), 0.25, RuntimeError, 0.25, 0.25, ValueError),
    "one value": (np.full((3, 4), 7, np.int16), 7, RuntimeError, 7, 7, ValueError),
    "one float value": (np.full((3, 4), 0.5, np.float32), 0.5, RuntimeError, 0.5, 0.5, ValueError),
    "false": (np.zeros((2, 2), bool), 0, RuntimeError, 0, 0, ValueError),
    "two values": (np.array([[1, 1, 5, 5]], np.uint8), NEAR, RuntimeError, NEAR, 3, [1]),
    "two floats": (np.array([[0.0, 0.0, 1.0, 1.0]]), NEAR, RuntimeError, NEAR, 0.5, NEAR),
    "bool": (np.array([[True, True, False]]), NEAR, RuntimeError, NEAR, 2 / 3, NEAR),
    "neighbours": (np.array([1.0, np.nextafter(1.0, 2.0)]), NEAR, RuntimeError, NEAR, NEAR, ValueError),
    "beyond 32 bits": (np.array([2**40 + 2, 2**40], np.uint64), NEAR, RuntimeError, NEAR, 2**40 + 1, [2**40]),
    "infinity": (np.full((2, 2), INF), INF, RuntimeError, INF, INF, ValueError),
    "an infinity": (np.array([0.0, 1.0, 2.0, INF]), ValueError, ValueError, 1.0820212806667227, INF, ValueError),
    "both infinities": (np.array([INF, -INF]), ValueError, ValueError, 0, ValueError, ValueError),
    "NaN": (np.array([1.0, 1.0, np.nan]), ValueError, ValueError, 1, ValueError, ValueError),
    "nothing but NaN": (np.full(3, np.nan), ValueError, ValueError, np.nan, ValueError, ValueError),
    "too wide": (np.array([0, 2**40], np.int64), ValueError, ValueError, ValueError, 2**39, ValueError),
    "16 bits": (np.repeat(np.array([0, 1000, 65535], np.uint16), [2, 2, 3]), NEAR, NEAR, NEAR, NEAR, [1000]),
}


@pytest.mark.parametrize("name", [*BY_HISTOGRAM, "minimum", "li", "mean", "multiotsu"])
@pytest.mark.parametrize("kind", list(DEGENERATE))
def test_degenerate(backend, kind, name):
    image, *answers = DEGENERATE[kind]
    column = {"minimum": 1, "li": 2, "mean": 3, "multiotsu": 4}.get(name, 0)
    expected = answers[column]
    arguments = (backend.array(image), 2) if name == "multiotsu" else (backend.array(image),)
    got = answer(lambda: of(segalgo, name)(*arguments))
    if isinstance(expected, type):
        assert got is expected
    elif expected is NEAR:
        assert not isinstance(got, type), got
        threshold = got[0] if name == "multiotsu" else got
        assert (image > threshold).any()
        assert not (image > threshold).all() or image.dtype.kind in "bf" or name == "mean"
    else:
        np.testing.assert_allclose(got, expected)


def test_scikit_images_own_numbers(backend):
    """What its tests fix, where the pictures come with the wheel."""
    image = backend.array([[0, 0, 1, 3, 5], [0, 1, 4, 3, 4], [1, 2, 5, 4, 1], [2, 4, 5, 2, 1], [4, 5, 1, 0, 0]])
    for name in ("otsu", "yen", "isodata"):
        assert of(segalgo, name)(image) == 2
        assert of(segalgo, name)(image - 2) == 0
    assert 2 < segalgo.threshold_li(image) < 3
    assert 0 < segalgo.threshold_li(image - 2) < 1
    with pytest.raises(RuntimeError, match="Unable to find two maxima"):
        segalgo.threshold_minimum(image)
    camera, coins = backend.array(PICTURES["camera"]), backend.array(PICTURES["coins"])
    assert segalgo.threshold_otsu(camera) == 102
    assert segalgo.threshold_otsu(coins) == 107
    assert segalgo.threshold_isodata(camera, return_all=True).tolist() == [102, 103]
    assert segalgo.threshold_isodata(coins, return_all=True).tolist() == [107]
    assert segalgo.threshold_triangle(coins) == 80
    assert segalgo.threshold_triangle(255 - coins) == 175
    assert 78 < segalgo.threshold_li(camera) < 79
    assert 94 < segalgo.threshold_li(coins) < 95
    if backend.word != "simulated":  # hundreds of smoothing steps
        assert segalgo.threshold_minimum(camera) == 85


@pytest.mark.parametrize("name", ["otsu", "multiotsu"])
def test_color_pictures_warn(name):
    picture = np.random.default_rng(0).integers(0, 255, (9, 8, 3)).astype(np.uint8)
    with pytest.warns(UserWarning, match="grayscale"):
        of(segalgo, name)(picture)


def test_histogram_of_floats_on_every_edge(backend, rng):
    """Pixels on the edges of bins and beside them fall as numpy.histogram has them."""
    for dtype in (np.float32, np.float64):
        for bins in (1, 7, 256, 1000):
            edges = np.linspace(dtype(-0.3), dtype(0.7), bins + 1, dtype=dtype)
            image = np.concatenate([edges, np.nextafter(edges[1:], dtype(-1)), np.nextafter(edges[:-1], dtype(1))])
            image = rng.permutation(np.repeat(image, 3))
            module = {"reference": reference}.get(backend.word) or segalgo._core.dispatch.wing(
                "thresholds.histogram", backend.array(image)
            )
            counts = module.histogram_floats(backend.array(image), edges)
            np.testing.assert_array_equal(counts, np.histogram(image, bins, (edges[0], edges[-1]))[0])


def test_smoothing_as_scipy(backend, rng):
    from scipy import ndimage

    module = segalgo._core.dispatch.wing("thresholds.histogram", backend.array(np.zeros(1)))
    for n in (2, 3, 64, 300):
        counts = rng.integers(0, 10**6, n)
        counts[n // 2] = 0
        expected = counts.astype(np.float32)
        for steps in range(1, 4):
            expected = ndimage.uniform_filter1d(expected, 3)
            got = module.smooth_histogram(backend.array(counts), steps)
            if n > 3 and steps < 3:
                np.testing.assert_array_equal(got, expected)


def test_same_bits_for_one_and_two_threads(rng):
    import threadpoolctl

    for image in (rng.integers(0, 256, (500, 777)).astype(np.uint8), rng.random((500, 777), np.float32)):
        results = []
        for threads in (1, 2):
            with threadpoolctl.threadpool_limits(threads):
                results.append([of(segalgo, name)(image) for name in ("otsu", "li", "mean", "yen")])
        assert results[0] == results[1]


def test_views_and_big_endian(backend, rng):
    whole = rng.integers(0, 200, (40, 30)).astype(np.int16)
    whole.flags.writeable = False
    view = whole.T[::2, ::-1]
    for name in ("otsu", "li", "mean"):
        assert of(segalgo, name)(backend.array(view)) == of(filters, name)(view)
        if backend.word != "cuda":
            assert of(segalgo, name)(view.astype(">f4")) == of(segalgo, name)(view.astype("f4"))


def test_try_all_thresholds():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    figure, axes = segalgo.try_all_thresholds(PICTURES["coins"][::4, ::4] // 64)
    texts = [text.get_text() for axis in axes for text in axis.texts]
    assert "RuntimeError" in texts
    assert {axis.get_title() for axis in axes} >= {"Original", "Histogram", "Otsu", "Li", "Entropy"}
    pyplot.close(figure)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: segalgo.threshold_otsu(), ValueError, "image and hist are both None"),
        (lambda x: segalgo.threshold_mean(), ValueError, "image and hist are both None"),
        (lambda x: segalgo.threshold_otsu(x, 0), ValueError, "nbins=0"),
        (lambda x: segalgo.threshold_otsu(x, 2.5), TypeError, "nbins=2.5"),
        (lambda x: segalgo.threshold_otsu(x + 1j), TypeError, "image has dtype complex128"),
        (lambda x: segalgo.threshold_yen(x, mask=x), ValueError, "mask has dtype float64"),
        (
            lambda x: segalgo.threshold_yen(x, mask=np.ones(3, bool)),
            ValueError,
            r"mask has dtype bool and shape \(3,\)",
        ),
        (lambda x: segalgo.threshold_yen(x, mask=np.zeros(x.shape, bool)), ValueError, "no pixel to count"),
        (lambda x: segalgo.threshold_li(hist=[1, 2], mask=x > 0), ValueError, "mask is given with hist"),
        (lambda x: segalgo.threshold_otsu(hist=np.zeros(4)), ValueError, "hist counts no pixel"),
        (lambda x: segalgo.threshold_otsu(hist=np.array([1, -1, 2])), ValueError, "negative"),
        (lambda x: segalgo.threshold_otsu(hist=(np.ones(3), np.ones(2))), ValueError, "3 counts and centers"),
        (lambda x: segalgo.threshold_multiotsu(x, 1), ValueError, "classes=1"),
        (lambda x: segalgo.threshold_multiotsu(np.ones((9, 9), int), 2), ValueError, "1 different values"),
        (lambda x: segalgo.threshold_minimum(x, max_num_iter=0), ValueError, "max_num_iter=0"),
        (lambda x: segalgo.threshold_li(x, tolerance=-1), ValueError, "tolerance=-1"),
        (lambda x: segalgo.threshold_otsu(np.array([1.0, np.nan])), ValueError, "image holds 1 NaN"),
        (lambda x: segalgo.try_all_thresholds(x[0]), ValueError, r"image has shape \(4,\)"),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call(np.arange(16.0).reshape(4, 4))
