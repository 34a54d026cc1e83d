// A picture and a threshold to a mask. Launched by cuda/thresholds/binarization.py.

// One thread: one pixel. Reads it and its threshold (step 1: one per pixel; step 0: one for all), writes one byte.
// Promised: C holds every value of T and U, or rounds as the host does; a NaN is neither above nor below.
// Instances: double,double,double; int,int,int; short,double,double; unsigned char,double,double
template <class T, class U, class C>
__global__ void binarize(const T* __restrict__ image, const U* __restrict__ threshold, bool* __restrict__ mask,
                         long long step, int below, long long count) {
    const long long stride = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += stride) {
        const C x = C(image[k]), level = C(threshold[k * step]);
        mask[k] = below ? x <= level : x > level;
    }
}
