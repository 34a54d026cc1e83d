/* The inner block of a symmetric filter in double: 32 neighbouring sums, kept in registers over all distances. */
#ifndef SEGALGO_WEIGH_H
#define SEGALGO_WEIGH_H
#include <stdint.h>
#include <string.h>

#define WEIGH_BLOCK 32

#if defined(__GNUC__) || defined(__clang__)
typedef double eight_doubles __attribute__((vector_size(64)));
typedef double eight_unaligned __attribute__((vector_size(64), aligned(8), may_alias));
/* A macro, since a function that returns such a vector has another ABI at each instruction level. */
#define EIGHT(x) (*(const eight_unaligned*)(x))
/* out[k] = w[0] * x[k] + sum, from d = radius to 1, of w[d] * (x[k - d * step] + x[k + d * step]), k = 0 ... 31.
   That order of additions is part of the contract: every wing rounds alike. */
static inline void weigh_block(const double* x, int64_t step, const double* w, int64_t radius, double* out) {
    eight_doubles a = EIGHT(x) * w[0], b = EIGHT(x + 8) * w[0];
    eight_doubles c = EIGHT(x + 16) * w[0], e = EIGHT(x + 24) * w[0];
    const double* before = x - radius * step;
    const double* after = x + radius * step;
    for (int64_t d = radius; d > 0; d--, before += step, after -= step) {
        a += (EIGHT(before) + EIGHT(after)) * w[d];
        b += (EIGHT(before + 8) + EIGHT(after + 8)) * w[d];
        c += (EIGHT(before + 16) + EIGHT(after + 16)) * w[d];
        e += (EIGHT(before + 24) + EIGHT(after + 24)) * w[d];
    }
    memcpy(out, &a, sizeof a);
    memcpy(out + 8, &b, sizeof b);
    memcpy(out + 16, &c, sizeof c);
    memcpy(out + 24, &e, sizeof e);
}
#else
static void weigh_block(const double* x, int64_t step, const double* w, int64_t radius, double* out) {
    for (int64_t k = 0; k < WEIGH_BLOCK; k++) {
        double total = x[k] * w[0];
        for (int64_t d = radius; d > 0; d--) total += (x[k - d * step] + x[k + d * step]) * w[d];
        out[k] = total;
    }
}
#endif
#endif
