/* The direct product (implicit GEMM) for one element type; read through convolution.h, once for each REAL. */
#define NAME(word) JOIN(word, REAL)
#define VECTOR JOIN(vector, REAL)
#define LANES ((int64_t)(VECTOR_BYTES / sizeof(REAL)))

FUSED_FILE_BEGIN

/* One register tile: sum[r][s] over all terms, written to out, a row of NV vectors each.
 * Reads `terms` times MR weights and NV vectors; keeps MR * NV sums in registers. */
#define KERNEL(MR, NV)                                                                                               \
    static void NAME(JOIN(kernel_##MR, NV))(int64_t terms, const REAL* weight, const REAL* source,                   \
                                            const int64_t* offset, REAL* out) {                                      \
        FUSED_BEGIN                                                                                                  \
        VECTOR sum[MR][NV] = {{{0}}};                                                                                \
        for (int64_t k = 0; k < terms; k++, weight += MR) {                                                          \
            const VECTOR* cell = (const VECTOR*)(source + offset[k]);                                                \
            VECTOR value[NV];                                                                                        \
            _Pragma("GCC unroll 16") for (int s = 0; s < NV; s++) value[s] = cell[s];                                \
            _Pragma("GCC unroll 16") for (int r = 0; r < MR; r++) {                                                  \
                _Pragma("GCC unroll 16") for (int s = 0; s < NV; s++) sum[r][s] = weight[r] * value[s] + sum[r][s];  \
            }                                                                                                        \
        }                                                                                                            \
        _Pragma("GCC unroll 16") for (int r = 0; r < MR; r++) {                                                      \
            _Pragma("GCC unroll 16") for (int s = 0; s < NV; s++) ((VECTOR*)out)[r * NV + s] = sum[r][s];            \
        }                                                                                                            \
    }

KERNEL(1, 2) KERNEL(2, 2) KERNEL(3, 2) KERNEL(4, 2) KERNEL(5, 2) KERNEL(6, 2)
#if MOST_ROWS > 6
KERNEL(7, 2) KERNEL(8, 2) KERNEL(9, 2) KERNEL(10, 2) KERNEL(11, 2) KERNEL(12, 2) KERNEL(13, 2) KERNEL(14, 2)
KERNEL(1, 6) KERNEL(2, 6) KERNEL(3, 6) KERNEL(4, 6)
#else
KERNEL(1, 3) KERNEL(2, 3) KERNEL(3, 3)
#endif
#undef KERNEL

FUSED_FILE_END

#define ENTRY(MR, NV) NAME(JOIN(kernel_##MR, NV))
typedef void (*NAME(Kernel))(int64_t, const REAL*, const REAL*, const int64_t*, REAL*);
#if MOST_ROWS > 6
static const NAME(Kernel) NAME(kernels)[] = {0, ENTRY(1, 2), ENTRY(2, 2), ENTRY(3, 2), ENTRY(4, 2), ENTRY(5, 2),
    ENTRY(6, 2), ENTRY(7, 2), ENTRY(8, 2), ENTRY(9, 2), ENTRY(10, 2), ENTRY(11, 2), ENTRY(12, 2), ENTRY(13, 2),
    ENTRY(14, 2)};
static const NAME(Kernel) NAME(wide_kernels)[] = {0, ENTRY(1, 6), ENTRY(2, 6), ENTRY(3, 6), ENTRY(4, 6)};
#else
static const NAME(Kernel) NAME(kernels)[] = {0, ENTRY(1, 2), ENTRY(2, 2), ENTRY(3, 2), ENTRY(4, 2), ENTRY(5, 2),
    ENTRY(6, 2)};
static const NAME(Kernel) NAME(wide_kernels)[] = {0, ENTRY(1, 3), ENTRY(2, 3), ENTRY(3, 3)};
#endif
#undef ENTRY

/* target[j] = row[first + j * step] where that lies in the row of `width` cells (row may be null: none does), else 0. */
static void NAME(copy_phase_row)(REAL* restrict target, const REAL* restrict row, int64_t count, int64_t first,
                                 int64_t step, int64_t width) {
    const int64_t from = row ? least(most(divide_up(-first, step), 0), count) : count;
    const int64_t to = row ? most(least(divide_up(width - first, step), count), from) : count;
    memset(target, 0, (size_t)from * sizeof(REAL));
    memset(target + to, 0, (size_t)(count - to) * sizeof(REAL));
    if (from == to) return;
    const REAL* source = row + first + from * step;
    REAL* middle = target + from;
    const int64_t inside = to - from;
    if (step == 1) {
        memcpy(middle, source, (size_t)inside * sizeof(REAL));
    } else if (step == 2) {
        for (int64_t j = 0; j < inside; j++) middle[j] = source[2 * j];
    } else {
        for (int64_t j = 0; j < inside; j++) middle[j] = source[step * j];
    }
}

/* Four phases side by side at once: target[b * plane + j] = row[first + 4 * j + b], 0 outside the row. */
static void NAME(copy_four_phases)(REAL* restrict target, int64_t plane, const REAL* restrict row, int64_t count,
                                   int64_t first, int64_t width) {
    /* Positions whose four cells all lie in the row; the others go one phase at a time. */
    const int64_t from = row ? least(most(divide_up(-first, 4), 0), count) : count;
    const int64_t to = row ? most(least((width - first) >= 4 ? (width - first) / 4 : 0, count), from) : count;
    for (int64_t b = 0; b < 4; b++) {
        if (from > 0) NAME(copy_phase_row)(target + b * plane, row, from, first + b, 4, width);
        if (to < count)
            NAME(copy_phase_row)(target + b * plane + to, row, count - to, first + 4 * to + b, 4, width);
    }
    if (from == to) return;
    const REAL* source = row + first + 4 * from;
    REAL *b0 = target + from, *b1 = b0 + plane, *b2 = b1 + plane, *b3 = b2 + plane;
    for (int64_t j = 0; j < to - from; j++) {
        b0[j] = source[4 * j];
        b1[j] = source[4 * j + 1];
        b2[j] = source[4 * j + 2];
        b3[j] = source[4 * j + 3];
    }
}

/* The phases of one channel of a tile that begins at position (i0, j0): `rows` rows of `columns` cells each. */
static void NAME(copy_phases)(const Geometry* g, const REAL* picture, REAL* buffer, int64_t i0, int64_t j0,
                              int64_t rows, int64_t columns) {
    const int64_t left = j0 * g->column_step - g->left;
    if (g->phases == 1 && g->row_step == 1 && g->column_step == 1 && columns == g->width && columns == g->pitch && left == 0 &&
        i0 >= g->top && i0 + rows - g->top <= g->height) {
        /* Whole rows, no zeros. */
        memcpy(buffer, picture + (i0 - g->top) * g->width, (size_t)(rows * columns) * sizeof(REAL));
        return;
    }
    for (int64_t p = 0; p < g->phases; p++, buffer += g->plane) {
        const int four = g->column_step == 4 && p + 4 <= g->phases && g->phase_row[p + 3] == g->phase_row[p] &&
                         g->phase_column[p + 3] == g->phase_column[p] + 3;
        for (int64_t i = 0; i < rows; i++) {
            const int64_t row = (i0 + i) * g->row_step + g->phase_row[p] - g->top;
            const REAL* source = row >= 0 && row < g->height ? picture + row * g->width : 0;
            if (four)
                NAME(copy_four_phases)(buffer + i * g->pitch, g->plane, source, columns,
                                       left + g->phase_column[p], g->width);
            else
                NAME(copy_phase_row)(buffer + i * g->pitch, source, columns, left + g->phase_column[p],
                                     g->column_step, g->width);
        }
        if (four) {
            p += 3;
            buffer += 3 * g->plane;
        }
    }
}

static inline REAL NAME(finish)(REAL sum, REAL bias, int64_t relu) {
    sum += bias;
    return relu && sum < 0 ? 0 : sum; /* a NaN stays */
}

/* target[j * B + b] = sums[b][j]: B phases of one output row, side by side. */
#define INTERLEAVE(B)                                                                                                \
    static void NAME(interleave_##B)(const REAL* restrict sums, int64_t pitch, REAL* restrict target, int64_t count, \
                                     REAL bias) {                                                                    \
        for (int64_t j = 0; j < count; j++) {                                                                        \
            _Pragma("GCC unroll 8") for (int b = 0; b < B; b++) target[j * B + b] = sums[b * pitch + j] + bias;      \
        }                                                                                                            \
    }
INTERLEAVE(2)
INTERLEAVE(4)
INTERLEAVE(8)
#undef INTERLEAVE

/* Columns [from, to) of phase b of one output row, one by one; those outside the row are dropped. */
static void NAME(store_phase)(const Geometry* g, const REAL* sums, REAL* target, int64_t from, int64_t to, int64_t j0,
                              int64_t b, REAL bias) {
    const int64_t step = g->out_column_step;
    from = most(from, divide_up(-b, step) - j0);
    to = least(to, divide_up(g->ow - b, step) - j0);
    REAL* cell = target + j0 * step + b;
    if (step == 1) {
        for (int64_t j = from; j < to; j++) cell[j] = NAME(finish)(sums[j], bias, g->relu);
    } else {
        for (int64_t j = from; j < to; j++) cell[j * step] = NAME(finish)(sums[j], bias, g->relu);
    }
}

/* b_count phases of one output row: sums[b * sums_pitch + j] of positions j0 + from .. j0 + to. */
static void NAME(store_row)(const Geometry* g, const REAL* sums, int64_t sums_pitch, REAL* target, int64_t from,
                            int64_t to, int64_t j0, const int64_t* b, int64_t b_count, REAL bias) {
    const int64_t step = g->out_column_step;
    const int contiguous = b_count == step && b[b_count - 1] - b[0] == step - 1;
    if (contiguous && !g->relu && (step == 2 || step == 4 || step == 8)) {
        /* All phases of these positions lie in the row; the few positions at its ends take the slow way. */
        const int64_t low = least(most(divide_up(-b[0], step) - j0, from), to);
        const int64_t high = most(least(divide_up(g->ow - b[b_count - 1], step) - j0, to), low);
        REAL* cell = target + (j0 + low) * step + b[0];
        if (step == 2) NAME(interleave_2)(sums + low, sums_pitch, cell, high - low, bias);
        if (step == 4) NAME(interleave_4)(sums + low, sums_pitch, cell, high - low, bias);
        if (step == 8) NAME(interleave_8)(sums + low, sums_pitch, cell, high - low, bias);
        if (from == low && high == to) return;
        for (int64_t k = 0; k < b_count; k++) {
            NAME(store_phase)(g, sums + k * sums_pitch, target, from, low, j0, b[k], bias);
            NAME(store_phase)(g, sums + k * sums_pitch, target, high, to, j0, b[k], bias);
        }
        return;
    }
    for (int64_t k = 0; k < b_count; k++)
        NAME(store_phase)(g, sums + k * sums_pitch, target, from, to, j0, b[k], bias);
}

typedef struct {
    REAL* planes;     /* of this picture and group */
    const REAL* bias; /* of this group */
    int64_t i0, j0, rows, columns; /* the tile's first position and its size */
} NAME(Target);

/* target = sums + bias, vector by vector; the last vector overlaps the one before. */
static inline void NAME(store_contiguous)(const REAL* sums, REAL* target, int64_t count, REAL bias, int64_t relu) {
    if (count < LANES || relu) {
        for (int64_t j = 0; j < count; j++) target[j] = NAME(finish)(sums[j], bias, relu);
        return;
    }
    for (int64_t j = 0; j < count - LANES; j += LANES)
        *(VECTOR*)(target + j) = *(const VECTOR*)(sums + j) + bias;
    *(VECTOR*)(target + count - LANES) = *(const VECTOR*)(sums + count - LANES) + bias;
}

/* Positions q .. q + width of a tile for rows [first, last) of a product: the segments that lie in one grid row each. */
static void NAME(store_chunk)(const Geometry* g, const Rows* r, const REAL* sums, int64_t width,
                              const NAME(Target)* t, int64_t q, int64_t first, int64_t last) {
    const int64_t pairs = (last - first) / r->b_count, first_pair = first / r->b_count;
    int64_t i = q / g->pitch;
    for (int64_t start = i * g->pitch - q; i < t->rows && start < width; i++, start += g->pitch) {
        /* start: where column 0 of this row would lie in the sums. */
        const int64_t from = most(0, -start), to = least(t->columns, width - start);
        if (from >= to) continue;
        int64_t channel = first_pair / r->a_count, a = first_pair % r->a_count;
        for (int64_t pair = 0; pair < pairs; pair++) {
            const int64_t row = (t->i0 + i) * g->out_row_step + r->a[a];
            const REAL* source = sums + pair * r->b_count * width + start;
            REAL* target = t->planes + (channel * g->oh + row) * g->ow;
            if (row >= 0 && row < g->oh) {
                if (g->out_column_step == 1)
                    NAME(store_contiguous)(source + from, target + t->j0 + from, to - from, t->bias[channel], g->relu);
                else
                    NAME(store_row)(g, source, width, target, from, to, t->j0, r->b, r->b_count, t->bias[channel]);
            }
            if (++a == r->a_count) {
                a = 0;
                channel++;
            }
        }
    }
}

/* One unit of work: a tile of positions of one picture and group, all rows or a share of them.
 * Scratch: the buffer (channels * phases * plane, and slack for the last vectors), then the sums of a chunk. */
static void NAME(direct_unit)(const Geometry* g, const Rows* classes, int64_t class_count, const REAL* x,
                              const REAL* bias, REAL* out, REAL* scratch, int64_t sums_at, int64_t unit) {
    const int64_t tiles_w = divide_up(g->grid_w, g->tile_w), tiles_h = divide_up(g->grid_h, g->tile_h);
    const int64_t split = unit % g->splits, tile = unit / g->splits % (tiles_h * tiles_w);
    const int64_t plane_group = unit / g->splits / (tiles_h * tiles_w), group = plane_group % g->groups;
    const int64_t i0 = tile / tiles_w * g->tile_h, j0 = tile % tiles_w * g->tile_w;
    const int64_t rows = least(g->tile_h, g->grid_h - i0), columns = least(g->tile_w, g->grid_w - j0);
    const int64_t halo_h = g->buffer_h - g->tile_h, halo_w = g->pitch - g->tile_w;
    const REAL* pictures = x + plane_group * g->channels * g->height * g->width;
    REAL* planes = out + plane_group * g->out_channels * g->oh * g->ow;
    REAL* sums = scratch + sums_at;
    for (int64_t c = 0; c < g->channels; c++)
        NAME(copy_phases)(g, pictures + c * g->height * g->width, scratch + c * g->phases * g->plane, i0, j0,
                          rows + halo_h, columns + halo_w);
    const int64_t width = LANES * (classes[0].wide ? FEW_VECTORS : 2);
    /* Register tiles along each row, or over row ends where that takes fewer. */
    const int64_t per_row = divide_up(columns, width), flat = divide_up((rows - 1) * g->pitch + columns, width);
    const int over_ends = flat < per_row * rows;
    const int64_t tiles = over_ends ? flat : per_row * rows;
    /* Panels outside, positions inside: one panel's weights and the buffer stay in the second-level cache. */
    for (int64_t k = 0; k < class_count; k++) {
        const Rows* r = classes + k;
        const NAME(Kernel)* kernels = r->wide ? NAME(wide_kernels) : NAME(kernels);
        const REAL* weight = (const REAL*)r->weight + group * r->weight_of_group;
        for (int64_t chunk = r->chunks * split / g->splits; chunk < r->chunks * (split + 1) / g->splits; chunk++) {
            const int64_t first = r->panel_row[r->chunk_panel[chunk]], last = r->panel_row[r->chunk_panel[chunk + 1]];
            for (int64_t s = 0; s < tiles; s++) {
                const int64_t q = over_ends ? s * width : s / per_row * g->pitch + s % per_row * width;
                for (int64_t panel = r->chunk_panel[chunk]; panel < r->chunk_panel[chunk + 1]; panel++) {
                    const int64_t row = r->panel_row[panel];
                    kernels[r->panel_row[panel + 1] - row](r->terms, weight + row * r->terms, scratch + q, r->offset,
                                                           sums + (row - first) * width);
                }
                const NAME(Target) target = {planes, bias + group * g->out_channels, i0, j0, rows, columns};
                NAME(store_chunk)(g, r, sums, width, &target, q, first, last);
            }
        }
    }
}

/* Packed weights of rows [first, last) of one group: [k][row], from weight[row_at[row] + term_at[k]]. */
static void NAME(pack_panel)(const REAL* weight, const int64_t* row_at, const int64_t* term_at, int64_t terms,
                             int64_t first, int64_t last, REAL* packed) {
    const int64_t rows = last - first;
    packed += first * terms;
    for (int64_t r = 0; r < rows; r++) {
        const REAL* source = weight + row_at[first + r];
        for (int64_t k = 0; k < terms; k++) packed[k * rows + r] = source[term_at[k]];
    }
}

#undef NAME
#undef VECTOR
#undef LANES
