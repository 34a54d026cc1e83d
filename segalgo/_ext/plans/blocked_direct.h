/* Direct convolution on activations in channel blocks (blocked_vectors.h): any kernel, stride, dilation and border; one
 * phase of a transposed convolution; and the network's first layer, which reads plain planes.
 *
 * Positions (i, j) are output cells; they read the input from row sh * i - top on. Unless a kernel is 1 x 1 without
 * stride and border, a tile of the input is copied with its zeros into scratch, the columns of one remainder modulo the
 * stride side by side; then every kernel cell is one constant offset, and neighbours read neighbours. The weights of a
 * panel, NV vectors of outputs, run over all positions of the tile.
 *
 * A transposed convolution of stride s is s * s convolutions of stride 1, each of which writes every s-th row and
 * column. For kernel 2 and stride 2 a panel is one row of the kernel and its two columns instead: two vectors that lie
 * side by side in the output.
 */
#ifndef SEGALGO_BLOCKED_DIRECT_H
#define SEGALGO_BLOCKED_DIRECT_H

#include "plans/blocked_product.h"

typedef struct {
    int64_t in_blocks, height, width, top, left, sh, sw;
    int64_t copied; /* whether tiles are copied */
    int64_t planar; /* whether planes hold one channel each instead of LANES */
    const float* const* planes;   /* [picture][block] */
    int64_t grid_h, grid_w, tile_h, tile_w;
    int64_t high, wide;           /* rows of a copied tile, columns of one remainder */
    int64_t remainders;           /* of columns modulo sw that some kernel cell reads */
    const int64_t* remainder;
    const int64_t* row_read;      /* whether some kernel cell reads rows of this remainder modulo sh */
    int64_t terms;                /* in_blocks times kernel cells */
    const int64_t* offset;        /* of each, in a copied tile */
    int64_t panels;
    const int64_t *panel_vectors, *panel_weight, *panel_out, *panel_bias; /* what each panel has, and where */
    float* out;
    int64_t out_picture, row_step, cell_step, block_step, start_block; /* steps in the output, and of the bias */
    float* logits;                /* (N, channels, logits_h, logits_w) instead of out, or null */
    int64_t channels, logits_plane, logits_first, logits_row, logits_cell;
    const float *weight, *bias;
    Epilogue end;
} DirectLayer;

/* Columns j0 * sw - left + remainder + sw * [0, wide) of one row, zeros outside. `lanes` floats a cell. */
static void direct_copy_row(const DirectLayer* g, const float* row, int64_t first, int64_t lanes, float* target) {
    const int64_t from = blocked_least(blocked_most(blocked_up(-first, g->sw), 0), g->wide);
    const int64_t to = blocked_most(blocked_least(blocked_up(g->width - first, g->sw), g->wide), from);
    memset(target, 0, (size_t)(from * lanes) * sizeof(float));
    memset(target + to * lanes, 0, (size_t)((g->wide - to) * lanes) * sizeof(float));
    const float* source = row + (first + from * g->sw) * lanes;
    target += from * lanes;
    if (g->sw == 1) {
        memcpy(target, source, (size_t)((to - from) * lanes) * sizeof(float));
    } else if (lanes == 1) {
        for (int64_t k = 0; k < to - from; k++) target[k] = source[k * g->sw];
    } else {
        for (int64_t k = 0; k < to - from; k++)
            *(vector_float*)(target + k * LANES) = *(const vector_float*)(source + k * g->sw * LANES);
    }
}

/* The tile of one plane that begins with what output cell (i0, j0) reads. */
static void direct_copy(const DirectLayer* g, const float* plane, int64_t i0, int64_t j0, int64_t lanes,
                        float* target) {
    for (int64_t u = 0; u < g->high; u++) {
        const int64_t i = i0 * g->sh + u - g->top;
        if (!g->row_read[u % g->sh]) {
            target += g->remainders * g->wide * lanes;
            continue;
        }
        for (int64_t k = 0; k < g->remainders; k++, target += g->wide * lanes) {
            if (i < 0 || i >= g->height)
                memset(target, 0, (size_t)(g->wide * lanes) * sizeof(float));
            else
                direct_copy_row(g, plane + i * g->width * lanes, j0 * g->sw - g->left + g->remainder[k], lanes, target);
        }
    }
}

