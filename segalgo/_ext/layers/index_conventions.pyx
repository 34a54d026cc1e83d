"""Indices within a plane and over the whole tensor: the Cython wing of `segalgo.layers.index_conventions`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cnp.import_array()


# One plane. Reads `count` indices and writes as many; `into` is added after, `from_` taken off before. Returns the
# position of the first index outside the plane, else -1. `inner` is the length of the axis that the given index
# counts along first, `outer` of the other; they change places if `turn`.
cdef int64_t _convert_plane(const int64_t* indices, int64_t* output, int64_t count, int64_t outer, int64_t inner,
                            int64_t from_, int64_t into, bint turn, Interruption* watch) noexcept nogil:
    cdef int64_t k, place, size = outer * inner
    for k in range(count):
        if k % 65536 == 0 and is_interrupted(watch, 10 * min(<int64_t> 65536, count)):
            return -1
        place = indices[k]
        if place < from_ or place - from_ >= size:
            return k
        place = place - from_
        if turn:
            place = place % inner * outer + place // inner
        output[k] = place + into
    return -1


cdef _convert(cnp.ndarray indices, int64_t outer, int64_t inner, bint to_tensor, bint turn):
    cdef int64_t planes = indices.shape[0], count = indices.shape[1], plane, size = outer * inner
    cdef cnp.ndarray output = np.empty((planes, count), np.int64)
    cdef cnp.ndarray faults = np.full(planes, -1, np.int64)
    cdef const int64_t* source = <const int64_t*> cnp.PyArray_DATA(indices)
    cdef int64_t* target = <int64_t*> cnp.PyArray_DATA(output)
    cdef int64_t* fault = <int64_t*> cnp.PyArray_DATA(faults)
    cdef Interruption watch = NOT_INTERRUPTED
    for plane in prange(planes, nogil=True, schedule="static"):
        fault[plane] = _convert_plane(source + plane * count, target + plane * count, count, outer, inner,
                                      0 if to_tensor else plane * size, plane * size if to_tensor else 0, turn, &watch)
    end_interruption(&watch)
    bad = np.flatnonzero(faults >= 0)
    return output, int(bad[0] * count + faults[bad[0]]) if bad.size else -1


def plane_to_tensor_indices(cnp.ndarray indices, plane_size, bint column_major):
    """See `segalgo.plane_to_tensor_indices`."""
    return _convert(indices, plane_size[0], plane_size[1], True, column_major)


def tensor_to_plane_indices(cnp.ndarray indices, plane_size, bint column_major):
    """See `segalgo.tensor_to_plane_indices`."""
    if column_major:
        return _convert(indices, plane_size[1], plane_size[0], False, True)
    return _convert(indices, plane_size[0], plane_size[1], False, False)
