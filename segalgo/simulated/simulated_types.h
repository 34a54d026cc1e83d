/* What CUDA C++ has and C++ has not: its words, vector types, and the place of a thread. Part of simulated_device.h. */
#ifndef SEGALGO_SIMULATED_TYPES_H
#define SEGALGO_SIMULATED_TYPES_H

/* What Python calls; everything else is hidden, so that libraries share nothing. */
#define SIMULATED_ENTRY extern "C" __attribute__((visibility("default")))

#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __shared__ thread_local
#define __forceinline__ inline
#define __noinline__
#define __grid_constant__
#define __managed__
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __align__(n) alignas(n)

/* `extern __shared__ T name[];` is rewritten to this before the host compiler sees it; every name is the same memory.
 * Inside a function it is _HERE: a pointer that needs no initialization once a thread. */
#define SIMULATED_DYNAMIC_SHARED(T, name) thread_local SIMULATED_DYNAMIC_SHARED_HERE(T, name)
#define SIMULATED_DYNAMIC_SHARED_HERE(T, name) T* const name = reinterpret_cast<T*>(simulated::dynamic_shared())
/* For a watched kernel, `__shared__ T name[n];` inside it becomes this. */
#define SIMULATED_TYPE(...) __VA_ARGS__
#define SIMULATED_SHARED(T, name, extents)                                                                           \
    thread_local simulated::Roomy<T extents> name##_with_room;                                                       \
    auto& name = simulated::shared_here<T extents>(name##_with_room, #name, __LINE__)

struct half;
struct uint3 { unsigned x, y, z; };
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
#ifdef SIMULATED_WHOLE_VECTORS
/* A profiled kernel: copies of vectors are one access each, where the compiler would make one a member of them. */
#define SIMULATED_COPIED(type)                                                                                       \
    __attribute__((always_inline)) type(const type& o) { segalgo_profile_copy(this, &o, sizeof(type)); }             \
    __attribute__((always_inline)) type& operator=(const type& o) {                                                  \
        segalgo_profile_copy(this, &o, sizeof(type));                                                                \
        return *this;                                                                                                \
    }
#define SIMULATED_COPIED2(T, type)                                                                                   \
    SIMULATED_COPIED(type) type() = default;                                                                         \
    constexpr type(T x, T y) : x(x), y(y) {}
#define SIMULATED_COPIED4(T, type)                                                                                   \
    SIMULATED_COPIED(type) type() = default;                                                                         \
    constexpr type(T x, T y, T z, T w) : x(x), y(y), z(z), w(w) {}
#else
#define SIMULATED_COPIED(type)
#define SIMULATED_COPIED2(T, type)
#define SIMULATED_COPIED4(T, type)
#endif
#define SIMULATED_VECTORS(T, name)                                                                                   \
    struct alignas(2 * sizeof(T)) name##2 { T x, y; SIMULATED_COPIED2(T, name##2) };                                 \
    struct name##3 { T x, y, z; };                                                                                   \
    struct alignas(4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)) name##4 { T x, y, z, w; SIMULATED_COPIED4(T, name##4) }; \
    inline name##2 make_##name##2(T x, T y) { return {x, y}; }                                                       \
    inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }                                               \
    inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
SIMULATED_VECTORS(signed char, char)
SIMULATED_VECTORS(unsigned char, uchar)
SIMULATED_VECTORS(short, short)
SIMULATED_VECTORS(unsigned short, ushort)
SIMULATED_VECTORS(int, int)
SIMULATED_VECTORS(long long, longlong)
SIMULATED_VECTORS(unsigned long long, ulonglong)
SIMULATED_VECTORS(float, float)
SIMULATED_VECTORS(double, double)
SIMULATED_VECTORS(long, long)
SIMULATED_VECTORS(unsigned long, ulong)
struct char1 { signed char x; };
struct uchar1 { unsigned char x; };
struct int1 { int x; };
struct uint1 { unsigned x; };
struct float1 { float x; };
struct double1 { double x; };
struct alignas(8) uint2 { unsigned x, y; SIMULATED_COPIED2(unsigned, uint2) };
struct alignas(16) uint4 { unsigned x, y, z, w; SIMULATED_COPIED4(unsigned, uint4) };
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

inline thread_local uint3 threadIdx, blockIdx;
inline thread_local dim3 blockDim, gridDim;
constexpr int warpSize = 32;

#endif