/* One unit of work: a tile of positions of one picture, all panels. Scratch: `terms` offsets (as int64), the tile. */
static void blocked_direct(const DirectLayer* g, float* scratch, int64_t unit) {
    const int64_t tiles_w = (g->grid_w + g->tile_w - 1) / g->tile_w, tiles_h = (g->grid_h + g->tile_h - 1) / g->tile_h;
    const int64_t picture = unit / (tiles_h * tiles_w), lanes = g->planar ? 1 : LANES;
    const int64_t i0 = unit / tiles_w % tiles_h * g->tile_h, j0 = unit % tiles_w * g->tile_w;
    const int64_t rows = blocked_least(g->tile_h, g->grid_h - i0), columns = blocked_least(g->tile_w, g->grid_w - j0);
    const float* const* planes = g->planes + picture * g->in_blocks;
    const int64_t relu = g->end.activation == RELU && !g->end.added, finish = blocked_unfinished(&g->end);
    Product p = {g->terms, g->offset, 0, g->start_block, g->cell_step, g->block_step, relu};
    const float* source = planes[0] + (i0 * g->width + j0) * lanes;
    int64_t pitch = g->width * lanes;
    if (g->copied) {
        pitch = g->remainders * g->wide * lanes;
        for (int64_t block = 0; block < g->in_blocks; block++)
            direct_copy(g, planes[block], i0, j0, lanes, scratch + block * g->high * pitch);
        source = scratch;
        pitch *= g->sh;
    } else {
        int64_t* offset = (int64_t*)scratch;
        for (int64_t block = 0; block < g->in_blocks; block++) offset[block] = planes[block] - planes[0];
        p.offset = offset;
    }
    if (g->logits) p.cell_step = LANES;
    float line[MOST_CELLS * VECTOR_BYTES / sizeof(float)];
    const int64_t groups = (columns + MOST_CELLS - 1) / MOST_CELLS;
    for (int64_t panel = 0; panel < g->panels; panel++) {
        const float *weight = g->weight + g->panel_weight[panel], *bias = g->bias + g->panel_bias[panel];
        const int64_t vectors = g->panel_vectors[panel];
        const BlockedKernel* kernels = (g->planar ? planar_kernels : blocked_kernels)[vectors];
        float* out = g->out + picture * g->out_picture + g->panel_out[panel] + i0 * g->row_step + j0 * g->cell_step;
        for (int64_t i = 0; i < rows; i++) {
            for (int64_t k = 0; k < groups; k++) {
                const int64_t j = columns * k / groups, cells = columns * (k + 1) / groups - j;
                const float* from = source + i * pitch + j * lanes;
                if (!g->logits) {
                    kernels[cells](&p, from, weight, bias, out + i * g->row_step + j * g->cell_step);
                    continue;
                }
                kernels[cells](&p, from, weight, bias, line);
                if (finish) blocked_finish(&g->end, g->panel_bias[panel], 0, line, cells, LANES);
                float* plane = g->logits + picture * g->channels * g->logits_plane + g->logits_first +
                               (i0 + i) * g->logits_row + (j0 + j) * g->logits_cell;
                for (int64_t c = 0; c < g->channels; c++, plane += g->logits_plane)
                    for (int64_t m = 0; m < cells; m++) plane[m * g->logits_cell] = line[m * LANES + c];
            }
            if (!finish || g->logits) continue;
            for (int64_t s = 0; s < vectors; s++) {
                float* row = out + i * g->row_step + s * g->block_step;
                blocked_finish(&g->end, g->panel_bias[panel] + s * g->start_block,
                               g->end.added ? g->end.added + (row - g->out) : 0, row, columns, g->cell_step);
            }
        }
    }
}

#endif
