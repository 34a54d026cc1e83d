/* Convolution and transposed convolution by rows, for one element type; read through convolution.h, once for each REAL.
 *
 * One output plane at a time: filled with its bias, then for each channel and kernel cell, in order, the cells that meet
 * are multiplied and added along rows. Nothing is copied and cells in the padding are never met, so the cost is that of
 * the products alone, whatever stride, padding and dilation: for shapes whose windows are so far apart that the tiles
 * of the direct product would mostly hold cells that no product reads.
 */
#define NAME(word) JOIN(word, REAL)

/* Kernel cell u meets row a of the smaller side in row a * step - padding + u * dilation of the other side: the first
 * and last + 1 of the rows `a` below `count` whose partner lies in 0 ... size - 1. */
static inline void NAME(meeting_rows)(int64_t count, int64_t size, int64_t step, int64_t shift, int64_t* first,
                                      int64_t* last) {
    *first = shift >= 0 ? 0 : (-shift + step - 1) / step;
    *last = size - 1 < shift ? 0 : least(count, (size - 1 - shift) / step + 1);
}

/* Plane `unit` of the output, counted over pictures and output channels. `transposed`: rows a are those of the input,
 * else those of the output; weights are (in, out, kh, kw) of a group, else (out, in, kh, kw). */
static void NAME(convolve_plane)(const SparseShape* s, const REAL* x, const REAL* weight, const REAL* bias, REAL* output,
                                 int64_t unit) {
    const int64_t picture = unit / (s->groups * s->rows), k = unit % (s->groups * s->rows);
    const int64_t group = k / s->rows, row = k % s->rows, cells = s->oh * s->ow;
    REAL* plane = output + unit * cells;
    const REAL offset = bias ? bias[k] : (REAL)0;
    for (int64_t i = 0; i < cells; i++) plane[i] = offset;
    const int64_t few_rows = s->transposed ? s->height : s->oh, few_columns = s->transposed ? s->width : s->ow;
    const int64_t many_rows = s->transposed ? s->oh : s->height, many_columns = s->transposed ? s->ow : s->width;
    for (int64_t c = 0; c < s->channels; c++) {
        const REAL* source = x + ((picture * s->groups + group) * s->channels + c) * s->height * s->width;
        const REAL* kernel = weight + (s->transposed ? (group * s->channels + c) * s->rows + row
                                                     : (group * s->rows + row) * s->channels + c) * s->kh * s->kw;
        for (int64_t u = 0; u < s->kh; u++) {
            int64_t i0, i1;
            NAME(meeting_rows)(few_rows, many_rows, s->sh, u * s->dh - s->ph, &i0, &i1);
            for (int64_t v = 0; v < s->kw; v++) {
                int64_t j0, j1;
                const int64_t shift = v * s->dw - s->pw;
                NAME(meeting_rows)(few_columns, many_columns, s->sw, shift, &j0, &j1);
                const REAL factor = kernel[u * s->kw + v];
                for (int64_t i = i0; i < i1; i++) {
                    const int64_t partner = (i * s->sh + u * s->dh - s->ph) * many_columns + shift;
                    if (s->transposed) {
                        const REAL* from = source + i * few_columns;
                        for (int64_t j = j0; j < j1; j++) plane[partner + j * s->sw] += from[j] * factor;
                    } else {
                        REAL* to = plane + i * few_columns;
                        for (int64_t j = j0; j < j1; j++) to[j] += source[partner + j * s->sw] * factor;
                    }
                }
            }
        }
    }
    if (s->relu)
        for (int64_t i = 0; i < cells; i++) plane[i] = plane[i] < (REAL)0 ? (REAL)0 : plane[i];
}

#undef NAME
