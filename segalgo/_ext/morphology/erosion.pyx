"""The least and the largest value of each cell's neighbourhood: the Cython wing of `segalgo.morphology`.

The image is planes of lines, its last two axes; a footprint is runs of cells along the lines. The minimum over a run of
L cells is that over two runs of 2**k <= L cells, which are built by doubling. A tile of the output needs these of
the lines around it, which stay in the cache.
"""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

import numpy as np

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted
from segalgo._ext.shared.pixel_types cimport pixel
from segalgo._ext.shared.threads cimport omp_get_max_threads, omp_get_thread_num

cnp.import_array()

cdef enum:
    TILE_BYTES = 2048   # of a line
    TILE_LINES = 32
    MOST_TABLES = 8     # lengths of which each has its own minima; beyond them, a minimum for each power of two


# A run of the footprint: how many lines below the cell, which table, and two places in it (equal if one is enough).
cdef struct Run:
    int64_t line, table, first, second


# A footprint on an image of `height` lines of `width` cells. Runs of plane offset q: begins[q] to begins[q + 1].
cdef struct Work:
    int64_t height, width, planes, leading, groups, tables, span, left, above, below, tile_width, tile_lines, pitch
    const int64_t* shape        # of the leading axes
    const int64_t* offsets      # (groups, leading)
    const int64_t* begins
    const Run* runs
    const int64_t* lengths      # of each table, ascending
    bint box, largest
    Interruption* watch


cdef inline void choose(pixel* out, const pixel* a, const pixel* b, int64_t n, bint largest) noexcept nogil:
    cdef int64_t i
    if largest:
        for i in range(n):
            out[i] = a[i] if a[i] > b[i] else b[i]
    else:
        for i in range(n):
            out[i] = a[i] if a[i] < b[i] else b[i]


cdef inline void choose_of_five(pixel* out, const pixel* a, const pixel* b, const pixel* c, const pixel* d, int64_t n,
                                bint largest) noexcept nogil:
    cdef int64_t i
    cdef pixel low, high, best
    if largest:
        for i in range(n):
            low = a[i] if a[i] > b[i] else b[i]
            high = c[i] if c[i] > d[i] else d[i]
            best = low if low > high else high
            out[i] = out[i] if out[i] > best else best
    else:
        for i in range(n):
            low = a[i] if a[i] < b[i] else b[i]
            high = c[i] if c[i] < d[i] else d[i]
            best = low if low < high else high
            out[i] = out[i] if out[i] < best else best


cdef inline void fill(pixel* out, int64_t n, pixel value) noexcept nogil:
    cdef int64_t i
    for i in range(n):
        out[i] = value


# Minima of a line over runs of each length, from column `at` (which may lie outside) on: table t at tables + t * pitch.
# `spare` holds three lines.
cdef void line_tables(const pixel* line, pixel* tables, pixel* spare, int64_t at, int64_t cells, pixel nothing,
                      const Work* work) noexcept nogil:
    cdef int64_t n = cells + work.span - 1, before, after, t, reach = 1, length
    cdef const pixel* current = line + at
    cdef pixel* following = spare + work.pitch
    if at < 0 or at + n > work.width:
        before = min(max(-at, <int64_t> 0), n)
        after = min(max(at + n - work.width, <int64_t> 0), n - before)
        fill(spare, before, nothing)
        memcpy(spare + before, line + at + before, (n - before - after) * sizeof(pixel))
        fill(spare + n - after, after, nothing)
        current = spare
    for t in range(work.tables):
        length = work.lengths[t]
        while 2 * reach <= length:
            if 2 * reach == length:
                choose(tables + t * work.pitch, current, current + reach, n - length + 1, work.largest)
                current = tables + t * work.pitch
            else:
                choose(following, current, current + reach, n - 2 * reach + 1, work.largest)
                current = following
                following = spare + (2 * work.pitch if following == spare + work.pitch else work.pitch)
            reach *= 2
        if reach < length:
            choose(tables + t * work.pitch, current, current + length - reach, n - length + 1, work.largest)
        elif current != tables + t * work.pitch:
            memcpy(tables + t * work.pitch, current, (n - length + 1) * sizeof(pixel))


# A tile of a box: one table a line, then minima over lines by doubling, in place from the top down.
cdef void box_tile(const pixel* image, pixel* output, pixel* tables, pixel* spare, int64_t row, int64_t lines,
                   int64_t column, int64_t cells, pixel nothing, const Work* work) noexcept nogil:
    cdef int64_t side = work.below - work.above + 1, count = lines + side - 1, r, reach = 1, pitch = work.pitch, at
    for r in range(count):
        at = row + work.above + r
        if 0 <= at < work.height:
            line_tables(image + at * work.width, tables + r * pitch, spare, column + work.left, cells, nothing, work)
        else:
            fill(tables + r * pitch, cells, nothing)
    while 2 * reach <= side:
        for r in range(count - reach):
            choose(tables + r * pitch, tables + r * pitch, tables + (r + reach) * pitch, cells, work.largest)
        count -= reach
        reach *= 2
    for r in range(lines):
        choose(output + (row + r) * work.width + column, tables + r * pitch, tables + (r + side - reach) * pitch, cells,
               work.largest)


