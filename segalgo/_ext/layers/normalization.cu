// Normalization by stored statistics, over rows, and across channels. Launched by cuda/layers/normalization.py.
// All in float64, rounded once.

// One thread: one cell. Shifts and scales it by the numbers of its channel.
// Grids may be smaller than the tensor (threads stride).
// Instances: double; float
template <class T>
__global__ void batch_norm(const T* __restrict__ x, const double* __restrict__ mean, const double* __restrict__ var,
                           const double* __restrict__ weight, const double* __restrict__ bias, T* __restrict__ output,
                           double eps, long long planes, long long channels, long long cells) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < planes * cells; k += step) {
        const long long c = k / cells % channels;
        output[k] = (T)(((double)x[k] - mean[c]) * (weight[c] / sqrt(var[c] + eps)) + bias[c]);
    }
}

// Sum of one number a thread over a block of 256: a tree of halves, the same order for any schedule. All threads call.
__device__ double sum_of_block(double value) {
    __shared__ double partial[256];
    partial[threadIdx.x] = value;
    __syncthreads();
    for (int half = 128; half > 0; half /= 2) {
        if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
        __syncthreads();
    }
    const double total = partial[0];
    __syncthreads();
    return total;
}

// One block of 256 threads: one row after another. Sums the row for its mean, then the squared differences, then
// writes; thread t takes the cells t, t + 256, ... Promised: rows are not empty.
// Instances: double; float
template <class T>
__global__ void layer_norm(const T* __restrict__ x, const double* __restrict__ weight, const double* __restrict__ bias,
                           T* __restrict__ output, double eps, long long rows, long long count) {
    for (long long row = blockIdx.x; row < rows; row += gridDim.x) {
        const T* cells = x + row * count;
        double sum = 0, squares = 0;
        for (long long k = threadIdx.x; k < count; k += 256) sum += (double)cells[k];
        const double mean = sum_of_block(sum) / (double)count;
        for (long long k = threadIdx.x; k < count; k += 256) {
            const double difference = (double)cells[k] - mean;
            squares += difference * difference;
        }
        const double root = sqrt(sum_of_block(squares) / (double)count + eps);
        for (long long k = threadIdx.x; k < count; k += 256)
            output[row * count + k] = (T)(((double)cells[k] - mean) / root * weight[k] + bias[k]);
    }
}

// One block of 256 threads: one group of one picture after another, `count` = channels of the group * cells consecutive
// values. As layer_norm, with the weight and bias of the channel. Promised: rows = N * groups are not empty.
// Instances: double; float
template <class T>
__global__ void group_norm(const T* __restrict__ x, const double* __restrict__ weight, const double* __restrict__ bias,
                           T* __restrict__ output, double eps, long long rows, long long groups, long long count,
                           long long cells) {
    for (long long row = blockIdx.x; row < rows; row += gridDim.x) {
        const T* group = x + row * count;
        const long long first_channel = row % groups * (count / cells);
        double sum = 0, squares = 0;
        for (long long k = threadIdx.x; k < count; k += 256) sum += (double)group[k];
        const double mean = sum_of_block(sum) / (double)count;
        for (long long k = threadIdx.x; k < count; k += 256) {
            const double difference = (double)group[k] - mean;
            squares += difference * difference;
        }
        const double root = sqrt(sum_of_block(squares) / (double)count + eps);
        for (long long k = threadIdx.x; k < count; k += 256) {
            const long long c = first_channel + k / cells;
            output[row * count + k] = (T)(((double)group[k] - mean) / root * weight[c] + bias[c]);
        }
    }
}

// One thread: one cell. Adds up the squares of its neighbours in channel order; factor is alpha / size.
// Grids may be smaller than the tensor (threads stride).
// Instances: double; float
template <class T>
__global__ void local_response_norm(const T* __restrict__ x, T* __restrict__ output, long long size, double factor,
                                    double beta, double summand, long long planes, long long channels,
                                    long long cells) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < planes * cells; k += step) {
        const long long c = k / cells % channels;
        const long long first = c - size / 2 < 0 ? 0 : c - size / 2;
        const long long last = c + (size - 1) / 2 < channels ? c + (size - 1) / 2 : channels - 1;
        double total = 0;
        for (long long q = first; q <= last; q++) {
            const double cell = (double)x[k + (q - c) * cells];
            total += cell * cell;
        }
        output[k] = (T)((double)x[k] / pow(summand + factor * total, beta));
    }
}
