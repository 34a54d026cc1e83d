// The least or the largest value of each cell's neighbourhood. Launched by cuda/morphology/erosion.py.

// One thread: one cell. Along one axis of `length` cells, `inner` apart: over the offsets from low to high. The launch
// code goes through the axes of a box one after another.
// Instances: unsigned char; signed char; unsigned short; short; unsigned int; int; unsigned long long; long long; float; double
template <class T>
__global__ void erosion_line(const T* __restrict__ image, T* __restrict__ output, T nothing, long long low, long long high,
                             int largest, long long length, long long inner, long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        const long long at = k / inner % length;
        const long long first = at + low < 0 ? -at : low, last = at + high >= length ? length - 1 - at : high;
        T best = nothing;
        for (long long d = first; d <= last; d++) {
            const T value = image[k + d * inner];
            if (largest ? value > best : value < best) best = value;
        }
        output[k] = best;
    }
}

// One thread: one cell. Over `count` offsets of ndim numbers each, in row order.
// Instances: unsigned char; signed char; unsigned short; short; unsigned int; int; unsigned long long; long long; float; double
template <class T>
__global__ void erosion_offsets(const T* __restrict__ image, const long long* __restrict__ shape,
                                const long long* __restrict__ offsets, T* __restrict__ output, T nothing, int largest,
                                int ndim, long long count, long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        T best = nothing;
        for (long long o = 0; o < count; o++) {
            long long rest = k, other = k, stride = 1;
            bool inside = true;
            for (int axis = ndim - 1; axis >= 0 && inside; axis--) {
                const long long d = offsets[o * ndim + axis], at = rest % shape[axis] + d;
                inside = at >= 0 && at < shape[axis];
                rest /= shape[axis];
                other += d * stride;
                stride *= shape[axis];
            }
            if (!inside) continue;
            const T value = image[other];
            if (largest ? value > best : value < best) best = value;
        }
        output[k] = best;
    }
}
