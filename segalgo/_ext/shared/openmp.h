/* OpenMP where the compiler has it, one thread where it has not. */
#ifndef SEGALGO_OPENMP_H
#define SEGALGO_OPENMP_H
#ifdef _OPENMP
#include <omp.h>
#define SEGALGO_HAS_OPENMP 1
#else
#define SEGALGO_HAS_OPENMP 0
static inline int omp_get_max_threads(void) { return 1; }
static inline int omp_get_thread_num(void) { return 0; }
#endif
#endif
