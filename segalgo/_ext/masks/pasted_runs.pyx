"""Run-length codes of masks that are pasted into pictures, without the picture."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cnp.import_array()

cdef extern from "objects/pasting.h" nogil:
    void pasting_taps(int64_t first, int64_t last, int64_t n, int64_t size, int64_t* low, int64_t* high, double* part)

ctypedef fused real:
    float
    double


# The counts of one mask: column by column, each from one column of the mask at the column's place. Cells as those of
# `paste_masks`, to the bit. Returns how many, and the counts; -1 where there was no memory.
cdef int64_t _runs(const real* mask, const int64_t* corner, int64_t rows, int64_t columns, int64_t height,
                   int64_t width, real threshold, uint32_t** found, Interruption* watch) noexcept nogil:
    cdef int64_t left = max(corner[0], <int64_t> 0), right = min(corner[0] + corner[2], width), i, j, k, at
    cdef int64_t top = max(corner[1], <int64_t> 0), bottom = min(corner[1] + corner[3], height)
    cdef int64_t wide = max(right - left, <int64_t> 0), tall = max(bottom - top, <int64_t> 0), runs = 0, last = 0
    cdef int64_t both = wide + tall, room = 64 + tall
    cdef int64_t* low = <int64_t*> malloc((both + 1) * (2 * sizeof(int64_t) + sizeof(double)))
    cdef real* line = <real*> malloc((rows + 2 * tall + 1) * sizeof(real))
    cdef uint8_t* flags = <uint8_t*> malloc(tall + 1)
    cdef uint32_t* counts = <uint32_t*> malloc(room * sizeof(uint32_t))
    cdef uint32_t* more
    cdef int64_t* high = low + both
    cdef double* parts = <double*> (high + both)
    cdef real* part_of = line + rows
    cdef real part, rest
    cdef uint8_t now = 0
    cdef bint whole = top == 0 and bottom == height
    if low == NULL or line == NULL or flags == NULL or counts == NULL:
        free(low)
        free(line)
        free(flags)
        free(counts)
        return -1
    if wide > 0 and tall > 0:
        pasting_taps(left - corner[0], right - corner[0], columns, corner[2], low, high, parts)
        pasting_taps(top - corner[1], bottom - corner[1], rows, corner[3], low + wide, high + wide, parts + wide)
        for i in range(tall):
            part_of[i] = <real> parts[wide + i]
            part_of[tall + i] = <real> 1 - part_of[i]  # a plain 1 would make it a double
        for j in range(wide):
            if is_interrupted(watch, 2 * (rows + tall)):
                break
            part = <real> parts[j]
            rest = <real> 1 - part
            for k in range(rows):
                line[k] = mask[k * columns + low[j]] * rest + mask[k * columns + high[j]] * part
            for i in range(tall):
                flags[i] = line[low[wide + i]] * part_of[tall + i] + line[high[wide + i]] * part_of[i] > threshold
            if runs + tall + 3 > room:
                room = 2 * room + tall
                more = <uint32_t*> realloc(counts, room * sizeof(uint32_t))
                if more == NULL:
                    runs = -1
                    break
                counts = more
            at = (left + j) * height + top
            for i in range(tall):
                if flags[i] != now:
                    counts[runs] = <uint32_t> (at + i - last)
                    runs += 1
                    last = at + i
                    now = flags[i]
            # What follows below and at the top of the next column is no part of the mask.
            if now and not (whole and j + 1 < wide) and at + tall < height * width:
                counts[runs] = <uint32_t> (at + tall - last)
                runs += 1
                last = at + tall
                now = 0
    free(low)
    free(line)
    free(flags)
    if runs < 0:
        free(counts)
        return -1
    counts[runs] = <uint32_t> (height * width - last)
    found[0] = counts
    return runs + 1


cdef void _runs_of_all(const real* masks, const int64_t* corners, int64_t count, int64_t rows, int64_t columns,
                       int64_t height, int64_t width, double threshold, uint32_t** found,
                       int64_t* lengths, Interruption* watch) noexcept nogil:
    cdef int64_t k
    for k in prange(count, schedule="dynamic"):
        lengths[k] = _runs(masks + k * rows * columns, corners + 4 * k, rows, columns, height, width,
                           <real> threshold, found + k, watch)


def paste_masks_to_counts(cnp.ndarray masks, cnp.ndarray corners, int64_t height, int64_t width, double threshold):
    """See `segalgo.reference.masks.pasted_runs.paste_masks_to_counts`. Scratch: one column and the counts."""
    cdef int64_t n = masks.shape[0], rows = masks.shape[1], columns = masks.shape[2], k
    cdef cnp.ndarray lengths = np.zeros(n, np.int64)
    cdef cnp.ndarray counts
    cdef int64_t* length = <int64_t*> cnp.PyArray_DATA(lengths)
    cdef const void* source = cnp.PyArray_DATA(masks)
    cdef const int64_t* boxes = <const int64_t*> cnp.PyArray_DATA(corners)
    cdef bint narrow = masks.itemsize == 4
    cdef Interruption watch = NOT_INTERRUPTED
    cdef uint32_t** found = <uint32_t**> calloc(n + 1, sizeof(uint32_t*))
    if found == NULL:
        raise MemoryError("paste_masks_to_rles: no memory for the counts")
    with nogil:
        if narrow:
            _runs_of_all(<const float*> source, boxes, n, rows, columns, height, width, threshold, found, length,
                         &watch)
        else:
            _runs_of_all(<const double*> source, boxes, n, rows, columns, height, width, threshold, found, length,
                         &watch)
    offsets = np.concatenate([[0], np.cumsum(np.maximum(lengths, 0))]).astype(np.int64)
    try:
        end_interruption(&watch)
        if n and lengths.min() < 0:
            raise MemoryError("paste_masks_to_rles: no memory for the counts")
        counts = np.empty(offsets[n], np.uint32)
        for k in range(n):
            memcpy(<uint32_t*> cnp.PyArray_DATA(counts) + <int64_t> offsets[k], found[k], length[k] * sizeof(uint32_t))
    finally:
        for k in range(n):
            free(found[k])
        free(found)
    return counts, offsets
