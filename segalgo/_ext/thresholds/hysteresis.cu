// Regions above a low threshold that reach a high one. Launched by cuda/thresholds/hysteresis.py.

// The root of a cell's tree: cells point at smaller ones of their component, roots at themselves.
__device__ long long hysteresis_root(const unsigned long long* parent, long long cell) {
    while ((long long)((volatile const unsigned long long*)parent)[cell] != cell)
        cell = (long long)((volatile const unsigned long long*)parent)[cell];
    return cell;
}

// One thread: one cell and its successor along an axis of n cells, `inner` apart. Where both are low, joins their
// trees: the larger root is made to point at the smaller by atomicMin, until both have one root (Komura; Playne and
// Hawick). Promised: parent[k] = k before the first axis.
__global__ void hysteresis_join(const bool* __restrict__ low, unsigned long long* parent, long long n, long long inner,
                                long long count) {
    const long long stride = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += stride) {
        if (k / inner % n + 1 >= n || !low[k] || !low[k + inner]) continue;
        long long a = hysteresis_root(parent, k), b = hysteresis_root(parent, k + inner);
        while (a != b) {
            const long long larger = a > b ? a : b, smaller = a > b ? b : a;
            const long long seen = (long long)atomicMin(&parent[larger], (unsigned long long)smaller);
            // Where `larger` was no root any more, what it pointed at is still to be joined.
            a = seen == larger ? smaller : hysteresis_root(parent, seen);
            b = hysteresis_root(parent, smaller);
        }
    }
}

// One thread: one cell. Notes at its root that the component holds a high cell; every writer writes the same.
__global__ void hysteresis_mark(const bool* __restrict__ low, const bool* __restrict__ high,
                                const unsigned long long* __restrict__ parent, unsigned int* reached, long long count) {
    const long long stride = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += stride)
        if (low[k] && high[k]) atomicOr(&reached[hysteresis_root(parent, k)], 1u);
}

// One thread: one cell. Takes it where it is low and its root was noted.
__global__ void hysteresis_take(const bool* __restrict__ low, const unsigned long long* __restrict__ parent,
                                const unsigned int* __restrict__ reached, bool* __restrict__ mask, long long count) {
    const long long stride = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += stride)
        mask[k] = low[k] && reached[hysteresis_root(parent, k)];
}
