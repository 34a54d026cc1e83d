// Right kernels for pictures and labels, in the styles of public code: tests/verify/test_picture_kernels.py plants one bug at a time.
#include <cub/cub.cuh>
#include <cuda_runtime.h>

#include <cfloat>

#define CEIL_DIV(a, b) (((a) + (b) - 1) / (b))
#define KERNEL_LOOP(i, n) for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < (n); i += blockDim.x * gridDim.x)

// Bilinear, half-pixel centers, one thread a cell of the output.
template <class T>
__global__ void resize_bilinear(const T* x, T* y, int planes, int H, int W, int OH, int OW) {
    const float scale_y = float(H) / OH, scale_x = float(W) / OW;
    KERNEL_LOOP(i, planes * OH * OW) {
        const int ox = i % OW, oy = i / OW % OH, plane = i / OW / OH;
        const float sy = fmaxf((oy + 0.5f) * scale_y - 0.5f, 0.f), sx = fmaxf((ox + 0.5f) * scale_x - 0.5f, 0.f);
        const int y0 = min(int(sy), H - 1), x0 = min(int(sx), W - 1);
        const int y1 = min(y0 + 1, H - 1), x1 = min(x0 + 1, W - 1);
        const T v = sy - y0, u = sx - x0;
        const T* in = x + (long long)plane * H * W;
        y[i] = (1 - v) * ((1 - u) * in[y0 * W + x0] + u * in[y0 * W + x1]) + v * ((1 - u) * in[y1 * W + x0] + u * in[y1 * W + x1]);
    }
}

// Patches as rows of a matrix, then a tiled product: two launches for each picture.
template <class T>
__global__ void im2col(const T* x, T* patches, int N, int C, int H, int W, int kh, int kw, int sh, int sw, int ph, int pw, int dh, int dw, int OH, int OW) {
    KERNEL_LOOP(i, N * C * kh * kw * OH * OW) {
        const int ox = i % OW, oy = i / OW % OH, v = i / OW / OH % kw, u = i / OW / OH / kw % kh;
        const int plane = i / OW / OH / kw / kh;
        const int row = oy * sh - ph + u * dh, column = ox * sw - pw + v * dw;
        patches[i] = row >= 0 && row < H && column >= 0 && column < W ? x[((long long)plane * H + row) * W + column] : T(0);
    }
}
template <class T>
__global__ void patches_times_weights(const T* patches, const T* weight, const T* bias, T* y, int terms, int K, int cells) {
    __shared__ T left[8][8], right[8][8];
    const int k = blockIdx.y * 8 + threadIdx.y, cell = blockIdx.x * 8 + threadIdx.x, n = blockIdx.z;
    T sum = 0;
    for (int first = 0; first < terms; first += 8) {
        const int a = first + threadIdx.x, b = first + threadIdx.y;
        left[threadIdx.y][threadIdx.x] = k < K && a < terms ? weight[k * terms + a] : T(0);
        right[threadIdx.y][threadIdx.x] = b < terms && cell < cells ? patches[((long long)n * terms + b) * cells + cell] : T(0);
        __syncthreads();
#pragma unroll
        for (int t = 0; t < 8; ++t) sum += left[threadIdx.y][t] * right[t][threadIdx.x];
        __syncthreads();
    }
    if (k < K && cell < cells) y[((long long)n * K + k) * cells + cell] = sum + bias[k];
}

// A product with two tiles in turn: the next one is loaded while this one is used, one barrier a step.
template <class T>
__global__ void linear_two_buffers(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias, T* __restrict__ y, int rows, int columns, int features) {
    __shared__ T a[2][8][8], b[2][8][9];
    const int tx = threadIdx.x, ty = threadIdx.y;
    const int row = blockIdx.y * 8 + ty, feature = blockIdx.x * 8 + tx, other = blockIdx.x * 8 + ty;
    const int steps = CEIL_DIV(columns, 8);
    auto load = [&](int step, int into) {
        const int k = step * 8 + tx;
        a[into][ty][tx] = row < rows && k < columns ? __ldg(&x[(long long)row * columns + k]) : T(0);
        b[into][tx][ty] = other < features && k < columns ? __ldg(&weight[(long long)other * columns + k]) : T(0);
    };
    T sum = 0;
    if (steps > 0) load(0, 0);
    __syncthreads();
    for (int step = 0; step < steps; step++) {
        const int now = step & 1;
        if (step + 1 < steps) load(step + 1, now ^ 1);
        for (int k = 0; k < 8; k++) sum += a[now][ty][k] * b[now][k][tx];
        __syncthreads();
    }
    if (row < rows && feature < features) y[(long long)row * features + feature] = sum + bias[feature];
}

