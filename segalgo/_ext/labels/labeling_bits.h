/* Rows of pixels as bits: bit p of word k is column 64 k + p. Included by labeling.pyx. */
#ifndef SEGALGO_LABELING_BITS_H
#define SEGALGO_LABELING_BITS_H

#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(__GNUC__)
#define bits_count(word) ((int64_t)__builtin_popcountll(word))
#define bits_lowest(word) __builtin_ctzll(word) /* word != 0 */
#define bits_likely(condition) __builtin_expect(!!(condition), 1)
#else
static inline int64_t bits_count(uint64_t word) {
    word -= word >> 1 & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + (word >> 2 & 0x3333333333333333u);
    return (int64_t)(((word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu) * 0x0101010101010101u >> 56);
}
#define bits_lowest(word) ((int)bits_count(((word) & -(word)) - 1))
#define bits_likely(condition) (condition)
#endif

/* The bits up to the lowest one of a word that is not 0, that one included. */
#define bits_up_to_lowest(word) ((word) ^ ((word)-1))

/* 64 bytes, each 0 or 1, to one word. */
static inline uint64_t bits_pack(const uint8_t* flags) {
#if defined(__AVX512BW__)
    return _mm512_test_epi8_mask(_mm512_loadu_si512(flags), _mm512_set1_epi8(1));
#elif defined(__AVX2__)
    const __m256i low = _mm256_loadu_si256((const __m256i*)flags);
    const __m256i high = _mm256_loadu_si256((const __m256i*)(flags + 32));
    return (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(low, 7)) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(high, 7)) << 32;
#elif defined(__SSE2__)
    uint64_t word = 0;
    for (int k = 0; k < 4; k++) {
        const __m128i part = _mm_loadu_si128((const __m128i*)(flags + 16 * k));
        word |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_slli_epi16(part, 7)) << (16 * k);
    }
    return word;
#else
    uint64_t word = 0;
    for (int k = 0; k < 64; k++) word |= (uint64_t)flags[k] << k;
    return word;
#endif
}

/* First pixels of runs of a binary row: set bits without a set bit before them. Returns how many there are. */
static inline int64_t bits_count_runs(const uint64_t* fore, int64_t words) {
    int64_t count = 0;
    uint64_t before = 0;
    for (int64_t k = 0; k < words; k++) {
        count += bits_count(fore[k] & ~(fore[k] << 1 | before));
        before = fore[k] >> 63;
    }
    return count;
}

static inline int64_t bits_count_all(const uint64_t* bits, int64_t words) {
    int64_t count = 0;
    for (int64_t k = 0; k < words; k++) count += bits_count(bits[k]);
    return count;
}

static inline int bits_get(const uint64_t* bits, int64_t place) { return (int)(bits[place >> 6] >> (place & 63) & 1); }

#endif
