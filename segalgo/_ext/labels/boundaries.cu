// Where regions of different labels meet. Launched by cuda/labels/boundaries.py.

// The flat index of the cell that lies `offset` away, -1 where that is outside.
__device__ long long neighbour(long long cell, const long long* offset, const long long* shape, int ndim) {
    long long rest = cell, step = 1;
    for (int axis = ndim - 1; axis >= 0; axis--) {
        const long long at = rest % shape[axis] + offset[axis];
        if (at < 0 || at >= shape[axis]) return -1;
        rest /= shape[axis];
        cell += offset[axis] * step;
        step *= shape[axis];
    }
    return cell;
}

// One thread: one cell. Set where a neighbour (near offsets, near_count times ndim numbers) has another label; with
// `inner` not on background; with `outer` on background, or where the full neighbourhood (all_offsets) shows a largest
// label that is not the smallest one besides background. `largest_value` is the largest number of type L.
// Instances: int; long long; unsigned char
template <class L>
__global__ void find_boundaries(const L* __restrict__ labels, const long long* __restrict__ shape,
                                const long long* __restrict__ near_offsets,
                                const long long* __restrict__ all_offsets, bool* __restrict__ boundaries, int ndim,
                                int near_count, int all_count, int inner, int outer, L background, L largest_value,
                                long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        const L here = labels[k];
        bool boundary = false;
        for (int o = 0; o < near_count && !boundary; o++) {
            const long long other = neighbour(k, near_offsets + o * ndim, shape, ndim);
            boundary = other >= 0 && labels[other] != here;
        }
        if (inner && here == background) boundary = false;
        if (outer && boundary && here != background) {
            L most = here, least = here;
            for (int o = 0; o < all_count; o++) {
                const long long other = neighbour(k, all_offsets + o * ndim, shape, ndim);
                if (other < 0) continue;
                const L there = labels[other], solid = there == background ? largest_value : there;
                most = there > most ? there : most;
                least = solid < least ? solid : least;
            }
            boundary = most != least;
        }
        boundaries[k] = boundary;
    }
}

// One thread: one cell of the image of 2 n - 1 cells an axis. Along an odd coordinate it lies between two pixels, along
// an even one on a pixel: set if the 1, 2, 4 ... pixels around it are not all equal.
// Instances: int; long long; unsigned char
template <class L>
__global__ void find_boundaries_between(const L* __restrict__ labels, const long long* __restrict__ shape,
                                        bool* __restrict__ boundaries, int ndim, long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        bool boundary = false;
        L first = L(0);
        for (unsigned corner = 0; corner < 1u << ndim; corner++) {
            long long rest = k, cell = 0, stride = 1;
            bool inside = true;
            for (int axis = ndim - 1; axis >= 0; axis--) {
                const long long at = rest % (2 * shape[axis] - 1), far = corner >> axis & 1;
                rest /= 2 * shape[axis] - 1;
                inside = inside && (at & 1 || !far);
                cell += (at / 2 + far) * stride;
                stride *= shape[axis];
            }
            if (!inside) continue;
            if (corner == 0) first = labels[cell];
            boundary = boundary || labels[cell] != first;
        }
        boundaries[k] = boundary;
    }
}
