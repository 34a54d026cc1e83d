// Distance of every cell to the nearest cell of another value. Launched by cuda/morphology/distance_transform.py.
//
// Values are float64; the door promises that they are integers below 2**52, or that rounding is accepted.

// One thread: one cell. What no axis has reached yet is infinitely far; background is its own nearest cell.
// Instances: unsigned char; unsigned int; unsigned long long
template <class L>
__global__ void distance_start(const L* __restrict__ labels, double* __restrict__ best, long long* __restrict__ nearest,
                               double infinity, int indices, long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        best[k] = labels[k] ? infinity : 0.0;
        if (indices) nearest[k] = labels[k] ? -1 : k;
    }
}

// What a cell at d cells costs whose own distance is `start`. metric: 0 Euclidean (squared), 1 city block, 2 chessboard.
__device__ double distance_cost(double start, double weight, double d, int metric) {
    const double reach = metric == 0 ? weight * d * d : weight * d;
    return metric == 2 ? (start > reach ? start : reach) : start + reach;
}

// One thread: one cell. Minimum along one axis of `length` cells, `inner` apart, over the cells of its run of one label
// and the two beside the run, which count with 0. Walks outwards and stops where no cell can be nearer: at most as many
// steps as the answer is long. At equal distance the smaller cell wins.
// Instances: unsigned char; unsigned int; unsigned long long
template <class L>
__global__ void distance_axis(const L* __restrict__ labels, const double* __restrict__ before,
                              const long long* __restrict__ sources, double* __restrict__ best,
                              long long* __restrict__ nearest, double weight, double limit, double infinity, int metric,
                              int indices, long long length, long long inner, long long size) {
    const long long stride = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += stride) {
        const L label = labels[k];
        if (label == 0) {
            best[k] = 0.0;
            if (indices) nearest[k] = k;
            continue;
        }
        const long long at = k / inner % length;
        double least = before[k];
        long long source = indices ? sources[k] : -1;
        bool low = true, high = true;
        for (long long d = 1; low || high; d++) {
            if (distance_cost(0.0, weight, (double)d, metric) > least) break;
            low = low && d <= at;
            high = high && at + d < length;
            if (low) {
                const long long q = k - d * inner;
                const bool other = labels[q] != label;
                const double cost = distance_cost(other ? 0.0 : before[q], weight, (double)d, metric);
                if (cost <= least && cost < infinity) {
                    least = cost;
                    source = !indices ? -1 : other ? q : sources[q];
                }
                low = !other;
            }
            if (high) {
                const long long q = k + d * inner;
                const bool other = labels[q] != label;
                const double cost = distance_cost(other ? 0.0 : before[q], weight, (double)d, metric);
                if (cost < least) {
                    least = cost;
                    source = !indices ? -1 : other ? q : sources[q];
                }
                high = !other;
            }
        }
        best[k] = least > limit ? infinity : least;
        if (indices) nearest[k] = least > limit ? -1 : source;
    }
}

__device__ void distance_store(float* output, double value, double, long long) { *output = (float)value; }
__device__ void distance_store(double* output, double value, double, long long) { *output = value; }
__device__ void distance_store(long long* output, double value, double infinity, long long most) {
    *output = value < infinity ? (long long)value : most;
}

// One thread: one cell. output = scale * value or scale * sqrt(value) in the output's type.
// Instances: float; double; long long
template <class O>
__global__ void distance_finish(const double* __restrict__ best, O* __restrict__ output, double scale, double infinity,
                                int root, long long most, long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step)
        distance_store(output + k, (root ? sqrt(best[k]) : best[k]) * scale, infinity, most);
}
