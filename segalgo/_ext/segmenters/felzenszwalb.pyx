"""Regions by comparing edges with what lies inside: the Cython wing of `segalgo.felzenszwalb`.

Edges between neighbours in ascending order of their cost, each of which joins two regions if it costs less than both
allow (Felzenszwalb and Huttenlocher 2004). Edges are sorted by radix of the cost in 32 bits, and by the cost itself
where these are equal; most comparisons are decided by the 32 bits too. Every region is one record at its first cell, so
that a look-up is one access.
"""
cimport numpy as cnp
from libc.math cimport floor, sqrt
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

import numpy as np

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

cnp.import_array()

cdef enum:
    DIGIT = 11              # bits of a pass of the sort
    SHORT = 24              # up to so many edges are sorted by insertion
    EDGES_PER_LOOK = 50000


# An edge from a cell: cell * 4 + direction (0 right, 1 down, 2 down right, 3 down left), and its cost in 32 bits, which
# grows with the cost or stays.
cdef struct Edge:
    uint32_t key
    uint32_t place


# At the root of a tree of cells: how many they are, and the cost below which an edge joins them to others.
cdef struct Region:
    int32_t parent
    int32_t size
    double allowed


cdef inline uint64_t bits_of(double value) noexcept nogil:
    cdef uint64_t bits
    memcpy(&bits, &value, 8)
    return bits


cdef inline double cost_of(const double* image, int64_t a, int64_t b, int64_t channels) noexcept nogil:
    cdef double total = 0, apart
    cdef int64_t c
    for c in range(channels):
        apart = image[b * channels + c] - image[a * channels + c]
        total = total + apart * apart
    return sqrt(total)


# Sorts by key, three passes of 11 bits, edges of one key as they stand. `spare` is as large; the result is in `edges`.
cdef void sort_edges(Edge* edges, Edge* spare, int64_t count) noexcept nogil:
    cdef int64_t begins[3][1 << DIGIT]
    cdef int64_t k, d, digit, at, total
    cdef Edge* source = edges
    cdef Edge* target = spare
    cdef Edge* other
    memset(begins, 0, sizeof(begins))
    for k in range(count):
        for d in range(3):
            begins[d][edges[k].key >> (DIGIT * d) & ((1 << DIGIT) - 1)] += 1
    for d in range(3):
        total = 0
        for digit in range(1 << DIGIT):
            at = begins[d][digit]
            begins[d][digit] = total
            total += at
        for k in range(count):
            digit = source[k].key >> (DIGIT * d) & ((1 << DIGIT) - 1)
            target[begins[d][digit]] = source[k]
            begins[d][digit] += 1
        other = source
        source = target
        target = other
    if source != edges:
        memcpy(edges, source, count * sizeof(Edge))


cdef inline int64_t other_end(int64_t cell, int64_t direction, int64_t width) noexcept nogil:
    if direction == 0:
        return cell + 1
    return cell + width + (0 if direction == 1 else 1 if direction == 2 else -1)


cdef inline double cost_of_edge(const double* image, uint32_t place, int64_t width, int64_t channels) noexcept nogil:
    return cost_of(image, place >> 2, other_end(place >> 2, place & 3, width), channels)


# Runs of equal keys, sorted by the cost itself: a few edges by insertion, many by both halves of its bits.
cdef void sort_runs(const double* image, Edge* edges, Edge* spare, int64_t count, int64_t width,
                    int64_t channels) noexcept nogil:
    cdef int64_t first = 0, end, k, j
    cdef Edge held
    cdef uint32_t key
    cdef double costs[SHORT]
    cdef double cost
    while first < count:
        end = first + 1
        key = edges[first].key
        while end < count and edges[end].key == key:
            end += 1
        if 1 < end - first <= SHORT:
            for k in range(first, end):
                held = edges[k]
                cost = cost_of_edge(image, held.place, width, channels)
                j = k
                while j > first and costs[j - 1 - first] > cost:
                    edges[j] = edges[j - 1]
                    costs[j - first] = costs[j - 1 - first]
                    j -= 1
                edges[j] = held
                costs[j - first] = cost
        elif end - first > SHORT:
            for k in range(first, end):
                edges[k].key = <uint32_t> bits_of(cost_of_edge(image, edges[k].place, width, channels))
            sort_edges(edges + first, spare, end - first)
            for k in range(first, end):
                edges[k].key = <uint32_t> (bits_of(cost_of_edge(image, edges[k].place, width, channels)) >> 32)
            sort_edges(edges + first, spare, end - first)
            for k in range(first, end):
                edges[k].key = key
        first = end


cdef inline int32_t root_of(Region* regions, int32_t cell) noexcept nogil:
    while regions[cell].parent != cell:
        regions[cell].parent = regions[regions[cell].parent].parent
        cell = regions[cell].parent
    return cell


