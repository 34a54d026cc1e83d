"""Features of regions, sampled on a grid: the Cython wing of `segalgo.objects.regions`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.math cimport ceil
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cnp.import_array()

ctypedef fused real:
    float
    double

cdef enum:
    CHANNELS = 16  # that are computed side by side: one or two vectors


# What all regions share: the map's size, the output's, and the rules.
cdef struct Rules:
    int64_t channels, height, width, oh, ow, sampling_ratio
    double scale
    bint aligned


# How much each of n cells counts in each bin along one axis, and the first and last cell (exclusive) of each bin. As
# `axis_weights` of the reference, in float64 and in its order; rounded to the map's dtype.
cdef void _axis_weights(double first, double last, int64_t bins, int64_t n, const Rules* rules, double* sums,
                        real* weights, int64_t* spans) noexcept nogil:
    cdef double half = 0.5 if rules.aligned else 0.0
    cdef double start = first * rules.scale - half
    cdef double size = last * rules.scale - half - start, at, part
    cdef int64_t samples, p, i, k, low
    if not rules.aligned and not size > 1.0:
        size = 1.0
    samples = rules.sampling_ratio if rules.sampling_ratio > 0 else <int64_t> ceil(size / bins)
    for k in range(n):
        sums[k] = 0
    for p in range(bins):
        spans[2 * p], spans[2 * p + 1] = n, 0
        for i in range(samples):
            at = start + p * (size / bins) + (i + 0.5) * (size / bins) / samples
            if not (at >= -1.0 and at <= n):
                continue
            if at < 0:
                at = 0
            low = min(<int64_t> at, n - 1)
            part = at - low if low < n - 1 else 0.0
            sums[low] += (1.0 - part) / samples
            spans[2 * p] = min(spans[2 * p], low)
            spans[2 * p + 1] = max(spans[2 * p + 1], low + 1)
            if part > 0:
                sums[low + 1] += part / samples
                spans[2 * p + 1] = max(spans[2 * p + 1], low + 2)
        for k in range(spans[2 * p], spans[2 * p + 1]):
            weights[p * n + k] = <real> sums[k]
            sums[k] = 0


# 16 channels of one picture, turned so that they lie side by side at each cell; 0 where there are fewer channels.
cdef void _turn(const real* x, real* turned, int64_t channels, int64_t cells) noexcept nogil:
    cdef int64_t begin, end, c, k
    for begin in range(0, cells, 64):
        end = min(begin + 64, cells)
        for c in range(CHANNELS):
            if c < channels:
                for k in range(begin, end):
                    turned[k * CHANNELS + c] = x[c * cells + k]
            else:
                for k in range(begin, end):
                    turned[k * CHANNELS + c] = 0


cdef inline void _add(const real* cells, real weight, real* total) noexcept nogil:
    cdef int c
    for c in range(CHANNELS):
        total[c] += weight * cells[c]


# One region in 16 channels: for each row of bins the weighed sum of map rows over the columns of the region, then for
# each bin the weighed sum along them. Cells of weight 0 are not read.
cdef void _align(const real* turned, const real* rows, const real* columns, const int64_t* row_spans,
                 const int64_t* column_spans, real* down, real* bin, const Rules* rules, int64_t channels,
                 real* output) noexcept nogil:
    cdef int64_t p, q, i, j, c, first = rules.width, last = 0
    cdef real weight
    for q in range(rules.ow):
        if column_spans[2 * q] < column_spans[2 * q + 1]:
            first, last = min(first, column_spans[2 * q]), max(last, column_spans[2 * q + 1])
    for p in range(rules.oh):
        for j in range((last - first) * CHANNELS):
            down[j] = 0
        for i in range(row_spans[2 * p], row_spans[2 * p + 1]):
            weight = rows[p * rules.height + i]
            if weight != 0:
                for j in range((last - first) * CHANNELS):
                    down[j] += weight * turned[(i * rules.width + first) * CHANNELS + j]
        for q in range(rules.ow):
            for c in range(CHANNELS):
                bin[c] = 0
            for j in range(column_spans[2 * q], column_spans[2 * q + 1]):
                weight = columns[q * rules.width + j]
                if weight != 0:
                    _add(down + (j - first) * CHANNELS, weight, bin)
            for c in range(channels):
                output[(c * rules.oh + p) * rules.ow + q] = bin[c]


# One task: 16 channels of one picture, in all regions of that picture (listed from first to last). Returns whether
# there was memory.
cdef bint _align_channels(const real* x, const double* boxes, const int64_t* regions, int64_t first, int64_t last,
                          int64_t n, int64_t c, const Rules* rules, Interruption* watch, real* output) noexcept nogil:
    cdef int64_t cells = rules.height * rules.width, channels = min(<int64_t> CHANNELS, rules.channels - c), k, region
    cdef int64_t longest = max(rules.height, rules.width)
    cdef real* turned = <real*> malloc(((cells + rules.width + 1) * CHANNELS + rules.oh * rules.height
                                        + rules.ow * rules.width) * sizeof(real))
    cdef double* sums = <double*> malloc(longest * sizeof(double))
    cdef int64_t* spans = <int64_t*> malloc(2 * (rules.oh + rules.ow) * sizeof(int64_t))
    cdef real* down
    cdef real* rows
    cdef real* columns
    cdef const double* box
    if turned == NULL or sums == NULL or spans == NULL:
        free(turned)
        free(sums)
        free(spans)
        return False
    down = turned + cells * CHANNELS
    rows = down + (rules.width + 1) * CHANNELS
    columns = rows + rules.oh * rules.height
    _turn(x + (n * rules.channels + c) * cells, turned, channels, cells)
    for k in range(first, last):
        if is_interrupted(watch, rules.oh * rules.ow * CHANNELS * 4):
            break
        region = regions[k]
        box = boxes + 4 * region
        _axis_weights(box[1], box[3], rules.oh, rules.height, rules, sums, rows, spans)
        _axis_weights(box[0], box[2], rules.ow, rules.width, rules, sums, columns, spans + 2 * rules.oh)
        _align(turned, rows, columns, spans, spans + 2 * rules.oh, down, down + rules.width * CHANNELS, rules,
               channels, output + (region * rules.channels + c) * rules.oh * rules.ow)
    free(turned)
    free(sums)
    free(spans)
    return True


cdef bint _roi_align(const real* x, const double* boxes, const int64_t* regions, const int64_t* starts, int64_t batch,
                     const Rules* rules, Interruption* watch, real* output) noexcept nogil:
    cdef int64_t blocks = (rules.channels + CHANNELS - 1) // CHANNELS, task, n, failures = 0
    for task in prange(batch * blocks, schedule="dynamic"):
        n = task // blocks
        if starts[n + 1] > starts[n]:
            failures += not _align_channels(x, boxes, regions, starts[n], starts[n + 1], n, task % blocks * CHANNELS,
                                            rules, watch, output)
    return failures == 0


def roi_align(cnp.ndarray x, cnp.ndarray boxes, cnp.ndarray pictures, output_size, spatial_scale, sampling_ratio,
              aligned):
    """See `segalgo.roi_align`. Scratch: 16 channels of a picture for each thread."""
    cdef Interruption watch = NOT_INTERRUPTED
    cdef Rules rules
    cdef int64_t batch = x.shape[0]
    cdef bint done, narrow = x.itemsize == 4
    rules.channels, rules.height, rules.width = x.shape[1], x.shape[2], x.shape[3]
    rules.oh, rules.ow = output_size
    rules.sampling_ratio, rules.scale, rules.aligned = sampling_ratio, spatial_scale, aligned
    cdef cnp.ndarray output = np.empty((boxes.shape[0], x.shape[1], rules.oh, rules.ow), x.dtype)
    cdef cnp.ndarray regions = np.argsort(pictures, kind="stable").astype(np.int64, copy=False)
    cdef cnp.ndarray starts = np.searchsorted(pictures[regions], np.arange(batch + 1)).astype(np.int64)
    cdef const void* source = cnp.PyArray_DATA(x)
    cdef const double* corners = <const double*> cnp.PyArray_DATA(boxes)
    cdef const int64_t* region = <const int64_t*> cnp.PyArray_DATA(regions)
    cdef const int64_t* start = <const int64_t*> cnp.PyArray_DATA(starts)
    cdef void* target = cnp.PyArray_DATA(output)
    if output.size == 0:
        return output
    with nogil:
        if narrow:
            done = _roi_align(<const float*> source, corners, region, start, batch, &rules, &watch, <float*> target)
        else:
            done = _roi_align(<const double*> source, corners, region, start, batch, &rules, &watch, <double*> target)
    end_interruption(&watch)
    if not done:
        raise MemoryError("roi_align: no memory for 16 channels of a picture")
    return output
