"""Distance of every cell to the nearest cell of another value: the Cython wing of `segalgo.morphology`."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.math cimport INFINITY, sqrt
from libc.stdint cimport INT32_MAX, INT64_MAX, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

import numpy as np

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted
from segalgo._ext.shared.pixel_types cimport real

cnp.import_array()

cdef enum:
    ACROSS = 16  # lines that lie side by side in memory and are computed together: one cache line of int32
    STEPS_PER_CHECK = 100000  # of a walk, between checks for an interruption

cdef enum:
    EUCLIDEAN
    CITYBLOCK
    CHESSBOARD

cdef enum:
    BACKGROUND
    SAME        # as the cell before
    FIRST       # of a run of one label

ctypedef fused label_cell:
    uint8_t
    uint16_t
    uint32_t
    uint64_t

# What distances are counted in: int32 where it holds every sum, else float64. The largest value means infinitely far.
ctypedef fused count:
    int32_t
    double


# One axis of a transform: `length` cells, `inner` apart; what all lines of it share.
cdef struct Axis:
    int64_t length, inner
    int metric
    bint envelope       # build the lower envelope; else walk outwards from each cell
    double weight, limit


# Buffers of one line; a NULL `source` means that nobody asks for indices.
cdef struct Line:
    uint8_t* state
    int64_t* start      # the first cell where a parabola is the lowest
    int64_t* centre     # the cell where it has its lowest point
    double* height      # how high that is
    int64_t* origin     # the index that it leads to
    int64_t* source     # of each cell the index of the nearest one
    int64_t* found      # a copy of what a line was before the walk
    double* before
    Interruption* watch


cdef inline double infinity_of(count* value) noexcept nogil:
    return <double> INT32_MAX if count is int32_t else INFINITY


cdef inline double cost(double start, double weight, double d, int metric) noexcept nogil:
    cdef double reach = weight * d * d if metric == EUCLIDEAN else weight * d
    if metric == CHESSBOARD:
        return start if start > reach else reach
    return start + reach


# Distances along the contiguous last axis, the first one: only the two cells beside a run of one label count.
cdef void along_runs(const uint8_t* state, count* values, int64_t* source, int64_t first_index, int64_t n,
                     const Axis* axis) noexcept nogil:
    cdef int64_t a = 0, b, p, left, right
    cdef double infinity = infinity_of(values), weight = axis.weight, value
    while a < n:
        if state[a] == BACKGROUND:
            values[a] = 0
            if source != NULL:
                source[a] = first_index + a
            a += 1
            continue
        b = a + 1
        while b < n and state[b] == SAME:
            b += 1
        for p in range(a, b):
            left = p - a + 1 if a > 0 else INT64_MAX
            right = b - p if b < n else INT64_MAX
            value = infinity
            if left != INT64_MAX or right != INT64_MAX:
                value = cost(0, weight, <double> min(left, right), axis.metric)
            values[p] = <count> value
            if source != NULL:
                if value >= infinity:
                    source[p] = -1
                else:
                    source[p] = first_index + (a - 1 if left <= right else b)
        a = b


# Lower envelope of the parabolas of a run [a, b) and of the two cells beside it (Meijster, Roerdink, Hesselink 2000;
# Felzenszwalb and Huttenlocher 2012). All numbers are integers below 2**52, so float64 divides without error and the
# crossing is the last cell at which the earlier parabola is not higher: the smaller cell wins ties.
cdef void envelope(count* values, Line* line, int64_t a, int64_t b, int64_t n, int64_t first_index, int64_t step,
                   double weight) noexcept nogil:
    cdef int64_t low = a - 1 if a > 0 else a, high = b + 1 if b < n else b
    cdef int64_t u, k = -1, begin, j, p, stop
    cdef double infinity = infinity_of(values), g, d, e
    cdef count base, w = <count> weight, s
    for u in range(low, high):
        g = 0 if u < a or u >= b else <double> values[u]
        if g >= infinity:
            continue
        begin = low
        while k >= 0:
            d = <double> (line.start[k] - line.centre[k])
            e = <double> (line.start[k] - u)
            if line.height[k] + weight * d * d > g + weight * e * e:
                k -= 1
                continue
            d = <double> (u - line.centre[k])
            e = <double> (u + line.centre[k])
            begin = <int64_t> ((weight * d * e + g - line.height[k]) / (2 * weight * d)) + 1
            break
        if begin < high:
            k += 1
            line.start[k] = begin
            line.centre[k] = u
            line.height[k] = g
            if line.source != NULL:
                line.origin[k] = first_index + u * step if u < a or u >= b else line.source[u]
    for j in range(k + 1):
        stop = min(line.start[j + 1], b) if j < k else b
        begin = max(line.start[j], a)
        base = <count> line.height[j]
        u = line.centre[j]
        for p in range(begin, stop):
            s = <count> (p - u)
            values[p] = base + w * s * s
        if line.source != NULL:
            for p in range(begin, stop):
                line.source[p] = line.origin[j]


# The same by walking outwards from each cell, for any metric and any numbers: as many steps as the distance is long.
cdef void walk(count* values, Line* line, int64_t a, int64_t b, int64_t n, int64_t first_index, int64_t step,
               const Axis* axis) noexcept nogil:
    cdef int64_t p, q, d, origin, steps = 0
    cdef double infinity = infinity_of(values), least, found
    cdef bint low, high, other
    for p in range(a, b):
        line.before[p] = <double> values[p]
        if line.source != NULL:
            line.found[p] = line.source[p]
    for p in range(a, b):
        least = line.before[p]
        origin = line.found[p] if line.source != NULL else -1
        low = high = True
        d = 1
        while (low or high) and cost(0, axis.weight, <double> d, axis.metric) <= least:
            low = low and d <= p
            high = high and p + d < n
            if low:
                q = p - d
                other = q < a
                found = cost(0 if other else line.before[q], axis.weight, <double> d, axis.metric)
                if found <= least and found < infinity:
                    least = found
                    if line.source != NULL:
                        origin = first_index + q * step if other else line.found[q]
                low = not other
            if high:
                q = p + d
                other = q >= b
                found = cost(0 if other else line.before[q], axis.weight, <double> d, axis.metric)
                if found < least:
                    least = found
                    if line.source != NULL:
                        origin = first_index + q * step if other else line.found[q]
                high = not other
            d += 1
        values[p] = <count> least
        if line.source != NULL:
            line.source[p] = origin
        steps += d
        if steps >= STEPS_PER_CHECK:
            if is_interrupted(line.watch, steps):
                return
            steps = 0


# City block: the cheapest way from below and from above, each in one sweep.
cdef void sweep(count* values, Line* line, int64_t a, int64_t b, int64_t n, int64_t first_index, int64_t step,
                double weight) noexcept nogil:
    cdef int64_t p, origin = first_index + (a - 1) * step
    cdef double infinity = infinity_of(values), least = 0 if a > 0 else infinity, own
    for p in range(a, b):
        own = <double> values[p]
        least = least + weight if least < infinity else infinity
        if own < least:
            least = own
            origin = line.source[p] if line.source != NULL else -1
        line.before[p] = least
        if line.source != NULL:
            line.found[p] = origin if least < infinity else -1
    least = 0 if b < n else infinity
    origin = first_index + b * step
    for p in range(b - 1, a - 1, -1):
        own = <double> values[p]
        least = least + weight if least < infinity else infinity
        if own <= least:
            least = own
            origin = line.source[p] if line.source != NULL else -1
        if least < line.before[p]:
            values[p] = <count> least
            if line.source != NULL:
                line.source[p] = origin
        else:
            values[p] = <count> line.before[p]
            if line.source != NULL:
                line.source[p] = line.found[p]


# One line of a later axis, in place.
cdef void along_line(count* values, Line* line, int64_t n, int64_t first_index, int64_t step,
                     const Axis* axis) noexcept nogil:
    cdef int64_t a = 0, b
    while a < n:
        if line.state[a] == BACKGROUND:
            a += 1
            continue
        b = a + 1
        while b < n and line.state[b] == SAME:
            b += 1
        if axis.envelope and axis.metric == EUCLIDEAN:
            envelope(values, line, a, b, n, first_index, step, axis.weight)
        elif axis.envelope and axis.metric == CITYBLOCK:
            sweep(values, line, a, b, n, first_index, step, axis.weight)
        else:
            walk(values, line, a, b, n, first_index, step, axis)
        a = b


cdef void forget_far(count* values, int64_t* source, int64_t n, double limit) noexcept nogil:
    cdef int64_t p
    cdef double infinity = infinity_of(values)
    for p in range(n):
        if <double> values[p] > limit:
            values[p] = <count> infinity
            if source != NULL:
                source[p] = -1


# States of `width` lines of n cells, `inner` apart: line j at states + j * pitch.
cdef void read_states(const label_cell* labels, uint8_t* states, int64_t n, int64_t inner, int64_t width,
                      int64_t pitch) noexcept nogil:
    cdef int64_t p, j
    for p in range(n):
        for j in range(width):
            states[j * pitch + p] = (
                BACKGROUND if labels[p * inner + j] == 0
                else SAME if p > 0 and labels[p * inner + j] == labels[(p - 1) * inner + j] else FIRST
            )


cdef void read_states_of(const void* labels, int64_t itemsize, int64_t at, uint8_t* states, int64_t n, int64_t inner,
                         int64_t width, int64_t pitch) noexcept nogil:
    if itemsize == 1:
        read_states(<const uint8_t*> labels + at, states, n, inner, width, pitch)
    elif itemsize == 2:
        read_states(<const uint16_t*> labels + at, states, n, inner, width, pitch)
    elif itemsize == 4:
        read_states(<const uint32_t*> labels + at, states, n, inner, width, pitch)
    else:
        read_states(<const uint64_t*> labels + at, states, n, inner, width, pitch)


# What the caller gets: scale * value or scale * sqrt(value), rounded to float32 after float64.
cdef void write_reals(const count* values, real* output, int64_t n, double scale, bint root) noexcept nogil:
    cdef int64_t p
    cdef double value, infinity = infinity_of(<count*> values)
    if root:
        for p in range(n):
            value = <double> values[p]
            output[p] = <real> (sqrt(value if value < infinity else INFINITY) * scale)
    else:
        for p in range(n):
            value = <double> values[p]
            output[p] = <real> ((value if value < infinity else INFINITY) * scale)


cdef void write_integers(const count* values, int64_t* output, int64_t n, double scale) noexcept nogil:
    cdef int64_t p
    cdef double infinity = infinity_of(<count*> values)
    for p in range(n):
        output[p] = INT64_MAX if <double> values[p] >= infinity else <int64_t> (<double> values[p] * scale)


# What a transform reads and writes, and how results are made of counts; kind: 0 float32, 1 float64, 2 int64.
cdef struct Work:
    const void* labels
    int64_t itemsize
    void* counts
    void* output
    int64_t* places
    int kind
    bint root
    double scale
    Interruption* watch


cdef void write_results(const count* values, void* results, int64_t n, const Work* work) noexcept nogil:
    if work.kind == 0:
        write_reals(values, <float*> results, n, work.scale, work.root)
    elif work.kind == 1:
        write_reals(values, <double*> results, n, work.scale, work.root)
    else:
        write_integers(values, <int64_t*> results, n, work.scale)


# Copies lines of n cells, `pitch` apart, to where they lie side by side; bytes, whatever numbers they are.
cdef void scatter(const char* lines, char* output, int64_t itemsize, int64_t n, int64_t inner, int64_t width,
                  int64_t pitch) noexcept nogil:
    cdef int64_t p, j
    if itemsize == 4:
        for p in range(n):
            for j in range(width):
                memcpy(output + 4 * (p * inner + j), lines + 4 * (j * pitch + p), 4)
    else:
        for p in range(n):
            for j in range(width):
                memcpy(output + 8 * (p * inner + j), lines + 8 * (j * pitch + p), 8)


# `width` lines side by side, from cell `at` on: gathers them, computes each, scatters counts or, after the last axis,
# results. Returns 1 where there is no memory for the buffers: at most 450 bytes for each cell of a line.
cdef int compute_tile(count* counts, const Work* work, int64_t at, int64_t width, const Axis* axis, bint first,
                      bint last) noexcept nogil:
    cdef int64_t n = axis.length, inner = axis.inner, pitch = (n + 15) // 16 * 16 + 16, p, j, bytes_each, results_each
    cdef Line line
    cdef count* values
    cdef int64_t* sources = NULL
    cdef uint8_t* states
    cdef char* results
    results_each = 4 if work.kind == 0 else 8
    bytes_each = width * (1 + sizeof(count) + results_each + (8 if work.places != NULL else 0)) + 6 * 8
    cdef char* memory = <char*> malloc(pitch * bytes_each + 64)
    if memory == NULL:
        return 1
    line.start = <int64_t*> memory
    line.centre = line.start + pitch
    line.height = <double*> (line.centre + pitch)
    line.origin = <int64_t*> (line.height + pitch)
    line.found = line.origin + pitch
    line.before = <double*> (line.found + pitch)
    results = <char*> (line.before + pitch)
    values = <count*> (results + pitch * width * results_each)
    if work.places != NULL:
        sources = <int64_t*> (results + pitch * width * results_each)
        values = <count*> (sources + pitch * width)
    states = <uint8_t*> (values + pitch * width)
    line.watch = work.watch
    read_states_of(work.labels, work.itemsize, at, states, n, inner, width, pitch)
    if not first:
        for p in range(n):
            for j in range(width):
                values[j * pitch + p] = counts[at + p * inner + j]
        if sources != NULL:
            for p in range(n):
                for j in range(width):
                    sources[j * pitch + p] = work.places[at + p * inner + j]
    for j in range(width):
        line.state = states + j * pitch
        line.source = sources + j * pitch if sources != NULL else NULL
        if first:
            along_runs(line.state, values + j * pitch, line.source, at + j, n, axis)
        else:
            along_line(values + j * pitch, &line, n, at + j, inner, axis)
        if axis.limit < INFINITY:
            forget_far(values + j * pitch, line.source, n, axis.limit)
    if not last:
        for p in range(n):
            for j in range(width):
                counts[at + p * inner + j] = values[j * pitch + p]
    else:
        for j in range(width):
            write_results(values + j * pitch, results + j * pitch * results_each, n, work)
        scatter(results, <char*> work.output + at * results_each, results_each, n, inner, width, pitch)
    if sources != NULL:
        for p in range(n):
            for j in range(width):
                work.places[at + p * inner + j] = sources[j * pitch + p]
    free(memory)
    return 0


# All tiles of one axis; threads share them out, so the same cells are computed for any number of threads.
cdef int compute_axis(count* counts, const Work* work, int64_t size, const Axis* axis, bint first,
                      bint last) noexcept nogil:
    cdef int64_t across = (axis.inner + ACROSS - 1) // ACROSS
    cdef int64_t planes = size // (axis.length * axis.inner), tile, at
    cdef int failed = 0
    for tile in prange(planes * across, schedule="dynamic"):
        if is_interrupted(work.watch, ACROSS * axis.length):
            continue
        at = tile // across * axis.length * axis.inner + tile % across * ACROSS
        failed |= compute_tile(counts, work, at, min(<int64_t> ACROSS, axis.inner - tile % across * ACROSS), axis,
                               first, last)
    return failed


def distance_transform(cnp.ndarray labels, weights, metric, integral, limit, scale, root, dtype, indices):
    """See `segalgo.distance_transform`. Scratch: see there."""
    cdef Axis axis
    cdef Work work
    cdef Interruption watch = NOT_INTERRUPTED
    cdef int64_t size = labels.size, inner = 1, number, ndim = labels.ndim
    cdef int failed = 0
    cdef bint first, last, narrow
    cdef cnp.ndarray output = np.empty((<object> labels).shape, dtype), counts = output, places = None
    if indices:
        places = np.empty((<object> labels).shape, np.int64)
    if size == 0:
        return output, places
    power = 2 if metric == "euclidean" else 1
    most = sum(weight * n**power for weight, n in zip(weights, (<object> labels).shape, strict=True))
    narrow = integral and most < INT32_MAX
    if narrow and output.itemsize != 4:
        counts = np.empty(size, np.int32)
    elif not narrow and output.itemsize != 8:
        counts = np.empty(size, np.float64)
    work.labels = cnp.PyArray_DATA(labels)
    work.itemsize = labels.itemsize
    work.counts = cnp.PyArray_DATA(counts)
    work.output = cnp.PyArray_DATA(output)
    work.places = <int64_t*> cnp.PyArray_DATA(places) if indices else NULL
    work.kind = ("float32", "float64", "int64").index(dtype)
    work.root = root
    work.scale = scale
    work.watch = &watch
    axis.metric = {"euclidean": EUCLIDEAN, "cityblock": CITYBLOCK, "chessboard": CHESSBOARD}[metric]
    axis.envelope = integral
    axis.limit = limit
    for number in range(ndim - 1, -1, -1):
        axis.length = labels.shape[number]
        axis.inner = inner
        axis.weight = weights[number]
        first = number == ndim - 1
        last = number == 0
        with nogil:
            if narrow:
                failed |= compute_axis(<int32_t*> work.counts, &work, size, &axis, first, last)
            else:
                failed |= compute_axis(<double*> work.counts, &work, size, &axis, first, last)
        inner *= axis.length
    end_interruption(&watch)
    if failed:
        raise MemoryError("distance_transform: no memory for the buffers of a line")
    return output, places
