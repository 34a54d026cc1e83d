"""Layers without weights of a planned network, on activations in channel blocks (blocked_vectors.h): see
`segalgo._ext.plans.blocked_convolution`.
"""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from segalgo._ext.shared.interruption cimport NOT_INTERRUPTED, Interruption, end_interruption, is_interrupted
from segalgo._ext.shared.threads cimport omp_get_max_threads, omp_get_thread_num

cnp.import_array()


cdef extern from "plans/blocked_maps.h" nogil:
    const int LANES
    ctypedef struct Epilogue:
        int64_t activation
        float low, high
        const float* slope
        const float* added
    void blocked_finish(const Epilogue*, int64_t, const float*, float*, int64_t, int64_t)
    ctypedef struct Windows:
        int64_t height, width, oh, ow, dh, dw
        const int64_t* row_from
        const int64_t* row_count
        const int64_t* column_from
        const int64_t* column_count
    void blocked_maxima(const Windows*, const float*, int64_t, float*)
    void blocked_means(const Windows*, const float*, int64_t, float, const float*, float*)
    ctypedef struct Bilinear:
        int64_t height, width, oh, ow
        const int64_t* rows
        const int64_t* columns
        const float* row_weights
        const float* column_weights
    void blocked_bilinear(const Bilinear*, const float*, int64_t, int64_t, float*, float*)
    void blocked_fetch(const float*, const int64_t*, int64_t, float*)
    ctypedef struct Cells:
        const float* factor
        const float* offset
        const float* second
        int64_t multiplied
    void blocked_cells(const Cells*, const float*, int64_t, float*)
    void blocked_mean(const float*, int64_t, float*)


# Layers of fewer floats are computed by one thread: waking another takes as long.
SMALL_FLOATS = 50_000
# What one unit takes: cells of a layer of single cells, rows of another grid.
cdef enum:
    CELLS_AT_ONCE = 512
    ROWS_AT_ONCE = 8


cdef int _threads(cnp.ndarray out) except -1:
    return 1 if out.size < SMALL_FLOATS else omp_get_max_threads()


cdef float* _floats(cnp.ndarray array) except? NULL:
    return <float*> cnp.PyArray_DATA(array)


cdef const int64_t* _indices(cnp.ndarray array) except NULL:
    return <const int64_t*> cnp.PyArray_DATA(array)


cdef Windows _windows(cnp.ndarray x, cnp.ndarray out, rows, columns, dilation) except *:
    cdef Windows g
    g.height, g.width, g.oh, g.ow = x.shape[2], x.shape[3], out.shape[2], out.shape[3]
    g.dh, g.dw = dilation
    g.row_from, g.row_count = _indices(rows[0]), _indices(rows[1])
    g.column_from, g.column_count = _indices(columns[0]), _indices(columns[1])
    return g


