/* Warp operations: lanes of a mask meet and exchange values. Part of simulated_device.h. */
#ifndef SEGALGO_SIMULATED_WARPS_H
#define SEGALGO_SIMULATED_WARPS_H

#include "simulated_blocks.h"

namespace simulated {

#ifdef SIMULATED_WATCH
/* After a __syncwarp: what its lanes do now comes after everything that they did. */
inline void stamp(unsigned warp, unsigned mask) {
    uint32_t latest = 0;
    for (unsigned lane = 0; lane < 32; lane++)
        if (mask >> lane & 1 && segalgo_watch.warp_syncs[warp * 32 + lane] > latest)
            latest = segalgo_watch.warp_syncs[warp * 32 + lane];
    for (unsigned lane = 0; lane < 32; lane++)
        if (mask >> lane & 1) segalgo_watch.warp_syncs[warp * 32 + lane] = latest + 1;
}
#endif

/* Every lane of the mask leaves a value and goes on when all have; returns the slot that holds the 32 values. */
SIMULATED_QUIET inline const uint64_t* meet(unsigned mask, uint64_t value, int line, bool orders_memory = false) {
    SIMULATED_UNWATCHED;
    (void)orders_memory;
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
    SIMULATED_PROFILED(segalgo_profile_warp(mask, line));
    const uint64_t number = first.done;
    first.slot[number & 1][lane] = value;
    first.arrived |= 1u << lane;
    if (first.arrived == mask) {
        first.arrived = 0;
        first.done++;
        SIMULATED_WATCHED(if (orders_memory) stamp(warp, mask));
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
template <class T> SIMULATED_QUIET T shuffle(unsigned mask, T value, int source, int line) {
    SIMULATED_UNWATCHED;
    const uint64_t* slot = meet(mask, to_bits(value), line);
    if (source < 0) return value;
    if (!(mask >> source & 1)) fail("shuffle of line %d reads lane %d, which is not in mask 0x%08x", line, source, mask);
    if (block->current / 32 * 32 + source >= block->threads.size())
        fail("shuffle of line %d reads lane %d, which the block does not have", line, source);
    return from_bits<T>(slot[source]);
}
SIMULATED_QUIET inline int lane() {
    SIMULATED_UNWATCHED;
    return int(block->current % 32);
}
inline int up(unsigned delta, int width) { return lane() % width < int(delta) ? -1 : lane() - int(delta); }
inline int down(unsigned delta, int width) { return lane() % width + int(delta) >= width ? -1 : lane() + int(delta); }
inline int across(int lanes, int width) {
    const int source = lane() ^ lanes;
    return source / width > lane() / width ? -1 : source;
}
inline int indexed(int source, int width) { return lane() / width * width + (source % width + width) % width; }
SIMULATED_QUIET inline unsigned ballot(unsigned mask, bool predicate, int line) {
    SIMULATED_UNWATCHED;
    const uint64_t* slot = meet(mask, predicate, line);
    unsigned votes = 0;
    for (int k = 0; k < 32; k++)
        if (mask >> k & 1 && block->current / 32 * 32 + k < block->threads.size()) votes |= unsigned(slot[k] & 1) << k;
    return votes;
}

/* Wait until no other lane can come here, and return those that have. */
SIMULATED_QUIET inline unsigned active_mask(int line) {
    SIMULATED_UNWATCHED;
    Thread& thread = block->threads[block->current];
    thread.state = State::converging;
    thread.line = line;
    give_way();
    return thread.lanes;
}
template <class T> SIMULATED_QUIET unsigned match_any(unsigned mask, T value, int line) {
    SIMULATED_UNWATCHED;
    const uint64_t* slot = meet(mask, to_bits(value), line);
    unsigned same = 0;
    for (int k = 0; k < 32; k++)
        if (mask >> k & 1 && block->current / 32 * 32 + k < block->threads.size() && slot[k] == to_bits(value)) same |= 1u << k;
    return same;
}
template <class T, class Join> SIMULATED_QUIET T reduce_lanes(unsigned mask, T value, Join join, int line) {
    SIMULATED_UNWATCHED;
    const uint64_t* slot = meet(mask, to_bits(value), line);
    bool any = false;
    T result = value;
    for (int k = 0; k < 32; k++)
        if (mask >> k & 1 && block->current / 32 * 32 + k < block->threads.size()) {
            result = any ? join(result, from_bits<T>(slot[k])) : from_bits<T>(slot[k]);
            any = true;
        }
    return result;
}

}  // namespace simulated

#define __activemask() simulated::active_mask(__LINE__)
#define __match_any_sync(mask, value) simulated::match_any(mask, value, __LINE__)
#define SIMULATED_REDUCE(mask, value, join)                                                                          \
    simulated::reduce_lanes(mask, value, [](auto a, auto b) { return decltype(a)(join); }, __LINE__)
#define __reduce_add_sync(mask, value) SIMULATED_REDUCE(mask, value, a + b)
#define __reduce_min_sync(mask, value) SIMULATED_REDUCE(mask, value, b < a ? b : a)
#define __reduce_max_sync(mask, value) SIMULATED_REDUCE(mask, value, a < b ? b : a)
#define __reduce_and_sync(mask, value) SIMULATED_REDUCE(mask, value, a & b)
#define __reduce_or_sync(mask, value) SIMULATED_REDUCE(mask, value, a | b)
#define __reduce_xor_sync(mask, value) SIMULATED_REDUCE(mask, value, a ^ b)
#define __syncwarp(...) ((void)simulated::meet(simulated_mask(__VA_ARGS__), 0, __LINE__, true))
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

#endif
