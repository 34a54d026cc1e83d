"""Watershed by flooding from markers: the Cython wing of `segalgo.watershed` with ``method="flood"``."""
cimport numpy as cnp
from libc.math cimport sqrt
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cnp.import_array()

cdef enum:
    MOST_AXES = 64  # as NumPy

cdef extern from "morphology/flood_queue.h" nogil:
    ctypedef struct segalgo_waiting:
        uint64_t key
        uint64_t age
        int64_t place
        int64_t source
    ctypedef struct segalgo_queue:
        segalgo_waiting* cells
        int64_t count
        int64_t room
    uint64_t segalgo_ordered_double(double value)
    int segalgo_push(segalgo_queue* queue, segalgo_waiting cell)
    segalgo_waiting segalgo_pop(segalgo_queue* queue)

ctypedef fused label_cell:
    uint8_t
    uint16_t
    uint32_t
    uint64_t


# A flood over arrays with a margin that the mask leaves out; `steps` lead to the neighbours, `strides` are the axes'.
cdef struct Flood:
    const double* image
    uint8_t* mask
    const int64_t* steps
    int64_t neighbours, size, ndim
    int64_t strides[MOST_AXES]
    double compactness
    bint lines


cdef double distance(int64_t a, int64_t b, const Flood* flood) noexcept nogil:
    cdef double sum = 0, d
    cdef int64_t axis
    for axis in range(flood.ndim):
        d = <double> (a // flood.strides[axis] - b // flood.strides[axis])
        sum += d * d
        a = a % flood.strides[axis]
        b = b % flood.strides[axis]
    return sqrt(sum)


# Whether a cell meets another label than the one that comes; it is then part of the line and left out from now on.
cdef bint on_line(const label_cell* labels, int64_t place, label_cell label, const Flood* flood) noexcept nogil:
    cdef int64_t n, near
    if not flood.mask[place]:
        return True
    for n in range(flood.neighbours):
        near = place + flood.steps[n]
        if flood.mask[near] and labels[near] != 0 and labels[near] != label:
            flood.mask[place] = 0
            return True
    return False


# Flooding with a priority queue (Meyer 1991), with the order of work of scikit-image: markers enter in row order, each
# cell puts its neighbours in by growing distance, ages count them. A plain flood labels a cell as it enters, once; a
# compact one (Neubert and Protzel 2014) and one with lines as it leaves, so that it may wait several times.
cdef int run_flood(label_cell* labels, const Flood* flood, Interruption* watch) noexcept nogil:
    cdef segalgo_queue queue
    cdef segalgo_waiting cell, entering
    cdef int64_t place, n
    cdef uint64_t age = 0
    cdef bint compact = flood.compactness > 0, late = compact or flood.lines
    cdef int failed = 0
    cdef double value
    queue.cells = NULL
    queue.count = queue.room = 0
    for place in range(flood.size):
        if labels[place] != 0:
            entering.key = segalgo_ordered_double(flood.image[place])
            entering.age = 0
            entering.place = entering.source = place
            failed |= segalgo_push(&queue, entering)
    while queue.count > 0 and not failed:
        if is_interrupted(watch, 100):
            break
        cell = segalgo_pop(&queue)
        if late:
            if labels[cell.place] != 0 and cell.place != cell.source:
                continue
            if compact or not on_line(labels, cell.place, labels[cell.source], flood):
                labels[cell.place] = labels[cell.source]
        for n in range(flood.neighbours):
            place = cell.place + flood.steps[n]
            if not flood.mask[place] or labels[place] != 0:
                continue
            age += 1
            value = flood.image[place]
            if compact:
                value += flood.compactness * distance(place, cell.source, flood)
            elif not flood.lines:
                labels[place] = labels[cell.place]
            # Water comes no lower than it went on its way.
            entering.key = max(segalgo_ordered_double(value), cell.key)
            entering.age = age
            entering.place = place
            entering.source = cell.source
            failed |= segalgo_push(&queue, entering)
    free(queue.cells)
    return failed


def watershed_flood(image, markers, offsets, mask, compactness, watershed_line):
    """See `segalgo.watershed`. Sequential. Scratch: copies with a margin, and 32 bytes for each cell that waits."""
    cdef Flood flood
    cdef cnp.ndarray altitudes, labels, inside, steps
    cdef int64_t axis, step = 1, itemsize = markers.itemsize
    cdef Interruption watch = NOT_INTERRUPTED
    cdef int failed
    cdef void* cells
    margin = np.abs(offsets).max(0, initial=0)
    pad = [(n, n) for n in margin]
    altitudes, labels = np.pad(image, pad), np.pad(markers, pad)
    inside = np.pad(mask, pad).view(np.uint8)
    flood.ndim = image.ndim
    for axis in range(image.ndim - 1, -1, -1):
        flood.strides[axis] = step
        step *= altitudes.shape[axis]
    steps = np.ascontiguousarray(offsets @ np.array([flood.strides[axis] for axis in range(image.ndim)], np.int64))
    flood.image = <const double*> cnp.PyArray_DATA(altitudes)
    flood.mask = <uint8_t*> cnp.PyArray_DATA(inside)
    flood.steps = <const int64_t*> cnp.PyArray_DATA(steps)
    flood.neighbours = len(offsets)
    flood.size = altitudes.size
    flood.compactness = compactness
    flood.lines = watershed_line
    cells = cnp.PyArray_DATA(labels)
    with nogil:
        if itemsize == 1:
            failed = run_flood(<uint8_t*> cells, &flood, &watch)
        elif itemsize == 2:
            failed = run_flood(<uint16_t*> cells, &flood, &watch)
        elif itemsize == 4:
            failed = run_flood(<uint32_t*> cells, &flood, &watch)
        else:
            failed = run_flood(<uint64_t*> cells, &flood, &watch)
    end_interruption(&watch)
    if failed:
        raise MemoryError("watershed: no memory for the queue of cells")
    inner = tuple(slice(m, n - m) for m, n in zip(margin, (<object> labels).shape, strict=True))
    return np.ascontiguousarray((<object> labels)[inner])
