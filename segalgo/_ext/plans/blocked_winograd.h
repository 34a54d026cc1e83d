/* Winograd's F(4x4, 3x3) on activations in channel blocks (blocked_vectors.h), stride 1, any dilation.
 *
 * output = A'((G g G') * (B' d B))A for tiles of 4 x 4 outputs (A. Lavin, S. Gray, "Fast Algorithms for Convolutional
 * Neural Networks", CVPR 2016): the 36 places of a transformed tile are 36 independent products of matrices. One
 * vector holds one place of one tile for LANES channels, so the transforms are plain vector code on whole cells.
 *
 * Tiles are counted through the batch in row order. Two ways through a layer:
 *
 *   few channels: a unit of work takes some tiles through all three steps, in scratch that stays in the second-level
 *   cache; the weights (small) were transformed beforehand;
 *   many channels: the inputs of a stretch of tiles are transformed once for all threads; then a unit of work takes
 *   NV blocks of output channels, transforms their weights as it goes (a few percent of the products, and a quarter of
 *   the memory) and keeps its products in the second-level cache until they are transformed back.
 */
#ifndef SEGALGO_BLOCKED_WINOGRAD_H
#define SEGALGO_BLOCKED_WINOGRAD_H

#include "plans/blocked_pooling.h"
#include "plans/blocked_product.h"

typedef struct {
    int64_t in_blocks, height, width, top, left; /* row i of the padded picture is row i - top of the picture */
    int64_t dh, dw;                              /* dilation */
    const float* const* planes;                  /* [picture][block] of the input */
    int64_t out_blocks, oh, ow;
    float* out;              /* (N, out_blocks, oh, ow, LANES), or null where only the pooling is wanted */
    float* pooled;           /* (N, out_blocks, ph, pw, LANES), or null: maxima of 2 x 2, of what there is at the ends */
    signed char* winner;     /* of the same shape, or null: 2 * row + column of the maximum in its window */
    int64_t ph, pw;
    const float *weight, *bias;
    Epilogue end;
    int64_t tiles_h, tiles_w; /* of one remainder of one picture */
} WinogradLayer;

/* A dilated kernel joins rows and columns of one remainder modulo the dilation: these are pictures of their own. Tile
 * rows are counted through the remainders. */
typedef struct { int64_t picture, i, j; } Tile;

static inline Tile tile_at(const WinogradLayer* g, int64_t tile) {
    const int64_t rows = g->dh * g->tiles_h, columns = g->dw * g->tiles_w;
    const Tile found = {tile / (rows * columns), tile / columns % rows, tile % columns};
    return found;
}

/* The first output row of a tile row, or column of a tile column: `tiles` of a remainder, `dilation` remainders. */
static inline int64_t tile_first(int64_t tile, int64_t tiles, int64_t dilation) {
    return tile / tiles + dilation * 4 * (tile % tiles);
}

static inline void next_tile(const WinogradLayer* g, Tile* t) {
    if (++t->j < g->dw * g->tiles_w) return;
    t->j = 0;
    if (++t->i < g->dh * g->tiles_h) return;
    t->i = 0;
    t->picture++;
}

FUSED_FILE_BEGIN

/* B' applied to six vectors. */
static inline __attribute__((always_inline)) void blocked_input(const vector_float* d, vector_float* out, int step) {
    FUSED_BEGIN
    const vector_float p = d[4] - 4.0f * d[2], q = d[3] - 4.0f * d[1], r = d[4] - d[2], s = d[3] - d[1];
    out[0] = 4.0f * d[0] + (d[4] - 5.0f * d[2]);
    out[step] = p + q;
    out[2 * step] = p - q;
    out[3 * step] = r + 2.0f * s;
    out[4 * step] = r - 2.0f * s;
    out[5 * step] = 4.0f * d[1] + (d[5] - 5.0f * d[3]);
}

/* A' applied to six vectors: four. */
static inline __attribute__((always_inline)) void blocked_output(const vector_float* m, vector_float* out, int step) {
    FUSED_BEGIN
    const vector_float p = m[1] + m[2], q = m[1] - m[2], r = m[3] + m[4], s = m[3] - m[4];
    out[0] = m[0] + p + r;
    out[step] = 2.0f * s + q;
    out[2 * step] = 4.0f * r + p;
    out[3 * step] = 8.0f * s + q + m[5];
}

