"""Connected components: the Cython wing of `segalgo.labels.labeling`.

Runs, not pixels: rows become bits, runs of a row that touch runs of a neighbouring row are joined by union-find over
run numbers, and each run's label is written in one stroke. Stripes of rows go to threads and meet in a short serial
phase. Scratch: 1/8 to 1/4 byte a pixel, 8 a strip of rows, 4 a run (8 beyond 2**31 runs).
"""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted
from segalgo._ext.shared.threads cimport omp_get_max_threads

from functools import cache
from itertools import product

import numpy as np

cnp.import_array()

cdef extern from "labels/labeling_index.h" nogil:
    uint64_t bits_pack(const uint8_t* flags)
    int64_t bits_count_runs(const uint64_t* fore, int64_t words)
    int64_t bits_count_all(const uint64_t* bits, int64_t words)
    bint bits_get(const uint64_t* bits, int64_t place)
    ctypedef struct runs32_Touch:
        pass
    ctypedef struct runs64_Touch:
        pass
    int64_t runs32_touch_binary(int32_t*, const uint64_t*, const uint64_t*, int32_t, const uint64_t*, const uint64_t*,
                                int32_t, int64_t, bint, bint, runs32_Touch*)
    int64_t runs64_touch_binary(int64_t*, const uint64_t*, const uint64_t*, int64_t, const uint64_t*, const uint64_t*,
                                int64_t, int64_t, bint, bint, runs64_Touch*)
    int64_t runs32_touch_marked(int32_t*, const uint64_t*, int32_t, const uint64_t*, int32_t, const uint64_t*,
                                const uint64_t*, const uint64_t*, int64_t, bint, runs32_Touch*)
    int64_t runs64_touch_marked(int64_t*, const uint64_t*, int64_t, const uint64_t*, int64_t, const uint64_t*,
                                const uint64_t*, const uint64_t*, int64_t, bint, runs64_Touch*)
    int64_t runs32_touch(int32_t*, int32_t, int32_t, runs32_Touch*, int64_t, bint)
    int64_t runs64_touch(int64_t*, int64_t, int64_t, runs64_Touch*, int64_t, bint)
    void runs32_join_all(int32_t*, const runs32_Touch*, int64_t)
    void runs64_join_all(int64_t*, const runs64_Touch*, int64_t)
    void runs32_start(int32_t*, int64_t, int64_t)
    void runs64_start(int64_t*, int64_t, int64_t)
    int64_t runs32_link_all(int32_t*, const runs32_Touch*, int64_t, const int64_t*, int64_t, int32_t*, int64_t)
    int64_t runs64_link_all(int64_t*, const runs64_Touch*, int64_t, const int64_t*, int64_t, int64_t*, int64_t)
    int64_t runs32_count_roots(const int32_t*, int64_t, int64_t)
    int64_t runs64_count_roots(const int64_t*, int64_t, int64_t)
    void runs32_number(int32_t*, int64_t, int64_t, int64_t)
    void runs64_number(int64_t*, int64_t, int64_t, int64_t)
    int64_t runs32_number_strip(int32_t*, int64_t, int64_t, const uint64_t*, const uint64_t*, int64_t, int64_t)
    int64_t runs64_number_strip(int64_t*, int64_t, int64_t, const uint64_t*, const uint64_t*, int64_t, int64_t)
    void runs32_settle(int32_t*, const int32_t*, int64_t)
    void runs64_settle(int64_t*, const int64_t*, int64_t)
    void runs32_label_runs(int32_t*, int64_t, int64_t)
    void runs64_label_runs(int64_t*, int64_t, int64_t)
    void runs32_write_row(const int32_t*, const uint64_t*, const uint64_t*, const uint64_t*, int64_t, void*, bint)
    void runs64_write_row(const int64_t*, const uint64_t*, const uint64_t*, const uint64_t*, int64_t, void*, bint)

cdef enum:
    MOST_AXES = 16
    # Pixels that are worth a thread, and stripes a thread, so that a busy corner of the image is shared.
    LEAST_PIXELS = 65536
    STRIPES = 4
    LARGEST_RUN = 2147483647 - 128

include "labeling_masks.pxi"
include "labeling_strips.pxi"


@cache
def _neighbourhood(axes, connectivity):
    """Return the steps to strips before a strip that hold neighbours of its pixels, and whether diagonal ones too."""
    zero = (0,) * axes
    steps = [step for step in product((-1, 0, 1), repeat=axes) if step < zero and sum(map(abs, step)) <= connectivity]
    return np.array(steps, np.int64), np.array([sum(map(abs, step)) < connectivity for step in steps], np.uint8)


def _needs_64_bits(runs):
    """Return whether so many runs are numbered in 64 bits."""
    return runs > LARGEST_RUN


