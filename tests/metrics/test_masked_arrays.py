"""Arrays with masked elements are refused by name wherever they enter masks, metrics and encodings."""

import numpy as np
import pytest

from segalgo import masks, metrics, write_label_map
from segalgo.datasets import ENCODINGS

PLANE = np.ma.array([[1, 0], [0, 1]], mask=[[0, 0], [1, 0]])
PICTURE = np.ma.array(np.zeros((2, 2, 3), np.uint8), mask=True)
CODE = {"size": [1, 1], "counts": [1]}
CALLS = {
    "colors_to_labels": lambda: masks.colors_to_labels(PICTURE, masks.colormap("voc")),
    "labels_to_colors": lambda: masks.labels_to_colors(PLANE, masks.colormap("voc")),
    "colors": lambda: masks.labels_to_colors([[0]], np.ma.array([[1, 2, 3]], mask=True)),
    "polygon": lambda: masks.polygon_to_mask(np.ma.array([[0, 0], [3, 0], [0, 3]], mask=True), (4, 4)),
    "mask": lambda: masks.mask_to_rle(PLANE),
    "mask_to_polygons": lambda: masks.mask_to_polygons(PLANE),
    "labels_to_rles": lambda: masks.labels_to_rles(PLANE),
    "labels_to_polygons": lambda: masks.labels_to_polygons(PLANE),
    "counts": lambda: masks.rle_area({"size": [2, 2], "counts": np.ma.array([1, 3], mask=[0, 1])}),
    "is_crowd": lambda: masks.rle_iou([CODE], [CODE], np.ma.array([1], mask=True)),
    "one_hot": lambda: masks.one_hot(PLANE, 2),
    "points": lambda: masks.Canvas((4, 4)).brush(np.ma.array([[1, 1]], mask=True), 1, 1),
    "canvas": lambda: masks.Canvas(PLANE),
    "palette": lambda: masks.write_palette_picture("x.png", [[0]], np.ma.array([[1, 2, 3]], mask=True)),
    "label map": lambda: write_label_map("x", PLANE),
    "matrix": lambda: metrics.mean_iou(PLANE),
    "confusion_matrix": lambda: metrics.confusion_matrix(PLANE, [[0, 1], [1, 1]], 2),
    "boundary_f1": lambda: metrics.boundary_f1(PLANE, PLANE, 2),
    "match_instances": lambda: metrics.match_instances(PLANE, PLANE),
    "rand": lambda: metrics.adapted_rand_error(PLANE, PLANE),
    "information": lambda: metrics.variation_of_information(PLANE, PLANE),
    "panoptic": lambda: metrics.panoptic_quality([(PLANE, [])], [(PLANE, [])], {}),
    "id_of_rgb": lambda: metrics.id_of_rgb(PICTURE),
    "thresholds": lambda: metrics.average_precision([], [], thresholds=np.ma.array([0.5], mask=True)),
    "encode": lambda: ENCODINGS["voc"].encode(PLANE),
    "decode": lambda: ENCODINGS["voc"].decode(PLANE, "x.png"),
}


@pytest.mark.parametrize("call", CALLS)
def test_masked_elements_are_refused(call):
    with pytest.raises(TypeError, match="masked elements"):
        CALLS[call]()
