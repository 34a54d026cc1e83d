/* Union-find over runs of pixels. Included by labeling.pyx through labeling_index.h, once for 32-bit and once for
 * 64-bit run numbers; RUN is the integer type, RUNS(name) adds the width to a name.
 *
 * Runs are numbered in row order. parent[k] <= k; a root is its own parent; so the root of a component is its first run,
 * and roots in order are components in the order of their first pixel. After numbering, parent[k] = ~label < 0.
 *
 * Rows come as bits: `fore` marks foreground, `start` the first pixel of each run (NULL for a binary image: a run
 * starts where a set bit follows a clear one in `runs`). The rank of column p is the number of starts up to and with p,
 * which is one more than the place of p's run among the row's runs: no list of runs is ever made.
 *
 * A strip is one row of pixels, whose `runs` are its `fore`; or, in a binary image where all diagonals count, two rows,
 * whose `runs` are the union of both: pixels in equal or adjacent columns of two adjacent rows all touch, so a run of
 * the union is connected (the idea of block-based labeling: Grana, Borghesani, Cucchiara 2010).
 */

/* Two runs that touch. */
typedef struct {
    RUN a, b;
} RUNS(Touch);

/* Join the trees of a and b: Rem's algorithm with splicing (Dijkstra 1976; Patwary, Blair, Manne 2010). */
static inline void RUNS(join)(RUN* parent, RUN a, RUN b) {
    while (parent[a] != parent[b]) {
        if (parent[a] < parent[b]) {
            const RUN swap = a;
            a = b;
            b = swap;
        }
        const RUN up = parent[a];
        parent[a] = parent[b];
        if (up == a) return;
        a = up;
    }
}

/* One touch (a, b), b in the row being read: a fresh b hangs on a's parent at once; what is left to join is appended
 * to `touches`. No branches: on noise each would be mispredicted. A b that is its own parent has touched nothing yet,
 * because every other run of its component is older. With `all`, only append. */
static inline int64_t RUNS(touch)(RUN* parent, RUN a, RUN b, RUNS(Touch) * touches, int64_t count, int all) {
    touches[count].a = a;
    touches[count].b = b;
    if (all) return count + 1;
    const RUN above = parent[a], mine = parent[b];
    parent[b] = mine == b ? above : mine;
    return count + ((mine != b) & (above != mine));
}

/* Touches of the runs of a strip b with those of a strip a, of a binary image, by way of two rows of pixels that are
 * neighbours. Bits: e marks where a touch begins: the first column of an overlap, or with diagonals the first column of
 * one row's run just behind the last of the other's. At each such column, the ranks in both strips name the two runs.
 * Returns the number of touches appended. */
static int64_t RUNS(touch_binary)(RUN* parent, const uint64_t* a_fore, const uint64_t* a_runs, RUN a_first,
                                  const uint64_t* b_fore, const uint64_t* b_runs, RUN b_first, int64_t words,
                                  int diagonal, int all, RUNS(Touch) * touches) {
    const uint64_t corners = diagonal ? ~(uint64_t)0 : 0;
    uint64_t a_before = 0, b_before = 0, a_runs_before = 0, b_runs_before = 0;
    int64_t count = 0;
    RUN a_rank = a_first - 1, b_rank = b_first - 1;
    for (int64_t k = 0; k < words; k++) {
        const uint64_t a = a_fore[k], b = b_fore[k];
        const uint64_t a_left = a << 1 | a_before, b_left = b << 1 | b_before;
        const uint64_t a_start = a_runs[k] & ~(a_runs[k] << 1 | a_runs_before);
        const uint64_t b_start = b_runs[k] & ~(b_runs[k] << 1 | b_runs_before);
        uint64_t e = (a & b & ~(a_left & b_left)) | (((b & ~b_left & a_left & ~a) | (a & ~a_left & b_left & ~b)) & corners);
        while (e) {
            const uint64_t upto = bits_up_to_lowest(e);
            count = RUNS(touch)(parent, a_rank + (RUN)bits_count(a_start & upto), b_rank + (RUN)bits_count(b_start & upto),
                                touches, count, all);
            e &= e - 1;
        }
        a_rank += (RUN)bits_count(a_start);
        b_rank += (RUN)bits_count(b_start);
        a_before = a >> 63;
        b_before = b >> 63;
        a_runs_before = a_runs[k] >> 63;
        b_runs_before = b_runs[k] >> 63;
    }
    return count;
}

