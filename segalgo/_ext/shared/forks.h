/* Kernels that work in forked children. A fork copies only the thread that calls it, but libgomp's records still name
 * the threads of its team; the child's next parallel region would wait for them for ever. So the team of the forking
 * thread ends before every fork (omp_pause_resource_all joins it), and parent and child start new ones when they need
 * them. Where a team cannot be ended (a fork within a parallel region, a libgomp before GCC 9), the child uses one
 * thread. LLVM's OpenMP does the like by itself; Windows does not fork. */
#ifndef SEGALGO_FORKS_H
#define SEGALGO_FORKS_H
#include "openmp.h"

#if defined(_OPENMP) && !defined(_WIN32) && !defined(__clang__)
#include <pthread.h>

static int segalgo_team_has_ended;

static void segalgo_before_fork(void)
{
#if __GNUC__ >= 9
    segalgo_team_has_ended = omp_pause_resource_all(omp_pause_soft) == 0;
#else
    segalgo_team_has_ended = 0;
#endif
}

static void segalgo_in_child(void)
{
    if (!segalgo_team_has_ended) omp_set_num_threads(1);
}

static inline int segalgo_prepare_forks(void) { return pthread_atfork(segalgo_before_fork, NULL, segalgo_in_child); }
#else
static inline int segalgo_prepare_forks(void) { return 0; }
#endif
#endif
