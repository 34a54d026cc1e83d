"""Activation functions: the Cython wing of `segalgo.layers.activation`. exp and its kin are those of elementary.h."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.math cimport log
from libc.stdint cimport int64_t

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cnp.import_array()

cdef extern from "layers/elementary.h" nogil:
    float exp_float(float)
    double exp_double(double)
    float sigmoid_float(float)
    double sigmoid_double(double)
    float gelu_float(float)
    double gelu_double(double)
    float gelu_tanh_float(float)
    double gelu_tanh_double(double)
    double log_of_sum(double)

cdef extern from "layers/reductions.h" nogil:
    double sum_of_float(const float*, int64_t, double)
    double sum_of_double(const double*, int64_t, double)
    float largest_of_float(const float*, int64_t)
    double largest_of_double(const double*, int64_t)

ctypedef fused real:
    float
    double

cdef enum:
    CHUNK = 16384  # cells that one thread takes at a time
    STRIP = 256  # lines that are worked on side by side

cdef enum Function:
    RELU, LEAKY_RELU, RELU6, HARDSIGMOID, HARDSWISH, SIGMOID, GELU, GELU_TANH


cdef void _apply_span(Function function, const real* x, real* output, int64_t count, real slope) noexcept nogil:
    cdef real three = 3, six = 6  # a literal would make the sums and quotients of floats doubles
    cdef int64_t k
    if function == RELU:
        for k in range(count):
            output[k] = 0 if x[k] <= 0 else x[k]
    elif function == LEAKY_RELU:
        for k in range(count):
            output[k] = x[k] if x[k] > 0 else x[k] * slope
    elif function == RELU6:
        for k in range(count):
            output[k] = 0 if x[k] <= 0 else (6 if x[k] > 6 else x[k])
    elif function == HARDSIGMOID:
        for k in range(count):
            output[k] = 0 if x[k] <= -3 else (1 if x[k] >= 3 else (x[k] + three) / six)
    elif function == HARDSWISH:
        for k in range(count):
            output[k] = 0 if x[k] <= -3 else (x[k] if x[k] >= 3 else x[k] * (x[k] + three) / six)
    elif function == SIGMOID:
        for k in range(count):
            output[k] = sigmoid_float(x[k]) if real is float else sigmoid_double(x[k])
    elif function == GELU:
        for k in range(count):
            output[k] = gelu_float(x[k]) if real is float else gelu_double(x[k])
    else:
        for k in range(count):
            output[k] = gelu_tanh_float(x[k]) if real is float else gelu_tanh_double(x[k])


cdef void _apply(Function function, const real* x, real* output, int64_t count, real slope,
                 Interruption* watch) noexcept nogil:
    cdef int64_t part
    for part in prange((count + CHUNK - 1) // CHUNK, schedule="static"):
        if is_interrupted(watch, 4 * CHUNK):
            continue
        _apply_span(function, x + part * CHUNK, output + part * CHUNK, min(CHUNK, count - part * CHUNK), slope)


cdef _cell_by_cell(Function function, cnp.ndarray x, double slope=0):
    cdef Interruption watch = NOT_INTERRUPTED
    cdef cnp.ndarray output = np.empty(x.size, x.dtype)
    cdef int64_t count = x.size
    cdef void* source = cnp.PyArray_DATA(x)
    cdef void* target = cnp.PyArray_DATA(output)
    if x.dtype == np.float32:
        with nogil:
            _apply(function, <const float*> source, <float*> target, count, <float> slope, &watch)
    else:
        with nogil:
            _apply(function, <const double*> source, <double*> target, count, slope, &watch)
    end_interruption(&watch)
    return output


def relu(cnp.ndarray x):
    """See `segalgo.relu`."""
    return _cell_by_cell(RELU, x)


def leaky_relu(cnp.ndarray x, double negative_slope):
    """See `segalgo.leaky_relu`."""
    return _cell_by_cell(LEAKY_RELU, x, negative_slope)


# Parts of up to CHUNK cells of one plane, which share the weight of their channel.
cdef void _prelu(const real* x, real* output, const real* weight, int64_t planes, int64_t channels,
                 int64_t cells, Interruption* watch) noexcept nogil:
    cdef int64_t parts = (cells + CHUNK - 1) // CHUNK, part, first
    for part in prange(planes * parts, schedule="static"):
        if is_interrupted(watch, min(CHUNK, cells)):
            continue
        first = part // parts * cells + part % parts * CHUNK
        _apply_span(LEAKY_RELU, x + first, output + first, min(CHUNK, cells - part % parts * CHUNK),
                    weight[part // parts % channels])


def prelu(cnp.ndarray x, cnp.ndarray weight):
    """See `segalgo.prelu`."""
    cdef Interruption watch = NOT_INTERRUPTED
    cdef cnp.ndarray output = np.empty((x.shape[0], x.shape[1], x.shape[2]), x.dtype)
    cdef int64_t planes = x.shape[0] * x.shape[1], channels = x.shape[1], cells = x.shape[2]
    cdef void* source = cnp.PyArray_DATA(x)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef void* slopes = cnp.PyArray_DATA(weight)
    if x.dtype == np.float32:
        with nogil:
            _prelu(<const float*> source, <float*> target, <const float*> slopes, planes, channels, cells, &watch)
    else:
        with nogil:
            _prelu(<const double*> source, <double*> target, <const double*> slopes, planes, channels, cells,
                   &watch)
    end_interruption(&watch)
    return output


def relu6(cnp.ndarray x):
    """See `segalgo.relu6`."""
    return _cell_by_cell(RELU6, x)


def hardsigmoid(cnp.ndarray x):
    """See `segalgo.hardsigmoid`."""
    return _cell_by_cell(HARDSIGMOID, x)


def hardswish(cnp.ndarray x):
    """See `segalgo.hardswish`."""
    return _cell_by_cell(HARDSWISH, x)


def sigmoid(cnp.ndarray x):
    """See `segalgo.sigmoid`."""
    return _cell_by_cell(SIGMOID, x)


def gelu(cnp.ndarray x, bint tanh):
    """See `segalgo.gelu`."""
    return _cell_by_cell(GELU_TANH if tanh else GELU, x)


cdef inline real _exp(real x) noexcept nogil:
    return exp_float(x) if real is float else exp_double(x)


# One line of consecutive cells. A NaN may be passed over by the maximum: its own exponential makes the sum NaN.
cdef void _softmax_row(const real* x, real* output, int64_t n, bint logarithm) noexcept nogil:
    cdef real largest
    cdef double total, shift
    cdef int64_t k
    if real is float:
        largest = largest_of_float(x, n)
    else:
        largest = largest_of_double(x, n)
    for k in range(n):
        output[k] = _exp(<real> (x[k] - largest))
    if real is float:
        total = sum_of_float(output, n, 0)
    else:
        total = sum_of_double(output, n, 0)
    if logarithm:
        shift = log(total)
        for k in range(n):
            output[k] = <real> (<double> x[k] - largest - shift)
    else:
        shift = 1 / total
        for k in range(n):
            output[k] = <real> (output[k] * shift)


# Up to STRIP lines side by side, n cells each, `inner` cells from one cell of a line to the next.
cdef void _softmax_strip(const real* x, real* output, int64_t n, int64_t inner, int64_t count,
                         bint logarithm) noexcept nogil:
    cdef real[STRIP] most
    cdef double[STRIP] total
    cdef real e
    cdef int64_t c, k
    for k in range(count):
        most[k] = x[k]
        total[k] = 0
    for c in range(1, n):
        for k in range(count):
            most[k] = x[c * inner + k] if x[c * inner + k] > most[k] else most[k]
    if logarithm:
        for c in range(n):
            for k in range(count):
                total[k] += _exp(<real> (x[c * inner + k] - most[k]))
        for k in range(count):
            total[k] = log_of_sum(total[k])
        for c in range(n):
            for k in range(count):
                output[c * inner + k] = <real> (<double> x[c * inner + k] - most[k] - total[k])
        return
    for c in range(n):
        for k in range(count):
            e = _exp(<real> (x[c * inner + k] - most[k]))
            output[c * inner + k] = e
            total[k] += e
    for k in range(count):
        total[k] = 1 / total[k]
    for c in range(n):
        for k in range(count):
            output[c * inner + k] = <real> (output[c * inner + k] * total[k])


cdef void _softmax(const real* x, real* output, int64_t outer, int64_t n, int64_t inner, bint logarithm,
                   Interruption* watch) noexcept nogil:
    cdef int64_t strips = (inner + STRIP - 1) // STRIP, part, first
    if inner == 1:
        for part in prange(outer, schedule="static"):
            if is_interrupted(watch, 8 * n):
                continue
            _softmax_row(x + part * n, output + part * n, n, logarithm)
        return
    for part in prange(outer * strips, schedule="static"):
        if is_interrupted(watch, 8 * n * min(STRIP, inner)):
            continue
        first = part // strips * n * inner + part % strips * STRIP
        _softmax_strip(x + first, output + first, n, inner, min(STRIP, inner - part % strips * STRIP), logarithm)


cdef _along_axis(cnp.ndarray x, bint logarithm):
    cdef Interruption watch = NOT_INTERRUPTED
    cdef cnp.ndarray output = np.empty((x.shape[0], x.shape[1], x.shape[2]), x.dtype)
    cdef int64_t outer = x.shape[0], n = x.shape[1], inner = x.shape[2]
    cdef void* source = cnp.PyArray_DATA(x)
    cdef void* target = cnp.PyArray_DATA(output)
    if x.dtype == np.float32:
        with nogil:
            _softmax(<const float*> source, <float*> target, outer, n, inner, logarithm, &watch)
    else:
        with nogil:
            _softmax(<const double*> source, <double*> target, outer, n, inner, logarithm, &watch)
    end_interruption(&watch)
    return output


def softmax(cnp.ndarray x):
    """See `segalgo.softmax`."""
    return _along_axis(x, False)


def log_softmax(cnp.ndarray x):
    """See `segalgo.log_softmax`."""
    return _along_axis(x, True)
