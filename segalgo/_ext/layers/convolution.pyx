"""Convolution and transposed convolution: the Cython wing of `segalgo.layers.convolution`.

This file plans (which tile, which rows, which offsets); convolution.h and the headers that it includes compute.
"""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from segalgo._ext.shared.interruption cimport (
    NOT_INTERRUPTED, WORK_PER_LOOK, Interruption, end_interruption, is_interrupted)
from segalgo._ext.shared.threads cimport omp_get_max_threads, omp_get_thread_num

from itertools import pairwise
from math import gcd, prod

import numpy as np

cnp.import_array()


cdef extern from "layers/convolution.h" nogil:
    const int VECTOR_BYTES
    const int MOST_ROWS
    const int FEW_ROWS
    const int FEW_VECTORS
    ctypedef struct Geometry:
        int64_t batch, groups, channels, height, width, top, left, row_step, column_step, phases
        const int64_t* phase_row
        const int64_t* phase_column
        int64_t grid_h, grid_w, tile_h, tile_w, buffer_h, pitch, plane
        int64_t out_channels, oh, ow, out_row_step, out_column_step, splits, relu
    ctypedef struct Rows:
        int64_t terms, wide, a_count, b_count, chunks, weight_of_group
        const int64_t* offset
        const int64_t* a
        const int64_t* b
        const int64_t* chunk_panel
        const int64_t* panel_row
        const void* weight
        const void* bias
    ctypedef struct SparseShape:
        int64_t batch, groups, channels, height, width, rows, kh, kw, sh, sw, ph, pw, dh, dw, oh, ow, transposed, relu
    void convolve_plane_float(const SparseShape*, const float*, const float*, const float*, float*, int64_t)
    void convolve_plane_double(const SparseShape*, const double*, const double*, const double*, double*, int64_t)
    void direct_unit_float(const Geometry*, const Rows*, int64_t, const float*, float*, float*, int64_t, int64_t)
    void direct_unit_double(const Geometry*, const Rows*, int64_t, const double*, double*, double*, int64_t, int64_t)
    void pointwise_unit_float(const Geometry*, const Rows*, const float*, float*, float*, int64_t)
    void pointwise_unit_double(const Geometry*, const Rows*, const double*, double*, double*, int64_t)
    void pack_panel_float(const float*, const int64_t*, const int64_t*, int64_t, int64_t, int64_t, float*)
    void pack_panel_double(const double*, const int64_t*, const int64_t*, int64_t, int64_t, int64_t, double*)
    void winograd_unit_float(const Geometry*, const Rows*, int64_t, int64_t, const float*, float*, float*, int64_t)
    void winograd_unit_double(const Geometry*, const Rows*, int64_t, int64_t, const double*, double*, double*,
                              int64_t)
    void winograd_pack_panel_float(const float*, int64_t, int64_t, int64_t, int64_t, float*)
    void winograd_pack_panel_double(const double*, int64_t, int64_t, int64_t, int64_t, double*)


# Scratch: the tile's buffer aims at this many bytes a thread (half of a 1 MiB second-level cache), Winograd's block at
# the second number; all threads together, and Winograd's weights where they are transformed in the call, stay below the
# third: fewer threads run where they would not.
TILE_BYTES = 512 * 1024
BLOCK_BYTES = 2560 * 1024
SCRATCH_BYTES = 60 * 1024 * 1024
# Transformed weights beyond this are read from memory for every block of tiles: then the direct product is faster.
WINOGRAD_WEIGHT_BYTES = 40 * 1024 * 1024


# Windows so far apart that the direct product may copy more than it multiplies (see `_is_sparse`); and transposed
# convolutions of more output phases than this: both go by rows.
LEAST_SPARSE_HALO = 256
MOST_PHASES = 4096


