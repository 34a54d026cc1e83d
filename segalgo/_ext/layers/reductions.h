/* Sums and maxima over rows, with a fixed number of partial results that are combined in order.
 *
 * 16 partial sums in float64, whatever the processor's vectors hold: the same bits on every instruction level. The
 * types are the compiler's vector extensions, which it splits where registers are narrower.
 */
#ifndef SEGALGO_REDUCTIONS_H
#define SEGALGO_REDUCTIONS_H
#include <stdint.h>
#include <string.h>

typedef double eight_doubles __attribute__((vector_size(64)));
typedef float eight_floats __attribute__((vector_size(32)));

static inline void load_eight_float(eight_doubles* wide, const float* cells) {
    eight_floats narrow;
    memcpy(&narrow, cells, sizeof narrow);
    *wide = __builtin_convertvector(narrow, eight_doubles);
}
static inline void load_eight_double(eight_doubles* wide, const double* cells) { memcpy(wide, cells, sizeof *wide); }

#define REDUCTIONS(T, Bits)                                                                                           \
    /* Sum of cells - shift. */                                                                                      \
    static double sum_of_##T(const T* cells, int64_t count, double shift) {                                          \
        eight_doubles a = {0}, b = {0}, wide;                                                                        \
        double sum = 0;                                                                                              \
        int64_t k = 0;                                                                                               \
        for (; k + 16 <= count; k += 16) {                                                                           \
            load_eight_##T(&wide, cells + k);                                                                        \
            a += wide - shift;                                                                                       \
            load_eight_##T(&wide, cells + k + 8);                                                                    \
            b += wide - shift;                                                                                       \
        }                                                                                                            \
        a += b;                                                                                                      \
        for (int lane = 0; lane < 8; lane++) sum += a[lane];                                                         \
        for (; k < count; k++) sum += (double)cells[k] - shift;                                                      \
        return sum;                                                                                                  \
    }                                                                                                                \
    /* Sum of the squares of cells - shift. */                                                                       \
    static double squares_of_##T(const T* cells, int64_t count, double shift) {                                      \
        eight_doubles a = {0}, b = {0}, wide;                                                                        \
        double sum = 0;                                                                                              \
        int64_t k = 0;                                                                                               \
        for (; k + 16 <= count; k += 16) {                                                                           \
            load_eight_##T(&wide, cells + k);                                                                        \
            wide -= shift;                                                                                           \
            a += wide * wide;                                                                                        \
            load_eight_##T(&wide, cells + k + 8);                                                                    \
            wide -= shift;                                                                                           \
            b += wide * wide;                                                                                        \
        }                                                                                                            \
        a += b;                                                                                                      \
        for (int lane = 0; lane < 8; lane++) sum += a[lane];                                                         \
        for (; k < count; k++) sum += ((double)cells[k] - shift) * ((double)cells[k] - shift);                       \
        return sum;                                                                                                  \
    }                                                                                                                \
    /* Largest cell, count > 0; NaN may be passed over. */                                                           \
    static T largest_of_##T(const T* cells, int64_t count) {                                                         \
        enum { LANES = 64 / sizeof(T) };                                                                             \
        typedef T lanes __attribute__((vector_size(64)));                                                            \
        typedef Bits bits __attribute__((vector_size(64)));                                                          \
        T largest = cells[0];                                                                                        \
        int64_t k = 0;                                                                                               \
        if (count >= LANES) {                                                                                        \
            lanes most, next;                                                                                        \
            memcpy(&most, cells, sizeof most);                                                                       \
            for (k = LANES; k + LANES <= count; k += LANES) {                                                        \
                memcpy(&next, cells + k, sizeof next);                                                               \
                const bits wins = next > most;                                                                       \
                most = (lanes)(((bits)next & wins) | ((bits)most & ~wins));                                          \
            }                                                                                                        \
            for (int lane = 0; lane < LANES; lane++) largest = most[lane] > largest ? most[lane] : largest;          \
        }                                                                                                            \
        for (; k < count; k++) largest = cells[k] > largest ? cells[k] : largest;                                    \
        return largest;                                                                                              \
    }

REDUCTIONS(float, int32_t)
REDUCTIONS(double, int64_t)
#endif
