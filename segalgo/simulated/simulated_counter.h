/* From traces of threads to what a card counts. Part of simulated_profile_hooks.h.
 *
 * Threads of a warp run one after the other here; each leaves a trace of its basic blocks, accesses and warp operations.
 * At a barrier and at the end of a block the traces of a warp are read together, as a card executes them: of the threads
 * that can go on, those deepest in calls go first, and of them those at the lowest address of the code; all that stand
 * at the same place go together, as one request. That is the order of Collange, "Stack-less SIMT reconvergence at low
 * cost" (2011): with blocks laid out in source order threads meet again where branches and loops end.
 *
 * Global memory: a request takes the 32-byte sectors that its lanes touch; arrays begin at multiples of 256 bytes, as
 * cudaMalloc returns them. Shared memory: 32 banks of 4 bytes; lanes that read one word share it; 8-byte accesses are
 * taken by halves of a warp, 16-byte ones by quarters; a pass serves one word of each bank. Atomics: lanes that meet at
 * one address pass one after the other.
 *
 * Caches, a simple model: L1 of 32 KB for each block alone, empty when it starts, lines of four sectors, 4 ways, least
 * recently used out first, writes go through and allocate nothing; L2 of all blocks one after the other, 16 ways, writes
 * stay until they are evicted. Sectors are fetched one at a time.
 */
#ifndef SEGALGO_SIMULATED_COUNTER_H
#define SEGALGO_SIMULATED_COUNTER_H

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "simulated_profile.h"

namespace counter {

enum Kind : uint8_t { start_of_block, read, write, atomic, warp_operation };

/* Of a basic block, `address` holds where the next one begins, and above it where its condition was computed. */
struct Event {
    uint64_t address;
    uint32_t pc;
    Kind kind;
    uint8_t bytes;
    uint16_t depth; /* of calls */
};

constexpr uint32_t nowhere = 0;
constexpr uint64_t sector_bytes = 32;
constexpr uint32_t banks = 32;

struct Region {
    std::string name;
    const char *base, *end;
    uint64_t item;
    bool shared;
};

/* What one place of the code did with one array. */
struct Access {
    uint64_t requests = 0, lanes = 0, bytes = 0, distinct_bytes = 0, sectors = 0, least_sectors = 0;
    uint64_t passes = 0, least_passes = 0, most_passes = 0; /* shared memory; atomics: lanes at one address */
    uint64_t l1_sectors = 0, l1_hits = 0;
    void add(const Access& other) {
        requests += other.requests, lanes += other.lanes, bytes += other.bytes, distinct_bytes += other.distinct_bytes;
        sectors += other.sectors, least_sectors += other.least_sectors, passes += other.passes;
        least_passes += other.least_passes, l1_sectors += other.l1_sectors, l1_hits += other.l1_hits;
        most_passes = std::max(most_passes, other.most_passes);
    }
};

struct Branch {
    uint64_t executed = 0, divergent = 0, lanes = 0;
};

struct Cache {
    struct Line {
        uint64_t tag = ~0ull;
        uint64_t used = 0;
        uint32_t epoch = 0;
        uint8_t valid = 0, dirty = 0;
    };
    std::vector<Line> lines;
    size_t ways = 0, sets = 0;
    uint64_t clock = 0;
    uint32_t epoch = 1;
    uint64_t written_back = 0; /* sectors */

    void size(uint64_t bytes, size_t ways) {
        this->ways = ways;
        sets = std::max<uint64_t>(bytes / (4 * sector_bytes) / ways, 1);
        lines.assign(sets * ways, Line());
    }
    void empty() { epoch++; }

