"""Interpolation and padding: the Cython wing of `segalgo.layers.interpolation`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cnp.import_array()

ctypedef fused real:
    float
    double

cdef enum:
    ROWS_AT_ONCE = 16


cdef struct Axes:
    int64_t height, width, oh, ow
    const int64_t* rows      # input row of each output row, -1 for none; second tap after the first
    const int64_t* columns
    int64_t run_from, run_to  # output columns that are one piece of an input row
    bint doubles  # columns[j] = j // 2


# One output row: fetch the columns of one input row.
cdef void _fetch_row(const real* row, real* output, real value, Axes* a) noexcept nogil:
    cdef int64_t j
    if a.doubles:
        for j in range(a.ow // 2):
            output[2 * j] = row[j]
            output[2 * j + 1] = row[j]
        if a.ow % 2:
            output[a.ow - 1] = row[a.ow // 2]
        return
    for j in range(a.run_from):
        output[j] = row[a.columns[j]] if a.columns[j] >= 0 else value
    if a.run_to > a.run_from:
        memcpy(output + a.run_from, row + a.columns[a.run_from], (a.run_to - a.run_from) * sizeof(real))
    for j in range(a.run_to, a.ow):
        output[j] = row[a.columns[j]] if a.columns[j] >= 0 else value


# Output rows first to last, counted over all planes; a row that equals the one before it is copied.
cdef void _fetch_rows(const real* x, real* output, int64_t first, int64_t last, real value, Axes* a,
                      Interruption* watch) noexcept nogil:
    cdef int64_t k, i, j
    cdef real* target
    for k in range(first, last):
        if is_interrupted(watch, a.ow):
            break
        i = k % a.oh
        target = output + k * a.ow
        if a.rows[i] < 0:
            for j in range(a.ow):
                target[j] = value
        elif k > first and i > 0 and a.rows[i - 1] == a.rows[i]:
            memcpy(target, target - a.ow, a.ow * sizeof(real))
        else:
            _fetch_row(x + (k // a.oh * a.height + a.rows[i]) * a.width, target, value, a)


cdef void _fetch(const real* x, real* output, int64_t planes, real value, Axes* a, Interruption* watch) noexcept nogil:
    cdef int64_t rows = planes * a.oh, part
    for part in prange((rows + ROWS_AT_ONCE - 1) // ROWS_AT_ONCE, schedule="static"):
        _fetch_rows(x, output, part * ROWS_AT_ONCE, min(rows, (part + 1) * ROWS_AT_ONCE), value, a, watch)


cdef Axes _axes(cnp.ndarray x, cnp.ndarray rows, cnp.ndarray columns):
    cdef Axes a
    a.height, a.width = x.shape[2], x.shape[3]
    a.oh, a.ow = rows.shape[rows.ndim - 1], columns.shape[columns.ndim - 1]
    a.rows = <const int64_t*> cnp.PyArray_DATA(rows)
    a.columns = <const int64_t*> cnp.PyArray_DATA(columns)
    a.run_from = a.run_to = a.ow // 2
    a.doubles = False
    return a


# Find the columns that are copied in one piece: the run of consecutive ones around the middle.
cdef void _find_run(Axes* a) noexcept nogil:
    cdef int64_t j
    a.doubles = a.ow > 1
    for j in range(a.ow):
        if a.columns[j] != j // 2:
            a.doubles = False
            break
    if a.ow == 0 or a.columns[a.ow // 2] < 0:
        return
    a.run_to = a.run_from + 1
    while a.run_from > 0 and a.columns[a.run_from - 1] >= 0 and a.columns[a.run_from - 1] == a.columns[a.run_from] - 1:
        a.run_from -= 1
    while a.run_to < a.ow and a.columns[a.run_to] == a.columns[a.run_to - 1] + 1:
        a.run_to += 1


def pad(cnp.ndarray x, cnp.ndarray rows, cnp.ndarray columns, double value):
    """See `segalgo.pad`."""
    cdef Axes a = _axes(x, rows, columns)
    cdef Interruption watch = NOT_INTERRUPTED
    cdef cnp.ndarray output = np.empty((x.shape[0], x.shape[1], a.oh, a.ow), x.dtype)
    cdef int64_t planes = x.shape[0] * x.shape[1]
    cdef void* source = cnp.PyArray_DATA(x)
    cdef void* target = cnp.PyArray_DATA(output)
    if output.size == 0:
        return output
    _find_run(&a)
    if x.dtype == np.float32:
        with nogil:
            _fetch(<const float*> source, <float*> target, planes, <float> value, &a, &watch)
    else:
        with nogil:
            _fetch(<const double*> source, <double*> target, planes, value, &a, &watch)
    end_interruption(&watch)
    return output


def interpolate_nearest(cnp.ndarray x, cnp.ndarray rows, cnp.ndarray columns):
    """See `segalgo.interpolate`."""
    return pad(x, rows, columns, 0)


# line[j] = the two taps of column j, of one input row.
cdef void _weigh_columns(const real* row, real* line, const real* weights, Axes* a) noexcept nogil:
    cdef int64_t j
    for j in range(a.ow):
        line[j] = row[a.columns[j]] * weights[j] + row[a.columns[a.ow + j]] * weights[a.ow + j]


cdef void _weigh_rows(const real* top, const real* bottom, real* output, real top_weight, real bottom_weight,
                      int64_t count) noexcept nogil:
    cdef int64_t j
    for j in range(count):
        output[j] = top[j] * top_weight + bottom[j] * bottom_weight


# Output rows first to last, counted over all planes. Two lines of weighed columns are kept: the rows around the
# current position, of which an enlarged picture needs each several times. Returns whether there was memory.
cdef bint _bilinear_rows(const real* x, real* output, const real* row_weights, const real* column_weights,
                         int64_t first, int64_t last, Axes* a, Interruption* watch) noexcept nogil:
    cdef real* memory = <real*> malloc(2 * (a.ow + 16) * sizeof(real))
    cdef real* top = memory
    cdef real* bottom = memory + a.ow + 16
    cdef real* other
    cdef int64_t k, i, row, next_row, top_row = -1, bottom_row = -1
    if memory == NULL:
        return False
    for k in range(first, last):
        if is_interrupted(watch, 2 * a.ow):
            break
        i = k % a.oh
        row = k // a.oh * a.height + a.rows[i]
        next_row = k // a.oh * a.height + a.rows[a.oh + i]
        if row != top_row and row == bottom_row:
            other = top
            top = bottom
            bottom = other
            top_row, bottom_row = bottom_row, top_row
        if row != top_row:
            _weigh_columns(x + row * a.width, top, column_weights, a)
            top_row = row
        if next_row != bottom_row and next_row != row:
            _weigh_columns(x + next_row * a.width, bottom, column_weights, a)
            bottom_row = next_row
        _weigh_rows(top, top if next_row == row else bottom, output + k * a.ow, row_weights[i], row_weights[a.oh + i],
                    a.ow)
    free(memory)
    return True


cdef bint _bilinear(const real* x, real* output, const real* row_weights, const real* column_weights, int64_t planes,
                    Axes* a, Interruption* watch) noexcept nogil:
    cdef int64_t rows = planes * a.oh, part, failures = 0
    for part in prange((rows + ROWS_AT_ONCE - 1) // ROWS_AT_ONCE, schedule="static"):
        failures += not _bilinear_rows(x, output, row_weights, column_weights, part * ROWS_AT_ONCE,
                                       min(rows, (part + 1) * ROWS_AT_ONCE), a, watch)
    return failures == 0


def interpolate_bilinear(cnp.ndarray x, cnp.ndarray rows, cnp.ndarray row_weights, cnp.ndarray columns,
                         cnp.ndarray column_weights):
    """See `segalgo.interpolate`."""
    cdef Axes a = _axes(x, rows, columns)
    cdef Interruption watch = NOT_INTERRUPTED
    cdef cnp.ndarray output = np.empty((x.shape[0], x.shape[1], a.oh, a.ow), x.dtype)
    cdef int64_t planes = x.shape[0] * x.shape[1]
    cdef void* source = cnp.PyArray_DATA(x)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef void* by_row = cnp.PyArray_DATA(row_weights)
    cdef void* by_column = cnp.PyArray_DATA(column_weights)
    cdef bint done
    if output.size == 0:
        return output
    if x.dtype == np.float32:
        with nogil:
            done = _bilinear(<const float*> source, <float*> target, <const float*> by_row, <const float*> by_column,
                             planes, &a, &watch)
    else:
        with nogil:
            done = _bilinear(<const double*> source, <double*> target, <const double*> by_row,
                             <const double*> by_column, planes, &a, &watch)
    end_interruption(&watch)
    if not done:
        raise MemoryError("interpolate: no memory for two rows")
    return output


# One input row, weighed into one cell an output column: the columns' windows begin at a.columns[j] and have
# a.columns[a.ow + j] cells; `taps` weights a column.
cdef void _filter_columns(const real* row, real* line, const real* weights, int64_t taps, Axes* a) noexcept nogil:
    cdef int64_t j, b
    cdef const real* cells
    cdef real total
    for j in range(a.ow):
        cells = row + a.columns[j]
        total = 0
        for b in range(a.columns[a.ow + j]):
            total += cells[b] * weights[j * taps + b]
        line[j] = total


cdef void _add_weighed(const real* line, real* output, real weight, int64_t count) noexcept nogil:
    cdef int64_t j
    for j in range(count):
        output[j] += line[j] * weight


# Output rows first to last, counted over all planes. Rows whose columns are weighed already are kept, as many as a
# window has, since neighbouring windows overlap. Returns whether there was memory.
cdef bint _filtered_rows(const real* x, real* output, const real* row_weights, const real* column_weights,
                         int64_t row_taps, int64_t column_taps, int64_t first, int64_t last, Axes* a,
                         Interruption* watch) noexcept nogil:
    cdef real* lines = <real*> malloc((row_taps * a.ow + 1) * sizeof(real))
    cdef int64_t* held = <int64_t*> malloc(row_taps * sizeof(int64_t))
    cdef int64_t k, i, t, row, slot
    if lines == NULL or held == NULL:
        free(lines)
        free(held)
        return False
    for slot in range(row_taps):
        held[slot] = -1
    for k in range(first, last):
        if is_interrupted(watch, (row_taps + column_taps) * a.ow):
            break
        i = k % a.oh
        for t in range(a.ow):
            output[k * a.ow + t] = 0
        for t in range(a.rows[a.oh + i]):
            row = k // a.oh * a.height + a.rows[i] + t
            slot = row % row_taps
            if held[slot] != row:
                _filter_columns(x + row * a.width, lines + slot * a.ow, column_weights, column_taps, a)
                held[slot] = row
            _add_weighed(lines + slot * a.ow, output + k * a.ow, row_weights[i * row_taps + t], a.ow)
    free(lines)
    free(held)
    return True


cdef bint _filtered(const real* x, real* output, const real* row_weights, const real* column_weights, int64_t row_taps,
                    int64_t column_taps, int64_t planes, Axes* a, Interruption* watch) noexcept nogil:
    cdef int64_t rows = planes * a.oh, part, failures = 0
    for part in prange((rows + ROWS_AT_ONCE - 1) // ROWS_AT_ONCE, schedule="static"):
        failures += not _filtered_rows(x, output, row_weights, column_weights, row_taps, column_taps,
                                       part * ROWS_AT_ONCE, min(rows, (part + 1) * ROWS_AT_ONCE), a, watch)
    return failures == 0


def interpolate_filtered(cnp.ndarray x, cnp.ndarray rows, cnp.ndarray row_weights, cnp.ndarray columns,
                         cnp.ndarray column_weights):
    """See `segalgo.interpolate`."""
    cdef Axes a = _axes(x, rows, columns)
    cdef Interruption watch = NOT_INTERRUPTED
    cdef cnp.ndarray output = np.empty((x.shape[0], x.shape[1], a.oh, a.ow), x.dtype)
    cdef int64_t planes = x.shape[0] * x.shape[1]
    cdef int64_t row_taps = row_weights.shape[1], column_taps = column_weights.shape[1]
    cdef void* source = cnp.PyArray_DATA(x)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef void* by_row = cnp.PyArray_DATA(row_weights)
    cdef void* by_column = cnp.PyArray_DATA(column_weights)
    cdef bint done
    if output.size == 0:
        return output
    if x.dtype == np.float32:
        with nogil:
            done = _filtered(<const float*> source, <float*> target, <const float*> by_row, <const float*> by_column,
                             row_taps, column_taps, planes, &a, &watch)
    else:
        with nogil:
            done = _filtered(<const double*> source, <double*> target, <const double*> by_row,
                             <const double*> by_column, row_taps, column_taps, planes, &a, &watch)
    end_interruption(&watch)
    if not done:
        raise MemoryError("interpolate: no memory for the rows of a window")
    return output
