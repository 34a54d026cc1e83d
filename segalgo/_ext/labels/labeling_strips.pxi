# Strips of rows: their runs, how they touch, stripes of them for threads, and where stripes meet. Included by
# labeling.pyx.

cdef struct Work:
    # The image is a stack of planes of `height` rows; a strip is `tall` (1 or 2) rows of one plane.
    int64_t rows, height, width, words, strips, tall, stripes, itemsize
    bint binary, wide
    const char* image
    const Rule* rule
    MarkRow mark
    uint64_t* fore      # bits of each row
    uint64_t* runs      # bits of each strip: fore itself where strips are rows
    uint64_t* start     # bits of each row, the first pixels of runs; NULL for a binary image
    int64_t* first      # first[r]: the number of strip r's first run; first[strips]: how many runs there are
    void* parent        # one entry before and eight behind the runs are allocated too
    # Axes of strips, and the neighbouring strips in half of the neighbourhood: steps, and whether diagonals count.
    int axes, neighbours
    int64_t shape[MOST_AXES]
    bint wrap[MOST_AXES]
    bint wrap_row
    const int64_t* steps
    const uint8_t* diagonal
    Interruption* watch


cdef inline int64_t _stripe_start(const Work* w, int64_t stripe) noexcept nogil:
    return w.strips * stripe // w.stripes


cdef void _set_strips(Work* w, int64_t tall) noexcept nogil:
    cdef int64_t strips = (w.height + tall - 1) // tall
    w.tall = tall
    w.strips = w.rows // w.height * strips
    if w.axes:
        w.shape[w.axes - 1] = strips


cdef inline int64_t _top(const Work* w, int64_t strip) noexcept nogil:
    if w.tall == 1:
        return strip
    cdef int64_t strips = (w.height + 1) // 2
    return strip // strips * w.height + strip % strips * 2


# The last row of a strip: the first one again at the end of a plane of odd height.
cdef inline int64_t _bottom(const Work* w, int64_t strip) noexcept nogil:
    cdef int64_t top = _top(w, strip)
    return top if w.tall == 1 or top % w.height == w.height - 1 else top + 1


# Rows of one stripe to bits of the foreground. Returns whether there are several foreground values; `value` (8 bytes)
# and `known` tell the one value otherwise. first[r + 1] receives the number of runs, as of a binary image.
cdef bint _pack_stripe(const Work* w, ForeRow fore_row, int64_t stripe, void* value, int* known) noexcept nogil:
    cdef int64_t r, row, k
    cdef bint odd = False
    cdef uint64_t* runs
    cdef const uint64_t* top
    cdef const uint64_t* bottom
    for r in range(_stripe_start(w, stripe), _stripe_start(w, stripe + 1)):
        if is_interrupted(w.watch, w.width):
            break
        for row in range(_top(w, r), _bottom(w, r) + 1):
            odd |= fore_row(w.image + row * w.width * w.itemsize, w.width, w.rule, value, known, w.fore + row * w.words)
        runs = w.runs + r * w.words
        if w.tall == 2:
            top, bottom = w.fore + _top(w, r) * w.words, w.fore + _bottom(w, r) * w.words
            for k in range(w.words):
                runs[k] = top[k] | bottom[k]
        w.first[r + 1] = bits_count_runs(runs, w.words)
    return odd


# Starts of runs where there are several values: foreground that is not joined with the pixel before.
cdef void _start_stripe(const Work* w, int64_t stripe) noexcept nogil:
    cdef int64_t r, k
    cdef uint64_t before
    cdef uint64_t* start
    cdef const uint64_t* fore
    cdef const char* row
    for r in range(_stripe_start(w, stripe), _stripe_start(w, stripe + 1)):
        if is_interrupted(w.watch, w.width):
            break
        start, fore = w.start + r * w.words, w.fore + r * w.words
        row = w.image + r * w.width * w.itemsize
        w.mark(row - w.itemsize, row, w.width, 1, w.rule, start)
        before = 0
        for k in range(w.words):
            start[k] = fore[k] & ~(start[k] & (fore[k] << 1 | before))
            before = fore[k] >> 63
        w.first[r + 1] = bits_count_all(start, w.words)


