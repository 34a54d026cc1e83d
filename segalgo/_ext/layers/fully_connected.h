/* One tile of a matrix product whose second matrix is packed into panels: registers hold the tile, nothing else.
 *
 * Each output cell adds up its products in order of k, fused multiply-adds where the processor has them. A tile is
 * TILE_ROWS x two vectors; that fills the registers of each instruction level and leaves room for the operands.
 */
#ifndef SEGALGO_FULLY_CONNECTED_H
#define SEGALGO_FULLY_CONNECTED_H
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define TILE_ROWS 12
#define VECTOR_BYTES 64
#elif defined(__AVX2__)
#define TILE_ROWS 6
#define VECTOR_BYTES 32
#else
#define TILE_ROWS 4
#define VECTOR_BYTES 16
#endif
#define DEPTH_AT_ONCE 256 /* of k: a panel of this depth stays in the first cache */
#define PANEL_float ((int64_t)(2 * VECTOR_BYTES / sizeof(float)))
#define PANEL_double ((int64_t)(2 * VECTOR_BYTES / sizeof(double)))

/* The build rounds products before sums; here, alone, both in one go: half the instructions, and less error. */
#if defined(__clang__)
#define FUSED
#define FUSE _Pragma("clang fp contract(fast)")
#elif defined(__GNUC__)
#define FUSED __attribute__((optimize("fp-contract=fast")))
#define FUSE
#endif

#define FULLY_CONNECTED(T)                                                                                           \
    typedef T vector_of_##T __attribute__((vector_size(VECTOR_BYTES)));                                              \
    /* output[i][j] = start + sum over k of a[k][i] * panel[k][j], where start is bias[j], or output[i][j] itself. */ \
    FUSED static void multiply_tile_##T(const T* a, const T* panel, const T* bias, T* output, int64_t depth,         \
                                        int64_t rows, int64_t columns, int64_t row_step) {                           \
        FUSE                                                                                                         \
        enum { WIDE = VECTOR_BYTES / sizeof(T) };                                                                    \
        vector_of_##T sum[TILE_ROWS][2];                                                                             \
        T line[2 * WIDE];                                                                                            \
        for (int i = 0; i < TILE_ROWS; i++) {                                                                        \
            memset(line, 0, sizeof line);                                                                            \
            if (bias || i < rows)                                                                                    \
                memcpy(line, bias ? bias : output + i * row_step, (size_t)columns * sizeof(T));                      \
            memcpy(sum[i], line, sizeof line);                                                                       \
        }                                                                                                            \
        for (int64_t k = 0; k < depth; k++) {                                                                        \
            vector_of_##T left, right;                                                                               \
            memcpy(&left, panel + k * 2 * WIDE, sizeof left);                                                        \
            memcpy(&right, panel + k * 2 * WIDE + WIDE, sizeof right);                                               \
            _Pragma("GCC unroll 12") for (int i = 0; i < TILE_ROWS; i++) {                                           \
                sum[i][0] += a[k * TILE_ROWS + i] * left;                                                            \
                sum[i][1] += a[k * TILE_ROWS + i] * right;                                                           \
            }                                                                                                        \
        }                                                                                                            \
        for (int i = 0; i < TILE_ROWS && i < rows; i++) {                                                            \
            memcpy(line, sum[i], sizeof line);                                                                       \
            memcpy(output + i * row_step, line, (size_t)columns * sizeof(T));                                        \
        }                                                                                                            \
    }                                                                                                                \
    /* The product of two rows, 32 partial sums that are added in order. */                                          \
    FUSED static T dot_##T(const T* restrict a, const T* restrict b, int64_t depth) {                                \
        FUSE                                                                                                         \
        T partial[32] = {0}, sum = 0;                                                                                \
        int64_t k = 0;                                                                                               \
        for (; k + 32 <= depth; k += 32)                                                                             \
            for (int lane = 0; lane < 32; lane++) partial[lane] += a[k + lane] * b[k + lane];                        \
        for (int lane = 0; lane < 32; lane++) sum += partial[lane];                                                  \
        for (; k < depth; k++) sum += a[k] * b[k];                                                                   \
        return sum;                                                                                                  \
    }

FULLY_CONNECTED(float)
FULLY_CONNECTED(double)
#endif
