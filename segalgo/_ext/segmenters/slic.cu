// Superpixels by local k-means. Launched by cuda/segmenters/slic.py.
//
// Distances are float32, summed in one order without fused operations; features are whole numbers, so that sums of them
// are exact in any order.

// One thread: one cell. The nearest of the centres whose window holds it, the first of equal ones; a cell that no window
// holds keeps its label. centres: (count, 3 + channels), places and features; windows, ratios: 3 numbers.
__global__ void slic_assign(const float* __restrict__ features, const unsigned char* __restrict__ mask,
                            const float* __restrict__ centres, const float* __restrict__ windows,
                            const float* __restrict__ ratios, int* __restrict__ labels, unsigned int* changed, int masked,
                            int channels, int count, long long height, long long width, long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        const int before = labels[k];
        int label = before;
        if (masked && !mask[k]) {
            label = -1;
        } else {
            const float at[3] = {(float)(k / (height * width)), (float)(k / width % height), (float)(k % width)};
            float best = 3.4028234663852886e38f;
            for (int n = 0; n < count; n++) {
                const float* centre = centres + (long long)n * (3 + channels);
                bool inside = true;
                for (int axis = 0; axis < 3 && inside; axis++)
                    inside = at[axis] >= centre[axis] - windows[axis] && at[axis] <= centre[axis] + windows[axis];
                if (!inside) continue;
                float distance = 0.0f;
                for (int axis = 0; axis < 3; axis++) {
                    const float apart = (at[axis] - centre[axis]) * ratios[axis];
                    distance = distance + apart * apart;
                }
                for (int c = 0; c < channels; c++) {
                    const float apart = features[c * size + k] - centre[3 + c];
                    distance = distance + apart * apart;
                }
                if (distance < best) {
                    best = distance;
                    label = n;
                }
            }
        }
        labels[k] = label;
        if (label != before) atomicOr(changed, 1u);
    }
}

// One thread: one cell. Adds 1, its place and its features to the sums (count, 4 + channels) of its label. Sums of
// negative features wrap as those of signed numbers do.
__global__ void slic_add(const float* __restrict__ features, const int* __restrict__ labels, unsigned long long* sums,
                         int channels, long long height, long long width, long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        if (labels[k] < 0) continue;
        unsigned long long* own = sums + (long long)labels[k] * (4 + channels);
        atomicAdd(own, 1ull);
        atomicAdd(own + 1, (unsigned long long)(k / (height * width)));
        atomicAdd(own + 2, (unsigned long long)(k / width % height));
        atomicAdd(own + 3, (unsigned long long)(k % width));
        for (int c = 0; c < channels; c++)
            atomicAdd(own + 4 + c, (unsigned long long)(long long)(int)features[c * size + k]);
    }
}

// One thread: one centre. Moves it to the mean of its cells; without cells it stays.
__global__ void slic_move(const long long* __restrict__ sums, float* __restrict__ centres, int channels, int count) {
    const int k = blockIdx.x * blockDim.x + threadIdx.x;
    if (k >= count) return;
    const long long* own = sums + (long long)k * (4 + channels);
    if (own[0] == 0) return;
    for (int c = 0; c < 3 + channels; c++)
        centres[(long long)k * (3 + channels) + c] = (float)((double)own[1 + c] / (double)own[0]);
}

// One thread: one color of three codes. Light by a table, X, Y, Z in 14 bits, their cube roots by a table; L, a, b in
// 64ths, a plane each.
// Instances: unsigned char; unsigned short
template <class T>
__global__ void slic_lab(const T* __restrict__ codes, const int* __restrict__ linear, const int* __restrict__ matrix,
                         const int* __restrict__ cube, float* __restrict__ output, long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        const int light[3] = {linear[codes[3 * k]], linear[codes[3 * k + 1]], linear[codes[3 * k + 2]]};
        int root[3];
        for (int c = 0; c < 3; c++) {
            const int* row = matrix + 3 * c;
            const int value = (row[0] * light[0] + row[1] * light[1] + row[2] * light[2]) >> 14;
            root[c] = cube[value < 65535 ? value : 65535];
        }
        output[k] = (float)((116 * root[1] >> 8) - 1024);
        output[size + k] = (float)(500 * (root[0] - root[1]) >> 8);
        output[2 * size + k] = (float)(200 * (root[1] - root[2]) >> 8);
    }
}
