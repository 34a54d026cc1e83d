/* The hooks of a profiled kernel: compiled by themselves and linked to it. They write the traces of its threads. */
#include <link.h>
#include <stdio.h>
#include <string.h>

#include <type_traits>

#include "simulated_counter.h"

extern "C" {
thread_local SegalgoProfile segalgo_profile;
}

namespace counter {

static thread_local Counter* mine = nullptr;
/* A value that was about to be written when the hook was called: it is there when the next one is. */
static thread_local struct { Lane* lane; size_t place; const void* at; size_t bytes; } unsettled;

static uint32_t offset_of(const void* caller) {
    return uint32_t(static_cast<const char*>(caller) - mine->library) - 1;
}

static void settle() {
    if (unsettled.lane == nullptr) return;
    memcpy(&unsettled.lane->values[unsettled.place], unsettled.at, std::min<size_t>(unsettled.bytes, 8));
    unsettled.lane = nullptr;
}

static void append(Lane& lane, uint64_t address, uint32_t pc, Kind kind, size_t bytes) {
    lane.trace.push_back({address, pc, kind, uint8_t(bytes), lane.depth});
    if (++mine->events_of_block > Counter::most_events)
        segalgo_profile.fail("profile: more than 62 million steps of a block between two barriers; make the launch smaller");
    if (!shares.steps) return;
    settle();
    lane.values.resize(lane.trace.size());
    if (kind == read) memcpy(&lane.values.back(), reinterpret_cast<const void*>(address), std::min<size_t>(bytes, 8));
    if (kind == write || kind == atomic)
        unsettled = {&lane, lane.trace.size() - 1, reinterpret_cast<const void*>(address), bytes};
}

static void access(const void* address, size_t bytes, const void* caller, Kind kind) {
    if (!segalgo_profile.on) return;
    const char* at = static_cast<const char*>(address);
    if (at >= segalgo_profile.stack && at < segalgo_profile.stack_end) return; /* a local variable: a register */
    Counter& own = *mine;
    if (at >= own.tls && at < own.tls_end && !(at >= own.shared_low && at < own.shared_high)) return; /* threadIdx */
    Lane& lane = own.lanes[segalgo_profile.thread];
    const uint32_t pc = offset_of(caller);
    for (size_t done = 0; done < bytes; done += 16)
        append(lane, uint64_t(at) + done, pc, kind, std::min<size_t>(bytes - done, 16));
}

static void relaxed(const void* address, size_t bytes, const void* caller, Kind kind) {
    if (!segalgo_profile.on) return;
    segalgo_profile.pause();
    access(address, bytes, caller, kind);
}

static void condition(const void* caller) {
    if (!segalgo_profile.on) return;
    mine->lanes[segalgo_profile.thread].condition = offset_of(caller);
}

static void basic_block(const void* caller) {
    if (!segalgo_profile.on) return;
    Lane& lane = mine->lanes[segalgo_profile.thread];
    const uint32_t pc = offset_of(caller);
    if (lane.last_block != ~size_t(0))
        lane.trace[lane.last_block].address = uint64_t(lane.condition) << 32 | pc;
    lane.condition = nowhere;
    lane.last_block = lane.trace.size();
    append(lane, 0, pc, start_of_block, 0);
}

static int find_library(struct dl_phdr_info* info, size_t, void* inside) {
    const char *low = nullptr, *high = nullptr;
    for (int k = 0; k < info->dlpi_phnum; k++) {
        const auto& part = info->dlpi_phdr[k];
        if (part.p_type != PT_LOAD) continue;
        const char* begin = reinterpret_cast<const char*>(info->dlpi_addr + part.p_vaddr);
        if (!low || begin < low) low = begin;
        if (begin + part.p_memsz > high) high = begin + part.p_memsz;
    }
    if (inside < low || inside >= high) return 0;
    mine->library = reinterpret_cast<const char*>(info->dlpi_addr);
    mine->library_end = high;
    for (int k = 0; k < info->dlpi_phnum; k++)
        if (info->dlpi_phdr[k].p_type == PT_TLS) {
            mine->tls = static_cast<const char*>(info->dlpi_tls_data);
            mine->tls_end = mine->tls + info->dlpi_phdr[k].p_memsz;
        }
    return 1;
}

}  // namespace counter

