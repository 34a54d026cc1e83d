// Right kernels in the styles of public code; tests/verify/test_public_kernels.py plants one bug at a time.
#include <cooperative_groups.h>
#include <cub/cub.cuh>
#include <cuda_runtime.h>
#include <torch/extension.h>

#include <cfloat>

namespace cg = cooperative_groups;

template <class T> __device__ __forceinline__ T positive(T v) { return v > T(0) || v != v ? v : T(0); }

// Four at a time, and the tail one by one.
template <class T>
__global__ void relu_vectors(const T* __restrict__ x, T* __restrict__ y, int n) {
    const int k = blockIdx.x * blockDim.x + threadIdx.x;
    const int vectors = n / 4;
    if (k < vectors) {
        float4 v = reinterpret_cast<const float4*>(x)[k];
        v.x = positive(v.x); v.y = positive(v.y); v.z = positive(v.z); v.w = positive(v.w);
        reinterpret_cast<float4*>(y)[k] = v;
    }
    if (k < n - 4 * vectors) y[4 * vectors + k] = positive(x[4 * vectors + k]);
}

template <class T> struct Positive {
    __device__ T operator()(T v) const { return positive(v); }
};
template <class T, class F>
__global__ void __launch_bounds__(128) relu_functor(const T* x, T* y, int n, F f) {
    for (int k = blockIdx.x * blockDim.x + threadIdx.x; k < n; k += gridDim.x * blockDim.x) y[k] = f(x[k]);
}

template <typename scalar_t>
__global__ void relu_accessor(const torch::PackedTensorAccessor32<scalar_t, 2, torch::RestrictPtrTraits> x,
                              torch::PackedTensorAccessor32<scalar_t, 2, torch::RestrictPtrTraits> y) {
    const int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y;
    if (column < x.size(1)) y[row][column] = positive(x[row][column]);
}

torch::Tensor relu_on_the_host(torch::Tensor x) {
    auto y = torch::empty_like(x);
    const dim3 blocks((x.size(1) + 127) / 128, x.size(0));
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "relu", ([&] {
        relu_accessor<scalar_t><<<blocks, 128>>>(x.packed_accessor32<scalar_t, 2, torch::RestrictPtrTraits>(),
                                                 y.packed_accessor32<scalar_t, 2, torch::RestrictPtrTraits>());
    }));
    return y;
}
PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) { m.def("relu", &relu_on_the_host); }

// A tile in shared memory, turned round by two barriers.
template <class T>
__global__ void relu_staged(const T* x, T* y, int n) {
    __shared__ T tile[2][64];
    int stage = 0;
    const int step = gridDim.x * 64;
    for (int first = blockIdx.x * 64; first < n; first += step, stage ^= 1) {
        const int k = first + threadIdx.x;
        tile[stage][63 - threadIdx.x] = k < n ? x[k] : T(0);
        __syncthreads();
        if (first + 63 - int(threadIdx.x) < n) y[first + 63 - threadIdx.x] = positive(tile[stage][threadIdx.x]);
    }
}

// One warp a row; the maximum and the sum in one pass.
template <class T>
__global__ void softmax_online(const T* x, T* y, int columns) {
    const T* in = x + (long long)blockIdx.x * columns;
    T* out = y + (long long)blockIdx.x * columns;
    T most = -INFINITY, sum = 0;
    for (int k = threadIdx.x; k < columns; k += 32) {
        const T v = in[k], larger = v > most || v != v ? v : most;
        sum = (most == larger ? sum : sum * exp(most - larger)) + exp(v - larger);
        most = larger;
    }
    for (int d = 16; d > 0; d /= 2) {
        const T other_most = __shfl_xor_sync(0xffffffffu, most, d), other_sum = __shfl_xor_sync(0xffffffffu, sum, d);
        const T larger = other_most > most || other_most != other_most ? other_most : most;
        sum = (most == larger ? sum : most == -INFINITY ? T(0) : sum * exp(most - larger))
              + (other_most == larger ? other_sum : other_most == -INFINITY ? T(0) : other_sum * exp(other_most - larger));
        most = larger;
    }
    for (int k = threadIdx.x; k < columns; k += 32) out[k] = exp(in[k] - most) / sum;
}

// One block a row, with CUB.
template <class T>
__global__ void softmax_cub(const T* x, T* y, int columns) {
    using Reduce = cub::BlockReduce<T, 64>;
    __shared__ typename Reduce::TempStorage storage;
    __shared__ T shared_most, shared_sum;
    const T* in = x + (long long)blockIdx.x * columns;
    T most = -INFINITY;
    for (int k = threadIdx.x; k < columns; k += 64) most = in[k] > most || in[k] != in[k] ? in[k] : most;
    most = Reduce(storage).Reduce(most, [](T a, T b) { return a != a ? a : b != b ? b : a < b ? b : a; });
    if (threadIdx.x == 0) shared_most = most;
    __syncthreads();  // the storage is free, the maximum is there
    T sum = 0;
    for (int k = threadIdx.x; k < columns; k += 64) sum += exp(in[k] - shared_most);
    sum = Reduce(storage).Sum(sum);
    if (threadIdx.x == 0) shared_sum = sum;
    __syncthreads();  // the sum is there
    for (int k = threadIdx.x; k < columns; k += 64) y[(long long)blockIdx.x * columns + k] = exp(in[k] - shared_most) / shared_sum;
}

