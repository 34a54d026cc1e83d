"""Reconstruction of an image from a lower one: the Cython wing of `segalgo.reconstruction`.

The hybrid algorithm of Vincent (1993): a sweep down and a sweep up carry most values to where they belong, a queue does
the rest. Here the queue gives the highest value first, so that no cell changes twice, and threads work on bands of
lines: what passes from one band to another is exchanged until nothing does. The answer is the only fixed point between
seed and mask that is reached from below, so neither bands nor orders of work can change it.
"""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset

import numpy as np

from segalgo._ext.shared.grid cimport Grid, coordinates_of_line, grid_of, line_at
from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted
from segalgo._ext.shared.pixel_types cimport pixel
from segalgo._ext.shared.threads cimport omp_get_max_threads

cnp.import_array()

cdef enum:
    MOST_AXES = 64      # as NumPy
    LEAST_LINES = 32    # of a band
    CELLS_PER_LOOK = 100000

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


# Lines [begin, end), the cells of them that wait, and what other bands offer: places and values.
cdef struct Band:
    int64_t begin, end, offered, room
    segalgo_queue queue
    int64_t* places
    void* values
    int failed


# A value spreads from a cell to the cells `offsets` away; `reach`: of lines.
cdef struct Work:
    Grid grid
    const int64_t* offsets
    const int64_t* lines        # of each offset, how many lines it leads down
    int64_t count, reach
    Interruption* watch


cdef inline uint64_t key_of(pixel value) noexcept nogil:
    """The highest value has the least key."""
    if pixel is float or pixel is double:
        return ~segalgo_ordered_double(<double> value)
    elif pixel is int8_t or pixel is int16_t or pixel is int32_t or pixel is int64_t:
        return ~(<uint64_t> <int64_t> value ^ (<uint64_t> 1 << 63))
    else:
        return ~<uint64_t> value


cdef inline int push(Band* band, int64_t place, pixel value) noexcept nogil:
    cdef segalgo_waiting cell
    cell.key = key_of(value)
    cell.age = 0
    cell.place = place
    cell.source = 0
    return segalgo_push(&band.queue, cell)


# The columns of a line that an offset along it leads to.
cdef inline void columns(const Work* work, int64_t step, int64_t* first, int64_t* last) noexcept nogil:
    first[0] = max(step, <int64_t> 0)
    last[0] = work.grid.width + min(step, <int64_t> 0)


# One line takes what lines of the band before it (down) or behind it hand on, then spreads along itself.
cdef void sweep_line(pixel* values, const pixel* mask, int64_t line, bint down, const Band* band,
                     const Work* work) noexcept nogil:
    cdef int64_t o, j, first, last, step, other, width = work.grid.width, axis
    cdef int64_t back[MOST_AXES]
    cdef pixel* here = values + line * width
    cdef const pixel* limit = mask + line * width
    cdef const pixel* there
    cdef pixel value
    for o in range(work.count):
        if work.lines[o] == 0 or (work.lines[o] > 0) != down:
            continue
        for axis in range(work.grid.ndim):
            back[axis] = -work.offsets[o * work.grid.ndim + axis]
        other = line_at(line, back, &work.grid)
        if other < band.begin or other >= band.end:
            continue
        step = -back[work.grid.ndim - 1]
        columns(work, step, &first, &last)
        there = values + other * width - step
        for j in range(first, last):
            here[j] = here[j] if here[j] > there[j] else there[j]
    for j in range(width):
        here[j] = here[j] if here[j] < limit[j] else limit[j]
    for o in range(work.count):
        step = work.offsets[o * work.grid.ndim + work.grid.ndim - 1]
        if work.lines[o] != 0 or (step > 0) != down:
            continue
        columns(work, step, &first, &last)
        if step == 1 and width > 1:
            value = here[0]
            for j in range(1, width):
                value = here[j] if here[j] > value else value
                value = value if value < limit[j] else limit[j]
                here[j] = value
        elif step == -1 and width > 1:
            value = here[width - 1]
            for j in range(width - 2, -1, -1):
                value = here[j] if here[j] > value else value
                value = value if value < limit[j] else limit[j]
                here[j] = value
        elif down:
            for j in range(first, last):
                value = here[j - step] if here[j - step] < limit[j] else limit[j]
                here[j] = here[j] if here[j] > value else value
        else:
            for j in range(last - 1, first - 1, -1):
                value = here[j - step] if here[j - step] < limit[j] else limit[j]
                here[j] = here[j] if here[j] > value else value


