/* From ctypes to a kernel: its signature, and the run of a grid. Part of simulated_device.h. */
#ifndef SEGALGO_SIMULATED_CALLS_H
#define SEGALGO_SIMULATED_CALLS_H

#include "simulated_baton.h"

namespace simulated {

/* One code a parameter: p for a pointer, c for a pointer to const, then f, i, u, b or x (anything) and the size. */
template <class T, class = void> struct IsAccessor : std::false_type {};
template <class T> struct IsAccessor<T, std::void_t<typename T::simulated_element>> : std::true_type {};
/* A tensor accessor: a, its type, the number of its axes, the bytes of an index, with _ between. */
template <class P> void describe(char*& at) {
    if constexpr (IsAccessor<std::remove_cv_t<P>>::value) {
        using T = std::remove_cv_t<typename std::remove_cv_t<P>::simulated_element>;
        const char kind = std::is_same_v<T, bool> ? 'b' : std::is_floating_point_v<T> || std::is_same_v<T, half> ? 'f'
                          : std::is_signed_v<T> ? 'i' : 'u';
        at += sprintf(at, "a%c%zu_%zu_%zu ", kind, sizeof(T), P::simulated_axes, P::simulated_width);
        return;
    }
    using Pointee = std::remove_pointer_t<P>;
    if (std::is_pointer_v<P>) *at++ = std::is_const_v<Pointee> ? 'c' : 'p';
    using T = std::remove_cv_t<Pointee>;
    *at++ = std::is_same_v<T, bool> ? 'b' : std::is_floating_point_v<T> || std::is_same_v<T, half> ? 'f'
            : std::is_integral_v<T> ? (std::is_signed_v<T> ? 'i' : 'u') : 'x';
    if constexpr (std::is_void_v<T>) at += sprintf(at, "0 ");
    else at += sprintf(at, "%zu ", sizeof(T));
}
template <class... P> const char* signature(void (*)(P...)) {
    static char text[24 * sizeof...(P) + 8];
    char* at = text;
    (describe<P>(at), ...);
    *at = 0;
    return text;
}

/* Of chosen blocks: whether one left because it had made as many accesses as it may, which is no fault. */
inline bool leave_early(Block& mine) {
    if (!mine.failed || strstr(mine.message, enough_accesses) == nullptr) return false;
    for (Fiber* fiber : mine.fibers) { free(fiber->stack); delete fiber; }
    mine.fibers.clear();
    mine.idle.clear();
    mine.failed = false;
    return true;
}

/* Run all blocks: on up to `os_threads` OS threads at once, or on OS threads that pass a baton.
 * Returns 0, or 1 with the first fault in `message`. */
inline int run(Launch* launch, void (*kernel)(const void*), const void* arguments) {
    const uint64_t blocks = uint64_t(launch->grid[0]) * launch->grid[1] * launch->grid[2];
    const size_t threads = size_t(launch->block[0]) * launch->block[1] * launch->block[2];
    if (launch->cooperative && blocks > most_cooperative) {
        snprintf(launch->message, launch->message_bytes, "a grid barrier over %llu blocks, here at most %llu are there at once",
                 (unsigned long long)blocks, (unsigned long long)most_cooperative);
        return 1;
    }
    const bool some = launch->chosen_count > 0;
    const uint64_t count = some ? launch->chosen_count : blocks;
    std::vector<unsigned> order(some ? 0 : blocks);
    put_in_order(order, launch->order, launch->seed);
    bool in_turns = launch->cooperative != 0;
    SIMULATED_WATCHED(in_turns = true);
    uint64_t crew_size = launch->cooperative ? blocks : some ? 1 : in_turns ? most_at_once : launch->os_threads < 1 ? 1 : launch->os_threads;
    crew_size = crew_size < count ? crew_size : count;
    std::unique_ptr<Baton> turns(in_turns ? new Baton(int(crew_size), launch->seed) : nullptr);
    baton = turns.get();
    uint64_t next = 0;
    int failed = 0;
    auto work = [&](int number) {
        worker = number;
        if (in_turns) wait_for_the_baton();
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
        SIMULATED_WATCHED(for (int k = 0; k < 3; k++) segalgo_watch.size[k] = launch->block[k]);
        SIMULATED_WATCHED(segalgo_watch.fail = [](const char* text) { fail("%s", text); });
        SIMULATED_WATCHED(segalgo_watch.pause = pause_here);
        SIMULATED_WATCHED(segalgo_watch.verdict_only = launch->switching != 0);
        SIMULATED_WATCHED(segalgo_watch.shared_limit = launch->shared_limit);
        SIMULATED_WATCHED(segalgo_watch.most_accesses = some ? launch->most_accesses : ~uint64_t(0));
        SIMULATED_WATCHED(segalgo_watch_run(reinterpret_cast<const void*>(kernel)));
        SIMULATED_PROFILED(segalgo_profile.fail = [](const char* text) { fail("%s", text); });
        SIMULATED_PROFILED(segalgo_profile.pause = pause_here);
        SIMULATED_PROFILED(segalgo_profile_run(reinterpret_cast<const void*>(kernel), uint32_t(threads)));
        for (;;) {
            const uint64_t k = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
            if (k >= count || __atomic_load_n(&failed, __ATOMIC_RELAXED) || another_failed()) break;
            const uint64_t number = some ? launch->chosen[k] : order[k];
            SIMULATED_PROFILED(segalgo_profile_block(k, number, mine.shared.data(), launch->dynamic_shared));
            run_block(launch, number);
            if (some && leave_early(mine)) continue;
            if (mine.failed) {
                if (in_turns) baton->failed = true;
                if (!__atomic_exchange_n(&failed, 1, __ATOMIC_ACQ_REL))
                    snprintf(launch->message, launch->message_bytes, "%s", mine.message);
                break;
            }
            SIMULATED_PROFILED(segalgo_profile_block_end());
            if (launch->switching) let_other_blocks_go_on();
        }
        SIMULATED_WATCHED(segalgo_watch_settle());
        SIMULATED_PROFILED(segalgo_profile_done());
        block = nullptr;
        if (in_turns) {
            baton->alive[worker] = 0;
            const int to = another(false);
            if (to != worker) hand_over(to);
        }
    };
    /* Fresh OS threads, never the caller's: dynamic shared pointers are thread-local and bound on first use. */
    std::vector<std::thread> crew;
    for (uint64_t k = 0; k < crew_size; k++) crew.emplace_back(work, int(k));
    for (std::thread& one : crew) one.join();
    baton = nullptr;
    return failed;
}

template <class... P> struct Call {
    void (*kernel)(P...);
    void** arguments;
    template <size_t... I> void expand(std::index_sequence<I...>) const {
        std::tuple<std::remove_cv_t<P>...> values(*static_cast<std::remove_cv_t<P>*>(arguments[I])...);
        void (*const run_it)(P...) = kernel;
        SIMULATED_WATCHED(segalgo_watch.on = true);
        SIMULATED_PROFILED(segalgo_profile.on = true);
        run_it(std::get<I>(values)...);
        SIMULATED_PROFILED(segalgo_profile.on = false);
        SIMULATED_WATCHED(segalgo_watch.on = false);
    }
    static void make(const void* call) { static_cast<const Call*>(call)->expand(std::index_sequence_for<P...>{}); }
};
template <class... P> int launch(void (*kernel)(P...), Launch* how, void** arguments) {
    const Call<P...> call{kernel, arguments};
    return run(how, Call<P...>::make, &call);
}

}  // namespace simulated

#endif
