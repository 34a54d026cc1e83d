// Max-pooling with indices, and its inverse. Launched by cuda/layers/pooling.py.

// One thread: one output cell. Scans its window in row order (first maximum stays, every NaN wins), writes the value
// and its flat index in the plane. Reads kh * kw values, writes one value and one index.
// Promised: every window has a cell in the picture; grids may be smaller than the output (threads stride).
// Instances: float, int; float, long long; double, int; double, long long; signed char, int; signed char, long long; unsigned char, int; unsigned char, long long; short, int; short, long long; unsigned short, int; unsigned short, long long; int, int; int, long long; unsigned int, int; unsigned int, long long; long long, int; long long, long long; unsigned long long, int; unsigned long long, long long
template <class T, class Index>
__global__ void max_pool2d(const T* __restrict__ x, T* __restrict__ values, long long* __restrict__ indices,
                           Index planes, Index height, Index width, Index kh, Index kw, Index sh, Index sw, Index ph,
                           Index pw, Index dh, Index dw, Index oh, Index ow) {
    const Index step = Index(gridDim.x) * blockDim.x;
#pragma unroll 1
    for (Index k = Index(blockIdx.x) * blockDim.x + threadIdx.x; k < planes * oh * ow; k += step) {
        const Index rows_before = k / ow, j = k - rows_before * ow, plane = rows_before / oh, i = rows_before - plane * oh;
        const T* picture = x + plane * height * width;
        T best = T(0);
        Index best_at = -1;  // no cell yet
        for (Index u = 0; u < kh; u++) {
            const Index row = i * sh - ph + u * dh;
            if (row < 0 || row >= height) continue;
            for (Index v = 0; v < kw; v++) {
                const Index column = j * sw - pw + v * dw;
                if (column < 0 || column >= width) continue;
                const T cell = picture[row * width + column];
                if (cell > best || cell != cell || best_at < 0) {
                    best = cell;
                    best_at = row * width + column;
                }
            }
        }
        values[k] = best;
        indices[k] = best_at;
    }
}

// One thread: one index. Leaves in winner[target] the last position of the plane that names this target (positions
// count from 1, 0 is nobody), and in faults[0] and faults[1] the first position of an index outside the plane and,
// where `unique`, the first that repeats an earlier one (no fault: the largest 64-bit number). Two launches:
// pass 0 finds the first (smallest) position of each target, pass 1 the repetitions and the last position.
// first and winner are planes * size, filled with the largest number and with 0.
__global__ void max_unpool2d_claim(const long long* __restrict__ indices, unsigned long long* first,
                                   unsigned long long* winner, unsigned long long* faults, long long planes,
                                   long long count, long long size, int unique, int pass) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < planes * count; k += step) {
        const long long target = indices[k];
        if (target < 0 || target >= size) {
            if (pass == 0) atomicMin(&faults[0], (unsigned long long)k);
            continue;
        }
        const long long at = k / count * size + target;
        if (pass == 0) {
            atomicMax(&winner[at], (unsigned long long)k + 1);
            if (unique) atomicMin(&first[at], (unsigned long long)k);
        } else if (first[at] != (unsigned long long)k) {
            atomicMin(&faults[1], (unsigned long long)k);
        }
    }
}

// One thread: one output cell. Fetches the value that claimed it, or zero. Writes every cell once.
// Instances: float; double
template <class T>
__global__ void max_unpool2d_fetch(const T* __restrict__ x, const unsigned long long* __restrict__ winner,
                                   T* __restrict__ output, long long cells) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < cells; k += step)
        output[k] = winner[k] ? x[winner[k] - 1] : T(0);
}
