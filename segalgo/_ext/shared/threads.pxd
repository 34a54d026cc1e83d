# The one door to OpenMP: without it these are constants, and prange is a plain loop.
cdef extern from "shared/openmp.h" nogil:
    const int SEGALGO_HAS_OPENMP
    int omp_get_max_threads()
    int omp_get_thread_num()
