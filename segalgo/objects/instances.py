"""Numbered objects: from class maps to objects and back."""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from segalgo._core.checks import as_flag, as_integer, as_number, one_of
from segalgo._core.label_warning import LabelWarning
from segalgo.labels.labeling import label
from segalgo.morphology.distance_transform import distance_transform
from segalgo.morphology.extrema import local_maxima
from segalgo.morphology.reconstruction import reconstruction
from segalgo.morphology.watershed import watershed
from segalgo.objects.planes import as_integers, as_numbers, as_objects, as_plane, rank_values

IGNORE_INDEX = 255


class Instances(NamedTuple):
    """Numbered objects and what they are."""

    labels: np.ndarray
    """(H, W) int32: 0 where no object is, objects 1 to K."""
    classes: np.ndarray
    """(K,) int64, or uint64 where a class needs it: the class of object k + 1."""


def semantic_to_instances(
    label_map: Any,
    *,
    background: int | None = 0,
    ignore_index: int | str | None = "auto",
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
    ignore_index : int, None or "auto", default "auto"
        Pixels without a class; they belong to no object. "auto": 255, unless 0 and 255 are the only values. Such a
        map is a mask, whose 255 is the object, and a `LabelWarning` says so.
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
        ``labels``, (H, W) int32, numbered 1 to K by their first pixel in row order; ``classes``,
        (K,) int64 (uint64 where a class needs it).

    Raises
    ------
    TypeError, ValueError
        If `label_map` is not a plane of integers, or `depth` is not above 0.

    Warns
    -----
    LabelWarning
        Where 255 was taken for an object.

    Notes
    -----
    Composed of `label`, and for cutting of `distance_transform`, `reconstruction`, `local_maxima` and `watershed`
    (``method="forest"``). The cost of cutting grows with the area of the objects' boxes.

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
    plane = as_plane(label_map, "label_map")
    if not as_number(depth, "depth") > 0:
        raise ValueError(f"depth={depth}: expected a number above 0")
    split = as_flag(split_touching, "split_touching")
    if background is not None:
        background = as_integer(background, "background", most=2**64)
    # Classes shifted to 1, 2 ... leave 0 for what is no object, whatever numbers the classes have.
    present, ranks = rank_values(plane)
    ignored = resolve_ignore_index(ignore_index, present)
    wanted = None if classes is None else set(as_numbers(classes, "classes"))
    left_out = {background, ignored}
    counted = [value not in left_out and (wanted is None or value in wanted) for value in map(int, present)]
    shifted = np.where(counted, np.arange(1, len(present) + 1, dtype=np.int32), 0)[ranks]
    labels = label(shifted, connectivity=connectivity)
    if split and labels.size:
        labels = _split(labels, depth, connectivity)
    count = int(labels.max(initial=0))
    large = plane.dtype == np.uint64 and plane.size and plane.max() > np.iinfo(np.int64).max
    found = np.zeros(count + 1, np.uint64 if large else np.int64)
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
    # A margin of background, so that the border is an edge too.
    inside = np.pad(mask, 1)
    distance = distance_transform(inside, dtype="float64")
    # Peaks that rise less than `depth` above the pass to a higher one vanish when the surface is rebuilt from below.
    # Rounding keeps plateaus flat: 5.0 - 1.3 and 3.7 differ in their last bit.
    rebuilt = np.round(reconstruction(np.maximum(distance - depth, 0), distance), 9)
    peaks, count = label(local_maxima(rebuilt) & inside, return_num=True)
    if count < 2:
        return mask.astype(np.int64), 1
    basins = watershed(-distance, peaks, connectivity=corners, mask=inside, method="forest")
    return basins[1:-1, 1:-1], count


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
        uint8 where all classes fit, else int64, or uint64 where one needs it.

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
    plane = as_objects(labels)
    listed = as_numbers(classes, "classes")
    highest = int(plane.max(initial=0))
    if highest > len(listed):
        raise ValueError(
            f"labels holds object {highest}, classes lists {len(listed)}: expected a class for each object"
        )
    table = as_integers([as_integer(background, "background", most=2**64), *listed], "background and classes")
    fits = table.min() >= 0 and table.max() <= 255
    return table.astype(np.uint8 if fits else table.dtype)[plane]


def resolve_ignore_index(ignore_index: int | str | None, present: np.ndarray) -> int | None:
    """Return what is ignored in a class map of these values: of masks of 0 and 255, nothing."""
    if ignore_index is None:
        return None
    if not isinstance(ignore_index, str):
        return as_integer(ignore_index, "ignore_index", most=2**64)
    one_of(ignore_index, "ignore_index", ("auto",))
    if present.tolist() == [0, IGNORE_INDEX]:
        warnings.warn(
            "label_map holds 0 and 255 alone: 255 is taken for an object (ignore_index=255 says otherwise)",
            LabelWarning,
            stacklevel=3,
        )
        return None
    return IGNORE_INDEX
