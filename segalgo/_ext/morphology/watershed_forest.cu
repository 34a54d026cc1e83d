// Watershed as a minimum spanning forest, by rounds of Boruvka. Launched by cuda/morphology/watershed_forest.py.
//
// rank: the place of each cell in the order of (altitude, position). An edge is the number of its higher cell's rank and
// then of its lower one's, 32 bits each, so that no two edges are equal. state: 0 outside the mask, 1 free, 2 marker.

// The flat index of the cell that an offset leads to, -1 outside the image.
__device__ long long watershed_neighbour(long long cell, const long long* shape, const long long* offset, int ndim) {
    long long rest = cell, other = cell, stride = 1;
    for (int axis = ndim - 1; axis >= 0; axis--) {
        const long long at = rest % shape[axis] + offset[axis];
        if (at < 0 || at >= shape[axis]) return -1;
        rest /= shape[axis];
        other += offset[axis] * stride;
        stride *= shape[axis];
    }
    return other;
}

// One thread: one cell. The first round: the least edge of a free cell leads to its least neighbour.
__global__ void watershed_least(const unsigned int* __restrict__ rank, const unsigned char* __restrict__ state,
                                const long long* __restrict__ shape, const long long* __restrict__ offsets,
                                long long* __restrict__ parent, int ndim, int count, long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        long long least = k;
        if (state[k] == 1)
            for (int o = 0; o < count; o++) {
                const long long q = watershed_neighbour(k, shape, offsets + o * ndim, ndim);
                if (q >= 0 && state[q] && (least == k || rank[q] < rank[least])) least = q;
            }
        parent[k] = least;
    }
}

// One thread: one cell. Its tree's root; of two cells that point at each other, along one least edge, the smaller one.
__global__ void watershed_flatten(const long long* __restrict__ parent, long long* __restrict__ root, long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        long long cell = k, above = parent[k];
        while (above != cell) {
            const long long next = parent[above];
            if (next == cell) {
                cell = cell < above ? cell : above;
                break;
            }
            cell = above;
            above = next;
        }
        root[k] = cell;
    }
}

// One thread: one cell. Keeps at the root of its tree, if that is no marker, the least edge to another tree.
__global__ void watershed_edges(const unsigned int* __restrict__ rank, const unsigned char* __restrict__ state,
                                const long long* __restrict__ root, const long long* __restrict__ shape,
                                const long long* __restrict__ offsets, unsigned long long* best, int ndim, int count,
                                long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        if (state[k] == 0 || state[root[k]] != 1) continue;
        for (int o = 0; o < count; o++) {
            const long long q = watershed_neighbour(k, shape, offsets + o * ndim, ndim);
            if (q < 0 || state[q] == 0 || root[q] == root[k]) continue;
            const unsigned long long a = rank[k], b = rank[q];
            atomicMin(&best[root[k]], a > b ? a << 32 | b : b << 32 | a);
        }
    }
}

// One thread: one cell. A root with an edge points at the tree on its other side, every other cell at its root.
__global__ void watershed_join(const long long* __restrict__ order, const unsigned char* __restrict__ state,
                               const long long* __restrict__ root, const unsigned long long* __restrict__ best,
                               long long* __restrict__ parent, unsigned int* moved, unsigned long long none,
                               long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        long long above = root[k];
        if (above == k && state[k] == 1 && best[k] != none) {
            const long long a = root[order[best[k] >> 32]], b = root[order[best[k] & 0xffffffffull]];
            above = a == k ? b : a;
            atomicOr(moved, 1u);
        }
        parent[k] = above;
    }
}
