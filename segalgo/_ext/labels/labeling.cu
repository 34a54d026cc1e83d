// Connected components by union-find. Launched by cuda/labels/labeling.py.
//
// Blocks of threads label tiles in shared memory, tiles are joined along their seams, roots are counted, scanned and
// numbered in row order, and every pixel fetches its root's number. All of it stays on the device.
//
// parent[k] <= k always; -1 marks background; a root is its own parent. Unions hang the larger root on the smaller
// by atomicMin, so in the end the root of a component is its first pixel in row order, whatever the order of threads
// (the merge of the label-equivalence family: Komura 2015, Playne and Hawick 2018).

constexpr int MOST_AXES = 16;

// Read while other threads change it by atomics: volatile, so that it is neither kept in a register nor torn.
template <class I>
__device__ I labeling_now(const I* parent, long long k) {
    return *(const volatile I*)(parent + k);
}

template <class I>
__device__ I labeling_root(const I* parent, I k) {
    for (I above = labeling_now(parent, k); above != k; above = labeling_now(parent, k)) k = above;
    return k;
}

template <class I>
__device__ void labeling_join(I* parent, I a, I b) {
    for (;;) {
        a = labeling_root(parent, a);
        b = labeling_root(parent, b);
        if (a == b) return;
        if (a < b) {
            const I swap = a;
            a = b;
            b = swap;
        }
        const I before = atomicMin(&parent[a], b);
        if (before == a) return;  // a was a root still: joined
        a = before;
    }
}

// The larger minus the smaller, in unsigned 64 bits, which hold every difference of two integers of up to 64 bits.
template <class T>
__device__ bool labeling_close(T a, T b, unsigned long long delta, double wide_delta) {
    if (a == b) return true;
    if (T(0.5) != T(0)) return (a > b ? double(a) - double(b) : double(b) - double(a)) <= wide_delta;
    return (a > b ? (unsigned long long)a - (unsigned long long)b : (unsigned long long)b - (unsigned long long)a) <=
           delta;
}

// Whether step (di, dj, dk) leads to a neighbour in the half of the neighbourhood that precedes a pixel in row order.
__device__ inline bool labeling_behind(int di, int dj, int dk, int connectivity) {
    const int ahead = di != 0 ? di : dj != 0 ? dj : dk;
    return ahead < 0 && di * di + dj * dj + dk * dk <= connectivity;
}

// One block of 256 threads: one tile of D x H x W pixels of a volume (planes, height, width). Union-find in shared
// memory over the neighbours inside the tile; writes parent: the tile's root of every pixel (the first pixel of its
// tree in row order), -1 for background. A 2-D image is one plane, a 1-D image one row.
// Instances: unsigned char, int, 1, 1, 512; short, int, 1, 16, 32; unsigned long long, long long, 4, 4, 32; float, int, 1, 16, 32; double, int, 4, 4, 32
template <class T, class I, int D, int H, int W>
__global__ void label_tile(const T* __restrict__ image, I* __restrict__ parent, long long planes, long long height,
                           long long width, int connectivity, int has_background, T background,
                           unsigned long long delta, double wide_delta) {
    __shared__ T pixel[D * H * W];
    __shared__ int root[D * H * W];
    const long long across = (width + W - 1) / W, down = (height + H - 1) / H;
    const long long k0 = blockIdx.x % across * W, j0 = blockIdx.x / across % down * H, i0 = blockIdx.x / (across * down) * D;
    for (int t = threadIdx.x; t < D * H * W; t += blockDim.x) {
        const long long i = i0 + t / (H * W), j = j0 + t / W % H, k = k0 + t % W;
        root[t] = -1;
        if (i >= planes || j >= height || k >= width) continue;
        pixel[t] = image[(i * height + j) * width + k];
        if (!has_background || pixel[t] != background) root[t] = t;
    }
    __syncthreads();
    for (int t = threadIdx.x; t < D * H * W; t += blockDim.x) {
        if (labeling_now(root, t) < 0) continue;
        const int i = t / (H * W), j = t / W % H, k = t % W;
        for (int di = -1; di <= 0; di++)
            for (int dj = -1; dj <= 1; dj++)
                for (int dk = -1; dk <= 1; dk++) {
                    if (!labeling_behind(di, dj, dk, connectivity)) continue;
                    if (i + di < 0 || j + dj < 0 || j + dj >= H || k + dk < 0 || k + dk >= W) continue;
                    const int other = t + (di * H + dj) * W + dk;
                    if (labeling_now(root, other) >= 0 && labeling_close(pixel[t], pixel[other], delta, wide_delta))
                        labeling_join(root, t, other);
                }
    }
    __syncthreads();
    for (int t = threadIdx.x; t < D * H * W; t += blockDim.x) {
        const long long i = i0 + t / (H * W), j = j0 + t / W % H, k = k0 + t % W;
        if (i >= planes || j >= height || k >= width) continue;
        I found = -1;
        if (root[t] >= 0) {
            const int r = labeling_root(root, t);
            found = I(((i0 + r / (H * W)) * height + j0 + r / W % H) * width + k0 + r % W);
        }
        parent[(i * height + j) * width + k] = found;
    }
}

