/* The permutohedral lattice: which vertices surround each of many points of d coordinates, with which weights, and which
 * vertices are neighbours.
 *
 * Adams, Baek, Davis, "Fast high-dimensional filtering using the permutohedral lattice", Eurographics 2010. Points are
 * embedded in the plane of d + 1 coordinates whose sum is 0. The simplex of a point follows from rounding its coordinates
 * to multiples of d + 1 and ranking what remains; barycentric coordinates are the weights of its d + 1 vertices. Vertices
 * are numbered as they appear, by a hash table with open addressing. All of this is float64 in the order of the
 * reference, so that every wing finds the same vertices.
 *
 * Cost: O(d^2) operations and d + 1 look-ups a point, 2 (d + 1) look-ups a vertex. Memory: about 24 (d + 1) bytes a
 * point, 12 (d + 1) bytes a vertex.
 */
#ifndef SEGALGO_PERMUTOHEDRAL_H
#define SEGALGO_PERMUTOHEDRAL_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DIMENSIONS 15

typedef struct {
    int64_t points, vertices;
    int32_t dims; /* d */
    /* A point has d + 1 corners: */
    int32_t* corner; /* the number of the vertex; before it is known, the remainder-0 coordinates */
    signed char* rank;
    double* weight;
    /* Entries (point, weight) sorted by vertex, those of vertex v from first[v] on: */
    int64_t* first;
    int32_t* entry;  /* the place of the corner, point * (d + 1) + k */
    int32_t* source; /* the point */
    /* Vertices: */
    int32_t* key;       /* d coordinates */
    int32_t* neighbour; /* 2 (d + 1) numbers of vertices; `vertices` where there is none */
    int64_t room;       /* vertices for which `key` has room */
    /* Hash table of vertices + 1, 0 where empty: */
    int32_t* table;
    int64_t slots;
} Lattice;

static void free_lattice(Lattice* lattice) {
    if (!lattice) return;
    free(lattice->corner);
    free(lattice->rank);
    free(lattice->weight);
    free(lattice->first);
    free(lattice->source);
    free(lattice->entry);
    free(lattice->key);
    free(lattice->neighbour);
    free(lattice->table);
    free(lattice);
}

/* Promised: points * (dims + 1) < 2^31. NULL where there is no memory. */
static Lattice* new_lattice(int64_t points, int32_t dims) {
    Lattice* lattice = (Lattice*)calloc(1, sizeof(Lattice));
    if (!lattice) return NULL;
    const size_t corners = (size_t)points * (size_t)(dims + 1);
    lattice->points = points;
    lattice->dims = dims;
    lattice->room = 1024;
    lattice->slots = 4096;
    lattice->corner = (int32_t*)malloc((corners + 1) * sizeof(int32_t));
    lattice->rank = (signed char*)malloc(corners + 1);
    lattice->weight = (double*)malloc((corners + 1) * sizeof(double));
    lattice->key = (int32_t*)malloc((size_t)lattice->room * (size_t)dims * sizeof(int32_t));
    lattice->table = (int32_t*)calloc((size_t)lattice->slots, sizeof(int32_t));
    if (lattice->corner && lattice->rank && lattice->weight && lattice->key && lattice->table) return lattice;
    free_lattice(lattice);
    return NULL;
}

/* Round the embedded points from `first` to `last` to remainder-0 coordinates, rank what remains, and weigh the corners.
 * `features` are d rows of `points` numbers, scaled; every embedded coordinate is below 2^30. */
