// Connected components by union-find. Launched by cuda/labeling.py.
//
// parent[k] <= k always; -1 marks background; a root is its own parent. Unions hang the larger root on the smaller
// by atomicMin, so in the end the root of a component is its first pixel in row order, whatever the order of threads
// (the merge of the label-equivalence family: Komura 2015, Playne and Hawick 2018).

constexpr int MOST_AXES = 16;

template <class I>
__device__ I labeling_root(const I* parent, I k) {
    const volatile I* now = parent;
    while (now[k] != k) k = now[k];
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

// One thread: one pixel, which becomes a tree of its own, or background.
template <class T, class I>
__global__ void label_start(const T* __restrict__ image, I* __restrict__ parent, long long size, int has_background,
                            T background) {
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step)
        parent[k] = has_background && image[k] == background ? I(-1) : I(k);
}

// One thread: one pixel; joins it with each of its neighbours in half of the neighbourhood. steps is (count, ndim),
// shape and wrap are (ndim). Promised: parent from label_start, ndim <= 16.
template <class T, class I>
__global__ void label_join(const T* __restrict__ image, I* parent, const long long* __restrict__ shape,
                           const long long* __restrict__ wrap, const long long* __restrict__ steps, long long size,
                           long long ndim, long long count, unsigned long long delta, double wide_delta) {
    const long long stride = (long long)gridDim.x * blockDim.x;
    long long at[MOST_AXES];
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += stride) {
        if (parent[k] < 0) continue;
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
            if (inside && parent[place] >= 0 && labeling_close(image[k], image[place], delta, wide_delta))
                labeling_join(parent, I(k), I(place));
        }
    }
}

// One block: one chunk of `chunk` pixels; counts its roots into counts[block]. Launched with 256 threads, a block a
// chunk. Compresses the paths on the way: afterwards parent[k] is the root of k.
template <class I>
__global__ void label_count(I* parent, long long* __restrict__ counts, long long size, long long chunk) {
    __shared__ int total;
    if (threadIdx.x == 0) total = 0;
    __syncthreads();
    const long long first = blockIdx.x * chunk, last = first + chunk < size ? first + chunk : size;
    int mine = 0;
    for (long long k = first + threadIdx.x; k < last; k += blockDim.x) {
        if (parent[k] < 0) continue;
        const I root = labeling_root(parent, I(k));
        parent[k] = root;
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
template <class I, class L>
__global__ void label_fetch(const I* __restrict__ parent, L* labels, long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        const I root = parent[k];
        if (root < 0)
            labels[k] = 0;
        else if (root != k)
            labels[k] = labels[root];
    }
}
