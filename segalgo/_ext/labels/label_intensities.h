/* Sum, minimum and maximum of the values in each label, run by run.
 *
 * Integers are summed modulo 2^64. Floats are summed one by one in double, left to right, the next run going on where
 * the last one of its label stopped: the order that the door promises. A NaN in a run shows as a sum that is NaN, so
 * the loop over the cells asks no question about it; only then are the cells of the run looked at again.
 */
#ifndef SEGALGO_LABEL_INTENSITIES_H
#define SEGALGO_LABEL_INTENSITIES_H

#include "labels/label_runs.h"

#define SEGALGO_KEEP_NAN(x, a, b, sum, low, high)                                                                    \
    if (sum != sum)                                                                                                  \
        for (int32_t j = a; j < b; j++)                                                                              \
            if (x[j] != x[j]) low = high = x[j];
#define SEGALGO_NO_NAN(x, a, b, sum, low, high)

/* One record a label, zero to begin with; `add` takes the runs of a piece, `merge` adds a later stripe's record. */
#define SEGALGO_INTENSITIES(T, SUM, NAN_RULE)                                                                        \
    typedef struct { SUM sum; T low, high; int32_t seen; } segalgo_intensity_##T;                                    \
    static inline void segalgo_add_intensities_##T(const void* values, const segalgo_runs* runs, int32_t count,      \
                                                   void* table) {                                                    \
        const T* x = (const T*)values;                                                                               \
        for (int32_t k = 0; k < count; k++) {                                                                        \
            if (runs->label[k] == 0) continue;                                                                       \
            segalgo_intensity_##T* record = (segalgo_intensity_##T*)table + (runs->label[k] - 1);                    \
            const int32_t a = runs->start[k], b = runs->start[k + 1];                                                \
            SUM sum = record->sum;                                                                                   \
            T low = record->seen ? record->low : x[a], high = record->seen ? record->high : x[a];                    \
            for (int32_t j = a; j < b; j++) {                                                                        \
                sum += (SUM)x[j];                                                                                    \
                low = x[j] < low ? x[j] : low;                                                                       \
                high = x[j] > high ? x[j] : high;                                                                    \
            }                                                                                                        \
            NAN_RULE(x, a, b, sum, low, high)                                                                        \
            record->sum = sum;                                                                                       \
            record->low = low;                                                                                       \
            record->high = high;                                                                                     \
            record->seen = 1;                                                                                        \
        }                                                                                                            \
    }                                                                                                                \
    static inline void segalgo_merge_intensities_##T(const void* table, int64_t row, void* sums, void* lows,         \
                                                     void* highs, int first) {                                       \
        const segalgo_intensity_##T* record = (const segalgo_intensity_##T*)table + row;                             \
        SUM* sum = (SUM*)sums + row;                                                                                 \
        T *low = (T*)lows + row, *high = (T*)highs + row;                                                            \
        *sum += record->sum;                                                                                         \
        if (first || record->low < *low || record->low != record->low) *low = record->low;                           \
        if (first || record->high > *high || record->high != record->high) *high = record->high;                     \
    }
SEGALGO_INTENSITIES(int8_t, uint64_t, SEGALGO_NO_NAN)
SEGALGO_INTENSITIES(uint8_t, uint64_t, SEGALGO_NO_NAN)
SEGALGO_INTENSITIES(int16_t, uint64_t, SEGALGO_NO_NAN)
SEGALGO_INTENSITIES(uint16_t, uint64_t, SEGALGO_NO_NAN)
SEGALGO_INTENSITIES(int32_t, uint64_t, SEGALGO_NO_NAN)
SEGALGO_INTENSITIES(uint32_t, uint64_t, SEGALGO_NO_NAN)
SEGALGO_INTENSITIES(int64_t, uint64_t, SEGALGO_NO_NAN)
SEGALGO_INTENSITIES(uint64_t, uint64_t, SEGALGO_NO_NAN)
SEGALGO_INTENSITIES(float, double, SEGALGO_KEEP_NAN)
SEGALGO_INTENSITIES(double, double, SEGALGO_KEEP_NAN)

/* What to do with the values of one dtype. */
typedef struct {
    void (*add)(const void* values, const segalgo_runs* runs, int32_t count, void* table);
    void (*merge)(const void* table, int64_t row, void* sums, void* lows, void* highs, int first);
    int64_t record_bytes, value_bytes;
} segalgo_intensity_kind;

/* kind is NumPy's letter: i, u or f. */
static inline segalgo_intensity_kind segalgo_intensities_of(char kind, int64_t bytes) {
#define SEGALGO_KIND(T)                                                                                              \
    {                                                                                                                \
        segalgo_intensity_kind answer = {segalgo_add_intensities_##T, segalgo_merge_intensities_##T,                 \
                                         sizeof(segalgo_intensity_##T), sizeof(T)};                                  \
        return answer;                                                                                               \
    }
    if (kind == 'f') {
        if (bytes == 4) SEGALGO_KIND(float)
        SEGALGO_KIND(double)
    }
    if (kind == 'i') {
        if (bytes == 1) SEGALGO_KIND(int8_t)
        if (bytes == 2) SEGALGO_KIND(int16_t)
        if (bytes == 4) SEGALGO_KIND(int32_t)
        SEGALGO_KIND(int64_t)
    }
    if (bytes == 1) SEGALGO_KIND(uint8_t)
    if (bytes == 2) SEGALGO_KIND(uint16_t)
    if (bytes == 4) SEGALGO_KIND(uint32_t)
    SEGALGO_KIND(uint64_t)
#undef SEGALGO_KIND
}

#endif