    Line* set_of(uint64_t tag) {
        uint64_t mixed = (tag ^ (tag >> 20)) * 0x9e3779b97f4a7c15ull;
        return &lines[(mixed >> 32) % sets * ways];
    }
    Line* find(uint64_t tag) {
        Line* set = set_of(tag);
        for (size_t k = 0; k < ways; k++)
            if (set[k].tag == tag && set[k].epoch == epoch) return set + k;
        return nullptr;
    }
    Line* allocate(uint64_t tag) {
        Line* set = set_of(tag);
        Line* oldest = set;
        for (size_t k = 0; k < ways; k++) {
            if (set[k].epoch != epoch) {
                oldest = set + k;
                break;
            }
            if (set[k].used < oldest->used) oldest = set + k;
        }
        if (oldest->epoch == epoch) written_back += unsigned(__builtin_popcount(oldest->dirty));
        *oldest = Line();
        oldest->tag = tag;
        oldest->epoch = epoch;
        return oldest;
    }
    /* Whether the sector was there. */
    bool touch(uint64_t sector, bool writes, bool allocates) {
        const uint64_t tag = sector / 4;
        const uint8_t bit = uint8_t(1u << sector % 4);
        Line* line = find(tag);
        const bool hit = line && line->valid & bit;
        if (!line && allocates) line = allocate(tag);
        if (!line) return false;
        line->used = ++clock;
        if (allocates) line->valid |= bit;
        if (writes && allocates) line->dirty |= bit;
        return hit;
    }
    void write_back_all() {
        for (Line& line : lines)
            if (line.epoch == epoch) written_back += unsigned(__builtin_popcount(line.dirty)), line.dirty = 0;
    }
};

/* What is the same for all OS threads of a launch, filled before it and read after it. */
struct Shares {
    std::mutex guard;
    std::vector<Region> arrays; /* the last one: variables of the module */
    std::map<std::tuple<uint32_t, std::string, int, int>, Access> accesses; /* pc, array, whether shared, kind */
    std::map<uint32_t, Branch> branches, blocks;
    std::map<int, uint64_t> barriers, warp_operations, warp_lanes;
    std::map<std::string, uint64_t> busiest; /* most atomics of a block at one address */
    std::map<std::string, uint64_t> sizes;   /* of shared variables */
    uint64_t blocks_run = 0, events = 0;
    /* L2 takes the blocks in their order, whichever OS thread ran them. */
    std::map<uint64_t, std::vector<uint64_t>> waiting;
    uint64_t next_place = 0;
    std::vector<Cache> l2;
    std::vector<std::vector<uint64_t>> l2_hits, l2_misses; /* reads: by cache and array */
    std::vector<uint64_t> l2_writes;                       /* sectors, by array */
    std::vector<std::string> shared_names; /* and their item's bytes, by region, of the OS thread that ended last */
    std::string listed;
    bool steps = false;
    uint64_t most_steps = 0;
};
inline Shares shares;

/* One access of `profile --steps`. Mirrored in profile.py. */
struct StepRecord {
    uint32_t request, block, thread, pc, barrier;
    int32_t region; /* arrays count from 0, shared variables from 1000 */
    uint64_t offset, value;
    uint8_t kind, bytes, pad[6];
};
inline std::vector<StepRecord> steps;

struct Lane {
    std::vector<Event> trace;
    std::vector<uint64_t> values; /* beside the trace, where steps are recorded */
    size_t last_block = ~size_t(0);
    uint32_t open = nowhere, open_condition = nowhere; /* the block that was not left when the trace was last read */
    uint32_t condition = nowhere;
    uint16_t depth = 0;
};

/* What belongs to one OS thread. */
struct Counter {
    std::vector<Lane> lanes;
    std::vector<Region> shared; /* declared so far; in `present` in this block */
    std::vector<char> present;
    std::vector<Access> accesses;
    std::vector<std::tuple<uint32_t, int, int>> keys; /* of accesses: place in the code, region, kind */
    std::vector<std::vector<std::pair<int, uint32_t>>> by_pc; /* 4 * region + kind, and index into accesses */
    std::unordered_map<uint32_t, Branch> branches, blocks;
    std::map<int, uint64_t> barriers, warp_operations, warp_lanes;
    std::unordered_map<uint64_t, uint64_t> atomics; /* of this block */
    std::vector<uint64_t> busiest;
    std::vector<uint64_t> to_l2;
    Cache l1;
    uint64_t place = 0, blocks_run = 0, events = 0, events_of_block = 0;
    uint32_t number = 0, barrier = 0, request = 0;
    const char *tls = nullptr, *tls_end = nullptr, *shared_low = nullptr, *shared_high = nullptr;
    const char *library = nullptr, *library_end = nullptr;

    static constexpr int first_shared = 1000;
    static constexpr uint64_t most_events = 60ull << 20; /* of a block between two barriers: a gigabyte */

    const Region& region(int number) const {
        return number >= first_shared ? shared[number - first_shared] : shares.arrays[number];
    }

    int region_of(uint64_t address) const {
        const char* at = reinterpret_cast<const char*>(address);
        for (size_t k = 0; k < shared.size(); k++)
            if (at >= shared[k].base && at < shared[k].end) return first_shared + int(k);
        for (size_t k = 0; k < shares.arrays.size(); k++)
            if (at >= shares.arrays[k].base && at < shares.arrays[k].end) return int(k);
        return -1;
    }

