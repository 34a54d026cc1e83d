"""The fully connected layer, and attention: the Cython wing of `segalgo.layers.fully_connected`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, malloc

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cnp.import_array()

cdef extern from "layers/fully_connected.h" nogil:
    const int64_t TILE_ROWS, DEPTH_AT_ONCE, PANEL_float, PANEL_double
    void multiply_tile_float(const float*, const float*, const float*, float*, int64_t, int64_t, int64_t, int64_t)
    void multiply_tile_double(const double*, const double*, const double*, double*, int64_t, int64_t, int64_t, int64_t)
    float dot_float(const float*, const float*, int64_t)
    double dot_double(const double*, const double*, int64_t)

cdef extern from "layers/elementary.h" nogil:
    float exp_float(float)
    double exp_double(double)

cdef extern from "layers/reductions.h" nogil:
    double sum_of_float(const float*, int64_t, double)
    double sum_of_double(const double*, int64_t, double)
    float largest_of_float(const float*, int64_t)
    double largest_of_double(const double*, int64_t)

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


# Weights of a row of n scores, and zeros for those that are not seen. A NaN may be passed over by the maximum: its own
# exponential makes the sum NaN.
cdef void _weights_of_scores(real* scores, int64_t n, int64_t all_) noexcept nogil:
    cdef real largest
    cdef double factor
    cdef int64_t k
    if real is float:
        largest = largest_of_float(scores, n)
    else:
        largest = largest_of_double(scores, n)
    for k in range(n):
        scores[k] = exp_float(scores[k] - largest) if real is float else exp_double(scores[k] - largest)
    if real is float:
        factor = 1 / sum_of_float(scores, n, 0)
    else:
        factor = 1 / sum_of_double(scores, n, 0)
    for k in range(n):
        scores[k] = <real> (scores[k] * factor)
    for k in range(n, all_):
        scores[k] = 0


cdef inline void _product(const real* tile, const real* panel, const real* start, real* output, int64_t depth,
                          int64_t rows, int64_t columns, int64_t step) noexcept nogil:
    if real is float:
        multiply_tile_float(tile, panel, start, output, depth, rows, columns, step)
    else:
        multiply_tile_double(tile, panel, start, output, depth, rows, columns, step)


# One tile of queries of one batch, all keys: scores, their weights, the weighted values. `keys` and `values` are packed
# into panels of `wide` columns. Returns whether there was memory for the scores.
cdef bint _attend(const real* query, const real* keys, const real* values, real* output, int64_t first, int64_t rows,
                  int64_t sources, int64_t depth, int64_t columns, real scale, bint causal,
                  int64_t wide) noexcept nogil:
    cdef int64_t across = (sources + wide - 1) // wide * wide, i, k, panel, stretch, from_, upto
    cdef real* scores = <real*> malloc(TILE_ROWS * across * sizeof(real))
    cdef real* tile = <real*> malloc(TILE_ROWS * max(depth, DEPTH_AT_ONCE) * sizeof(real))
    cdef real* zeros = <real*> calloc(wide, sizeof(real))
    cdef bint room = scores != NULL and tile != NULL and zeros != NULL
    if room:
        for k in range(depth):
            for i in range(TILE_ROWS):
                tile[k * TILE_ROWS + i] = query[i * depth + k] * scale if i < rows else 0
        for panel in range(across // wide):
            _product(<const real*> tile, keys + panel * depth * wide, <const real*> zeros, scores + panel * wide,
                     depth, rows, wide, across)
        for i in range(min(rows, TILE_ROWS)):
            _weights_of_scores(scores + i * across, min(first + i + 1, sources) if causal else sources, sources)
        for stretch in range((sources + DEPTH_AT_ONCE - 1) // DEPTH_AT_ONCE):
            from_ = stretch * DEPTH_AT_ONCE
            upto = min(sources, from_ + DEPTH_AT_ONCE)
            for k in range(from_, upto):
                for i in range(TILE_ROWS):
                    tile[(k - from_) * TILE_ROWS + i] = scores[i * across + k] if i < rows else 0
            for panel in range((columns + wide - 1) // wide):
                _product(<const real*> tile, values + (panel * sources + from_) * wide,
                         <const real*> (zeros if from_ == 0 else NULL), output + panel * wide, upto - from_, rows,
                         min(wide, columns - panel * wide), columns)
    free(scores)
    free(tile)
    free(zeros)
    return room


# packed[k][j] = value[k][first + j] of one panel; columns beyond the matrix are 0.
cdef void _pack_columns(const real* value, real* packed, int64_t sources, int64_t columns, int64_t first,
                        int64_t wide) noexcept nogil:
    cdef int64_t j, k
    for k in range(sources):
        for j in range(wide):
            packed[k * wide + j] = value[k * columns + first + j] if first + j < columns else 0


cdef bint _attention(const real* query, const real* key, const real* value, real* output, int64_t batches, int64_t rows,
                     int64_t sources, int64_t depth, int64_t columns, real scale, bint causal,
                     Interruption* watch) noexcept nogil:
    cdef int64_t wide = PANEL_float if real is float else PANEL_double
    cdef int64_t key_panels = (sources + wide - 1) // wide, value_panels = (columns + wide - 1) // wide
    cdef int64_t tiles = (rows + TILE_ROWS - 1) // TILE_ROWS, b, part, panel, first, failures = 0
    cdef real* keys = <real*> malloc(max(batches * key_panels * wide * depth, 1) * sizeof(real))
    cdef real* values = <real*> malloc(max(batches * value_panels * wide * sources, 1) * sizeof(real))
    if keys == NULL or values == NULL:
        free(keys)
        free(values)
        return False
    for part in prange(batches * key_panels, schedule="static"):
        b, panel = part // key_panels, part % key_panels
        _pack_panel(key + (b * sources + panel * wide) * depth, keys + part * wide * depth, sources - panel * wide,
                    depth, wide)
    for part in prange(batches * value_panels, schedule="static"):
        b, panel = part // value_panels, part % value_panels
        _pack_columns(value + b * sources * columns, values + part * wide * sources, sources, columns, panel * wide,
                      wide)
    for part in prange(batches * tiles, schedule="static"):
        if is_interrupted(watch, sources * (depth + columns) // 2):
            continue
        b, first = part // tiles, part % tiles * TILE_ROWS
        failures += not _attend(query + (b * rows + first) * depth,
                                <const real*> (keys + b * key_panels * wide * depth),
                                <const real*> (values + b * value_panels * wide * sources),
                                output + (b * rows + first) * columns, first, rows - first, sources, depth, columns,
                                scale, causal, wide)
    free(keys)
    free(values)
    return failures == 0


def scaled_dot_product_attention(cnp.ndarray query, cnp.ndarray key, cnp.ndarray value, double scale, bint causal):
    """See `segalgo.scaled_dot_product_attention`. Scratch: packed keys and values; scores of a tile of queries."""
    cdef Interruption watch = NOT_INTERRUPTED
    cdef int64_t batches = query.shape[0], rows = query.shape[1], depth = query.shape[2]
    cdef int64_t sources = value.shape[1], columns = value.shape[2]
    cdef cnp.ndarray output = np.zeros((batches, rows, columns), query.dtype)
    cdef void* q = cnp.PyArray_DATA(query)
    cdef void* k = cnp.PyArray_DATA(key)
    cdef void* v = cnp.PyArray_DATA(value)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef bint done = True
    if output.size == 0 or sources == 0:
        return output
    if query.dtype == np.float32:
        with nogil:
            done = _attention(<const float*> q, <const float*> k, <const float*> v, <float*> target, batches, rows,
                              sources, depth, columns, <float> scale, causal, &watch)
    else:
        with nogil:
            done = _attention(<const double*> q, <const double*> k, <const double*> v, <double*> target, batches, rows,
                              sources, depth, columns, scale, causal, &watch)
    end_interruption(&watch)
    if not done:
        raise MemoryError("scaled_dot_product_attention: no memory for packed keys and values")
    return output
