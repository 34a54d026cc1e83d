"""Global thresholds, on every backend."""

import numpy as np
import pytest
from skimage import data, filters

import segalgo

PICTURES = {"camera": data.camera(), "coins": data.coins(), "page": data.page(), "cell": data.cell()}


def pictures():
    """Yield pictures in many dtypes, with values that are negative, sparse or few."""
    for name, image in PICTURES.items():
        yield name, image
        yield f"{name} int8", (image.astype(np.int16) - 128).astype(np.int8)
        yield f"{name} uint16", image.astype(np.uint16) * 257
        yield f"{name} int16", image.astype(np.int16) * 20 - 3000
        yield f"{name} int32", image.astype(np.int32) - 100
        yield f"{name} uint32", image.astype(np.uint32) + 7
        yield f"{name} int64", image.astype(np.int64) * 3
        yield f"{name} uint64", image.astype(np.uint64)
        yield f"{name} float16", (image / 255).astype(np.float16)
        yield f"{name} float32", (image / 255).astype(np.float32)
        yield f"{name} float64", image / 255 - 0.3


@pytest.fixture(params=list(pictures()), ids=lambda pair: pair[0])
def picture(request):
    return request.param[1]


def test_otsu_as_scikit_image(fast_backend, picture):
    got, expected = segalgo.threshold_otsu(fast_backend.array(picture)), filters.threshold_otsu(picture)
    assert got == expected
    assert got.dtype == expected.dtype


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(65,), (1, 64), (7, 9), (3, 5, 6)])
def test_otsu_small(backend, rng, dtype, shape):
    image = (rng.standard_normal(shape) * 30 + 40 * (rng.random(shape) < 0.4)).astype(dtype)
    assert segalgo.threshold_otsu(backend.array(image)) == filters.threshold_otsu(image)


def test_mask_and_histogram(backend, rng):
    image = rng.integers(3, 90, (30, 20)).astype(np.uint8)
    mask = rng.random(image.shape) < 0.5
    expected = filters.threshold_otsu(image[mask])
    assert segalgo.threshold_otsu(backend.array(image), mask=backend.array(mask)) == expected
    assert segalgo.threshold_otsu(hist=np.bincount(image[mask])) == expected
    assert segalgo.threshold_otsu(hist=(np.bincount(image[mask], minlength=256), np.arange(256))) == expected
