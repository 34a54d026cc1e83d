/* Max-pooling by rows of windows, written so that compilers vectorise it: no branch in an inner loop, places as wide as
 * values where they fit.
 *
 * The rule of a window: cells in row order, a larger one wins, every NaN wins. A place is the offset of a cell from
 * the first cell of its window, in the plane. `Narrow` below is an integer of 32 bits for types of up to 32 bits, used
 * where all places of a window fit into it; else places are int64. Flat indices follow from places in a loop of their
 * own, since int64 is wider than most values.
 */
#ifndef SEGALGO_MAX_POOL_H
#define SEGALGO_MAX_POOL_H
#include <math.h>
#include <stdint.h>

typedef struct {
    int64_t height, width, kh, kw, sh, sw, ph, pw, dh, dw, oh, ow;
} Window;

/* One output row `i` of a plane; `at` has room for `ow` places. The caller promises a cell in the picture per window. */
typedef void (*MaxPoolRow)(const void* plane, void* best, int64_t* indices, void* at, int64_t i, const Window* w);

#define MAX_POOL_ROWS(N, T, Place, LOWEST)                                                                           \
    /* Windows of 2 x 2 cells, 2 apart: rows `a` and `b` to `count` values and places. */                            \
    static void max_pool_pairs_##N(const T* restrict a, const T* restrict b, T* restrict best, Place* restrict at,   \
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
    static inline void max_pool_meet_##N(const T* restrict cells, T* restrict best, Place* restrict at, Place place, \
                                         int64_t count, int64_t stride) {                                            \
        for (int64_t j = 0; j < count; j++) {                                                                        \
            const T cell = cells[stride * j];                                                                        \
            const int wins = (cell > best[j]) | (cell != cell);                                                      \
            best[j] = wins ? cell : best[j];                                                                         \
            at[j] = wins ? place : at[j];                                                                            \
        }                                                                                                            \
    }                                                                                                                \
    static void max_pool_update_##N(const T* cells, T* best, Place* at, Place place, int64_t count,                  \
                                    int64_t stride) {                                                                \
        if (stride == 1) max_pool_meet_##N(cells, best, at, place, count, 1);                                        \
        else if (stride == 2) max_pool_meet_##N(cells, best, at, place, count, 2);                                   \
        else max_pool_meet_##N(cells, best, at, place, count, stride);                                               \
    }                                                                                                                \
    /* From places to flat indices: window j begins at cell `first + j * stride` of its plane. */                    \
    static void max_pool_indices_##N(const Place* restrict at, int64_t* restrict indices, int64_t count,             \
                                     int64_t first, int64_t stride) {                                                \
        for (int64_t j = 0; j < count; j++) indices[j] = first + j * stride + at[j];                                 \
    }                                                                                                                \
    /* One output row: for each cell (u, v) of the windows, all windows of the row at once, in row order. */         \
    static void max_pool_row_##N(const void* plane_, void* best_, int64_t* indices, void* at_, int64_t i, const Window* w) {\
    const T* plane = (const T*)plane_;                                                                               \
    T* best = (T*)best_;                                                                                             \
    Place* at = (Place*)at_;                                                                                         \
    const int64_t top = i * w->sh - w->ph, u0 = top >= 0 ? 0 : (-top + w->dh - 1) / w->dh;                           \
    if (w->kh == 2 && w->kw == 2 && w->sw == 2 && w->dh == 1 && w->dw == 1 && w->pw == 0 && top >= 0 &&              \
        top + 1 < w->height && 2 * w->ow <= w->width) {                                                              \
        const T* cells = plane + top * w->width;                                                                     \
        max_pool_pairs_##N(cells, cells + w->width, best, at, w->ow, (Place)w->width);                               \
    } else {                                                                                                         \
        for (int64_t j = 0; j < w->ow; j++) {                                                                        \
            /* Until a cell wins, the place is that of the first cell in the picture, which may be the lowest number. */\
            int64_t first_cell = u0 * w->dh * w->width;                                                              \
            if (j * w->sw < w->pw) first_cell += (w->pw - j * w->sw + w->dw - 1) / w->dw * w->dw;                    \
            best[j] = LOWEST;                                                                                        \
            at[j] = (Place)first_cell;                                                                               \
        }                                                                                                            \
        for (int64_t u = u0; u < w->kh && top + u * w->dh < w->height; u++) {                                        \
            for (int64_t v = 0; v < w->kw; v++) {                                                                    \
                /* Windows `from` to `to` (exclusive) have their cell (u, v) in the picture. */                      \
                const int64_t before = w->pw - v * w->dw;                                                            \
                const int64_t from = before > 0 ? (before + w->sw - 1) / w->sw : 0;                                  \
                int64_t to = w->width + before > 0 ? (w->width - 1 + before) / w->sw + 1 : 0;                        \
                to = to < w->ow ? to : w->ow;                                                                        \
                if (to <= from) continue;                                                                            \
                const T* cells = plane + (top + u * w->dh) * w->width + from * w->sw - before;                       \
                max_pool_update_##N(cells, best + from, at + from, (Place)(u * w->dh * w->width + v * w->dw), to - from,\
                                    w->sw);                                                                          \
            }                                                                                                        \
        }                                                                                                            \
    }                                                                                                                \
    max_pool_indices_##N(at, indices, w->ow, top * w->width - w->pw, w->sw);                                         \
    }

