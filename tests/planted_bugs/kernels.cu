// Right kernels, written for verification; tests/test_planted_kernels.py plants one bug at a time by changing one place.

template <class T>
__global__ void relu(const T* x, T* y, int n) {
    const int step = gridDim.x * blockDim.x;
    for (int k = blockIdx.x * blockDim.x + threadIdx.x; k < n; k += step)
        y[k] = x[k] > T(0) || x[k] != x[k] ? x[k] : T(0);
}

// One thread an output cell; tiles of both matrices in shared memory.
template <class T>
__global__ void linear_tiled(const T* x, const T* weight, const T* bias, T* out, int rows, int columns, int features) {
    __shared__ T left[16][17], right[16][17];
    const int tx = threadIdx.x, ty = threadIdx.y;
    const int row = blockIdx.y * 16 + ty, feature = blockIdx.x * 16 + tx;
    T sum = 0;
    for (int first = 0; first < columns; first += 16) {
        left[ty][tx] = row < rows && first + tx < columns ? x[row * columns + first + tx] : T(0);
        const int other = blockIdx.x * 16 + ty;
        right[ty][tx] = other < features && first + tx < columns ? weight[other * columns + first + tx] : T(0);
        __syncthreads();  // tiles are filled
        for (int k = 0; k < 16; k++) sum += left[ty][k] * right[tx][k];
        __syncthreads();  // tiles are read
    }
    if (row < rows && feature < features) out[row * features + feature] = sum + bias[feature];
}

// One warp an output cell: lanes share the columns, shuffles add them up.
template <class T>
__global__ void linear_warp(const T* x, const T* weight, const T* bias, T* out, int columns, int features) {
    const int lane = threadIdx.x, feature = blockIdx.x, row = blockIdx.y;
    T sum = 0;
    for (int k = lane; k < columns; k += 32) sum += x[row * columns + k] * weight[feature * columns + k];
    for (int d = 16; d > 0; d /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, d);
    if (lane == 0) out[row * features + feature] = sum + bias[feature];
}

// One warp an output cell: lanes meet in shared memory.
template <class T>
__global__ void linear_lanes(const T* x, const T* weight, const T* bias, T* out, int columns, int features) {
    __shared__ T part[32];
    const int lane = threadIdx.x, feature = blockIdx.x, row = blockIdx.y;
    T sum = 0;
    for (int k = lane; k < columns; k += 32) sum += x[row * columns + k] * weight[feature * columns + k];
    part[lane] = sum;
    __syncwarp();
    if (lane == 0) {
        for (int k = 1; k < 32; k++) sum += part[k];
        out[row * features + feature] = sum + bias[feature];
    }
}

// One block a line along the axis; maximum and sum by halving in shared memory.
template <class T>
__global__ void softmax(const T* x, T* y, int length, int inner) {
    __shared__ T part[64];
    const T* line = x + blockIdx.x / inner * length * inner + blockIdx.x % inner;
    T* to = y + (line - x);
    const int t = threadIdx.x;
    T most = -INFINITY;
    for (int k = t; k < length; k += 64) most = line[k * inner] > most || line[k * inner] != line[k * inner] ? line[k * inner] : most;
    part[t] = most;
    __syncthreads();  // parts are there
    for (int half_of = 32; half_of > 0; half_of /= 2) {
        if (t < half_of && !(part[t] >= part[t + half_of]) && part[t] == part[t]) part[t] = part[t + half_of];
        __syncthreads();  // halves are done
    }
    most = part[0];
    __syncthreads();  // all have read it
    T sum = 0;
    for (int k = t; k < length; k += 64) sum += exp(line[k * inner] - most);
    part[t] = sum;
    __syncthreads();
    for (int half_of = 32; half_of > 0; half_of /= 2) {
        if (t < half_of) part[t] += part[t + half_of];
        __syncthreads();
    }
    for (int k = t; k < length; k += 64) to[k * inner] = exp(line[k * inner] - most) / part[0];
}

