/* The watch over a kernel's memory: compiled by itself, without the sanitizer, and linked to a watched kernel.
 *
 * gcc and clang put a call to one of these hooks before every load and store of a kernel; the record of them, and what
 * is found in it, is in simulated_record.h. Atomic and volatile accesses may let other threads go first.
 */
#include "simulated_record.h"

extern "C" {
SegalgoWatch segalgo_watch;
}

extern "C" {

/* Before a launch: which arrays it was given. */
__attribute__((visibility("default"))) void segalgo_watch_arrays(int count, const char** names, const void** bases, const uint64_t* bytes,
                          const uint64_t* items, const unsigned char* marks) {
    watch::arrays.clear();
    watch::shared.clear();
    watch::findings.clear();
    watch::seen.clear();
    watch::places.clear();
    watch::variables.clear();
    watch::pending.at = nullptr;
    watch::pending.found.clear();
    watch::workers.clear();
    watch::blocks_started = watch::accesses = 0;
    watch::pages_made = 0;
    watch::flags.clear();
    watch::seen_by_block.clear();
    watch::seen_by_thread.clear();
    watch::fences_of_block.clear();
    watch::fences_of_thread.clear();
    segalgo_watch = {};
    for (int k = 0; k < count; k++) watch::arrays.emplace_back(names[k], bases[k], bytes[k], items[k], false, marks[k]);
}

/* After it: what was found, one line each. */
__attribute__((visibility("default"))) const char* segalgo_watch_findings() {
    watch::listed.clear();
    for (const std::string& line : watch::findings) watch::listed += line + "\n";
    return watch::listed.c_str();
}

void segalgo_watch_run(const void* in_library) {
    watch::runs_blocks = true;
    dl_iterate_phdr(watch::find_library, const_cast<void*>(in_library));
}

void segalgo_watch_block(const void* dynamic_shared, size_t bytes) {
    segalgo_watch.block = ++watch::blocks_started;
    segalgo_watch.barriers = 0;
    watch::accesses_of_block = 0;
    memset(segalgo_watch.warp_syncs, 0, sizeof segalgo_watch.warp_syncs);
    const unsigned* at = segalgo_watch.place;
    watch::places[segalgo_watch.block] = {at[0], at[1], at[2]};
    watch::shared.clear();
    if (bytes) watch::shared.emplace_back("dynamic shared memory", dynamic_shared, bytes, 1, true, true);
    watch::check_shared_size(0);
}

void segalgo_watch_settle() { watch::settle(); }

void segalgo_watch_leave(int worker) {
    watch::settle();
    watch::runs_blocks = false; /* until it has the baton again */
    watch::Worker& one = watch::workers[worker];
    one.state = segalgo_watch;
    one.shared.swap(watch::shared);
    one.tls = watch::tls, one.tls_end = watch::tls_end;
}

void segalgo_watch_enter(int worker) {
    watch::runs_blocks = true;
    if (watch::workers.size() <= size_t(worker)) watch::workers.resize(worker + 1);
    watch::Worker& one = watch::workers[worker];
    segalgo_watch = one.state;
    watch::shared.clear();
    one.shared.swap(watch::shared);
    watch::tls = one.tls, watch::tls_end = one.tls_end;
}

void segalgo_watch_forget() {
    for (std::vector<watch::Region>* list : {&watch::arrays, &watch::variables})
        for (watch::Region& region : *list)
            for (auto& page : region.pages) page.reset();
}

void segalgo_watch_shared(void* base, size_t bytes, size_t item, const char* name, int line) {
    for (const watch::Region& region : watch::shared)
        if (region.base == base) return;
    memset(base, 0xff, bytes); /* NaN, and -1: what is not written shows in the answer too */
    watch::shared.emplace_back(name, base, bytes, item, true, true);
    watch::check_shared_size(line);
}

void __ubsan_handle_type_mismatch_v1(void* what, void* address) {
    watch::misaligned(static_cast<const watch::Mismatched*>(what), address);
}

#define CALLER __builtin_return_address(0)
#define HOOKS(N)                                                                                                     \
    void __tsan_read##N(void* a) { watch::access(a, N, CALLER, true, false, watch::plain); }                         \
    void __tsan_write##N(void* a) { watch::access(a, N, CALLER, false, true, watch::plain); }                        \
    void __tsan_read_write##N(void* a) { watch::access(a, N, CALLER, true, true, watch::plain); }                    \
    void __tsan_unaligned_read##N(void* a) { watch::access(a, N, CALLER, true, false, watch::plain); }               \
    void __tsan_unaligned_write##N(void* a) { watch::access(a, N, CALLER, false, true, watch::plain); }              \
    void __tsan_volatile_read##N(void* a) { watch::access(a, N, CALLER, true, false, watch::relaxed); }              \
    void __tsan_volatile_write##N(void* a) { watch::access(a, N, CALLER, false, true, watch::relaxed); }             \
    void __tsan_unaligned_volatile_read##N(void* a) { watch::access(a, N, CALLER, true, false, watch::relaxed); }    \
    void __tsan_unaligned_volatile_write##N(void* a) { watch::access(a, N, CALLER, false, true, watch::relaxed); }
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)
void __tsan_read_range(void* a, size_t n) { watch::access(a, n, CALLER, true, false, watch::plain); }
void __tsan_write_range(void* a, size_t n) { watch::access(a, n, CALLER, false, true, watch::plain); }
void* __tsan_memcpy(void* to, const void* from, size_t n) {
    watch::access(from, n, CALLER, true, false, watch::plain);
    watch::access(to, n, CALLER, false, true, watch::plain);
    return memmove(to, from, n);
}
void* __tsan_memmove(void* to, const void* from, size_t n) {
    watch::access(from, n, CALLER, true, false, watch::plain);
    watch::access(to, n, CALLER, false, true, watch::plain);
    return memmove(to, from, n);
}
void* __tsan_memset(void* to, int value, size_t n) {
    watch::access(to, n, CALLER, false, true, watch::plain);
    return memset(to, value, n);
}
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_atomic_thread_fence(int) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!segalgo_watch.on || !watch::runs_blocks || segalgo_watch.verdict_only) return;
    watch::fences_of_block[segalgo_watch.block] = watch::accesses;
    watch::fences_of_thread[watch::own_thread(segalgo_watch.thread)] = watch::accesses;
}
void __tsan_atomic_signal_fence(int) {}

