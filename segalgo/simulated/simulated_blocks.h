/* Blocks of CUDA threads as fibers: launches, orders, barriers, faults. Part of simulated_device.h. */
#ifndef SEGALGO_SIMULATED_BLOCKS_H
#define SEGALGO_SIMULATED_BLOCKS_H

#include "simulated_types.h"
#include "simulated_watch.h"

namespace simulated {

constexpr size_t stack_bytes = 128 * 1024;
constexpr size_t dynamic_shared_limit = 48 * 1024; /* what a card gives without being asked for more */

/* Filled by the caller of a launch, read by every OS thread. Mirrored field by field in compiler.py.
 *
 * `switching` says where threads give way beside barriers and warp operations: 0 nowhere but where they spin; 1 before
 * every atomic and volatile access; k = 2 to 9 before their k-th; 100 before every second one at random, 101 before
 * every sixteenth. `cooperative`: all blocks are there at once. `switches` counts atomic and volatile accesses.
 * `chosen`: the numbers of the blocks to run, in place of all; each is left after `most_accesses` accesses. */
struct Launch {
    unsigned grid[3], block[3];
    uint64_t dynamic_shared;
    int32_t order; /* 0 forward, 1 reversed, 2 shuffled */
    int32_t os_threads;
    uint64_t seed;
    char* message;
    uint64_t message_bytes;
    int32_t switching, cooperative;
    uint64_t shared_limit; /* bytes of static and dynamic shared memory together */
    uint64_t switches;
    const uint64_t* chosen;
    uint64_t chosen_count, most_accesses;
};

enum class State : unsigned char { unstarted, ready, at_barrier, at_warp, converging, finished };

struct Fiber {
    jmp_buf resume_point;
    ucontext_t birth;
    char* stack = nullptr;
    bool born = false;
};

struct Thread {
    State state;
    int line;         /* of the barrier or warp operation it waits at */
    uint64_t waits;   /* number of that rendezvous */
    unsigned lanes;   /* mask of that warp operation */
    unsigned relaxed; /* atomic and volatile accesses so far */
    Fiber* fiber;
};

/* Lanes of one mask meet here; two slots, so that a fast lane's next value cannot overwrite an unread one. */
struct Rendezvous {
    unsigned warp, mask, arrived;
    int line;
    uint64_t done;
    uint64_t slot[2][32];
};

struct Block {
    Launch* launch = nullptr;
    void (*kernel)(const void*) = nullptr;
    const void* arguments = nullptr;
    std::vector<Thread> threads;
    std::vector<unsigned> order;
    std::vector<Fiber*> fibers, idle;
    std::vector<Rendezvous> meetings;
    std::vector<unsigned char> shared;
    size_t next = 0;      /* position in `order` of the next CUDA thread to start */
    unsigned current = 0; /* the CUDA thread that runs now */
    uint64_t barriers = 0;
    long long vote[2] = {0, 0}; /* sum of the predicates of the __syncthreads_ forms */
    jmp_buf scheduler;
    ucontext_t scheduler_birth;
    bool failed = false;
    bool paused = false;     /* a thread gave way at an atomic: other blocks may go on */
    unsigned since_switch = 0;
    uint64_t random = 0;
    char message[512];

    ~Block() {
        for (Fiber* fiber : fibers) { free(fiber->stack); delete fiber; }
    }
};

inline thread_local Block* block = nullptr;

SIMULATED_QUIET inline void* dynamic_shared() {
    SIMULATED_UNWATCHED;
    return block->shared.data();
}

inline void set_thread(unsigned t) {
    block->current = t;
    SIMULATED_WATCHED(segalgo_watch.thread = t);
    SIMULATED_PROFILED(segalgo_profile.thread = t);
    threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / (blockDim.x * blockDim.y)};
}

