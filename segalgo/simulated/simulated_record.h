/* The record of a watched kernel's accesses, and what is found in it. Part of simulated_hooks.h.
 *
 * Each access is held against
 * the arrays that the launch was given and the shared variables that its blocks declared: outside of them it is out of
 * bounds; a shared cell that nobody wrote is uninitialised; and for every cell the last accesses are kept, so that two
 * of different threads with nothing that orders them show as a race, whatever the schedule.
 *
 * What orders two accesses of one block: a barrier between them, or a __syncwarp within a warp. What orders those of
 * different threads or blocks without one: a __threadfence() and then an atomic or volatile access behind the first, and
 * one to the same place before the second. Without the fence nothing orders blocks.
 * Atomics, and volatile accesses (PTX: relaxed), do not race with each other, but with plain accesses. A plain read
 * beside an atomic write (a union-find that walks up) gets some value that was there: that is written down as
 * unordered, and threads are switched at it from then on, so that the answers tell whether it matters. Plain writes of
 * the same value (a flag that many threads raise) are no race in shared memory and in arrays that hold marks. Blocks run one
 * after the other here, unless one waits for another, which keeps the record short. Linux only (dl_iterate_phdr).
 */
#ifndef SEGALGO_SIMULATED_RECORD_H
#define SEGALGO_SIMULATED_RECORD_H

#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "simulated_watch.h"