// The mean of a picture: sums of warps, one atomic a block, and the division by the last block.
__device__ unsigned long long total;
__device__ unsigned int tickets;
__global__ void mean_of_picture(const unsigned char* image, double* threshold, int n) {
    __shared__ unsigned warp_sums[8];
    unsigned sum = 0;
    KERNEL_LOOP(i, n) sum += image[i];
    for (int d = 16; d; d >>= 1) sum += __shfl_down_sync(0xffffffff, sum, d);
    if ((threadIdx.x & 31) == 0) warp_sums[threadIdx.x >> 5] = sum;
    __syncthreads();
    if (threadIdx.x < 32) {
        sum = threadIdx.x < blockDim.x / 32 ? warp_sums[threadIdx.x] : 0;
        for (int d = 4; d; d >>= 1) sum += __shfl_down_sync(0xffffffff, sum, d);
        if (threadIdx.x == 0) {
            atomicAdd(&total, (unsigned long long)sum);
            __threadfence();
            if (atomicInc(&tickets, gridDim.x - 1) == gridDim.x - 1) {
                *threshold = double(atomicExch(&total, 0ull)) / n;
            }
        }
    }
}

// Areas of labels: a table in shared memory for the first ones, global atomics for the others.
__global__ void label_areas(const int* labels, long long* area, int n, int count) {
    extern __shared__ unsigned table[];
    for (int i = threadIdx.x; i < 64; i += blockDim.x) table[i] = 0;
    __syncthreads();
    KERNEL_LOOP(i, n) {
        const int l = labels[i];
        if (l > 0 && l <= count) {
            if (l <= 64) atomicAdd(&table[l - 1], 1u);
            else atomicAdd((unsigned long long*)&area[l - 1], 1ull);
        }
    }
    __syncthreads();
    for (int i = threadIdx.x; i < min(count, 64); i += blockDim.x)
        if (table[i]) atomicAdd((unsigned long long*)&area[i], (unsigned long long)table[i]);
}

// Boundaries, scattered: whoever sees a difference to the right or below marks both.
__global__ void boundaries_scattered(const int* labels, bool* mask, int H, int W) {
    KERNEL_LOOP(i, H * W) {
        const int c = i % W, r = i / W;
        if (c + 1 < W && labels[i] != labels[i + 1]) { mask[i] = true; mask[i + 1] = true; }
        if (r + 1 < H && labels[i] != labels[i + W]) { mask[i] = true; mask[i + W] = true; }
    }
}

// Objects with fewer cells than asked for.
__global__ void count_cells(const int* labels, int* cells, int n) { KERNEL_LOOP(i, n) if (labels[i]) atomicAdd(&cells[labels[i]], 1); }
__global__ void keep_large(const int* labels, const int* cells, int* out, int n, int min_size) {
    KERNEL_LOOP(i, n) out[i] = cells[labels[i]] < min_size ? 0 : labels[i];
}

// Connected components by several blocks: roots are found by plain reads, links are made by atomics.
__device__ int find_root(const int* parent, int i) {
    int p = parent[i];
    while (p != i) { i = p; p = parent[i]; }
    return i;
}
__device__ void unite(int* parent, int a, int b) {
    bool done;
    do {
        a = find_root(parent, a);
        b = find_root(parent, b);
        if (a < b) { const int old = atomicMin(&parent[b], a); done = old == b; b = old; }
        else if (b < a) { const int old = atomicMin(&parent[a], b); done = old == a; a = old; }
        else done = true;
    } while (!done);
}
__global__ void ccl_init(int* parent, int n) { KERNEL_LOOP(i, n) parent[i] = i; }
__global__ void ccl_merge(const unsigned char* x, int* parent, int H, int W) {
    KERNEL_LOOP(i, H * W) {
        if (!x[i]) continue;
        const int c = i % W, r = i / W;
        if (c > 0 && x[i - 1] == x[i]) unite(parent, i, i - 1);
        if (r > 0 && x[i - W] == x[i]) unite(parent, i, i - W);
        if (r > 0 && c > 0 && x[i - W - 1] == x[i]) unite(parent, i, i - W - 1);
        if (r > 0 && c + 1 < W && x[i - W + 1] == x[i]) unite(parent, i, i - W + 1);
    }
}
__global__ void ccl_compress(const unsigned char* x, int* parent, int* is_root, int n) {
    KERNEL_LOOP(i, n) is_root[i] = x[i] && parent[i] == i;
}
__global__ void ccl_number(int* is_root, int n) {
    using Scan = cub::BlockScan<int, 64>;
    __shared__ typename Scan::TempStorage storage;
    int before = 0;
    for (int first = 0; first < n; first += 64) {
        const int i = first + threadIdx.x;
        int here = i < n ? is_root[i] : 0, all;
        Scan(storage).InclusiveSum(here, here, all);
        if (i < n) is_root[i] = before + here;
        before += all;
        __syncthreads();
    }
}
__global__ void ccl_write(const unsigned char* x, const int* parent, const int* number, int* out, int n) {
    KERNEL_LOOP(i, n) out[i] = x[i] ? number[find_root(parent, i)] : 0;
}

