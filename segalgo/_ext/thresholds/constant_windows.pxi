# Windows of one value, included by local_thresholds.pyx. Their variance is 0, which running sums of floats give up to
# rounding only; to recompute each from its pixels would cost as much as the window is large. A window is constant if
# each of its columns is, and if neighbouring columns hold the same value: both are counted as windows move on, so the
# cost does not depend on their size. Rows and columns of `cval` (-1) count as different from all others.


# For each column of the picture, how many rows up to padded row `last` hold the value in it, at least up to wh; counted
# from row counted[0] on, which becomes `last`, or from the first row of the window.
cdef void _count_equal_rows(const narrow* image, int64_t last, const Windows* w, int32_t* equal,
                            int64_t* counted) noexcept nogil:
    cdef int64_t first = last - w.wh + 1, q, j
    cdef const narrow* row
    cdef const narrow* above
    for q in range(max(counted[0] + 1, first), last + 1):
        if w.rows[q] < 0 or q == first or w.rows[q - 1] < 0:
            for j in range(w.width):
                equal[j] = w.rows[q] >= 0
            continue
        row = image + w.rows[q] * w.width
        above = image + w.rows[q - 1] * w.width
        for j in range(w.width):
            equal[j] = equal[j] + 1 if row[j] == above[j] else 1
    counted[0] = last


# Give the constant windows of output row i at columns start ... start + length - 1 their mean and the variance 0, and
# set their flags. equal: of the last row of these windows. steps: scratch for
# length + ww numbers; steps[q] is how many of the first q neighbours among padded columns from `start` on differ.
cdef void _set_constant_windows(const narrow* image, int64_t i, int64_t start, int64_t length, const Windows* w,
                                const int32_t* equal, int32_t* steps, uint8_t* constant, double* m,
                                double* s) noexcept nogil:
    cdef int64_t half = w.ww // 2, span = length + w.ww - 1, wh = w.wh, q, j, a, b
    cdef int64_t low = min(max(half + 1 - start, <int64_t> 1), span)
    cdef int64_t high = min(max(half + w.width - start, low), span)
    cdef const narrow* row = image + max(w.rows[i + wh - 1], <int64_t> 0) * w.width
    cdef double to_mean = w.origin - w.shift
    cdef int32_t sofar = 0
    for q in range(1, low):
        a, b = w.columns[start + q - 1], w.columns[start + q]
        steps[q] = a < 0 or b < 0 or equal[a] < wh or equal[b] < wh or row[a] != row[b]
    for q in range(low, high):
        j = start - half + q
        steps[q] = (equal[j - 1] < wh) | (equal[j] < wh) | (row[j - 1] != row[j])
    for q in range(high, span):
        a, b = w.columns[start + q - 1], w.columns[start + q]
        steps[q] = a < 0 or b < 0 or equal[a] < wh or equal[b] < wh or row[a] != row[b]
    steps[0] = 0
    for q in range(1, span):
        sofar += steps[q]
        steps[q] = sofar
    for j in range(length):
        constant[j] = (steps[j + w.ww - 1] == steps[j]) & (equal[start + j] >= wh)
        m[j] = <double> row[start + j] + to_mean if constant[j] else m[j]
        s[j] = 0.0 if constant[j] else s[j]


# How many variances of windows that are not constant are small beside rounding errors.
cdef int64_t _count_doubtful_others(const double* s, const uint8_t* constant, int64_t length,
                                    double doubtful) noexcept nogil:
    cdef int64_t j, count = 0
    for j in range(length):
        count += (constant[j] == 0) & (s[j] < doubtful)
    return count


# More axes: among cells with flags `before` (their windows along the axes so far are constant), those whose windows
# along one more axis are. A line: n rows of `inner` cells. steps: scratch of a number for each of these cells.
cdef void _constant_windows_of_line(const double* x, const uint8_t* before, uint8_t* after, int64_t n, int64_t inner,
                                    const int64_t* source, int64_t width, int32_t* steps,
                                    Interruption* watch) noexcept nogil:
    cdef int64_t i, j, q
    for j in range(inner):
        steps[j] = 0
    for q in range(1, width):
        _add_steps(x, before, source[q - 1], source[q], inner, 1, steps)
    for i in range(n):
        if is_interrupted(watch, 2 * inner):
            break
        if i > 0 and width > 1:
            _add_steps(x, before, source[i + width - 2], source[i + width - 1], inner, 1, steps)
            _add_steps(x, before, source[i - 1], source[i], inner, -1, steps)
        for j in range(inner):
            after[i * inner + j] = (steps[j] == 0) & before[i * inner + j]


# Count where rows a and b differ.
cdef inline void _add_steps(const double* x, const uint8_t* before, int64_t a, int64_t b, int64_t inner, int32_t sign,
                            int32_t* steps) noexcept nogil:
    cdef int64_t j
    if a < 0 or b < 0:
        for j in range(inner):
            steps[j] += sign
        return
    x, before, b = x + a * inner, before + a * inner, (b - a) * inner
    for j in range(inner):
        steps[j] += sign * ((before[j] == 0) | (before[b + j] == 0) | (x[j] != x[b + j]))


cdef int _constant_windows_of_lines(const double* x, const uint8_t* before, uint8_t* after, int64_t outer, int64_t n,
                                    int64_t inner, const int64_t* source, int64_t width,
                                    Interruption* watch) noexcept nogil:
    cdef int64_t o, failed = 0
    for o in prange(outer, schedule="static"):
        failed += _with_steps(x + o * n * inner, before + o * n * inner, after + o * n * inner, n, inner, source,
                              width, watch)
    return failed != 0


cdef int _with_steps(const double* x, const uint8_t* before, uint8_t* after, int64_t n, int64_t inner,
                     const int64_t* source, int64_t width, Interruption* watch) noexcept nogil:
    cdef int32_t one = 0
    cdef int32_t* steps = &one if inner == 1 else <int32_t*> malloc(inner * sizeof(int32_t))
    if steps == NULL:
        return 1
    _constant_windows_of_line(x, before, after, n, inner, source, width, steps, watch)
    if inner > 1:
        free(steps)
    return 0


def _constant_windows(double[::1] x, shape, window, sources):
    """Return flags, flat, of the windows that hold one value."""
    cdef Interruption watch = NOT_INTERRUPTED
    cdef uint8_t[::1] before = np.ones(x.shape[0], np.uint8)
    cdef uint8_t[::1] after
    cdef const int64_t[::1] source
    cdef int64_t n, width, inner = x.shape[0], outer = 1
    cdef int failed
    for axis in range(len(shape)):
        n, width = shape[axis], window[axis]
        inner = inner // n
        source = sources[axis]
        after = np.empty(x.shape[0], np.uint8)
        with nogil:
            failed = _constant_windows_of_lines(&x[0], &before[0], &after[0], outer, n, inner, &source[0], width,
                                                &watch)
        end_interruption(&watch)
        if failed:
            raise MemoryError("window_threshold: no memory to find constant windows")
        before = after
        outer *= n
    return np.asarray(before)
