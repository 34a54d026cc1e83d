"""Gaussian filtering in feature space and mean-field inference: the Cython wing of `segalgo.dense_crf`."""
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.math cimport exp, pow
from libc.stdint cimport int32_t, int64_t

from segalgo._ext.shared.interruption cimport Interruption, NOT_INTERRUPTED, end_interruption, is_interrupted

import numpy as np

cnp.import_array()

cdef extern from "random_fields/lattice_filter.h" nogil:
    ctypedef struct Lattice:
        int64_t points
        int64_t vertices
        int32_t dims
        int32_t* corner
    int LANES
    Lattice* new_lattice(int64_t, int32_t)
    void free_lattice(Lattice*)
    void locate_points(Lattice*, const double*, int64_t, int64_t)
    int number_vertices(Lattice*, int64_t, int64_t)
    int sort_entries(Lattice*)
    void find_neighbours(Lattice*, int64_t, int64_t)
    void splat_float(const Lattice*, const float*, const float*, int64_t, float*, int64_t, int64_t)
    void splat_double(const Lattice*, const double*, const double*, int64_t, double*, int64_t, int64_t)
    void blur_float(const Lattice*, int32_t, const float*, int64_t, float*, int64_t, int64_t)
    void blur_double(const Lattice*, int32_t, const double*, int64_t, double*, int64_t, int64_t)
    void slice_point_float(const Lattice*, const float*, const float*, int64_t, int64_t, float*)
    void slice_point_double(const Lattice*, const double*, const double*, int64_t, int64_t, double*)
    void rows_of_planes_float(const float*, int64_t, int64_t, int64_t, float, float*, int64_t, int64_t)
    void rows_of_planes_double(const double*, int64_t, int64_t, int64_t, double, double*, int64_t, int64_t)
    void planes_of_rows_float(const float*, int64_t, int64_t, int64_t, float*, int64_t, int64_t)
    void planes_of_rows_double(const double*, int64_t, int64_t, int64_t, double*, int64_t, int64_t)
    ctypedef struct Heard:
        const Lattice* lattice
        const void* taken
        const void* rows
        const void* matrix
    void update_float(const Heard*, int, const float*, int64_t, int64_t, float*, float*, int, int64_t, int64_t)
    void update_double(const Heard*, int, const double*, int64_t, int64_t, double*, double*, int, int64_t, int64_t)
    void weigh_corners_float(const Lattice*, const double*, double, float*, int64_t, int64_t)
    void weigh_corners_double(const Lattice*, const double*, double, double*, int64_t, int64_t)
    void weigh_entries_float(const Lattice*, const double*, float*, int64_t, int64_t)
    void weigh_entries_double(const Lattice*, const double*, double*, int64_t, int64_t)
    void give_ones(const Lattice*, double*, int64_t, int64_t)
    void blur_ones(const Lattice*, int32_t, const double*, double*, int64_t, int64_t)
    void take_ones(const Lattice*, const double*, double, double*, int64_t, int64_t)

ctypedef fused real:
    float
    double

cdef enum:
    CHUNK = 256  # points, or vertices, that one thread works on at a time
    SERIAL = 65536  # points whose vertices are numbered between two looks for signals

cdef double INFINITE = float("inf")
cdef double NOTHING = 1e-20  # added to sums of weights before they divide


