"""Connected components: the Cython wing of `segalgo.labeling`.

Runs, not pixels: rows become bits, runs of a row that touch runs of a neighbouring row are joined by union-find over
run numbers, and each run's label is written in one stroke. Stripes of rows go to threads and meet in a short serial
phase. Scratch: 1/8 byte a pixel (3/8 with several values), 8 a row, 4 a run (8 beyond 2**31 runs).
"""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from segalgo._ext.threads cimport omp_get_max_threads

from itertools import product

import numpy as np

cnp.import_array()

cdef extern from "labeling_index.h" nogil:
    uint64_t bits_pack(const uint8_t* flags)
    int64_t bits_count_runs(const uint64_t* fore, int64_t words)
    int64_t bits_count_all(const uint64_t* bits, int64_t words)
    bint bits_get(const uint64_t* bits, int64_t place)
    ctypedef struct runs32_Touch:
        pass
    ctypedef struct runs64_Touch:
        pass
    int64_t runs32_touch_binary(int32_t*, const uint64_t*, int32_t, const uint64_t*, int32_t, int64_t, bint, bint, runs32_Touch*)
    int64_t runs64_touch_binary(int64_t*, const uint64_t*, int64_t, const uint64_t*, int64_t, int64_t, bint, bint, runs64_Touch*)
    int64_t runs32_touch_marked(int32_t*, const uint64_t*, int32_t, const uint64_t*, int32_t, const uint64_t*,
                                const uint64_t*, const uint64_t*, int64_t, bint, runs32_Touch*)
    int64_t runs64_touch_marked(int64_t*, const uint64_t*, int64_t, const uint64_t*, int64_t, const uint64_t*,
                                const uint64_t*, const uint64_t*, int64_t, bint, runs64_Touch*)
    int64_t runs32_touch(int32_t*, int32_t, int32_t, runs32_Touch*, int64_t, bint)
    int64_t runs64_touch(int64_t*, int64_t, int64_t, runs64_Touch*, int64_t, bint)
    void runs32_join_all(int32_t*, const runs32_Touch*, int64_t)
    void runs64_join_all(int64_t*, const runs64_Touch*, int64_t)
    void runs32_start(int32_t*, int64_t, int64_t)
    void runs64_start(int64_t*, int64_t, int64_t)
    int64_t runs32_link_all(int32_t*, const runs32_Touch*, int64_t, const int64_t*, int64_t, int32_t*, int64_t)
    int64_t runs64_link_all(int64_t*, const runs64_Touch*, int64_t, const int64_t*, int64_t, int64_t*, int64_t)
    int64_t runs32_count_roots(const int32_t*, int64_t, int64_t)
    int64_t runs64_count_roots(const int64_t*, int64_t, int64_t)
    void runs32_number(int32_t*, int64_t, int64_t, int64_t)
    void runs64_number(int64_t*, int64_t, int64_t, int64_t)
    void runs32_settle(int32_t*, const int32_t*, int64_t)
    void runs64_settle(int64_t*, const int64_t*, int64_t)
    void runs32_label_runs(int32_t*, int64_t, int64_t)
    void runs64_label_runs(int64_t*, int64_t, int64_t)
    void runs32_write_row(const int32_t*, const uint64_t*, const uint64_t*, int64_t, void*, bint)
    void runs64_write_row(const int64_t*, const uint64_t*, const uint64_t*, int64_t, void*, bint)

cdef enum:
    MOST_AXES = 16
    # Pixels that are worth a thread, and stripes a thread, so that a busy corner of the image is shared.
    LEAST_PIXELS = 65536
    STRIPES = 4
    LARGEST_RUN = 2147483647 - 128

ctypedef fused number:
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t
    float
    double


cdef struct Rule:
    # Which pixels are background, and which neighbours are joined. `background` points at one pixel value or is NULL.
    const void* background
    bint equal
    uint64_t delta
    double wide_delta


# fore: bits of the foreground of a row; true if a foreground pixel is not `value`, which the first pixel found sets.
ctypedef bint (*ForeRow)(const void*, int64_t, const Rule*, void*, int*, uint64_t*) noexcept nogil
# mark: bits of the columns p, from `skip` on, where a[p] and b[p] are joined.
ctypedef void (*MarkRow)(const void*, const void*, int64_t, int64_t, const Rule*, uint64_t*) noexcept nogil


