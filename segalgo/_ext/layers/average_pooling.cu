// Average-pooling. Launched by cuda/layers/average_pooling.py.

// One thread: one output cell. Sums its window in float64, down each column and then along, divides, rounds once.
// rows and columns hold the first cell of each window, then the last (exclusive), oh and ow of each.
// Promised: windows lie in the picture, counts are not 0; grids may be smaller than the output (threads stride).
// Instances: double, int; double, long long; float, int; float, long long
template <class T, class Index>
__global__ void avg_pool2d(const T* __restrict__ x, const long long* __restrict__ rows,
                           const long long* __restrict__ columns, const double* __restrict__ row_counts,
                           const double* __restrict__ column_counts, T* __restrict__ output, Index planes,
                           Index height, Index width, Index oh, Index ow) {
    const Index step = Index(gridDim.x) * blockDim.x;
#pragma unroll 1
    for (Index k = Index(blockIdx.x) * blockDim.x + threadIdx.x; k < planes * oh * ow; k += step) {
        const Index rows_before = k / ow, j = k - rows_before * ow, plane = rows_before / oh, i = rows_before - plane * oh;
        const T* picture = x + plane * height * width;
        double total = 0;
        for (Index column = columns[j]; column < columns[ow + j]; column++) {
            double down = 0;
            for (Index row = rows[i]; row < rows[oh + i]; row++) down += (double)picture[row * width + column];
            total += down;
        }
        output[k] = (T)(total / (row_counts[i] * column_counts[j]));
    }
}