    Access& access_of(uint32_t pc, int region, Kind kind) {
        if (pc >= by_pc.size()) by_pc.resize(pc + 1);
        for (const auto& one : by_pc[pc])
            if (one.first == 4 * region + kind) return accesses[one.second];
        by_pc[pc].emplace_back(4 * region + kind, uint32_t(accesses.size()));
        keys.emplace_back(pc, region, kind);
        accesses.emplace_back();
        return accesses.back();
    }

    /* ---- one request of a warp ---- */

    /* Keeps each value once; they are mostly in order already. */
    static size_t unique(uint64_t* values, size_t n) {
        if (!std::is_sorted(values, values + n)) std::sort(values, values + n);
        return size_t(std::unique(values, values + n) - values);
    }

    void global_request(Access& to, int number, const Event* const* of, size_t n, Kind kind, uint64_t bytes) {
        const char* base = shares.arrays[number].base;
        uint64_t at[32], sectors[96];
        size_t count = 0;
        for (size_t k = 0; k < n; k++) {
            at[k] = of[k]->address - uint64_t(base);
            for (uint64_t s = at[k] / sector_bytes; s <= (at[k] + bytes - 1) / sector_bytes && count < 96; s++)
                if (!count || sectors[count - 1] != s) sectors[count++] = s;
        }
        count = unique(sectors, count);
        const size_t distinct = unique(at, n);
        to.requests++;
        to.lanes += n;
        to.bytes += n * bytes;
        to.distinct_bytes += distinct * bytes;
        to.sectors += count;
        to.least_sectors += (distinct * bytes + sector_bytes - 1) / sector_bytes;
        const uint64_t high = uint64_t(number) << 40;
        for (size_t k = 0; k < count; k++) {
            const uint64_t sector = high | sectors[k];
            if (kind == read) {
                to.l1_sectors++;
                if (l1.touch(sector, false, true)) {
                    to.l1_hits++;
                    continue;
                }
            }
            to_l2.push_back(sector << 1 | (kind != read));
        }
        if (kind == atomic) same_address(to, number, of, n, base);
    }

    void same_address(Access& to, int number, const Event* const* of, size_t n, const char* base) {
        uint64_t most = 0;
        for (size_t k = 0; k < n; k++) {
            uint64_t same = 0;
            for (size_t l = 0; l < n; l++) same += of[l]->address == of[k]->address;
            most = std::max(most, same);
            const uint64_t total = ++atomics[uint64_t(number) << 40 | (of[k]->address - uint64_t(base))];
            if (busiest.size() <= size_t(number)) busiest.resize(number + 1);
            busiest[number] = std::max(busiest[number], total);
        }
        to.passes += most;
        to.least_passes += 1;
        to.most_passes = std::max(to.most_passes, most);
    }

    void shared_request(Access& to, int number, const Event* const* of, const uint8_t* lane, size_t n, Kind kind,
                        uint64_t bytes) {
        const uint64_t base = uint64_t(region(number).base);
        to.requests++;
        to.lanes += n;
        to.bytes += n * bytes;
        if (kind == atomic) return same_address(to, number, of, n, region(number).base);
        const unsigned group = bytes <= 4 ? 32 : bytes <= 8 ? 16 : 8;
        uint64_t most = 0;
        for (size_t first = 0; first < n;) {
            size_t last = first;
            uint64_t words[128];
            size_t count = 0;
            for (; last < n && lane[last] / group == lane[first] / group; last++)
                for (uint64_t w = (of[last]->address - base) / 4; w <= (of[last]->address - base + bytes - 1) / 4 && count < 128; w++)
                    words[count++] = w;
            count = unique(words, count);
            uint8_t in_bank[banks] = {};
            uint64_t passes = 1;
            for (size_t k = 0; k < count; k++) passes = std::max<uint64_t>(passes, ++in_bank[words[k] % banks]);
            to.passes += passes;
            to.least_passes++;
            most = std::max(most, passes);
            first = last;
        }
        to.most_passes = std::max(to.most_passes, most);
    }

