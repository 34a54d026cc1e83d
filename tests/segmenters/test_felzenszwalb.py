"""Felzenszwalb's regions beside scikit-image, and in both wings."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage import data, segmentation

import segalgo
from segalgo.reference.segmenters.felzenszwalb import felzenszwalb_steps
from segalgo.segmenters.felzenszwalb import segment_by_felzenszwalb


def test_hand_worked(host_backend):
    image = np.array([[0.0, 0.1, 0.9, 1.0], [0.0, 0.1, 0.9, 1.0]])
    found = segalgo.felzenszwalb(image, 60, 0, 1)
    np.testing.assert_array_equal(found, np.int32([[0, 0, 1, 1], [0, 0, 1, 1]]), strict=True)
    assert (segalgo.felzenszwalb(image, 60, 0, 5) == 0).all()
    # Equal values join as soon as anything may; an edge must cost less than what is allowed, and 0 is not below 0.
    np.testing.assert_array_equal(segalgo.felzenszwalb(np.ones((2, 2)), 0, 0, 0), [[0, 1], [2, 3]])


@pytest.mark.parametrize("shape", [(1, 1), (1, 17), (13, 1), (12, 15), (11, 14, 3), (9, 10, 2)])
def test_as_scikit_image(host_backend, rng, shape):
    for scale, sigma, least in itertools.product((0, 1, 50, 300), (0, 0.8, 2), (0, 5, 30)):
        image = rng.random(shape)
        found = segalgo.felzenszwalb(image, scale, sigma, least)
        expected = segmentation.felzenszwalb(image, scale, sigma, least, channel_axis=-1 if len(shape) == 3 else None)
        np.testing.assert_array_equal(found, expected)


def test_a_photograph(host_backend):
    image = data.astronaut()[:90, :100] if host_backend.word == "reference" else data.astronaut()
    options = {"scale": 100, "sigma": 0.5, "min_size": 50}
    np.testing.assert_array_equal(segalgo.felzenszwalb(image, **options), segmentation.felzenszwalb(image, **options))
    wide = image.astype(np.uint16) * 257
    np.testing.assert_array_equal(segalgo.felzenszwalb(wide, 100), segmentation.felzenszwalb(wide, 100))


@given(
    image=arrays.arrays(
        st.sampled_from([np.uint8, np.float64]),
        st.tuples(st.integers(1, 12), st.integers(1, 40)),
        elements=st.sampled_from([0, 1, 2, 200]),
    ),
    scale=st.sampled_from([0, 1, 1000]),
)
def test_ties_as_the_reference(image, scale):
    with segalgo.use_backend("reference"):
        expected = segalgo.felzenszwalb(image, scale, 0, 3)
    np.testing.assert_array_equal(segalgo.felzenszwalb(image, scale, 0, 3), expected, strict=True)
    numbers = expected.ravel()
    first = np.unique(numbers, return_index=True)[1]
    assert (np.diff(first) > 0).all(), "labels count in row order of their first cell"


@pytest.mark.parametrize("factor", [1e-300, 1e-12, 1e12, 1e300])
def test_ranges_of_any_size(host_backend, rng, factor):
    image = rng.random((9, 40)) * factor
    with segalgo.use_backend("reference"):
        expected = segalgo.felzenszwalb(image, factor, 0, 2)
    np.testing.assert_array_equal(segalgo.felzenszwalb(image, factor, 0, 2), expected)


def test_steps_and_objects(rng):
    image = rng.random((5, 6))
    steps = list(felzenszwalb_steps(image, 0.5))
    assert [step.cost for step in steps] == sorted(step.cost for step in steps)
    found = segalgo.felzenszwalb(image, 0.5 * 255, 0, 0)
    np.testing.assert_array_equal(np.unique(steps[-1].labels, return_inverse=True)[1].reshape(5, 6), found)
    picture = data.astronaut()[:40, :50]
    objects = segment_by_felzenszwalb(picture, segalgo.to_grey(picture))
    np.testing.assert_array_equal(objects.labels, segalgo.felzenszwalb(picture, 100) + 1)


def test_inputs_unchanged_empty_images_and_no_cuda_wing(rng):
    image = rng.random((12, 14, 3))
    before = image.copy()
    image.flags.writeable = False
    turned = segalgo.felzenszwalb(np.moveaxis(image, -1, 0), channel_axis=0)
    np.testing.assert_array_equal(segalgo.felzenszwalb(np.asfortranarray(image)), turned)
    np.testing.assert_array_equal(image, before)
    assert segalgo.felzenszwalb(np.zeros((0, 3))).shape == (0, 3)
    if segalgo.backends()["simulated"].available:
        with segalgo.use_backend("simulated"), pytest.raises(RuntimeError, match="has no felzenszwalb"):
            segalgo.felzenszwalb(image)


IMAGE = np.ones((3, 4))
ERRORS = [
    (lambda: segalgo.felzenszwalb(IMAGE * 1j), TypeError, "image has dtype complex128"),
    (lambda: segalgo.felzenszwalb(IMAGE * np.nan), ValueError, "image holds NaN"),
    (lambda: segalgo.felzenszwalb(np.ones((2, 3, 4)), channel_axis=None), ValueError, r"expected \(H, W\)"),
    (lambda: segalgo.felzenszwalb(IMAGE, -1), ValueError, "scale=-1"),
    (lambda: segalgo.felzenszwalb(IMAGE, 1, np.inf), ValueError, "sigma=inf"),
    (lambda: segalgo.felzenszwalb(IMAGE, 1, "1"), TypeError, "sigma='1'"),
    (lambda: segalgo.felzenszwalb(IMAGE, min_size=-1), ValueError, "min_size=-1"),
    (lambda: segalgo.felzenszwalb(IMAGE, min_size=2.5), TypeError, "min_size=2.5"),
    (
        lambda: segalgo.felzenszwalb(np.broadcast_to(np.uint8(0), (2**15, 2**15 + 1))),
        ValueError,
        "expected at most 1073741824 cells",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
