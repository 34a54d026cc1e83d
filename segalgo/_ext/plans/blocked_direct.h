/* Direct convolution on activations in channel blocks (blocked_product.h): stride 1, any kernel and padding; the
 * transposed convolution of kernel 2 and stride 2; and the network's first layer, which reads plain planes.
 *
 * Positions (i, j) are output cells, or input cells of the transposed one. Unless a kernel is 1 x 1 without padding, a
 * tile of the input is copied with its zeros into scratch; then every kernel cell is one constant offset. The weights
 * of a panel, NV vectors of outputs, run over all positions of the tile. For the transposed convolution a panel is
 * one row of the kernel and its two columns: two vectors that lie side by side in the output.
 */
#ifndef SEGALGO_BLOCKED_DIRECT_H
#define SEGALGO_BLOCKED_DIRECT_H

#include "plans/blocked_product.h"

typedef struct {
    int64_t in_blocks, height, width, top, left, kh, kw;
    int64_t copied; /* whether tiles are copied */
    int64_t planar; /* whether planes hold one channel each instead of LANES */
    const float* const* planes;   /* [picture][block] */
    int64_t grid_h, grid_w, tile_h, tile_w;
    int64_t terms;                /* in_blocks * kh * kw */
    const int64_t* offset;        /* of each, in a copied tile */
    int64_t panels;
    const int64_t *panel_vectors, *panel_weight, *panel_out, *panel_bias; /* what each panel has, and where */
    float* out;
    int64_t out_picture, row_step, cell_step, block_step, start_block; /* steps in the output, and of the bias */
    float* logits;                /* (N, channels, grid_h, grid_w) instead of out, or null; then one panel of one vector */
    int64_t channels;
    const float *weight, *bias;
    int64_t relu;
} DirectLayer;

/* Rows [i0 - top, ...) and columns [j0 - left, ...) of one plane, zeros outside. `lanes` floats a cell. */
static void direct_copy(const DirectLayer* g, const float* plane, int64_t i0, int64_t j0, int64_t rows, int64_t columns,
                        int64_t lanes, float* target) {
    const int64_t left = blocked_least(blocked_most(g->left - j0, 0), columns);
    const int64_t right = blocked_most(blocked_least(g->width + g->left - j0, columns), left);
    for (int64_t u = 0; u < rows; u++, target += columns * lanes) {
        const int64_t i = i0 + u - g->top;
        if (i < 0 || i >= g->height) {
            memset(target, 0, (size_t)(columns * lanes) * sizeof(float));
            continue;
        }
        memset(target, 0, (size_t)(left * lanes) * sizeof(float));
        memcpy(target + left * lanes, plane + (i * g->width + j0 + left - g->left) * lanes,
               (size_t)((right - left) * lanes) * sizeof(float));
        memset(target + right * lanes, 0, (size_t)((columns - right) * lanes) * sizeof(float));
    }
}

/* One unit of work: a tile of positions of one picture, all panels. Scratch: `terms` offsets (as int64), the tile. */
static void blocked_direct(const DirectLayer* g, float* scratch, int64_t unit) {
    const int64_t tiles_w = (g->grid_w + g->tile_w - 1) / g->tile_w, tiles_h = (g->grid_h + g->tile_h - 1) / g->tile_h;
    const int64_t picture = unit / (tiles_h * tiles_w), lanes = g->planar ? 1 : LANES;
    const int64_t i0 = unit / tiles_w % tiles_h * g->tile_h, j0 = unit % tiles_w * g->tile_w;
    const int64_t rows = blocked_least(g->tile_h, g->grid_h - i0), columns = blocked_least(g->tile_w, g->grid_w - j0);
    const float* const* planes = g->planes + picture * g->in_blocks;
    Product p = {g->terms, g->offset, 0, g->start_block, g->cell_step, g->block_step, g->relu};
    const float* source = planes[0] + (i0 * g->width + j0) * lanes;
    int64_t pitch = g->width * lanes;
    if (g->copied) {
        const int64_t high = g->tile_h + g->kh - 1, wide = g->tile_w + g->kw - 1;
        for (int64_t block = 0; block < g->in_blocks; block++)
            direct_copy(g, planes[block], i0, j0, high, wide, lanes, scratch + block * high * wide * lanes);
        source = scratch;
        pitch = wide * lanes;
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
        const BlockedKernel* kernels = (g->planar ? planar_kernels : blocked_kernels)[g->panel_vectors[panel]];
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
                float* plane = g->logits + picture * g->channels * g->grid_h * g->grid_w + (i0 + i) * g->grid_w + j0 + j;
                for (int64_t c = 0; c < g->channels; c++, plane += g->grid_h * g->grid_w)
                    for (int64_t m = 0; m < cells; m++) plane[m] = line[m * LANES + c];
            }
        }
    }
}

#endif
