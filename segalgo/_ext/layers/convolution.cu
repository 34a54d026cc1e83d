// Convolution and transposed convolution as products of tiles (implicit GEMM). Launched by cuda/layers/convolution.py.
// Multiply-adds are fused where written fma(a, b, c), and nowhere else (built with contraction off).
// Kernels are templates on the element type and on the type of indices: int where every size and place fits, which the
// launch code decides, since a card divides and multiplies 64-bit numbers in many steps.

// A block of 16 x 8 threads computes 64 rows x 128 positions, each thread 8 x 8, from slices of 8 terms.
enum { ROWS = 64, POSITIONS = 128, SLICE = 8, ACROSS = 16, DOWN = 8, EACH = 8, THREADS = ACROSS * DOWN };

__device__ inline bool within(int place, int size) { return unsigned(place) < unsigned(size); }
__device__ inline bool within(long long place, long long size) {
    return (unsigned long long)place < (unsigned long long)size;
}

// Eight neighbours from an address that is a multiple of 16 bytes, as few loads as there can be.
__device__ inline void load_eight(const float* from, float* to) {
    const float4 low = *reinterpret_cast<const float4*>(from), high = *reinterpret_cast<const float4*>(from + 4);
    to[0] = low.x, to[1] = low.y, to[2] = low.z, to[3] = low.w;
    to[4] = high.x, to[5] = high.y, to[6] = high.z, to[7] = high.w;
}
__device__ inline void load_eight(const double* from, double* to) {
    for (int k = 0; k < EACH; k += 2) {
        const double2 two = *reinterpret_cast<const double2*>(from + k);
        to[k] = two.x, to[k + 1] = two.y;
    }
}

// What a term adds to a position: rows and columns of the picture, the place in memory, and the place of its weights.
template <class Index>
struct alignas(4 * sizeof(Index) > 16 ? 16 : 4 * sizeof(Index)) Term {
    Index down, right, place, weight;  // weight: -1 beyond the last term
};

// The sums of one tile: sum[row][p] = sum over k of weight(row, k) * cell(k, p), k ascending. All threads of the block
// call it together. Thread (tx, ty) returns rows 8 * ty + r and positions tx + 16 * s. `Source` tells where factors lie:
// term(), what is the same for all positions and rows, for the term that at_term(k) and next_slice() lead to, which a few
// threads work out for the block; weight_at(term) and, row_step on, those of further rows; and of the position that
// at_position(p) leads to is_inside(term) and cell_at(term). Terms beyond the last one are outside and have no weights.
// Two slices are in flight: the next one is loaded into registers while this one is multiplied.
// Blocked product with shared memory: CUDA C++ Programming Guide, 3.2.4; register tiles: V. Volkov, J. Demmel (2008).
template <class T, class Index, class Source>
__device__ void tile_product(Source source, Index terms, Index first_row, Index first_position, T sum[EACH][EACH]) {
    constexpr int MORE = 16 / sizeof(T);  // keeps rows at multiples of 16 bytes, and the stores below in banks of their own
    __align__(16) __shared__ T weights[2][SLICE][ROWS + MORE];
    __shared__ T cells[2][SLICE][POSITIONS];
    __shared__ Term<Index> slice[2][SLICE];
    const int thread = threadIdx.y * ACROSS + threadIdx.x;
    // Neighbouring threads load neighbouring terms of a weight row, and neighbouring positions of a picture.
    const int own_term = thread % SLICE, own_row = thread / SLICE;
    T next_weights[ROWS * SLICE / THREADS], next_cells[SLICE];
    source.at_position(first_position + thread);
    source.at_term(thread);
    for (int r = 0; r < EACH; r++)
        for (int s = 0; s < EACH; s++) sum[r][s] = T(0);
    if (thread < SLICE && terms > 0) slice[0][thread] = source.term();
    __syncthreads();
    int stage = 0;
#pragma unroll 1
    for (Index k0 = -SLICE; k0 < terms; k0 += SLICE) {
        const Index next = k0 + SLICE;  // the first slice is only loaded, the last one only multiplied
        if (next < terms) {
#pragma unroll
            for (int l = 0; l < SLICE; l++) {
                const Term<Index> term = slice[stage][l];
                const T* from = source.cell_at(term);
                next_cells[l] = T(0);
                if (source.is_inside(term)) next_cells[l] = *from;
            }
            const Term<Index> own = slice[stage][own_term];
            const T* from = source.kernels + (first_row + own_row) * source.row_step + own.weight;
#pragma unroll
            for (int l = 0; l < ROWS * SLICE / THREADS; l++) {
                next_weights[l] = T(0);
                if (own.weight >= 0 && first_row + own_row + THREADS / SLICE * l < source.rows) next_weights[l] = *from;
                from += THREADS / SLICE * source.row_step;
            }
            if (thread < SLICE) {
                source.next_slice();
                slice[stage ^ 1][thread] = source.term();
            }
        }
        if (k0 >= 0) {
#pragma unroll
            for (int k = 0; k < SLICE; k++) {
                T factor[EACH], cell[EACH];
                load_eight(&weights[stage ^ 1][k][EACH * threadIdx.y], factor);
#pragma unroll
                for (int s = 0; s < EACH; s++) cell[s] = cells[stage ^ 1][k][threadIdx.x + ACROSS * s];
#pragma unroll
                for (int r = 0; r < EACH; r++)
#pragma unroll
                    for (int s = 0; s < EACH; s++) sum[r][s] = fma(factor[r], cell[s], sum[r][s]);
            }
        }
        if (next < terms) {
#pragma unroll
            for (int l = 0; l < SLICE; l++) cells[stage][l][thread] = next_cells[l];
#pragma unroll
            for (int l = 0; l < ROWS * SLICE / THREADS; l++)
                weights[stage][own_term][own_row + THREADS / SLICE * l] = next_weights[l];
        }
        stage ^= 1;
        __syncthreads();
    }
}

