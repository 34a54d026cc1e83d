"""Connected components, on every backend."""

import numpy as np
import pytest
import skimage.measure

import segalgo


def test_hand_worked(backend):
    image = backend.array([[1, 0, 1, 1], [0, 1, 0, 0], [0, 0, 0, 2], [1, 1, 0, 2]], np.uint8)
    four, count = segalgo.label(image, connectivity=1, return_num=True)
    assert backend.numpy(four).tolist() == [[1, 0, 2, 2], [0, 3, 0, 0], [0, 0, 0, 4], [5, 5, 0, 4]]
    assert count == 5
    eight = backend.numpy(segalgo.label(image))
    assert eight.tolist() == [[1, 0, 1, 1], [0, 1, 0, 0], [0, 0, 0, 2], [3, 3, 0, 2]]
    assert eight.dtype == np.int32


@pytest.mark.parametrize("shape", [(17,), (13, 70), (5, 6, 7)])
@pytest.mark.parametrize("values", [2, 4])
def test_as_scikit_image(backend, rng, shape, values):
    image = rng.integers(0, values, shape).astype(np.int16)
    for connectivity in range(1, len(shape) + 1):
        got, count = segalgo.label(backend.array(image), return_num=True, connectivity=connectivity)
        expected, number = skimage.measure.label(image, return_num=True, connectivity=connectivity)
        np.testing.assert_array_equal(backend.numpy(got), expected)
        assert count == number
