// Indices within a plane and over the whole tensor. Launched by cuda/layers/index_conventions.py.

// One thread: one index. Takes off the first index of its plane (unless to_tensor), checks that it lies in the plane,
// swaps row and column if `turn`, adds the first index of the plane (if to_tensor), writes. `inner` is the length of
// the axis that the given index counts along first. faults[0] keeps the smallest position that is outside.
__global__ void convert_indices(const long long* __restrict__ indices, long long* __restrict__ output,
                                unsigned long long* faults, long long planes, long long count, long long outer,
                                long long inner, int to_tensor, int turn) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < planes * count; k += step) {
        const long long first = k / count * outer * inner;
        const long long taken = to_tensor ? 0 : first;
        if (indices[k] < taken || indices[k] - taken >= outer * inner) {
            atomicMin(&faults[0], (unsigned long long)k);
            continue;
        }
        long long place = indices[k] - taken;
        if (turn) place = place % inner * outer + place / inner;
        output[k] = place + (to_tensor ? first : 0);
    }
}
