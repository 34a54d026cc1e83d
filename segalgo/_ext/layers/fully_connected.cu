// The fully connected layer. Launched by cuda/layers/fully_connected.py.

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
