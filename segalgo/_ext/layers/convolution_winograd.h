/* Winograd's F(4x4, 3x3) for one element type; read through convolution.h, once for each REAL.
 *
 * A tile of 4 x 4 outputs needs 6 x 6 inputs d. With the matrices below, output = A'((G g G') * (B' d B))A, where * is
 * elementwise: 36 products a channel instead of 144 (A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural
 * Networks", CVPR 2016). The 36 places are 36 independent products of matrices, [rows, channels] times [channels,
 * tiles], and run through the register tile of convolution_direct.h. Lanes of a vector are neighbouring tiles, which
 * lie side by side because the buffer is split into phases of 4; a dilation d makes d * d interleaved pictures.
 *
 * Error: the entries of A, B, G amplify rounding; the bound and its constant are in verify/bounds.py.
 */
#define NAME(word) JOIN(word, REAL)
#define VECTOR JOIN(vector, REAL)
#define LANES ((int64_t)(VECTOR_BYTES / sizeof(REAL)))

FUSED_FILE_BEGIN

/* B' of Lavin and Gray, applied to six vectors `step` apart. */
static inline void NAME(winograd_input)(const VECTOR* in, int step, VECTOR* out, int out_step) {
    FUSED_BEGIN
    const VECTOR d0 = in[0], d1 = in[step], d2 = in[2 * step], d3 = in[3 * step], d4 = in[4 * step], d5 = in[5 * step];
    const VECTOR p = d4 - (REAL)4 * d2, q = d3 - (REAL)4 * d1, r = d4 - d2, s = d3 - d1;
    out[0] = (REAL)4 * d0 + (d4 - (REAL)5 * d2);
    out[out_step] = p + q;
    out[2 * out_step] = p - q;
    out[3 * out_step] = r + (REAL)2 * s;
    out[4 * out_step] = r - (REAL)2 * s;
    out[5 * out_step] = (REAL)4 * d1 + (d5 - (REAL)5 * d3);
}

/* A' of the same: six sums to four outputs. */
static inline void NAME(winograd_output)(const VECTOR* in, int step, VECTOR* out, int out_step) {
    FUSED_BEGIN
    const VECTOR p = in[step] + in[2 * step], q = in[step] - in[2 * step];
    const VECTOR r = in[3 * step] + in[4 * step], s = in[3 * step] - in[4 * step];
    out[0] = in[0] + p + r;
    out[out_step] = (REAL)2 * s + q;
    out[2 * out_step] = (REAL)4 * r + p;
    out[3 * out_step] = (REAL)8 * s + q + in[5 * step];
}

/* B' d B of LANES neighbouring tiles: cell (u, v) of them lies in plane (u % 4, v), moved by u / 4 rows. */
static void NAME(winograd_input_tiles)(const REAL* buffer, int64_t plane, int64_t pitch, REAL* target,
                                       int64_t place_pitch) {
    VECTOR cell[6], half[36], whole[6];
    for (int v = 0; v < 6; v++) {
        const REAL* column = buffer + v * plane;
        _Pragma("GCC unroll 6") for (int u = 0; u < 6; u++)
            cell[u] = *(const VECTOR*)(column + u % 4 * 6 * plane + u / 4 * pitch);
        NAME(winograd_input)(cell, 1, half + v, 6);
    }
    for (int u = 0; u < 6; u++) {
        NAME(winograd_input)(half + 6 * u, 1, whole, 1);
        _Pragma("GCC unroll 6") for (int v = 0; v < 6; v++)
            *(VECTOR*)(target + (6 * u + v) * place_pitch) = whole[v];
    }
}

/* A' m A of LANES tiles, and the last step: 16 outputs (a, b), LANES of each together. */
static void NAME(winograd_output_tiles)(const REAL* product, int64_t place_pitch, REAL bias, int64_t relu,
                                        REAL* target) {
    VECTOR sum[6], half[24], whole[4];
    for (int v = 0; v < 6; v++) {
        _Pragma("GCC unroll 6") for (int u = 0; u < 6; u++)
            sum[u] = *(const VECTOR*)(product + (6 * u + v) * place_pitch);
        NAME(winograd_output)(sum, 1, half + v, 6);
    }
    for (int a = 0; a < 4; a++) {
        NAME(winograd_output)(half + 6 * a, 1, whole, 1);
        _Pragma("GCC unroll 4") for (int b = 0; b < 4; b++) {
            const VECTOR last = whole[b] + bias;
            *(VECTOR*)(target + (4 * a + b) * LANES) = relu ? NAME(rectified)(last) : last;
        }
    }
}

FUSED_FILE_END

