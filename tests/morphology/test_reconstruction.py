"""Reconstruction on every backend, beside scikit-image."""

import itertools

import numpy as np
import pytest
import skimage.morphology
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from threadpoolctl import threadpool_limits

import segalgo
from segalgo.cuda.device import simulated_schedule
from segalgo.reference.morphology.reconstruction import reconstruction_steps

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64")
SHAPES = [(1, 1), (13,), (7, 9), (1, 30), (5, 6, 7), (3, 4, 2, 5), (70, 21)]


def case(rng, shape, dtype):
    mask = rng.integers(0, 40, shape).astype(dtype)
    seed = np.where(rng.random(shape) < 0.05, mask, 0).astype(dtype)
    return seed, mask


def footprints_of(shape, rng):
    ndim = len(shape)
    yield None
    yield (np.indices((3,) * ndim) != 1).sum(0) <= 1
    yield rng.random(rng.choice([1, 3, 5], ndim)) < 0.4


def test_hand_worked(backend):
    seed = backend.array(np.array([[0, 0, 7], [0, 0, 0], [9, 0, 0]], np.uint8))
    mask = backend.array(np.array([[5, 1, 7], [4, 1, 6], [9, 1, 8]], np.uint8))
    found = backend.numpy(segalgo.reconstruction(seed, mask, footprint=[[0, 1, 0], [1, 1, 1], [0, 1, 0]]))
    np.testing.assert_array_equal(found, np.array([[4, 1, 7], [4, 1, 6], [9, 1, 6]], np.uint8), strict=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_as_scikit_image(backend, rng, shape):
    for footprint in footprints_of(shape, rng):
        seed, mask = case(rng, shape, "int16")
        expected = skimage.morphology.reconstruction(seed, mask, footprint=footprint)
        found = backend.numpy(segalgo.reconstruction(backend.array(seed), backend.array(mask), footprint=footprint))
        assert found.dtype == np.int16
        np.testing.assert_array_equal(found, expected)
        expected = skimage.morphology.reconstruction(-seed, -mask, "erosion", footprint)
        found = segalgo.reconstruction(backend.array(-seed), backend.array(-mask), "erosion", footprint)
        np.testing.assert_array_equal(backend.numpy(found), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(backend, rng, dtype):
    seed, mask = case(rng, (16, 17), dtype)
    expected = skimage.morphology.reconstruction(seed.astype(float), mask.astype(float))
    found = backend.numpy(segalgo.reconstruction(backend.array(seed), backend.array(mask)))
    np.testing.assert_array_equal(found, expected.astype(dtype), strict=True)
    # Values over the whole range, in both directions.
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        mask = np.array([limits.max, limits.min, limits.max - 1, 7], dtype)
        seed = np.array([limits.min, limits.min, limits.max - 1, 3], dtype)
        found = backend.numpy(segalgo.reconstruction(backend.array(seed), backend.array(mask)))
        assert found.tolist() == [limits.min, limits.min, limits.max - 1, 7]
        found = backend.numpy(segalgo.reconstruction(backend.array(mask), backend.array(seed), "erosion"))
        assert found.tolist() == [limits.min, limits.min, limits.max - 1, 7]


def test_bool_and_infinities(backend, rng):
    mask = rng.random((30, 31)) < 0.6
    seed = mask & (rng.random(mask.shape) < 0.02)
    for method, first, second in (("dilation", seed, mask), ("erosion", ~seed, ~mask)):
        found = backend.numpy(segalgo.reconstruction(backend.array(first), backend.array(second), method))
        expected = skimage.morphology.reconstruction(first.astype(int), second.astype(int), method)
        np.testing.assert_array_equal(found, expected.astype(bool), strict=True)
    mask = np.array([np.inf, 1.0, 3.0, np.inf, -np.inf, np.inf])
    seed = np.array([-np.inf, 0.0, -np.inf, np.inf, -np.inf, 2.0])
    found = backend.numpy(segalgo.reconstruction(backend.array(seed), backend.array(mask)))
    assert found.tolist() == [1.0, 1.0, 3.0, np.inf, -np.inf, 2.0]


def test_a_spiral_and_any_number_of_threads(host_backend, rng):
    """A way that turns through all lines passes from band to band many times."""
    side = 81 if host_backend.word == "reference" else 301
    mask = np.zeros((side, side), np.uint8)
    for k in range(0, side // 2, 2):
        mask[k, k : side - k] = mask[side - 1 - k, k : side - k] = 9
        mask[k : side - k, k] = mask[k : side - k, side - 1 - k] = 9
        if k:
            mask[k, k] = 0
            mask[k, k - 1] = 9
    seed = np.zeros_like(mask)
    seed[0, 0] = 9
    cross = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    expected = skimage.morphology.reconstruction(seed, mask, footprint=np.array(cross))
    assert (expected > 0).sum() > side
    for threads in (1, 2, 7):
        with threadpool_limits(threads):
            np.testing.assert_array_equal(segalgo.reconstruction(seed, mask, footprint=cross), expected)


@given(
    mask=arrays.arrays(
        st.sampled_from([np.uint8, np.int32, np.float32]),
        arrays.array_shapes(min_dims=1, max_dims=4, max_side=7),
        elements=st.integers(0, 9),
    ),
    seed=st.integers(0, 1000),
)
def test_as_the_reference(fast_backend, mask, seed):
    rng = np.random.default_rng(seed)
    start = np.minimum(rng.integers(0, 9, mask.shape).astype(mask.dtype), mask)
    footprint = rng.random(rng.choice([1, 3, 5], mask.ndim)) < 0.5
    with segalgo.use_backend("reference"):
        expected = segalgo.reconstruction(start, mask, footprint=footprint)
    found = segalgo.reconstruction(fast_backend.array(start), fast_backend.array(mask), footprint=footprint)
    np.testing.assert_array_equal(fast_backend.numpy(found), expected, strict=True)
    # What is reconstructed stays as it is.
    again = segalgo.reconstruction(fast_backend.array(expected), fast_backend.array(mask), footprint=footprint)
    np.testing.assert_array_equal(fast_backend.numpy(again), expected)


def test_simulated_orders_agree(rng):
    seed, mask = case(rng, (13, 17), "uint8")
    expected = segalgo.reconstruction(seed, mask)
    for order in ("reversed", "shuffled"):
        with segalgo.use_backend("simulated"), simulated_schedule(order, seed=5):
            np.testing.assert_array_equal(segalgo.reconstruction(seed, mask), expected)


def test_inputs_unchanged_and_empty_images(backend, rng):
    seed, mask = case(rng, (12, 14), "int32")
    copies = seed.copy(), mask.copy()
    for array in (seed, mask):
        array.flags.writeable = False
    first = segalgo.reconstruction(backend.array(seed), backend.array(mask))
    second = segalgo.reconstruction(backend.array(np.asfortranarray(seed)), backend.array(np.asfortranarray(mask)))
    np.testing.assert_array_equal(backend.numpy(first), backend.numpy(second))
    np.testing.assert_array_equal(seed, copies[0])
    np.testing.assert_array_equal(mask, copies[1])
    empty = backend.array(np.zeros((0, 3), np.uint8))
    assert segalgo.reconstruction(empty, empty).shape == (0, 3)


def test_steps_end_at_the_reconstruction(rng):
    seed, mask = case(rng, (8, 9), "uint8")
    steps = list(reconstruction_steps(seed, mask))
    np.testing.assert_array_equal(steps[0], seed)
    np.testing.assert_array_equal(steps[-1], skimage.morphology.reconstruction(seed, mask))
    for before, after in itertools.pairwise(steps):
        assert (before <= after).all()
        assert (before < after).any()
    with pytest.raises(ValueError, match="mask has shape"):
        next(reconstruction_steps(seed, mask[1:]))
    with pytest.raises(ValueError, match="seed is above mask"):
        next(reconstruction_steps(mask + 1, mask))


IMAGE = np.ones((3, 4), np.uint8)
ERRORS = [
    (lambda: segalgo.reconstruction(IMAGE * 1j, IMAGE), TypeError, "seed has dtype complex128"),
    (lambda: segalgo.reconstruction(IMAGE, IMAGE * np.nan), ValueError, "mask holds NaN"),
    (lambda: segalgo.reconstruction(IMAGE, IMAGE[1:]), ValueError, r"mask has shape \(2, 4\): expected \(3, 4\)"),
    (lambda: segalgo.reconstruction(IMAGE + 1, IMAGE), ValueError, "seed is above mask somewhere"),
    (lambda: segalgo.reconstruction(IMAGE, IMAGE + 1, "erosion"), ValueError, "seed is below mask somewhere"),
    (lambda: segalgo.reconstruction(IMAGE, IMAGE, "growth"), ValueError, "method='growth': expected one of"),
    (lambda: segalgo.reconstruction(IMAGE, IMAGE, footprint=np.ones(3)), ValueError, r"footprint has shape \(3,\)"),
    (lambda: segalgo.reconstruction(IMAGE, IMAGE, footprint=np.ones((2, 3))), ValueError, "expected odd sizes"),
    (lambda: segalgo.reconstruction(IMAGE, IMAGE, offset=(3, 0)), ValueError, "offset="),
    (lambda: segalgo.reconstruction(IMAGE, IMAGE, offset=1), TypeError, "offset=1"),
    (
        lambda: segalgo.reconstruction(IMAGE.astype("u8"), IMAGE.astype("i8")),
        TypeError,
        "seed has dtype uint64 and mask int64",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