/* max_pool_row_NAME with narrow places where they are worth it, max_pool_row_NAME_far with int64. */
MAX_POOL_ROWS(float32, float, int32_t, -INFINITY)
MAX_POOL_ROWS(float32_far, float, int64_t, -INFINITY)
MAX_POOL_ROWS(float64, double, int64_t, -INFINITY)
MAX_POOL_ROWS(int8, int8_t, int32_t, INT8_MIN)
MAX_POOL_ROWS(int8_far, int8_t, int64_t, INT8_MIN)
MAX_POOL_ROWS(uint8, uint8_t, int32_t, 0)
MAX_POOL_ROWS(uint8_far, uint8_t, int64_t, 0)
MAX_POOL_ROWS(int16, int16_t, int32_t, INT16_MIN)
MAX_POOL_ROWS(int16_far, int16_t, int64_t, INT16_MIN)
MAX_POOL_ROWS(uint16, uint16_t, int32_t, 0)
MAX_POOL_ROWS(uint16_far, uint16_t, int64_t, 0)
MAX_POOL_ROWS(int32, int32_t, int32_t, INT32_MIN)
MAX_POOL_ROWS(int32_far, int32_t, int64_t, INT32_MIN)
MAX_POOL_ROWS(uint32, uint32_t, int32_t, 0)
MAX_POOL_ROWS(uint32_far, uint32_t, int64_t, 0)
MAX_POOL_ROWS(int64, int64_t, int64_t, INT64_MIN)
MAX_POOL_ROWS(uint64, uint64_t, int64_t, 0)

/* The function of a dtype: `kind` is NumPy's letter ('f', 'i', 'u'), `size` its bytes; NULL for others. */
static inline MaxPoolRow max_pool_row_of(char kind, int64_t size, int far) {
#define CHOOSE(NAME) (far ? max_pool_row_##NAME##_far : max_pool_row_##NAME)
    if (kind == 'f') return size == 4 ? CHOOSE(float32) : size == 8 ? max_pool_row_float64 : 0;
    if (kind == 'i')
        return size == 1 ? CHOOSE(int8) : size == 2 ? CHOOSE(int16) : size == 4 ? CHOOSE(int32) : max_pool_row_int64;
    if (kind == 'u')
        return size == 1   ? CHOOSE(uint8)
               : size == 2 ? CHOOSE(uint16)
               : size == 4 ? CHOOSE(uint32)
                           : max_pool_row_uint64;
#undef CHOOSE
    return 0;
}
#endif
