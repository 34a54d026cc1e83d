"""Hysteresis thresholds, on every backend."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data, filters

import segalgo


def test_hand_worked(backend):
    image = backend.array([[1, 2, 3, 2, 1, 2, 1, 3, 2], [0, 0, 0, 0, 0, 2, 0, 0, 0]])
    got = backend.numpy(segalgo.apply_hysteresis_threshold(image, 1.5, 2.5))
    assert got.astype(int).tolist() == [[0, 1, 1, 1, 0, 0, 0, 1, 1], [0] * 9]
    assert got.dtype == bool


@pytest.mark.parametrize("name", ["coins", "camera", "page"])
def test_as_scikit_image(fast_backend, name):
    image = getattr(data, name)()
    for low, high in ((80, 130), (130, 80), (100.5, 200), (0, 255)):
        got = fast_backend.numpy(segalgo.apply_hysteresis_threshold(fast_backend.array(image), low, high))
        np.testing.assert_array_equal(got, filters.apply_hysteresis_threshold(image, low, high))


@given(
    shape=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    levels=st.integers(3, 9),
    low=st.integers(0, 6),
    high=st.integers(0, 8),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_shape(backend, shape, levels, low, high, seed):
    image = np.random.default_rng(seed).integers(0, levels, shape).astype(np.uint8)
    got = backend.numpy(segalgo.apply_hysteresis_threshold(backend.array(image), low, high))
    np.testing.assert_array_equal(got, filters.apply_hysteresis_threshold(image, low, high))


def test_thresholds_per_pixel(backend, rng):
    image, low, high = rng.random((3, 17, 13)).astype(np.float32)
    arrays = map(backend.array, (image, low, high))
    got = backend.numpy(segalgo.apply_hysteresis_threshold(*arrays))
    np.testing.assert_array_equal(got, filters.apply_hysteresis_threshold(image, low, high))


def spiral(n):
    """Return a spiral one pixel wide, its only high pixel at the inner end."""
    image = np.zeros((n, n), np.uint8)
    i, j, di, dj = 0, 0, 0, 1
    for _ in range(n * n):
        image[i, j] = 1
        ahead = (i + di, j + dj)
        beyond = (i + 2 * di, j + 2 * dj)
        blocked = not (0 <= ahead[0] < n and 0 <= ahead[1] < n)
        if blocked or (0 <= beyond[0] < n and 0 <= beyond[1] < n and image[beyond]):
            di, dj = dj, -di
            if image[i + di, j + dj] or image[i + 2 * di, j + 2 * dj]:
                break
        i, j = i + di, j + dj
    image[i, j] = 2
    return image


def test_spiral(backend):
    image = spiral(21)
    got = backend.numpy(segalgo.apply_hysteresis_threshold(backend.array(image), 0, 1))
    np.testing.assert_array_equal(got, image > 0)


@pytest.mark.parametrize("order", ["forward", "reversed", "shuffled"])
def test_no_order_of_threads_can_be_seen(rng, order):
    from segalgo.cuda.device import simulated_schedule

    image = rng.integers(0, 4, (20, 23)).astype(np.uint8)
    with segalgo.use_backend("simulated"), simulated_schedule(order, seed=3):
        got = segalgo.apply_hysteresis_threshold(image, 0, 2)
    np.testing.assert_array_equal(got, filters.apply_hysteresis_threshold(image, 0, 2))


def test_empty_scalar_and_nan(backend):
    assert backend.numpy(segalgo.apply_hysteresis_threshold(backend.array(np.zeros((0, 3))), 0, 1)).shape == (0, 3)
    got = backend.numpy(segalgo.apply_hysteresis_threshold(backend.array([[2.0, np.nan, 1.0]]), 0, 1))
    assert got.tolist() == [[True, False, False]]
    assert backend.numpy(segalgo.apply_hysteresis_threshold(backend.array(2.0), 0, 1))


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match=r"high has shape \(2,\)"):
        segalgo.apply_hysteresis_threshold(np.zeros((3, 3)), 1, [1, 2])
    with pytest.raises(TypeError, match="low has dtype complex128"):
        segalgo.apply_hysteresis_threshold(np.zeros((3, 3)), 1j, 2)