# The table behind algorithm="auto" for 3 x 3 kernels, stride 1, one dilation d; everything else is "direct". Winograd
# is chosen from so many channels on, if each of the d * d interleaved pictures has at least so many cells. It rests on
# the time of direct over the time of Winograd, weights packed in the call, float32, one thread of a processor with
# 512-bit vectors:
#
#     d = 1       8 x 8    12 x 12  16 x 16  32 x 32  64 x 64      d = 2     16 x 16  32 x 32  64 x 64
#     16 -> 16     1.3      1.4      1.6      1.5      1.8          16 -> 16    0.9      0.9      1.1
#     16 -> 64     1.0      1.2      1.5      1.5      2.0          16 -> 64    0.8      0.9      1.5
#     64 -> 64     0.7      1.1      1.6      1.9      2.6          64 -> 64    0.6      1.2      2.0
#     256 -> 256   0.6      0.9      1.4      2.0      2.6          256 -> 256  0.5      1.1      2.3
WINOGRAD_TABLE = {
    # dilated? : (least channels of input and of output, least cells of an interleaved picture)
    False: (16, 14 * 14),
    True: (32, 16 * 16),
}


def choose_algorithm(channels, out_channels, kernel, stride, dilation, output_size, itemsize):
    """Return "winograd" or "direct" for one group of a convolution; without an output size, for a large picture."""
    if tuple(kernel) != (3, 3) or tuple(stride) != (1, 1) or dilation[0] != dilation[1]:
        return "direct"
    least_channels, least_cells = WINOGRAD_TABLE[dilation[0] > 1]
    if min(channels, out_channels) < least_channels:
        return "direct"
    if output_size is not None and output_size[0] * output_size[1] < least_cells * dilation[0] * dilation[1]:
        return "direct"
    # Scratch stays bounded: transformed weights, and the smallest block of tiles.
    if 36 * channels * out_channels * itemsize > WINOGRAD_WEIGHT_BYTES:
        return "direct"
    if 36 * (channels + out_channels) * 2 * VECTOR_BYTES > 2 * BLOCK_BYTES:
        return "direct"
    return "winograd"


class PackedConv2d:
    """Weights of a convolution, packed for one algorithm; as `pack_conv2d` makes them."""

    __slots__ = ("algorithm", "bias", "dilation", "groups", "kernel", "products", "relu", "stride", "taps", "weight")


class Product:
    """Rows that share their shifts: the tables behind a C `Rows`, and the packed weights."""

    __slots__ = ("a", "b", "chunk_panel", "column_shift", "packed", "panel_row", "phase", "row_shift", "terms", "wide")