cdef struct Work:
    int64_t rows, width, words, stripes, itemsize
    bint binary, wide
    const char* image
    const Rule* rule
    MarkRow mark
    uint64_t* fore
    uint64_t* start     # NULL for a binary image
    int64_t* first      # first[r]: the number of row r's first run; first[rows]: how many runs there are
    void* parent        # one entry before and eight behind the runs are allocated too
    # Axes but the last, and the neighbouring rows in half of the neighbourhood: steps, and whether diagonals count.
    int axes, neighbours
    int64_t shape[MOST_AXES]
    bint wrap[MOST_AXES]
    bint wrap_row
    const int64_t* steps
    const uint8_t* diagonal


cdef bint _fore_row(const number* row, int64_t width, const Rule* rule, number* value, int* known,
                    uint64_t* fore) noexcept nogil:
    cdef uint8_t[64] flags
    cdef uint8_t odd = 0, f
    cdef int64_t j, p, last
    cdef number background = 0
    if rule.background != NULL:
        background = (<const number*> rule.background)[0]
    for j in range(0, width, 64):
        if width - j >= 64 and rule.background != NULL:
            for p in range(64):
                f = row[j + p] != background
                flags[p] = f
                odd |= f & (row[j + p] != value[0])
        else:
            last = min(64, width - j)
            for p in range(64):
                flags[p] = 0
            for p in range(last):
                f = rule.background == NULL or row[j + p] != background
                flags[p] = f
                odd |= f & (row[j + p] != value[0])
        fore[j >> 6] = bits_pack(flags)
    if not odd or known[0]:
        return odd
    # The first foreground pixel of all: it fixes the value that the others should have.
    for j in range(width):
        if bits_get(fore, j):
            value[0] = row[j]
            known[0] = True
            break
    return _fore_row(row, width, rule, value, known, fore)


cdef inline bint _close(number a, number b, const Rule* rule) noexcept nogil:
    # The larger minus the smaller: unsigned 64 bits hold every difference of integers. Equal infinities are close.
    if number is float or number is double:
        return a == b or (<double> a - <double> b if a > b else <double> b - <double> a) <= rule.wide_delta
    else:
        return (<uint64_t> a - <uint64_t> b if a > b else <uint64_t> b - <uint64_t> a) <= rule.delta


cdef void _mark_row(const number* a, const number* b, int64_t width, int64_t skip, const Rule* rule,
                    uint64_t* marks) noexcept nogil:
    cdef uint8_t[64] flags
    cdef int64_t j, p, first, last
    for j in range(0, width, 64):
        first, last = skip if j == 0 else 0, min(64, width - j)
        if rule.equal and first == 0 and last == 64:
            for p in range(64):
                flags[p] = a[j + p] == b[j + p]
        elif first == 0 and last == 64:
            for p in range(64):
                flags[p] = _close(a[j + p], b[j + p], rule)
        else:
            for p in range(64):
                flags[p] = 0
            for p in range(first, last):
                flags[p] = _close(a[j + p], b[j + p], rule)
        marks[j >> 6] = bits_pack(flags)


cdef int _choose(str name, ForeRow* fore, MarkRow* mark) except -1:
    if name == "uint8":
        fore[0], mark[0] = <ForeRow> _fore_row[uint8_t], <MarkRow> _mark_row[uint8_t]
    elif name == "int8":
        fore[0], mark[0] = <ForeRow> _fore_row[int8_t], <MarkRow> _mark_row[int8_t]
    elif name == "uint16":
        fore[0], mark[0] = <ForeRow> _fore_row[uint16_t], <MarkRow> _mark_row[uint16_t]
    elif name == "int16":
        fore[0], mark[0] = <ForeRow> _fore_row[int16_t], <MarkRow> _mark_row[int16_t]
    elif name == "uint32":
        fore[0], mark[0] = <ForeRow> _fore_row[uint32_t], <MarkRow> _mark_row[uint32_t]
    elif name == "int32":
        fore[0], mark[0] = <ForeRow> _fore_row[int32_t], <MarkRow> _mark_row[int32_t]
    elif name == "uint64":
        fore[0], mark[0] = <ForeRow> _fore_row[uint64_t], <MarkRow> _mark_row[uint64_t]
    elif name == "int64":
        fore[0], mark[0] = <ForeRow> _fore_row[int64_t], <MarkRow> _mark_row[int64_t]
    elif name == "float32":
        fore[0], mark[0] = <ForeRow> _fore_row[float], <MarkRow> _mark_row[float]
    elif name == "float64":
        fore[0], mark[0] = <ForeRow> _fore_row[double], <MarkRow> _mark_row[double]
    else:
        raise TypeError(f"label: no kernel for pixels of dtype {name}")
    return 0


