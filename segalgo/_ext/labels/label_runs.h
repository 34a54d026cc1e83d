/* Runs of equal labels in a piece of a line, found without a branch for each cell.
 *
 * A comparison of each cell with its left neighbour gives a byte (the compiler vectorises that loop), eight bytes are
 * gathered into eight bits by one multiplication, and the set bits are visited by counting trailing zeros: noise costs
 * about one mispredicted branch for 64 cells. Plain C; builds with gcc and clang on any processor.
 */
#ifndef SEGALGO_LABEL_RUNS_H
#define SEGALGO_LABEL_RUNS_H

#include <stdint.h>
#include <string.h>

enum { SEGALGO_PIECE = 1024 }; /* cells looked at together: their scratch stays in the first cache */

/* Scratch of one thread. A run k of a piece covers cells start[k] ... start[k + 1] - 1 and has label[k]. */
typedef struct {
    uint8_t flags[SEGALGO_PIECE + 64];
    int32_t start[SEGALGO_PIECE + 1];
    uint64_t label[SEGALGO_PIECE];
} segalgo_runs;

/* Bit k of the result: flag k, of 64 bytes that are 0 or 1. */
static inline uint64_t segalgo_bits_of_64_flags(const uint8_t* flags) {
    uint64_t bits = 0;
    for (int k = 0; k < 8; k++) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        for (int b = 0; b < 8; b++) bits |= (uint64_t)flags[8 * k + b] << (8 * k + b);
#else
        uint64_t eight;
        memcpy(&eight, flags + 8 * k, 8);
        /* Byte b holds bit b of the answer; the factor lifts it to bit 56 + b, and no two sums collide below. */
        bits |= (eight * 0x0102040810204080ull >> 56) << (8 * k);
#endif
    }
    return bits;
}

static inline int segalgo_lowest_bit(uint64_t bits) {
#if defined(_MSC_VER) && !defined(__clang__)
    int k = 0;
    while (!(bits >> k & 1)) k++;
    return k;
#else
    return __builtin_ctzll(bits);
#endif
}

static inline int segalgo_count_bits(uint64_t v) {
#if defined(__POPCNT__) || defined(__aarch64__)
    return __builtin_popcountll(v);
#else /* without the instruction the compiler would call a table look-up */
    v = v - (v >> 1 & 0x5555555555555555ull);
    v = (v & 0x3333333333333333ull) + (v >> 2 & 0x3333333333333333ull);
    v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0full;
    return (int)(v * 0x0101010101010101ull >> 56);
#endif
}

/* Positions of the set flags of n <= SEGALGO_PIECE cells, whose tail up to a multiple of 64 is cleared here. */
static inline int32_t segalgo_positions(uint8_t* flags, int64_t n, int32_t* position) {
    int32_t count = 0;
    memset(flags + n, 0, (size_t)(-n & 63));
    for (int64_t j = 0; j < n; j += 64) {
        uint64_t bits = segalgo_bits_of_64_flags(flags + j);
        while (bits) {
            position[count++] = (int32_t)j + segalgo_lowest_bit(bits);
            bits &= bits - 1;
        }
    }
    return count;
}

/* Runs of n cells, 1 <= n <= SEGALGO_PIECE; returns their number. */
#define SEGALGO_FIND_RUNS(T)                                                                                         \
    static inline int32_t segalgo_find_runs_##T(const T* x, int64_t n, segalgo_runs* runs) {                         \
        uint8_t* restrict flags = runs->flags;                                                                       \
        flags[0] = 1;                                                                                                \
        for (int64_t j = 1; j < n; j++) flags[j] = x[j] != x[j - 1];                                                 \
        const int32_t count = segalgo_positions(flags, n, runs->start);                                              \
        for (int32_t k = 0; k < count; k++) runs->label[k] = x[runs->start[k]];                                      \
        runs->start[count] = (int32_t)n;                                                                             \
        return count;                                                                                                \
    }
SEGALGO_FIND_RUNS(uint8_t)
SEGALGO_FIND_RUNS(uint16_t)
SEGALGO_FIND_RUNS(uint32_t)
SEGALGO_FIND_RUNS(uint64_t)

/* Positions j < n where here[j] and there[j] differ and, unless `background`, neither is 0. */
#define SEGALGO_FIND_CONTACTS(T)                                                                                     \
    static inline int32_t segalgo_find_contacts_##T(const T* here, const T* there, int64_t n, int background,        \
                                                    uint8_t* restrict flags, int32_t* position) {                    \
        if (background)                                                                                              \
            for (int64_t j = 0; j < n; j++) flags[j] = here[j] != there[j];                                          \
        else                                                                                                         \
            for (int64_t j = 0; j < n; j++) flags[j] = (here[j] != there[j]) & (here[j] != 0) & (there[j] != 0);     \
        return segalgo_positions(flags, n, position);                                                                \
    }
SEGALGO_FIND_CONTACTS(uint8_t)
SEGALGO_FIND_CONTACTS(uint16_t)
SEGALGO_FIND_CONTACTS(uint32_t)
SEGALGO_FIND_CONTACTS(uint64_t)

#endif
