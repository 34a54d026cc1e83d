"""The cells that a seed reaches over cells of similar values: the Cython wing of `segalgo.flood`.

Whole runs of a line are filled at once; a run that is filled waits on a stack until its neighbouring lines have been
searched. Blocks of cells are compared at once, so that long runs cost little more than reading them.
"""
cimport numpy as cnp
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memset

import numpy as np

from segalgo._ext.shared.grid cimport Grid, grid_of, line_at
from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted
from segalgo._ext.shared.pixel_types cimport pixel

cnp.import_array()

cdef enum:
    BLOCK = 64              # cells that are compared at once
    RUNS_PER_LOOK = 10000


# Cells first to last of a line.
cdef struct Run:
    int64_t line, first, last


cdef struct Stack:
    Run* runs
    int64_t count, room


cdef inline int push(Stack* stack, int64_t line, int64_t first, int64_t last) noexcept nogil:
    cdef void* memory
    cdef int64_t room
    if stack.count == stack.room:
        room = 2 * stack.room + 1024
        memory = realloc(stack.runs, room * sizeof(Run))
        if memory == NULL:
            return 1
        stack.runs = <Run*> memory
        stack.room = room
    stack.runs[stack.count].line = line
    stack.runs[stack.count].first = first
    stack.runs[stack.count].last = last
    stack.count += 1
    return 0


# The first cell from j on, before `end`, whose value is out of the range.
cdef inline int64_t end_of_run(const pixel* line, int64_t j, int64_t end, pixel low, pixel high) noexcept nogil:
    cdef int64_t k
    cdef uint8_t all_inside
    while j + BLOCK <= end:
        all_inside = 1
        for k in range(BLOCK):
            all_inside &= <uint8_t> ((line[j + k] >= low) & (line[j + k] <= high))
        if not all_inside:
            break
        j += BLOCK
    while j < end and low <= line[j] <= high:
        j += 1
    return j


# The last cell up to j that is preceded by one out of the range, or by none.
cdef inline int64_t begin_of_run(const pixel* line, int64_t j, pixel low, pixel high) noexcept nogil:
    cdef int64_t k
    cdef uint8_t all_inside
    while j >= BLOCK:
        all_inside = 1
        for k in range(1, BLOCK + 1):
            all_inside &= <uint8_t> ((line[j - k] >= low) & (line[j - k] <= high))
        if not all_inside:
            break
        j -= BLOCK
    while j > 0 and low <= line[j - 1] <= high:
        j -= 1
    return j


# The first cell from j on, before `end`, that is in the range and not filled; `end` where there is none.
cdef inline int64_t next_cell(const pixel* line, const uint8_t* filled, int64_t j, int64_t end, pixel low,
                              pixel high) noexcept nogil:
    cdef int64_t k
    cdef uint8_t found
    while j + BLOCK <= end:
        found = 0
        for k in range(BLOCK):
            found |= <uint8_t> ((line[j + k] >= low) & (line[j + k] <= high) & (filled[j + k] == 0))
        if found:
            break
        j += BLOCK
    while j < end and not (low <= line[j] <= high and filled[j] == 0):
        j += 1
    return j


# Fills from a seed by runs. offsets: (count, ndim) to other lines, straight ahead; wide[o]: 1 where the cells beside
# those belong to the neighbours too, else 0.
cdef int fill_lines(const pixel* image, uint8_t* filled, const Grid* grid, const int64_t* offsets, const int64_t* wide,
                    int64_t count, int64_t seed, pixel low, pixel high, Interruption* watch) noexcept nogil:
    cdef Stack stack
    cdef Run run
    cdef int64_t o, j, end, other, first, last, width = grid.width, looked = 0, line = seed // width
    cdef int failed
    stack.runs = NULL
    stack.count = stack.room = 0
    first = begin_of_run(image + line * width, seed % width, low, high)
    last = end_of_run(image + line * width, seed % width, width, low, high) - 1
    memset(filled + line * width + first, 1, last - first + 1)
    failed = push(&stack, line, first, last)
    while stack.count > 0 and not failed:
        stack.count -= 1
        run = stack.runs[stack.count]
        looked += 1
        if looked == RUNS_PER_LOOK:
            looked = 0
            if is_interrupted(watch, RUNS_PER_LOOK * 50):
                break
        for o in range(count):
            other = line_at(run.line, offsets + o * grid.ndim, grid)
            if other < 0:
                continue
            end = min(run.last + wide[o] + 1, width)
            j = next_cell(image + other * width, filled + other * width, max(run.first - wide[o], <int64_t> 0), end,
                          low, high)
            while j < end:
                first = begin_of_run(image + other * width, j, low, high)
                last = end_of_run(image + other * width, j, width, low, high) - 1
                memset(filled + other * width + first, 1, last - first + 1)
                failed |= push(&stack, other, first, last)
                j = next_cell(image + other * width, filled + other * width, min(last + 1, end), end, low, high)
    free(stack.runs)
    return failed


