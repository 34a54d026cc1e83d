// Convolution and transposed convolution as products of tiles (implicit GEMM). Launched by cuda/convolution.py.
// Multiply-adds are fused where written fma(a, b, c), and nowhere else (built with contraction off).

// A block of 16 x 16 threads computes 64 x 64 sums, each thread 4 x 4, from slices of 16 terms in shared memory.
constexpr int TILE = 64, SLICE = 16, SIDE = 16, EACH = 4;

// The sums of one tile: sum[row][p] = sum over k of weight(row, k) * cell(k, p), k ascending. All threads of the block
// call it together. `Source` tells where a factor lies; it returns zero outside its matrix. Thread (tx, ty) returns
// rows ty + 16 * r and positions tx + 16 * s. Blocked product with shared memory: CUDA C++ Programming Guide, 3.2.4.
template <class T, class Source>
__device__ void tile_product(const Source& source, long long terms, long long first_row, long long first_position,
                             T sum[EACH][EACH]) {
    __shared__ T weights[SLICE][TILE];
    __shared__ T cells[SLICE][TILE];
    const int tx = threadIdx.x, ty = threadIdx.y, thread = ty * SIDE + tx;
    for (int r = 0; r < EACH; r++)
        for (int s = 0; s < EACH; s++) sum[r][s] = T(0);
    for (long long k0 = 0; k0 < terms; k0 += SLICE) {
        for (int load = thread; load < SLICE * TILE; load += SIDE * SIDE) {
            // Neighbouring threads read neighbouring terms of a weight row, and neighbouring positions of a picture.
            const int k = load % SLICE, row = load / SLICE;
            weights[k][row] = k0 + k < terms ? source.weight(first_row + row, k0 + k) : T(0);
            const int p = load % TILE, l = load / TILE;
            cells[l][p] = k0 + l < terms ? source.cell(k0 + l, first_position + p) : T(0);
        }
        __syncthreads();
        for (int k = 0; k < SLICE; k++) {
            for (int r = 0; r < EACH; r++) {
                const T factor = weights[k][ty + SIDE * r];
                for (int s = 0; s < EACH; s++) sum[r][s] = fma(factor, cells[k][tx + SIDE * s], sum[r][s]);
            }
        }
        __syncthreads();
    }
}

// One group of one picture: rows are output channels, positions output cells, terms (c, u, v).
template <class T>
struct Convolution {
    const T *x, *kernels;
    long long channels, height, width, rows, kh, kw, sh, sw, ph, pw, dh, dw, oh, ow;

    __device__ T weight(long long row, long long k) const {
        return row < rows ? kernels[row * channels * kh * kw + k] : T(0);
    }
    __device__ T cell(long long k, long long p) const {
        const long long v = k % kw, u = k / kw % kh, c = k / (kw * kh);
        const long long row = p / ow * sh - ph + u * dh, column = p % ow * sw - pw + v * dw;
        if (p >= oh * ow || row < 0 || row >= height || column < 0 || column >= width) return T(0);
        return x[(c * height + row) * width + column];
    }
};

// Block (z): a picture and group; (y): 64 output channels; (x): 64 output cells. Reads the group's pictures and
// weights, writes each output cell once: sum + bias, and zero for negative ones where `relu`.
// Promised: grids may be smaller than the output (blocks stride); sizes are those of segalgo.conv2d.
// Instances: double; float
template <class T>
__global__ void conv2d(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias,
                       T* __restrict__ output, long long batch, long long groups, long long channels,
                       long long height, long long width, long long rows, long long kh, long long kw, long long sh,
                       long long sw, long long ph, long long pw, long long dh, long long dw, long long oh,
                       long long ow, int relu) {
    for (long long z = blockIdx.z; z < batch * groups; z += gridDim.z) {
        const long long group = z % groups, cells = oh * ow, terms = channels * kh * kw;
        const Convolution<T> source = {x + z * channels * height * width, weight + group * rows * terms, channels,
                                       height, width, rows, kh, kw, sh, sw, ph, pw, dh, dw, oh, ow};
        for (long long y = blockIdx.y; y * TILE < rows; y += gridDim.y) {
            for (long long tile = blockIdx.x; tile * TILE < cells; tile += gridDim.x) {
                T sum[EACH][EACH];
                tile_product<T>(source, terms, y * TILE, tile * TILE, sum);
                for (int r = 0; r < EACH; r++) {
                    for (int s = 0; s < EACH; s++) {
                        const long long row = y * TILE + threadIdx.y + SIDE * r;
                        const long long p = tile * TILE + threadIdx.x + SIDE * s;
                        if (row >= rows || p >= cells) continue;
                        const T value = sum[r][s] + bias[group * rows + row];
                        output[(z * rows + row) * cells + p] = relu && value < T(0) ? T(0) : value;
                    }
                }
            }
        }
    }
}

