"""A threshold for each pixel from the window around it: the Cython wing of `segalgo.thresholds.local_thresholds`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.math cimport exp, sqrt
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted
from segalgo._ext.shared.pixel_types cimport real

import numpy as np

cnp.import_array()

ctypedef fused narrow:
    uint8_t
    int8_t
    uint16_t
    int16_t
    float
    double

# Sums over a window: modulo 2^32 or 2^64 for integers, whose differences are exact all the same.
ctypedef fused sums:
    uint32_t
    uint64_t
    double

cdef enum:
    MEAN, SCALED_MEAN, NIBLACK, SAUVOLA, WOLF, PHANSALKAR, DEVIATION
    TILE = 512

# Variances below this share of the mean square that running sums went over have lost digits: 2^24 rounding errors.
cdef double DOUBTFUL = 2.0**-29

RULES = {"mean": MEAN, "scaled_mean": SCALED_MEAN, "niblack": NIBLACK, "sauvola": SAUVOLA, "wolf": WOLF,
         "phansalkar": PHANSALKAR}


cdef struct Windows:
    # Rows and columns of the picture, of the window; where each padded row and column lies in the picture, -1: nowhere.
    int64_t height, width, wh, ww
    const int64_t* rows
    const int64_t* columns
    # Pixels count as their differences from `shift` (0 for integers); `outside` is one already. Means gain `origin`.
    double outside, shift, origin
    int rule
    double p[6]


# What one stripe needs to recompute variances. passed: the largest sum of squares that its running sums went over.
# rows: 4 rows of TILE + ww - 1 numbers. equal, counted: see `_count_equal_rows`.
cdef struct Recomputation:
    double passed
    double* rows
    int32_t* equal
    int64_t counted


include "constant_windows.pxi"


cdef void _add_row(const narrow* row, double outside, sums shift, int64_t width, int sign, sums* once,
                   sums* squares) noexcept nogil:
    cdef int64_t j
    cdef sums x
    if row == NULL:
        x = <sums> outside
        for j in range(width):
            once[j] += x if sign > 0 else -x
            if squares != NULL:
                squares[j] += x * x if sign > 0 else -(x * x)
        return
    if squares == NULL:
        if sign > 0:
            for j in range(width):
                once[j] += <sums> row[j] - shift
        else:
            for j in range(width):
                once[j] -= <sums> row[j] - shift
        return
    if sign > 0:
        for j in range(width):
            x = <sums> row[j] - shift
            once[j] += x
            squares[j] += x * x
    else:
        for j in range(width):
            x = <sums> row[j] - shift
            once[j] -= x
            squares[j] -= x * x


# Move all columns one row down: the row that enters less the one that leaves.
cdef void _slide_rows(const narrow* enter, const narrow* leave, sums shift, int64_t width, sums* once,
                      sums* squares) noexcept nogil:
    cdef int64_t j
    cdef sums x, y
    if squares == NULL:
        for j in range(width):
            once[j] += <sums> enter[j] - <sums> leave[j]
        return
    for j in range(width):
        x = <sums> enter[j] - shift
        y = <sums> leave[j] - shift
        once[j] += x - y
        squares[j] += x * x - y * y


# running[q] = sum of the columns before padded column q, so that a window's sum is the difference of two. Likewise
# `running_squares`, if there are any; both in one loop, as each addition of floats waits for the one before.
cdef void _run_along(const sums* once, const sums* squares, sums edge, sums edge_squares, const Windows* w,
                     sums* running, sums* running_squares) noexcept nogil:
    cdef int64_t q, half = w.ww // 2, width = w.width, padded = w.width + w.ww - 1
    cdef sums sofar = 0, sofar_squares = 0
    running[0] = 0
    if squares == NULL:
        for q in range(half):
            sofar += edge if w.columns[q] < 0 else once[w.columns[q]]
            running[q + 1] = sofar
        for q in range(width):
            sofar += once[q]
            running[half + q + 1] = sofar
        for q in range(half + width, padded):
            sofar += edge if w.columns[q] < 0 else once[w.columns[q]]
            running[q + 1] = sofar
        return
    running_squares[0] = 0
    for q in range(half):
        sofar += edge if w.columns[q] < 0 else once[w.columns[q]]
        sofar_squares += edge_squares if w.columns[q] < 0 else squares[w.columns[q]]
        running[q + 1], running_squares[q + 1] = sofar, sofar_squares
    for q in range(width):
        sofar += once[q]
        sofar_squares += squares[q]
        running[half + q + 1], running_squares[half + q + 1] = sofar, sofar_squares
    for q in range(half + width, padded):
        sofar += edge if w.columns[q] < 0 else once[w.columns[q]]
        sofar_squares += edge_squares if w.columns[q] < 0 else squares[w.columns[q]]
        running[q + 1], running_squares[q + 1] = sofar, sofar_squares


cdef void _differences(const sums* running, int64_t ww, int64_t length, double* total) noexcept nogil:
    cdef int64_t j
    for j in range(length):
        if sums is uint32_t:
            total[j] = <double> <int32_t> (running[j + ww] - running[j])
        elif sums is uint64_t:
            total[j] = <double> <int64_t> (running[j + ww] - running[j])
        else:
            total[j] = running[j + ww] - running[j]


# Sums of values m and of squares s become the mean and the variance of each window.
cdef void _moments_of_sums(double* m, double* s, int64_t length, const Windows* w) noexcept nogil:
    cdef int64_t j
    cdef double n = <double> (w.wh * w.ww)
    for j in range(length):
        m[j] = m[j] / n
    if w.rule >= NIBLACK:
        for j in range(length):
            s[j] = s[j] / n - m[j] * m[j]
    for j in range(length):
        m[j] = m[j] + w.origin


cdef int64_t _count_doubtful(const double* s, int64_t length, double doubtful) noexcept nogil:
    cdef int64_t j, count = 0
    for j in range(length):
        count += s[j] < doubtful
    return count


# The largest of numbers that are not negative, in lanes: compilers leave a single chain of comparisons as it is.
cdef double _largest(const double* s, int64_t length) noexcept nogil:
    cdef double most[8]
    cdef int64_t j, q
    for q in range(8):
        most[q] = 0
    for j in range(0, length - 7, 8):
        for q in range(8):
            most[q] = s[j + q] if s[j + q] > most[q] else most[q]
    for j in range(length - length % 8, length):
        most[0] = max(most[0], s[j])
    for q in range(1, 8):
        most[0] = max(most[0], most[q])
    return most[0]


# The rule, over means m and variances s, which become deviations. Products and quotients are in the order of the
# formulas, so that every instruction level rounds alike.
cdef void _apply(double* m, double* s, int64_t length, real* output, const Windows* w, double* largest) noexcept nogil:
    cdef int64_t j
    cdef double k = w.p[0], r = w.p[1], p = w.p[2], q = w.p[3], scale = w.p[4]
    if w.rule == MEAN:
        for j in range(length):
            output[j] = <real> m[j]
        return
    if w.rule == SCALED_MEAN:
        for j in range(length):
            output[j] = <real> (m[j] * k)
        return
    for j in range(length):
        s[j] = sqrt(s[j] if s[j] > 0 else 0.0)
    if w.rule == DEVIATION:
        largest[0] = max(largest[0], _largest(s, length))
    elif w.rule == NIBLACK:
        for j in range(length):
            output[j] = <real> (m[j] - k * s[j])
    elif w.rule == SAUVOLA:
        for j in range(length):
            output[j] = <real> (m[j] * (1 + k * (s[j] / r - 1)))
    elif w.rule == WOLF:
        for j in range(length):
            output[j] = <real> ((1 - k) * m[j] + k * r + k * (s[j] / p) * (m[j] - r))
    else:
        for j in range(length):
            output[j] = <real> (m[j] * (1 + p * exp(-q * (m[j] / scale)) + k * (s[j] / r - 1)))


# Padded columns start ... start + span - 1 of a row of the picture, as doubles.
cdef void _load_row(const narrow* row, double beyond, int64_t start, int64_t span, const Windows* w,
                    double* line) noexcept nogil:
    cdef int64_t q, half = w.ww // 2
    cdef int64_t low = min(max(half - start, <int64_t> 0), span)
    cdef int64_t high = min(max(half + w.width - start, low), span)
    if row == NULL:
        for q in range(span):
            line[q] = beyond
        return
    for q in range(low):
        line[q] = beyond if w.columns[start + q] < 0 else <double> row[w.columns[start + q]]
    for q in range(low, high):
        line[q] = <double> row[start - half + q]
    for q in range(high, span):
        line[q] = beyond if w.columns[start + q] < 0 else <double> row[w.columns[start + q]]


# Mean and variance of the windows of output row i at columns start ... start + length - 1, in two passes: of each
# column of wh rows, then of ww columns. Every difference is taken within a window, so values elsewhere cost no digits.
# scratch: 4 rows of length + ww - 1.
cdef void _moments_of_windows(const narrow* image, int64_t i, int64_t start, int64_t length, const Windows* w,
                              double* scratch, double* m, double* s) noexcept nogil:
    cdef int64_t span = length + w.ww - 1, q, k, j, source
    cdef double beyond = w.outside + w.shift, wh = <double> w.wh, ww = <double> w.ww, d
    cdef double* line = scratch
    cdef double* column = line + span
    cdef double* mean = column + span
    cdef double* variance = mean + span
    source = w.rows[i]
    _load_row(image + source * w.width if source >= 0 else NULL, beyond, start, span, w, column)
    for q in range(span):
        mean[q] = 0
    for k in range(1, w.wh):
        source = w.rows[i + k]
        _load_row(image + source * w.width if source >= 0 else NULL, beyond, start, span, w, line)
        for q in range(span):
            mean[q] += line[q] - column[q]
    for q in range(span):
        mean[q] = mean[q] / wh
        variance[q] = mean[q] * mean[q]
    for k in range(1, w.wh):
        source = w.rows[i + k]
        _load_row(image + source * w.width if source >= 0 else NULL, beyond, start, span, w, line)
        for q in range(span):
            d = line[q] - column[q] - mean[q]
            variance[q] += d * d
    for q in range(span):
        column[q] += mean[q]
        variance[q] = variance[q] / wh
    for j in range(length):
        m[j] = 0
    for k in range(1, w.ww):
        for j in range(length):
            m[j] += column[j + k] - column[j]
    for j in range(length):
        m[j] = m[j] / ww
        s[j] = variance[j] + m[j] * m[j]
    for k in range(1, w.ww):
        for j in range(length):
            d = column[j + k] - column[j] - m[j]
            s[j] += variance[j + k] + d * d
    for j in range(length):
        s[j] = s[j] / ww
        m[j] = column[j] + m[j] + (w.origin - w.shift)


# Recompute the variances of a tile that are small beside the rounding errors of its running sums: 0 where a window is
# constant, else from the pixels, from the first such window to the last.
cdef void _recompute(const narrow* image, int64_t i, int64_t start, int64_t length, const Windows* w, double doubtful,
                     Recomputation* by, double* m, double* s) noexcept nogil:
    cdef uint8_t constant[TILE]
    cdef int64_t first = 0, last = length - 1
    _count_equal_rows(image, i + w.wh - 1, w, by.equal, &by.counted)
    _set_constant_windows(image, i, start, length, w, by.equal, <int32_t*> by.rows, constant, m, s)
    if _count_doubtful_others(s, constant, length, doubtful) == 0:
        return
    while constant[first] or s[first] >= doubtful:
        first += 1
    while constant[last] or s[last] >= doubtful:
        last -= 1
    _moments_of_windows(image, i, start + first, last + 1 - first, w, by.rows, m + first, s + first)


# Row i of the output, in tiles that stay in the nearest cache.
cdef void _finish_row(const narrow* image, int64_t i, const sums* once, const sums* squares, Recomputation* by,
                      real* output, const Windows* w, double* largest) noexcept nogil:
    cdef double m[TILE]
    cdef double s[TILE]
    cdef int64_t tile, start, length
    cdef double doubtful = by.passed / (w.wh * w.ww) * DOUBTFUL
    for tile in range((w.width + TILE - 1) // TILE):
        start = tile * TILE
        length = min(<int64_t> TILE, w.width - start)
        _differences(once + start, w.ww, length, m)
        if squares != NULL:
            _differences(squares + start, w.ww, length, s)
        _moments_of_sums(m, s, length, w)
        if sums is double:
            if w.rule >= NIBLACK and _count_doubtful(s, length, doubtful) > 0:
                _recompute(image, i, start, length, w, doubtful, by, m, s)
        _apply(m, s, length, output + start, w, largest)


# Rows first ... last - 1 of the output; sums start anew at the first, so errors of floats never travel farther.
cdef int _stripe(const narrow* image, real* output, int64_t first, int64_t last, const Windows* w, sums unit,
                 double* largest, Interruption* watch) noexcept nogil:
    cdef bint squared = w.rule >= NIBLACK
    cdef int64_t i, q, padded = w.width + w.ww
    cdef sums* once = <sums*> malloc(2 * (w.width + padded) * sizeof(sums))
    cdef Recomputation by
    by.passed, by.rows, by.equal, by.counted = 0, NULL, NULL, first - 1
    if squared and sums is double:
        by.rows = <double*> malloc(4 * (TILE + w.ww) * sizeof(double))
        by.equal = <int32_t*> malloc(w.width * sizeof(int32_t))
    if once == NULL or (squared and sums is double and (by.rows == NULL or by.equal == NULL)):
        free(once)
        free(by.rows)
        free(by.equal)
        return 1
    cdef sums* squares = once + w.width if squared else NULL
    cdef sums* running = once + 2 * w.width
    cdef sums* running_squares = running + padded if squared else NULL
    cdef sums edge = <sums> (w.outside * w.wh) * unit, shift = <sums> w.shift
    for q in range(2 * w.width):
        once[q] = 0
    for q in range(first, first + w.wh):
        _add_row(image + w.rows[q] * w.width if w.rows[q] >= 0 else NULL, w.outside, shift, w.width, 1, once, squares)
    for i in range(first, last):
        if is_interrupted(watch, 4 * padded):
            break
        if i > first:
            if w.rows[i + w.wh - 1] >= 0 and w.rows[i - 1] >= 0:
                _slide_rows(image + w.rows[i + w.wh - 1] * w.width, image + w.rows[i - 1] * w.width, shift,
                            w.width, once, squares)
            else:
                q = w.rows[i + w.wh - 1]
                _add_row(image + q * w.width if q >= 0 else NULL, w.outside, shift, w.width, 1, once, squares)
                q = w.rows[i - 1]
                _add_row(image + q * w.width if q >= 0 else NULL, w.outside, shift, w.width, -1, once, squares)
        _run_along(once, squares, edge, edge * <sums> w.outside, w, running, running_squares)
        if squared and sums is double:
            by.passed = max(by.passed, running_squares[padded - 1])
        _finish_row(image, i, running, running_squares, &by, output + i * w.width, w, largest)
    free(once)
    free(by.rows)
    free(by.equal)
    return 0


cdef int _sweep(const narrow* image, real* output, const Windows* w, sums unit, double* largest,
                Interruption* watch) noexcept nogil:
    # The height of a stripe depends on the window alone, so sums of floats never depend on the number of threads.
    cdef int64_t height = max(<int64_t> 128, 4 * w.wh), part
    cdef int failed = 0
    for part in prange((w.height + height - 1) // height, schedule="dynamic"):
        failed += _stripe(image, output, part * height, min((part + 1) * height, w.height), w, unit, largest + part,
                          watch)
    return failed


def _sweep_image(const narrow[:, ::1] image, const int64_t[::1] rows, const int64_t[::1] columns, double outside,
                 double shift, double origin, window, int rule, parameters, real[:, ::1] output):
    cdef Interruption watch = NOT_INTERRUPTED
    cdef Windows w
    cdef int k, failed
    w.height, w.width = image.shape[0], image.shape[1]
    w.wh, w.ww = window
    w.rows, w.columns, w.rule = &rows[0], &columns[0], rule
    w.outside, w.shift, w.origin = outside, shift, origin
    for k in range(6):
        w.p[k] = parameters[k] if k < len(parameters) else 0.0
    deviations = np.zeros(w.height, np.float64)
    cdef double[::1] largest = deviations
    # The largest sum of squares of 8-bit pixels that 31 bits hold.
    cdef bint small = w.wh * w.ww * 65536 < 2147483647
    with nogil:
        if narrow is float or narrow is double:
            failed = _sweep(&image[0, 0], &output[0, 0], &w, <double> 1, &largest[0], &watch)
        elif (narrow is uint8_t or narrow is int8_t) and small:
            failed = _sweep(&image[0, 0], &output[0, 0], &w, <uint32_t> 1, &largest[0], &watch)
        else:
            failed = _sweep(&image[0, 0], &output[0, 0], &w, <uint64_t> 1, &largest[0], &watch)
    end_interruption(&watch)
    if failed:
        raise MemoryError("window_threshold: no memory for the sums of a stripe")
    return float(deviations.max())


def window_threshold(image, window, sources, cval, shift, origin, rule, parameters, dtype):
    """See `segalgo.reference.thresholds.local_thresholds.window_threshold`.

    Two axes: sums of columns slide down the rows of a stripe, then along each row. More axes: see `_many_axes`.
    """
    output = np.empty(image.shape, dtype)
    if image.size == 0:
        return output
    # No float may become a sum of integers.
    outside, shift = (cval - shift, shift) if image.dtype.kind == "f" else (0.0, 0.0)
    if image.ndim == 1:
        window, sources = (1, *window), (np.zeros(1, np.int64), *sources)
    elif image.ndim > 2:
        return _many_axes(image, window, sources, outside, shift, origin, rule, parameters, output)
    shape = (-1, image.shape[image.ndim - 1])
    plane, target = image.reshape(shape), output.reshape(shape)
    if rule == "wolf":
        largest = _sweep_image(plane, *sources, outside, shift, origin, window, DEVIATION, parameters, target)
        parameters = (*parameters, largest or 1.0)
    _sweep_image(plane, *sources, outside, shift, origin, window, RULES[rule], parameters, target)
    return output


include "local_thresholds_axes.pxi"
