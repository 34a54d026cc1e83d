"""Objects: from class maps to numbered objects and back, panoptic maps, boxes and counts."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo._core.checks import as_array
from segalgo.labels.labeling import label
from segalgo.labels.measurement import label_statistics

IGNORE_INDEX = 255


class Instances(NamedTuple):
    """Numbered objects and what they are."""

    labels: np.ndarray
    """(H, W) int32: 0 where no object is, objects 1 to K."""
    classes: np.ndarray
    """(K,) int64: the class of object k + 1."""


class Panoptic(NamedTuple):
    """A map in which every pixel belongs to one segment at most, and what the segments are."""

    labels: np.ndarray
    """(H, W) int32: segment numbers from 1, 0 where a pixel belongs to none (void)."""
    segments: list[dict[str, Any]]
    """COCO's ``segments_info``: ``id``, ``category_id``, ``isthing``, ``iscrowd``, ``area``, ``bbox`` (x, y, w, h)."""


def semantic_to_instances(
    label_map: Any,
    *,
    background: int | None = 0,
    ignore_index: int | None = IGNORE_INDEX,
    classes: Sequence[int] | None = None,
    connectivity: int | None = None,
    split_touching: bool = False,
    depth: float = 1.0,
) -> Instances:
    """Number the objects of a class map: each connected component of one class is an object.

    A class map says what each pixel is; it does not say where one car ends and the next begins. Components tell
    objects apart that do not touch. With `split_touching`, objects of one class that touch are cut at their necks: a
    watershed floods the distance to the object's edge from its peaks, and basins that are less than `depth` pixels
    deeper than the pass between them stay one object.

    Parameters
    ----------
    label_map : array (H, W) of integers
        A class per pixel.
    background : int or None, default 0
        The class that is no object; None where every class is one.
    ignore_index : int or None, default 255
        Pixels without a class; they belong to no object.
    classes : sequence of int, optional
        The classes whose objects are counted (things); all others are no objects.
    connectivity : int, optional
        1 or 4: neighbours share a side. 2 or 8, the default: or a corner.
    split_touching : bool, default False
        Cut touching objects apart.
    depth : float, default 1.0
        How many pixels wider than the neck both halves' radii must be for a cut; larger values cut less.

    Returns
    -------
    Instances
        ``labels``, (H, W) int32, numbered 1 to K by their first pixel in row order; ``classes``, (K,) int64.

    Raises
    ------
    TypeError, ValueError
        If `label_map` is not a plane of integers, or `depth` is not above 0.

    Notes
    -----
    Components come from `label`; distance transform and watershed are SciPy's and scikit-image's. The cost of cutting
    grows with the area of the objects' boxes.

    References
    ----------
    .. [1] F. Meyer, S. Beucher, "Morphological segmentation", J. Visual Communication and Image Representation 1(1),
       1990.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> cars = np.array([[1, 1, 0, 1], [0, 0, 0, 1], [2, 2, 0, 0]])
    >>> segalgo.semantic_to_instances(cars).labels.tolist()
    [[1, 1, 0, 2], [0, 0, 0, 2], [3, 3, 0, 0]]
    >>> segalgo.semantic_to_instances(cars).classes.tolist()
    [1, 1, 2]
    """
    plane = _as_plane(label_map, "label_map")
    if not depth > 0:
        raise ValueError(f"depth={depth!r}: expected a number above 0")
    # Classes shifted to 1, 2 ... leave 0 for what is no object, whatever numbers the classes have.
    present, ranks = _ranked(plane)
    counted = np.ones(len(present), bool) if classes is None else np.isin(present, list(classes))
    for number in (background, ignore_index):
        if number is not None:
            counted &= present != number
    shifted = np.where(counted, np.arange(1, len(present) + 1, dtype=np.int32), 0)[ranks]
    labels = label(shifted, connectivity=connectivity)
    if split_touching and labels.size:
        labels = _split(labels, depth, connectivity)
    count = int(labels.max(initial=0))
    found = np.zeros(count + 1, np.int64)
    found[labels.reshape(-1)] = plane.reshape(-1)
    return Instances(labels.astype(np.int32, copy=False), found[1:])


def _split(labels: np.ndarray, depth: float, connectivity: int | None) -> np.ndarray:
    """Cut every component at its necks; number the parts by their first pixel in row order."""
    from scipy.ndimage import find_objects

    corners = 1 if connectivity in (1, 4) else 2
    parts = np.zeros(labels.shape, np.int64)
    count = 0
    for number, box in enumerate(find_objects(labels), 1):
        mask = labels[box] == number
        found, basins = _basins(mask, depth, corners)
        parts[box][mask] = found[mask] + count
        count += basins
    values, first, where = np.unique(parts, return_index=True, return_inverse=True)
    objects = values > 0
    rank = np.zeros(len(values), np.int64)
    rank[np.nonzero(objects)[0][np.argsort(first[objects])]] = np.arange(1, objects.sum() + 1)
    return rank[where].reshape(labels.shape)


def _basins(mask: np.ndarray, depth: float, corners: int) -> tuple[np.ndarray, int]:
    """Return the basins 1 to K of one component, and K."""
    from scipy.ndimage import distance_transform_edt
    from skimage.morphology import local_maxima, reconstruction
    from skimage.segmentation import watershed

    distance = np.pad(distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1], 1)
    # Peaks that rise less than `depth` above the pass to a higher one vanish when the surface is rebuilt from below.
    # Rounding keeps plateaus flat: 5.0 - 1.3 and 3.7 differ in their last bit.
    rebuilt = np.round(reconstruction(np.maximum(distance - depth, 0), distance), 9)
    peaks, count = label(local_maxima(rebuilt) & (distance > 0), return_num=True)
    if count < 2:
        return mask.astype(np.int64), 1
    inside = np.pad(mask, 1)
    return watershed(-distance, peaks, connectivity=corners, mask=inside)[1:-1, 1:-1], count


