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
    half(unsigned value) : half(float(value)) {}
    half(long long value) : half(float(value)) {}
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
inline bool __hge(half a, half b) { return a >= b; }
inline bool __hle(half a, half b) { return a <= b; }
inline bool __heq(half a, half b) { return a == b; }
inline bool __hne(half a, half b) { return a != b; }
inline half __hdiv(half a, half b) { return a / b; }
inline half __hneg(half a) { return -a; }
inline half __habs(half a) { return half(fabsf(float(a))); }
inline half hexp(half a) { return half(expf(float(a))); }
inline half hlog(half a) { return half(logf(float(a))); }
inline half hsqrt(half a) { return half(sqrtf(float(a))); }
inline half hrsqrt(half a) { return half(1.0f / sqrtf(float(a))); }
inline half hrcp(half a) { return half(1.0f / float(a)); }
inline half __int2half_rn(int a) { return half(float(a)); }
inline half __ushort_as_half(unsigned short bits) { half h; h.bits = bits; return h; }
inline unsigned short __half_as_ushort(half a) { return a.bits; }
inline half __double2half(double a) { return half(float(a)); }

/* Two halves in one word. */
struct alignas(4) half2 {
    half x, y;
    SIMULATED_COPIED(half2)
    half2() = default;
    half2(half x, half y) : x(x), y(y) {}
};
using __half2 = half2;
inline half2 make_half2(half x, half y) { return {x, y}; }
inline half2 __halves2half2(half x, half y) { return {x, y}; }
inline half2 __half2half2(half a) { return {a, a}; }
inline half2 __float2half2_rn(float a) { return {half(a), half(a)}; }
inline half2 __floats2half2_rn(float a, float b) { return {half(a), half(b)}; }
inline float2 __half22float2(half2 a) { return {float(a.x), float(a.y)}; }
inline half2 __float22half2_rn(float2 a) { return {half(a.x), half(a.y)}; }
inline float __low2float(half2 a) { return float(a.x); }
inline float __high2float(half2 a) { return float(a.y); }
inline half __low2half(half2 a) { return a.x; }
inline half __high2half(half2 a) { return a.y; }
inline half2 __hadd2(half2 a, half2 b) { return {a.x + b.x, a.y + b.y}; }
inline half2 __hsub2(half2 a, half2 b) { return {a.x - b.x, a.y - b.y}; }
inline half2 __hmul2(half2 a, half2 b) { return {a.x * b.x, a.y * b.y}; }
inline half2 __h2div(half2 a, half2 b) { return {a.x / b.x, a.y / b.y}; }
inline half2 __hfma2(half2 a, half2 b, half2 c) { return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)}; }
inline half2 __hmax2(half2 a, half2 b) { return {__hmax(a.x, b.x), __hmax(a.y, b.y)}; }
inline half2 __hmin2(half2 a, half2 b) { return {__hmin(a.x, b.x), __hmin(a.y, b.y)}; }
inline half2 h2exp(half2 a) { return {hexp(a.x), hexp(a.y)}; }
inline half2 operator+(half2 a, half2 b) { return __hadd2(a, b); }
inline half2 operator-(half2 a, half2 b) { return __hsub2(a, b); }
inline half2 operator*(half2 a, half2 b) { return __hmul2(a, b); }
inline half2 operator/(half2 a, half2 b) { return __h2div(a, b); }
inline half2& operator+=(half2& a, half2 b) { return a = a + b; }
/* One atomic operation on 16 bits, retried until nobody came between. */
inline half atomicAdd(half* address, half value) {
    uint16_t old = __atomic_load_n(&address->bits, __ATOMIC_RELAXED);
    half before, after;
    do {
        before.bits = old;
        after = before + value;
    } while (!__atomic_compare_exchange_n(&address->bits, &old, after.bits, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return before;
}

#endif
