"""Interpolation and padding: the Cython wing of `segalgo.layers.interpolation`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted
from segalgo._ext.shared.threads cimport omp_get_max_threads

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


# Four input rows, each weighed into one cell an output column: the windows of the columns begin at a.columns[j]
# and have a.columns[a.ow + j] cells; `taps` weights a column. Four rows at once, since one sum waits for each addition.
cdef void _filter_columns(const real* rows, real** lines, const real* weights, int64_t taps, Axes* a) noexcept nogil:
    cdef int64_t j, t, width = a.width
    cdef const real* cells
    cdef const real* w
    cdef real p, q, r, s
    for j in range(a.ow):
        cells, w = rows + a.columns[j], weights + j * taps
        p = q = r = s = 0
        for t in range(a.columns[a.ow + j]):
            p += cells[t] * w[t]
            q += cells[width + t] * w[t]
            r += cells[2 * width + t] * w[t]
            s += cells[3 * width + t] * w[t]
        lines[0][j], lines[1][j], lines[2][j], lines[3][j] = p, q, r, s


cdef void _filter_columns_of_row(const real* row, real* line, const real* weights, int64_t taps,
                                 Axes* a) noexcept nogil:
    cdef int64_t j, t
    cdef const real* cells
    cdef real total
    for j in range(a.ow):
        cells = row + a.columns[j]
        total = 0
        for t in range(a.columns[a.ow + j]):
            total += cells[t] * weights[j * taps + t]
        line[j] = total


# output = the sum of up to 4 lines, each times its weight; `more`: added to what is there. In the order of the lines.
cdef void _add_weighed(real** lines, const real* weights, int64_t taps, bint more, real* output,
                       int64_t count) noexcept nogil:
    cdef int64_t j
    cdef real total
    cdef const real* a = lines[0]
    cdef const real* b = lines[1]
    cdef const real* c = lines[2]
    cdef const real* d = lines[3]
    if taps == 4:
        for j in range(count):
            total = output[j] if more else <real> 0
            output[j] = total + a[j] * weights[0] + b[j] * weights[1] + c[j] * weights[2] + d[j] * weights[3]
    elif taps == 3:
        for j in range(count):
            total = output[j] if more else <real> 0
            output[j] = total + a[j] * weights[0] + b[j] * weights[1] + c[j] * weights[2]
    elif taps == 2:
        for j in range(count):
            total = output[j] if more else <real> 0
            output[j] = total + a[j] * weights[0] + b[j] * weights[1]
    else:
        for j in range(count):
            total = output[j] if more else <real> 0
            output[j] = total + a[j] * weights[0]


# The rows of one plane whose columns are weighed already: row r in slot r % slots, which is 3 more than a window has
# rows, so that three rows beyond a window never take the place of one in it.
cdef struct Held:
    int64_t slots
    int64_t* rows


# Weigh the columns of rows r ... r + 3 of a plane, or of row r alone where the plane has no more.
cdef void _hold_rows(const real* plane, int64_t r, real* lines, Held* held, const real* weights, int64_t taps,
                     Axes* a) noexcept nogil:
    cdef real* target[4]
    cdef int64_t q, slot
    if r + 4 > a.height:
        slot = r % held.slots
        _filter_columns_of_row(plane + r * a.width, lines + slot * a.ow, weights, taps, a)
        held.rows[slot] = r
        return
    for q in range(4):
        slot = (r + q) % held.slots
        held.rows[slot] = r + q
        target[q] = lines + slot * a.ow
    _filter_columns(plane + r * a.width, target, weights, taps, a)


# Output rows first to last, counted over all planes. Neighbouring windows overlap, so rows are held from one to the
# next. Returns whether there was memory.
cdef bint _filtered_rows(const real* x, real* output, const real* row_weights, const real* column_weights,
                         int64_t row_taps, int64_t column_taps, int64_t first, int64_t last, Axes* a,
                         Interruption* watch) noexcept nogil:
    cdef Held held
    held.slots = row_taps + 3
    held.rows = <int64_t*> malloc(held.slots * sizeof(int64_t))
    cdef real* lines = <real*> malloc((held.slots * a.ow + 1) * sizeof(real))
    cdef real* window[4]
    cdef int64_t k, i, t, q, r, count
    if lines == NULL or held.rows == NULL:
        free(lines)
        free(held.rows)
        return False
    for k in range(first, last):
        if is_interrupted(watch, (row_taps + column_taps) * a.ow):
            break
        i = k % a.oh
        if k == first or i == 0:
            for q in range(held.slots):
                held.rows[q] = -1
        for t in range(0, a.rows[a.oh + i], 4):
            count = min(<int64_t> 4, a.rows[a.oh + i] - t)
            for q in range(4):
                r = a.rows[i] + t + min(q, count - 1)
                if held.rows[r % held.slots] != r:
                    _hold_rows(x + k // a.oh * a.height * a.width, r, lines, &held, column_weights, column_taps, a)
                window[q] = lines + r % held.slots * a.ow
            _add_weighed(window, row_weights + i * row_taps + t, count, t > 0, output + k * a.ow, a.ow)
    free(lines)
    free(held.rows)
    return True


cdef bint _filtered(const real* x, real* output, const real* row_weights, const real* column_weights, int64_t row_taps,
                    int64_t column_taps, int64_t planes, Axes* a, Interruption* watch) noexcept nogil:
    # The first window of a part is weighed anew, so parts are not small.
    cdef int64_t rows = planes * a.oh, part, failures = 0
    cdef int64_t height = max(<int64_t> ROWS_AT_ONCE, min(<int64_t> 128, rows // (8 * omp_get_max_threads())))
    for part in prange((rows + height - 1) // height, schedule="static"):
        failures += not _filtered_rows(x, output, row_weights, column_weights, row_taps, column_taps,
                                       part * height, min(rows, (part + 1) * height), a, watch)
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
