"""Boxes, their overlaps and their coding: launch code of ``_ext/objects/boxes.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

THREADS = 256


def box_iou(boxes: Any, others: Any, crowd: Any, plus_one: bool) -> Any:
    """See `segalgo.box_iou`. One thread a pair."""
    device = device_of(boxes)
    output = device.xp.empty((boxes.shape[0], others.shape[0]), boxes.dtype)
    if output.size:
        arguments = (boxes, others, crowd, output, boxes.dtype.type(plus_one), *map(np.int64, output.shape))
        _launch(device, "box_iou", boxes.dtype, output.size, arguments)
    return output


def encode_boxes(boxes: Any, anchors: Any, weights: Any) -> Any:
    """See `segalgo.encode_boxes`. One thread an axis of a box."""
    device = device_of(boxes)
    output = device.xp.empty(boxes.shape, boxes.dtype)
    if output.size:
        arguments = (boxes, anchors, device.xp.asarray(weights), output, np.int64(boxes.shape[0]))
        _launch(device, "encode_boxes", boxes.dtype, 2 * boxes.shape[0], arguments)
    return output


def decode_boxes(deltas: Any, anchors: Any, weights: Any, clip: float) -> Any:
    """See `segalgo.decode_boxes`. One thread an axis of a box."""
    device = device_of(deltas)
    output = device.xp.empty(deltas.shape, deltas.dtype)
    if output.size:
        sizes = map(np.int64, deltas.shape[:2])
        arguments = (deltas, anchors, device.xp.asarray(weights), output, deltas.dtype.type(clip), *sizes)
        _launch(device, "decode_boxes", deltas.dtype, output.size // 2, arguments)
    return output


def _launch(device: Any, name: str, dtype: Any, items: int, arguments: tuple[Any, ...]) -> None:
    kernel = f"{name}<{c_name(dtype)}>"
    device.launch("objects.boxes", kernel, blocks_for(items, THREADS), (THREADS,), arguments)
