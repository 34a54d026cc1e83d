"""Detections held against true objects: the Cython wing of `segalgo.metrics.average_precision`."""
from cython.parallel cimport prange
from libc.math cimport fmax, fmin
from libc.stdint cimport int64_t, uint8_t

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cdef enum:
    MATCHED = 1
    IGNORED = 2


cdef int64_t[::1] _starts(const int64_t[::1] first, const int64_t[::1] other_first):
    counts = np.diff(np.asarray(first)) * np.diff(np.asarray(other_first))
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


cdef void _box_ious(const double* boxes, const double* others, const uint8_t* crowd, int64_t n, int64_t m,
                    double* ious, Interruption* watch) noexcept nogil:
    cdef int64_t k, p
    cdef double width, height, common, area
    cdef const double* a
    cdef const double* b
    for k in range(n):
        if is_interrupted(watch, 3 * m):
            return
        a = boxes + 4 * k
        area = a[2] * a[3]
        for p in range(m):
            b = others + 4 * p
            width = fmin(a[0] + a[2], b[0] + b[2]) - fmax(a[0], b[0])
            height = fmin(a[1] + a[3], b[1] + b[3]) - fmax(a[1], b[1])
            ious[k * m + p] = 0
            if width > 0 and height > 0:
                common = width * height
                ious[k * m + p] = common / (area if crowd[p] else area + b[2] * b[3] - common)


def grouped_box_ious(const double[:, ::1] boxes, const double[:, ::1] others, const uint8_t[::1] crowd,
                     const int64_t[::1] first, const int64_t[::1] other_first):
    """See `segalgo.reference.metrics.detections.grouped_box_ious`."""
    cdef int64_t[::1] at = _starts(first, other_first)
    cdef int64_t groups = first.shape[0] - 1, g
    cdef Interruption watch = NOT_INTERRUPTED
    cdef double[::1] ious = np.empty(at[groups] + 1)
    for g in prange(groups, nogil=True, schedule="static"):
        if at[g + 1] > at[g]:
            _box_ious(&boxes[first[g], 0], &others[other_first[g], 0], &crowd[other_first[g]],
                      first[g + 1] - first[g], other_first[g + 1] - other_first[g], &ious[at[g]], &watch)
    end_interruption(&watch)
    return np.asarray(ious)[:at[groups]]


# One group at one threshold. `order` has the objects that count before those that are ignored; `taken` is scratch.
cdef void _match(const double* ious, const uint8_t* ignored, const uint8_t* crowd, const int64_t* order, int64_t n,
                 int64_t m, double threshold, uint8_t* taken, uint8_t* flags,
                 Interruption* watch) noexcept nogil:
    cdef int64_t k, p, o, found
    cdef double best
    for p in range(m):
        taken[p] = False
    for k in range(n):
        if is_interrupted(watch, 3 * m):
            return
        best = fmin(threshold, 1 - 1e-10)
        found = -1
        for p in range(m):
            o = order[p]
            if taken[o] and not crowd[o]:
                continue
            if found >= 0 and not ignored[found] and ignored[o]:
                break
            if ious[k * m + o] >= best:
                best = ious[k * m + o]
                found = o
        flags[k] = 0
        if found >= 0:
            taken[found] = True
            flags[k] = MATCHED | (IGNORED if ignored[found] else 0)


cdef void _match_group(const double* ious, int64_t n, int64_t m, const double* areas, const double* other_areas,
                       const uint8_t* crowd, const double* thresholds, int64_t steps, double low, double high,
                       int64_t* order, uint8_t* taken, uint8_t* ignored, uint8_t* flags, int64_t row,
                       Interruption* watch) noexcept nogil:
    cdef int64_t k, p, t, last = 0
    for p in range(m):
        ignored[p] = crowd[p] or other_areas[p] < low or other_areas[p] > high
    for p in range(m):
        if not ignored[p]:
            order[last] = p
            last += 1
    for p in range(m):
        if ignored[p]:
            order[last] = p
            last += 1
    for t in range(steps):
        _match(ious, ignored, crowd, order, n, m, thresholds[t], taken, flags + t * row, watch)
        for k in range(n):
            if not flags[t * row + k] & MATCHED and (areas[k] < low or areas[k] > high):
                flags[t * row + k] |= IGNORED


