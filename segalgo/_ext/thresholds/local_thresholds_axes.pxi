# Windows over more than two axes, included by local_thresholds.pyx: sums, or means and variances, along one axis after
# the other.


cdef void _sums_of_lines(const sums* x, sums* y, int64_t outer, int64_t n, int64_t inner, const int64_t* source,
                         int64_t width, sums outside, Interruption* watch) noexcept nogil:
    cdef int64_t o
    for o in prange(outer, schedule="static"):
        _sums_of_line(x + o * n * inner, y + o * n * inner, n, inner, source, width, outside, watch)


# Sums over `width` rows of n, each row of `inner` cells: the first by additions, the next by a slide.
cdef void _sums_of_line(const sums* x, sums* y, int64_t n, int64_t inner, const int64_t* source, int64_t width,
                        sums outside, Interruption* watch) noexcept nogil:
    cdef int64_t i, j, q
    for j in range(inner):
        y[j] = 0
    for q in range(width):
        for j in range(inner):
            y[j] += outside if source[q] < 0 else x[source[q] * inner + j]
    for i in range(1, n):
        if is_interrupted(watch, 2 * inner):
            break
        for j in range(inner):
            q = source[i + width - 1]
            y[i * inner + j] = y[(i - 1) * inner + j] + (outside if q < 0 else x[q * inner + j])
            q = source[i - 1]
            y[i * inner + j] -= outside if q < 0 else x[q * inner + j]


def _sum_windows(sums[::1] x, shape, window, sources, double outside):
    cdef Interruption watch = NOT_INTERRUPTED
    cdef sums[::1] y
    cdef const int64_t[::1] source
    cdef int64_t n, width, inner = x.shape[0], outer = 1
    for axis in range(len(shape)):
        n, width = shape[axis], window[axis]
        inner = inner // n
        source = sources[axis]
        y = np.empty(x.shape[0], np.asarray(x).dtype)
        with nogil:
            _sums_of_lines(&x[0], &y[0], outer, n, inner, &source[0], width, <sums> outside, &watch)
        end_interruption(&watch)
        x = y
        outer *= n
        outside *= width
    return np.asarray(x)


# Means and variances of `width` rows of n, each of `inner` cells, from those of the rows; see `_moments_of_windows`.
cdef void _merge_line(const double* mean, const double* variance, double* m, double* s, int64_t n, int64_t inner,
                      const int64_t* source, int64_t width, double outside, Interruption* watch) noexcept nogil:
    cdef int64_t i, j, q, r, first
    cdef double base, d
    for i in range(n):
        if is_interrupted(watch, 2 * inner * width):
            break
        first = source[i]
        for j in range(inner):
            m[i * inner + j] = 0
            s[i * inner + j] = 0
        for q in range(1, width):
            r = source[i + q]
            for j in range(inner):
                base = outside if first < 0 else mean[first * inner + j]
                m[i * inner + j] += (outside if r < 0 else mean[r * inner + j]) - base
        for j in range(inner):
            m[i * inner + j] = m[i * inner + j] / width
        for q in range(width):
            r = source[i + q]
            for j in range(inner):
                base = outside if first < 0 else mean[first * inner + j]
                d = (outside if r < 0 else mean[r * inner + j]) - base - m[i * inner + j]
                s[i * inner + j] += (0.0 if r < 0 else variance[r * inner + j]) + d * d
        for j in range(inner):
            base = outside if first < 0 else mean[first * inner + j]
            m[i * inner + j] += base
            s[i * inner + j] = s[i * inner + j] / width


cdef void _merge_lines(const double* mean, const double* variance, double* m, double* s, int64_t outer, int64_t n,
                       int64_t inner, const int64_t* source, int64_t width, double outside,
                       Interruption* watch) noexcept nogil:
    cdef int64_t o
    for o in prange(outer, schedule="static"):
        _merge_line(mean + o * n * inner, variance + o * n * inner, m + o * n * inner, s + o * n * inner, n, inner,
                    source, width, outside, watch)


def _merge_moments(double[::1] mean, shape, window, sources, double outside):
    """Return the mean and the variance of each window, flat, merged along one axis after the other."""
    cdef Interruption watch = NOT_INTERRUPTED
    cdef double[::1] variance = np.zeros(mean.shape[0])
    cdef double[::1] m
    cdef double[::1] s
    cdef const int64_t[::1] source
    cdef int64_t n, width, inner = mean.shape[0], outer = 1
    for axis in range(len(shape)):
        n, width = shape[axis], window[axis]
        inner = inner // n
        source = sources[axis]
        m, s = np.empty(mean.shape[0]), np.empty(mean.shape[0])
        with nogil:
            _merge_lines(&mean[0], &variance[0], &m[0], &s[0], outer, n, inner, &source[0], width, outside, &watch)
        end_interruption(&watch)
        mean, variance = m, s
        outer *= n
    return np.asarray(mean), np.asarray(variance)


def _many_axes(image, window, sources, outside, shift, origin, rule, parameters, output):
    """Sum along one axis after the other, then apply the rule to the sums. Scratch: 32 bytes a pixel."""
    cdef Windows w
    cdef int k, rule_of = RULES[rule]
    dtype = np.float64 if image.dtype.kind == "f" else np.uint64
    # Signed pixels wrap modulo 2^64, and so do their sums: back in int64 they are exact.
    pixels = image.reshape(-1).astype(np.float64 if image.dtype.kind == "f" else np.int64).view(dtype)
    if dtype is np.float64:
        pixels -= shift
    w.height, w.width, w.wh, w.ww = 1, image.size, 1, int(np.prod(window))
    w.outside, w.shift, w.origin = outside, shift, origin
    w.rule = rule_of
    for k in range(6):
        w.p[k] = parameters[k] if k < len(parameters) else 0.0
    once = _sum_windows(pixels, image.shape, window, sources, outside)
    squares = _sum_windows(pixels * pixels, image.shape, window, sources, outside * outside)
    if dtype is np.uint64:
        once, squares = once.view(np.int64).astype(np.float64), squares.view(np.int64).astype(np.float64)
    cdef double[::1] m = once
    cdef double[::1] s = squares
    cdef double largest = 0
    with nogil:
        _moments_of_sums(&m[0], &s[0], w.width, &w)
    if rule_of >= NIBLACK and dtype is np.float64:
        doubtful = DOUBTFUL * float(np.square(pixels).max())
        if (squares < doubtful).any():
            values = image.reshape(-1).astype(np.float64)
            constant = _constant_windows(values, image.shape, window, sources).view(np.bool_)
            if (constant | (squares >= doubtful)).all():
                np.add(values, origin - shift, out=once, where=constant)
                squares[constant] = 0.0
            else:
                m, s = _merge_moments(values, image.shape, window, sources, outside + shift)
                once = np.asarray(m)
                once += origin - shift
    if rule_of == WOLF:
        w.p[2] = float(np.sqrt(max(np.asarray(s).max(), 0.0))) or 1.0
    cdef double[::1] doubles
    cdef float[::1] singles
    if output.dtype == np.float64:
        doubles = output.reshape(-1)
        with nogil:
            _apply(&m[0], &s[0], w.width, &doubles[0], &w, &largest)
    else:
        singles = output.reshape(-1)
        with nogil:
            _apply(&m[0], &s[0], w.width, &singles[0], &w, &largest)
    return output
