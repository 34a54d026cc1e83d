// Average-pooling. Launched by cuda/layers/average_pooling.py.

// One thread: one output cell. Sums its window in float64, down each column and then along, divides, rounds once.
// rows and columns hold the first cell of each window, then the last (exclusive), oh and ow of each.
// Promised: windows lie in the picture, counts are not 0; grids may be smaller than the output (threads stride).
// Instances: double; float
template <class T>
__global__ void avg_pool2d(const T* __restrict__ x, const long long* __restrict__ rows,
                           const long long* __restrict__ columns, const double* __restrict__ row_counts,
                           const double* __restrict__ column_counts, T* __restrict__ output, long long planes,
                           long long height, long long width, long long oh, long long ow) {
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < planes * oh * ow; k += step) {
        const long long j = k % ow, i = k / ow % oh;
        const T* picture = x + k / (ow * oh) * height * width;
        double total = 0;
        for (long long column = columns[j]; column < columns[ow + j]; column++) {
            double down = 0;
            for (long long row = rows[i]; row < rows[oh + i]; row++) down += (double)picture[row * width + column];
            total += down;
        }
        output[k] = (T)(total / (row_counts[i] * column_counts[j]));
    }
}
