"""Labels near 2**63 and 2**64 are whole numbers, never floats."""

import numpy as np
import pytest

import segalgo

LARGE = [2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1]


@pytest.fixture
def labels(backend):
    return backend.array(np.array([[0, *LARGE], [0, *LARGE[::-1]], [0, *LARGE[::-1]]], np.uint64))


def values(backend, array):
    return backend.numpy(array).tolist()


def test_statistics(backend, labels):
    found = segalgo.label_statistics(labels)
    assert values(backend, found.label) == LARGE
    assert values(backend, found.area) == [3, 3, 3, 3, 3]


def test_relabel(backend, labels):
    relabeled, forward, inverse = segalgo.relabel_sequential(labels)
    assert values(backend, relabeled)[0] == [0, 1, 2, 3, 4, 5]
    assert values(backend, inverse[relabeled]) == values(backend, labels)
    assert values(backend, forward[labels]) == values(backend, relabeled)


def test_objects(backend, labels):
    assert values(backend, segalgo.remove_small_objects(labels, max_size=2)) == values(backend, labels)
    kept = values(backend, segalgo.largest_components(labels, 1))
    assert sorted({v for row in kept for v in row}) == [0, LARGE[0]]
    filled = np.full((3, 3), 2**64 - 1, np.uint64)
    filled[1, 1] = 0
    assert values(backend, segalgo.fill_holes(backend.array(filled))) == [[2**64 - 1] * 3] * 3
    cleared = np.zeros((3, 4), np.uint64)
    cleared[1, 1:] = 2**64 - 1, 0, 2**63
    assert values(backend, segalgo.clear_border(backend.array(cleared)))[1] == [0, 2**64 - 1, 0, 0]


def test_neighbours(backend):
    row = backend.array(np.array([[2**64 - 1, 2**64 - 2, 2**64 - 2, 2**63]], np.uint64))
    pairs, counts = segalgo.contacts(row)
    assert values(backend, pairs) == [[2**63, 2**64 - 2], [2**64 - 2, 2**64 - 1]]
    assert values(backend, counts) == [1, 1]
    assert values(backend, segalgo.find_boundaries(row)) == [[True, True, True, True]]
    assert values(backend, segalgo.label(row)) == [[1, 2, 2, 3]]
    assert segalgo.same_partition(row, row).equal
    other = backend.array(np.array([[2**64 - 1, 2**64 - 2, 2**64 - 1, 2**63]], np.uint64))
    assert segalgo.same_partition(row, other).first == (0, 2)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u2", "i4", "u8", "i8", "?"])
def test_any_byte_order(backend, dtype):
    x = np.array([[1, 0, 1, 1], [0, 0, 1, 0]]).astype(dtype)
    swapped = x.astype(x.dtype.newbyteorder(">"))
    for call in (segalgo.label, segalgo.euler_number, segalgo.threshold_otsu, segalgo.threshold_niblack):
        np.testing.assert_array_equal(backend.numpy(call(swapped)), backend.numpy(call(x)))
    intensity = segalgo.label_statistics(np.ones(x.shape, np.int32), swapped)
    np.testing.assert_array_equal(intensity.intensity_sum, [x.sum()])
    if x.dtype.kind != "f":
        np.testing.assert_array_equal(segalgo.find_boundaries(swapped), segalgo.find_boundaries(x))
        np.testing.assert_array_equal(segalgo.remove_small_objects(swapped, 2), segalgo.remove_small_objects(x, 2))


def test_too_many_axes_are_refused(backend):
    x = np.ones((1,) * 33, np.uint8)
    for call in (
        segalgo.label,
        segalgo.euler_number,
        segalgo.contacts,
        segalgo.find_boundaries,
        segalgo.fill_holes,
        segalgo.remove_small_objects,
        segalgo.largest_components,
        segalgo.clear_border,
        segalgo.relabel_sequential,
        segalgo.label_statistics,
        lambda image: segalgo.apply_hysteresis_threshold(image, 0, 0),
    ):
        with pytest.raises(ValueError, match="has 33 axes: expected at most 8"):
            call(x)
    # Up to the limit all of them answer.
    ones = np.ones((1,) * 8, np.uint8)
    assert segalgo.euler_number(ones) == 1
    assert segalgo.label(ones).max() == 1
    assert not segalgo.find_boundaries(ones).any()
    assert segalgo.contacts(ones)[0].shape == (0, 2)


def test_statistics_of_a_single_cell(backend):
    found = segalgo.label_statistics(segalgo.label(5), 2.5)
    assert found.area.tolist() == [1]
    assert found.bounding_box.shape == found.centroid.shape == (1, 0)
    assert found.intensity_sum.tolist() == [2.5]


def test_two_sizes_are_refused():
    x = np.array([[1, 1, 0, 1]], bool)
    assert segalgo.remove_small_objects(x, 2).tolist() == [[True, True, False, False]]
    assert segalgo.remove_small_objects(x, 3).tolist() == [[False] * 4]
    with pytest.raises(ValueError, match="min_size=2 and max_size=3"):
        segalgo.remove_small_objects(x, 2, max_size=3)


def test_zeros_among_minima_and_maxima_are_positive(backend):
    labels = np.random.default_rng(1).integers(0, 9, (8, 40))
    image = np.random.default_rng(0).choice(np.array([0.0, -0.0], np.float32), (8, 40))
    found = segalgo.label_statistics(backend.array(labels), backend.array(image))
    for extreme in (found.intensity_min, found.intensity_max):
        assert not np.signbit(backend.numpy(extreme)).any()
