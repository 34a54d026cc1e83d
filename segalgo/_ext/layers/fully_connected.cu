// The fully connected layer, and attention. Launched by cuda/layers/fully_connected.py.

// One block of 16 x 16 threads: one 16 x 16 tile of the output after another. Both matrices pass through shared
// memory in tiles of 16; each thread adds up its cell's products in order of k, then the bias.
// Instances: double; float
template <class T>
__global__ void linear(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias,
                       T* __restrict__ output, long long rows, long long columns, long long depth) {
    __shared__ T left[16][17];
    __shared__ T right[16][17];
    const int i = threadIdx.y, j = threadIdx.x;
    const long long across = (columns + 15) / 16, tiles = across * ((rows + 15) / 16);
    for (long long tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        const long long row = tile / across * 16 + i, column = tile % across * 16 + j, other = tile % across * 16 + i;
        T sum = T(0);
        for (long long first = 0; first < depth; first += 16) {
            left[i][j] = row < rows && first + j < depth ? x[row * depth + first + j] : T(0);
            right[i][j] = other < columns && first + j < depth ? weight[other * depth + first + j] : T(0);
            __syncthreads();
            for (int k = 0; k < 16; k++) {
                if (first + k < depth) sum += left[i][k] * right[j][k];
            }
            __syncthreads();
        }
        if (row < rows && column < columns) output[row * columns + column] = sum + bias[column];
    }
}

// The product of a query with a key, in order of its depth.
template <class T>
__device__ T fit_of(const T* query, const T* key, T scale, long long depth) {
    T sum = T(0);
    for (long long e = 0; e < depth; e++) sum += query[e] * scale * key[e];
    return sum;
}

// One block of 256 threads: one query after another. The largest score first; then 256 keys at a time: each thread
// weighs one, and thread t adds up columns t, t + 256, ... of the weighted values. The sum of weights is in float64, up a
// tree of halves. Promised: output is not empty.
// Instances: double; float
template <class T>
__global__ void scaled_dot_product_attention(const T* __restrict__ query, const T* __restrict__ key,
                                             const T* __restrict__ value, T* __restrict__ output, T scale, int causal,
                                             long long batches, long long rows, long long sources, long long depth,
                                             long long columns) {
    __shared__ T part[256];
    __shared__ double sums[256];
    const int t = threadIdx.x;
    for (long long row = blockIdx.x; row < batches * rows; row += gridDim.x) {
        const T* keys = key + row / rows * sources * depth;
        const T* values = value + row / rows * sources * columns;
        const long long seen = causal && row % rows + 1 < sources ? row % rows + 1 : sources;
        T most = seen > 0 ? fit_of(query + row * depth, keys, scale, depth) : T(0);
        for (long long k = t; k < seen; k += 256) {
            const T score = fit_of(query + row * depth, keys + k * depth, scale, depth);
            if (score > most) most = score;
        }
        part[t] = most;
        __syncthreads();
        for (int half = 128; half > 0; half /= 2) {
            if (t < half && part[t + half] > part[t]) part[t] = part[t + half];
            __syncthreads();
        }
        most = part[0];
        __syncthreads();  // before part is written again
        for (long long v = t; v < columns; v += 256) output[row * columns + v] = T(0);
        double total = 0;
        for (long long first = 0; first < seen; first += 256) {
            T weight = T(0);
            if (first + t < seen)
                weight = exp(fit_of(query + row * depth, keys + (first + t) * depth, scale, depth) - most);
            part[t] = weight;
            total += (double)weight;
            __syncthreads();
            for (long long v = t; v < columns; v += 256) {
                T sum = output[row * columns + v];
                for (long long k = 0; k < 256 && first + k < seen; k++) sum += part[k] * values[(first + k) * columns + v];
                output[row * columns + v] = sum;
            }
            __syncthreads();
        }
        sums[t] = total;
        __syncthreads();
        for (int half = 128; half > 0; half /= 2) {
            if (t < half) sums[t] += sums[t + half];
            __syncthreads();
        }
        const double factor = seen > 0 ? 1 / sums[0] : 0;
        for (long long v = t; v < columns; v += 256)
            output[row * columns + v] = (T)((double)output[row * columns + v] * factor);
        __syncthreads();  // before the next query writes into part and sums
    }
}
