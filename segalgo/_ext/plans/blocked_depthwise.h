/* Depthwise convolution on activations in channel blocks (blocked_vectors.h): each channel with a kernel of its own; any
 * kernel, stride, dilation and border.
 *
 * A block of channels needs no other: one vector of weights for each kernel cell. A row of the output is computed some
 * cells at a time, whose sums stay in registers; each kernel cell is one load and one fused multiply-add a cell. Rows and
 * columns outside the input are left out. Terms are added in row order of the kernel.
 */
#ifndef SEGALGO_BLOCKED_DEPTHWISE_H
#define SEGALGO_BLOCKED_DEPTHWISE_H

#include "plans/blocked_epilogue.h"

#if VECTOR_REGISTERS == 32
#define DEPTHWISE_CELLS 12
#else
#define DEPTHWISE_CELLS 6
#endif

typedef struct {
    int64_t blocks, height, width, top, left, kh, kw, sh, sw, dh, dw;
    const float* const* planes; /* [picture][block] */
    int64_t oh, ow;
    int64_t from, to;           /* output columns whose kernels lie inside the input */
    float* out;                 /* (N, blocks, oh, ow, LANES) */
    const float *weight, *bias; /* [block][kernel cell][LANES], [block][LANES] */
    Epilogue end;
} DepthwiseLayer;

FUSED_FILE_BEGIN

/* CELLS neighbours of one output row, all columns inside; `source` points at the first column of the first one. */
#define DEPTHWISE(CELLS, NAME)                                                                                  \
    static inline __attribute__((always_inline)) void NAME(                                                     \
        const DepthwiseLayer* g, const float* plane, int64_t first, int64_t last, int64_t i, int64_t j,         \
        const float* weight, vector_float bias, int64_t sw, float* out) {                                       \
        FUSED_BEGIN                                                                                             \
        vector_float sum[CELLS];                                                                                \
        _Pragma("GCC unroll 16") for (int m = 0; m < CELLS; m++) sum[m] = bias;                                 \
        for (int64_t u = first; u < last; u++) {                                                                \
            const float* row = plane + ((i + u * g->dh) * g->width + j) * LANES;                                \
            const float* tap = weight + u * g->kw * LANES;                                                      \
            for (int64_t v = 0; v < g->kw; v++, tap += LANES, row += g->dw * LANES) {                           \
                const vector_float factor = *(const vector_float*)tap;                                          \
                _Pragma("GCC unroll 16") for (int m = 0; m < CELLS; m++)                                        \
                    sum[m] = *(const vector_float*)(row + m * sw * LANES) * factor + sum[m];                    \
            }                                                                                                   \
        }                                                                                                       \
        _Pragma("GCC unroll 16") for (int m = 0; m < CELLS; m++) *(vector_float*)(out + m * LANES) = sum[m];    \
    }
DEPTHWISE(DEPTHWISE_CELLS, depthwise_cells)
DEPTHWISE(1, depthwise_cell)
#undef DEPTHWISE

/* Output columns [from, to) of one row, `sw` a constant where it is inlined with one. */
static inline __attribute__((always_inline)) void depthwise_inside(const DepthwiseLayer* g, const float* plane,
                                                                  int64_t first, int64_t last, int64_t i,
                                                                  const float* weight, vector_float bias, int64_t sw,
                                                                  float* out) {
    int64_t j = g->from;
    for (; j + DEPTHWISE_CELLS <= g->to; j += DEPTHWISE_CELLS)
        depthwise_cells(g, plane, first, last, i, j * sw - g->left, weight, bias, sw, out + j * LANES);
    if (j == g->to) return;
    if (g->to - g->from >= DEPTHWISE_CELLS) { /* the last ones once more, with some before them: the same sums */
        j = g->to - DEPTHWISE_CELLS;
        depthwise_cells(g, plane, first, last, i, j * sw - g->left, weight, bias, sw, out + j * LANES);
        return;
    }
    for (; j < g->to; j++) depthwise_cell(g, plane, first, last, i, j * sw - g->left, weight, bias, sw, out + j * LANES);
}

/* One cell of which some columns may lie outside. */
static vector_float depthwise_border(const DepthwiseLayer* g, const float* plane, int64_t first, int64_t last, int64_t i,
                                     int64_t j, const float* weight, vector_float sum) {
    FUSED_BEGIN
    for (int64_t u = first; u < last; u++) {
        const float* row = plane + (i + u * g->dh) * g->width * LANES;
        for (int64_t v = 0; v < g->kw; v++) {
            const int64_t at = j + v * g->dw;
            if (at >= 0 && at < g->width)
                sum = *(const vector_float*)(row + at * LANES) *
                          *(const vector_float*)(weight + (u * g->kw + v) * LANES) + sum;
        }
    }
    return sum;
}

FUSED_FILE_END

/* Output rows [from, to) of one block of one picture. */
static void blocked_depthwise(const DepthwiseLayer* g, int64_t picture, int64_t block, int64_t from, int64_t to) {
    const float* plane = g->planes[picture * g->blocks + block];
    const float* weight = g->weight + block * g->kh * g->kw * LANES;
    const vector_float bias = *(const vector_float*)(g->bias + block * LANES);
    for (int64_t oi = from; oi < to; oi++) {
        const int64_t i = oi * g->sh - g->top;
        const int64_t first = blocked_least(blocked_most(blocked_up(-i, g->dh), 0), g->kh);
        const int64_t last = blocked_most(blocked_least(blocked_up(g->height - i, g->dh), g->kh), first);
        float* out = g->out + ((picture * g->blocks + block) * g->oh + oi) * g->ow * LANES;
        for (int64_t j = 0; j < g->from; j++)
            *(vector_float*)(out + j * LANES) =
                depthwise_border(g, plane, first, last, i, j * g->sw - g->left, weight, bias);
        if (g->sw == 1)
            depthwise_inside(g, plane, first, last, i, weight, bias, 1, out);
        else if (g->sw == 2)
            depthwise_inside(g, plane, first, last, i, weight, bias, 2, out);
        else
            depthwise_inside(g, plane, first, last, i, weight, bias, g->sw, out);
        for (int64_t j = g->to; j < g->ow; j++)
            *(vector_float*)(out + j * LANES) =
                depthwise_border(g, plane, first, last, i, j * g->sw - g->left, weight, bias);
        if (g->end.activation != LINEAR || g->end.added)
            blocked_finish(&g->end, block * LANES, g->end.added ? g->end.added + (out - g->out) : 0, out, g->ow, LANES);
    }
}

#endif