/* One unit of work: a block of tiles of one picture, group and residue (of the dilation), all output channels.
 * g's positions are tiles of the largest residue; steps are 4 * dilation. Scratch, in this order: transformed inputs
 * [place][vector pair][channel][2 * LANES], products [place][vector pair][row][2 * LANES], 16 vectors of outputs, the
 * buffer of one channel with its slack, and a line of 4 * pitch cells. offset[c] = c * 2 * LANES. */
static void NAME(winograd_unit)(const Geometry* g, const Rows* r, int64_t dilation, int64_t block_vectors,
                                const REAL* x, REAL* out, REAL* scratch, int64_t unit) {
    const int64_t tiles_w = divide_up(g->grid_w, g->tile_w), tiles_h = divide_up(g->grid_h, g->tile_h);
    const int64_t tile = unit % (tiles_h * tiles_w);
    const int64_t residue = unit / (tiles_h * tiles_w) % (dilation * dilation);
    const int64_t plane_group = unit / (tiles_h * tiles_w) / (dilation * dilation), group = plane_group % g->groups;
    const int64_t row_residue = residue / dilation, column_residue = residue % dilation;
    const int64_t i0 = tile / tiles_w * g->tile_h, j0 = tile % tiles_w * g->tile_w;
    /* Tiles of this residue with an output in them. */
    const int64_t grid_h = divide_up(divide_up(g->oh - row_residue, dilation), 4);
    const int64_t grid_w = divide_up(divide_up(g->ow - column_residue, dilation), 4);
    const int64_t rows = least(g->tile_h, grid_h - i0), columns = least(g->tile_w, grid_w - j0);
    if (rows <= 0 || columns <= 0) return;

    Geometry local = *g;
    local.top -= row_residue;
    local.left -= column_residue;
    const int64_t width = 2 * LANES, channels = g->channels, outs = g->out_channels;
    const int64_t input_pitch = block_vectors * LANES * channels + LANES;
    const int64_t product_pitch = block_vectors * LANES * outs + LANES;
    REAL* inputs = scratch;
    REAL* products = inputs + 36 * input_pitch;
    REAL* outputs = products + 36 * product_pitch;
    REAL* buffer = outputs + 16 * LANES;
    REAL* line = buffer + 24 * g->plane + g->pitch + width;
    const REAL* pictures = x + plane_group * channels * g->height * g->width;
    REAL* planes = out + plane_group * outs * g->oh * g->ow;

    const REAL zero[MOST_ROWS] = {0};

    /* Vector s holds positions s * LANES and on, over row ends. */
    const int64_t vectors = divide_up((rows - 1) * g->pitch + columns, LANES), pairs = divide_up(vectors, 2);

    memset(buffer + 24 * g->plane, 0, (size_t)(g->pitch + width) * sizeof(REAL));
    for (int64_t c = 0; c < channels; c++) {
        NAME(copy_phases)(&local, pictures + c * g->height * g->width, buffer, i0, j0, rows + 1, columns, line);
        for (int64_t s = 0; s < 2 * pairs; s++)
            NAME(winograd_input_tiles)(buffer + s * LANES, g->plane, g->pitch,
                                       inputs + (s / 2 * channels + c) * width + s % 2 * LANES, input_pitch);
    }
    const REAL* weight = (const REAL*)r->weight + group * r->weight_of_group;
    const REAL* bias = (const REAL*)r->bias + group * outs;
    for (int64_t place = 0; place < 36; place++, weight += outs * channels) {
        for (int64_t pair = 0; pair < pairs; pair++) {
            const REAL* source = inputs + place * input_pitch + pair * channels * width;
            REAL* target = products + place * product_pitch + pair * outs * width;
            for (int64_t panel = 0; panel < r->chunks; panel++) {
                const int64_t row = r->panel_row[panel];
                NAME(kernels)[r->panel_row[panel + 1] - row](channels, weight + row * channels, source, r->offset,
                                                             zero, 0, target + row * width, width);
            }
        }
    }
    const int64_t height = divide_up(g->oh - row_residue, dilation), wide = divide_up(g->ow - column_residue, dilation);
    for (int64_t s = 0; s < vectors; s++) {
        /* The runs of this vector's tiles: from a lane on, so many cells of the rows row .. row + 3 of this residue. */
        struct { int64_t lane, cells, row, column; } run[VECTOR_BYTES / sizeof(REAL)];
        int64_t runs = 0;
        for (int64_t lane = 0, length; lane < LANES && (s * LANES + lane) / g->pitch < rows; lane += length) {
            const int64_t i = (s * LANES + lane) / g->pitch, j = (s * LANES + lane) % g->pitch;
            length = least(LANES - lane, g->pitch - j);
            run[runs].lane = lane;
            run[runs].cells = most(least(4 * length, wide - 4 * (j0 + j)), 0);
            run[runs].row = 4 * (i0 + i);
            run[runs++].column = 4 * (j0 + j);
        }
        const int whole = dilation == 1 && run[0].cells == 4 * LANES && run[0].row + 4 <= height;
        const REAL* product = products + s / 2 * outs * width + s % 2 * LANES;
        for (int64_t channel = 0; channel < outs; channel++) {
            REAL* plane = planes + channel * g->oh * g->ow + row_residue * g->ow + column_residue;
            NAME(winograd_output_tiles)(product + channel * width, product_pitch, bias[channel], g->relu, outputs);
            for (int64_t a = 0; a < 4; a++) {
                REAL cells[4 * VECTOR_BYTES / sizeof(REAL)];
                REAL* target = plane + (run[0].row + a) * g->ow + run[0].column;
                NAME(interleave_4)(outputs + 4 * a * LANES, LANES, whole ? target : cells, LANES);
                for (int64_t k = 0; k < runs && !whole; k++) {
                    if (run[k].row + a >= height) continue;
                    target = plane + ((run[k].row + a) * g->ow + run[k].column) * dilation;
                    const REAL* source = cells + 4 * run[k].lane;
                    if (dilation == 1)
                        memcpy(target, source, (size_t)run[k].cells * sizeof(REAL));
                    else
                        for (int64_t j = 0; j < run[k].cells; j++) target[j * dilation] = source[j];
                }
            }
        }
    }
}

