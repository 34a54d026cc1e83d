/* Ctrl-C during a long kernel. Python runs signal handlers only when the main thread asks for them with the GIL held,
 * which a kernel has let go. So each call holds an `Interruption`; its threads pass it between pieces of their work;
 * the calling thread (number 0 of the team) asks about ten times a second, and when a handler raised, all threads see
 * `stop` and skip what is left. A piece should take at most about 0.2 s.
 *
 *     Interruption watch = NOT_INTERRUPTED;
 *     parallel for ... { if (is_interrupted(&watch, work_of_piece)) continue; ... }
 *     end_interruption(&watch);      -1 with the handler's exception set, with the GIL held again
 *
 * Cost: an addition and a comparison a piece, a clock every WORK_PER_LOOK units of work (a unit: about a nanosecond),
 * and the GIL ten times a second. */
#ifndef SEGALGO_INTERRUPTION_H
#define SEGALGO_INTERRUPTION_H
#include "Python.h"
#include "openmp.h"
#include <stdint.h>
#if defined(_WIN32)
#include <windows.h>
#else
#include <time.h>
#endif

#define WORK_PER_LOOK 2000000
#define SECONDS_PER_LOOK 0.1

typedef struct {
    volatile int stop;
    char apart[124]; /* `stop` is read by all threads, the rest written by one: they lie on different cache lines */
    int64_t work;
    double last;
} Interruption;

/* The first piece reads the clock. */
static const Interruption NOT_INTERRUPTED = {0, {0}, WORK_PER_LOOK, 0};

static inline double interruption_clock(void) {
#if defined(_WIN32)
    return (double)GetTickCount64() * 1e-3;
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
#endif
}

/* Ask Python whether a signal came; the exception of its handler stays set in the calling thread. */
static int ask_for_signals(Interruption* watch) {
    const double now = interruption_clock();
    watch->work = 0;
    if (watch->last == 0) watch->last = now;
    if (now - watch->last < SECONDS_PER_LOOK) return 0;
    watch->last = now;
    const PyGILState_STATE state = PyGILState_Ensure();
    const int stop = PyErr_CheckSignals() != 0;
    PyGILState_Release(state);
    if (stop) watch->stop = 1;
    return stop;
}

/* Return whether the call is to end, before a piece of so much work. */
static inline int is_interrupted(Interruption* watch, int64_t work) {
    if (watch->stop) return 1;
    if (omp_get_thread_num() != 0) return 0;
    watch->work += work;
    return watch->work >= WORK_PER_LOOK ? ask_for_signals(watch) : 0;
}

/* After the last piece, with the GIL held: -1 where the handler's exception is to be raised. */
static inline int end_interruption(Interruption* watch) { return watch->stop ? -1 : 0; }
#endif