// One thread an output cell.
template <class T>
__global__ void max_pool(const T* x, T* out, long long* indices, int planes, int H, int W, int kh, int kw, int sh,
                         int sw, int ph, int pw, int dh, int dw, int OH, int OW) {
    const int k = blockIdx.x * blockDim.x + threadIdx.x;
    if (k >= planes * OH * OW) return;
    const int j = k % OW, i = k / OW % OH, plane = k / (OW * OH);
    T most = -INFINITY;
    int where = -1;
    for (int u = 0; u < kh; u++)
        for (int v = 0; v < kw; v++) {
            const int row = i * sh - ph + u * dh, column = j * sw - pw + v * dw;
            if (row < 0 || row >= H || column < 0 || column >= W) continue;
            const T value = x[(plane * H + row) * W + column];
            if (where < 0 || value > most || value != value) {
                most = value;
                where = row * W + column;
            }
        }
    out[k] = most;
    indices[k] = where;
}

// One thread a plane, so that the last of equal indices wins. The output is zero before.
template <class T>
__global__ void max_unpool(const T* x, const long long* indices, T* out, int planes, int count, int size) {
    const int plane = blockIdx.x * blockDim.x + threadIdx.x;
    if (plane >= planes) return;
    for (int k = 0; k < count; k++) out[plane * size + indices[plane * count + k]] = x[plane * count + k];
}

// One block an output channel of a picture: its weights in dynamic shared memory.
template <class T>
__global__ void conv(const T* x, const T* weight, const T* bias, T* out, int C, int H, int W, int K, int kh, int kw,
                     int sh, int sw, int ph, int pw, int dh, int dw, int groups, int OH, int OW) {
    extern __shared__ __align__(8) unsigned char bytes[];
    T* kernel = reinterpret_cast<T*>(bytes);
    const int k = blockIdx.x % K, n = blockIdx.x / K, inputs = C / groups, first = k / (K / groups) * inputs;
    const int cells = inputs * kh * kw;
    for (int t = threadIdx.x; t < cells; t += blockDim.x) kernel[t] = weight[k * cells + t];
    __syncthreads();
    for (int t = threadIdx.x; t < OH * OW; t += blockDim.x) {
        const int i = t / OW, j = t % OW;
        T sum = bias[k];
        for (int c = 0; c < inputs; c++)
            for (int u = 0; u < kh; u++)
                for (int v = 0; v < kw; v++) {
                    const int row = i * sh - ph + u * dh, column = j * sw - pw + v * dw;
                    if (row < 0 || row >= H || column < 0 || column >= W) continue;
                    sum += x[((n * C + first + c) * H + row) * W + column] * kernel[(c * kh + u) * kw + v];
                }
        out[((n * K + k) * OH + i) * OW + j] = sum;
    }
}

// One thread an input cell, which adds to the output by atomics. The output is zero before.
template <class T>
__global__ void conv_transpose(const T* x, const T* weight, const T* bias, T* out, int N, int C, int H, int W, int K,
                               int kh, int kw, int sh, int sw, int ph, int pw, int dh, int dw, int groups, int OH,
                               int OW) {
    const int outputs = K / groups, t = blockIdx.x * blockDim.x + threadIdx.x;
    if (t < N * K * OH * OW) atomicAdd(&out[t], bias[t / (OH * OW) % K]);
    if (t >= N * C * H * W) return;
    const int j = t % W, i = t / W % H, c = t / (W * H) % C, n = t / (W * H * C);
    for (int k = 0; k < outputs; k++)
        for (int u = 0; u < kh; u++)
            for (int v = 0; v < kw; v++) {
                const int row = i * sh - ph + u * dh, column = j * sw - pw + v * dw;
                if (row < 0 || row >= OH || column < 0 || column >= OW) continue;
                const int channel = c / (C / groups) * outputs + k;
                atomicAdd(&out[((n * K + channel) * OH + row) * OW + column],
                          x[t] * weight[((c * outputs + k) * kh + u) * kw + v]);
            }
}
