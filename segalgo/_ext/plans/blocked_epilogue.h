/* What a layer on channel blocks does to its sums before the next layer reads them: add another map, then an
 * activation. A layer stores its sums and calls `blocked_finish` on the cells just written, which are still in the
 * first-level cache; so a kernel is compiled once, whatever follows it.
 */
#ifndef SEGALGO_BLOCKED_EPILOGUE_H
#define SEGALGO_BLOCKED_EPILOGUE_H

#include "plans/blocked_vectors.h"

enum { LINEAR, RELU, LIMITED, SLOPED, HARD_SIGMOID, HARD_SWISH };

typedef struct {
    int64_t activation;
    float low, high;     /* LIMITED: cells below and above become these */
    const float* slope;  /* SLOPED: of each channel, whole blocks; negative cells times it */
    const float* added;  /* a map of the output's shape, or null */
} Epilogue;

/* Where `here`, the first, else the second. */
static inline __attribute__((always_inline)) vector_float blocked_where(vector_int here, vector_float first,
                                                                       vector_float second) {
    return (vector_float)(((vector_int)first & here) | ((vector_int)second & ~here));
}

/* Zero for what is negative; a NaN is not. */
static inline __attribute__((always_inline)) vector_float blocked_rectified(vector_float value) {
    const vector_int keep = ~(value < 0.0f);
    return (vector_float)((vector_int)value & keep);
}

/* NaN stays NaN in all of them. */
static inline __attribute__((always_inline)) vector_float blocked_activated(int64_t activation, const Epilogue* e,
                                                                           vector_float slope, vector_float v) {
    const vector_float none = {0};
    switch (activation) {
    case RELU: return blocked_rectified(v);
    case LIMITED: {
        const vector_float low = none + e->low, high = none + e->high;
        v = blocked_where(v < low, low, v);
        return blocked_where(v > high, high, v);
    }
    case SLOPED: return blocked_where(v < none, v * slope, v);
    case HARD_SIGMOID:
    case HARD_SWISH: {
        vector_float gate = v + 3.0f;
        gate = blocked_where(gate < none, none, gate);
        gate = blocked_where(gate > none + 6.0f, none + 6.0f, gate);
        /* Below -3 the product would be -0 or, for -inf, NaN. */
        if (activation == HARD_SWISH) return blocked_where(v <= none - 3.0f, none, v * (gate * (1.0f / 6)));
        return gate * (1.0f / 6);
    }
    default: return v;
    }
}

#define FINISH(ACTIVATION)                                                                        \
    case ACTIVATION:                                                                              \
        if (added) {                                                                              \
            for (int64_t k = 0; k < cells; k++) {                                                 \
                vector_float* cell = (vector_float*)(out + k * step);                             \
                *cell = blocked_activated(ACTIVATION, e, slope,                                   \
                                          *cell + *(const vector_float*)(added + k * step));      \
            }                                                                                     \
        } else {                                                                                  \
            for (int64_t k = 0; k < cells; k++) {                                                 \
                vector_float* cell = (vector_float*)(out + k * step);                             \
                *cell = blocked_activated(ACTIVATION, e, slope, *cell);                           \
            }                                                                                     \
        }                                                                                         \
        break;

/* Finish `cells` cells, `step` floats apart, of one block of channels, which begins at `channel`. */
static __attribute__((noinline)) void blocked_finish(const Epilogue* e, int64_t channel, const float* added, float* out,
                                                     int64_t cells, int64_t step) {
    vector_float slope = {0};
    if (e->activation == SLOPED) slope = *(const vector_float*)(e->slope + channel);
    switch (e->activation) {
        FINISH(LINEAR)
        FINISH(RELU)
        FINISH(LIMITED)
        FINISH(SLOPED)
        FINISH(HARD_SIGMOID)
        FINISH(HARD_SWISH)
    }
}
#undef FINISH

/* Whether sums are not the result yet; ReLU alone is taken by the kernels themselves. */
static inline int blocked_unfinished(const Epilogue* e) { return e->added || e->activation > RELU; }

#endif