cdef inline int64_t _stripe_start(const Work* w, int64_t stripe) noexcept nogil:
    return w.rows * stripe // w.stripes


# Rows of one stripe to bits of the foreground. Returns whether there are several foreground values; `value` (8 bytes)
# and `known` tell the one value otherwise. first[r + 1] receives the number of runs, as of a binary image.
cdef bint _pack_stripe(const Work* w, ForeRow fore_row, int64_t stripe, void* value, int* known) noexcept nogil:
    cdef int64_t r
    cdef bint odd = False
    for r in range(_stripe_start(w, stripe), _stripe_start(w, stripe + 1)):
        odd |= fore_row(w.image + r * w.width * w.itemsize, w.width, w.rule, value, known, w.fore + r * w.words)
        w.first[r + 1] = bits_count_runs(w.fore + r * w.words, w.words)
    return odd


# Starts of runs where there are several values: foreground that is not joined with the pixel before.
cdef void _start_stripe(const Work* w, int64_t stripe) noexcept nogil:
    cdef int64_t r, k
    cdef uint64_t before
    cdef uint64_t* start
    cdef const uint64_t* fore
    cdef const char* row
    for r in range(_stripe_start(w, stripe), _stripe_start(w, stripe + 1)):
        start, fore = w.start + r * w.words, w.fore + r * w.words
        row = w.image + r * w.width * w.itemsize
        w.mark(row - w.itemsize, row, w.width, 1, w.rule, start)
        before = 0
        for k in range(w.words):
            start[k] = fore[k] & ~(start[k] & (fore[k] << 1 | before))
            before = fore[k] >> 63
        w.first[r + 1] = bits_count_all(start, w.words)


# Touches of rows a and b; a row of marks for each of three directions lies in `marks`.
cdef int64_t _touch_rows(const Work* w, int64_t a, int64_t b, bint diagonal, bint all, uint64_t* marks,
                         void* touches) noexcept nogil:
    cdef const uint64_t* fore_a = w.fore + a * w.words
    cdef const uint64_t* fore_b = w.fore + b * w.words
    cdef const char* row_a = w.image + a * w.width * w.itemsize
    cdef const char* row_b = w.image + b * w.width * w.itemsize
    cdef uint64_t* left = NULL
    cdef uint64_t* right = NULL
    cdef uint64_t before_a = 0, before_b = 0
    cdef int64_t k
    if w.binary:
        if w.wide:
            return runs64_touch_binary(<int64_t*> w.parent, fore_a, w.first[a], fore_b, w.first[b], w.words, diagonal,
                                       all, <runs64_Touch*> touches)
        return runs32_touch_binary(<int32_t*> w.parent, fore_a, <int32_t> w.first[a], fore_b, <int32_t> w.first[b],
                                   w.words, diagonal, all, <runs32_Touch*> touches)
    w.mark(row_a, row_b, w.width, 0, w.rule, marks)
    for k in range(w.words):
        marks[k] &= fore_a[k] & fore_b[k]
    if diagonal:
        left, right = marks + w.words, marks + 2 * w.words
        w.mark(row_a - w.itemsize, row_b, w.width, 1, w.rule, left)
        w.mark(row_a, row_b - w.itemsize, w.width, 1, w.rule, right)
        for k in range(w.words):
            left[k] &= fore_b[k] & (fore_a[k] << 1 | before_a)
            right[k] &= fore_a[k] & (fore_b[k] << 1 | before_b)
            before_a, before_b = fore_a[k] >> 63, fore_b[k] >> 63
    if w.wide:
        return runs64_touch_marked(<int64_t*> w.parent, w.start + a * w.words, w.first[a], w.start + b * w.words,
                                   w.first[b], marks, left, right, w.words, all, <runs64_Touch*> touches)
    return runs32_touch_marked(<int32_t*> w.parent, w.start + a * w.words, <int32_t> w.first[a],
                               w.start + b * w.words, <int32_t> w.first[b], marks, left, right, w.words, all,
                               <runs32_Touch*> touches)


