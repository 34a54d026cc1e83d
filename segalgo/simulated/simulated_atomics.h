/* Atomics: the types that a card has, and no others. Part of simulated_device.h. */
#ifndef SEGALGO_SIMULATED_ATOMICS_H
#define SEGALGO_SIMULATED_ATOMICS_H

inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

template <class T, class Change> T simulated_update(T* address, Change change) {
    T old, wanted;
    __atomic_load(address, &old, __ATOMIC_RELAXED);
    do { wanted = change(old); } while (!__atomic_compare_exchange(address, &old, &wanted, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return old;
}
#define SIMULATED_ATOMICS(T)                                                                                         \
    inline T atomicAdd(T* a, T v) { return __atomic_fetch_add(a, v, __ATOMIC_RELAXED); }                             \
    inline T atomicAnd(T* a, T v) { return __atomic_fetch_and(a, v, __ATOMIC_RELAXED); }                             \
    inline T atomicOr(T* a, T v) { return __atomic_fetch_or(a, v, __ATOMIC_RELAXED); }                               \
    inline T atomicXor(T* a, T v) { return __atomic_fetch_xor(a, v, __ATOMIC_RELAXED); }                             \
    inline T atomicExch(T* a, T v) { return __atomic_exchange_n(a, v, __ATOMIC_RELAXED); }                           \
    inline T atomicMin(T* a, T v) { return simulated_update(a, [v](T o) { return v < o ? v : o; }); }                \
    inline T atomicMax(T* a, T v) { return simulated_update(a, [v](T o) { return o < v ? v : o; }); }                \
    inline T atomicCAS(T* a, T expected, T v) {                                                                      \
        __atomic_compare_exchange_n(a, &expected, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);                     \
        return expected;                                                                                             \
    }
SIMULATED_ATOMICS(int)
SIMULATED_ATOMICS(unsigned)
SIMULATED_ATOMICS(unsigned long long)
inline long long atomicMin(long long* a, long long v) { return simulated_update(a, [v](long long o) { return v < o ? v : o; }); }
inline long long atomicMax(long long* a, long long v) { return simulated_update(a, [v](long long o) { return o < v ? v : o; }); }
inline int atomicSub(int* a, int v) { return __atomic_fetch_sub(a, v, __ATOMIC_RELAXED); }
inline unsigned atomicSub(unsigned* a, unsigned v) { return __atomic_fetch_sub(a, v, __ATOMIC_RELAXED); }
inline unsigned atomicInc(unsigned* a, unsigned v) { return simulated_update(a, [v](unsigned o) { return o >= v ? 0 : o + 1; }); }
inline unsigned atomicDec(unsigned* a, unsigned v) { return simulated_update(a, [v](unsigned o) { return o == 0 || o > v ? v : o - 1; }); }
inline float atomicAdd(float* a, float v) { return simulated_update(a, [v](float o) { return o + v; }); }
inline double atomicAdd(double* a, double v) { return simulated_update(a, [v](double o) { return o + v; }); }
inline float atomicExch(float* a, float v) { return simulated_update(a, [v](float) { return v; }); }
inline unsigned long long atomicSub(unsigned long long* a, unsigned long long v) { return __atomic_fetch_sub(a, v, __ATOMIC_RELAXED); }
inline unsigned short atomicCAS(unsigned short* a, unsigned short expected, unsigned short v) {
    __atomic_compare_exchange_n(a, &expected, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return expected;
}
template <class T, class V> T atomicAdd_block(T* a, V v) { return atomicAdd(a, T(v)); }
template <class T, class V> T atomicAdd_system(T* a, V v) { return atomicAdd(a, T(v)); }
template <class T, class V> T atomicMax_block(T* a, V v) { return atomicMax(a, T(v)); }
template <class T, class V> T atomicMin_block(T* a, V v) { return atomicMin(a, T(v)); }
inline void __threadfence_system() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

#endif
