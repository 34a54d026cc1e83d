// Four versions of one operation: what each of them costs is known.

__global__ void plain(const float* x, float* out, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = x[i] < 0 ? 0.0f : x[i];
}

// Each thread takes a run of 16 elements: 16 bytes by 16 bytes apart.
__global__ void in_runs(const float* x, float* out, int n) {
    const int first = 16 * (blockIdx.x * blockDim.x + threadIdx.x);
    for (int i = first; i < first + 16 && i < n; i++)
        out[i] = x[i] < 0 ? 0.0f : x[i];
}

// Wrong: negative elements are left as they are.
__global__ void wrong(const float* x, float* out, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = x[i];
}

__global__ void crashes(const float* x, float* out, int n) { out[(long long)n << 40] = x[0]; }

__global__ void with_shared(const float* x, float* out, int n) {
    extern __shared__ float cells[];
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) cells[threadIdx.x] = x[i];
    __syncthreads();
    if (i < n) out[i] = cells[threadIdx.x] < 0 ? 0.0f : cells[threadIdx.x];
}
