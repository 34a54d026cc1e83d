"""Layers of a planned network on activations in channel blocks: what `segalgo.models.plan` runs on the Cython wing.

Not a wing of a public operation: the plan alone knows the layout (blocked_vectors.h). A layer is built once for one
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


cdef extern from "plans/blocked_epilogue.h" nogil:
    const int LANES
    const int SLOPED
    ctypedef struct Epilogue:
        int64_t activation
        float low, high
        const float* slope
        const float* added

cdef extern from "plans/blocked_winograd.h" nogil:
    ctypedef struct WinogradLayer:
        int64_t in_blocks, height, width, top, left, dh, dw
        const float** planes
        int64_t out_blocks, oh, ow
        float* out
        float* pooled
        signed char* winner
        int64_t ph, pw
        const float* weight
        const float* bias
        Epilogue end
        int64_t tiles_h, tiles_w
    int64_t winograd_pitch(int64_t, int64_t)
    void winograd_inputs(const WinogradLayer*, int64_t, int64_t, int64_t, int64_t, int64_t, float*, int64_t)
    void winograd_few(const WinogradLayer*, const int64_t*, int64_t, int64_t, int64_t, float*)
    void winograd_many(const WinogradLayer*, const int64_t*, int64_t, int64_t, int64_t, int64_t, int64_t,
                       const float*, float*)
    void winograd_order_weights(const float*, int64_t, int64_t, int64_t, float*)
    void winograd_transform_weights(const float*, int64_t, int64_t, int64_t, float*)

cdef extern from "plans/blocked_direct.h" nogil:
    ctypedef struct DirectLayer:
        int64_t in_blocks, height, width, top, left, sh, sw, copied, planar
        const float** planes
        int64_t grid_h, grid_w, tile_h, tile_w, high, wide, remainders
        const int64_t* remainder
        const int64_t* row_read
        int64_t terms
        const int64_t* offset
        int64_t panels
        const int64_t* panel_vectors
        const int64_t* panel_weight
        const int64_t* panel_out
        const int64_t* panel_bias
        float* out
        int64_t out_picture, row_step, cell_step, block_step, start_block
        float* logits
        int64_t channels, logits_plane, logits_first, logits_row, logits_cell
        const float* weight
        const float* bias
        Epilogue end
    void blocked_direct(const DirectLayer*, float*, int64_t)

cdef extern from "plans/blocked_depthwise.h" nogil:
    ctypedef struct DepthwiseLayer:
        int64_t blocks, height, width, top, left, kh, kw, sh, sw, dh, dw
        const float** planes
        int64_t oh, ow
        int64_t from_ "from"
        int64_t to
        float* out
        const float* weight
        const float* bias
        Epilogue end
    void blocked_depthwise(const DepthwiseLayer*, int64_t, int64_t, int64_t, int64_t)

cdef extern from "plans/blocked_pooling.h" nogil:
    void blocked_pool_plane(const float*, int64_t, int64_t, int64_t, int64_t, float*, signed char*)
    void blocked_unpool_rows(const float*, const signed char*, int64_t, int64_t, int64_t, int64_t, int64_t, float*)
    void blocked_from_planes(const float*, int64_t, int64_t, int64_t, int64_t, float*)
    void blocked_to_planes(const float*, int64_t, int64_t, int64_t, int64_t, float*)
    void blocked_from_tokens(const float*, int64_t, int64_t, int64_t, int64_t, float*)
    void blocked_to_tokens(const float*, int64_t, int64_t, int64_t, int64_t, float*)


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
# Layers of fewer multiply-adds are computed by one thread: waking another takes as long.
SMALL_WORK = 400_000


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


cdef int _threads(work) except -1:
    """Return how many threads a layer of so many multiply-adds is given."""
    return 1 if work < SMALL_WORK else omp_get_max_threads()


cdef Epilogue _epilogue(end) except *:
    """Return what follows the sums: `end` is (activation, low, high, slope of each channel or None)."""
    cdef Epilogue e
    e.activation, e.low, e.high = end[:3]
    e.slope = NULL if end[3] is None else _floats(end[3])
    e.added = NULL
    if e.activation == SLOPED and end[3] is None:
        raise ValueError("an activation by slopes without slopes")
    return e


cdef class Winograd:
    """A 3 x 3 convolution of stride 1 by F(4x4, 3x3), its epilogue, and (undilated) the max pooling that may follow.

    weight (K, C, 3, 3) and bias (K,) have whole blocks of channels; `end` is the epilogue, as `blocked_epilogue.h` has
    it. Output cell (0, 0) reads the input from (-top, -left) on.
    """

    cdef readonly object output_size
    cdef WinogradLayer g
    cdef object weight, bias, end, offset
    cdef int64_t batch, tile_count, room, private, shared, work
    cdef bint few

    def __init__(self, weight, bias, end, batch, size, corner, output_size, dilation=(1, 1)):
        self.bias, self.end, self.batch = bias, end, batch
        self.output_size = tuple(output_size)
        out_blocks, in_blocks = weight.shape[0] // BLOCK, weight.shape[1] // BLOCK
        # Of one remainder modulo the dilation.
        tiles = tuple(_up(_up(n, d), 4) for n, d in zip(output_size, dilation))
        self.tile_count = batch * tiles[0] * tiles[1] * dilation[0] * dilation[1]
        self.few = 36 * weight.size // 9 * 4 <= FEW_WEIGHT_BYTES
        self.work = 36 * self.tile_count * weight.shape[0] * weight.shape[1]
        self.weight = _winograd_weights(weight, self.few)
        if self.few:
            most = max(FEW_BYTES // (36 * 4 * BLOCK * (in_blocks + out_blocks)), FEW_TILES)
            # A handful of units at least.
            self.room = min(most, _up(self.tile_count, 8))
            self.private = 36 * (winograd_pitch(in_blocks, self.room) + winograd_pitch(out_blocks, self.room))
            self.shared = 0
        else:
            most = max(min(MANY_BYTES // (36 * 4 * BLOCK * in_blocks), MANY_TILES), 1)
            self.room = _up(self.tile_count, _up(self.tile_count, most))
            self.private = 36 * (MANY_PART * BLOCK * 2 + 1) * BLOCK + 36 * winograd_pitch(2, self.room)
            self.shared = 36 * winograd_pitch(in_blocks, self.room)
        self.offset = np.arange(in_blocks, dtype=np.int64) * self.room * BLOCK
        self.g.in_blocks, (self.g.height, self.g.width), (self.g.top, self.g.left) = in_blocks, size, corner
        self.g.out_blocks, (self.g.oh, self.g.ow) = out_blocks, output_size
        self.g.weight, self.g.bias, self.g.end = _floats(self.weight), _floats(bias), _epilogue(end)
        (self.g.tiles_h, self.g.tiles_w), (self.g.dh, self.g.dw) = tiles, dilation

    def scratch(self, threads):
        """Return the floats of scratch that this layer needs."""
        return self.shared + threads * self.private

    def run(self, planes, out, pooled, winner, cnp.ndarray scratch, added=None):
        """Fill `out` and `pooled` (each may be None) and `winner` from the planes of the input."""
        cdef WinogradLayer g = self.g
        cdef Interruption watch = NOT_INTERRUPTED
        cdef int64_t first, room = self.room, tiles = self.tile_count, unit, units, private = self.private, part
        cdef int64_t panels, chunk_end
        cdef const int64_t* offset = _indices(self.offset)
        cdef float* work = _floats(scratch)
        cdef float* inputs = work
        cdef int threads
        g.planes = <const float**> cnp.PyArray_DATA(planes)
        g.out = NULL if out is None else _floats(out)
        g.pooled = NULL if pooled is None else _floats(pooled)
        g.winner = NULL if winner is None else <signed char*> cnp.PyArray_DATA(winner)
        g.ph, g.pw = (0, 0) if pooled is None else pooled.shape[2:4]
        g.end.added = NULL if added is None else _floats(added)
        threads = max(1, min(_threads(self.work), (scratch.size - self.shared) // private))
        if self.few:
            units = _up(tiles, room)
            for unit in prange(units, nogil=True, schedule="dynamic", num_threads=threads):
                if is_interrupted(&watch, WORK_PER_LOOK):
                    continue
                winograd_few(&g, offset, room, tiles * unit // units, tiles * (unit + 1) // units,
                             work + omp_get_thread_num() * private)
            end_interruption(&watch)
            return
        work += self.shared
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


cdef class Direct:
    """A convolution by the direct sum and its epilogue; or the transposed one of kernel 2 and stride 2.

    weight (K, C, kh, kw), of the transposed one (C, K, 2, 2), has whole blocks of channels; `planar` input has C plain
    planes instead. Output cell (i, j) of `grid` reads the input from (stride * i - top, stride * j - left) on, and lies
    at ``first + step * (i, j)`` of an output of `output_size`: of the grid's, if none is given.
    """

    cdef readonly object output_size
    cdef DirectLayer g
    cdef object bias, end, weight, tables, logits_at
    cdef int64_t private, units, work

    def __init__(self, weight, bias, end, batch, size, corner, grid, stride=(1, 1), dilation=(1, 1), planar=False,
                 transposed=False, output_size=None, first=(0, 0), step=(1, 1)):
        lanes = 1 if planar else BLOCK
        if transposed:
            weight = weight.transpose(1, 0, 2, 3)
            output_size = tuple(2 * n for n in grid)
        kernel = (1, 1) if transposed else weight.shape[2:]
        in_blocks, out_blocks = weight.shape[1] // lanes, weight.shape[0] // BLOCK
        self.bias, self.end = bias, end
        self.output_size = tuple(grid if output_size is None else output_size)
        inside = all(first_read == 0 and n <= m for first_read, n, m in zip(corner, grid, size))
        copied = planar or kernel != (1, 1) or stride != (1, 1) or not inside
        if not copied and not transposed and grid == size and step == (1, 1):
            # Rows follow each other without a gap: one long row.
            size = grid = (1, size[0] * size[1])
        # Rows and columns after the first that a tile's first cell reads, by kernel cell.
        rows, columns = (np.arange(k) * d for k, d in zip(kernel, dilation))
        remainders = np.unique(columns % stride[1])
        extent = int(rows.max(initial=0)), int((columns // stride[1]).max(initial=0))
        tile = _direct_tile(batch, grid, in_blocks * lanes, extent, stride, len(remainders))
        high, wide = (tile[0] - 1) * stride[0] + 1 + extent[0], tile[1] + extent[1]
        pitch = len(remainders) * wide
        places = np.searchsorted(remainders, columns % stride[1]) * wide + columns // stride[1]
        offset = np.arange(in_blocks)[:, None] * high * pitch + (rows[:, None] * pitch + places).ravel()
        offset = (offset * lanes).ravel()
        row_read = np.isin(np.arange(stride[0]), rows % stride[0])
        self.private = max(in_blocks * high * pitch * lanes if copied else 0, 2 * in_blocks) + 64
        self.units = batch * _up(grid[0], tile[0]) * _up(grid[1], tile[1])
        self.work = batch * grid[0] * grid[1] * weight.size
        panels = self._pack(weight, lanes, transposed, first, step)
        self.tables = [np.ascontiguousarray(a, np.int64) for a in (offset, remainders, row_read, *panels)]
        cdef DirectLayer* g = &self.g
        g.in_blocks, (g.height, g.width), (g.top, g.left), (g.sh, g.sw) = in_blocks, size, corner, stride
        g.copied, g.planar, g.high, g.wide, g.remainders = copied, planar, high, wide, len(remainders)
        (g.grid_h, g.grid_w), (g.tile_h, g.tile_w), g.terms = grid, tile, len(offset)
        g.offset, g.remainder, g.row_read = (_indices(self.tables[0]), _indices(self.tables[1]),
                                             _indices(self.tables[2]))
        g.panels, g.panel_vectors, g.panel_weight = len(panels[0]), _indices(self.tables[3]), _indices(self.tables[4])
        g.panel_out, g.panel_bias = _indices(self.tables[5]), _indices(self.tables[6])
        g.out_picture = out_blocks * self.output_size[0] * self.output_size[1] * BLOCK
        g.weight, g.bias, g.end = _floats(self.weight), _floats(self.bias), _epilogue(end)
        self.logits_at = (self.output_size[0] * self.output_size[1], first[0] * self.output_size[1] + first[1],
                          step[0] * self.output_size[1], step[1])

    def _pack(self, weight, lanes, transposed, first, step):
        """Order the weights [panel][block][tap][lane][NV * LANES] and list what each panel has."""
        cdef DirectLayer* g = &self.g
        outs, channels = weight.shape[:2]
        out_blocks = outs // BLOCK
        oh, ow = self.output_size
        plane = oh * ow * BLOCK
        if transposed:
            # [block][row][channel][column, lane]
            self.weight = np.ascontiguousarray(
                weight.reshape(out_blocks, BLOCK, channels, 2, 2).transpose(0, 3, 2, 4, 1)).ravel()
            block, row = np.divmod(np.arange(2 * out_blocks), 2)
            g.row_step, g.cell_step, g.block_step, g.start_block = 2 * ow * BLOCK, 2 * BLOCK, BLOCK, 0
            weights = np.arange(len(block)) * channels * 2 * BLOCK
            return np.full(len(block), 2), weights, block * plane + row * ow * BLOCK, block * BLOCK
        taps = weight.shape[2] * weight.shape[3]
        ordered = weight.reshape(outs, channels // lanes, lanes, taps).transpose(1, 3, 2, 0).reshape(-1, outs)
        start = np.arange(0, out_blocks, 2)
        vectors = np.minimum(2, out_blocks - start)
        self.weight = np.concatenate([ordered[:, b * BLOCK:(b + v) * BLOCK].ravel() for b, v in zip(start, vectors)])
        g.row_step, g.cell_step = step[0] * ow * BLOCK, step[1] * BLOCK
        g.block_step, g.start_block = plane, BLOCK
        place = (first[0] * ow + first[1]) * BLOCK
        return vectors, start * BLOCK * len(ordered), start * plane + place, start * BLOCK

    def scratch(self, threads):
        """Return the floats of scratch that this layer needs."""
        return threads * self.private

    def run(self, planes, out, logits, cnp.ndarray scratch, added=None):
        """Fill `out`, or `logits` (N, channels, OH, OW), from the planes of the input."""
        cdef DirectLayer g = self.g
        cdef Interruption watch = NOT_INTERRUPTED
        cdef int64_t unit, units = self.units, private = self.private
        cdef float* work = _floats(scratch)
        cdef int threads
        g.planes = <const float**> cnp.PyArray_DATA(planes)
        g.out = NULL if out is None else _floats(out)
        g.logits = NULL if logits is None else _floats(logits)
        g.end.added = NULL if added is None else _floats(added)
        if logits is not None:
            g.channels = logits.shape[1]
            g.logits_plane, g.logits_first, g.logits_row, g.logits_cell = self.logits_at
        threads = max(1, min(_threads(self.work), scratch.size // private))
        for unit in prange(units, nogil=True, schedule="dynamic", num_threads=threads):
            if is_interrupted(&watch, WORK_PER_LOOK):
                continue
            blocked_direct(&g, work + omp_get_thread_num() * private, unit)
        end_interruption(&watch)


def _direct_tile(batch, grid, channels, extent, stride, remainders):
    """Return height and width of the tile of a direct convolution: its part of the input fits into TILE_BYTES."""
    room = TILE_BYTES // (4 * channels * max(remainders, 1))
    tile_w = min(grid[1], max(room // (extent[0] + 1) - extent[1], 2 * 14))
    tile_w = _up(grid[1], _up(grid[1], tile_w))
    tile_h = min(grid[0], max((room // (tile_w + extent[1]) - extent[0] - 1) // stride[0] + 1, 1))
    while tile_h > 1 and batch * _up(grid[0], tile_h) * _up(grid[1], tile_w) < 8:
        tile_h = _up(tile_h, 2)
    return _up(grid[0], _up(grid[0], tile_h)), tile_w


cdef class Depthwise:
    """A convolution of each channel with kernels of its own, and its epilogue.

    weight (C, 1, kh, kw) and bias (C,) have whole blocks of channels. Output cell (i, j) reads the input from
    (stride * i - top, stride * j - left) on.
    """

    cdef readonly object output_size
    cdef DepthwiseLayer g
    cdef object weight, bias, end
    cdef int64_t batch, rows, work

    def __init__(self, weight, bias, end, batch, size, corner, output_size, stride=(1, 1), dilation=(1, 1)):
        kh, kw = weight.shape[2:]
        blocks = weight.shape[0] // BLOCK
        self.weight = np.ascontiguousarray(weight.reshape(blocks, BLOCK, kh * kw).transpose(0, 2, 1))
        self.bias, self.end, self.batch, self.output_size = bias, end, batch, tuple(output_size)
        self.work = batch * output_size[0] * output_size[1] * weight.size
        # Rows at a time: a handful of units at least.
        self.rows = max(1, min(16, _up(output_size[0], max(1, _up(8, batch * blocks)))))
        cdef DepthwiseLayer* g = &self.g
        g.blocks, (g.height, g.width), (g.top, g.left), (g.kh, g.kw) = blocks, size, corner, (kh, kw)
        (g.sh, g.sw), (g.dh, g.dw), (g.oh, g.ow) = stride, dilation, output_size
        g.weight, g.bias, g.end = _floats(self.weight), _floats(bias), _epilogue(end)
        first = min(max(_up(max(corner[1], 0), stride[1]), 0), output_size[1])
        last = (size[1] + corner[1] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
        g.from_, g.to = first, max(first, min(last, output_size[1]))

    def scratch(self, threads):
        """Return the floats of scratch that this layer needs."""
        return 0

    def run(self, planes, out, logits, scratch, added=None):
        """Fill `out` from the planes of the input."""
        cdef DepthwiseLayer g = self.g
        cdef Interruption watch = NOT_INTERRUPTED
        cdef int64_t unit, rows = self.rows, parts = _up(g.oh, rows), units = self.batch * g.blocks * parts, plane
        cdef int threads = _threads(self.work)
        g.planes = <const float**> cnp.PyArray_DATA(planes)
        g.out = _floats(out)
        g.end.added = NULL if added is None else _floats(added)
        for unit in prange(units, nogil=True, schedule="static", num_threads=threads):
            if is_interrupted(&watch, WORK_PER_LOOK):
                continue
            plane = unit // parts
            blocked_depthwise(&g, plane // g.blocks, plane % g.blocks, unit % parts * rows,
                              min((unit % parts + 1) * rows, g.oh))
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


def to_planes(cnp.ndarray x, cnp.ndarray out, int64_t first=0, channels=None):
    """Copy blocks (N, ceil(C / LANES), H, W, LANES) into channels first, first + 1, ... of planes (N, K, H, W)."""
    cdef int64_t count = out.shape[1] - first if channels is None else channels, cells = x.shape[2] * x.shape[3]
    cdef int64_t blocks = x.shape[1], unit, block, planes = out.shape[1]
    cdef const float* source = _floats(x)
    cdef float* target = _floats(out) + first * cells
    for unit in prange(x.shape[0] * blocks, nogil=True, schedule="static"):
        block = unit % blocks
        blocked_to_planes(source + unit * cells * LANES, min(count - block * LANES, <int64_t> LANES), cells, 0,
                          cells, target + (unit // blocks * planes + block * LANES) * cells)


# Cells of tokens that one unit takes.
cdef enum:
    TOKENS_AT_ONCE = 256


def from_tokens(cnp.ndarray x, cnp.ndarray out):
    """Copy tokens (N, H * W, C) into blocks (N, ceil(C / LANES), H, W, LANES)."""
    cdef int64_t cells = x.shape[1], channels = x.shape[2], parts = _up(cells, TOKENS_AT_ONCE), unit, first
    cdef int64_t step = out.shape[1] * cells * LANES
    cdef const float* source = _floats(x)
    cdef float* target = _floats(out)
    for unit in prange(x.shape[0] * parts, nogil=True, schedule="static"):
        first = unit % parts * TOKENS_AT_ONCE
        blocked_from_tokens(source + unit // parts * cells * channels, channels, cells, first,
                            min(first + TOKENS_AT_ONCE, cells), target + unit // parts * step)


def to_tokens(cnp.ndarray x, cnp.ndarray out):
    """Copy blocks (N, ceil(C / LANES), H, W, LANES) into tokens (N, H * W, C)."""
    cdef int64_t cells = out.shape[1], channels = out.shape[2], parts = _up(cells, TOKENS_AT_ONCE), unit, first
    cdef int64_t step = x.shape[1] * cells * LANES
    cdef const float* source = _floats(x)
    cdef float* target = _floats(out)
    for unit in prange(out.shape[0] * parts, nogil=True, schedule="static"):
        first = unit % parts * TOKENS_AT_ONCE
        blocked_to_tokens(source + unit // parts * step, channels, cells, first, min(first + TOKENS_AT_ONCE, cells),
                          target + unit // parts * cells * channels)
