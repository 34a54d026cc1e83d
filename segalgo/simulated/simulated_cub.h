/* Of CUB: BlockReduce, BlockScan, WarpReduce, WarpScan. Included by <cub/cub.cuh>.
 *
 * Threads leave their values in the temporary storage, so that using it again without a barrier shows as a race, and the
 * answer of a reduction is thread 0's alone: others get bytes of 0xff.
 */
#ifndef SEGALGO_SIMULATED_CUB_H
#define SEGALGO_SIMULATED_CUB_H

#include "simulated_device.h"

namespace cub {

struct Sum { template <class T> T operator()(T a, T b) const { return a + b; } };
struct Max { template <class T> T operator()(T a, T b) const { return a < b ? b : a; } };
struct Min { template <class T> T operator()(T a, T b) const { return b < a ? b : a; } };
enum BlockReduceAlgorithm { BLOCK_REDUCE_RAKING_COMMUTATIVE_ONLY, BLOCK_REDUCE_RAKING, BLOCK_REDUCE_WARP_REDUCTIONS };
enum BlockScanAlgorithm { BLOCK_SCAN_RAKING, BLOCK_SCAN_RAKING_MEMOIZE, BLOCK_SCAN_WARP_SCANS };

/* The line of a call; a type of its own, so that a number given by the caller is never taken for it. */
struct Line {
    int number;
    explicit constexpr Line(int number) : number(number) {}
    operator int() const { return number; }
};

inline int simulated_rank() { return int(threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)); }
inline void simulated_check_block(int threads, int line) {
    const int here = int(blockDim.x * blockDim.y * blockDim.z);
    if (here != threads) simulated::fail("assert(cub for %d threads) of line %d: the block has %d", threads, line, here);
}
template <class T> T simulated_undefined() {
    T value;
    memset(static_cast<void*>(&value), 0xff, sizeof value);
    return value;
}

template <class T, int X, BlockReduceAlgorithm algorithm = BLOCK_REDUCE_WARP_REDUCTIONS, int Y = 1, int Z = 1>
class BlockReduce {
    static constexpr int threads = X * Y * Z;

public:
    struct TempStorage { T values[threads]; };
    explicit BlockReduce(TempStorage& storage) : storage(storage) {}
    template <class Join> T Reduce(T value, Join join, int valid = threads, Line line = Line(__builtin_LINE())) {
        simulated_check_block(threads, line);
        const int rank = simulated_rank();
        storage.values[rank] = value;
        simulated::barrier(line, 0);
        if (rank != 0) return simulated_undefined<T>();
        T result = storage.values[0];
        for (int k = 1; k < threads && k < valid; k++) result = join(result, storage.values[k]);
        return result;
    }
    template <int items, class Join> T Reduce(T (&values)[items], Join join, Line line = Line(__builtin_LINE())) {
        T own = values[0];
        for (int k = 1; k < items; k++) own = join(own, values[k]);
        return Reduce(own, join, threads, line);
    }
    T Sum(T value, int valid = threads, Line line = Line(__builtin_LINE())) { return Reduce(value, cub::Sum(), valid, line); }
    template <int items> T Sum(T (&values)[items], Line line = Line(__builtin_LINE())) { return Reduce(values, cub::Sum(), line); }

private:
    TempStorage& storage;
};