/* The same for runs of any rule. same marks columns p where pixel p of both rows are joined; left where b's pixel p is
 * joined with a's p - 1; right where b's p - 1 is joined with a's p (both NULL without diagonals). A touch that the
 * column before or a straight one implies is left out. */
static int64_t RUNS(touch_marked)(RUN* parent, const uint64_t* a_start, RUN a_first, const uint64_t* b_start, RUN b_first,
                                  const uint64_t* same, const uint64_t* left, const uint64_t* right, int64_t words,
                                  int all, RUNS(Touch) * touches) {
    uint64_t same_before = 0;
    int64_t count = 0;
    RUN a_rank = a_first - 1, b_rank = b_first - 1;
    for (int64_t k = 0; k < words; k++) {
        const uint64_t starts_a = a_start[k], starts_b = b_start[k], now = same[k];
        const uint64_t last = now << 1 | same_before;
        uint64_t e = now & ~(last & ~starts_a & ~starts_b);
        for (; e; e &= e - 1) {
            const uint64_t upto = bits_up_to_lowest(e);
            count = RUNS(touch)(parent, a_rank + (RUN)bits_count(starts_a & upto),
                                b_rank + (RUN)bits_count(starts_b & upto), touches, count, all);
        }
        if (left != NULL) {
            for (e = left[k] & ~(now & ~starts_a) & ~(last & ~starts_b); e; e &= e - 1) {
                const uint64_t upto = bits_up_to_lowest(e);
                count = RUNS(touch)(parent, a_rank + (RUN)bits_count(starts_a & upto >> 1),
                                    b_rank + (RUN)bits_count(starts_b & upto), touches, count, all);
            }
            for (e = right[k] & ~(now & ~starts_b) & ~(last & ~starts_a); e; e &= e - 1) {
                const uint64_t upto = bits_up_to_lowest(e);
                count = RUNS(touch)(parent, a_rank + (RUN)bits_count(starts_a & upto),
                                    b_rank + (RUN)bits_count(starts_b & upto >> 1), touches, count, all);
            }
        }
        a_rank += (RUN)bits_count(starts_a);
        b_rank += (RUN)bits_count(starts_b);
        same_before = now >> 63;
    }
    return count;
}

static void RUNS(join_all)(RUN* parent, const RUNS(Touch) * touches, int64_t count) {
    for (int64_t k = 0; k < count; k++) RUNS(join)(parent, touches[k].a, touches[k].b);
}

static void RUNS(start)(RUN* parent, int64_t first, int64_t last) {
    for (int64_t k = first; k < last; k++) parent[k] = (RUN)k;
}

/* Root of k in the serial phase, when stripes of rows meet. Inside its stripe an entry must keep pointing into the
 * stripe (label_row counts on it), but for roots of stripes that hang on another run, which `linked` lists: so a path
 * is halved only where that keeps. `stripe_of` finds the first run of a stripe. */
static inline RUN RUNS(root)(RUN* parent, RUN k, const int64_t* firsts, int64_t stripes) {
    while (parent[k] != k) {
        const RUN up = parent[k], next = parent[up];
        int64_t stripe = 0;
        while (stripe + 1 < stripes && firsts[stripe + 1] <= k) stripe++;
        if (up < firsts[stripe] || next >= firsts[stripe]) parent[k] = next;
        k = up;
    }
    return k;
}

/* Join pairs across stripes. Appends every root that gets a parent to `linked`; returns the new length of it. */
static int64_t RUNS(link_all)(RUN* parent, const RUNS(Touch) * touches, int64_t count, const int64_t* firsts,
                              int64_t stripes, RUN* linked, int64_t length) {
    for (int64_t k = 0; k < count; k++) {
        const RUN a = RUNS(root)(parent, touches[k].a, firsts, stripes);
        const RUN b = RUNS(root)(parent, touches[k].b, firsts, stripes);
        if (a == b) continue;
        parent[a > b ? a : b] = a > b ? b : a;
        linked[length++] = a > b ? a : b;
    }
    return length;
}

static int64_t RUNS(count_roots)(const RUN* parent, int64_t first, int64_t last) {
    int64_t count = 0;
    for (int64_t k = first; k < last; k++) count += parent[k] == (RUN)k;
    return count;
}

