/* Convolution and transposed convolution as products of packed weights with shifted views of a padded picture.
 *
 * One mechanism serves every stride, dilation and padding. A tile of the picture is copied with its zeros into a
 * buffer, split into phases: phase (a, b) holds the padded cells (row_step * i + a, column_step * j + b). Then every
 * kernel cell reads one phase, moved by a constant, and as rows of a phase lie one after the other (`pitch`), the
 * cells of consecutive output positions are consecutive in memory, over row ends too:
 *
 *     sum[row, q] = sum over k of weight[row, k] * buffer[offset[k] + q]         q = i * pitch + j, k = (c, tap)
 *
 * A register tile of some rows times NV vectors of positions runs over all k, in ascending order, one fused
 * multiply-add each, so no tile size, thread count or vector length moves a bit on one instruction level. Positions
 * beyond a row's end are computed and dropped. Nothing larger than the tile is ever copied (implicit GEMM).
 *
 * conv2d: rows are the output channels. conv_transpose2d: output cell m * stride + a takes only the kernel cells u
 * with u * dilation = a (mod stride), so each phase (a, b) of the output is a convolution of stride 1 over the input;
 * rows are (channel, a, b), and phases that need the same shifts share one product (`Rows`).
 */
#ifndef SEGALGO_CONVOLUTION_H
#define SEGALGO_CONVOLUTION_H

#include <stdint.h>
#include <string.h>

#include "shared/vectors.h"

/* Rows of the register tile, and its vectors: 2 as a rule, more where there are few rows to hide the latency. */
#if VECTOR_REGISTERS == 32
#define MOST_ROWS 14
#define FEW_ROWS 4
#define FEW_VECTORS 6
#else
#define MOST_ROWS 6
#define FEW_ROWS 3
#define FEW_VECTORS 3
#endif

/* While a channel is copied, this many cells of the tile some channels further on are fetched. */
#define PREFETCH_CELLS 1024
#define PREFETCH_CHANNELS 4
/* Where the products read the planes themselves: so many terms ahead. */
#define PREFETCH_TERMS 32

typedef struct {
    int64_t batch, groups, channels, height, width; /* input; channels of one group */
    int64_t top, left;                              /* row r of the padded picture is row r - top of the picture */
    int64_t row_step, column_step, phases;          /* how the buffer is split */
    const int64_t *phase_row, *phase_column;        /* the phases in use */
    int64_t grid_h, grid_w;                         /* positions (i, j) */
    int64_t tile_h, tile_w, buffer_h, pitch, plane; /* positions of a tile; one phase of one channel in the buffer */
    int64_t out_channels, oh, ow;                   /* output; channels of one group */
    int64_t out_row_step, out_column_step;          /* position (i, j) and phase (a, b): cell (i * step + a, ...) */
    int64_t splits;                                 /* the rows of one tile are shared by so many units of work */
    int64_t relu;
} Geometry;

/* Rows (channel, a, b) of a product that read the same shifts; in chunks of whole (channel, a), in panels of at most
 * MOST_ROWS rows. Weights are packed [panel][k][row of the panel]. */
typedef struct {
    int64_t terms, wide, a_count, b_count, chunks, weight_of_group;
    const int64_t *offset, *a, *b, *chunk_panel, *panel_row;
    const void *weight, *bias; /* bias: of every row */
} Rows;

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t divide_up(int64_t a, int64_t b) { return a <= 0 ? -(-a / b) : (a + b - 1) / b; }

/* What convolution_rows.h computes: channels and rows of one group. */
typedef struct {
    int64_t batch, groups, channels, height, width, rows, kh, kw, sh, sw, ph, pw, dh, dw, oh, ow, transposed, relu;
} SparseShape;

#define REAL float
#include "layers/convolution_direct.h"
#include "layers/convolution_pointwise.h"
#include "layers/convolution_rows.h"
#include "layers/convolution_winograd.h"
#undef REAL
#define REAL double
#include "layers/convolution_direct.h"
#include "layers/convolution_pointwise.h"
#include "layers/convolution_rows.h"
#include "layers/convolution_winograd.h"
#undef REAL

#endif
