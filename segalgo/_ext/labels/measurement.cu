// What labels measure: statistics, contacts, Euler number. Launched by cuda/labels/measurement.py.
//
// Labels are unsigned and at most `rows`; row k belongs to label k + 1. Arrays are in raster order, shape has ndim
// sizes.

constexpr long long PIECE = 32;  // cells that one thread walks

// The flat index of the cell that lies `offset` away, -1 where that is outside.
__device__ long long neighbour(long long cell, const long long* offset, const long long* shape, int ndim) {
    long long rest = cell, step = 1;
    for (int axis = ndim - 1; axis >= 0; axis--) {
        const long long at = rest % shape[axis] + offset[axis];
        if (at < 0 || at >= shape[axis]) return -1;
        rest /= shape[axis];
        cell += offset[axis] * step;
        step *= shape[axis];
    }
    return cell;
}

// One thread: PIECE cells. Cuts them into runs of one label and one line, and adds each run in closed form to the
// tables by integer atomics: area, sums of coordinates (zeros to begin with), boxes (first the smallest coordinates,
// then one past the largest; the largest number and zeros to begin with). Order does not matter: integers.
// Instances: unsigned char; unsigned int; unsigned long long; unsigned short
template <class L>
__global__ void label_statistics_tables(const L* __restrict__ labels, const long long* __restrict__ shape,
                                        unsigned long long* area, unsigned long long* coordinate_sum, long long* box,
                                        int ndim, long long size) {
    const long long width = shape[ndim - 1], pieces = (size + PIECE - 1) / PIECE;
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long piece = (long long)blockIdx.x * blockDim.x + threadIdx.x; piece < pieces; piece += step) {
        const long long stop = min((piece + 1) * PIECE, size);
        for (long long k = piece * PIECE; k < stop;) {
            const L label = labels[k];
            const long long first = k % width;
            long long length = 1;
            while (k + length < stop && first + length < width && labels[k + length] == label) length++;
            if (label) {
                const long long row = (long long)label - 1;
                atomicAdd(&area[row], (unsigned long long)length);
                long long rest = k / width;
                for (int axis = ndim - 1; axis >= 0; axis--) {
                    long long low = first, high = first + length;
                    if (axis < ndim - 1) {
                        low = rest % shape[axis];
                        high = low + 1;
                        rest /= shape[axis];
                    }
                    const long long sum = axis < ndim - 1 ? low * length : (low + high - 1) * length / 2;
                    atomicAdd(&coordinate_sum[row * ndim + axis], (unsigned long long)sum);
                    atomicMin(&box[row * 2 * ndim + axis], low);
                    atomicMax(&box[row * 2 * ndim + ndim + axis], high);
                }
            }
            k += length;
        }
    }
}

// One thread: PIECE cells. Adds the integers of each run to the label's sum (modulo 2^64), minimum and maximum. With
// `turn` the sign bit of a value is flipped, so that signed comparison orders unsigned 64-bit values.
// low and high hold the largest and the smallest number to begin with.
// Instances: unsigned int, unsigned char; unsigned short, int; unsigned short, short; unsigned short, unsigned char
template <class L, class I>
__global__ void label_statistics_integers(const L* __restrict__ labels, const I* __restrict__ values,
                                          unsigned long long* total, long long* low, long long* high, long long size,
                                          unsigned long long turn) {
    const long long pieces = (size + PIECE - 1) / PIECE, step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long piece = (long long)blockIdx.x * blockDim.x + threadIdx.x; piece < pieces; piece += step) {
        const long long stop = min((piece + 1) * PIECE, size);
        for (long long k = piece * PIECE; k < stop;) {
            const L label = labels[k];
            unsigned long long sum = 0;
            long long least = 0x7fffffffffffffffll, most = -least - 1;
            for (; k < stop && labels[k] == label; k++) {
                const unsigned long long value = (unsigned long long)(long long)values[k];
                const long long key = (long long)(value ^ turn);
                sum += value;
                least = min(least, key);
                most = max(most, key);
            }
            if (label) {
                atomicAdd(&total[label - 1], sum);
                atomicMin(&low[label - 1], least);
                atomicMax(&high[label - 1], most);
            }
        }
    }
}

