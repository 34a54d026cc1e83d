"""Watershed as a minimum spanning forest: the Cython wing of `segalgo.watershed` with ``method="forest"``."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cnp.import_array()

cdef enum:
    MOST_AXES = 64  # as NumPy

cdef enum:
    OUTSIDE     # the mask or the image
    FREE
    MARKER

cdef extern from "morphology/flood_queue.h" nogil:
    uint64_t segalgo_ordered_double(double value)
    uint32_t segalgo_ordered_float(float value)

ctypedef fused narrow:
    uint8_t
    int8_t
    uint16_t
    int16_t
    uint32_t
    int32_t
    float

ctypedef fused wide:
    uint64_t
    int64_t
    double

ctypedef fused key:
    uint32_t
    uint64_t

ctypedef fused label_cell:
    uint8_t
    uint16_t
    uint32_t
    uint64_t


# Cells with a margin, `size` in all, of which the lines of the image are parts: line l begins at first_of(l).
cdef struct Grid:
    int64_t ndim, size, width, lines, neighbours
    int64_t shape[MOST_AXES]
    int64_t margin[MOST_AXES]
    int64_t strides[MOST_AXES]
    const int64_t* steps


# An edge between two trees: its ends, the higher one first, and the numbers of the trees.
cdef struct Edge:
    int32_t higher, lower, a, b


cdef inline int64_t first_of(int64_t line, const Grid* grid) noexcept nogil:
    cdef int64_t axis, place = grid.margin[grid.ndim - 1]
    for axis in range(grid.ndim - 2, -1, -1):
        place += (line % grid.shape[axis] + grid.margin[axis]) * grid.strides[axis]
        line = line // grid.shape[axis]
    return place


cdef void read_narrow(const narrow* image, uint32_t* keys, const Grid* grid, Interruption* watch) noexcept nogil:
    cdef int64_t line, at, k
    for line in prange(grid.lines, schedule="static"):
        if is_interrupted(watch, 4 * grid.width):
            continue
        at = first_of(line, grid)
        for k in range(grid.width):
            if narrow is float:
                keys[at + k] = segalgo_ordered_float(image[line * grid.width + k])
            elif narrow is int8_t or narrow is int16_t or narrow is int32_t:
                keys[at + k] = <uint32_t> (<int32_t> image[line * grid.width + k]) ^ <uint32_t> 0x80000000
            else:
                keys[at + k] = image[line * grid.width + k]


cdef void read_wide(const wide* image, uint64_t* keys, const Grid* grid, Interruption* watch) noexcept nogil:
    cdef int64_t line, at, k
    for line in prange(grid.lines, schedule="static"):
        if is_interrupted(watch, 4 * grid.width):
            continue
        at = first_of(line, grid)
        for k in range(grid.width):
            if wide is double:
                keys[at + k] = segalgo_ordered_double(image[line * grid.width + k])
            elif wide is int64_t:
                keys[at + k] = <uint64_t> image[line * grid.width + k] ^ (<uint64_t> 1 << 63)
            else:
                keys[at + k] = image[line * grid.width + k]


cdef void read_states(const label_cell* markers, const uint8_t* mask, uint8_t* states, const Grid* grid,
                      Interruption* watch) noexcept nogil:
    cdef int64_t line, at, k, p
    for line in prange(grid.lines, schedule="static"):
        if is_interrupted(watch, 4 * grid.width):
            continue
        at = first_of(line, grid)
        for k in range(grid.width):
            p = line * grid.width + k
            states[at + k] = OUTSIDE if mask[p] == 0 else MARKER if markers[p] != 0 else FREE


# The first round of Boruvka: the least edge of a cell leads to its least neighbour, whichever of both is higher.
cdef void join_least(const key* keys, const uint8_t* states, int32_t* parent, const Grid* grid,
                     Interruption* watch) noexcept nogil:
    cdef int64_t line, p, n, q, least, at
    for line in prange(grid.lines, schedule="static"):
        if is_interrupted(watch, 4 * grid.width):
            continue
        at = first_of(line, grid)
        for p in range(at, at + grid.width):
            least = p
            if states[p] == FREE:
                least = -1
                for n in range(grid.neighbours):
                    q = p + grid.steps[n]
                    if states[q] != OUTSIDE and (
                        least < 0 or keys[q] < keys[least] or (keys[q] == keys[least] and q < least)
                    ):
                        least = q
                least = p if least < 0 else least
            parent[p] = <int32_t> least


# The root of a cell's tree. Two cells that share their least edge point at each other: the smaller is the root.
cdef inline int32_t root_of(const int32_t* parent, int32_t cell) noexcept nogil:
    cdef int32_t above = parent[cell]
    while above != cell:
        if parent[above] == cell:
            return cell if cell < above else above
        cell = above
        above = parent[cell]
    return cell


# Shortens the way of every cell to its root. Threads meet in a cell only to write the same root there.
cdef void flatten(int32_t* parent, const uint8_t* states, const Grid* grid, Interruption* watch) noexcept nogil:
    cdef int64_t line, p, at
    cdef int32_t root, cell, above
    for line in prange(grid.lines, schedule="static"):
        if is_interrupted(watch, 4 * grid.width):
            continue
        at = first_of(line, grid)
        for p in range(at, at + grid.width):
            if states[p] == OUTSIDE:
                continue
            root = root_of(parent, <int32_t> p)
            cell = <int32_t> p
            while cell != root:
                above = parent[cell]
                parent[cell] = root
                cell = above


cdef inline bint less(const Edge* a, const Edge* b, const key* keys) noexcept nogil:
    if keys[a.higher] != keys[b.higher]:
        return keys[a.higher] < keys[b.higher]
    if a.higher != b.higher:
        return a.higher < b.higher
    if keys[a.lower] != keys[b.lower]:
        return keys[a.lower] < keys[b.lower]
    return a.lower < b.lower


cdef inline int32_t number_of(int32_t* link, int32_t tree) noexcept nogil:
    cdef int32_t root = tree, above
    while link[root] != root:
        root = link[root]
    while link[tree] != root:
        above = link[tree]
        link[tree] = root
        tree = above
    return root


# The edges between trees of which at most one has a marker, each once, and the root of every tree that they touch;
# number[root] is the tree's number plus 1. Returns 1 where there is no memory.
cdef int find_edges(const key* keys, const uint8_t* states, const int32_t* parent, int32_t* number, const Grid* grid,
                    Edge** edges, int64_t* count, int32_t** roots, int32_t* trees,
                    Interruption* watch) noexcept nogil:
    cdef int64_t line, p, n, q, room = 0, tree_room = 0, at
    cdef int32_t a, b
    cdef void* larger
    cdef Edge* edge
    for line in range(grid.lines):
        if is_interrupted(watch, 4 * grid.neighbours * grid.width):
            return 0
        at = first_of(line, grid)
        for p in range(at, at + grid.width):
            if states[p] == OUTSIDE:
                continue
            a = parent[p]
            for n in range(grid.neighbours):
                q = p + grid.steps[n]
                if q < p or states[q] == OUTSIDE:
                    continue
                b = parent[q]
                if a == b or (states[a] == MARKER and states[b] == MARKER):
                    continue
                if count[0] == room:
                    room = 2 * room + 4096
                    larger = realloc(edges[0], room * sizeof(Edge))
                    if larger == NULL:
                        return 1
                    edges[0] = <Edge*> larger
                if trees[0] + 2 > tree_room:
                    tree_room = 2 * tree_room + 4096
                    larger = realloc(roots[0], tree_room * sizeof(int32_t))
                    if larger == NULL:
                        return 1
                    roots[0] = <int32_t*> larger
                if number[a] == 0:
                    roots[0][trees[0]] = a
                    trees[0] += 1
                    number[a] = trees[0]
                if number[b] == 0:
                    roots[0][trees[0]] = b
                    trees[0] += 1
                    number[b] = trees[0]
                edge = edges[0] + count[0]
                edge.higher = <int32_t> (p if keys[p] > keys[q] else q)  # q > p: of equal cells q comes later
                edge.lower = <int32_t> (q if keys[p] > keys[q] else p)
                edge.a = number[a] - 1
                edge.b = number[b] - 1
                count[0] += 1
    return 0


# Rounds of Boruvka over the edges that are left: each tree without a marker joins along its least edge. Every round at
# least halves such trees; edges inside a tree and between two markers are dropped. Then parents point at final roots.
cdef int join_trees(const key* keys, const uint8_t* states, int32_t* parent, Edge* edges, int64_t count,
                    const int32_t* roots, int32_t trees, Interruption* watch) noexcept nogil:
    cdef int32_t* link = <int32_t*> malloc((trees + 1) * sizeof(int32_t))
    cdef int64_t* best = <int64_t*> malloc((trees + 1) * sizeof(int64_t))
    cdef int64_t e, kept
    cdef int32_t t, a, b, other
    if link == NULL or best == NULL:
        free(link)
        free(best)
        return 1
    for t in range(trees):
        link[t] = t
    while count:
        for t in range(trees):
            best[t] = -1
        kept = 0
        for e in range(count):
            if e % 1024 == 0 and is_interrupted(watch, 1024 * 20):
                break
            a = number_of(link, edges[e].a)
            b = number_of(link, edges[e].b)
            if a == b or (states[roots[a]] == MARKER and states[roots[b]] == MARKER):
                continue
            edges[kept] = edges[e]
            edges[kept].a = a
            edges[kept].b = b
            if states[roots[a]] != MARKER and (best[a] < 0 or less(edges + kept, edges + best[a], keys)):
                best[a] = kept
            if states[roots[b]] != MARKER and (best[b] < 0 or less(edges + kept, edges + best[b], keys)):
                best[b] = kept
            kept += 1
        if is_interrupted(watch, 0):
            break
        count = kept
        for t in range(trees):
            if best[t] < 0:
                continue
            other = edges[best[t]].b if edges[best[t]].a == t else edges[best[t]].a
            # Of two trees with one least edge, the one of the smaller number stays a root.
            if best[other] != best[t] or t > other:
                link[t] = other
    for t in range(trees if not is_interrupted(watch, 0) else 0):
        parent[roots[t]] = roots[number_of(link, t)]
    free(link)
    free(best)
    return 0


# The steps end early where the call is interrupted; what follows would read what they left unwritten.
cdef int grow(const key* keys, const uint8_t* states, int32_t* parent, const Grid* grid,
              Interruption* watch) noexcept nogil:
    cdef Edge* edges = NULL
    cdef int32_t* roots = NULL
    cdef int32_t* number
    cdef int32_t trees = 0
    cdef int64_t count = 0, line, p, open_cells = 0, at
    cdef int failed = 0
    join_least(keys, states, parent, grid, watch)
    if is_interrupted(watch, 0):
        return 0
    flatten(parent, states, grid, watch)
    if is_interrupted(watch, 0):
        return 0
    for line in prange(grid.lines, schedule="static"):
        if is_interrupted(watch, 4 * grid.width):
            continue
        at = first_of(line, grid)
        for p in range(at, at + grid.width):
            if states[p] == FREE and states[parent[p]] != MARKER:
                open_cells += 1
    if open_cells == 0 or is_interrupted(watch, 0):
        return 0
    number = <int32_t*> calloc(grid.size, sizeof(int32_t))
    if number == NULL:
        return 1
    failed = find_edges(keys, states, parent, number, grid, &edges, &count, &roots, &trees, watch)
    free(number)
    if not failed and not is_interrupted(watch, 0):
        failed = join_trees(keys, states, parent, edges, count, roots, trees, watch)
    free(edges)
    free(roots)
    return failed


# The cells of a line take the labels of their trees' markers; two look-ups, for a tree that joined another.
cdef void write_labels(const label_cell* markers, const int64_t* plain, const uint8_t* states, const int32_t* parent,
                       label_cell* labels, const Grid* grid, Interruption* watch) noexcept nogil:
    cdef int64_t line, k, at, root, axis, rest, place
    for line in prange(grid.lines, schedule="static"):
        if is_interrupted(watch, 4 * grid.width):
            continue
        at = first_of(line, grid)
        for k in range(grid.width):
            labels[line * grid.width + k] = 0
            if states[at + k] == OUTSIDE:
                continue
            root = parent[parent[at + k]]
            if states[root] != MARKER:
                continue
            # From the place among cells with a margin to that in the image.
            rest = root
            place = 0
            for axis in range(grid.ndim):
                place = place + (rest // grid.strides[axis] - grid.margin[axis]) * plain[axis]
                rest = rest % grid.strides[axis]
            labels[line * grid.width + k] = markers[place]


def watershed_forest(cnp.ndarray image, cnp.ndarray markers, offsets, cnp.ndarray mask):
    """See `segalgo.watershed`. Scratch: 9 bytes a cell, 13 for images of 64 bits; later rounds 4, and 16 an edge."""
    cdef Grid grid
    cdef int64_t axis, step = 1, plain_step = 1
    cdef int64_t plain[MOST_AXES]
    cdef cnp.ndarray keys, states, parent, steps, labels = np.empty_like(markers)
    cdef const void* x = cnp.PyArray_DATA(image)
    cdef const void* m = cnp.PyArray_DATA(markers)
    cdef void* out = cnp.PyArray_DATA(labels)
    cdef const uint8_t* inside = <const uint8_t*> cnp.PyArray_DATA(mask)
    cdef void* k
    cdef uint8_t* s
    cdef int32_t* up
    cdef int failed
    if image.size == 0:
        return labels
    margin = np.abs(offsets).max(0, initial=0)
    shape = [n + 2 * int(d) for n, d in zip((<object> image).shape, margin, strict=True)]
    grid.ndim = image.ndim
    for axis in range(grid.ndim - 1, -1, -1):
        grid.shape[axis] = image.shape[axis]
        grid.margin[axis] = margin[axis]
        grid.strides[axis] = step
        plain[axis] = plain_step
        step *= shape[axis]
        plain_step *= grid.shape[axis]
    grid.size = step
    grid.width = grid.shape[grid.ndim - 1]
    grid.lines = image.size // grid.width
    steps = np.ascontiguousarray(offsets @ np.array([grid.strides[axis] for axis in range(image.ndim)], np.int64))
    grid.steps = <const int64_t*> cnp.PyArray_DATA(steps)
    grid.neighbours = len(offsets)
    keys = np.empty(grid.size, np.uint64 if image.itemsize == 8 else np.uint32)
    states, parent = np.zeros(grid.size, np.uint8), np.empty(grid.size, np.int32)
    k, s, up = cnp.PyArray_DATA(keys), <uint8_t*> cnp.PyArray_DATA(states), <int32_t*> cnp.PyArray_DATA(parent)
    cdef Interruption watch = NOT_INTERRUPTED
    cdef int kind = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "uint64", "int64",
                     "float64").index(image.dtype.name)
    cdef int64_t itemsize = markers.itemsize
    with nogil:
        if kind == 0:
            read_narrow(<const uint8_t*> x, <uint32_t*> k, &grid, &watch)
        elif kind == 1:
            read_narrow(<const int8_t*> x, <uint32_t*> k, &grid, &watch)
        elif kind == 2:
            read_narrow(<const uint16_t*> x, <uint32_t*> k, &grid, &watch)
        elif kind == 3:
            read_narrow(<const int16_t*> x, <uint32_t*> k, &grid, &watch)
        elif kind == 4:
            read_narrow(<const uint32_t*> x, <uint32_t*> k, &grid, &watch)
        elif kind == 5:
            read_narrow(<const int32_t*> x, <uint32_t*> k, &grid, &watch)
        elif kind == 6:
            read_narrow(<const float*> x, <uint32_t*> k, &grid, &watch)
        elif kind == 7:
            read_wide(<const uint64_t*> x, <uint64_t*> k, &grid, &watch)
        elif kind == 8:
            read_wide(<const int64_t*> x, <uint64_t*> k, &grid, &watch)
        else:
            read_wide(<const double*> x, <uint64_t*> k, &grid, &watch)
        if itemsize == 1:
            read_states(<const uint8_t*> m, inside, s, &grid, &watch)
        elif itemsize == 2:
            read_states(<const uint16_t*> m, inside, s, &grid, &watch)
        elif itemsize == 4:
            read_states(<const uint32_t*> m, inside, s, &grid, &watch)
        else:
            read_states(<const uint64_t*> m, inside, s, &grid, &watch)
        if is_interrupted(&watch, 0):
            failed = 0
        elif kind < 7:
            failed = grow(<const uint32_t*> k, s, up, &grid, &watch)
        else:
            failed = grow(<const uint64_t*> k, s, up, &grid, &watch)
        if not failed and not is_interrupted(&watch, 0):
            if itemsize == 1:
                write_labels(<const uint8_t*> m, plain, s, up, <uint8_t*> out, &grid, &watch)
            elif itemsize == 2:
                write_labels(<const uint16_t*> m, plain, s, up, <uint16_t*> out, &grid, &watch)
            elif itemsize == 4:
                write_labels(<const uint32_t*> m, plain, s, up, <uint32_t*> out, &grid, &watch)
            else:
                write_labels(<const uint64_t*> m, plain, s, up, <uint64_t*> out, &grid, &watch)
    end_interruption(&watch)
    if failed:
        raise MemoryError("watershed: no memory for the edges between trees")
    return labels
