"""Gaussian filtering in feature space and mean-field inference on every backend."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import segalgo
from segalgo.random_fields.dense_crf import _on_lattice
from segalgo.reference.random_fields.dense_crf import _permutohedral_lattice


def scene(rng, height=11, width=13, classes=3, channels=3, dtype=np.float64):
    """Return probabilities that are noisy, and the picture that they are of."""
    labels = (np.arange(width) > width // 2).astype(int) + (np.arange(height)[:, None] > height // 2)
    image = rng.integers(0, 40, (height, width, channels)) + 90 * labels[..., None]
    p = rng.uniform(0.1, 1, (classes, height, width)) + (np.arange(classes)[:, None, None] == labels)
    return (p / p.sum(axis=0)).astype(dtype), image.astype(np.uint8)


def allowed(dtype, *, steps=1):
    """Return what results may be off: some 30 roundings of sums of positive terms, a few hundred after steps."""
    return 30 * 8 ** (steps - 1) * np.finfo(dtype).eps


def test_hand_worked_lattice():
    """One coordinate: a vertex every other half step; a point on a vertex gives to it and takes from it alone."""
    lattice = _permutohedral_lattice(np.zeros((1, 1)))
    assert lattice.corners.tolist() == [[0, 1]] or lattice.corners.tolist() == [[1, 0]]
    np.testing.assert_array_equal(lattice.weights, [[1, 0]])
    assert len(lattice.neighbours) == 2
    # Gives 1, adds half of each neighbour (0) along both axes; its neighbour takes 1/2 and gives 1/4 back.
    with segalgo.use_backend("reference"):
        got = segalgo.gaussian_feature_filter(np.ones((1, 1)), np.zeros((1, 1)), normalize=False)
    np.testing.assert_allclose(got, (1 + 0.25) / 1.5)


def test_exact_sums_by_hand(backend):
    values, places = backend.array([[1.0, 0.0, 0.0]]), backend.array([[0.0, 1.0, 3.0]])
    got = backend.numpy(segalgo.gaussian_feature_filter(values, places, "exact", normalize=False))
    np.testing.assert_allclose(got, [[1, np.exp(-0.5), np.exp(-4.5)]], rtol=1e-15)
    means = backend.numpy(segalgo.gaussian_feature_filter(values, places, "exact"))
    np.testing.assert_allclose(means[0, 0], 1 / (1 + np.exp(-0.5) + np.exp(-4.5)), rtol=1e-15)


@pytest.mark.parametrize("dims", [1, 2, 3, 5, 15])
def test_weights_of_the_lattice_are_barycentric(dims, rng):
    """They are positive, add up to 1, and the weighted vertices are the point."""
    features = _on_lattice(rng.normal(0, 3, (dims, 40)))
    lattice = _permutohedral_lattice(features)
    assert lattice.weights.min() > -1e-12
    np.testing.assert_allclose(lattice.weights.sum(axis=1), 1, rtol=1e-12)
    # Two points on one place have one simplex; every neighbour's neighbour is the vertex.
    count = len(lattice.neighbours)
    for axis in range(dims + 1):
        before = lattice.neighbours[:, axis, 0]
        there = before < count
        np.testing.assert_array_equal(lattice.neighbours[before[there], axis, 1], np.flatnonzero(there))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("channels", "dims", "shape"), [(1, 1, (50,)), (3, 2, (9, 7)), (21, 5, (6, 11)), (34, 3, (8,)),
                                                         (2, 15, (5,))])  # fmt: skip
@pytest.mark.parametrize("method", ["lattice", "exact"])
def test_against_the_reference(backend, rng, dtype, channels, dims, shape, method):
    values = rng.uniform(0, 1, (channels, *shape)).astype(dtype)
    features = rng.normal(0, 2, (dims, *shape))
    with segalgo.use_backend("reference"):
        wide = segalgo.gaussian_feature_filter(values.astype(np.float64), features, method)
    got = backend.numpy(segalgo.gaussian_feature_filter(backend.array(values), backend.array(features), method))
    assert got.dtype == dtype
    np.testing.assert_allclose(
        got.astype(np.float64), wide, rtol=allowed(dtype) + allowed("float32") * (dtype != "float64")
    )
    signed = rng.normal(0, 1, values.shape).astype(dtype)
    with segalgo.use_backend("reference"):
        wide = segalgo.gaussian_feature_filter(signed.astype(np.float64), features, method)
        absolute = segalgo.gaussian_feature_filter(np.abs(signed.astype(np.float64)), features, method)
    got = backend.numpy(segalgo.gaussian_feature_filter(backend.array(signed), backend.array(features), method))
    assert np.all(np.abs(got - wide) <= (allowed(dtype) + allowed("float32") * (dtype != "float64")) * absolute)


def test_the_lattice_is_near_the_sum(backend, rng):
    """On a grid that is fine against the Gaussian, means differ by a few hundredths."""
    columns, rows = np.meshgrid(np.arange(32.0), np.arange(32.0))
    values = rng.uniform(0, 1, (1, 32, 32))
    places = np.stack([columns, rows]) / 4
    got, exact = (
        backend.numpy(segalgo.gaussian_feature_filter(backend.array(values), backend.array(places), method))
        for method in ("lattice", "exact")
    )
    assert np.abs(got - exact).max() < 0.05
    assert np.corrcoef(got.ravel(), exact.ravel())[0, 1] > 0.98


def test_blur_as_in_scipy(backend, rng):
    """Exact sums over a grid are SciPy's Gaussian filter, where the border is of zeros."""
    from scipy.ndimage import gaussian_filter

    columns, rows = np.meshgrid(np.arange(12.0), np.arange(9.0))
    values = rng.uniform(0, 1, (1, 9, 12))
    got = segalgo.gaussian_feature_filter(
        backend.array(values), backend.array(np.stack([columns, rows]) / 1.5), "exact", normalize=False
    )
    expected = gaussian_filter(values[0], 1.5, mode="constant", radius=30) * 1.0
    np.testing.assert_allclose(
        backend.numpy(got)[0], expected * np.exp(-(np.arange(-30, 31) ** 2) / 4.5).sum() ** 2, rtol=1e-12
    )