/* G applied to three vectors: six. */
static inline __attribute__((always_inline)) void blocked_weight(const vector_float* g, vector_float* out, int step) {
    FUSED_BEGIN
    const vector_float ends = g[0] + g[2], far = g[0] + 4.0f * g[2];
    out[0] = g[0] * (1.0f / 4);
    out[step] = (ends + g[1]) * (-1.0f / 6);
    out[2 * step] = (ends - g[1]) * (-1.0f / 6);
    out[3 * step] = (far + 2.0f * g[1]) * (1.0f / 24);
    out[4 * step] = (far - 2.0f * g[1]) * (1.0f / 24);
    out[5 * step] = g[2];
}

/* B' d B of one tile and block: window points at its first cell, rows `pitch` floats apart, columns `step`. */
static void blocked_input_tile(const float* window, int64_t pitch, int64_t step, float* target, int64_t place_pitch) {
    vector_float half[36];
    for (int v = 0; v < 6; v++) {
        vector_float cell[6];
        _Pragma("GCC unroll 6") for (int u = 0; u < 6; u++)
            cell[u] = *(const vector_float*)(window + u * pitch + v * step);
        blocked_input(cell, half + v, 6);
    }
    for (int u = 0; u < 6; u++) {
        vector_float whole[6];
        blocked_input(half + 6 * u, whole, 1);
        _Pragma("GCC unroll 6") for (int v = 0; v < 6; v++)
            *(vector_float*)(target + (6 * u + v) * place_pitch) = whole[v];
    }
}

/* A' m A of one tile and block, bias and ReLU: 4 x 4 cells. */
static void blocked_output_tile(const float* product, int64_t place_pitch, const float* bias, int64_t relu,
                                vector_float* cell) {
    vector_float half[24];
    const vector_float offset = *(const vector_float*)bias;
    for (int v = 0; v < 6; v++) {
        vector_float sum[6];
        _Pragma("GCC unroll 6") for (int u = 0; u < 6; u++)
            sum[u] = *(const vector_float*)(product + (6 * u + v) * place_pitch);
        blocked_output(sum, half + v, 6);
    }
    for (int a = 0; a < 4; a++) {
        vector_float whole[4];
        blocked_output(half + 6 * a, whole, 1);
        _Pragma("GCC unroll 4") for (int b = 0; b < 4; b++) {
            const vector_float last = whole[b] + offset;
            cell[4 * a + b] = relu ? blocked_rectified(last) : last;
        }
    }
}

/* G g G' of one input channel and NV blocks of output channels: from [tap][NV * LANES]. */
static void blocked_weight_channel(const float* kernel, int64_t vectors, float* target, int64_t place_pitch) {
    for (int64_t s = 0; s < vectors; s++) {
        vector_float half[18];
        for (int v = 0; v < 3; v++) {
            vector_float tap[3];
            _Pragma("GCC unroll 3") for (int u = 0; u < 3; u++)
                tap[u] = *(const vector_float*)(kernel + ((3 * u + v) * vectors + s) * LANES);
            blocked_weight(tap, half + v, 3);
        }
        for (int u = 0; u < 6; u++) {
            vector_float whole[6];
            blocked_weight(half + 3 * u, whole, 1);
            _Pragma("GCC unroll 6") for (int v = 0; v < 6; v++)
                *(vector_float*)(target + (6 * u + v) * place_pitch + s * LANES) = whole[v];
        }
    }
}

FUSED_FILE_END

/* Transformed inputs of tiles [first, last) and blocks [from, to): [place][block][tile][LANES], `room` tiles a block. */
static void winograd_inputs(const WinogradLayer* g, int64_t first, int64_t last, int64_t from, int64_t to, int64_t room,
                            float* target, int64_t place_pitch) {
    const int64_t pitch = g->dh * g->width * LANES, step = g->dw * LANES;
    for (int64_t block = from; block < to; block++) {
        Tile t = tile_at(g, first);
        for (int64_t tile = first; tile < last; tile++, next_tile(g, &t)) {
            const float* plane = g->planes[t.picture * g->in_blocks + block];
            const int64_t i = tile_first(t.i, g->tiles_h, g->dh) - g->top;
            const int64_t j = tile_first(t.j, g->tiles_w, g->dw) - g->left;
            float* into = target + (block * room + tile - first) * LANES;
            const float* first = plane + (i * g->width + j) * LANES;
            if (i >= 0 && j >= 0 && i + 5 * g->dh < g->height && j + 5 * g->dw < g->width) {
                blocked_input_tile(first, pitch, step, into, place_pitch);
                continue;
            }
            vector_float window[36] = {{0}};
            const int64_t rows = blocked_least(6, blocked_up(g->height - i, g->dh));
            const int64_t columns = blocked_least(6, blocked_up(g->width - j, g->dw));
            for (int64_t u = blocked_most(0, blocked_up(-i, g->dh)); u < rows; u++) {
                for (int64_t v = blocked_most(0, blocked_up(-j, g->dw)); v < columns; v++)
                    window[6 * u + v] = *(const vector_float*)(first + u * pitch + v * step);
            }
            blocked_input_tile((const float*)window, 6 * LANES, LANES, into, place_pitch);
        }
    }
}

