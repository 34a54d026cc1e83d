/* Several blocks at once, one of them running: their OS threads pass a baton. Part of simulated_device.h.
 *
 * Watched kernels and cooperative ones run so: what happens is the same again for the same seed, a block that waits for
 * another one (a lock, a flag, a grid barrier) lets it go on, and updates of different blocks may meet half done.
 */
#ifndef SEGALGO_SIMULATED_BATON_H
#define SEGALGO_SIMULATED_BATON_H

#include <condition_variable>
#include <memory>
#include <mutex>

#include "simulated_blocks.h"

namespace simulated {

constexpr int most_at_once = 8;          /* blocks, as on a small card */
constexpr uint64_t most_cooperative = 512;

struct Baton {
    std::mutex guard;
    std::unique_ptr<std::condition_variable[]> changed;
    std::vector<char> alive;
    int turn = 0;
    uint64_t random = 0;
    bool failed = false;
    uint64_t arrived = 0, rounds = 0; /* blocks at the grid barrier, and how many of those have passed */
    explicit Baton(int workers, uint64_t seed)
        : changed(new std::condition_variable[workers]), alive(workers, 1), random(seed) {}
};

inline Baton* baton = nullptr;
inline thread_local int worker = 0;

inline void wait_for_the_baton() {
    std::unique_lock<std::mutex> lock(baton->guard);
    baton->changed[worker].wait(lock, [] { return baton->turn == worker; });
    SIMULATED_WATCHED(segalgo_watch_enter(worker));
}

/* The next worker that is alive, or one at random; this one itself if there is no other. */
inline int another(bool at_random) {
    const int n = int(baton->alive.size());
    int next = at_random ? int(mix(baton->random) % n) : (worker + 1) % n;
    for (int k = 0; k < n; k++, next = (next + 1) % n)
        if (baton->alive[next] && next != worker) return next;
    return worker;
}

inline void hand_over(int to) {
    SIMULATED_WATCHED(segalgo_watch_leave(worker));
    std::lock_guard<std::mutex> lock(baton->guard);
    baton->turn = to;
    baton->changed[to].notify_one();
}

/* Whether a block of this launch met a fault: the others need not end. */
inline bool another_failed() { return baton != nullptr && baton->failed; }

inline void let_other_blocks_go_on() {
    if (baton == nullptr) return;
    const int to = another(block->launch->switching >= 100);
    if (to == worker) return;
    hand_over(to);
    wait_for_the_baton();
}

/* grid.sync(): the threads of a block meet, then all blocks do. */
SIMULATED_QUIET inline void grid_barrier(int line) {
    SIMULATED_UNWATCHED;
    if (baton == nullptr || !block->launch->cooperative) fail("grid barrier of line %d: no cooperative launch", line);
    const uint64_t round = baton->rounds;
    barrier(line, 0);
    const uint64_t all = uint64_t(block->launch->grid[0]) * block->launch->grid[1] * block->launch->grid[2];
    const unsigned first = 0;
    if (block->current == first && ++baton->arrived == all) {
        baton->arrived = 0;
        baton->rounds++;
        SIMULATED_WATCHED(segalgo_watch_forget());
    }
    while (baton->rounds == round) {
        block->threads[block->current].state = State::ready;
        block->paused = true;
        give_way();
    }
    barrier(line, 0);
}

}  // namespace simulated

#endif
