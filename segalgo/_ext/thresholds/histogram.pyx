"""What global thresholds ask of the pixels, their range and their histogram: a Cython wing."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted
from segalgo._ext.shared.pixel_types cimport integer, pixel, real
from segalgo._ext.shared.threads cimport omp_get_max_threads

import numpy as np

cnp.import_array()

cdef enum:
    LANES = 64
    CHUNK = 65536
    # Between two flushes of 32-bit counters; a counter cannot pass it.
    FLUSH = 1 << 24
    GUESSES = 512


# Lane l scans the pixels l, l + LANES ...: a loop over lanes that compilers turn into vector minima and maxima.
# NaN fails both comparisons, and is counted. The ends start at the first pixel that is a number.
cdef int64_t _range_of(const pixel* image, int64_t count, pixel* low, pixel* high) noexcept nogil:
    cdef pixel lows[LANES]
    cdef pixel highs[LANES]
    cdef pixel x
    cdef int64_t k, nans = 0, first = 0
    cdef int lane
    while first < count and image[first] != image[first]:
        first += 1
    if first == count:
        return count
    for lane in range(LANES):
        lows[lane] = image[first]
        highs[lane] = image[first]
    for k in range(count // LANES):
        for lane in range(LANES):
            x = image[k * LANES + lane]
            lows[lane] = x if x < lows[lane] else lows[lane]
            highs[lane] = x if x > highs[lane] else highs[lane]
    for k in range(count // LANES * LANES, count):
        x = image[k]
        lows[0] = x if x < lows[0] else lows[0]
        highs[0] = x if x > highs[0] else highs[0]
    if pixel is float or pixel is double:
        for k in range(count):
            nans += image[k] != image[k]
    low[0] = lows[0]
    high[0] = highs[0]
    for lane in range(1, LANES):
        low[0] = lows[lane] if lows[lane] < low[0] else low[0]
        high[0] = highs[lane] if highs[lane] > high[0] else high[0]
    return nans


cdef void _ranges(const pixel* image, int64_t count, pixel* lows, pixel* highs, int64_t* nans,
                  Interruption* watch) noexcept nogil:
    cdef int64_t part
    for part in prange((count + CHUNK - 1) // CHUNK, schedule="static"):
        if is_interrupted(watch, CHUNK):
            continue
        nans[part] = _range_of(image + part * CHUNK, min(<int64_t> CHUNK, count - part * CHUNK), lows + part,
                               highs + part)


def _value_range(const pixel[::1] image):
    cdef int64_t count = image.shape[0], parts = (count + CHUNK - 1) // CHUNK
    dtype = np.asarray(image).dtype
    cdef cnp.ndarray lows = np.empty(parts, dtype)
    cdef cnp.ndarray highs = np.empty(parts, dtype)
    cdef cnp.ndarray nans = np.empty(parts, np.int64)
    cdef pixel* low = <pixel*> cnp.PyArray_DATA(lows)
    cdef pixel* high = <pixel*> cnp.PyArray_DATA(highs)
    cdef Interruption watch = NOT_INTERRUPTED
    cdef int64_t* missing = <int64_t*> cnp.PyArray_DATA(nans)
    if count:
        with nogil:
            _ranges(&image[0], count, low, high, missing, &watch)
        end_interruption(&watch)
    lengths = np.full(parts, CHUNK)
    lengths[parts - 1:] = count - (parts - 1) * CHUNK
    some = nans < lengths
    if not some.any():
        return dtype.type(np.inf), dtype.type(-np.inf), int(nans.sum())
    return lows[some].min(), highs[some].max(), int(nans.sum())


def value_range(image):
    """See `segalgo.reference.thresholds.histogram.value_range`."""
    return _value_range(image)


# One histogram of 8-bit pixels into four tables: a run of equal pixels would wait on one counter's store otherwise.
cdef void _count_bytes(const uint8_t* image, int64_t count, uint32_t* tables) noexcept nogil:
    cdef uint32_t* a = tables
    cdef uint32_t* b = tables + 256
    cdef uint32_t* c = tables + 512
    cdef uint32_t* d = tables + 768
    cdef int64_t k
    for k in range(0, count - 7, 8):
        a[image[k]] += 1
        b[image[k + 1]] += 1
        c[image[k + 2]] += 1
        d[image[k + 3]] += 1
        a[image[k + 4]] += 1
        b[image[k + 5]] += 1
        c[image[k + 6]] += 1
        d[image[k + 7]] += 1
    for k in range(count // 8 * 8, count):
        a[image[k]] += 1


# `size` counters for one part of an image; the caller adds the parts.
cdef void _count_part(const integer* image, int64_t count, integer low, int64_t size, int64_t* counts,
                      Interruption* watch) noexcept nogil:
    cdef int64_t k, first
    cdef uint64_t offset
    cdef uint32_t tables[1024]
    cdef uint8_t origin = <uint8_t> low
    if sizeof(integer) == 1 and size == 256:
        for first in range((count + FLUSH - 1) // FLUSH):
            if is_interrupted(watch, FLUSH):
                return
            memset(tables, 0, sizeof(tables))
            _count_bytes(<const uint8_t*> image + first * FLUSH, min(<int64_t> FLUSH, count - first * FLUSH), tables)
            for k in range(256):
                counts[<uint8_t> (k - origin)] += (<int64_t> tables[k] + tables[256 + k] + tables[512 + k]
                                                   + tables[768 + k])
    else:
        for k in range(count):
            if k % CHUNK == 0 and is_interrupted(watch, min(<int64_t> CHUNK, count)):
                return
            # Another thread may have changed the image since its range was taken.
            offset = <uint64_t> image[k] - <uint64_t> low
            if offset < <uint64_t> size:
                counts[offset] += 1


cdef void _count_integers(const integer* image, int64_t count, integer low, int64_t size, int64_t parts,
                          int64_t* counts, Interruption* watch) noexcept nogil:
    cdef int64_t part, first
    for part in prange(parts, schedule="static"):
        first = count * part // parts
        _count_part(image + first, count * (part + 1) // parts - first, low, size, counts + part * size,
                    watch)


def _histogram_integers(const integer[::1] image, low, int64_t size):
    cdef int64_t count = image.shape[0]
    # A table per thread, as long as the tables are small beside the image.
    cdef int64_t parts = max(1, min(<int64_t> omp_get_max_threads(), count // (size + 4096)))
    cdef cnp.ndarray tables = np.zeros((parts, size), np.int64)
    cdef int64_t* counts = <int64_t*> cnp.PyArray_DATA(tables)
    cdef integer origin = low
    cdef Interruption watch = NOT_INTERRUPTED
    if count:
        with nogil:
            _count_integers(&image[0], count, origin, size, parts, counts, &watch)
        end_interruption(&watch)
    return tables[0] if parts == 1 else tables.sum(axis=0)


def histogram_integers(image, low, size):
    """See `segalgo.reference.thresholds.histogram.histogram_integers`. Scratch: 8 bytes a bin and thread."""
    return _histogram_integers(image, low, size)


# The bin of x, the last whose lower edge is at most x, by bisection.
cdef int64_t _bin_of(real x, const real* edges, int64_t bins) noexcept nogil:
    cdef int64_t bin = 0, above = bins, middle
    while above - bin > 1:
        middle = (bin + above) // 2
        if x < edges[middle]:
            above = middle
        else:
            bin = middle
    return bin


# A product tells in which bin a pixel should lie; the edges around it decide, and where they do not hold the pixel
# (the edges of subnormal, huge or narrow ranges are not even), bisection does. The product may overflow or be NaN: it
# becomes an integer only after it was brought between 0 and bins - 1, NaN to 0.
cdef void _count_reals(const real* image, int64_t count, const real* edges, int64_t bins,
                       int64_t* counts, Interruption* watch) noexcept nogil:
    cdef double low = edges[0], scale = bins / (<double> edges[bins] - low), last = bins - 1, place
    cdef int32_t guess[GUESSES]
    cdef int64_t block, first, k, n, bin
    cdef real x
    for block in range((count + GUESSES - 1) // GUESSES):
        if is_interrupted(watch, 4 * GUESSES):
            return
        first = block * GUESSES
        n = min(<int64_t> GUESSES, count - first)
        for k in range(n):
            place = (image[first + k] - low) * scale
            place = place if place > 0 else 0.0
            place = place if place < last else last
            guess[k] = <int32_t> place
        for k in range(n):
            x = image[first + k]
            bin = guess[k]
            if x < edges[bin] or (bin < bins - 1 and x >= edges[bin + 1]):
                if x >= edges[bin] and bin < bins - 1 and (bin == bins - 2 or x < edges[bin + 2]):
                    bin += 1
                elif bin > 0 and x < edges[bin] and x >= edges[bin - 1]:
                    bin -= 1
                else:
                    bin = _bin_of(x, edges, bins)
            counts[bin] += 1


cdef void _count_floats(const real* image, int64_t count, const real* edges, int64_t bins, int64_t parts,
                        int64_t* counts, Interruption* watch) noexcept nogil:
    cdef int64_t part, first
    for part in prange(parts, schedule="static"):
        first = count * part // parts
        _count_reals(image + first, count * (part + 1) // parts - first, edges, bins, counts + part * bins,
                     watch)


def _histogram_floats(const real[::1] image, const real[::1] edges):
    cdef int64_t count = image.shape[0], bins = edges.shape[0] - 1
    cdef int64_t parts = max(1, min(<int64_t> omp_get_max_threads(), count // (bins + 4096)))
    cdef cnp.ndarray tables = np.zeros((parts, bins), np.int64)
    cdef Interruption watch = NOT_INTERRUPTED
    cdef int64_t* counts = <int64_t*> cnp.PyArray_DATA(tables)
    if count:
        with nogil:
            _count_floats(&image[0], count, &edges[0], bins, parts, counts, &watch)
        end_interruption(&watch)
    return tables[0] if parts == 1 else tables.sum(axis=0)


def histogram_floats(image, edges):
    """See `segalgo.reference.thresholds.histogram.histogram_floats`. Scratch: 8 bytes a bin and thread."""
    return _histogram_floats(image, edges)


# Integers are added in two halves of 32 bits, whose sums over a chunk hold in 64; floats in lanes of doubles.
cdef void _sum_of(const pixel* image, int64_t count, int64_t* low, int64_t* high, double* total) noexcept nogil:
    cdef double lanes[8]
    cdef int64_t k, wide = 0, upper = 0
    cdef int32_t narrow = 0
    cdef int lane
    low[0], high[0], total[0] = 0, 0, 0
    if pixel is float or pixel is double:
        for lane in range(8):
            lanes[lane] = 0
        for k in range(count // 8):
            for lane in range(8):
                lanes[lane] += image[8 * k + lane]
        for k in range(count // 8 * 8, count):
            lanes[0] += image[k]
        for lane in range(8):
            total[0] += lanes[lane]
    elif pixel is int64_t or pixel is uint64_t:
        for k in range(count):
            wide += image[k] & <pixel> 0xFFFFFFFF
            upper += image[k] >> 32
    elif pixel is uint8_t or pixel is int8_t:
        for k in range(count):
            narrow += image[k]
        wide = narrow
    else:
        for k in range(count):
            wide += image[k]
    low[0] = wide
    high[0] = upper


cdef void _sums(const pixel* image, int64_t count, int64_t* low, int64_t* high, double* total,
                Interruption* watch) noexcept nogil:
    cdef int64_t part
    for part in prange((count + CHUNK - 1) // CHUNK, schedule="static"):
        if is_interrupted(watch, CHUNK):
            continue
        _sum_of(image + part * CHUNK, min(<int64_t> CHUNK, count - part * CHUNK), low + part, high + part, total + part)


def _intensity_sum(const pixel[::1] image):
    cdef int64_t count = image.shape[0], parts = (count + CHUNK - 1) // CHUNK
    cdef cnp.ndarray halves = np.zeros((2, parts), np.int64)
    cdef cnp.ndarray totals = np.zeros(parts, np.float64)
    cdef int64_t* low = <int64_t*> cnp.PyArray_DATA(halves)
    cdef double* total = <double*> cnp.PyArray_DATA(totals)
    cdef Interruption watch = NOT_INTERRUPTED
    if count:
        with nogil:
            _sums(&image[0], count, low, low + parts, total, &watch)
        end_interruption(&watch)
    if pixel is float or pixel is double:
        with np.errstate(invalid="ignore", over="ignore"):
            return float(totals.sum())
    return (sum(halves[1].tolist()) << 32) + sum(halves[0].tolist())


def intensity_sum(image):
    """See `segalgo.reference.thresholds.histogram.intensity_sum`."""
    return _intensity_sum(image)


cdef void _split_chunk(const real* image, int64_t count, double low, double threshold, int64_t* below,
                       double* sums) noexcept nogil:
    cdef double lower[8]
    cdef double upper[8]
    cdef double x
    cdef int64_t k, number = 0
    cdef int lane
    for lane in range(8):
        lower[lane] = 0
        upper[lane] = 0
    for k in range(count // 8):
        for lane in range(8):
            x = image[8 * k + lane] - low
            lower[lane] += x if x <= threshold else 0.0
            upper[lane] += 0.0 if x <= threshold else x
            number += x <= threshold
    for k in range(count // 8 * 8, count):
        x = image[k] - low
        lower[0] += x if x <= threshold else 0.0
        upper[0] += 0.0 if x <= threshold else x
        number += x <= threshold
    below[0] = number
    sums[0] = 0
    sums[1] = 0
    for lane in range(8):
        sums[0] += lower[lane]
        sums[1] += upper[lane]


cdef void _split_chunks(const real* image, int64_t count, double low, double threshold, int64_t* below,
                        double* sums, Interruption* watch) noexcept nogil:
    cdef int64_t part
    for part in prange((count + CHUNK - 1) // CHUNK, schedule="static"):
        if is_interrupted(watch, CHUNK):
            continue
        _split_chunk(image + part * CHUNK, min(<int64_t> CHUNK, count - part * CHUNK), low, threshold, below + part,
                     sums + 2 * part)


def _split_sums(const real[::1] image, double low, double threshold):
    cdef int64_t count = image.shape[0], parts = (count + CHUNK - 1) // CHUNK
    cdef Interruption watch = NOT_INTERRUPTED
    cdef cnp.ndarray below = np.zeros(parts, np.int64)
    cdef cnp.ndarray sums = np.zeros((parts, 2), np.float64)
    if count:
        with nogil:
            _split_chunks(&image[0], count, low, threshold, <int64_t*> cnp.PyArray_DATA(below),
                          <double*> cnp.PyArray_DATA(sums), &watch)
        end_interruption(&watch)
    lower, upper = sums.sum(axis=0).tolist()
    return int(below.sum()), lower, upper


def split_sums(image, low, threshold):
    """See `segalgo.reference.thresholds.histogram.split_sums`."""
    return _split_sums(image, low, threshold)


def smallest_gap(image):
    """See `segalgo.reference.thresholds.histogram`. NumPy's sort is vectorised for every instruction level."""
    gaps = np.diff(np.sort(image).astype(np.float64, copy=False))
    gaps = gaps[gaps > 0]
    return float(gaps.min()) if gaps.size else np.inf


