"""What labels measure: the Cython wing of `segalgo.labels.measurement`. Works on runs of equal labels, not on cells."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

import itertools

import numpy as np

from segalgo._ext.shared.grid cimport MOST_AXES, Grid, coordinates_of_line, grid_of, line_at
from segalgo._ext.labels.label_runs cimport (
    SEGALGO_PIECE, cell, find_runs_of, segalgo_bits_of_64_flags, segalgo_count_bits, segalgo_find_contacts_uint8_t,
    segalgo_find_contacts_uint16_t, segalgo_find_contacts_uint32_t, segalgo_find_contacts_uint64_t, segalgo_runs,
)
from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted
from segalgo._ext.shared.threads cimport omp_get_max_threads

cnp.import_array()

cdef extern from "labels/label_intensities.h" nogil:
    ctypedef struct segalgo_intensity_kind:
        void (*add)(const void* values, const segalgo_runs* runs, int32_t count, void* table) noexcept nogil
        void (*merge)(const void* table, int64_t row, void* sums, void* lows, void* highs, int first) noexcept nogil
        int64_t record_bytes, value_bytes
    segalgo_intensity_kind segalgo_intensities_of(char kind, int64_t bytes)

cdef extern from "shared/zeroed_memory.h" nogil:
    void* segalgo_zeroed(size_t bytes)
    void segalgo_release_zeroed(void* memory, size_t bytes)

cdef extern from "labels/pair_table.h" nogil:
    ctypedef struct segalgo_pair:
        uint64_t low, high, count
    ctypedef struct segalgo_pair_table:
        segalgo_pair* cells
        uint64_t size, used
        int failed
    void segalgo_pairs_begin(segalgo_pair_table* table)
    void segalgo_pairs_add(segalgo_pair_table* table, uint64_t low, uint64_t high, uint64_t count)

ctypedef fused value:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t
    uint32_t
    int64_t
    uint64_t


# One stripe's tables, zero to begin with, of which only the rows from `least` to `most` are in use: labels numbered
# in raster order touch few pages of them. A record: area, then for each axis the sum of coordinates, the largest
# coordinate + 1, and extent - smallest coordinate, so that zero is the start of every maximum.
cdef struct Stripe:
    int64_t* records
    char* intensities
    int64_t least, most
    bint failed


# Add the runs of a piece of a line. Everything but the records lies in local variables: records are written through a
# pointer to int64, after which a compiler would read all else of that type again.
cdef void _add_runs(const segalgo_runs* runs, int32_t count, int64_t left, const int64_t* at, const Grid* grid,
                    Stripe* stripe) noexcept nogil:
    cdef int64_t axes = grid.ndim - 1, words = 3 * axes + 4, width = grid.width, axis, row, length, first
    cdef int64_t least = stripe.least, most = stripe.most
    cdef int64_t position[MOST_AXES]
    cdef int64_t room[MOST_AXES]
    cdef int64_t* records = stripe.records
    cdef int64_t* record
    cdef int32_t k
    for axis in range(axes):
        position[axis], room[axis] = at[axis], grid.shape[axis] - at[axis]
    for k in range(count):
        row = <int64_t> runs.label[k] - 1
        if row < 0:
            continue
        least, most = min(least, row), max(most, row)
        record = records + row * words
        length = runs.start[k + 1] - runs.start[k]
        first = left + runs.start[k]
        record[0] += length
        record += 1
        for axis in range(axes):
            record[0] += length * position[axis]
            record[1] = max(record[1], position[axis] + 1)
            record[2] = max(record[2], room[axis])
            record += 3
        record[0] += length * first + length * (length - 1) // 2
        record[1] = max(record[1], first + length)
        record[2] = max(record[2], width - first)
    stripe.least, stripe.most = least, most


cdef void _measure_stripe(const void* labels, int64_t itemsize, const char* values, int64_t begin, int64_t end,
                          int64_t rows, const Grid* grid, const segalgo_intensity_kind* kind,
                          Stripe* stripe, Interruption* watch) noexcept nogil:
    cdef int64_t at[MOST_AXES]
    cdef int64_t line, left, n
    cdef int32_t count
    cdef segalgo_runs* runs = <segalgo_runs*> malloc(sizeof(segalgo_runs))
    stripe.least, stripe.most = rows, -1
    stripe.records = <int64_t*> segalgo_zeroed(rows * (3 * grid.ndim + 1) * sizeof(int64_t))
    stripe.intensities = NULL
    if values != NULL:
        stripe.intensities = <char*> segalgo_zeroed(rows * kind.record_bytes)
    stripe.failed = runs == NULL or stripe.records == NULL or (values != NULL and stripe.intensities == NULL)
    if not stripe.failed:
        while begin < end:
            line, left = begin // grid.width, begin % grid.width
            coordinates_of_line(line, grid, at)
            if is_interrupted(watch, min(grid.width, end - begin)):
                break
            while left < grid.width and begin < end:
                n = min(<int64_t> SEGALGO_PIECE, min(grid.width - left, end - begin))
                count = find_runs_of(labels, itemsize, begin, n, runs)
                _add_runs(runs, count, left, at, grid, stripe)
                if values != NULL:
                    kind.add(values + begin * kind.value_bytes, runs, count, stripe.intensities)
                left, begin = left + n, begin + n
    free(runs)


cdef void _merge_row(const Stripe* stripes, int64_t count, int64_t row, const Grid* grid,
                     const segalgo_intensity_kind* kind, int64_t* area, int64_t* box, int64_t* coordinate_sum,
                     char* total, char* low, char* high) noexcept nogil:
    cdef int64_t words = 3 * grid.ndim + 1, axis, s, cells = 0
    cdef const int64_t* record
    box += row * 2 * grid.ndim
    coordinate_sum += row * grid.ndim
    for axis in range(grid.ndim):
        box[axis] = box[grid.ndim + axis] = coordinate_sum[axis] = 0
    for s in range(count):
        if row < stripes[s].least or row > stripes[s].most:
            continue
        record = stripes[s].records + row * words
        if record[0] == 0:
            continue
        if stripes[s].intensities != NULL:
            kind.merge(stripes[s].intensities, row, total, low, high, cells == 0)
        cells += record[0]
        record += 1
        for axis in range(grid.ndim):
            coordinate_sum[axis] += record[0]
            box[grid.ndim + axis] = max(box[grid.ndim + axis], record[1])
            box[axis] = max(box[axis], record[2])
            record += 3
    area[row] = cells
    if cells:
        for axis in range(grid.ndim):
            box[axis] = grid.shape[axis] - box[axis]


def label_statistics(cnp.ndarray labels, cnp.ndarray intensity_image, num_labels, stripes):
    """See `segalgo.label_statistics`. Tables of each stripe, merged in the order of the stripes."""
    cdef Grid grid = grid_of(labels)
    cdef int64_t rows = num_labels, count = stripes, s, row, itemsize = labels.itemsize
    cdef cnp.ndarray area = np.empty(rows, np.int64)
    cdef cnp.ndarray box = np.empty((rows, 2 * labels.ndim), np.int64)
    cdef cnp.ndarray coordinate_sum = np.empty((rows, labels.ndim), np.int64)
    cdef cnp.ndarray total = None, low = None, high = None
    cdef segalgo_intensity_kind kind = segalgo_intensities_of(c"u", 1)
    cdef char* total_at = NULL
    cdef char* low_at = NULL
    cdef char* high_at = NULL
    cdef const char* values = NULL
    if intensity_image is not None:
        floats = intensity_image.dtype.kind == "f"
        kind = segalgo_intensities_of(ord(intensity_image.dtype.kind), intensity_image.itemsize)
        sum_type = np.float64 if floats else np.uint64 if intensity_image.dtype == np.uint64 else np.int64
        total = np.zeros(rows, sum_type)
        low = np.full(rows, np.nan if floats else 0, intensity_image.dtype)
        high = low.copy()
        values = <const char*> cnp.PyArray_DATA(intensity_image)
        total_at = <char*> cnp.PyArray_DATA(total)
        low_at, high_at = <char*> cnp.PyArray_DATA(low), <char*> cnp.PyArray_DATA(high)
    cdef const void* cells = cnp.PyArray_DATA(labels)
    cdef int64_t* area_at = <int64_t*> cnp.PyArray_DATA(area)
    cdef int64_t* box_at = <int64_t*> cnp.PyArray_DATA(box)
    cdef int64_t* sum_at = <int64_t*> cnp.PyArray_DATA(coordinate_sum)
    cdef Interruption watch = NOT_INTERRUPTED
    cdef Stripe* parts = <Stripe*> calloc(count, sizeof(Stripe))
    cdef bint failed = parts == NULL
    if failed:
        raise MemoryError("label_statistics: no memory for the table of stripes")
    with nogil:
        for s in prange(count, schedule="dynamic"):
            _measure_stripe(cells, itemsize, values, grid.size * s // count, grid.size * (s + 1) // count, rows, &grid,
                            &kind, parts + s, &watch)
        for s in range(count):
            failed = failed or parts[s].failed
        if not failed:
            for row in prange(rows, schedule="static"):
                _merge_row(parts, count, row, &grid, &kind, area_at, box_at, sum_at, total_at, low_at, high_at)
        for s in range(count):
            segalgo_release_zeroed(parts[s].records, rows * (3 * grid.ndim + 1) * sizeof(int64_t))
            segalgo_release_zeroed(parts[s].intensities, rows * kind.record_bytes if values != NULL else 0)
        free(parts)
    end_interruption(&watch)
    if failed:
        raise MemoryError("label_statistics: no memory for the tables of the stripes")
    return area, box, coordinate_sum, total, low, high


cdef inline int32_t _find_contacts(const cell* here, const cell* there, int64_t n, bint background, uint8_t* flags,
                                   int32_t* position) noexcept nogil:
    if cell is uint8_t:
        return segalgo_find_contacts_uint8_t(here, there, n, background, flags, position)
    elif cell is uint16_t:
        return segalgo_find_contacts_uint16_t(here, there, n, background, flags, position)
    elif cell is uint32_t:
        return segalgo_find_contacts_uint32_t(here, there, n, background, flags, position)
    else:
        return segalgo_find_contacts_uint64_t(here, there, n, background, flags, position)


# Contacts of n cells with n others, in step. Equal pairs in a row are counted before the table is asked.
cdef void _count_contacts(const cell* here, const cell* there, int64_t n, bint background, segalgo_runs* scratch,
                          segalgo_pair_table* table) noexcept nogil:
    cdef int64_t begin = 0
    cdef int32_t count, k, j
    cdef uint64_t a, b, swap, low = 0, high = 0, seen = 0
    while begin < n:
        count = _find_contacts(here + begin, there + begin, min(<int64_t> SEGALGO_PIECE, n - begin), background,
                               scratch.flags, scratch.start)
        for k in range(count):
            j = scratch.start[k]
            a, b = here[begin + j], there[begin + j]
            swap = max(a, b)
            a = min(a, b)
            if a == low and swap == high:
                seen += 1
            else:
                segalgo_pairs_add(table, low, high, seen)
                low, high, seen = a, swap, 1
        begin += SEGALGO_PIECE
    segalgo_pairs_add(table, low, high, seen)


# Lines begin ... end - 1 against the lines that each offset (ndim numbers) leads to; the first of an offset's numbers
# that is not zero is positive, so no pair of cells is seen twice.
cdef void _contacts_of_lines(const cell* labels, int64_t begin, int64_t end, const int64_t* offsets, int64_t count,
                             bint background, const Grid* grid, segalgo_pair_table* table,
                             Interruption* watch) noexcept nogil:
    cdef int64_t line, other, k, along
    cdef const cell* here
    cdef const cell* there
    cdef segalgo_runs* scratch = <segalgo_runs*> malloc(sizeof(segalgo_runs))
    segalgo_pairs_begin(table)
    if scratch == NULL:
        table.failed = True
        return
    for line in range(begin, end):
        if is_interrupted(watch, 16 * count * grid.width):
            break
        here = labels + line * grid.width
        for k in range(count):
            other = line_at(line, offsets + k * grid.ndim, grid)
            if other < 0:
                continue
            along = offsets[(k + 1) * grid.ndim - 1]
            there = labels + other * grid.width
            if along < 0:
                _count_contacts(here + 1, there, grid.width - 1, background, scratch, table)
            else:
                _count_contacts(here, there + along, grid.width - along, background, scratch, table)
    free(scratch)


def contacts(cnp.ndarray labels, connectivity, bint background):
    """See `segalgo.contacts`. One hash table a thread; their entries are sorted and added up."""
    cdef Grid grid = grid_of(labels)
    zero = (0,) * labels.ndim
    steps = [o for o in itertools.product((-1, 0, 1), repeat=labels.ndim)
             if o > zero and np.count_nonzero(o) <= connectivity]
    cdef cnp.ndarray offsets = np.array(steps, np.int64)
    cdef const int64_t* offsets_at = <const int64_t*> cnp.PyArray_DATA(offsets)
    cdef int64_t count = len(steps), itemsize = labels.itemsize, t, found = 0
    cdef int64_t parts = max(min(<int64_t> omp_get_max_threads(), grid.lines), 1)
    cdef const void* cells = cnp.PyArray_DATA(labels)
    cdef Interruption watch = NOT_INTERRUPTED
    cdef segalgo_pair_table* tables = <segalgo_pair_table*> calloc(parts, sizeof(segalgo_pair_table))
    cdef bint failed = tables == NULL
    if failed:
        raise MemoryError("contacts: no memory for the tables")
    for t in prange(parts, nogil=True, schedule="static"):
        if itemsize == 1:
            _contacts_of_lines(<const uint8_t*> cells, grid.lines * t // parts, grid.lines * (t + 1) // parts,
                               offsets_at, count, background, &grid, tables + t, &watch)
        elif itemsize == 2:
            _contacts_of_lines(<const uint16_t*> cells, grid.lines * t // parts, grid.lines * (t + 1) // parts,
                               offsets_at, count, background, &grid, tables + t, &watch)
        elif itemsize == 4:
            _contacts_of_lines(<const uint32_t*> cells, grid.lines * t // parts, grid.lines * (t + 1) // parts,
                               offsets_at, count, background, &grid, tables + t, &watch)
        else:
            _contacts_of_lines(<const uint64_t*> cells, grid.lines * t // parts, grid.lines * (t + 1) // parts,
                               offsets_at, count, background, &grid, tables + t, &watch)
    for t in range(parts):
        failed = failed or tables[t].failed
        found += tables[t].used
    cdef cnp.ndarray entries = np.empty((3, 0 if failed else found), np.uint64)
    cdef uint64_t* low = <uint64_t*> cnp.PyArray_DATA(entries)
    cdef uint64_t* high = low + found
    cdef uint64_t* number = high + found
    cdef int64_t at = 0
    cdef uint64_t j
    for t in range(parts):
        if not failed:
            for j in range(tables[t].size):
                if tables[t].cells[j].count:
                    low[at], high[at] = tables[t].cells[j].low, tables[t].cells[j].high
                    number[at] = tables[t].cells[j].count
                    at += 1
        free(tables[t].cells)
    free(tables)
    end_interruption(&watch)
    if failed:
        raise MemoryError("contacts: no memory for the tables of pairs")
    entries = entries[:, np.lexsort((entries[1], entries[0]))]
    new = np.ones(found, bool)
    new[1:] = (entries[:2, 1:] != entries[:2, :-1]).any(axis=0)
    starts = np.flatnonzero(new)
    counts = np.add.reduceat(entries[2], starts) if found else entries[2]
    return np.ascontiguousarray(entries[:2, starts].T.astype(labels.dtype)), counts.astype(np.int64)


# Bits of a line, 64 cells a word: bit set where the cell is above 0.
cdef void _pack_line(const value* x, int64_t width, uint64_t* bits) noexcept nogil:
    cdef uint8_t flags[64]
    cdef int64_t j, k, n
    for j in range(0, width, 64):
        n = min(<int64_t> 64, width - j)
        if n == 64:
            for k in range(64):
                flags[k] = x[j + k] > 0
        else:
            memset(flags, 0, 64)
            for k in range(n):
                flags[k] = x[j + k] > 0
        bits[j // 64] = segalgo_bits_of_64_flags(flags)


cdef void _pack(const value* x, const Grid* grid, uint64_t* bits) noexcept nogil:
    cdef int64_t line, words = (grid.width + 63) // 64
    for line in prange(grid.lines, schedule="static"):
        _pack_line(x + line * grid.width, grid.width, bits + line * words)


# The signed number of runs at one position of the lines' grid, whose axes reach one beyond the image. With the last
# axis in or out of S (see the reference), pixels minus pairs of neighbours is the number of runs of a line of bits;
# the lines of a subset of the other axes are joined by `and` (open set) or by `or` (closed set).
cdef int64_t _runs_at(const uint64_t* bits, int64_t position, bint full, const Grid* grid, const uint64_t** lines,
                      const uint64_t* empty) noexcept nogil:
    cdef int64_t words = (grid.width + 63) // 64, outer = grid.ndim - 1
    cdef int64_t axis, line, step, w, subset, m, corners = <int64_t> 1 << outer, total = 0, found, sign
    cdef int64_t at[MOST_AXES]
    cdef uint64_t word, carry
    cdef bint inside, any_inside
    for axis in range(outer - 1, -1, -1):
        at[axis] = position % (grid.shape[axis] + 1)
        position = position // (grid.shape[axis] + 1)
    for m in range(corners):
        line, step, inside = 0, 1, True
        for axis in range(outer - 1, -1, -1):
            w = at[axis] - (m >> axis & 1)
            inside = inside and 0 <= w < grid.shape[axis]
            line += w * step
            step *= grid.shape[axis]
        lines[m] = bits + line * words if inside else empty
    for subset in range(corners):
        found, sign, carry, any_inside = 0, 1, 0, full
        for axis in range(outer):
            if subset >> axis & 1:
                sign = -sign
        if full and outer & 1:
            sign = -sign
        if full:
            any_inside = False
            for m in range(corners):
                any_inside = any_inside or (m & subset == m and lines[m] != empty)
        else:
            any_inside = True
            for m in range(corners):
                any_inside = any_inside and (m & subset != m or lines[m] != empty)
        if not any_inside:
            continue
        for w in range(words):
            word = lines[0][w]
            for m in range(1, subset + 1):
                if m & subset == m:
                    word = word | lines[m][w] if full else word & lines[m][w]
            found += segalgo_count_bits(word & ~(word << 1 | carry))
            carry = word >> 63
        total += sign * found
    return total


cdef int64_t _runs_of_part(const uint64_t* bits, int64_t begin, int64_t end, bint full, const Grid* grid,
                           const uint64_t* empty, Interruption* watch) noexcept nogil:
    cdef int64_t position, total = 0
    cdef const uint64_t** lines = <const uint64_t**> malloc((<int64_t> 1 << (grid.ndim - 1)) * sizeof(uint64_t*))
    if lines == NULL:
        return 0
    for position in range(begin, end):
        if is_interrupted(watch, grid.width << grid.ndim):
            break
        total += _runs_at(bits, position, full, grid, lines, empty)
    free(lines)
    return total


def euler_number(cnp.ndarray image, bint full):
    """See `segalgo.euler_number`. Packs the image into bits, then counts runs in joined lines."""
    cdef Grid grid = grid_of(image)
    cdef cnp.ndarray scratch = np.zeros((grid.lines + 1, (grid.width + 63) // 64), np.uint64)
    cdef uint64_t* bits = <uint64_t*> cnp.PyArray_DATA(scratch)
    cdef const uint64_t* empty = bits + grid.lines * scratch.shape[1]
    cdef const void* cells = cnp.PyArray_DATA(image)
    cdef int code = image.itemsize * 2 + (image.dtype.kind == "i")
    cdef Interruption watch = NOT_INTERRUPTED
    cdef int64_t positions = 1, parts = omp_get_max_threads(), total = 0, t
    for axis in range(grid.ndim - 1):
        positions *= grid.shape[axis] + 1
    with nogil:
        if code == 2:
            _pack(<const uint8_t*> cells, &grid, bits)
        elif code == 3:
            _pack(<const int8_t*> cells, &grid, bits)
        elif code == 4:
            _pack(<const uint16_t*> cells, &grid, bits)
        elif code == 5:
            _pack(<const int16_t*> cells, &grid, bits)
        elif code == 8:
            _pack(<const uint32_t*> cells, &grid, bits)
        elif code == 9:
            _pack(<const int32_t*> cells, &grid, bits)
        elif code == 16:
            _pack(<const uint64_t*> cells, &grid, bits)
        else:
            _pack(<const int64_t*> cells, &grid, bits)
        for t in prange(parts, schedule="static"):
            total += _runs_of_part(
                bits, positions * t // parts, positions * (t + 1) // parts, full, &grid, empty, &watch)
    end_interruption(&watch)
    return total