// Three kernels with scratch arrays between them.
template <class T> __global__ void row_maxima(const T* x, T* maxima, int rows, int columns) {
    const int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    T most = -INFINITY;
    for (int k = 0; k < columns; k++) {
        const T v = x[(long long)row * columns + k];
        if (v > most || v != v) most = v;
    }
    maxima[row] = most;
}
template <class T> __global__ void row_sums(const T* x, const T* maxima, T* sums, long long n, int columns) {
    const long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (k < n) atomicAdd(&sums[k / columns], exp(x[k] - maxima[k / columns]));
}
template <class T> __global__ void row_shares(const T* x, const T* maxima, const T* sums, T* y, long long n, int columns) {
    const long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (k < n) y[k] = exp(x[k] - maxima[k / columns]) / sums[k / columns];
}

// Mean and variance of a row by Welford's rule, merged over the lanes.
template <class T>
__global__ void norm_welford(const T* x, const T* weight, const T* bias, T* y, int columns, double eps) {
    const T* in = x + (long long)blockIdx.x * columns;
    T mean = 0, squares = 0, count = 0;
    for (int k = threadIdx.x; k < columns; k += 32) {
        count += 1;
        const T delta = in[k] - mean;
        mean += delta / count;
        squares += delta * (in[k] - mean);
    }
    for (int d = 16; d > 0; d /= 2) {
        const T other = __shfl_xor_sync(0xffffffffu, mean, d), more = __shfl_xor_sync(0xffffffffu, squares, d);
        const T n = __shfl_xor_sync(0xffffffffu, count, d);
        if (count + n > 0) {
            const T delta = other - mean, both = count + n;
            // the same on both sides of the exchange
            const T low = threadIdx.x & d ? other : mean, weight_of_high = (threadIdx.x & d ? count : n) / both;
            mean = low + (threadIdx.x & d ? -delta : delta) * weight_of_high;
            squares = squares + more + delta * delta * (count * n / both);
            count = both;
        }
    }
    const T scale = 1 / sqrt(squares / columns + T(eps));
    for (int k = threadIdx.x; k < columns; k += 32)
        y[(long long)blockIdx.x * columns + k] = (in[k] - mean) * scale * weight[k] + bias[k];
}

// Tiles of eight threads a row, with cooperative groups.
template <class T>
__global__ void norm_tiles(const T* x, const T* weight, const T* bias, T* y, int rows, int columns, double eps) {
    const auto tile = cg::tiled_partition<8>(cg::this_thread_block());
    const int row = blockIdx.x * (blockDim.x / 8) + tile.meta_group_rank();
    if (row >= rows) return;
    const T* in = x + (long long)row * columns;
    T sum = 0;
    for (int k = tile.thread_rank(); k < columns; k += tile.size()) sum += in[k];
    const T mean = cg::reduce(tile, sum, cg::plus<T>()) / columns;
    T squares = 0;
    for (int k = tile.thread_rank(); k < columns; k += tile.size()) squares += (in[k] - mean) * (in[k] - mean);
    for (int d = tile.size() / 2; d > 0; d /= 2) squares += tile.shfl_down(squares, d);
    squares = tile.shfl(squares, 0);
    const T scale = 1 / sqrt(squares / columns + T(eps));
    for (int k = tile.thread_rank(); k < columns; k += tile.size())
        y[(long long)row * columns + k] = (in[k] - mean) * scale * weight[k] + bias[k];
}

// A product by the splits of its sum, added by atomics; the first split brings the bias.
template <class T>
__global__ void linear_splits(const T* x, const T* weight, const T* bias, T* out, int rows, int columns, int features) {
    const int cell = blockIdx.x * blockDim.x + threadIdx.x, split = blockIdx.y;
    if (cell >= rows * features) return;
    const int row = cell / features, feature = cell % features;
    T sum = split == 0 ? bias[feature] : T(0);
    for (int k = split; k < columns; k += gridDim.y) sum += x[(long long)row * columns + k] * weight[(long long)feature * columns + k];
    atomicAdd(&out[cell], sum);
}

// Partial sums by all blocks; the last one to end adds them up.
__device__ unsigned blocks_done = 0;
template <class T>
__global__ void linear_last_block(const T* x, const T* weight, const T* bias, T* out, T* partial, int rows, int columns,
                                  int features) {
    const int cells = rows * features;
    for (int cell = threadIdx.x; cell < cells; cell += blockDim.x) {
        T sum = 0;
        for (int k = blockIdx.x; k < columns; k += gridDim.x)
            sum += x[(long long)(cell / features) * columns + k] * weight[(long long)(cell % features) * columns + k];
        __stcg(&partial[(long long)blockIdx.x * cells + cell], sum);
    }
    __shared__ bool last;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) last = atomicAdd(&blocks_done, 1u) == gridDim.x - 1;
    __syncthreads();
    if (!last) return;
    for (int cell = threadIdx.x; cell < cells; cell += blockDim.x) {
        T sum = bias[cell % features];
        for (int b = 0; b < gridDim.x; b++) sum += __ldcg(&partial[(long long)b * cells + cell]);
        out[cell] = sum;
    }
    if (threadIdx.x == 0) blocks_done = 0;
}