    void request_of(const Event* const* of, const uint8_t* lane, size_t n, uint32_t warp, const size_t* at) {
        uint32_t left = n == 32 ? ~0u : (1u << n) - 1;
        const uint8_t bytes = of[0]->bytes;
        bool any = false;
        while (left) {
            const size_t leader = size_t(__builtin_ctz(left));
            const int number = region_of(of[leader]->address);
            const Event* mine[32];
            uint8_t where[32];
            size_t count = 0;
            if (number < 0) {
                left &= left - 1;
                continue;
            }
            const Region& place = region(number);
            for (uint32_t rest = left; rest; rest &= rest - 1) {
                const size_t k = size_t(__builtin_ctz(rest));
                const char* address = reinterpret_cast<const char*>(of[k]->address);
                if (address < place.base || address >= place.end) continue;
                mine[count] = of[k];
                where[count++] = lane[k];
                left &= ~(1u << k);
                if (shares.steps) record(of[k], number, lane[k], warp, at[k]);
            }
            any = true;
            Access& to = access_of(of[leader]->pc, number, of[leader]->kind);
            if (place.shared) shared_request(to, number, mine, where, count, of[leader]->kind, bytes);
            else global_request(to, number, mine, count, of[leader]->kind, bytes);
        }
        request += any;
    }

    void record(const Event* event, int number, uint8_t lane, uint32_t warp, size_t at) {
        if (steps.size() >= shares.most_steps) return;
        const Lane& mine = lanes[warp * 32 + lane];
        const uint64_t base = uint64_t(region(number).base);
        steps.push_back({request, this->number, warp * 32 + lane, event->pc, barrier, number, event->address - base,
                         at < mine.values.size() ? mine.values[at] : 0, event->kind, event->bytes, {}});
    }

    /* ---- the traces of a warp, read together ---- */

    static bool same_place(const Event& a, const Event& b) {
        return a.pc == b.pc && a.kind == b.kind && a.depth == b.depth && a.bytes == b.bytes;
    }
    static bool before(const Event& a, const Event& b) { return a.depth != b.depth ? a.depth > b.depth : a.pc < b.pc; }

    void branch(uint32_t condition, const uint32_t* next, size_t n) {
        bool divergent = false;
        for (size_t k = 1; k < n; k++) divergent |= next[k] != next[0];
        if (!divergent && condition == nowhere) return;
        Branch& to = branches[condition];
        to.executed++;
        to.lanes += n;
        to.divergent += divergent;
    }

    /* Blocks that the last reading left open: their next ones are known now. */
    void close_open(uint32_t warp, uint32_t in_warp) {
        uint32_t left = in_warp == 32 ? ~0u : (1u << in_warp) - 1;
        while (left) {
            const Lane& leader = lanes[warp * 32 + uint32_t(__builtin_ctz(left))];
            uint32_t next[32];
            size_t n = 0;
            const uint32_t open = leader.open, condition = leader.open_condition;
            for (uint32_t rest = left; rest; rest &= rest - 1) {
                const uint32_t k = uint32_t(__builtin_ctz(rest));
                Lane& lane = lanes[warp * 32 + k];
                if (lane.open != open) continue;
                left &= ~(1u << k);
                if (open == nowhere || lane.last_block == ~size_t(0)) continue;
                for (const Event& event : lane.trace)
                    if (event.kind == start_of_block) {
                        next[n++] = event.pc;
                        break;
                    }
            }
            if (n) branch(condition, next, n);
        }
    }

    void read_together(uint32_t warp) {
        const uint32_t in_warp = std::min<uint32_t>(32, uint32_t(lanes.size()) - warp * 32);
        Lane* own = &lanes[warp * 32];
        size_t at[32] = {};
        close_open(warp, in_warp);
        const Event* group[32];
        uint8_t lane[32];
        size_t places[32];
        for (;;) {
            const Event* first = nullptr;
            const Event* waits = nullptr;
            for (uint32_t k = 0; k < in_warp; k++) {
                if (at[k] == own[k].trace.size()) continue;
                const Event& event = own[k].trace[at[k]];
                if (event.kind == warp_operation) waits = waits ? waits : &event;
                else if (!first || before(event, *first)) first = &event;
            }
            if (!first && !waits) break;
            size_t n = 0;
            for (uint32_t k = 0; k < in_warp; k++) {
                if (at[k] == own[k].trace.size()) continue;
                const Event& event = own[k].trace[at[k]];
                if (first ? !same_place(event, *first) : event.address != waits->address || event.pc != waits->pc) continue;
                group[n] = &event;
                places[n] = at[k];
                lane[n++] = uint8_t(k);
                at[k]++;
            }
            if (!first) {
                warp_operations[int(waits->pc)]++;
                warp_lanes[int(waits->pc)] += n;
            } else if (first->kind == start_of_block) {
                Branch& block = blocks[first->pc];
                block.executed++;
                block.lanes += n;
                uint32_t next[32];
                size_t known = 0;
                uint32_t condition = nowhere;
                for (size_t k = 0; k < n; k++)
                    if (uint32_t(group[k]->address) != nowhere) {
                        next[known++] = uint32_t(group[k]->address);
                        condition = uint32_t(group[k]->address >> 32);
                    }
                if (known) branch(condition, next, known);
            } else {
                request_of(group, lane, n, warp, places);
            }
        }
    }