def maxima(cnp.ndarray x, cnp.ndarray out, rows, columns, dilation):
    """Fill `out` with the maxima of windows; `rows` and `columns` are (first inside, how many) of each output cell."""
    cdef Windows g = _windows(x, out, rows, columns, dilation)
    cdef Interruption watch = NOT_INTERRUPTED
    cdef int64_t unit, units = x.shape[0] * x.shape[1] * g.oh, plane = g.height * g.width * LANES
    cdef const float* source = _floats(x)
    cdef float* target = _floats(out)
    cdef int threads = _threads(out)
    for unit in prange(units, nogil=True, schedule="static", num_threads=threads):
        if not is_interrupted(&watch, g.ow * LANES):
            blocked_maxima(&g, source + unit // g.oh * plane, unit % g.oh, target + unit * g.ow * LANES)
    end_interruption(&watch)


def means(cnp.ndarray x, cnp.ndarray out, rows, columns, cnp.ndarray row_divisors, cnp.ndarray column_divisors):
    """Fill `out` with the means of windows; a sum is divided by the product of two divisors (float32)."""
    cdef Windows g = _windows(x, out, rows, columns, (1, 1))
    cdef Interruption watch = NOT_INTERRUPTED
    cdef int64_t unit, units = x.shape[0] * x.shape[1] * g.oh, plane = g.height * g.width * LANES
    cdef const float* source = _floats(x)
    cdef float* target = _floats(out)
    cdef const float* row_divisor = _floats(row_divisors)
    cdef const float* column_divisor = _floats(column_divisors)
    cdef int threads = _threads(out)
    for unit in prange(units, nogil=True, schedule="static", num_threads=threads):
        if not is_interrupted(&watch, g.ow * LANES):
            blocked_means(&g, source + unit // g.oh * plane, unit % g.oh, row_divisor[unit % g.oh], column_divisor,
                          target + unit * g.ow * LANES)
    end_interruption(&watch)


def plane_means(cnp.ndarray x, cnp.ndarray out):
    """Fill `out` (N, blocks, 1, 1, LANES) with the mean of every plane."""
    cdef int64_t unit, units = x.shape[0] * x.shape[1], cells = x.shape[2] * x.shape[3]
    cdef const float* source = _floats(x)
    cdef float* target = _floats(out)
    cdef int threads = _threads(x)
    for unit in prange(units, nogil=True, schedule="static", num_threads=threads):
        blocked_mean(source + unit * cells * LANES, cells, target + unit * LANES)


def bilinear(cnp.ndarray x, cnp.ndarray out, rows, row_weights, columns, column_weights, cnp.ndarray scratch):
    """Fill `out` with another grid of x; taps and weights are those of `linear_taps`."""
    cdef Bilinear g
    cdef Interruption watch = NOT_INTERRUPTED
    cdef int64_t unit, planes = x.shape[0] * x.shape[1], parts, units, i
    cdef const float* source = _floats(x)
    cdef float* target = _floats(out)
    cdef float* work = _floats(scratch)
    cdef int threads
    g.height, g.width, g.oh, g.ow = x.shape[2], x.shape[3], out.shape[2], out.shape[3]
    g.rows, g.columns = _indices(rows), _indices(columns)
    g.row_weights, g.column_weights = _floats(row_weights), _floats(column_weights)
    parts = (g.oh + ROWS_AT_ONCE - 1) // ROWS_AT_ONCE
    units = planes * parts
    threads = max(1, min(_threads(out), scratch.size // (2 * g.ow * LANES)))
    for unit in prange(units, nogil=True, schedule="static", num_threads=threads):
        i = unit % parts * ROWS_AT_ONCE
        if not is_interrupted(&watch, ROWS_AT_ONCE * g.ow * LANES):
            blocked_bilinear(&g, source + unit // parts * g.height * g.width * LANES, i, min(i + ROWS_AT_ONCE, g.oh),
                             target + (unit // parts * g.oh + i) * g.ow * LANES,
                             work + omp_get_thread_num() * 2 * g.ow * LANES)
    end_interruption(&watch)


def fetch(cnp.ndarray x, cnp.ndarray out, rows, columns):
    """Fill `out` with the cells of x in these rows and columns."""
    cdef int64_t unit, oh = out.shape[2], ow = out.shape[3], height = x.shape[2], width = x.shape[3]
    cdef const int64_t* row = _indices(rows)
    cdef const int64_t* column = _indices(columns)
    cdef const float* source = _floats(x)
    cdef float* target = _floats(out)
    cdef int threads = _threads(out)
    for unit in prange(x.shape[0] * x.shape[1] * oh, nogil=True, schedule="static", num_threads=threads):
        blocked_fetch(source + (unit // oh * height + row[unit % oh]) * width * LANES, column, ow,
                      target + unit * ow * LANES)


cdef struct CellsOfAll:
    const float* x
    const float* factor
    const float* offset
    const float* second
    float* out
    int64_t count, blocks, factor_blocks, offset_blocks, multiplied


# Some cells of one block of one picture.
cdef void _cells(const CellsOfAll* g, const Epilogue* end, int64_t unit) noexcept nogil:
    cdef Cells part
    cdef int64_t parts = (g.count + CELLS_AT_ONCE - 1) // CELLS_AT_ONCE, plane = unit // parts
    cdef int64_t first = unit % parts * CELLS_AT_ONCE, cells = min(<int64_t> CELLS_AT_ONCE, g.count - first)
    cdef int64_t at = (plane * g.count + first) * LANES
    part.factor = part.offset = part.second = NULL
    if g.factor != NULL:
        part.factor = g.factor + plane % g.factor_blocks * LANES
    if g.offset != NULL:
        part.offset = g.offset + plane % g.offset_blocks * LANES
    if g.second != NULL:
        part.second = g.second + at
    part.multiplied = g.multiplied
    blocked_cells(&part, g.x + at, cells, g.out + at)
    if end.activation:
        blocked_finish(end, plane % g.blocks * LANES, NULL, g.out + at, cells, LANES)


def cells(cnp.ndarray x, cnp.ndarray out, factor, offset, second, multiplied, end):
    """Fill `out` with ``x * factor + offset``, with a second map added or multiplied, and the activation `end`.

    `factor` and `offset` are None or (blocks * LANES) floats, for all pictures or for each of them; `second` is None or
    of the shape of x. `end` is as in `blocked_convolution`.
    """
    cdef CellsOfAll g
    cdef Epilogue e
    cdef Interruption watch = NOT_INTERRUPTED
    cdef int64_t unit, units
    cdef int threads = _threads(x)
    g.x, g.out, g.count, g.blocks = _floats(x), _floats(out), x.shape[2] * x.shape[3], x.shape[1]
    g.factor = NULL if factor is None else _floats(factor)
    g.offset = NULL if offset is None else _floats(offset)
    g.second = NULL if second is None else _floats(second)
    g.factor_blocks = 1 if factor is None else factor.size // LANES
    g.offset_blocks = 1 if offset is None else offset.size // LANES
    g.multiplied = bool(multiplied)
    e.activation, e.low, e.high = end[:3]
    e.slope = NULL if end[3] is None else _floats(end[3])
    e.added = NULL
    units = x.shape[0] * g.blocks * ((g.count + CELLS_AT_ONCE - 1) // CELLS_AT_ONCE)
    for unit in prange(units, nogil=True, schedule="static", num_threads=threads):
        if not is_interrupted(&watch, CELLS_AT_ONCE * LANES):
            _cells(&g, &e, unit)
    end_interruption(&watch)
