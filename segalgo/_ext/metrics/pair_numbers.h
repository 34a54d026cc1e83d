/* The cell of the confusion matrix that each pair of labels belongs to. Included by confusion.pyx.
   A table has num_classes + 2 rows (the classes, ignored targets, strays) of num_classes + 1 cells (the classes,
   strays). Labels arrive as unsigned integers of their width; a negative one is then larger than every limit. */
#ifndef SEGALGO_PAIR_NUMBERS_H
#define SEGALGO_PAIR_NUMBERS_H

#include <stdint.h>

#define SEGALGO_PAIR_NUMBERS(T)                                                                                    \
    static void segalgo_row_starts_##T(const T* labels, int64_t n, uint64_t limit, int ignores, T ignored,         \
                                       uint32_t classes, uint32_t* numbers) {                                      \
        for (int64_t k = 0; k < n; k++) {                                                                          \
            const T x = labels[k];                                                                                 \
            const uint32_t row = x < limit ? (uint32_t)x : classes + 1;                                            \
            numbers[k] = (ignores && x == ignored ? classes : row) * (classes + 1);                                \
        }                                                                                                          \
    }                                                                                                              \
    static void segalgo_add_columns_##T(const T* labels, int64_t n, uint64_t limit, uint32_t classes,              \
                                        uint32_t* numbers) {                                                       \
        for (int64_t k = 0; k < n; k++) {                                                                          \
            const T x = labels[k];                                                                                 \
            numbers[k] += x < limit ? (uint32_t)x : classes;                                                       \
        }                                                                                                          \
    }
SEGALGO_PAIR_NUMBERS(uint8_t)
SEGALGO_PAIR_NUMBERS(uint16_t)
SEGALGO_PAIR_NUMBERS(uint32_t)
SEGALGO_PAIR_NUMBERS(uint64_t)

/* Count numbers into `tables` tables of `size` cells. Sixteen equal numbers in a row, as inside an object, are one
   addition; others go to the tables in turns, or each would wait for the store of the one before. */
static void segalgo_count_numbers(const uint32_t* numbers, int64_t n, int64_t* counts, int64_t size, int tables) {
    int64_t* const a = counts;
    int64_t* const b = counts + (tables > 1 ? size : 0);
    int64_t* const c = counts + (tables > 1 ? 2 * size : 0);
    int64_t* const d = counts + (tables > 1 ? 3 * size : 0);
    int64_t k = 0;
    for (; k + 16 <= n; k += 16) {
        const uint32_t* x = numbers + k;
        uint32_t differ = 0;
        for (int p = 0; p < 16; p++) differ |= x[p] ^ x[0];
        if (!differ) {
            a[x[0]] += 16;
            continue;
        }
        for (int p = 0; p < 16; p += 4) {
            a[x[p]]++;
            b[x[p + 1]]++;
            c[x[p + 2]]++;
            d[x[p + 3]]++;
        }
    }
    for (; k < n; k++) a[numbers[k]]++;
}
#endif
