"""The main job, from Python."""

import numpy as np
import pytest
from skimage import data, filters, measure

import segalgo
from segalgo.segmenters.threshold import METHODS


def test_as_the_steps_by_hand():
    image = data.coins()
    found = segalgo.segment(image, "otsu", min_area=20, connectivity=4)
    mask = image > filters.threshold_otsu(image)
    labels = measure.label(mask, connectivity=1)
    sizes = np.bincount(labels.ravel())
    keep = sizes >= 20
    keep[0] = False
    expected = measure.label(keep[labels], connectivity=1)
    np.testing.assert_array_equal(found.labels, expected)
    assert found.threshold == filters.threshold_otsu(image)
    assert found.count == expected.max()
    np.testing.assert_array_equal(found.statistics.area, np.bincount(expected.ravel())[1:])


def test_every_backend_finds_the_same(backend):
    image = data.coins()[:80, :90]
    found = segalgo.segment(backend.array(image), min_area=5, fill_holes=True, clear_border=True)
    with segalgo.use_backend("reference"):
        expected = segalgo.segment(image, min_area=5, fill_holes=True, clear_border=True)
    np.testing.assert_array_equal(backend.numpy(found.labels), expected.labels)


@pytest.mark.parametrize("method", METHODS)
def test_methods(method):
    image = data.page()
    found = segalgo.segment(image, method, foreground="below")
    function = getattr(segalgo, f"threshold_{method}")
    threshold = function(image, 25) if method in segalgo.segmenters.threshold.WINDOW_METHODS else function(image)
    np.testing.assert_array_equal(found.labels > 0, image <= threshold)


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (1, 1)])
def test_small_pictures(shape):
    assert segalgo.segment(np.zeros(shape, np.uint8)).count == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "otzu"}, "method='otzu': expected one of 'otsu'"),
        ({"foreground": "left"}, "foreground='left'"),
        ({"method": "local", "window": 4}, "window=4: expected an odd integer"),
        ({"connectivity": 6}, "connectivity"),
    ],
)
def test_errors_name_the_argument(options, message):
    with pytest.raises(ValueError, match=message):
        segalgo.segment(data.coins(), **options)


def test_a_color_picture_is_refused_with_advice():
    with pytest.raises(ValueError, match=r"image has shape \(300, 451, 3\): expected \(H, W\), a grey picture"):
        segalgo.segment(data.chelsea())


@pytest.mark.parametrize(("connectivity", "area"), [(8, 5), (None, 5), (4, 1)])
def test_a_ring_that_closes_at_corners_encloses_its_hole_where_corners_join(connectivity, area):
    image = np.zeros((5, 5), np.uint8)
    image[[1, 2, 2, 3], [2, 1, 3, 2]] = 9
    found = segalgo.segment(image, connectivity=connectivity, fill_holes=True)
    assert found.statistics.area.max() == area