/* The epilogue of a tile, whose first cell lies at `at` in the output: rows x columns of 4 x 4 cells. */
static void winograd_finish(const WinogradLayer* g, int64_t block, int64_t at, int64_t rows, int64_t columns,
                            vector_float* cell) {
    for (int64_t a = 0; a < rows; a++) {
        const float* added = g->end.added ? g->end.added + at + a * g->dh * g->ow * LANES : 0;
        if (!added || g->dw == 1) {
            blocked_finish(&g->end, block * LANES, added, (float*)(cell + 4 * a), columns, LANES);
            continue;
        }
        for (int64_t b = 0; b < columns; b++)
            blocked_finish(&g->end, block * LANES, added + b * g->dw * LANES, (float*)(cell + 4 * a + b), 1, LANES);
    }
}

/* Outputs of tiles [first, last) and blocks [from, to) from products [place][block - from][tile][LANES]. */
static void winograd_outputs(const WinogradLayer* g, int64_t first, int64_t last, int64_t from, int64_t to, int64_t room,
                             const float* products, int64_t place_pitch) {
    const int64_t relu = g->end.activation == RELU && !g->end.added, finish = blocked_unfinished(&g->end);
    for (int64_t block = from; block < to; block++) {
        Tile t = tile_at(g, first);
        for (int64_t tile = first; tile < last; tile++, next_tile(g, &t)) {
            vector_float cell[16];
            blocked_output_tile(products + ((block - from) * room + tile - first) * LANES, place_pitch,
                                g->bias + block * LANES, relu, cell);
            const int64_t plane = t.picture * g->out_blocks + block;
            const int64_t i = tile_first(t.i, g->tiles_h, g->dh), j = tile_first(t.j, g->tiles_w, g->dw);
            const int64_t rows = blocked_least(4, blocked_up(g->oh - i, g->dh));
            const int64_t columns = blocked_least(4, blocked_up(g->ow - j, g->dw));
            const int64_t at = ((plane * g->oh + i) * g->ow + j) * LANES;
            if (rows <= 0 || columns <= 0) continue; /* remainders have not all as many tiles */
            if (finish) winograd_finish(g, block, at, rows, columns, cell);
            if (g->out && (g->dh > 1 || g->dw > 1)) {
                for (int64_t a = 0; a < rows; a++)
                    for (int64_t b = 0; b < columns; b++)
                        *(vector_float*)(g->out + at + (a * g->dh * g->ow + b * g->dw) * LANES) = cell[4 * a + b];
            } else if (g->out) {
                float* target = g->out + at;
                if (rows == 4 && columns == 4) {
                    for (int a = 0; a < 4; a++) {
                        _Pragma("GCC unroll 4") for (int b = 0; b < 4; b++)
                            *(vector_float*)(target + (a * g->ow + b) * LANES) = cell[4 * a + b];
                    }
                } else {
                    for (int64_t a = 0; a < rows; a++)
                        for (int64_t b = 0; b < columns; b++)
                            *(vector_float*)(target + (a * g->ow + b) * LANES) = cell[4 * a + b];
                }
            }
            if (!g->pooled) continue;
            for (int64_t a = 0; a < 2 && 2 * t.i + a < g->ph; a++) {
                for (int64_t b = 0; b < 2 && 2 * t.j + b < g->pw; b++) {
                    const int64_t at = ((plane * g->ph + 2 * t.i + a) * g->pw + 2 * t.j + b) * LANES;
                    *(vector_float*)(g->pooled + at) =
                        blocked_maximum(cell + 8 * a + 2 * b, 4, blocked_least(2, rows - 2 * a),
                                        blocked_least(2, columns - 2 * b), g->winner ? g->winner + at : 0);
                }
            }
        }
    }
}

/* products += inputs * weights for one place and NV blocks of outputs, over `blocks` blocks of inputs.
 * inputs [block][tile][LANES], weights [channel][NV * LANES], products [vector][tile][LANES]. */
static void winograd_place(int64_t blocks, const int64_t* offset, int64_t vectors, int64_t tiles, int64_t room,
                           const float* inputs, const float* weight, float* products, int64_t more) {
    static const float zero[16] = {0};
    const Product p = {blocks, offset, more ? LANES : 0, more ? room * LANES : 0, LANES, room * LANES, 0};
    const int64_t groups = (tiles + MOST_CELLS - 1) / MOST_CELLS;
    for (int64_t k = 0; k < groups; k++) {
        const int64_t tile = tiles * k / groups, cells = tiles * (k + 1) / groups - tile;
        blocked_kernels[vectors][cells](&p, inputs + tile * LANES, weight, more ? products + tile * LANES : zero,
                                        products + tile * LANES);
    }
}

