/* __nv_bfloat16: the upper half of a float, rounded to nearest even after every operation. Part of simulated_device.h. */
#ifndef SEGALGO_SIMULATED_BFLOAT16_H
#define SEGALGO_SIMULATED_BFLOAT16_H

#include "simulated_half.h"

struct alignas(2) __nv_bfloat16 {
    uint16_t bits;
    __nv_bfloat16() = default;
    __nv_bfloat16(float value) {
        uint32_t word;
        memcpy(&word, &value, sizeof word);
        bits = value != value ? uint16_t(word >> 16 | 0x40) : uint16_t((word + 0x7fff + (word >> 16 & 1)) >> 16);
    }
    __nv_bfloat16(double value) : __nv_bfloat16(float(value)) {}
    __nv_bfloat16(int value) : __nv_bfloat16(float(value)) {}
    operator float() const {
        const uint32_t word = uint32_t(bits) << 16;
        float value;
        memcpy(&value, &word, sizeof value);
        return value;
    }
    __nv_bfloat16& operator+=(__nv_bfloat16 other) { return *this = __nv_bfloat16(float(*this) + float(other)); }
    __nv_bfloat16& operator*=(__nv_bfloat16 other) { return *this = __nv_bfloat16(float(*this) * float(other)); }
};
using nv_bfloat16 = __nv_bfloat16;
#define SIMULATED_BFLOAT16(sign)                                                                                     \
    inline __nv_bfloat16 operator sign(__nv_bfloat16 a, __nv_bfloat16 b) { return {float(a) sign float(b)}; }
SIMULATED_BFLOAT16(+)
SIMULATED_BFLOAT16(-)
SIMULATED_BFLOAT16(*)
SIMULATED_BFLOAT16(/)
inline float __bfloat162float(__nv_bfloat16 a) { return float(a); }
inline __nv_bfloat16 __float2bfloat16(float a) { return {a}; }
inline __nv_bfloat16 __float2bfloat16_rn(float a) { return {a}; }
struct alignas(4) __nv_bfloat162 { __nv_bfloat16 x, y; };
inline __nv_bfloat162 __floats2bfloat162_rn(float a, float b) { return {a, b}; }
inline float2 __bfloat1622float2(__nv_bfloat162 a) { return {float(a.x), float(a.y)}; }

#endif
