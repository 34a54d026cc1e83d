"""A picture and a threshold to a mask: the Cython wing of `segalgo.thresholds.binarization`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint8_t

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted
from segalgo._ext.shared.pixel_types cimport pixel, real

import numpy as np

cnp.import_array()

cdef enum:
    CHUNK = 65536


cdef void _compare_one(const pixel* image, pixel threshold, uint8_t* mask, int64_t count, bint below) noexcept nogil:
    cdef int64_t k
    if below:
        for k in range(count):
            mask[k] = image[k] <= threshold
    else:
        for k in range(count):
            mask[k] = image[k] > threshold


cdef void _compare_each(const pixel* image, const pixel* threshold, uint8_t* mask, int64_t count,
                        bint below) noexcept nogil:
    cdef int64_t k
    if below:
        for k in range(count):
            mask[k] = image[k] <= threshold[k]
    else:
        for k in range(count):
            mask[k] = image[k] > threshold[k]


# Every pixel of up to 32 bits is a double exactly; 64-bit ones are rounded, as NumPy does.
cdef void _compare_real(const pixel* image, const real* threshold, uint8_t* mask, int64_t count,
                        bint below) noexcept nogil:
    cdef int64_t k
    if below:
        for k in range(count):
            mask[k] = <double> image[k] <= <double> threshold[k]
    else:
        for k in range(count):
            mask[k] = <double> image[k] > <double> threshold[k]


cdef void _binarize(const pixel* image, const void* threshold, int kind, uint8_t* mask, int64_t count,
                    bint below, Interruption* watch) noexcept nogil:
    cdef int64_t part, first, length
    for part in prange((count + CHUNK - 1) // CHUNK, schedule="static"):
        if is_interrupted(watch, CHUNK):
            continue
        first = part * CHUNK
        length = min(<int64_t> CHUNK, count - first)
        if kind == 0:
            _compare_one(image + first, (<const pixel*> threshold)[0], mask + first, length, below)
        elif kind == 1:
            _compare_each(image + first, <const pixel*> threshold + first, mask + first, length, below)
        elif kind == 2:
            _compare_real(image + first, <const float*> threshold + first, mask + first, length, below)
        else:
            _compare_real(image + first, <const double*> threshold + first, mask + first, length, below)


def _binarize_typed(const pixel[::1] image, cnp.ndarray threshold, int kind, bint below):
    cdef Interruption watch = NOT_INTERRUPTED
    cdef int64_t count = image.shape[0]
    cdef cnp.ndarray mask = np.empty(count, np.bool_)
    cdef const void* level = cnp.PyArray_DATA(threshold)
    cdef uint8_t* target = <uint8_t*> cnp.PyArray_DATA(mask)
    if count:
        with nogil:
            _binarize(&image[0], level, kind, target, count, below, &watch)
        end_interruption(&watch)
    return mask


def binarize(image, threshold, below):
    """See `segalgo.binarize`."""
    cdef int kind = 0
    if threshold.ndim:
        kind = 1 if threshold.dtype == image.dtype else 2 if threshold.dtype == np.float32 else 3
    return _binarize_typed(image, threshold, kind, below)
