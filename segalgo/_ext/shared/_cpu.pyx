"""What this machine offers the kernels: instruction level, OpenMP, threads."""
from segalgo._ext.shared.threads cimport SEGALGO_HAS_OPENMP, omp_get_max_threads

cdef extern from "shared/cpu.h" nogil:
    int cpu_level()

cdef extern from "shared/forks.h" nogil:
    int segalgo_prepare_forks()

# This module is loaded once, before any kernel.
if segalgo_prepare_forks():
    raise MemoryError("no memory to register what runs before a fork")


def instruction_level() -> int:
    """Return 0 (baseline), 1 (x86-64-v3: AVX2, FMA) or 2 (x86-64-v4: AVX-512)."""
    return cpu_level()


def has_openmp() -> bool:
    """Return whether the kernels were built with OpenMP."""
    return bool(SEGALGO_HAS_OPENMP)


def max_threads() -> int:
    """Return the number of threads the next kernel will use."""
    return omp_get_max_threads()