/* Floats from place to place: whole vectors, an odd number of them, so that places spread over the cache. */
static inline int64_t winograd_pitch(int64_t blocks, int64_t room) { return ((blocks * room) | 1) * LANES; }

/* One unit of the way for few channels: tiles [first, last), everything. offset[b] = b * room * LANES.
 * weight: [panel][place][channel][NV * LANES]. Scratch: 36 pitches of inputs, 36 of products. */
static void winograd_few(const WinogradLayer* g, const int64_t* offset, int64_t room, int64_t first, int64_t last,
                         float* scratch) {
    const int64_t in_pitch = winograd_pitch(g->in_blocks, room), out_pitch = winograd_pitch(g->out_blocks, room);
    const int64_t channels = g->in_blocks * LANES;
    float* products = scratch + 36 * in_pitch;
    winograd_inputs(g, first, last, 0, g->in_blocks, room, scratch, in_pitch);
    for (int64_t place = 0; place < 36; place++) {
        for (int64_t block = 0; block < g->out_blocks; block += 2) {
            const int64_t vectors = blocked_least(2, g->out_blocks - block);
            winograd_place(g->in_blocks, offset, vectors, last - first, room, scratch + place * in_pitch,
                           g->weight + (36 * block + place * vectors) * channels * LANES,
                           products + place * out_pitch + block * room * LANES, 0);
        }
    }
    winograd_outputs(g, first, last, 0, g->out_blocks, room, products, out_pitch);
}

/* One unit of the way for many channels: output blocks from `block` on, tiles [first, last), whose transformed inputs
 * are there. weight: [panel][channel][tap][NV * LANES]; `part` input blocks' weights are transformed at a time.
 * Scratch: 36 * part * LANES * NV * LANES weights, and 36 pitches of products. */
static void winograd_many(const WinogradLayer* g, const int64_t* offset, int64_t room, int64_t first, int64_t last,
                          int64_t block, int64_t part, const float* inputs, float* scratch) {
    const int64_t vectors = blocked_least(2, g->out_blocks - block), channels = g->in_blocks * LANES;
    const int64_t in_pitch = winograd_pitch(g->in_blocks, room), out_pitch = winograd_pitch(vectors, room);
    const int64_t weight_pitch = (part * LANES * vectors + 1) * LANES;
    float* products = scratch + 36 * (part * LANES * 2 + 1) * LANES;
    const float* weight = g->weight + 9 * block * channels * LANES;
    for (int64_t from = 0; from < g->in_blocks; from += part) {
        const int64_t blocks = blocked_least(part, g->in_blocks - from);
        for (int64_t c = 0; c < blocks * LANES; c++)
            blocked_weight_channel(weight + (from * LANES + c) * 9 * vectors * LANES, vectors,
                                   scratch + c * vectors * LANES, weight_pitch);
        for (int64_t place = 0; place < 36; place++)
            winograd_place(blocks, offset + from, vectors, last - first, room, inputs + place * in_pitch,
                           scratch + place * weight_pitch, products + place * out_pitch, from > 0);
    }
    winograd_outputs(g, first, last, block, block + vectors, room, products, out_pitch);
}

/* Weights (K, C, 3, 3), both whole blocks, to [panel][channel][tap][NV * LANES]. */
static void winograd_order_weights(const float* weight, int64_t out_blocks, int64_t channels, int64_t block,
                                   float* target) {
    const int64_t vectors = blocked_least(2, out_blocks - block);
    target += 9 * block * channels * LANES;
    for (int64_t c = 0; c < channels; c++)
        for (int64_t tap = 0; tap < 9; tap++)
            for (int64_t k = 0; k < vectors * LANES; k++, target++)
                *target = weight[((block * LANES + k) * channels + c) * 9 + tap];
}

/* The same, transformed: from the order above to [panel][place][channel][NV * LANES]. */
static void winograd_transform_weights(const float* ordered, int64_t out_blocks, int64_t channels, int64_t block,
                                       float* target) {
    const int64_t vectors = blocked_least(2, out_blocks - block);
    for (int64_t c = 0; c < channels; c++)
        blocked_weight_channel(ordered + (9 * block * channels + c * 9 * vectors) * LANES, vectors,
                               target + (36 * block * channels + c * vectors) * LANES, channels * vectors * LANES);
}

#endif
