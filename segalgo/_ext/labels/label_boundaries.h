/* Comparisons of whole lines, written so that the compiler vectorises them: one byte, 0 or 1, for each cell. */
#ifndef SEGALGO_LABEL_BOUNDARIES_H
#define SEGALGO_LABEL_BOUNDARIES_H

#include <stdint.h>

/* or_differ: set where two lines differ. differ_along: set where a cell differs from its left or right neighbour.
 * or_differ_around: set where a cell differs from one of the three nearest cells of another line.
 * and_differ_from: clear where a line has one value. between: see there. */
#define SEGALGO_COMPARE_LINES(T)                                                                                     \
    static inline void segalgo_or_differ_##T(const T* here, const T* there, int64_t n, uint8_t* restrict flags) {    \
        for (int64_t j = 0; j < n; j++) flags[j] |= here[j] != there[j];                                             \
    }                                                                                                                \
    static inline void segalgo_differ_along_##T(const T* x, int64_t n, uint8_t* restrict flags) {                    \
        flags[0] = n > 1 && x[0] != x[1];                                                                            \
        for (int64_t j = 1; j < n - 1; j++) flags[j] = (x[j] != x[j - 1]) | (x[j] != x[j + 1]);                      \
        if (n > 1) flags[n - 1] = x[n - 1] != x[n - 2];                                                              \
    }                                                                                                                \
    static inline void segalgo_or_differ_around_##T(const T* x, const T* y, int64_t n, uint8_t* restrict flags) {    \
        flags[0] |= (x[0] != y[0]) | (n > 1 && x[0] != y[1]);                                                        \
        for (int64_t j = 1; j < n - 1; j++) flags[j] |= (x[j] != y[j - 1]) | (x[j] != y[j]) | (x[j] != y[j + 1]);    \
        if (n > 1) flags[n - 1] |= (x[n - 1] != y[n - 2]) | (x[n - 1] != y[n - 1]);                                  \
    }                                                                                                                \
    static inline void segalgo_and_differ_from_##T(const T* x, T background, int64_t n, uint8_t* restrict flags) {   \
        for (int64_t j = 0; j < n; j++) flags[j] &= x[j] != background;                                              \
    }                                                                                                                \
    /* flags has 2 n - 1 cells: even ones receive d[j], odd ones d[j] | d[j + 1] | (x[j] != x[j + 1]). */            \
    static inline void segalgo_between_##T(const T* x, const uint8_t* d, int64_t n, uint8_t* restrict flags) {       \
        for (int64_t j = 0; j < n - 1; j++) {                                                                        \
            flags[2 * j] = d[j];                                                                                     \
            flags[2 * j + 1] = d[j] | d[j + 1] | (x[j] != x[j + 1]);                                                 \
        }                                                                                                            \
        flags[2 * n - 2] = d[n - 1];                                                                                 \
    }
SEGALGO_COMPARE_LINES(uint8_t)
SEGALGO_COMPARE_LINES(uint16_t)
SEGALGO_COMPARE_LINES(uint32_t)
SEGALGO_COMPARE_LINES(uint64_t)

#endif