def match_groups(const double[::1] ious, const int64_t[::1] first, const int64_t[::1] other_first,
                 const double[::1] areas, const double[::1] other_areas, const uint8_t[::1] crowd,
                 const double[::1] thresholds, const double[:, ::1] ranges):
    """See `segalgo.reference.metrics.detections.match_groups`. Scratch: 9 bytes an object."""
    cdef int64_t n = areas.shape[0], m = other_areas.shape[0], groups = first.shape[0] - 1, g, a, d, o
    cdef Interruption watch = NOT_INTERRUPTED
    cdef int64_t steps = thresholds.shape[0], count = ranges.shape[0]
    cdef int64_t[::1] at = _starts(first, other_first)
    # One cell more than needed, so that each group has an address, also an empty one.
    cdef uint8_t[::1] flags = np.zeros(count * steps * n + 1, np.uint8)
    cdef uint8_t[::1] ignored = np.zeros(count * m + 1, np.uint8), taken = np.zeros(m + 1, np.uint8)
    cdef int64_t[::1] order = np.zeros(m + 1, np.int64)
    cdef const double* table = &ious[0] if ious.shape[0] else NULL
    cdef const double* sizes = &areas[0] if n else NULL
    cdef const double* other_sizes = &other_areas[0] if m else NULL
    cdef const uint8_t* crowds = &crowd[0] if m else NULL
    if n + m and steps and count:
        for g in prange(groups, nogil=True, schedule="guided"):
            d = first[g]
            o = other_first[g]
            for a in range(count):
                _match_group(table + at[g], first[g + 1] - d, other_first[g + 1] - o, sizes + d, other_sizes + o,
                             crowds + o, &thresholds[0], steps, ranges[a, 0], ranges[a, 1], &order[o], &taken[o],
                             &ignored[a * m + o], &flags[a * steps * n + d], n, &watch)
    end_interruption(&watch)
    return (np.asarray(flags)[:count * steps * n].reshape(count, steps, n),
            np.asarray(ignored)[:count * m].reshape(count, m))


# Walk the detections once for recall and precision, once from the right to make precision fall, once to sample.
cdef double _curve(const uint8_t* flags, const int64_t* kept, int64_t n, double positives, const double* points,
                   int64_t count, double* recall, double* precision, double* sampled, int64_t* places) noexcept nogil:
    cdef double true_sum = 0, false_sum = 0
    cdef int64_t k, r
    for k in range(n):
        if not flags[kept[k]] & IGNORED:
            if flags[kept[k]] & MATCHED:
                true_sum += 1
            else:
                false_sum += 1
        recall[k] = true_sum / positives
        precision[k] = true_sum / (false_sum + true_sum + 2.220446049250313e-16)
    for k in range(n - 1, 0, -1):
        if precision[k] > precision[k - 1]:
            precision[k - 1] = precision[k]
    k = 0
    for r in range(count):
        while k < n and recall[k] < points[r]:
            k += 1
        sampled[r] = precision[k] if k < n else 0
        places[r] = kept[k] if k < n else -1
    return recall[n - 1] if n else 0


def precision_recall(flags, ranks, most, positives, const double[::1] recall_points):
    """See `segalgo.reference.metrics.detections.precision_recall`. Scratch: 24 bytes a detection."""
    cdef const uint8_t[:, ::1] table = flags
    cdef int64_t[::1] kept = np.append(np.flatnonzero(ranks < most), 0)
    cdef int64_t steps = table.shape[0], n = kept.shape[0] - 1, count = recall_points.shape[0], t
    cdef double[::1] recall = np.empty(n + 1), precision = np.empty(n + 1), last = np.zeros(steps)
    cdef double[:, ::1] sampled = np.zeros((steps, count))
    cdef int64_t[:, ::1] places = np.full((steps, count), -1, np.int64)
    cdef double objects = positives
    if n and count:
        with nogil:
            for t in range(steps):
                last[t] = _curve(&table[t, 0], &kept[0], n, objects, &recall_points[0], count, &recall[0],
                                 &precision[0], &sampled[t, 0], &places[t, 0])
    return np.asarray(sampled), np.asarray(places), np.asarray(last)
