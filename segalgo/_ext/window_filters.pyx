"""Gaussian and median of the window around each pixel: a Cython wing."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int8_t, int16_t, int64_t, uint8_t, uint16_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from segalgo._ext.pixel_types cimport real

import numpy as np

cnp.import_array()

ctypedef fused narrow:
    uint8_t
    int8_t
    uint16_t
    int16_t
    float
    double

cdef enum:
    TILE = 512


# out[j] = weights[0] * rows[radius][j] + sum, from d = radius to 1, of weights[d] * (rows[radius - d][j] +
# rows[radius + d][j]), in double, for one tile. Four distances at a time, so that sums stay in registers longer.
cdef void _weigh(const narrow** rows, const double* weights, int64_t radius, int64_t start, int64_t length,
                 double* out) noexcept nogil:
    cdef int64_t j, d = radius
    cdef const narrow* x = rows[radius] + start
    cdef const narrow* a
    cdef const narrow* b
    cdef const narrow* c
    cdef const narrow* e
    cdef const narrow* f
    cdef const narrow* g
    cdef const narrow* h
    cdef const narrow* m
    cdef double total
    for j in range(length):
        out[j] = <double> x[j] * weights[0]
    while d >= 4:
        a, b = rows[radius - d] + start, rows[radius + d] + start
        c, e = rows[radius - d + 1] + start, rows[radius + d - 1] + start
        f, g = rows[radius - d + 2] + start, rows[radius + d - 2] + start
        h, m = rows[radius - d + 3] + start, rows[radius + d - 3] + start
        for j in range(length):
            if narrow is float or narrow is double:
                total = out[j] + (<double> a[j] + <double> b[j]) * weights[d]
                total = total + (<double> c[j] + <double> e[j]) * weights[d - 1]
                total = total + (<double> f[j] + <double> g[j]) * weights[d - 2]
                out[j] = total + (<double> h[j] + <double> m[j]) * weights[d - 3]
            else:
                # Sums of two integers are exact before the conversion as after it.
                total = out[j] + <double> (<int> a[j] + <int> b[j]) * weights[d]
                total = total + <double> (<int> c[j] + <int> e[j]) * weights[d - 1]
                total = total + <double> (<int> f[j] + <int> g[j]) * weights[d - 2]
                out[j] = total + <double> (<int> h[j] + <int> m[j]) * weights[d - 3]
        d -= 4
    while d >= 1:
        a, b = rows[radius - d] + start, rows[radius + d] + start
        for j in range(length):
            out[j] = out[j] + (<double> a[j] + <double> b[j]) * weights[d]
        d -= 1


# One row, padded, weighted along itself.
cdef void _weigh_along(const real* padded, const real** shifted, const double* weights, int64_t radius, int64_t width,
                       real* output) noexcept nogil:
    cdef double out[TILE]
    cdef int64_t q, j, start, length
    for q in range(2 * radius + 1):
        shifted[q] = padded + q
    for start in range((width + TILE - 1) // TILE):
        start = start * TILE
        length = min(<int64_t> TILE, width - start)
        _weigh(shifted, weights, radius, start, length, out)
        for j in range(length):
            output[start + j] = <real> out[j]


# Rows `first` to `last` of a plane: weighted down the columns into a padded row, and that along itself.
cdef int _gaussian_rows(const narrow* image, real* output, int64_t first, int64_t last, int64_t width,
                        const double* down, int64_t rh, const int64_t* rows, const double* along, int64_t rw,
                        const int64_t* columns, real outside, const narrow* beyond) noexcept nogil:
    cdef double out[TILE]
    cdef int64_t i, q, j, start, length
    cdef real* padded = <real*> malloc((width + 2 * rw + 1) * sizeof(real))
    cdef const narrow** taken = <const narrow**> malloc((2 * rh + 1) * sizeof(void*))
    cdef const real** shifted = <const real**> malloc((2 * rw + 1) * sizeof(void*))
    if padded == NULL or taken == NULL or shifted == NULL:
        free(padded)
        free(taken)
        free(shifted)
        return 1
    for i in range(first, last):
        for q in range(2 * rh + 1):
            taken[q] = beyond if rows[i + q] < 0 else image + rows[i + q] * width
        for start in range((width + TILE - 1) // TILE):
            start = start * TILE
            length = min(<int64_t> TILE, width - start)
            if rh == 0:
                for j in range(length):
                    padded[rw + start + j] = <real> taken[0][start + j]
            else:
                _weigh(taken, down, rh, start, length, out)
                for j in range(length):
                    padded[rw + start + j] = <real> out[j]
        for q in range(rw):
            padded[q] = outside if columns[q] < 0 else padded[rw + columns[q]]
        for q in range(rw + width, width + 2 * rw):
            padded[q] = outside if columns[q] < 0 else padded[rw + columns[q]]
        if rw == 0:
            for j in range(width):
                output[i * width + j] = padded[j]
        else:
            _weigh_along(padded, shifted, along, rw, width, output + i * width)
    free(padded)
    free(taken)
    free(shifted)
    return 0


cdef int _gaussian(const narrow* image, real* output, int64_t height, int64_t width, const double* down, int64_t rh,
                   const int64_t* rows, const double* along, int64_t rw, const int64_t* columns, real outside,
                   const narrow* beyond) noexcept nogil:
    cdef int64_t part, parts = (height + 31) // 32
    cdef int failed = 0
    for part in prange(parts, schedule="dynamic"):
        failed += _gaussian_rows(image, output, part * 32, min((part + 1) * 32, height), width, down, rh, rows, along,
                                 rw, columns, outside, beyond)
    return failed


def gaussian_plane(const narrow[:, ::1] image, const double[::1] down, const int64_t[::1] rows,
                   const double[::1] along, const int64_t[::1] columns, double cval, real[:, ::1] output):
    """Weigh one plane down its columns and along its rows; `output` may not be the image."""
    cdef int failed
    cdef const narrow[::1] beyond = np.full(image.shape[1], cval if (np.asarray(rows) < 0).any() else 0,
                                            np.asarray(image).dtype)
    with nogil:
        failed = _gaussian(&image[0, 0], &output[0, 0], image.shape[0], image.shape[1], &down[0], down.shape[0] - 1,
                           &rows[0], &along[0], along.shape[0] - 1, &columns[0], <real> cval, &beyond[0])
    if failed:
        raise MemoryError("gaussian_filter: no memory for the rows of a window")


# The median of 8-bit windows along one row (Perreault and Hebert): a histogram for each column, moved down by a pixel,
# and one for the window, moved along by a column; both also in 16 coarse bins, where the search begins.
cdef int _median_rows(const uint8_t* padded, uint8_t* output, int64_t first, int64_t last, int64_t width, int64_t wh,
                      int64_t ww, uint8_t flip) noexcept nogil:
    cdef int64_t columns = width + ww - 1, i, j, q, rank = wh * ww // 2, bin
    cdef uint16_t* fine = <uint16_t*> calloc(columns, 256 * 2)
    cdef uint16_t* coarse = <uint16_t*> calloc(columns, 16 * 2)
    cdef uint16_t window[256]
    cdef uint16_t blocks[16]
    cdef const uint16_t* enter
    cdef const uint16_t* leave
    cdef int64_t below
    cdef uint8_t x
    if fine == NULL or coarse == NULL:
        free(fine)
        free(coarse)
        return 1
    for i in range(first, first + wh - 1):
        for q in range(columns):
            x = padded[i * columns + q] ^ flip
            fine[256 * q + x] += 1
            coarse[16 * q + (x >> 4)] += 1
    for i in range(first, last):
        for q in range(columns):
            x = padded[(i + wh - 1) * columns + q] ^ flip
            fine[256 * q + x] += 1
            coarse[16 * q + (x >> 4)] += 1
            if i > first:
                x = padded[(i - 1) * columns + q] ^ flip
                fine[256 * q + x] -= 1
                coarse[16 * q + (x >> 4)] -= 1
        memset(window, 0, sizeof(window))
        memset(blocks, 0, sizeof(blocks))
        for q in range(ww - 1):
            enter = fine + 256 * q
            for bin in range(256):
                window[bin] += enter[bin]
            for bin in range(16):
                blocks[bin] += coarse[16 * q + bin]
        for j in range(width):
            enter = fine + 256 * (j + ww - 1)
            if j == 0:
                for bin in range(256):
                    window[bin] += enter[bin]
                for bin in range(16):
                    blocks[bin] += coarse[16 * (ww - 1) + bin]
            else:
                leave = fine + 256 * (j - 1)
                for bin in range(256):
                    window[bin] += enter[bin] - leave[bin]
                for bin in range(16):
                    blocks[bin] += coarse[16 * (j + ww - 1) + bin] - coarse[16 * (j - 1) + bin]
            below, bin = 0, 0
            while below + blocks[bin] <= rank:
                below += blocks[bin]
                bin += 1
            bin = 16 * bin
            while below + window[bin] <= rank:
                below += window[bin]
                bin += 1
            output[i * width + j] = <uint8_t> bin ^ flip
    free(fine)
    free(coarse)
    return 0


def median_bytes(const uint8_t[:, ::1] padded, int64_t wh, int64_t ww, uint8_t flip, uint8_t[:, ::1] output):
    """Write the median of each window of a padded 8-bit plane; `flip` is 128 for signed pixels. wh * ww < 2^16."""
    cdef int64_t height = output.shape[0], width = output.shape[1], part
    # Each part fills its histograms anew with wh rows, so parts are tall.
    cdef int64_t rows = max(<int64_t> 64, 4 * wh)
    cdef int failed = 0
    for part in prange((height + rows - 1) // rows, schedule="dynamic", nogil=True):
        failed += _median_rows(&padded[0, 0], &output[0, 0], part * rows, min((part + 1) * rows, height), width, wh, ww,
                               flip)
    if failed:
        raise MemoryError("median_filter: no memory for the histograms of the columns")


# The value of rank k among n, by Hoare's selection; the order of `values` is lost.
cdef narrow _select(narrow* values, int64_t n, int64_t k) noexcept nogil:
    cdef int64_t low = 0, high = n - 1, i, j
    cdef narrow pivot, swap
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while pivot < values[j]:
                j -= 1
            if i <= j:
                swap = values[i]
                values[i] = values[j]
                values[j] = swap
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            break
    return values[k]


cdef int _select_row(const narrow* corner, const int64_t* offsets, int64_t count, narrow* output,
                     int64_t width) noexcept nogil:
    cdef narrow* values = <narrow*> malloc(count * sizeof(narrow))
    cdef int64_t j, q
    if values == NULL:
        return 1
    for j in range(width):
        for q in range(count):
            values[q] = corner[j + offsets[q]]
        output[j] = _select(values, count, count // 2)
    free(values)
    return 0


def median_by_selection(const narrow[::1] padded, const int64_t[::1] corners, const int64_t[::1] offsets,
                        narrow[:, ::1] output):
    """Write the median of each window; corners: where the first window of each row of the last axis begins."""
    cdef int64_t row, width = output.shape[1]
    cdef int failed = 0
    for row in prange(output.shape[0], schedule="dynamic", nogil=True):
        failed += _select_row(&padded[0] + corners[row], &offsets[0], offsets.shape[0], &output[row, 0], width)
    if failed:
        raise MemoryError("median_filter: no memory for the pixels of a window")


def gaussian_filter(image, weights, sources, cval, dtype):
    """See `segalgo.reference.window_filters.gaussian_filter`. Scratch: a row a thread; for over two axes, two pictures.

    Two axes go together, so that nothing but the output is written; more go one by one.
    """
    if image.size == 0:
        return np.empty(image.shape, dtype)
    ndim, none = image.ndim, np.ones(1)
    if ndim <= 2:
        output, shape = np.empty(image.shape, dtype), (-1, image.shape[ndim - 1])
        down, rows = (weights[0], sources[0]) if ndim == 2 else (none, np.zeros(1, np.int64))
        gaussian_plane(image.reshape(shape), down, rows, weights[ndim - 1], sources[ndim - 1], cval,
                       output.reshape(shape))
        return output
    image = image.astype(dtype)
    for axis, (weight, source) in enumerate(zip(weights, sources, strict=True)):
        if weight.size == 1:
            continue
        n, output = image.shape[axis], np.empty(image.shape, dtype)
        outer = int(np.prod(image.shape[:axis]))
        inner = image.size // (outer * n)
        if inner == 1:
            gaussian_plane(image.reshape(outer, n), none, np.arange(outer), weight, source, cval,
                           output.reshape(outer, n))
        else:
            blocks, targets = image.reshape(outer, n, inner), output.reshape(outer, n, inner)
            for block, target in zip(blocks, targets, strict=True):
                gaussian_plane(block, weight, source, none, np.arange(inner), cval, target)
        image = output
    return image


def median_filter(image, window, sources, cval):
    """See `segalgo.reference.window_filters.median_filter`.

    8-bit planes: histograms that slide, 544 bytes of scratch a column and thread. Others: selection in each window.
    """
    output = np.empty(image.shape, image.dtype)
    if image.size == 0:
        return output
    padded, ndim = image, image.ndim
    for axis, source in enumerate(sources):
        padded = padded.take(source, axis)
        if source.min() < 0:
            padded[(slice(None),) * axis + (source < 0,)] = cval
    shape = (-1, image.shape[ndim - 1])
    if ndim <= 2 and image.dtype.itemsize == 1 and int(np.prod(window)) < 2**16:
        rows = padded.reshape(-1, padded.shape[ndim - 1]).view(np.uint8)
        wh, ww = window if ndim == 2 else (1, *window)
        median_bytes(rows, wh, ww, 128 if image.dtype == np.int8 else 0, output.reshape(shape).view(np.uint8))
        return output
    steps = np.array(padded.strides) // padded.itemsize
    rows = image.size // image.shape[ndim - 1]
    corners = np.tensordot(steps[:ndim - 1], np.indices(image.shape[:ndim - 1]).reshape(ndim - 1, rows), 1)
    offsets = np.tensordot(steps, np.indices(tuple(window)).reshape(ndim, -1), 1)
    median_by_selection(padded.reshape(-1), corners.astype(np.int64), offsets.astype(np.int64),
                        output.reshape(shape))
    return output