# The rows by which strips a and b touch, b being step n from a: the bottom of the one above and the top of the other,
# or all of both strips where they lie side by side in different planes.
cdef inline void _facing(const Work* w, int64_t a, int64_t b, int n, const uint64_t** fore_a,
                         const uint64_t** fore_b) noexcept nogil:
    cdef int64_t down = w.steps[(n + 1) * w.axes - 1] if w.tall == 2 else 0
    if down == 0:
        fore_a[0], fore_b[0] = w.runs + a * w.words, w.runs + b * w.words
    elif down < 0:
        fore_a[0], fore_b[0] = w.fore + _bottom(w, a) * w.words, w.fore + _top(w, b) * w.words
    else:
        fore_a[0], fore_b[0] = w.fore + _top(w, a) * w.words, w.fore + _bottom(w, b) * w.words


# Touches of strip b with its neighbour a at step n; rows of marks for three directions lie in `marks`.
cdef int64_t _touch_strips(const Work* w, int64_t a, int64_t b, int n, bint all, uint64_t* marks,
                           void* touches) noexcept nogil:
    cdef const uint64_t* fore_a
    cdef const uint64_t* fore_b
    cdef const uint64_t* runs_a = w.runs + a * w.words
    cdef const uint64_t* runs_b = w.runs + b * w.words
    cdef uint64_t* left = NULL
    cdef uint64_t* right = NULL
    if w.binary:
        _facing(w, a, b, n, &fore_a, &fore_b)
        if w.wide:
            return runs64_touch_binary(<int64_t*> w.parent, fore_a, runs_a, w.first[a], fore_b, runs_b, w.first[b],
                                       w.words, w.diagonal[n], all, <runs64_Touch*> touches)
        return runs32_touch_binary(<int32_t*> w.parent, fore_a, runs_a, <int32_t> w.first[a], fore_b, runs_b,
                                   <int32_t> w.first[b], w.words, w.diagonal[n], all, <runs32_Touch*> touches)
    if w.diagonal[n]:
        left, right = marks + w.words, marks + 2 * w.words
    _mark_joined(w, a, b, marks, left, right)
    if w.wide:
        return runs64_touch_marked(<int64_t*> w.parent, w.start + a * w.words, w.first[a], w.start + b * w.words,
                                   w.first[b], marks, left, right, w.words, all, <runs64_Touch*> touches)
    return runs32_touch_marked(<int32_t*> w.parent, w.start + a * w.words, <int32_t> w.first[a],
                               w.start + b * w.words, <int32_t> w.first[b], marks, left, right, w.words, all,
                               <runs32_Touch*> touches)


# Columns p where rows a and b are joined: b's pixel p with a's p (same), p - 1 (left); b's p - 1 with a's p (right).
cdef void _mark_joined(const Work* w, int64_t a, int64_t b, uint64_t* same, uint64_t* left,
                       uint64_t* right) noexcept nogil:
    cdef const uint64_t* fore_a = w.fore + a * w.words
    cdef const uint64_t* fore_b = w.fore + b * w.words
    cdef const char* row_a = w.image + a * w.width * w.itemsize
    cdef const char* row_b = w.image + b * w.width * w.itemsize
    cdef uint64_t before_a = 0, before_b = 0
    cdef int64_t k
    w.mark(row_a, row_b, w.width, 0, w.rule, same)
    for k in range(w.words):
        same[k] &= fore_a[k] & fore_b[k]
    if left == NULL:
        return
    w.mark(row_a - w.itemsize, row_b, w.width, 1, w.rule, left)
    w.mark(row_a, row_b - w.itemsize, w.width, 1, w.rule, right)
    for k in range(w.words):
        left[k] &= fore_b[k] & (fore_a[k] << 1 | before_a)
        right[k] &= fore_a[k] & (fore_b[k] << 1 | before_b)
        before_a, before_b = fore_a[k] >> 63, fore_b[k] >> 63


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


# The strip that lies step n from the strip at `at`; -1 beyond a border that does not wrap.
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


