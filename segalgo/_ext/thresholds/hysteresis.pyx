"""Regions above a low threshold that reach a high one: a Cython wing."""
cimport numpy as cnp
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, realloc

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cnp.import_array()

cdef enum:
    LOW = 1
    HIGH = 3
    TAKEN = 4


# Flood from every high cell over low cells, along the axis strides; cells of the margin are 0 and stop it. A cell is
# pushed once, when it is taken; the stack grows as it must, to 8 bytes a taken cell at worst.
cdef int _flood(uint8_t* state, int64_t count, const int64_t* strides, int64_t axes,
                Interruption* watch) noexcept nogil:
    cdef int64_t* stack = NULL
    cdef int64_t* larger
    cdef int64_t capacity = 0, depth = 0, taken = 0, seed, cell, near, axis
    cdef int side
    for seed in range(count):
        if seed % 65536 == 0 and is_interrupted(watch, 65536):
            break
        if state[seed] != HIGH:
            continue
        state[seed] = TAKEN
        cell = seed
        while True:
            taken += 1
            if taken % 65536 == 0 and is_interrupted(watch, 1000000):
                break
            if depth + 2 * axes > capacity:
                capacity = 2 * capacity + 2 * axes + 1024
                larger = <int64_t*> realloc(stack, capacity * sizeof(int64_t))
                if larger == NULL:
                    free(stack)
                    return 1
                stack = larger
            for axis in range(axes):
                for side in range(2):
                    near = cell - strides[axis] if side else cell + strides[axis]
                    if state[near] & LOW:
                        state[near] = TAKEN
                        stack[depth] = near
                        depth += 1
            if depth == 0:
                break
            depth -= 1
            cell = stack[depth]
    free(stack)
    return 0


def _flood_cells(uint8_t[::1] state, const int64_t[::1] strides):
    cdef int failed
    cdef Interruption watch = NOT_INTERRUPTED
    with nogil:
        failed = _flood(&state[0], state.shape[0], &strides[0], strides.shape[0], &watch)
    end_interruption(&watch)
    if failed:
        raise MemoryError("hysteresis: no memory for the stack of cells to visit")


def hysteresis(low, high):
    """See `segalgo.reference.thresholds.hysteresis`. Scratch: a byte a cell, and 8 for each cell that waits."""
    if low.ndim == 0 or low.size == 0:
        return low & high
    state = np.zeros([n + 2 for n in low.shape], np.uint8)
    inside = (slice(1, -1),) * low.ndim
    np.add(low.view(np.uint8), 2 * (low & high).view(np.uint8), out=state[inside])
    _flood_cells(state.reshape(-1), np.array(state.strides, np.int64))
    return np.equal(state[inside], TAKEN)
