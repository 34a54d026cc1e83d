/* A CUDA device made of the host's processor: the host compiler reads a .cu file through this header and runs it.
 *
 * How: a block runs on one OS thread, its CUDA threads are fibers (ucontext) that give way at barriers and warp
 * operations only; blocks are handed to OS threads. A fiber that ends without waiting takes the next CUDA thread
 * at once, so a kernel without barriers never switches. __shared__ variables are thread-local: one per block at a
 * time, with the last block's bytes in them, as on a card.
 *
 * Modelled: grids, blocks and threads in 3-D; static and dynamic shared memory; __syncthreads and its _count, _and,
 * _or forms; integer and float atomics; __syncwarp, shuffles, ballots, any, all, with masks; the common math and bit
 * intrinsics; vector types.
 * Stricter than a card: number, kind and size of arguments are checked; a barrier that part of a block skips, two
 * barriers at once, a deadlock, a shuffle from a lane outside the mask are errors; threads and blocks run forward,
 * reversed or shuffled by a seed.
 * Not modelled: weak memory order (a missing __threadfence goes unseen), speed, streams, textures, cooperative
 * groups, dynamic parallelism, __activemask, tensor cores. Stale static shared memory is not poisoned.
 */
#ifndef SEGALGO_SIMULATED_DEVICE_H
#define SEGALGO_SIMULATED_DEVICE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __shared__ thread_local
#define __forceinline__ inline
#define __noinline__
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __align__(n) alignas(n)

/* `extern __shared__ T name[];` is rewritten to this before the host compiler sees it; every name is the same memory. */
#define SIMULATED_DYNAMIC_SHARED(T, name) thread_local T* const name = reinterpret_cast<T*>(simulated::dynamic_shared())

struct uint3 { unsigned x, y, z; };
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
#define SIMULATED_VECTORS(T, name)                                                                                   \
    struct alignas(2 * sizeof(T)) name##2 { T x, y; };                                                               \
    struct name##3 { T x, y, z; };                                                                                   \
    struct alignas(4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)) name##4 { T x, y, z, w; };                               \
    inline name##2 make_##name##2(T x, T y) { return {x, y}; }                                                       \
    inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }                                               \
    inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
SIMULATED_VECTORS(signed char, char)
SIMULATED_VECTORS(unsigned char, uchar)
SIMULATED_VECTORS(short, short)
SIMULATED_VECTORS(unsigned short, ushort)
SIMULATED_VECTORS(int, int)
SIMULATED_VECTORS(long long, longlong)
SIMULATED_VECTORS(unsigned long long, ulonglong)
SIMULATED_VECTORS(float, float)
SIMULATED_VECTORS(double, double)
struct uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

inline thread_local uint3 threadIdx, blockIdx;
inline thread_local dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace simulated {

constexpr size_t stack_bytes = 128 * 1024;
constexpr size_t dynamic_shared_limit = 48 * 1024; /* what a card gives without being asked for more */

/* Filled by the caller of a launch, read by every OS thread. Mirrored field by field in cuda/_compiler.py. */
struct Launch {
    unsigned grid[3], block[3];
    uint64_t dynamic_shared;
    int32_t order; /* 0 forward, 1 reversed, 2 shuffled */
    int32_t os_threads;
    uint64_t seed;
    char* message;
    uint64_t message_bytes;
};

enum class State : unsigned char { unstarted, ready, at_barrier, at_warp, finished };

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
    const Launch* launch = nullptr;
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
    char message[512];

    ~Block() {
        for (Fiber* fiber : fibers) { free(fiber->stack); delete fiber; }
    }
};

inline thread_local Block* block = nullptr;

inline void* dynamic_shared() { return block->shared.data(); }

inline void set_thread(unsigned t) {
    block->current = t;
    threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / (blockDim.x * blockDim.y)};
}

/* Back to the scheduler; it returns here when it resumes this fiber. */
inline void give_way() {
    Fiber* fiber = block->threads[block->current].fiber;
    if (_setjmp(fiber->resume_point) == 0) _longjmp(block->scheduler, 1);
}

