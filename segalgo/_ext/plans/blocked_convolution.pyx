"""Layers of a planned network on activations in channel blocks: what `segalgo.models.plan` runs on the Cython wing.

Not a wing of a public operation: the plan alone knows the layout (blocked_product.h). A layer is built once for one
input size, packs its weights, and then runs over arrays that the plan owns. All is float32.
"""
cimport numpy as cnp
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from segalgo._ext.shared.interruption cimport (
    NOT_INTERRUPTED, WORK_PER_LOOK, Interruption, end_interruption, is_interrupted)
from segalgo._ext.shared.threads cimport omp_get_max_threads, omp_get_thread_num

import numpy as np

cnp.import_array()


cdef extern from "plans/blocked_winograd.h" nogil:
    const int VECTOR_BYTES
    const int LANES
    ctypedef struct WinogradLayer:
        int64_t in_blocks, height, width, top, left
        const float** planes
        int64_t out_blocks, oh, ow
        float* out
        float* pooled
        signed char* winner
        int64_t ph, pw
        const float* weight
        const float* bias
        int64_t relu, tiles_h, tiles_w
    int64_t winograd_pitch(int64_t, int64_t)
    void winograd_inputs(const WinogradLayer*, int64_t, int64_t, int64_t, int64_t, int64_t, float*, int64_t)
    void winograd_few(const WinogradLayer*, const int64_t*, int64_t, int64_t, int64_t, float*)
    void winograd_many(const WinogradLayer*, const int64_t*, int64_t, int64_t, int64_t, int64_t, int64_t,
                       const float*, float*)
    void winograd_order_weights(const float*, int64_t, int64_t, int64_t, float*)
    void winograd_transform_weights(const float*, int64_t, int64_t, int64_t, float*)

cdef extern from "plans/blocked_direct.h" nogil:
    ctypedef struct DirectLayer:
        int64_t in_blocks, height, width, top, left, kh, kw, copied, planar
        const float** planes
        int64_t grid_h, grid_w, tile_h, tile_w, terms
        const int64_t* offset
        int64_t panels
        const int64_t* panel_vectors
        const int64_t* panel_weight
        const int64_t* panel_out
        const int64_t* panel_bias
        float* out
        int64_t out_picture, row_step, cell_step, block_step, start_block
        float* logits
        int64_t channels
        const float* weight
        const float* bias
        int64_t relu
    void blocked_direct(const DirectLayer*, float*, int64_t)

cdef extern from "plans/blocked_pooling.h" nogil:
    void blocked_pool_plane(const float*, int64_t, int64_t, int64_t, int64_t, float*, signed char*)
    void blocked_unpool_rows(const float*, const signed char*, int64_t, int64_t, int64_t, int64_t, int64_t, float*)
    void blocked_from_planes(const float*, int64_t, int64_t, int64_t, int64_t, float*)
    void blocked_to_planes(const float*, int64_t, int64_t, int64_t, int64_t, float*)


BLOCK = LANES

# Winograd: transformed weights up to so many bytes are kept (the way for few channels), else made on the way.
FEW_WEIGHT_BYTES = 5 * 1024 * 1024
# Scratch of a unit of the way for few channels: it shares the second-level cache.
FEW_BYTES = 400 * 1024
# But at least so many tiles, between which the weights are read again.
FEW_TILES = 16
# Tiles at once, and bytes of their transformed inputs, on the way for many; input blocks whose weights are transformed
# at a time.
MANY_TILES = 128
MANY_BYTES = 24 * 1024 * 1024
MANY_PART = 8
# The tile of a direct convolution.
TILE_BYTES = 256 * 1024


cdef int64_t _up(int64_t a, int64_t b) noexcept nogil:
    """Return a / b rounded up, for a >= 0."""
    return (a + b - 1) // b


cdef const int64_t* _indices(cnp.ndarray array) except NULL:
    return <const int64_t*> cnp.PyArray_DATA(array)


