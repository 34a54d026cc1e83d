"""Polygons to masks: the Cython wing of `segalgo.masks.polygon_to_mask`."""
cimport numpy as cnp
from libc.math cimport ceil
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport llabs
from libc.string cimport memchr, memset

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cnp.import_array()


# Turn the cell where each centre row crosses the edge; always from the upper end, so that both neighbours of an edge
# compute the same crossings.
cdef void _mark_edge(double j0, double i0, double j1, double i1, int64_t h, int64_t w, uint8_t* mask) noexcept nogil:
    cdef int64_t i, last
    cdef double j
    if i0 > i1:
        j0, i0, j1, i1 = j1, i1, j0, i0
    last = <int64_t> ceil(i1 - 0.5)
    last = min(last, h)
    for i in range(max(<int64_t> ceil(i0 - 0.5), <int64_t> 0), last):
        j = ceil(j0 + (i + 0.5 - i0) * (j1 - j0) / (i1 - i0) - 0.5)
        if j < w:
            mask[i * w + (<int64_t> j if j > 0 else 0)] ^= 1


# Between two marks of a row lies the object.
cdef void _fill_row(uint8_t* row, int64_t w) noexcept nogil:
    cdef uint8_t* end = row + w
    cdef uint8_t* stop
    while row < end:
        row = <uint8_t*> memchr(row, 1, end - row)
        if row == NULL:
            return
        stop = <uint8_t*> memchr(row + 1, 1, end - row - 1) if row + 1 < end else NULL
        if stop == NULL:
            stop = end
        memset(row, 1, stop - row)
        if stop < end:
            stop[0] = 0
        row = stop + 1


def fill_rings(const double[:, ::1] points, const int64_t[::1] offsets, int64_t height, int64_t width):
    """See `segalgo.reference.masks.polygons.fill_rings`. No scratch."""
    cdef cnp.ndarray mask = np.zeros((height, width), np.uint8)
    cdef uint8_t* cells = <uint8_t*> cnp.PyArray_DATA(mask)
    cdef int64_t r, k, after
    cdef Interruption watch = NOT_INTERRUPTED
    if height * width == 0:
        return mask
    with nogil:
        for r in range(offsets.shape[0] - 1):
            for k in range(offsets[r], offsets[r + 1]):
                if is_interrupted(&watch, 10 * height):
                    break
                after = k + 1 if k + 1 < offsets[r + 1] else offsets[r]
                _mark_edge(points[k, 0], points[k, 1], points[after, 0], points[after, 1], height, width, cells)
        for k in range(height):
            if is_interrupted(&watch, width):
                break
            _fill_row(cells + k * width, width)
    end_interruption(&watch)
    return mask


# The number of steps after which a walk along rows has last been at or before column u (after it where it runs left).
# Columns never turn back along an edge, so a guess by division is walked to the step that holds.
cdef inline int64_t _step(int64_t start, double slope, int64_t u, int64_t steps) noexcept nogil:
    cdef int64_t t = <int64_t> ((u + 0.5 - start) / slope)
    t = max(<int64_t> 0, min(t, steps - 1))
    if slope > 0:
        while t > 0 and <int64_t> (start + slope * t + 0.5) > u:
            t -= 1
        while t + 1 < steps and <int64_t> (start + slope * (t + 1) + 0.5) <= u:
            t += 1
    else:
        while t > 0 and <int64_t> (start + slope * t + 0.5) <= u:
            t -= 1
        while t + 1 < steps and <int64_t> (start + slope * (t + 1) + 0.5) > u:
            t += 1
    return t


# The changes that one edge makes: where its walk in fifths of pixels passes the middle of a column, u to u + 1. Only
# these steps are computed. Without `places` they are counted.
cdef int64_t _edge_changes(int64_t u0, int64_t v0, int64_t u1, int64_t v1, int64_t h, int64_t w,
                           uint32_t* places) noexcept nogil:
    cdef int64_t du = llabs(u1 - u0), dv = llabs(v1 - v0), low = min(u0, u1), high = max(u0, u1)
    cdef int64_t first, last, j, u, v, t
    cdef double slope, row
    first = (low + 2) // 5 if low > 2 else 0
    last = min(w, (high + 2) // 5) if high > 2 else 0
    if places == NULL or last <= first:
        return max(last - first, <int64_t> 0)
    if (du >= dv and u0 > u1) or (du < dv and v0 > v1):
        u0, v0, u1, v1 = u1, v1, u0, v0
    slope = <double> (v1 - v0) / <double> du if du >= dv else <double> (u1 - u0) / <double> dv
    for j in range(first, last):
        u = 5 * j + 2
        if du >= dv:
            t = u - u0
            v = min(<int64_t> (v0 + slope * t + 0.5), <int64_t> (v0 + slope * (t + 1) + 0.5))
        else:
            v = v0 + _step(u0, slope, u, dv)
        row = (v + 0.5) / 5.0 - 0.5
        row = ceil(0.0 if row < 0 else <double> h if row > h else row)
        places[j - first] = <uint32_t> (j * h + <int64_t> row)
    return last - first


def coco_counts(const double[:, ::1] points, int64_t height, int64_t width):
    """See `segalgo.reference.masks.polygons.coco_counts`. Scratch: 4 bytes for each column that each edge passes."""
    cdef int64_t n = points.shape[0], k, after, m, at = 0, total = 0, size = height * width
    cdef int64_t[:, ::1] corners = np.empty((n, 2), np.int64)
    cdef uint32_t[::1] places, changes
    cdef Interruption watch = NOT_INTERRUPTED
    for k in range(n):
        corners[k, 0] = <int64_t> (5 * points[k, 0] + 0.5)
        corners[k, 1] = <int64_t> (5 * points[k, 1] + 0.5)
    for k in range(n):
        after = k + 1 if k + 1 < n else 0
        total += _edge_changes(corners[k, 0], corners[k, 1], corners[after, 0], corners[after, 1], height, width, NULL)
    places = np.empty(total + 1, np.uint32)
    for k in range(n):
        if is_interrupted(&watch, 10 * width):
            break
        after = k + 1 if k + 1 < n else 0
        at += _edge_changes(corners[k, 0], corners[k, 1], corners[after, 0], corners[after, 1], height, width,
                            &places[at])
    end_interruption(&watch)
    places[total] = <uint32_t> size
    np.asarray(places)[:total].sort()
    # An even number of changes at one place is none; what remains are the ends of runs, turned into lengths.
    changes = np.empty(total + 1, np.uint32)
    m, k = 0, 0
    while k < total and places[k] < size:
        after = k
        while after < total and places[after] == places[k]:
            after += 1
        if (after - k) % 2:
            changes[m] = places[k]
            m += 1
        k = after
    changes[m] = <uint32_t> size
    for k in range(m, 0, -1):
        changes[k] -= changes[k - 1]
    return np.asarray(changes)[:m + 1]
