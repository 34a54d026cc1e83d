"""The fully connected layer: the Cython wing of `segalgo.layers.fully_connected`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cnp.import_array()

cdef extern from "layers/fully_connected.h" nogil:
    const int64_t TILE_ROWS, DEPTH_AT_ONCE, PANEL_float, PANEL_double
    void multiply_tile_float(const float*, const float*, const float*, float*, int64_t, int64_t, int64_t, int64_t)
    void multiply_tile_double(const double*, const double*, const double*, double*, int64_t, int64_t, int64_t, int64_t)
    float dot_float(const float*, const float*, int64_t)
    double dot_double(const double*, const double*, int64_t)

ctypedef fused real:
    float
    double

cdef enum:
    DEPTH_PACKED = 16
    FEW_ROWS = 8  # below, weights are read once and packing them would double the work


# Output columns first to `last` of all rows: products of rows of x with rows of weight.
cdef void _by_dots(const real* x, const real* weight, const real* bias, real* output, int64_t rows, int64_t columns,
                   int64_t depth, Interruption* watch) noexcept nogil:
    cdef int64_t i, j
    for j in prange(columns, schedule="static"):
        if is_interrupted(watch, rows * depth):
            continue
        for i in range(rows):
            if real is float:
                output[i * columns + j] = dot_float(x + i * depth, weight + j * depth, depth) + bias[j]
            else:
                output[i * columns + j] = dot_double(x + i * depth, weight + j * depth, depth) + bias[j]


# packed[k][j] = weight[j][k] of one panel, all depths; columns beyond the matrix are 0. A few k at a time: rows of
# weight often lie a power of two apart, and of such rows the cache holds only a few.
cdef void _pack_panel(const real* weight, real* packed, int64_t columns, int64_t depth, int64_t wide) noexcept nogil:
    cdef int64_t j, k, part, first, last
    for part in range((depth + DEPTH_PACKED - 1) // DEPTH_PACKED):
        first, last = part * DEPTH_PACKED, min(depth, (part + 1) * DEPTH_PACKED)
        for j in range(min(wide, columns)):
            for k in range(first, last):
                packed[k * wide + j] = weight[j * depth + k]
        for j in range(columns, wide):
            for k in range(first, last):
                packed[k * wide + j] = 0


# One tile of rows, one stretch of depth, all panels. Returns whether there was memory for the packed tile.
cdef bint _multiply_rows(const real* x, const real* packed, const real* bias, real* output, int64_t rows,
                         int64_t columns, int64_t depth, int64_t from_, int64_t upto, int64_t wide) noexcept nogil:
    cdef real* tile = <real*> malloc(TILE_ROWS * DEPTH_AT_ONCE * sizeof(real))
    cdef int64_t i, k, panel, first
    if tile == NULL:
        return False
    for i in range(TILE_ROWS):
        for k in range(from_, upto):
            tile[(k - from_) * TILE_ROWS + i] = x[i * depth + k] if i < rows else 0
    for panel in range((columns + wide - 1) // wide):
        first = panel * wide
        if real is float:
            multiply_tile_float(tile, packed + (panel * depth + from_) * wide, bias + first if from_ == 0 else NULL,
                                output + first, upto - from_, rows, min(wide, columns - first), columns)
        else:
            multiply_tile_double(tile, packed + (panel * depth + from_) * wide, bias + first if from_ == 0 else NULL,
                                 output + first, upto - from_, rows, min(wide, columns - first), columns)
    free(tile)
    return True


cdef bint _by_tiles(const real* x, const real* weight, const real* bias, real* output, int64_t rows, int64_t columns,
                    int64_t depth, Interruption* watch) noexcept nogil:
    cdef int64_t wide = PANEL_float if real is float else PANEL_double
    cdef int64_t panels = (columns + wide - 1) // wide, tiles = (rows + TILE_ROWS - 1) // TILE_ROWS
    cdef int64_t panel, tile, first, stretch, failures = 0
    cdef real* packed = <real*> malloc(panels * wide * depth * sizeof(real))
    if packed == NULL:
        return False
    for panel in prange(panels, schedule="static"):
        _pack_panel(weight + panel * wide * depth, packed + panel * wide * depth, columns - panel * wide, depth, wide)
    for stretch in range((depth + DEPTH_AT_ONCE - 1) // DEPTH_AT_ONCE):
        first = stretch * DEPTH_AT_ONCE
        for tile in prange(tiles, schedule="static"):
            if is_interrupted(watch, columns * DEPTH_AT_ONCE):
                continue
            failures += not _multiply_rows(x + tile * TILE_ROWS * depth, packed, bias,
                                           output + tile * TILE_ROWS * columns, rows - tile * TILE_ROWS, columns,
                                           depth, first, min(depth, first + DEPTH_AT_ONCE), wide)
    free(packed)
    return failures == 0


def linear(cnp.ndarray x, cnp.ndarray weight, cnp.ndarray bias):
    """See `segalgo.linear`. Scratch: a packed copy of the weights."""
    cdef Interruption watch = NOT_INTERRUPTED
    cdef int64_t rows = x.shape[0], columns = weight.shape[0], depth = x.shape[1]
    cdef cnp.ndarray output = np.empty((rows, columns), x.dtype)
    cdef void* a = cnp.PyArray_DATA(x)
    cdef void* b = cnp.PyArray_DATA(weight)
    cdef void* c = cnp.PyArray_DATA(bias)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef bint single = x.dtype == np.float32, done = True
    with nogil:
        if rows < FEW_ROWS or depth == 0:
            if single:
                _by_dots(<const float*> a, <const float*> b, <const float*> c, <float*> target, rows, columns, depth,
                         &watch)
            else:
                _by_dots(<const double*> a, <const double*> b, <const double*> c, <double*> target, rows, columns,
                         depth, &watch)
        elif single:
            done = _by_tiles(<const float*> a, <const float*> b, <const float*> c, <float*> target, rows, columns,
                             depth, &watch)
        else:
            done = _by_tiles(<const double*> a, <const double*> b, <const double*> c, <double*> target, rows, columns,
                             depth, &watch)
    end_interruption(&watch)
    if not done:
        raise MemoryError("linear: no memory for packed weights")
    return output
