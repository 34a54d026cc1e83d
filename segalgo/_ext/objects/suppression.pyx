"""Suppression of overlapping boxes: the Cython wing of `segalgo.objects.suppression`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.math cimport INFINITY
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cnp.import_array()

ctypedef fused real:
    float
    double

cdef enum:
    WIDE = 16         # boxes of a leaf, leaves of a node: one or two vectors
    LEAF = 80         # numbers of a leaf: left, top, right, bottom, area of 16 boxes
    NODE = 64         # numbers of a node: left, top, right, bottom of 16 children
    CELLS = 1023      # places along each axis when boxes are sorted by place


# The tree over the boxes that are kept so far. A box's place in it is known beforehand (neighbours in the plane are
# neighbours in the tree); it is empty until the box is kept, and the bounds above it grow with it. Places 16 k to
# 16 k + 15 are leaf k; the bounds of 16 leaves are a node; the bounds of 16 nodes are one block of the top.
cdef struct Sizes:
    int64_t leaves, nodes, tops


# Bit b is set where the bounds of child b and the given box share more than a `least` width and height: a box that
# overlaps by more than the threshold shares nearly that part of the width and height of the given one, or more.
cdef inline uint32_t _meets(const real* bounds, const real* box, real one, real least_width,
                            real least_height) noexcept nogil:
    cdef int b
    cdef uint32_t bits = 0
    cdef real width, height
    for b in range(WIDE):
        width = (bounds[32 + b] if bounds[32 + b] < box[2] else box[2]) \
            - (bounds[b] if bounds[b] > box[0] else box[0]) + one
        height = (bounds[48 + b] if bounds[48 + b] < box[3] else box[3]) \
            - (bounds[16 + b] if bounds[16 + b] > box[1] else box[1]) + one
        bits |= <uint32_t> ((width > least_width) & (height > least_height)) << b
    return bits


# Whether one of the 16 boxes of a leaf overlaps the given box by more than the threshold: the reference's arithmetic.
cdef inline bint _suppressed(const real* leaf, const real* box, real area, real one, real threshold) noexcept nogil:
    cdef int64_t b
    cdef int over = 0
    cdef real width, height, common
    for b in range(WIDE):
        width = (leaf[32 + b] if leaf[32 + b] < box[2] else box[2]) \
            - (leaf[b] if leaf[b] > box[0] else box[0]) + one
        height = (leaf[48 + b] if leaf[48 + b] < box[3] else box[3]) \
            - (leaf[16 + b] if leaf[16 + b] > box[1] else box[1]) + one
        common = (width if width > 0 else <real> 0) * (height if height > 0 else <real> 0)
        over += common / (leaf[64 + b] + area - common) > threshold
    return over != 0


cdef inline void _grow(real* bounds, const real* box) noexcept nogil:
    bounds[0] = box[0] if box[0] < bounds[0] else bounds[0]
    bounds[16] = box[1] if box[1] < bounds[16] else bounds[16]
    bounds[32] = box[2] if box[2] > bounds[32] else bounds[32]
    bounds[48] = box[3] if box[3] > bounds[48] else bounds[48]


cdef inline void _empty(real* bounds, int64_t blocks, int64_t size) noexcept nogil:
    cdef int64_t k, b
    for k in range(blocks):
        for b in range(size):
            bounds[k * size + b] = <real> INFINITY if b < 32 else -<real> INFINITY if b < 64 else <real> 0


# Whether a kept box overlaps this one by more than the threshold. Numbers so small that products lose digits are not
# used to leave out parts of the tree.
cdef bint _search(const real* leaves, const real* nodes, const real* tops, const Sizes* sizes, const real* box,
                  real area, real one, real threshold) noexcept nogil:
    cdef uint32_t above, flags
    cdef int64_t t, node, leaf
    cdef real part = threshold * <real> 0.999 if threshold * area > <real> 1e-30 else <real> 0
    cdef real least_width = part * (box[2] - box[0] + one), least_height = part * (box[3] - box[1] + one)
    for t in range(sizes.tops):
        above = _meets(tops + t * NODE, box, one, least_width, least_height)
        node = t * WIDE
        while above:
            if above & 1:
                flags = _meets(nodes + node * NODE, box, one, least_width, least_height)
                leaf = node * WIDE
                while flags:
                    if flags & 1 and _suppressed(leaves + leaf * LEAF, box, area, one, threshold):
                        return True
                    flags >>= 1
                    leaf += 1
            above >>= 1
            node += 1
    return False


# One group: boxes by falling score (order), each with its place in the tree. Returns whether there was memory.
cdef bint _suppress(const real* boxes, const int64_t* order, const int64_t* places, int64_t n, real one,
                    real threshold, uint8_t* kept, Interruption* watch) noexcept nogil:
    cdef Sizes sizes
    cdef int64_t k, place, leaf, node
    cdef const real* box
    cdef real area
    cdef real* leaves
    cdef real* nodes
    cdef real* tops
    sizes.leaves = (n + WIDE - 1) // WIDE
    sizes.nodes = (sizes.leaves + WIDE - 1) // WIDE
    sizes.tops = (sizes.nodes + WIDE - 1) // WIDE
    leaves = <real*> malloc((sizes.leaves * LEAF + (sizes.nodes + sizes.tops) * NODE) * sizeof(real))
    if leaves == NULL:
        return False
    nodes = leaves + sizes.leaves * LEAF
    tops = nodes + sizes.nodes * NODE
    _empty(leaves, sizes.leaves, LEAF)
    _empty(nodes, sizes.nodes, NODE)
    _empty(tops, sizes.tops, NODE)
    for k in range(n):
        if is_interrupted(watch, 50 + 50 * sizes.tops):
            break
        box = boxes + 4 * order[k]
        area = (box[2] - box[0] + one) * (box[3] - box[1] + one)
        if _search(leaves, nodes, tops, &sizes, box, area, one, threshold):
            continue
        kept[order[k]] = 1
        place = places[order[k]]
        leaf, node = place // WIDE, place // (WIDE * WIDE)
        _grow(leaves + leaf * LEAF + place % WIDE, box)
        leaves[leaf * LEAF + 64 + place % WIDE] = area
        _grow(nodes + node * NODE + leaf % WIDE, box)
        _grow(tops + node // WIDE * NODE + node % WIDE, box)
    free(leaves)
    return True


# A cell number along one axis, from 0 to CELLS; 0 where the extent is nothing or no number.
cdef inline uint64_t _cell(real at, real first, real extent) noexcept nogil:
    cdef real cell = (at - first) / extent * CELLS
    return <uint64_t> cell if 0 < cell <= CELLS else 0


# The bits of a number below 1024, with a 0 between each two.
cdef inline uint64_t _spread(uint64_t bits) noexcept nogil:
    bits = (bits | bits << 8) & 0x00FF00FF
    bits = (bits | bits << 4) & 0x0F0F0F0F
    bits = (bits | bits << 2) & 0x33333333
    return (bits | bits << 1) & 0x55555555


# Keys by which neighbours are sorted together: group, size by powers of two, then centers along a Z curve. They decide
# how fast the search is, never what it finds.
cdef void _keys(const real* boxes, const int64_t* groups, const real* bounds, int64_t n, uint64_t* keys) noexcept nogil:
    cdef int64_t k
    cdef uint64_t size
    cdef real side, whole
    cdef real width = bounds[2] - bounds[0], height = bounds[3] - bounds[1]
    cdef const real* box
    for k in range(n):
        box = boxes + 4 * k
        whole = width if width > height else height
        side = box[2] - box[0] if box[2] - box[0] > box[3] - box[1] else box[3] - box[1]
        size = 0
        while size < 15 and side < whole:
            whole = whole / 2
            size += 1
        keys[k] = <uint64_t> groups[k] << 24 | size << 20 \
            | _spread(_cell((box[0] + box[2]) / 2, bounds[0], width)) \
            | _spread(_cell((box[1] + box[3]) / 2, bounds[1], height)) << 1


cdef bint _suppress_groups(const real* boxes, const int64_t* order, const int64_t* places, const int64_t* starts,
                           int64_t groups, double one, double threshold, uint8_t* kept,
                           Interruption* watch) noexcept nogil:
    cdef int64_t g, failures = 0
    if groups == 1:
        return _suppress(boxes, order, places, starts[1], <real> one, <real> threshold, kept, watch)
    for g in prange(groups, schedule="dynamic"):
        failures += not _suppress(boxes, order + starts[g], places, starts[g + 1] - starts[g], <real> one,
                                  <real> threshold, kept, watch)
    return failures == 0


def nms(cnp.ndarray boxes, cnp.ndarray scores, cnp.ndarray groups, threshold, plus_one):
    """See `segalgo.nms`. Scratch: 100 to 200 bytes a box."""
    cdef int64_t n = boxes.shape[0], count
    cdef double limit = threshold, one = plus_one
    cdef cnp.ndarray kept = np.zeros(n, np.uint8), keys = np.empty(n, np.uint64), places = np.empty(n, np.int64)
    cdef bint done, narrow = boxes.itemsize == 4
    if n == 0:
        return np.empty(0, np.int64)
    order = np.argsort(-scores, kind="stable").astype(np.int64, copy=False)
    cdef cnp.ndarray bounds = np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])
    cdef cnp.ndarray sizes = np.bincount(groups).astype(np.int64)
    cdef cnp.ndarray starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    count = sizes.shape[0]
    cdef cnp.ndarray by_group = order if count == 1 else order[np.argsort(groups[order], kind="stable")]
    cdef const void* x = cnp.PyArray_DATA(boxes)
    cdef const int64_t* group = <const int64_t*> cnp.PyArray_DATA(groups)
    cdef const int64_t* start = <const int64_t*> cnp.PyArray_DATA(starts)
    cdef const int64_t* ranked = <const int64_t*> cnp.PyArray_DATA(by_group)
    cdef const int64_t* place = <const int64_t*> cnp.PyArray_DATA(places)
    cdef uint64_t* key = <uint64_t*> cnp.PyArray_DATA(keys)
    cdef uint8_t* flags = <uint8_t*> cnp.PyArray_DATA(kept)
    cdef Interruption watch = NOT_INTERRUPTED
    if boxes.dtype == np.float32:
        _keys(<const float*> x, group, <const float*> cnp.PyArray_DATA(bounds), n, key)
    else:
        _keys(<const double*> x, group, <const double*> cnp.PyArray_DATA(bounds), n, key)
    places[np.argsort(keys)] = np.arange(n)
    places -= starts[groups]
    with nogil:
        if narrow:
            done = _suppress_groups(<const float*> x, ranked, place, start, count, one, limit, flags, &watch)
        else:
            done = _suppress_groups(<const double*> x, ranked, place, start, count, one, limit, flags, &watch)
    end_interruption(&watch)
    if not done:
        raise MemoryError("nms: no memory for the tree of kept boxes")
    return order[kept.view(np.bool_)[order]]
