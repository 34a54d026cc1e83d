// Suppression of overlapping boxes. Launched by cuda/objects/suppression.py.

template <class T>
__device__ T lesser(T a, T b) { return a < b ? a : b; }

template <class T>
__device__ T greater_of(T a, T b) { return a > b ? a : b; }

// One thread: one row and 64 columns of the table "row suppresses column", as the bits of one word. Boxes come by
// falling score, so that only later columns count. Rows first to last (exclusive) of the table are written, from 0.
// Roundings in the order of the reference.
// Instances: float; double
template <class T>
__global__ void nms_overlaps(const T* __restrict__ boxes, const long long* __restrict__ groups,
                             unsigned long long* __restrict__ table, T one, T threshold, long long first,
                             long long last, long long count) {
    const long long words = (count + 63) / 64, step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < (last - first) * words; k += step) {
        const long long row = first + k / words, begin = k % words * 64;
        const T* a = boxes + row * 4;
        const T area = (a[2] - a[0] + one) * (a[3] - a[1] + one);
        unsigned long long word = 0;
        for (long long column = begin > row ? begin : row + 1; column < begin + 64 && column < count; column++) {
            if (groups[column] != groups[row]) continue;
            const T* b = boxes + column * 4;
            const T width = lesser(a[2], b[2]) - greater_of(a[0], b[0]) + one;
            const T height = lesser(a[3], b[3]) - greater_of(a[1], b[1]) + one;
            const T common = greater_of(width, T(0)) * greater_of(height, T(0));
            const T other_area = (b[2] - b[0] + one) * (b[3] - b[1] + one);
            if (common / (area + other_area - common) > threshold) word |= 1ull << (column - begin);
        }
        table[k] = word;
    }
}

// One block: walks the rows first to last of the table in order; a row that no kept row suppresses is kept, and strikes
// out what it suppresses. `struck` (a bit a box) is carried from one strip of rows to the next.
__global__ void nms_select(const unsigned long long* __restrict__ table, unsigned long long* __restrict__ struck,
                           bool* __restrict__ kept, long long first, long long last, long long count) {
    const long long words = (count + 63) / 64;
    for (long long row = first; row < last; row++) {
        const bool keep = !(struck[row / 64] >> (row % 64) & 1);
        if (threadIdx.x == 0) kept[row] = keep;
        __syncthreads();
        if (keep)
            for (long long w = threadIdx.x; w < words; w += blockDim.x) struck[w] |= table[(row - first) * words + w];
        __syncthreads();
    }
}