cdef inline void _place_of(const Work* w, int64_t row, int64_t* at) noexcept nogil:
    cdef int axis
    for axis in range(w.axes - 1, -1, -1):
        at[axis] = row % w.shape[axis]
        row //= w.shape[axis]


cdef inline void _next_place(const Work* w, int64_t* at) noexcept nogil:
    cdef int axis = w.axes - 1
    while axis >= 0:
        at[axis] += 1
        if at[axis] < w.shape[axis]:
            return
        at[axis] = 0
        axis -= 1


# The row that lies step n from the row at `at`; -1 beyond a border that does not wrap.
cdef inline int64_t _neighbour(const Work* w, const int64_t* at, int n) noexcept nogil:
    cdef int64_t row = 0, place
    cdef int axis
    for axis in range(w.axes):
        place = at[axis] + w.steps[n * w.axes + axis]
        if place < 0 or place >= w.shape[axis]:
            if not w.wrap[axis]:
                return -1
            place = w.shape[axis] - 1 if place < 0 else 0
        row = row * w.shape[axis] + place
    return row


cdef void* _row_scratch(const Work* w) noexcept nogil:
    # Three rows of marks, then at most three touches a column.
    return malloc(3 * 8 * w.words + 3 * 64 * w.words * (16 if w.wide else 8))


# Join runs inside one stripe. Returns false without memory.
cdef bint _join_stripe(const Work* w, int64_t stripe) noexcept nogil:
    cdef int64_t[MOST_AXES] at
    cdef int64_t r, a, count
    cdef int64_t begin = _stripe_start(w, stripe), end = _stripe_start(w, stripe + 1)
    cdef int n
    cdef uint64_t* marks = <uint64_t*> _row_scratch(w)
    if marks == NULL:
        return False
    cdef void* touches = marks + 3 * w.words
    _place_of(w, begin, at)
    for r in range(begin, end):
        if w.wide:
            runs64_start(<int64_t*> w.parent, w.first[r], w.first[r + 1])
        else:
            runs32_start(<int32_t*> w.parent, w.first[r], w.first[r + 1])
        for n in range(w.neighbours):
            a = _neighbour(w, at, n)
            if a < begin or a >= r or w.first[a] == w.first[a + 1] or w.first[r] == w.first[r + 1]:
                continue
            count = _touch_rows(w, a, r, w.diagonal[n], False, marks, touches)
            if w.wide:
                runs64_join_all(<int64_t*> w.parent, <runs64_Touch*> touches, count)
            else:
                runs32_join_all(<int32_t*> w.parent, <runs32_Touch*> touches, count)
        _next_place(w, at)
    free(marks)
    return True


cdef struct Linked:
    void* roots
    int64_t length, room


cdef bint _link(const Work* w, void* touches, int64_t count, const int64_t* firsts, Linked* linked) noexcept nogil:
    cdef void* roots
    if linked.length + count > linked.room:
        linked.room = 2 * (linked.length + count) + 64
        roots = realloc(linked.roots, linked.room * (8 if w.wide else 4))
        if roots == NULL:
            return False
        linked.roots = roots
    if w.wide:
        linked.length = runs64_link_all(<int64_t*> w.parent, <runs64_Touch*> touches, count, firsts, w.stripes,
                                        <int64_t*> linked.roots, linked.length)
    else:
        linked.length = runs32_link_all(<int32_t*> w.parent, <runs32_Touch*> touches, count, firsts, w.stripes,
                                        <int32_t*> linked.roots, linked.length)
    return True