# A tile of any footprint: plane by plane the tables of the lines around it, then for each line its runs, two at a time.
cdef void runs_tile(const pixel* image, pixel* output, pixel* tables, pixel* spare, int64_t plane, int64_t row,
                    int64_t lines, int64_t column, int64_t cells, pixel nothing, const Work* work) noexcept nogil:
    cdef int64_t q, r, k, at, axis, rest, other, step, first, last, each = work.tables * work.pitch, begin, end, held
    cdef const pixel* source
    cdef const pixel* near
    cdef const Run* run
    cdef const pixel* found[4]
    cdef pixel* out
    for r in range(lines):
        fill(output + (plane * work.height + row + r) * work.width + column, cells, nothing)
    for q in range(work.groups):
        rest = other = plane
        step = 1
        for axis in range(work.leading - 1, -1, -1):
            at = rest % work.shape[axis] + work.offsets[q * work.leading + axis]
            if at < 0 or at >= work.shape[axis]:
                other = -1
                break
            rest = rest // work.shape[axis]
            other += work.offsets[q * work.leading + axis] * step
            step *= work.shape[axis]
        if other < 0:
            continue
        source = image + other * work.height * work.width
        begin = work.begins[q]
        end = work.begins[q + 1]
        first = max(row + work.runs[begin].line, <int64_t> 0)
        last = min(row + lines - 1 + work.runs[end - 1].line, work.height - 1)
        for at in range(first, last + 1):
            line_tables(source + at * work.width, tables + (at - first) * each, spare, column + work.left, cells,
                        nothing, work)
        for r in range(row, row + lines):
            out = output + (plane * work.height + r) * work.width + column
            held = 0
            for k in range(begin, end):
                run = work.runs + k
                at = r + run.line
                if at < 0 or at >= work.height:
                    continue
                near = tables + (at - first) * each + run.table * work.pitch
                found[held] = near + run.first
                held += 1
                if run.second != run.first or held == 4:
                    if run.second != run.first:
                        if held == 4:
                            choose_of_five(out, found[0], found[1], found[2], found[3], cells, work.largest)
                            held = 0
                        found[held] = near + run.second
                        held += 1
                    if held == 4:
                        choose_of_five(out, found[0], found[1], found[2], found[3], cells, work.largest)
                        held = 0
            if held:
                for k in range(held, 4):
                    found[k] = found[0]
                choose_of_five(out, found[0], found[1], found[2], found[3], cells, work.largest)


