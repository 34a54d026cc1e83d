"""Masks and label maps to polygons: the outlines of objects along the edges of pixels."""

from typing import Any

import numpy as np

from segalgo._core.checks import as_array, one_of
from segalgo.masks.label_runs import rank_labels


def mask_to_polygons(mask: Any, connectivity: int = 1) -> list[list[np.ndarray]]:
    """Return the outline of each object of a mask, with its holes, exactly.

    Outlines run along the edges of cells, so their points are whole numbers, and
    ``polygon_to_mask(polygon, mask.shape)`` of all polygons together is the mask again, to the cell. Points in the
    middle of straight lines are left out. Outer rings go around with the object to their right on the screen
    (clockwise), holes the other way round.

    Parameters
    ----------
    mask : array, (height, width), bool or integers
        Nonzero cells are objects.
    connectivity : {1, 2, 4, 8}, default 1
        Whether cells that touch at a corner only are one object: 1 or 4: no; 2 or 8: yes. What touches the ground
        through a corner is joined the other way round.

    Returns
    -------
    list of polygons
        In the order of their first cells by rows; a polygon is a list of rings, the outer one first; a ring is an
        array (n, 2), float64, of (column, row).

    Raises
    ------
    TypeError, ValueError
        If the mask is not of bool or integers or has not two axes.

    Notes
    -----
    Cost: some passes over the mask; then work in proportion to the number of corners.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.masks import mask_to_polygons
    >>> mask_to_polygons(np.array([[0, 1, 1], [0, 0, 0]]))[0][0].astype(int).tolist()
    [[1, 0], [3, 0], [3, 1], [1, 1]]
    """
    array = as_array(mask, "mask")
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biu":
        raise TypeError(f"mask is {type(array).__name__} of {array.dtype}: expected a NumPy array of bool or integers")
    if array.ndim != 2:
        raise ValueError(f"mask has shape {array.shape}: expected (height, width)")
    joins = one_of(connectivity, "connectivity", (1, 2, 4, 8)) in (2, 8)
    return [polygon for _, polygon in _outlines(np.pad(array != 0, 1).astype(np.int32), joins)]


def labels_to_polygons(labels: Any, connectivity: int = 1) -> dict[int, list[list[np.ndarray]]]:
    """Return the outlines of every object of a label map, with their holes, exactly.

    Equal to ``{k: mask_to_polygons(labels == k) for k in np.unique(labels) if k}``, at the cost of a few passes over
    the map however many objects it has.

    Parameters
    ----------
    labels : array, (height, width), integers or bool
        0 where no object is; numbers may have gaps and be of any size. NumPy.
    connectivity : {1, 2, 4, 8}, default 1
        As `mask_to_polygons`.

    Returns
    -------
    dict of int -> list of polygons
        In ascending order of labels; the polygons of a label in the order of their first cells by rows.

    Raises
    ------
    TypeError
        If labels are not integers or bool, or no NumPy array.
    ValueError
        If a label is negative, the map has not two axes, or `connectivity` is another.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.masks import labels_to_polygons
    >>> found = labels_to_polygons(np.array([[0, 7, 7], [3, 3, 7]]))
    >>> {number: [ring.astype(int).tolist() for ring in polygons[0]] for number, polygons in found.items()}
    {3: [[[0, 1], [2, 1], [2, 2], [0, 2]]], 7: [[[1, 0], [3, 0], [3, 2], [2, 2], [2, 1], [1, 1]]]}
    """
    joins = one_of(connectivity, "connectivity", (1, 2, 4, 8)) in (2, 8)
    ranks, names = rank_labels(labels, "labels")
    found: dict[int, list[list[np.ndarray]]] = {}
    for rank, polygon in _outlines(np.pad(ranks, 1), joins):
        found.setdefault(int(names[rank - 1]), []).append(polygon)
    return {number: found[number] for number in sorted(found)}


def join_holes(polygon: list[np.ndarray]) -> np.ndarray:
    """Return a polygon with holes as one ring, for formats that have no holes.

    The ring runs to each hole and back along one line, which encloses nothing: masks drawn of the ring are those of
    the polygon, by the rules ``center`` and ``coco`` alike.
    """
    outer, *holes = polygon
    parts = [outer]
    for hole in holes:
        parts += [outer[:1], hole, hole[:1]]
    return np.concatenate(parts)


