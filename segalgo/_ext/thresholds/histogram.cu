// What global thresholds ask of the pixels: their range and their histogram. Launched by cuda/thresholds/histogram.py.

// One block of 256 threads: the smallest and largest value and the number of NaN of its pixels, by a tree in shared
// memory; writes one cell of lows, highs and nans per block. A block without numbers writes low > high.
// Promised: top and bottom are the largest and the smallest value of T (infinite where T has infinities).
// Instances: double; float; long long; short; unsigned char; unsigned long long; unsigned short
template <class T>
__global__ void value_range(const T* __restrict__ image, T* __restrict__ lows, T* __restrict__ highs,
                            long long* __restrict__ nans, T top, T bottom, long long count) {
    __shared__ T low[256];
    __shared__ T high[256];
    __shared__ long long missing[256];
    const int t = threadIdx.x;
    low[t] = top;
    high[t] = bottom;
    missing[t] = 0;
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long k = (long long)blockIdx.x * blockDim.x + t; k < count; k += stride) {
        const T x = image[k];
        if (x < low[t]) low[t] = x;
        if (x > high[t]) high[t] = x;
        if (x != x) missing[t]++;
    }
    for (int half = 128; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) {
            if (low[t + half] < low[t]) low[t] = low[t + half];
            if (high[t + half] > high[t]) high[t] = high[t + half];
            missing[t] += missing[t + half];
        }
    }
    if (t == 0) {
        lows[blockIdx.x] = low[0];
        highs[blockIdx.x] = high[0];
        nans[blockIdx.x] = missing[0];
    }
}

// One block: the histogram of its pixels in shared memory where bins fit (at most 2048), added to counts at the end;
// with more bins each pixel adds to counts directly. Integer atomics only, so the result does not depend on the order of
// threads. Pixels outside low ... low + bins - 1 are skipped. Promised: counts are zero; a block has fewer than 2^32 pixels.
// Instances: long long; short; signed char; unsigned char; unsigned long long; unsigned short
template <class T>
__global__ void histogram_integers(const T* __restrict__ image, unsigned long long* counts, T low, long long bins,
                                   long long count) {
    __shared__ unsigned int local[2048];
    const long long stride = (long long)gridDim.x * blockDim.x, first = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (bins > 2048) {
        for (long long k = first; k < count; k += stride) {
            const unsigned long long bin = (unsigned long long)image[k] - (unsigned long long)low;
            if (bin < (unsigned long long)bins) atomicAdd(&counts[bin], 1ull);
        }
        return;
    }
    for (int b = threadIdx.x; b < bins; b += blockDim.x) local[b] = 0;
    __syncthreads();
    for (long long k = first; k < count; k += stride) {
        const unsigned long long bin = (unsigned long long)image[k] - (unsigned long long)low;
        if (bin < (unsigned long long)bins) atomicAdd(&local[bin], 1u);
    }
    __syncthreads();
    for (int b = threadIdx.x; b < bins; b += blockDim.x)
        if (local[b]) atomicAdd(&counts[b], (unsigned long long)local[b]);
}

// One block: as above for floats; the bin is the one whose edges hold the pixel, found by halving.
// Promised: bins + 1 ascending edges, the first at most, the last at least every pixel; no NaN.
// Instances: double; float
template <class T>
__global__ void histogram_floats(const T* __restrict__ image, const T* __restrict__ edges, unsigned long long* counts,
                                 long long bins, long long count) {
    __shared__ unsigned int local[2048];
    const long long stride = (long long)gridDim.x * blockDim.x, first = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const bool small = bins <= 2048;
    for (int b = threadIdx.x; small && b < bins; b += blockDim.x) local[b] = 0;
    __syncthreads();
    for (long long k = first; k < count; k += stride) {
        const T x = image[k];
        long long below = 0, above = bins;  // edges[below] <= x, and x < edges[above] or above == bins
        while (above - below > 1) {
            const long long middle = (below + above) / 2;
            if (x < edges[middle])
                above = middle;
            else
                below = middle;
        }
        if (small)
            atomicAdd(&local[below], 1u);
        else
            atomicAdd(&counts[below], 1ull);
    }
    __syncthreads();
    for (int b = threadIdx.x; small && b < bins; b += blockDim.x)
        if (local[b]) atomicAdd(&counts[b], (unsigned long long)local[b]);
}

// x = upper_half(x) * 2^32 + its low 32 bits; below zero where x is.
template <class T>
__device__ inline long long upper_half(T x) {
    return (long long)x >> 32;
}
__device__ inline long long upper_half(unsigned long long x) { return (long long)(x >> 32); }