// One group of one picture: rows are output channels, positions output cells, terms (c, u, v).
template <class T, class Index>
struct Convolution {
    const T *plane, *kernels;
    Index row_step, rows, height, width, channels, kh, kw, sh, sw, ph, pw, dh, dw, cells, ow;
    Index row = 0, column = 0, place = 0, c = 0, u = 0, v = 0;

    __device__ void at_term(Index k) {
        v = k % kw;
        u = k / kw % kh;
        c = k / kw / kh;
    }
    __device__ void next_slice() {
        v += SLICE;
#pragma unroll 1
        for (; v >= kw; v -= kw) u++;
#pragma unroll 1
        for (; u >= kh; u -= kh) c++;
    }
    __device__ Term<Index> term() const {
        if (c >= channels) return {height + ph, 0, 0, -1};  // outside for every position
        return {u * dh, v * dw, (c * height + u * dh) * width + v * dw, (c * kh + u) * kw + v};
    }
    __device__ void at_position(Index p) {
        row = p < cells ? p / ow * sh - ph : height;  // beyond the last one: outside for every term
        column = p < cells ? p % ow * sw - pw : 0;
        place = row * width + column;
    }
    __device__ const T* cell_at(const Term<Index>& term) const { return plane + (place + term.place); }
    __device__ bool is_inside(const Term<Index>& term) const {
        return within(row + term.down, height) && within(column + term.right, width);
    }
};

// Block (z): a picture and group; (y): 64 output channels; (x): 128 output cells. Reads the group's pictures and
// weights, writes each output cell once: sum + bias, and zero for negative ones where `relu`.
// Promised: grids may be smaller than the output (blocks stride); sizes are those of segalgo.conv2d.
// Instances: double, int; double, long long; float, int; float, long long
template <class T, class Index>
__launch_bounds__(THREADS) __global__ void conv2d(
    const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias, T* __restrict__ output,
    Index batch, Index groups, Index channels, Index height, Index width, Index rows, Index kh, Index kw,
    Index sh, Index sw, Index ph, Index pw, Index dh, Index dw, Index oh, Index ow, int relu) {
    const Index cells = oh * ow, terms = channels * kh * kw;
#pragma unroll 1
    for (Index z = blockIdx.z; z < batch * groups; z += gridDim.z) {
        const Index group = z % groups;
        const Convolution<T, Index> source = {x + z * channels * height * width, weight + group * rows * terms,
                                              terms, rows, height, width, channels, kh, kw, sh, sw, ph, pw, dh, dw,
                                              cells, ow};
#pragma unroll 1
        for (Index y = blockIdx.y; y * ROWS < rows; y += gridDim.y) {
#pragma unroll 1
            for (Index tile = blockIdx.x; tile * POSITIONS < cells; tile += gridDim.x) {
                T sum[EACH][EACH];
                tile_product<T, Index>(source, terms, y * ROWS, tile * POSITIONS, sum);
#pragma unroll
                for (int r = 0; r < EACH; r++) {
                    const Index row = y * ROWS + EACH * threadIdx.y + r;
                    if (row >= rows) continue;
                    const T add = bias[group * rows + row];
#pragma unroll
                    for (int s = 0; s < EACH; s++) {
                        const Index p = tile * POSITIONS + threadIdx.x + ACROSS * s;
                        if (p >= cells) continue;
                        const T value = sum[r][s] + add;
                        output[(z * rows + row) * cells + p] = relu && value < T(0) ? T(0) : value;
                    }
                }
            }
        }
    }
}

