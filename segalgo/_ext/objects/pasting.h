/* Bilinear interpolation of a mask to the size of its box: which cells, and which parts of them. */
#ifndef SEGALGO_PASTING_H
#define SEGALGO_PASTING_H
#include <stdint.h>

/* For cells first ... last - 1 of `size`: the two of n cells around each, and the part of the second. In float64, in the
   order of the reference. */
static void pasting_taps(int64_t first, int64_t last, int64_t n, int64_t size, int64_t* low, int64_t* high,
                         double* part) {
    const double step = (double)n / (double)size;
    for (int64_t k = first; k < last; k++) {
        double position = ((double)k + 0.5) * step - 0.5;
        if (position < 0) position = 0;
        /* At most n - 0.5, so that it is in the range of an integer. */
        const int64_t cell = (int64_t)position < n - 1 ? (int64_t)position : n - 1;
        low[k - first] = cell;
        high[k - first] = cell + 1 < n ? cell + 1 : n - 1;
        part[k - first] = position - (double)cell;
    }
}
#endif