extern "C" {

#define EXPORTED __attribute__((visibility("default")))

/* Before a launch: which arrays it was given, and the sizes of the L2 caches to model. */
EXPORTED void segalgo_profile_begin(int count, const char** names, const void** bases, const uint64_t* bytes,
                                    const uint64_t* items, int caches, const uint64_t* l2_bytes, int steps,
                                    uint64_t most_steps) {
    using namespace counter;
    shares.arrays.clear();
    for (int k = 0; k < count; k++) {
        const char* at = static_cast<const char*>(bases[k]);
        shares.arrays.push_back({names[k], at, at + bytes[k], items[k], false});
    }
    shares.arrays.push_back({"module variables", nullptr, nullptr, 4, false});
    shares.accesses.clear();
    shares.branches.clear();
    shares.blocks.clear();
    shares.barriers.clear();
    shares.warp_operations.clear();
    shares.warp_lanes.clear();
    shares.busiest.clear();
    shares.sizes.clear();
    shares.shared_names.clear();
    shares.waiting.clear();
    shares.blocks_run = shares.events = shares.next_place = 0;
    shares.l2.assign(size_t(caches), Cache());
    for (int k = 0; k < caches; k++) shares.l2[k].size(l2_bytes[k], 16);
    shares.l2_hits.assign(size_t(caches), std::vector<uint64_t>(count + 1));
    shares.l2_misses = shares.l2_hits;
    shares.l2_writes.assign(count + 1, 0);
    shares.steps = steps != 0;
    shares.most_steps = most_steps;
    counter::steps.clear();
}

/* After it: one record a line, fields with tabs between; profile.py reads them. */
EXPORTED const char* segalgo_profile_result() {
    using namespace counter;
    std::string& text = shares.listed;
    text.clear();
    auto line = [&](const char* what, std::initializer_list<std::string> words, std::initializer_list<uint64_t> numbers) {
        text += what;
        for (const std::string& word : words) text += "\t" + word;
        for (uint64_t number : numbers) text += "\t" + std::to_string(number);
        text += "\n";
    };
    for (const auto& one : shares.accesses) {
        const Access& a = one.second;
        const auto& [pc, name, shared, kind] = one.first;
        line("access", {std::to_string(pc), name, shared ? "shared" : "global"},
             {uint64_t(kind), a.requests, a.lanes, a.bytes, a.distinct_bytes, a.sectors, a.least_sectors, a.passes, a.least_passes,
              a.most_passes, a.l1_sectors, a.l1_hits});
    }
    for (const auto& one : shares.branches)
        line("branch", {}, {one.first, one.second.executed, one.second.lanes, one.second.divergent});
    for (const auto& one : shares.blocks) line("block", {}, {one.first, one.second.executed, one.second.lanes});
    for (const auto& one : shares.barriers) line("barrier", {}, {uint64_t(one.first), one.second});
    for (const auto& one : shares.warp_operations)
        line("warp", {}, {uint64_t(one.first), one.second, shares.warp_lanes[one.first]});
    for (const auto& one : shares.busiest) line("busiest", {one.first}, {one.second});
    for (const auto& one : shares.sizes) line("shared", {one.first}, {one.second});
    for (size_t k = 0; k < shares.l2.size(); k++) {
        shares.l2[k].write_back_all();
        line("written back", {}, {k, shares.l2[k].written_back});
        for (size_t a = 0; a < shares.arrays.size(); a++)
            line("l2", {shares.arrays[a].name}, {k, shares.l2_hits[k][a], shares.l2_misses[k][a], shares.l2_writes[a]});
    }
    line("ran", {}, {shares.blocks_run, shares.events});
    return text.c_str();
}

EXPORTED uint64_t segalgo_profile_steps(const void** records) {
    *records = counter::steps.data();
    return counter::steps.size();
}
EXPORTED const char* segalgo_profile_shared_names() {
    static std::string names;
    names.clear();
    for (const auto& one : counter::shares.shared_names) names += one + "\n";
    return names.c_str();
}

void segalgo_profile_run(const void* in_library, uint32_t threads) {
    using namespace counter;
    mine = new Counter;
    mine->lanes.resize(threads);
    mine->l1.size(32 * 1024, 4);
    dl_iterate_phdr(find_library, const_cast<void*>(in_library));
    std::lock_guard<std::mutex> lock(shares.guard);
    shares.arrays.back().base = mine->library;
    shares.arrays.back().end = mine->library_end;
}

void segalgo_profile_block(uint64_t place, uint32_t number, const void* dynamic_shared, size_t bytes) {
    simulated::AtFileScope::set_all(const_cast<void*>(dynamic_shared));
    counter::mine->begin_block(place, number, dynamic_shared, bytes);
}

void segalgo_profile_block_end() {
    counter::settle();
    counter::mine->end_block();
}

void segalgo_profile_done() {
    counter::mine->hand_in();
    delete counter::mine;
    counter::mine = nullptr;
}

void segalgo_profile_barrier(int line) {
    counter::settle();
    counter::mine->read_all();
    counter::mine->barrier++;
    counter::mine->barriers[line]++;
}

void segalgo_profile_warp(uint32_t mask, int line) {
    counter::Counter& own = *counter::mine;
    counter::append(own.lanes[segalgo_profile.thread], mask, uint32_t(line), counter::warp_operation, 0);
}

void segalgo_profile_shared(void* base, size_t bytes, size_t item, const char* name) {
    if (counter::mine->declare(base, bytes, item, name)) memset(base, 0xff, bytes); /* as in watched kernels */
}

#define CALLER __builtin_return_address(0)

void segalgo_profile_atomic(const void* address, size_t bytes) {
    counter::relaxed(address, bytes, CALLER, counter::atomic);
}

void segalgo_profile_copy(void* to, const void* from, size_t bytes) {
    counter::access(from, bytes, CALLER, counter::read);
    counter::access(to, bytes, CALLER, counter::write);
    memmove(to, from, bytes);
}

#define HOOKS(N)                                                                                                     \
    void __tsan_read##N(void* a) { counter::access(a, N, CALLER, counter::read); }                                   \
    void __tsan_write##N(void* a) { counter::access(a, N, CALLER, counter::write); }                                 \
    void __tsan_read_write##N(void* a) {                                                                             \
        counter::access(a, N, CALLER, counter::read);                                                                \
        counter::access(a, N, CALLER, counter::write);                                                               \
    }                                                                                                                \
    void __tsan_unaligned_read##N(void* a) { counter::access(a, N, CALLER, counter::read); }                         \
    void __tsan_unaligned_write##N(void* a) { counter::access(a, N, CALLER, counter::write); }                       \
    void __tsan_volatile_read##N(void* a) { counter::relaxed(a, N, CALLER, counter::read); }                         \
    void __tsan_volatile_write##N(void* a) { counter::relaxed(a, N, CALLER, counter::write); }                       \
    void __tsan_unaligned_volatile_read##N(void* a) { counter::relaxed(a, N, CALLER, counter::read); }               \
    void __tsan_unaligned_volatile_write##N(void* a) { counter::relaxed(a, N, CALLER, counter::write); }
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)
void __tsan_read_range(void* a, size_t n) { counter::access(a, n, CALLER, counter::read); }
void __tsan_write_range(void* a, size_t n) { counter::access(a, n, CALLER, counter::write); }
void* __tsan_memcpy(void* to, const void* from, size_t n) {
    counter::access(from, n, CALLER, counter::read);
    counter::access(to, n, CALLER, counter::write);
    return memmove(to, from, n);
}
void* __tsan_memmove(void* to, const void* from, size_t n) {
    counter::access(from, n, CALLER, counter::read);
    counter::access(to, n, CALLER, counter::write);
    return memmove(to, from, n);
}
void* __tsan_memset(void* to, int value, size_t n) {
    counter::access(to, n, CALLER, counter::write);
    return memset(to, value, n);
}
void __tsan_init() {}
void __tsan_func_entry(void*) {
    if (segalgo_profile.on) counter::mine->lanes[segalgo_profile.thread].depth++;
}
void __tsan_func_exit() {
    if (segalgo_profile.on) counter::mine->lanes[segalgo_profile.thread].depth--;
}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
void __tsan_atomic_signal_fence(int) {}

