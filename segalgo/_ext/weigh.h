/* The inner block of a symmetric filter in double: 32 neighbouring sums, kept in registers over all distances. */
#ifndef SEGALGO_WEIGH_H
#define SEGALGO_WEIGH_H
#include <stdint.h>
#include <string.h>

#define WEIGH_BLOCK 32

#if defined(__GNUC__) || defined(__clang__)
typedef double eight_doubles __attribute__((vector_size(64)));
static inline eight_doubles load_eight(const double* x) {
    eight_doubles v;
    memcpy(&v, x, sizeof v);
    return v;
}
/* out[k] = w[0] * x[k] + sum, from d = radius to 1, of w[d] * (x[k - d * step] + x[k + d * step]), k = 0 ... 31.
   That order of additions is part of the contract: every wing rounds alike. */
static inline void weigh_block(const double* x, int64_t step, const double* w, int64_t radius, double* out) {
    eight_doubles a = load_eight(x) * w[0], b = load_eight(x + 8) * w[0];
    eight_doubles c = load_eight(x + 16) * w[0], e = load_eight(x + 24) * w[0];
    const double* before = x - radius * step;
    const double* after = x + radius * step;
    for (int64_t d = radius; d > 0; d--, before += step, after -= step) {
        a += (load_eight(before) + load_eight(after)) * w[d];
        b += (load_eight(before + 8) + load_eight(after + 8)) * w[d];
        c += (load_eight(before + 16) + load_eight(after + 16)) * w[d];
        e += (load_eight(before + 24) + load_eight(after + 24)) * w[d];
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