cdef void _locate(Lattice* lattice, const double* features) noexcept nogil:
    cdef int64_t part
    for part in prange((lattice.points + CHUNK - 1) // CHUNK, schedule="static"):
        locate_points(lattice, features, part * CHUNK, min((part + 1) * CHUNK, lattice.points))


cdef void _find(Lattice* lattice) noexcept nogil:
    cdef int64_t part
    for part in prange((lattice.vertices + CHUNK - 1) // CHUNK, schedule="static"):
        find_neighbours(lattice, part * CHUNK, min((part + 1) * CHUNK, lattice.vertices))


# Rows of points -> rows of vertices, in `rows` or `other`: the one of them that is returned. Both have vertices + 1
# rows; the last one of each is zero.
cdef real* _on_lattice(const Lattice* lattice, const real* weight, const real* points, int64_t p, real* rows,
                       real* other) noexcept nogil:
    cdef int64_t parts = (lattice.vertices + CHUNK - 1) // CHUNK, part, first, last
    cdef int32_t axis
    cdef real* swapped
    for part in prange(parts, schedule="static"):
        first, last = part * CHUNK, min((part + 1) * CHUNK, lattice.vertices)
        if real is float:
            splat_float(lattice, weight, points, p, rows, first, last)
        else:
            splat_double(lattice, weight, points, p, rows, first, last)
    for axis in range(lattice.dims + 1):
        for part in prange(parts, schedule="static"):
            first, last = part * CHUNK, min((part + 1) * CHUNK, lattice.vertices)
            if real is float:
                blur_float(lattice, axis, rows, p, other, first, last)
            else:
                blur_double(lattice, axis, rows, p, other, first, last)
        swapped = rows
        rows = other
        other = swapped
    return rows


cdef void _weigh(const Lattice* lattice, const double* before, const double* after, double factor, real* given,
                 real* taken) noexcept nogil:
    cdef int64_t part
    for part in prange((lattice.points + CHUNK - 1) // CHUNK, schedule="static"):
        if real is float:
            weigh_corners_float(lattice, after, factor, taken, part * CHUNK, min((part + 1) * CHUNK, lattice.points))
        else:
            weigh_corners_double(lattice, after, factor, taken, part * CHUNK, min((part + 1) * CHUNK, lattice.points))
    for part in prange((lattice.vertices + CHUNK - 1) // CHUNK, schedule="static"):
        if real is float:
            weigh_entries_float(lattice, before, given, part * CHUNK, min((part + 1) * CHUNK, lattice.vertices))
        else:
            weigh_entries_double(lattice, before, given, part * CHUNK, min((part + 1) * CHUNK, lattice.vertices))


cdef void _sums_of_weights(const Lattice* lattice, double* rows, double* other, double* output) noexcept nogil:
    cdef int64_t parts = (lattice.vertices + CHUNK - 1) // CHUNK, part
    cdef int32_t axis
    cdef double* swapped
    cdef double factor = 1 / (1 + pow(2.0, -lattice.dims))
    for part in prange(parts, schedule="static"):
        give_ones(lattice, rows, part * CHUNK, min((part + 1) * CHUNK, lattice.vertices))
    for axis in range(lattice.dims + 1):
        for part in prange(parts, schedule="static"):
            blur_ones(lattice, axis, rows, other, part * CHUNK, min((part + 1) * CHUNK, lattice.vertices))
        swapped = rows
        rows = other
        other = swapped
    for part in prange((lattice.points + CHUNK - 1) // CHUNK, schedule="static"):
        take_ones(lattice, rows, factor, output, part * CHUNK, min((part + 1) * CHUNK, lattice.points))


cdef class _Kernel:
    """The lattice of one set of features, with its weights and its rows of vertices."""

    cdef Lattice* lattice
    cdef cnp.ndarray given, taken  # weights of the entries (splat) and of the corners (slice)
    cdef cnp.ndarray rows, other

    def __dealloc__(self):
        free_lattice(self.lattice)

    def __init__(self, cnp.ndarray features):
        cdef int64_t points = features.shape[1], first
        cdef const double* coordinates = <const double*> cnp.PyArray_DATA(features)
        cdef int failed
        self.lattice = new_lattice(points, <int32_t> features.shape[0])
        if self.lattice == NULL:
            raise MemoryError
        with nogil:
            _locate(self.lattice, coordinates)
        for first in range(0, points, SERIAL):
            with nogil:
                failed = number_vertices(self.lattice, first, min(first + SERIAL, points))
            if failed:
                raise MemoryError
            PyErr_CheckSignals()
        with nogil:
            failed = sort_entries(self.lattice)
            if not failed:
                _find(self.lattice)
        if failed:
            raise MemoryError

    cdef weigh(self, cnp.ndarray before, cnp.ndarray after, double factor, dtype):
        """Keep the weights; `before` and `after` are factors of each point (None: 1), `factor` is one of all."""
        cdef int64_t corners = self.lattice.points * (self.lattice.dims + 1)
        cdef const double* first = NULL
        cdef const double* last = NULL
        cdef void* given
        cdef void* taken
        cdef Lattice* lattice = self.lattice
        if before is not None:
            first = <const double*> cnp.PyArray_DATA(before)
        if after is not None:
            last = <const double*> cnp.PyArray_DATA(after)
        self.given, self.taken = np.empty(corners, dtype), np.empty(corners, dtype)
        given, taken = cnp.PyArray_DATA(self.given), cnp.PyArray_DATA(self.taken)
        factor = factor / (1 + 2.0 ** -lattice.dims)
        if dtype == np.float32:
            with nogil:
                _weigh(lattice, first, last, factor, <float*> given, <float*> taken)
        else:
            with nogil:
                _weigh(lattice, first, last, factor, <double*> given, <double*> taken)

    cdef cnp.ndarray sums_of_weights(self):
        """Return the filter of ones, (N,), float64."""
        cdef cnp.ndarray output = np.empty(self.lattice.points)
        cdef cnp.ndarray rows = np.zeros(self.lattice.vertices + 1), other = np.zeros(self.lattice.vertices + 1)
        cdef double* target = <double*> cnp.PyArray_DATA(output)
        cdef double* one = <double*> cnp.PyArray_DATA(rows)
        cdef double* two = <double*> cnp.PyArray_DATA(other)
        cdef Lattice* lattice = self.lattice
        with nogil:
            _sums_of_weights(lattice, one, two, target)
        return output

    cdef allocate(self, int64_t p, dtype):
        self.rows = np.empty((self.lattice.vertices + 1, p), dtype)
        self.other = np.empty((self.lattice.vertices + 1, p), dtype)
        self.rows[self.lattice.vertices] = 0
        self.other[self.lattice.vertices] = 0


cdef real* _lattice_rows(_Kernel kernel, const real* points, int64_t p) noexcept:
    cdef const real* given = <const real*> cnp.PyArray_DATA(kernel.given)
    cdef real* rows = <real*> cnp.PyArray_DATA(kernel.rows)
    cdef real* other = <real*> cnp.PyArray_DATA(kernel.other)
    cdef const Lattice* lattice = kernel.lattice
    with nogil:
        rows = _on_lattice(lattice, given, points, p, rows, other)
    return rows


cdef void _to_rows(const real* planes, int64_t points, int64_t channels, int64_t p, real filler,
                   real* rows) noexcept nogil:
    cdef int64_t part, first, last
    for part in prange((points + CHUNK - 1) // CHUNK, schedule="static"):
        first, last = part * CHUNK, min((part + 1) * CHUNK, points)
        if real is float:
            rows_of_planes_float(planes, points, channels, p, filler, rows, first, last)
        else:
            rows_of_planes_double(planes, points, channels, p, filler, rows, first, last)


cdef void _slice_chunk(const Lattice* lattice, const real* taken, const real* rows, int64_t points, int64_t channels,
                       int64_t p, real* buffer, real* planes, int64_t first, int64_t last) noexcept nogil:
    cdef int64_t k
    for k in range(first, last):
        if real is float:
            slice_point_float(lattice, taken, rows, p, k, buffer + (k - first) * p)
        else:
            slice_point_double(lattice, taken, rows, p, k, buffer + (k - first) * p)
    if real is float:
        planes_of_rows_float(buffer, points, channels, p, planes, first, last)
    else:
        planes_of_rows_double(buffer, points, channels, p, planes, first, last)


cdef void _slice_planes(const Lattice* lattice, const real* taken, const real* rows, int64_t points, int64_t channels,
                        int64_t p, real* buffers, real* planes) noexcept nogil:
    cdef int64_t part, first
    for part in prange((points + CHUNK - 1) // CHUNK, schedule="static"):
        first = part * CHUNK
        # The rows of points are not needed any more: each part of them holds what it takes.
        _slice_chunk(lattice, taken, rows, points, channels, p, buffers + first * p, planes, first,
                     min(first + CHUNK, points))


cdef int64_t _padded(int64_t channels) noexcept:
    return (channels + LANES - 1) // LANES * LANES


cdef void _filter(_Kernel kernel, const real* planes, int64_t points, int64_t channels, int64_t p, real* rows,
                  real* output) noexcept:
    cdef const Lattice* lattice = kernel.lattice
    cdef const real* taken = <const real*> cnp.PyArray_DATA(kernel.taken)
    cdef const real* vertices
    with nogil:
        _to_rows(planes, points, channels, p, <real> 0, rows)
    vertices = _lattice_rows(kernel, <const real*> rows, p)
    with nogil:
        _slice_planes(lattice, taken, vertices, points, channels, p, rows, output)


cdef cnp.ndarray _filtered(_Kernel kernel, cnp.ndarray values):
    """Return values (C, N), filtered with the weights that the kernel has."""
    cdef int64_t channels = values.shape[0], points = values.shape[1], p = _padded(channels)
    cdef cnp.ndarray output = np.empty((channels, points), values.dtype)
    cdef cnp.ndarray rows = np.empty((points, p), values.dtype)
    cdef void* source = cnp.PyArray_DATA(values)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef void* between = cnp.PyArray_DATA(rows)
    kernel.allocate(p, values.dtype)
    if values.dtype == np.float32:
        _filter(kernel, <const float*> source, points, channels, p, <float*> between, <float*> target)
    else:
        _filter(kernel, <const double*> source, points, channels, p, <double*> between, <double*> target)
    return output


def gaussian_feature_filter(cnp.ndarray values, cnp.ndarray features):
    """See `segalgo.gaussian_feature_filter`, by the lattice."""
    kernel = _Kernel(features)
    kernel.weigh(None, None, 1.0, values.dtype)
    return _filtered(kernel, values)


# Sums over all points, in float64, in their order: one point of the output.
cdef void _sum_all(const real* values, const double* features, int64_t points, int64_t channels, int64_t dims,
                   int64_t point, double* sums, real* output) noexcept nogil:
    cdef int64_t c, j, k
    cdef double square, difference, weight
    for c in range(channels):
        sums[c] = 0
    for j in range(points):
        square = 0
        for k in range(dims):
            difference = features[k * points + point] - features[k * points + j]
            square += difference * difference
        weight = exp(-0.5 * square)
        for c in range(channels):
            sums[c] += weight * values[c * points + j]
    for c in range(channels):
        output[c * points + point] = <real> sums[c]


cdef void _sum_points(const real* values, const double* features, int64_t points, int64_t channels, int64_t dims,
                      double* sums, real* output, Interruption* watch) noexcept nogil:
    cdef int64_t point
    for point in prange(points, schedule="static"):
        if is_interrupted(watch, points * (10 + dims + channels)):
            continue
        _sum_all(values, features, points, channels, dims, point, sums + point * channels, output)


def gaussian_feature_sum(cnp.ndarray values, cnp.ndarray features):
    """See `segalgo.gaussian_feature_filter`, by summation over all points."""
    cdef int64_t channels = values.shape[0], points = values.shape[1], dims = features.shape[0]
    cdef cnp.ndarray output = np.empty((channels, points), values.dtype)
    cdef cnp.ndarray sums = np.empty((points, channels), np.float64)
    cdef void* source = cnp.PyArray_DATA(values)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef const double* places = <const double*> cnp.PyArray_DATA(features)
    cdef double* total = <double*> cnp.PyArray_DATA(sums)
    cdef Interruption watch = NOT_INTERRUPTED
    if values.dtype == np.float32:
        with nogil:
            _sum_points(<const float*> source, places, points, channels, dims, total, <float*> target, &watch)
    else:
        with nogil:
            _sum_points(<const double*> source, places, points, channels, dims, total, <double*> target, &watch)
    end_interruption(&watch)
    return output


# rows = unary + what the lattices say, or the probabilities of that.
cdef void _update(const Heard* heard, int count, const real* unary, int64_t points, int64_t channels, int64_t p,
                  real* scratch, real* rows, bint probabilities) noexcept nogil:
    cdef int64_t part, first, last
    for part in prange((points + CHUNK - 1) // CHUNK, schedule="static"):
        first, last = part * CHUNK, min((part + 1) * CHUNK, points)
        if real is float:
            update_float(heard, count, unary, channels, p, scratch + part * 2 * p, rows, probabilities, first, last)
        else:
            update_double(heard, count, unary, channels, p, scratch + part * 2 * p, rows, probabilities, first, last)


cdef void _to_planes(const real* rows, int64_t points, int64_t channels, int64_t p, real* planes) noexcept nogil:
    cdef int64_t part, first, last
    for part in prange((points + CHUNK - 1) // CHUNK, schedule="static"):
        first, last = part * CHUNK, min((part + 1) * CHUNK, points)
        if real is float:
            planes_of_rows_float(rows + first * p, points, channels, p, planes, first, last)
        else:
            planes_of_rows_double(rows + first * p, points, channels, p, planes, first, last)


cdef _infer(list kernels, list transposed, const real* planes, int64_t points, int64_t channels, int64_t p,
            int64_t iterations, bint logits, real* unary, real* rows, real* scratch, real* output):
    cdef Heard heard[2]
    cdef int count = len(kernels), k
    cdef int64_t t
    cdef bint probabilities = iterations > 0 or not logits
    cdef _Kernel kernel
    for k in range(count):
        kernel = kernels[k]
        heard[k].lattice, heard[k].taken, heard[k].matrix = kernel.lattice, cnp.PyArray_DATA(kernel.taken), NULL
        if transposed[k] is not None:
            heard[k].matrix = cnp.PyArray_DATA(transposed[k])
    with nogil:
        _to_rows(planes, points, channels, p, <real> -INFINITE, unary)
        _update(heard, 0, unary, points, channels, p, scratch, rows, probabilities)
    for t in range(iterations):
        probabilities = t < iterations - 1 or not logits
        for k in range(count):
            heard[k].rows = _lattice_rows(<_Kernel> kernels[k], <const real*> rows, p)
        with nogil:
            _update(heard, count, unary, points, channels, p, scratch, rows, probabilities)
        PyErr_CheckSignals()
    with nogil:
        _to_planes(rows, points, channels, p, output)


def dense_crf(cnp.ndarray unary, list features, list matrices, str normalization, int64_t iterations, bint logits):
    """See `segalgo.dense_crf`. Two lattices for all iterations; rows of classes for each pixel and vertex."""
    cdef int64_t channels = unary.shape[0], points = unary.shape[1], p = _padded(channels)
    cdef cnp.ndarray output = np.empty((channels, points), unary.dtype)
    cdef cnp.ndarray own = np.empty((points, p), unary.dtype)
    cdef cnp.ndarray rows = np.empty((points, p), unary.dtype)
    cdef cnp.ndarray scratch = np.empty((points // CHUNK + 1, 2 * p), unary.dtype)
    cdef void* source = cnp.PyArray_DATA(unary)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef void* unary_rows = cnp.PyArray_DATA(own)
    cdef void* row = cnp.PyArray_DATA(rows)
    cdef void* room = cnp.PyArray_DATA(scratch)
    cdef _Kernel kernel
    kernels, transposed = [], []
    for coordinates, matrix in zip(features, matrices, strict=True):
        kernel = _Kernel(coordinates)
        inverse = 1 / (kernel.sums_of_weights() + NOTHING)
        root = np.sqrt(inverse)
        before, after = {"symmetric": (root, root), "before": (inverse, None), "after": (None, inverse)}[normalization]
        factor = matrix[0, 0]
        if np.array_equal(matrix, factor * np.eye(channels)):
            transposed.append(None)
        else:
            factor, padded = 1.0, np.zeros((channels, p), unary.dtype)
            padded[:, :channels] = matrix.T
            transposed.append(padded)
        kernel.weigh(before, after, factor, unary.dtype)
        kernel.allocate(p, unary.dtype)
        kernels.append(kernel)
    if unary.dtype == np.float32:
        _infer(kernels, transposed, <const float*> source, points, channels, p, iterations, logits,
               <float*> unary_rows, <float*> row, <float*> room, <float*> target)
    else:
        _infer(kernels, transposed, <const double*> source, points, channels, p, iterations, logits,
               <double*> unary_rows, <double*> row, <double*> room, <double*> target)
    return output
