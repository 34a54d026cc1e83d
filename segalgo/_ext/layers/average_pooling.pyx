"""Average-pooling: the Cython wing of `segalgo.layers.average_pooling`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cnp.import_array()

ctypedef fused real:
    float
    double

cdef enum:
    ROWS_AT_ONCE = 16


cdef struct Windows:
    int64_t height, width, oh, ow
    # Window of each output row and column: first cell, then last cell (exclusive).
    const int64_t* row_first
    const int64_t* row_last
    const int64_t* column_first
    const int64_t* column_last
    const double* row_counts
    const double* column_counts
    # Columns full_from to full_to have windows of `kernel` cells that start `stride` cells apart.
    int64_t full_from, full_to, kernel, stride


# down[j] = sum of rows first to last (exclusive) of one plane, in float64.
cdef void _sum_rows(const real* plane, double* down, int64_t first, int64_t last, int64_t width) noexcept nogil:
    cdef int64_t i, j
    cdef const real* row
    cdef const real* next_row
    if last - first >= 2:
        row, next_row = plane + first * width, plane + (first + 1) * width
        for j in range(width):
            down[j] = <double> row[j] + <double> next_row[j]
        first += 2
    else:
        for j in range(width):
            down[j] = 0
    while first + 4 <= last:  # four rows at a time: fewer passes over the sums
        row, next_row = plane + first * width, plane + (first + 2) * width
        for j in range(width):
            down[j] += ((<double> row[j] + <double> row[width + j])
                        + (<double> next_row[j] + <double> next_row[width + j]))
        first += 4
    for i in range(first, last):
        row = plane + i * width
        for j in range(width):
            down[j] += row[j]


cdef inline double _sum_span(const double* down, int64_t first, int64_t last) noexcept nogil:
    cdef double total = 0
    cdef int64_t j
    for j in range(first, last):
        total += down[j]
    return total


# One output row: sums down the columns, then along each window. The windows of the middle are alike, so that their
# loops have fixed trip counts and run over output cells.
cdef void _avg_pool_row(const real* plane, real* output, double* down, int64_t i, Windows* w) noexcept nogil:
    cdef int64_t j
    cdef double rows = w.row_counts[i]
    cdef const double* start
    _sum_rows(plane, down, w.row_first[i], w.row_last[i], w.width)
    for j in range(w.full_from):
        output[j] = <real> (_sum_span(down, w.column_first[j], w.column_last[j]) / (rows * w.column_counts[j]))
    for j in range(w.full_to, w.ow):
        output[j] = <real> (_sum_span(down, w.column_first[j], w.column_last[j]) / (rows * w.column_counts[j]))
    if w.full_from >= w.full_to:
        return
    start = down + w.column_first[w.full_from] - w.full_from * w.stride
    if w.kernel == 2 and w.stride == 2:
        for j in range(w.full_from, w.full_to):
            output[j] = <real> ((start[2 * j] + start[2 * j + 1]) / (rows * w.column_counts[j]))
    elif w.kernel == 3 and w.stride == 2:
        for j in range(w.full_from, w.full_to):
            output[j] = <real> ((start[2 * j] + start[2 * j + 1] + start[2 * j + 2]) / (rows * w.column_counts[j]))
    elif w.kernel == 3 and w.stride == 1:
        for j in range(w.full_from, w.full_to):
            output[j] = <real> ((start[j] + start[j + 1] + start[j + 2]) / (rows * w.column_counts[j]))
    else:
        for j in range(w.full_from, w.full_to):
            output[j] = <real> (_sum_span(start, j * w.stride, j * w.stride + w.kernel)
                                / (rows * w.column_counts[j]))


# Output rows first to last, counted over all planes. Returns whether there was memory for the column sums.
cdef bint _avg_pool_rows(const real* x, real* output, int64_t first, int64_t last, Windows* w,
                         Interruption* watch) noexcept nogil:
    cdef double* down = <double*> malloc((w.width + 1) * sizeof(double))
    cdef int64_t k
    if down == NULL:
        return False
    for k in range(first, last):
        if is_interrupted(watch, (w.row_last[k % w.oh] - w.row_first[k % w.oh]) * w.width):
            break
        _avg_pool_row(x + k // w.oh * w.height * w.width, output + k * w.ow, down, k % w.oh, w)
    free(down)
    return True


cdef bint _avg_pool(const real* x, real* output, int64_t planes, Windows* w,
                    Interruption* watch) noexcept nogil:
    cdef int64_t rows = planes * w.oh, part
    cdef int64_t at_once = max(1, min(ROWS_AT_ONCE, rows // 64)), failures = 0
    for part in prange((rows + at_once - 1) // at_once, schedule="static"):
        failures += not _avg_pool_rows(x, output, part * at_once, min(rows, (part + 1) * at_once), w, watch)
    return failures == 0


def avg_pool2d(cnp.ndarray x, cnp.ndarray rows, cnp.ndarray columns, cnp.ndarray row_counts,
               cnp.ndarray column_counts):
    """See `segalgo.avg_pool2d`."""
    cdef Interruption watch = NOT_INTERRUPTED
    cdef Windows w
    cdef bint done
    w.height, w.width = x.shape[2], x.shape[3]
    w.oh, w.ow = rows.shape[1], columns.shape[1]
    w.row_first = <const int64_t*> cnp.PyArray_DATA(rows)
    w.row_last = w.row_first + w.oh
    w.column_first = <const int64_t*> cnp.PyArray_DATA(columns)
    w.column_last = w.column_first + w.ow
    w.row_counts = <const double*> cnp.PyArray_DATA(row_counts)
    w.column_counts = <const double*> cnp.PyArray_DATA(column_counts)
    _find_full(&w)
    cdef cnp.ndarray output = np.empty((x.shape[0], x.shape[1], w.oh, w.ow), x.dtype)
    cdef int64_t planes = x.shape[0] * x.shape[1]
    cdef void* source = cnp.PyArray_DATA(x)
    cdef void* target = cnp.PyArray_DATA(output)
    if output.size == 0:
        return output
    if x.dtype == np.float32:
        with nogil:
            done = _avg_pool(<const float*> source, <float*> target, planes, &w, &watch)
    else:
        with nogil:
            done = _avg_pool(<const double*> source, <double*> target, planes, &w, &watch)
    end_interruption(&watch)
    if not done:
        raise MemoryError("avg_pool2d: no memory for the column sums of one row")
    return output


# Find the longest run of columns, from the middle outwards, whose windows are equally long and equally far apart.
cdef void _find_full(Windows* w) noexcept nogil:
    cdef int64_t middle = w.ow // 2
    w.full_from = w.full_to = w.kernel = w.stride = 0
    if w.ow < 3:
        return
    w.kernel = w.column_last[middle] - w.column_first[middle]
    w.stride = w.column_first[middle] - w.column_first[middle - 1]
    w.full_from, w.full_to = middle, middle + 1
    while (w.full_from > 0 and w.column_last[w.full_from - 1] - w.column_first[w.full_from - 1] == w.kernel
           and w.column_first[w.full_from] - w.column_first[w.full_from - 1] == w.stride):
        w.full_from -= 1
    while (w.full_to < w.ow and w.column_last[w.full_to] - w.column_first[w.full_to] == w.kernel
           and w.column_first[w.full_to] - w.column_first[w.full_to - 1] == w.stride):
        w.full_to += 1