/* Record the first fault of the block and leave it for good. */
[[noreturn]] inline void fail(const char* format, ...) {
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
        if (block->next < block->order.size()) { /* no wait met: take the next CUDA thread without a switch */
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
    set_thread(t);
    if (_setjmp(block->scheduler) == 0) {
        if (fiber->born) _longjmp(fiber->resume_point, 1);
        fiber->born = true;
        fiber->stack = fiber->stack ? fiber->stack : static_cast<char*>(malloc(stack_bytes));
        getcontext(&fiber->birth);
        fiber->birth.uc_stack.ss_sp = fiber->stack;
        fiber->birth.uc_stack.ss_size = stack_bytes;
        fiber->birth.uc_link = nullptr;
        makecontext(&fiber->birth, fiber_body, 0);
        swapcontext(&block->scheduler_birth, &fiber->birth);
    }
}

inline uint64_t mix(uint64_t& state) { /* splitmix64 */
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

inline void put_in_order(std::vector<unsigned>& order, int how, uint64_t seed) {
    const size_t n = order.size();
    for (size_t k = 0; k < n; k++) order[k] = unsigned(how == 1 ? n - 1 - k : k);
    if (how == 2)
        for (size_t k = n; k > 1; k--) std::swap(order[k - 1], order[mix(seed) % k]);
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
    block->vote[block->barriers & 1] = 0; /* the slot of the next barrier; this one is still to be read */
    for (Thread& thread : block->threads) thread.state = State::ready;
}

inline void run_block(const Launch* launch, uint64_t number) {
    blockIdx = {unsigned(number % launch->grid[0]), unsigned(number / launch->grid[0] % launch->grid[1]),
                unsigned(number / (uint64_t(launch->grid[0]) * launch->grid[1]))};
    put_in_order(block->order, launch->order, launch->seed ^ (number * 0x2545f4914f6cdd1dull));
    for (Thread& thread : block->threads) thread = {State::unstarted, 0, 0, 0, nullptr};
    memset(block->shared.data(), 0xff, block->shared.size()); /* NaN, and -1: unwritten shared memory shows */
    block->meetings.clear();
    block->next = 0;
    block->barriers = 0;
    block->vote[0] = block->vote[1] = 0;
    while (block->next < block->order.size() && !block->failed) resume(block->order[block->next++]);
    while (!block->failed) {
        bool progress = false, unfinished = false;
        for (unsigned t : block->order) {
            if (block->threads[t].state == State::finished) continue;
            unfinished = true;
            if (block->threads[t].state != State::ready) continue;
            resume(t);
            progress = true;
            if (block->failed) return;
        }
        if (!unfinished) return;
        if (!progress) release_barrier();
    }
}

inline long long barrier(int line, long long vote) {
    Thread& thread = block->threads[block->current];
    const uint64_t number = block->barriers;
    block->vote[number & 1] += vote;
    thread.state = State::at_barrier;
    thread.line = line;
    give_way();
    return block->vote[number & 1];
}

/* Every lane of the mask leaves a value and goes on when all have; returns the slot that holds the 32 values. */
inline const uint64_t* meet(unsigned mask, uint64_t value, int line) {
    const unsigned t = block->current, warp = t / 32, lane = t % 32;
    if (!(mask >> lane & 1)) fail("warp operation of line %d: this lane is not in its own mask 0x%08x", line, mask);
    const unsigned in_block = unsigned(block->threads.size()) - warp * 32;
    const unsigned present = in_block >= 32 ? ~0u : (1u << in_block) - 1;
    mask &= present; /* the last warp of a block may be part empty: a full mask names the lanes there are */
    size_t m = 0;
    while (m < block->meetings.size() && (block->meetings[m].warp != warp || block->meetings[m].mask != mask)) m++;
    if (m == block->meetings.size()) block->meetings.push_back({warp, mask, 0, line, 0, {}});
    Rendezvous& first = block->meetings[m];
    if (first.arrived == 0) first.line = line;
    if (first.line != line)
        fail("divergent warp: lanes of mask 0x%08x wait at line %d and at line %d", mask, first.line, line);
    const uint64_t number = first.done;
    first.slot[number & 1][lane] = value;
    first.arrived |= 1u << lane;
    if (first.arrived == mask) {
        first.arrived = 0;
        first.done++;
        for (unsigned other = warp * 32; other < warp * 32 + 32 && other < block->threads.size(); other++) {
            Thread& waiting = block->threads[other];
            if (waiting.state == State::at_warp && waiting.lanes == mask) waiting.state = State::ready;
        }
    } else {
        Thread& thread = block->threads[t];
        thread.state = State::at_warp;
        thread.line = line;
        thread.lanes = mask;
        give_way();
    }
    return block->meetings[m].slot[number & 1];
}

template <class T> uint64_t to_bits(T value) {
    static_assert(sizeof(T) <= 8, "warp operations move at most 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    return bits;
}
template <class T> T from_bits(uint64_t bits) {
    T value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* `source` is a lane of the whole warp, or -1 where the rule of the shuffle keeps the lane's own value. */
template <class T> T shuffle(unsigned mask, T value, int source, int line) {
    const uint64_t* slot = meet(mask, to_bits(value), line);
    if (source < 0) return value;
    if (!(mask >> source & 1)) fail("shuffle of line %d reads lane %d, which is not in mask 0x%08x", line, source, mask);
    if (block->current / 32 * 32 + source >= block->threads.size())
        fail("shuffle of line %d reads lane %d, which the block does not have", line, source);
    return from_bits<T>(slot[source]);
}
inline int lane() { return int(block->current % 32); }
inline int up(unsigned delta, int width) { return lane() % width < int(delta) ? -1 : lane() - int(delta); }
inline int down(unsigned delta, int width) { return lane() % width + int(delta) >= width ? -1 : lane() + int(delta); }
inline int across(int lanes, int width) {
    const int source = lane() ^ lanes;
    return source / width > lane() / width ? -1 : source;
}
inline int indexed(int source, int width) { return lane() / width * width + (source % width + width) % width; }
inline unsigned ballot(unsigned mask, bool predicate, int line) {
    const uint64_t* slot = meet(mask, predicate, line);
    unsigned votes = 0;
    for (int k = 0; k < 32; k++)
        if (mask >> k & 1 && block->current / 32 * 32 + k < block->threads.size()) votes |= unsigned(slot[k] & 1) << k;
    return votes;
}

/* One code a parameter: p for a pointer, c for a pointer to const, then f, i, u, b or x (anything) and the size. */
template <class P> void describe(char*& at) {
    using Pointee = std::remove_pointer_t<P>;
    if (std::is_pointer_v<P>) *at++ = std::is_const_v<Pointee> ? 'c' : 'p';
    using T = std::remove_cv_t<Pointee>;
    *at++ = std::is_same_v<T, bool> ? 'b' : std::is_floating_point_v<T> ? 'f'
            : std::is_integral_v<T> ? (std::is_signed_v<T> ? 'i' : 'u') : 'x';
    if constexpr (std::is_void_v<T>) at += sprintf(at, "0 ");
    else at += sprintf(at, "%zu ", sizeof(T));
}
template <class... P> const char* signature(void (*)(P...)) {
    static char text[8 * sizeof...(P) + 8];
    char* at = text;
    (describe<P>(at), ...);
    *at = 0;
    return text;
}

/* Run all blocks on up to `os_threads` OS threads. Returns 0, or 1 with the first fault in `message`. */
inline int run(const Launch* launch, void (*kernel)(const void*), const void* arguments) {
    const uint64_t blocks = uint64_t(launch->grid[0]) * launch->grid[1] * launch->grid[2];
    const size_t threads = size_t(launch->block[0]) * launch->block[1] * launch->block[2];
    std::vector<unsigned> order(blocks);
    put_in_order(order, launch->order, launch->seed);
    uint64_t next = 0;
    int failed = 0;
    auto work = [&] {
        Block mine;
        block = &mine;
        mine.launch = launch;
        mine.kernel = kernel;
        mine.arguments = arguments;
        mine.threads.resize(threads);
        mine.order.resize(threads);
        mine.shared.resize(launch->dynamic_shared + 128);
        blockDim = {launch->block[0], launch->block[1], launch->block[2]};
        gridDim = {launch->grid[0], launch->grid[1], launch->grid[2]};
        for (;;) {
            const uint64_t k = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
            if (k >= blocks || __atomic_load_n(&failed, __ATOMIC_RELAXED)) break;
            run_block(launch, order[k]);
            if (mine.failed) {
                if (!__atomic_exchange_n(&failed, 1, __ATOMIC_ACQ_REL))
                    snprintf(launch->message, launch->message_bytes, "%s", mine.message);
                break;
            }
        }
        block = nullptr;
    };
    /* Fresh OS threads, never the caller's: dynamic shared pointers are thread-local and bound on first use. */
    std::vector<std::thread> crew;
    const uint64_t wanted = launch->os_threads < 1 ? 1 : uint64_t(launch->os_threads);
    for (uint64_t k = 0; k < (wanted < blocks ? wanted : blocks); k++) crew.emplace_back(work);
    for (std::thread& one : crew) one.join();
    return failed;
}

template <class... P> struct Call {
    void (*kernel)(P...);
    void** arguments;
    template <size_t... I> void expand(std::index_sequence<I...>) const {
        kernel(*static_cast<std::remove_cv_t<P>*>(arguments[I])...);
    }
    static void make(const void* call) { static_cast<const Call*>(call)->expand(std::index_sequence_for<P...>{}); }
};
template <class... P> int launch(void (*kernel)(P...), const Launch* how, void** arguments) {
    const Call<P...> call{kernel, arguments};
    return run(how, Call<P...>::make, &call);
}

}  // namespace simulated

#define __syncthreads() ((void)simulated::barrier(__LINE__, 0))
#define __syncthreads_count(predicate) (int(simulated::barrier(__LINE__, !!(predicate))))
#define __syncthreads_or(predicate) (int(simulated::barrier(__LINE__, !!(predicate)) != 0))
#define __syncthreads_and(predicate) (int(simulated::barrier(__LINE__, !(predicate)) == 0))
#define __syncwarp(...) ((void)simulated::meet(simulated_mask(__VA_ARGS__), 0, __LINE__))
inline unsigned simulated_mask(unsigned mask = 0xffffffffu) { return mask; }
#define __ballot_sync(mask, predicate) simulated::ballot(mask, !!(predicate), __LINE__)
#define __any_sync(mask, predicate) (int(simulated::ballot(mask, !!(predicate), __LINE__) != 0))
#define __all_sync(mask, predicate) (int(simulated::ballot(mask, !(predicate), __LINE__) == 0))
#define SIMULATED_SHUFFLE(mask, value, source) simulated::shuffle(mask, value, source, __LINE__)
inline int simulated_width(int width = 32) { return width; }
#define __shfl_sync(mask, value, source, ...)                                                                        \
    SIMULATED_SHUFFLE(mask, value, simulated::indexed(source, simulated_width(__VA_ARGS__)))
#define __shfl_up_sync(mask, value, delta, ...)                                                                      \
    SIMULATED_SHUFFLE(mask, value, simulated::up(delta, simulated_width(__VA_ARGS__)))
#define __shfl_down_sync(mask, value, delta, ...)                                                                    \
    SIMULATED_SHUFFLE(mask, value, simulated::down(delta, simulated_width(__VA_ARGS__)))
#define __shfl_xor_sync(mask, value, lanes, ...)                                                                     \
    SIMULATED_SHUFFLE(mask, value, simulated::across(lanes, simulated_width(__VA_ARGS__)))
#define __trap() simulated::fail("__trap() of line %d", __LINE__)
#define assert(condition) ((condition) ? (void)0 : simulated::fail("assert(" #condition ") of line %d", __LINE__))

inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

/* Atomics: the types that a card has, and no others. */
template <class T, class Change> T simulated_update(T* address, Change change) {
    T old, wanted;
    __atomic_load(address, &old, __ATOMIC_RELAXED);
    do { wanted = change(old); } while (!__atomic_compare_exchange(address, &old, &wanted, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return old;
}
#define SIMULATED_ATOMICS(T)                                                                                         \
    inline T atomicAdd(T* a, T v) { return __atomic_fetch_add(a, v, __ATOMIC_RELAXED); }                             \
    inline T atomicAnd(T* a, T v) { return __atomic_fetch_and(a, v, __ATOMIC_RELAXED); }                             \
    inline T atomicOr(T* a, T v) { return __atomic_fetch_or(a, v, __ATOMIC_RELAXED); }                               \
    inline T atomicXor(T* a, T v) { return __atomic_fetch_xor(a, v, __ATOMIC_RELAXED); }                             \
    inline T atomicExch(T* a, T v) { return __atomic_exchange_n(a, v, __ATOMIC_RELAXED); }                           \
    inline T atomicMin(T* a, T v) { return simulated_update(a, [v](T o) { return v < o ? v : o; }); }                \
    inline T atomicMax(T* a, T v) { return simulated_update(a, [v](T o) { return o < v ? v : o; }); }                \
    inline T atomicCAS(T* a, T expected, T v) {                                                                      \
        __atomic_compare_exchange_n(a, &expected, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);                     \
        return expected;                                                                                             \
    }
SIMULATED_ATOMICS(int)
SIMULATED_ATOMICS(unsigned)
SIMULATED_ATOMICS(unsigned long long)
inline long long atomicMin(long long* a, long long v) { return simulated_update(a, [v](long long o) { return v < o ? v : o; }); }
inline long long atomicMax(long long* a, long long v) { return simulated_update(a, [v](long long o) { return o < v ? v : o; }); }
inline int atomicSub(int* a, int v) { return __atomic_fetch_sub(a, v, __ATOMIC_RELAXED); }
inline unsigned atomicSub(unsigned* a, unsigned v) { return __atomic_fetch_sub(a, v, __ATOMIC_RELAXED); }
inline unsigned atomicInc(unsigned* a, unsigned v) { return simulated_update(a, [v](unsigned o) { return o >= v ? 0 : o + 1; }); }
inline unsigned atomicDec(unsigned* a, unsigned v) { return simulated_update(a, [v](unsigned o) { return o == 0 || o > v ? v : o - 1; }); }
inline float atomicAdd(float* a, float v) { return simulated_update(a, [v](float o) { return o + v; }); }
inline double atomicAdd(double* a, double v) { return simulated_update(a, [v](double o) { return o + v; }); }
inline float atomicExch(float* a, float v) { return simulated_update(a, [v](float) { return v; }); }

/* Bits and numbers. */
template <class T> T __ldg(const T* address) { return *address; }
inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
inline int __clz(int v) { return v ? __builtin_clz(unsigned(v)) : 32; }
inline int __clzll(long long v) { return v ? __builtin_clzll((unsigned long long)v) : 64; }
inline int __ffs(int v) { return __builtin_ffs(v); }
inline int __ffsll(long long v) { return __builtin_ffsll(v); }
inline unsigned __brev(unsigned v) {
    unsigned r = 0;
    for (int k = 0; k < 32; k++) r |= (v >> k & 1u) << (31 - k);
    return r;
}
inline int __float_as_int(float v) { return simulated::from_bits<int>(simulated::to_bits(v)); }
inline unsigned __float_as_uint(float v) { return simulated::from_bits<unsigned>(simulated::to_bits(v)); }
inline float __int_as_float(int v) { return simulated::from_bits<float>(simulated::to_bits(v)); }
inline float __uint_as_float(unsigned v) { return simulated::from_bits<float>(simulated::to_bits(v)); }
inline long long __double_as_longlong(double v) { return simulated::from_bits<long long>(simulated::to_bits(v)); }
inline double __longlong_as_double(long long v) { return simulated::from_bits<double>(simulated::to_bits(v)); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return sqrtf(a); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __dsqrt_rn(double a) { return sqrt(a); }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
inline float rsqrtf(float a) { return 1.0f / sqrtf(a); }
inline double rsqrt(double a) { return 1.0 / sqrt(a); }
inline float __expf(float a) { return expf(a); }
inline float __logf(float a) { return logf(a); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __saturatef(float a) { return a > 0.0f ? (a < 1.0f ? a : 1.0f) : 0.0f; }
template <class A, class B> constexpr std::common_type_t<A, B> min(A a, B b) {
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>) return a != a ? T(b) : b != b ? T(a) : T(b) < T(a) ? T(b) : T(a);
    else return T(b) < T(a) ? T(b) : T(a);
}
template <class A, class B> constexpr std::common_type_t<A, B> max(A a, B b) {
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>) return a != a ? T(b) : b != b ? T(a) : T(a) < T(b) ? T(b) : T(a);
    else return T(a) < T(b) ? T(b) : T(a);
}

#endif
