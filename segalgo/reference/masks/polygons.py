"""Polygons to masks: the reference of `segalgo.masks.polygon_to_mask`.

Points are (column, row) in units of pixels: cell (i, j) covers columns j ... j + 1 and rows i ... i + 1. Rings come as
one array of points and where each begins, ``offsets``; the last point of a ring joins its first.
"""

import itertools
from typing import Any

import numpy as np


def fill_rings(points: Any, offsets: Any, height: int, width: int) -> Any:
    """Return the mask of the cells whose centre lies within an odd number of rings.

    An edge that runs from row a down to row b > a owns the centre rows in a <= row < b; a centre is to its right from
    the crossing on. So an edge that two polygons share splits the cells between them: none twice, none left.
    """
    mask = np.zeros((height, width + 1), np.uint8)
    for first, last in itertools.pairwise(offsets):
        ring = points[first:last]
        for a, b in zip(ring.tolist(), np.roll(ring, -1, axis=0).tolist(), strict=True):
            # Always from the upper end, so that both neighbours of an edge compute the same crossings.
            (j0, i0), (j1, i1) = (a, b) if a[1] < b[1] else (b, a)
            rows = np.arange(max(np.ceil(i0 - 0.5), 0), min(np.ceil(i1 - 0.5), height))
            if rows.size:
                crossings = j0 + (rows + 0.5 - i0) * (j1 - j0) / (i1 - i0)
                columns = np.clip(np.ceil(crossings - 0.5), 0, width)
                mask[rows.astype(np.int64), columns.astype(np.int64)] ^= 1
    return np.bitwise_xor.accumulate(mask, axis=1)[:, :width]


def coco_counts(points: Any, height: int, width: int) -> Any:
    """Return the run lengths of one ring by the rule of COCO's maskApi.c, ``rleFrPoly``.

    Points are rounded to fifths of a pixel; each edge is walked step by step along its longer axis; where the walk
    passes the middle of a column, the row there, rounded up, is a change of that column.
    """
    corners = (5 * points + 0.5).astype(np.int64)
    columns, rows = [], []
    for (u0, v0), (u1, v1) in zip(corners.tolist(), np.roll(corners, -1, axis=0).tolist(), strict=True):
        du, dv = abs(u1 - u0), abs(v1 - v0)
        if (du >= dv and u0 > u1) or (du < dv and v0 > v1):
            u0, v0, u1, v1 = u1, v1, u0, v0
        steps = np.arange(max(du, dv) + 1)
        if du >= dv:
            u, v = u0 + steps, (v0 + (v1 - v0) / max(du, 1) * steps + 0.5).astype(np.int64)
        else:
            u, v = (u0 + (u1 - u0) / dv * steps + 0.5).astype(np.int64), v0 + steps
        passing = np.flatnonzero(u[1:] != u[:-1])
        column = (np.minimum(u[passing], u[passing + 1]) + 0.5) / 5 - 0.5
        row = np.clip((np.minimum(v[passing], v[passing + 1]) + 0.5) / 5 - 0.5, 0, height)
        inside = (np.floor(column) == column) & (column >= 0) & (column <= width - 1)
        columns.append(column[inside].astype(np.int64))
        rows.append(np.ceil(row[inside]).astype(np.int64))
    places, times = np.unique(np.concatenate(columns) * height + np.concatenate(rows), return_counts=True)
    changes = places[(times % 2 == 1) & (places < height * width)]
    return np.diff(changes, prepend=0, append=height * width).astype(np.uint32)
