"""Masks to polygons: the outlines of objects along the edges of pixels."""

from typing import Any

import numpy as np

from segalgo._core.checks import as_array, one_of


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
    inside = np.pad(array != 0, 1)
    corners = _corners(inside, joins)
    if len(corners) == 0:
        return []
    return _grouped(_rings(corners), inside, joins)


def _corners(inside: np.ndarray, joins: bool) -> np.ndarray:
    """Return the corners of outlines as rows (i, j, 1 if the line leaves to the right, 1 if it leaves downward).

    A point where four cells meet is a corner if an odd number of them is inside; if two that are diagonal, it is two
    corners, one for each object (or, where objects join, for each piece of ground).
    """
    top_left, top_right = inside[:-1, :-1], inside[:-1, 1:]
    bottom_left, bottom_right = inside[1:, :-1], inside[1:, 1:]
    left, right = top_left != bottom_left, top_right != bottom_right
    up, down = top_left != top_right, bottom_left != bottom_right
    simple = (left != right) & (up != down)
    i, j = np.nonzero(simple)
    found = [np.column_stack([i, j, right[i, j], down[i, j]])]
    i, j = np.nonzero(left & right & up & down)
    # Lines pair up around the top left cell if it stands alone there, else around the top right one.
    turn = top_left[i, j] == joins
    found += [np.column_stack([i, j, turn, np.zeros_like(i)]), np.column_stack([i, j, ~turn, np.ones_like(i)])]
    return np.concatenate(found).astype(np.int64)


def _rings(corners: np.ndarray) -> list[np.ndarray]:
    """Return the rings as arrays of corner rows: each corner has one neighbour along its row, one along its column."""
    i, j, right, down = corners.T
    along_row, along_column = np.empty(len(corners), np.int64), np.empty(len(corners), np.int64)
    # Sorted along a row, lines begin (leave to the right) and end in turns; one that ends goes before one that begins.
    for order, neighbour in ((np.lexsort((right, j, i)), along_row), (np.lexsort((down, i, j)), along_column)):
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


def _grouped(rings: list[np.ndarray], inside: np.ndarray, joins: bool) -> list[list[np.ndarray]]:
    """Return the rings as polygons: each hole goes to the object that lies around it."""
    from segalgo.labels.labeling import label

    objects = label(inside, connectivity=2 if joins else 1)
    polygons: dict[int, list[np.ndarray]] = {}
    for ring in rings:
        points = ring[:, [1, 0]].astype(np.float64)
        number = int(objects[_object_cell(ring[0], inside)])
        after = np.roll(points, -1, axis=0)
        # The first corner is the top left one of the ring: an outer ring has its object below and right of it.
        area = (points[:, 0] * after[:, 1] - points[:, 1] * after[:, 0]).sum()
        outer = number not in polygons
        polygons.setdefault(number, []).append(points if (area > 0) == outer else points[::-1])
    return [polygons[number] for number in sorted(polygons)]


def _object_cell(corner: np.ndarray, inside: np.ndarray) -> tuple[int, int]:
    """Return a cell of the object that a corner belongs to, in the padded mask."""
    i, j, right, down = corner.tolist()
    if inside[i + down, j + right]:
        return i + down, j + right
    return i + down, j + 1 - right
