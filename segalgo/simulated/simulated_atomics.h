/* Atomics: the types that a card has, and no others. Part of simulated_device.h. */
#ifndef SEGALGO_SIMULATED_ATOMICS_H
#define SEGALGO_SIMULATED_ATOMICS_H

inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

template <class T, class Change> SIMULATED_AT_ITS_CALLER T simulated_update(T* address, Change change) {
    SIMULATED_PROFILED(segalgo_profile_atomic(address, sizeof(T))); /* one, however often it is tried */
    SIMULATED_PROFILED(SIMULATED_UNWATCHED);
    T old, wanted;
    __atomic_load(address, &old, __ATOMIC_RELAXED);
    do { wanted = change(old); } while (!__atomic_compare_exchange(address, &old, &wanted, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return old;
}
#define SIMULATED_ATOMICS(T)                                                                                         \
    SIMULATED_AT_ITS_CALLER T atomicAdd(T* a, T v) { return __atomic_fetch_add(a, v, __ATOMIC_RELAXED); }            \
    SIMULATED_AT_ITS_CALLER T atomicAnd(T* a, T v) { return __atomic_fetch_and(a, v, __ATOMIC_RELAXED); }            \
    SIMULATED_AT_ITS_CALLER T atomicOr(T* a, T v) { return __atomic_fetch_or(a, v, __ATOMIC_RELAXED); }              \
    SIMULATED_AT_ITS_CALLER T atomicXor(T* a, T v) { return __atomic_fetch_xor(a, v, __ATOMIC_RELAXED); }            \
    SIMULATED_AT_ITS_CALLER T atomicExch(T* a, T v) { return __atomic_exchange_n(a, v, __ATOMIC_RELAXED); }          \
    SIMULATED_AT_ITS_CALLER T atomicMin(T* a, T v) { return simulated_update(a, [v](T o) { return v < o ? v : o; }); }\
    SIMULATED_AT_ITS_CALLER T atomicMax(T* a, T v) { return simulated_update(a, [v](T o) { return o < v ? v : o; }); }\
    SIMULATED_AT_ITS_CALLER T atomicCAS(T* a, T expected, T v) {                                                     \
        __atomic_compare_exchange_n(a, &expected, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);                     \
        return expected;                                                                                             \
    }
SIMULATED_ATOMICS(int)
SIMULATED_ATOMICS(unsigned)
SIMULATED_ATOMICS(unsigned long long)
SIMULATED_AT_ITS_CALLER long long atomicMin(long long* a, long long v) { return simulated_update(a, [v](long long o) { return v < o ? v : o; }); }
SIMULATED_AT_ITS_CALLER long long atomicMax(long long* a, long long v) { return simulated_update(a, [v](long long o) { return o < v ? v : o; }); }
SIMULATED_AT_ITS_CALLER int atomicSub(int* a, int v) { return __atomic_fetch_sub(a, v, __ATOMIC_RELAXED); }
SIMULATED_AT_ITS_CALLER unsigned atomicSub(unsigned* a, unsigned v) { return __atomic_fetch_sub(a, v, __ATOMIC_RELAXED); }
SIMULATED_AT_ITS_CALLER unsigned atomicInc(unsigned* a, unsigned v) { return simulated_update(a, [v](unsigned o) { return o >= v ? 0 : o + 1; }); }
SIMULATED_AT_ITS_CALLER unsigned atomicDec(unsigned* a, unsigned v) { return simulated_update(a, [v](unsigned o) { return o == 0 || o > v ? v : o - 1; }); }
SIMULATED_AT_ITS_CALLER float atomicAdd(float* a, float v) { return simulated_update(a, [v](float o) { return o + v; }); }
SIMULATED_AT_ITS_CALLER double atomicAdd(double* a, double v) { return simulated_update(a, [v](double o) { return o + v; }); }
SIMULATED_AT_ITS_CALLER float atomicExch(float* a, float v) { return simulated_update(a, [v](float) { return v; }); }
SIMULATED_AT_ITS_CALLER unsigned long long atomicSub(unsigned long long* a, unsigned long long v) { return __atomic_fetch_sub(a, v, __ATOMIC_RELAXED); }
SIMULATED_AT_ITS_CALLER unsigned short atomicCAS(unsigned short* a, unsigned short expected, unsigned short v) {
    __atomic_compare_exchange_n(a, &expected, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return expected;
}
template <class T, class V> SIMULATED_AT_ITS_CALLER T atomicAdd_block(T* a, V v) { return atomicAdd(a, T(v)); }
template <class T, class V> SIMULATED_AT_ITS_CALLER T atomicAdd_system(T* a, V v) { return atomicAdd(a, T(v)); }
template <class T, class V> SIMULATED_AT_ITS_CALLER T atomicMax_block(T* a, V v) { return atomicMax(a, T(v)); }
template <class T, class V> SIMULATED_AT_ITS_CALLER T atomicMin_block(T* a, V v) { return atomicMin(a, T(v)); }
inline void __threadfence_system() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

#endif