inline uint64_t mix(uint64_t& state) { /* splitmix64 */
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/* Back to the scheduler; it returns here when it resumes this fiber. */
SIMULATED_QUIET inline void give_way() {
    Fiber* fiber = block->threads[block->current].fiber;
    if (_setjmp(fiber->resume_point) == 0) _longjmp(block->scheduler, 1);
}

/* Record the first fault of the block and leave it for good. */
[[noreturn]] SIMULATED_QUIET inline void fail(const char* format, ...) {
    SIMULATED_WATCHED(segalgo_watch.on = false);
    SIMULATED_PROFILED(segalgo_profile.on = false);
    if (!block->failed) {
        const uint3 t = threadIdx, b = blockIdx;
        int n = snprintf(block->message, sizeof block->message, "block (%u, %u, %u), thread (%u, %u, %u): ", b.x, b.y,
                         b.z, t.x, t.y, t.z);
        va_list rest;
        va_start(rest, format);
        vsnprintf(block->message + n, sizeof block->message - n, format, rest);
        va_end(rest);
        block->failed = true;
    }
    _longjmp(block->scheduler, 1);
}

inline void fiber_body() {
    for (;;) {
        block->kernel(block->arguments);
        Thread& thread = block->threads[block->current];
        thread.state = State::finished;
        if (block->next < block->order.size() && !block->failed) { /* no wait met: take the next CUDA thread without a switch */
            const unsigned t = block->order[block->next++];
            block->threads[t].fiber = thread.fiber;
            set_thread(t);
            continue;
        }
        block->idle.push_back(thread.fiber);
        give_way();
    }
}

inline void resume(unsigned t) {
    Thread& thread = block->threads[t];
    if (thread.fiber == nullptr) {
        if (block->idle.empty()) {
            block->fibers.push_back(new Fiber);
            block->idle.push_back(block->fibers.back());
        }
        thread.fiber = block->idle.back();
        block->idle.pop_back();
    }
    Fiber* fiber = thread.fiber;
    thread.state = State::ready;
    block->since_switch = 0;
    set_thread(t);
    fiber->stack = fiber->stack ? fiber->stack : static_cast<char*>(malloc(stack_bytes));
    SIMULATED_WATCHED(segalgo_watch.stack = fiber->stack; segalgo_watch.stack_end = fiber->stack + stack_bytes);
    SIMULATED_PROFILED(segalgo_profile.stack = fiber->stack; segalgo_profile.stack_end = fiber->stack + stack_bytes);
    if (_setjmp(block->scheduler) == 0) {
        if (fiber->born) _longjmp(fiber->resume_point, 1);
        fiber->born = true;
        getcontext(&fiber->birth);
        fiber->birth.uc_stack.ss_sp = fiber->stack;
        fiber->birth.uc_stack.ss_size = stack_bytes;
        fiber->birth.uc_link = nullptr;
        makecontext(&fiber->birth, fiber_body, 0);
        swapcontext(&block->scheduler_birth, &fiber->birth);
    }
}

/* Before an atomic or volatile access of a watched kernel: perhaps let other threads go first. */
SIMULATED_QUIET inline void pause_here() {
    constexpr unsigned most_without_a_switch = 400; /* a thread that spins waits for another */
    SIMULATED_UNWATCHED;
    Thread& thread = block->threads[block->current];
    const int how = block->launch->switching;
    block->launch->switches++;
    thread.relaxed++;
    bool now = ++block->since_switch > most_without_a_switch;
    if (how == 1) now = true;
    else if (how >= 100) now = now || mix(block->random) % (how == 100 ? 2 : 16) == 0;
    else if (how > 1) now = now || int(thread.relaxed) == how;
    if (!now) return;
    thread.state = State::ready;
    block->paused = true;
    give_way();
}

inline void put_in_order(std::vector<unsigned>& order, int how, uint64_t seed) {
    const size_t n = order.size();
    for (size_t k = 0; k < n; k++) order[k] = unsigned(how == 1 ? n - 1 - k : k);
    if (how == 2)
        for (size_t k = n; k > 1; k--) std::swap(order[k - 1], order[mix(seed) % k]);
}

/* Lanes that came to the same __activemask() of their warp know of each other. */
inline bool release_converging() {
    bool any = false;
    const unsigned n = unsigned(block->threads.size());
    for (unsigned t = 0; t < n; t++) {
        if (block->threads[t].state != State::converging) continue;
        const int line = block->threads[t].line;
        const unsigned end = (t / 32 + 1) * 32 < n ? (t / 32 + 1) * 32 : n;
        unsigned mask = 0;
        for (unsigned other = t; other < end; other++)
            if (block->threads[other].state == State::converging && block->threads[other].line == line) mask |= 1u << other % 32;
        for (unsigned other = t; other < end; other++)
            if (mask >> other % 32 & 1) block->threads[other].state = State::ready, block->threads[other].lanes = mask;
        any = true;
    }
    return any;
}

/* All that still run wait: let a complete barrier pass, call everything else a fault. */
inline void release_barrier() {
    int line = 0;
    size_t waiting = 0, gone = 0;
    for (unsigned t = 0; t < block->threads.size(); t++) {
        Thread& thread = block->threads[t];
        gone += thread.state == State::finished;
        if (thread.state == State::at_barrier) {
            if (waiting && thread.line != line) {
                set_thread(t);
                block->failed = true;
                snprintf(block->message, sizeof block->message,
                         "block (%u, %u, %u): divergent barrier, threads wait at __syncthreads of line %d and of line %d",
                         blockIdx.x, blockIdx.y, blockIdx.z, line, thread.line);
                return;
            }
            line = thread.line;
            waiting++;
        } else if (thread.state == State::at_warp) {
            block->failed = true;
            snprintf(block->message, sizeof block->message,
                     "block (%u, %u, %u), thread %u: deadlock, the warp operation of line %d waits for lanes of mask "
                     "0x%08x that never arrive", blockIdx.x, blockIdx.y, blockIdx.z, t, thread.line, thread.lanes);
            return;
        }
    }
    if (gone) {
        block->failed = true;
        snprintf(block->message, sizeof block->message,
                 "block (%u, %u, %u): divergent barrier, %zu threads wait at __syncthreads of line %d and %zu have left "
                 "the kernel", blockIdx.x, blockIdx.y, blockIdx.z, waiting, line, gone);
        return;
    }
    block->barriers++;
    SIMULATED_WATCHED(segalgo_watch.barriers++);
    SIMULATED_PROFILED(segalgo_profile_barrier(line));
    block->vote[block->barriers & 1] = 0; /* the slot of the next barrier; this one is still to be read */
    for (Thread& thread : block->threads) thread.state = State::ready;
}

/* Let each thread that can go on do so, once; return whether one could and whether some are unfinished. */
inline void one_round(bool& progress, bool& unfinished) {
    progress = unfinished = false;
    const size_t n = block->order.size();
    const bool at_random = block->launch->switching >= 100;
    for (size_t k = 0; k < n && !block->failed; k++) {
        const unsigned t = block->order[at_random ? (k + mix(block->random) % n) % n : k];
        const State state = block->threads[t].state;
        if (state == State::ready || state == State::unstarted) {
            resume(t);
            progress = true;
        }
        if (at_random && block->paused && mix(block->random) % 4 == 0) break;
    }
    for (const Thread& thread : block->threads) {
        unfinished |= thread.state != State::finished;
        progress |= thread.state == State::ready || thread.state == State::unstarted;
    }
}

inline void let_other_blocks_go_on();
inline bool another_failed();

inline void run_block(Launch* launch, uint64_t number) {
    blockIdx = {unsigned(number % launch->grid[0]), unsigned(number / launch->grid[0] % launch->grid[1]),
                unsigned(number / (uint64_t(launch->grid[0]) * launch->grid[1]))};
    put_in_order(block->order, launch->order, launch->seed ^ (number * 0x2545f4914f6cdd1dull));
    for (Thread& thread : block->threads) thread = {State::unstarted, 0, 0, 0, 0, nullptr};
    memset(block->shared.data(), 0xff, block->shared.size()); /* NaN, and -1: unwritten shared memory shows */
    block->meetings.clear();
    SIMULATED_WATCHED(for (int k = 0; k < 3; k++) segalgo_watch.place[k] = (&blockIdx.x)[k]);
    SIMULATED_WATCHED(segalgo_watch_block(block->shared.data(), launch->dynamic_shared));
    block->next = launch->switching ? block->order.size() : 0;
    block->barriers = 0;
    block->paused = false;
    block->random = launch->seed + 77 * number;
    block->vote[0] = block->vote[1] = 0;
    while (block->next < block->order.size() && !block->failed) resume(block->order[block->next++]);
    while (!block->failed) {
        bool progress, unfinished;
        one_round(progress, unfinished);
        if (block->failed || !unfinished || another_failed()) return;
        if (block->paused) {
            block->paused = false;
            let_other_blocks_go_on();
        } else if (!progress && !release_converging()) {
            release_barrier();
        }
    }
}

SIMULATED_QUIET inline long long barrier(int line, long long vote) {
    SIMULATED_UNWATCHED;
    Thread& thread = block->threads[block->current];
    const uint64_t number = block->barriers;
    block->vote[number & 1] += vote;
    thread.state = State::at_barrier;
    thread.line = line;
    give_way();
    return block->vote[number & 1];
}

}  // namespace simulated

#define __syncthreads() ((void)simulated::barrier(__LINE__, 0))
#define __syncthreads_count(predicate) (int(simulated::barrier(__LINE__, !!(predicate))))
#define __syncthreads_or(predicate) (int(simulated::barrier(__LINE__, !!(predicate)) != 0))
#define __syncthreads_and(predicate) (int(simulated::barrier(__LINE__, !(predicate)) == 0))
#define __trap() simulated::fail("__trap() of line %d", __LINE__)
#define assert(condition) ((condition) ? (void)0 : simulated::fail("assert(" #condition ") of line %d", __LINE__))

#endif
