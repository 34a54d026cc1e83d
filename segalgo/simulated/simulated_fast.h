/* Fast intrinsics, with the errors that the CUDA C++ Programming Guide documents. Part of simulated_device.h.
 *
 * An intrinsic may be off by its documented bound. Here each argument draws its error within that bound, the same one
 * at every call, so that a kernel which passes is one whose tolerance covers what a card may answer.
 */
#ifndef SEGALGO_SIMULATED_FAST_H
#define SEGALGO_SIMULATED_FAST_H

#include "simulated_numbers.h"

namespace simulated {

/* From -1 to 1, from the bits of the arguments. */
SIMULATED_QUIET inline double drawn(float a, float b = 0.0f) {
    uint64_t state = to_bits(a) * 0x100000001b3ull ^ to_bits(b) << 21;
    return double(mix(state) >> 11) / double(1ull << 52) - 1.0;
}
/* A value off by at most so many units in the last place. */
SIMULATED_QUIET inline float off_by_ulp(double value, double ulp, double draw) {
    if (!(fabs(value) < 3.5e38) || value == 0) return float(value);
    int exponent;
    frexp(value, &exponent);
    /* half a unit is lost when it is rounded to float */
    return float(value + ldexp((ulp > 0.5 ? ulp - 0.5 : 0.0) * draw, exponent - 24));
}
SIMULATED_QUIET inline float off_by(double value, double error, double draw) { return float(value + error * draw); }

}  // namespace simulated

inline float __expf(float x) {
    const double size = fabs(double(x));
    return simulated::off_by_ulp(exp(double(x)), 2 + floor(1.173 * (size < 128 ? size : 128)), simulated::drawn(x));
}
inline float __exp10f(float x) {
    const double size = fabs(double(x));
    return simulated::off_by_ulp(pow(10.0, double(x)), 2 + floor(2.97 * (size < 64 ? size : 64)), simulated::drawn(x));
}
inline float __logf(float x) {
    const double value = log(double(x));
    if (x >= 0.5f && x <= 2.0f) return simulated::off_by(value, ldexp(1.0, -21) / 1.3, simulated::drawn(x));
    return simulated::off_by_ulp(value, 3, simulated::drawn(x));
}
inline float __log2f(float x) {
    const double value = log2(double(x));
    if (x >= 0.5f && x <= 2.0f) return simulated::off_by(value, ldexp(1.0, -22), simulated::drawn(x));
    return simulated::off_by_ulp(value, 2, simulated::drawn(x));
}
inline float __log10f(float x) {
    const double value = log10(double(x));
    if (x >= 0.5f && x <= 2.0f) return simulated::off_by(value, ldexp(1.0, -24), simulated::drawn(x));
    return simulated::off_by_ulp(value, 3, simulated::drawn(x));
}
/* Documented within -pi to pi; the error grows beyond, and nothing is promised there. */
inline float __sinf(float x) {
    const double turns = fabs(double(x)) / 3.141592653589793;
    return simulated::off_by(sin(double(x)), exp2(-21.41) * (turns > 1 ? turns : 1), simulated::drawn(x));
}
inline float __cosf(float x) {
    const double turns = fabs(double(x)) / 3.141592653589793;
    return simulated::off_by(cos(double(x)), exp2(-21.19) * (turns > 1 ? turns : 1), simulated::drawn(x));
}
inline float __tanf(float x) { return __sinf(x) * (1.0f / __cosf(x)); }
inline void __sincosf(float x, float* s, float* c) { *s = __sinf(x), *c = __cosf(x); }
inline float __powf(float x, float y) { return float(exp2(double(y * __log2f(x)))); }
inline float __tanhf(float x) { return simulated::off_by_ulp(tanh(double(x)), 1024, simulated::drawn(x)); }
/* Two units where 2^-126 <= |y| <= 2^126; beyond that the answer is 0, or NaN for an infinite x. */
inline float __fdividef(float x, float y) {
    const float size = fabsf(y);
    if (size > 8.507059173023462e37f && size <= 3.402823466e38f) return isinf(x) ? NAN : x * 0.0f;
    return simulated::off_by_ulp(double(x) / double(y), 2, simulated::drawn(x, y));
}
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __frsqrt_rn(float x) { return float(1.0 / sqrt(double(x))); }
inline float rsqrtf(float x) { return simulated::off_by_ulp(1.0 / sqrt(double(x)), 2, simulated::drawn(x)); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float rsqrt(float x) { return rsqrtf(x); }

/* -use_fast_math: these names mean the intrinsics. */
#ifdef SIMULATED_FAST_MATH
#define expf __expf
#define logf __logf
#define log2f __log2f
#define log10f __log10f
#define sinf __sinf
#define cosf __cosf
#define tanf __tanf
#define powf __powf
#endif

#endif
