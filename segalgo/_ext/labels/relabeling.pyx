"""Keep, remove, renumber and fill labels: the Cython wing of `segalgo.labels.relabeling`, by tables."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc

import itertools

import numpy as np

from segalgo._ext.shared.grid cimport Grid, grid_of, line_at
from segalgo._ext.labels.label_runs cimport SEGALGO_PIECE, cell, find_runs_of, segalgo_runs
from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted
from segalgo._ext.shared.threads cimport omp_get_max_threads

cnp.import_array()

cdef enum:
    FILTER = 4096  # labels remembered lately; a power of two

ctypedef fused item:
    uint8_t
    uint16_t
    uint32_t
    uint64_t

ctypedef fused part:
    uint32_t
    uint64_t


cdef int64_t _parts(int64_t size):
    """As many parts as threads, none of them tiny."""
    return max(min(<int64_t> omp_get_max_threads(), size // SEGALGO_PIECE), 1)


cdef uint64_t _largest(const cell* x, int64_t n) noexcept nogil:
    cdef cell most = 0
    cdef int64_t k
    for k in range(n):
        most = x[k] if x[k] > most else most
    return most


def largest_label(cnp.ndarray labels):
    """Return the largest label."""
    cdef int64_t size = labels.size, parts = _parts(size), itemsize = labels.itemsize, t
    cdef const void* x = cnp.PyArray_DATA(labels)
    cdef cnp.ndarray found = np.zeros(parts, np.uint64)
    cdef uint64_t* most = <uint64_t*> cnp.PyArray_DATA(found)
    for t in prange(parts, nogil=True, schedule="static"):
        if itemsize == 1:
            most[t] = _largest(<const uint8_t*> x + size * t // parts, size * (t + 1) // parts - size * t // parts)
        elif itemsize == 2:
            most[t] = _largest(<const uint16_t*> x + size * t // parts, size * (t + 1) // parts - size * t // parts)
        elif itemsize == 4:
            most[t] = _largest(<const uint32_t*> x + size * t // parts, size * (t + 1) // parts - size * t // parts)
        else:
            most[t] = _largest(<const uint64_t*> x + size * t // parts, size * (t + 1) // parts - size * t // parts)
    return int(found.max())


# Labels of one part, each at least once: a small table of the labels seen lately drops most repetitions.
cdef struct Labels:
    uint64_t* values
    int64_t count, room
    bint failed


cdef void _collect(const void* x, int64_t itemsize, int64_t begin, int64_t end, Labels* labels,
                   Interruption* watch) noexcept nogil:
    cdef segalgo_runs* runs = <segalgo_runs*> malloc(sizeof(segalgo_runs))
    cdef uint64_t* lately = <uint64_t*> calloc(FILTER, sizeof(uint64_t))  # holds 0, a label that need not be found
    cdef uint64_t* larger
    cdef int32_t count, k
    cdef int64_t n
    cdef uint64_t value, at
    labels.failed = runs == NULL or lately == NULL
    while begin < end and not labels.failed and not is_interrupted(watch, SEGALGO_PIECE):
        n = min(<int64_t> SEGALGO_PIECE, end - begin)
        count = find_runs_of(x, itemsize, begin, n, runs)
        if labels.count + count > labels.room:
            labels.room = 2 * labels.room + SEGALGO_PIECE
            larger = <uint64_t*> realloc(labels.values, labels.room * sizeof(uint64_t))
            if larger == NULL:
                labels.failed = True
                break
            labels.values = larger
        for k in range(count):
            value = runs.label[k]
            at = (value * <uint64_t> 0x9e3779b97f4a7c15) >> 52
            if lately[at] != value:
                lately[at] = value
                labels.values[labels.count] = value
                labels.count += 1
        begin += n
    free(runs)
    free(lately)


def distinct_labels(cnp.ndarray labels):
    """Return the labels that occur, ascending, with 0 before them. Scratch: at most 8 bytes a run."""
    cdef int64_t size = labels.size, parts = _parts(size), itemsize = labels.itemsize, t, k, at = 0
    cdef const void* x = cnp.PyArray_DATA(labels)
    cdef Interruption watch = NOT_INTERRUPTED
    cdef Labels* found = <Labels*> calloc(parts, sizeof(Labels))
    cdef bint failed = found == NULL
    if failed:
        raise MemoryError("distinct_labels: no memory for the list of parts")
    for t in prange(parts, nogil=True, schedule="static"):
        _collect(x, itemsize, size * t // parts, size * (t + 1) // parts, found + t, &watch)
    for t in range(parts):
        failed = failed or found[t].failed
        at += found[t].count
    cdef cnp.ndarray values = np.zeros(1 if failed else at + 1, np.uint64)
    cdef uint64_t* target = <uint64_t*> cnp.PyArray_DATA(values) + 1
    for t in range(parts):
        for k in range(0 if failed else found[t].count):
            target[0] = found[t].values[k]
            target += 1
        free(found[t].values)
    free(found)
    end_interruption(&watch)
    if failed:
        raise MemoryError("distinct_labels: no memory for the lists of labels")
    return np.unique(values).astype(labels.dtype)


cdef int64_t _place(uint64_t value, const uint64_t* values, int64_t count) noexcept nogil:
    cdef int64_t low = 0, high = count - 1, middle
    while low < high:
        middle = (low + high) // 2
        if values[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


# One binary search a run, or none where the same label was seen lately.
cdef bint _rank(const void* x, int64_t itemsize, int64_t begin, int64_t end, const uint64_t* values, int64_t count,
                part* ranks, Interruption* watch) noexcept nogil:
    cdef segalgo_runs* runs = <segalgo_runs*> malloc(sizeof(segalgo_runs))
    cdef uint64_t* lately = <uint64_t*> calloc(FILTER, sizeof(uint64_t))
    cdef int64_t* places = <int64_t*> calloc(FILTER, sizeof(int64_t))  # 0 is the rank of 0, which `lately` holds
    cdef bint failed = runs == NULL or lately == NULL or places == NULL
    cdef int32_t found, k, j
    cdef int64_t n
    cdef uint64_t at
    cdef part rank
    while begin < end and not failed and not is_interrupted(watch, SEGALGO_PIECE):
        n = min(<int64_t> SEGALGO_PIECE, end - begin)
        found = find_runs_of(x, itemsize, begin, n, runs)
        for k in range(found):
            at = (runs.label[k] * <uint64_t> 0x9e3779b97f4a7c15) >> 52
            if lately[at] != runs.label[k]:
                lately[at] = runs.label[k]
                places[at] = _place(runs.label[k], values, count)
            rank = <part> places[at]
            for j in range(runs.start[k], runs.start[k + 1]):
                ranks[begin + j] = rank
        begin += n
    free(runs)
    free(lately)
    free(places)
    return failed


def rank_labels(cnp.ndarray labels, values):
    """Return each label's place in `values`."""
    cdef int64_t size = labels.size, parts = _parts(size), itemsize = labels.itemsize, t, count = values.size
    cdef bint narrow = values.size <= 2**32
    cdef cnp.ndarray wide = np.ascontiguousarray(values, np.uint64)
    cdef cnp.ndarray ranks = np.empty((<object> labels).shape, np.uint32 if narrow else np.uint64)
    cdef const void* x = cnp.PyArray_DATA(labels)
    cdef const uint64_t* sorted_values = <const uint64_t*> cnp.PyArray_DATA(wide)
    cdef void* target = cnp.PyArray_DATA(ranks)
    cdef int64_t failed = 0
    cdef Interruption watch = NOT_INTERRUPTED
    for t in prange(parts, nogil=True, schedule="static"):
        if narrow:
            failed += _rank(x, itemsize, size * t // parts, size * (t + 1) // parts, sorted_values, count,
                            <uint32_t*> target, &watch)
        else:
            failed += _rank(x, itemsize, size * t // parts, size * (t + 1) // parts, sorted_values, count,
                            <uint64_t*> target, &watch)
    end_interruption(&watch)
    if failed:
        raise MemoryError("rank_labels: no memory for the scratch of runs")
    return ranks


