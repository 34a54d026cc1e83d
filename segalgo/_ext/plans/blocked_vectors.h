/* Activations in channel blocks.
 *
 * A tensor (N, C, H, W) lies as (N, C / LANES, H, W, LANES): the LANES channels of one block at one cell are one
 * vector, channels beyond C are zero. So every vector is loaded and stored whole, whatever shift a kernel asks for,
 * and nothing is shuffled between layers. LANES is the vector length of the instruction level (16, 8 or 4 floats).
 */
#ifndef SEGALGO_BLOCKED_VECTORS_H
#define SEGALGO_BLOCKED_VECTORS_H

#include <stdint.h>
#include <string.h>

#include "shared/vectors.h"

#define LANES ((int64_t)(VECTOR_BYTES / sizeof(float)))

static inline int64_t blocked_least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t blocked_most(int64_t a, int64_t b) { return a > b ? a : b; }

/* a / b rounded up, for b > 0. */
static inline int64_t blocked_up(int64_t a, int64_t b) { return a > 0 ? (a + b - 1) / b : -(-a / b); }

#endif
