// Convolution and transposed convolution as products of tiles (implicit GEMM). Launched by cuda/layers/convolution.py.
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
    long long divisor = s, rest = d % s;
    while (rest) {  // Euclid: the step is s / gcd(s, d)
        const long long next = divisor % rest;
        divisor = rest;
        rest = next;
    }
    *step = s / divisor;
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
    // Phases that the output has: those of its first rows and columns.
    const long long row_phases = sh < oh ? sh : oh, column_phases = sw < ow ? sw : ow;
    for (long long z = blockIdx.z; z < batch * groups * row_phases * column_phases; z += gridDim.z) {
        const long long b = (z % column_phases + pw) % sw, a = (z / column_phases % row_phases + ph) % sh;
        const long long plane = z / (column_phases * row_phases), group = plane % groups;
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

// Winograd's F(4x4, 3x3), matrices A, B, G as in reference/layers/convolution.py:
// output = A'((G g G') * (B' d B))A with 36 products a channel for 16 outputs instead of 144 (A. Lavin, S. Gray, CVPR
// 2016). A tile is 6 x 6 inputs, 4 x 4 outputs; a dilation d splits a picture into d * d interleaved ones. Tiles are
// counted over pictures, residues (a, b) of the dilation, tile rows and tile columns. Layouts: weights
// [place][row][channel], inputs [place][channel][tile], products [place][row][tile]. Error: verify/bounds.py.
constexpr int PLACES = 36;

template <class T>
__device__ inline void winograd_input_line(const T* d, int step, T* out, int out_step) {
    const T p = d[4 * step] - T(4) * d[2 * step], q = d[3 * step] - T(4) * d[step];
    const T r = d[4 * step] - d[2 * step], s = d[3 * step] - d[step];
    out[0] = T(4) * d[0] + (d[4 * step] - T(5) * d[2 * step]);
    out[out_step] = p + q;
    out[2 * out_step] = p - q;
    out[3 * out_step] = r + T(2) * s;
    out[4 * out_step] = r - T(2) * s;
    out[5 * out_step] = T(4) * d[step] + (d[5 * step] - T(5) * d[3 * step]);
}

__device__ inline void winograd_weight_line(const double* g, int step, double* out, int out_step) {
    const double even = g[0] + g[2 * step], sum = (g[0] + 4 * g[2 * step]) / 24, odd = g[step] / 12;
    out[0] = g[0] / 4;
    out[out_step] = (even + g[step]) / -6;
    out[2 * out_step] = (even - g[step]) / -6;
    out[3 * out_step] = sum + odd;
    out[4 * out_step] = sum - odd;
    out[5 * out_step] = g[2 * step];
}

template <class T>
__device__ inline void winograd_output_line(const T* m, int step, T* out, int out_step) {
    const T p = m[step] + m[2 * step], q = m[step] - m[2 * step];
    const T r = m[3 * step] + m[4 * step], s = m[3 * step] - m[4 * step];
    out[0] = m[0] + p + r;
    out[out_step] = T(2) * s + q;
    out[2 * out_step] = T(4) * r + p;
    out[3 * out_step] = T(8) * s + q + m[5 * step];
}

// Where tile `t` lies: its picture, the first output row and column of its 16, `dilation` apart.
struct WinogradTile {
    long long n, i, j;

    __device__ WinogradTile(long long t, long long down, long long across, long long dilation) {
        const long long column = t % across, row = t / across % down, b = t / (across * down) % dilation;
        const long long a = t / (across * down * dilation) % dilation;
        n = t / (across * down * dilation * dilation);
        i = 4 * row * dilation + a;
        j = 4 * column * dilation + b;
    }
};

// One thread a (row, channel): G g G' of its 3 x 3 kernel, 36 places; in double, rounded once.
// Instances: double; float
template <class T>
__global__ void conv2d_winograd_weights(const T* __restrict__ weight, T* __restrict__ places, long long kernels) {
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < kernels; k += step) {
        double cells[9], half[18], whole[6];
        for (int l = 0; l < 9; l++) cells[l] = weight[9 * k + l];
        for (int v = 0; v < 3; v++) winograd_weight_line(cells + v, 3, half + v, 3);
        for (int u = 0; u < 6; u++) {
            winograd_weight_line(half + 3 * u, 1, whole, 1);
            for (int v = 0; v < 6; v++) places[(6 * u + v) * kernels + k] = T(whole[v]);
        }
    }
}