/* Number the roots of a stripe after `before` others. */
static void RUNS(number)(RUN* parent, int64_t first, int64_t last, int64_t before) {
    RUN label = (RUN)before;
    for (int64_t k = first; k < last; k++) {
        const RUN up = parent[k];
        const int is_root = up == (RUN)k;
        label += is_root;
        parent[k] = is_root ? ~label : up;
    }
}

/* Number the roots of one strip of two rows after `label` others; returns the last number. Components whose first pixel
 * lies in the upper row `top` come before the others, so runs with a pixel there are asked for their root first. */
static int64_t RUNS(number_strip)(RUN* parent, int64_t first, int64_t last, const uint64_t* top, const uint64_t* runs,
                                  int64_t words, int64_t label) {
    int64_t fresh = 0;
    for (int64_t k = first; k < last; k++) {
        const RUN up = parent[k];
        parent[k] = parent[up >= (RUN)first ? up : (RUN)k];
        fresh += parent[k] == (RUN)k;
    }
    if (fresh == 0) return label;
    uint64_t before = 0, runs_before = 0;
    RUN rank = (RUN)first - 1;
    for (int64_t k = 0; k < words; k++) {
        const uint64_t start = runs[k] & ~(runs[k] << 1 | runs_before);
        for (uint64_t e = top[k] & ~(top[k] << 1 | before); e; e &= e - 1) {
            const RUN root = parent[rank + (RUN)bits_count(start & bits_up_to_lowest(e))];
            if (root >= (RUN)first && parent[root] == root) parent[root] = ~(RUN)++label;
        }
        rank += (RUN)bits_count(start);
        before = top[k] >> 63;
        runs_before = runs[k] >> 63;
    }
    for (int64_t k = first; k < last; k++)
        if (parent[k] == (RUN)k) parent[k] = ~(RUN)++label;
    return label;
}

/* After numbering: give linked roots of stripes their label, so that every stripe is complete in itself. */
static void RUNS(settle)(RUN* parent, const RUN* linked, int64_t length) {
    for (int64_t k = 0; k < length; k++) {
        RUN up = linked[k];
        while (up >= 0) up = parent[up];
        parent[linked[k]] = up;
    }
}

/* Labels of the runs of one row, in order: parents are older, so they have theirs. */
static void RUNS(label_runs)(RUN* parent, int64_t first, int64_t last) {
    for (int64_t k = first; k < last; k++) {
        const RUN up = parent[k];
        parent[k] = parent[up < 0 ? (RUN)k : up];
    }
}

/* Pixels of one word, run by run: for the last word of a row, and labels as wide as 64 bits. */
static inline void RUNS(write_some)(const RUN* label, uint64_t fore, uint64_t start, int pixels, void* row, int wide) {
    for (int p = 0; p < pixels; p++) {
        label += start >> p & 1;
        const int64_t value = fore >> p & 1 ? (int64_t)~*label : 0;
        if (wide)
            ((int64_t*)row)[p] = value;
        else
            ((int32_t*)row)[p] = (int32_t)value;
    }
}

/* One row of labels. label[0] is the (complemented) label of the run before the strip's first; seven entries behind
 * the strip's last may be read. */
static void RUNS(write_row)(const RUN* label, const uint64_t* fore, const uint64_t* runs, const uint64_t* start,
                            int64_t width, void* row, int wide) {
    uint64_t before = 0;
    for (int64_t j = 0; j < width; j += 64) {
        const uint64_t f = fore[j >> 6], r = runs[j >> 6], s = start != NULL ? start[j >> 6] : r & ~(r << 1 | before);
        char* target = (char*)row + j * (wide ? 8 : 4);
        if (sizeof(RUN) == 4 && !wide && width - j >= 64) {
            int32_t* pixels = (int32_t*)target;
            if (f == 0)
                memset(pixels, 0, 256);
            else if (f == ~(uint64_t)0 && s <= 1) {
                const int32_t value = ~(int32_t)label[s];
                for (int p = 0; p < 64; p++) pixels[p] = value;
            } else
                bits_spread((const int32_t*)label, f, s, pixels);
        } else
            RUNS(write_some)(label, f, s, width - j < 64 ? (int)(width - j) : 64, target, wide);
        label += bits_count(s);
        before = r >> 63;
    }
}
