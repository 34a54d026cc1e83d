"""Superpixels by local k-means: the Cython wing of `segalgo.slic`.

A round assigns every cell to the nearest of the centres whose window holds it, then moves the centres to the means of
their cells (Achanta et al. 2012). Distances are float32, summed in one order without fused operations; features are
whole numbers, so that sums of them are exact whatever thread adds them.
"""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.math cimport ceil, floor
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

import numpy as np

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted
from segalgo._ext.shared.threads cimport omp_get_max_threads, omp_get_thread_num

cnp.import_array()

cdef enum:
    LINES = 8   # of a tile, which is assigned by one thread

cdef extern from "segmenters/slic_compare.h" nogil:
    const int SEGALGO_LANES
    void segalgo_compare_one(const float* a, float* best, int32_t* labels, int32_t first, int32_t count,
                             int32_t number, const float* centre, float apart, float ratio, float low, float high)
    void segalgo_compare_three(const float* a, const float* b, const float* c, float* best, int32_t* labels,
                               int32_t first, int32_t count, int32_t number, const float* centre, float apart,
                               float ratio, float low, float high)
    void segalgo_compare_any(const float* features, int64_t channels, int64_t pitch, float* best, int32_t* labels,
                             int32_t first, int32_t count, int32_t number, const float* centre, float apart,
                             float ratio, float low, float high)

ctypedef fused code:
    uint8_t
    uint16_t


cdef struct Work:
    int64_t depth, height, width, channels, count
    const float* features       # (channels, depth, height, width)
    const uint8_t* mask         # NULL: everywhere
    float* centres              # (count, 3 + channels): place, then features
    const float* windows        # how far along each axis a centre reaches
    const float* ratios         # from cells to units of features
    int32_t* labels
    Interruption* watch


# Whole numbers from a float that is known to lie far within the range.
cdef inline int64_t least_from(float value, int64_t most) noexcept nogil:
    return <int64_t> min(max(ceil(value), 0.0), <double> most)


cdef inline int64_t last_to(float value, int64_t most) noexcept nogil:
    return <int64_t> max(min(floor(value), <double> most - 1), -1.0)


