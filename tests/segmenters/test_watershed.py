"""Objects and regions by watersheds, and the list of methods that the command line reads."""

import numpy as np
import pytest
from skimage import data, draw

import segalgo
from segalgo.segmenters.registry import METHODS, options_of_methods
from segalgo.segmenters.watershed import segment_by_watershed


def two_disks() -> np.ndarray:
    image = np.zeros((60, 90), np.uint8)
    for column in (30, 58):
        image[draw.disk((30, column), 17)] = 200
    return image


def test_touching_disks_are_cut_apart():
    image = two_disks()
    assert segalgo.segment(image).count == 1
    found = segment_by_watershed(image, image)
    assert found.count == 2
    assert found.labels[30, 30] == 1
    assert found.labels[30, 58] == 2
    np.testing.assert_array_equal(found.labels > 0, image > 0)
    assert found.statistics.area.sum() == (image > 0).sum()
    assert segment_by_watershed(image, image, depth=17).count == 1
    assert segment_by_watershed(image, image, threshold=200).count == 0
    assert segment_by_watershed(image, image, min_area=5000).count == 0


def test_regions_grow_from_markers_up_to_edges():
    image = two_disks()
    markers = np.zeros(image.shape, np.uint8)
    markers[0, 0], markers[30, 30] = 5, 2
    found = segment_by_watershed(image, image, markers)
    assert found.threshold is None
    assert found.count == 2
    assert (found.labels == 2)[image > 0].mean() > 0.95
    assert (found.labels == 5)[image == 0].mean() > 0.9
    assert set(np.unique(found.labels)) == {2, 5}
    wide = np.array([[-(2**31), 2**31 - 1]], np.int32)
    np.testing.assert_array_equal(segment_by_watershed(wide, wide, np.array([[1, 2]])).labels, [[1, 2]])


def test_errors():
    image = data.coins()
    with pytest.raises(ValueError, match=r"markers has shape \(3, 3\)"):
        segment_by_watershed(image, image, np.ones((3, 3), int))
    with pytest.raises(TypeError, match="markers has dtype float64"):
        segment_by_watershed(image, image, np.ones(image.shape))
    with pytest.raises(ValueError, match="negative label -1"):
        segment_by_watershed(image, image, np.full(image.shape, -1))
    with pytest.raises(ValueError, match="depth=0"):
        segment_by_watershed(image, image, depth=0)


def test_the_list_of_methods():
    assert "watershed" in METHODS
    for name, (option, names) in options_of_methods().items():
        assert name == option.name
        assert set(names) <= set(METHODS)
