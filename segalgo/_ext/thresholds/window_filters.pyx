"""Gaussian and median of the window around each pixel: a Cython wing."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int8_t, int16_t, int64_t, uint8_t, uint16_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

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

cdef extern from "thresholds/weigh.h" nogil:
    void weigh_block(const double* x, int64_t step, const double* w, int64_t radius, double* out)

cdef enum:
    BLOCK = 32  # WEIGH_BLOCK


# Rows first ... first + height - 1 of a plane, weighted down the columns into the rows of `padded`, block after block:
# the block's rows are packed as doubles, `BLOCK` to a row, so that the filter reads them in one stride.
cdef void _weigh_down(const narrow* image, int64_t first, int64_t height, int64_t width, const double* weights,
                      int64_t radius, const int64_t* rows, double beyond, double* packed, double* padded,
                      int64_t pitch, real unit) noexcept nogil:
    cdef double out[BLOCK]
    cdef int64_t start, q, j, length
    cdef const narrow* row
    for start in range((width + BLOCK - 1) // BLOCK):
        start = start * BLOCK
        length = min(<int64_t> BLOCK, width - start)
        for q in range(height + 2 * radius):
            if rows[first + q] < 0:
                for j in range(length):
                    packed[q * BLOCK + j] = beyond
            else:
                row = image + rows[first + q] * width + start
                for j in range(length):
                    packed[q * BLOCK + j] = <double> row[j]
        for q in range(height):
            weigh_block(packed + (radius + q) * BLOCK, BLOCK, weights, radius, out)
            for j in range(length):
                padded[q * pitch + start + j] = <double> <real> out[j]


cdef void _weigh_along(const double* padded, int64_t width, const double* weights, int64_t radius,
                       real* output) noexcept nogil:
    cdef double out[BLOCK]
    cdef int64_t start, j
    for start in range((width + BLOCK - 1) // BLOCK):
        start = start * BLOCK
        weigh_block(padded + radius + start, 1, weights, radius, out)
        for j in range(min(<int64_t> BLOCK, width - start)):
            output[start + j] = <real> out[j]


# Some rows of a plane: weighted down the columns into padded rows, and those along themselves.
cdef int _gaussian_rows(const narrow* image, real* output, int64_t first, int64_t height, int64_t width,
                        const double* down, int64_t rh, const int64_t* rows, const double* along, int64_t rw,
                        const int64_t* columns, double beyond) noexcept nogil:
    cdef int64_t i, q, pitch = width + 2 * rw + BLOCK, cells = (height + 2 * rh) * BLOCK
    cdef double* packed = <double*> calloc(cells + height * pitch, sizeof(double))
    cdef double* padded = packed + cells
    cdef double* row
    if packed == NULL:
        return 1
    _weigh_down(image, first, height, width, down, rh, rows, beyond, packed, padded + rw, pitch, <real> 0)
    for i in range(height):
        row = padded + i * pitch
        for q in range(rw):
            row[q] = <double> <real> beyond if columns[q] < 0 else row[rw + columns[q]]
        for q in range(rw + width, width + 2 * rw):
            row[q] = <double> <real> beyond if columns[q] < 0 else row[rw + columns[q]]
        _weigh_along(row, width, along, rw, output + (first + i) * width)
    free(packed)
    return 0


cdef int _gaussian(const narrow* image, real* output, int64_t height, int64_t width, const double* down, int64_t rh,
                   const int64_t* rows, const double* along, int64_t rw, const int64_t* columns,
                   double beyond, Interruption* watch) noexcept nogil:
    cdef int64_t part, parts = (height + BLOCK - 1) // BLOCK
    cdef int failed = 0
    for part in prange(parts, schedule="dynamic"):
        if is_interrupted(watch, BLOCK * width * (rh + rw + 1)):
            continue
        failed += _gaussian_rows(image, output, part * BLOCK, min(<int64_t> BLOCK, height - part * BLOCK), width, down,
                                 rh, rows, along, rw, columns, beyond)
    return failed


def _gaussian_plane(const narrow[:, ::1] image, const double[::1] down, const int64_t[::1] rows,
                    const double[::1] along, const int64_t[::1] columns, double cval, real[:, ::1] output):
    """Weigh one plane down its columns and along its rows; `output` may not be the image."""
    cdef int failed
    cdef Interruption watch = NOT_INTERRUPTED
    with nogil:
        failed = _gaussian(&image[0, 0], &output[0, 0], image.shape[0], image.shape[1], &down[0], down.shape[0] - 1,
                           &rows[0], &along[0], along.shape[0] - 1, &columns[0], cval, &watch)
    end_interruption(&watch)
    if failed:
        raise MemoryError("gaussian_filter: no memory for the rows of a window")


# The median of 8-bit windows along one row (Perreault and Hebert): a histogram for each column, moved down by a pixel,
# and one for the window, moved along by a column; both also in 16 coarse bins, where the search begins.
cdef int _median_rows(const uint8_t* padded, uint8_t* output, int64_t first, int64_t last, int64_t width, int64_t wh,
                      int64_t ww, uint8_t flip, Interruption* watch) noexcept nogil:
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
        if is_interrupted(watch, 64 * columns):
            break
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


def _median_bytes(const uint8_t[:, ::1] padded, int64_t wh, int64_t ww, uint8_t flip, uint8_t[:, ::1] output):
    """Write the median of each window of a padded 8-bit plane; `flip` is 128 for signed pixels. wh * ww < 2^16."""
    cdef int64_t height = output.shape[0], width = output.shape[1], part
    # Each part fills its histograms anew with wh rows, so parts are tall.
    cdef int64_t rows = max(<int64_t> 64, 4 * wh)
    cdef int failed = 0
    cdef Interruption watch = NOT_INTERRUPTED
    for part in prange((height + rows - 1) // rows, schedule="dynamic", nogil=True):
        if is_interrupted(&watch, 1):
            continue
        failed += _median_rows(&padded[0, 0], &output[0, 0], part * rows, min((part + 1) * rows, height), width, wh, ww,
                               flip, &watch)
    end_interruption(&watch)
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


cdef int _select_row(const narrow* corner, const int64_t* offsets, int64_t count, narrow* output, int64_t width,
                     Interruption* watch) noexcept nogil:
    cdef narrow* values = <narrow*> malloc(count * sizeof(narrow))
    cdef int64_t j, q
    if values == NULL:
        return 1
    for j in range(width):
        if j % 16 == 0 and is_interrupted(watch, 64 * count):
            break
        for q in range(count):
            values[q] = corner[j + offsets[q]]
        output[j] = _select(values, count, count // 2) + <narrow> 0
    free(values)
    return 0


def _median_by_selection(const narrow[::1] padded, const int64_t[::1] corners, const int64_t[::1] offsets,
                         narrow[:, ::1] output):
    """Write the median of each window; corners: where the first window of each row of the last axis begins."""
    cdef int64_t row, width = output.shape[1]
    cdef int failed = 0
    cdef Interruption watch = NOT_INTERRUPTED
    for row in prange(output.shape[0], schedule="dynamic", nogil=True):
        if is_interrupted(&watch, 1):
            continue
        failed += _select_row(&padded[0] + corners[row], &offsets[0], offsets.shape[0], &output[row, 0], width, &watch)
    end_interruption(&watch)
    if failed:
        raise MemoryError("median_filter: no memory for the pixels of a window")


def gaussian_filter(image, weights, sources, cval, dtype):
    """See `segalgo.reference.thresholds.window_filters`. Scratch: a row a thread; for over two axes, two pictures.

    Two axes go together, so that nothing but the output is written; more go one by one.
    """
    if image.size == 0:
        return np.empty(image.shape, dtype)
    ndim, none = image.ndim, np.ones(1)
    if ndim <= 2:
        output, shape = np.empty(image.shape, dtype), (-1, image.shape[ndim - 1])
        down, rows = (weights[0], sources[0]) if ndim == 2 else (none, np.zeros(1, np.int64))
        _gaussian_plane(image.reshape(shape), down, rows, weights[ndim - 1], sources[ndim - 1], cval,
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
            _gaussian_plane(image.reshape(outer, n), none, np.arange(outer), weight, source, cval,
                            output.reshape(outer, n))
        else:
            blocks, targets = image.reshape(outer, n, inner), output.reshape(outer, n, inner)
            for block, target in zip(blocks, targets, strict=True):
                _gaussian_plane(block, weight, source, none, np.arange(inner), cval, target)
        image = output
    return image


def median_filter(image, window, sources, cval):
    """See `segalgo.reference.thresholds.window_filters.median_filter`.

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
        _median_bytes(rows, wh, ww, 128 if image.dtype == np.int8 else 0, output.reshape(shape).view(np.uint8))
        return output
    steps = np.array(padded.strides) // padded.itemsize
    rows = image.size // image.shape[ndim - 1]
    corners = np.tensordot(steps[:ndim - 1], np.indices(image.shape[:ndim - 1]).reshape(ndim - 1, rows), 1)
    offsets = np.tensordot(steps, np.indices(tuple(window)).reshape(ndim, -1), 1)
    _median_by_selection(padded.reshape(-1), corners.astype(np.int64), offsets.astype(np.int64),
                         output.reshape(shape))
    return output
