/* What the scheduler tells the watch over memory (simulated_hooks.h), where there is one. Part of simulated_device.h.
 *
 * With SIMULATED_WATCH the kernel is compiled with -fsanitize=thread and linked with our own hooks in place of the
 * sanitizer's library: every load and store of the kernel calls one before it happens. Without it all this is nothing.
 */
#ifndef SEGALGO_SIMULATED_WATCH_H
#define SEGALGO_SIMULATED_WATCH_H

#include <stddef.h>
#include <stdint.h>

/* What a block says that was left after so many accesses. */
constexpr const char* enough_accesses = "enough accesses";

#ifdef SIMULATED_WATCH
/* On what a kernel calls of ours: its own accesses are nobody's business. */
#define SIMULATED_QUIET __attribute__((no_sanitize("thread")))

extern "C" {

struct SegalgoWatch {
    volatile bool on;   /* inside a kernel, not in the scheduler or an intrinsic */
    uint32_t thread;    /* linear number in the block */
    uint32_t block;     /* how many blocks ran before */
    uint32_t barriers;  /* how many the block has passed */
    unsigned place[3];  /* blockIdx */
    unsigned size[3];   /* blockDim */
    const char *stack, *stack_end;
    uint32_t warp_syncs[1024];      /* of each thread: stamps that grow with every __syncwarp */
    void (*fail)(const char* text); /* leaves the kernel */
    void (*pause)();                /* before an atomic or volatile access */
    bool verdict_only;              /* threads are switched at atomics: bounds alone are watched */
    uint64_t shared_limit;
    uint64_t most_accesses; /* of one block, then it is left */
};
extern SegalgoWatch segalgo_watch;

void segalgo_watch_run(const void* in_library); /* on the OS thread that will run the blocks */
void segalgo_watch_block(const void* dynamic_shared, size_t bytes);
void segalgo_watch_settle();          /* before memory of a block goes away */
void segalgo_watch_leave(int worker); /* another OS thread, with another block, goes on */
void segalgo_watch_enter(int worker);
void segalgo_watch_forget();          /* what was done before comes before what follows, in all blocks */
void segalgo_watch_shared(void* base, size_t bytes, size_t item, const char* name, int line);
}

namespace simulated {

/* A shared variable with room around it, so that an overrun meets nothing else. */
template <class T> struct Roomy {
    alignas(16) char before[256];
    alignas(16) T value;
    alignas(16) char after[256];
};

/* Called where a kernel declares a shared variable: the first thread of a block makes it known, unwritten. */
template <class T> SIMULATED_QUIET T& shared_here(Roomy<T>& variable, const char* name, int line) {
    const bool on = segalgo_watch.on;
    segalgo_watch.on = false;
    segalgo_watch_shared(&variable.value, sizeof(T), sizeof(std::remove_all_extents_t<T>), name, line);
    segalgo_watch.on = on;
    return variable.value;
}

struct Unwatched {
    bool on = segalgo_watch.on;
    SIMULATED_QUIET Unwatched() { segalgo_watch.on = false; }
    SIMULATED_QUIET ~Unwatched() { segalgo_watch.on = on; }
};

}  // namespace simulated
#define SIMULATED_UNWATCHED const simulated::Unwatched simulated_unwatched
#define SIMULATED_WATCHED(action) action
#elif defined(SIMULATED_PROFILE)
#include "simulated_profile.h"
#else
#define SIMULATED_QUIET
#define SIMULATED_UNWATCHED
#define SIMULATED_WATCHED(action)
#endif
#ifndef SIMULATED_PROFILE
#define SIMULATED_PROFILED(action)
#define SIMULATED_AT_ITS_CALLER inline
#endif

#endif
