"""Local maxima, those of a height, and coordinates of peaks: on every backend, beside scikit-image."""

import itertools
import warnings

import numpy as np
import pytest
import skimage.feature
import skimage.morphology

import segalgo

DTYPES = ("bool", "uint8", "int8", "uint16", "int32", "int64", "float32", "float64")


def random_image(rng, shape, dtype):
    low = -4 if np.dtype(dtype).kind in "if" else 0
    return rng.integers(low, rng.choice([2, 8, 90]), shape).astype(dtype)


@pytest.mark.parametrize("shape", [(1, 1), (14,), (9, 11), (2, 12), (4, 5, 6)])
def test_local_maxima(backend, rng, shape):
    for dtype, borders in itertools.product(DTYPES, (True, False)):
        image = random_image(rng, shape, dtype)
        for name, connectivity in itertools.product(("local_maxima", "local_minima"), range(1, len(shape) + 1)):
            found = getattr(segalgo, name)(backend.array(image), connectivity=connectivity, allow_borders=borders)
            if min(shape) < 3 and not borders:
                expected = np.zeros(shape, bool)
            else:
                reader = getattr(skimage.morphology, name)
                # scikit-image cannot invert int64 as it asks; the values are small.
                plain = image.astype("i2") if dtype == "int64" else image
                expected = reader(plain, connectivity=connectivity, allow_borders=borders)
            np.testing.assert_array_equal(backend.numpy(found), expected, strict=True)


def test_local_maxima_by_footprint_and_as_indices(backend, rng):
    image = random_image(rng, (12, 13), "uint8")
    for footprint in ([[0, 1, 0], [0, 1, 0], [0, 1, 0]], np.eye(3), [[1, 0, 0], [1, 1, 1], [0, 0, 1]]):
        found = segalgo.local_maxima(backend.array(image), footprint)
        expected = skimage.morphology.local_maxima(image, np.array(footprint, bool))
        np.testing.assert_array_equal(backend.numpy(found), expected)
    found = backend.numpy(segalgo.local_maxima(backend.array(image), indices=True))
    np.testing.assert_array_equal(found, skimage.morphology.local_maxima(image, indices=True))
    assert not backend.numpy(segalgo.local_maxima(backend.array(np.full((3, 4), 7)))).any()
    assert segalgo.local_maxima(backend.array(np.zeros((0, 3)))).shape == (0, 3)
    infinite = backend.array(np.array([np.inf, 1.0, -np.inf, np.inf]))
    assert backend.numpy(segalgo.local_maxima(infinite)).tolist() == [True, False, False, True]


@pytest.mark.parametrize("h", [1, 2.5, 3, 30, 1000])
def test_heights(backend, rng, h):
    for dtype, shape in itertools.product(DTYPES[1:], ((15,), (9, 12), (3, 4, 5))):
        image = random_image(rng, shape, dtype)
        for name in ("h_maxima", "h_minima"):
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "possible precision loss", UserWarning)
                expected = getattr(skimage.morphology, name)(image, h)
            found = backend.numpy(getattr(segalgo, name)(backend.array(image), h))
            np.testing.assert_array_equal(found, expected.astype(bool), strict=True)


def test_heights_over_the_whole_range(backend):
    image = backend.array(np.array([-128, 127, -128, 0, -128], np.int8))
    assert backend.numpy(segalgo.h_maxima(image, 128)).tolist() == [False, True, False, True, False]
    assert backend.numpy(segalgo.h_maxima(image, 129)).tolist() == [False, True, False, False, False]
    assert not backend.numpy(segalgo.h_maxima(image, 256)).any()
    mask = backend.array(np.array([True, False, True]))
    assert backend.numpy(segalgo.h_maxima(mask, 1)).tolist() == [True, False, True]