def _outlines(labels: np.ndarray, joins: bool) -> list[tuple[int, list[np.ndarray]]]:
    """Return label and rings of every object of a label map with a border of 0, by its first cell."""
    corners = _corners(labels, joins)
    return _grouped(_rings(corners), labels, joins) if len(corners) else []


def _corners(labels: np.ndarray, joins: bool) -> np.ndarray:
    """Return the corners of outlines as rows (label, i, j, 1 if the line leaves to the right, 1 if it leaves downward).

    A point where four cells meet is a corner of a label if an odd number of them has it; if two that are diagonal
    have it, it is two corners, one for each object (or, where objects join, for each piece of what is around them).
    """
    blocks = labels[:-1, :-1], labels[:-1, 1:], labels[1:, :-1], labels[1:, 1:]
    i, j = np.nonzero((blocks[0] != blocks[1]) | (blocks[0] != blocks[2]) | (blocks[0] != blocks[3]))
    values = np.column_stack([block[i, j] for block in blocks])
    found = [np.empty((0, 5), np.int64)]
    for k in range(4):
        own = values[:, k]
        fresh = (own != 0) & (values[:, :k] != own[:, None]).all(axis=1)
        place = np.column_stack([own[fresh], i[fresh], j[fresh]])
        top_left, top_right, bottom_left, bottom_right = (values[fresh] == own[fresh, None]).T
        left, right = top_left != bottom_left, top_right != bottom_right
        up, down = top_left != top_right, bottom_left != bottom_right
        simple, cross = (left != right) & (up != down), left & right & up & down
        # Lines pair up around the top left cell if it stands alone there, else around the top right one.
        turn = (top_left == joins)[cross]
        for where, to_right, downward in (
            (simple, right[simple], down[simple]),
            (cross, turn, np.zeros_like(turn)),
            (cross, ~turn, np.ones_like(turn)),
        ):
            found.append(np.column_stack([place[where], to_right, downward]).astype(np.int64))
    return np.concatenate(found)


def _rings(corners: np.ndarray) -> list[np.ndarray]:
    """Return the rings as arrays of corner rows: each corner has one neighbour along its row, one along its column."""
    label, i, j, right, down = corners.T
    along_row, along_column = np.empty(len(corners), np.int64), np.empty(len(corners), np.int64)
    # Sorted along a row, lines begin (leave to the right) and end in turns; one that ends goes before one that begins.
    orders = (np.lexsort((right, j, i, label)), along_row), (np.lexsort((down, i, j, label)), along_column)
    for order, neighbour in orders:
        neighbour[order[::2]], neighbour[order[1::2]] = order[1::2], order[::2]
    beyond, across = along_row.tolist(), along_column.tolist()
    seen = bytearray(len(corners))
    rings = []
    for start in np.lexsort((j, i)).tolist():
        if seen[start]:
            continue
        ring, at = [], start
        while not seen[at]:
            other = beyond[at]
            seen[at] = seen[other] = 1
            ring += (at, other)
            at = across[other]
        rings.append(corners[ring])
    return rings


def _grouped(rings: list[np.ndarray], labels: np.ndarray, joins: bool) -> list[tuple[int, list[np.ndarray]]]:
    """Return the rings as polygons with their labels: each hole goes to the object that lies around it."""
    from segalgo.labels.labeling import label

    objects = label(labels, connectivity=2 if joins else 1)
    polygons: dict[int, tuple[int, list[np.ndarray]]] = {}
    for ring in rings:
        own = int(ring[0, 0])
        points = ring[:, [2, 1]].astype(np.float64)
        number = int(objects[_object_cell(ring[0], labels)])
        after = np.roll(points, -1, axis=0)
        # The first corner is the top left one of the ring: an outer ring has its object below and right of it.
        area = (points[:, 0] * after[:, 1] - points[:, 1] * after[:, 0]).sum()
        outer = number not in polygons
        polygons.setdefault(number, (own, []))[1].append(points if (area > 0) == outer else points[::-1])
    return [polygons[number] for number in sorted(polygons)]


def _object_cell(corner: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
    """Return a cell of the object that a corner belongs to, in the padded map."""
    own, i, j, right, down = corner.tolist()
    if labels[i + down, j + right] == own:
        return i + down, j + right
    return i + down, j + 1 - right
