"""Normalization: the Cython wing of `segalgo.layers.normalization`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.math cimport pow, sqrt
from libc.stdint cimport int64_t

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted
from segalgo._ext.shared.threads cimport omp_get_max_threads

import numpy as np

cnp.import_array()

cdef extern from "layers/reductions.h" nogil:
    double sum_of_float(const float*, int64_t, double)
    double sum_of_double(const double*, int64_t, double)
    double squares_of_float(const float*, int64_t, double)
    double squares_of_double(const double*, int64_t, double)

ctypedef fused real:
    float
    double

cdef enum:
    CHUNK = 16384  # cells that one thread normalizes at a time: a few pages of memory
    STRIP = 256  # cells of neighbouring channels whose sums of squares are kept at once


cdef void _scale_span(const real* x, real* output, int64_t count, double mean, double factor,
                      double bias) noexcept nogil:
    cdef int64_t k
    for k in range(count):
        output[k] = <real> ((x[k] - mean) * factor + bias)


cdef void _batch_norm(const real* x, real* output, const double* mean, const double* var, const double* weight,
                      const double* bias, double eps, int64_t planes, int64_t channels, int64_t cells,
                      Interruption* watch) noexcept nogil:
    cdef int64_t parts = (cells + CHUNK - 1) // CHUNK, part, c, first
    for part in prange(planes * parts, schedule="static"):
        if is_interrupted(watch, min(CHUNK, cells)):
            continue
        c = part // parts % channels
        first = part % parts * CHUNK
        _scale_span(x + part // parts * cells + first, output + part // parts * cells + first,
                    min(CHUNK, cells - first), mean[c], weight[c] / sqrt(var[c] + eps), bias[c])


def batch_norm(cnp.ndarray x, cnp.ndarray mean, cnp.ndarray var, cnp.ndarray weight, cnp.ndarray bias, double eps):
    """See `segalgo.batch_norm`."""
    cdef Interruption watch = NOT_INTERRUPTED
    cdef cnp.ndarray output = np.empty((x.shape[0], x.shape[1], x.shape[2]), x.dtype)
    cdef int64_t planes = x.shape[0] * x.shape[1], channels = x.shape[1], cells = x.shape[2]
    cdef void* source = cnp.PyArray_DATA(x)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef const double* m = <const double*> cnp.PyArray_DATA(mean)
    cdef const double* v = <const double*> cnp.PyArray_DATA(var)
    cdef const double* w = <const double*> cnp.PyArray_DATA(weight)
    cdef const double* b = <const double*> cnp.PyArray_DATA(bias)
    if x.dtype == np.float32:
        with nogil:
            _batch_norm(<const float*> source, <float*> target, m, v, w, b, eps, planes, channels, cells,
                        &watch)
    else:
        with nogil:
            _batch_norm(<const double*> source, <double*> target, m, v, w, b, eps, planes, channels, cells,
                        &watch)
    end_interruption(&watch)
    return output


cdef void _layer_norm_row(const real* x, real* output, const double* weight, const double* bias, double eps,
                          int64_t count) noexcept nogil:
    cdef double mean, var, factor
    cdef int64_t k
    if real is float:
        mean = sum_of_float(x, count, 0) / count
        var = squares_of_float(x, count, mean) / count
    else:
        mean = sum_of_double(x, count, 0) / count
        var = squares_of_double(x, count, mean) / count
    factor = 1 / sqrt(var + eps)
    for k in range(count):
        output[k] = <real> ((x[k] - mean) * factor * weight[k] + bias[k])


cdef void _layer_norm(const real* x, real* output, const double* weight, const double* bias, double eps, int64_t rows,
                      int64_t count, Interruption* watch) noexcept nogil:
    cdef int64_t row
    for row in prange(rows, schedule="static"):
        if is_interrupted(watch, 3 * count):
            continue
        _layer_norm_row(x + row * count, output + row * count, weight, bias, eps, count)


def layer_norm(cnp.ndarray x, cnp.ndarray weight, cnp.ndarray bias, double eps):
    """See `segalgo.layer_norm`."""
    cdef Interruption watch = NOT_INTERRUPTED
    cdef cnp.ndarray output = np.empty((x.shape[0], x.shape[1]), x.dtype)
    cdef int64_t rows = x.shape[0], count = x.shape[1]
    cdef void* source = cnp.PyArray_DATA(x)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef const double* w = <const double*> cnp.PyArray_DATA(weight)
    cdef const double* b = <const double*> cnp.PyArray_DATA(bias)
    if x.dtype == np.float32:
        with nogil:
            _layer_norm(<const float*> source, <float*> target, w, b, eps, rows, count, &watch)
    else:
        with nogil:
            _layer_norm(<const double*> source, <double*> target, w, b, eps, rows, count, &watch)
    end_interruption(&watch)
    return output


cdef inline double _sum(const real* x, int64_t count) noexcept nogil:
    if real is float:
        return sum_of_float(x, count, 0)
    else:
        return sum_of_double(x, count, 0)


cdef inline double _squares(const real* x, int64_t count, double mean) noexcept nogil:
    if real is float:
        return squares_of_float(x, count, mean)
    else:
        return squares_of_double(x, count, mean)


cdef double _in_order(const double* partial, int64_t count) noexcept nogil:
    cdef double total = 0
    cdef int64_t k
    for k in range(count):
        total += partial[k]
    return total


cdef struct Groups:
    int64_t rows, groups, count, cells, channels, parts, spans  # a row: the `count` cells of one group of one picture
    double eps
    const double* weight
    const double* bias


cdef inline double _sum_of_part(const real* x, int64_t part, const Groups* g) noexcept nogil:
    cdef int64_t first = part % g.parts * CHUNK
    return _sum(x + part // g.parts * g.count + first, min(CHUNK, g.count - first))


cdef inline double _squares_of_part(const real* x, int64_t part, double mean, const Groups* g) noexcept nogil:
    cdef int64_t first = part % g.parts * CHUNK
    return _squares(x + part // g.parts * g.count + first, min(CHUNK, g.count - first), mean)


cdef inline void _scale_part(const real* x, real* output, int64_t part, double mean, double factor,
                             const Groups* g) noexcept nogil:
    cdef int64_t plane = part // g.spans, first = part % g.spans * CHUNK
    cdef int64_t c = plane // g.channels % g.groups * g.channels + plane % g.channels
    _scale_span(x + plane * g.cells + first, output + plane * g.cells + first, min(CHUNK, g.cells - first), mean,
                factor * g.weight[c], g.bias[c])


cdef void _normalize_row(const real* x, real* output, int64_t row, double* partial, const Groups* g,
                         Interruption* watch) noexcept nogil:
    cdef int64_t part
    cdef double mean, factor
    for part in range(row * g.parts, (row + 1) * g.parts):
        if is_interrupted(watch, CHUNK):
            return
        partial[part] = _sum_of_part(x, part, g)
    mean = _in_order(partial + row * g.parts, g.parts) / g.count
    for part in range(row * g.parts, (row + 1) * g.parts):
        if is_interrupted(watch, CHUNK):
            return
        partial[part] = _squares_of_part(x, part, mean, g)
    factor = 1 / sqrt(_in_order(partial + row * g.parts, g.parts) / g.count + g.eps)
    for part in range(row * g.channels * g.spans, (row + 1) * g.channels * g.spans):
        if is_interrupted(watch, min(CHUNK, g.cells)):
            return
        _scale_part(x, output, part, mean, factor, g)


# Sums over parts of CHUNK cells, added up in order, so that the result does not depend on who adds. Where there are
# many rows, each thread takes whole ones, which stay in its cache from the sum to the output; else all share each.
cdef void _group_norm(const real* x, real* output, const Groups* g, double* partial, double* mean,
                      double* factor, Interruption* watch) noexcept nogil:
    cdef int64_t part, row
    if g.rows >= 4 * omp_get_max_threads():
        for row in prange(g.rows, schedule="static"):
            _normalize_row(x, output, row, partial, g, watch)
        return
    for part in prange(g.rows * g.parts, schedule="static"):
        if is_interrupted(watch, CHUNK):
            continue
        partial[part] = _sum_of_part(x, part, g)
    for row in range(g.rows):
        mean[row] = _in_order(partial + row * g.parts, g.parts) / g.count
    for part in prange(g.rows * g.parts, schedule="static"):
        if is_interrupted(watch, CHUNK):
            continue
        partial[part] = _squares_of_part(x, part, mean[part // g.parts], g)
    for row in range(g.rows):
        factor[row] = 1 / sqrt(_in_order(partial + row * g.parts, g.parts) / g.count + g.eps)
    for part in prange(g.rows * g.channels * g.spans, schedule="static"):
        if is_interrupted(watch, min(CHUNK, g.cells)):
            continue
        row = part // g.spans // g.channels
        _scale_part(x, output, part, mean[row], factor[row], g)


def group_norm(cnp.ndarray x, int64_t groups, cnp.ndarray weight, cnp.ndarray bias, double eps):
    """See `segalgo.group_norm`."""
    cdef Interruption watch = NOT_INTERRUPTED
    cdef Groups g
    cdef cnp.ndarray output = np.empty((x.shape[0], x.shape[1], x.shape[2]), x.dtype)
    if output.size == 0:
        return output
    g.groups, g.channels, g.cells = groups, x.shape[1] // groups, x.shape[2]
    g.rows, g.count = x.shape[0] * groups, g.channels * g.cells
    g.parts, g.spans = (g.count + CHUNK - 1) // CHUNK, (g.cells + CHUNK - 1) // CHUNK
    g.eps = eps
    g.weight, g.bias = <const double*> cnp.PyArray_DATA(weight), <const double*> cnp.PyArray_DATA(bias)
    cdef cnp.ndarray scratch = np.empty(g.rows * (g.parts + 2))
    cdef double* mean = <double*> cnp.PyArray_DATA(scratch)
    cdef void* source = cnp.PyArray_DATA(x)
    cdef void* target = cnp.PyArray_DATA(output)
    if x.dtype == np.float32:
        with nogil:
            _group_norm(<const float*> source, <float*> target, &g, mean + 2 * g.rows, mean, mean + g.rows,
                        &watch)
    else:
        with nogil:
            _group_norm(<const double*> source, <double*> target, &g, mean + 2 * g.rows, mean, mean + g.rows,
                        &watch)
    end_interruption(&watch)
    return output


cdef struct Response:
    int64_t channels, cells, size
    double factor, beta, k  # factor = alpha / size


# One strip of up to STRIP cells, all channels: add up the squares of the neighbours in channel order, then divide.
# The two exponents that papers use are square roots, twenty times quicker than a power.
cdef void _response_strip(const real* x, real* output, int64_t count, Response* r) noexcept nogil:
    cdef double[STRIP] total
    cdef int64_t c, q, k
    cdef double cell, base
    for c in range(r.channels):
        for k in range(count):
            total[k] = 0
        for q in range(max(c - r.size // 2, 0), min(c + (r.size - 1) // 2 + 1, r.channels)):
            for k in range(count):
                cell = x[q * r.cells + k]
                total[k] += cell * cell
        if r.beta == 0.75:
            for k in range(count):
                base = sqrt(r.k + r.factor * total[k])
                output[c * r.cells + k] = <real> (x[c * r.cells + k] / (base * sqrt(base)))
        elif r.beta == 0.5:
            for k in range(count):
                output[c * r.cells + k] = <real> (x[c * r.cells + k] / sqrt(r.k + r.factor * total[k]))
        else:
            for k in range(count):
                output[c * r.cells + k] = <real> (x[c * r.cells + k] / pow(r.k + r.factor * total[k], r.beta))


cdef void _response(const real* x, real* output, int64_t batch, Response* r, Interruption* watch) noexcept nogil:
    cdef int64_t strips = (r.cells + STRIP - 1) // STRIP, part, first
    for part in prange(batch * strips, schedule="static"):
        if is_interrupted(watch, r.channels * min(r.size + 8, r.channels + 8) * min(STRIP, r.cells)):
            continue
        first = part // strips * r.channels * r.cells + part % strips * STRIP
        _response_strip(x + first, output + first, min(STRIP, r.cells - part % strips * STRIP), r)


def local_response_norm(cnp.ndarray x, int64_t size, double alpha, double beta, double k):
    """See `segalgo.local_response_norm`."""
    cdef Response r
    cdef Interruption watch = NOT_INTERRUPTED
    cdef cnp.ndarray output = np.empty((x.shape[0], x.shape[1], x.shape[2]), x.dtype)
    cdef int64_t batch = x.shape[0]
    cdef void* source = cnp.PyArray_DATA(x)
    cdef void* target = cnp.PyArray_DATA(output)
    r.channels, r.cells, r.size = x.shape[1], x.shape[2], size
    r.factor, r.beta, r.k = alpha / size, beta, k
    if x.dtype == np.float32:
        with nogil:
            _response(<const float*> source, <float*> target, batch, &r, &watch)
    else:
        with nogil:
            _response(<const double*> source, <double*> target, batch, &r, &watch)
    end_interruption(&watch)
    return output
