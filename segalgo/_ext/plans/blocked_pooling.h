/* Max pooling of 2 x 2 with stride 2, its undoing, and the change of layout, on channel blocks (blocked_vectors.h). */
#ifndef SEGALGO_BLOCKED_POOLING_H
#define SEGALGO_BLOCKED_POOLING_H

#include "plans/blocked_epilogue.h"

/* The maximum of a window of rows x columns (at most 2 x 2) vectors: the last NaN before all else,
 * then the first of equal ones, as in `max_pool2d`; rows lie `pitch` vectors apart. winner: 2 * row + column of each lane, or null. */
static inline vector_float blocked_maximum(const vector_float* cell, int64_t pitch, int64_t rows, int64_t columns,
                                           signed char* winner) {
    vector_float best = cell[0];
    vector_int place = {0};
    for (int64_t a = 0; a < rows; a++) {
        for (int64_t b = 0; b < columns; b++) {
            const vector_float value = cell[a * pitch + b];
            const vector_int wins = (value > best) | (value != value);
            best = (vector_float)(((vector_int)value & wins) | ((vector_int)best & ~wins));
            place = (((int)(2 * a + b)) & wins) | (place & ~wins);
        }
    }
    if (winner) *(vector_char*)winner = __builtin_convertvector(place, vector_char);
    return best;
}

/* One plane (height, width, LANES) to (ph, pw, LANES). */
static void blocked_pool_plane(const float* plane, int64_t height, int64_t width, int64_t ph, int64_t pw, float* pooled,
                               signed char* winner) {
    for (int64_t i = 0; i < ph; i++) {
        for (int64_t j = 0; j < pw; j++, pooled += LANES, winner += winner ? LANES : 0)
            *(vector_float*)pooled =
                blocked_maximum((const vector_float*)(plane + (2 * i * width + 2 * j) * LANES), width,
                                blocked_least(2, height - 2 * i), blocked_least(2, width - 2 * j), winner);
    }
}

/* Rows [first, last) of the plane (height, width, LANES) that a pooled plane (ph, pw, LANES) came from: each maximum
 * at its place, zeros elsewhere. */
static void blocked_unpool_rows(const float* pooled, const signed char* winner, int64_t ph, int64_t pw, int64_t width,
                                int64_t first, int64_t last, float* plane) {
    for (int64_t i = first; i < last; i++) {
        vector_float* row = (vector_float*)(plane + i * width * LANES);
        if (i / 2 >= ph) {
            memset(row, 0, (size_t)(width * LANES) * sizeof(float));
            continue;
        }
        for (int64_t j = 0; j < width; j++) {
            vector_float value = {0};
            if (j / 2 < pw) {
                const int64_t at = (i / 2 * pw + j / 2) * LANES;
                const vector_int place = __builtin_convertvector(*(const vector_char*)(winner + at), vector_int);
                const vector_int here = place == (int)(2 * (i % 2) + j % 2);
                value = (vector_float)(*(const vector_int*)(pooled + at) & here);
            }
            row[j] = value;
        }
    }
}

/* Cells [first, last) of LANES planes, `cells` floats each, side by side; planes from `channels` on are zero. */
static void blocked_from_planes(const float* planes, int64_t channels, int64_t cells, int64_t first, int64_t last,
                                float* target) {
    for (int64_t q = first; q < last; q++)
        for (int64_t lane = 0; lane < LANES; lane++)
            target[q * LANES + lane] = lane < channels ? planes[lane * cells + q] : 0.0f;
}

/* The other way: the first `channels` lanes of cells [first, last). */
static void blocked_to_planes(const float* source, int64_t channels, int64_t cells, int64_t first, int64_t last,
                              float* planes) {
    for (int64_t lane = 0; lane < channels; lane++)
        for (int64_t q = first; q < last; q++) planes[lane * cells + q] = source[q * LANES + lane];
}

/* Cells [first, last) of tokens, `channels` floats each, to blocks of `cells` cells; channels beyond the last are zero. */
static void blocked_from_tokens(const float* tokens, int64_t channels, int64_t cells, int64_t first, int64_t last,
                                float* target) {
    for (int64_t q = first; q < last; q++)
        for (int64_t c = 0; c < channels; c += LANES) {
            float* cell = target + c * cells + q * LANES;
            const int64_t there = blocked_least(channels - c, LANES);
            memcpy(cell, tokens + q * channels + c, (size_t)there * sizeof(float));
            memset(cell + there, 0, (size_t)(LANES - there) * sizeof(float));
        }
}

/* The other way. */
static void blocked_to_tokens(const float* source, int64_t channels, int64_t cells, int64_t first, int64_t last,
                              float* tokens) {
    for (int64_t q = first; q < last; q++)
        for (int64_t c = 0; c < channels; c += LANES)
            memcpy(tokens + q * channels + c, source + c * cells + q * LANES,
                   (size_t)blocked_least(channels - c, LANES) * sizeof(float));
}

#endif
