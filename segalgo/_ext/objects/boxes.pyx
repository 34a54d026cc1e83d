"""Boxes, their overlaps and their coding: the Cython wing of `segalgo.objects`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.math cimport exp, expf, log, logf
from libc.stdint cimport int64_t, uint8_t

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cnp.import_array()

cdef enum:
    CHUNK = 1024  # boxes that one thread encodes or decodes at a time

ctypedef fused real:
    float
    double


# Overlaps of one box with all others, whose coordinates lie side by side (left, top, right, bottom, area, n of each) so
# that the loop runs over vectors. All comparisons and roundings as in the reference.
cdef void _overlaps(const real* box, const real* others, const uint8_t* crowd, real one, int64_t n,
                    real* output) noexcept nogil:
    cdef int64_t k
    cdef real left = box[0], top = box[1], right = box[2], bottom = box[3], width, height, common, whole
    cdef real area = (right - left + one) * (bottom - top + one)
    for k in range(n):
        width = (others[2 * n + k] if others[2 * n + k] < right else right) \
            - (others[k] if others[k] > left else left) + one
        height = (others[3 * n + k] if others[3 * n + k] < bottom else bottom) \
            - (others[n + k] if others[n + k] > top else top) + one
        common = (width if width > 0 else <real> 0) * (height if height > 0 else <real> 0)
        whole = area if crowd[k] else area + others[4 * n + k] - common
        output[k] = common / whole if common > 0 else <real> 0


cdef void _box_iou(const real* boxes, const real* others, const uint8_t* crowd, real one, int64_t rows, int64_t n,
                   real* output, Interruption* watch) noexcept nogil:
    cdef int64_t i
    for i in prange(rows, schedule="static"):
        if is_interrupted(watch, 2 * n):
            continue
        _overlaps(boxes + 4 * i, others, crowd, one, n, output + i * n)


def box_iou(cnp.ndarray boxes, cnp.ndarray others, cnp.ndarray crowd, plus_one):
    """See `segalgo.box_iou`. Scratch: the others once more, with their areas."""
    cdef int64_t rows = boxes.shape[0], n = others.shape[0]
    cdef cnp.ndarray output = np.empty((rows, n), boxes.dtype)
    cdef cnp.ndarray turned = np.empty((5, n), boxes.dtype)
    one = boxes.dtype.type(plus_one)
    turned[:4] = others.T
    with np.errstate(over="ignore"):
        turned[4] = (turned[2] - turned[0] + one) * (turned[3] - turned[1] + one)
    cdef const void* first = cnp.PyArray_DATA(boxes)
    cdef const void* second = cnp.PyArray_DATA(turned)
    cdef const uint8_t* flags = <const uint8_t*> cnp.PyArray_DATA(crowd)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef double more = plus_one
    cdef Interruption watch = NOT_INTERRUPTED
    if boxes.dtype == np.float32:
        with nogil:
            _box_iou(<const float*> first, <const float*> second, flags, <float> more, rows, n, <float*> target,
                     &watch)
    else:
        with nogil:
            _box_iou(<const double*> first, <const double*> second, flags, more, rows, n, <double*> target, &watch)
    end_interruption(&watch)
    return output


cdef inline real _log(real a) noexcept nogil:
    if real is float:
        return logf(a)
    else:
        return log(a)


cdef inline real _exp(real a) noexcept nogil:
    if real is float:
        return expf(a)
    else:
        return exp(a)


# Rows `first` to `last`: shift of the centers in units of the anchor's size, and logarithm of the ratio of sizes.
cdef void _encode_rows(const real* boxes, const real* anchors, const real* weights, int64_t first, int64_t last,
                       real* output) noexcept nogil:
    cdef int64_t row, k, axis
    cdef real size, anchor_size, center, anchor_center
    for row in range(first, last):
        for axis in range(2):
            k = 4 * row + axis
            size = boxes[k + 2] - boxes[k]
            anchor_size = anchors[k + 2] - anchors[k]
            center = boxes[k] + size / 2
            anchor_center = anchors[k] + anchor_size / 2
            output[k] = weights[axis] * (center - anchor_center) / anchor_size
            output[k + 2] = weights[axis + 2] * _log(size / anchor_size)


cdef void _encode(const real* boxes, const real* anchors, const real* weights, int64_t n, real* output,
                  Interruption* watch) noexcept nogil:
    cdef int64_t part
    for part in prange((n + CHUNK - 1) // CHUNK, schedule="static"):
        if is_interrupted(watch, 40 * CHUNK):
            continue
        _encode_rows(boxes, anchors, weights, part * CHUNK, min(n, (part + 1) * CHUNK), output)


def encode_boxes(cnp.ndarray boxes, cnp.ndarray anchors, cnp.ndarray weights):
    """See `segalgo.encode_boxes`."""
    cdef cnp.ndarray output = np.empty((<object> boxes).shape, boxes.dtype)
    cdef int64_t n = boxes.shape[0]
    cdef const void* first = cnp.PyArray_DATA(boxes)
    cdef const void* second = cnp.PyArray_DATA(anchors)
    cdef const void* third = cnp.PyArray_DATA(weights)
    cdef Interruption watch = NOT_INTERRUPTED
    cdef void* target = cnp.PyArray_DATA(output)
    if boxes.dtype == np.float32:
        with nogil:
            _encode(<const float*> first, <const float*> second, <const float*> third, n, <float*> target, &watch)
    else:
        with nogil:
            _encode(<const double*> first, <const double*> second, <const double*> third, n, <double*> target, &watch)
    end_interruption(&watch)
    return output


# Box k of deltas belongs to anchor k // classes.
cdef void _decode_rows(const real* deltas, const real* anchors, const real* weights, real clip, int64_t first,
                       int64_t last, int64_t classes, real* output) noexcept nogil:
    cdef int64_t k, axis
    cdef const real* anchor
    cdef const real* delta
    cdef real size, center, half, growth
    for k in range(first, last):
        anchor = anchors + k // classes * 4
        delta = deltas + 4 * k
        for axis in range(2):
            size = anchor[axis + 2] - anchor[axis]
            center = delta[axis] / weights[axis] * size + (anchor[axis] + size / 2)
            growth = delta[axis + 2] / weights[axis + 2]
            half = _exp(growth if growth < clip else clip) * size / 2
            output[4 * k + axis] = center - half
            output[4 * k + axis + 2] = center + half


cdef void _decode(const real* deltas, const real* anchors, const real* weights, real clip, int64_t n, int64_t classes,
                  real* output, Interruption* watch) noexcept nogil:
    cdef int64_t part, count = n * classes
    for part in prange((count + CHUNK - 1) // CHUNK, schedule="static"):
        if is_interrupted(watch, 40 * CHUNK):
            continue
        _decode_rows(deltas, anchors, weights, clip, part * CHUNK, min(count, (part + 1) * CHUNK), classes, output)


def decode_boxes(cnp.ndarray deltas, cnp.ndarray anchors, cnp.ndarray weights, clip):
    """See `segalgo.decode_boxes`."""
    cdef cnp.ndarray output = np.empty((<object> deltas).shape, deltas.dtype)
    cdef int64_t n = deltas.shape[0], classes = deltas.shape[1]
    cdef const void* first = cnp.PyArray_DATA(deltas)
    cdef const void* second = cnp.PyArray_DATA(anchors)
    cdef const void* third = cnp.PyArray_DATA(weights)
    cdef Interruption watch = NOT_INTERRUPTED
    cdef void* target = cnp.PyArray_DATA(output)
    cdef double most = clip
    if deltas.dtype == np.float32:
        with nogil:
            _decode(<const float*> first, <const float*> second, <const float*> third, <float> most, n, classes,
                    <float*> target, &watch)
    else:
        with nogil:
            _decode(<const double*> first, <const double*> second, <const double*> third, most, n, classes,
                    <double*> target, &watch)
    end_interruption(&watch)
    return output