@pytest.mark.parametrize("normalization", ["symmetric", "after", "before"])
@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("mixed", [False, True])
def test_inference_against_the_reference(backend, rng, normalization, logits, mixed):
    p, image = scene(rng, 7, 9)
    options = {"normalization": normalization, "logits": logits, "bilateral_sigma": 5.0, "spatial_weight": 1.0}
    options |= {"bilateral_weight": rng.normal(0, 1, (3, 3)), "compatibility": np.eye(3) + 0.1} if mixed else {}
    given = np.log(p) if logits else p
    with segalgo.use_backend("reference"):
        expected = segalgo.dense_crf(given, image, 3, **options)
    for dtype in ("float32", "float64"):
        got = backend.numpy(segalgo.dense_crf(backend.array(given.astype(dtype)), backend.array(image), 3, **options))
        assert got.dtype == dtype
        scale = np.abs(expected).max() if logits else 1
        np.testing.assert_allclose(got, expected, atol=allowed(dtype, steps=4) * scale)


@pytest.mark.parametrize("method", ["lattice", "exact"])
def test_steps_lead_to_the_result(backend, rng, method):
    p, image = scene(rng, 6, 8, dtype=np.float32)
    p, image = backend.array(p), backend.array(image)
    for options in ({}, {"spatial_weight": 0}, {"bilateral_weight": 0.0, "normalization": "after"}, {"logits": True}):
        steps = dict(segalgo.dense_crf_steps(p, image, 2, method=method, **options))
        kinds = [k for k in ("spatial", "bilateral") if options.get(f"{k}_weight", 1)]
        last = "logits2" if options.get("logits") else "probabilities2"
        assert list(steps) == ["probabilities0", *[f"{k}1" for k in kinds], "probabilities1",
                               *[f"{k}2" for k in kinds], last]  # fmt: skip
        whole = backend.numpy(segalgo.dense_crf(p, image, 2, method=method, **options))
        got = backend.numpy(steps[last])
        np.testing.assert_allclose(got, whole, atol=allowed("float32", steps=3) * max(np.abs(whole).max(), 1))


