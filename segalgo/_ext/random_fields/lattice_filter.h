/* Filtering on the permutohedral lattice: points give to vertices (splat), vertices mix with their neighbours along each
 * axis (blur), points take from vertices (slice). See lattice_passes.h. */
#ifndef SEGALGO_LATTICE_FILTER_H
#define SEGALGO_LATTICE_FILTER_H

#include "permutohedral.h"
#include "shared/vectors.h"

/* One lattice as mean-field inference reads it; numbers are float or double. */
typedef struct {
    const Lattice* lattice;
    const void* taken;  /* weights of the corners */
    const void* rows;   /* of the vertices */
    const void* matrix; /* P columns, a row for each class that speaks; NULL where `taken` holds the only factor */
} Heard;

#define LANES 8
#define PART 64

FUSED_FILE_BEGIN
FUSED_BEGIN
#include "layers/elementary.h"
#define REAL float
#define OF(name) name##_float
#include "lattice_passes.h"
#undef REAL
#undef OF
#define REAL double
#define OF(name) name##_double
#include "lattice_passes.h"
#undef REAL
#undef OF
FUSED_FILE_END
#endif
