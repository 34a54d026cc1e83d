"""Each public function of masks refuses what its docstring says, and names the argument."""

import numpy as np
import pytest
from promised_errors import promised_errors

from segalgo import PictureError, masks

CODE = {"size": [2, 2], "counts": [1, 3]}
RING = [[0, 0], [3, 0], [0, 3]]
VOC = masks.colormap("voc")
CASES = [
    ("mask_to_rle", (np.zeros((2, 2)),), TypeError, "mask"),
    ("mask_to_rle", (np.zeros(2, int),), ValueError, "mask"),
    ("mask_to_counts", (np.zeros((2, 2)),), TypeError, "mask"),
    ("mask_to_counts", (np.zeros((1, 2, 2), int),), ValueError, "mask"),
    ("rle_to_mask", ({"size": [2, 2]},), ValueError, "rle"),
    ("rle_to_mask", ({"size": [2, 2], "counts": [3]},), ValueError, "rle"),
    ("rle_to_mask", (CODE, "K"), ValueError, "order"),
    ("rle_to_mask", (CODE, np.zeros(0)), ValueError, "order"),
    ("rle_to_mask", (CODE, "C", 3), ValueError, "max_cells"),
    ("rle_to_mask", (CODE, "C", "a"), TypeError, "max_cells"),
    ("compress_rle", ({"counts": [3]},), ValueError, "rle"),
    ("decompress_rle", ({"size": [2, 2], "counts": b"~"},), ValueError, "rle"),
    ("rle_area", (5,), ValueError, "rle"),
    ("rle_bounding_box", ({"size": [2, "a"], "counts": [4]},), ValueError, "rle"),
    ("rle_iou", (CODE, [CODE]), TypeError, "rles"),
    ("rle_iou", ([CODE], [{"size": [1, 4], "counts": [4]}]), ValueError, "size"),
    ("rle_iou", ([CODE], [CODE], [0, 1]), ValueError, "is_crowd"),
    ("merge_rles", ([],), ValueError, "rles"),
    ("merge_rles", ([CODE, {"size": [1, 4], "counts": [4]}],), ValueError, "sizes"),
    ("merge_rles", (CODE,), TypeError, "rles"),
    ("merge_rles", ([CODE], np.zeros(0)), TypeError, "intersect"),
    ("labels_to_rles", (np.zeros((2, 2)),), TypeError, "labels"),
    ("labels_to_rles", ([[-1]],), ValueError, "labels"),
    ("labels_to_polygons", (np.zeros((2, 2)),), TypeError, "labels"),
    ("labels_to_polygons", ([[1]], 3), ValueError, "connectivity"),
    ("mask_to_polygons", (np.zeros((2, 2)),), TypeError, "mask"),
    ("mask_to_polygons", (np.zeros(2, int),), ValueError, "mask"),
    ("mask_to_polygons", ([[1]], 5), ValueError, "connectivity"),
    ("polygon_to_mask", (RING[:2], (4, 4)), ValueError, "polygon"),
    ("polygon_to_mask", ([0, 0, 3, 0, 0], (4, 4)), ValueError, "polygon"),
    ("polygon_to_mask", ([[0, 0], [3, np.nan], [0, 3]], (4, 4)), ValueError, "polygon"),
    ("polygon_to_mask", ([[0, 0], [10**400, 0], [0, 3]], (4, 4)), ValueError, "polygon"),
    ("polygon_to_mask", ("abc", (4, 4)), TypeError, "polygon"),
    ("polygon_to_mask", (RING, (-1, 4)), ValueError, "shape"),
    ("polygon_to_mask", (RING, (2**20, 2**20)), ValueError, "shape"),
    ("polygon_to_mask", (RING, (4, 4), "other"), ValueError, "rule"),
    ("polygon_to_mask", (RING, (4, 4), "center", "other"), ValueError, "crossings"),
    ("polygon_to_mask", ([[0, 0], [0, 2**23]] * 40, (2**23, 2)), ValueError, "polygon has edges that pass"),
    ("polygon_to_rle", ([[0, 0], [2**23, 0]] * 40, (2, 2**23)), ValueError, "polygon has edges that pass"),
    ("polygon_to_rle", (RING, (2**20, 2**20)), ValueError, "shape"),
    ("polygon_to_rle", ("abc", (4, 4)), TypeError, "polygon"),
    ("polygon_to_rle", (RING, (2.5, 3)), TypeError, "shape"),
    ("colormap", ("other",), ValueError, "name"),
    ("colormap", ("camvid", 13), ValueError, "num_colors"),
    ("labels_to_colors", (np.zeros((2, 2)), VOC), TypeError, "labels"),
    ("labels_to_colors", ([[300]], VOC), ValueError, "labels"),
    ("labels_to_colors", ([[0]], [[0, 0, 300]]), ValueError, "colors"),
    ("labels_to_colors", ([[255]], VOC[:2], 255, 300), ValueError, "ignore_color"),
    ("colors_to_labels", (np.zeros((2, 2), np.uint8), VOC), TypeError, "picture"),
    ("colors_to_labels", (np.full((1, 1, 3), 7, np.uint8), VOC[:2]), ValueError, "picture"),
    ("one_hot", ([[5]], 2), ValueError, "labels"),
    ("one_hot", ([[0.5]], 2), TypeError, "labels"),
    ("write_palette_picture", ("x.png", [[0.5]]), TypeError, "labels"),
    ("write_palette_picture", ("x.png", [[256]]), ValueError, "labels"),
    ("write_palette_picture", ("x.png", [[0]], [[0, 0]]), ValueError, "palette"),
    ("write_palette_picture", ("x.jpg", [[0]]), PictureError, "x.jpg"),
    ("read_palette_picture", ("/nowhere/x.png",), PictureError, "x.png"),
    ("start_lengths_to_rle", ("1", (2, 2)), ValueError, "pairs"),
    ("start_lengths_to_rle", ("1 1", (2,) * 3), ValueError, "shape"),
    ("start_lengths_to_rle", ([0.5, 1], (2, 2)), TypeError, "pairs"),
    ("start_lengths_to_rle", ("1 1", (2.5, 2)), TypeError, "shape"),
    ("rle_to_start_lengths", (CODE, "K"), ValueError, "order"),
    ("Canvas", ("abc",), TypeError, "canvas"),
    ("Canvas", ((2, -1),), ValueError, "canvas"),
    ("Canvas", ((2, 2), -1), ValueError, "history"),
]


@pytest.mark.parametrize(("name", "arguments", "error", "argument"), CASES)
def test_refusals_name_the_argument(name, arguments, error, argument):
    with pytest.raises(error, match=argument):
        getattr(masks, name)(*arguments)


def test_every_function_is_tried():
    functions = {name for name in masks.__all__ if callable(getattr(masks, name)) and name[0].islower()}
    # What takes polygons that other functions return checks nothing of its own; masks of boxes have tests beside theirs.
    elsewhere = {"join_holes", "mask_nms", "paste_masks_to_rles"}
    assert functions - {name for name, *_ in CASES} == elsewhere
    for name in functions - elsewhere:
        promised = promised_errors(getattr(masks, name))
        assert promised <= {error.__name__ for tried, _, error, _ in CASES if tried == name}, name
