"""Polygons to masks and back.

Points are (column, row) in units of pixels, as in COCO and Cityscapes: cell (i, j) covers columns j to j + 1 and rows
i to i + 1, its centre is (j + 0.5, i + 0.5). A polygon is one ring or several; a ring is an array (n, 2) or, as in
COCO, a flat list ``[column, row, column, row, ...]``, or, as OpenCV's contours, an array (n, 1, 2). The last point
joins the first.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo._core.checks import as_array, as_contiguous, as_pair, one_of
from segalgo._core.dispatch import host_wing
from segalgo.masks.codes import MOST_CELLS, MOST_DECODED
from segalgo.masks.run_lengths import mask_to_rle, rle_to_mask

# Points beyond it are no pixels of any picture; within it the kernels' integers hold.
FARTHEST = 2.0**24
# Columns (of the rule "center": rows) of the picture that the edges of a polygon may pass, each edge by itself: what
# the work and the scratch are in proportion to. Outlines of objects pass far fewer.
MOST_PASSED = 2**26


def polygon_to_mask(
    polygon: Any, shape: tuple[int, int], rule: str = "center", crossings: str = "even-odd"
) -> np.ndarray:
    """Return the mask of a polygon.

    ``center``: the cells whose centre lies in an odd number of rings, so a ring within another is a hole, and a ring
    that crosses itself leaves out what it winds around twice. Edges are half-open: a centre exactly on an edge
    belongs to the polygon on the edge's right or lower side. Polygons that share an edge, point by point, therefore
    neither overlap nor leave a gap. ``coco``: the union of the rings, each drawn by the rule of COCO's tools, which
    covers a little more than the centres; neighbours may overlap.

    Parameters
    ----------
    polygon : ring or sequence of rings
        Arrays (n, 2), arrays (n, 1, 2) as OpenCV's contours, or flat lists of (column, row); at least three points
        each. Points may lie outside the picture, up to 2^24 pixels.
    shape : tuple of int
        (height, width) of the result.
    rule : {"center", "coco"}, default "center"
        See above.
    crossings : {"even-odd", "raise"}, default "even-odd"
        Whether a ring may cross itself: fill it as said, or raise and name the edges. The check compares all pairs of
        edges.

    Returns
    -------
    array, (height, width), uint8
        1 inside, 0 outside.

    Raises
    ------
    TypeError, ValueError
        If a ring has fewer than three points, an odd list of numbers, a number that is nan, infinite or too far, or
        crosses itself where that is refused; if the shape is negative or larger than 2^28 cells; if the edges pass
        more than 2^26 rows of it (for ``coco``, columns), each edge by itself.

    Notes
    -----
    Grade: exact. Cost: one step for each row that each edge passes; for ``coco``, each column.

    Examples
    --------
    >>> from segalgo.masks import polygon_to_mask
    >>> polygon_to_mask([[0, 0], [3, 0], [0, 3]], (3, 4))
    array([[1, 1, 0, 0],
           [1, 0, 0, 0],
           [0, 0, 0, 0]], dtype=uint8)
    """
    one_of(rule, "rule", ("center", "coco"))
    if rule == "coco":
        height, width = _shape(shape, MOST_DECODED)
        return rle_to_mask(polygon_to_rle(polygon, (height, width), rule, crossings))
    height, width = _shape(shape, MOST_DECODED)
    rings = as_rings(polygon, "polygon")
    _check_crossings(rings, crossings)
    _check_passed(rings, 1, height, "polygon", MOST_PASSED)
    offsets = np.cumsum([0, *map(len, rings)])
    points = np.concatenate(rings) if rings else np.empty((0, 2))
    return host_wing("masks.polygons").fill_rings(points, offsets, height, width)


def polygon_to_rle(
    polygon: Any, shape: tuple[int, int], rule: str = "coco", crossings: str = "even-odd"
) -> dict[str, Any]:
    """Return the run-length code of a polygon, without drawing its mask where the rule is COCO's.

    Parameters
    ----------
    polygon : ring or sequence of rings
        As `polygon_to_mask`.
    shape : tuple of int
        (height, width) of the picture.
    rule : {"coco", "center"}, default "coco"
        As `polygon_to_mask`; ``coco`` is equal to pycocotools' ``merge(frPyObjects(polygon, height, width))``.
    crossings : {"even-odd", "raise"}, default "even-odd"
        As `polygon_to_mask`.

    Returns
    -------
    dict
        ``{"size": [height, width], "counts": bytes}``.

    Raises
    ------
    TypeError, ValueError
        As `polygon_to_mask`, of a size up to 2^32 cells for ``coco``.

    Examples
    --------
    >>> from segalgo.masks import polygon_to_rle
    >>> polygon_to_rle([1, 1, 4, 1, 4, 3, 1, 3], (5, 6))
    {'size': [5, 6], 'counts': b'6230009'}
    """
    one_of(rule, "rule", ("center", "coco"))
    if rule == "center":
        return mask_to_rle(polygon_to_mask(polygon, shape, rule, crossings))
    height, width = _shape(shape, MOST_CELLS)
    rings = as_rings(polygon, "polygon")
    _check_crossings(rings, crossings)
    counts = coco_counts(rings, height, width, "polygon")
    return {"size": [height, width], "counts": host_wing("masks.run_lengths").counts_to_text(counts)}


def coco_counts(
    rings: list[np.ndarray], height: int, width: int, argument: str, most_passed: int = MOST_PASSED
) -> np.ndarray:
    """Return the run lengths of the union of rings by COCO's rule."""
    _check_passed(rings, 0, width, argument, most_passed)
    kernels = host_wing("masks.polygons")
    parts = [kernels.coco_counts(ring, height, width) for ring in rings]
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return np.array([height * width], np.uint32)
    offsets = np.cumsum([0, *map(len, parts)])
    return host_wing("masks.run_lengths").merge_counts(np.concatenate(parts), offsets, height * width, False)


