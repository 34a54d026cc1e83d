/* exp and the scaled complementary error function, without branches or tables, so that loops over them vectorise.
 *
 * exp: x = n*ln2 + r with |r| <= ln2 / 2 (Cody and Waite: n times the upper part of ln2 is exact), a polynomial for
 * exp(r), times 2^n in two steps, so that subnormal results are right. Relative error at most 1.5 ULP (float) and
 * 1.5 ULP (double) over the whole range; exp(-inf) = 0, exp(inf) = inf, exp(NaN) = NaN.
 * erfc(z), z >= 0: exp(-z*z) * t * P(2t - 1) with t = 1 / (1 + z/2); P interpolates erfc(z) exp(z*z) / t at the
 * Chebyshev nodes of t in (0, 1]. The polynomial's relative error is 2e-8 (float), 2e-17 (double).
 */
#ifndef SEGALGO_ELEMENTARY_H
#define SEGALGO_ELEMENTARY_H
#include <math.h>
#include <stdint.h>
#include <string.h>

/* 2^n for a whole n: added to 1.5 * 2^23 (2^52), n stands in the low bits, and moves from there to the exponent. */
static inline float power_of_two_float(float n) {
    float shifted = n + 12582912.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 23) + 0x3f800000u;
    memcpy(&shifted, &bits, sizeof bits);
    return shifted;
}

static inline double power_of_two_double(double n) {
    double shifted = n + 6755399441055744.0;
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 52) + 0x3ff0000000000000u;
    memcpy(&shifted, &bits, sizeof bits);
    return shifted;
}

static inline float exp_float(float x) {
    x = x < -105.0f ? -105.0f : x; /* a NaN stays */
    x = x > 89.0f ? 89.0f : x;
    const float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 0.00139269266f;
    p = p * r + 0.00836377387f;
    p = p * r + 0.0416665501f;
    p = p * r + 0.166665734f;
    p = p * r + 0.5f;
    p = (p * (r * r) + r) + 1.0f;
    const float half = (n * 0.5f + 12582912.0f) - 12582912.0f;
    return p * power_of_two_float(half) * power_of_two_float(n - half);
}

static inline double exp_double(double x) {
    x = x < -746.0 ? -746.0 : x; /* a NaN stays */
    x = x > 710.0 ? 710.0 : x;
    const double n = (x * 1.4426950408889634 + 6755399441055744.0) - 6755399441055744.0;
    const double r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
    double p = 2.510134692835034e-08;
    p = p * r + 2.7621338669142925e-07;
    p = p * r + 2.75572664186123e-06;
    p = p * r + 2.4801518641395993e-05;
    p = p * r + 0.00019841269864380513;
    p = p * r + 0.0013888888918939168;
    p = p * r + 0.008333333333329793;
    p = p * r + 0.04166666666662064;
    p = p * r + 0.16666666666666669;
    p = p * r + 0.5000000000000001;
    p = (p * (r * r) + r) + 1.0;
    const double half = (n * 0.5 + 6755399441055744.0) - 6755399441055744.0;
    return p * power_of_two_double(half) * power_of_two_double(n - half);
}

static inline float erfc_float(float z) {
    const float t = 1.0f / (1.0f + 0.5f * z), u = 2.0f * t - 1.0f;
    float p = -1.97733429e-06f;
    p = p * u + 4.20878746e-05f;
    p = p * u + -3.11484371e-05f;
    p = p * u + -0.000299199669f;
    p = p * u + 0.000425197107f;
    p = p * u + 0.00152899732f;
    p = p * u + -0.00324104592f;
    p = p * u + -0.0107515693f;
    p = p * u + 0.018221237f;
    p = p * u + 0.139735726f;
    p = p * u + 0.343580341f;
    p = p * u + 0.510791357f;
    return exp_float(-(z * z)) * (t * p);
}