    void read_all() {
        for (uint32_t warp = 0; warp * 32 < lanes.size(); warp++) read_together(warp);
        for (Lane& lane : lanes) {
            events += lane.trace.size();
            if (lane.last_block != ~size_t(0)) {
                lane.open = lane.trace[lane.last_block].pc;
                lane.open_condition = lane.condition;
            }
            lane.trace.clear();
            lane.values.clear();
            lane.last_block = ~size_t(0);
        }
        events_of_block = 0;
    }

    /* ---- a launch ---- */

    void begin_block(uint64_t place, uint32_t number, const void* dynamic_shared, size_t bytes) {
        this->place = place;
        this->number = number;
        barrier = 0;
        for (Lane& lane : lanes) {
            lane.trace.clear();
            lane.values.clear();
            lane.last_block = ~size_t(0);
            lane.open = lane.open_condition = lane.condition = nowhere;
            lane.depth = 0;
        }
        std::fill(present.begin(), present.end(), 0);
        if (bytes) declare(const_cast<void*>(dynamic_shared), bytes, 1, "dynamic shared memory");
        atomics.clear();
        l1.empty();
        to_l2.clear();
    }

    /* True the first time in a block. */
    bool declare(void* base, size_t bytes, size_t item, const char* name) {
        size_t k = 0;
        while (k < shared.size() && shared[k].base != base) k++;
        if (k == shared.size()) {
            const char* at = static_cast<const char*>(base);
            shared.push_back({name, at, at + bytes, item, true});
            present.push_back(0);
            if (!shared_low || at < shared_low) shared_low = at;
            if (at + bytes > shared_high) shared_high = at + bytes;
        }
        const bool first = !present[k];
        present[k] = 1;
        return first;
    }

    void end_block() {
        read_all();
        blocks_run++;
        std::lock_guard<std::mutex> lock(shares.guard);
        shares.waiting[place].swap(to_l2);
        for (auto next = shares.waiting.find(shares.next_place); next != shares.waiting.end();
             next = shares.waiting.find(++shares.next_place)) {
            for (uint64_t one : next->second) {
                const uint64_t sector = one >> 1;
                const size_t number = size_t(sector >> 40);
                if (one & 1) shares.l2_writes[number]++;
                for (size_t k = 0; k < shares.l2.size(); k++) {
                    const bool hit = shares.l2[k].touch(sector, one & 1, true);
                    if (!(one & 1)) (hit ? shares.l2_hits : shares.l2_misses)[k][number]++;
                }
            }
            shares.waiting.erase(next);
        }
    }

    void hand_in() {
        std::lock_guard<std::mutex> lock(shares.guard);
        for (size_t k = 0; k < accesses.size(); k++) {
            const auto& [pc, number, kind] = keys[k];
            shares.accesses[{pc, region(number).name, region(number).shared, kind}].add(accesses[k]);
        }
        for (auto* pair : {&branches, &blocks})
            for (const auto& one : *pair) {
                Branch& to = (pair == &branches ? shares.branches : shares.blocks)[one.first];
                to.executed += one.second.executed, to.divergent += one.second.divergent, to.lanes += one.second.lanes;
            }
        for (const auto& one : barriers) shares.barriers[one.first] += one.second;
        for (const auto& one : warp_operations) shares.warp_operations[one.first] += one.second;
        for (const auto& one : warp_lanes) shares.warp_lanes[one.first] += one.second;
        for (size_t k = 0; k < busiest.size(); k++)
            if (busiest[k]) shares.busiest[region(int(k)).name] = std::max(shares.busiest[region(int(k)).name], busiest[k]);
        shares.shared_names.clear();
        for (const Region& one : shared) {
            shares.sizes[one.name] = uint64_t(one.end - one.base);
            shares.shared_names.push_back(one.name + " " + std::to_string(one.item));
        }
        shares.blocks_run += blocks_run;
        shares.events += events;
    }
};

}  // namespace counter

#endif
