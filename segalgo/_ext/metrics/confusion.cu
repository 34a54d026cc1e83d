// Pairs of labels counted: the confusion matrix. Launched by cuda/metrics/confusion.py.

// Each thread walks pieces of 16 neighbouring cells and adds a run of equal pairs at once: inside an object whole warps
// would queue at one counter otherwise. A block counts in shared memory where the matrix fits (8192 cells), and adds
// its counts to the matrix at the end; larger matrices are added to at once. Integer atomics alone.
// Labels are unsigned: a negative one has been read as a large one, and limits are at most the dtype's half then.
// Promised: matrix and strays are zero; a block meets fewer than 2^32 cells.
// Instances: unsigned char; unsigned short; unsigned int; unsigned long long
template <class T>
__global__ void count_pairs(const T* __restrict__ target, const T* __restrict__ prediction, unsigned long long* matrix,
                            unsigned long long* strays, unsigned long long target_limit,
                            unsigned long long prediction_limit, T ignored, int ignores, int num_classes,
                            long long count) {
    __shared__ unsigned int local[8192];
    const int cells = num_classes * num_classes;
    const bool small = cells <= 8192;
    for (int b = threadIdx.x; small && b < cells; b += blockDim.x) local[b] = 0;
    __syncthreads();
    const long long stride = (long long)gridDim.x * blockDim.x * 16;
    unsigned int missed = 0;
    for (long long piece = ((long long)blockIdx.x * blockDim.x + threadIdx.x) * 16; piece < count; piece += stride) {
        const long long last = piece + 16 < count ? piece + 16 : count;
        int pair = 0;
        unsigned int run = 0;
        for (long long k = piece; k < last; k++) {
            const T i = target[k], j = prediction[k];
            if (ignores && i == ignored) continue;
            if (!(i < target_limit && j < prediction_limit)) {
                missed++;
                continue;
            }
            const int here = (int)i * num_classes + (int)j;
            if (here != pair && run) {
                if (small)
                    atomicAdd(&local[pair], run);
                else
                    atomicAdd(&matrix[pair], (unsigned long long)run);
                run = 0;
            }
            pair = here;
            run++;
        }
        if (run) {
            if (small)
                atomicAdd(&local[pair], run);
            else
                atomicAdd(&matrix[pair], (unsigned long long)run);
        }
    }
    if (missed) atomicAdd(&strays[0], (unsigned long long)missed);
    __syncthreads();
    for (int b = threadIdx.x; small && b < cells; b += blockDim.x)
        if (local[b]) atomicAdd(&matrix[b], (unsigned long long)local[b]);
}