/* Atomics come through here whole: the hook does the work. */
#define ATOMICS(N, T)                                                                                                \
    T __tsan_atomic##N##_load(const volatile T* a, int) {                                                            \
        watch::access(const_cast<T*>(a), N / 8, CALLER, true, false, watch::relaxed);                                \
        return __atomic_load_n(a, __ATOMIC_SEQ_CST);                                                                 \
    }                                                                                                                \
    void __tsan_atomic##N##_store(volatile T* a, T v, int) {                                                         \
        watch::access(const_cast<T*>(a), N / 8, CALLER, false, true, watch::relaxed);                                \
        __atomic_store_n(a, v, __ATOMIC_SEQ_CST);                                                                    \
    }                                                                                                                \
    T __tsan_atomic##N##_exchange(volatile T* a, T v, int) {                                                         \
        watch::access(const_cast<T*>(a), N / 8, CALLER, true, true, watch::relaxed);                                 \
        return __atomic_exchange_n(a, v, __ATOMIC_SEQ_CST);                                                          \
    }                                                                                                                \
    ATOMIC_CHANGE(N, T, add)                                                                                         \
    ATOMIC_CHANGE(N, T, sub)                                                                                         \
    ATOMIC_CHANGE(N, T, and)                                                                                         \
    ATOMIC_CHANGE(N, T, or)                                                                                          \
    ATOMIC_CHANGE(N, T, xor)                                                                                         \
    ATOMIC_CHANGE(N, T, nand)                                                                                        \
    int __tsan_atomic##N##_compare_exchange_strong(volatile T* a, T* expected, T v, int, int) {                      \
        watch::access(const_cast<T*>(a), N / 8, CALLER, true, true, watch::relaxed);                                 \
        return __atomic_compare_exchange_n(a, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);               \
    }                                                                                                                \
    int __tsan_atomic##N##_compare_exchange_weak(volatile T* a, T* expected, T v, int, int) {                        \
        watch::access(const_cast<T*>(a), N / 8, CALLER, true, true, watch::relaxed);                                 \
        return __atomic_compare_exchange_n(a, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);               \
    }                                                                                                                \
    T __tsan_atomic##N##_compare_exchange_val(volatile T* a, T expected, T v, int, int) {                            \
        watch::access(const_cast<T*>(a), N / 8, CALLER, true, true, watch::relaxed);                                 \
        __atomic_compare_exchange_n(a, &expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                     \
        return expected;                                                                                             \
    }
#define ATOMIC_CHANGE(N, T, change)                                                                                  \
    T __tsan_atomic##N##_fetch_##change(volatile T* a, T v, int) {                                                   \
        watch::access(const_cast<T*>(a), N / 8, CALLER, true, true, watch::relaxed);                                 \
        return __atomic_fetch_##change(a, v, __ATOMIC_SEQ_CST);                                                      \
    }
ATOMICS(8, unsigned char)
ATOMICS(16, unsigned short)
ATOMICS(32, unsigned)
ATOMICS(64, unsigned long long)
}
