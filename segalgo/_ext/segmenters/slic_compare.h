/* A part of a line of cells against one centre: nearer cells change to it, equal ones stay with the smaller number.
 *
 * Buffers are padded to whole vectors, so that parts begin and end at multiples of LANES; cells outside the window are
 * computed and left out. Distances are summed in one order, places first: every backend rounds alike. */
#ifndef SEGALGO_SLIC_COMPARE_H
#define SEGALGO_SLIC_COMPARE_H

#include <stdint.h>

#define SEGALGO_LANES 16

static inline void segalgo_compare_one(const float* restrict a, float* restrict best, int32_t* restrict labels,
                                       int32_t first, int32_t count, int32_t number, const float* centre, float apart,
                                       float ratio, float low, float high) {
    const float column = centre[2], u0 = centre[3];
    for (int32_t k = 0; k < count; k++) {
        const float at = (float)(first + k), x = (at - column) * ratio, u = a[k] - u0;
        float distance = apart + x * x;
        distance = distance + u * u;
        const int nearer = (distance < best[k]) & (at >= low) & (at <= high);
        labels[k] = nearer ? number : labels[k];
        best[k] = nearer ? distance : best[k];
    }
}

static inline void segalgo_compare_three(const float* restrict a, const float* restrict b, const float* restrict c,
                                         float* restrict best, int32_t* restrict labels, int32_t first, int32_t count,
                                         int32_t number, const float* centre, float apart, float ratio, float low,
                                         float high) {
    const float column = centre[2], u0 = centre[3], v0 = centre[4], w0 = centre[5];
    for (int32_t k = 0; k < count; k++) {
        const float at = (float)(first + k), x = (at - column) * ratio;
        const float u = a[k] - u0, v = b[k] - v0, w = c[k] - w0;
        float distance = apart + x * x;
        distance = distance + u * u;
        distance = distance + v * v;
        distance = distance + w * w;
        const int nearer = (distance < best[k]) & (at >= low) & (at <= high);
        labels[k] = nearer ? number : labels[k];
        best[k] = nearer ? distance : best[k];
    }
}

/* Any number of channels, whose lines lie `pitch` apart. */
static inline void segalgo_compare_any(const float* restrict features, int64_t channels, int64_t pitch,
                                       float* restrict best, int32_t* restrict labels, int32_t first, int32_t count,
                                       int32_t number, const float* centre, float apart, float ratio, float low,
                                       float high) {
    for (int32_t k = 0; k < count; k++) {
        const float at = (float)(first + k), x = (at - centre[2]) * ratio;
        float distance = apart + x * x;
        for (int64_t n = 0; n < channels; n++) {
            const float u = features[n * pitch + k] - centre[3 + n];
            distance = distance + u * u;
        }
        const int nearer = (distance < best[k]) & (at >= low) & (at <= high);
        labels[k] = nearer ? number : labels[k];
        best[k] = nearer ? distance : best[k];
    }
}

#endif