def instances_to_semantic(labels: Any, classes: Any, background: int = 0) -> np.ndarray:
    """Return the class map of numbered objects, the inverse of `semantic_to_instances`.

    Parameters
    ----------
    labels : array (H, W) of integers
        0 where no object is, objects 1 to K.
    classes : sequence of K integers
        The class of object k + 1.
    background : int, default 0
        The class of pixels of no object.

    Returns
    -------
    array (H, W)
        uint8 where all classes fit, else int64.

    Raises
    ------
    TypeError, ValueError
        If `labels` is not a plane of integers of at least 0, or holds objects that `classes` does not list.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.instances_to_semantic([[1, 1, 0, 2]], [7, 8]).tolist()
    [[7, 7, 0, 8]]
    """
    plane = _as_objects(labels)
    listed = np.asarray(classes)
    if listed.size == 0:
        listed = listed.astype(np.int64)
    if listed.ndim != 1 or listed.dtype.kind not in "iu":
        raise ValueError(f"classes has dtype {listed.dtype}, shape {listed.shape}: expected one integer per object")
    highest = int(plane.max(initial=0))
    if highest > len(listed):
        raise ValueError(
            f"labels holds object {highest}, classes lists {len(listed)}: expected a class for each object"
        )
    table = np.concatenate([[background], listed])
    fits = table.min() >= 0 and table.max() <= 255
    return table.astype(np.uint8 if fits else np.int64)[plane]


def to_panoptic(
    label_map: Any,
    instances: Any = None,
    *,
    things: Sequence[int] | None = None,
    ignore_index: int | None = IGNORE_INDEX,
) -> Panoptic:
    """Join a class map and numbered objects to a panoptic map: stuff by class, things one by one.

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
    ignore_index : int or None, default 255
        Pixels without a class: void, number 0.

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
    plane = _as_plane(label_map, "label_map")
    if plane.size and plane.min() < 0:
        raise ValueError(f"label_map holds {plane.min()}: expected classes of at least 0")
    if instances is None:
        wanted = None if things is None else list(things)
        numbers = semantic_to_instances(
            plane, background=0 if things is None else None, ignore_index=ignore_index, classes=wanted
        ).labels
    else:
        numbers = _as_objects(instances, "instances")
        if numbers.shape != plane.shape:
            raise ValueError(f"instances has shape {numbers.shape}: expected {plane.shape}, that of label_map")
    valid = np.ones(plane.shape, bool) if ignore_index is None else plane != ignore_index
    counted = np.unique(plane[(numbers > 0) & valid]) if things is None else np.asarray(list(things), np.int64)
    is_thing = np.isin(plane, counted)
    number = np.where(is_thing, numbers, 0)
    keep = valid & ~(is_thing & (number == 0))
    # One key per (class, object): ordered by class, then by object.
    span = int(number.max(initial=0)) + 1
    keys, ranks = _ranked(plane[keep].astype(np.int64) * span + number[keep])
    labels = np.zeros(plane.shape, np.int32)
    labels[keep] = ranks + 1
    return Panoptic(labels, _describe(labels, keys // span, np.isin(keys // span, counted)))


def _describe(labels: np.ndarray, classes: np.ndarray, is_thing: np.ndarray) -> list[dict[str, Any]]:
    """List area and box of every segment as COCO does."""
    statistics = label_statistics(labels, num_labels=len(classes))
    boxes = _corners_to_coco(statistics.bounding_box)
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
    plane = _as_objects(labels)
    if form not in ("corners", "coco"):
        raise ValueError(f"form={form!r}: expected 'corners' or 'coco'")
    corners = label_statistics(plane).bounding_box
    return _corners_to_coco(corners) if form == "coco" else corners


def _corners_to_coco(corners: np.ndarray) -> np.ndarray:
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
    plane = _as_objects(labels)
    present = np.unique(plane)
    present = present[present > 0]
    if classes is None:
        return len(present)
    listed = np.asarray(classes, np.int64).reshape(-1)
    if present.size and present[-1] > len(listed):
        raise ValueError(
            f"labels holds object {present[-1]}, classes lists {len(listed)}: expected a class for each object"
        )
    return {
        int(number): int(count)
        for number, count in zip(*np.unique(listed[present - 1], return_counts=True), strict=True)
    }


def _ranked(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values that occur, ascending, and the place of every cell's value among them."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if not 0 <= low <= high <= max(2**16, values.size):
        present, ranks = np.unique(values, return_inverse=True)
        return present, ranks.reshape(values.shape)
    # Small numbers need no sorting: a table says which occur.
    occurs = np.bincount(values.reshape(-1), minlength=1) > 0
    present = np.flatnonzero(occurs) if values.size else np.zeros(0, np.int64)
    return present, (np.cumsum(occurs) - 1)[values]


def _as_plane(values: Any, name: str) -> np.ndarray:
    """Return a (H, W) integer array of NumPy."""
    plane = as_array(values, name)
    if is_cupy(plane):
        raise TypeError(f"{name} is a CuPy array: expected NumPy's, fetch it with .get()")
    if plane.dtype.kind not in "iub":
        raise TypeError(f"{name} has dtype {plane.dtype}: expected integers")
    if plane.ndim != 2:
        raise ValueError(f"{name} has shape {plane.shape}: expected (H, W)")
    return plane.astype(np.uint8) if plane.dtype == bool else plane


def _as_objects(values: Any, name: str = "labels") -> np.ndarray:
    plane = _as_plane(values, name)
    if plane.size and plane.min() < 0:
        raise ValueError(f"{name} holds {plane.min()}: expected object numbers of at least 0")
    return plane
