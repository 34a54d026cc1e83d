// Kernels in the manner of bug reports of public projects. Each begins with "// right:" or "// wrong: KIND:", and says why.
#include <cuda_fp16.h>
#include <cooperative_groups.h>

namespace cg = cooperative_groups;

// wrong: misaligned access: rows begin at multiples of 16 bytes only where their length is a multiple of 4
__global__ void softmax_rows_of_float4(const float* x, float* y, int n) {
    const float* in = x + (long long)blockIdx.x * n;
    float most = -INFINITY, sum = 0;
    for (int k = threadIdx.x; k < n / 4; k += 32) {
        const float4 v = reinterpret_cast<const float4*>(in)[k];
        most = fmaxf(most, fmaxf(fmaxf(v.x, v.y), fmaxf(v.z, v.w)));
    }
    for (int k = n / 4 * 4 + threadIdx.x; k < n; k += 32) most = fmaxf(most, in[k]);
    for (int d = 16; d; d >>= 1) most = fmaxf(most, __shfl_xor_sync(~0u, most, d));
    for (int k = threadIdx.x; k < n; k += 32) sum += expf(in[k] - most);
    for (int d = 16; d; d >>= 1) sum += __shfl_xor_sync(~0u, sum, d);
    for (int k = threadIdx.x; k < n; k += 32) y[(long long)blockIdx.x * n + k] = expf(in[k] - most) / sum;
}

// wrong: uninitialised shared memory: four warps leave their sums, 32 are added up
__global__ void layer_norm_of_32_warps(const float* x, const float* weight, const float* bias, float* y, int n, float eps) {
    __shared__ float sums[32];
    const float* in = x + (long long)blockIdx.x * n;
    float sum = 0;
    for (int k = threadIdx.x; k < n; k += blockDim.x) sum += in[k];
    for (int d = 16; d; d >>= 1) sum += __shfl_down_sync(~0u, sum, d);
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
    __syncthreads();
    float mean = 0, spread = 0;
    for (int w = 0; w < 32; w++) mean += sums[w];
    mean /= n;
    for (int k = 0; k < n; k++) spread += (in[k] - mean) * (in[k] - mean);
    for (int k = threadIdx.x; k < n; k += blockDim.x)
        y[(long long)blockIdx.x * n + k] = (in[k] - mean) * rsqrtf(spread / n + eps) * weight[k] + bias[k];
}

// wrong: wrong values: the sum is rounded to half at each step
__global__ void linear_in_half(const half* x, const half* weight, const half* bias, half* y, int rows, int n, int features) {
    const long long k = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    if (k >= (long long)rows * features) return;
    half sum = bias[k % features];
    for (int i = 0; i < n; i++) sum = __hadd(sum, __hmul(x[k / features * n + i], weight[k % features * n + i]));
    y[k] = sum;
}

// wrong: wrong values: corners of pixels are aligned where centers should be
__global__ void interpolate_from_corners(const float* x, float* y, int planes, int H, int W, int OH, int OW) {
    const long long k = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    if (k >= (long long)planes * OH * OW) return;
    const float* in = x + k / ((long long)OH * OW) * H * W;
    const float row = k / OW % OH * (float)H / OH, column = k % OW * (float)W / OW;
    const int i = (int)row, j = (int)column, below = min(i + 1, H - 1), right = min(j + 1, W - 1);
    const float a = row - i, b = column - j;
    y[k] = (1 - a) * ((1 - b) * in[i * W + j] + b * in[i * W + right]) +
           a * ((1 - b) * in[below * W + j] + b * in[below * W + right]);
}

// wrong: wrong values: the bits of negative floats are in the reverse order
__global__ void pool_of_bits(const float* x, float* y, int planes, int H, int W, int size, int stride, int OH, int OW) {
    const long long k = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    if (k >= (long long)planes * OH * OW) return;
    const float* in = x + k / ((long long)OH * OW) * H * W;
    int most = 0x80000000;
    for (int a = 0; a < size; a++)
        for (int b = 0; b < size; b++)
            most = max(most, __float_as_int(in[(k / OW % OH * stride + a) * W + k % OW * stride + b]));
    y[k] = __int_as_float(most);
}