// One thread a (channel of a group, tile): B' d B of its 6 x 6 cells, zeros outside the picture. Tiles first_tile to
// first_tile + tiles; neighbouring threads write neighbouring tiles.
// Instances: double; float
template <class T>
__global__ void conv2d_winograd_inputs(const T* __restrict__ x, T* __restrict__ inputs, long long all_channels,
                                       long long first_channel, long long channels, long long height, long long width,
                                       long long ph, long long pw, long long dilation, long long down,
                                       long long across, long long first_tile, long long tiles) {
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < channels * tiles; k += step) {
        const long long c = k / tiles;
        const WinogradTile tile(first_tile + k % tiles, down, across, dilation);
        const T* plane = x + (tile.n * all_channels + first_channel + c) * height * width;
        T cells[36], half[36], whole[6];
        for (int u = 0; u < 6; u++) {
            const long long i = tile.i - ph + u * dilation;
            for (int v = 0; v < 6; v++) {
                const long long j = tile.j - pw + v * dilation;
                const bool inside = i >= 0 && i < height && j >= 0 && j < width;
                cells[6 * u + v] = inside ? plane[i * width + j] : T(0);
            }
        }
        for (int v = 0; v < 6; v++) winograd_input_line(cells + v, 6, half + v, 6);
        for (int u = 0; u < 6; u++) {
            winograd_input_line(half + 6 * u, 1, whole, 1);
            for (int v = 0; v < 6; v++) inputs[(6 * u + v) * channels * tiles + k] = whole[v];
        }
    }
}

// The matrices of one place: rows are output channels, positions tiles, terms channels.
template <class T>
struct WinogradPlace {
    const T *weights, *inputs;
    long long rows, channels, tiles;

    __device__ T weight(long long row, long long k) const {
        return row < rows ? weights[row * channels + k] : T(0);
    }
    __device__ T cell(long long k, long long p) const { return p < tiles ? inputs[k * tiles + p] : T(0); }
};

// Block (z): a place; (y): 64 output channels; (x): 64 tiles. The weights of a place are `weight_step` apart.
// Instances: double; float
template <class T>
__global__ void conv2d_winograd_products(const T* __restrict__ weights, const T* __restrict__ inputs,
                                         T* __restrict__ products, long long weight_step, long long rows,
                                         long long channels, long long tiles) {
    const long long place = blockIdx.z;
    const WinogradPlace<T> source = {weights + place * weight_step, inputs + place * channels * tiles, rows, channels,
                                     tiles};
    for (long long y = blockIdx.y; y * TILE < rows; y += gridDim.y) {
        for (long long block = blockIdx.x; block * TILE < tiles; block += gridDim.x) {
            T sum[EACH][EACH];
            tile_product<T>(source, channels, y * TILE, block * TILE, sum);
            for (int r = 0; r < EACH; r++) {
                for (int s = 0; s < EACH; s++) {
                    const long long row = y * TILE + threadIdx.y + SIDE * r;
                    const long long p = block * TILE + threadIdx.x + SIDE * s;
                    if (row < rows && p < tiles) products[(place * rows + row) * tiles + p] = sum[r][s];
                }
            }
        }
    }
}

// One thread a (row of a group, tile): A' m A of its 36 products, bias, ReLU, 16 outputs where they lie in the picture.
// Instances: double; float
template <class T>
__global__ void conv2d_winograd_outputs(const T* __restrict__ products, const T* __restrict__ bias,
                                        T* __restrict__ output, long long all_rows, long long first_row,
                                        long long rows, long long oh, long long ow, long long dilation, long long down,
                                        long long across, long long first_tile, long long tiles, int relu) {
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < rows * tiles; k += step) {
        const long long row = first_row + k / tiles;
        const WinogradTile tile(first_tile + k % tiles, down, across, dilation);
        T places[36], half[24], whole[4];
        for (int place = 0; place < PLACES; place++) places[place] = products[place * rows * tiles + k];
        for (int v = 0; v < 6; v++) winograd_output_line(places + v, 6, half + v, 6);
        for (int u = 0; u < 4; u++) {
            winograd_output_line(half + 6 * u, 1, whole, 1);
            for (int v = 0; v < 4; v++) {
                const long long i = tile.i + u * dilation, j = tile.j + v * dilation;
                if (i >= oh || j >= ow) continue;
                const T value = whole[v] + bias[row];
                output[((tile.n * all_rows + row) * oh + i) * ow + j] = relu && value < T(0) ? T(0) : value;
            }
        }
    }
}
