"""A network as a list of bound kernel calls on activations in channel blocks: the plan of the Cython wing.

Activations lie as (N, C / block, H, W, block), block channels side by side, from the first layer to the last; skips
are not copied but read as further blocks of the same input. Layers that work cell by cell are computed on the blocks
as they are; the other layers without a blocked kernel run through the public functions, between two changes of layout.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from segalgo._core.checks import as_pair
from segalgo.layers.prepared_convolution import fold_batch_norm
from segalgo.layers.sizes import conv_padding
from segalgo.models.graph.execution import INPUT, Step
from segalgo.models.graph.layer import LAYERS
from segalgo.models.plans.arena import Buffer, arrange
from segalgo.models.plans.fusion import FusedLayer, fused, halving_pools, without_dropout
from segalgo.models.plans.public import computed_by

# F(4x4, 3x3) takes 36 products a tile and channel, and its transforms as long as 11 more; the direct sum 9 a cell.
WINOGRAD_PRODUCTS = 47


@dataclass(frozen=True)
class Blocks:
    """A value in channel blocks: buffers one after the other, each with so many channels.

    The last block of each may be part empty.
    """

    buffers: tuple[Buffer, ...]
    channels: tuple[int, ...]


@dataclass(frozen=True)
class Planes:
    """An array of any shape in its usual order: a buffer, or None for the input of the network."""

    buffer: Buffer | None
    shape: tuple[int, ...]


@dataclass
class Call:
    """One step of the plan: what it reads and writes, its scratch (floats), and the function to run.

    `run` takes the network's input, the logits and the scratch. `bind` runs once, when buffers have their memory.
    """

    name: str
    buffers: list[Buffer]
    run: Callable[[np.ndarray, np.ndarray, np.ndarray], None]
    bind: Callable[[], None] = lambda: None
    scratch: int = 0


class BlockedPlan:
    """Calls in order, their memory, and the shape of the result."""

    def __init__(
        self, kernels: ModuleType, steps: Sequence[Step], parameters: Mapping[str, np.ndarray], input_shape: tuple
    ) -> None:
        self.kernels, self.parameters = kernels, parameters
        self.calls: list[Call] = []
        self.shapes = {INPUT: tuple(input_shape)} | {name: step.shape for step in steps for name in step.outputs}
        self.values: dict[str, Any] = {INPUT: Planes(None, tuple(input_shape))}
        self._as_planes: dict[str, Planes] = {INPUT: self.values[INPUT]}
        self.output_shape = steps[-1].shape
        steps, self.result = without_dropout(steps)
        self.halving = halving_pools(steps)
        self._written = False
        """Whether the last layer writes the logits itself."""
        for layer in fused(steps, pooling=True):
            self._add(layer)
        self._finish()
        for k, call in enumerate(self.calls):
            for buffer in call.buffers:
                buffer.used_at(k)
        self.arena = arrange({buffer for call in self.calls for buffer in call.buffers})
        self.scratch = np.empty(max((call.scratch for call in self.calls), default=0) + 16, np.float32)
        self.scratch = self.scratch[-self.scratch.ctypes.data % 64 // 4 :]
        for call in self.calls:
            call.bind()

    @property
    def nbytes(self) -> int:
        """Memory of activations and scratch; packed weights come on top."""
        return self.arena.nbytes + self.scratch.nbytes

    def run(self, x: np.ndarray, seconds: list[tuple[str, float]] | None) -> np.ndarray:
        """Return the logits; append the time of each call to `seconds`."""
        logits = np.empty(self.output_shape, np.float32)
        for call in self.calls:
            start = time.perf_counter()
            call.run(x, logits, self.scratch)
            if seconds is not None:
                seconds.append((call.name, time.perf_counter() - start))
        return logits

    def _add(self, layer: FusedLayer) -> None:
        step = layer.step
        if step.layer.blocked == "kernel":
            done = getattr(self, KERNELS[step.operation])(layer)
        else:
            done = step.layer.blocked == "cells" and self._cells(step)
        if not done:
            self._public(layer)

    # One method for each operation that has a blocked kernel; it returns False where the kernel does not serve

    def _convolution(self, layer: FusedLayer) -> bool:
        step, kernels = layer.step, self.kernels
        options = step.options
        plain = all(as_pair(options[name], name, 1) == (1, 1) for name in ("stride", "dilation", "groups"))
        padding = _border(options["padding"], as_pair(options["kernel_size"], "kernel_size", 1))
        if not plain or padding is None:
            return False
        weight, bias = self._folded(layer)
        size = step.input_shapes[0][2:]
        source = self.values[step.inputs[0]]
        winograd = _winograd_pays(weight.shape, step.shape)
        planar = isinstance(source, Planes) and (source.shape[1] < kernels.BLOCK or not winograd)
        if not planar:
            source = self._blocks(step.inputs[0])
            weight = _spread_channels(weight, source.channels, kernels.BLOCK, axis=1)
        weight, bias = _whole_blocks(weight, kernels.BLOCK, 0), _whole_blocks(bias, kernels.BLOCK, 0)
        batch, relu = step.shape[0], layer.relu is not None
        out = self._buffer(step.shape)
        if winograd and not planar:
            kernel = kernels.Winograd(weight, bias, relu, batch, size, padding)
            pooled, winner = self._pool_buffers(layer.pool)
            kept = out if layer.kept else None
            buffers = [*source.buffers, *filter(None, (kept, pooled, winner))]
            arrays = lambda: [None if b is None else b.array for b in (kept, pooled, winner)]  # noqa: E731
            self._call(layer.names, buffers, kernel, source, lambda x, logits: arrays())
        else:
            kernel = kernels.Direct(weight, bias, relu, batch, size, padding, planar)
            # The last layer writes planes itself where one block holds all classes.
            self._written = layer.output == self.result and step.shape[1] <= kernels.BLOCK
            straight = self._written
            out = None if straight else out
            inputs = [source.buffer] if planar else source.buffers
            buffers = [b for b in (*inputs, out) if b is not None]
            self._call(
                layer.names,
                buffers,
                kernel,
                source,
                lambda x, logits: (None, logits) if straight else (out.array, None),
            )
            if straight:
                return True
        self.values[layer.output] = Blocks((out,), step.shape[1:2])
        if layer.pool and winograd and not planar:
            self._name_pooled(layer.pool, Blocks((pooled,), step.shape[1:2]), winner)
        elif layer.pool:
            self._pooling(FusedLayer(layer.pool))
        return True

    def _enlargement(self, layer: FusedLayer) -> bool:
        step, options = layer.step, layer.step.options
        doubles = all(as_pair(options[name], name, 1) == (2, 2) for name in ("kernel_size", "stride"))
        plain = all(as_pair(options[name], name, 0) == (0, 0) for name in ("padding", "output_padding"))
        if not (doubles and plain and options["groups"] == 1 and as_pair(options["dilation"], "dilation", 1) == (1, 1)):
            return False
        source = self._blocks(step.inputs[0])
        weight = _spread_channels(self._parameter(step, "weight"), source.channels, self.kernels.BLOCK, axis=0)
        weight = _whole_blocks(weight, self.kernels.BLOCK, 1)
        bias = self._parameter(step, "bias") if options["bias"] else np.zeros(step.shape[1], np.float32)
        bias = _whole_blocks(bias, self.kernels.BLOCK, 0)
        size = step.input_shapes[0][2:]
        kernel = self.kernels.Direct(weight, bias, False, step.shape[0], size, (0, 0), transposed=True)
        out = self._buffer(step.shape)
        self._call(step.name, [*source.buffers, out], kernel, source, lambda x, logits: (out.array, None))
        self.values[step.outputs[0]] = Blocks((out,), step.shape[1:2])
        return True

    def _pooling(self, layer: FusedLayer) -> bool:
        step = layer.step
        if step.name not in self.halving:
            return False
        if len(step.outputs) > 1:  # places of winners are kept in one buffer
            source = self._one_buffer(step.inputs[0])
            pooled, winner = self._pool_buffers(step)
            outputs = [pooled]
        else:
            source, winner = self._blocks(step.inputs[0]), None
            outputs = self._buffers_like(source, step.shape)

        def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
            for buffer, out in zip(source.buffers, outputs, strict=True):
                self.kernels.max_pool2d(buffer.array, out.array, winner.array if winner else None)

        self.calls.append(Call(step.name, [*source.buffers, *outputs, *([winner] if winner else [])], run))
        self._name_pooled(step, Blocks(tuple(outputs), source.channels), winner)
        return True

    def _unpooling(self, layer: FusedLayer) -> bool:
        step = layer.step
        winner = self.values[step.inputs[1]]
        if not isinstance(winner, Buffer):
            return False
        source, out = self._one_buffer(step.inputs[0]), self._buffer(step.shape)

        def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
            self.kernels.max_unpool2d(source.buffers[0].array, winner.array, out.array)

        self.calls.append(Call(step.name, [source.buffers[0], winner, out], run))
        self.values[step.outputs[0]] = Blocks((out,), step.shape[1:2])
        return True

    def _concatenation(self, layer: FusedLayer) -> bool:
        """Read the parts where they are, as further blocks of one value."""
        step = layer.step
        if len(step.shape) != 4 or step.layer.axis % 4 != 1:
            return False
        parts = [self._blocks(name) for name in step.inputs]
        buffers, channels = (sum(lists, ()) for lists in zip(*((p.buffers, p.channels) for p in parts), strict=True))
        self.values[step.outputs[0]] = Blocks(buffers, tuple(channels))
        return True

    def _moved(self, layer: FusedLayer) -> bool:
        """Crop, or pad with zeros: whole cells are copied."""
        step = layer.step
        options = step.options
        padded = step.operation == "pad"
        if not isinstance(self.values[step.inputs[0]], Blocks):
            return False
        if padded and (options["mode"] != "constant" or options["value"] or min(options["amounts"]) < 0):
            return False
        source = self._blocks(step.inputs[0])
        outputs = self._buffers_like(source, step.shape)
        (height, width), size = step.input_shapes[0][2:], step.shape[2:]
        if padded:
            left, _, top, _ = options["amounts"]
            read, write = np.s_[:], np.s_[:, :, top : top + height, left : left + width]
        else:
            top, left = step.layer.corner(step.input_shapes[0])
            read, write = np.s_[:, :, top : top + size[0], left : left + size[1]], np.s_[:]

        def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
            for buffer, out in zip(source.buffers, outputs, strict=True):
                if padded:
                    out.array[...] = 0
                out.array[write] = buffer.array[read]

        self.calls.append(Call(step.name, [*source.buffers, *outputs], run))
        self.values[step.outputs[0]] = Blocks(tuple(outputs), source.channels)
        return True

    def _cells(self, step: Step) -> bool:
        """Compute a layer cell by cell on blocks as they are; channels that fill up a block are computed too."""
        values = [self.values[name] for name in step.inputs]
        if not any(isinstance(value, Blocks) for value in values):
            return False
        if any(len(shape) != 4 or shape[:2] != step.shape[:2] for shape in step.input_shapes):
            return False  # channels are repeated
        sources = [self._blocks(name) for name in step.inputs]
        if any(source.channels != sources[0].channels for source in sources):
            sources = [self._one_buffer(name) for name in step.inputs]
        outputs = self._buffers_like(sources[0], step.shape)
        parts = list(zip(*(source.buffers for source in sources), outputs, strict=True))

        def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
            for *buffers, out in parts:
                out.array[...] = step.layer.compute(*(buffer.array for buffer in buffers))

        self.calls.append(Call(step.name, [buffer for part in parts for buffer in part], run))
        self.values[step.outputs[0]] = Blocks(tuple(outputs), sources[0].channels)
        return True

    def _public(self, layer: FusedLayer) -> None:
        """Run one layer through the public functions."""
        step = layer.step
        values = [self._planes(name) for name in step.inputs]
        outputs = [Buffer(step.shape, np.int64 if k else np.float32) for k, _ in enumerate(step.outputs)]
        compute = computed_by(layer, self.parameters)
        if layer.output == self.result and len(outputs) == 1 and layer.pool is None:
            # The last layer's result goes into the logits at once.
            def write(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
                logits[...] = compute([x if v.buffer is None else v.buffer.array for v in values])

            self._written = True
            self.calls.append(Call(layer.names, [v.buffer for v in values if v.buffer is not None], write))
            return

        def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
            result = compute([x if v.buffer is None else v.buffer.array for v in values])
            for buffer, array in zip(outputs, result if len(outputs) > 1 else (result,), strict=True):
                buffer.array[...] = array

        buffers = [v.buffer for v in values if v.buffer is not None] + outputs
        self.calls.append(Call(layer.names, buffers, run))
        names = (layer.output, *step.outputs[1:])
        for name, buffer in zip(names, outputs, strict=True):
            self.values[name] = self._as_planes[name] = Planes(buffer, step.shape)
        if layer.pool:
            self._add(FusedLayer(layer.pool))

    def _finish(self) -> None:
        """Bring the result into the logits, where the last layer has not written them itself."""
        if self._written:
            return
        value = self.values[self.result]
        if isinstance(value, Blocks) and len(value.buffers) == 1:
            buffer, name = value.buffers[0], f"{self.result} to planes"
            call = Call(name, [buffer], lambda x, logits, _: self.kernels.to_planes(buffer.array, logits))
        else:
            planes = self._planes(self.result).buffer
            buffers, name = [planes] if planes else [], f"{self.result} copied"
            call = Call(name, buffers, lambda x, logits, _: np.copyto(logits, planes.array if planes else x))
        self.calls.append(call)

    # What they share

    def _call(self, name: str, buffers: list[Buffer], kernel: Any, source: Any, targets: Callable) -> None:
        """Add a call of a convolution; its input's plane addresses are found once, but for the network's input."""
        arrays = [source.buffer] if isinstance(source, Planes) else list(source.buffers)
        fixed: list[np.ndarray] = []

        def bind() -> None:
            if arrays[0] is not None:
                fixed.append(self.kernels.plane_table([b.array for b in arrays]))

        def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
            table = fixed[0] if fixed else self.kernels.plane_table([x])
            kernel.run(table, *targets(x, logits), scratch)

        self.calls.append(Call(name, buffers, run, bind, kernel.scratch(self.kernels.threads())))

    def _buffer(self, shape: tuple[int, ...], dtype: Any = np.float32) -> Buffer:
        block = self.kernels.BLOCK
        return Buffer((shape[0], -(-shape[1] // block), *shape[2:], block), dtype)

    def _pool_buffers(self, pool: Step | None) -> tuple[Buffer | None, Buffer | None]:
        if pool is None:
            return None, None
        winner = self._buffer(pool.shape, np.int8) if pool.options["return_indices"] else None
        return self._buffer(pool.shape), winner

    def _buffers_like(self, source: Blocks, shape: tuple[int, ...]) -> list[Buffer]:
        """Return new buffers for the parts of a value, with other heights and widths."""
        return [self._buffer((shape[0], channels, *shape[2:])) for channels in source.channels]

    def _name_pooled(self, pool: Step, pooled: Blocks, winner: Buffer | None) -> None:
        self.values[pool.outputs[0]] = pooled
        if winner:
            self.values[pool.outputs[1]] = winner

    def _blocks(self, name: str) -> Blocks:
        """Return a value in blocks; planes are copied into them, once."""
        value = self.values[name]
        if isinstance(value, Planes):
            out, source = self._buffer(value.shape), value.buffer

            def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
                self.kernels.from_planes(x if source is None else source.array, out.array)

            self.calls.append(Call(f"{name} to blocks", [b for b in (source, out) if b is not None], run))
            value = self.values[name] = Blocks((out,), value.shape[1:2])
        return value

    def _one_buffer(self, name: str) -> Blocks:
        """Return a value in blocks of one buffer; the parts of a concatenation are copied together, once."""
        value = self._blocks(name)
        if len(value.buffers) == 1:
            return value
        self.values[name] = self._planes(name)
        return self._blocks(name)

    def _planes(self, name: str) -> Planes:
        """Return a value as planes; blocks are copied into them, once."""
        if name in self._as_planes:
            return self._as_planes[name]
        value, shape = self.values[name], self.shapes[name]
        parts, channels = value.buffers, np.cumsum([0, *value.channels])
        out = Buffer(shape)

        def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
            for k, part in enumerate(parts):
                planes = np.empty((shape[0], value.channels[k], *shape[2:]), np.float32)
                self.kernels.to_planes(part.array, planes)
                out.array[:, channels[k] : channels[k + 1]] = planes

        self.calls.append(Call(f"{name} to planes", [*parts, out], run))
        self._as_planes[name] = Planes(out, shape)
        return self._as_planes[name]

    def _parameter(self, step: Step, entry: str) -> np.ndarray:
        return np.asarray(self.parameters[f"{step.name}.{entry}"])

    def _folded(self, layer: FusedLayer) -> tuple[np.ndarray, np.ndarray]:
        """Return weight and bias of a convolution with its batch normalization."""
        weight = self._parameter(layer.step, "weight")
        bias = self._parameter(layer.step, "bias") if layer.step.options["bias"] else None
        if layer.batch_norm:
            norm = layer.batch_norm
            entries = [self._parameter(norm, entry) for entry in ("running_mean", "running_var", "weight", "bias")]
            return fold_batch_norm(weight, bias, (*entries, norm.options["eps"]))
        return weight, np.zeros(weight.shape[0], weight.dtype) if bias is None else bias


# The method of `BlockedPlan` for each record that says it has a blocked kernel.
KERNELS = {
    "conv2d": "_convolution",
    "conv_transpose2d": "_enlargement",
    "max_pool2d": "_pooling",
    "max_unpool2d": "_unpooling",
    "concatenate": "_concatenation",
    "crop": "_moved",
    "pad": "_moved",
}
if KERNELS.keys() != {name for name, record in LAYERS.items() if record.blocked == "kernel"}:
    raise TypeError("the blocked kernels of plans are not those that the records of the layers name")


def _border(padding: Any, kernel: tuple[int, int]) -> tuple[int, int] | None:
    """Return the zeros above and below, left and right; None where the two sides of an axis differ."""
    if padding == "same" and not all(k % 2 for k in kernel):
        return None
    borders = (padding, padding) if isinstance(padding, str) else as_pair(padding, "padding", 0)
    return tuple(map(conv_padding, "HW", kernel, borders))


def _winograd_pays(weight_shape: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Return whether F(4x4, 3x3) is faster than the direct sum for an output of this shape."""
    height, width = shape[2:]
    tiles = -(-height // 4) * -(-width // 4)
    return tuple(weight_shape[2:]) == (3, 3) and WINOGRAD_PRODUCTS * tiles < 9 * height * width


def _whole_blocks(array: np.ndarray, block: int, axis: int) -> np.ndarray:
    """Return the array with zeros up to a multiple of `block` along an axis."""
    amounts = [(0, 0)] * array.ndim
    amounts[axis] = (0, -array.shape[axis] % block)
    return np.ascontiguousarray(np.pad(array, amounts) if amounts[axis][1] else array)


def _spread_channels(weight: np.ndarray, channels: Sequence[int], block: int, axis: int) -> np.ndarray:
    """Return the weight with each part of the input's channels filled up to whole blocks."""
    parts = np.split(weight, np.cumsum(channels)[:-1], axis)
    return np.ascontiguousarray(np.concatenate([_whole_blocks(part, block, axis) for part in parts], axis))
