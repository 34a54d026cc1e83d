"""Run-length codes of all labels of a map: the Cython wing of `segalgo.masks.labels_to_rles`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t, uint32_t

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted
from segalgo._ext.shared.threads cimport omp_get_max_threads

import numpy as np

cnp.import_array()

cdef extern from "masks/label_runs.h" nogil:
    void label_runs_count(const int32_t*, int64_t, int64_t, int64_t, int64_t, int64_t*)
    void label_runs_list(const int32_t*, int64_t, int64_t, int64_t, int64_t, int64_t*, uint32_t*, int32_t*)
    void label_runs_spread(const uint32_t*, const int32_t*, int64_t, int64_t, int64_t, int64_t*, int64_t*, uint32_t*)

cdef enum:
    # Cells below which starting threads costs more than the work.
    SMALL = 1048576
    # Columns that one thread takes at once: a few cache lines of each row.
    STRIP = 256


def labels_to_counts(const int32_t[:, ::1] labels, int64_t num_labels):
    """See `segalgo.reference.masks.label_runs.labels_to_counts`.

    Two walks over the map in row order: one counts the runs of each column, one writes them in column order. A third
    walk, over the runs, spreads them to their labels. Scratch: 8 bytes a run and a column, 24 bytes a label.
    """
    cdef int64_t h = labels.shape[0], w = labels.shape[1], size = h * w, j, k, here, runs = 0
    cdef int64_t strips = (w + STRIP - 1) // STRIP
    cdef int threads = 1 if size < SMALL else omp_get_max_threads()
    cdef int64_t[::1] at = np.zeros(w + 1, np.int64), ends = np.zeros(num_labels + 1, np.int64)
    cdef int64_t[::1] places, offsets = np.zeros(num_labels + 1, np.int64)
    cdef uint32_t[::1] starts, counts
    cdef int32_t[::1] numbers
    cdef Interruption watch = NOT_INTERRUPTED
    if size:
        for k in prange(strips, nogil=True, schedule="static", num_threads=threads):
            if is_interrupted(&watch, STRIP * h):
                continue
            label_runs_count(&labels[0, 0], h, w, k * STRIP, min(w, (k + 1) * STRIP), &at[0])
    end_interruption(&watch)
    for j in range(w):
        here = at[j]
        at[j] = runs
        runs += here
    starts, numbers = np.empty(runs + 1, np.uint32), np.empty(runs + 1, np.int32)
    if size:
        for k in prange(strips, nogil=True, schedule="static", num_threads=threads):
            if is_interrupted(&watch, STRIP * h):
                continue
            label_runs_list(&labels[0, 0], h, w, k * STRIP, min(w, (k + 1) * STRIP), &at[0], &starts[0], &numbers[0])
    end_interruption(&watch)
    with nogil:
        for k in range(runs):
            if 1 <= numbers[k] <= num_labels:
                offsets[numbers[k]] += 2
                ends[numbers[k]] = starts[k + 1] if k + 1 < runs else size
        # Zeros behind the last run are one count more; a label without runs has that count alone.
        for k in range(1, num_labels + 1):
            offsets[k] += (ends[k] < size or size == 0) + offsets[k - 1]
    counts, places = np.empty(offsets[num_labels] + 1, np.uint32), np.zeros(num_labels + 1, np.int64)
    with nogil:
        for k in range(1, num_labels + 1):
            places[k] = offsets[k - 1]
            ends[k] = 0
        label_runs_spread(&starts[0], &numbers[0], runs, size, num_labels, &ends[0], &places[0], &counts[0])
        for k in range(1, num_labels + 1):
            if places[k] < offsets[k]:
                counts[places[k]] = <uint32_t> (size - ends[k])
    return np.asarray(counts)[:offsets[num_labels]], np.asarray(offsets)
