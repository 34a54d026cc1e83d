/* labeling_runs.h for 32-bit and for 64-bit run numbers, and the tables it spreads labels with. */
#ifndef SEGALGO_LABELING_INDEX_H
#define SEGALGO_LABELING_INDEX_H

#include "labels/labeling_bits.h"

#define RUNS_8(n) {RUNS_LANE(n, 0), RUNS_LANE(n, 1), RUNS_LANE(n, 2), RUNS_LANE(n, 3), RUNS_LANE(n, 4), RUNS_LANE(n, 5), RUNS_LANE(n, 6), RUNS_LANE(n, 7)}
#define RUNS_BITS(n) (((n)&1) + ((n) >> 1 & 1) + ((n) >> 2 & 1) + ((n) >> 3 & 1) + ((n) >> 4 & 1) + ((n) >> 5 & 1) + ((n) >> 6 & 1) + ((n) >> 7 & 1))
/* Starts up to lane, less one if lane 0 is a start: the permutation that spreads 8 labels over 8 pixels. */
#define RUNS_LANE(n, lane) (RUNS_BITS((n) & ((2 << (lane)) - 1)) - ((n)&1))
#define RUNS_4(n) RUNS_8(n), RUNS_8((n) + 1), RUNS_8((n) + 2), RUNS_8((n) + 3)
#define RUNS_16(n) RUNS_4(n), RUNS_4((n) + 4), RUNS_4((n) + 8), RUNS_4((n) + 12)
#define RUNS_64(n) RUNS_16(n), RUNS_16((n) + 16), RUNS_16((n) + 32), RUNS_16((n) + 48)
static const uint8_t bits_spread_lane[256][8] = {RUNS_64(0), RUNS_64(64), RUNS_64(128), RUNS_64(192)};

/* 64 pixels of a row with several runs: lane by lane, the (complemented) label of the last run started, 0 on
 * background. Eight pixels a step, without a branch. */
static inline void bits_spread(const int32_t* label, uint64_t fore, uint64_t start, int32_t* pixels) {
    for (int p = 0; p < 64; p += 8) {
        const unsigned f = fore >> p & 255, s = start >> p & 255;
        const int32_t* source = label + (s & 1);
#if defined(__AVX2__)
        const __m256i lanes = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)bits_spread_lane[s]));
        const __m256i spread = _mm256_permutevar8x32_epi32(_mm256_loadu_si256((const __m256i*)source), lanes);
        const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        const __m256i mask = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)f), bit), bit);
        _mm256_storeu_si256((__m256i*)(pixels + p), _mm256_andnot_si256(spread, mask));
#else
        for (int k = 0; k < 8; k++) pixels[p + k] = ~source[bits_spread_lane[s][k]] & -(int32_t)(f >> k & 1);
#endif
        label += bits_count(s);
    }
}

#define RUN int32_t
#define RUNS(name) runs32_##name
#include "labels/labeling_runs.h"
#undef RUN
#undef RUNS
#define RUN int64_t
#define RUNS(name) runs64_##name
#include "labels/labeling_runs.h"
#undef RUN
#undef RUNS

#endif