static void locate_points(Lattice* lattice, const double* features, int64_t first, int64_t last) {
    const int32_t d = lattice->dims;
    double elevated[MOST_DIMENSIONS + 1], barycentric[MOST_DIMENSIONS + 2];
    for (int64_t p = first; p < last; p++) {
        int32_t* base = lattice->corner + p * (d + 1);
        signed char* rank = lattice->rank + p * (d + 1);
        double sum = 0;
        for (int32_t k = d; k > 0; k--) {
            const double scaled = features[(k - 1) * lattice->points + p];
            elevated[k] = sum - k * scaled;
            sum += scaled;
        }
        elevated[0] = sum;
        int32_t excess = 0;
        for (int32_t k = 0; k <= d; k++) {
            const double v = elevated[k] / (d + 1);
            const double up = ceil(v) * (d + 1), down = floor(v) * (d + 1);
            base[k] = (int32_t)(up - elevated[k] < elevated[k] - down ? up : down);
            excess += base[k] / (d + 1);
            rank[k] = 0;
        }
        for (int32_t k = 0; k < d; k++) {
            const double remainder = elevated[k] - base[k];
            for (int32_t j = k + 1; j <= d; j++) {
                if (remainder < elevated[j] - base[j])
                    rank[k]++;
                else
                    rank[j]++;
            }
        }
        for (int32_t k = 0; k <= d; k++) {
            const int32_t shifted = rank[k] + excess;
            rank[k] = (signed char)(shifted < 0 ? shifted + d + 1 : shifted > d ? shifted - d - 1 : shifted);
            base[k] += shifted < 0 ? d + 1 : shifted > d ? -d - 1 : 0;
        }
        for (int32_t k = 0; k <= d + 1; k++) barycentric[k] = 0;
        for (int32_t k = 0; k <= d; k++) {
            const double v = (elevated[k] - base[k]) / (d + 1);
            barycentric[d - rank[k]] += v;
            barycentric[d + 1 - rank[k]] -= v;
        }
        barycentric[0] += 1 + barycentric[d + 1];
        memcpy(lattice->weight + p * (d + 1), barycentric, (size_t)(d + 1) * sizeof(double));
    }
}

static inline uint64_t hash_of(const int32_t* key, int32_t d) {
    uint64_t hash = 0;
    for (int32_t k = 0; k < d; k++) hash = (hash ^ (uint32_t)key[k]) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 32);
}

/* The slot of a key, or the empty one where it would be. */
static inline int64_t slot_of(const Lattice* lattice, const int32_t* key) {
    const int32_t d = lattice->dims;
    int64_t slot = (int64_t)(hash_of(key, d) & (uint64_t)(lattice->slots - 1));
    while (lattice->table[slot] &&
           memcmp(lattice->key + (int64_t)(lattice->table[slot] - 1) * d, key, (size_t)d * sizeof(int32_t)) != 0)
        slot = (slot + 1) & (lattice->slots - 1);
    return slot;
}

static int grow_lattice(Lattice* lattice) {
    const size_t d = (size_t)lattice->dims;
    int32_t* key = (int32_t*)realloc(lattice->key, (size_t)lattice->room * 2 * d * sizeof(int32_t));
    if (!key) return -1;
    lattice->key = key;
    int32_t* table = (int32_t*)calloc((size_t)lattice->slots * 2, sizeof(int32_t));
    if (!table) return -1;
    free(lattice->table);
    lattice->table = table;
    lattice->room *= 2;
    lattice->slots *= 2;
    for (int64_t v = 0; v < lattice->vertices; v++)
        table[slot_of(lattice, lattice->key + v * lattice->dims)] = (int32_t)(v + 1);
    return 0;
}

/* Number the vertices of the points from `first` to `last`, as they appear. -1 where there is no memory. */
static int number_vertices(Lattice* lattice, int64_t first, int64_t last) {
    const int32_t d = lattice->dims;
    int32_t key[MOST_DIMENSIONS], before[MOST_DIMENSIONS + 1];
    signed char rank_before[MOST_DIMENSIONS + 1];
    const size_t base_bytes = (size_t)(d + 1) * sizeof(int32_t), rank_bytes = (size_t)(d + 1);
    memset(rank_before, -1, sizeof rank_before);
    memset(before, 0, sizeof before);
    for (int64_t p = first; p < last; p++) {
        int32_t* corner = lattice->corner + p * (d + 1);
        const signed char* rank = lattice->rank + p * (d + 1);
        if (memcmp(rank, rank_before, rank_bytes) == 0 && memcmp(corner, before, base_bytes) == 0) {
            memcpy(corner, corner - (d + 1), base_bytes); /* the simplex of the point before */
            continue;
        }
        memcpy(before, corner, base_bytes);
        memcpy(rank_before, rank, rank_bytes);
        for (int32_t r = 0; r <= d; r++) {
            for (int32_t k = 0; k < d; k++) key[k] = before[k] + (rank[k] <= d - r ? r : r - d - 1);
            int64_t slot = slot_of(lattice, key);
            if (!lattice->table[slot]) {
                if (lattice->vertices == lattice->room) {
                    if (grow_lattice(lattice) < 0) return -1;
                    slot = slot_of(lattice, key);
                }
                memcpy(lattice->key + lattice->vertices * d, key, (size_t)d * sizeof(int32_t));
                lattice->table[slot] = (int32_t)(++lattice->vertices);
            }
            corner[r] = lattice->table[slot] - 1;
        }
    }
    return 0;
}

