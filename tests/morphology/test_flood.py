"""Floods on every backend, beside scikit-image."""

import numpy as np
import pytest
import skimage.segmentation
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import segalgo
from segalgo.cuda.device import simulated_schedule

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "float32", "float64")
SHAPES = [(1, 1), (13,), (7, 9), (3, 150), (5, 6, 7), (3, 4, 2, 70)]


def test_hand_worked(backend):
    image = backend.array(np.array([[1, 1, 4, 0], [4, 4, 1, 2], [0, 3, 4, 2]], np.uint8))
    found = backend.numpy(segalgo.flood(image, (0, 0), connectivity=1))
    np.testing.assert_array_equal(found, np.array([[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], bool), strict=True)
    found = backend.numpy(segalgo.flood(image, (0, 0), tolerance=1))
    np.testing.assert_array_equal(found, [[1, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 1]])
    filled = backend.numpy(segalgo.flood_fill(image, (-1, -1), 9, tolerance=1, connectivity=4))
    expected = np.array([[1, 1, 4, 0], [4, 4, 9, 9], [0, 3, 4, 9]], np.uint8)
    np.testing.assert_array_equal(filled, expected, strict=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_as_scikit_image(backend, rng, shape):
    for dtype in DTYPES:
        image = rng.integers(0, rng.choice([2, 3, 9]), shape).astype(dtype)
        seed = tuple(int(rng.integers(-n, n)) for n in shape)
        footprint = rng.random((3,) * len(shape)) < 0.5
        footprint[(1,) * len(shape)] = True  # scikit-image leaves out a cell for a centre that is not there
        options = [{"connectivity": k} for k in range(1, len(shape) + 1)] + [{"footprint": footprint}, {}]
        for chosen in options:
            tolerance = rng.choice([None, 0, 1, -2])
            expected = skimage.segmentation.flood(image, seed, tolerance=tolerance, **chosen)
            found = segalgo.flood(backend.array(image), seed, tolerance=tolerance, **chosen)
            np.testing.assert_array_equal(backend.numpy(found), expected, strict=True)
        expected = skimage.segmentation.flood_fill(image, seed, 5)
        found = segalgo.flood_fill(backend.array(image), seed, 5)
        np.testing.assert_array_equal(backend.numpy(found), expected, strict=True)


def test_tolerances_neither_wrap_nor_round(backend):
    image = backend.array(np.array([250, 255, 0, 5], np.uint8))
    assert backend.numpy(segalgo.flood(image, 0, tolerance=10)).tolist() == [True, True, False, False]
    assert backend.numpy(segalgo.flood(image, 0, tolerance=1e300)).all()
    large = backend.array(np.array([2**63 - 1, 2**63 - 2, -(2**63)], np.int64))
    assert backend.numpy(segalgo.flood(large, 0, tolerance=1.5)).tolist() == [True, True, False]
    floats = backend.array(np.array([16777216.0, 16777218.0, 16777220.0], np.float32))
    assert backend.numpy(segalgo.flood(floats, 0, tolerance=3)).tolist() == [True, True, False]
    odd = backend.array(np.array([np.inf, np.inf, np.nan, 1.0, -np.inf]))
    assert backend.numpy(segalgo.flood(odd, 0, tolerance=5)).tolist() == [True, True, False, False, False]
    assert backend.numpy(segalgo.flood(odd, 3, tolerance=np.inf)).tolist() == [False, False, False, True, True]
    halves = backend.array(np.array([0.5, 0.25, 4], np.float16))
    assert backend.numpy(segalgo.flood(halves, 0, tolerance=0.25)).tolist() == [True, True, False]
    mask = backend.array(np.array([True, True, False]))
    assert backend.numpy(segalgo.flood_fill(mask, 0, False)).tolist() == [False, False, False]


@given(
    image=arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=3, max_side=9), elements=st.integers(0, 3)),
    tolerance=st.sampled_from([None, 1]),
    seed=st.integers(0, 10**6),
)
def test_a_flood_is_a_component(fast_backend, image, tolerance, seed):
    place = np.unravel_index(seed % image.size, image.shape)
    place = tuple(map(int, place))
    found = fast_backend.numpy(segalgo.flood(fast_backend.array(image), place, tolerance=tolerance))
    near = np.abs(image.astype(int) - int(image[place])) <= (tolerance or 0)
    parts = segalgo.label(near) if fast_backend.word != "cuda" else None
    if parts is not None:
        np.testing.assert_array_equal(found, parts == parts[place])


def test_simulated_orders_agree(rng):
    image = rng.integers(0, 2, (13, 17))
    expected = segalgo.flood(image, (3, 4))
    for order in ("reversed", "shuffled"):
        with segalgo.use_backend("simulated"), simulated_schedule(order, seed=5):
            np.testing.assert_array_equal(segalgo.flood(image, (3, 4)), expected)


def test_inputs_unchanged_any_memory_order_and_empty_images(backend, rng):
    image = rng.integers(0, 2, (12, 14)).astype(np.uint8)
    before = image.copy()
    image.flags.writeable = False
    plain = backend.numpy(segalgo.flood_fill(backend.array(image), (3, 3), 7))
    turned = backend.numpy(segalgo.flood_fill(backend.array(np.asfortranarray(image)), (3, 3), 7))
    np.testing.assert_array_equal(plain, turned)
    np.testing.assert_array_equal(image, before)
    assert segalgo.flood(backend.array(np.zeros((0, 3))), (0, 0)).shape == (0, 3)


IMAGE = np.ones((3, 4), np.uint8)
ERRORS = [
    (lambda: segalgo.flood(IMAGE * 1j, (0, 0)), TypeError, "image has dtype complex128"),
    (lambda: segalgo.flood(3, 0), ValueError, r"image has shape \(\)"),
    (lambda: segalgo.flood(IMAGE, (3, 0)), ValueError, r"seed_point=\(3, 0\): expected a cell"),
    (lambda: segalgo.flood(IMAGE, 0), ValueError, "seed_point=0"),
    (lambda: segalgo.flood(IMAGE, (0.5, 0)), TypeError, "seed_point=0.5"),
    (lambda: segalgo.flood(IMAGE * np.nan, (0, 0)), ValueError, r"seed_point=\(0, 0\) is NaN"),
    (lambda: segalgo.flood(IMAGE, (0, 0), tolerance=np.nan), ValueError, "tolerance=nan"),
    (lambda: segalgo.flood(IMAGE, (0, 0), tolerance="1"), TypeError, "tolerance='1'"),
    (lambda: segalgo.flood(IMAGE, (0, 0), connectivity=3), ValueError, "connectivity=3"),
    (lambda: segalgo.flood(IMAGE, (0, 0), footprint=np.ones(3)), ValueError, "footprint has shape"),
    (lambda: segalgo.flood_fill(IMAGE, (0, 0), 256), ValueError, "new_value=256: expected a value of dtype uint8"),
    (lambda: segalgo.flood_fill(IMAGE, (0, 0), 0.5), ValueError, "new_value=0.5"),
    (lambda: segalgo.flood_fill(IMAGE, (0, 0), "1"), TypeError, "new_value='1'"),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
