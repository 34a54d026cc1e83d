"""Thresholds of pictures at the ends of their dtype: subnormal, huge and one-ulp ranges, infinities, signed zeros."""

import numpy as np
import pytest

import segalgo

GLOBAL = ("otsu", "yen", "entropy", "triangle", "isodata", "li", "mean")
KINDS = (
    "few subnormals",
    "subnormals",
    "below normal",
    "huge",
    "ends",
    "one ulp",
    "one ulp at the end",
    "far",
    "zeros",
)


def extreme(kind, dtype):
    rng = np.random.default_rng(7)
    info, one = np.finfo(dtype), np.dtype(dtype).type(1)
    least, most = float(info.smallest_subnormal), float(info.max)
    values = {
        "few subnormals": lambda: np.arange(16) * least,
        "subnormals": lambda: rng.integers(0, 300, 500) * least,
        "below normal": lambda: rng.random(400) * float(info.tiny),
        "huge": lambda: rng.choice([-1, 1, 0.5, -0.25, 0.1, 0], 400) * (most * 0.95),
        "ends": lambda: np.array([-most, most, most, 0, 1]),
        "one ulp": lambda: np.array([one, np.nextafter(one, one * 2), one, one]),
        "one ulp at the end": lambda: np.array([info.max, np.nextafter(info.max, -one), info.max]),
        "far": lambda: 2.0**info.nmant + rng.integers(0, 50, 300),
        "zeros": lambda: np.array([0.0, -1.0, -0.0, 1.0, -0.0, 0.0]),
    }
    return values[kind]().astype(dtype)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", GLOBAL)
def test_a_threshold_splits_the_picture(backend, name, kind, dtype):
    x = extreme(kind, dtype)
    with segalgo.use_backend("reference"):
        expected = getattr(segalgo, f"threshold_{name}")(x)
    found = getattr(segalgo, f"threshold_{name}")(x)
    assert found.dtype == expected.dtype == dtype
    if name in ("li", "mean"):
        spread = np.ldexp(np.float64(x.max()), -2) - np.ldexp(np.float64(x.min()), -2)
        assert (
            abs(np.ldexp(np.float64(found), -2) - np.ldexp(np.float64(expected), -2))
            <= 4 * np.finfo(dtype).eps * spread
        )
    else:
        assert found == expected
        assert np.signbit(found) == np.signbit(expected)
    assert x.min() <= found <= x.max()
    if name != "mean":
        assert found < x.max()  # so that both sides have pixels


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("nbins", [1, 2, 37, 256, 5000])
@pytest.mark.parametrize("kind", KINDS)
def test_counts_are_those_of_the_edges(backend, kind, nbins, dtype):
    from segalgo._core.dispatch import wing
    from segalgo.thresholds.histogram import even_edges

    x = extreme(kind, dtype)
    edges = even_edges(x.min() + dtype(0), x.max() + dtype(0), nbins)
    assert np.isfinite(edges).all()
    assert (edges[1:] > edges[:-1]).all()
    counts = wing("thresholds.histogram", x).histogram_floats(x, edges)
    last = edges.size - 2
    expected = [np.count_nonzero((x >= edges[k]) & ((x < edges[k + 1]) | (k == last))) for k in range(edges.size - 1)]
    assert counts.tolist() == expected


@pytest.mark.parametrize("seed", range(20))
def test_random_tiny_ranges_keep_memory_whole(seed):
    rng = np.random.default_rng(seed)
    for _ in range(30):
        x = rng.standard_normal(int(rng.integers(3, 400))) * 10.0 ** -int(rng.integers(300, 323))
        nbins = int(rng.integers(1, 300))
        with segalgo.use_backend("reference"):
            expected = segalgo.threshold_otsu(x, nbins)
        assert segalgo.threshold_otsu(x, nbins) == expected


