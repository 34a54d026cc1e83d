# An array of any number of axes as lines along its last axis.
cimport numpy as cnp
from libc.stdint cimport int64_t

cdef enum:
    MOST_AXES = 64  # as NumPy

cdef struct Grid:
    int64_t ndim, size, width, lines    # width: the last axis; lines: the product of the others
    int64_t shape[MOST_AXES]


cdef inline Grid grid_of(cnp.ndarray x):
    cdef Grid grid
    cdef int64_t axis
    grid.ndim = x.ndim
    grid.size = x.size
    for axis in range(grid.ndim):
        grid.shape[axis] = x.shape[axis]
    grid.width = grid.shape[grid.ndim - 1]
    grid.lines = grid.size // grid.width if grid.width else 0
    return grid


# The coordinates of a line along the other axes.
cdef inline void coordinates_of_line(int64_t line, const Grid* grid, int64_t* at) noexcept nogil:
    cdef int64_t axis
    for axis in range(grid.ndim - 2, -1, -1):
        at[axis] = line % grid.shape[axis]
        line = line // grid.shape[axis]


# The line that lies `offset` (ndim numbers, the last of no meaning) away, -1 where that is outside.
cdef inline int64_t line_at(int64_t line, const int64_t* offset, const Grid* grid) noexcept nogil:
    cdef int64_t axis, at, step = 1, rest = line
    for axis in range(grid.ndim - 2, -1, -1):
        at = rest % grid.shape[axis] + offset[axis]
        if at < 0 or at >= grid.shape[axis]:
            return -1
        rest = rest // grid.shape[axis]
        line += offset[axis] * step
        step *= grid.shape[axis]
    return line