def test_no_iterations(backend, rng):
    p, image = scene(rng, 5, 4)
    got = backend.numpy(segalgo.dense_crf(backend.array(p), backend.array(image), 0))
    np.testing.assert_allclose(got, p, rtol=1e-14)
    logits = backend.numpy(segalgo.dense_crf(backend.array(p), backend.array(image), 0, logits=True))
    np.testing.assert_array_equal(logits, p)
    assert [name for name, _ in segalgo.dense_crf_steps(p, image, 0, logits=True)] == ["logits0"]


def test_borders_move_to_those_of_the_picture():
    """Noisy probabilities of two halves become the halves."""
    rng = np.random.default_rng(5)
    labels = np.repeat((np.arange(40) >= 20)[None], 30, axis=0)
    image = (labels * 120 + rng.integers(0, 30, labels.shape)).astype(np.uint8)
    p = np.where(labels, 0.6, 0.4) + rng.normal(0, 0.2, labels.shape)
    p = np.stack([1 - p, p]).clip(0.01, 0.99)
    assert (p.argmax(axis=0) == labels).mean() < 0.8
    for method in ("lattice", "exact"):
        got = segalgo.dense_crf(p, image, method=method)
        assert (got.argmax(axis=0) == labels).mean() > 0.99
        np.testing.assert_allclose(got.sum(axis=0), 1, rtol=1e-12)


@settings(max_examples=25)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    classes=st.integers(1, 40),
    sigma=st.floats(0.3, 50),
    seed=st.integers(0, 2**32 - 1),
)
def test_probabilities_add_up_to_one(shape, classes, sigma, seed):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0, 1, (classes, *shape)).astype(np.float32)
    image = rng.integers(0, 256, shape).astype(np.uint8)
    got = segalgo.dense_crf(p, image, 2, spatial_sigma=sigma, bilateral_sigma=2 * sigma)
    np.testing.assert_allclose(got.sum(axis=0), 1, rtol=1e-5)
    with segalgo.use_backend("reference"):
        expected = segalgo.dense_crf(p.astype(np.float64), image, 2, spatial_sigma=sigma, bilateral_sigma=2 * sigma)
    np.testing.assert_allclose(got, expected, atol=1e-3)


def test_same_bits_for_any_number_of_threads(rng):
    from threadpoolctl import threadpool_limits

    p, image = scene(rng, 90, 70, 21, dtype=np.float32)
    results = []
    for count in (1, 2, 3):
        with threadpool_limits(count):
            results.append(segalgo.dense_crf(p, image, 3).tobytes())
    assert len(set(results)) == 1


def test_empty_and_views(backend, rng):
    for shape in [(3, 0, 4), (2, 5, 0)]:
        got = segalgo.dense_crf(backend.array(np.zeros(shape)), backend.array(np.zeros(shape[1:], np.uint8)))
        assert got.shape == shape
    assert segalgo.gaussian_feature_filter(backend.array(np.zeros((0, 4))), backend.array(np.zeros((2, 4)))).shape == (
        0,
        4,
    )
    p, image = scene(rng, 6, 8)
    turned = np.ascontiguousarray(p.transpose(1, 2, 0)).transpose(2, 0, 1)
    before = turned.copy()
    got = backend.numpy(segalgo.dense_crf(backend.array(turned), backend.array(image[:, ::-1][:, ::-1]), 2))
    np.testing.assert_array_equal(got, backend.numpy(segalgo.dense_crf(backend.array(p), backend.array(image), 2)))
    np.testing.assert_array_equal(turned, before)


