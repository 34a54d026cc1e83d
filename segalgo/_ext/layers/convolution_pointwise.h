/* Convolution of kernel 1 x 1, stride 1, without padding, for one element type; read through convolution.h.
 *
 * A product of matrices, [rows, channels] times [channels, cells]. Planes lie too far apart to be read again and again
 * (all at one place of the cache where a plane is a power of two): of 2 * LANES cells, the first panel of weights reads
 * the planes where they are and leaves a copy behind while it multiplies; the other panels read the copy.
 */
#define NAME(word) JOIN(word, REAL)
#define VECTOR JOIN(vector, REAL)
#define LANES ((int64_t)(VECTOR_BYTES / sizeof(REAL)))

FUSED_FILE_BEGIN

/* As KERNEL of convolution_direct.h, and copies what it reads; a line of each term is fetched from `fetch` on. */
#define KERNEL(MR)                                                                                                   \
    static void NAME(pointwise_##MR)(int64_t terms, const REAL* weight, const REAL* source, int64_t pitch,           \
                                     const REAL* fetch, int64_t fetch_pitch, const REAL* bias, int64_t relu,         \
                                     REAL* copy, REAL* out, int64_t out_pitch) {                                     \
        FUSED_BEGIN                                                                                                  \
        VECTOR sum[MR][2] = {{{0}}};                                                                                 \
        for (int64_t k = 0; k < terms; k++, weight += MR, source += pitch, copy += 2 * LANES) {                      \
            const VECTOR value[2] = {((const VECTOR*)source)[0], ((const VECTOR*)source)[1]};                        \
            __builtin_prefetch(fetch + k * fetch_pitch);                                                             \
            ((VECTOR*)copy)[0] = value[0];                                                                           \
            ((VECTOR*)copy)[1] = value[1];                                                                           \
            _Pragma("GCC unroll 16") for (int r = 0; r < MR; r++) {                                                  \
                sum[r][0] = weight[r] * value[0] + sum[r][0];                                                        \
                sum[r][1] = weight[r] * value[1] + sum[r][1];                                                        \
            }                                                                                                        \
        }                                                                                                            \
        _Pragma("GCC unroll 16") for (int r = 0; r < MR; r++, out += out_pitch) {                                    \
            _Pragma("GCC unroll 2") for (int s = 0; s < 2; s++) {                                                    \
                const VECTOR last = sum[r][s] + bias[r];                                                             \
                ((VECTOR*)out)[s] = relu ? NAME(rectified)(last) : last;                                             \
            }                                                                                                        \
        }                                                                                                            \
    }
KERNEL(1) KERNEL(2) KERNEL(3) KERNEL(4) KERNEL(5) KERNEL(6)
#if MOST_ROWS > 6
KERNEL(7) KERNEL(8) KERNEL(9) KERNEL(10) KERNEL(11) KERNEL(12) KERNEL(13) KERNEL(14)
#endif
#undef KERNEL

FUSED_FILE_END

typedef void (*NAME(PointwiseKernel))(int64_t, const REAL*, const REAL*, int64_t, const REAL*, int64_t, const REAL*,
                                      int64_t, REAL*, REAL*, int64_t);
#define ENTRY(MR) NAME(pointwise_##MR)
static const NAME(PointwiseKernel) NAME(pointwise_kernels)[] = {0, ENTRY(1), ENTRY(2), ENTRY(3), ENTRY(4), ENTRY(5),
    ENTRY(6),
#if MOST_ROWS > 6
    ENTRY(7), ENTRY(8), ENTRY(9), ENTRY(10), ENTRY(11), ENTRY(12), ENTRY(13), ENTRY(14)
#endif
};
#undef ENTRY

/* One unit of work: cells [first, first + g->tile_w) of one picture and group, as many as there are, all rows.
 * r->offset[k] = k * 2 * LANES. Scratch: the copy, channels * 2 * LANES, and the results of a register tile that is
 * not whole, MOST_ROWS * 2 * LANES. */
static void NAME(pointwise_unit)(const Geometry* g, const Rows* r, const REAL* x, REAL* out, REAL* copy,
                                 int64_t unit) {
    const int64_t width = 2 * LANES, cells = g->height * g->width, channels = g->channels;
    const int64_t tiles = divide_up(cells, g->tile_w), first = unit % tiles * g->tile_w;
    const int64_t plane_group = unit / tiles, group = plane_group % g->groups;
    const int64_t count = least(g->tile_w, cells - first);
    const REAL* planes = x + plane_group * channels * cells + first;
    REAL* target = out + plane_group * g->out_channels * cells + first;
    const REAL* weight = (const REAL*)r->weight + group * r->weight_of_group;
    const REAL* bias = (const REAL*)r->bias + group * g->out_channels;
    REAL* results = copy + channels * width;
    for (int64_t q = 0; q < count; q += width) {
        const int64_t inside = least(width, count - q);
        const REAL* source = planes + q;
        int64_t pitch = cells;
        if (inside < width) {
            for (int64_t k = 0; k < channels; k++) {
                memset(copy + k * width, 0, (size_t)width * sizeof(REAL));
                memcpy(copy + k * width, source + k * cells, (size_t)inside * sizeof(REAL));
            }
            source = copy;
            pitch = width;
        }
        for (int64_t panel = 0; panel < r->chunk_panel[r->chunks]; panel++) {
            const int64_t row = r->panel_row[panel], rows = r->panel_row[panel + 1] - row;
            const REAL* packed = weight + row * channels;
            REAL* place = inside < width ? results : target + row * cells + q;
            const int64_t place_pitch = inside < width ? width : cells;
            if (panel < 3)
                /* The first panel reads the planes; the next two fetch what the next register tile will read. */
                NAME(pointwise_kernels)[rows](channels, packed, panel ? copy : source, panel ? width : pitch,
                                              panel ? planes + q + width + (panel - 1) * LANES
                                                    : source + PREFETCH_TERMS * pitch,
                                              panel ? cells : pitch, bias + row, g->relu, copy, place, place_pitch);
            else
                NAME(kernels)[rows](channels, packed, copy, r->offset, bias + row, g->relu, place, place_pitch);
            for (int64_t m = 0; m < rows && inside < width; m++)
                memcpy(target + (row + m) * cells + q, results + m * width, (size_t)inside * sizeof(REAL));
        }
    }
}

#undef NAME
#undef VECTOR
#undef LANES
