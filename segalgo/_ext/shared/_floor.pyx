"""What memory allows: read one buffer and write another, on all threads. The floor that benchmarks quote."""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

cnp.import_array()

cdef enum:
    CHUNK = 262144


cdef uint64_t _read(const uint64_t* words, int64_t count) noexcept nogil:
    cdef uint64_t total = 0
    cdef int64_t k
    for k in range(count):
        total += words[k]
    return total


def read_and_write(cnp.ndarray source, cnp.ndarray target):
    """Read every byte of `source` and write every byte of `target`, both C-contiguous; return a sum of the reads."""
    cdef const char* read_from = <const char*> cnp.PyArray_DATA(source)
    cdef char* write_to = <char*> cnp.PyArray_DATA(target)
    cdef int64_t read_bytes = source.nbytes, write_bytes = target.nbytes
    cdef int64_t parts = max(read_bytes, write_bytes) // CHUNK + 1, k, first, last
    cdef uint64_t total = 0
    for k in prange(parts, nogil=True, schedule="static"):
        first, last = read_bytes * k // parts // 8, read_bytes * (k + 1) // parts // 8
        total += _read(<const uint64_t*> read_from + first, last - first)
        first, last = write_bytes * k // parts, write_bytes * (k + 1) // parts
        memset(write_to + first, 1, last - first)
    return total
