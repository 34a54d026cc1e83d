// Features of regions, sampled on a grid. Launched by cuda/objects/regions.py.

// One axis of a region: where it starts and its size in cells of the map, how many samples each of its bins has.
struct RegionAxis {
    double start, bin;
    long long samples;
};

__device__ RegionAxis region_axis(double first, double last, long long bins, double scale, double half, int aligned,
                                  long long sampling_ratio) {
    RegionAxis axis;
    axis.start = first * scale - half;
    double size = last * scale - half - axis.start;
    if (!aligned && !(size > 1.0)) size = 1.0;
    axis.bin = size / bins;
    axis.samples = sampling_ratio > 0 ? sampling_ratio : (long long)ceil(size / bins);
    return axis;
}

// Sample i of bin p: the two cells and their parts of 1 / samples. Both parts are 0 for a sample outside.
__device__ void region_sample(RegionAxis axis, long long p, long long i, long long n, long long* low, double* parts) {
    double at = axis.start + p * axis.bin + (i + 0.5) * axis.bin / axis.samples;
    *low = 0;
    parts[0] = parts[1] = 0;
    if (!(at >= -1.0 && at <= n)) return;
    if (at < 0) at = 0;
    *low = (long long)at < n - 1 ? (long long)at : n - 1;
    const double part = *low < n - 1 ? at - *low : 0.0;
    parts[0] = (1.0 - part) / axis.samples;
    parts[1] = part / axis.samples;
}

// One thread: one output cell. Adds its samples in float64, each from up to four cells; cells of weight 0 are not read.
// Promised: boxes are finite, and their samples few enough to count; pictures are those of x (N, channels, height,
// width); grids may be smaller than the output.
// Instances: float; double
template <class T>
__global__ void roi_align(const T* __restrict__ x, const double* __restrict__ boxes,
                          const long long* __restrict__ pictures, T* __restrict__ output, double scale, double half,
                          int aligned, long long count, long long channels, long long height, long long width,
                          long long oh, long long ow, long long sampling_ratio) {
    const long long step = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < count * channels * oh * ow; k += step) {
        const long long q = k % ow, p = k / ow % oh, c = k / (ow * oh) % channels, region = k / (ow * oh * channels);
        const double* box = boxes + region * 4;
        const T* plane = x + (pictures[region] * channels + c) * height * width;
        const RegionAxis down = region_axis(box[1], box[3], oh, scale, half, aligned, sampling_ratio);
        const RegionAxis along = region_axis(box[0], box[2], ow, scale, half, aligned, sampling_ratio);
        double total = 0;
        for (long long i = 0; i < down.samples; i++) {
            long long row, column;
            double row_parts[2], column_parts[2];
            region_sample(down, p, i, height, &row, row_parts);
            for (long long j = 0; j < along.samples; j++) {
                region_sample(along, q, j, width, &column, column_parts);
                for (int u = 0; u < 2; u++)
                    for (int v = 0; v < 2; v++)
                        if (row_parts[u] > 0 && column_parts[v] > 0)
                            total += row_parts[u] * column_parts[v] * (double)plane[(row + u) * width + column + v];
            }
        }
        output[k] = (T)total;
    }
}
