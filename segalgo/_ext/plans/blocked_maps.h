/* Layers without weights on activations in channel blocks (blocked_vectors.h): windows, means, other grids, cells. */
#ifndef SEGALGO_BLOCKED_MAPS_H
#define SEGALGO_BLOCKED_MAPS_H

#include "plans/blocked_epilogue.h"

typedef struct {
    int64_t height, width, oh, ow;
    int64_t dh, dw;                          /* dilation */
    const int64_t *row_from, *row_count;     /* of each output row: first input row inside, and how many */
    const int64_t *column_from, *column_count;
} Windows;

/* Maxima of one output row: the last NaN before all else, as in `max_pool2d`. */
static void blocked_maxima(const Windows* g, const float* plane, int64_t i, float* out) {
    for (int64_t j = 0; j < g->ow; j++, out += LANES) {
        const float* first = plane + (g->row_from[i] * g->width + g->column_from[j]) * LANES;
        vector_float best = *(const vector_float*)first;
        for (int64_t u = 0; u < g->row_count[i]; u++) {
            const float* cell = first + u * g->dh * g->width * LANES;
            for (int64_t v = 0; v < g->column_count[j]; v++, cell += g->dw * LANES) {
                const vector_float value = *(const vector_float*)cell;
                const vector_int wins = (value > best) | (value != value);
                best = blocked_where(wins, value, best);
            }
        }
        *(vector_float*)out = best;
    }
}

/* Means of one output row: sums in row order, divided by the product of the divisors of row and column. */
static void blocked_means(const Windows* g, const float* plane, int64_t i, float row_divisor,
                          const float* column_divisors, float* out) {
    for (int64_t j = 0; j < g->ow; j++, out += LANES) {
        const float* first = plane + (g->row_from[i] * g->width + g->column_from[j]) * LANES;
        vector_float sum = {0};
        for (int64_t u = 0; u < g->row_count[i]; u++) {
            const vector_float* cell = (const vector_float*)(first + u * g->width * LANES);
            for (int64_t v = 0; v < g->column_count[j]; v++) sum += cell[v];
        }
        *(vector_float*)out = sum / (row_divisor * column_divisors[j]);
    }
}

/* The mean of a plane of `cells` cells: sums of up to 64 cells, then the sum of those. */
static void blocked_mean(const float* plane, int64_t cells, float* out) {
    vector_float total = {0};
    for (int64_t first = 0; first < cells; first += 64) {
        const int64_t last = blocked_least(first + 64, cells);
        vector_float sum[4] = {{0}};
        int64_t k = first;
        for (; k + 4 <= last; k += 4)
            for (int m = 0; m < 4; m++) sum[m] += *(const vector_float*)(plane + (k + m) * LANES);
        for (; k < last; k++) sum[0] += *(const vector_float*)(plane + k * LANES);
        total += (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
    *(vector_float*)out = total / (float)cells;
}

/* One row of the two taps of each column: [j], [ow + j]. */
static void blocked_columns(const float* row, int64_t ow, const int64_t* columns, const float* weights, float* line) {
    for (int64_t j = 0; j < ow; j++)
        *(vector_float*)(line + j * LANES) = *(const vector_float*)(row + columns[j] * LANES) * weights[j] +
                                             *(const vector_float*)(row + columns[ow + j] * LANES) * weights[ow + j];
}

typedef struct {
    int64_t height, width, oh, ow;
    const int64_t *rows, *columns;                /* the two taps of each: [0][k], [1][k] */
    const float *row_weights, *column_weights;
} Bilinear;

/* Output rows [from, to) of one plane, `out` pointing at the first. Scratch: two lines of ow cells, which hold the input
 * rows around the position; an enlarged map needs each several times. */
static void blocked_bilinear(const Bilinear* g, const float* plane, int64_t from, int64_t to, float* out,
                             float* scratch) {
    float* line[2] = {scratch, scratch + g->ow * LANES};
    int64_t held[2] = {-1, -1};
    for (int64_t i = from; i < to; i++, out += g->ow * LANES) {
        const int64_t wanted[2] = {g->rows[i], g->rows[g->oh + i]};
        if (held[1] == wanted[0]) { /* what was below is above now */
            float* other = line[0];
            line[0] = line[1];
            line[1] = other;
            held[1] = held[0];
            held[0] = wanted[0];
        }
        for (int k = 0; k < 2; k++) {
            if (held[k] == wanted[k]) continue;
            blocked_columns(plane + wanted[k] * g->width * LANES, g->ow, g->columns, g->column_weights, line[k]);
            held[k] = wanted[k];
        }
        const float above = g->row_weights[i], below = g->row_weights[g->oh + i];
        for (int64_t j = 0; j < g->ow * LANES; j += LANES)
            *(vector_float*)(out + j) = *(const vector_float*)(line[0] + j) * above +
                                        *(const vector_float*)(line[1] + j) * below;
    }
}

/* One row of the cells `columns` of a row. */
static void blocked_fetch(const float* row, const int64_t* columns, int64_t ow, float* out) {
    for (int64_t j = 0; j < ow; j++)
        *(vector_float*)(out + j * LANES) = *(const vector_float*)(row + columns[j] * LANES);
}

typedef struct {
    const float* factor;    /* of each channel of the block, or null */
    const float* offset;    /* likewise, added after */
    const float* second;    /* another map, or null */
    int64_t multiplied;     /* whether cells are multiplied with the second map, and not added to it */
} Cells;

/* out = (x * factor + offset) and the second map; a product and a sum are rounded once each. */
static void blocked_cells(const Cells* g, const float* x, int64_t cells, float* out) {
    vector_float factor = {0}, offset = {0};
    if (g->factor) factor = *(const vector_float*)g->factor;
    if (g->offset) offset = *(const vector_float*)g->offset;
    for (int64_t k = 0; k < cells; k++) {
        vector_float value = *(const vector_float*)(x + k * LANES);
        if (g->factor) value *= factor;
        if (g->offset) value += offset;
        if (g->second) {
            const vector_float other = *(const vector_float*)(g->second + k * LANES);
            value = g->multiplied ? value * other : value + other;
        }
        *(vector_float*)(out + k * LANES) = value;
    }
}

#endif
