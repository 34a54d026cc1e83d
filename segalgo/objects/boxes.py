"""Boxes and counts of numbered objects."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from segalgo._core.checks import one_of
from segalgo.labels.measurement import label_statistics
from segalgo.objects.planes import as_numbers, as_objects


def bounding_boxes(labels: Any, *, form: str = "corners") -> np.ndarray:
    """Return the bounding box of every object.

    Parameters
    ----------
    labels : array (H, W) of integers
        0 where no object is, objects 1 to K.
    form : {"corners", "coco"}, default "corners"
        "corners": first row, first column, and one past the last row and column. "coco": first column, first row,
        width, height.

    Returns
    -------
    array (K, 4) of int64
        Row k is object k + 1; zeros where a number is absent. As in `label_statistics`, rows belong to the numbers
        that occur, ascending, where the largest exceeds both 65536 and the number of pixels.

    Raises
    ------
    TypeError, ValueError
        If `labels` is not a plane of integers of at least 0, or `form` is unknown.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.bounding_boxes([[0, 1, 1], [2, 0, 1]]).tolist()
    [[0, 1, 2, 3], [1, 0, 2, 1]]
    >>> segalgo.bounding_boxes([[0, 1, 1], [2, 0, 1]], form="coco").tolist()
    [[1, 0, 2, 2], [0, 1, 1, 1]]
    """
    plane = as_objects(labels)
    one_of(form, "form", ("corners", "coco"))
    corners = label_statistics(plane).bounding_box
    return corners_to_coco(corners) if form == "coco" else corners


def corners_to_coco(corners: np.ndarray) -> np.ndarray:
    """Return boxes as COCO writes them: first column, first row, width, height."""
    return np.stack([corners[:, 1], corners[:, 0], corners[:, 3] - corners[:, 1], corners[:, 2] - corners[:, 0]], 1)


def count_objects(labels: Any, classes: Any = None) -> int | Mapping[int, int]:
    """Count the objects of a map, or those of each class.

    Parameters
    ----------
    labels : array (H, W) of integers
        0 where no object is; every other number is one object, gaps do not count.
    classes : sequence of K integers, optional
        The class of object k + 1.

    Returns
    -------
    int, or dict of class -> int
        The dict, in ascending order of classes, where `classes` is given.

    Raises
    ------
    TypeError, ValueError
        If `labels` is not a plane of integers of at least 0, or holds objects that `classes` does not list.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.count_objects([[1, 1, 0, 5]])
    2
    >>> segalgo.count_objects([[1, 1, 0, 2]], classes=[7, 7])
    {7: 2}
    """
    plane = as_objects(labels)
    present = np.unique(plane)
    present = present[present > 0]
    if classes is None:
        return len(present)
    listed = as_numbers(classes, "classes")
    if present.size and present[-1] > len(listed):
        raise ValueError(
            f"labels holds object {present[-1]}, classes lists {len(listed)}: expected a class for each object"
        )
    found = Counter(listed[number - 1] for number in present.tolist())
    return dict(sorted(found.items()))