// One phase of one group and picture: output cells (m * sh + a - ph, l * sw + b - pw) for m >= first_m, l >= first_l.
// Kernel row u meets it where u * dh = a (mod sh): u = first_u + t * step_u, t < count_u; columns alike. Its terms are
// (c, t of rows, t of columns); from one t to the next the input row goes back by step_u * dh / sh.
template <class T, class Index>
struct Transposed {
    const T *plane, *kernels;
    Index row_step, rows, height, width, channels, kh, kw;
    Index first_u = 0, step_u = 1, count_u = 0, first_v = 0, step_v = 1, count_v = 0;
    Index first_m = 0, first_l = 0, count_m = 0, count_l = 0;
    Index begin_row = 0, back_row = 0, begin_column = 0, back_column = 0;
    Index row = 0, column = 0, place = 0, c = 0, u = 0, v = 0;

    __device__ void at_term(Index k) {
        if (count_u * count_v == 0) return;  // no terms
        v = k % count_v;
        u = k / count_v % count_u;
        c = k / count_v / count_u;
    }
    __device__ void next_slice() {
        v += SLICE;
#pragma unroll 1
        for (; v >= count_v; v -= count_v) u++;
#pragma unroll 1
        for (; u >= count_u; u -= count_u) c++;
    }
    __device__ Term<Index> term() const {
        if (c >= channels) return {height + begin_row, 0, 0, -1};  // outside for every position
        const Index down = -u * back_row, right = -v * back_column, kernel_row = first_u + u * step_u;
        return {down, right, (c * height + down) * width + right,
                (c * rows * kh + kernel_row) * kw + first_v + v * step_v};
    }
    __device__ void at_position(Index p) {
        const bool is_cell = p < count_m * count_l;
        // Beyond the last one: outside for every term.
        row = is_cell ? first_m + p / count_l - begin_row : height + count_u * back_row;
        column = is_cell ? first_l + p % count_l - begin_column : 0;
        place = row * width + column;
    }
    __device__ const T* cell_at(const Term<Index>& term) const { return plane + (place + term.place); }
    __device__ bool is_inside(const Term<Index>& term) const {
        return within(row + term.down, height) && within(column + term.right, width);
    }
};

// The kernel cells of one axis that meet phase a: the first, the step to the next, and how many.
template <class Index>
__device__ inline void phase_cells(Index a, Index size, Index s, Index d, Index* first, Index* step, Index* count) {
    *first = 0;
#pragma unroll 1
    while (*first < size && *first * d % s != a) ++*first;
    Index divisor = s, rest = d % s;
#pragma unroll 1
    while (rest) {  // Euclid: the step is s / gcd(s, d)
        const Index next = divisor % rest;
        divisor = rest;
        rest = next;
    }
    *step = s / divisor;
    *count = (size - *first + *step - 1) / *step;
}

