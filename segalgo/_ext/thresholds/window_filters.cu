// Gaussian and median of the window around each pixel. Launched by cuda/thresholds/window_filters.py.

// One thread: one cell, weighted along one axis of n cells, `inner` apart, in double: the cell times weights[0], then
// the pairs from the farthest to the nearest, as in the reference. source names the cell at each padded place (-1:
// outside). Promised: --fmad=false, so that every product is rounded.
// Instances: double,double; float,float; short,double; signed char,double; unsigned char,double
template <class T, class O>
__global__ void gaussian_axis(const T* __restrict__ x, O* __restrict__ y, const double* __restrict__ weights,
                              const long long* __restrict__ source, O outside, long long radius, long long n,
                              long long inner, long long count) {
    const long long stride = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += stride) {
        const long long i = k / inner % n;
        const T* line = x + (k - i * inner);
        double total = double(O(x[k])) * weights[0];
        for (long long d = radius; d > 0; d--) {
            const long long before = source[radius + i - d], after = source[radius + i + d];
            const double a = double(before < 0 ? outside : O(line[before * inner]));
            const double b = double(after < 0 ? outside : O(line[after * inner]));
            total += (a + b) * weights[d];
        }
        y[k] = O(total);
    }
}

// Keys in the order of the values.
__device__ inline long long median_key(float x) {
    const int bits = __float_as_int(x);
    return bits < 0 ? (long long)(bits ^ 0x7fffffff) : (long long)bits;
}
__device__ inline long long median_key(double x) {
    const long long bits = __double_as_longlong(x);
    return bits < 0 ? bits ^ 0x7fffffffffffffffll : bits;
}
template <class T>
__device__ inline long long median_key(T x) {
    return (long long)x;
}

// One thread: the median of one window. Halves the range of keys between the window's ends until one key is left that
// more than half of the window does not pass, and writes a pixel of this key. Reads the window once a halving.
// corners: where the first window of each row of `width` begins in the padded picture; offsets: the window's `area`
// cells from there.
// Instances: double; float; short; signed char; unsigned char; unsigned short
template <class T>
__global__ void median_window(const T* __restrict__ padded, const long long* __restrict__ corners,
                              const long long* __restrict__ offsets, T* __restrict__ output, long long area,
                              long long width, long long count) {
    const long long stride = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += stride) {
        const T* corner = padded + corners[k / width] + k % width;
        long long low = median_key(corner[offsets[0]]), high = low;
        for (long long q = 1; q < area; q++) {
            const long long key = median_key(corner[offsets[q]]);
            if (key < low) low = key;
            if (key > high) high = key;
        }
        while (low < high) {
            const long long middle = low + (long long)(((unsigned long long)high - (unsigned long long)low) / 2);
            long long up_to = 0;
            for (long long q = 0; q < area; q++) up_to += median_key(corner[offsets[q]]) <= middle;
            if (up_to > area / 2)
                high = middle;
            else
                low = middle + 1;
        }
        for (long long q = 0; q < area; q++)
            if (median_key(corner[offsets[q]]) == low) output[k] = T(corner[offsets[q]] + T(0));
    }
}
