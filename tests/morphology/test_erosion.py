"""Erosion, dilation and what is made of them, on every backend, beside scikit-image."""

import itertools

import numpy as np
import pytest
import skimage.morphology
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import segalgo
from segalgo.cuda.device import simulated_schedule

DTYPES = ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "float16", "float32", "float64")
MODES = ("reflect", "constant", "nearest", "mirror", "wrap", "max", "min", "ignore")
SHAPES = [(1, 1), (13,), (7, 9), (40, 33), (1, 30), (5, 6, 7), (3, 4, 2, 5)]


def footprints_of(shape, rng):
    ndim = len(shape)
    yield None
    yield np.ones((3,) * ndim)
    yield np.ones(rng.integers(1, 9, ndim))
    scattered = rng.random(rng.integers(1, 9, ndim)) < 0.3
    scattered.flat[0] = True
    yield scattered
    at = np.indices((7,) * ndim) - 3
    yield (at**2).sum(0) <= 9


def random_image(rng, shape, dtype):
    if dtype == "bool":
        return rng.random(shape) < 0.7
    low = -90 if np.dtype(dtype).kind in "if" else 0
    return rng.integers(low, 120, shape).astype(dtype)


def test_hand_worked(backend):
    image = backend.array(np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8]], np.uint8))
    np.testing.assert_array_equal(backend.numpy(segalgo.erosion(image)), [[0, 0, 1], [0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(backend.numpy(segalgo.dilation(image)), [[3, 4, 5], [6, 7, 8], [7, 8, 8]])
    # The centre of an even size is the cell before its middle.
    eroded = backend.numpy(segalgo.erosion(image, backend.array([[1, 1]]), mode="constant", cval=1))
    np.testing.assert_array_equal(eroded, np.array([[0, 1, 1], [3, 4, 1], [6, 7, 1]], np.uint8), strict=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_as_scikit_image(backend, rng, shape):
    names = ("erosion", "dilation", "opening", "closing")
    # SciPy takes the largest int64 through float64, beyond the range.
    dtypes = [dtype for dtype in DTYPES if dtype not in ("float16", "int64")]
    for mode, name, footprint in itertools.product(MODES, names, footprints_of(shape, rng)):
        image = random_image(rng, shape, rng.choice(dtypes))
        expected = getattr(skimage.morphology, name)(image, footprint, mode=mode)
        found = backend.numpy(getattr(segalgo, name)(backend.array(image), footprint, mode=mode))
        np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(backend, rng, dtype):
    image = random_image(rng, (19, 70), dtype)
    for footprint in footprints_of(image.shape, rng):
        wide = image.astype(np.float32)
        for name in ("erosion", "dilation"):
            expected = getattr(skimage.morphology, name)(wide, footprint).astype(dtype)
            found = backend.numpy(getattr(segalgo, name)(backend.array(image), footprint))
            np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("name", ["white_tophat", "black_tophat"])
def test_tophats(backend, rng, name):
    for dtype in ("bool", "uint8", "float32", "int32"):
        image = random_image(rng, (17, 21), dtype)
        for footprint in (None, np.ones((3, 5))):
            found = backend.numpy(getattr(segalgo, name)(backend.array(image), footprint))
            expected = getattr(skimage.morphology, name)(image, footprint)
            np.testing.assert_array_equal(found, expected, strict=True)
    extremes = backend.array(np.array([-128, 127, -128, -128, 127], np.int8))
    found = backend.numpy(segalgo.white_tophat(extremes, np.ones(3)))
    np.testing.assert_array_equal(found, np.array([0, 127, 0, 0, 127], np.int8), strict=True)
    infinite = backend.array(np.array([np.inf, 1, np.inf, np.inf, np.inf, np.inf], np.float32))
    assert backend.numpy(segalgo.black_tophat(infinite, np.ones(3))).tolist() == [0, np.inf, 0, 0, 0, 0]


def test_wide_lines_and_large_footprints(host_backend, rng):
    """Tiles side by side, and more lengths of runs than tables."""
    image = rng.integers(0, 255, (70, 4500)).astype(np.uint8)
    at = np.indices((61, 61)) - 30
    disk = (at**2).sum(0) <= 30**2
    np.testing.assert_array_equal(segalgo.erosion(image, disk), skimage.morphology.erosion(image, disk))
    box = np.ones((31, 7))
    np.testing.assert_array_equal(segalgo.dilation(image, box), skimage.morphology.dilation(image, box))


def test_sequences_of_footprints(backend, rng):
    image = rng.integers(0, 255, (30, 31)).astype(np.uint8)
    parts = skimage.morphology.disk(6, decomposition="sequence")
    for name in ("erosion", "dilation", "opening", "closing"):
        found = backend.numpy(getattr(segalgo, name)(backend.array(image), parts))
        np.testing.assert_array_equal(found, getattr(skimage.morphology, name)(image, parts))
    same = segalgo.erosion(image, [(np.ones((3, 3)), 0)])
    assert np.array_equal(same, image)
    assert same is not image


@given(
    image=arrays.arrays(
        st.sampled_from([np.uint8, np.int16, np.float64]),
        arrays.array_shapes(min_dims=1, max_dims=4, max_side=7),
        elements=st.integers(0, 9),
    ),
    seed=st.integers(0, 1000),
)
def test_as_the_reference_and_by_complement(fast_backend, image, seed):
    rng = np.random.default_rng(seed)
    footprint = rng.random(rng.integers(1, 6, image.ndim)) < 0.5
    footprint.flat[-1] = True
    with segalgo.use_backend("reference"):
        expected = segalgo.erosion(image, footprint, mode="ignore")
    found = fast_backend.numpy(segalgo.erosion(fast_backend.array(image), footprint, mode="ignore"))
    np.testing.assert_array_equal(found, expected, strict=True)
    if image.dtype == np.uint8:
        turned = fast_backend.numpy(segalgo.dilation(fast_backend.array(~image), footprint, mode="ignore"))
        np.testing.assert_array_equal(~turned, found)


def test_nothing_inside_the_footprint(backend):
    footprint = np.zeros((1, 9))
    footprint[0, 0] = 1
    for dtype, most, least in (("uint8", 255, 0), ("bool", True, False), ("float32", np.inf, -np.inf)):
        image = backend.array(np.ones((2, 3), dtype))
        assert (backend.numpy(segalgo.erosion(image, footprint, mode="ignore")) == most).all()
        assert (backend.numpy(segalgo.dilation(image, footprint, mode="ignore")) == least).all()
    shifted = backend.numpy(segalgo.erosion(backend.array(np.zeros((1, 3), bool)), [[1, 0, 0]], mode="ignore"))
    assert shifted.view(np.uint8).tolist() == [[1, 0, 0]]


def test_simulated_orders_agree(rng):
    image = rng.integers(0, 9, (13, 17)).astype(np.uint8)
    for footprint in (np.ones((3, 4)), None):
        expected = segalgo.erosion(image, footprint)
        for order in ("reversed", "shuffled"):
            with segalgo.use_backend("simulated"), simulated_schedule(order, seed=5):
                np.testing.assert_array_equal(segalgo.erosion(image, footprint), expected)


def test_memory_orders_empty_images_and_inputs_unchanged(backend, rng):
    image = rng.integers(0, 255, (20, 33)).astype(">i4")
    for view in (np.asfortranarray(image), image[::2, ::-3]):
        before = view.copy()
        view.flags.writeable = False
        given_array = backend.array(view.astype("i4") if backend.word == "cuda" else view)
        np.testing.assert_array_equal(
            backend.numpy(segalgo.erosion(given_array)), skimage.morphology.erosion(view.astype("i4"))
        )
        np.testing.assert_array_equal(view, before)
    assert segalgo.dilation(backend.array(np.zeros((0, 3), np.uint8))).shape == (0, 3)


IMAGE = np.ones((3, 4), np.uint8)
ERRORS = [
    (lambda: segalgo.erosion(IMAGE * 1j), TypeError, "image has dtype complex128"),
    (lambda: segalgo.erosion(IMAGE * np.nan), ValueError, "image holds NaN"),
    (lambda: segalgo.erosion(3), ValueError, r"image has shape \(\)"),
    (lambda: segalgo.erosion(IMAGE, np.ones(3)), ValueError, r"footprint has shape \(3,\): expected 2 axes"),
    (lambda: segalgo.erosion(IMAGE, np.zeros((3, 3))), ValueError, "footprint has no cell"),
    (lambda: segalgo.erosion(IMAGE, np.ones((3, 3)) * 1j), TypeError, "footprint has dtype"),
    (lambda: segalgo.erosion(IMAGE, "disk"), TypeError, "footprint"),
    (lambda: segalgo.erosion(IMAGE, [(np.ones((3, 3)), -1)]), ValueError, "footprint's number of times=-1"),
    (lambda: segalgo.dilation(IMAGE, mode="edge"), ValueError, "mode='edge': expected one of"),
    (lambda: segalgo.dilation(IMAGE, mode="constant", cval=256), ValueError, "cval=256: expected a value of dtype"),
    (lambda: segalgo.dilation(IMAGE, mode="constant", cval=0.5), ValueError, "cval=0.5"),
    (lambda: segalgo.dilation(IMAGE, mode="constant", cval="1"), TypeError, "cval='1'"),
    (lambda: segalgo.dilation(IMAGE * 1.0, mode="constant", cval=np.nan), ValueError, "cval=nan"),
    (lambda: segalgo.opening(IMAGE, mode="edge"), ValueError, "mode='edge'"),
    (lambda: segalgo.closing(IMAGE, np.ones(3)), ValueError, "footprint has shape"),
    (lambda: segalgo.white_tophat(IMAGE * np.nan), ValueError, "image holds NaN"),
    (lambda: segalgo.black_tophat(IMAGE * 1j), TypeError, "image has dtype"),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