# Queues the cells of a line that can raise a neighbour of the band; `flags` holds a line.
cdef void queue_line(pixel* values, const pixel* mask, uint8_t* flags, int64_t line, Band* band,
                     const Work* work) noexcept nogil:
    cdef int64_t o, j, first, last, step, other, width = work.grid.width
    cdef const pixel* here = values + line * width
    cdef const pixel* there
    cdef const pixel* limit
    memset(flags, 0, width)
    for o in range(work.count):
        other = line_at(line, work.offsets + o * work.grid.ndim, &work.grid)
        if other < band.begin or other >= band.end:
            continue
        step = work.offsets[o * work.grid.ndim + work.grid.ndim - 1]
        columns(work, -step, &first, &last)
        there = values + other * width + step
        limit = mask + other * width + step
        for j in range(first, last):
            flags[j] |= <uint8_t> ((here[j] > there[j]) & (limit[j] > there[j]))
    for j in range(width):
        if flags[j]:
            band.failed |= push(band, line * width + j, here[j])


# Empties the queue: the highest cell raises its neighbours of the band as far as the mask lets it.
cdef void run_queue(pixel* values, const pixel* mask, Band* band, const Work* work) noexcept nogil:
    cdef segalgo_waiting cell
    cdef int64_t o, axis, line, column, at, place, looked = 0, ndim = work.grid.ndim, width = work.grid.width
    cdef int64_t where[MOST_AXES]
    cdef pixel value
    cdef bint inside
    while band.queue.count > 0 and not band.failed:
        cell = segalgo_pop(&band.queue)
        if cell.key != key_of(values[cell.place]):
            continue  # raised since
        looked += 1
        if looked == CELLS_PER_LOOK:
            looked = 0
            if is_interrupted(work.watch, CELLS_PER_LOOK * 100):
                return
        line = cell.place // width
        column = cell.place % width
        coordinates_of_line(line, &work.grid, where)
        for o in range(work.count):
            at = column + work.offsets[o * ndim + ndim - 1]
            if at < 0 or at >= width:
                continue
            inside = band.begin <= line + work.lines[o] < band.end
            for axis in range(ndim - 1):
                if not inside:
                    break
                inside = 0 <= where[axis] + work.offsets[o * ndim + axis] < work.grid.shape[axis]
            if not inside:
                continue
            place = (line + work.lines[o]) * width + at
            value = values[cell.place] if values[cell.place] < mask[place] else mask[place]
            if value > values[place]:
                values[place] = value
                band.failed |= push(band, place, value)


cdef int offer(Band* band, int64_t place, pixel value) noexcept nogil:
    cdef int64_t room
    cdef void* memory
    if band.offered == band.room:
        room = 2 * band.room + 1024
        memory = realloc(band.places, room * sizeof(int64_t))
        if memory == NULL:
            return 1
        band.places = <int64_t*> memory
        memory = realloc(band.values, room * sizeof(pixel))
        if memory == NULL:
            return 1
        band.values = memory
        band.room = room
    band.places[band.offered] = place
    (<pixel*> band.values)[band.offered] = value
    band.offered += 1
    return 0


# Collects what lines of other bands hand on to the lines of this one; nothing is written yet.
cdef void collect(const pixel* values, const pixel* mask, Band* band, const Work* work) noexcept nogil:
    cdef int64_t line, o, j, axis, first, last, step, other, width = work.grid.width, ndim = work.grid.ndim
    cdef int64_t back[MOST_AXES]
    cdef pixel value
    for line in range(band.begin, band.end):
        if line - band.begin >= work.reach and line < band.end - work.reach:
            continue
        for o in range(work.count):
            for axis in range(ndim):
                back[axis] = -work.offsets[o * ndim + axis]
            other = line_at(line, back, &work.grid)
            if other < 0 or band.begin <= other < band.end:
                continue
            step = -back[ndim - 1]
            columns(work, step, &first, &last)
            for j in range(first, last):
                value = values[other * width + j - step]
                if value > values[line * width + j] and mask[line * width + j] > values[line * width + j]:
                    value = value if value < mask[line * width + j] else mask[line * width + j]
                    band.failed |= offer(band, line * width + j, value)


cdef void accept(pixel* values, const pixel* mask, Band* band, const Work* work) noexcept nogil:
    cdef int64_t k
    cdef pixel value
    for k in range(band.offered):
        value = (<pixel*> band.values)[k]
        if value > values[band.places[k]]:
            values[band.places[k]] = value
            band.failed |= push(band, band.places[k], value)
    band.offered = 0
    run_queue(values, mask, band, work)