def label(cnp.ndarray image, background, int connectivity, wrap, delta, out):
    """See `segalgo.label`."""
    return _label(image, background, connectivity, wrap, delta, out, False)


def _label(cnp.ndarray image, background, int connectivity, wrap, delta, out, bint wide):
    """Label with 64-bit run numbers if `wide`, or if there are too many runs for 32 bits."""
    if image.size == 0:
        return (np.zeros((<object> image).shape, np.int32) if out is None else out), 0
    cdef Work w
    cdef Rule rule
    cdef ForeRow fore_row
    cdef Linked linked
    cdef int axis
    cdef int64_t s, count = 0, threads
    shape, dtype = (<object> image).shape, image.dtype
    _choose(ord(dtype.kind), dtype.itemsize, &fore_row, &w.mark)
    cdef cnp.ndarray value = np.array(0 if background is None else background, dtype)
    rule.background = NULL if background is None else cnp.PyArray_DATA(value)
    rule.equal = delta == 0
    rule.delta = 0 if dtype.kind == "f" else delta
    rule.wide_delta = delta

    cdef Interruption watch = NOT_INTERRUPTED
    w.watch = &watch
    w.axes = image.ndim - 1
    w.width, w.itemsize = shape[w.axes], dtype.itemsize
    w.rows, w.words = image.size // w.width, (w.width + 63) // 64
    w.image, w.rule = <const char*> cnp.PyArray_DATA(image), &rule
    for axis in range(w.axes):
        w.shape[axis], w.wrap[axis] = shape[axis], wrap[axis]
    w.height = shape[w.axes - 1] if w.axes else 1
    w.wrap_row = wrap[w.axes]
    cdef cnp.ndarray steps, diagonal
    steps, diagonal = _neighbourhood(w.axes, connectivity)
    w.neighbours = steps.shape[0]
    w.steps, w.diagonal = <const int64_t*> cnp.PyArray_DATA(steps), <const uint8_t*> cnp.PyArray_DATA(diagonal)

    # Two rows a strip where all diagonals count; one, if the image proves to have several values.
    _set_strips(&w, 2 if connectivity == image.ndim and w.height > 1 else 1)
    threads = max(1, min(<int64_t> omp_get_max_threads(), image.size // LEAST_PIXELS, w.strips // 2))
    w.stripes = 1 if threads == 1 else max(1, min(threads * STRIPES, w.strips // 2))
    cdef cnp.ndarray fore = np.empty(w.rows * w.words, np.uint64), start
    cdef cnp.ndarray runs = fore if w.tall == 1 else np.empty(w.strips * w.words, np.uint64)
    cdef cnp.ndarray first = np.empty(w.strips + 1, np.int64)
    w.fore, w.runs = <uint64_t*> cnp.PyArray_DATA(fore), <uint64_t*> cnp.PyArray_DATA(runs)
    w.first, w.start = <int64_t*> cnp.PyArray_DATA(first), NULL
    # What each stripe reports: whether it has several values (later: no memory), whether it has any, the one value.
    # A value not yet known is one that no foreground pixel has; without background, the first pixel's is known.
    cdef cnp.ndarray report = np.zeros((2, w.stripes), np.intc)
    cdef cnp.ndarray values = np.full(w.stripes, image.flat[0] if background is None else background, dtype)
    report[1] = background is None
    cdef cnp.ndarray counts = np.zeros((2, w.stripes), np.int64)
    cdef int* several = <int*> cnp.PyArray_DATA(report)
    cdef int* known = several + w.stripes
    cdef int64_t* roots = <int64_t*> cnp.PyArray_DATA(counts)
    cdef int64_t* firsts = roots + w.stripes
    cdef char* value_of = <char*> cnp.PyArray_DATA(values)
    for s in prange(w.stripes, schedule="dynamic", num_threads=threads, nogil=True):
        several[s] = _pack_stripe(&w, fore_row, s, value_of + s * w.itemsize, known + s)
    end_interruption(&watch)
    found = values[report[1] != 0]
    w.binary = not report[0].any() and (found == found[:1]).all()
    if not w.binary:
        _set_strips(&w, 1)
        start, first = np.empty(w.rows * w.words, np.uint64), np.empty(w.strips + 1, np.int64)
        runs = fore  # the strips' own are released
        w.runs, w.first = w.fore, <int64_t*> cnp.PyArray_DATA(first)
        w.start = <uint64_t*> cnp.PyArray_DATA(start)
        for s in prange(w.stripes, schedule="dynamic", num_threads=threads, nogil=True):
            _start_stripe(&w, s)
        end_interruption(&watch)
    _first_runs(&w)

    cdef int64_t number = w.first[w.strips]
    w.wide = wide or _needs_64_bits(number)
    cdef cnp.ndarray parent = np.empty(number + 9, np.int64 if w.wide else np.int32)
    w.parent = <char*> cnp.PyArray_DATA(parent) + (8 if w.wide else 4)
    for s in range(w.stripes):
        firsts[s] = w.first[_stripe_start(&w, s)]
    linked.roots, linked.length, linked.room = NULL, 0, 0
    for s in prange(w.stripes, schedule="dynamic", num_threads=threads, nogil=True):
        several[s] = not _join_stripe(&w, s, roots + s)
    end_interruption(&watch)
    cdef bint fits = not report[0].any()
    try:
        if fits and (w.stripes > 1 or any(wrap)):
            with nogil:
                fits = _join_seams(&w, firsts, &linked)
            end_interruption(&watch)
        if not fits:
            raise MemoryError("label: no memory for the touches of two rows")
        count = _number(&w, firsts, roots, threads, &linked)
    finally:
        free(linked.roots)
    if out is None:
        out = np.empty(shape, np.int32 if count <= 2147483647 else np.int64)
    elif count > 2147483647 and out.dtype.itemsize == 4:
        return out, count  # the door refuses it
    cdef char* labels = <char*> cnp.PyArray_DATA(out)
    cdef bint wide_labels = out.dtype.itemsize == 8
    for s in prange(w.stripes, schedule="dynamic", num_threads=threads, nogil=True):
        _write_stripe(&w, s, labels, wide_labels)
    end_interruption(&watch)
    return out, count


# Number the roots of all stripes in order; returns how many there are. roots[s] tells how many stripe s had before
# some were linked to others.
cdef int64_t _number(const Work* w, const int64_t* firsts, int64_t* roots, int threads, Linked* linked) noexcept:
    cdef int64_t s, k, root, count = 0, before
    for k in range(linked.length):
        root = (<int64_t*> linked.roots)[k] if w.wide else (<int32_t*> linked.roots)[k]
        s = w.stripes - 1
        while firsts[s] > root:
            s -= 1
        roots[s] -= 1
    for s in range(w.stripes):
        before = count
        count += roots[s]
        roots[s] = before
    for s in prange(w.stripes, schedule="dynamic", num_threads=threads, nogil=True):
        _number_stripe(w, s, roots[s])
    if w.wide:
        runs64_settle(<int64_t*> w.parent, <int64_t*> linked.roots, linked.length)
    else:
        runs32_settle(<int32_t*> w.parent, <int32_t*> linked.roots, linked.length)
    return count


def same_partition(cnp.ndarray a, cnp.ndarray b):
    """See `segalgo.same_partition`. The renaming and its inverse as tables, filled pixel by pixel."""
    if a.size == 0:
        return -1
    cdef cnp.ndarray code_a, code_b, forth, back
    code_a, names_a = _dense(a)
    code_b, names_b = _dense(b)
    code = np.int32 if max(names_a, names_b) <= 2147483647 else np.int64
    code_a, code_b = code_a.astype(code, copy=False), code_b.astype(code, copy=False)
    forth, back = np.full(names_a, -1, code), np.full(names_b, -1, code)
    cdef void* from_a = cnp.PyArray_DATA(code_a)
    cdef void* from_b = cnp.PyArray_DATA(code_b)
    cdef void* to_b = cnp.PyArray_DATA(forth)
    cdef void* to_a = cnp.PyArray_DATA(back)
    cdef int64_t size = a.size, fault
    cdef bint wide = code is np.int64
    with nogil:
        if wide:
            fault = _first_fault(<int64_t*> from_a, <int64_t*> from_b, size, <int64_t*> to_b, <int64_t*> to_a)
        else:
            fault = _first_fault(<int32_t*> from_a, <int32_t*> from_b, size, <int32_t*> to_b, <int32_t*> to_a)
    return fault


ctypedef fused code_t:
    int32_t
    int64_t


cdef int64_t _first_fault(const code_t* a, const code_t* b, int64_t size, code_t* to_b, code_t* to_a) noexcept nogil:
    cdef int64_t k
    to_b[0] = to_a[0] = 0
    for k in range(size):
        if to_b[a[k]] == b[k] and to_a[b[k]] == a[k]:
            continue
        if to_b[a[k]] >= 0 or to_a[b[k]] >= 0:
            return k
        to_b[a[k]], to_a[b[k]] = b[k], a[k]
    return -1


def _dense(labels):
    """Return the labels renamed to 0, 1, ..., 0 kept, and how many names there may be."""
    least, most = int(labels.min()), int(labels.max())
    if least >= 0 and most <= 2 * labels.size:
        return labels, most + 1
    values, code = np.unique(labels, return_inverse=True)
    # Zero gets code 0; the others keep their order behind it.
    return np.where(labels == 0, 0, code.reshape(-1) + 1), values.size + 1
