"""Run-length codes of all objects of a label map: equal to those of each object's mask."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segalgo import masks
from segalgo.datasets import COCOWriter

SHAPES = [(0, 0), (0, 3), (3, 0), (1, 1), (1, 9), (9, 1), (13, 17), (64, 65), (33, 257), (257, 33)]


def one_by_one(labels):
    return {int(k): masks.mask_to_rle(labels == k) for k in np.unique(labels) if k}


@pytest.mark.parametrize("shape", SHAPES)
def test_equal_to_each_mask_alone(host_backend, rng, shape):
    for most in (1, 2, 9):
        labels = rng.integers(0, most + 1, shape)
        assert masks.labels_to_rles(labels) == one_by_one(labels)
        large = np.kron(labels, np.ones((4, 3), int))
        assert masks.labels_to_rles(large) == one_by_one(large)


def test_worked_by_hand(host_backend):
    codes = masks.labels_to_rles(np.array([[0, 1, 1], [7, 7, 1]]))
    assert masks.decompress_rle(codes[1])["counts"] == [2, 1, 1, 2]
    assert masks.decompress_rle(codes[7])["counts"] == [1, 1, 1, 1, 2]


@given(hnp.arrays(np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 4)))
def test_any_map(labels):
    assert masks.labels_to_rles(labels) == one_by_one(labels)


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", ">u2", "i4", ">i8", "u8"])
def test_dtypes_and_memory_orders(host_backend, rng, dtype):
    labels = rng.integers(0, 2, (37, 21)).astype(dtype)
    want = one_by_one(labels)
    for view in (labels, np.asfortranarray(labels), np.repeat(labels, 2, axis=1)[:, ::2], labels[::-1][::-1]):
        assert masks.labels_to_rles(view) == want


@pytest.mark.parametrize("name", [2**16 + 9, 2**31, 2**62 + 1, 2**63 + 7, 2**64 - 1])
def test_labels_of_any_size_stay_apart(host_backend, name):
    labels = np.array([[name, name - 1, 0], [0, name - 1, name]], np.uint64)
    codes = masks.labels_to_rles(labels)
    assert list(codes) == [name - 1, name]
    assert masks.rle_to_mask(codes[name]).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert masks.rle_to_mask(codes[name - 1]).tolist() == [[0, 1, 0], [0, 1, 0]]


def test_refusals():
    with pytest.raises(TypeError, match="labels has dtype float64"):
        masks.labels_to_rles(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="labels holds the negative label -1"):
        masks.labels_to_rles(np.array([[-1]]))
    with pytest.raises(ValueError, match=r"labels has shape \(3,\)"):
        masks.labels_to_rles(np.zeros(3, int))


@pytest.mark.peers
def test_strings_areas_and_boxes_are_those_of_pycocotools(rng):
    peer = pytest.importorskip("pycocotools.mask")
    labels = np.kron(rng.integers(0, 40, (12, 9)), np.ones((7, 5), int)).astype(np.uint16)
    labels[rng.random(labels.shape) < 0.1] = 0
    writer = COCOWriter(["a", "b"])
    writer.add("x.png", labels, rng.integers(1, 3, 40))
    present = np.unique(labels)[1:]
    for k, annotation in zip(present, writer.content["annotations"], strict=True):
        mask = np.asfortranarray((labels == k).astype(np.uint8))
        code = annotation["segmentation"]
        assert peer.encode(mask)["counts"].decode() == code["counts"]
        assert peer.area(code) == annotation["area"]
        assert peer.toBbox(code).tolist() == annotation["bbox"]


@pytest.mark.parametrize("connectivity", [1, 2])
@given(hnp.arrays(np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3)))
def test_polygons_of_all_labels_at_once(connectivity, labels):
    found = masks.labels_to_polygons(labels, connectivity)
    assert list(found) == [int(k) for k in np.unique(labels) if k]
    for number, polygons in found.items():
        alone = masks.mask_to_polygons(labels == number, connectivity)
        assert [[ring.tolist() for ring in polygon] for polygon in polygons] == [
            [ring.tolist() for ring in polygon] for polygon in alone
        ]
        # One ring with its holes joined draws the same cells by both rules.
        rings = [masks.join_holes(polygon) for polygon in polygons]
        for rule in ("center", "coco"):
            drawn = sum(masks.polygon_to_mask(ring, labels.shape, rule).astype(int) for ring in rings)
            np.testing.assert_array_equal(drawn, labels == number)


def test_polygons_of_large_numbers():
    labels = np.array([[2**64 - 1, 0, 2**63]], np.uint64)
    assert list(masks.labels_to_polygons(labels)) == [2**63, 2**64 - 1]
    with pytest.raises(ValueError, match="labels holds the negative label"):
        masks.labels_to_polygons(np.array([[-1]]))
    with pytest.raises(ValueError, match="connectivity=3"):
        masks.labels_to_polygons(labels, 3)


@pytest.mark.peers
def test_contours_of_opencv_are_polygons():
    cv2 = pytest.importorskip("cv2")
    mask = np.zeros((20, 24), np.uint8)
    mask[3:9, 2:11] = mask[12:18, 14:22] = 1
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    assert contours[0].shape[1:] == (1, 2)
    for polygon in (contours, list(contours)):
        drawn = masks.polygon_to_mask(polygon, mask.shape)
        assert drawn.sum() == 5 * 8 + 5 * 7  # contours run through the centres of the outermost cells
    assert masks.polygon_to_mask(contours[0], mask.shape).sum() in (40, 35)
    assert masks.rle_area(masks.polygon_to_rle(contours[0], mask.shape)) > 0