static inline double erfc_double(double z) {
    const double t = 1.0 / (1.0 + 0.5 * z), u = 2.0 * t - 1.0;
    double p = 1.2565871493881221e-09;
    p = p * u + -1.0739705748439008e-09;
    p = p * u + -1.0077813245153809e-08;
    p = p * u + 1.3309827978853577e-08;
    p = p * u + 2.9995795755019524e-08;
    p = p * u + -6.991599015246636e-08;
    p = p * u + -3.2879619256656588e-09;
    p = p * u + 1.7908278852545725e-07;
    p = p * u + -2.838403352840903e-07;
    p = p * u + -1.4173146735260217e-08;
    p = p * u + 9.996810607784072e-07;
    p = p * u + -1.8147502317856973e-06;
    p = p * u + -5.622017393427567e-07;
    p = p * u + 8.057744187744048e-06;
    p = p * u + -1.0848266169939195e-05;
    p = p * u + -1.707374027373693e-05;
    p = p * u + 7.223539810021226e-05;
    p = p * u + -1.7185840159653568e-05;
    p = p * u + -0.0003315367545369387;
    p = p * u + 0.00041864804431780543;
    p = p * u + 0.0015453060296562167;
    p = p * u + -0.0032395925346550137;
    p = p * u + -0.010755330944743213;
    p = p * u + 0.018221115753461418;
    p = p * u + 0.13973604627802735;
    p = p * u + 0.3435803422069051;
    p = p * u + 0.5107913526210115;
    return exp_double(-(z * z)) * (t * p);
}

static inline float sigmoid_float(float x) {
    const float e = exp_float(x < 0 ? x : -x);
    return (x < 0 ? e : 1.0f) / (1.0f + e);
}

/* x times the normal distribution's integral up to x. */
static inline float gelu_float(float x) {
    const float tail = 0.5f * erfc_float((x < 0 ? -x : x) * 0.70710678118654752f);
    return x * (x < 0 ? tail : 1.0f - tail);
}

/* 0.5 * x * (1 + tanh(y)) is x * sigmoid(2 * y). */
static inline float gelu_tanh_float(float x) {
    return x * sigmoid_float(1.5957691216057308f * (x + 0.044715f * (x * x * x)));
}

static inline double sigmoid_double(double x) {
    const double e = exp_double(x < 0 ? x : -x);
    return (x < 0 ? e : 1.0) / (1.0 + e);
}

/* x times the normal distribution's integral up to x. */
static inline double gelu_double(double x) {
    const double tail = 0.5 * erfc_double((x < 0 ? -x : x) * 0.70710678118654752);
    return x * (x < 0 ? tail : 1.0 - tail);
}

/* 0.5 * x * (1 + tanh(y)) is x * sigmoid(2 * y). */
static inline double gelu_tanh_double(double x) {
    return x * sigmoid_double(1.5957691216057308 * (x + 0.044715 * (x * x * x)));
}

/* The logarithm of a number of at least 1, below infinity, or of NaN: x = 2^n * m with m in [sqrt(1/2), sqrt(2)),
 * log(m) = 2 artanh((m - 1) / (m + 1)), by its series. */
static inline double log_of_sum(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint64_t shifted = bits + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu); /* carries where m >= sqrt(2) */
    const uint64_t exponent = (shifted >> 52) + 0x4330000000000000u;             /* as the low bits of 2^52 */
    double n, m;
    memcpy(&n, &exponent, sizeof n);
    n -= 4503599627370496.0 + 1023.0;
    bits = (shifted & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu;
    memcpy(&m, &bits, sizeof m);
    const double s = (m - 1.0) / (m + 1.0), s2 = s * s;
    double p = 2.0 / 23.0;
    p = p * s2 + 2.0 / 21.0;
    p = p * s2 + 2.0 / 19.0;
    p = p * s2 + 2.0 / 17.0;
    p = p * s2 + 2.0 / 15.0;
    p = p * s2 + 2.0 / 13.0;
    p = p * s2 + 2.0 / 11.0;
    p = p * s2 + 2.0 / 9.0;
    p = p * s2 + 2.0 / 7.0;
    p = p * s2 + 2.0 / 5.0;
    p = p * s2 + 2.0 / 3.0;
    p = p * s2 + 2.0 / 1.0;
    return n * 6.93147180369123816490e-01 + (s * p + n * 1.90821492927058770002e-10) + (x - x); /* NaN stays */
}

#endif
