/* Depthwise convolution on activations in channel blocks (blocked_vectors.h): each channel with a kernel of its own; any
 * kernel, stride, dilation and border.
 *
 * A block of channels needs no other: one vector of weights for each kernel cell. A row of the output is computed some
 * cells at a time, whose sums stay in registers; each kernel cell is one load and one fused multiply-add a cell. Rows and
 * columns outside the input are left out: near the ends of a row, runs of cells leave out the same ones.
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

/* CELLS neighbours of one output row, of which each reads the kernel's rows [first, last) and columns [left, right);
 * `source` points at what the first cell reads by kernel cell (0, 0). */
#define DEPTHWISE(CELLS, NAME)                                                                                    \
    static inline __attribute__((always_inline)) void NAME(                                                       \
        const DepthwiseLayer* g, const float* source, int64_t first, int64_t last, int64_t left, int64_t right,   \
        const float* weight, vector_float bias, int64_t sw, float* out) {                                         \
        FUSED_BEGIN                                                                                               \
        vector_float sum[CELLS];                                                                                  \
        _Pragma("GCC unroll 16") for (int m = 0; m < CELLS; m++) sum[m] = bias;                                   \
        for (int64_t u = first; u < last; u++) {                                                                  \
            const float* row = source + (u * g->dh * g->width + left * g->dw) * LANES;                            \
            const float* tap = weight + (u * g->kw + left) * LANES;                                               \
            for (int64_t v = left; v < right; v++, tap += LANES, row += g->dw * LANES) {                          \
                const vector_float factor = *(const vector_float*)tap;                                            \
                _Pragma("GCC unroll 16") for (int m = 0; m < CELLS; m++)                                          \
                    sum[m] = *(const vector_float*)(row + m * sw * LANES) * factor + sum[m];                      \
            }                                                                                                     \
        }                                                                                                         \
        _Pragma("GCC unroll 16") for (int m = 0; m < CELLS; m++) *(vector_float*)(out + m * LANES) = sum[m];      \
    }
DEPTHWISE(DEPTHWISE_CELLS, depthwise_cells)
DEPTHWISE(4, depthwise_four)
#undef DEPTHWISE

/* One cell: the rows of the kernel are summed apart, so that one sum need not wait for the other. */
static inline __attribute__((always_inline)) void depthwise_one(const DepthwiseLayer* g, const float* source,
                                                               int64_t first, int64_t last, int64_t left,
                                                               int64_t right, const float* weight, vector_float bias,
                                                               float* out) {
    FUSED_BEGIN
    for (int64_t u = first; u < last; u++) {
        const float* row = source + u * g->dh * g->width * LANES;
        vector_float sum = {0};
        for (int64_t v = left; v < right; v++)
            sum = *(const vector_float*)(row + v * g->dw * LANES) *
                      *(const vector_float*)(weight + (u * g->kw + v) * LANES) + sum;
        bias += sum;
    }
    *(vector_float*)out = bias;
}

/* Output columns [from, to) of one row, which all read the kernel's columns [left, right); `sw` a constant where it is
 * inlined with one. The last cells are computed once more, with some before them, where they are fewer than at a time:
 * a cell is the same sum in each of them. */
static inline __attribute__((always_inline)) void depthwise_run(const DepthwiseLayer* g, const float* row, int64_t from,
                                                               int64_t to, int64_t first, int64_t last, int64_t left,
                                                               int64_t right, const float* weight, vector_float bias,
                                                               int64_t sw, float* out) {
    int64_t j = from;
    for (; j + DEPTHWISE_CELLS <= to; j += DEPTHWISE_CELLS)
        depthwise_cells(g, row + j * sw * LANES, first, last, left, right, weight, bias, sw, out + j * LANES);
    if (to - from >= 4) {
        for (; j < to; j += 4) {
            const int64_t at = blocked_least(j, to - 4);
            depthwise_four(g, row + at * sw * LANES, first, last, left, right, weight, bias, sw, out + at * LANES);
        }
    }
    for (; j < to; j++)
        depthwise_one(g, row + j * sw * LANES, first, last, left, right, weight, bias, out + j * LANES);
}

/* One output row, in runs of cells that read the same columns of the kernel: all of them but near the ends. */
static inline __attribute__((always_inline)) void depthwise_row(const DepthwiseLayer* g, const float* row,
                                                               int64_t first, int64_t last, const float* weight,
                                                               vector_float bias, int64_t sw, float* out) {
    for (int64_t j = 0; j < g->ow;) {
        const int64_t at = j * sw - g->left;
        const int64_t left = blocked_least(blocked_most(blocked_up(-at, g->dw), 0), g->kw);
        const int64_t right = blocked_most(blocked_least(blocked_up(g->width - at, g->dw), g->kw), left);
        int64_t end = j + 1;
        if (j >= g->from && j < g->to) {
            end = g->to;
        } else {
            for (; end < g->ow && end != g->from; end++) {
                const int64_t next = end * sw - g->left;
                if (blocked_least(blocked_most(blocked_up(-next, g->dw), 0), g->kw) != left) break;
                if (blocked_most(blocked_least(blocked_up(g->width - next, g->dw), g->kw), left) != right) break;
            }
        }
        depthwise_run(g, row, j, end, first, last, left, right, weight, bias, sw, out);
        j = end;
    }
}

/* Output rows [from, to) of one block of one picture. Among the fused functions, as those above become part of it. */
static void blocked_depthwise(const DepthwiseLayer* g, int64_t picture, int64_t block, int64_t from, int64_t to) {
    const float* plane = g->planes[picture * g->blocks + block];
    const float* weight = g->weight + block * g->kh * g->kw * LANES;
    const vector_float bias = *(const vector_float*)(g->bias + block * LANES);
    for (int64_t oi = from; oi < to; oi++) {
        const int64_t i = oi * g->sh - g->top;
        const int64_t first = blocked_least(blocked_most(blocked_up(-i, g->dh), 0), g->kh);
        const int64_t last = blocked_most(blocked_least(blocked_up(g->height - i, g->dh), g->kh), first);
        float* out = g->out + ((picture * g->blocks + block) * g->oh + oi) * g->ow * LANES;
        const float* row = plane + (i * g->width - g->left) * LANES;
        if (g->sw == 1)
            depthwise_row(g, row, first, last, weight, bias, 1, out);
        else if (g->sw == 2)
            depthwise_row(g, row, first, last, weight, bias, 2, out);
        else
            depthwise_row(g, row, first, last, weight, bias, g->sw, out);
        if (g->end.activation != LINEAR || g->end.added)
            blocked_finish(&g->end, block * LANES, g->end.added ? g->end.added + (out - g->out) : 0, out, g->ow, LANES);
    }
}

FUSED_FILE_END

#endif