# The root is the smaller cell, so that a region is known by its first one.
cdef inline int32_t join(Region* regions, int32_t a, int32_t b) noexcept nogil:
    cdef int32_t root = min(a, b)
    regions[max(a, b)].parent = root
    regions[root].size = regions[a].size + regions[b].size
    return root


# What a cost is multiplied with for its key: the largest possible cost stays below 2**32. 0, for equal keys everywhere,
# where values are, or where their range is too small or too large.
cdef double factor_for(const double* image, int64_t cells, int64_t channels) noexcept nogil:
    cdef double low = image[0], high = image[0], factor
    cdef int64_t k
    for k in range(cells * channels):
        low = image[k] if image[k] < low else low
        high = image[k] if image[k] > high else high
    factor = 4294967040.0 / ((high - low) * sqrt(<double> channels) * 1.0000001) if high > low else 0
    return factor if 0 < factor < 1e300 else 0


cdef inline bint is_below(const double* image, const Edge* edge, double allowed, double factor, int64_t width,
                          int64_t channels) noexcept nogil:
    """Whether an edge costs less than allowed; keys decide unless they are equal."""
    cdef double key = floor(allowed * factor)
    if <double> edge.key != key:
        return <double> edge.key < key
    return cost_of_edge(image, edge.place, width, channels) < allowed


cdef int64_t list_edges(const double* image, Edge* edges, int64_t height, int64_t width, int64_t channels,
                        double factor) noexcept nogil:
    cdef int64_t i, j, cell, direction, count = 0
    for i in range(height):
        for j in range(width):
            cell = i * width + j
            for direction in range(4):
                if (direction and i + 1 == height) or (direction != 1 and direction != 3 and j + 1 == width):
                    continue
                if direction == 3 and j == 0:
                    continue
                edges[count].key = <uint32_t> (
                    cost_of(image, cell, other_end(cell, direction, width), channels) * factor if factor > 0 else 0.0
                )
                edges[count].place = <uint32_t> (cell * 4 + direction)
                count += 1
    return count


cdef int segment(const double* image, int32_t* labels, int64_t height, int64_t width, int64_t channels, double scale,
                 int64_t least, Interruption* watch) noexcept nogil:
    cdef int64_t cells = height * width, count, k, left = 0, numbered = 0, cell
    cdef Edge* edges = <Edge*> malloc((8 * cells + 1) * sizeof(Edge))
    cdef Region* regions = <Region*> malloc(cells * sizeof(Region))
    cdef int32_t a, b, root
    cdef double factor
    if edges == NULL or regions == NULL:
        free(edges)
        free(regions)
        return 1
    factor = factor_for(image, cells, channels)
    count = list_edges(image, edges, height, width, channels, factor)
    sort_edges(edges, edges + 4 * cells, count)
    sort_runs(image, edges, edges + 4 * cells, count, width, channels)
    for k in range(cells):
        regions[k].parent = <int32_t> k
        regions[k].size = 1
        regions[k].allowed = scale
    for k in range(count):
        if k % EDGES_PER_LOOK == 0 and is_interrupted(watch, EDGES_PER_LOOK * 60):
            break
        cell = edges[k].place >> 2
        a = root_of(regions, <int32_t> cell)
        b = root_of(regions, <int32_t> other_end(cell, edges[k].place & 3, width))
        if a == b:
            continue
        if is_below(image, edges + k, min(regions[a].allowed, regions[b].allowed), factor, width, channels):
            root = join(regions, a, b)
            regions[root].allowed = (
                cost_of_edge(image, edges[k].place, width, channels) + scale / <double> regions[root].size
            )
        else:
            edges[left] = edges[k]  # may join a small region yet
            left += 1
    for k in range(left):
        cell = edges[k].place >> 2
        a = root_of(regions, <int32_t> cell)
        b = root_of(regions, <int32_t> other_end(cell, edges[k].place & 3, width))
        if a != b and (regions[a].size < least or regions[b].size < least):
            join(regions, a, b)
    for k in range(cells):
        root = root_of(regions, <int32_t> k)
        if root == k:
            labels[k] = <int32_t> numbered
            numbered += 1
        else:
            labels[k] = labels[root]
    free(edges)
    free(regions)
    return 0


def felzenszwalb(image, scale, min_size):
    """See `segalgo.felzenszwalb`. Sequential. Scratch: 80 bytes a cell."""
    cdef Interruption watch = NOT_INTERRUPTED
    cdef cnp.ndarray values = image, labels = np.empty(image.shape[:2], np.int32)
    cdef int64_t height = image.shape[0], width = image.shape[1], channels = image.shape[2], least = min_size
    cdef double allowed = scale
    cdef const double* cells = <const double*> cnp.PyArray_DATA(values)
    cdef int32_t* output = <int32_t*> cnp.PyArray_DATA(labels)
    cdef int failed
    with nogil:
        failed = segment(cells, output, height, width, channels, allowed, least, &watch)
    end_interruption(&watch)
    if failed:
        raise MemoryError("felzenszwalb: no memory for the edges")
    return labels
