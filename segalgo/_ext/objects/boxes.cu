// Boxes, their overlaps and their coding. Launched by cuda/objects/boxes.py.

// Smaller and larger of two numbers that are not NaN.
template <class T>
__device__ T lesser(T a, T b) { return a < b ? a : b; }

template <class T>
__device__ T greater_of(T a, T b) { return a > b ? a : b; }

// One thread: one pair of boxes (left, top, right, bottom). Intersection over union, over the area of the first where
// the second is a crowd; `one` is what widths and heights gain. Roundings in the order of the reference.
// Instances: float; double
template <class T>
__global__ void box_iou(const T* __restrict__ boxes, const T* __restrict__ others, const bool* __restrict__ crowd,
                        T* __restrict__ output, T one, long long rows, long long columns) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < rows * columns; k += step) {
        const T* a = boxes + k / columns * 4;
        const T* b = others + k % columns * 4;
        const T width = lesser(a[2], b[2]) - greater_of(a[0], b[0]) + one;
        const T height = lesser(a[3], b[3]) - greater_of(a[1], b[1]) + one;
        const T common = greater_of(width, T(0)) * greater_of(height, T(0));
        const T area = (a[2] - a[0] + one) * (a[3] - a[1] + one);
        const T other_area = (b[2] - b[0] + one) * (b[3] - b[1] + one);
        const T whole = crowd[k % columns] ? area : area + other_area - common;
        output[k] = common > T(0) ? common / whole : T(0);
    }
}

// One thread: one axis of one box. Shift of the center in units of the anchor, logarithm of the ratio of sizes.
// Instances: float; double
template <class T>
__global__ void encode_boxes(const T* __restrict__ boxes, const T* __restrict__ anchors,
                             const T* __restrict__ weights, T* __restrict__ output, long long count) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < 2 * count; k += step) {
        const long long axis = k % 2, at = k / 2 * 4 + axis;
        const T size = boxes[at + 2] - boxes[at], anchor_size = anchors[at + 2] - anchors[at];
        const T center = boxes[at] + size / 2, anchor_center = anchors[at] + anchor_size / 2;
        output[at] = weights[axis] * (center - anchor_center) / anchor_size;
        output[at + 2] = weights[axis + 2] * log(size / anchor_size);
    }
}

// One thread: one axis of one box of deltas (count, classes, 4). Undoes the coding; growths are cut at `clip`.
// Instances: float; double
template <class T>
__global__ void decode_boxes(const T* __restrict__ deltas, const T* __restrict__ anchors,
                             const T* __restrict__ weights, T* __restrict__ output, T clip, long long count,
                             long long classes) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < 2 * count * classes; k += step) {
        const long long axis = k % 2, at = k / 2 * 4 + axis, anchor = k / (2 * classes) * 4 + axis;
        const T size = anchors[anchor + 2] - anchors[anchor];
        const T center = deltas[at] / weights[axis] * size + (anchors[anchor] + size / 2);
        const T half = exp(lesser(deltas[at + 2] / weights[axis + 2], clip)) * size / 2;
        output[at] = center - half;
        output[at + 2] = center + half;
    }
}
