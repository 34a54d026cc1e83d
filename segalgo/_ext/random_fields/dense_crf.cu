// Gaussian filtering in feature space by the permutohedral lattice. Launched by cuda/random_fields/dense_crf.py, which numbers
// the vertices by sorting their keys.

// One thread: one point. Rounds its embedded coordinates to multiples of dims + 1, ranks what remains, writes the keys
// (dims coordinates each) and the barycentric weights of its dims + 1 corners. All in float64 in the order of the
// reference: the same vertices. features are dims rows of `points`, scaled; dims is at most 15. Grids may be smaller than
// the points (threads stride).
__global__ void lattice_points(const double* __restrict__ features, int* __restrict__ keys, double* __restrict__ weights,
                               long long points, int dims) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long p = (long long)blockIdx.x * blockDim.x + threadIdx.x; p < points; p += step) {
        double elevated[16], barycentric[17];
        int base[16], rank[16];
        double sum = 0;
        for (int k = dims; k > 0; k--) {
            const double scaled = features[(k - 1) * points + p];
            elevated[k] = sum - k * scaled;
            sum += scaled;
        }
        elevated[0] = sum;
        int excess = 0;
        for (int k = 0; k <= dims; k++) {
            const double v = elevated[k] / (dims + 1);
            const double up = ceil(v) * (dims + 1), down = floor(v) * (dims + 1);
            base[k] = (int)(up - elevated[k] < elevated[k] - down ? up : down);
            excess += base[k] / (dims + 1);
            rank[k] = 0;
        }
        for (int k = 0; k < dims; k++)
            for (int j = k + 1; j <= dims; j++) {
                if (elevated[k] - base[k] < elevated[j] - base[j])
                    rank[k]++;
                else
                    rank[j]++;
            }
        for (int k = 0; k <= dims; k++) {
            rank[k] += excess;
            if (rank[k] < 0) {
                rank[k] += dims + 1;
                base[k] += dims + 1;
            } else if (rank[k] > dims) {
                rank[k] -= dims + 1;
                base[k] -= dims + 1;
            }
        }
        for (int k = 0; k <= dims + 1; k++) barycentric[k] = 0;
        for (int k = 0; k <= dims; k++) {
            const double v = (elevated[k] - base[k]) / (dims + 1);
            barycentric[dims - rank[k]] += v;
            barycentric[dims + 1 - rank[k]] -= v;
        }
        barycentric[0] += 1 + barycentric[dims + 1];
        for (int r = 0; r <= dims; r++) {
            const long long corner = p * (dims + 1) + r;
            weights[corner] = barycentric[r];
            for (int k = 0; k < dims; k++) keys[corner * dims + k] = base[k] + (rank[k] <= dims - r ? r : r - dims - 1);
        }
    }
}

// One thread: one neighbour of one vertex, along one axis, on one side. Finds its key among those of the vertices, which
// are sorted with the last coordinate first, by halving; writes `vertices` where there is none.
__global__ void lattice_neighbours(const int* __restrict__ keys, int* __restrict__ neighbours, long long vertices,
                                   int dims) {
    const long long step = (long long)gridDim.x * blockDim.x, count = vertices * (dims + 1) * 2;
#pragma unroll 1
    for (long long n = (long long)blockIdx.x * blockDim.x + threadIdx.x; n < count; n += step) {
        const int side = n % 2 ? 1 : -1, axis = (int)(n / 2 % (dims + 1));
        const int* own = keys + n / 2 / (dims + 1) * dims;
        long long low = 0, high = vertices;  // the key is at or after low, before high
        int found = (int)vertices;
        while (low < high) {
            const long long middle = (low + high) / 2;
            int order = 0;  // of the wanted key against that in the middle
            for (int k = dims - 1; k >= 0 && order == 0; k--) {
                const int wanted = own[k] + (k == axis ? -side * dims : side), there = keys[middle * dims + k];
                order = wanted < there ? -1 : wanted > there ? 1 : 0;
            }
            if (order == 0) {
                found = (int)middle;
                break;
            }
            if (order < 0)
                high = middle;
            else
                low = middle + 1;
        }
        neighbours[n] = found;
    }
}

