// Keep, remove, renumber and fill labels: tables, and look-ups in them. Launched by cuda/labels/relabeling.py.
//
// Labels and components are unsigned and index the tables that come with them; arrays are in raster order.

constexpr long long PIECE = 32;  // cells that one thread walks

// One thread: PIECE cells, cut into runs of one label; adds each run's length to areas[label] (zeros to begin with).
// Instances: unsigned char; unsigned int; unsigned long long
template <class L>
__global__ void label_areas(const L* __restrict__ labels, unsigned long long* areas, long long size) {
    const long long pieces = (size + PIECE - 1) / PIECE, step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long piece = (long long)blockIdx.x * blockDim.x + threadIdx.x; piece < pieces; piece += step) {
        const long long stop = min((piece + 1) * PIECE, size);
        for (long long k = piece * PIECE; k < stop;) {
            const L label = labels[k];
            const long long first = k;
            while (k < stop && labels[k] == label) k++;
            atomicAdd(&areas[label], (unsigned long long)(k - first));
        }
    }
}

// One thread: one cell. output = table[label].
// Instances: unsigned char, unsigned char; unsigned char, unsigned short; unsigned int, unsigned char
template <class L, class I>
__global__ void map_labels(const L* __restrict__ labels, const I* __restrict__ table, I* __restrict__ output,
                           long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step)
        output[k] = table[labels[k]];
}

// One thread: one cell. Sets touches[label] (zeros to begin with) where the cell lies outside the mask or, without
// one, at most `buffer_size` cells from an end of some axis. Threads that meet in one byte write the same 1 (volatile: a
// plain store would be a race).
// Instances: unsigned int
template <class L>
__global__ void border_labels(const L* __restrict__ labels, const bool* __restrict__ mask,
                              const long long* __restrict__ shape, unsigned char* touches, int masked, int ndim,
                              long long buffer_size, long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        bool border = masked && !mask[k];
        long long rest = k;
        for (int axis = ndim - 1; axis >= 0 && !masked; axis--) {
            const long long at = rest % shape[axis];
            border = border || at <= buffer_size || at >= shape[axis] - 1 - buffer_size;
            rest /= shape[axis];
        }
        if (border) *(volatile unsigned char*)(touches + labels[k]) = 1;
    }
}

// One thread: one cell of background, of the component that has its number. Keeps in least and most (the largest
// number and zeros to begin with) the smallest and largest label among the neighbours that `offsets` lead to.
// Instances: unsigned char, unsigned int; unsigned int, unsigned int; unsigned long long, unsigned int
template <class L, class P>
__global__ void hole_owners(const L* __restrict__ labels, const P* __restrict__ components,
                            const long long* __restrict__ shape, const long long* __restrict__ offsets,
                            unsigned long long* least, unsigned long long* most, int ndim, int count,
                            long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        const P component = components[k];
        if (component == 0) continue;
        for (int o = 0; o < count; o++) {
            long long rest = k, other = k, stride = 1;
            bool inside = true;
            for (int axis = ndim - 1; axis >= 0; axis--) {
                const long long at = rest % shape[axis] + offsets[o * ndim + axis];
                inside = inside && at >= 0 && at < shape[axis];
                rest /= shape[axis];
                other += offsets[o * ndim + axis] * stride;
                stride *= shape[axis];
            }
            if (!inside || labels[other] == 0) continue;
            atomicMin(&least[component], (unsigned long long)labels[other]);
            atomicMax(&most[component], (unsigned long long)labels[other]);
        }
    }
}

// One thread: one cell. Takes the component's value where `replaced` says so, else keeps the cell.
// Instances: unsigned char, unsigned int; unsigned int, unsigned int; unsigned long long, unsigned int
template <class I, class P>
__global__ void replace_components(const I* __restrict__ image, const P* __restrict__ components,
                                   const unsigned char* __restrict__ replaced, const I* __restrict__ values,
                                   I* __restrict__ output, long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step)
        output[k] = replaced[components[k]] ? values[components[k]] : image[k];
}
