/* Vectors of the instruction level that this file is compiled for, by the compiler's vector extensions (gcc, clang).
 *
 * VECTOR_BYTES: 64 with AVX-512, 32 with AVX, else 16 (SSE2, NEON, or what the compiler makes of it).
 * VECTOR_REGISTERS: 32 with AVX-512 and on 64-bit ARM, else 16; it bounds the register tiles.
 */
#ifndef SEGALGO_VECTORS_H
#define SEGALGO_VECTORS_H

#include <stdint.h>

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define VECTOR_REGISTERS 32
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#define VECTOR_REGISTERS 16
#elif defined(__aarch64__)
#define VECTOR_BYTES 16
#define VECTOR_REGISTERS 32
#else
#define VECTOR_BYTES 16
#define VECTOR_REGISTERS 16
#endif

/* As they lie in memory: at any address of an element. */
typedef float vector_float __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef double vector_double __attribute__((vector_size(VECTOR_BYTES), aligned(8), may_alias));

typedef int32_t vector_int __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
/* As many bytes as a vector has floats. */
typedef signed char vector_char __attribute__((vector_size(VECTOR_BYTES / 4), aligned(1), may_alias));

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)

/* A fused multiply-add, where the processor has one: the build forbids the compiler to fuse (-ffp-contract=off), so a
 * function between these two lines allows it for itself: a * b + c written in one expression is rounded once. */
#if defined(__clang__)
#define FUSED_BEGIN _Pragma("clang fp contract(fast)")
#define FUSED_FILE_BEGIN
#define FUSED_FILE_END
#else
#define FUSED_BEGIN
#define FUSED_FILE_BEGIN _Pragma("GCC push_options") _Pragma("GCC optimize(\"fp-contract=fast\")")
#define FUSED_FILE_END _Pragma("GCC pop_options")
#endif

#endif
