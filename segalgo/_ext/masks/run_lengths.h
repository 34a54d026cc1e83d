/* Masks and the places where they change, column by column. Included by run_lengths.pyx.
   Masks are bytes 0 or 1. A change at cell (i, j) is written as its place j * h + i in column order; a mask begins with
   0, so an odd number of changes lies before or at each cell that is 1. */
#ifndef SEGALGO_RUN_LENGTHS_H
#define SEGALGO_RUN_LENGTHS_H

#include <stdint.h>
#include <string.h>

static inline uint64_t runs_word(const uint8_t* bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

/* Whether 64 bytes are equal. */
static inline int runs_equal(const uint8_t* a, const uint8_t* b) {
    uint64_t differ = 0;
    for (int k = 0; k < 64; k += 8) differ |= runs_word(a + k) ^ runs_word(b + k);
    return differ == 0;
}

/* The row above cell (i, j): of row 0 it is the last row, one column to the left; left of column 0 all is 0. */
static inline uint8_t runs_before_first(const uint8_t* mask, int64_t h, int64_t w, int64_t j) {
    return j ? mask[(h - 1) * w + j - 1] : 0;
}

/* Count the changes in each of the columns first ... last - 1 of a mask in row order; return the OR of all bytes. */
static uint8_t runs_count_columns(const uint8_t* mask, int64_t h, int64_t w, int64_t first, int64_t last,
                                  int64_t* changes) {
    uint8_t few[256], seen[256];
    uint8_t all = 0;
    for (int64_t left = first; left < last; left += 256) {
        const int64_t n = last - left < 256 ? last - left : 256;
        memset(seen, 0, sizeof seen);
        for (int64_t j = 0; j < n; j++) {
            changes[left + j] = mask[left + j] != runs_before_first(mask, h, w, left + j);
            seen[j] = mask[left + j];
        }
        for (int64_t top = 1; top < h; top += 255) {
            const int64_t bottom = top + 255 < h ? top + 255 : h;
            memset(few, 0, sizeof few);
            for (int64_t i = top; i < bottom; i++) {
                const uint8_t* row = mask + i * w + left;
                const uint8_t* above = row - w;
                for (int64_t j = 0; j < n; j += 64) {
                    const int64_t end = n - j < 64 ? n : j + 64;
                    if (end - j == 64 && runs_equal(row + j, above + j)) continue; /* and no new bytes */
                    for (int64_t k = j; k < end; k++) {
                        few[k] += row[k] != above[k];
                        seen[k] |= row[k];
                    }
                }
            }
            for (int64_t j = 0; j < n; j++) changes[left + j] += few[j];
        }
        for (int64_t j = 0; j < n; j++) all |= seen[j];
    }
    return all;
}

/* Write the changes of the columns first ... last - 1; at[j] is where column j's next one goes. Cells that equal those
   above them are passed over 64 or 8 at once; bytes are 0 or 1, so a bit of the difference is a change. */
static void runs_list_columns(const uint8_t* mask, int64_t h, int64_t w, int64_t first, int64_t last, int64_t* at,
                              uint32_t* places) {
    for (int64_t j = first; j < last; j++)
        if (mask[j] != runs_before_first(mask, h, w, j)) places[at[j]++] = (uint32_t)(j * h);
    for (int64_t i = 1; i < h; i++) {
        const uint8_t* row = mask + i * w;
        const uint8_t* above = row - w;
        int64_t j = first;
        while (j + 8 <= last) {
            if (j + 64 <= last && runs_equal(row + j, above + j)) {
                j += 64;
                continue;
            }
            const int64_t end = j + 64 <= last ? j + 64 : j + 8;
            for (; j < end; j += 8) {
                uint64_t differ = runs_word(row + j) ^ runs_word(above + j);
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
                for (; differ; differ &= differ - 1) {
                    const int64_t k = j + (__builtin_ctzll(differ) >> 3);
                    places[at[k]++] = (uint32_t)(k * h + i);
                }
#else
                if (!differ) continue;
                for (int64_t k = j; k < j + 8; k++)
                    if (row[k] != above[k]) places[at[k]++] = (uint32_t)(k * h + i);
#endif
            }
        }
        for (; j < last; j++)
            if (row[j] != above[j]) places[at[j]++] = (uint32_t)(j * h + i);
    }
}

/* The same two for a mask in column order, of which cells first ... last - 1 are asked. */
static int64_t runs_count_line(const uint8_t* mask, int64_t first, int64_t last, uint8_t* all) {
    int64_t changes = 0, k = first;
    uint8_t seen = first < last ? mask[first] : 0;
    if (k == 0 && k < last) {
        changes = mask[0] != 0;
        k = 1;
    }
    while (k < last) {
        const int64_t end = k + 64 < last ? k + 64 : last;
        if (end - k == 64 && runs_equal(mask + k, mask + k - 1)) {
            k = end;
            continue;
        }
        int some = 0;
        for (; k < end; k++) {
            some += mask[k] != mask[k - 1];
            seen |= mask[k];
        }
        changes += some;
    }
    *all = seen;
    return changes;
}

static void runs_list_line(const uint8_t* mask, int64_t first, int64_t last, uint32_t* places, int64_t changes) {
    uint32_t* const end = places + changes;
    int64_t k = first;
    if (k == 0 && k < last) {
        if (mask[0]) *places++ = 0;
        k = 1;
    }
    while (places < end) {
        if (k + 64 <= last && runs_equal(mask + k, mask + k - 1)) {
            k += 64;
            continue;
        }
        const int64_t stop = k + 64 < last ? k + 64 : last;
        if (end - places > 64) {
            /* A place that is no change is written too, and overwritten by the next one: no branch to guess. */
            for (; k < stop; k++) {
                *places = (uint32_t)k;
                places += mask[k] != mask[k - 1];
            }
        } else {
            for (; k < stop; k++)
                if (mask[k] != mask[k - 1]) *places++ = (uint32_t)k;
        }
    }
}

/* The first of the runs (pairs of ends: ones from ends[2 k] to ends[2 k + 1]) that ends behind a place. */
static int64_t runs_find(const int64_t* ends, int64_t runs, int64_t place) {
    int64_t low = 0, high = runs;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (ends[2 * middle + 1] <= place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Fill the columns first ... last - 1 of a mask in row order: mark the changes within each column, then every row is
   the exclusive or of the one above and its marks. */
static void runs_fill_columns(const int64_t* ends, int64_t runs, int64_t h, int64_t w, int64_t first, int64_t last,
                              uint8_t* mask) {
    for (int64_t i = 0; i < h; i++) memset(mask + i * w + first, 0, (size_t)(last - first));
    int64_t j = first, top = first * h; /* the column that the walk is in, and the number of its first cell */
    for (int64_t k = runs_find(ends, runs, first * h); k < runs && ends[2 * k] < last * h; k++) {
        int64_t start = ends[2 * k] > first * h ? ends[2 * k] : first * h;
        const int64_t stop = ends[2 * k + 1] < last * h ? ends[2 * k + 1] : last * h;
        if (start >= stop) continue;
        if (start - top >= 2 * h) {
            j = start / h;
            top = j * h;
        } else if (start - top >= h) {
            j++;
            top += h;
        }
        for (;;) {
            mask[(start - top) * w + j] ^= 1;
            if (stop < top + h) {
                mask[(stop - top) * w + j] ^= 1;
                break;
            }
            if (stop == top + h) break;
            j++;
            top += h;
            start = top;
        }
    }
    for (int64_t i = 1; i < h; i++) {
        uint8_t* row = mask + i * w + first;
        const uint8_t* above = row - w;
        for (int64_t j = 0; j < last - first; j++) row[j] ^= above[j];
    }
}

/* Fill the cells first ... last - 1 of a mask in column order. */
static void runs_fill_line(const int64_t* ends, int64_t runs, int64_t first, int64_t last, uint8_t* mask) {
    int64_t at = first;
    for (int64_t k = runs_find(ends, runs, first); k < runs && ends[2 * k] < last; k++) {
        const int64_t start = ends[2 * k] > at ? ends[2 * k] : at;
        const int64_t stop = ends[2 * k + 1] < last ? ends[2 * k + 1] : last;
        if (start >= stop) continue;
        memset(mask + at, 0, (size_t)(start - at));
        memset(mask + start, 1, (size_t)(stop - start));
        at = stop;
    }
    memset(mask + at, 0, (size_t)(last - at));
}

/* Cells that two masks share. */
static int64_t runs_common(const int64_t* a, int64_t runs_a, const int64_t* b, int64_t runs_b) {
    int64_t common = 0, k = 0, m = runs_a && runs_b ? runs_find(b, runs_b, a[0]) : runs_b;
    if (m < runs_b) k = runs_find(a, runs_a, b[2 * m]);
    while (k < runs_a && m < runs_b) {
        const int64_t start = a[2 * k] > b[2 * m] ? a[2 * k] : b[2 * m];
        const int64_t end_a = a[2 * k + 1], end_b = b[2 * m + 1];
        const int64_t stop = end_a < end_b ? end_a : end_b;
        common += stop > start ? stop - start : 0;
        k += end_a <= end_b;
        m += end_b <= end_a;
    }
    return common;
}

/* Write counts as COCO's string: differences to the count before the last one, five bits a character, low bits first,
   bit 5 where more follow. A count takes at most 7 characters, and one more may be overwritten behind
   the last. Returns how many were written. */
static int64_t runs_write_text(const uint32_t* counts, int64_t n, char* text) {
    char* at = text;
    for (int64_t k = 0; k < n; k++) {
        int64_t rest = counts[k];
        if (k > 2) rest -= counts[k - 2];
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        /* All groups side by side in one word; how many are needed follows from the size. */
        const uint64_t x = (uint64_t)rest, size = (uint64_t)(rest ^ (rest >> 63)), five = 31;
        const int groups = (size ? 69 - __builtin_clzll(size) : 5) / 5;
        uint64_t word = (x & five) | (x << 3 & five << 8) | (x << 6 & five << 16) | (x << 9 & five << 24) |
                        (x << 12 & five << 32) | (x << 15 & five << 40) | (x << 18 & five << 48);
        word += 0x30303030303030u + (0x20202020202020u & (((uint64_t)1 << 8 * (groups - 1)) - 1));
        memcpy(at, &word, 8);
        at += groups;
        continue;
#endif
        int more = 1;
        while (more) {
            int bits = (int)(rest & 31);
            rest >>= 5;
            more = bits & 16 ? rest != -1 : rest != 0;
            *at++ = (char)(48 + (more ? bits | 32 : bits));
        }
    }
    return at - text;
}

/* Read such a string; returns how many counts it holds, or -1 - position of the first character that is none of the
   code, lets a count grow out of 0 ... 2^32 - 1, or breaks off. `counts` has a cell for each character. */
static int64_t runs_read_text(const char* text, int64_t size, uint32_t* counts) {
    int64_t at = 0, n = 0;
    while (at < size) {
        const int only = text[at] - 48;
        if (only >= 0 && only < 32) { /* most counts take one character */
            const int64_t value = (only ^ 16) - 16 + (n > 2 ? (int64_t)counts[n - 2] : 0);
            if (value < 0 || value > (int64_t)UINT32_MAX) return -1 - at;
            counts[n++] = (uint32_t)value;
            at++;
            continue;
        }
        uint64_t bits = 0;
        int shift = 0, more = 1;
        while (more) {
            if (at == size) return -1 - at;
            const int c = text[at] - 48;
            if (c < 0 || c > 63 || shift > 30) return -1 - at;
            bits |= (uint64_t)(c & 31) << shift;
            shift += 5;
            more = c & 32;
            if (!more && c & 16) bits |= ~(uint64_t)0 << shift;
            at++;
        }
        int64_t value = (int64_t)bits;
        if (n > 2) value += counts[n - 2];
        if (value < 0 || value > (int64_t)UINT32_MAX) return -at;
        counts[n++] = (uint32_t)value;
    }
    return n;
}
#endif
