/* What the scheduler tells the counter of a profiled kernel (simulated_counter.h). Part of simulated_device.h.
 *
 * With SIMULATED_PROFILE a kernel is compiled as a watched one is, and with a call before each basic block: the hooks of
 * simulated_profile_hooks.h write a trace of each thread, and simulated_counter.h turns the traces of a warp into what a
 * card would do for them: requests, sectors, bank conflicts, divergent branches. Blocks run on any number of OS threads;
 * all that is here belongs to one of them.
 */
#ifndef SEGALGO_SIMULATED_PROFILE_H
#define SEGALGO_SIMULATED_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#define SIMULATED_QUIET __attribute__((no_sanitize("thread")))

extern "C" {

struct SegalgoProfile {
    bool on;            /* inside a kernel, not in the scheduler or an intrinsic */
    uint32_t thread;    /* linear number in the block */
    const char *stack, *stack_end;
    void (*fail)(const char* text); /* leaves the kernel */
    void (*pause)();                /* before an atomic or volatile access: a thread that spins lets others go on */
};
extern thread_local SegalgoProfile segalgo_profile;

/* `place`: where the block is in the order of blocks. */
void segalgo_profile_run(const void* in_library, uint32_t threads);
void segalgo_profile_block(uint64_t place, uint32_t number, const void* dynamic_shared, size_t bytes);
void segalgo_profile_block_end();
void segalgo_profile_done();
void segalgo_profile_barrier(int line);
void segalgo_profile_warp(uint32_t mask, int line); /* a warp operation of this lane */
void segalgo_profile_shared(void* base, size_t bytes, size_t item, const char* name);
void segalgo_profile_atomic(const void* address, size_t bytes);
void segalgo_profile_copy(void* to, const void* from, size_t bytes); /* one wide access, in place of one a member */
}

namespace simulated {

/* A shared variable, as simulated_watch.h declares it; no room is needed where bounds are not watched. */
template <class T> struct Roomy {
    alignas(16) T value;
};
template <class T> SIMULATED_QUIET T& shared_here(Roomy<T>& variable, const char* name, int) {
    const bool on = segalgo_profile.on;
    segalgo_profile.on = false;
    segalgo_profile_shared(&variable.value, sizeof(T), sizeof(std::remove_all_extents_t<T>), name);
    segalgo_profile.on = on;
    return variable.value;
}

/* Dynamic shared memory that is declared outside of functions: set before each block, since a variable that the first
 * thread initialises would be a branch and accesses that the kernel does not have. */
struct AtFileScope {
    void (*set)(void* memory);
    AtFileScope* next;
    static inline AtFileScope* first = nullptr;
    SIMULATED_QUIET explicit AtFileScope(void (*set)(void*)) : set(set), next(first) { first = this; }
    SIMULATED_QUIET static void set_all(void* memory) {
        for (AtFileScope* one = first; one; one = one->next) one->set(memory);
    }
};

struct Unwatched {
    bool on = segalgo_profile.on;
    SIMULATED_QUIET Unwatched() { segalgo_profile.on = false; }
    SIMULATED_QUIET ~Unwatched() { segalgo_profile.on = on; }
};

}  // namespace simulated
#define SIMULATED_UNWATCHED const simulated::Unwatched simulated_unwatched
#define SIMULATED_WATCHED(action)
#define SIMULATED_PROFILED(action) action
/* Atomics are counted at the line that calls them. */
#define SIMULATED_AT_ITS_CALLER inline __attribute__((always_inline))

#endif
