/* Intrinsics of bits and numbers. Part of simulated_device.h. */
#ifndef SEGALGO_SIMULATED_NUMBERS_H
#define SEGALGO_SIMULATED_NUMBERS_H

#include <math.h>

#include "simulated_warps.h"

template <class T> T __ldg(const T* address) { return *address; }
template <class T> T __ldcg(const T* address) { return *address; }
template <class T> T __ldca(const T* address) { return *address; }
template <class T> T __ldcs(const T* address) { return *address; }
template <class T> T __ldlu(const T* address) { return *address; }
template <class T> T __ldcv(const T* address) { return *const_cast<const volatile T*>(address); }
template <class T> void __stcg(T* address, T value) { *address = value; }
template <class T> void __stcs(T* address, T value) { *address = value; }
template <class T> void __stwb(T* address, T value) { *address = value; }
template <class T> void __stwt(T* address, T value) { *address = value; }
/* Grows with every call, and says nothing of time. */
SIMULATED_QUIET inline long long clock64() {
    static thread_local long long ticks = 0;
    return ticks += 40;
}
#define clock() int(clock64())
inline void __nanosleep(unsigned) {}
inline int __mul24(int a, int b) { return int(unsigned(a << 8 >> 8) * unsigned(b << 8 >> 8)); }
inline unsigned __umul24(unsigned a, unsigned b) { return (a & 0xffffffu) * (b & 0xffffffu); }
inline int __mulhi(int a, int b) { return int(((long long)a * b) >> 32); }
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned(((unsigned long long)a * b) >> 32); }
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
    shift &= 31;
    return shift ? high << shift | low >> (32 - shift) : high;
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
    shift &= 31;
    return shift ? high << (32 - shift) | low >> shift : low;
}
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
    const unsigned long long both = (unsigned long long)b << 32 | a;
    unsigned result = 0;
    for (int k = 0; k < 4; k++) result |= unsigned(both >> (selector >> (4 * k) & 7) * 8 & 255) << (8 * k);
    return result;
}
inline unsigned long long __brevll(unsigned long long v) {
    unsigned long long r = 0;
    for (int k = 0; k < 64; k++) r |= (v >> k & 1ull) << (63 - k);
    return r;
}
inline int __float2int_rn(float a) { return a != a ? 0 : a >= 2147483648.0f ? 2147483647 : a < -2147483648.0f ? -2147483647 - 1 : int(nearbyintf(a)); }
inline int __float2int_rd(float a) { return __float2int_rn(floorf(a)); }
inline int __float2int_ru(float a) { return __float2int_rn(ceilf(a)); }
inline int __float2int_rz(float a) { return __float2int_rn(truncf(a)); }
inline float __int2float_rn(int a) { return float(a); }
inline float __uint2float_rn(unsigned a) { return float(a); }
inline int __double2int_rn(double a) { return a != a ? 0 : a >= 2147483647.0 ? 2147483647 : a <= -2147483648.0 ? -2147483647 - 1 : int(nearbyint(a)); }
inline float __double2float_rn(double a) { return float(a); }
inline float fdividef(float a, float b) { return a / b; }
inline float exp10f(float a) { return powf(10.0f, a); }
inline double normcdf(double a) { return 0.5 * erfc(-a * 0.70710678118654752440); }
inline float normcdff(float a) { return float(normcdf(double(a))); }
inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
inline int __clz(int v) { return v ? __builtin_clz(unsigned(v)) : 32; }
inline int __clzll(long long v) { return v ? __builtin_clzll((unsigned long long)v) : 64; }
inline int __ffs(int v) { return __builtin_ffs(v); }
inline int __ffsll(long long v) { return __builtin_ffsll(v); }
inline unsigned __brev(unsigned v) {
    unsigned r = 0;
    for (int k = 0; k < 32; k++) r |= (v >> k & 1u) << (31 - k);
    return r;
}
inline int __float_as_int(float v) { return simulated::from_bits<int>(simulated::to_bits(v)); }
inline unsigned __float_as_uint(float v) { return simulated::from_bits<unsigned>(simulated::to_bits(v)); }
inline float __int_as_float(int v) { return simulated::from_bits<float>(simulated::to_bits(v)); }
inline float __uint_as_float(unsigned v) { return simulated::from_bits<float>(simulated::to_bits(v)); }
inline long long __double_as_longlong(double v) { return simulated::from_bits<long long>(simulated::to_bits(v)); }
inline double __longlong_as_double(long long v) { return simulated::from_bits<double>(simulated::to_bits(v)); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return sqrtf(a); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __dsqrt_rn(double a) { return sqrt(a); }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
inline float __saturatef(float a) { return a > 0.0f ? (a < 1.0f ? a : 1.0f) : 0.0f; }
template <class A, class B> constexpr std::common_type_t<A, B> min(A a, B b) {
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>) return a != a ? T(b) : b != b ? T(a) : T(b) < T(a) ? T(b) : T(a);
    else return T(b) < T(a) ? T(b) : T(a);
}
template <class A, class B> constexpr std::common_type_t<A, B> max(A a, B b) {
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>) return a != a ? T(b) : b != b ? T(a) : T(a) < T(b) ? T(b) : T(a);
    else return T(a) < T(b) ? T(b) : T(a);
}

#endif
