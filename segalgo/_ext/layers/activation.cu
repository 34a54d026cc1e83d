// Activation functions, cell by cell and along an axis. Launched by cuda/layers/activation.py.

// One thread: one cell, max(x, 0); reads and writes one value. Here and in the other functions of single cells, grids
// may be smaller than the tensor (threads stride).
// Instances: double; float
template <class T>
__global__ void relu(const T* __restrict__ x, T* __restrict__ output, long long count) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += step)
        output[k] = x[k] <= T(0) ? T(0) : x[k];  // a NaN stays
}

// One thread: one cell, x above zero and slope * x elsewhere.
// Instances: double; float
template <class T>
__global__ void leaky_relu(const T* __restrict__ x, T* __restrict__ output, T slope, long long count) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += step)
        output[k] = x[k] > T(0) ? x[k] : x[k] * slope;
}

// One thread: one cell, x above zero and weight * x elsewhere, the weight that of the cell's channel.
// Instances: double; float
template <class T>
__global__ void prelu(const T* __restrict__ x, const T* __restrict__ weight, T* __restrict__ output, long long planes,
                      long long channels, long long cells) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < planes * cells; k += step)
        output[k] = x[k] > T(0) ? x[k] : x[k] * weight[k / cells % channels];
}

// One thread: one cell, x clipped to 0 ... 6.
// Instances: double; float
template <class T>
__global__ void relu6(const T* __restrict__ x, T* __restrict__ output, long long count) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += step)
        output[k] = x[k] <= T(0) ? T(0) : x[k] > T(6) ? T(6) : x[k];  // a NaN stays
}

// One thread: one cell, (x + 3) / 6 clipped to 0 ... 1.
// Instances: double; float
template <class T>
__global__ void hardsigmoid(const T* __restrict__ x, T* __restrict__ output, long long count) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += step)
        output[k] = x[k] <= T(-3) ? T(0) : x[k] >= T(3) ? T(1) : (x[k] + T(3)) / T(6);
}

// One thread: one cell, 0 up to -3, x from 3 on, and x (x + 3) / 6 between.
// Instances: double; float
template <class T>
__global__ void hardswish(const T* __restrict__ x, T* __restrict__ output, long long count) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += step)
        output[k] = x[k] <= T(-3) ? T(0) : x[k] >= T(3) ? x[k] : x[k] * (x[k] + T(3)) / T(6);
}

// One thread: one cell, 1 / (1 + exp(-x)), with the exponential of a number that is never positive.
// Instances: double; float
template <class T>
__global__ void sigmoid(const T* __restrict__ x, T* __restrict__ output, long long count) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += step) {
        const T e = exp(x[k] < T(0) ? x[k] : -x[k]);
        output[k] = (x[k] < T(0) ? e : T(1)) / (T(1) + e);
    }
}

// One thread: one cell, x / 2 * (1 + erf(x / sqrt(2))), or its approximation by tanh (Hendrycks and Gimpel 2016).
// Instances: double; float
template <class T>
__global__ void gelu(const T* __restrict__ x, T* __restrict__ output, int approximate, long long count) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += step) {
        const T cell = x[k];
        const T inner = approximate ? tanh(T(0.7978845608028654) * (cell + T(0.044715) * (cell * cell * cell)))
                                    : erf(cell * T(0.70710678118654752));
        output[k] = T(0.5) * cell * (T(1) + inner);
    }
}

// One thread: one line of n cells, `inner` apart, of which there are outer * inner. Reads it for its maximum, for the
// sum of exponentials in float64, and to write. Promised: n > 0; grids may be smaller than the lines (threads stride).
// Instances: double; float
template <class T>
__global__ void softmax(const T* __restrict__ x, T* __restrict__ output, long long outer, long long n, long long inner,
                        int logarithm) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < outer * inner; k += step) {
        const long long first = k / inner * n * inner + k % inner;
        T most = x[first];
        for (long long c = 1; c < n; c++) {
            const T cell = x[first + c * inner];
            if (cell > most) most = cell;
        }
        double total = 0;
        for (long long c = 0; c < n; c++) total += (double)exp(x[first + c * inner] - most);
        const double shift = logarithm ? log(total) : 1 / total;
        for (long long c = 0; c < n; c++) {
            const T cell = x[first + c * inner];
            output[first + c * inner] =
                logarithm ? (T)((double)cell - (double)most - shift) : (T)((double)exp(cell - most) * shift);
        }
    }
}

// As softmax, with one block of 256 threads to a line of consecutive cells: thread t takes the cells t, t + 256, ...;
// maxima and sums go up a tree of halves, the same order for any schedule.
// Instances: double; float
template <class T>
__global__ void softmax_rows(const T* __restrict__ x, T* __restrict__ output, long long rows, long long n,
                             int logarithm) {
    __shared__ T most[256];
    __shared__ double partial[256];
    for (long long row = blockIdx.x; row < rows; row += gridDim.x) {
        const T* cells = x + row * n;
        T mine = cells[0];
        for (long long k = threadIdx.x; k < n; k += 256)
            if (cells[k] > mine) mine = cells[k];
        most[threadIdx.x] = mine;
        __syncthreads();
        for (int half = 128; half > 0; half /= 2) {
            if (threadIdx.x < half && most[threadIdx.x + half] > most[threadIdx.x])
                most[threadIdx.x] = most[threadIdx.x + half];
            __syncthreads();
        }
        const T largest = most[0];
        double sum = 0;
        for (long long k = threadIdx.x; k < n; k += 256) sum += (double)exp(cells[k] - largest);
        partial[threadIdx.x] = sum;
        __syncthreads();
        for (int half = 128; half > 0; half /= 2) {
            if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
            __syncthreads();
        }
        const double shift = logarithm ? log(partial[0]) : 1 / partial[0];
        for (long long k = threadIdx.x; k < n; k += 256)
            output[row * n + k] = logarithm ? (T)((double)cells[k] - (double)largest - shift)
                                            : (T)((double)exp(cells[k] - largest) * shift);
        __syncthreads();  // before the next row writes into most and partial
    }
}