# One mean of three over all bins, and the number of peaks that it leaves. `entering` is scratch.
cdef int64_t _smooth_once(float* x, double* entering, int64_t n) noexcept nogil:
    cdef int64_t k, peaks = 0
    cdef double total = <double> x[0] + x[0] + x[1]
    cdef bint falling = False
    for k in range(1, n):
        entering[k] = <double> x[min(k + 1, n - 1)] - <double> x[max(k - 2, <int64_t> 0)]
    x[0] = <float> (total / 3.0)
    for k in range(1, n):
        total += entering[k]
        x[k] = <float> (total / 3.0)
    for k in range(1, n):
        if x[k] < x[k - 1]:
            peaks += not falling
            falling = True
        elif x[k] > x[k - 1]:
            falling = False
    return peaks


def smooth_histogram(counts, int64_t max_num_iter):
    """See `segalgo.reference.thresholds.histogram.smooth_histogram`."""
    smooth, scratch = counts.astype(np.float32), np.empty(counts.size)
    cdef float[::1] x = smooth
    cdef double[::1] entering = scratch
    cdef int64_t step = 1
    cdef Interruption watch = NOT_INTERRUPTED
    with nogil:
        while _smooth_once(&x[0], &entering[0], x.shape[0]) >= 3 and step < max_num_iter:
            if is_interrupted(&watch, 6 * x.shape[0]):
                break
            step += 1
    end_interruption(&watch)
    return smooth