cdef float* _floats(cnp.ndarray array) except? NULL:
    return <float*> cnp.PyArray_DATA(array)


def threads():
    """Return how many threads the next layer may use."""
    return omp_get_max_threads()


def plane_table(arrays):
    """Return the addresses of every block's plane, [picture][block], of blocked arrays laid one after the other."""
    addresses = [
        np.arange(a.shape[0])[:, None] * a.strides[0] + np.arange(a.shape[1]) * a.strides[1] + a.ctypes.data
        for a in arrays
    ]
    return np.ascontiguousarray(np.concatenate(addresses, axis=1), np.int64)


class Winograd:
    """A 3 x 3 convolution of stride 1 by F(4x4, 3x3), bias, ReLU, and the max pooling that may follow.

    weight (K, C, 3, 3) and bias (K,) have whole blocks of channels.
    """

    def __init__(self, weight, bias, relu, batch, size, padding):
        self.bias, self.relu, self.batch, self.size, self.padding = bias, relu, batch, size, padding
        self.out_blocks, self.in_blocks = weight.shape[0] // BLOCK, weight.shape[1] // BLOCK
        self.output_size = tuple(n + 2 * p - 2 for n, p in zip(size, padding))
        self.tiles = tuple(_up(n, 4) for n in self.output_size)
        self.tile_count = batch * self.tiles[0] * self.tiles[1]
        self.few = 36 * weight.size // 9 * 4 <= FEW_WEIGHT_BYTES
        self.weight = _winograd_weights(weight, self.few)
        if self.few:
            most = max(FEW_BYTES // (36 * 4 * BLOCK * (self.in_blocks + self.out_blocks)), FEW_TILES)
            # A handful of units at least.
            self.room = min(most, _up(self.tile_count, 8))
            self.private = 36 * (winograd_pitch(self.in_blocks, self.room)
                                 + winograd_pitch(self.out_blocks, self.room))
            self.shared = 0
        else:
            most = max(min(MANY_BYTES // (36 * 4 * BLOCK * self.in_blocks), MANY_TILES), 1)
            self.room = _up(self.tile_count, _up(self.tile_count, most))
            self.private = 36 * (MANY_PART * BLOCK * 2 + 1) * BLOCK + 36 * winograd_pitch(2, self.room)
            self.shared = 36 * winograd_pitch(self.in_blocks, self.room)
        self.offset = np.arange(self.in_blocks, dtype=np.int64) * self.room * BLOCK

    def scratch(self, threads):
        """Return the floats of scratch that this layer needs."""
        return self.shared + threads * self.private

    def run(self, planes, out, pooled, winner, scratch):
        """Fill `out` and `pooled` (each may be None) and `winner` from the planes of the input."""
        cdef WinogradLayer g
        cdef Interruption watch = NOT_INTERRUPTED
        cdef int64_t first, room = self.room, tiles = self.tile_count, unit, units, private = self.private, part
        cdef int64_t panels, chunk_end
        cdef const int64_t* offset = _indices(self.offset)
        cdef float* work = _floats(scratch)
        cdef float* inputs = work
        cdef int threads
        g.in_blocks, (g.height, g.width), (g.top, g.left) = self.in_blocks, self.size, self.padding
        g.planes = <const float**> cnp.PyArray_DATA(planes)
        g.out_blocks, (g.oh, g.ow) = self.out_blocks, self.output_size
        g.out = NULL if out is None else _floats(out)
        g.pooled = NULL if pooled is None else _floats(pooled)
        g.winner = NULL if winner is None else <signed char*> cnp.PyArray_DATA(winner)
        g.ph, g.pw = (0, 0) if pooled is None else pooled.shape[2:4]
        g.weight, g.bias, g.relu = _floats(self.weight), _floats(self.bias), self.relu
        g.tiles_h, g.tiles_w = self.tiles
        threads = max(1, min(omp_get_max_threads(), (scratch.size - self.shared) // private))
        if self.few:
            units = _up(tiles, room)
            for unit in prange(units, nogil=True, schedule="dynamic", num_threads=threads):
                if is_interrupted(&watch, WORK_PER_LOOK):
                    continue
                winograd_few(&g, offset, room, tiles * unit // units, tiles * (unit + 1) // units,
                             work + omp_get_thread_num() * private)
            end_interruption(&watch)
            return
        work += <int64_t> self.shared
        panels = _up(g.out_blocks, 2)
        part = MANY_PART
        for first in range(0, tiles, room):
            chunk_end = min(first + room, tiles)
            for unit in prange(g.in_blocks, nogil=True, schedule="dynamic", num_threads=threads):
                if is_interrupted(&watch, WORK_PER_LOOK):
                    continue
                winograd_inputs(&g, first, chunk_end, unit, unit + 1, room, inputs, winograd_pitch(g.in_blocks, room))
            for unit in prange(panels, nogil=True, schedule="dynamic", num_threads=threads):
                if is_interrupted(&watch, WORK_PER_LOOK):
                    continue
                winograd_many(&g, offset, room, first, chunk_end, 2 * unit, part, inputs,
                              work + omp_get_thread_num() * private)
            end_interruption(&watch)


def _winograd_weights(cnp.ndarray weight, few):
    """Return the weights of a layer in the order of its way, transformed for few channels."""
    cdef int64_t out_blocks = weight.shape[0] // LANES, channels = weight.shape[1], unit, panels = _up(out_blocks, 2)
    cdef cnp.ndarray ordered = np.empty(weight.size, np.float32)
    cdef cnp.ndarray transformed = np.empty(weight.size * 4 if few else 0, np.float32)
    cdef const float* given = _floats(weight)
    cdef float* between = _floats(ordered)
    cdef float* target = _floats(transformed)
    for unit in prange(panels, nogil=True, schedule="static"):
        winograd_order_weights(given, out_blocks, channels, 2 * unit, between)
    if not few:
        return ordered
    for unit in prange(panels, nogil=True, schedule="static"):
        winograd_transform_weights(between, out_blocks, channels, 2 * unit, target)
    return transformed


class Direct:
    """A convolution of stride 1 by the direct sum, bias and ReLU; or the transposed one of kernel 2 and stride 2.

    weight (K, C, kh, kw), of the transposed one (C, K, 2, 2), has whole blocks of channels; `planar` input has C plain
    planes instead.
    """

    def __init__(self, weight, bias, relu, batch, size, padding, planar=False, transposed=False):
        self.bias, self.relu, self.batch, self.padding = bias, relu, batch, padding
        self.planar, lanes = planar, 1 if planar else BLOCK
        self.transposed = transposed
        if transposed:
            weight = weight.transpose(1, 0, 2, 3)
        self.kernel = (1, 1) if transposed else weight.shape[2:]
        self.in_blocks, self.out_blocks = weight.shape[1] // lanes, weight.shape[0] // BLOCK
        self.copied = planar or self.kernel != (1, 1) or padding != (0, 0)
        self.grid = tuple(n + 2 * p - k + 1 for n, p, k in zip(size, padding, self.kernel))
        self.output_size = tuple(2 * n for n in size) if transposed else self.grid
        self.size = size
        if not self.copied and not transposed:
            # Rows follow each other without a gap: one long row.
            self.size = self.grid = (1, size[0] * size[1])
        self._choose_tile(lanes)
        wide = self.tile[1] + self.kernel[1] - 1
        plane = (self.tile[0] + self.kernel[0] - 1) * wide
        rows, columns = np.indices(self.kernel).reshape(2, 1, -1)
        offset = (np.arange(self.in_blocks)[:, None] * plane + rows * wide + columns) * lanes
        self.offset = offset.astype(np.int64).ravel()
        self.terms = len(self.offset)
        self.private = max(self.in_blocks * plane * lanes if self.copied else 0, 2 * self.in_blocks) + 64
        self._pack(weight, lanes)
        self.tables = [
            np.ascontiguousarray(a, np.int64)
            for a in (self.panel_vectors, self.panel_weight, self.panel_out, self.panel_bias)
        ]

    def _choose_tile(self, lanes):
        kh, kw = self.kernel
        room = TILE_BYTES // (4 * lanes * self.in_blocks)
        tile_w = min(self.grid[1], max(room // kh - kw + 1, 2 * 14))
        tile_w = _up(self.grid[1], _up(self.grid[1], tile_w))
        tile_h = min(self.grid[0], max(room // (tile_w + kw - 1) - kh + 1, 1))
        while tile_h > 1 and self.batch * _up(self.grid[0], tile_h) * _up(self.grid[1], tile_w) < 8:
            tile_h = _up(tile_h, 2)
        self.tile = (_up(self.grid[0], _up(self.grid[0], tile_h)), tile_w)

    def _pack(self, weight, lanes):
        """Order the weights [panel][block][tap][lane][NV * LANES] and list what each panel has."""
        outs, channels = weight.shape[:2]
        oh, ow = self.output_size
        plane = oh * ow * BLOCK
        if self.transposed:
            # [block][row][channel][column, lane]
            self.weight = np.ascontiguousarray(
                weight.reshape(self.out_blocks, BLOCK, channels, 2, 2).transpose(0, 3, 2, 4, 1)).ravel()
            self.panels = 2 * self.out_blocks
            block, row = np.divmod(np.arange(self.panels), 2)
            self.panel_vectors = np.full(self.panels, 2)
            self.panel_weight = np.arange(self.panels) * channels * 2 * BLOCK
            self.panel_out = block * plane + row * ow * BLOCK
            self.panel_bias = block * BLOCK
            self.row_step, self.cell_step, self.block_step, self.start_block = 2 * ow * BLOCK, 2 * BLOCK, BLOCK, 0
        else:
            taps = weight.shape[2] * weight.shape[3]
            ordered = weight.reshape(outs, self.in_blocks, lanes, taps).transpose(1, 3, 2, 0).reshape(-1, outs)
            first = np.arange(0, self.out_blocks, 2)
            self.panels = len(first)
            self.panel_vectors = np.minimum(2, self.out_blocks - first)
            self.weight = np.concatenate([
                ordered[:, b * BLOCK:(b + v) * BLOCK].ravel() for b, v in zip(first, self.panel_vectors)])
            self.panel_weight = first * BLOCK * len(ordered)
            self.panel_out = first * plane
            self.panel_bias = first * BLOCK
            self.row_step, self.cell_step, self.block_step, self.start_block = ow * BLOCK, BLOCK, plane, BLOCK

    def scratch(self, threads):
        """Return the floats of scratch that this layer needs."""
        return threads * self.private

    def run(self, planes, out, logits, scratch):
        """Fill `out`, or `logits` (N, channels, OH, OW), from the planes of the input."""
        cdef DirectLayer g
        cdef Interruption watch = NOT_INTERRUPTED
        cdef int64_t unit, units, private = self.private
        cdef float* work = _floats(scratch)
        cdef int threads
        g.in_blocks, (g.height, g.width), (g.top, g.left) = self.in_blocks, self.size, self.padding
        (g.kh, g.kw), g.copied, g.planar = self.kernel, self.copied, self.planar
        g.planes = <const float**> cnp.PyArray_DATA(planes)
        (g.grid_h, g.grid_w), (g.tile_h, g.tile_w), g.terms = self.grid, self.tile, self.terms
        g.panels = self.panels
        g.offset, g.panel_vectors, g.panel_weight = (
            _indices(self.offset), _indices(self.tables[0]), _indices(self.tables[1]))
        g.panel_out, g.panel_bias = _indices(self.tables[2]), _indices(self.tables[3])
        g.out = NULL if out is None else _floats(out)
        g.out_picture = self.out_blocks * self.output_size[0] * self.output_size[1] * BLOCK
        g.row_step, g.cell_step, g.block_step = self.row_step, self.cell_step, self.block_step
        g.start_block = self.start_block
        g.logits = NULL if logits is None else _floats(logits)
        g.channels = 0 if logits is None else logits.shape[1]
        g.weight, g.bias, g.relu = _floats(self.weight), _floats(self.bias), self.relu
        threads = max(1, min(omp_get_max_threads(), scratch.size // private))
        units = self.batch * _up(g.grid_h, g.tile_h) * _up(g.grid_w, g.tile_w)
        for unit in prange(units, nogil=True, schedule="dynamic", num_threads=threads):
            if is_interrupted(&watch, WORK_PER_LOOK):
                continue
            blocked_direct(&g, work + omp_get_thread_num() * private, unit)
        end_interruption(&watch)


def max_pool2d(cnp.ndarray x, cnp.ndarray pooled, winner):
    """Fill `pooled`, and `winner` unless it is None, with the maxima of 2 x 2 windows of stride 2."""
    cdef int64_t planes = x.shape[0] * x.shape[1], height = x.shape[2], width = x.shape[3], unit
    cdef int64_t ph = pooled.shape[2], pw = pooled.shape[3], step = ph * pw * LANES
    cdef const float* source = _floats(x)
    cdef float* target = _floats(pooled)
    cdef signed char* places = NULL if winner is None else <signed char*> cnp.PyArray_DATA(winner)
    for unit in prange(planes, nogil=True, schedule="static"):
        blocked_pool_plane(source + unit * height * width * LANES, height, width, ph, pw, target + unit * step,
                           places + unit * step if places != NULL else NULL)


def max_unpool2d(cnp.ndarray pooled, cnp.ndarray winner, cnp.ndarray out):
    """Fill `out` with each maximum at its place and zeros elsewhere."""
    cdef int64_t ph = pooled.shape[2], pw = pooled.shape[3], height = out.shape[2], width = out.shape[3], unit
    cdef int64_t planes = out.shape[0] * out.shape[1]
    cdef const float* source = _floats(pooled)
    cdef const signed char* places = <const signed char*> cnp.PyArray_DATA(winner)
    cdef float* target = _floats(out)
    for unit in prange(planes, nogil=True, schedule="static"):
        blocked_unpool_rows(source + unit * ph * pw * LANES, places + unit * ph * pw * LANES, ph, pw, width, 0, height,
                            target + unit * height * width * LANES)


def from_planes(cnp.ndarray x, cnp.ndarray out):
    """Copy (N, C, H, W) into blocks (N, ceil(C / LANES), H, W, LANES)."""
    cdef int64_t channels = x.shape[1], cells = x.shape[2] * x.shape[3], blocks = out.shape[1], unit, block
    cdef const float* source = _floats(x)
    cdef float* target = _floats(out)
    for unit in prange(x.shape[0] * blocks, nogil=True, schedule="static"):
        block = unit % blocks
        blocked_from_planes(source + (unit // blocks * channels + block * LANES) * cells, channels - block * LANES,
                            cells, 0, cells, target + unit * cells * LANES)


def to_planes(cnp.ndarray x, cnp.ndarray out):
    """Copy blocks (N, ceil(C / LANES), H, W, LANES) into (N, C, H, W)."""
    cdef int64_t channels = out.shape[1], cells = x.shape[2] * x.shape[3], blocks = x.shape[1], unit, block
    cdef const float* source = _floats(x)
    cdef float* target = _floats(out)
    for unit in prange(x.shape[0] * blocks, nogil=True, schedule="static"):
        block = unit % blocks
        blocked_to_planes(source + unit * cells * LANES, min(channels - block * LANES, <int64_t> LANES), cells, 0,
                          cells, target + (unit // blocks * channels + block * LANES) * cells)