cdef void first_round(pixel* values, const pixel* mask, Band* band, const Work* work) noexcept nogil:
    cdef int64_t line
    cdef uint8_t* flags = <uint8_t*> malloc(work.grid.width)
    if flags == NULL:
        band.failed = 1
        return
    for line in range(band.begin, band.end):
        sweep_line(values, mask, line, True, band, work)
        if is_interrupted(work.watch, work.grid.width * work.count):
            break
    for line in range(band.end - 1, band.begin - 1, -1):
        sweep_line(values, mask, line, False, band, work)
        if is_interrupted(work.watch, work.grid.width * work.count):
            break
    for line in range(band.begin, band.end):
        queue_line(values, mask, flags, line, band, work)
        if is_interrupted(work.watch, work.grid.width * work.count):
            break
    free(flags)
    run_queue(values, mask, band, work)


cdef int reconstruct(pixel* values, const pixel* mask, const Work* work) noexcept nogil:
    cdef int64_t bands = max(min(<int64_t> omp_get_max_threads(), work.grid.lines // LEAST_LINES), <int64_t> 1), b
    cdef Band* band = <Band*> calloc(bands, sizeof(Band))
    cdef int failed = 0
    cdef bint moving = bands > 1
    if band == NULL:
        return 1
    for b in range(bands):
        band[b].begin = work.grid.lines * b // bands
        band[b].end = work.grid.lines * (b + 1) // bands
    for b in prange(bands, schedule="static"):
        first_round(values, mask, band + b, work)
    while moving and not is_interrupted(work.watch, 0):
        for b in prange(bands, schedule="static"):
            collect(values, mask, band + b, work)
        moving = False
        for b in range(bands):
            moving |= band[b].offered > 0
            failed |= band[b].failed
        if failed:
            break
        for b in prange(bands, schedule="static"):
            accept(values, mask, band + b, work)
    for b in range(bands):
        failed |= band[b].failed
        free(band[b].queue.cells)
        free(band[b].places)
        free(band[b].values)
    free(band)
    return failed


cdef int dispatch(cnp.ndarray output, cnp.ndarray mask, const Work* work):
    cdef void* values = cnp.PyArray_DATA(output)
    cdef void* limit = cnp.PyArray_DATA(mask)
    cdef int failed
    cdef int kind = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32",
                     "float64").index((<object> output).dtype.name)
    with nogil:
        if kind == 0:
            failed = reconstruct(<uint8_t*> values, <const uint8_t*> limit, work)
        elif kind == 1:
            failed = reconstruct(<int8_t*> values, <const int8_t*> limit, work)
        elif kind == 2:
            failed = reconstruct(<uint16_t*> values, <const uint16_t*> limit, work)
        elif kind == 3:
            failed = reconstruct(<int16_t*> values, <const int16_t*> limit, work)
        elif kind == 4:
            failed = reconstruct(<uint32_t*> values, <const uint32_t*> limit, work)
        elif kind == 5:
            failed = reconstruct(<int32_t*> values, <const int32_t*> limit, work)
        elif kind == 6:
            failed = reconstruct(<uint64_t*> values, <const uint64_t*> limit, work)
        elif kind == 7:
            failed = reconstruct(<int64_t*> values, <const int64_t*> limit, work)
        elif kind == 8:
            failed = reconstruct(<float*> values, <const float*> limit, work)
        else:
            failed = reconstruct(<double*> values, <const double*> limit, work)
    return failed


def reconstruction(seed, mask, offsets):
    """See `segalgo.reconstruction`. Two sweeps, then a queue. Scratch: 32 bytes for each cell that waits."""
    cdef Work work
    cdef Interruption watch = NOT_INTERRUPTED
    cdef cnp.ndarray output = seed.copy(), steps, lines
    # Longer ones lead out of the image, and their number of lines would not tell them from shorter ones.
    offsets = offsets[(np.abs(offsets) < np.array(seed.shape)).all(1)]
    if seed.size == 0 or len(offsets) == 0:
        return output
    work.grid = grid_of(output)
    weights = [1]
    for n in reversed(seed.shape[1 : seed.ndim - 1]):
        weights.insert(0, weights[0] * n)
    steps = np.ascontiguousarray(offsets, np.int64)
    lines = np.ascontiguousarray(offsets[:, : seed.ndim - 1] @ np.array(weights[: seed.ndim - 1], np.int64))
    if seed.ndim == 1:
        lines = np.zeros(len(offsets), np.int64)
    work.offsets = <const int64_t*> cnp.PyArray_DATA(steps)
    work.lines = <const int64_t*> cnp.PyArray_DATA(lines)
    work.count = len(offsets)
    work.reach = np.abs(lines).max()
    work.watch = &watch
    failed = dispatch(output, mask, &work)
    end_interruption(&watch)
    if failed:
        raise MemoryError("reconstruction: no memory for the queue of cells")
    return output