# A tile of whole lines: copies features and labels to padded buffers, goes through the centres, copies labels back.
# `memory` holds LINES lines of best distances, labels and features, `pitch` apart.
cdef bint assign_tile(const Work* work, int64_t plane, int64_t row, int64_t rows, const int32_t* members,
                      int64_t count, float* memory, int64_t pitch, int64_t* sums) noexcept nogil:
    cdef int64_t m, k, i, j, c, first, last, width = work.width, cells = work.depth * work.height * width
    cdef int64_t at = (plane * work.height + row) * width, n = work.channels
    cdef const float* centre
    cdef float* best = memory
    cdef int32_t* labels = <int32_t*> (memory + LINES * pitch)
    cdef float* features = memory + 2 * LINES * pitch
    cdef float* here
    cdef float* near
    cdef int32_t* own
    cdef int32_t number, start, blocks
    cdef float z, y, low, high, left, right, apart
    cdef bint changed = False
    for i in range(rows):
        for j in range(pitch):
            best[i * pitch + j] = 3.4028234663852886e38
        memcpy(labels + i * pitch, work.labels + at + i * width, width * sizeof(int32_t))
        for c in range(n):
            memcpy(features + (c * LINES + i) * pitch, work.features + c * cells + at + i * width,
                   width * sizeof(float))
    for m in range(count):
        k = members[m]
        centre = work.centres + k * (3 + n)
        low = centre[1] - work.windows[1]
        high = centre[1] + work.windows[1]
        z = (<float> plane - centre[0]) * work.ratios[0]
        left = centre[2] - work.windows[2]
        right = centre[2] + work.windows[2]
        first = least_from(left, width) // SEGALGO_LANES * SEGALGO_LANES
        last = last_to(right, width)
        number = <int32_t> k
        start = <int32_t> first
        blocks = <int32_t> (((last - first) // SEGALGO_LANES + 1) * SEGALGO_LANES)
        if last < first:
            continue
        for i in range(rows):
            if not (low <= <float> (row + i) <= high):
                continue
            y = (<float> (row + i) - centre[1]) * work.ratios[1]
            apart = z * z + y * y
            here = features + i * pitch + first
            near = best + i * pitch + first
            own = labels + i * pitch + first
            if n == 1:
                segalgo_compare_one(here, near, own, start, blocks, number, centre, apart, work.ratios[2], left, right)
            elif n == 3:
                segalgo_compare_three(here, here + LINES * pitch, here + 2 * LINES * pitch, near, own, start, blocks,
                                      number, centre, apart, work.ratios[2], left, right)
            else:
                segalgo_compare_any(here, n, LINES * pitch, near, own, start, blocks, number, centre, apart,
                                    work.ratios[2], left, right)
    for i in range(rows):
        changed |= finish_line(work, plane, row + i, labels + i * pitch, sums)
    return changed


# Takes a cell from the sums of one label (how many, places, features) and adds it to those of another; -1 is none.
cdef inline void move_cell(const Work* work, int64_t plane, int64_t row, int64_t column, int32_t old, int32_t new,
                           int64_t* sums) noexcept nogil:
    cdef int64_t c, n = 4 + work.channels, cells = work.depth * work.height * work.width, value
    cdef const float* feature = work.features + (plane * work.height + row) * work.width + column
    if old >= 0:
        sums[old * n] -= 1
        sums[old * n + 1] -= plane
        sums[old * n + 2] -= row
        sums[old * n + 3] -= column
    if new >= 0:
        sums[new * n] += 1
        sums[new * n + 1] += plane
        sums[new * n + 2] += row
        sums[new * n + 3] += column
    for c in range(work.channels):
        value = <int32_t> feature[c * cells]
        if old >= 0:
            sums[old * n + 4 + c] -= value
        if new >= 0:
            sums[new * n + 4 + c] += value


# Takes the new labels of a line over, and what changed into the sums.
cdef bint finish_line(const Work* work, int64_t plane, int64_t row, int32_t* labels, int64_t* sums) noexcept nogil:
    cdef int64_t j, at = (plane * work.height + row) * work.width
    cdef int32_t* before = work.labels + at
    if work.mask != NULL:
        for j in range(work.width):
            labels[j] = labels[j] if work.mask[at + j] else -1
    if memcmp(before, labels, work.width * sizeof(int32_t)) == 0:
        return False
    for j in range(work.width):
        if before[j] != labels[j]:
            move_cell(work, plane, row, j, before[j], labels[j], sums)
            before[j] = labels[j]
    return True


# Adds what every thread moved to the sums, and moves the centres to the means; without cells they stay.
cdef void move_centres(const Work* work, int64_t* sums, int64_t threads) noexcept nogil:
    cdef int64_t k, c, p, n = 4 + work.channels, all_of_them = work.count * n
    cdef float* centre
    for p in range(1, threads + 1):
        for k in range(all_of_them):
            sums[k] += sums[p * all_of_them + k]
    memset(sums + all_of_them, 0, threads * all_of_them * sizeof(int64_t))
    for k in range(work.count):
        if sums[k * n] == 0:
            continue
        centre = work.centres + k * (3 + work.channels)
        for c in range(n - 1):
            centre[c] = <float> (<double> sums[k * n + 1 + c] / <double> sums[k * n])


# Which centres reach into which tile, in ascending order: those of tile t are members[begins[t]] to
# members[begins[t + 1] - 1]. Returns 1 where there is no memory.
cdef int list_members(const Work* work, int64_t down, int64_t* begins, int32_t** members, int64_t* room) noexcept nogil:
    cdef int64_t k, plane, tile, part, first_plane, last_plane, first, last
    cdef const float* centre
    cdef void* memory
    memset(begins, 0, (work.depth * down + 2) * sizeof(int64_t))
    for part in range(2):
        for k in range(work.count):
            centre = work.centres + k * (3 + work.channels)
            first_plane = least_from(centre[0] - work.windows[0], work.depth)
            last_plane = last_to(centre[0] + work.windows[0], work.depth)
            first = least_from(centre[1] - work.windows[1], work.height)
            last = last_to(centre[1] + work.windows[1], work.height)
            if last < first:
                continue
            for plane in range(first_plane, last_plane + 1):
                for tile in range(plane * down + first // LINES, plane * down + last // LINES + 1):
                    if part == 0:
                        begins[tile + 2] += 1
                    else:
                        members[0][begins[tile + 1]] = <int32_t> k
                        begins[tile + 1] += 1
        if part == 0:
            for tile in range(work.depth * down):
                begins[tile + 2] += begins[tile + 1]
            if begins[work.depth * down + 1] > room[0]:
                memory = realloc(members[0], begins[work.depth * down + 1] * sizeof(int32_t))
                if memory == NULL:
                    return 1
                members[0] = <int32_t*> memory
                room[0] = begins[work.depth * down + 1]
    return 0


cdef int run(const Work* work, int64_t rounds) noexcept nogil:
    cdef int64_t down = (work.height + LINES - 1) // LINES, tiles = work.depth * down, tile, _, room = 0
    cdef int64_t threads = omp_get_max_threads(), each = work.count * (4 + work.channels), row, plane
    cdef int64_t pitch = (work.width + SEGALGO_LANES - 1) // SEGALGO_LANES * SEGALGO_LANES
    cdef int64_t own = (2 + work.channels) * LINES * pitch
    cdef float* memory = <float*> calloc(threads * own, sizeof(float))
    cdef int64_t* sums = <int64_t*> calloc((threads + 1) * each, sizeof(int64_t))
    cdef int64_t* begins = <int64_t*> malloc((tiles + 2) * sizeof(int64_t))
    cdef int32_t* members = NULL
    cdef int changed, failed = memory == NULL or sums == NULL or begins == NULL
    for _ in range(rounds):
        failed = failed or list_members(work, down, begins, &members, &room)
        if failed:
            break
        changed = 0
        for tile in prange(tiles, schedule="dynamic"):
            if is_interrupted(work.watch, LINES * work.width * 10):
                continue
            plane = tile // down
            row = tile % down * LINES
            changed |= assign_tile(work, plane, row, min(<int64_t> LINES, work.height - row), members + begins[tile],
                                   begins[tile + 1] - begins[tile], memory + omp_get_thread_num() * own, pitch,
                                   sums + (1 + omp_get_thread_num()) * each)
        if not changed or is_interrupted(work.watch, 0):
            break
        move_centres(work, sums, threads)
    free(memory)
    free(sums)
    free(begins)
    free(members)
    return failed


def slic(features, mask, centres, windows, ratios, rounds):
    """See `segalgo.slic`. Rounds of assignment and means. Scratch: sums of each centre for each thread."""
    cdef Work work
    cdef Interruption watch = NOT_INTERRUPTED
    cdef cnp.ndarray labels = np.full(features.shape[1:], -1, np.int32), moved = centres.copy()
    cdef cnp.ndarray cells = features, inside, reach = np.ascontiguousarray(windows, np.float32)
    cdef cnp.ndarray scale = np.ascontiguousarray(ratios, np.float32)
    cdef int64_t most = rounds
    cdef int failed
    work.channels, work.depth, work.height, work.width = features.shape
    work.count = len(centres)
    work.features = <const float*> cnp.PyArray_DATA(cells)
    work.mask = NULL
    if mask is not None:
        inside = mask
        work.mask = <const uint8_t*> cnp.PyArray_DATA(inside)
    work.centres = <float*> cnp.PyArray_DATA(moved)
    work.windows = <const float*> cnp.PyArray_DATA(reach)
    work.ratios = <const float*> cnp.PyArray_DATA(scale)
    work.labels = <int32_t*> cnp.PyArray_DATA(labels)
    work.watch = &watch
    with nogil:
        failed = run(&work, most)
    end_interruption(&watch)
    if failed:
        raise MemoryError("slic: no memory for the sums of the centres")
    return labels


# One colour after another: codes to light by a table, to X, Y, Z in 14 bits, to their cube roots by a table.
cdef void convert(const code* codes, float* output, const int32_t* linear, const int32_t* matrix, const int32_t* cube,
                  int64_t first, int64_t last, int64_t cells) noexcept nogil:
    cdef int64_t k
    cdef int32_t r, g, b, x, y, z
    for k in range(first, last):
        r = linear[codes[3 * k]]
        g = linear[codes[3 * k + 1]]
        b = linear[codes[3 * k + 2]]
        x = cube[min((matrix[0] * r + matrix[1] * g + matrix[2] * b) >> 14, 65535)]
        y = cube[min((matrix[3] * r + matrix[4] * g + matrix[5] * b) >> 14, 65535)]
        z = cube[min((matrix[6] * r + matrix[7] * g + matrix[8] * b) >> 14, 65535)]
        output[k] = <float> ((116 * y >> 8) - 1024)
        output[cells + k] = <float> (500 * (x - y) >> 8)
        output[2 * cells + k] = <float> (200 * (y - z) >> 8)


cdef void convert_all(const code* codes, float* output, const int32_t* linear, const int32_t* matrix,
                      const int32_t* cube, int64_t cells, Interruption* watch) noexcept nogil:
    cdef int64_t part, parts = (cells + 16383) // 16384
    for part in prange(parts, schedule="static"):
        if is_interrupted(watch, 16384 * 8):
            continue
        convert(codes, output, linear, matrix, cube, part * 16384, min((part + 1) * 16384, cells), cells)


def lab_features(codes, linear, matrix, cube):
    """See `segalgo.slic`: colors (..., 3) as L, a, b in 64ths, a plane each."""
    cdef Interruption watch = NOT_INTERRUPTED
    cdef cnp.ndarray source = codes, tables = linear, weights = matrix, roots = cube
    cdef cnp.ndarray output = np.empty((3, *codes.shape[: codes.ndim - 1]), np.float32)
    cdef void* cells = cnp.PyArray_DATA(source)
    cdef float* target = <float*> cnp.PyArray_DATA(output)
    cdef const int32_t* light = <const int32_t*> cnp.PyArray_DATA(tables)
    cdef const int32_t* into = <const int32_t*> cnp.PyArray_DATA(weights)
    cdef const int32_t* root = <const int32_t*> cnp.PyArray_DATA(roots)
    cdef int64_t count = codes.size // 3
    cdef bint narrow = codes.itemsize == 1
    with nogil:
        if narrow:
            convert_all(<const uint8_t*> cells, target, light, into, root, count, &watch)
        else:
            convert_all(<const uint16_t*> cells, target, light, into, root, count, &watch)
    end_interruption(&watch)
    return output