// One block of 256 threads: the sum of its pixels as two sums, of their low 32 bits and of the rest, by a tree in
// shared memory; writes one cell of low and high per block. Promised: a block has fewer than 2^31 pixels.
// Instances: long long; short; signed char; unsigned char; unsigned long long; unsigned short
template <class T>
__global__ void sum_integers(const T* __restrict__ image, long long* __restrict__ low, long long* __restrict__ high,
                             long long count) {
    __shared__ long long lows[256];
    __shared__ long long highs[256];
    const int t = threadIdx.x;
    lows[t] = 0;
    highs[t] = 0;
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long k = (long long)blockIdx.x * blockDim.x + t; k < count; k += stride) {
        const T x = image[k];
        const unsigned int bottom = (unsigned int)((unsigned long long)x & 0xffffffffull);
        lows[t] += bottom;
        highs[t] += upper_half(x);
    }
    for (int half = 128; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) {
            lows[t] += lows[t + half];
            highs[t] += highs[t + half];
        }
    }
    if (t == 0) {
        low[blockIdx.x] = lows[0];
        high[blockIdx.x] = highs[0];
    }
}

// One block of 256 threads: the sum of its pixels in double, each thread's in order, then by a tree in shared memory;
// writes one cell of sums per block. The order of additions depends on the sizes alone.
// Instances: double; float
template <class T>
__global__ void sum_floats(const T* __restrict__ image, double* __restrict__ sums, long long count) {
    __shared__ double sum[256];
    const int t = threadIdx.x;
    double own = 0;
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long k = (long long)blockIdx.x * blockDim.x + t; k < count; k += stride) own += (double)image[k];
    sum[t] = own;
    for (int half = 128; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) sum[t] += sum[t + half];
    }
    if (t == 0) sums[blockIdx.x] = sum[0];
}

// One block of 256 threads: the number of its pixels x with x - low <= threshold, and the sums of x - low over these
// and over the others, each thread's in order, then by a tree in shared memory. Writes a cell of below per block, and
// one in each row of sums. Promised: pixels are finite.
// Instances: double; float
template <class T>
__global__ void split_sums(const T* __restrict__ image, long long* __restrict__ below, double* __restrict__ sums,
                           double low, double threshold, long long count) {
    __shared__ double lower[256];
    __shared__ double upper[256];
    __shared__ long long number[256];
    const int t = threadIdx.x;
    lower[t] = 0;
    upper[t] = 0;
    number[t] = 0;
    const long long stride = (long long)gridDim.x * blockDim.x;
    for (long long k = (long long)blockIdx.x * blockDim.x + t; k < count; k += stride) {
        const double x = (double)image[k] - low;
        if (x <= threshold) {
            lower[t] += x;
            number[t]++;
        } else {
            upper[t] += x;
        }
    }
    for (int half = 128; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) {
            lower[t] += lower[t + half];
            upper[t] += upper[t + half];
            number[t] += number[t + half];
        }
    }
    if (t == 0) {
        below[blockIdx.x] = number[0];
        sums[blockIdx.x] = lower[0];
        sums[gridDim.x + blockIdx.x] = upper[0];
    }
}

// One block: means of three bins, again and again until fewer than three peaks are left or `steps` are done. All
// threads find what enters and leaves each window, the first adds it up (the order of its additions is part of the
// answer) and counts peaks. Reads and writes x[0 ... n - 1]; entering holds n doubles. Promised: n >= 2.
__global__ void smooth_histogram(float* x, double* entering, long long n, long long steps) {
    __shared__ int peaks;
    for (long long step = 0; step < steps; step++) {
        for (long long k = 1 + threadIdx.x; k < n; k += blockDim.x)
            entering[k] = (double)x[k + 1 < n ? k + 1 : n - 1] - (double)x[k > 2 ? k - 2 : 0];
        __syncthreads();
        if (threadIdx.x == 0) {
            double total = (double)x[0] + x[0] + x[1];
            float before = (float)(total / 3.0);
            bool falling = false;
            peaks = 0;
            x[0] = before;
            for (long long k = 1; k < n; k++) {
                total += entering[k];
                const float now = (float)(total / 3.0);
                x[k] = now;
                if (now < before) {
                    peaks += !falling;
                    falling = true;
                } else if (now > before) {
                    falling = false;
                }
                before = now;
            }
        }
        __syncthreads();
        if (peaks < 3) return;
    }
}
