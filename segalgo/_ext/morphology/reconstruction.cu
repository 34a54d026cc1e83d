// Reconstruction of an image from a lower one. Launched by cuda/morphology/reconstruction.py.
//
// Rounds of scans along the axes and of one step to all neighbours, until a step changes nothing. Every order ends at
// the same image.

// One thread: one line along an axis, whose cells lie `inner` apart. Carries values from each cell to the next one, up
// (step 1) or down (step -1) the axis, as far as the mask lets them.
// Instances: unsigned char; signed char; unsigned short; short; unsigned int; int; unsigned long long; long long; float; double
template <class T>
__global__ void reconstruction_scan(T* __restrict__ values, const T* __restrict__ mask, int step, long long length,
                                    long long inner, long long lines) {
    const long long stride = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < lines; k += stride) {
        const long long first = k / inner * inner * length + k % inner;
        long long at = step > 0 ? first : first + (length - 1) * inner;
        T carried = values[at];
        for (long long n = 1; n < length; n++) {
            at += step * inner;
            const T own = values[at], limit = mask[at];
            carried = carried < limit ? carried : limit;
            carried = own > carried ? own : carried;
            if (carried > own) values[at] = carried;
        }
    }
}

// One thread: one cell. The highest of its own value and of those that lie the `count` offsets before it, at most the
// mask. Says in `changed` whether a value rose.
// Instances: unsigned char; signed char; unsigned short; short; unsigned int; int; unsigned long long; long long; float; double
template <class T>
__global__ void reconstruction_step(const T* __restrict__ values, const T* __restrict__ mask,
                                    const long long* __restrict__ shape, const long long* __restrict__ offsets,
                                    T* __restrict__ output, unsigned int* changed, int ndim, int count,
                                    long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        const T own = values[k], limit = mask[k];
        T best = own;
        for (int o = 0; o < count && best < limit; o++) {
            long long rest = k, other = k, stride = 1;
            bool inside = true;
            for (int axis = ndim - 1; axis >= 0 && inside; axis--) {
                const long long d = offsets[o * ndim + axis], at = rest % shape[axis] - d;
                inside = at >= 0 && at < shape[axis];
                rest /= shape[axis];
                other -= d * stride;
                stride *= shape[axis];
            }
            if (inside && values[other] > best) best = values[other];
        }
        best = best < limit ? best : limit;
        output[k] = best;
        if (best > own) atomicOr(changed, 1u);
    }
}
