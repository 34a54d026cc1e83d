"""Clusters of colors on every backend."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage import color
from threadpoolctl import threadpool_limits

import segalgo
from segalgo.segmenters.kmeans import segment_by_kmeans


def test_hand_worked(backend):
    image = np.array([[0, 1, 9], [8, 1, 9]], np.uint8)
    labels, centres = backend.numpy(segalgo.kmeans_segment(backend.array(image), 2, return_centers=True))
    np.testing.assert_array_equal(labels, np.array([[1, 1, 2], [2, 1, 2]], np.int32), strict=True)
    # Shares of the range 0 to 9, in 8192nds.
    np.testing.assert_allclose(centres[:, 0], [2 / 27, 26 / 27], atol=1 / 8192)
    flat = backend.array(np.full((3, 4), 7))
    assert (backend.numpy(segalgo.kmeans_segment(flat, 5)) == 1).all()


def test_colors(backend, rng):
    palette = np.array([[250, 20, 20], [20, 200, 30], [30, 30, 220], [240, 240, 240]], np.uint8)
    which = rng.integers(0, 4, (14, 15))
    labels, centres = segalgo.kmeans_segment(backend.array(palette[which]), 4, return_centers=True)
    labels, centres = backend.numpy((labels, centres))
    for cluster in range(1, 5):
        assert len(np.unique(which[labels == cluster])) == 1
    # In ascending order of L, and within the rounding of roots of light.
    expected = color.rgb2lab(palette)
    np.testing.assert_allclose(centres, expected[np.argsort(expected[:, 0])], atol=0.1)


def cases(rng):
    yield rng.integers(0, 255, (13, 17, 3)).astype(np.uint8), {"n_clusters": 5}
    yield rng.random((11, 20)).astype(np.float32), {"n_clusters": 3, "rng": 7}
    yield rng.integers(-50, 50, (5, 9, 8)).astype(np.int16), {"channel_axis": None, "max_num_iter": 1}
    yield rng.random((4, 15, 16)), {"channel_axis": 0, "n_clusters": 6}
    yield rng.integers(0, 255, (9, 10, 3)).astype(np.uint8), {"convert2lab": False, "n_clusters": 1}


def test_every_backend_gives_the_same_clusters(backend, rng):
    for image, options in cases(rng):
        with segalgo.use_backend("reference"):
            expected = segalgo.kmeans_segment(image, return_centers=True, **options)
        found = segalgo.kmeans_segment(backend.array(image), return_centers=True, **options)
        for ours, theirs in zip(backend.numpy(found), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs, strict=True)


def test_seeds_and_threads(rng):
    image = rng.integers(0, 255, (60, 70, 3)).astype(np.uint8)
    expected = segalgo.kmeans_segment(image, 6, rng=3)
    np.testing.assert_array_equal(segalgo.kmeans_segment(image, 6, rng=np.random.default_rng(3)), expected)
    for threads in (1, 2, 7):
        with threadpool_limits(threads):
            np.testing.assert_array_equal(segalgo.kmeans_segment(image, 6, rng=3), expected)


@given(
    image=arrays.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 255)),
    clusters=st.integers(1, 9),
    seed=st.integers(0, 9),
)
def test_settled_clusters_are_nearest_means(image, clusters, seed):
    labels, centres = segalgo.kmeans_segment(image, clusters, 200, rng=seed, return_centers=True)
    assert set(np.unique(labels)) == set(range(1, len(centres) + 1))
    low, high = float(image.min()), float(image.max())
    values = np.rint((image - low) / (high - low) * 8192) if high > low else image * 0.0
    for k, centre in enumerate(centres[:, 0], 1):
        assert np.isclose(values[labels == k].mean(), centre * 8192)
    apart = np.abs(values[..., None] - centres[:, 0] * 8192)
    # Centres are rounded to float32.
    assert (np.take_along_axis(apart, labels[..., None] - 1, -1)[..., 0] <= apart.min(-1) + 1e-2).all()


def test_clusters_as_objects_and_inputs_unchanged(rng):
    image = rng.integers(0, 255, (20, 21, 3)).astype(np.uint8)
    before = image.copy()
    image.flags.writeable = False
    found = segment_by_kmeans(image, segalgo.to_grey(image), 3)
    assert found.count == 3
    np.testing.assert_array_equal(image, before)
    turned = segalgo.kmeans_segment(np.asfortranarray(image), 3)
    np.testing.assert_array_equal(turned, found.labels)
    assert segalgo.kmeans_segment(np.zeros((0, 3))).shape == (0, 3)


IMAGE = np.ones((3, 4, 3), np.uint8)
ERRORS = [
    (lambda: segalgo.kmeans_segment(IMAGE * 1j), TypeError, "image has dtype complex128"),
    (lambda: segalgo.kmeans_segment(IMAGE * np.inf), ValueError, "image holds NaN or infinities"),
    (lambda: segalgo.kmeans_segment(np.ones(3)), ValueError, r"image has shape \(3,\)"),
    (lambda: segalgo.kmeans_segment(IMAGE, 0), ValueError, "n_clusters=0"),
    (lambda: segalgo.kmeans_segment(IMAGE, max_num_iter=0), ValueError, "max_num_iter=0"),
    (lambda: segalgo.kmeans_segment(IMAGE[..., :2], convert2lab=True), ValueError, "convert2lab=True with 2 channels"),
    (lambda: segalgo.kmeans_segment(IMAGE, rng="1"), TypeError, "rng='1'"),
    (lambda: segalgo.kmeans_segment(IMAGE, rng=-1), ValueError, "rng=-1"),
    (lambda: segalgo.kmeans_segment(IMAGE, return_centers=2), TypeError, "return_centers=2"),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
