// Masks of boxes, pasted into pictures. Launched by cuda/objects/pasting.py.

// Cell k of `size`: the two of n cells around it, and the part of the second.
__device__ void pasting_tap(long long k, long long n, long long size, long long* low, long long* high, double* part) {
    double position = ((double)k + 0.5) * ((double)n / (double)size) - 0.5;
    if (position < 0) position = 0;
    *low = (long long)position < n - 1 ? (long long)position : n - 1;
    *high = *low + 1 < n ? *low + 1 : n - 1;
    *part = position - (double)*low;
}

// One cell of the mask brought to the size of its box, first along the columns and then along the rows, in the order of
// the reference; false outside the box.
template <class T>
__device__ bool pasted_cell(const T* masks, const long long* corners, long long k, long long rows, long long columns,
                            long long height, long long width, T* value) {
    const long long j = k % width, i = k / width % height, n = k / (width * height);
    const long long* corner = corners + 4 * n;
    if (i < corner[1] || i >= corner[1] + corner[3] || j < corner[0] || j >= corner[0] + corner[2]) return false;
    const T* mask = masks + n * rows * columns;
    long long left, right, top, bottom;
    double part;
    pasting_tap(j - corner[0], columns, corner[2], &left, &right, &part);
    const T along = (T)part;
    pasting_tap(i - corner[1], rows, corner[3], &top, &bottom, &part);
    const T down = (T)part;
    const T upper = mask[top * columns + left] * (1 - along) + mask[top * columns + right] * along;
    const T lower = mask[bottom * columns + left] * (1 - along) + mask[bottom * columns + right] * along;
    *value = upper * (1 - down) + lower * down;
    return true;
}

// One thread: one cell of one picture.
// Promised: boxes have a width and a height; grids may be smaller than the output.
// Instances: float; double
template <class T>
__global__ void paste_masks(const T* __restrict__ masks, const long long* __restrict__ corners,
                            T* __restrict__ pasted, long long count, long long rows, long long columns,
                            long long height, long long width) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < count * height * width; k += step) {
        T value = 0;
        pasted_cell(masks, corners, k, rows, columns, height, width, &value);
        pasted[k] = value;
    }
}

// The same, as which cells exceed a threshold.
// Instances: float; double
template <class T>
__global__ void paste_masks_above(const T* __restrict__ masks, const long long* __restrict__ corners,
                                  bool* __restrict__ pasted, T threshold, long long count, long long rows,
                                  long long columns, long long height, long long width) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < count * height * width; k += step) {
        T value = 0;
        pasted[k] = pasted_cell(masks, corners, k, rows, columns, height, width, &value) && value > threshold;
    }
}
