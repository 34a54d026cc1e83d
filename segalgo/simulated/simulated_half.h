/* half: 16-bit floats in bits of their own, for compilers without one. Part of simulated_device.h.
 *
 * Arithmetic is done in float and rounded to nearest even after every operation, as a card's half units do.
 */
#ifndef SEGALGO_SIMULATED_HALF_H
#define SEGALGO_SIMULATED_HALF_H

#include <math.h>
#include <stdint.h>
#include <string.h>

namespace simulated {

inline float half_to_float(uint16_t bits) {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const float sign = bits >> 15 ? -1.0f : 1.0f;
    if (exponent == 31) return fraction ? NAN : sign * INFINITY;
    return sign * (exponent ? ldexpf(float(fraction | 1024), exponent - 25) : ldexpf(float(fraction), -24));
}

inline uint16_t float_to_half(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint16_t sign = uint16_t(bits >> 16 & 0x8000);
    if (value != value) return sign | 0x7e00;
    const float size = fabsf(value);
    if (size >= 65520.0f) return sign | 0x7c00;
    if (size < ldexpf(1.0f, -14)) return sign | uint16_t(nearbyintf(ldexpf(size, 24))); /* subnormal */
    int exponent;
    const float scaled = nearbyintf(ldexpf(frexpf(size, &exponent), 11)); /* 1024 to 2048 */
    return sign | uint16_t(((exponent + 14) << 10) + int(scaled) - 1024);
}

}  // namespace simulated

struct alignas(2) half {
    uint16_t bits;
    half() = default;
    half(float value) : bits(simulated::float_to_half(value)) {}
    half(double value) : half(float(value)) {}
    half(int value) : half(float(value)) {}
    operator float() const { return simulated::half_to_float(bits); }
    half& operator+=(half other) { return *this = half(float(*this) + float(other)); }
    half& operator-=(half other) { return *this = half(float(*this) - float(other)); }
    half& operator*=(half other) { return *this = half(float(*this) * float(other)); }
    half& operator/=(half other) { return *this = half(float(*this) / float(other)); }
};
using __half = half;
inline half operator+(half a, half b) { return half(float(a) + float(b)); }
inline half operator-(half a, half b) { return half(float(a) - float(b)); }
inline half operator*(half a, half b) { return half(float(a) * float(b)); }
inline half operator/(half a, half b) { return half(float(a) / float(b)); }
inline half operator-(half a) { return half(-float(a)); }
inline bool operator<(half a, half b) { return float(a) < float(b); }
inline bool operator>(half a, half b) { return float(a) > float(b); }
inline bool operator<=(half a, half b) { return float(a) <= float(b); }
inline bool operator>=(half a, half b) { return float(a) >= float(b); }
inline bool operator==(half a, half b) { return float(a) == float(b); }
inline bool operator!=(half a, half b) { return float(a) != float(b); }
inline float __half2float(half value) { return float(value); }
inline half __float2half(float value) { return half(value); }
inline half __float2half_rn(float value) { return half(value); }
inline half __hadd(half a, half b) { return a + b; }
inline half __hsub(half a, half b) { return a - b; }
inline half __hmul(half a, half b) { return a * b; }
inline half __hfma(half a, half b, half c) { return half(fmaf(float(a), float(b), float(c))); }
inline half __hmax(half a, half b) { return half(fmaxf(float(a), float(b))); }
inline half __hmin(half a, half b) { return half(fminf(float(a), float(b))); }
inline bool __hgt(half a, half b) { return a > b; }
inline bool __hlt(half a, half b) { return a < b; }
inline bool __hisnan(half a) { return float(a) != float(a); }

#endif
