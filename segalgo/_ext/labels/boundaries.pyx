"""Where regions of different labels meet: the Cython wing of `segalgo.labels.boundaries`. Compares lines, not cells."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

import itertools

import numpy as np

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted
from segalgo._ext.shared.grid cimport MOST_AXES, Grid, grid_of, line_at
from segalgo._ext.labels.label_runs cimport cell

cnp.import_array()

cdef extern from "labels/label_boundaries.h" nogil:
    void segalgo_or_differ_uint8_t(const uint8_t* here, const uint8_t* there, int64_t n, uint8_t* flags)
    void segalgo_differ_along_uint8_t(const uint8_t* x, int64_t n, uint8_t* flags)
    void segalgo_or_differ_around_uint8_t(const uint8_t* x, const uint8_t* y, int64_t n, uint8_t* flags)
    void segalgo_and_differ_from_uint8_t(const uint8_t* x, uint8_t background, int64_t n, uint8_t* flags)
    void segalgo_between_uint8_t(const uint8_t* x, const uint8_t* d, int64_t n, uint8_t* flags)
    void segalgo_or_differ_uint16_t(const uint16_t* here, const uint16_t* there, int64_t n, uint8_t* flags)
    void segalgo_differ_along_uint16_t(const uint16_t* x, int64_t n, uint8_t* flags)
    void segalgo_or_differ_around_uint16_t(const uint16_t* x, const uint16_t* y, int64_t n, uint8_t* flags)
    void segalgo_and_differ_from_uint16_t(const uint16_t* x, uint16_t background, int64_t n, uint8_t* flags)
    void segalgo_between_uint16_t(const uint16_t* x, const uint8_t* d, int64_t n, uint8_t* flags)
    void segalgo_or_differ_uint32_t(const uint32_t* here, const uint32_t* there, int64_t n, uint8_t* flags)
    void segalgo_differ_along_uint32_t(const uint32_t* x, int64_t n, uint8_t* flags)
    void segalgo_or_differ_around_uint32_t(const uint32_t* x, const uint32_t* y, int64_t n, uint8_t* flags)
    void segalgo_and_differ_from_uint32_t(const uint32_t* x, uint32_t background, int64_t n, uint8_t* flags)
    void segalgo_between_uint32_t(const uint32_t* x, const uint8_t* d, int64_t n, uint8_t* flags)
    void segalgo_or_differ_uint64_t(const uint64_t* here, const uint64_t* there, int64_t n, uint8_t* flags)
    void segalgo_differ_along_uint64_t(const uint64_t* x, int64_t n, uint8_t* flags)
    void segalgo_or_differ_around_uint64_t(const uint64_t* x, const uint64_t* y, int64_t n, uint8_t* flags)
    void segalgo_and_differ_from_uint64_t(const uint64_t* x, uint64_t background, int64_t n, uint8_t* flags)
    void segalgo_between_uint64_t(const uint64_t* x, const uint8_t* d, int64_t n, uint8_t* flags)

cdef enum:
    THICK
    INNER
    OUTER


# The outer axes of the neighbour offsets, `count` times ndim numbers, and for each whether the cell at the same place
# of that line, and those one further along the last axis, are neighbours; `all_offsets` has every line around.
cdef struct Neighbours:
    int64_t count, all_count
    const int64_t* offsets
    const uint8_t* around
    const int64_t* all_offsets


cdef inline void _or_differ(const cell* x, const cell* y, int64_t n, uint8_t* flags) noexcept nogil:
    if cell is uint8_t:
        segalgo_or_differ_uint8_t(x, y, n, flags)
    elif cell is uint16_t:
        segalgo_or_differ_uint16_t(x, y, n, flags)
    elif cell is uint32_t:
        segalgo_or_differ_uint32_t(x, y, n, flags)
    else:
        segalgo_or_differ_uint64_t(x, y, n, flags)


cdef inline void _differ_along(const cell* x, int64_t n, uint8_t* flags) noexcept nogil:
    if cell is uint8_t:
        segalgo_differ_along_uint8_t(x, n, flags)
    elif cell is uint16_t:
        segalgo_differ_along_uint16_t(x, n, flags)
    elif cell is uint32_t:
        segalgo_differ_along_uint32_t(x, n, flags)
    else:
        segalgo_differ_along_uint64_t(x, n, flags)


cdef inline void _or_differ_around(const cell* x, const cell* y, int64_t n, uint8_t* flags) noexcept nogil:
    if cell is uint8_t:
        segalgo_or_differ_around_uint8_t(x, y, n, flags)
    elif cell is uint16_t:
        segalgo_or_differ_around_uint16_t(x, y, n, flags)
    elif cell is uint32_t:
        segalgo_or_differ_around_uint32_t(x, y, n, flags)
    else:
        segalgo_or_differ_around_uint64_t(x, y, n, flags)


cdef inline void _and_differ_from(const cell* x, cell background, int64_t n, uint8_t* flags) noexcept nogil:
    if cell is uint8_t:
        segalgo_and_differ_from_uint8_t(x, background, n, flags)
    elif cell is uint16_t:
        segalgo_and_differ_from_uint16_t(x, background, n, flags)
    elif cell is uint32_t:
        segalgo_and_differ_from_uint32_t(x, background, n, flags)
    else:
        segalgo_and_differ_from_uint64_t(x, background, n, flags)


cdef inline void _between(const cell* x, const uint8_t* d, int64_t n, uint8_t* flags) noexcept nogil:
    if cell is uint8_t:
        segalgo_between_uint8_t(x, d, n, flags)
    elif cell is uint16_t:
        segalgo_between_uint16_t(x, d, n, flags)
    elif cell is uint32_t:
        segalgo_between_uint32_t(x, d, n, flags)
    else:
        segalgo_between_uint64_t(x, d, n, flags)


# Whether a cell sees two labels: the largest in its full neighbourhood, and the smallest that is not background.
# `turn` makes unsigned comparison right for signed labels.
cdef bint _sees_two(const cell* labels, int64_t line, int64_t j, cell background, cell turn, const Grid* grid,
                    const Neighbours* neighbours) noexcept nogil:
    cdef int64_t k, other, column
    cdef cell most = 0, least = <cell> -1, value, key
    for k in range(neighbours.all_count):
        other = line_at(line, neighbours.all_offsets + k * grid.ndim, grid)
        if other < 0:
            continue
        for column in range(max(j - 1, <int64_t> 0), min(j + 2, grid.width)):
            value = labels[other * grid.width + column]
            key = value ^ turn
            most = key if key > most else most
            if value != background:
                least = key if key < least else least
    return most != least


cdef void _boundaries_of_line(const cell* labels, int64_t line, int mode, cell background, cell turn,
                              const Grid* grid, const Neighbours* neighbours, uint8_t* boundaries) noexcept nogil:
    cdef const cell* x = labels + line * grid.width
    cdef uint8_t* flags = boundaries + line * grid.width
    cdef int64_t k, other, j
    _differ_along(x, grid.width, flags)
    for k in range(neighbours.count):
        other = line_at(line, neighbours.offsets + k * grid.ndim, grid)
        if other < 0:
            continue
        if neighbours.around[k]:
            _or_differ_around(x, labels + other * grid.width, grid.width, flags)
        else:
            _or_differ(x, labels + other * grid.width, grid.width, flags)
    if mode == INNER:
        _and_differ_from(x, background, grid.width, flags)
    elif mode == OUTER:
        for j in range(grid.width):
            if flags[j] and x[j] != background:
                flags[j] = _sees_two(labels, line, j, background, turn, grid, neighbours)


cdef void _boundaries(const cell* labels, int mode, uint64_t background, bint signed, const Grid* grid,
                      const Neighbours* neighbours, uint8_t* boundaries, Interruption* watch) noexcept nogil:
    cdef int64_t line
    cdef cell turn = 0
    if signed:
        turn = <cell> (<uint64_t> 1 << (8 * sizeof(cell) - 1))
    for line in prange(grid.lines, schedule="static"):
        if is_interrupted(watch, (neighbours.count + 1) * grid.width):
            continue
        _boundaries_of_line(labels, line, mode, <cell> background, turn, grid, neighbours, boundaries)


# A line of the image of 2 n - 1 cells: the lines of labels around it (one along an even coordinate, two along an odd
# one) are compared with the first of them, then neighbours along it.
cdef bint _between_line(const cell* labels, int64_t line, const Grid* grid, uint8_t* boundaries) noexcept nogil:
    cdef int64_t axis, at, rest = line, first = 0, step = 1, corner, corners = 1, other
    cdef int64_t steps[MOST_AXES]
    cdef int64_t odd = 0
    cdef uint8_t* differ = <uint8_t*> malloc(grid.width)
    if differ == NULL:
        return True
    for axis in range(grid.ndim - 2, -1, -1):
        at = rest % (2 * grid.shape[axis] - 1)
        rest = rest // (2 * grid.shape[axis] - 1)
        first += at // 2 * step
        if at % 2:
            steps[odd] = step
            odd += 1
            corners *= 2
        step *= grid.shape[axis]
    memset(differ, 0, grid.width)
    for corner in range(1, corners):
        other = first
        for axis in range(odd):
            other += (corner >> axis & 1) * steps[axis]
        _or_differ(labels + first * grid.width, labels + other * grid.width, grid.width, differ)
    _between(labels + first * grid.width, differ, grid.width, boundaries + line * (2 * grid.width - 1))
    free(differ)
    return False


cdef int64_t _between_cells(const cell* labels, int64_t lines, const Grid* grid, uint8_t* boundaries,
                            Interruption* watch) noexcept nogil:
    cdef int64_t line, failed = 0
    for line in prange(lines, schedule="static"):
        if is_interrupted(watch, 4 * grid.width):
            continue
        failed += _between_line(labels, line, grid, boundaries)
    return failed


def _find_between_cells(cnp.ndarray labels):
    cdef Interruption watch = NOT_INTERRUPTED
    cdef Grid grid = grid_of(labels)
    shape = [2 * n - 1 for n in (<object> labels).shape]
    cdef cnp.ndarray boundaries = np.empty(shape, bool)
    cdef uint8_t* target = <uint8_t*> cnp.PyArray_DATA(boundaries)
    cdef const void* x = cnp.PyArray_DATA(labels)
    cdef int64_t lines = boundaries.size // (2 * grid.width - 1), itemsize = labels.itemsize, failed
    with nogil:
        if itemsize == 1:
            failed = _between_cells(<const uint8_t*> x, lines, &grid, target, &watch)
        elif itemsize == 2:
            failed = _between_cells(<const uint16_t*> x, lines, &grid, target, &watch)
        elif itemsize == 4:
            failed = _between_cells(<const uint32_t*> x, lines, &grid, target, &watch)
        else:
            failed = _between_cells(<const uint64_t*> x, lines, &grid, target, &watch)
    if failed:
        raise MemoryError("find_boundaries: no memory for a line of flags")
    end_interruption(&watch)
    return boundaries


def find_boundaries(cnp.ndarray labels, connectivity, mode, background):
    """See `segalgo.find_boundaries`."""
    if mode == "subpixel":
        return _find_between_cells(labels)
    cdef Interruption watch = NOT_INTERRUPTED
    cdef Grid grid = grid_of(labels)
    cdef Neighbours neighbours
    every = list(itertools.product((-1, 0, 1), repeat=labels.ndim - 1))
    near = [o for o in every if 0 < np.count_nonzero(o) <= connectivity]
    cdef cnp.ndarray around = np.array([np.count_nonzero(o) < connectivity for o in near], np.uint8)
    cdef cnp.ndarray all_offsets = np.zeros((len(every), labels.ndim), np.int64)
    all_offsets[:, :-1] = every
    cdef cnp.ndarray offsets = np.zeros((len(near), labels.ndim), np.int64)
    offsets[:, :-1] = np.reshape(near, (len(near), labels.ndim - 1))
    neighbours.count, neighbours.all_count = len(near), len(every)
    neighbours.offsets = <const int64_t*> cnp.PyArray_DATA(offsets)
    neighbours.around = <const uint8_t*> cnp.PyArray_DATA(around)
    neighbours.all_offsets = <const int64_t*> cnp.PyArray_DATA(all_offsets)
    cdef int kind = {"thick": THICK, "inner": INNER, "outer": OUTER}[mode]
    cdef cnp.ndarray boundaries = np.empty((<object> labels).shape, bool)
    cdef uint8_t* target = <uint8_t*> cnp.PyArray_DATA(boundaries)
    cdef const void* x = cnp.PyArray_DATA(labels)
    cdef uint64_t behind = background % 2**64
    cdef bint signed = labels.dtype.kind == "i"
    cdef int64_t itemsize = labels.itemsize
    with nogil:
        if itemsize == 1:
            _boundaries(<const uint8_t*> x, kind, behind, signed, &grid, &neighbours, target, &watch)
        elif itemsize == 2:
            _boundaries(<const uint16_t*> x, kind, behind, signed, &grid, &neighbours, target, &watch)
        elif itemsize == 4:
            _boundaries(<const uint32_t*> x, kind, behind, signed, &grid, &neighbours, target, &watch)
        else:
            _boundaries(<const uint64_t*> x, kind, behind, signed, &grid, &neighbours, target, &watch)
    end_interruption(&watch)
    return boundaries