@pytest.mark.parametrize("kind", ["below normal", "far"])
def test_edges_are_those_of_numpy(kind):
    from segalgo.thresholds.histogram import even_edges

    x = extreme(kind, np.float64)
    np.testing.assert_array_equal(
        even_edges(x.min(), x.max(), 10), np.unique(np.histogram_bin_edges(x, 10, (x.min(), x.max())))
    )


@pytest.mark.parametrize("scale", [-1000, -140, 900, 1000])
def test_otsu_and_isodata_follow_the_scale(backend, scale):
    x = np.random.default_rng(3).integers(0, 200, 1000).astype(np.float64)
    x[:300] += 100
    for threshold in (segalgo.threshold_otsu, segalgo.threshold_isodata, segalgo.threshold_mean):
        # Powers of two neither change the edges nor the sums.
        assert threshold(np.ldexp(x, scale)) == np.ldexp(threshold(x), scale)
    # Logarithms are rounded differently.
    assert segalgo.threshold_li(np.ldexp(x, scale)) == pytest.approx(np.ldexp(segalgo.threshold_li(x), scale), 1e-12)


@pytest.mark.parametrize("name", ["otsu", "yen", "entropy", "triangle", "isodata"])
def test_infinities_among_finite_values_are_refused(backend, name):
    for values in ([0.0, np.inf, 1.0], [-np.inf, 2.0], [-np.inf, np.inf]):
        with pytest.raises(ValueError, match="image has values from"):
            getattr(segalgo, f"threshold_{name}")(np.array(values))
    assert getattr(segalgo, f"threshold_{name}")(np.array([np.inf, np.inf])) == np.inf


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_the_value_beyond_the_border_is_a_number(backend, dtype):
    x = np.ones((5, 6), dtype)
    for method in ("gaussian", "mean", "median"):
        for cval in (np.nan, np.inf, -np.inf, 1e400, 10**400):
            with pytest.raises(ValueError, match="cval="):
                segalgo.threshold_local(x, 3, method, mode="constant", cval=cval)
        # It is not read where the mode does not ask for it.
        assert segalgo.threshold_local(x, 3, method, cval=np.nan).tolist() == np.ones((5, 6)).tolist()


WINDOWED = ("niblack", "sauvola", "wolf", "bradley", "phansalkar")


def by_fractions(x, window):
    """Means and deviations of windows over a mirrored 2-D picture, in exact arithmetic until the root."""
    from fractions import Fraction

    reach = window // 2
    padded = np.pad(np.array([[Fraction(v) for v in row] for row in x.tolist()], object), reach, mode="reflect")
    means, deviations = np.zeros((2, *x.shape))
    for i, j in np.ndindex(x.shape):
        cells = padded[i : i + window, j : j + window].ravel()
        mean = sum(cells) / cells.size
        means[i, j] = mean
        deviations[i, j] = float(sum((v - mean) ** 2 for v in cells) / cells.size) ** 0.5
    return means, deviations


@pytest.mark.parametrize(
    "x",
    [
        1e8 + np.random.default_rng(0).standard_normal((12, 11)),
        -1e12 + 50 * np.random.default_rng(1).standard_normal((12, 11)),
        (3 * 10**9 + np.random.default_rng(2).integers(0, 100, (12, 11))).astype(np.uint32),
        2**62 + np.random.default_rng(3).integers(0, 100, (12, 11)),
        np.uint64(2**64 - 1) - np.random.default_rng(4).integers(0, 100, (12, 11)).astype(np.uint64),
        (1e5 + np.random.default_rng(5).standard_normal((12, 11))).astype(np.float32),
    ],
    ids=["float64", "negative", "uint32", "int64", "uint64", "float32"],
)
def test_deviations_far_from_zero(backend, x):
    means, deviations = by_fractions(x, 5)
    with np.errstate(over="ignore"):
        coarse = np.spacing(np.abs(means).astype(np.float32 if x.dtype == np.float32 else np.float64)).max() * 2
    found = segalgo.threshold_niblack(x, 5, k=1.0)
    np.testing.assert_allclose(found, means - deviations, rtol=0, atol=coarse + 1e-9 * np.ptp(means) + 1e-12)
    # With another weight the means drop out: what is left is the deviation.
    twice = segalgo.threshold_niblack(x, 5, k=2.0)
    np.testing.assert_allclose(found - twice, deviations, rtol=0, atol=2 * coarse)


