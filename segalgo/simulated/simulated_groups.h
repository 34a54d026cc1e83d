/* Cooperative groups: block, tiles of a warp, coalesced threads, grid. Included by <cooperative_groups.h>. */
#ifndef SEGALGO_SIMULATED_GROUPS_H
#define SEGALGO_SIMULATED_GROUPS_H

#include "simulated_device.h"

namespace cooperative_groups {

inline unsigned simulated_rank_in_block() { return threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z); }
inline unsigned simulated_block_size() { return blockDim.x * blockDim.y * blockDim.z; }

struct thread_block {
    void sync(int line = __builtin_LINE()) const { simulated::barrier(line, 0); }
    static void sync_block(int line = __builtin_LINE()) { simulated::barrier(line, 0); }
    unsigned thread_rank() const { return simulated_rank_in_block(); }
    unsigned size() const { return simulated_block_size(); }
    unsigned num_threads() const { return size(); }
    dim3 group_index() const { return {blockIdx.x, blockIdx.y, blockIdx.z}; }
    dim3 thread_index() const { return {threadIdx.x, threadIdx.y, threadIdx.z}; }
    dim3 group_dim() const { return blockDim; }
    dim3 dim_threads() const { return blockDim; }
};
inline thread_block this_thread_block() { return {}; }

struct grid_group {
    void sync(int line = __builtin_LINE()) const { simulated::grid_barrier(line); }
    bool is_valid() const { return true; }
    unsigned long long block_rank() const { return blockIdx.x + gridDim.x * (blockIdx.y + (unsigned long long)gridDim.y * blockIdx.z); }
    unsigned long long num_blocks() const { return (unsigned long long)gridDim.x * gridDim.y * gridDim.z; }
    unsigned long long thread_rank() const { return block_rank() * simulated_block_size() + simulated_rank_in_block(); }
    unsigned long long size() const { return num_blocks() * simulated_block_size(); }
    unsigned long long num_threads() const { return size(); }
    dim3 group_dim() const { return gridDim; }
    dim3 dim_blocks() const { return gridDim; }
    dim3 block_index() const { return {blockIdx.x, blockIdx.y, blockIdx.z}; }
};
inline grid_group this_grid() { return {}; }

/* Lanes of one warp by their mask; ranks count the lanes of the mask. */
struct simulated_lanes {
    unsigned mask;
    unsigned thread_rank() const { return unsigned(__builtin_popcount(mask & ((1u << simulated::lane()) - 1))); }
    unsigned size() const { return unsigned(__builtin_popcount(mask)); }
    unsigned num_threads() const { return size(); }
    void sync(int line = __builtin_LINE()) const { simulated::meet(mask, 0, line, true); }
    int lane_of(unsigned rank) const {
        for (int lane = 0; lane < 32; lane++)
            if (mask >> lane & 1 && rank-- == 0) return lane;
        return -1;
    }
    template <class T> T shfl(T value, int rank, int line = __builtin_LINE()) const {
        return simulated::shuffle(mask, value, lane_of(unsigned(rank) % size()), line);
    }
    template <class T> T shfl_down(T value, unsigned delta, int line = __builtin_LINE()) const {
        return simulated::shuffle(mask, value, lane_of(thread_rank() + delta), line);
    }
    template <class T> T shfl_up(T value, unsigned delta, int line = __builtin_LINE()) const {
        return simulated::shuffle(mask, value, delta > thread_rank() ? -1 : lane_of(thread_rank() - delta), line);
    }
    template <class T> T shfl_xor(T value, unsigned lanes, int line = __builtin_LINE()) const {
        return simulated::shuffle(mask, value, lane_of(thread_rank() ^ lanes), line);
    }
    unsigned packed(unsigned votes) const {
        unsigned result = 0, rank = 0;
        for (int lane = 0; lane < 32; lane++)
            if (mask >> lane & 1) result |= (votes >> lane & 1u) << rank++;
        return result;
    }
    unsigned ballot(bool vote, int line = __builtin_LINE()) const { return packed(simulated::ballot(mask, vote, line)); }
    int any(bool vote, int line = __builtin_LINE()) const { return simulated::ballot(mask, vote, line) != 0; }
    int all(bool vote, int line = __builtin_LINE()) const { return simulated::ballot(mask, !vote, line) == 0; }
    template <class T> unsigned match_any(T value, int line = __builtin_LINE()) const {
        return packed(simulated::match_any(mask, value, line));
    }
};

struct coalesced_group : simulated_lanes {};
inline coalesced_group coalesced_threads(int line = __builtin_LINE()) { return {{simulated::active_mask(line)}}; }

template <unsigned N, class Parent = void> struct thread_block_tile : simulated_lanes {
    static_assert(N <= 32 && (N & (N - 1)) == 0, "tiles of 1, 2, 4, 8, 16 or 32 threads");
    unsigned thread_rank() const { return unsigned(simulated::lane()) % N; }
    static constexpr unsigned size() { return N; }
    static constexpr unsigned num_threads() { return N; }
    unsigned meta_group_rank() const { return simulated_rank_in_block() / N; }
    unsigned meta_group_size() const { return (simulated_block_size() + N - 1) / N; }
};
inline unsigned simulated_tile_mask(unsigned n) {
    return (n >= 32 ? ~0u : (1u << n) - 1) << unsigned(simulated::lane()) / n * n;
}
template <unsigned N, class Group> thread_block_tile<N, Group> tiled_partition(const Group&) {
    thread_block_tile<N, Group> tile;
    tile.mask = simulated_tile_mask(N);
    return tile;
}
template <class Group> coalesced_group tiled_partition(const Group&, unsigned n) { return {{simulated_tile_mask(n)}}; }
template <class Group> void sync(const Group& group, int line = __builtin_LINE()) { group.sync(line); }

template <class T> struct plus { T operator()(T a, T b) const { return a + b; } };
template <class T> struct less { T operator()(T a, T b) const { return b < a ? b : a; } };
template <class T> struct greater { T operator()(T a, T b) const { return a < b ? b : a; } };
template <class T> struct bit_and { T operator()(T a, T b) const { return a & b; } };
template <class T> struct bit_or { T operator()(T a, T b) const { return a | b; } };
template <class T> struct bit_xor { T operator()(T a, T b) const { return a ^ b; } };
template <class Group, class T, class Join>
T reduce(const Group& group, T value, Join join, int line = __builtin_LINE()) {
    return simulated::reduce_lanes(group.mask, value, join, line);
}

}  // namespace cooperative_groups

#endif