// One thread: one vertex of one channel, which gathers its points in their order, in sums of 64 terms. Entries of vertex
// v are first[v] to first[v + 1]. rows has vertices + 1 numbers a channel, the last one zero.
// Instances: double; float
template <class T>
__global__ void lattice_splat(const T* __restrict__ values, const long long* __restrict__ first,
                              const int* __restrict__ source, const T* __restrict__ weights, T* __restrict__ rows,
                              long long channels, long long points, long long vertices) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long n = (long long)blockIdx.x * blockDim.x + threadIdx.x; n < channels * (vertices + 1); n += step) {
        const long long v = n % (vertices + 1), c = n / (vertices + 1);
        T total = 0;
        for (long long from = v < vertices ? first[v] : 0; v < vertices && from < first[v + 1]; from += 64) {
            T sum = 0;
            for (long long e = from; e < from + 64 && e < first[v + 1]; e++)
                sum += weights[e] * values[c * points + source[e]];
            total += sum;
        }
        rows[n] = total;
    }
}

// One thread: one vertex of one channel, and half of its two neighbours along one axis. The row of zeros stays zero.
// Instances: double; float
template <class T>
__global__ void lattice_blur(const T* __restrict__ rows, const int* __restrict__ neighbours, T* __restrict__ output,
                             long long channels, long long vertices, int dims, int axis) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long n = (long long)blockIdx.x * blockDim.x + threadIdx.x; n < channels * (vertices + 1); n += step) {
        const long long v = n % (vertices + 1);
        const T* row = rows + n / (vertices + 1) * (vertices + 1);
        T value = row[v];
        if (v < vertices) {
            const int* beside = neighbours + (v * (dims + 1) + axis) * 2;
            value += T(0.5) * (row[beside[0]] + row[beside[1]]);
        }
        output[n] = value;
    }
}

// One thread: one point of one channel, which gathers its corners.
// Instances: double; float
template <class T>
__global__ void lattice_slice(const T* __restrict__ rows, const int* __restrict__ corners, const T* __restrict__ weights,
                              T* __restrict__ output, long long channels, long long points, long long vertices,
                              int dims) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long n = (long long)blockIdx.x * blockDim.x + threadIdx.x; n < channels * points; n += step) {
        const T* row = rows + n / points * (vertices + 1);
        const long long corner = n % points * (dims + 1);
        T sum = 0;
        for (int r = 0; r <= dims; r++) sum += weights[corner + r] * row[corners[corner + r]];
        output[n] = sum;
    }
}

// One thread: one point of one class: scores += what this class hears of all classes.
// Instances: double; float
template <class T>
__global__ void crf_hear(const T* __restrict__ messages, const T* __restrict__ matrix, T* __restrict__ scores,
                         long long channels, long long points) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long n = (long long)blockIdx.x * blockDim.x + threadIdx.x; n < channels * points; n += step) {
        const T* heard = matrix + n / points * channels;
        T sum = 0;
        for (long long k = 0; k < channels; k++) sum += heard[k] * messages[k * points + n % points];
        scores[n] += sum;
    }
}

// One thread: one point of one channel: the sum over all points, in float64, weighted by the distance of features.
// Instances: double; float
template <class T>
__global__ void gaussian_sum(const T* __restrict__ values, const double* __restrict__ features, T* __restrict__ output,
                             long long channels, long long points, int dims) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long n = (long long)blockIdx.x * blockDim.x + threadIdx.x; n < channels * points; n += step) {
        const T* row = values + n / points * points;
        double sum = 0;
        for (long long j = 0; j < points; j++) {
            double square = 0;
            for (int k = 0; k < dims; k++) {
                const double difference = features[k * points + n % points] - features[k * points + j];
                square += difference * difference;
            }
            sum += exp(-0.5 * square) * (double)row[j];
        }
        output[n] = (T)sum;
    }
}
