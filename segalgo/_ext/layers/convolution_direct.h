/* The direct product (implicit GEMM) for one element type; read through convolution.h, once for each REAL. */
#define NAME(word) JOIN(word, REAL)
#define VECTOR JOIN(vector, REAL)
#define LANES ((int64_t)(VECTOR_BYTES / sizeof(REAL)))

/* Zero for what is negative; a NaN is not. */
static inline VECTOR NAME(rectified)(VECTOR value) {
    const __typeof__(value < (REAL)0) keep = ~(value < (REAL)0);
    return (VECTOR)((__typeof__(keep))value & keep);
}

FUSED_FILE_BEGIN

/* One register tile: sum[r][s] over all terms, plus bias[r], zero for a negative sum where `relu` (a NaN stays).
 * Row r goes to out + r * out_pitch, NV vectors. Reads `terms` times MR weights and NV vectors; keeps the MR * NV sums
 * in registers. */
#define KERNEL(MR, NV)                                                                                               \
    static void NAME(JOIN(kernel_##MR, NV))(int64_t terms, const REAL* weight, const REAL* source,                   \
                                            const int64_t* offset, const REAL* bias, int64_t relu, REAL* out,        \
                                            int64_t out_pitch) {                                                     \
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
        _Pragma("GCC unroll 16") for (int r = 0; r < MR; r++, out += out_pitch) {                                    \
            _Pragma("GCC unroll 16") for (int s = 0; s < NV; s++) {                                                  \
                const VECTOR last = sum[r][s] + bias[r];                                                             \
                ((VECTOR*)out)[s] = relu ? NAME(rectified)(last) : last;                                             \
            }                                                                                                        \
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
typedef void (*NAME(Kernel))(int64_t, const REAL*, const REAL*, const int64_t*, const REAL*, int64_t, REAL*, int64_t);
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

/* Four phases at once: target[b * plane + j] = row[first + (4 * j + b) * spread], 0 outside the row. Unless the cells
 * are neighbours and all inside, they pass through `line`, 4 * count cells. */
static void NAME(copy_four_phases)(REAL* restrict target, int64_t plane, const REAL* restrict row, int64_t count,
                                   int64_t first, int64_t spread, int64_t width, REAL* restrict line) {
    REAL *b0 = target, *b1 = b0 + plane, *b2 = b1 + plane, *b3 = b2 + plane;
    if (!row) {
        for (int64_t b = 0; b < 4; b++) memset(target + b * plane, 0, (size_t)count * sizeof(REAL));
        return;
    }
    const REAL* source = row + first;
    if (spread > 1 || first < 0 || first + 4 * count > width) {
        NAME(copy_phase_row)(line, row, 4 * count, first, spread, width);
        source = line;
    }
    for (int64_t j = 0; j < count; j++) {
        b0[j] = source[4 * j];
        b1[j] = source[4 * j + 1];
        b2[j] = source[4 * j + 2];
        b3[j] = source[4 * j + 3];
    }
}

/* The phases of one channel of a tile that begins at position (i0, j0): `rows` rows of `columns` cells each.
 * line: room for 4 * columns cells. */
static void NAME(copy_phases)(const Geometry* g, const REAL* picture, REAL* buffer, int64_t i0, int64_t j0,
                              int64_t rows, int64_t columns, REAL* line) {
    const int64_t left = j0 * g->column_step - g->left;
    if (g->phases == 1 && g->row_step == 1 && g->column_step == 1 && columns == g->width && columns == g->pitch && left == 0 &&
        i0 >= g->top && i0 + rows - g->top <= g->height) {
        /* Whole rows, no zeros. */
        memcpy(buffer, picture + (i0 - g->top) * g->width, (size_t)(rows * columns) * sizeof(REAL));
        memset(buffer + rows * columns, 0, (size_t)(g->plane - rows * columns) * sizeof(REAL));
        return;
    }
    const int64_t spread = g->column_step / 4;
    for (int64_t p = 0; p < g->phases;) {
        /* Four phases of one row, evenly spread over the step, at once. */
        int four = g->column_step % 4 == 0 && p + 4 <= g->phases;
        for (int64_t b = 0; four && b < 4; b++)
            four = g->phase_row[p + b] == g->phase_row[p] && g->phase_column[p + b] == g->phase_column[p] + b * spread;
        /* A phase that is another one, moved by one position. */
        const int shifted = p >= 4 && g->phase_row[p] == g->phase_row[p - 4] &&
                            g->phase_column[p] == g->phase_column[p - 4] + g->column_step;
        for (int64_t i = 0; i < rows; i++) {
            const int64_t row = (i0 + i) * g->row_step + g->phase_row[p] - g->top;
            const REAL* source = row >= 0 && row < g->height ? picture + row * g->width : 0;
            REAL* target = buffer + p * g->plane + i * g->pitch;
            if (shifted) {
                memcpy(target, target - 4 * g->plane + 1, (size_t)(columns - 1) * sizeof(REAL));
                NAME(copy_phase_row)(target + columns - 1, source, 1,
                                     left + g->phase_column[p] + (columns - 1) * g->column_step, g->column_step,
                                     g->width);
            } else if (four)
                NAME(copy_four_phases)(target, g->plane, source, columns, left + g->phase_column[p], spread, g->width,
                                       line);
            else
                NAME(copy_phase_row)(target, source, columns, left + g->phase_column[p], g->column_step, g->width);
        }
        /* What lies after the rows is computed with and dropped: zeros cost nothing, leftovers may be denormal. */
        for (const int64_t end = p + (four && !shifted ? 4 : 1); p < end; p++)
            memset(buffer + p * g->plane + rows * g->pitch, 0, (size_t)(g->plane - rows * g->pitch) * sizeof(REAL));
    }
}

/* target[j * B + b] = sums[b][j]: B phases of one output row, side by side. */
#define INTERLEAVE(B)                                                                                                \
    static void NAME(interleave_##B)(const REAL* restrict sums, int64_t pitch, REAL* restrict target,                \
                                     int64_t count) {                                                                \
        for (int64_t j = 0; j < count; j++) {                                                                        \
            _Pragma("GCC unroll 8") for (int b = 0; b < B; b++) target[j * B + b] = sums[b * pitch + j];             \
        }                                                                                                            \
    }
INTERLEAVE(2)
INTERLEAVE(4)
INTERLEAVE(8)
#undef INTERLEAVE

/* Columns [from, to) of phase b of one output row, one by one; those outside the row are dropped. */
static void NAME(store_phase)(const Geometry* g, const REAL* sums, REAL* target, int64_t from, int64_t to, int64_t j0,
                              int64_t b) {
    const int64_t step = g->out_column_step;
    from = most(from, divide_up(-b, step) - j0);
    to = least(to, divide_up(g->ow - b, step) - j0);
    REAL* cell = target + j0 * step + b;
    for (int64_t j = from; j < to; j++) cell[j * step] = sums[j];
}

/* b_count phases of one output row: sums[b * sums_pitch + j] of positions j0 + from .. j0 + to. */
static void NAME(store_row)(const Geometry* g, const REAL* sums, int64_t sums_pitch, REAL* target, int64_t from,
                            int64_t to, int64_t j0, const int64_t* b, int64_t b_count) {
    const int64_t step = g->out_column_step;
    int64_t low = from, high = from;
    if (b_count == step && (step == 2 || step == 4 || step == 8) && b[step - 1] - b[0] == step - 1) {
        /* Positions whose phases all lie in the row; the few at its ends take the slow way. */
        low = least(most(divide_up(-b[0], step) - j0, from), to);
        high = most(least((g->ow - b[step - 1] + step - 1) / step - j0, to), low);
        REAL* cell = target + (j0 + low) * step + b[0];
        if (step == 2) NAME(interleave_2)(sums + low, sums_pitch, cell, high - low);
        if (step == 4) NAME(interleave_4)(sums + low, sums_pitch, cell, high - low);
        if (step == 8) NAME(interleave_8)(sums + low, sums_pitch, cell, high - low);
        if (from == low && high == to) return;
    }
    for (int64_t k = 0; k < b_count; k++) {
        NAME(store_phase)(g, sums + k * sums_pitch, target, from, low, j0, b[k]);
        NAME(store_phase)(g, sums + k * sums_pitch, target, high, to, j0, b[k]);
    }
}

/* Vector by vector; the last one overlaps the one before. */
static inline void NAME(copy_row)(const REAL* sums, REAL* target, int64_t count) {
    if (count < LANES) {
        for (int64_t j = 0; j < count; j++) target[j] = sums[j];
        return;
    }
    for (int64_t j = 0; j < count - LANES; j += LANES) *(VECTOR*)(target + j) = *(const VECTOR*)(sums + j);
    *(VECTOR*)(target + count - LANES) = *(const VECTOR*)(sums + count - LANES);
}

typedef struct {
    REAL* planes;                  /* the outputs of this picture and group */
    int64_t i0, j0, rows, columns; /* the tile's first position and its size */
} NAME(Target);

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
                    NAME(copy_row)(source + from, target + t->j0 + from, to - from);
                else
                    NAME(store_row)(g, source, width, target, from, to, t->j0, r->b, r->b_count);
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
static void NAME(direct_unit)(const Geometry* g, const Rows* classes, int64_t class_count, const REAL* x, REAL* out,
                              REAL* scratch, int64_t sums_at, int64_t unit) {
    const int64_t tiles_w = divide_up(g->grid_w, g->tile_w), tiles_h = divide_up(g->grid_h, g->tile_h);
    const int64_t split = unit % g->splits, tile = unit / g->splits % (tiles_h * tiles_w);
    const int64_t plane_group = unit / g->splits / (tiles_h * tiles_w), group = plane_group % g->groups;
    const int64_t i0 = tile / tiles_w * g->tile_h, j0 = tile % tiles_w * g->tile_w;
    const int64_t rows = least(g->tile_h, g->grid_h - i0), columns = least(g->tile_w, g->grid_w - j0);
    const int64_t halo_h = g->buffer_h - g->tile_h, halo_w = g->pitch - g->tile_w;
    const REAL* pictures = x + plane_group * g->channels * g->height * g->width;
    REAL* planes = out + plane_group * g->out_channels * g->oh * g->ow;
    REAL* sums = scratch + sums_at;
    for (int64_t c = 0; c < g->channels; c++) {
        const REAL* picture = pictures + c * g->height * g->width;
        /* Planes lie too far apart for the processor to foresee the next ones. */
        const REAL* next = picture + (i0 * g->row_step - g->top + PREFETCH_CHANNELS * g->height) * g->width;
        if (c + PREFETCH_CHANNELS < g->channels && i0 * g->row_step >= g->top) {
            for (int64_t j = 0; j < least(rows * g->row_step * g->width, PREFETCH_CELLS); j += 64 / (int64_t)sizeof(REAL))
                __builtin_prefetch(next + j);
        }
        NAME(copy_phases)(g, picture, scratch + c * g->phases * g->plane, i0, j0, rows + halo_h, columns + halo_w,
                          sums);
    }
    const int64_t width = LANES * (classes[0].wide ? FEW_VECTORS : 2);
    memset(scratch + g->channels * g->phases * g->plane, 0, (size_t)(g->pitch + width) * sizeof(REAL));
    /* Register tiles along each row, or over row ends where that takes fewer. */
    const int64_t per_row = divide_up(columns, width), flat = divide_up((rows - 1) * g->pitch + columns, width);
    const int over_ends = flat < per_row * rows;
    const int64_t tiles = over_ends ? flat : per_row * rows;
    /* Panels outside, positions inside: one panel's weights and the buffer stay in the second-level cache. */
    for (int64_t k = 0; k < class_count; k++) {
        const Rows* r = classes + k;
        const NAME(Kernel)* kernels = r->wide ? NAME(wide_kernels) : NAME(kernels);
        const REAL* weight = (const REAL*)r->weight + group * r->weight_of_group;
        const REAL* bias = (const REAL*)r->bias + group * r->panel_row[r->chunk_panel[r->chunks]];
        /* Rows are channels, positions output cells. */
        const int plain = g->out_row_step == 1 && g->out_column_step == 1;
        for (int64_t chunk = r->chunks * split / g->splits; chunk < r->chunks * (split + 1) / g->splits; chunk++) {
            const int64_t first = r->panel_row[r->chunk_panel[chunk]], last = r->panel_row[r->chunk_panel[chunk + 1]];
            for (int64_t s = 0; s < tiles; s++) {
                const int64_t q = over_ends ? s * width : s / per_row * g->pitch + s % per_row * width;
                /* Whole register tiles of one row go straight to the output. */
                const int64_t i = q / g->pitch, j = q % g->pitch;
                const int straight = plain && j + width <= columns;
                REAL* cells = planes + first * g->oh * g->ow + (i0 + i) * g->ow + j0 + j;
                for (int64_t panel = r->chunk_panel[chunk]; panel < r->chunk_panel[chunk + 1]; panel++) {
                    const int64_t row = r->panel_row[panel];
                    kernels[r->panel_row[panel + 1] - row](
                        r->terms, weight + row * r->terms, scratch + q, r->offset, bias + row, g->relu,
                        straight ? cells + (row - first) * g->oh * g->ow : sums + (row - first) * width,
                        straight ? g->oh * g->ow : width);
                }
                const NAME(Target) target = {planes, i0, j0, rows, columns};
                if (!straight) NAME(store_chunk)(g, r, sums, width, &target, q, first, last);
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
