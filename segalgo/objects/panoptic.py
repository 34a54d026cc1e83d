"""Panoptic maps: one segment for each class of stuff and for each object of things."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from segalgo.labels.measurement import label_statistics
from segalgo.objects.boxes import corners_to_coco
from segalgo.objects.instances import resolve_ignore_index, semantic_to_instances
from segalgo.objects.planes import as_numbers, as_objects, as_plane, rank_values


class Panoptic(NamedTuple):
    """A map in which every pixel belongs to one segment at most, and what the segments are."""

    labels: np.ndarray
    """(H, W) int32: segment numbers from 1, 0 where a pixel belongs to none (void)."""
    segments: list[dict[str, Any]]
    """COCO's ``segments_info``: ``id``, ``category_id``, ``isthing``, ``iscrowd``, ``area``, ``bbox`` (x, y, w, h)."""


def to_panoptic(
    label_map: Any,
    instances: Any = None,
    *,
    things: Sequence[int] | None = None,
    ignore_index: int | str | None = "auto",
) -> Panoptic:
    """Combine a class map and numbered objects into a panoptic map.

    Each class of stuff (road, sky) is one segment, wherever its pixels lie. Each object of each class of things (cars)
    is a segment of its own.

    Parameters
    ----------
    label_map : array (H, W) of integers
        A class of at least 0 per pixel.
    instances : array (H, W) of integers, optional
        Object numbers, as from `semantic_to_instances` or a network; 0 where no object is. The components of each class
        of things, if not given. An object whose pixels have several classes becomes a segment of each.
    things : sequence of int, optional
        The classes that are counted. If not given: the classes that have objects in `instances`; every class but 0
        without `instances`.
    ignore_index : int, None or "auto", default "auto"
        Pixels without a class: void, number 0. "auto": as for `semantic_to_instances`.

    Returns
    -------
    Panoptic
        ``labels``, (H, W) int32, and ``segments``, one dict each as in COCO's ``segments_info``. Segments are numbered
        by class, then by object. Pixels of things that belong to no object are void.

    Raises
    ------
    TypeError, ValueError
        If the maps are not planes of integers of one shape, or hold negative numbers.

    References
    ----------
    .. [1] A. Kirillov et al., "Panoptic segmentation", CVPR 2019.

    Examples
    --------
    >>> import segalgo
    >>> street = [[0, 0, 0, 0], [2, 2, 0, 2], [1, 1, 1, 1]]
    >>> joined = segalgo.to_panoptic(street, things=[2])
    >>> joined.labels.tolist()
    [[1, 1, 1, 1], [3, 3, 1, 4], [2, 2, 2, 2]]
    >>> [(segment["category_id"], segment["isthing"]) for segment in joined.segments]
    [(0, 0), (1, 0), (2, 1), (2, 1)]
    """
    plane = as_plane(label_map, "label_map")
    if plane.size and plane.min() < 0:
        raise ValueError(f"label_map holds {plane.min()}: expected classes of at least 0")
    classes, class_ranks = rank_values(plane)
    ignored = resolve_ignore_index(ignore_index, classes)
    listed = None if things is None else as_numbers(things, "things")
    if instances is None:
        objects = semantic_to_instances(
            plane, background=0 if things is None else None, ignore_index=ignored, classes=listed
        ).labels
    else:
        objects = as_objects(instances, "instances")
        if objects.shape != plane.shape:
            raise ValueError(f"instances has shape {objects.shape}: expected {plane.shape}, that of label_map")
    numbers, number_ranks = rank_values(objects)
    # A rank of 0 is no object, whether or not the map has cells of none.
    number_ranks = number_ranks + (0 if numbers.size and numbers[0] == 0 else 1)
    valid = np.array([int(value) != ignored for value in classes], bool)[class_ranks]
    if listed is None:
        is_counted = np.bincount(class_ranks[(number_ranks > 0) & valid], minlength=len(classes)) > 0
    else:
        is_counted = np.array([int(value) in set(listed) for value in classes], bool)
    is_thing = is_counted[class_ranks]
    number_ranks = np.where(is_thing, number_ranks, 0)
    keep = valid & ~(is_thing & (number_ranks == 0))
    # One key per (class, object), made of their ranks: ordered by class, then by object, and never too large.
    span = len(numbers) + 1
    keys, ranks = rank_values(class_ranks[keep] * span + number_ranks[keep])
    labels = np.zeros(plane.shape, np.int32)
    labels[keep] = ranks + 1
    return Panoptic(labels, _describe(labels, classes[keys // span], is_counted[keys // span]))


def _describe(labels: np.ndarray, classes: np.ndarray, is_thing: np.ndarray) -> list[dict[str, Any]]:
    """List area and box of every segment as COCO does."""
    statistics = label_statistics(labels, num_labels=len(classes))
    boxes = corners_to_coco(statistics.bounding_box)
    return [
        {
            "id": k + 1,
            "category_id": int(classes[k]),
            "isthing": int(is_thing[k]),
            "iscrowd": 0,
            "area": int(statistics.area[k]),
            "bbox": boxes[k].tolist(),
        }
        for k in range(len(classes))
    ]