# The same cell by cell, for any offsets.
cdef int fill_cells(const pixel* image, uint8_t* filled, const Grid* grid, const int64_t* offsets, int64_t count,
                    int64_t seed, pixel low, pixel high, Interruption* watch) noexcept nogil:
    cdef Stack stack
    cdef int64_t o, at, column, line, other, place, width = grid.width, looked = 0
    cdef int failed
    stack.runs = NULL
    stack.count = stack.room = 0
    filled[seed] = 1
    failed = push(&stack, seed // width, seed % width, 0)
    while stack.count > 0 and not failed:
        stack.count -= 1
        place = stack.runs[stack.count].line
        at = stack.runs[stack.count].first
        looked += 1
        if looked == RUNS_PER_LOOK:
            looked = 0
            if is_interrupted(watch, RUNS_PER_LOOK * 100):
                break
        for o in range(count):
            column = at + offsets[o * grid.ndim + grid.ndim - 1]
            line = line_at(place, offsets + o * grid.ndim, grid)
            if line < 0 or column < 0 or column >= width:
                continue
            other = line * width + column
            if low <= image[other] <= high and filled[other] == 0:
                filled[other] = 1
                failed |= push(&stack, line, column, 0)
    free(stack.runs)
    return failed


cdef int fill_as(pixel* kind, const void* image, uint8_t* filled, const Grid* grid, const int64_t* steps,
                 const int64_t* wide, int64_t count, int64_t seed, low, high) except -1:
    cdef Interruption watch = NOT_INTERRUPTED
    cdef pixel least = low, most = high
    cdef int failed
    with nogil:
        if wide != NULL:
            failed = fill_lines(<const pixel*> image, filled, grid, steps, wide, count, seed, least, most, &watch)
        else:
            failed = fill_cells(<const pixel*> image, filled, grid, steps, count, seed, least, most, &watch)
    end_interruption(&watch)
    return failed


def flood(image, seed, low, high, offsets, connectivity):
    """See `segalgo.flood`. Scratch: 24 bytes for each run of cells that waits."""
    cdef cnp.ndarray cells = image, output = np.zeros(image.shape, np.uint8), offset_table, wide_table
    cdef Grid grid = grid_of(cells)
    cdef void* source = cnp.PyArray_DATA(cells)
    cdef uint8_t* filled = <uint8_t*> cnp.PyArray_DATA(output)
    cdef const int64_t* wide = NULL
    cdef const int64_t* steps
    cdef int64_t start = seed, count
    cdef int failed
    if connectivity:
        # Offsets to other lines, each with the cells beside a run that it reaches too.
        last = image.ndim - 1
        offsets = offsets[(offsets[:, :last] != 0).any(1) & (offsets[:, last] == 0)]
        wide_table = ((offsets != 0).sum(1) < connectivity).astype(np.int64)
        wide = <const int64_t*> cnp.PyArray_DATA(wide_table)
    offset_table = np.ascontiguousarray(offsets, np.int64)
    steps = <const int64_t*> cnp.PyArray_DATA(offset_table)
    count = len(offsets)
    name = image.dtype.name
    if name == "uint8":
        failed = fill_as(<uint8_t*> NULL, source, filled, &grid, steps, wide, count, start, low, high)
    elif name == "int8":
        failed = fill_as(<int8_t*> NULL, source, filled, &grid, steps, wide, count, start, low, high)
    elif name == "uint16":
        failed = fill_as(<uint16_t*> NULL, source, filled, &grid, steps, wide, count, start, low, high)
    elif name == "int16":
        failed = fill_as(<int16_t*> NULL, source, filled, &grid, steps, wide, count, start, low, high)
    elif name == "uint32":
        failed = fill_as(<uint32_t*> NULL, source, filled, &grid, steps, wide, count, start, low, high)
    elif name == "int32":
        failed = fill_as(<int32_t*> NULL, source, filled, &grid, steps, wide, count, start, low, high)
    elif name == "uint64":
        failed = fill_as(<uint64_t*> NULL, source, filled, &grid, steps, wide, count, start, low, high)
    elif name == "int64":
        failed = fill_as(<int64_t*> NULL, source, filled, &grid, steps, wide, count, start, low, high)
    elif name == "float32":
        failed = fill_as(<float*> NULL, source, filled, &grid, steps, wide, count, start, low, high)
    else:
        failed = fill_as(<double*> NULL, source, filled, &grid, steps, wide, count, start, low, high)
    if failed:
        raise MemoryError("flood: no memory for the runs that wait")
    return (<object> output).view(bool)