# The touch of the first pixel of row a with the last of row b, which an image that wraps along its rows has.
cdef int64_t _touch_ends(const Work* w, int64_t a, int64_t b, uint64_t* marks, int64_t count,
                         void* touches) noexcept nogil:
    cdef int64_t last = w.width - 1
    if not bits_get(w.fore + a * w.words, 0) or not bits_get(w.fore + b * w.words, last):
        return count
    w.mark(w.image + a * w.width * w.itemsize, w.image + (b * w.width + last) * w.itemsize, 1, 0, w.rule, marks)
    if not marks[0]:
        return count
    if w.wide:
        return runs64_touch(<int64_t*> w.parent, w.first[a], w.first[b + 1] - 1, <runs64_Touch*> touches, count, True)
    return runs32_touch(<int32_t*> w.parent, <int32_t> w.first[a], <int32_t> (w.first[b + 1] - 1),
                        <runs32_Touch*> touches, count, True)


# Where stripes meet and where the image wraps. Serial; returns false without memory.
cdef bint _join_seams(const Work* w, const int64_t* firsts, Linked* linked) noexcept nogil:
    cdef int64_t[MOST_AXES] at
    cdef int64_t r, a, stripe, count
    cdef int n
    cdef bint fits = True
    cdef uint64_t* marks = <uint64_t*> _row_scratch(w)
    if marks == NULL:
        return False
    cdef void* touches = marks + 3 * w.words
    for stripe in range(w.stripes):
        _place_of(w, _stripe_start(w, stripe), at)
        for r in range(_stripe_start(w, stripe), _stripe_start(w, stripe + 1)):
            for n in range(w.neighbours):
                a = _neighbour(w, at, n)
                if a < 0:
                    continue
                count = 0
                if a < _stripe_start(w, stripe) or a > r:
                    count = _touch_rows(w, a, r, w.diagonal[n], True, marks, touches)
                    fits = fits and _link(w, touches, count, firsts, linked)
                if w.wrap_row and w.diagonal[n]:
                    count = _touch_ends(w, a, r, marks, 0, touches)
                    count = _touch_ends(w, r, a, marks, count, touches)
                    fits = fits and _link(w, touches, count, firsts, linked)
            if w.wrap_row:
                count = _touch_ends(w, r, r, marks, 0, touches)
                fits = fits and _link(w, touches, count, firsts, linked)
            _next_place(w, at)
    free(marks)
    return fits


cdef void _write_stripe(const Work* w, int64_t stripe, char* labels, bint wide_labels) noexcept nogil:
    cdef int64_t r
    cdef const uint64_t* start = NULL
    cdef char* target
    for r in range(_stripe_start(w, stripe), _stripe_start(w, stripe + 1)):
        if not w.binary:
            start = w.start + r * w.words
        target = labels + r * w.width * (8 if wide_labels else 4)
        if w.wide:
            runs64_label_runs(<int64_t*> w.parent, w.first[r], w.first[r + 1])
            runs64_write_row(<int64_t*> w.parent + w.first[r] - 1, w.fore + r * w.words, start, w.width, target,
                             wide_labels)
        else:
            runs32_label_runs(<int32_t*> w.parent, w.first[r], w.first[r + 1])
            runs32_write_row(<int32_t*> w.parent + w.first[r] - 1, w.fore + r * w.words, start, w.width, target,
                             wide_labels)


cdef void _first_runs(const Work* w) noexcept nogil:
    cdef int64_t r
    w.first[0] = 0
    for r in range(w.rows):
        w.first[r + 1] += w.first[r]


def needs_64_bits(runs):
    """Return whether so many runs are numbered in 64 bits."""
    return runs > LARGEST_RUN


def label(cnp.ndarray image, background, int connectivity, wrap, delta, out):
    """See `segalgo.label`."""
    return _label(image, background, connectivity, wrap, delta, out, False)


