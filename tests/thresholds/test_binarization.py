"""A picture and a threshold to a mask, on every backend."""

import numpy as np
import pytest

import segalgo

DTYPES = [
    "bool",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    "float16",
    "float32",
    "float64",
]


def test_hand_worked(backend):
    image = backend.array([[10, 20, 30], [20, 0, 255]], np.uint8)
    above = backend.numpy(segalgo.binarize(image, 20))
    below = backend.numpy(segalgo.binarize(image, 20, foreground="below"))
    assert above.tolist() == [[False, False, True], [False, False, True]]
    assert below.tolist() == [[True, True, False], [True, True, False]]
    assert above.dtype == below.dtype == bool


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("threshold", [0, 1, -1, 0.5, -0.5, 2.999, np.float64(0.1), np.float32(0.1), np.int64(3), True])
def test_as_numpy_compares(backend, rng, dtype, threshold):
    image = (rng.integers(-5, 6, (7, 9)) / (10 if dtype.startswith("f") else 1)).astype(dtype)
    expected = image > threshold
    np.testing.assert_array_equal(backend.numpy(segalgo.binarize(backend.array(image), threshold)), expected)
    got = backend.numpy(segalgo.binarize(backend.array(image), threshold, "below"))
    np.testing.assert_array_equal(got, ~expected)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "uint64", "int64"])
@pytest.mark.parametrize("level", [-1e30, -np.inf, np.inf, 1e30, 300, -300, 2**63, -(2**63), 2**64, 2**53 + 1])
def test_thresholds_beyond_the_dtype(backend, dtype, level):
    limits = np.iinfo(dtype)
    image = np.array([limits.min, 0, limits.max], dtype)
    expected = [int(x) > level for x in image]
    assert backend.numpy(segalgo.binarize(backend.array(image), level)).tolist() == expected
    below = backend.numpy(segalgo.binarize(backend.array(image), level, "below")).tolist()
    assert below == [not x for x in expected]


def test_nan_is_neither_above_nor_below(backend):
    for image, level in (([np.nan, 1.0], 0.0), (np.array([1, 2], np.uint8), np.nan), ([1.0, 2.0], np.nan)):
        image = np.asarray(image)
        for foreground in ("above", "below"):
            got = backend.numpy(segalgo.binarize(backend.array(image), level, foreground))
            assert got[np.isnan(image) | np.isnan(level)].tolist() == [False] * int(
                (np.isnan(image) | np.isnan(level)).sum()
            )


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("level_dtype", ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"])
def test_a_threshold_per_pixel(backend, rng, dtype, level_dtype):
    image, levels = rng.integers(0, 9, (13, 5)).astype(dtype), rng.integers(0, 9, (13, 5)).astype(level_dtype)
    got = backend.numpy(segalgo.binarize(backend.array(image), backend.array(levels)))
    np.testing.assert_array_equal(got, image > levels)
    got = backend.numpy(segalgo.binarize(backend.array(image), backend.array(levels), "below"))
    np.testing.assert_array_equal(got, image <= levels)


@pytest.mark.parametrize("shape", [(), (0, 3), (1, 1), (63,), (64, 65), (3, 4, 5)])
def test_shapes(backend, rng, shape):
    image = rng.integers(0, 256, shape).astype(np.uint8)
    got = backend.numpy(segalgo.binarize(backend.array(image), 100))
    assert got.shape == shape
    np.testing.assert_array_equal(got, image > 100)
    np.testing.assert_array_equal(
        backend.numpy(segalgo.binarize(backend.array(image), backend.array(image))), image > image
    )


def test_views_and_read_only_inputs(backend, rng):
    whole = rng.integers(0, 99, (8, 6, 10)).astype(np.int16)
    whole.flags.writeable = False
    view = whole.transpose(1, 0, 2)[::2, ::-1, 1:]
    np.testing.assert_array_equal(backend.numpy(segalgo.binarize(backend.array(view), 50)), view > 50)


def test_big_endian():
    image = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(segalgo.binarize(image.astype(">f8"), image.astype(">f4") - 1), True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: segalgo.binarize(x, np.zeros((2, 3))), ValueError, r"threshold has shape \(2, 3\)"),
        (lambda x: segalgo.binarize(x, 1, "over"), ValueError, "foreground='over'"),
        (lambda x: segalgo.binarize(x, 1j), TypeError, "threshold has dtype complex128"),
        (lambda x: segalgo.binarize(x + 1j, 1), TypeError, "image has dtype complex128"),
        (lambda x: segalgo.binarize(x, "high"), TypeError, "threshold='high'"),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((4, 4)))
