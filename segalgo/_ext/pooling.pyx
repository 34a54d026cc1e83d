"""Max-pooling with indices, and its inverse: the Cython wing of `segalgo.pooling`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free
from libc.math cimport INFINITY

import numpy as np

cnp.import_array()

ctypedef fused real:
    float
    double


cdef struct Window:
    int64_t height, width, kh, kw, sh, sw, ph, pw, dh, dw, oh, ow


# One output row of one plane: for each column, scan the window's cells that lie in the picture, in row order.
# Reads kh rows of x, writes one row of values and of indices. The caller promises a cell in the picture per window.
cdef void _max_pool_row(const real* plane, real* values, int64_t* indices, int64_t i, Window w) noexcept nogil:
    cdef int64_t j, u, v, row, column, best_at
    cdef int64_t top = i * w.sh - w.ph, left
    cdef int64_t u0 = 0 if top >= 0 else (-top + w.dh - 1) // w.dh, v0
    cdef real best, cell
    for j in range(w.ow):
        left = j * w.sw - w.pw
        v0 = 0 if left >= 0 else (-left + w.dw - 1) // w.dw
        best = -INFINITY
        best_at = (top + u0 * w.dh) * w.width + left + v0 * w.dw
        for u in range(u0, w.kh):
            row = top + u * w.dh
            if row >= w.height:
                break
            for v in range(v0, w.kw):
                column = left + v * w.dw
                if column >= w.width:
                    break
                cell = plane[row * w.width + column]
                if cell > best or cell != cell:
                    best = cell
                    best_at = row * w.width + column
        values[j] = best
        indices[j] = best_at


cdef void _max_pool(const real* x, real* values, int64_t* indices, int64_t planes, Window w) noexcept nogil:
    cdef int64_t row, plane
    for row in prange(planes * w.oh, schedule="static"):
        plane = row // w.oh
        _max_pool_row(x + plane * w.height * w.width, values + row * w.ow, indices + row * w.ow, row % w.oh, w)


def max_pool2d(cnp.ndarray x, kernel_size, stride, padding, dilation, output_size):
    """See `segalgo.max_pool2d`."""
    cdef Window w
    w.height, w.width = x.shape[2], x.shape[3]
    w.kh, w.kw = kernel_size
    w.sh, w.sw = stride
    w.ph, w.pw = padding
    w.dh, w.dw = dilation
    w.oh, w.ow = output_size
    cdef cnp.ndarray values = np.empty((x.shape[0], x.shape[1], w.oh, w.ow), x.dtype)
    cdef cnp.ndarray indices = np.empty((x.shape[0], x.shape[1], w.oh, w.ow), np.int64)
    cdef int64_t planes = x.shape[0] * x.shape[1]
    cdef void* source = cnp.PyArray_DATA(x)
    cdef void* target = cnp.PyArray_DATA(values)
    cdef int64_t* places = <int64_t*> cnp.PyArray_DATA(indices)
    cdef bint single = x.dtype == np.float32
    with nogil:
        if single:
            _max_pool(<const float*> source, <float*> target, places, planes, w)
        else:
            _max_pool(<const double*> source, <double*> target, places, planes, w)
    return values, indices


# One plane: clear the output, check each index as it comes, write in row order, so that the last one stays.
# Returns the position of the first index outside the plane, else -1; `repeat` receives the first repetition where a
# bitmap `seen` of size // 8 + 1 zero bytes is given.
cdef int64_t _max_unpool_plane(const real* x, const int64_t* indices, real* output, int64_t count, int64_t size,
                               uint8_t* seen, int64_t* repeat) noexcept nogil:
    cdef int64_t k, target
    for k in range(size):
        output[k] = 0
    for k in range(count):
        target = indices[k]
        if target < 0 or target >= size:
            return k
        output[target] = x[k]
        if seen != NULL:
            if repeat[0] < 0 and seen[target >> 3] >> (target & 7) & 1:
                repeat[0] = k
            seen[target >> 3] = seen[target >> 3] | (1 << (target & 7))
    return -1


cdef void _max_unpool_one(const real* x, const int64_t* indices, real* output, int64_t count, int64_t size,
                          bint unique, int64_t* outside, int64_t* repeat) noexcept nogil:
    cdef uint8_t* seen = NULL
    repeat[0] = -1
    if unique:
        seen = <uint8_t*> calloc(size // 8 + 1, 1)
        if seen == NULL:
            outside[0] = -2
            return
    outside[0] = _max_unpool_plane(x, indices, output, count, size, seen, repeat)
    free(seen)


cdef void _max_unpool(const real* x, const int64_t* indices, real* output, int64_t planes, int64_t count,
                      int64_t size, bint unique, int64_t* outside, int64_t* repeat) noexcept nogil:
    cdef int64_t plane
    for plane in prange(planes, schedule="static"):
        _max_unpool_one(x + plane * count, indices + plane * count, output + plane * size, count, size, unique,
                        outside + plane, repeat + plane)


def max_unpool2d(cnp.ndarray x, cnp.ndarray indices, output_size, bint unique):
    """See `segalgo.max_unpool2d`."""
    cdef int64_t oh = output_size[0], ow = output_size[1], size = oh * ow
    cdef int64_t planes = x.shape[0] * x.shape[1], count = x.shape[2] * x.shape[3]
    cdef cnp.ndarray output = np.empty((x.shape[0], x.shape[1], oh, ow), x.dtype)
    cdef cnp.ndarray faults = np.empty((2, planes), np.int64)
    cdef int64_t* outside = <int64_t*> cnp.PyArray_DATA(faults)
    cdef void* source = cnp.PyArray_DATA(x)
    cdef const int64_t* places = <const int64_t*> cnp.PyArray_DATA(indices)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef bint single = x.dtype == np.float32
    with nogil:
        if single:
            _max_unpool(<const float*> source, places, <float*> target, planes, count, size, unique, outside,
                        outside + planes)
        else:
            _max_unpool(<const double*> source, places, <double*> target, planes, count, size, unique, outside,
                        outside + planes)
    for row in faults:
        if (row == -2).any():
            raise MemoryError("max_unpool2d: no memory for the bitmap of seen indices")
        bad = np.flatnonzero(row >= 0)
        if bad.size:
            return output, int(bad[0] * count + row[bad[0]])
    return output, -1
