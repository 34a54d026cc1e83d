/* The priority queue of a flood: a binary heap of cells by (key, age), least first.
 *
 * Cells of equal key and age (markers of one altitude) leave it in the order that follows from these very steps: a pushed
 * cell rises while it is less than its parent; the last cell takes the place of the one that left and sinks towards the
 * lesser child, the left one if both are equal. Cost: a logarithm of the queue's length each. */
#ifndef SEGALGO_FLOOD_QUEUE_H
#define SEGALGO_FLOOD_QUEUE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint64_t key;
    uint64_t age;
    int64_t place;
    int64_t source;
} segalgo_waiting;

typedef struct {
    segalgo_waiting* cells;
    int64_t count, room;
} segalgo_queue;

/* Numbers without NaN in their order; both zeros are one. */
static inline uint64_t segalgo_ordered_double(double value) {
    uint64_t bits;
    value += 0.0;
    memcpy(&bits, &value, 8);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

static inline uint32_t segalgo_ordered_float(float value) {
    uint32_t bits;
    value += 0.0f;
    memcpy(&bits, &value, 4);
    return bits >> 31 ? ~bits : bits | (uint32_t)1 << 31;
}

static inline int segalgo_before(const segalgo_waiting* a, const segalgo_waiting* b) {
    return a->key < b->key || (a->key == b->key && a->age < b->age);
}

/* Returns 1 where there is no memory. */
static inline int segalgo_push(segalgo_queue* queue, segalgo_waiting cell) {
    if (queue->count == queue->room) {
        const int64_t room = 2 * queue->room + 1024;
        segalgo_waiting* cells = (segalgo_waiting*)realloc(queue->cells, (size_t)room * sizeof(segalgo_waiting));
        if (cells == NULL) return 1;
        queue->cells = cells;
        queue->room = room;
    }
    int64_t place = queue->count++;
    while (place > 0) {
        const int64_t parent = (place - 1) / 2;
        if (!segalgo_before(&cell, queue->cells + parent)) break;
        queue->cells[place] = queue->cells[parent];
        place = parent;
    }
    queue->cells[place] = cell;
    return 0;
}

static inline segalgo_waiting segalgo_pop(segalgo_queue* queue) {
    const segalgo_waiting least = queue->cells[0];
    const int64_t count = --queue->count;
    const segalgo_waiting last = queue->cells[count];
    int64_t place = 0, child;
    if (count == 0) return least;
    while ((child = 2 * place + 1) < count) {
        if (child + 1 < count && segalgo_before(queue->cells + child + 1, queue->cells + child)) child++;
        if (!segalgo_before(queue->cells + child, &last)) break;
        queue->cells[place] = queue->cells[child];
        place = child;
    }
    queue->cells[place] = last;
    return least;
}

#endif
