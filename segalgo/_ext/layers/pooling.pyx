"""Max-pooling with indices, and its inverse: the Cython wing of `segalgo.layers.pooling`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cnp.import_array()

ctypedef fused real:
    float
    double


cdef extern from "layers/max_pool.h" nogil:
    ctypedef struct Window:
        int64_t height, width, kh, kw, sh, sw, ph, pw, dh, dw, oh, ow
    ctypedef void (*MaxPoolRow)(const void*, void*, int64_t*, void*, int64_t, const Window*) noexcept nogil
    MaxPoolRow max_pool_row_of(char, int64_t, bint)

cdef enum:
    ROWS_AT_ONCE = 16
    INDICES_AT_ONCE = 256
    # Above this many bytes the system hands out fresh pages, which are zero (glibc's largest mmap threshold).
    FRESH_BYTES = 32 << 20


# Output rows first to last, counted over all planes. Returns whether there was memory for the places of a row.
cdef bint _max_pool_rows(MaxPoolRow row_of, int64_t itemsize, const char* x, char* values, int64_t* indices,
                         int64_t first, int64_t last, const Window* w, Interruption* watch) noexcept nogil:
    cdef void* at = malloc((w.ow + 1) * sizeof(int64_t))
    cdef int64_t row
    if at == NULL:
        return False
    for row in range(first, last):
        if is_interrupted(watch, w.kh * w.kw * w.ow):
            break
        row_of(x + row // w.oh * w.height * w.width * itemsize, values + row * w.ow * itemsize, indices + row * w.ow,
               at, row % w.oh, w)
    free(at)
    return True


def max_pool2d(cnp.ndarray x, kernel_size, stride, padding, dilation, output_size):
    """See `segalgo.max_pool2d`."""
    cdef Interruption watch = NOT_INTERRUPTED
    cdef Window w
    w.height, w.width = x.shape[2], x.shape[3]
    w.kh, w.kw = kernel_size
    w.sh, w.sw = stride
    w.ph, w.pw = padding
    w.dh, w.dw = dilation
    w.oh, w.ow = output_size
    cdef cnp.ndarray values = np.empty((x.shape[0], x.shape[1], w.oh, w.ow), x.dtype)
    cdef cnp.ndarray indices = np.empty((x.shape[0], x.shape[1], w.oh, w.ow), np.int64)
    cdef int64_t rows = x.shape[0] * x.shape[1] * w.oh, itemsize = x.dtype.itemsize, part, failures = 0
    cdef const char* source = <const char*> cnp.PyArray_DATA(x)
    cdef char* target = <char*> cnp.PyArray_DATA(values)
    cdef int64_t* places = <int64_t*> cnp.PyArray_DATA(indices)
    # Places of a window that do not fit into 32 bits: of the kernel's last row, or past a large padding.
    cdef bint far = ((w.kh - 1) * w.dh + 1) * w.width + (w.kw - 1) * w.dw >= 2**31 - 1
    cdef MaxPoolRow row_of = max_pool_row_of(ord(x.dtype.kind), itemsize, far)
    if row_of == NULL:
        raise TypeError(f"input has dtype {x.dtype}: no kernel")
    for part in prange((rows + ROWS_AT_ONCE - 1) // ROWS_AT_ONCE, schedule="static", nogil=True):
        failures += not _max_pool_rows(row_of, itemsize, source, target, places, part * ROWS_AT_ONCE,
                                       min(rows, (part + 1) * ROWS_AT_ONCE), &w, &watch)
    end_interruption(&watch)
    if failures:
        raise MemoryError("max_pool2d: no memory for the places of one row")
    return values, indices


# The largest of some indices, a negative one counting as huge: one number to check them all by.
cdef uint64_t _largest(const int64_t* indices, int64_t count) noexcept nogil:
    cdef uint64_t largest = 0
    cdef int64_t k
    for k in range(count):
        largest = <uint64_t> indices[k] if <uint64_t> indices[k] > largest else largest
    return largest


# The first index that was seen before, else -1, and a bit for each seen; all lie in the plane.
cdef int64_t _first_repeat(const int64_t* indices, int64_t count, uint8_t* seen) noexcept nogil:
    cdef int64_t k, target
    for k in range(count):
        target = indices[k]
        if seen[target >> 3] >> (target & 7) & 1:
            return k
        seen[target >> 3] = seen[target >> 3] | (1 << (target & 7))
    return -1


# One plane, some indices at a time: check them, clear the output up to the largest, then write in row order, so that
# the last one stays. Cells cleared just before they are written are in the cache, and any order of indices is right.
# `clear` is false where the output is zero already. Returns the position of the first index outside the plane, else
# -1; `repeat` receives the first repetition where a bitmap `seen` of size // 8 + 1 zero bytes is given.
cdef int64_t _max_unpool_plane(const real* x, const int64_t* indices, real* output, int64_t count, int64_t size,
                               bint clear, uint8_t* seen, int64_t* repeat) noexcept nogil:
    cdef int64_t part, first, last, k, found
    cdef int64_t cleared = 0 if clear else size
    cdef uint64_t largest
    for part in range((count + INDICES_AT_ONCE - 1) // INDICES_AT_ONCE):
        first = part * INDICES_AT_ONCE
        last = min(first + INDICES_AT_ONCE, count)
        largest = _largest(indices + first, last - first)
        if largest >= <uint64_t> size:
            k = first
            while <uint64_t> indices[k] < <uint64_t> size:
                k += 1
            return k
        if <int64_t> largest >= cleared:
            memset(output + cleared, 0, (<int64_t> largest + 1 - cleared) * sizeof(real))
            cleared = <int64_t> largest + 1
        for k in range(first, last):
            output[indices[k]] = x[k]
        if seen != NULL and repeat[0] < 0:
            found = _first_repeat(indices + first, last - first, seen)
            repeat[0] = -1 if found < 0 else first + found
    memset(output + cleared, 0, (size - cleared) * sizeof(real))
    return -1


cdef void _max_unpool_one(const real* x, const int64_t* indices, real* output, int64_t count, int64_t size,
                          bint clear, bint unique, int64_t* outside, int64_t* repeat) noexcept nogil:
    cdef uint8_t* seen = NULL
    repeat[0] = -1
    if unique:
        seen = <uint8_t*> calloc(size // 8 + 1, 1)
        if seen == NULL:
            outside[0] = -2
            return
    outside[0] = _max_unpool_plane(x, indices, output, count, size, clear, seen, repeat)
    free(seen)


cdef void _max_unpool(const real* x, const int64_t* indices, real* output, int64_t planes, int64_t count,
                      int64_t size, bint clear, bint unique, int64_t* outside, int64_t* repeat) noexcept nogil:
    cdef int64_t plane
    for plane in prange(planes, schedule="static"):
        _max_unpool_one(x + plane * count, indices + plane * count, output + plane * size, count, size, clear, unique,
                        outside + plane, repeat + plane)


def max_unpool2d(cnp.ndarray x, cnp.ndarray indices, output_size, bint unique):
    """See `segalgo.max_unpool2d`."""
    cdef int64_t oh = output_size[0], ow = output_size[1], size = oh * ow
    cdef int64_t planes = x.shape[0] * x.shape[1], count = x.shape[2] * x.shape[3]
    cdef bint clear = planes * size * x.dtype.itemsize <= FRESH_BYTES
    cdef cnp.ndarray output = (np.empty if clear else np.zeros)((x.shape[0], x.shape[1], oh, ow), x.dtype)
    cdef cnp.ndarray faults = np.empty((2, planes), np.int64)
    cdef int64_t* outside = <int64_t*> cnp.PyArray_DATA(faults)
    cdef void* source = cnp.PyArray_DATA(x)
    cdef const int64_t* places = <const int64_t*> cnp.PyArray_DATA(indices)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef bint single = x.dtype == np.float32
    with nogil:
        if single:
            _max_unpool(<const float*> source, places, <float*> target, planes, count, size, clear, unique, outside,
                        outside + planes)
        else:
            _max_unpool(<const double*> source, places, <double*> target, planes, count, size, clear, unique, outside,
                        outside + planes)
    for row in faults:
        if (row == -2).any():
            raise MemoryError("max_unpool2d: no memory for the bitmap of seen indices")
        bad = np.flatnonzero(row >= 0)
        if bad.size:
            return output, int(bad[0] * count + row[bad[0]])
    return output, -1