@pytest.mark.parametrize("name", WINDOWED)
@pytest.mark.parametrize("kind", ["few subnormals", "below normal", "huge", "one ulp", "one ulp at the end", "far"])
def test_windows_over_extreme_values(backend, name, kind):
    x = extreme(kind, np.float64)
    with segalgo.use_backend("reference"):
        expected = getattr(segalgo, f"threshold_{name}")(x, 3)
    found = getattr(segalgo, f"threshold_{name}")(x, 3)
    assert not np.isnan(found).any()
    if kind == "huge" and name in ("sauvola", "phansalkar"):
        return  # the deviation is 1e308 times the contrast, so a mean of rounding errors decides between 0 and inf
    np.testing.assert_allclose(found / 4, expected / 4, rtol=1e-7, atol=1e-7 * (x.max() / 4 - x.min() / 4))


@pytest.mark.parametrize("window", [1, (1, 5), (5, 1)])
def test_wolf_where_no_window_varies(backend, window):
    x = np.random.default_rng(0).standard_normal((6, 5))
    if window == (1, 5):
        x = np.repeat(x[:, :1], 5, axis=1)
    if window == (5, 1):
        x = np.repeat(x[:1], 6, axis=0)
    np.testing.assert_allclose(segalgo.threshold_wolf(x, window, 0.25), 0.75 * x + 0.25 * x.min(), rtol=1e-15)


def test_a_median_of_zeros_is_positive(backend):
    x = np.random.default_rng(0).choice(np.array([0.0, -0.0], np.float32), (8, 40))
    assert not np.signbit(segalgo.threshold_local(x, 5, "median")).any()


@pytest.mark.parametrize("layout", ["halves", "stripes", "border", "three axes", "one axis"])
@pytest.mark.parametrize("step", [1e8, -3e12, 1e5])
def test_deviations_beside_values_of_another_size(backend, layout, step):
    """A window keeps its deviation whatever values other windows of the image have."""
    rng = np.random.default_rng(11)
    shape = {"three axes": (9, 12, 11), "one axis": (160,)}.get(layout, (20, 41))
    far = np.zeros(shape, bool)
    if layout in ("halves", "three axes"):
        far[..., shape[-1] // 2 :] = True
    elif layout == "stripes":
        far[::9] = True
    else:
        far[..., :2] = True
    x = np.where(far, step, 0.0) + rng.standard_normal(shape)
    padded = np.pad(x.astype(np.longdouble), 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5,) * x.ndim).reshape(*shape, -1)
    means = windows.mean(-1)
    deviations = np.sqrt(((windows - means[..., None]) ** 2).mean(-1))
    scale = np.abs(windows).max(-1)  # values of a window have been rounded to its own size
    image = backend.array(x)
    found = backend.numpy(segalgo.threshold_niblack(image, 5, k=1.0))
    twice = backend.numpy(segalgo.threshold_niblack(image, 5, k=2.0))
    bound = 1e-6 * deviations + 8 * np.finfo(float).eps * scale
    assert (abs((found - twice) - deviations) <= bound).all()
    assert (abs(found - (means - deviations)) <= bound).all()
    largest, lowest = deviations.max(), x.min()
    wolf = backend.numpy(segalgo.threshold_wolf(image, 5, 0.5))
    expected = 0.5 * means + 0.5 * lowest + 0.5 * deviations / largest * (means - lowest)
    assert (abs(wolf - expected) <= 1e-6 * abs(means - lowest) + 8 * np.finfo(float).eps * (scale + abs(lowest))).all()