// One thread: one pixel; joins it with its neighbours in other tiles, and around the borders that wrap. Reads and
// writes parent with atomics. Promised: parent from label_tile with the same D, H, W.
// Instances: unsigned char, int, 1, 1, 512; short, int, 1, 16, 32; unsigned long long, long long, 4, 4, 32; float, int, 1, 16, 32; double, int, 4, 4, 32
template <class T, class I, int D, int H, int W>
__global__ void label_seams(const T* __restrict__ image, I* parent, long long planes, long long height,
                            long long width, int connectivity, int wrap_plane, int wrap_column, int wrap_row,
                            unsigned long long delta, double wide_delta) {
    const long long size = planes * height * width, step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x; at < size; at += step) {
        const long long k = at % width, j = at / width % height, i = at / (width * height);
        const bool inner = (D == 1 || i % D > 0) && (H == 1 || (j % H > 0 && j % H < H - 1)) && k % W > 0 && k % W < W - 1;
        const bool edge = (H > 1 && j == height - 1) || k == width - 1;  // may wrap inside a tile that hangs over
        if ((inner && !edge) || labeling_now(parent, at) < 0) continue;
        for (int di = -1; di <= 0; di++)
            for (int dj = -1; dj <= 1; dj++)
                for (int dk = -1; dk <= 1; dk++) {
                    if (!labeling_behind(di, dj, dk, connectivity)) continue;
                    long long p = i + di, q = j + dj, r = k + dk;
                    const bool around = p < 0 || q < 0 || q >= height || r < 0 || r >= width;
                    if ((p < 0 && !wrap_plane) || ((q < 0 || q >= height) && !wrap_column) ||
                        ((r < 0 || r >= width) && !wrap_row))
                        continue;
                    if (!around && p / D == i / D && q / H == j / H && r / W == k / W) continue;
                    p = (p + planes) % planes;
                    q = (q + height) % height;
                    r = (r + width) % width;
                    const long long other = (p * height + q) * width + r;
                    if (labeling_now(parent, other) >= 0 && labeling_close(image[at], image[other], delta, wide_delta))
                        labeling_join(parent, I(at), I(other));
                }
    }
}

// One thread: one pixel of an image of any number of axes, which becomes a tree of its own, or background.
// Instances: unsigned char, int; signed char, long long; float, int
template <class T, class I>
__global__ void label_start(const T* __restrict__ image, I* __restrict__ parent, long long size, int has_background,
                            T background) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step)
        parent[k] = has_background && image[k] == background ? I(-1) : I(k);
}

// One thread: one pixel of an image of up to 16 axes; joins it with its neighbours in half of the neighbourhood.
// steps is (count, ndim), shape and wrap are (ndim). Promised: parent from label_start.
// Instances: unsigned char, int; long long, long long; float, int
template <class T, class I>
__global__ void label_join(const T* __restrict__ image, I* parent, const long long* __restrict__ shape,
                           const long long* __restrict__ wrap, const long long* __restrict__ steps, long long size,
                           long long ndim, long long count, unsigned long long delta, double wide_delta) {
    const long long stride = (long long)gridDim.x * blockDim.x;
    long long at[MOST_AXES];
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += stride) {
        if (labeling_now(parent, k) < 0) continue;
        long long rest = k;
        for (long long axis = ndim - 1; axis >= 0; axis--) {
            at[axis] = rest % shape[axis];
            rest /= shape[axis];
        }
        for (long long s = 0; s < count; s++) {
            long long place = 0;
            bool inside = true;
            for (long long axis = 0; axis < ndim; axis++) {
                long long there = at[axis] + steps[s * ndim + axis];
                if (there < 0 || there >= shape[axis]) {
                    inside = inside && wrap[axis];
                    there = (there + shape[axis]) % shape[axis];
                }
                place = place * shape[axis] + there;
            }
            if (inside && labeling_now(parent, place) >= 0 && labeling_close(image[k], image[place], delta, wide_delta))
                labeling_join(parent, I(k), I(place));
        }
    }
}

