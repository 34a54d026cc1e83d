// Thresholds from the mean and deviation of windows. Launched by cuda/thresholds/local_thresholds.py.

// One thread: one line of n cells, `inner` apart. Sums of `width` cells slide along it: y[i] is the sum of the cells
// that source names at i ... i + width - 1 (-1: `outside`), each less `shift`, of their squares where `squared`. Reads
// two cells and writes one a step, so the cost does not depend on the width. `outside` has the shift subtracted already.
// S is long long for integers (exact), else double.
// Instances: double,double; float,double; long long,long long; short,long long; signed char,long long
template <class T, class S>
__global__ void slide_sums(const T* __restrict__ x, S* __restrict__ y, const long long* __restrict__ source, S outside,
                           S shift, int squared, long long n, long long inner, long long width, long long lines) {
    const long long stride = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < lines; k += stride) {
        const long long start = k / inner * n * inner + k % inner;
        S sum = 0;
        for (long long q = 0; q < n + width - 1; q++) {
            S cell = source[q] < 0 ? outside : S(x[start + source[q] * inner]) - shift;
            sum += squared ? cell * cell : cell;
            if (q < width - 1) continue;
            const long long i = q - width + 1;
            y[start + i * inner] = sum;
            cell = source[i] < 0 ? outside : S(x[start + source[i] * inner]) - shift;
            sum -= squared ? cell * cell : cell;
        }
    }
}

// One thread: one pixel. Mean and variance of the `width` parts of its window along one axis, from their means and
// variances (for pixels, `nested` is 0 and the variances are 0): the variance is the mean of variances plus the variance of means, which
// are taken as differences from the first part, so that values outside the window do not affect its precision. source
// names n + width - 1 rows, -1: `outside`. Reads 3 * width cells.
// Instances: double; float
template <class T>
__global__ void merge_moments(const T* __restrict__ mean, const double* __restrict__ variance,
                              const long long* __restrict__ source, double* __restrict__ m, double* __restrict__ s,
                              double outside, int nested, long long n, long long inner, long long width,
                              long long count) {
    const long long stride = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < count; k += stride) {
        const long long i = k / inner % n, start = k / inner / n * n * inner + k % inner;
        const double first = source[i] < 0 ? outside : double(mean[start + source[i] * inner]);
        double offset = 0, sum = 0;
        for (long long q = 1; q < width; q++)
            offset += (source[i + q] < 0 ? outside : double(mean[start + source[i + q] * inner])) - first;
        offset /= double(width);
        for (long long q = 0; q < width; q++) {
            const long long at = start + source[i + q] * inner;
            const double d = (source[i + q] < 0 ? outside : double(mean[at])) - first - offset;
            sum += (nested && source[i + q] >= 0 ? variance[at] : 0.0) + d * d;
        }
        m[k] = first + offset;
        s[k] = sum / double(width);
    }
}

// One thread: one pixel. The rule's number, as in the reference, over the sums of its window, to whose mean `origin` is
// added; rules: 0 mean, 1 scaled mean, 2 Niblack, 3 Sauvola, 4 Wolf, 5 Phansalkar, 6 the deviation itself. If `merged`,
// once and squares are means and variances already. Promised: squares is read for 2 and above.
// Instances: double,double; double,float; long long,double
template <class S, class O>
__global__ void window_rule(const S* __restrict__ once, const S* __restrict__ squares, O* __restrict__ output,
                            int rule, int merged, double area, double origin, double p0, double p1, double p2, double p3, double p4,
                            long long count) {
    const long long stride = (long long)gridDim.x * blockDim.x;
#pragma unroll 1
    for (long long j = (long long)blockIdx.x * blockDim.x + threadIdx.x; j < count; j += stride) {
        const double difference = merged ? double(once[j]) : double(once[j]) / area, m = difference + origin;
        double value = m;
        if (rule == 1) value = m * p0;
        if (rule >= 2) {
            const double variance =
                merged ? double(squares[j]) : double(squares[j]) / area - difference * difference;
            const double s = sqrt(variance > 0 ? variance : 0.0);
            if (rule == 2)
                value = m - p0 * s;
            else if (rule == 3)
                value = m * (1 + p0 * (s / p1 - 1));
            else if (rule == 4)
                value = (1 - p0) * m + p0 * p1 + p0 * (s / p2) * (m - p1);
            else if (rule == 5)
                value = m * (1 + p2 * exp(-p3 * (m / p4)) + p0 * (s / p1 - 1));
            else
                value = s;
        }
        output[j] = O(value);
    }
}