// Group norm: Welford within a thread, merged by the rule of Chan over shared memory.
template <class T>
__global__ void group_norm_welford(const T* x, const T* weight, const T* bias, T* y, int channels, int groups, int inner, double eps) {
    __shared__ T means[64], squares[64];
    __shared__ int counts[64];
    const int per_group = channels / groups, length = per_group * inner, t = threadIdx.x;
    const T* in = x + (long long)blockIdx.x * length;
    T mean = 0, square = 0;
    int count = 0;
    for (int i = t; i < length; i += blockDim.x) {
        ++count;
        const T delta = in[i] - mean;
        mean += delta / count;
        square += delta * (in[i] - mean);
    }
    means[t] = mean; squares[t] = square; counts[t] = count;
    __syncthreads();
    for (int half_of = blockDim.x / 2; half_of > 0; half_of >>= 1) {
        if (t < half_of) {
            const int a = counts[t], b = counts[t + half_of];
            if (b > 0) {
                const T delta = means[t + half_of] - means[t];
                means[t] += delta * b / (a + b);
                squares[t] += squares[t + half_of] + delta * delta * a * b / (a + b);
                counts[t] = a + b;
            }
        }
        __syncthreads();
    }
    const T scale = rsqrt(squares[0] / length + T(eps)), center = means[0];
    for (int i = t; i < length; i += blockDim.x) {
        const int channel = blockIdx.x % groups * per_group + i / inner;
        y[(long long)blockIdx.x * length + i] = (in[i] - center) * scale * weight[channel] + bias[channel];
    }
}

// Log-softmax: one pass for the maximum and the sum, by warps, joined over shared memory.
template <class T> struct MaxSum { T most, sum; };
template <class T> __device__ MaxSum<T> joined(MaxSum<T> a, MaxSum<T> b) {
    if (a.most != a.most || b.most != b.most) return {a.most + b.most, a.sum};
    const bool first = a.most > b.most;
    const T most = first ? a.most : b.most, other = first ? b.most : a.most;
    const T sum = first ? a.sum : b.sum, other_sum = first ? b.sum : a.sum;
    return {most, other == -INFINITY ? sum : sum + other_sum * exp(other - most)};
}
template <class T>
__global__ void log_softmax_rows(const T* x, T* y, int columns) {
    __shared__ MaxSum<T> parts[32];
    const T* in = x + (size_t)blockIdx.x * columns;
    MaxSum<T> own = {-INFINITY, 0};
    for (int i = threadIdx.x; i < columns; i += blockDim.x) own = joined(own, MaxSum<T>{in[i], in[i] - in[i] + 1});
    for (int d = 16; d; d >>= 1) own = joined(own, MaxSum<T>{__shfl_xor_sync(~0u, own.most, d), __shfl_xor_sync(~0u, own.sum, d)});
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = own;
    __syncthreads();
    own = parts[0];
    for (int w = 1; w < blockDim.x / 32; w++) own = joined(own, parts[w]);
    const T log_sum = log(own.sum);
    for (int i = threadIdx.x; i < columns; i += blockDim.x) y[(size_t)blockIdx.x * columns + i] = own.most == INFINITY ? NAN : in[i] - own.most - log_sum;
}

// A mean filter from a tile with its rim in shared memory.
template <class T>
__global__ void avg_pool_tile(const T* x, T* y, int H, int W, int k, int OH, int OW) {
    extern __shared__ char raw[];
    T* tile = reinterpret_cast<T*>(raw);
    const int side = 8 + k - 1, top = blockIdx.y * 8, left = blockIdx.x * 8;
    const T* in = x + (long long)blockIdx.z * H * W;
    for (int i = threadIdx.y * 8 + threadIdx.x; i < side * side; i += 64) {
        const int r = top + i / side, c = left + i % side;
        tile[i] = r < H && c < W ? in[r * W + c] : T(0);
    }
    __syncthreads();
    const int oy = top + threadIdx.y, ox = left + threadIdx.x;
    if (oy >= OH || ox >= OW) return;
    T sum = 0;
    for (int u = 0; u < k; u++) for (int v = 0; v < k; v++) sum += tile[(threadIdx.y + u) * side + threadIdx.x + v];
    y[((long long)blockIdx.z * OH + oy) * OW + ox] = sum / (k * k);
}

// Four cells at a time, grid-stride, and the tail by the first threads.
__global__ void sigmoid_float4(const float* __restrict__ x, float* __restrict__ y, long long n) {
    const long long stride = (long long)gridDim.x * blockDim.x, first = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    for (long long i = first; i < n / 4; i += stride) {
        float4 v = ((const float4*)x)[i];
        v.x = 1.f / (1.f + expf(-v.x)); v.y = 1.f / (1.f + expf(-v.y)); v.z = 1.f / (1.f + expf(-v.z)); v.w = 1.f / (1.f + expf(-v.w));
        ((float4*)y)[i] = v;
    }
    for (long long i = n / 4 * 4 + first; i < n; i += stride) y[i] = 1.f / (1.f + expf(-x[i]));
}

// Padding by reflection.
template <class T>
__global__ void pad_reflect(const T* x, T* y, int planes, int H, int W, int left, int top, int OH, int OW) {
    KERNEL_LOOP(i, planes * OH * OW) {
        const int ox = i % OW, oy = i / OW % OH, plane = i / OW / OH;
        int r = abs(oy - top), c = abs(ox - left);
        r = (H - 1) - abs((H - 1) - r);
        c = (W - 1) - abs((W - 1) - c);
        y[i] = x[((long long)plane * H + r) * W + c];
    }
}
