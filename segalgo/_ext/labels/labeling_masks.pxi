# Pixels to bits, for every dtype: which are foreground, and which neighbours are joined. Included by labeling.pyx.

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


cdef int _choose(int kind, int itemsize, ForeRow* fore, MarkRow* mark) except -1:
    # By kind and size: NumPy has several type numbers for 64-bit integers.
    if kind == c"u" and itemsize == 1:
        fore[0], mark[0] = <ForeRow> _fore_row[uint8_t], <MarkRow> _mark_row[uint8_t]
    elif kind == c"u" and itemsize == 2:
        fore[0], mark[0] = <ForeRow> _fore_row[uint16_t], <MarkRow> _mark_row[uint16_t]
    elif kind == c"u" and itemsize == 4:
        fore[0], mark[0] = <ForeRow> _fore_row[uint32_t], <MarkRow> _mark_row[uint32_t]
    elif kind == c"u" and itemsize == 8:
        fore[0], mark[0] = <ForeRow> _fore_row[uint64_t], <MarkRow> _mark_row[uint64_t]
    elif kind == c"i" and itemsize == 1:
        fore[0], mark[0] = <ForeRow> _fore_row[int8_t], <MarkRow> _mark_row[int8_t]
    elif kind == c"i" and itemsize == 2:
        fore[0], mark[0] = <ForeRow> _fore_row[int16_t], <MarkRow> _mark_row[int16_t]
    elif kind == c"i" and itemsize == 4:
        fore[0], mark[0] = <ForeRow> _fore_row[int32_t], <MarkRow> _mark_row[int32_t]
    elif kind == c"i" and itemsize == 8:
        fore[0], mark[0] = <ForeRow> _fore_row[int64_t], <MarkRow> _mark_row[int64_t]
    elif kind == c"f" and itemsize == 4:
        fore[0], mark[0] = <ForeRow> _fore_row[float], <MarkRow> _mark_row[float]
    elif kind == c"f" and itemsize == 8:
        fore[0], mark[0] = <ForeRow> _fore_row[double], <MarkRow> _mark_row[double]
    else:
        raise TypeError(f"label: no kernel for pixels of kind {chr(kind)} and {itemsize} bytes")
    return 0