OPTIONS = [
    {},
    {"min_distance": 2, "exclude_border": False},
    {"min_distance": 3, "p_norm": 2},
    {"min_distance": 2, "p_norm": 1, "num_peaks": 3},
    {"exclude_border": (0, 2), "threshold_rel": 0.5},
    {"exclude_border": 2, "threshold_abs": 3, "num_peaks": 0},
    {"footprint": np.ones((1, 5)), "exclude_border": 0},
    {"min_distance": 0, "threshold_abs": 5},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_coordinates_of_peaks(backend, rng, options):
    for dtype in ("int16", "float32"):
        image = random_image(rng, (23, 24), dtype)
        labels = rng.integers(0, 4, image.shape)
        for regions in (None, labels):
            given_labels = None if regions is None else backend.array(regions)
            found = segalgo.peak_local_max(backend.array(image), labels=given_labels, **options)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "When min_distance < 1", RuntimeWarning)
                expected = skimage.feature.peak_local_max(image, labels=regions, **options)
            np.testing.assert_array_equal(backend.numpy(found), expected.reshape(-1, 2))


def test_peaks_of_labels(backend, rng):
    image = random_image(rng, (20, 21), "int32")
    labels = np.where(rng.random(image.shape) < 0.1, rng.integers(1, 6, image.shape), 0).astype(np.uint8)
    found = segalgo.peak_local_max(backend.array(image), labels=backend.array(labels), num_peaks_per_label=2)
    expected = skimage.feature.peak_local_max(image, labels=labels, num_peaks_per_label=2)
    np.testing.assert_array_equal(backend.numpy(found), expected)
    ones = np.ones((9, 9))
    labels = np.zeros((9, 9), int)
    labels[2, 2] = labels[5:7, 5:7] = 1
    found = segalgo.peak_local_max(backend.array(ones), labels=backend.array(labels), threshold_abs=0)
    expected = skimage.feature.peak_local_max(ones, labels=labels, threshold_abs=0)
    np.testing.assert_array_equal(backend.numpy(found), expected)


def test_no_peaks(backend):
    for image in (np.ones((5, 6)), np.zeros((0, 3)), np.zeros((2, 2), np.uint8)):
        assert segalgo.peak_local_max(backend.array(image)).shape == (0, 2)


IMAGE = np.ones((3, 4), np.uint8)
ERRORS = [
    (lambda: segalgo.local_maxima(IMAGE * 1j), TypeError, "image has dtype complex128"),
    (lambda: segalgo.local_maxima(IMAGE * np.nan), ValueError, "image holds NaN"),
    (lambda: segalgo.local_maxima(IMAGE, np.ones(3)), ValueError, "footprint has shape"),
    (lambda: segalgo.local_minima(IMAGE, connectivity=3), ValueError, "connectivity=3"),
    (lambda: segalgo.local_minima(IMAGE, indices="no"), TypeError, "indices='no'"),
    (lambda: segalgo.h_maxima(IMAGE, 0), ValueError, "h=0: expected a number above 0"),
    (lambda: segalgo.h_maxima(IMAGE, "1"), TypeError, "h='1'"),
    (lambda: segalgo.h_minima(IMAGE * np.inf, 1), ValueError, "image holds infinities"),
    (lambda: segalgo.h_minima(IMAGE, np.nan), ValueError, "h=nan"),
    (lambda: segalgo.peak_local_max(3), ValueError, "image has shape"),
    (lambda: segalgo.peak_local_max(IMAGE, -1), ValueError, "min_distance=-1"),
    (lambda: segalgo.peak_local_max(IMAGE, 1.5), TypeError, "min_distance=1.5"),
    (lambda: segalgo.peak_local_max(IMAGE, p_norm=0.5), ValueError, "p_norm=0.5"),
    (lambda: segalgo.peak_local_max(IMAGE, exclude_border=-1), ValueError, "exclude_border=-1"),
    (lambda: segalgo.peak_local_max(IMAGE, exclude_border=(1,)), ValueError, "expected 2 widths"),
    (lambda: segalgo.peak_local_max(IMAGE, num_peaks=1.5), TypeError, "num_peaks=1.5"),
    (lambda: segalgo.peak_local_max(IMAGE, labels=IMAGE[1:]), ValueError, "labels has shape"),
    (lambda: segalgo.peak_local_max(IMAGE, labels=-IMAGE.astype(int)), ValueError, "negative label -1"),
    (lambda: segalgo.peak_local_max(IMAGE, labels=IMAGE * 1.0), TypeError, "labels has dtype"),
    (lambda: segalgo.peak_local_max(IMAGE, footprint=np.ones(3)), ValueError, "footprint has shape"),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
