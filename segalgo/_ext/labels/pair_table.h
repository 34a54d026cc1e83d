/* A hash table that counts pairs of labels: open addressing, at most half full, grows by doubling. */
#ifndef SEGALGO_PAIR_TABLE_H
#define SEGALGO_PAIR_TABLE_H

#include <stdint.h>
#include <stdlib.h>

typedef struct { uint64_t low, high, count; } segalgo_pair; /* count 0: a free cell */
typedef struct {
    segalgo_pair* cells;
    uint64_t size, used; /* size is a power of two */
    int failed;          /* no memory: the counts are of no use */
} segalgo_pair_table;

static inline void segalgo_pairs_begin(segalgo_pair_table* table) {
    table->size = 256;
    table->used = 0;
    table->cells = (segalgo_pair*)calloc(table->size, sizeof(segalgo_pair));
    table->failed = table->cells == NULL;
}

/* The cell of a pair, or the free cell where it belongs. */
static inline segalgo_pair* segalgo_pair_cell(const segalgo_pair_table* table, uint64_t low, uint64_t high) {
    uint64_t at = low * 0x9e3779b97f4a7c15ull + high * 0xc2b2ae3d27d4eb4full;
    at ^= at >> 32;
    for (;; at++) {
        segalgo_pair* cell = &table->cells[at & (table->size - 1)];
        if (cell->count == 0 || (cell->low == low && cell->high == high)) return cell;
    }
}

static inline void segalgo_pairs_grow(segalgo_pair_table* table) {
    const segalgo_pair_table old = *table;
    table->size *= 2;
    table->cells = (segalgo_pair*)calloc(table->size, sizeof(segalgo_pair));
    if (table->cells == NULL) {
        *table = old;
        table->failed = 1;
        return;
    }
    for (uint64_t k = 0; k < old.size; k++)
        if (old.cells[k].count) *segalgo_pair_cell(table, old.cells[k].low, old.cells[k].high) = old.cells[k];
    free(old.cells);
}

static inline void segalgo_pairs_add(segalgo_pair_table* table, uint64_t low, uint64_t high, uint64_t count) {
    if (table->failed || count == 0) return;
    segalgo_pair* cell = segalgo_pair_cell(table, low, high);
    if (cell->count == 0) {
        cell->low = low;
        cell->high = high;
        table->used++;
    }
    cell->count += count;
    if (2 * table->used > table->size) segalgo_pairs_grow(table);
}

#endif
