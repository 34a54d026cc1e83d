"""Boundary pixels matched one to one: the Cython wing of `segalgo.metrics.boundary_f1`."""
from libc.stdint cimport int32_t, int64_t

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np


# The other point at an offset, or -1.
cdef inline int32_t _at(int64_t place, const int64_t* offset, const int32_t* grid, int64_t h,
                        int64_t w) noexcept nogil:
    cdef int64_t i = place // w + offset[0], j = place % w + offset[1]
    return grid[i * w + j] if 0 <= i < h and 0 <= j < w else -1


# A path from a free point to a free other, depth first; pairs along it are exchanged. `stack` holds the points of the
# path, `next_offset` where each goes on looking, `chosen` the other by which it went on.
cdef bint _augment(int32_t start, const int64_t* points, const int64_t* offsets, int64_t count, const int32_t* grid,
                   int64_t h, int64_t w, int32_t* partner, int32_t* seen, int32_t round_number, int32_t* stack,
                   int32_t* next_offset, int32_t* chosen) noexcept nogil:
    cdef int64_t depth = 0
    cdef int32_t other
    stack[0] = start
    next_offset[0] = 0
    while depth >= 0:
        other = -1
        while next_offset[depth] < count:
            other = _at(points[stack[depth]], offsets + 2 * next_offset[depth], grid, h, w)
            next_offset[depth] += 1
            if other >= 0 and seen[other] != round_number:
                break
            other = -1
        if other < 0:
            depth -= 1
            continue
        seen[other] = round_number
        chosen[depth] = other
        if partner[other] < 0:
            while depth >= 0:
                partner[chosen[depth]] = stack[depth]
                depth -= 1
            return True
        depth += 1
        stack[depth] = partner[other]
        next_offset[depth] = 0
    return False


def match_points(const int64_t[::1] points, const int64_t[::1] others, const int64_t[:, ::1] offsets, int64_t height,
                 int64_t width):
    """See `segalgo.reference.metrics.boundary_matching.match_points`. Scratch: 4 bytes a cell, some 24 a point."""
    cdef int64_t n = points.shape[0], m = others.shape[0], count = offsets.shape[0], k, o, left = 0, matched = 0
    cdef int32_t round_number = 0, other
    if n == 0 or m == 0 or count == 0:
        return 0
    cdef int32_t[::1] grid = np.full(height * width, -1, np.int32)
    cdef int32_t[::1] partner = np.full(m, -1, np.int32), seen = np.zeros(m, np.int32)
    cdef int32_t[::1] free = np.arange(n, dtype=np.int32), stack = np.empty(n + 1, np.int32)
    cdef int32_t[::1] next_offset = np.empty(n + 1, np.int32), chosen = np.empty(n + 1, np.int32)
    cdef bint gained = True
    cdef Interruption watch = NOT_INTERRUPTED
    cdef int64_t still = n
    with nogil:
        for k in range(m):
            grid[others[k]] = <int32_t> k
        for o in range(count):
            left = 0
            for k in range(still):
                if k % 4096 == 0 and is_interrupted(&watch, 4096):
                    break
                other = _at(points[free[k]], &offsets[o, 0], &grid[0], height, width)
                if other >= 0 and partner[other] < 0:
                    partner[other] = free[k]
                    matched += 1
                else:
                    free[left] = free[k]
                    left += 1
            still = left
        while gained:
            gained = False
            round_number += 1
            left = 0
            for k in range(still):
                if is_interrupted(&watch, 100 * count):
                    gained = False
                    break
                if _augment(free[k], &points[0], &offsets[0, 0], count, &grid[0], height, width, &partner[0], &seen[0],
                            round_number, &stack[0], &next_offset[0], &chosen[0]):
                    matched += 1
                    gained = True
                else:
                    free[left] = free[k]
                    left += 1
            still = left
    end_interruption(&watch)
    return int(matched)