def _label(cnp.ndarray image, background, int connectivity, wrap, delta, out, bint wide):
    """Label with 64-bit run numbers if `wide`, or if there are too many runs for 32 bits."""
    if image.size == 0:
        return (np.zeros((<object> image).shape, np.int32) if out is None else out), 0
    cdef Work w
    cdef Rule rule
    cdef ForeRow fore_row
    cdef Linked linked
    cdef int axis
    cdef int64_t s, count = 0, threads
    _choose(image.dtype.name, &fore_row, &w.mark)
    shape, dtype = (<object> image).shape, image.dtype
    cdef cnp.ndarray value = np.array(0 if background is None else background, dtype)
    rule.background = NULL if background is None else cnp.PyArray_DATA(value)
    rule.equal = delta == 0
    rule.delta = 0 if dtype.kind == "f" else delta
    rule.wide_delta = delta

    w.axes = image.ndim - 1
    w.width, w.itemsize = shape[w.axes], dtype.itemsize
    w.rows, w.words = image.size // w.width, (w.width + 63) // 64
    w.image, w.rule = <const char*> cnp.PyArray_DATA(image), &rule
    for axis in range(w.axes):
        w.shape[axis], w.wrap[axis] = shape[axis], wrap[axis]
    w.wrap_row = wrap[w.axes]
    zero = (0,) * w.axes
    rows = [step for step in product((-1, 0, 1), repeat=w.axes) if step < zero and sum(map(abs, step)) <= connectivity]
    w.neighbours = len(rows)
    cdef cnp.ndarray steps = np.array(rows, np.int64)
    cdef cnp.ndarray diagonal = np.array([sum(map(abs, step)) < connectivity for step in rows], np.uint8)
    w.steps, w.diagonal = <const int64_t*> cnp.PyArray_DATA(steps), <const uint8_t*> cnp.PyArray_DATA(diagonal)

    threads = max(1, min(<int64_t> omp_get_max_threads(), image.size // LEAST_PIXELS, w.rows // 2))
    w.stripes = 1 if threads == 1 else max(1, min(threads * STRIPES, w.rows // 2))
    cdef cnp.ndarray fore = np.empty(w.rows * w.words, np.uint64), start
    cdef cnp.ndarray first = np.empty(w.rows + 1, np.int64)
    w.fore, w.first, w.start = <uint64_t*> cnp.PyArray_DATA(fore), <int64_t*> cnp.PyArray_DATA(first), NULL
    # What each stripe reports: whether it has several values (later: no memory), whether it has any, the one value.
    cdef cnp.ndarray report = np.zeros((2, w.stripes), np.intc), values = np.zeros(w.stripes, dtype)
    cdef cnp.ndarray counts = np.zeros((2, w.stripes), np.int64)
    cdef int* several = <int*> cnp.PyArray_DATA(report)
    cdef int* known = several + w.stripes
    cdef int64_t* roots = <int64_t*> cnp.PyArray_DATA(counts)
    cdef int64_t* firsts = roots + w.stripes
    cdef char* value_of = <char*> cnp.PyArray_DATA(values)
    for s in prange(w.stripes, schedule="dynamic", num_threads=threads, nogil=True):
        several[s] = _pack_stripe(&w, fore_row, s, value_of + s * w.itemsize, known + s)
    found = values[report[1] != 0]
    w.binary = not report[0].any() and (found == found[:1]).all()
    if not w.binary:
        start = np.empty(w.rows * w.words, np.uint64)
        w.start = <uint64_t*> cnp.PyArray_DATA(start)
        for s in prange(w.stripes, schedule="dynamic", num_threads=threads, nogil=True):
            _start_stripe(&w, s)
    _first_runs(&w)

    cdef int64_t runs = w.first[w.rows]
    w.wide = wide or needs_64_bits(runs)
    cdef cnp.ndarray parent = np.empty(runs + 9, np.int64 if w.wide else np.int32)
    w.parent = <char*> cnp.PyArray_DATA(parent) + (8 if w.wide else 4)
    for s in range(w.stripes):
        firsts[s] = w.first[_stripe_start(&w, s)]
    linked.roots, linked.length, linked.room = NULL, 0, 0
    for s in prange(w.stripes, schedule="dynamic", num_threads=threads, nogil=True):
        several[s] = not _join_stripe(&w, s)
    cdef bint fits = not report[0].any()
    try:
        if fits and (w.stripes > 1 or any(wrap)):
            with nogil:
                fits = _join_seams(&w, firsts, &linked)
        if not fits:
            raise MemoryError("label: no memory for the touches of two rows")
        count = _number(&w, firsts, roots, threads, &linked)
    finally:
        free(linked.roots)
    if out is None:
        out = np.empty(shape, np.int32 if count <= 2147483647 else np.int64)
    elif count > np.iinfo(out.dtype).max:
        return out, count  # the door refuses it
    cdef char* labels = <char*> cnp.PyArray_DATA(out)
    cdef bint wide_labels = out.dtype.itemsize == 8
    for s in prange(w.stripes, schedule="dynamic", num_threads=threads, nogil=True):
        _write_stripe(&w, s, labels, wide_labels)
    return out, count


# Number the roots of all stripes in order; returns how many there are.
cdef int64_t _number(const Work* w, const int64_t* firsts, int64_t* roots, int threads, Linked* linked) noexcept:
    cdef int64_t s, count = 0, before
    for s in prange(w.stripes, schedule="static", num_threads=threads, nogil=True):
        if w.wide:
            roots[s] = runs64_count_roots(<int64_t*> w.parent, firsts[s], w.first[_stripe_start(w, s + 1)])
        else:
            roots[s] = runs32_count_roots(<int32_t*> w.parent, firsts[s], w.first[_stripe_start(w, s + 1)])
    for s in range(w.stripes):
        before = count
        count += roots[s]
        roots[s] = before
    for s in prange(w.stripes, schedule="static", num_threads=threads, nogil=True):
        if w.wide:
            runs64_number(<int64_t*> w.parent, firsts[s], w.first[_stripe_start(w, s + 1)], roots[s])
        else:
            runs32_number(<int32_t*> w.parent, firsts[s], w.first[_stripe_start(w, s + 1)], roots[s])
    if w.wide:
        runs64_settle(<int64_t*> w.parent, <int64_t*> linked.roots, linked.length)
    else:
        runs32_settle(<int32_t*> w.parent, <int32_t*> linked.roots, linked.length)
    return count


def same_partition(cnp.ndarray a, cnp.ndarray b):
    """See `segalgo.same_partition`. The renaming and its inverse as tables, filled pixel by pixel."""
    if a.size == 0:
        return -1
    cdef cnp.ndarray code_a, code_b
    code_a, count_a = _dense(a)
    code_b, count_b = _dense(b)
    cdef cnp.ndarray forth = np.full(count_a, -1, np.int64), back = np.full(count_b, -1, np.int64)
    cdef const int64_t* left = <const int64_t*> cnp.PyArray_DATA(code_a)
    cdef const int64_t* right = <const int64_t*> cnp.PyArray_DATA(code_b)
    cdef int64_t* to_b = <int64_t*> cnp.PyArray_DATA(forth)
    cdef int64_t* to_a = <int64_t*> cnp.PyArray_DATA(back)
    cdef int64_t size = a.size, fault
    with nogil:
        fault = _first_fault(left, right, size, to_b, to_a)
    return fault


cdef int64_t _first_fault(const int64_t* a, const int64_t* b, int64_t size, int64_t* to_b, int64_t* to_a) noexcept nogil:
    cdef int64_t k
    to_b[0] = to_a[0] = 0
    for k in range(size):
        if to_b[a[k]] == b[k] and to_a[b[k]] == a[k]:
            continue
        if to_b[a[k]] >= 0 or to_a[b[k]] >= 0:
            return k
        to_b[a[k]], to_a[b[k]] = b[k], a[k]
    return -1


def _dense(labels):
    """Return the labels renamed to 0, 1, ... (int64), 0 kept, and how many names there may be."""
    if 0 <= int(labels.min()) and int(labels.max()) <= 2 * labels.size:
        return labels.astype(np.int64, copy=False), int(labels.max()) + 1
    values, code = np.unique(labels, return_inverse=True)
    # Zero gets code 0; the others keep their order behind it.
    return np.where(labels == 0, 0, code.reshape(-1) + 1), values.size + 1
