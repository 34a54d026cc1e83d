"""Run-length codes of masks: the Cython wing of `segalgo.masks`."""
cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cython.parallel cimport prange
from libc.stdint cimport int8_t, int64_t, uint8_t, uint32_t

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted
from segalgo._ext.shared.threads cimport omp_get_max_threads

import numpy as np

cnp.import_array()

cdef extern from "masks/run_lengths.h" nogil:
    uint8_t runs_count_columns(const uint8_t*, int64_t, int64_t, int64_t, int64_t, int64_t*)
    void runs_list_columns(const uint8_t*, int64_t, int64_t, int64_t, int64_t, int64_t*, uint32_t*)
    int64_t runs_count_line(const uint8_t*, int64_t, int64_t, uint8_t*)
    void runs_list_line(const uint8_t*, int64_t, int64_t, uint32_t*, int64_t)
    void runs_fill_columns(const int64_t*, int64_t, int64_t, int64_t, int64_t, int64_t, uint8_t*)
    void runs_fill_line(const int64_t*, int64_t, int64_t, int64_t, uint8_t*)
    int64_t runs_common(const int64_t*, int64_t, const int64_t*, int64_t)
    int64_t runs_write_text(const uint32_t*, int64_t, char*)
    int64_t runs_read_text(const char*, int64_t, uint32_t*)

cdef enum:
    # Cells below which starting threads costs more than the work.
    SMALL = 2097152
    # Cells of a column strip that stay in the nearest caches between two walks.
    STRIP = 2097152


