// Interpolation and padding. Launched by cuda/layers/interpolation.py.

// One thread: one output cell. Fetches the input cell that rows and columns name, or writes `value` where one is -1.
// Promised: rows < height, columns < width; grids may be smaller than the output (threads stride).
// Instances: double; float
template <class T>
__global__ void fetch_cells(const T* __restrict__ x, const long long* __restrict__ rows,
                            const long long* __restrict__ columns, T* __restrict__ output, T value, long long planes,
                            long long height, long long width, long long oh, long long ow) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < planes * oh * ow; k += step) {
        const long long row = rows[k / ow % oh], column = columns[k % ow];
        output[k] = row < 0 || column < 0 ? value : x[(k / (ow * oh) * height + row) * width + column];
    }
}

// One thread: one output cell. Weighs two cells of each of two rows, then the two sums; no product is fused.
// rows, columns and their weights hold the first taps, then the second, oh and ow of each.
// Promised: rows < height, columns < width; grids may be smaller than the output (threads stride).
// Instances: double; float
template <class T>
__global__ void interpolate_bilinear(const T* __restrict__ x, const long long* __restrict__ rows,
                                     const T* __restrict__ row_weights, const long long* __restrict__ columns,
                                     const T* __restrict__ column_weights, T* __restrict__ output, long long planes,
                                     long long height, long long width, long long oh, long long ow) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < planes * oh * ow; k += step) {
        const long long j = k % ow, i = k / ow % oh;
        const T* top = x + (k / (ow * oh) * height + rows[i]) * width;
        const T* bottom = x + (k / (ow * oh) * height + rows[oh + i]) * width;
        const T left = column_weights[j], right = column_weights[ow + j];
        const T above = top[columns[j]] * left + top[columns[ow + j]] * right;
        const T below = bottom[columns[j]] * left + bottom[columns[ow + j]] * right;
        output[k] = above * row_weights[i] + below * row_weights[oh + i];
    }
}

// One thread: one output cell. Weighs the cells of a window of rows[oh + i] x columns[ow + j] cells that begins at
// (rows[i], columns[j]): along each row, then the rows, in order; no product is fused. Weights are (oh, row_taps) and
// (ow, column_taps). Promised: windows lie inside the plane; grids may be smaller than the output (threads stride).
// Instances: double; float
template <class T>
__global__ void interpolate_filtered(const T* __restrict__ x, const long long* __restrict__ rows,
                                     const T* __restrict__ row_weights, const long long* __restrict__ columns,
                                     const T* __restrict__ column_weights, T* __restrict__ output, long long planes,
                                     long long height, long long width, long long oh, long long ow, long long row_taps,
                                     long long column_taps) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < planes * oh * ow; k += step) {
        const long long j = k % ow, i = k / ow % oh;
        const T* window = x + (k / (ow * oh) * height + rows[i]) * width + columns[j];
        T total = T(0);
        for (long long a = 0; a < rows[oh + i]; a++) {
            T along = T(0);
            for (long long b = 0; b < columns[ow + j]; b++)
                along += window[a * width + b] * column_weights[j * column_taps + b];
            total += along * row_weights[i * row_taps + a];
        }
        output[k] = total;
    }
}
