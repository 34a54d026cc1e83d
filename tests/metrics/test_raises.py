"""Each public function of metrics refuses what its docstring says, and names the argument."""

import numpy as np
import pytest

from segalgo import metrics

ONE = np.ones((2, 2), int)
BOX = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1.0}
SEGMENT = {"id": 1, "category_id": 1}
MATRIX_FUNCTIONS = (
    "class_accuracy", "dice", "frequency_weighted_iou", "iou", "mean_iou", "pixel_accuracy", "precision", "recall",
)  # fmt: skip
CASES = [
    *((name, (values,), ValueError, "matrix") for name in MATRIX_FUNCTIONS
      for values in ([[1, 2]], [[-1, 0], [0, 1]], [[np.nan, 0], [0, 1]])),
    ("confusion_matrix", (ONE * 0.5, ONE, 2), TypeError, "target"),
    ("confusion_matrix", (ONE, ONE * 0.5, 2), TypeError, "prediction"),
    ("confusion_matrix", (ONE, ONE[:1], 2), ValueError, "prediction"),
    ("confusion_matrix", (ONE, ONE, 0), ValueError, "num_classes"),
    ("confusion_matrix", (ONE, ONE, 2.5), TypeError, "num_classes"),
    ("confusion_matrix", (ONE * 7, ONE, 2), ValueError, "target"),
    ("confusion_matrix", (ONE, ONE * 7, 2), ValueError, "prediction"),
    ("boundary_f1", (ONE * 0.5, ONE, 2), TypeError, "target"),
    ("boundary_f1", (ONE[0], ONE[0], 2), ValueError, "target"),
    ("boundary_f1", (ONE, ONE, 2, 255, -1), ValueError, "tolerance"),
    ("boundary_f1", (ONE, ONE, 2, 255, None, "other"), ValueError, "matching"),
    ("match_instances", (ONE * 0.5, ONE), TypeError, "target"),
    ("match_instances", (ONE, ONE[:1]), ValueError, "prediction"),
    ("match_instances", (ONE, ONE, 2), ValueError, "threshold"),
    ("adapted_rand_error", (ONE, ONE * 0.5), TypeError, "prediction"),
    ("adapted_rand_error", (ONE, ONE, (0,), 2), ValueError, "alpha"),
    ("adapted_rand_error", (ONE, ONE, 0), TypeError, "ignore_labels"),
    ("variation_of_information", (ONE, ONE[:1]), ValueError, "prediction"),
    ("variation_of_information", (ONE * 0.5, ONE), TypeError, "target"),
    ("id_of_rgb", (ONE,), TypeError, "colors"),
    ("id_of_rgb", (ONE.astype(np.uint8),), ValueError, "colors"),
    ("panoptic_quality", ([(ONE, [SEGMENT])], [], {1: True}), ValueError, "predictions"),
    ("panoptic_quality", ([(ONE, [SEGMENT])], [(ONE, [])], {1: True}), ValueError, r"predictions\[0\]"),
    ("panoptic_quality", ([(ONE, [SEGMENT])], [(ONE[:1], [SEGMENT])], {1: True}), ValueError, "picture 0"),
    ("panoptic_quality", ([(ONE, [SEGMENT] * 2)], [(ONE, [SEGMENT])], {1: True}), ValueError, r"targets\[0\]"),
    ("panoptic_quality", ([(ONE, [SEGMENT])], [(ONE, [SEGMENT])], {2: True}), ValueError, "category_id"),
    ("panoptic_quality", ([], [], [{"id": 1}]), ValueError, "categories"),
    ("average_precision", (5, [BOX], "bbox"), TypeError, "targets"),
    ("average_precision", ([BOX], 5, "bbox"), TypeError, "detections"),
    ("average_precision", ([BOX], [BOX], "other"), ValueError, "iou_type"),
    ("average_precision", ([BOX], [{**BOX, "bbox": [0, 0, -1, 1]}], "bbox"), ValueError, r"detections\[0\] has bbox"),
    ("average_precision", ([BOX], [{**BOX, "bbox": [0, 0, 10**400, 1]}], "bbox"), ValueError, r"detections\[0\]"),
    ("average_precision", ([BOX], [{**BOX, "score": np.nan}], "bbox"), ValueError, "score"),
    ("average_precision", ([BOX], [{**BOX, "score": "a"}], "bbox"), ValueError, "score"),
    ("average_precision", ([BOX], [{**BOX, "image_id": [1]}], "bbox"), ValueError, r"detections\[0\] has image_id"),
    ("average_precision", ([BOX], [BOX], "segm"), ValueError, "segmentation"),
    ("average_precision", ([BOX], [BOX], "bbox", []), ValueError, "thresholds"),
    ("average_precision", ([BOX], [BOX], "bbox", [0.5], [1, 0]), ValueError, "recall_points"),
    ("average_precision", ([BOX], [BOX], "bbox", None, None, [0]), ValueError, "max_detections"),
    ("average_precision", ([BOX], [BOX], "bbox", None, None, [1], {}), ValueError, "areas"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "error", "argument"), CASES)
def test_refusals_name_the_argument(name, arguments, error, argument):
    with pytest.raises(error, match=argument):
        getattr(metrics, name)(*arguments)


def test_every_function_is_tried():
    functions = {name for name in metrics.__all__ if callable(getattr(metrics, name)) and name[0].islower()}
    assert functions == {name for name, *_ in CASES}