# Zero to begin with; the pages of labels that do not occur in the part stay untouched.
cdef int64_t* _count(const void* x, int64_t itemsize, int64_t begin, int64_t end, int64_t labels,
                     Interruption* watch) noexcept nogil:
    cdef segalgo_runs* runs = <segalgo_runs*> malloc(sizeof(segalgo_runs))
    cdef int64_t* areas = <int64_t*> calloc(labels, sizeof(int64_t))
    cdef int32_t count, k
    cdef int64_t n
    if runs != NULL and areas != NULL:
        while begin < end and not is_interrupted(watch, SEGALGO_PIECE):
            n = min(<int64_t> SEGALGO_PIECE, end - begin)
            count = find_runs_of(x, itemsize, begin, n, runs)
            for k in range(count):
                areas[runs.label[k]] += runs.start[k + 1] - runs.start[k]
            begin += n
        free(runs)
        return areas
    free(runs)
    free(areas)
    return NULL


def label_areas(cnp.ndarray labels, num_labels):
    """Return how many cells each of the labels 0 ... num_labels has. One table a thread."""
    cdef int64_t size = labels.size, parts = _parts(size), itemsize = labels.itemsize, t, k, count = num_labels + 1
    cdef cnp.ndarray areas = np.zeros(count, np.int64)
    cdef int64_t* target = <int64_t*> cnp.PyArray_DATA(areas)
    cdef const void* x = cnp.PyArray_DATA(labels)
    cdef Interruption watch = NOT_INTERRUPTED
    cdef int64_t** tables = <int64_t**> calloc(parts, sizeof(int64_t*))
    cdef bint failed = tables == NULL
    if not failed:
        for t in prange(parts, nogil=True, schedule="static"):
            tables[t] = _count(x, itemsize, size * t // parts, size * (t + 1) // parts, count, &watch)
        for t in range(parts):
            failed = failed or tables[t] == NULL
        if not failed:
            for k in prange(count, nogil=True, schedule="static"):
                for t in range(parts):
                    target[k] += tables[t][k]
        for t in range(parts):
            free(tables[t])
        free(tables)
    end_interruption(&watch)
    if failed:
        raise MemoryError("label_areas: no memory for the tables of the threads")
    return areas


cdef void _map_piece(const cell* labels, const item* table, item* output, int64_t n) noexcept nogil:
    cdef int64_t k
    for k in range(n):
        output[k] = table[labels[k]]


cdef void _map(const cell* labels, const item* table, item* output, int64_t size) noexcept nogil:
    cdef int64_t t, parts = size // (1 << 16) + 1
    for t in prange(parts, schedule="static"):
        _map_piece(labels + size * t // parts, table, output + size * t // parts,
                   size * (t + 1) // parts - size * t // parts)


cdef void _map_to(const cell* labels, const void* table, void* output, int64_t size, int64_t width) noexcept nogil:
    if width == 1:
        _map(labels, <const uint8_t*> table, <uint8_t*> output, size)
    elif width == 2:
        _map(labels, <const uint16_t*> table, <uint16_t*> output, size)
    elif width == 4:
        _map(labels, <const uint32_t*> table, <uint32_t*> output, size)
    else:
        _map(labels, <const uint64_t*> table, <uint64_t*> output, size)


def map_labels(cnp.ndarray labels, cnp.ndarray table):
    """Return table[labels]."""
    cdef cnp.ndarray output = np.empty((<object> labels).shape, table.dtype)
    cdef int64_t size = labels.size, itemsize = labels.itemsize, width = table.itemsize
    cdef const void* x = cnp.PyArray_DATA(labels)
    cdef const void* entries = cnp.PyArray_DATA(table)
    cdef void* target = cnp.PyArray_DATA(output)
    with nogil:
        if itemsize == 1:
            _map_to(<const uint8_t*> x, entries, target, size, width)
        elif itemsize == 2:
            _map_to(<const uint16_t*> x, entries, target, size, width)
        elif itemsize == 4:
            _map_to(<const uint32_t*> x, entries, target, size, width)
        else:
            _map_to(<const uint64_t*> x, entries, target, size, width)
    return output


cdef void _touch(const part* labels, const uint8_t* mask, int64_t buffer_size, const Grid* grid,
                 uint8_t* touches) noexcept nogil:
    cdef int64_t line, j, axis, rest, at
    cdef const part* x
    cdef bint border
    for line in range(grid.lines):
        x = labels + line * grid.width
        if mask != NULL:
            for j in range(grid.width):
                if not mask[line * grid.width + j]:
                    touches[x[j]] = 1
            continue
        border, rest = 2 * (buffer_size + 1) >= grid.width, line
        for axis in range(grid.ndim - 2, -1, -1):
            at = rest % grid.shape[axis]
            border = border or at <= buffer_size or at >= grid.shape[axis] - 1 - buffer_size
            rest = rest // grid.shape[axis]
        if border:
            for j in range(grid.width):
                touches[x[j]] = 1
        else:
            for j in range(buffer_size + 1):
                touches[x[j]] = 1
                touches[x[grid.width - 1 - j]] = 1


def border_labels(cnp.ndarray labels, num_labels, buffer_size, cnp.ndarray mask):
    """Return, as uint8, whether each of the labels 0 ... num_labels has a cell in the border or outside the mask."""
    cdef Grid grid = grid_of(labels)
    cdef cnp.ndarray touches = np.zeros(num_labels + 1, np.uint8)
    cdef uint8_t* target = <uint8_t*> cnp.PyArray_DATA(touches)
    cdef const uint8_t* inside = NULL
    if mask is not None:
        inside = <const uint8_t*> cnp.PyArray_DATA(mask)
    cdef const void* x = cnp.PyArray_DATA(labels)
    cdef int64_t reach = buffer_size
    cdef bint narrow = labels.itemsize == 4
    with nogil:
        if narrow:
            _touch(<const uint32_t*> x, inside, reach, &grid, target)
        else:
            _touch(<const uint64_t*> x, inside, reach, &grid, target)
    return touches


# What a component of background meets; zero to begin with.
cdef struct Meeting:
    uint64_t most, least_turned   # largest label, and the largest of UINT64_MAX - label
    bint border


cdef inline void _meet(const cell* x, int64_t begin, int64_t end, Meeting* meeting) noexcept nogil:
    cdef cell most = 0, least = <cell> -1, turned
    cdef int64_t j
    for j in range(begin, end):
        most = x[j] if x[j] > most else most
        turned = x[j] - <cell> 1        # background becomes the largest number and drops out
        least = turned if turned < least else least
    if most:
        meeting.most = max(meeting.most, <uint64_t> most)
        meeting.least_turned = max(meeting.least_turned, <uint64_t> -1 - <uint64_t> least)


# Runs of background in lines begin ... end - 1, each with what lies around it. Of an offset only the outer axes
# count; reach[k] says whether neighbours one further along the last axis count as well.
cdef bint _meet_lines(const cell* labels, const part* components, int64_t begin, int64_t end, const int64_t* offsets,
                      const uint8_t* reach, int64_t count, const Grid* grid, Meeting* table,
                      Interruption* watch) noexcept nogil:
    cdef int64_t line, k, a, b, width = grid.width
    cdef const part* component
    cdef const cell* x
    cdef Meeting* meeting
    cdef bint edge
    cdef int64_t* lines = <int64_t*> malloc(count * sizeof(int64_t))
    if lines == NULL:
        return True
    for line in range(begin, end):
        if is_interrupted(watch, width * count):
            break
        component = components + line * width
        edge = False
        for k in range(count):
            lines[k] = line_at(line, offsets + k * grid.ndim, grid)
        edge = _on_edge(line, grid)
        b = 0
        while b < width:
            a = b
            while a < width and component[a] == 0:
                a += 1
            if a == width:
                break
            b = a + 1
            while b < width and component[b] == component[a]:
                b += 1
            meeting = table + component[a]
            if edge or a == 0 or b == width:
                meeting.border = True
            for k in range(count):
                if lines[k] < 0:
                    continue
                x = labels + lines[k] * width
                _meet(x, max(a - reach[k], <int64_t> 0), min(b + reach[k], width), meeting)
    free(lines)
    return False


cdef bint _on_edge(int64_t line, const Grid* grid) noexcept nogil:
    cdef int64_t axis, at
    for axis in range(grid.ndim - 2, -1, -1):
        at = line % grid.shape[axis]
        if at == 0 or at == grid.shape[axis] - 1:
            return True
        line = line // grid.shape[axis]
    return False


cdef bint _meet_lines_of(const void* x, int64_t itemsize, const part* components, int64_t begin, int64_t end,
                         const int64_t* offsets, const uint8_t* reach, int64_t count, const Grid* grid,
                         Meeting* table, Interruption* watch) noexcept nogil:
    if itemsize == 1:
        return _meet_lines(<const uint8_t*> x, components, begin, end, offsets, reach, count, grid, table,
                           watch)
    elif itemsize == 2:
        return _meet_lines(<const uint16_t*> x, components, begin, end, offsets, reach, count, grid, table,
                           watch)
    elif itemsize == 4:
        return _meet_lines(<const uint32_t*> x, components, begin, end, offsets, reach, count, grid, table,
                           watch)
    return _meet_lines(<const uint64_t*> x, components, begin, end, offsets, reach, count, grid, table,
                       watch)


def hole_owners(cnp.ndarray labels, cnp.ndarray components, count, connectivity):
    """Return for each component of the background the one label that encloses it. One table a thread."""
    cdef Grid grid = grid_of(labels)
    steps = [o for o in itertools.product((-1, 0, 1), repeat=labels.ndim - 1) if np.count_nonzero(o) <= connectivity]
    cdef cnp.ndarray offsets = np.zeros((len(steps), labels.ndim), np.int64)
    offsets[:, :-1] = steps
    cdef cnp.ndarray further = np.array([np.count_nonzero(o) < connectivity for o in steps], np.uint8)
    cdef const int64_t* offsets_at = <const int64_t*> cnp.PyArray_DATA(offsets)
    cdef const uint8_t* reach = <const uint8_t*> cnp.PyArray_DATA(further)
    cdef int64_t rows = count + 1, number = len(steps), itemsize = labels.itemsize, t, k, failed = 0
    cdef int64_t parts = max(min(<int64_t> omp_get_max_threads(), grid.lines), 1)
    cdef cnp.ndarray owners = np.zeros(rows, np.uint64)
    cdef uint64_t* owner = <uint64_t*> cnp.PyArray_DATA(owners)
    cdef const void* x = cnp.PyArray_DATA(labels)
    cdef const void* cells = cnp.PyArray_DATA(components)
    cdef bint narrow = components.itemsize == 4
    cdef Interruption watch = NOT_INTERRUPTED
    cdef Meeting* tables = <Meeting*> calloc(parts * rows, sizeof(Meeting))
    if tables == NULL:
        raise MemoryError("hole_owners: no memory for the tables of the threads")
    with nogil:
        for t in prange(parts, schedule="static"):
            if narrow:
                failed += _meet_lines_of(x, itemsize, <const uint32_t*> cells, grid.lines * t // parts,
                                         grid.lines * (t + 1) // parts, offsets_at, reach, number, &grid,
                                         tables + t * rows, &watch)
            else:
                failed += _meet_lines_of(x, itemsize, <const uint64_t*> cells, grid.lines * t // parts,
                                         grid.lines * (t + 1) // parts, offsets_at, reach, number, &grid,
                                         tables + t * rows, &watch)
        for k in prange(1, rows, schedule="static"):
            for t in range(1, parts):
                tables[k].most = max(tables[k].most, tables[t * rows + k].most)
                tables[k].least_turned = max(tables[k].least_turned, tables[t * rows + k].least_turned)
                tables[k].border = tables[k].border or tables[t * rows + k].border
            # least_turned is UINT64_MAX - (smallest label - 1).
            if not tables[k].border and tables[k].most + tables[k].least_turned == 0:
                owner[k] = tables[k].most
        free(tables)
    end_interruption(&watch)
    if failed:
        raise MemoryError("hole_owners: no memory for the neighbouring lines")
    return owners.astype(labels.dtype)


cdef void _replace_piece(const item* image, const part* components, const uint8_t* replaced, const item* values,
                         item* output, int64_t n) noexcept nogil:
    cdef int64_t k
    for k in range(n):
        output[k] = values[components[k]] if replaced[components[k]] else image[k]


cdef void _replace(const item* image, const void* components, bint narrow, const uint8_t* replaced,
                   const item* values, item* output, int64_t size) noexcept nogil:
    cdef int64_t t, begin, parts = size // (1 << 16) + 1
    for t in prange(parts, schedule="static"):
        begin = size * t // parts
        if narrow:
            _replace_piece(image + begin, <const uint32_t*> components + begin, replaced, values, output + begin,
                           size * (t + 1) // parts - begin)
        else:
            _replace_piece(image + begin, <const uint64_t*> components + begin, replaced, values, output + begin,
                           size * (t + 1) // parts - begin)


def replace_components(cnp.ndarray image, cnp.ndarray components, cnp.ndarray replaced, cnp.ndarray values):
    """Return the image with values[component] in every component for which `replaced` is set."""
    cdef cnp.ndarray output = np.empty((<object> image).shape, image.dtype)
    cdef int64_t size = image.size, itemsize = image.itemsize
    cdef bint narrow = components.itemsize == 4
    cdef const void* x = cnp.PyArray_DATA(image)
    cdef const void* cells = cnp.PyArray_DATA(components)
    cdef const uint8_t* flags = <const uint8_t*> cnp.PyArray_DATA(replaced)
    cdef const void* entries = cnp.PyArray_DATA(values)
    cdef void* target = cnp.PyArray_DATA(output)
    with nogil:
        if itemsize == 1:
            _replace(<const uint8_t*> x, cells, narrow, flags, <const uint8_t*> entries, <uint8_t*> target, size)
        elif itemsize == 2:
            _replace(<const uint16_t*> x, cells, narrow, flags, <const uint16_t*> entries, <uint16_t*> target, size)
        elif itemsize == 4:
            _replace(<const uint32_t*> x, cells, narrow, flags, <const uint32_t*> entries, <uint32_t*> target, size)
        else:
            _replace(<const uint64_t*> x, cells, narrow, flags, <const uint64_t*> entries, <uint64_t*> target, size)
    return output