// One thread: one label in one stripe (equal parts of the array in raster order). Walks the label's box in raster
// order and adds its cells of that stripe one by one, in double: the order that the door promises, whatever the grid.
// Slow where boxes are much larger than their labels. A NaN stays minimum and maximum.
// Instances: unsigned int, double; unsigned int, float; unsigned long long, double; unsigned long long, float
template <class L, class T>
__global__ void label_statistics_floats(const L* __restrict__ labels, const T* __restrict__ values,
                                        const long long* __restrict__ box, const long long* __restrict__ shape,
                                        double* __restrict__ total, T* __restrict__ low, T* __restrict__ high,
                                        int ndim, long long size, long long rows, long long stripes) {
    const long long step = (long long)gridDim.x * blockDim.x, width = shape[ndim - 1];
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < stripes * rows; k += step) {
        const long long row = k % rows, stripe = k / rows;
        const long long begin = size * stripe / stripes, end = size * (stripe + 1) / stripes;
        const long long* corner = box + row * 2 * ndim;
        long long lines = 1;
        for (int axis = 0; axis < ndim - 1; axis++) lines *= corner[ndim + axis] - corner[axis];
        double sum = 0;
        T least = T(__int_as_float(0x7f800000)), most = -least;
        for (long long line = 0; line < lines; line++) {
            long long rest = line, first = 0, stride = width;
            for (int axis = ndim - 2; axis >= 0; axis--) {
                const long long extent = corner[ndim + axis] - corner[axis];
                first += (corner[axis] + rest % extent) * stride;
                rest /= extent;
                stride *= shape[axis];
            }
            const long long from = max(first + corner[ndim - 1], begin), to = min(first + corner[2 * ndim - 1], end);
            for (long long at = from; at < to; at++) {
                if ((long long)labels[at] != row + 1) continue;
                const T value = values[at];
                sum += (double)value;
                if (value < least || value != value) least = value;
                if (value > most || value != value) most = value;
            }
        }
        total[k] = sum;
        low[k] = least;
        high[k] = most;
    }
}

// One thread: one cell, compared with the neighbours that `offsets` (count times ndim numbers) lead to. Every contact
// takes the next place of the lists, in no fixed order (the caller sorts), and is written where it is below `room`.
// Contacts with label 0 count where `background`.
// Instances: unsigned char; unsigned int; unsigned long long; unsigned short
template <class L>
__global__ void contacts(const L* __restrict__ labels, const long long* __restrict__ shape,
                         const long long* __restrict__ offsets, unsigned long long* found, L* low, L* high, int ndim,
                         int count, int background, long long size, unsigned long long room) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        const L here = labels[k];
        if (here == 0 && !background) continue;
        for (int o = 0; o < count; o++) {
            const long long other = neighbour(k, offsets + o * ndim, shape, ndim);
            if (other < 0) continue;
            const L there = labels[other];
            if (there == here || (there == 0 && !background)) continue;
            const unsigned long long place = atomicAdd(found, 1ull);
            if (place >= room) continue;
            low[place] = here < there ? here : there;
            high[place] = here < there ? there : here;
        }
    }
}

// One thread: one position of a grid one larger than the image along each axis. For every set S of axes the block of
// 2^|S| pixels before and at the position counts where it is whole (open set) or not empty (closed set), with the sign
// of S: the Euler characteristic is the sum over positions, taken by integer atomics modulo 2^64.
// Instances: int; unsigned char
template <class I>
__global__ void euler_number(const I* __restrict__ image, const long long* __restrict__ shape,
                             unsigned long long* total, int ndim, int full, long long positions) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < positions; k += step) {
        long long sum = 0;
        for (unsigned axes = 0; axes < 1u << ndim; axes++) {
            bool outside = false;  // without an axis in S there is no block beyond its last pixel
            bool all = true, any = false;
            for (unsigned corner = axes;; corner = (corner - 1) & axes) {
                long long rest = k, cell = 0, stride = 1;
                bool set = true;
                for (int axis = ndim - 1; axis >= 0; axis--) {
                    const long long position = rest % (shape[axis] + 1);
                    const long long at = position - (corner >> axis & 1);
                    rest /= shape[axis] + 1;
                    if (!(axes >> axis & 1) && position == shape[axis]) outside = true;
                    if (at < 0 || at >= shape[axis]) set = false;
                    cell += at * stride;
                    stride *= shape[axis];
                }
                if (outside) break;
                set = set && image[cell] > 0;
                all = all && set;
                any = any || set;
                if (corner == 0) break;
            }
            if (outside || !(full ? any : all)) continue;
            sum += (full ? ndim - __popc(axes) : __popc(axes)) & 1 ? -1 : 1;
        }
        if (sum) atomicAdd(total, (unsigned long long)sum);
    }
}