void __sanitizer_cov_trace_pc() { counter::basic_block(CALLER); }
#define COMPARISON(name, T)                                                                                          \
    void __sanitizer_cov_trace_##name(T, T) { counter::condition(CALLER); }
COMPARISON(cmp1, uint8_t)
COMPARISON(cmp2, uint16_t)
COMPARISON(cmp4, uint32_t)
COMPARISON(cmp8, uint64_t)
COMPARISON(const_cmp1, uint8_t)
COMPARISON(const_cmp2, uint16_t)
COMPARISON(const_cmp4, uint32_t)
COMPARISON(const_cmp8, uint64_t)
COMPARISON(cmpf, float)
COMPARISON(cmpd, double)
void __sanitizer_cov_trace_switch(uint64_t, void*) { counter::condition(CALLER); }

/* Atomics come through here whole: the hook does the work. */
#define ATOMICS(N, T)                                                                                                \
    T __tsan_atomic##N##_load(const volatile T* a, int) {                                                            \
        counter::relaxed(const_cast<T*>(a), N / 8, CALLER, counter::read);                                           \
        return __atomic_load_n(a, __ATOMIC_SEQ_CST);                                                                 \
    }                                                                                                                \
    void __tsan_atomic##N##_store(volatile T* a, T v, int) {                                                         \
        counter::relaxed(const_cast<T*>(a), N / 8, CALLER, counter::write);                                          \
        __atomic_store_n(a, v, __ATOMIC_SEQ_CST);                                                                    \
    }                                                                                                                \
    T __tsan_atomic##N##_exchange(volatile T* a, T v, int) {                                                         \
        counter::relaxed(const_cast<T*>(a), N / 8, CALLER, counter::atomic);                                         \
        return __atomic_exchange_n(a, v, __ATOMIC_SEQ_CST);                                                          \
    }                                                                                                                \
    ATOMIC_CHANGE(N, T, add)                                                                                         \
    ATOMIC_CHANGE(N, T, sub)                                                                                         \
    ATOMIC_CHANGE(N, T, and)                                                                                         \
    ATOMIC_CHANGE(N, T, or)                                                                                          \
    ATOMIC_CHANGE(N, T, xor)                                                                                         \
    ATOMIC_CHANGE(N, T, nand)                                                                                        \
    int __tsan_atomic##N##_compare_exchange_strong(volatile T* a, T* expected, T v, int, int) {                      \
        counter::relaxed(const_cast<T*>(a), N / 8, CALLER, counter::atomic);                                         \
        return __atomic_compare_exchange_n(a, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);               \
    }                                                                                                                \
    int __tsan_atomic##N##_compare_exchange_weak(volatile T* a, T* expected, T v, int, int) {                        \
        counter::relaxed(const_cast<T*>(a), N / 8, CALLER, counter::atomic);                                         \
        return __atomic_compare_exchange_n(a, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);               \
    }                                                                                                                \
    T __tsan_atomic##N##_compare_exchange_val(volatile T* a, T expected, T v, int, int) {                            \
        counter::relaxed(const_cast<T*>(a), N / 8, CALLER, counter::atomic);                                         \
        __atomic_compare_exchange_n(a, &expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                     \
        return expected;                                                                                             \
    }
#define ATOMIC_CHANGE(N, T, change)                                                                                  \
    T __tsan_atomic##N##_fetch_##change(volatile T* a, T v, int) {                                                   \
        counter::relaxed(const_cast<T*>(a), N / 8, CALLER, counter::atomic);                                         \
        return __atomic_fetch_##change(a, v, __ATOMIC_SEQ_CST);                                                      \
    }
ATOMICS(8, unsigned char)
ATOMICS(16, unsigned short)
ATOMICS(32, unsigned)
ATOMICS(64, unsigned long long)
}
