/* The runs of every label of a map, column by column. Included by label_runs.pyx.
   A run begins at each cell (i, j), number j * h + i in column order, whose label differs from the cell before it. */
#ifndef SEGALGO_LABEL_RUNS_H
#define SEGALGO_LABEL_RUNS_H

#include <stdint.h>

/* The label before cell (0, j): the last one of the column to the left. The first cell always begins a run. */
static inline int label_runs_first(const int32_t* labels, int64_t h, int64_t w, int64_t j) {
    return j == 0 || labels[j] != labels[(h - 1) * w + j - 1];
}

/* Whether 16 labels equal those above them; compilers make one or two vector comparisons of it. */
static inline int label_runs_equal(const int32_t* row, const int32_t* above) {
    int32_t differ = 0;
    for (int k = 0; k < 16; k++) differ |= row[k] ^ above[k];
    return differ == 0;
}

/* Count the runs that begin in each of the columns first ... last - 1. */
static void label_runs_count(const int32_t* labels, int64_t h, int64_t w, int64_t first, int64_t last, int64_t* runs) {
    for (int64_t j = first; j < last; j++) runs[j] = label_runs_first(labels, h, w, j);
    for (int64_t i = 1; i < h; i++) {
        const int32_t* row = labels + i * w;
        const int32_t* above = row - w;
        int64_t j = first;
        for (; j + 16 <= last; j += 16) {
            if (label_runs_equal(row + j, above + j)) continue;
            for (int64_t k = j; k < j + 16; k++) runs[k] += row[k] != above[k];
        }
        for (; j < last; j++) runs[j] += row[j] != above[j];
    }
}

/* Write where the runs of these columns begin and their labels; at[j] is where the next run of column j goes. */
static void label_runs_list(const int32_t* labels, int64_t h, int64_t w, int64_t first, int64_t last, int64_t* at,
                            uint32_t* starts, int32_t* numbers) {
    for (int64_t j = first; j < last; j++)
        if (label_runs_first(labels, h, w, j)) {
            starts[at[j]] = (uint32_t)(j * h);
            numbers[at[j]++] = labels[j];
        }
    for (int64_t i = 1; i < h; i++) {
        const int32_t* row = labels + i * w;
        const int32_t* above = row - w;
        for (int64_t j = first; j < last; j += 16) {
            const int64_t end = j + 16 <= last ? j + 16 : last;
            if (end - j == 16 && label_runs_equal(row + j, above + j)) continue;
            for (int64_t k = j; k < end; k++)
                if (row[k] != above[k]) {
                    starts[at[k]] = (uint32_t)(k * h + i);
                    numbers[at[k]++] = row[k];
                }
        }
    }
}

/* From runs in column order to run lengths label by label. `ends` and `at` have a cell for each label 0 ... labels;
   at[l] is where the counts of label l begin, and is moved behind the last one written. */
static void label_runs_spread(const uint32_t* starts, const int32_t* numbers, int64_t runs, int64_t size,
                              int64_t labels, int64_t* ends, int64_t* at, uint32_t* counts) {
    for (int64_t k = 0; k < runs; k++) {
        const int64_t number = numbers[k], start = starts[k], end = k + 1 < runs ? (int64_t)starts[k + 1] : size;
        if (number < 1 || number > labels) continue;
        counts[at[number]++] = (uint32_t)(start - ends[number]);
        counts[at[number]++] = (uint32_t)(end - start);
        ends[number] = end;
    }
}
#endif
