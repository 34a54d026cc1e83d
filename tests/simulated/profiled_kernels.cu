// Kernels whose counts are known: from NVIDIA's texts on coalescing, transposes and reductions, or derived by hand.

constexpr int TILE = 32, ROWS = 8, SIDE = 16;

__global__ void strided(const float* x, float* y, int stride, int offset) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = x[i * stride + offset];
}

__global__ void copied_whole(const float4* x, float4* y) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    float4 v = x[i];
    v.x += 1.0f;
    y[i] = v;
}

// Harris, "An Efficient Matrix Transpose in CUDA C/C++" (2013).
__global__ void transpose_naive(const float* x, float* y, int width, int height) {
    const int j = blockIdx.x * TILE + threadIdx.x, i = blockIdx.y * TILE + threadIdx.y;
    for (int k = 0; k < TILE; k += ROWS) y[j * height + (i + k)] = x[(i + k) * width + j];
}

template <int PADDING>
__global__ void transpose_tiled(const float* x, float* y, int width, int height) {
    __shared__ float tile[TILE][TILE + PADDING];
    int j = blockIdx.x * TILE + threadIdx.x, i = blockIdx.y * TILE + threadIdx.y;
    for (int k = 0; k < TILE; k += ROWS) tile[threadIdx.y + k][threadIdx.x] = x[(i + k) * width + j];
    __syncthreads();
    j = blockIdx.y * TILE + threadIdx.x, i = blockIdx.x * TILE + threadIdx.y;
    for (int k = 0; k < TILE; k += ROWS) y[(i + k) * height + j] = tile[threadIdx.x][threadIdx.y + k];
}

// Harris, "Optimizing Parallel Reduction in CUDA" (2007), the first three of its kernels.
__global__ void reduce_interleaved(const int* x, int* sums) {
    extern __shared__ int data[];
    const unsigned t = threadIdx.x;
    data[t] = x[blockIdx.x * blockDim.x + t];
    __syncthreads();
    for (unsigned s = 1; s < blockDim.x; s *= 2) {
        if (t % (2 * s) == 0)
            data[t] += data[t + s];
        __syncthreads();
    }
    if (t == 0) sums[blockIdx.x] = data[0];
}

__global__ void reduce_strided(const int* x, int* sums) {
    extern __shared__ int data[];
    const unsigned t = threadIdx.x;
    data[t] = x[blockIdx.x * blockDim.x + t];
    __syncthreads();
    for (unsigned s = 1; s < blockDim.x; s *= 2) {
        const unsigned k = 2 * s * t;
        if (k < blockDim.x)
            data[k] += data[k + s];
        __syncthreads();
    }
    if (t == 0) sums[blockIdx.x] = data[0];
}

__global__ void reduce_sequential(const int* x, int* sums) {
    extern __shared__ int data[];
    const unsigned t = threadIdx.x;
    data[t] = x[blockIdx.x * blockDim.x + t];
    __syncthreads();
    for (unsigned s = blockDim.x / 2; s > 0; s /= 2) {
        if (t < s)
            data[t] += data[t + s];
        __syncthreads();
    }
    if (t == 0) sums[blockIdx.x] = data[0];
}

// CUDA C++ Programming Guide, "Shared Memory": the product of square matrices by tiles.
__global__ void product(const float* a, const float* b, float* c, int n) {
    __shared__ float left[SIDE][SIDE];
    __shared__ float right[SIDE][SIDE];
    const int i = blockIdx.y * SIDE + threadIdx.y, j = blockIdx.x * SIDE + threadIdx.x;
    float sum = 0;
    for (int m = 0; m < n; m += SIDE) {
        left[threadIdx.y][threadIdx.x] = a[i * n + m + threadIdx.x];
        right[threadIdx.y][threadIdx.x] = b[(m + threadIdx.y) * n + j];
        __syncthreads();
        for (int k = 0; k < SIDE; k++)
            sum += left[threadIdx.y][k] * right[k][threadIdx.x];
        __syncthreads();
    }
    c[i * n + j] = sum;
}

template <class T>
__global__ void through_shared(const T* x, T* y, int step) {
    __shared__ T cells[256];
    const int t = threadIdx.x;
    cells[t] = x[t];
    __syncthreads();
    y[t] = cells[t * step % 256];
}

__global__ void histogram(const unsigned char* x, int* counts, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) atomicAdd(&counts[x[i]], 1);
}

__global__ void largest(const int* x, int* most) { atomicMax(most, x[threadIdx.x]); }

// Threads of a warp loop differently often, and meet again behind each of the inner loops.
__global__ void uneven(const int* times, const float* x, float* y) {
    const int t = threadIdx.x;
    float sum = 0;
    for (int a = 0; a < 3; a++) {
        for (int k = 0; k < times[t]; k++)
            sum += x[k * 32 + t];
        sum += x[a * 32 + t];
    }
    y[t] = sum;
}

__device__ float looked_up(const float* x, int i) {
    return i < 0 ? 0.0f : x[i];
}

// Two sides of a branch that call one function: two requests.
__global__ void both_sides(const float* x, float* y) {
    const int t = threadIdx.x;
    float value;
    if (t % 2)
        value = looked_up(x, t) + 1.0f;
    else
        value = looked_up(x, t) * 2.0f;
    y[t] = value + __shfl_xor_sync(0xffffffffu, value, 1);
}
