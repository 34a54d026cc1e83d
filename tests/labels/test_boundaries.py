"""Boundaries of labelled regions, on every backend."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage import segmentation

import segalgo
from segalgo.cuda.device import simulated_schedule

MODES = ("thick", "inner", "outer", "subpixel")


def equal(backend, found, expected):
    np.testing.assert_array_equal(backend.numpy(found), expected, strict=True)


def test_hand_worked(backend):
    labels = backend.array(np.array([[0, 0, 0, 0], [0, 5, 5, 7], [0, 5, 5, 7]]))
    expected = {
        "thick": [[0, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]],
        "inner": [[0, 0, 0, 0], [0, 1, 1, 1], [0, 1, 1, 1]],
        "outer": [[0, 1, 1, 1], [1, 0, 1, 1], [1, 0, 1, 1]],
        "subpixel": [[0] * 7, [0, 1, 1, 1, 1, 1, 1], *[[0, 1, 0, 0, 0, 1, 0]] * 3],
    }
    for mode, boundaries in expected.items():
        equal(backend, segalgo.find_boundaries(labels, mode=mode), np.array(boundaries, bool))


@pytest.mark.parametrize("shape", [(9,), (63, 65), (1, 1), (1, 70), (13, 1), (5, 6, 7)])
@pytest.mark.parametrize("dtype", ["int32", "uint8"])
def test_against_scikit_image(backend, rng, shape, dtype):
    labels = rng.integers(0, 4, shape).astype(dtype)
    for axis in range(labels.ndim):
        labels = np.repeat(labels, 2, axis)
    labels = labels[tuple(slice(0, n) for n in shape)]
    for connectivity, mode in itertools.product(range(1, len(shape) + 1), MODES):
        if mode == "subpixel" and labels.size > 500:
            continue  # scikit-image takes seconds
        for background in (0, 2):
            got = segalgo.find_boundaries(backend.array(labels), connectivity, mode, background)
            equal(backend, got, segmentation.find_boundaries(labels, connectivity, mode, background))


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int16", "uint32", "int64", "uint64"])
def test_every_dtype_and_memory_order(fast_backend, rng, dtype):
    labels = rng.integers(0, 3, (20, 33)).astype(dtype)
    if np.dtype(dtype).kind == "i":
        labels -= 1  # negative labels are labels like all others
    for view in (labels, np.asfortranarray(labels), labels[::2, ::-3]):
        view.flags.writeable = False
        for mode in MODES:
            got = segalgo.find_boundaries(fast_backend.array(view), 2, mode)
            # scikit-image's erosion is wrong for 64-bit labels: compare their small twins.
            twin = view.astype(np.int32 if np.dtype(dtype).kind == "i" else np.uint16)
            equal(fast_backend, got, segmentation.find_boundaries(twin, 2, mode))


@given(
    labels=arrays.arrays(
        np.int16, arrays.array_shapes(min_dims=1, max_dims=4, max_side=5), elements=st.integers(-1, 2)
    ),
    background=st.integers(-1, 2),
)
def test_as_the_reference(fast_backend, labels, background):
    for connectivity, mode in itertools.product(range(1, labels.ndim + 1), MODES):
        with segalgo.use_backend("reference"):
            expected = segalgo.find_boundaries(labels, connectivity, mode, background)
        equal(
            fast_backend, segalgo.find_boundaries(fast_backend.array(labels), connectivity, mode, background), expected
        )


def test_simulated_orders_agree(rng):
    labels = rng.integers(0, 3, (17, 23))
    for mode, order in itertools.product(MODES, ("reversed", "shuffled")):
        with segalgo.use_backend("reference"):
            expected = segalgo.find_boundaries(labels, 2, mode)
        with segalgo.use_backend("simulated"), simulated_schedule(order, seed=5):
            np.testing.assert_array_equal(segalgo.find_boundaries(labels, 2, mode), expected)


def test_the_largest_value_of_a_dtype_is_a_label(backend):
    labels = backend.array(np.array([[255, 255, 1]], np.uint8))
    equal(backend, segalgo.find_boundaries(labels, mode="subpixel"), np.array([[0, 0, 0, 1, 0]], bool))
    equal(backend, segalgo.find_boundaries(labels, mode="outer"), np.array([[0, 1, 1]], bool))


def test_empty_and_background_out_of_range(backend):
    for mode in MODES:
        assert segalgo.find_boundaries(backend.array(np.zeros((0, 3), int)), mode=mode).size == 0
    labels = backend.array(np.array([0, 0, 1], np.uint8))
    equal(backend, segalgo.find_boundaries(labels, mode="inner", background=-1), np.array([0, 1, 1], bool))
    with pytest.raises(ValueError, match="background=-1: expected a value of dtype uint8"):
        segalgo.find_boundaries(labels, mode="outer", background=-1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: segalgo.find_boundaries([1.0]), TypeError, "label_img has dtype float64"),
        (lambda: segalgo.find_boundaries([1], mode="thin"), ValueError, "mode='thin': expected one of"),
        (lambda: segalgo.find_boundaries([[1]], 3), ValueError, "connectivity=3"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
