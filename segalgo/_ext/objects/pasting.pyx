"""Masks of boxes, pasted into pictures: the Cython wing of `segalgo.objects.pasting`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cnp.import_array()

cdef extern from "objects/pasting.h" nogil:
    void pasting_taps(int64_t first, int64_t last, int64_t n, int64_t size, int64_t* low, int64_t* high, double* part)

ctypedef fused real:
    float
    double


# One mask of rows x columns into a picture: first every mask row along the columns of the box, then each picture row
# from two of them. `bits` where a threshold is asked for. Returns whether there was memory.
cdef bint _paste(const real* mask, const int64_t* corner, int64_t rows, int64_t columns, int64_t height, int64_t width,
                 bint bits, real threshold, void* picture, Interruption* watch) noexcept nogil:
    cdef int64_t left = max(corner[0], <int64_t> 0), right = min(corner[0] + corner[2], width), i, j, k
    cdef int64_t top = max(corner[1], <int64_t> 0), bottom = min(corner[1] + corner[3], height)
    cdef int64_t wide = right - left, high_count = bottom - top, longest = max(wide, high_count)
    cdef int64_t* low
    cdef int64_t* high
    cdef double* parts
    cdef real* along
    cdef real* row
    cdef const real* upper
    cdef const real* lower
    cdef real part, rest
    cdef uint8_t* flags
    if wide <= 0 or high_count <= 0:
        return True
    low = <int64_t*> malloc(longest * (2 * sizeof(int64_t) + sizeof(double)))
    along = <real*> malloc((rows + 1) * wide * sizeof(real))
    if low == NULL or along == NULL:
        free(low)
        free(along)
        return False
    high = low + longest
    parts = <double*> (high + longest)
    row = along + rows * wide
    pasting_taps(left - corner[0], right - corner[0], columns, corner[2], low, high, parts)
    for k in range(rows):
        if is_interrupted(watch, 2 * wide):
            break
        for j in range(wide):
            part = <real> parts[j]
            rest = <real> 1 - part  # a plain 1 would make it a double
            along[k * wide + j] = mask[k * columns + low[j]] * rest + mask[k * columns + high[j]] * part
    pasting_taps(top - corner[1], bottom - corner[1], rows, corner[3], low, high, parts)
    for i in range(high_count):
        if is_interrupted(watch, wide):
            break
        part = <real> parts[i]
        rest = <real> 1 - part
        upper = along + low[i] * wide
        lower = along + high[i] * wide
        for j in range(wide):
            row[j] = upper[j] * rest + lower[j] * part
        k = (top + i) * width + left
        if bits:
            flags = <uint8_t*> picture + k
            for j in range(wide):
                flags[j] = row[j] > threshold
        else:
            memcpy(<real*> picture + k, row, wide * sizeof(real))
    free(low)
    free(along)
    return True


cdef bint _paste_all(const real* masks, const int64_t* corners, int64_t count, int64_t rows, int64_t columns,
                     int64_t height, int64_t width, bint bits, double threshold, char* pasted,
                     Interruption* watch) noexcept nogil:
    cdef int64_t k, failures = 0, itemsize = 1 if bits else sizeof(real)
    for k in prange(count, schedule="dynamic"):
        failures += not _paste(masks + k * rows * columns, corners + 4 * k, rows, columns, height, width, bits,
                               <real> threshold, pasted + k * height * width * itemsize, watch)
    return failures == 0


def paste_masks(cnp.ndarray masks, cnp.ndarray corners, height, width, threshold):
    """See `segalgo.paste_masks`. Scratch: each thread one mask at the width of its box."""
    cdef bint bits = threshold is not None, narrow = masks.itemsize == 4, done
    cdef cnp.ndarray pasted = np.zeros((masks.shape[0], height, width), np.bool_ if bits else masks.dtype)
    cdef int64_t count = masks.shape[0], rows = masks.shape[1], columns = masks.shape[2], h = height, w = width
    cdef double limit = threshold if bits else 0.0
    cdef const void* source = cnp.PyArray_DATA(masks)
    cdef const int64_t* boxes = <const int64_t*> cnp.PyArray_DATA(corners)
    cdef char* target = <char*> cnp.PyArray_DATA(pasted)
    cdef Interruption watch = NOT_INTERRUPTED
    with nogil:
        if narrow:
            done = _paste_all(<const float*> source, boxes, count, rows, columns, h, w, bits, limit, target, &watch)
        else:
            done = _paste_all(<const double*> source, boxes, count, rows, columns, h, w, bits, limit, target, &watch)
    end_interruption(&watch)
    if not done:
        raise MemoryError("paste_masks: no memory for a mask at the width of its box")
    return pasted