/* G g G' of rows [first, last) of one group, packed [place][channel][row of the panel]; in double, rounded once.
 * place_pitch: rows * channels of the group. Places lie far apart, often by a power of two, which a cache holds badly:
 * so the places of some channels are collected nearby and copied in runs. */
static void NAME(winograd_pack_panel)(const REAL* weight, int64_t channels, int64_t first, int64_t last,
                                      int64_t place_pitch, REAL* packed) {
    enum { BLOCK = 16, CHANNELS = 16 }; /* rows at once, more than MOST_ROWS; channels at once */
    const int64_t rows = last - first;
    double cell[9][BLOCK] = {{0}}, half[18][BLOCK];
    REAL near[36][CHANNELS * BLOCK];
    packed += first * channels;
    for (int64_t c0 = 0; c0 < channels; c0 += CHANNELS) {
        const int64_t count = least(CHANNELS, channels - c0);
        for (int64_t c = 0; c < count; c++) {
            for (int64_t r = 0; r < rows; r++) {
                const REAL* kernel = weight + ((first + r) * channels + c0 + c) * 9;
                for (int k = 0; k < 9; k++) cell[k][r] = kernel[k];
            }
            for (int v = 0; v < 3; v++) {
                for (int r = 0; r < BLOCK; r++) {
                    const double ends = cell[v][r] + cell[6 + v][r], middle = cell[3 + v][r];
                    const double far = cell[v][r] + 4 * cell[6 + v][r];
                    half[v][r] = cell[v][r] * (1.0 / 4);
                    half[3 + v][r] = (ends + middle) * (-1.0 / 6);
                    half[6 + v][r] = (ends - middle) * (-1.0 / 6);
                    half[9 + v][r] = (far + 2 * middle) * (1.0 / 24);
                    half[12 + v][r] = (far - 2 * middle) * (1.0 / 24);
                    half[15 + v][r] = cell[6 + v][r];
                }
            }
            /* The last rows of a block may reach into the next channel's, which overwrites them. */
#define G(u) row[(u) * BLOCK + r]
#define PLACE(v, value) \
    for (int r = 0; r < BLOCK; r++) near[6 * u + (v)][c * rows + r] = (REAL)(value);
            for (int u = 0; u < 6; u++) {
                const double* row = half[3 * u];
                PLACE(0, G(0) * (1.0 / 4))
                PLACE(1, (G(0) + G(2) + G(1)) * (-1.0 / 6))
                PLACE(2, (G(0) + G(2) - G(1)) * (-1.0 / 6))
                PLACE(3, (G(0) + 4 * G(2) + 2 * G(1)) * (1.0 / 24))
                PLACE(4, (G(0) + 4 * G(2) - 2 * G(1)) * (1.0 / 24))
                PLACE(5, G(2))
            }
#undef G
#undef PLACE
        }
        for (int place = 0; place < 36; place++)
            memcpy(packed + place * place_pitch + c0 * rows, near[place], (size_t)(count * rows) * sizeof(REAL));
    }
}

#undef NAME
#undef VECTOR
#undef LANES