// A sum of floats without float atomics: compare and swap, again where another thread was faster.
template <class T>
__global__ void linear_swaps(const T* x, const T* weight, const T* bias, T* out, int rows, int columns, int features) {
    const long long t = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (t >= (long long)rows * features * (columns + 1)) return;
    const int c = t % (columns + 1), feature = t / (columns + 1) % features, row = t / (columns + 1) / features;
    const T term = c == columns ? bias[feature] : x[(long long)row * columns + c] * weight[(long long)feature * columns + c];
    int* address = reinterpret_cast<int*>(&out[(long long)row * features + feature]);
    int old = *(volatile int*)address, seen;
    do {
        seen = old;
        old = atomicCAS(address, seen, __float_as_int(term + __int_as_float(seen)));
    } while (old != seen);
}

// A lock around a plain sum.
template <class T>
__global__ void linear_locked(const T* x, const T* weight, const T* bias, T* out, int* lock, int rows, int columns, int features) {
    const long long t = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (t >= (long long)rows * features * (columns + 1)) return;
    const int c = t % (columns + 1), feature = t / (columns + 1) % features, row = t / (columns + 1) / features;
    const T term = c == columns ? bias[feature] : x[(long long)row * columns + c] * weight[(long long)feature * columns + c];
    volatile T* sum = out + (long long)row * features + feature;
    bool waits = true;
    while (waits) {
        if (atomicCAS(&lock[row], 0, 1) == 0) {
            *sum = *sum + term;
            __threadfence();
            atomicExch(&lock[row], 0);
            waits = false;
        }
    }
}

// All blocks sum up, meet, and then normalize: one cooperative launch.
template <class T>
__global__ void softmax_grid(const T* x, T* y, T* sums, int rows, int columns) {
    const auto grid = cg::this_grid();
    for (int row = grid.thread_rank(); row < rows; row += grid.size()) {
        T most = -INFINITY, sum = 0;
        for (int k = 0; k < columns; k++) most = x[(long long)row * columns + k] > most || x[(long long)row * columns + k] != x[(long long)row * columns + k] ? x[(long long)row * columns + k] : most;
        for (int k = 0; k < columns; k++) sum += exp(x[(long long)row * columns + k] - most);
        sums[2 * row] = most, sums[2 * row + 1] = sum;
    }
    grid.sync();
    for (long long k = grid.thread_rank(); k < (long long)rows * columns; k += grid.size())
        y[k] = exp(x[k] - sums[2 * (k / columns)]) / sums[2 * (k / columns) + 1];
}

// Union-find with atomicMin, again from the parent that another thread set.
__device__ int root(const volatile int* parent, int k) { while (parent[k] != k) k = parent[k]; return k; }
__device__ void join(int* parent, int a, int b) {
    while (true) {
        a = root(parent, a), b = root(parent, b);
        if (a == b) return;
        if (a < b) { const int t = a; a = b; b = t; }
        const int old = atomicMin(&parent[a], b);
        if (old == a) return;
        a = old;
    }
}
template <class T>
__global__ void label_unions(const T* x, int* out, int* parent, int H, int W) {
    const int n = H * W;
    for (int k = threadIdx.x; k < n; k += blockDim.x) parent[k] = k;
    __syncthreads();
    for (int k = threadIdx.x; k < n; k += blockDim.x) {
        if (!x[k]) continue;
        const int r = k / W, c = k % W;
        if (c && x[k - 1] == x[k]) join(parent, k, k - 1);
        if (r) for (int d = -1; d <= 1; d++) if (c + d >= 0 && c + d < W && x[k - W + d] == x[k]) join(parent, k, k - W + d);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        int next = 0;
        for (int k = 0; k < n; k++) {
            const int r = x[k] ? root(parent, k) : -1;
            out[k] = r < 0 ? 0 : r == k ? ++next : out[r];
        }
    }
}

template <class T>
__global__ void pool_square(const T* x, T* out, int planes, int H, int W, int k, int s, int OH, int OW) {
    const int ox = blockIdx.x * blockDim.x + threadIdx.x, oy = blockIdx.y * blockDim.y + threadIdx.y, plane = blockIdx.z;
    if (ox >= OW || oy >= OH || plane >= planes) return;
    const T* in = x + (long long)plane * H * W;
    T best = -INFINITY;
    for (int i = oy * s; i < oy * s + k; i++)
        for (int j = ox * s; j < ox * s + k; j++) {
            const T v = in[i * W + j];
            if (v > best || v != v) best = v;
        }
    out[((long long)plane * OH + oy) * OW + ox] = best;
}