// One block: one chunk of `chunk` pixels; counts its roots into counts[block]. Launched with 256 threads, a block a
// chunk. Compresses the paths on the way: afterwards parent[k] is the root of k.
// Instances: int; long long
template <class I>
__global__ void label_count(I* parent, long long* __restrict__ counts, long long size, long long chunk) {
    __shared__ int total;
    if (threadIdx.x == 0) total = 0;
    __syncthreads();
    const long long first = blockIdx.x * chunk, last = first + chunk < size ? first + chunk : size;
    int mine = 0;
    for (long long k = first + threadIdx.x; k < last; k += blockDim.x) {
        if (labeling_now(parent, k) < 0) continue;
        const I root = labeling_root(parent, I(k));
        *(volatile I*)(parent + k) = root;  // others may be on their way through it: both roads lead to the root
        mine += root == k;
    }
    atomicAdd(&total, mine);
    __syncthreads();
    if (threadIdx.x == 0) counts[blockIdx.x] = total;
}

// One block of 1024 threads in all: exclusive prefix sums of counts, in place; the sum of all goes to total[0].
__global__ void label_scan(long long* counts, long long* __restrict__ total, long long size) {
    __shared__ long long sums[1024];
    __shared__ long long carry;
    if (threadIdx.x == 0) carry = 0;
    for (long long first = 0; first < size; first += 1024) {
        const long long k = first + threadIdx.x;
        const long long mine = k < size ? counts[k] : 0;
        sums[threadIdx.x] = mine;
        __syncthreads();
        for (int reach = 1; reach < 1024; reach *= 2) {
            const long long left = threadIdx.x >= reach ? sums[threadIdx.x - reach] : 0;
            __syncthreads();
            sums[threadIdx.x] += left;
            __syncthreads();
        }
        if (k < size) counts[k] = carry + sums[threadIdx.x] - mine;
        __syncthreads();
        if (threadIdx.x == 0) carry += sums[1023];
        __syncthreads();
    }
    if (threadIdx.x == 0) total[0] = carry;
}

// One block of 256 threads: one chunk; numbers its roots in row order, after the roots of earlier chunks:
// labels[root] = its number. Other pixels are left alone.
// Instances: int, int; int, long long; long long, long long
template <class I, class L>
__global__ void label_number(const I* __restrict__ parent, const long long* __restrict__ counts,
                             L* __restrict__ labels, long long size, long long chunk) {
    __shared__ int sums[256];
    const long long first = blockIdx.x * chunk, last = first + chunk < size ? first + chunk : size;
    long long before = counts[blockIdx.x];
    for (long long k0 = first; k0 < last; k0 += 256) {
        const long long k = k0 + threadIdx.x;
        const int mine = k < last && parent[k] == k;
        sums[threadIdx.x] = mine;
        __syncthreads();
        for (int reach = 1; reach < 256; reach *= 2) {
            const int left = threadIdx.x >= reach ? sums[threadIdx.x - reach] : 0;
            __syncthreads();
            sums[threadIdx.x] += left;
            __syncthreads();
        }
        if (mine) labels[k] = L(before + sums[threadIdx.x]);
        before += sums[255];
        __syncthreads();
    }
}

// One thread: one pixel; fetches the number of its root, 0 on background. Roots have theirs already.
// Instances: int, int; int, long long; long long, long long
template <class I, class L>
__global__ void label_fetch(const I* __restrict__ parent, L* labels, long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        const I root = parent[k];
        if (root < 0)
            labels[k] = 0;
        else if (root != k)
            labels[k] = labels[root];
    }
}

// One thread: one pixel; leaves in first[label] the position of the first pixel that bears it, counted from 1.
// first is filled with the largest number, but first[0] = 0: a background pixel before all others.
__global__ void same_partition_first(const long long* __restrict__ labels, unsigned long long* first, long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step)
        atomicMin(&first[labels[k]], (unsigned long long)k + 1);
}

// One thread: one pixel; it disagrees if its two labels were first seen at different pixels. fault[0] receives the
// first position that disagrees (filled with the largest number before).
__global__ void same_partition_compare(const long long* __restrict__ a, const long long* __restrict__ b,
                                       const unsigned long long* __restrict__ first_a,
                                       const unsigned long long* __restrict__ first_b, unsigned long long* fault,
                                       long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step)
        if (first_a[a[k]] != first_b[b[k]]) atomicMin(fault, (unsigned long long)k);
}
