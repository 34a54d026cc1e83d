/* Rows of max-pooling, written so that compilers vectorise them: no branch in a loop, values and places of one width.
 *
 * The rule of a window: cells in row order, a larger one wins, every NaN wins. A place is the offset of a cell from
 * the first cell of its window, in the plane, as an integer as wide as the value; for float the caller sees that it
 * fits. Flat indices follow from places in a loop of their own, since int64 is twice as wide as float.
 */
#ifndef SEGALGO_MAX_POOL_H
#define SEGALGO_MAX_POOL_H
#include <stdint.h>

#define MAX_POOL_ROWS(T, Place)                                                                                      \
    /* Windows of 2 x 2 cells, 2 apart: rows `a` and `b` to `count` values and places. */                            \
    static void max_pool_pairs_##T(const T* restrict a, const T* restrict b, T* restrict best, Place* restrict at,   \
                                   int64_t count, Place width) {                                                     \
        for (int64_t j = 0; j < count; j++) {                                                                        \
            const T a0 = a[2 * j], a1 = a[2 * j + 1], b0 = b[2 * j], b1 = b[2 * j + 1];                              \
            const int wins1 = (a1 > a0) | (a1 != a1);                                                                \
            const T best1 = wins1 ? a1 : a0;                                                                         \
            const Place at1 = wins1 ? 1 : 0;                                                                         \
            const int wins2 = (b0 > best1) | (b0 != b0);                                                             \
            const T best2 = wins2 ? b0 : best1;                                                                      \
            const Place at2 = wins2 ? width : at1;                                                                   \
            const int wins3 = (b1 > best2) | (b1 != b1);                                                             \
            best[j] = wins3 ? b1 : best2;                                                                            \
            at[j] = wins3 ? width + 1 : at2;                                                                         \
        }                                                                                                            \
    }                                                                                                                \
    /* One cell of each of `count` windows, `stride` apart, meets the best so far. */                                \
    static inline void max_pool_meet_##T(const T* restrict cells, T* restrict best, Place* restrict at, Place place, \
                                         int64_t count, int64_t stride) {                                            \
        for (int64_t j = 0; j < count; j++) {                                                                        \
            const T cell = cells[stride * j];                                                                        \
            const int wins = (cell > best[j]) | (cell != cell);                                                      \
            best[j] = wins ? cell : best[j];                                                                         \
            at[j] = wins ? place : at[j];                                                                            \
        }                                                                                                            \
    }                                                                                                                \
    static void max_pool_update_##T(const T* cells, T* best, Place* at, Place place, int64_t count,                  \
                                    int64_t stride) {                                                                \
        if (stride == 1) max_pool_meet_##T(cells, best, at, place, count, 1);                                        \
        else if (stride == 2) max_pool_meet_##T(cells, best, at, place, count, 2);                                   \
        else max_pool_meet_##T(cells, best, at, place, count, stride);                                               \
    }                                                                                                                \
    /* From places to flat indices: window j begins at cell `first + j * stride` of its plane. */                    \
    static void max_pool_indices_##T(const Place* restrict at, int64_t* restrict indices, int64_t count,             \
                                     int64_t first, int64_t stride) {                                                \
        for (int64_t j = 0; j < count; j++) indices[j] = first + j * stride + at[j];                                 \
    }

MAX_POOL_ROWS(float, int32_t)
MAX_POOL_ROWS(double, int64_t)
#endif