template <class T, int X, BlockScanAlgorithm algorithm = BLOCK_SCAN_RAKING, int Y = 1, int Z = 1> class BlockScan {
    static constexpr int threads = X * Y * Z;

public:
    struct TempStorage { T values[threads]; };
    explicit BlockScan(TempStorage& storage) : storage(storage) {}
    template <class Join> void InclusiveScan(T value, T& result, Join join, T& total, Line line = Line(__builtin_LINE())) {
        simulated_check_block(threads, line);
        const int rank = simulated_rank();
        storage.values[rank] = value;
        simulated::barrier(line, 0);
        T sum = storage.values[0];
        for (int k = 1; k < threads; k++) {
            if (k == rank + 1) result = sum;
            sum = join(sum, storage.values[k]);
        }
        if (rank == threads - 1) result = sum;
        total = sum;
    }
    template <class Join> void InclusiveScan(T value, T& result, Join join, Line line = Line(__builtin_LINE())) {
        T total;
        InclusiveScan(value, result, join, total, line);
    }
    template <class Join> void ExclusiveScan(T value, T& result, T first, Join join, T& total, Line line = Line(__builtin_LINE())) {
        simulated_check_block(threads, line);
        const int rank = simulated_rank();
        storage.values[rank] = value;
        simulated::barrier(line, 0);
        T sum = first, all = storage.values[0];
        for (int k = 0; k < rank; k++) sum = join(sum, storage.values[k]);
        for (int k = 1; k < threads; k++) all = join(all, storage.values[k]);
        result = sum;
        total = all;
    }
    template <class Join> void ExclusiveScan(T value, T& result, T first, Join join, Line line = Line(__builtin_LINE())) {
        T total;
        ExclusiveScan(value, result, first, join, total, line);
    }
    void InclusiveSum(T value, T& result, Line line = Line(__builtin_LINE())) { InclusiveScan(value, result, cub::Sum(), line); }
    void InclusiveSum(T value, T& result, T& total, Line line = Line(__builtin_LINE())) {
        InclusiveScan(value, result, cub::Sum(), total, line);
    }
    void ExclusiveSum(T value, T& result, Line line = Line(__builtin_LINE())) { ExclusiveScan(value, result, T(), cub::Sum(), line); }
    template <int items> void InclusiveSum(T (&values)[items], T (&results)[items], Line line = Line(__builtin_LINE())) {
        T own = values[0], before;
        for (int k = 1; k < items; k++) own = own + values[k];
        ExclusiveSum(own, before, line);
        for (int k = 0; k < items; k++) results[k] = before = before + values[k];
    }
    template <int items> void ExclusiveSum(T (&values)[items], T (&results)[items], Line line = Line(__builtin_LINE())) {
        T own = values[0], before;
        for (int k = 1; k < items; k++) own = own + values[k];
        ExclusiveSum(own, before, line);
        for (int k = 0; k < items; k++) {
            const T value = values[k];
            results[k] = before;
            before = before + value;
        }
    }
    void ExclusiveSum(T value, T& result, T& total, Line line = Line(__builtin_LINE())) {
        ExclusiveScan(value, result, T(), cub::Sum(), total, line);
    }

private:
    TempStorage& storage;
};

template <class T, int width = 32> class WarpReduce {
public:
    struct TempStorage { char unused; };
    explicit WarpReduce(TempStorage&) {}
    template <class Join> T Reduce(T value, Join join, Line line = Line(__builtin_LINE())) {
        const unsigned mask = (width >= 32 ? ~0u : (1u << width) - 1) << unsigned(simulated::lane()) / width * width;
        const T result = simulated::reduce_lanes(mask, value, join, line);
        return simulated::lane() % width == 0 ? result : simulated_undefined<T>();
    }
    T Sum(T value, Line line = Line(__builtin_LINE())) { return Reduce(value, cub::Sum(), line); }
};

template <class T, int width = 32> class WarpScan {
public:
    struct TempStorage { char unused; };
    explicit WarpScan(TempStorage&) {}
    template <class Join> void InclusiveScan(T value, T& result, Join join, Line line = Line(__builtin_LINE())) {
        const int lane = simulated::lane();
        const unsigned mask = (width >= 32 ? ~0u : (1u << width) - 1) << unsigned(lane) / width * width;
        const uint64_t* slot = simulated::meet(mask, simulated::to_bits(value), line);
        result = simulated::from_bits<T>(slot[lane / width * width]);
        for (int k = lane / width * width + 1; k <= lane; k++) result = join(result, simulated::from_bits<T>(slot[k]));
    }
    void InclusiveSum(T value, T& result, Line line = Line(__builtin_LINE())) { InclusiveScan(value, result, cub::Sum(), line); }
    void ExclusiveSum(T value, T& result, Line line = Line(__builtin_LINE())) {
        InclusiveScan(value, result, cub::Sum(), line);
        result = result - value;
    }
};

}  // namespace cub

#endif