def as_rings(polygon: Any, argument: str) -> list[np.ndarray]:
    """Return a polygon's rings as float64 arrays (n, 2), checked."""
    if isinstance(polygon, np.ndarray) and polygon.ndim == 3 and polygon.shape[1:] == (1, 2):
        parts, names = [polygon], [argument]  # a contour of OpenCV
    elif isinstance(polygon, np.ndarray):
        parts = list(polygon) if polygon.ndim == 3 else [polygon]
        names = [argument] if polygon.ndim != 3 else [f"{argument}[{k}]" for k in range(len(parts))]
    elif not isinstance(polygon, Sequence) or isinstance(polygon, str | bytes):
        raise TypeError(f"{argument} is {type(polygon).__name__}: expected a ring, or a sequence of rings")
    elif len(polygon) and is_ring(polygon):
        parts, names = [polygon], [argument]
    else:
        parts, names = list(polygon), [f"{argument}[{k}]" for k in range(len(polygon))]
    return [_as_ring(part, name) for part, name in zip(parts, names, strict=True)]


def _check_passed(rings: list[np.ndarray], axis: int, length: int, argument: str, most: int) -> None:
    """Refuse polygons whose edges pass more columns (axis 0) or rows (axis 1) of the picture than `most`."""
    if sum(map(len, rings)) * length <= most:
        return
    passed = 0.0
    for ring in rings:
        ends = np.clip(ring[:, axis], 0, length)
        passed += np.abs(ends - np.roll(ends, -1)).sum()
    if passed > most:
        what = "rows" if axis else "columns"
        raise ValueError(f"{argument} has edges that pass {passed:.0f} {what} of the picture: expected at most {most}")


def is_ring(polygon: Sequence[Any]) -> bool:
    """Return whether this is one ring: a flat list of numbers, or a list of pairs."""
    first = polygon[0]
    if not isinstance(first, Sequence | np.ndarray):
        return True
    return len(first) == 2 and not any(isinstance(value, Sequence | np.ndarray) for value in first)


def _as_ring(ring: Any, name: str) -> np.ndarray:
    if isinstance(ring, list | tuple):
        try:
            points = np.asarray(ring, np.float64)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"{name}: expected points (column, row) or a flat list of numbers") from None
    else:
        points = as_array(ring, name)
        if is_cupy(points) or points.dtype.kind not in "biuf":
            raise TypeError(f"{name} has dtype {points.dtype}: expected real numbers, in an array of NumPy")
        points = points.astype(np.float64)
    if points.ndim == 3 and points.shape[1:] == (1, 2):
        points = points[:, 0]  # a contour of OpenCV
    if points.ndim == 1 and points.size % 2 == 0:
        points = points.reshape(-1, 2)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{name} has shape {points.shape}: expected (n, 2), or a flat list of an even length")
    if len(points) < 3:
        raise ValueError(f"{name} has {len(points)} points: expected at least 3")
    wrong = ~(np.abs(points) <= FARTHEST).all(axis=1)  # nan too
    if wrong.any():
        k = int(wrong.argmax())
        raise ValueError(f"{name} has point {k} at {points[k].tolist()}: expected numbers within {FARTHEST:.0f}")
    return as_contiguous(points)


def _shape(shape: Any, most: int) -> tuple[int, int]:
    height, width = as_pair(tuple(shape) if isinstance(shape, list) else shape, "shape", 0)
    if height * width > most:
        raise ValueError(f"shape=({height}, {width}): expected at most {most} cells")
    return height, width


def _check_crossings(rings: list[np.ndarray], crossings: str) -> None:
    one_of(crossings, "crossings", ("even-odd", "raise"))
    if crossings == "even-odd":
        return
    for k, ring in enumerate(rings):
        found = _first_crossing(ring)
        if found:
            raise ValueError(
                f"ring {k} crosses itself: its edges {found[0]} and {found[1]} cross; expected none that do"
            )


def _first_crossing(ring: np.ndarray) -> tuple[int, int] | None:
    """Return the first two edges that cross within both of them, a block of edges against all at a time."""
    after = np.roll(ring, -1, axis=0)
    for first in range(0, len(ring), 256):
        a, b = ring[first : first + 256, None], after[first : first + 256, None]
        apart = _side(a, b, ring) * _side(a, b, after) < 0
        both = apart & (_side(ring, after, a) * _side(ring, after, b) < 0)
        if both.any():
            k, m = np.unravel_index(int(both.argmax()), both.shape)
            return first + int(k), int(m)
    return None


def _side(a: np.ndarray, b: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Return on which side of the line from a to b points lie: -1, 0, 1."""
    return np.sign(
        (b[..., 0] - a[..., 0]) * (point[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (point[..., 0] - a[..., 0])
    )
