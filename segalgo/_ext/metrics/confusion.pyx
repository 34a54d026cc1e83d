"""Pairs of labels counted: the Cython wing of `segalgo.metrics.confusion_matrix`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted
from segalgo._ext.shared.threads cimport omp_get_max_threads

import numpy as np

cnp.import_array()

cdef extern from "metrics/pair_numbers.h" nogil:
    void segalgo_row_starts_uint8_t(const uint8_t*, int64_t, uint64_t, bint, uint8_t, uint32_t, uint32_t*)
    void segalgo_row_starts_uint16_t(const uint16_t*, int64_t, uint64_t, bint, uint16_t, uint32_t, uint32_t*)
    void segalgo_row_starts_uint32_t(const uint32_t*, int64_t, uint64_t, bint, uint32_t, uint32_t, uint32_t*)
    void segalgo_row_starts_uint64_t(const uint64_t*, int64_t, uint64_t, bint, uint64_t, uint32_t, uint32_t*)
    void segalgo_add_columns_uint8_t(const uint8_t*, int64_t, uint64_t, uint32_t, uint32_t*)
    void segalgo_add_columns_uint16_t(const uint16_t*, int64_t, uint64_t, uint32_t, uint32_t*)
    void segalgo_add_columns_uint32_t(const uint32_t*, int64_t, uint64_t, uint32_t, uint32_t*)
    void segalgo_add_columns_uint64_t(const uint64_t*, int64_t, uint64_t, uint32_t, uint32_t*)
    void segalgo_count_numbers(const uint32_t*, int64_t, int64_t*, int64_t, int)

cdef enum:
    CHUNK = 2048
    # Classes up to which four tables of counters fit into the nearest caches.
    FOUR_TABLES = 64


# A label array: its bytes, their width, how many values of it can be classes, and the value that is ignored.
cdef struct Labels:
    const char* data
    int width
    bint ignores
    uint64_t limit, ignored


cdef Labels _labels(cnp.ndarray array, uint64_t num_classes, object ignore_index):
    cdef Labels labels
    limits = np.iinfo(array.dtype)
    labels.data = <const char*> cnp.PyArray_DATA(array)
    labels.width = array.itemsize
    labels.limit = min(num_classes, int(limits.max) + 1)
    # A value that the dtype does not hold is never met.
    labels.ignores = ignore_index is not None and limits.min <= ignore_index <= limits.max
    labels.ignored = ignore_index % (1 << 64) if labels.ignores else 0
    return labels


# One chunk: numbers of the pairs by two vector loops, then counted.
cdef void _count_chunk(const Labels* target, const Labels* prediction, int64_t first, int64_t n, uint32_t classes,
                       int64_t* counts, int tables) noexcept nogil:
    cdef uint32_t numbers[CHUNK]
    cdef const char* x = target.data + first * target.width
    cdef const char* y = prediction.data + first * prediction.width
    if target.width == 1:
        segalgo_row_starts_uint8_t(<const uint8_t*> x, n, target.limit, target.ignores,
                                   <uint8_t> target.ignored, classes, numbers)
    elif target.width == 2:
        segalgo_row_starts_uint16_t(<const uint16_t*> x, n, target.limit, target.ignores,
                                    <uint16_t> target.ignored, classes, numbers)
    elif target.width == 4:
        segalgo_row_starts_uint32_t(<const uint32_t*> x, n, target.limit, target.ignores,
                                    <uint32_t> target.ignored, classes, numbers)
    else:
        segalgo_row_starts_uint64_t(<const uint64_t*> x, n, target.limit, target.ignores,
                                    <uint64_t> target.ignored, classes, numbers)
    if prediction.width == 1:
        segalgo_add_columns_uint8_t(<const uint8_t*> y, n, prediction.limit, classes, numbers)
    elif prediction.width == 2:
        segalgo_add_columns_uint16_t(<const uint16_t*> y, n, prediction.limit, classes, numbers)
    elif prediction.width == 4:
        segalgo_add_columns_uint32_t(<const uint32_t*> y, n, prediction.limit, classes, numbers)
    else:
        segalgo_add_columns_uint64_t(<const uint64_t*> y, n, prediction.limit, classes, numbers)
    segalgo_count_numbers(numbers, n, counts, (classes + 2) * (<int64_t> classes + 1), tables)


cdef void _count(const Labels* target, const Labels* prediction, int64_t size, uint32_t classes, int64_t parts,
                 int64_t* counts, int tables, Interruption* watch) noexcept nogil:
    cdef int64_t part, first, last, cells = (classes + 2) * (<int64_t> classes + 1) * tables
    for part in prange(parts, schedule="static"):
        first = size * part // parts
        last = size * (part + 1) // parts
        while first < last and not is_interrupted(watch, 2 * CHUNK):
            _count_chunk(target, prediction, first, min(<int64_t> CHUNK, last - first), classes, counts + part * cells,
                         tables)
            first = first + CHUNK


def confusion_matrix(target, prediction, num_classes, ignore_index):
    """See `segalgo.reference.metrics.confusion`. Scratch: 8 to 32 bytes a cell of the matrix and thread."""
    cdef Labels x = _labels(target, num_classes, ignore_index), y = _labels(prediction, num_classes, None)
    cdef int64_t size = target.size, classes = num_classes, cells = (classes + 2) * (classes + 1)
    cdef Interruption watch = NOT_INTERRUPTED
    cdef int tables = 4 if classes <= FOUR_TABLES else 1
    # Tables for each thread, as long as they are small beside the labels.
    cdef int64_t parts = max(1, min(<int64_t> omp_get_max_threads(), size // (cells * tables + 4096)))
    cdef cnp.ndarray counters = np.zeros((parts, tables, classes + 2, classes + 1), np.int64)
    cdef int64_t* counts = <int64_t*> cnp.PyArray_DATA(counters)
    with nogil:
        _count(&x, &y, size, <uint32_t> classes, parts, counts, tables, &watch)
    end_interruption(&watch)
    table = counters[0, 0] if parts * tables == 1 else counters.sum(axis=(0, 1))
    matrix = np.ascontiguousarray(table[:classes, :classes])
    return matrix, int(table.sum() - table[classes].sum() - matrix.sum())
