"""A network as a list of bound kernel calls on activations in channel blocks: the plan of the Cython wing.

Activations lie as (N, C / block, H, W, block), block channels side by side, from the first layer to the last; skips
are not copied but read as further blocks of the same input. Layers for which there is no blocked kernel (local
response normalization, bilinear enlargement) run through the public functions, between two changes of layout.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from segalgo.layers.prepared_convolution import fold_batch_norm
from segalgo.models.graph.execution import INPUT, Computation, Step
from segalgo.models.plans.arena import Buffer, arrange
from segalgo.models.plans.fusion import Layer, fused, is_halving

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
    """A value (N, C, H, W): a buffer, or None for the input of the network."""

    buffer: Buffer | None
    shape: tuple[int, int, int, int]


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
        self.values: dict[str, Any] = {INPUT: Planes(None, tuple(input_shape))}
        self.shapes = {INPUT: tuple(input_shape)}
        layers = fused(steps, pooling=True)
        self.output_shape = steps[-1].shape
        for layer in layers:
            for step in filter(None, (layer.step, layer.batch_norm, layer.relu, layer.pool)):
                self.shapes.update(dict.fromkeys(step.outputs, step.shape))
            self._add(layer, layer is layers[-1])
        self._finish(layers[-1].output)
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

    # One method an operation that has a blocked kernel

    def _add(self, layer: Layer, last: bool) -> None:
        step = layer.step
        source = self.values[step.inputs[0]]
        if step.operation == "conv2d" and (step.options["stride"], step.options["dilation"]) == (1, 1):
            self._convolution(layer, last)
        elif step.operation == "conv_transpose2d" and (step.options["kernel_size"], step.options["stride"]) == (2, 2):
            self._enlargement(step)
        elif is_halving(step) and isinstance(source, Blocks):
            self._pooling(step)
        elif step.operation == "max_unpool2d" and isinstance(self.values[step.inputs[1]], Buffer):
            self._unpooling(step)
        elif step.operation == "concatenate":
            parts = [self._blocks(name) for name in step.inputs]
            self.values[step.outputs[0]] = Blocks(
                sum((p.buffers for p in parts), ()), sum((p.channels for p in parts), ())
            )
        elif step.operation in ("crop", "pad") and isinstance(source, Blocks):
            self._moved(step)
        else:
            self._public(layer)

    def _convolution(self, layer: Layer, last: bool) -> None:
        step, kernels = layer.step, self.kernels
        weight, bias = self._folded(layer)
        padding = _border(step.options["padding"], weight.shape[2])
        size = self.shapes[step.inputs[0]][2:]
        if padding is None or any(n + 2 * padding < k for n, k in zip(size, weight.shape[2:], strict=True)):
            self._public(layer)
            return
        source = self.values[step.inputs[0]]
        winograd = _winograd_pays(weight.shape, step.shape)
        planar = isinstance(source, Planes) and (source.shape[1] < kernels.BLOCK or not winograd)
        if not planar:
            source = self._blocks(step.inputs[0])
            weight = _spread_channels(weight, source.channels, kernels.BLOCK, axis=1)
        weight, bias = _whole_blocks(weight, kernels.BLOCK, 0), _whole_blocks(bias, kernels.BLOCK, 0)
        batch, relu = step.shape[0], layer.relu is not None
        out = self._buffer(layer.step.shape)
        if winograd and not planar:
            kernel = kernels.Winograd(weight, bias, relu, batch, size, (padding, padding))
            pooled, winner = self._pool_buffers(layer.pool)
            kept = out if layer.kept else None
            buffers = [*source.buffers, *filter(None, (kept, pooled, winner))]
            arrays = lambda: [None if b is None else b.array for b in (kept, pooled, winner)]  # noqa: E731
            self._call(layer.names, buffers, kernel, source, lambda x, logits: arrays())
        else:
            kernel = kernels.Direct(weight, bias, relu, batch, size, (padding, padding), planar)
            # The last layer writes planes itself where one block holds all classes.
            straight = last and step.shape[1] <= kernels.BLOCK and layer.pool is None
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
                return
        self.values[layer.output] = Blocks((out,), step.shape[1:2])
        if layer.pool and winograd and not planar:
            self._name_pooled(layer.pool, pooled, winner)
        elif layer.pool:
            self._pooling(layer.pool)

    def _enlargement(self, step: Step) -> None:
        source = self._blocks(step.inputs[0])
        weight = _spread_channels(self._parameter(step, "weight"), source.channels, self.kernels.BLOCK, axis=0)
        weight = _whole_blocks(weight, self.kernels.BLOCK, 1)
        bias = _whole_blocks(self._parameter(step, "bias"), self.kernels.BLOCK, 0)
        size = self.shapes[step.inputs[0]][2:]
        kernel = self.kernels.Direct(weight, bias, False, step.shape[0], size, (0, 0), transposed=True)
        out = self._buffer(step.shape)
        self._call(step.name, [*source.buffers, out], kernel, source, lambda x, logits: (out.array, None))
        self.values[step.outputs[0]] = Blocks((out,), step.shape[1:2])

    def _pooling(self, step: Step) -> None:
        source = self._blocks(step.inputs[0])
        pooled, winner = self._pool_buffers(step)
        self._name_pooled(step, pooled, winner)

        def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
            self.kernels.max_pool2d(source.buffers[0].array, pooled.array, winner.array if winner else None)

        self.calls.append(Call(step.name, [source.buffers[0], pooled, *([winner] if winner else [])], run))

    def _unpooling(self, step: Step) -> None:
        source, winner = self._blocks(step.inputs[0]), self.values[step.inputs[1]]
        out = self._buffer(step.shape)

        def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
            self.kernels.max_unpool2d(source.buffers[0].array, winner.array, out.array)

        self.calls.append(Call(step.name, [source.buffers[0], winner, out], run))
        self.values[step.outputs[0]] = Blocks((out,), step.shape[1:2])

    def _moved(self, step: Step) -> None:
        """Crop, or pad with zeros: whole cells are copied."""
        source, out = self._blocks(step.inputs[0]), self._buffer(step.shape)
        (height, width), size = self.shapes[step.inputs[0]][2:], step.shape[2:]
        if step.operation == "crop":
            top, left = (height - size[0]) // 2, (width - size[1]) // 2
            read, write = np.s_[:, :, top : top + size[0], left : left + size[1]], np.s_[:]
        else:
            left, _, top, _ = step.options["amounts"]
            read, write = np.s_[:], np.s_[:, :, top : top + height, left : left + width]

        def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
            if step.operation == "pad":
                out.array[...] = 0
            out.array[write] = source.buffers[0].array[read]

        self.calls.append(Call(step.name, [source.buffers[0], out], run))
        self.values[step.outputs[0]] = Blocks((out,), step.shape[1:2])

    def _public(self, layer: Layer) -> None:
        """Run one layer through the public functions."""
        step = layer.step
        values = [self._planes(name) for name in step.inputs]
        outputs = [Buffer(step.shape, np.int64 if k else np.float32) for k, _ in enumerate(step.outputs)]
        weight = self._folded(layer) if step.operation == "conv2d" else None
        parameters = self.parameters
        options = dict(step.options)
        if weight is not None:
            parameters = {f"{step.name}.weight": weight[0], f"{step.name}.bias": weight[1]}
            options["bias"] = True

        def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
            layers = Computation(parameters)
            inputs = [x if v.buffer is None else v.buffer.array for v in values]
            result = getattr(layers, step.operation)(*inputs, name=step.name, **options)
            result = layers.relu(result, "") if layer.relu else result
            for buffer, array in zip(outputs, result if len(outputs) > 1 else (result,), strict=True):
                buffer.array[...] = array

        buffers = [v.buffer for v in values if v.buffer is not None] + outputs
        self.calls.append(Call(layer.names, buffers, run))
        names = (layer.output, *step.outputs[1:])
        self.values.update({n: Planes(b, step.shape) for n, b in zip(names, outputs, strict=True)})
        if layer.pool:
            self._add(Layer(layer.pool), last=False)

    def _finish(self, name: str) -> None:
        """Bring the result into the logits, where the last layer has not written them itself."""
        value = self.values.get(name)
        if isinstance(value, Blocks):
            buffer = value.buffers[0]
            self.calls.append(
                Call(f"{name} to planes", [buffer], lambda x, logits, _: self.kernels.to_planes(buffer.array, logits))
            )
        elif isinstance(value, Planes):
            buffer = value.buffer
            self.calls.append(Call(f"{name} copied", [buffer], lambda x, logits, _: np.copyto(logits, buffer.array)))

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

    def _name_pooled(self, pool: Step, pooled: Buffer, winner: Buffer | None) -> None:
        self.values[pool.outputs[0]] = Blocks((pooled,), pool.shape[1:2])
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

    def _planes(self, name: str) -> Planes:
        """Return a value as planes; blocks are copied into them."""
        value = self.values[name]
        if isinstance(value, Planes):
            return value
        shape = self.shapes[name]
        parts, channels = value.buffers, np.cumsum([0, *value.channels])
        out = Buffer(shape)

        def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
            for k, part in enumerate(parts):
                planes = np.empty((shape[0], value.channels[k], *shape[2:]), np.float32)
                self.kernels.to_planes(part.array, planes)
                out.array[:, channels[k] : channels[k + 1]] = planes

        self.calls.append(Call(f"{name} to planes", [*parts, out], run))
        return Planes(out, shape)

    def _parameter(self, step: Step, entry: str) -> np.ndarray:
        return np.asarray(self.parameters[f"{step.name}.{entry}"])

    def _folded(self, layer: Layer) -> tuple[np.ndarray, np.ndarray]:
        """Return weight and bias of a convolution with its batch normalization."""
        weight = self._parameter(layer.step, "weight")
        bias = self._parameter(layer.step, "bias") if layer.step.options["bias"] else None
        if layer.batch_norm:
            norm = layer.batch_norm
            entries = [self._parameter(norm, entry) for entry in ("running_mean", "running_var", "weight", "bias")]
            return fold_batch_norm(weight, bias, (*entries, norm.options["eps"]))
        return weight, np.zeros(weight.shape[0], weight.dtype) if bias is None else bias


def _border(padding: int | str, kernel_size: int) -> int | None:
    """Return the zeros on every side; None where sides differ."""
    if padding == "same":
        return kernel_size // 2 if kernel_size % 2 else None
    return 0 if padding == "valid" else padding


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
