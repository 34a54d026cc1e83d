/* Passes over rows of C numbers, one row for each point or vertex, filled up to P, a multiple of LANES. Included by
 * lattice_filter.h once for float and once for double, with REAL and OF(name) defined.
 *
 * A vertex gathers its points in their order, in sums of PART terms that are added up; so the result does not depend on
 * the number of threads, and its error grows with PART and the number of parts alone. */
typedef REAL OF(lanes) __attribute__((vector_size(LANES * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));

/* out = sum over k of weight[k] * rows[which[k]], `blocks` vectors of it. */
static inline __attribute__((always_inline)) void OF(sum_of_rows)(const REAL* rows, int64_t p, const int32_t* which,
                                                                 const REAL* weight, int64_t count, REAL* out,
                                                                 const int blocks) {
    OF(lanes) total[4] = {{0}, {0}, {0}, {0}};
    for (int64_t first = 0; first < count; first += PART) {
        const int64_t last = first + PART < count ? first + PART : count;
        OF(lanes) sum[4] = {{0}, {0}, {0}, {0}};
        for (int64_t k = first; k < last; k++) {
            const REAL* row = rows + which[k] * p;
            for (int b = 0; b < blocks; b++) sum[b] += weight[k] * ((const OF(lanes)*)row)[b];
        }
        for (int b = 0; b < blocks; b++) total[b] += sum[b];
    }
    for (int b = 0; b < blocks; b++) ((OF(lanes)*)out)[b] = total[b];
}

static inline void OF(weighted_rows)(const REAL* rows, int64_t p, const int32_t* which, const REAL* weight,
                                     int64_t count, REAL* out) {
    for (int64_t c = 0; c < p; c += 4 * LANES) {
        switch ((p - c) / LANES) {
            case 1: OF(sum_of_rows)(rows + c, p, which, weight, count, out + c, 1); break;
            case 2: OF(sum_of_rows)(rows + c, p, which, weight, count, out + c, 2); break;
            case 3: OF(sum_of_rows)(rows + c, p, which, weight, count, out + c, 3); break;
            default: OF(sum_of_rows)(rows + c, p, which, weight, count, out + c, 4);
        }
    }
}

/* Vertices from `first` to `last` gather their points. `weight` is in the order of the entries. */
static void OF(splat)(const Lattice* lattice, const REAL* weight, const REAL* rows, int64_t p, REAL* out,
                      int64_t first, int64_t last) {
    for (int64_t v = first; v < last; v++) {
        const int64_t from = lattice->first[v];
        OF(weighted_rows)(rows, p, lattice->source + from, weight + from, lattice->first[v + 1] - from, out + v * p);
    }
}

/* Along one axis, vertices from `first` to `last`: a vertex and half of its two neighbours. Row `vertices` is zero. */
static void OF(blur)(const Lattice* lattice, int32_t axis, const REAL* rows, int64_t p, REAL* out, int64_t first,
                     int64_t last) {
    const int32_t sides = 2 * (lattice->dims + 1);
    const REAL half = (REAL)0.5;
    for (int64_t v = first; v < last; v++) {
        const REAL* own = rows + v * p;
        const REAL* before = rows + lattice->neighbour[v * sides + 2 * axis] * p;
        const REAL* after = rows + lattice->neighbour[v * sides + 2 * axis + 1] * p;
        for (int64_t c = 0; c < p; c += LANES) {
            const OF(lanes) sum = *(const OF(lanes)*)(before + c) + *(const OF(lanes)*)(after + c);
            *(OF(lanes)*)(out + v * p + c) = *(const OF(lanes)*)(own + c) + half * sum;
        }
    }
}

/* A point gathers its corners. `weight` is in the order of the corners. */
static inline void OF(slice_point)(const Lattice* lattice, const REAL* weight, const REAL* rows, int64_t p,
                                   int64_t point, REAL* out) {
    const int32_t corners = lattice->dims + 1;
    const int64_t from = point * corners;
    OF(weighted_rows)(rows, p, lattice->corner + from, weight + from, corners, out);
}

/* Rows of points from `first` to `last`, of planes (C, points), and back; `filler` in the lanes from C on. */
static void OF(rows_of_planes)(const REAL* planes, int64_t points, int64_t channels, int64_t p, REAL filler, REAL* rows,
                               int64_t first, int64_t last) {
    for (int64_t c = 0; c < p; c++)
        for (int64_t k = first; k < last; k++) rows[k * p + c] = c < channels ? planes[c * points + k] : filler;
}

static void OF(planes_of_rows)(const REAL* rows, int64_t points, int64_t channels, int64_t p, REAL* planes,
                               int64_t first, int64_t last) {
    for (int64_t c = 0; c < channels; c++)
        for (int64_t k = first; k < last; k++) planes[c * points + k] = rows[(k - first) * p + c];
}

/* Probabilities of one row of logits; the filler of logits is -inf. */
static inline __attribute__((always_inline)) void OF(softmax_row)(const REAL* scores, REAL* row, const int64_t p) {
    OF(lanes) most = *(const OF(lanes)*)scores, sum = {0};
    for (int64_t c = LANES; c < p; c += LANES) {
        const OF(lanes) other = *(const OF(lanes)*)(scores + c);
        const __typeof__(most > other) mask = most > other; /* all bits of the lanes where it is so */
        most = (OF(lanes))(((__typeof__(most > other))most & mask) | ((__typeof__(most > other))other & ~mask));
    }
    REAL largest = most[0], total = 0;
    for (int k = 1; k < LANES; k++) largest = most[k] > largest ? most[k] : largest;
    for (int64_t c = 0; c < p; c++) row[c] = OF(exp)(scores[c] - largest);
    for (int64_t c = 0; c < p; c += LANES) sum += *(const OF(lanes)*)(row + c);
    for (int k = 0; k < LANES; k++) total += sum[k];
    const REAL factor = 1 / total;
    for (int64_t c = 0; c < p; c += LANES) *(OF(lanes)*)(row + c) *= factor;
}

/* scores (a row of P numbers) += what a lattice says of a point. */
static inline __attribute__((always_inline)) void OF(hear)(const Heard* heard, int64_t channels, const int64_t p,
                                                          int64_t point, REAL* message, REAL* scores) {
    const int32_t corners = heard->lattice->dims + 1;
    const int32_t* which = heard->lattice->corner + point * corners;
    const REAL* weight = (const REAL*)heard->taken + point * corners;
    const REAL* matrix = (const REAL*)heard->matrix;
    REAL* sum = matrix ? message : scores;
    /* As many vectors at once as stay in registers. */
    for (int64_t c = 0; c < p; c += 4 * LANES) {
        const int64_t blocks = p - c < 4 * LANES ? (p - c) / LANES : 4;
        OF(lanes) held[4] = {{0}, {0}, {0}, {0}};
        for (int64_t b = 0; b < blocks && !matrix; b++) held[b] = ((const OF(lanes)*)(scores + c))[b];
        for (int32_t r = 0; r < corners; r++) {
            const OF(lanes)* vertex = (const OF(lanes)*)((const REAL*)heard->rows + which[r] * p + c);
            for (int64_t b = 0; b < blocks; b++) held[b] += weight[r] * vertex[b];
        }
        for (int64_t b = 0; b < blocks; b++) ((OF(lanes)*)(sum + c))[b] = held[b];
    }
    if (!matrix) return;
    for (int64_t k = 0; k < channels; k++)
        for (int64_t c = 0; c < p; c += LANES)
            *(OF(lanes)*)(scores + c) += message[k] * *(const OF(lanes)*)(matrix + k * p + c);
}

static inline __attribute__((always_inline)) void OF(update_points)(const Heard* heard, int count, const REAL* unary,
                                                                   int64_t channels, const int64_t p, REAL* scratch,
                                                                   REAL* rows, int probabilities, int64_t first,
                                                                   int64_t last) {
    REAL* scores = scratch + p;
    for (int64_t point = first; point < last; point++) {
        memcpy(scores, unary + point * p, (size_t)p * sizeof(REAL));
        for (int k = 0; k < count; k++) OF(hear)(heard + k, channels, p, point, scratch, scores);
        if (probabilities)
            OF(softmax_row)(scores, rows + point * p, p);
        else
            memcpy(rows + point * p, scores, (size_t)p * sizeof(REAL));
    }
}

/* Rows of points from `first` to `last`: logits and what the lattices say, or probabilities of that. `scratch` has room
 * for two rows. Rows of up to four vectors have loops of a fixed length. */
static void OF(update)(const Heard* heard, int count, const REAL* unary, int64_t channels, int64_t p, REAL* scratch,
                       REAL* rows, int probabilities, int64_t first, int64_t last) {
#define UPDATE(length) \
    OF(update_points)(heard, count, unary, channels, length, scratch, rows, probabilities, first, last)
    switch (p) {
        case LANES: UPDATE(LANES); break;
        case 2 * LANES: UPDATE(2 * LANES); break;
        case 3 * LANES: UPDATE(3 * LANES); break;
        case 4 * LANES: UPDATE(4 * LANES); break;
        default: UPDATE(p);
    }
#undef UPDATE
}

/* The weights in the order of the corners (times `after` of the point) from `first` to `last`. */
static void OF(weigh_corners)(const Lattice* lattice, const double* after, double factor, REAL* taken, int64_t first,
                              int64_t last) {
    const int32_t corners = lattice->dims + 1;
    for (int64_t point = first; point < last; point++)
        for (int64_t k = point * corners; k < (point + 1) * corners; k++)
            taken[k] = (REAL)(lattice->weight[k] * (factor * (after ? after[point] : 1)));
}

/* The weights in the order of the entries (times `before` of the point), those of vertices from `first` to `last`. */
static void OF(weigh_entries)(const Lattice* lattice, const double* before, REAL* given, int64_t first, int64_t last) {
    for (int64_t k = lattice->first[first]; k < lattice->first[last]; k++)
        given[k] = (REAL)(lattice->weight[lattice->entry[k]] * (before ? before[lattice->source[k]] : 1));
}
