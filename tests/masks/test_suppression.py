"""Suppression of masks on their run-length codes."""

import numpy as np
import pytest

import segalgo
from segalgo import masks as codes


def code(*columns, width=10):
    """Return a mask of 2 rows with these columns set."""
    mask = np.zeros((2, width), bool)
    mask[:, list(columns)] = True
    return codes.mask_to_rle(mask)


def test_worked_by_hand(host_backend):
    # The first two share 2 of 4 columns, the third none.
    masks = [code(0, 1, 2), code(1, 2, 3), code(7)]
    assert codes.mask_nms(masks, [0.5, 0.9, 0.1], 0.4).tolist() == [1, 2]
    assert codes.mask_nms(masks, [0.5, 0.9, 0.1], 0.5).tolist() == [1, 0, 2]  # strictly more suppresses
    assert codes.mask_nms(masks, [1, 1, 1], 0.4).tolist() == [0, 2]  # of equal scores the lower index wins
    assert codes.mask_nms([code(), code()], [1, 2], 0.0).tolist() == [1, 0]  # empty masks share nothing
    assert codes.mask_nms([], [], 0.5).shape == (0,)
    assert codes.mask_nms([], [], 0.5).dtype == np.int64


def test_rectangles_as_their_boxes(host_backend, rng):
    corner, size = rng.integers(0, 30, (60, 2)), rng.integers(1, 12, (60, 2))
    boxes, scores = np.concatenate([corner, corner + size], axis=1), rng.integers(0, 9, 60)
    masks = []
    for left, top, right, bottom in boxes:
        mask = np.zeros((45, 45), bool)
        mask[top:bottom, left:right] = True
        masks.append(codes.mask_to_rle(mask))
    for threshold in (0.0, 0.2, 0.5):
        np.testing.assert_array_equal(codes.mask_nms(masks, scores, threshold), segalgo.nms(boxes, scores, threshold))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((5, [], 0.5), TypeError, "rles is int"),
        (([code(0)], [], 0.5), ValueError, "scores has shape"),
        (([code(0)], [np.nan], 0.5), ValueError, r"scores\[0\] is nan"),
        (([code(0)], ["a"], 0.5), TypeError, "scores"),
        (([code(0)], [1], 2.0), ValueError, "iou_threshold=2.0"),
        (([code(0)], [1], "half"), TypeError, "iou_threshold"),
        (([code(0), code(0, width=9)], [1, 2], 0.5), ValueError, "codes of sizes"),
        (([{"size": [2, 2]}], [1], 0.5), ValueError, r"rles\[0\] has no counts"),
    ],
)
def test_refusals_name_the_argument(arguments, error, message):
    with pytest.raises(error, match=message):
        codes.mask_nms(*arguments)