/* Sort the corners by vertex, those of a vertex by point, and make room for neighbours. -1 where there is no memory. */
static int sort_entries(Lattice* lattice) {
    const int32_t d = lattice->dims;
    const int64_t corners = lattice->points * (d + 1);
    lattice->first = (int64_t*)calloc((size_t)lattice->vertices + 2, sizeof(int64_t));
    lattice->source = (int32_t*)malloc(((size_t)corners + 1) * sizeof(int32_t));
    lattice->entry = (int32_t*)malloc(((size_t)corners + 1) * sizeof(int32_t));
    lattice->neighbour = (int32_t*)malloc(((size_t)lattice->vertices + 1) * (size_t)(2 * (d + 1)) * sizeof(int32_t));
    if (!lattice->first || !lattice->source || !lattice->entry || !lattice->neighbour) return -1;
    int64_t* next = lattice->first + 1; /* moved on to the first entry of the vertex after it while filling */
    for (int64_t k = 0; k < corners; k++) next[lattice->corner[k] + 1]++;
    for (int64_t v = 1; v <= lattice->vertices; v++) next[v] += next[v - 1];
    for (int64_t p = 0; p < lattice->points; p++) {
        for (int32_t r = 0; r <= d; r++) {
            const int64_t k = p * (d + 1) + r, place = next[lattice->corner[k]]++;
            lattice->source[place] = (int32_t)p;
            lattice->entry[place] = (int32_t)k;
        }
    }
    return 0;
}

/* Find the neighbours, along each of the d + 1 axes, of the vertices from `first` to `last`. */
static void find_neighbours(Lattice* lattice, int64_t first, int64_t last) {
    const int32_t d = lattice->dims;
    int32_t key[MOST_DIMENSIONS];
    for (int64_t v = first; v < last; v++) {
        const int32_t* own = lattice->key + v * d;
        for (int32_t axis = 0; axis <= d; axis++) {
            for (int32_t side = 0; side < 2; side++) {
                const int32_t step = side ? 1 : -1;
                for (int32_t k = 0; k < d; k++) key[k] = own[k] + (k == axis ? -step * d : step);
                const int32_t found = lattice->table[slot_of(lattice, key)];
                lattice->neighbour[(v * (d + 1) + axis) * 2 + side] = found ? found - 1 : (int32_t)lattice->vertices;
            }
        }
    }
}

/* The sums of weights of each point, the filter of ones: vertices from `first` to `last` add up their weights, */
static void give_ones(const Lattice* lattice, double* sums, int64_t first, int64_t last) {
    for (int64_t v = first; v < last; v++) {
        sums[v] = 0;
        for (int64_t k = lattice->first[v]; k < lattice->first[v + 1]; k++) sums[v] += lattice->weight[lattice->entry[k]];
    }
}

/* mix with their neighbours along an axis, */
static void blur_ones(const Lattice* lattice, int32_t axis, const double* sums, double* out, int64_t first,
                      int64_t last) {
    const int32_t* neighbour = lattice->neighbour + 2 * axis;
    const int64_t step = 2 * (lattice->dims + 1);
    for (int64_t v = first; v < last; v++)
        out[v] = sums[v] + 0.5 * (sums[neighbour[v * step]] + sums[neighbour[v * step + 1]]);
}

/* and points from `first` to `last` take them, times `factor`. */
static void take_ones(const Lattice* lattice, const double* sums, double factor, double* out, int64_t first,
                      int64_t last) {
    const int32_t corners = lattice->dims + 1;
    for (int64_t point = first; point < last; point++) {
        double sum = 0;
        for (int64_t k = point * corners; k < (point + 1) * corners; k++)
            sum += lattice->weight[k] * sums[lattice->corner[k]];
        out[point] = factor * sum;
    }
}
#endif
