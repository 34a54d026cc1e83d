"""Boxes: how far they overlap, and their coding relative to anchors.

A box is (left, top, right, bottom). Everything is computed in the dtype of the boxes, in the order written here:
overlaps have the same bits in every wing.
"""

import numpy as np


def box_iou(boxes: np.ndarray, others: np.ndarray, crowd: np.ndarray, plus_one: bool) -> np.ndarray:
    """See `segalgo.box_iou`. Boxes (D, 4), others (G, 4), crowd (G,) of bool; returns (D, G)."""
    one, zero = boxes.dtype.type(plus_one), boxes.dtype.type(0)
    mine, theirs = boxes[:, None, :], others[None, :, :]
    with np.errstate(over="ignore", invalid="ignore"):
        width = np.minimum(mine[..., 2], theirs[..., 2]) - np.maximum(mine[..., 0], theirs[..., 0]) + one
        height = np.minimum(mine[..., 3], theirs[..., 3]) - np.maximum(mine[..., 1], theirs[..., 1]) + one
        common = np.maximum(width, zero) * np.maximum(height, zero)
        area, other_area = _areas(mine, one), _areas(theirs, one)
        whole = np.where(crowd, area, area + other_area - common)
        return np.divide(common, whole, out=np.zeros_like(common), where=common > 0)


def _areas(boxes: np.ndarray, one: np.floating) -> np.ndarray:
    return (boxes[..., 2] - boxes[..., 0] + one) * (boxes[..., 3] - boxes[..., 1] + one)


def encode_boxes(boxes: np.ndarray, anchors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """See `segalgo.encode_boxes`. Boxes and anchors (N, 4), weights (4,) of their dtype."""
    size, anchor_size = boxes[:, 2:] - boxes[:, :2], anchors[:, 2:] - anchors[:, :2]
    center, anchor_center = boxes[:, :2] + size / 2, anchors[:, :2] + anchor_size / 2
    with np.errstate(over="ignore", invalid="ignore"):
        shift = weights[:2] * (center - anchor_center) / anchor_size
        return np.concatenate([shift, weights[2:] * np.log(size / anchor_size)], axis=1)


def decode_boxes(deltas: np.ndarray, anchors: np.ndarray, weights: np.ndarray, clip: float) -> np.ndarray:
    """See `segalgo.decode_boxes`. Deltas (N, K, 4), anchors (N, 4), weights (4,) of their dtype."""
    anchors = anchors[:, None, :]
    anchor_size = anchors[..., 2:] - anchors[..., :2]
    anchor_center = anchors[..., :2] + anchor_size / 2
    with np.errstate(over="ignore", invalid="ignore"):
        shift, growth = deltas[..., :2] / weights[:2], deltas[..., 2:] / weights[2:]
        center = shift * anchor_size + anchor_center
        half = np.exp(np.minimum(growth, deltas.dtype.type(clip))) * anchor_size / 2
        return np.concatenate([center - half, center + half], axis=-1)
