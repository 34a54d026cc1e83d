# Runs of equal labels; see label_runs.h.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "labels/label_runs.h" nogil:
    enum: SEGALGO_PIECE
    ctypedef struct segalgo_runs:
        uint8_t* flags
        int32_t* start
        uint64_t* label
    int32_t segalgo_find_runs_uint8_t(const uint8_t* x, int64_t n, segalgo_runs* runs)
    int32_t segalgo_find_runs_uint16_t(const uint16_t* x, int64_t n, segalgo_runs* runs)
    int32_t segalgo_find_runs_uint32_t(const uint32_t* x, int64_t n, segalgo_runs* runs)
    int32_t segalgo_find_runs_uint64_t(const uint64_t* x, int64_t n, segalgo_runs* runs)
    int32_t segalgo_find_contacts_uint8_t(const uint8_t* here, const uint8_t* there, int64_t n, int background,
                                          uint8_t* flags, int32_t* position)
    int32_t segalgo_find_contacts_uint16_t(const uint16_t* here, const uint16_t* there, int64_t n, int background,
                                           uint8_t* flags, int32_t* position)
    int32_t segalgo_find_contacts_uint32_t(const uint32_t* here, const uint32_t* there, int64_t n, int background,
                                           uint8_t* flags, int32_t* position)
    int32_t segalgo_find_contacts_uint64_t(const uint64_t* here, const uint64_t* there, int64_t n, int background,
                                           uint8_t* flags, int32_t* position)
    uint64_t segalgo_bits_of_64_flags(const uint8_t* flags)
    int segalgo_count_bits(uint64_t v)

ctypedef fused cell:
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef inline int32_t find_runs(const cell* x, int64_t n, segalgo_runs* runs) noexcept nogil:
    if cell is uint8_t:
        return segalgo_find_runs_uint8_t(x, n, runs)
    elif cell is uint16_t:
        return segalgo_find_runs_uint16_t(x, n, runs)
    elif cell is uint32_t:
        return segalgo_find_runs_uint32_t(x, n, runs)
    else:
        return segalgo_find_runs_uint64_t(x, n, runs)


# The same for the bytes of an array whose cells have `itemsize` bytes; `at` counts cells.
cdef inline int32_t find_runs_of(const void* x, int64_t itemsize, int64_t at, int64_t n,
                                 segalgo_runs* runs) noexcept nogil:
    if itemsize == 1:
        return segalgo_find_runs_uint8_t(<const uint8_t*> x + at, n, runs)
    elif itemsize == 2:
        return segalgo_find_runs_uint16_t(<const uint16_t*> x + at, n, runs)
    elif itemsize == 4:
        return segalgo_find_runs_uint32_t(<const uint32_t*> x + at, n, runs)
    return segalgo_find_runs_uint64_t(<const uint64_t*> x + at, n, runs)