namespace watch {

enum Kind : uint8_t { none, plain, relaxed };

struct Access {
    uint32_t pc = 0, barriers = 0, warp = 0, number = 0; /* the number counts all accesses */
    uint16_t thread = 0;
    Kind kind = none;
};

/* Of the block that runs: up to two threads that read and two that wrote; and one access of earlier blocks of each. */
struct Cell {
    uint32_t block = 0;
    bool written = false;
    Access reads[2], writes[2];
    Access far_read, far_write;
    uint32_t far_read_block = 0, far_write_block = 0;
};

constexpr size_t page_cells = 1024;
/* Arrays of a claimed size are reserved, not filled: what lies so far from one still is an index of it. And the record
 * of cells ends where it would take more memory than it is worth. */
constexpr ptrdiff_t near_by = 1 << 20, near_claimed = ptrdiff_t(1) << 36;
constexpr size_t most_pages = 4000;
static size_t pages_made = 0;

struct Region {
    std::string name;
    const char *base, *end;
    size_t item, unit;
    bool shared;
    bool marks; /* threads may write one value at once: a flag, a mark. Not so where each cell has one writer. */
    std::vector<std::unique_ptr<Cell[]>> pages;
    Region(const char* name, const void* base, size_t bytes, size_t item, bool shared, bool marks)
        : name(name), base(static_cast<const char*>(base)), end(this->base + bytes), item(item ? item : 1),
          unit(this->item % 4 == 0 ? 4 : this->item % 2 == 0 ? 2 : 1), shared(shared), marks(marks),
          pages((bytes / unit + page_cells) / page_cells) {}
    Cell& cell(size_t k) {
        auto& page = pages[k / page_cells];
        if (!page) page.reset(new Cell[page_cells]), pages_made += segalgo_watch.most_accesses != ~uint64_t(0);
        return page[k % page_cells];
    }
};

/* What belongs to one OS thread, kept while another one runs. */
struct Worker {
    SegalgoWatch state = {};
    std::vector<Region> shared;
    const char *tls = nullptr, *tls_end = nullptr;
};

static std::vector<Region> arrays;  /* global memory: what the launch was given */
static std::vector<Region> shared;  /* of the block that runs */
static std::vector<std::string> findings;
using Key = std::tuple<int, uint32_t, uint32_t>;
static std::set<Key> seen; /* what was found, and where in the code */
static std::set<uint32_t> unordered_reads; /* places in the code, kept from launch to launch */
/* A second plain write: whether it is a race shows when it has happened, by what it changed. */
static struct {
    const char* at = nullptr;
    size_t bytes = 0;
    char before[16] = {};
    std::vector<std::pair<Key, std::string>> found;
} pending;
static std::vector<Region> variables; /* __device__ variables */
static std::string listed;
static const char *library = nullptr, *library_end = nullptr, *tls = nullptr, *tls_end = nullptr;
static std::map<uint32_t, std::vector<unsigned>> places; /* blockIdx of the blocks that ran */
/* What a __threadfence() and an atomic or volatile access behind it publish, to who then accesses the same place so:
 * everything up to the fence. By block, and within a block by thread; the values are numbers of accesses. */
using Published = std::map<uint32_t, uint32_t>;
struct Flag { Published blocks, threads; uint32_t block = 0; };
static std::map<const char*, Flag> flags;
static std::map<uint32_t, Published> seen_by_block;
static std::map<uint32_t, Published> seen_by_thread; /* of the blocks that run: block * 1024 + thread */
static std::map<uint32_t, uint32_t> fences_of_block, fences_of_thread;
static uint32_t accesses = 0;
static uint64_t accesses_of_block = 0;

static std::vector<Worker> workers;
static uint32_t blocks_started = 0;
static thread_local bool runs_blocks = false;              /* the thread that started it is in instrumented code too */
constexpr size_t most_findings = 24;

static std::string text(const char* format, ...) {
    char buffer[600];
    va_list rest;
    va_start(rest, format);
    vsnprintf(buffer, sizeof buffer, format, rest);
    va_end(rest);
    return buffer;
}

static std::string thread_name(uint32_t block, uint32_t thread) {
    const unsigned* size = segalgo_watch.size;
    const std::vector<unsigned>& at = places[block];
    return text("thread (%u, %u, %u) of block (%u, %u, %u)", thread % size[0], thread / size[0] % size[1],
                thread / (size[0] * size[1]), at[0], at[1], at[2]);
}

/* Whether a fault is new; the same one again need not be written down. */
static bool is_new(int what, uint32_t pc, uint32_t other_pc = 0) {
    return findings.size() < most_findings && seen.insert({what, pc, other_pc}).second;
}

/* The last write that met another one has happened: if it left another value than it found, that was a race. */
static void settle() {
    if (pending.at == nullptr) return;
    const bool changed = memcmp(pending.at, pending.before, pending.bytes) != 0;
    for (auto& one : pending.found) {
        if (changed && findings.size() < most_findings) findings.push_back(one.second);
        if (!changed) seen.erase(one.first);
    }
    pending.found.clear();
    pending.at = nullptr;
}

static uint32_t own_thread(uint32_t thread) { return segalgo_watch.block * 1024 + thread; }

static bool published(const Published& seen, uint32_t who, uint32_t number) {
    const auto at = seen.find(who);
    return at != seen.end() && number <= at->second;
}

static void join(Published& to, const Published& from) {
    for (const auto& one : from)
        if (to[one.first] < one.second) to[one.first] = one.second;
}

/* An atomic or volatile access: hands over what was fenced before, and takes what others handed over here. */
static void meet_at(const char* place, bool reads, bool writes) {
    const uint32_t block = segalgo_watch.block, me = own_thread(segalgo_watch.thread);
    if (fences_of_block.empty() && flags.empty()) return;
    Flag& flag = flags[place];
    if (reads) {
        join(seen_by_block[block], flag.blocks);
        join(seen_by_thread[me], flag.threads);
    }
    if (writes) {
        const auto fenced = fences_of_block.find(block);
        if (fenced != fences_of_block.end()) {
            join(flag.blocks, seen_by_block[block]);
            if (flag.blocks[block] < fenced->second) flag.blocks[block] = fenced->second;
        }
        const auto own = fences_of_thread.find(me);
        if (own != fences_of_thread.end()) {
            join(flag.threads, seen_by_thread[me]);
            flag.threads[me] = own->second;
        }
    }
}

static bool ordered(const Access& before, const Access& now) {
    if (before.thread == now.thread || before.barriers != now.barriers) return true;
    if (!seen_by_thread.empty() &&
        published(seen_by_thread[own_thread(now.thread)], own_thread(before.thread), before.number))
        return true;
    return before.thread / 32 == now.thread / 32 && before.warp < now.warp;
}

static bool clash(const Access& before, const Access& now) {
    return before.kind != none && (before.kind == plain || now.kind == plain);
}

static void race(const Region& region, size_t element, const Access& before, uint32_t block, bool before_writes,
                 const Access& now, bool now_reads, bool now_writes) {
    const bool far = block != segalgo_watch.block;
    const bool unordered = (before.kind == relaxed && !now_writes) || (now.kind == relaxed && !before_writes);
    if (unordered) unordered_reads.insert(now_writes ? before.pc : now.pc);
    if (!is_new((unordered ? 6 : 0) + (far ? 1 : 0), before.pc, now.pc)) return;
    std::string line = /* lines are written as @offset@ and looked up by Python */
           text("%s: %s[%zu] is %s by %s at @%x@ and %s by %s at @%x@, %s", unordered ? "unordered" : "race",
                region.name.c_str(), element,
                before_writes ? "written" : "read", thread_name(block, before.thread).c_str(), before.pc,
                now_writes ? "written" : "read", thread_name(segalgo_watch.block, now.thread).c_str(), now.pc,
                far ? "and nothing orders blocks" : "with no __syncthreads() between them");
    if (region.marks && before_writes && before.kind == plain && now_writes && !now_reads && pending.bytes)
        pending.found.emplace_back(Key(far ? 1 : 0, before.pc, now.pc), line);
    else findings.push_back(line);
}

static void remember(Access* slots, const Access& now) {
    for (int k = 0; k < 2; k++) {
        Access& slot = slots[k];
        if (slot.kind == none || slot.barriers != now.barriers) {
            slot = now;
            return;
        }
        if (slot.thread == now.thread) {
            if (now.kind == plain || slot.kind != plain) slot = now;
            return;
        }
    }
    if (now.kind == plain && slots[1].kind != plain) slots[1] = now;
}

static bool far_clash(const Access& before, uint32_t block, const Access& now) {
    if (block == segalgo_watch.block || !clash(before, now)) return false;
    return seen_by_block.empty() || !published(seen_by_block[segalgo_watch.block], block, before.number);
}

static void touch(Region& region, Cell& cell, size_t element, const Access& now, bool reads, bool writes) {
    if (cell.block != segalgo_watch.block) {
        for (const Access& read : cell.reads)
            if (read.kind != none && cell.far_read.kind != plain) cell.far_read = read, cell.far_read_block = cell.block;
        for (const Access& write : cell.writes)
            if (write.kind != none && cell.far_write.kind != plain)
                cell.far_write = write, cell.far_write_block = cell.block;
        for (int k = 0; k < 2; k++) cell.reads[k] = cell.writes[k] = Access();
        cell.block = segalgo_watch.block;
    }
    if (region.shared && reads && !cell.written && is_new(2, now.pc))
        findings.push_back(
               text("uninitialised shared memory: %s[%zu] is read by %s at @%x@, and no thread has written it",
                    region.name.c_str(), element, thread_name(segalgo_watch.block, now.thread).c_str(), now.pc));
    for (const Access& write : cell.writes)
        if (clash(write, now) && !ordered(write, now)) race(region, element, write, cell.block, true, now, reads, writes);
    if (far_clash(cell.far_write, cell.far_write_block, now)) race(region, element, cell.far_write, cell.far_write_block, true, now, reads, writes);
    if (writes) {
        for (const Access& read : cell.reads)
            if (clash(read, now) && !ordered(read, now)) race(region, element, read, cell.block, false, now, reads, true);
        if (far_clash(cell.far_read, cell.far_read_block, now)) race(region, element, cell.far_read, cell.far_read_block, false, now, reads, true);
    }
    if (reads) remember(cell.reads, now);
    if (writes) {
        remember(cell.writes, now);
        cell.written = true;
    }
}

/* Leave the kernel before it touches memory that is not its own. */
static void out_of_bounds(const char* at, size_t bytes, uint32_t pc, bool writes) {
    const std::string who = thread_name(segalgo_watch.block, segalgo_watch.thread);
    const Region* nearest = nullptr;
    ptrdiff_t best = segalgo_watch.most_accesses == ~uint64_t(0) ? near_by : near_claimed;
    for (std::vector<Region>* list : {&shared, &arrays})
        for (const Region& region : *list) {
            const ptrdiff_t away = at < region.base ? region.base - at : at + bytes - region.end;
            if (away < best) best = away, nearest = &region;
        }
    const char* verb = writes ? "writes" : "reads";
    if (nearest == nullptr) {
        findings.push_back(text("out of bounds: %s %s at @%x@ an address that belongs to no argument and no "
                                         "shared variable", who.c_str(), verb, pc));
    } else {
        const ptrdiff_t count = (nearest->end - nearest->base) / ptrdiff_t(nearest->item);
        ptrdiff_t index = at - nearest->base;
        index = index < 0 ? -((-index + ptrdiff_t(nearest->item) - 1) / ptrdiff_t(nearest->item))
                          : index / ptrdiff_t(nearest->item);
        findings.push_back(
               text("out of bounds: %s %s %s%s[%td] at @%x@, it has %td elements", who.c_str(), verb,
                    nearest->shared ? "shared " : "", nearest->name.c_str(), index, pc, count));
    }
    segalgo_watch.on = false;
    segalgo_watch.fail(findings.back().c_str());
}

static void access(const void* address, size_t bytes, const void* caller, bool reads, bool writes, Kind kind) {
    if (!segalgo_watch.on || !runs_blocks) return;
    const char* at = static_cast<const char*>(address);
    if (at >= segalgo_watch.stack && at < segalgo_watch.stack_end) return; /* a local variable */
    const char* ours = reinterpret_cast<const char*>(&segalgo_watch);
    if (at >= ours && at < ours + sizeof segalgo_watch) return;
    const uint32_t pc = uint32_t(static_cast<const char*>(caller) - library) - 1;
    if (kind == relaxed || (reads && !unordered_reads.empty() && unordered_reads.count(pc))) segalgo_watch.pause();
    settle();
    if (++accesses_of_block > segalgo_watch.most_accesses) {
        segalgo_watch.on = false;
        segalgo_watch.fail(enough_accesses);
    }
    pending.bytes = writes && bytes <= sizeof pending.before ? bytes : 0;
    const Access now = {pc, segalgo_watch.barriers, segalgo_watch.warp_syncs[segalgo_watch.thread],
                        ++accesses, uint16_t(segalgo_watch.thread), kind};
    if (kind == relaxed && !segalgo_watch.verdict_only) meet_at(at, reads, writes);
    for (std::vector<Region>* list : {&shared, &arrays})
        for (Region& region : *list) {
            if (at < region.base || at >= region.end) continue;
            if (at + bytes > region.end) return out_of_bounds(at, bytes, pc, writes);
            if (segalgo_watch.verdict_only || pages_made > most_pages) return;
            const size_t first = size_t(at - region.base) / region.unit;
            const size_t last = (size_t(at - region.base) + bytes - 1) / region.unit;
            for (size_t k = first; k <= last; k++)
                touch(region, region.cell(k), k * region.unit / region.item, now, reads, writes);
            if (!pending.found.empty()) memcpy(pending.before, pending.at = at, bytes);
            return;
        }
    if (at >= library && at < library_end && !writes) return; /* constants */
    if (at >= library && at < library_end) { /* __device__ variables: two plain accesses, one of them a write */
        if (variables.empty() || segalgo_watch.verdict_only || kind != plain) return;
        Region& region = variables[0];
        for (size_t k = size_t(at - region.base) / 4; k <= size_t(at - region.base + bytes - 1) / 4; k++)
            touch(region, region.cell(k), k, now, reads, writes);
        if (!pending.found.empty()) memcpy(pending.before, pending.at = at, bytes);
        return;
    }
    if (at >= tls && at < tls_end) {
        /* threadIdx and its kind; but the room around shared variables lies here too. */
        for (const Region& region : shared)
            if (region.base >= tls && region.base < tls_end && at + 256 >= region.base && at < region.end + 256)
                return out_of_bounds(at, bytes, pc, writes);
        return;
    }
    out_of_bounds(at, bytes, pc, writes);
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
    library = reinterpret_cast<const char*>(info->dlpi_addr);
    library_end = high;
    if (variables.empty()) variables.emplace_back("__device__ memory", library, size_t(high - low), 4, false, true);
    for (int k = 0; k < info->dlpi_phnum; k++)
        if (info->dlpi_phdr[k].p_type == PT_TLS) {
            tls = static_cast<const char*>(info->dlpi_tls_data);
            tls_end = tls + info->dlpi_phdr[k].p_memsz;
        }
    return 1;
}

/* A card has so much shared memory for a block, and 48 KB of it for shared variables. */
static void check_shared_size(int line) {
    constexpr size_t most_static = 48 * 1024;
    size_t fixed = 0, all = 0;
    for (const Region& region : shared) {
        const size_t bytes = size_t(region.end - region.base);
        all += bytes;
        if (region.name != "dynamic shared memory") fixed += bytes;
    }
    const size_t limit = segalgo_watch.shared_limit;
    if (fixed > most_static && is_new(4, 0))
        findings.push_back(text("invalid launch: %zu bytes of shared variables up to line %d, expected at most %zu", fixed,
                                line, most_static));
    else if (all > limit && is_new(5, 0))
        findings.push_back(text("invalid launch: %zu bytes of static and dynamic shared memory together, expected at most "
                                "%zu", all, limit));
}

/* What -fsanitize=alignment hands over: where, which type, the logarithm of its alignment. */
struct Mismatched {
    const char* file;
    uint32_t line, column;
    const struct { uint16_t kind, info; char name[1]; } * type;
    unsigned char log_alignment, kind;
};

static void misaligned(const Mismatched* what, const void* address) {
    const uintptr_t alignment = uintptr_t(1) << what->log_alignment, at = reinterpret_cast<uintptr_t>(address);
    if (!segalgo_watch.on || !runs_blocks || at % alignment == 0) return;
    const char* local = static_cast<const char*>(address);
    if (local >= segalgo_watch.stack && local < segalgo_watch.stack_end) return;
    segalgo_watch.on = false;
    findings.push_back(text("misaligned access: %s at line %u, %s at an address that is %zu beyond a multiple of %zu bytes",
                            thread_name(segalgo_watch.block, segalgo_watch.thread).c_str(), what->line, what->type->name,
                            size_t(at % alignment), size_t(alignment)));
    segalgo_watch.fail(findings.back().c_str());
}

}  // namespace watch

#endif