cdef int64_t _strip_width(int64_t h, int64_t w) noexcept nogil:
    return min(w, max(<int64_t> 64, STRIP // max(h, <int64_t> 1) // 64 * 64))


cdef uint32_t[::1] _list_by_columns(const uint8_t* mask, int64_t h, int64_t w):
    cdef int64_t[::1] at = np.zeros(w + 1, np.int64)
    cdef int64_t width = _strip_width(h, w), strips = (w + width - 1) // width if w else 0, k, j, here, total = 0
    cdef uint8_t[::1] seen = np.zeros(strips + 1, np.uint8)
    cdef int threads = 1 if h * w < SMALL else omp_get_max_threads()
    cdef uint32_t[::1] places
    for k in prange(strips, nogil=True, schedule="static", num_threads=threads):
        seen[k] = runs_count_columns(mask, h, w, k * width, min(w, (k + 1) * width), &at[0])
    if np.asarray(seen).max() > 1:
        return None
    for j in range(w):
        here = at[j]
        at[j] = total
        total += here
    places = np.empty(total + 1, np.uint32)
    for k in prange(strips, nogil=True, schedule="static", num_threads=threads):
        runs_list_columns(mask, h, w, k * width, min(w, (k + 1) * width), &at[0], &places[0])
    return places


cdef uint32_t[::1] _list_line(const uint8_t* mask, int64_t size):
    cdef int threads = 1 if size < SMALL else omp_get_max_threads()
    cdef int64_t parts = 1 if size < SMALL else 4 * threads, k, here, total = 0
    cdef int64_t[::1] at = np.zeros(parts, np.int64)
    cdef uint8_t[::1] seen = np.zeros(parts, np.uint8)
    cdef uint32_t[::1] places
    for k in prange(parts, nogil=True, schedule="static", num_threads=threads):
        at[k] = runs_count_line(mask, size * k // parts, size * (k + 1) // parts, &seen[k])
    for k in range(parts):
        if seen[k] > 1:
            return None
        here = at[k]
        at[k] = total
        total += here
    places = np.empty(total + 1, np.uint32)
    for k in prange(parts, nogil=True, schedule="static", num_threads=threads):
        runs_list_line(mask, size * k // parts, size * (k + 1) // parts, &places[at[k]],
                       (at[k + 1] if k + 1 < parts else total) - at[k])
    return places


def mask_to_counts(mask):
    """See `segalgo.reference.masks.run_lengths.mask_to_counts`. Scratch: 8 bytes a column."""
    cdef int64_t h = mask.shape[0], w = mask.shape[1], k
    cdef cnp.ndarray array = mask if mask.flags.c_contiguous else mask.T
    cdef uint32_t[::1] places
    cdef const uint8_t* cells = <const uint8_t*> cnp.PyArray_DATA(array)
    if h <= 1 or w <= 1 or not mask.flags.c_contiguous:
        places = _list_line(cells, h * w)
    else:
        places = _list_by_columns(cells, h, w)
    if places is None:
        return None
    # The last place is the end of the mask; runs are the differences of places.
    k = places.shape[0] - 1
    places[k] = <uint32_t> (h * w)
    while k > 0:
        places[k] -= places[k - 1]
        k -= 1
    return np.asarray(places)


cdef _ends(const uint32_t[::1] counts):
    cdef int64_t[::1] ends = np.empty(counts.shape[0] // 2 * 2 + 2, np.int64)
    cdef int64_t k, total = 0
    for k in range(counts.shape[0] // 2 * 2):
        total += counts[k]
        ends[k] = total
    return ends


def counts_to_mask(counts, height, width, column_order):
    """See `segalgo.reference.masks.run_lengths.counts_to_mask`. Scratch: 8 bytes a run."""
    cdef int64_t h = height, w = width, runs = len(counts) // 2, k, strip, parts
    cdef int64_t[::1] ends = _ends(counts)
    cdef cnp.ndarray mask = np.empty((w, h) if column_order else (h, w), np.uint8)
    cdef uint8_t* cells = <uint8_t*> cnp.PyArray_DATA(mask)
    cdef int threads = 1 if h * w < SMALL else omp_get_max_threads()
    if h * w == 0:
        pass
    elif column_order or w == 1:
        parts = threads
        for k in prange(parts, nogil=True, schedule="static", num_threads=threads):
            runs_fill_line(&ends[0], runs, h * w * k // parts, h * w * (k + 1) // parts, cells)
    else:
        strip = _strip_width(h, w)
        parts = (w + strip - 1) // strip
        for k in prange(parts, nogil=True, schedule="static", num_threads=threads):
            runs_fill_columns(&ends[0], runs, h, w, k * strip, min(w, (k + 1) * strip), cells)
    return mask.T if column_order else mask


def counts_to_text(const uint32_t[::1] counts):
    """See `segalgo.reference.masks.run_lengths.counts_to_text`."""
    cdef int64_t n = counts.shape[0]
    cdef int8_t[::1] text = np.empty(7 * n + 8, np.int8)
    if n == 0:
        return b""
    return PyBytes_FromStringAndSize(<char*> &text[0], runs_write_text(&counts[0], n, <char*> &text[0]))


def counts_to_texts(const uint32_t[::1] counts, const int64_t[::1] offsets):
    """See `segalgo.reference.masks.run_lengths.counts_to_texts`. Scratch: 8 bytes a count of the longest code."""
    cdef int64_t n = offsets.shape[0] - 1, k, longest = 0
    for k in range(n):
        longest = max(longest, offsets[k + 1] - offsets[k])
    cdef int8_t[::1] text = np.empty(7 * longest + 8, np.int8)
    cdef list texts = []
    for k in range(n):
        if offsets[k + 1] > offsets[k]:
            texts.append(PyBytes_FromStringAndSize(<char*> &text[0], runs_write_text(
                &counts[offsets[k]], offsets[k + 1] - offsets[k], <char*> &text[0])))
        else:
            texts.append(b"")
    return texts


def texts_to_counts(list texts):
    """See `segalgo.reference.masks.run_lengths.texts_to_counts`. Scratch: 4 bytes a character."""
    cdef int64_t total = 0, k, n, at = 0
    cdef bytes text
    for text in texts:
        total += len(text)
    cdef cnp.ndarray counts = np.empty(total, np.uint32)
    cdef cnp.ndarray offsets = np.zeros(len(texts) + 1, np.int64)
    cdef uint32_t* cells = <uint32_t*> cnp.PyArray_DATA(counts)
    cdef int64_t* starts = <int64_t*> cnp.PyArray_DATA(offsets)
    for k, text in enumerate(texts):
        n = runs_read_text(PyBytes_AS_STRING(text), len(text), cells + at)
        if n < 0:
            return counts[:0], offsets, (k, -1 - n)
        at += n
        starts[k + 1] = at
    return counts[:at], offsets, None


# The boxes of ones: columns and rows, both ends included; first > last where a mask is empty.
cdef void _box(const int64_t* ends, int64_t runs, int64_t h, int64_t* box) noexcept nogil:
    cdef int64_t k, left, right, top, bottom
    box[0], box[1], box[2], box[3] = h, -1, -1, -1
    for k in range(runs):
        if ends[2 * k] == ends[2 * k + 1]:
            continue
        left, right = ends[2 * k] // h, (ends[2 * k + 1] - 1) // h
        top, bottom = ends[2 * k] - left * h, ends[2 * k + 1] - 1 - right * h
        if left != right:
            top, bottom = 0, h - 1
        if box[2] < 0:
            box[2] = left
        box[0] = min(box[0], top)
        box[1] = max(box[1], bottom)
        box[3] = right


def bounding_boxes(const uint32_t[::1] counts, const int64_t[::1] offsets, const int64_t[::1] heights):
    """See `segalgo.reference.masks.run_lengths.bounding_boxes`."""
    cdef int64_t n = heights.shape[0], k
    cdef int64_t[::1] ends = _all_ends(counts, offsets)
    cdef int64_t[:, ::1] boxes = np.empty((n, 4), np.int64)
    with nogil:
        for k in range(n):
            _box(&ends[offsets[k]], (offsets[k + 1] - offsets[k]) // 2, heights[k], &boxes[k, 0])
    return np.asarray(boxes)


cdef int64_t[::1] _all_ends(const uint32_t[::1] counts, const int64_t[::1] offsets):
    cdef int64_t[::1] ends = np.empty(counts.shape[0] + 1, np.int64)
    cdef int64_t k, m, total
    for m in range(offsets.shape[0] - 1):
        total = 0
        for k in range(offsets[m], offsets[m + 1]):
            total += counts[k]
            ends[k] = total
    return ends


cdef int64_t _area(const uint32_t* counts, int64_t n) noexcept nogil:
    cdef int64_t k, total = 0
    for k in range(1, n, 2):
        total += counts[k]
    return total


def areas(const uint32_t[::1] counts, const int64_t[::1] offsets):
    """See `segalgo.reference.masks.run_lengths.areas`."""
    cdef int64_t n = offsets.shape[0] - 1, k
    cdef int64_t[::1] sums = np.zeros(n, np.int64)
    for k in range(n):
        if offsets[k + 1] > offsets[k]:
            sums[k] = _area(&counts[offsets[k]], offsets[k + 1] - offsets[k])
    return np.asarray(sums)


def totals(const uint32_t[::1] counts, const int64_t[::1] offsets):
    """See `segalgo.reference.masks.run_lengths.totals`."""
    cdef int64_t n = offsets.shape[0] - 1, k, m, total
    cdef int64_t[::1] sums = np.zeros(n, np.int64)
    with nogil:
        for k in range(n):
            total = 0
            for m in range(offsets[k], offsets[k + 1]):
                total += counts[m]
            sums[k] = total
    return np.asarray(sums)


# All pairs of one group; masks whose boxes do not meet share nothing.
cdef void _group(const int64_t* ends, const int64_t* offsets, const int64_t* boxes, const int64_t* sizes,
                 const int64_t* other_ends, const int64_t* other_offsets, const int64_t* other_boxes,
                 const int64_t* other_sizes, const uint8_t* crowd, int64_t n, int64_t others,
                 double* ious, Interruption* watch) noexcept nogil:
    cdef int64_t k, m, common, union_size
    cdef const int64_t* a
    cdef const int64_t* b
    for k in range(n):
        if is_interrupted(watch, 100 * others):
            break
        a = boxes + 4 * k
        for m in range(others):
            b = other_boxes + 4 * m
            common = 0
            if max(a[0], b[0]) <= min(a[1], b[1]) and max(a[2], b[2]) <= min(a[3], b[3]):
                common = runs_common(ends + offsets[k], (offsets[k + 1] - offsets[k]) // 2,
                                     other_ends + other_offsets[m], (other_offsets[m + 1] - other_offsets[m]) // 2)
            union_size = sizes[k] if crowd[m] else sizes[k] + other_sizes[m] - common
            ious[k * others + m] = <double> common / <double> union_size if common else 0.0


def grouped_ious(const uint32_t[::1] counts, const int64_t[::1] offsets, const int64_t[:, ::1] boxes,
                 const int64_t[::1] sizes, const uint32_t[::1] other_counts, const int64_t[::1] other_offsets,
                 const int64_t[:, ::1] other_boxes, const int64_t[::1] other_sizes, const uint8_t[::1] crowd,
                 const int64_t[::1] first, const int64_t[::1] other_first):
    """See `segalgo.reference.masks.run_lengths.grouped_ious`. Scratch: 8 bytes a count."""
    cdef int64_t groups = first.shape[0] - 1, g, cells = 0, rows, others
    cdef int64_t[::1] ends = _all_ends(counts, offsets), other_ends = _all_ends(other_counts, other_offsets)
    cdef int64_t[::1] at = np.zeros(groups + 1, np.int64)
    for g in range(groups):
        cells += (first[g + 1] - first[g]) * (other_first[g + 1] - other_first[g])
        at[g + 1] = cells
    cdef Interruption watch = NOT_INTERRUPTED
    cdef double[::1] ious = np.empty(cells + 1)
    if cells and groups == 1:  # one group, as of `rle_iou`: its rows in parallel
        rows, others = first[1] - first[0], other_first[1] - other_first[0]
        for g in prange(rows, nogil=True, schedule="guided"):
            _group(&ends[0], &offsets[first[0] + g], &boxes[first[0] + g, 0], &sizes[first[0] + g], &other_ends[0],
                   &other_offsets[other_first[0]], &other_boxes[other_first[0], 0], &other_sizes[other_first[0]],
                   &crowd[other_first[0]], 1, others, &ious[g * others], &watch)
    elif cells:
        for g in prange(groups, nogil=True, schedule="guided"):
            if at[g + 1] > at[g]:
                _group(&ends[0], &offsets[first[g]], &boxes[first[g], 0], &sizes[first[g]], &other_ends[0],
                       &other_offsets[other_first[g]], &other_boxes[other_first[g], 0], &other_sizes[other_first[g]],
                       &crowd[other_first[g]], first[g + 1] - first[g], other_first[g + 1] - other_first[g],
                       &ious[at[g]], &watch)
    end_interruption(&watch)
    return np.asarray(ious)[:cells]


def merge_counts(const uint32_t[::1] counts, const int64_t[::1] offsets, int64_t size, bint intersect):
    """See `segalgo.reference.masks.run_lengths.merge_counts`. Scratch: 8 bytes a count."""
    cdef int64_t n = offsets.shape[0] - 1, total = counts.shape[0], k, m = 0, at, depth = 0, need
    cdef bint inside = False, now
    # Every end of a run is one more or one less mask that covers what follows; the last bit of a key says which.
    cdef int64_t[::1] keys = np.empty(total, np.int64)
    for m in range(n):
        at = 0
        for k in range(offsets[m], offsets[m + 1]):
            at += counts[k]
            keys[k] = 2 * at + ((k - offsets[m]) & 1)
    np.asarray(keys).sort()
    cdef uint32_t[::1] merged = np.empty(total + 1, np.uint32)
    cdef int64_t last = 0
    need = n if intersect else 1
    k = 0
    m = 0
    while k < total and keys[k] < 2 * size:
        at = keys[k] >> 1
        while k < total and keys[k] >> 1 == at:
            depth += -1 if keys[k] & 1 else 1
            k += 1
        now = depth >= need
        if now != inside:
            merged[m] = <uint32_t> (at - last)
            m += 1
            last = at
            inside = now
    merged[m] = <uint32_t> (size - last)
    return np.asarray(merged)[:m + 1]