P, IMAGE = np.full((2, 4, 5), 0.5), np.zeros((4, 5, 3), np.uint8)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"probabilities": P.astype(int)}, TypeError, "probabilities has dtype int64"),
        ({"probabilities": P[0]}, ValueError, r"probabilities has shape \(4, 5\): expected \(C, H, W\)"),
        ({"probabilities": 3 * P}, ValueError, r"probabilities has values from 1\.5 to 1\.5: expected 0 to 1"),
        ({"probabilities": P * np.nan}, ValueError, "values from nan"),
        ({"probabilities": P * np.inf, "logits": True}, ValueError, "expected finite numbers"),
        ({"probabilities": P[:0]}, ValueError, "at least one class"),
        ({"image": IMAGE[:3]}, ValueError, r"image has shape \(3, 5, 3\): expected \(4, 5\)"),
        ({"image": IMAGE.astype(complex)}, TypeError, "image has dtype complex128"),
        ({"image": np.full((4, 5), np.inf)}, ValueError, "features: expected finite numbers"),
        ({"image": np.full((4, 5), 1e12)}, ValueError, "lattice steps"),
        ({"image": np.zeros((4, 5, 14))}, ValueError, "16 dimensions: expected 1 to 15"),
        ({"iterations": -1}, ValueError, "iterations=-1"),
        ({"iterations": 1.5}, TypeError, "iterations=1.5"),
        ({"spatial_sigma": 0}, ValueError, "spatial_sigma=0"),
        ({"color_sigma": float("nan")}, ValueError, "color_sigma=nan"),
        ({"bilateral_sigma": "wide"}, TypeError, "bilateral_sigma='wide'"),
        ({"spatial_weight": np.eye(3)}, ValueError, r"spatial_weight has shape \(3, 3\): expected \(2, 2\)"),
        ({"bilateral_weight": np.full((2, 2), np.inf)}, ValueError, "bilateral_weight: expected finite numbers"),
        ({"compatibility": float("inf")}, ValueError, "compatibility=inf"),
        ({"normalization": "none"}, ValueError, "normalization='none'"),
        ({"method": "fast"}, ValueError, "method='fast'"),
        ({"logits": "yes"}, TypeError, "logits='yes'"),
    ],
)
def test_bad_arguments(options, error, words):
    with pytest.raises(error, match=words):
        segalgo.dense_crf(**{"probabilities": P, "image": IMAGE, **options})
    with pytest.raises(error, match=words):
        list(segalgo.dense_crf_steps(**{"probabilities": P, "image": IMAGE, **options}))


@pytest.mark.parametrize(
    ("values", "features", "options", "error", "words"),
    [
        (P.astype(int), P, {}, TypeError, "values has dtype int64"),
        (P, IMAGE, {}, TypeError, "features has dtype uint8"),
        (P, P[:, :3], {}, ValueError, r"features has shape \(2, 3, 5\): expected one point for each of values"),
        (P, P[:0], {}, ValueError, "features of 0 dimensions"),
        (P, np.zeros((16, 4, 5)), {}, ValueError, "features of 16 dimensions"),
        (P, P * np.nan, {}, ValueError, "features: expected finite numbers"),
        (P, P * 1e12, {}, ValueError, "lattice steps"),
        (P, P, {"method": "sum"}, ValueError, "method='sum'"),
        (P, P, {"normalize": 2}, TypeError, "normalize=2"),
    ],
)
def test_bad_arguments_of_the_filter(values, features, options, error, words):
    with pytest.raises(error, match=words):
        segalgo.gaussian_feature_filter(values, features, **options)


@pytest.mark.peers
@pytest.mark.parametrize("classes", [2, 21])
def test_as_pydensecrf(rng, classes):
    """Its defaults are ours; it computes in float32, with other roundings of the same lattice."""
    densecrf, unary = pytest.importorskip("pydensecrf.densecrf"), pytest.importorskip("pydensecrf.utils")
    p, image = scene(rng, 40, 50, classes, dtype=np.float32)
    theirs = densecrf.DenseCRF2D(50, 40, classes)
    theirs.setUnaryEnergy(np.ascontiguousarray(unary.unary_from_softmax(p)))
    theirs.addPairwiseGaussian(sxy=3, compat=3)
    theirs.addPairwiseBilateral(sxy=80, srgb=13, rgbim=np.ascontiguousarray(image), compat=10)
    expected = np.array(theirs.inference(5)).reshape(p.shape)
    got = segalgo.dense_crf(p, image, 5)
    assert np.quantile(np.abs(got - expected), 0.99) < 1e-3
    assert (got.argmax(axis=0) == expected.argmax(axis=0)).mean() > 0.99
