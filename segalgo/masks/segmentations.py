"""The field ``segmentation`` of COCO's annotations in each form in which tools write it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segalgo._core.dispatch import host_wing
from segalgo.masks.codes import as_codes
from segalgo.masks.polygons import MOST_PASSED, as_rings, coco_counts, is_ring


def segmentation_to_rle(
    segmentation: Any, shape: tuple[int, int], argument: str = "segmentation", most_passed: int = MOST_PASSED
) -> dict[str, Any]:
    """Return the run-length code of an annotation's ``segmentation``.

    Polygons (a list of rings, or one flat ring) are drawn as COCO draws them; parts of fewer than three points beside
    a good ring hold nothing and are passed over, as in COCO's tools. A code is taken as it is; a list of codes is
    their union.

    Parameters
    ----------
    segmentation : list or dict
        Rings ``[column, row, ...]``, a run-length code, or a list of codes.
    shape : tuple of int
        (height, width) of the picture.
    argument : str
        What an error calls it.
    most_passed : int
        How many columns the edges of polygons may pass together.

    Returns
    -------
    dict
        ``{"size": [height, width], "counts": array of uint32}``.

    Raises
    ------
    TypeError, ValueError
        If it is none of these, holds what cannot be read, or is of another size than the picture.
    """
    height, width = shape
    if isinstance(segmentation, Mapping):
        return {"size": [height, width], "counts": _as_counts([segmentation], shape, argument)}
    if not isinstance(segmentation, Sequence | np.ndarray) or isinstance(segmentation, str | bytes):
        raise TypeError(
            f"{argument} is {type(segmentation).__name__}: expected a list of polygons, or a run-length code"
        )
    if len(segmentation) == 0:
        raise ValueError(f"{argument} is empty: expected a list of polygons, or a run-length code")
    if all(isinstance(part, Mapping) for part in segmentation):
        return {"size": [height, width], "counts": _as_counts(list(segmentation), shape, argument)}
    parts: Any = segmentation
    if not isinstance(segmentation, np.ndarray) and not is_ring(segmentation):
        parts = [part for part in segmentation if _has_area(part)] or segmentation
    rings = as_rings(parts, argument)
    return {"size": [height, width], "counts": coco_counts(rings, height, width, argument, most_passed)}


def _has_area(part: Any) -> bool:
    """Return whether a part can be more than a point or a line: what is no flat list is left to the checks of rings."""
    flat = isinstance(part, Sequence) and not any(isinstance(value, Sequence | np.ndarray) for value in part)
    return not flat or len(part) >= 6


def _whole_code(code: Mapping[str, Any]) -> dict[str, Any]:
    """Return a code with integers where JSON's one kind of number has become floats of integer value."""
    found = dict(code)
    for key in ("size", "counts"):
        values = found.get(key)
        if isinstance(values, list) and any(isinstance(value, float) for value in values):
            found[key] = [int(v) if isinstance(v, float) and v.is_integer() else v for v in values]
    return found


def _as_counts(codes: list[Any], shape: tuple[int, int], argument: str) -> np.ndarray:
    found = as_codes([_whole_code(code) for code in codes], argument, single=len(codes) == 1)
    for size in found.sizes.tolist():
        if size != list(shape):
            raise ValueError(f"{argument} has size {size}: expected {list(shape)}, the picture's")
    if len(codes) == 1:
        return found.counts
    return host_wing("masks.run_lengths").merge_counts(found.counts, found.offsets, shape[0] * shape[1], False)