# Join runs inside one stripe, and count its roots. Returns false without memory.
cdef bint _join_stripe(const Work* w, int64_t stripe, int64_t* roots) noexcept nogil:
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
        if is_interrupted(w.watch, w.width):
            break
        if w.wide:
            runs64_start(<int64_t*> w.parent, w.first[r], w.first[r + 1])
        else:
            runs32_start(<int32_t*> w.parent, w.first[r], w.first[r + 1])
        for n in range(w.neighbours):
            a = _neighbour(w, at, n)
            if a < begin or a >= r or w.first[a] == w.first[a + 1] or w.first[r] == w.first[r + 1]:
                continue
            count = _touch_strips(w, a, r, n, False, marks, touches)
            if w.wide:
                runs64_join_all(<int64_t*> w.parent, <runs64_Touch*> touches, count)
            else:
                runs32_join_all(<int32_t*> w.parent, <runs32_Touch*> touches, count)
        _next_place(w, at)
    free(marks)
    if is_interrupted(w.watch, 0):
        return True
    if w.wide:
        roots[0] = runs64_count_roots(<int64_t*> w.parent, w.first[begin], w.first[end])
    else:
        roots[0] = runs32_count_roots(<int32_t*> w.parent, w.first[begin], w.first[end])
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
cdef int64_t _touch_ends(const Work* w, int64_t a, int64_t b, const uint64_t* fore_a, const uint64_t* fore_b,
                         uint64_t* marks, int64_t count, void* touches) noexcept nogil:
    cdef int64_t last = w.width - 1
    if not bits_get(fore_a, 0) or not bits_get(fore_b, last):
        return count
    if not w.binary:
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
    cdef const uint64_t* fore_a
    cdef const uint64_t* fore_r
    cdef uint64_t* marks = <uint64_t*> _row_scratch(w)
    if marks == NULL:
        return False
    cdef void* touches = marks + 3 * w.words
    for stripe in range(w.stripes):
        _place_of(w, _stripe_start(w, stripe), at)
        for r in range(_stripe_start(w, stripe), _stripe_start(w, stripe + 1)):
            if is_interrupted(w.watch, w.words):
                break
            for n in range(w.neighbours):
                a = _neighbour(w, at, n)
                if a < 0:
                    continue
                if a < _stripe_start(w, stripe) or a > r:
                    count = _touch_strips(w, a, r, n, True, marks, touches)
                    fits = fits and _link(w, touches, count, firsts, linked)
                if w.wrap_row and w.diagonal[n]:
                    _facing(w, a, r, n, &fore_a, &fore_r)
                    count = _touch_ends(w, a, r, fore_a, fore_r, marks, 0, touches)
                    count = _touch_ends(w, r, a, fore_r, fore_a, marks, count, touches)
                    fits = fits and _link(w, touches, count, firsts, linked)
            if w.wrap_row:
                fore_r = w.runs + r * w.words
                count = _touch_ends(w, r, r, fore_r, fore_r, marks, 0, touches)
                fits = fits and _link(w, touches, count, firsts, linked)
            _next_place(w, at)
    free(marks)
    return fits


# Number the roots of a stripe after `before` others.
cdef void _number_stripe(const Work* w, int64_t stripe, int64_t before) noexcept nogil:
    cdef int64_t r, begin = _stripe_start(w, stripe), end = _stripe_start(w, stripe + 1)
    if w.tall == 1:
        if w.wide:
            runs64_number(<int64_t*> w.parent, w.first[begin], w.first[end], before)
        else:
            runs32_number(<int32_t*> w.parent, w.first[begin], w.first[end], before)
        return
    for r in range(begin, end):
        if w.wide:
            before = runs64_number_strip(<int64_t*> w.parent, w.first[r], w.first[r + 1], w.fore + _top(w, r) * w.words,
                                         w.runs + r * w.words, w.words, before)
        else:
            before = runs32_number_strip(<int32_t*> w.parent, w.first[r], w.first[r + 1], w.fore + _top(w, r) * w.words,
                                         w.runs + r * w.words, w.words, before)


cdef void _write_stripe(const Work* w, int64_t stripe, char* labels, bint wide_labels) noexcept nogil:
    cdef int64_t r, row
    cdef const uint64_t* start = NULL
    cdef char* target
    for r in range(_stripe_start(w, stripe), _stripe_start(w, stripe + 1)):
        if is_interrupted(w.watch, w.width):
            break
        if not w.binary:
            start = w.start + r * w.words
        if w.wide:
            runs64_label_runs(<int64_t*> w.parent, w.first[r], w.first[r + 1])
        else:
            runs32_label_runs(<int32_t*> w.parent, w.first[r], w.first[r + 1])
        for row in range(_top(w, r), _bottom(w, r) + 1):
            target = labels + row * w.width * (8 if wide_labels else 4)
            if w.wide:
                runs64_write_row(<int64_t*> w.parent + w.first[r] - 1, w.fore + row * w.words, w.runs + r * w.words,
                                 start, w.width, target, wide_labels)
            else:
                runs32_write_row(<int32_t*> w.parent + w.first[r] - 1, w.fore + row * w.words, w.runs + r * w.words,
                                 start, w.width, target, wide_labels)


cdef void _first_runs(const Work* w) noexcept nogil:
    cdef int64_t r
    w.first[0] = 0
    for r in range(w.strips):
        w.first[r + 1] += w.first[r]
