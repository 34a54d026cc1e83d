// The cells that a seed reaches over cells of similar values. Launched by cuda/morphology/flood.py, which has the kernels
// of reconstruction carry the seed over the cells found here.

// One thread: one cell. Whether its value is in the range; the seed is set in `start` in any case.
// Instances: unsigned char; signed char; unsigned short; short; unsigned int; int; unsigned long long; long long; float; double
template <class T>
__global__ void flood_range(const T* __restrict__ image, unsigned char* __restrict__ inside,
                            unsigned char* __restrict__ start, T low, T high, long long seed, long long size) {
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < size; k += step) {
        inside[k] = image[k] >= low && image[k] <= high;
        start[k] = k == seed;
    }
}