// wrong: wrong values: 96 is no power of two, and half of three forgets one
__global__ void softmax_of_96_threads(const float* x, float* y, int n) {
    __shared__ float part[96];
    const float* in = x + (long long)blockIdx.x * n;
    const int t = threadIdx.x;
    float most = -INFINITY, sum = 0;
    for (int k = 0; k < n; k++) most = in[k] > most || in[k] != in[k] ? in[k] : most;
    for (int k = t; k < n; k += 96) sum += expf(in[k] - most);
    part[t] = sum;
    __syncthreads();
    for (int half_of = 48; half_of > 0; half_of /= 2) {
        if (t < half_of) part[t] += part[t + half_of];
        __syncthreads();
    }
    for (int k = t; k < n; k += 96) y[(long long)blockIdx.x * n + k] = expf(in[k] - most) / part[0];
}

// wrong: wrong values: eps belongs under the root
__global__ void batch_norm_eps_outside(const float* x, const float* mean, const float* var, const float* weight,
                                       const float* bias, float* y, int C, int inner, int n, float eps) {
    const int k = blockIdx.x * blockDim.x + threadIdx.x, c = k / inner % C;
    if (k < n) y[k] = (x[k] - mean[c]) / (sqrtf(var[c]) + eps) * weight[c] + bias[c];
}

// right: a reduction in a function with shared memory of its own, called twice
__device__ float block_sum(float v) {
    static __shared__ float shared[32];
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    for (int d = 16; d > 0; d /= 2) v += __shfl_down_sync(0xffffffff, v, d);
    __syncthreads();
    if (lane == 0) shared[warp] = v;
    __syncthreads();
    v = threadIdx.x < blockDim.x / 32 ? shared[lane] : 0.0f;
    if (warp == 0)
        for (int d = 16; d > 0; d /= 2) v += __shfl_down_sync(0xffffffff, v, d);
    if (threadIdx.x == 0) shared[0] = v;
    __syncthreads();
    return shared[0];
}
__global__ void layer_norm_by_block_sums(const float* x, const float* weight, const float* bias, float* y, int n, float eps) {
    const float* in = x + (size_t)blockIdx.x * n;
    float sum = 0;
    for (int k = threadIdx.x; k < n; k += blockDim.x) sum += in[k];
    const float mean = block_sum(sum) / n;
    sum = 0;
    for (int k = threadIdx.x; k < n; k += blockDim.x) sum += (in[k] - mean) * (in[k] - mean);
    const float scale = rsqrtf(block_sum(sum) / n + eps);
    for (int k = threadIdx.x; k < n; k += blockDim.x)
        y[(size_t)blockIdx.x * n + k] = (in[k] - mean) * scale * weight[k] + bias[k];
}

// right: warps of a block through cooperative groups
__global__ void softmax_of_tiles(const float* x, float* y, int n) {
    const auto block = cg::this_thread_block();
    const auto warp = cg::tiled_partition<32>(block);
    __shared__ float sums[2];
    const float* in = x + (long long)blockIdx.x * n;
    float most = -INFINITY, sum = 0;
    for (int k = warp.thread_rank(); k < n; k += 32) most = in[k] > most || in[k] != in[k] ? in[k] : most;
    for (int d = 16; d; d >>= 1) {
        const float other = warp.shfl_xor(most, d);
        most = most != most || most >= other ? most : other;
    }
    for (int k = block.thread_rank(); k < n; k += block.size()) sum += expf(in[k] - most);
    for (int d = 16; d; d >>= 1) sum += warp.shfl_down(sum, d);
    if (warp.thread_rank() == 0) sums[warp.meta_group_rank()] = sum;
    block.sync();
    for (int k = block.thread_rank(); k < n; k += block.size())
        y[(long long)blockIdx.x * n + k] = expf(in[k] - most) / (sums[0] + sums[1]);
}
