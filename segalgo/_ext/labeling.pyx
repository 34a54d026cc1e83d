"""Connected components: the Cython wing of `segalgo.labeling`."""
cimport numpy as cnp
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from itertools import product

import numpy as np

cnp.import_array()

ctypedef fused number:
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t
    float
    double


cdef inline int64_t find(int64_t* parent, int64_t k) noexcept nogil:
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k


cdef inline bint close(number a, number b, uint64_t delta, double wide_delta) noexcept nogil:
    if a == b:
        return True
    if number is float or number is double:
        return (<double> a - <double> b if a > b else <double> b - <double> a) <= wide_delta
    else:
        return (<uint64_t> a - <uint64_t> b if a > b else <uint64_t> b - <uint64_t> a) <= delta


def _union(number[::1] image, bint has_background, number background, int64_t[::1] shape, uint8_t[::1] wrap,
           int64_t[:, ::1] steps, uint64_t delta, double wide_delta, int64_t[::1] parent):
    cdef int64_t k, s, axis, place, stride, rest, at, a, b, ndim = shape.shape[0]
    cdef bint inside
    for k in range(image.shape[0]):
        parent[k] = k
    for k in range(image.shape[0]):
        if has_background and image[k] == background:
            parent[k] = -1
            continue
        for s in range(steps.shape[0]):
            rest, place, stride, inside = k, 0, 1, True
            for axis in range(ndim - 1, -1, -1):
                at = rest % shape[axis] + steps[s, axis]
                rest //= shape[axis]
                if at < 0 or at >= shape[axis]:
                    if not wrap[axis]:
                        inside = False
                        break
                    at = (at + shape[axis]) % shape[axis]
                place += at * stride
                stride *= shape[axis]
            if not inside or (has_background and image[place] == background):
                continue
            if close(image[k], image[place], delta, wide_delta):
                a, b = find(&parent[0], k), find(&parent[0], place)
                if a < b:
                    parent[b] = a
                else:
                    parent[a] = b


def label(cnp.ndarray image, background, int connectivity, wrap, delta, out):
    """See `segalgo.label`."""
    zero = (0,) * image.ndim
    steps = [s for s in product((-1, 0, 1), repeat=image.ndim) if s < zero and sum(map(abs, s)) <= connectivity]
    cdef cnp.ndarray parent = np.empty(image.size, np.int64)
    if image.size:
        whole = delta if image.dtype.kind != "f" else 0
        _union(image.reshape(-1), background is not None, 0 if background is None else background,
               np.array([image.shape[k] for k in range(image.ndim)], np.int64), np.array(wrap, np.uint8),
               np.array(steps, np.int64), whole, float(delta), parent)
    cdef int64_t[::1] roots = parent
    cdef int64_t k, count = 0
    labels = np.empty(image.size, np.int64)
    cdef int64_t[::1] numbers = labels
    for k in range(image.size):
        if roots[k] < 0:
            numbers[k] = 0
        elif roots[k] == k:
            count += 1
            numbers[k] = count
        else:
            numbers[k] = numbers[roots[k]]
    labels = labels.reshape((<object> image).shape)
    if out is None:
        return labels.astype(np.int32 if count < 2**31 else np.int64), count
    out[...] = labels
    return out, count


def same_partition(cnp.ndarray a, cnp.ndarray b):
    """See `segalgo.same_partition`."""
    return _same_partition(a.astype(np.int64), b.astype(np.int64))


def _same_partition(int64_t[::1] a, int64_t[::1] b):
    forth, back = {0: 0}, {0: 0}
    cdef int64_t k
    for k in range(a.shape[0]):
        if forth.setdefault(a[k], b[k]) != b[k] or back.setdefault(b[k], a[k]) != a[k]:
            return k
    return -1
