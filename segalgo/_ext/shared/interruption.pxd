# Ctrl-C during a long kernel: see the header.
from libc.stdint cimport int64_t

cdef extern from "shared/interruption.h" nogil:
    ctypedef struct Interruption:
        pass
    const int64_t WORK_PER_LOOK
    bint is_interrupted(Interruption* watch, int64_t work)

cdef extern from "shared/interruption.h":
    Interruption NOT_INTERRUPTED
    int end_interruption(Interruption* watch) except -1