cdef int filter_image(const pixel* image, pixel* output, pixel nothing, const Work* work) noexcept nogil:
    cdef int64_t down = (work.height + work.tile_lines - 1) // work.tile_lines, tile
    cdef int64_t across = (work.width + work.tile_width - 1) // work.tile_width
    cdef int64_t most_lines = work.tile_lines + work.below - work.above
    cdef int64_t each = (most_lines * work.tables + 3) * work.pitch, row, column, plane, lines, cells
    cdef pixel* memory = <pixel*> malloc(omp_get_max_threads() * each * sizeof(pixel))
    cdef pixel* own
    if memory == NULL:
        return 1
    for tile in prange(work.planes * down * across, schedule="dynamic"):
        if is_interrupted(work.watch, work.tile_lines * work.tile_width * (1 + work.begins[work.groups] // 8)):
            continue
        own = memory + omp_get_thread_num() * each
        plane = tile // (down * across)
        row = tile // across % down * work.tile_lines
        column = tile % across * work.tile_width
        lines = min(work.tile_lines, work.height - row)
        cells = min(work.tile_width, work.width - column)
        if work.box:
            box_tile(image + plane * work.height * work.width, output + plane * work.height * work.width,
                     own + 3 * work.pitch, own, row, lines, column, cells, nothing, work)
        else:
            runs_tile(image, output, own + 3 * work.pitch, own, plane, row, lines, column, cells, nothing, work)
    free(memory)
    return 0


cdef int filter_as(pixel* kind, const void* image, void* output, nothing, const Work* work) except -1:
    cdef pixel value = nothing
    cdef int failed
    with nogil:
        failed = filter_image(<const pixel*> image, <pixel*> output, value, work)
    return failed


cdef int dispatch(cnp.ndarray image, cnp.ndarray output, nothing, const Work* work) except -1:
    cdef void* source = cnp.PyArray_DATA(image)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef str name = (<object> image).dtype.name
    if name == "uint8":
        return filter_as(<uint8_t*> NULL, source, target, nothing, work)
    if name == "int8":
        return filter_as(<int8_t*> NULL, source, target, nothing, work)
    if name == "uint16":
        return filter_as(<uint16_t*> NULL, source, target, nothing, work)
    if name == "int16":
        return filter_as(<int16_t*> NULL, source, target, nothing, work)
    if name == "uint32":
        return filter_as(<uint32_t*> NULL, source, target, nothing, work)
    if name == "int32":
        return filter_as(<int32_t*> NULL, source, target, nothing, work)
    if name == "uint64":
        return filter_as(<uint64_t*> NULL, source, target, nothing, work)
    if name == "int64":
        return filter_as(<int64_t*> NULL, source, target, nothing, work)
    if name == "float32":
        return filter_as(<float*> NULL, source, target, nothing, work)
    return filter_as(<double*> NULL, source, target, nothing, work)


cdef object runs_of(offsets):
    """Return the leading offsets (groups, ndim - 2), where their runs begin, and the runs (line, start, length)."""
    groups, begins, runs = [], [0], []
    previous = None
    for *leading, line, column in offsets.tolist():
        if not groups or groups[len(groups) - 1] != leading:
            groups.append(leading)
            begins.append(len(runs))
        elif previous == (line, column - 1):
            runs[len(runs) - 1][2] += 1
            previous = (line, column)
            continue
        runs.append([line, column, 1])
        begins[len(begins) - 1] = len(runs)
        previous = (line, column)
    return groups, begins, runs


cdef object filter_planes(cnp.ndarray image, shape, low, high, offsets, largest):
    """Filter an array whose last two axes are planes; `shape` has at least two axes. offsets: None for a box."""
    cdef Work work
    cdef Interruption watch = NOT_INTERRUPTED
    cdef cnp.ndarray output = np.empty_like(image), table, lengths, begins, groups, leading
    cdef int failed
    cdef int64_t k, itemsize = image.itemsize, rank = len(shape), line_axis = rank - 2, column_axis = rank - 1
    if offsets is None:
        found_groups, found_begins = [[0] * line_axis], [0, 1]
        found_runs = [[low[line_axis], low[column_axis], high[column_axis] - low[column_axis] + 1]]
    else:
        found_groups, found_begins, found_runs = runs_of(offsets)
    distinct = sorted({length for _, _, length in found_runs})
    own = len(distinct) <= MOST_TABLES
    if not own:
        distinct = [1 << power for power in range(max(distinct).bit_length())]
    table = np.zeros((len(found_runs), 4), np.int64)
    for k, (line, start, length) in enumerate(found_runs):
        held = distinct.index(length) if own else length.bit_length() - 1
        first = start - low[column_axis]
        table[k] = line, held, first, first + length - distinct[held]
    lengths, begins = np.array(distinct, np.int64), np.array(found_begins, np.int64)
    groups, leading = np.array(found_groups, np.int64).reshape(-1), np.array(shape[:line_axis], np.int64)
    work.height, work.width = shape[line_axis], shape[column_axis]
    work.planes = image.size // (work.height * work.width)
    work.leading = line_axis
    work.groups, work.tables = len(found_groups), len(distinct)
    work.left, work.span = low[column_axis], high[column_axis] - low[column_axis] + 1
    work.above, work.below = low[line_axis], high[line_axis]
    work.tile_width = min(max(TILE_BYTES // itemsize, work.span), work.width)
    work.tile_lines = min(max(<int64_t> TILE_LINES, work.below - work.above), work.height)
    work.pitch = (work.tile_width + work.span + 127) // 64 * 64
    work.shape = <const int64_t*> cnp.PyArray_DATA(leading)
    work.offsets = <const int64_t*> cnp.PyArray_DATA(groups)
    work.begins = <const int64_t*> cnp.PyArray_DATA(begins)
    work.runs = <const Run*> cnp.PyArray_DATA(table)
    work.lengths = <const int64_t*> cnp.PyArray_DATA(lengths)
    work.box, work.largest = offsets is None, largest
    work.watch = &watch
    kind = (<object> image).dtype.kind
    if kind == "f":
        nothing = -np.inf if largest else np.inf
    else:
        limits = np.iinfo((<object> image).dtype)
        nothing = limits.min if largest else limits.max
    failed = dispatch(image, output, nothing, &work)
    end_interruption(&watch)
    if failed:
        raise MemoryError("erosion: no memory for the lines of a tile")
    return output


cdef object extreme(image, low, high, offsets, largest):
    shape = (<object> image).shape
    if image.size == 0:
        return image.copy()
    if image.ndim == 1:
        shape, low, high = (1, *shape), (0, *low), (0, *high)
        if offsets is not None:
            offsets = np.concatenate([np.zeros((len(offsets), 1), np.int64), offsets], 1)
    if offsets is not None:
        return filter_planes(image, shape, low, high, offsets, largest).reshape((<object> image).shape)
    # The last two axes of a box at once, then each other axis over planes whose lines are all cells behind it.
    result = filter_planes(image, shape, low, high, None, largest)
    for axis in range(len(shape) - 3, -1, -1):
        if low[axis] or high[axis]:
            inner = int(np.prod(shape[axis + 1 :], dtype=np.int64))
            planes = (image.size // (shape[axis] * inner), shape[axis], inner)
            result = filter_planes(result, planes, (0, low[axis], 0), (0, high[axis], 0), None, largest)
    return result.reshape((<object> image).shape)


def erosion(image, low, high, offsets):
    """See `segalgo.erosion`. Cost and scratch: see there."""
    return extreme(image, low, high, offsets, False)


def dilation(image, low, high, offsets):
    """See `segalgo.dilation`. Cost and scratch: see there."""
    return extreme(image, low, high, offsets, True)