def _evenly(total, most):
    """Return the bounds of the fewest parts of `total` that hold at most `most`, as equal as possible."""
    parts = max(1, -(-total // most))
    return [total * k // parts for k in range(parts + 1)]


def _panels(pairs, b_count):
    """Return chunk_panel and panel_row of `pairs` (channel, a) of `b_count` rows each."""
    chunk_panel, panel_row = [0], [0]
    bounds = _evenly(pairs, max(1, min(MOST_ROWS, 448 // b_count)))
    for first, last in pairwise(bounds):
        panel_row += [first * b_count + row for row in _evenly((last - first) * b_count, MOST_ROWS)[1:]]
        chunk_panel.append(len(panel_row) - 1)
    return np.array(chunk_panel, np.int64), np.array(panel_row, np.int64)


cdef int _threads_for(int64_t cells) noexcept nogil:
    """Return 1 where waking the other threads would take longer than packing so many cells."""
    return 1 if cells < 100_000 else omp_get_max_threads()


def _pack(cnp.ndarray weight, groups, cnp.ndarray row_at, cnp.ndarray term_at, cnp.ndarray panel_row):
    """Return the weights of every group packed by panels; weight's first axis is divided among the groups."""
    cdef int64_t terms = term_at.shape[0], rows = row_at.shape[0], panels = panel_row.shape[0] - 1
    cdef int64_t group_count = groups, group_cells = weight.size // max(groups, 1), k, group, panel
    cdef cnp.ndarray packed = np.empty(groups * rows * terms, weight.dtype)
    cdef int threads = _threads_for(packed.size)
    cdef const int64_t* rows_at = <const int64_t*> cnp.PyArray_DATA(row_at)
    cdef const int64_t* terms_at = <const int64_t*> cnp.PyArray_DATA(term_at)
    cdef const int64_t* bound = <const int64_t*> cnp.PyArray_DATA(panel_row)
    cdef void* source = cnp.PyArray_DATA(weight)
    cdef void* target = cnp.PyArray_DATA(packed)
    cdef bint single = weight.dtype == np.float32
    if packed.size == 0:
        return packed
    for k in prange(group_count * panels, nogil=True, schedule="static", num_threads=threads):
        group = k // panels
        panel = k % panels
        if single:
            pack_panel_float(<const float*> source + group * group_cells, rows_at, terms_at, terms, bound[panel],
                             bound[panel + 1], <float*> target + group * rows * terms)
        else:
            pack_panel_double(<const double*> source + group * group_cells, rows_at, terms_at, terms, bound[panel],
                              bound[panel + 1], <double*> target + group * rows * terms)
    return packed


def _pack_winograd(cnp.ndarray weight, groups, cnp.ndarray panel_row):
    """Return the transformed weights of every group, [place][panel]."""
    cdef int64_t rows = weight.shape[0] // groups, channels = weight.shape[1], panels = panel_row.shape[0] - 1
    cdef int64_t group_count = groups, cells = rows * channels, k, group, panel
    cdef cnp.ndarray packed = np.empty(groups * 36 * cells, weight.dtype)
    cdef int threads = _threads_for(packed.size)
    cdef const int64_t* bound = <const int64_t*> cnp.PyArray_DATA(panel_row)
    cdef void* source = cnp.PyArray_DATA(weight)
    cdef void* target = cnp.PyArray_DATA(packed)
    cdef bint single = weight.dtype == np.float32
    for k in prange(group_count * panels, nogil=True, schedule="static", num_threads=threads):
        group = k // panels
        panel = k % panels
        if single:
            winograd_pack_panel_float(<const float*> source + group * cells * 9, channels, bound[panel],
                                      bound[panel + 1], cells, <float*> target + group * 36 * cells)
        else:
            winograd_pack_panel_double(<const double*> source + group * cells * 9, channels, bound[panel],
                                       bound[panel + 1], cells, <double*> target + group * 36 * cells)
    return packed


def pack_conv2d(weight, bias, stride, dilation, groups, relu, algorithm):
    """See `segalgo.prepare_conv2d`. Returns what `conv2d_packed` takes."""
    packed = PackedConv2d()
    rows, channels, kh, kw = weight.shape
    rows //= groups
    packed.algorithm, packed.groups, packed.relu, packed.weight = algorithm, groups, relu, weight
    packed.kernel, packed.stride, packed.dilation = (kh, kw), stride, dilation
    packed.bias = np.zeros(weight.shape[0], weight.dtype) if bias is None else bias
    product = Product()
    product.chunk_panel, product.panel_row = _panels(rows, 1)
    product.a = product.b = np.zeros(1, np.int64)
    packed.products = [product]
    if algorithm == "winograd":
        product.terms, product.wide = channels, False
        product.packed = _pack_winograd(weight, groups, product.panel_row)
        return packed
    (sh, sw), (dh, dw) = stride, dilation
    # Kernel cell (u, v) reads phase (u*dh % sh, v*dw % sw), moved by (u*dh // sh, v*dw // sw).
    cells = [(u * dh, v * dw) for u in range(kh) for v in range(kw)]
    packed.taps = sorted({(i % sh, j % sw) for i, j in cells})
    number = {phase: k for k, phase in enumerate(packed.taps)}
    product.phase = np.array([number[i % sh, j % sw] for i, j in cells], np.int64)
    product.row_shift = np.array([i // sh for i, _ in cells], np.int64)
    product.column_shift = np.array([j // sw for _, j in cells], np.int64)
    product.terms, product.wide = channels * kh * kw, rows <= FEW_ROWS
    term_at = np.arange(product.terms, dtype=np.int64)
    product.packed = _pack(weight, groups, np.arange(rows, dtype=np.int64) * product.terms, term_at, product.panel_row)
    return packed


def _empty(shape, dtype):
    """Return an array that begins on a cache line, so that vectors of whole rows do not straddle two."""
    cells = np.empty(prod(shape) * dtype.itemsize + 64, np.uint8)
    start = -cells.ctypes.data % 64
    return cells[start:start + prod(shape) * dtype.itemsize].view(dtype).reshape(shape)


def conv2d(x, weight, bias, stride, padding, dilation, groups, output_size, algorithm):
    """See `segalgo.conv2d`."""
    packed = pack_conv2d(weight, bias, stride, dilation, groups, False, algorithm)
    return _conv2d(x, packed, padding, output_size, packed.products[0].packed.nbytes)


def conv2d_packed(x, packed, padding, output_size):
    """See `segalgo.prepare_conv2d`. One call with packed weights."""
    return _conv2d(x, packed, padding, output_size, 0)


def _conv2d(x, packed, padding, output_size, spent):
    """Return the convolution; `spent`: bytes of weights that were packed for this call alone."""
    output = _empty((x.shape[0], packed.bias.shape[0], *output_size), x.dtype)
    if output.size == 0:
        return output
    if packed.algorithm == "winograd":
        _winograd(x, packed, padding, output, spent)
        return output
    plain = (packed.kernel, packed.stride, tuple(padding)) == ((1, 1), (1, 1), (0, 0))
    if plain and not packed.products[0].wide and x.shape[1]:
        _pointwise(x, packed, output)
        return output
    halo = [d * (k - 1) // s for d, k, s in zip(packed.dilation, packed.kernel, packed.stride)]
    if _is_sparse(packed.kernel, halo, packed.weight.shape[0] // packed.groups):
        _by_rows(x, packed.weight, packed.bias, packed.stride, padding, packed.dilation, packed.groups, False,
                 packed.relu, output)
        return output
    _direct(x, packed.products, packed.taps, packed.stride, padding, output_size, (1, 1), packed.bias, packed.groups,
            packed.relu, output)
    return output


def conv_transpose2d(x, weight, bias, stride, padding, dilation, groups, output_size):
    """See `segalgo.conv_transpose2d`."""
    out_channels = weight.shape[1] * groups
    output = _empty((x.shape[0], out_channels, *output_size), x.dtype)
    if output.size == 0:
        return output
    bias = np.zeros(out_channels, x.dtype) if bias is None else bias
    # Counted from the padded output, cell m*s + a takes input row m - shift times kernel row u, u*d = a + s*shift.
    axes = [_output_phases(*axis) for axis in zip(weight.shape[2:], stride, dilation)]
    reach = [max(s for shifts in axis for s in shifts) for axis in axes]
    phases = prod(sum(map(len, axis.values())) for axis in axes)
    if phases > MOST_PHASES or _is_sparse(weight.shape[2:], reach, weight.shape[1]):
        _by_rows(x, weight, bias, stride, padding, dilation, groups, True, False, output)
        return output
    if phases < prod(stride):  # cells that no kernel cell meets
        output[:] = bias[:, None, None]
    first = [p // s for p, s in zip(padding, stride)]
    grid = [(size - 1 + p) // s - m + 1 for size, p, s, m in zip(output_size, padding, stride, first)]
    products = [
        _transposed_product(weight, groups, *rows, *columns, stride, dilation, padding, reach)
        for rows in axes[0].items() for columns in axes[1].items()
    ]
    few = max(product.panel_row[len(product.panel_row) - 1] for product in products) <= FEW_ROWS
    for product in products:
        product.wide = few
    before = [r - m for r, m in zip(reach, first)]
    _direct(x, products, [(0, 0)], (1, 1), before, grid, stride, bias, groups, False, output)
    return output


def _output_phases(size, s, d):
    """Return {shifts: [phases a that need them]} of one axis of a transposed convolution."""
    shifts_of = {}
    for u in range(size):
        shifts_of.setdefault(u * d % s, []).append(u * d // s)
    phases = {}
    for a in sorted(shifts_of):
        phases.setdefault(tuple(shifts_of[a]), []).append(a)
    return phases


def _is_sparse(kernel, halo, rows):
    """Return whether tiles would mostly hold cells that no product of theirs reads: windows too far apart.

    A tile of one row and 32 columns of positions copies (1 + halo) * (32 + halo) cells a channel, for 32 products a
    kernel cell and output channel, of which several take the time of one copy.
    """
    return max(halo) > LEAST_SPARSE_HALO and (1 + halo[0]) * (32 + halo[1]) > 8 * 32 * prod(kernel) * rows


def _by_rows(cnp.ndarray x, cnp.ndarray weight, cnp.ndarray bias, stride, padding, dilation, groups, transposed, relu,
             cnp.ndarray output):
    """Fill the output plane by plane, see convolution_rows.h."""
    cdef SparseShape s
    s.batch, s.groups, s.channels = x.shape[0], groups, x.shape[1] // groups
    s.height, s.width, s.rows = x.shape[2], x.shape[3], output.shape[1] // groups
    s.kh, s.kw = weight.shape[2], weight.shape[3]
    (s.sh, s.sw), (s.ph, s.pw), (s.dh, s.dw) = stride, padding, dilation
    s.oh, s.ow, s.transposed, s.relu = output.shape[2], output.shape[3], transposed, relu
    cdef int64_t units = output.shape[0] * output.shape[1], unit
    cdef void* source = cnp.PyArray_DATA(x)
    cdef void* kernels = cnp.PyArray_DATA(weight)
    cdef void* offsets = cnp.PyArray_DATA(bias)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef bint single = x.dtype == np.float32
    cdef Interruption watch = NOT_INTERRUPTED
    for unit in prange(units, nogil=True, schedule="static"):
        if is_interrupted(&watch, s.channels * s.kh * s.kw * s.oh * s.ow):
            continue
        if single:
            convolve_plane_float(&s, <const float*> source, <const float*> kernels, <const float*> offsets,
                                 <float*> target, unit)
        else:
            convolve_plane_double(&s, <const double*> source, <const double*> kernels, <const double*> offsets,
                                  <double*> target, unit)
    end_interruption(&watch)


def _transposed_product(weight, groups, row_shifts, row_phases, column_shifts, column_phases, stride, dilation,
                        padding, reach):
    """Return the product of the output phases that need these shifts; rows are (channel, a, b)."""
    kh, kw = weight.shape[2:]
    channels, outs = weight.shape[0] // groups, weight.shape[1]
    row_cell, row_step = _kernel_cells(row_phases, kh, stride[0], dilation[0])
    column_cell, column_step = _kernel_cells(column_phases, kw, stride[1], dilation[1])
    product = Product()
    product.a = np.array([a - padding[0] % stride[0] for a in row_phases], np.int64)
    product.b = np.array([b - padding[1] % stride[1] for b in column_phases], np.int64)
    product.chunk_panel, product.panel_row = _panels(outs * len(row_phases), len(column_phases))
    # Rows of the buffer begin `reach` above the picture, so a larger shift reads further up.
    product.row_shift = np.repeat(reach[0] - np.array(row_shifts, np.int64), len(column_shifts))
    product.column_shift = np.tile(reach[1] - np.array(column_shifts, np.int64), len(row_shifts))
    product.phase = np.zeros(len(product.row_shift), np.int64)
    product.terms = channels * len(product.row_shift)
    row_at = (np.arange(outs)[:, None, None] * kh * kw + row_cell[:, None] * kw + column_cell).ravel()
    term_at = (np.arange(channels)[:, None, None] * (outs * kh * kw)
               + np.arange(len(row_shifts))[:, None] * (row_step * kw)
               + np.arange(len(column_shifts)) * column_step).ravel()
    product.packed = _pack(weight, groups, row_at.astype(np.int64), term_at.astype(np.int64), product.panel_row)
    return product


def _kernel_cells(phases, size, s, d):
    """Return the first kernel cell u with u*d = a (mod s) for each phase a, and the step to the next such cell."""
    first = [next((u for u in range(size) if u * d % s == a), 0) for a in phases]
    return np.array(first, np.int64), s // gcd(s, d)


cdef int64_t _up(int64_t a, int64_t b) noexcept nogil:
    """Return a / b rounded up, for a >= 0: C's division, so not as in Python."""
    return (a + b - 1) // b


cdef int64_t _plane(int64_t cells, int64_t itemsize):
    """Return the cells of a buffer plane: whole cache lines, an odd number, so that planes spread over the cache."""
    cdef int64_t line = 64 // itemsize
    return (((cells + line - 1) // line) | 1) * line


def _tile(batches, planes, halo, grid, width, itemsize):
    """Return (tile_h, tile_w): the buffer of `planes` planes near TILE_BYTES, and a handful of tiles to share out."""
    room = TILE_BYTES // itemsize // max(planes, 1)
    tile_h, tile_w = grid
    if (1 + halo[0]) * (tile_w + halo[1]) > room:
        tile_w = max(room // (1 + halo[0]) - halo[1], width)
        parts = -(-grid[1] // tile_w)
        tile_w = min(grid[1], -(-grid[1] // (parts * width)) * width)
    tile_h = min(max(room // (tile_w + halo[1]) - halo[0], 1), tile_h)
    others = batches * -(-grid[1] // tile_w)
    while tile_h > 1 and others * -(-grid[0] // tile_h) < 16 and tile_h * (tile_w + halo[1]) > 8 * width:
        tile_h = -(-tile_h // 2)
    return -(-grid[0] // -(-grid[0] // tile_h)), tile_w


cdef object _scratch(int64_t cells, int64_t itemsize, int64_t units, int64_t spent):
    """Return scratch for as many threads as may run, on a cache line, that number, and the cells of each.

    `spent` bytes of the budget are taken already; a quarter of it is left whatever they are.
    """
    cells = (cells * itemsize + 63) // 64 * 64 // itemsize
    room = max(SCRATCH_BYTES - spent, SCRATCH_BYTES // 4)
    threads = max(1, min(omp_get_max_threads(), units, room // (cells * itemsize)))
    scratch = np.empty(threads * cells * itemsize + 64, np.uint8)
    return scratch[-scratch.ctypes.data % 64:], threads, cells


def _direct(cnp.ndarray x, products, phases, steps, before, grid, out_steps, bias, groups, relu,
            cnp.ndarray output):
    """Run the direct product over all units of work, and fill the output."""
    cdef Geometry g
    cdef Rows rows[64]
    cdef int64_t itemsize = x.dtype.itemsize, unit, units, width, cells, sums_at, thread_count, count = len(products)
    cdef bint single = x.dtype == np.float32
    if count > 64:
        return _direct_in_parts(x, products, phases, steps, before, grid, out_steps, bias, groups, relu, output)
    g.batch, g.groups, g.channels = x.shape[0], groups, x.shape[1] // groups
    g.height, g.width = x.shape[2], x.shape[3]
    g.top, g.left = before
    g.row_step, g.column_step = steps
    g.phases = len(phases)
    phase_row, phase_column = np.array(phases, np.int64).T.copy()
    g.phase_row, g.phase_column = _indices(phase_row), _indices(phase_column)
    g.grid_h, g.grid_w = grid
    g.out_channels, g.oh, g.ow = output.shape[1] // groups, output.shape[2], output.shape[3]
    g.out_row_step, g.out_column_step = out_steps
    g.relu = relu
    halo = [max(max(getattr(p, shift), default=0) for p in products) for shift in ("row_shift", "column_shift")]
    wide = products[0].wide
    width = VECTOR_BYTES // itemsize * (FEW_VECTORS if wide else 2)
    g.tile_h, g.tile_w = _tile(g.batch * g.groups, g.channels * g.phases, halo, grid, width, itemsize)
    g.buffer_h, g.pitch = g.tile_h + halo[0], g.tile_w + halo[1]
    g.plane = _plane(g.buffer_h * g.pitch, itemsize)
    offsets, biases, most_sums = [], [], 0
    for k in range(count):
        product = products[k]
        taps = product.phase * g.plane + product.row_shift * g.pitch + product.column_shift
        offsets.append((np.arange(g.channels)[:, None] * (g.phases * g.plane) + taps).astype(np.int64))
        biases.append(np.repeat(bias, len(product.a) * len(product.b)))
        _fill_rows(&rows[k], product, offsets[k], biases[k], groups)
        most_sums = max(most_sums, np.diff(product.panel_row[product.chunk_panel]).max())
    units = g.batch * g.groups * _up(g.grid_h, g.tile_h) * _up(g.grid_w, g.tile_w)
    g.splits = max(1, min(16 // units, max(rows[k].chunks for k in range(count))))
    units *= g.splits
    # Vectors read on beyond the last position: the slack keeps that inside the buffer.
    sums_at = (g.channels * g.phases * g.plane + g.pitch + width + 15) // 16 * 16
    scratch, thread_count, cells = _scratch(sums_at + max(most_sums * width, 4 * g.pitch), itemsize, units, 0)
    cdef void* source = cnp.PyArray_DATA(x)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef void* work = cnp.PyArray_DATA(scratch)
    cdef Interruption watch = NOT_INTERRUPTED
    for unit in prange(units, nogil=True, schedule="dynamic", num_threads=thread_count):
        if is_interrupted(&watch, WORK_PER_LOOK):
            continue
        if single:
            direct_unit_float(&g, rows, count, <const float*> source, <float*> target,
                              <float*> work + omp_get_thread_num() * cells, sums_at, unit)
        else:
            direct_unit_double(&g, rows, count, <const double*> source, <double*> target,
                               <double*> work + omp_get_thread_num() * cells, sums_at, unit)
    end_interruption(&watch)


def _pointwise(cnp.ndarray x, packed, cnp.ndarray output):
    """Run the product of a 1 x 1 convolution over all units of work, and fill the output."""
    cdef Geometry g
    cdef Rows rows
    cdef int64_t itemsize = x.dtype.itemsize, unit, units, width = 2 * VECTOR_BYTES // x.dtype.itemsize, cells
    cdef int64_t thread_count, others
    cdef bint single = x.dtype == np.float32
    g.batch, g.groups, g.channels = x.shape[0], packed.groups, x.shape[1] // packed.groups
    g.height, g.width, g.relu = x.shape[2], x.shape[3], packed.relu
    g.out_channels = output.shape[1] // packed.groups
    # Whole register tiles, and a handful of units.
    others = g.batch * g.groups
    g.tile_w = max(_up(_up(g.height * g.width * others, 32), width), 1) * width
    g.tile_w = min(g.tile_w, 16 * width)
    offset = np.arange(g.channels, dtype=np.int64) * width
    _fill_rows(&rows, packed.products[0], offset, packed.bias, packed.groups)
    units = others * _up(g.height * g.width, g.tile_w)
    cells = (g.channels + MOST_ROWS) * width
    scratch, thread_count, cells = _scratch(cells, itemsize, units, 0)
    cdef void* source = cnp.PyArray_DATA(x)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef void* work = cnp.PyArray_DATA(scratch)
    cdef Interruption watch = NOT_INTERRUPTED
    for unit in prange(units, nogil=True, schedule="dynamic", num_threads=thread_count):
        if is_interrupted(&watch, WORK_PER_LOOK):
            continue
        if single:
            pointwise_unit_float(&g, &rows, <const float*> source, <float*> target,
                                 <float*> work + omp_get_thread_num() * cells, unit)
        else:
            pointwise_unit_double(&g, &rows, <const double*> source, <double*> target,
                                  <double*> work + omp_get_thread_num() * cells, unit)
    end_interruption(&watch)


cdef const int64_t* _indices(cnp.ndarray array) except NULL:
    return <const int64_t*> cnp.PyArray_DATA(array)


cdef int _fill_rows(Rows* rows, product, offset, bias, groups) except -1:
    """Point a C `Rows` into the arrays of a product, which must outlive it."""
    rows.terms, rows.wide = product.terms, product.wide
    rows.a_count, rows.b_count = len(product.a), len(product.b)
    rows.chunks = len(product.chunk_panel) - 1
    rows.weight_of_group = product.packed.size // groups
    rows.offset = _indices(offset)
    rows.a, rows.b = _indices(product.a), _indices(product.b)
    rows.chunk_panel, rows.panel_row = _indices(product.chunk_panel), _indices(product.panel_row)
    rows.weight, rows.bias = cnp.PyArray_DATA(product.packed), cnp.PyArray_DATA(bias)
    return 0


def _direct_in_parts(x, products, *others):
    """Run many products (output phases of a large stride that is no divisor of the kernel) 64 at a time."""
    for k in range(0, len(products), 64):
        _direct(x, products[k:k + 64], *others)


def _winograd(cnp.ndarray x, packed, padding, cnp.ndarray output, spent):
    """Run Winograd's product over all blocks of tiles, and fill the output."""
    cdef Geometry g
    cdef Rows rows
    cdef int64_t itemsize = x.dtype.itemsize, unit, units, lanes = VECTOR_BYTES // x.dtype.itemsize, cells
    cdef int64_t block, thread_count, others, dilation = packed.dilation[0]
    cdef bint single = x.dtype == np.float32
    g.batch, g.groups, g.channels = x.shape[0], packed.groups, x.shape[1] // packed.groups
    g.height, g.width = x.shape[2], x.shape[3]
    g.top, g.left = padding
    g.row_step = g.column_step = g.out_row_step = g.out_column_step = 4 * dilation
    # Rows u and u + 4 share a phase, columns too; but columns 4 and 5 have planes of their own where they would need a
    # cell after the last of every row: so rows of tiles follow each other without a gap, and no lane is idle.
    phase_row, phase_column = np.indices((4, 6)).reshape(2, 24) * dilation
    g.phases, g.phase_row, g.phase_column = 24, _indices(phase_row), _indices(phase_column)
    g.out_channels, g.oh, g.ow = output.shape[1] // g.groups, output.shape[2], output.shape[3]
    # Tiles of the largest residue: ceil(ceil(size / dilation) / 4).
    g.grid_h, g.grid_w = _up(g.oh, 4 * dilation), _up(g.ow, 4 * dilation)
    g.splits, g.relu = 1, packed.relu
    # Blocks of an even number of vectors, in whole rows of tiles where they fit.
    block = max(BLOCK_BYTES // (36 * (g.channels + g.out_channels) * VECTOR_BYTES), 2)
    g.tile_w = min(g.grid_w, block * lanes)
    g.tile_h = min(g.grid_h, max(block * lanes // g.tile_w, 1))
    others = g.batch * g.groups * dilation * dilation * _up(g.grid_w, g.tile_w)
    while g.tile_h > 1 and others * _up(g.grid_h, g.tile_h) < 8 and g.tile_h * g.tile_w > 2 * lanes:
        g.tile_h = _up(g.tile_h, 2)
    g.tile_h = _up(g.grid_h, _up(g.grid_h, g.tile_h))
    g.buffer_h, g.pitch = g.tile_h + 1, g.tile_w
    g.plane = _plane(g.buffer_h * g.pitch, itemsize)
    block = _up(g.tile_h * g.tile_w, lanes)
    block += block % 2
    offset = np.arange(g.channels, dtype=np.int64) * 2 * lanes
    _fill_rows(&rows, packed.products[0], offset, packed.bias, packed.groups)
    units = others * _up(g.grid_h, g.tile_h)
    cells = (36 * lanes * (block * (g.channels + g.out_channels) + 2) + 16 * lanes
             + 24 * g.plane + g.pitch + 2 * lanes + 4 * g.pitch)
    scratch, thread_count, cells = _scratch(cells, itemsize, units, spent)
    cdef void* source = cnp.PyArray_DATA(x)
    cdef void* target = cnp.PyArray_DATA(output)
    cdef void* work = cnp.PyArray_DATA(scratch)
    cdef Interruption watch = NOT_INTERRUPTED
    for unit in prange(units, nogil=True, schedule="dynamic", num_threads=thread_count):
        if is_interrupted(&watch, WORK_PER_LOOK):
            continue
        if single:
            winograd_unit_float(&g, &rows, dilation, block, <const float*> source, <float*> target,
                                <float*> work + omp_get_thread_num() * cells, unit)
        else:
            winograd_unit_double(&g, &rows, dilation, block, <const double*> source, <double*> target,
                                 <double*> work + omp_get_thread_num() * cells, unit)
    end_interruption(&watch)
