/* The register tile that multiplies activations in channel blocks (blocked_vectors.h) with packed weights: `rows` cells
 * times NV blocks of output channels,
 *
 *     sum[m][s] = start + sum over b, e of source[offset[b] + m * LANES + e] * weight[b, e][s]
 *
 * one number of the source spread over a vector and multiplied with NV vectors of weights. Terms are added in
 * ascending order of (b, e), one fused multiply-add each: no tile size and no thread count moves a bit.
 */
#ifndef SEGALGO_BLOCKED_PRODUCT_H
#define SEGALGO_BLOCKED_PRODUCT_H

#include "plans/blocked_epilogue.h"

/* Most cells of a register tile: with two vectors each, the sums, two weights and one spread number fit. */
#if VECTOR_REGISTERS == 32
#define MOST_CELLS 14
#else
#define MOST_CELLS 6
#endif

typedef struct {
    int64_t blocks;          /* terms: `blocks` times LANES neighbours (spread cells), or `blocks` single numbers */
    const int64_t* offset;   /* of each */
    int64_t start_cell, start_block; /* step of the starting values from cell to cell, from block to block */
    int64_t cell_step, block_step;   /* step of the results */
    int64_t relu;
} Product;

FUSED_FILE_BEGIN

/* WORD: `blocked` reads cells of LANES channels, `planar` neighbouring numbers of one plane (the network's input). */
#define PRODUCT(WORD, M, NV, STEP, RUN)                                                                              \
    static void WORD##_##M##_##NV(const Product* p, const float* source, const float* weight, const float* start,    \
                                  float* out) {                                                                      \
        FUSED_BEGIN                                                                                                  \
        vector_float sum[M][NV];                                                                                     \
        _Pragma("GCC unroll 16") for (int m = 0; m < M; m++) {                                                       \
            _Pragma("GCC unroll 2") for (int s = 0; s < NV; s++)                                                     \
                sum[m][s] = *(const vector_float*)(start + m * p->start_cell + s * p->start_block);                  \
        }                                                                                                            \
        for (int64_t b = 0; b < p->blocks; b++) {                                                                    \
            const float* cell = source + p->offset[b];                                                               \
            for (int64_t e = 0; e < RUN; e++, cell++, weight += NV * LANES) {                                        \
                vector_float factor[NV];                                                                             \
                _Pragma("GCC unroll 2") for (int s = 0; s < NV; s++)                                                 \
                    factor[s] = *(const vector_float*)(weight + s * LANES);                                          \
                _Pragma("GCC unroll 16") for (int m = 0; m < M; m++) {                                               \
                    _Pragma("GCC unroll 2") for (int s = 0; s < NV; s++)                                             \
                        sum[m][s] = cell[m * STEP] * factor[s] + sum[m][s];                                          \
                }                                                                                                    \
            }                                                                                                        \
        }                                                                                                            \
        _Pragma("GCC unroll 16") for (int m = 0; m < M; m++) {                                                       \
            _Pragma("GCC unroll 2") for (int s = 0; s < NV; s++)                                                     \
                *(vector_float*)(out + m * p->cell_step + s * p->block_step) =                                       \
                    p->relu ? blocked_rectified(sum[m][s]) : sum[m][s];                                              \
        }                                                                                                            \
    }

#define EACH_CELLS_6(F, NV) F(1, NV) F(2, NV) F(3, NV) F(4, NV) F(5, NV) F(6, NV)
#if MOST_CELLS == 14
#define EACH_CELLS(F, NV) EACH_CELLS_6(F, NV) F(7, NV) F(8, NV) F(9, NV) F(10, NV) F(11, NV) F(12, NV) F(13, NV) F(14, NV)
#else
#define EACH_CELLS(F, NV) EACH_CELLS_6(F, NV)
#endif
#define BLOCKED(M, NV) PRODUCT(blocked, M, NV, LANES, LANES)
#define PLANAR(M, NV) PRODUCT(planar, M, NV, 1, 1)
EACH_CELLS(BLOCKED, 1)
EACH_CELLS(BLOCKED, 2)
EACH_CELLS(PLANAR, 1)
EACH_CELLS(PLANAR, 2)
#undef BLOCKED
#undef PLANAR
#undef PRODUCT

FUSED_FILE_END

typedef void (*BlockedKernel)(const Product*, const float*, const float*, const float*, float*);
#define BLOCKED(M, NV) blocked_##M##_##NV,
#define PLANAR(M, NV) planar_##M##_##NV,
static const BlockedKernel blocked_kernels[3][MOST_CELLS + 1] = {{0}, {0, EACH_CELLS(BLOCKED, 1)}, {0, EACH_CELLS(BLOCKED, 2)}};
static const BlockedKernel planar_kernels[3][MOST_CELLS + 1] = {{0}, {0, EACH_CELLS(PLANAR, 1)}, {0, EACH_CELLS(PLANAR, 2)}};
#undef BLOCKED
#undef PLANAR
#undef EACH_CELLS
#undef EACH_CELLS_6

#endif