// One phase of one group and picture: output cells (m * sh + a - ph, l * sw + b - pw) for m >= first_m, l >= first_l.
// Kernel row u meets it where u * dh = a (mod sh): u = first_u + t * step_u, t < count_u; columns alike.
template <class T>
struct Transposed {
    const T *x, *kernels;
    long long channels, height, width, rows, kh, kw, sh, sw, dh, dw, a, b;
    long long first_u, step_u, count_u, first_v, step_v, count_v, first_m, first_l, count_m, count_l;

    __device__ T weight(long long row, long long k) const {
        const long long v = first_v + k % count_v * step_v, u = first_u + k / count_v % count_u * step_u;
        const long long c = k / (count_v * count_u);
        return row < rows ? kernels[((c * rows + row) * kh + u) * kw + v] : T(0);
    }
    __device__ T cell(long long k, long long p) const {
        const long long v = first_v + k % count_v * step_v, u = first_u + k / count_v % count_u * step_u;
        const long long c = k / (count_v * count_u);
        const long long row = first_m + p / count_l - (u * dh - a) / sh;
        const long long column = first_l + p % count_l - (v * dw - b) / sw;
        if (p >= count_m * count_l || row < 0 || row >= height || column < 0 || column >= width) return T(0);
        return x[(c * height + row) * width + column];
    }
};

// The kernel cells of one axis that meet phase a: the first, the step to the next, and how many.
__device__ inline void phase_cells(long long a, long long size, long long s, long long d, long long* first,
                                   long long* step, long long* count) {
    *first = 0;
    while (*first < size && *first * d % s != a) ++*first;
    *step = 1;
    while (*step * d % s) ++*step;
    *count = (size - *first + *step - 1) / *step;
}

// Block (z): a picture, group and phase (a, b) of the output; (y): 64 output channels; (x): 64 cells of that phase.
// Gathers: every output cell is summed up and written by one thread, so there are no atomics.
// Promised: grids may be smaller than the output (blocks stride); sizes are those of segalgo.conv_transpose2d.
// Instances: double; float
template <class T>
__global__ void conv_transpose2d(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias,
                                 T* __restrict__ output, long long batch, long long groups, long long channels,
                                 long long height, long long width, long long rows, long long kh, long long kw,
                                 long long sh, long long sw, long long ph, long long pw, long long dh, long long dw,
                                 long long oh, long long ow) {
    for (long long z = blockIdx.z; z < batch * groups * sh * sw; z += gridDim.z) {
        const long long b = z % sw, a = z / sw % sh, plane = z / (sw * sh), group = plane % groups;
        Transposed<T> source = {x + plane * channels * height * width, weight + group * channels * rows * kh * kw,
                                channels, height, width, rows, kh, kw, sh, sw, dh, dw, a, b};
        phase_cells(a, kh, sh, dh, &source.first_u, &source.step_u, &source.count_u);
        phase_cells(b, kw, sw, dw, &source.first_v, &source.step_v, &source.count_v);
        // m from the first output row of this phase, ceil((ph - a) / sh), to the last, floor((oh - 1 + ph - a) / sh).
        source.first_m = ph > a ? (ph - a + sh - 1) / sh : 0;
        source.first_l = pw > b ? (pw - b + sw - 1) / sw : 0;
        source.count_m = oh - 1 + ph < a ? 0 : (oh - 1 + ph - a) / sh - source.first_m + 1;
        source.count_l = ow - 1 + pw < b ? 0 : (ow - 1 + pw - b) / sw - source.first_l + 1;
        const long long cells = source.count_m * source.count_l, terms = channels * source.count_u * source.count_v;
        for (long long y = blockIdx.y; y * TILE < rows; y += gridDim.y) {
            for (long long tile = blockIdx.x; tile * TILE < cells; tile += gridDim.x) {
                T sum[EACH][EACH];
                tile_product<T>(source, terms, y * TILE, tile * TILE, sum);
                for (int r = 0; r < EACH; r++) {
                    for (int s = 0; s < EACH; s++) {
                        const long long row = y * TILE + threadIdx.y + SIDE * r;
                        const long long p = tile * TILE + threadIdx.x + SIDE * s;
                        if (row >= rows || p >= cells) continue;
                        const long long i = (source.first_m + p / source.count_l) * sh + a - ph;
                        const long long j = (source.first_l + p % source.count_l) * sw + b - pw;
                        output[((plane * rows + row) * oh + i) * ow + j] = sum[r][s] + bias[group * rows + row];
                    }
                }
            }
        }
    }
}