// Block (z): a picture, group and phase (a, b) of the output; (y): 64 output channels; (x): 128 cells of that phase.
// Gathers: every output cell is summed up and written by one thread, so there are no atomics.
// Promised: grids may be smaller than the output (blocks stride); sizes are those of segalgo.conv_transpose2d.
// Instances: double, int; double, long long; float, int; float, long long
template <class T, class Index>
__launch_bounds__(THREADS) __global__ void conv_transpose2d(
    const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias, T* __restrict__ output,
    Index batch, Index groups, Index channels, Index height, Index width, Index rows, Index kh, Index kw,
    Index sh, Index sw, Index ph, Index pw, Index dh, Index dw, Index oh, Index ow) {
    // Phases that the output has: those of its first rows and columns.
    const Index row_phases = sh < oh ? sh : oh, column_phases = sw < ow ? sw : ow;
#pragma unroll 1
    for (Index z = blockIdx.z; z < batch * groups * row_phases * column_phases; z += gridDim.z) {
        const Index b = (z % column_phases + pw) % sw, a = (z / column_phases % row_phases + ph) % sh;
        const Index plane = z / (column_phases * row_phases), group = plane % groups;
        Transposed<T, Index> source = {x + plane * channels * height * width,
                                       weight + group * channels * rows * kh * kw, kh * kw, rows, height, width,
                                       channels, kh, kw};
        phase_cells(a, kh, sh, dh, &source.first_u, &source.step_u, &source.count_u);
        phase_cells(b, kw, sw, dw, &source.first_v, &source.step_v, &source.count_v);
        // m from the first output row of this phase, ceil((ph - a) / sh), to the last, floor((oh - 1 + ph - a) / sh).
        source.first_m = ph > a ? (ph - a + sh - 1) / sh : 0;
        source.first_l = pw > b ? (pw - b + sw - 1) / sw : 0;
        source.count_m = oh - 1 + ph < a ? 0 : (oh - 1 + ph - a) / sh - source.first_m + 1;
        source.count_l = ow - 1 + pw < b ? 0 : (ow - 1 + pw - b) / sw - source.first_l + 1;
        source.begin_row = (source.first_u * dh - a) / sh;
        source.begin_column = (source.first_v * dw - b) / sw;
        source.back_row = source.step_u * dh / sh;
        source.back_column = source.step_v * dw / sw;
        const Index cells = source.count_m * source.count_l;
        const Index terms = channels * source.count_u * source.count_v;
#pragma unroll 1
        for (Index y = blockIdx.y; y * ROWS < rows; y += gridDim.y) {
#pragma unroll 1
            for (Index tile = blockIdx.x; tile * POSITIONS < cells; tile += gridDim.x) {
                T sum[EACH][EACH];
                tile_product<T, Index>(source, terms, y * ROWS, tile * POSITIONS, sum);
#pragma unroll
                for (int s = 0; s < EACH; s++) {
                    const Index p = tile * POSITIONS + threadIdx.x + ACROSS * s;
                    if (p >= cells) continue;
                    const Index i = (source.first_m + p / source.count_l) * sh + a - ph;
                    const Index j = (source.first_l + p % source.count_l) * sw + b - pw;
#pragma unroll
                    for (int r = 0; r < EACH; r++) {
                        const Index row = y * ROWS + EACH * threadIdx.y + r;
                        if (row < rows)
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
    // Products with rounded reciprocals: a division of doubles is a call on a card.
    const double even = g[0] + g[2 * step], sum = (g[0] + 4 * g[2 * step]) * (1.0 / 24), odd = g[step] * (1.0 / 12);
    out[0] = g[0] * 0.25;
    out[out_step] = (even + g[step]) * (-1.0 / 6);
    out[2 * out_step] = (even - g[step]) * (-1.0 / 6);
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
template <class Index>
struct WinogradTile {
    Index n, i, j;

    __device__ WinogradTile(Index t, Index down, Index across, Index dilation) {
        const Index column = t % across, row = t / across % down, b = t / (across * down) % dilation;
        const Index a = t / (across * down * dilation) % dilation;
        n = t / (across * down * dilation * dilation);
        i = 4 * row * dilation + a;
        j = 4 * column * dilation + b;
    }
};

// One thread a (row, channel): G g G' of its 3 x 3 kernel, 36 places; in double, rounded once.
// Instances: double, int; double, long long; float, int; float, long long
template <class T, class Index>
__global__ void conv2d_winograd_weights(const T* __restrict__ weight, T* __restrict__ places, Index kernels) {
    const Index step = Index(gridDim.x) * blockDim.x;
#pragma unroll 1
    for (Index k = Index(blockIdx.x) * blockDim.x + threadIdx.x; k < kernels; k += step) {
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
// Instances: double, int; double, long long; float, int; float, long long
template <class T, class Index>
__global__ void conv2d_winograd_inputs(const T* __restrict__ x, T* __restrict__ inputs, Index all_channels,
                                       Index first_channel, Index channels, Index height, Index width,
                                       Index ph, Index pw, Index dilation, Index down,
                                       Index across, Index first_tile, Index tiles) {
    const Index step = Index(gridDim.x) * blockDim.x;
#pragma unroll 1
    for (Index k = Index(blockIdx.x) * blockDim.x + threadIdx.x; k < channels * tiles; k += step) {
        const Index c = k / tiles;
        const WinogradTile<Index> tile(first_tile + k % tiles, down, across, dilation);
        const T* plane = x + (tile.n * all_channels + first_channel + c) * height * width;
        T cells[36], half[36], whole[6];
        for (int u = 0; u < 6; u++) {
            const Index i = tile.i - ph + u * dilation;
            for (int v = 0; v < 6; v++) {
                const Index j = tile.j - pw + v * dilation;
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
template <class T, class Index>
struct WinogradPlace {
    const T *inputs, *kernels;
    Index row_step, rows, tiles;  // a step from row to row is one of channels, which are the terms
    Index is_tile = 0, k = 0;

    __device__ void at_term(Index k) { this->k = k; }
    __device__ void next_slice() { k += SLICE; }
    __device__ Term<Index> term() const {
        if (k >= row_step) return {1, 0, 0, -1};
        return {0, 0, k * tiles, k};
    }
    __device__ void at_position(Index p) {
        is_tile = p < tiles;
        inputs += p;
    }
    __device__ const T* cell_at(const Term<Index>& term) const { return inputs + term.place; }
    __device__ bool is_inside(const Term<Index>& term) const { return term.down < is_tile; }
};

// Block (z): a place; (y): 64 output channels; (x): 128 tiles. The weights of a place are `weight_step` apart.
// Instances: double, int; double, long long; float, int; float, long long
template <class T, class Index>
__launch_bounds__(THREADS) __global__ void conv2d_winograd_products(
    const T* __restrict__ weights, const T* __restrict__ inputs, T* __restrict__ products, Index weight_step,
    Index rows, Index channels, Index tiles) {
    const Index place = blockIdx.z;
    const WinogradPlace<T, Index> source = {inputs + place * channels * tiles, weights + place * weight_step, channels,
                                            rows, tiles};
#pragma unroll 1
    for (Index y = blockIdx.y; y * ROWS < rows; y += gridDim.y) {
#pragma unroll 1
        for (Index block = blockIdx.x; block * POSITIONS < tiles; block += gridDim.x) {
            T sum[EACH][EACH];
            tile_product<T, Index>(source, channels, y * ROWS, block * POSITIONS, sum);
#pragma unroll
            for (int r = 0; r < EACH; r++) {
                const Index row = y * ROWS + EACH * threadIdx.y + r;
#pragma unroll
                for (int s = 0; s < EACH; s++) {
                    const Index p = block * POSITIONS + threadIdx.x + ACROSS * s;
                    if (row < rows && p < tiles) products[(place * rows + row) * tiles + p] = sum[r][s];
                }
            }
        }
    }
}

// One thread a (row of a group, tile): A' m A of its 36 products, bias, ReLU, 16 outputs where they lie in the picture.
// Instances: double, int; double, long long; float, int; float, long long
template <class T, class Index>
__global__ void conv2d_winograd_outputs(const T* __restrict__ products, const T* __restrict__ bias,
                                        T* __restrict__ output, Index all_rows, Index first_row,
                                        Index rows, Index oh, Index ow, Index dilation, Index down,
                                        Index across, Index first_tile, Index tiles, int relu) {
    const Index step = Index(gridDim.x) * blockDim.x;
#pragma unroll 1
    for (Index k = Index(blockIdx.x) * blockDim.x + threadIdx.x; k < rows * tiles; k += step) {
        const Index row = first_row + k / tiles;
        const WinogradTile<Index> tile(first_tile + k % tiles, down, across, dilation);
        T places[36], half[24], whole[4];
        for (int place = 0; place < PLACES; place++) places[place] = products[place * rows * tiles + k];
        for (int v = 0; v < 6; v++) winograd_output_line(places + v, 6, half + v, 6);
        for (int u = 0; u < 4; u++) {
            winograd_output_line(half + 6 * u, 1, whole, 1);
            for (int v = 0; v < 4; v++) {
                const Index i = tile.i + u * dilation, j = tile.j + v * dilation;
                if (i >= oh || j >= ow) continue;
                const T value = whole[v] + bias[row];
                output[((tile.n * all_rows + row) * oh + i) * ow + j] = relu && value < T(0) ? T(0) : value;
            }
        }
    }
}
