"""A network as a list of bound kernel calls on activations in channel blocks: the plan of the Cython wing.

Activations lie as (N, C / block, H, W, block), block channels side by side, from the first layer to the last; skips
are not copied but read as further blocks of the same input. Layers that work cell by cell are computed on the blocks
as they are; the other layers without a blocked kernel run through the public functions, between two changes of layout.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from segalgo.models.graph.execution import INPUT, Step
from segalgo.models.graph.layer import LAYERS
from segalgo.models.plans import blocked_cells, blocked_convolutions, blocked_maps
from segalgo.models.plans.arena import Buffer, arrange
from segalgo.models.plans.fusion import FusedLayer, fused, halving_pools, without_dropout
from segalgo.models.plans.public import computed_by
from segalgo.models.plans.values import Blocks, Call, Planes, without_subnormals

# The function for each record that says it has a blocked kernel: it adds calls to the plan, or returns False where its
# kernels do not serve the layer.
KERNELS = blocked_convolutions.KERNELS | blocked_maps.KERNELS | blocked_cells.KERNELS
if KERNELS.keys() != {name for name, record in LAYERS.items() if record.blocked == "kernel"}:
    raise TypeError("the blocked kernels of plans are not those that the records of the layers name")


def _keeps_order(step: Step) -> bool:
    """Return whether the output has the cells of the input in their order: the same memory."""
    if step.operation == "transpose":
        long = [axis for axis in step.options["axes"] if step.input_shapes[0][axis] != 1]
        return long == sorted(long)
    return step.operation == "reshape"


RESAMPLING = ("interpolate", "resample")


class BlockedPlan:
    """Calls in order, their memory, and the shape of the result.

    `kernels` and `maps` are the modules ``plans.blocked_convolution`` and ``plans.blocked_maps`` of one instruction
    level.
    """

    def __init__(
        self,
        kernels: ModuleType,
        maps: ModuleType,
        steps: Sequence[Step],
        parameters: Mapping[str, np.ndarray],
        input_shape: tuple[int, ...],
    ) -> None:
        self.kernels, self.maps, self.parameters = kernels, maps, parameters
        self.calls: list[Call] = []
        self.shapes = {INPUT: tuple(input_shape)} | {name: step.shape for step in steps for name in step.outputs}
        self.values: dict[str, Any] = {INPUT: Planes(None, tuple(input_shape))}
        self._as_planes: dict[str, Planes] = {INPUT: self.values[INPUT]}
        self.output_shape = steps[-1].shape
        steps, self.result = without_dropout(steps)
        self.halving = halving_pools(steps)
        self.readers: dict[str, list[Step]] = defaultdict(list)
        for step in steps:
            for name in step.inputs:
                self.readers[name].append(step)
        self.written = False
        """Whether the last layer writes the logits itself."""
        for layer in fused(steps, blocked=True):
            self.add(layer)
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
            result = call.run(x, logits, self.scratch)
            logits = logits if result is None else result
            if seconds is not None:
                seconds.append((call.name, time.perf_counter() - start))
        return logits

    def add(self, layer: FusedLayer) -> None:
        """Add the calls of a layer."""
        step = layer.step
        if step.layer.blocked == "kernel":
            done = KERNELS[step.operation](self, layer)
        else:
            done = step.layer.blocked == "cells" and blocked_cells.by_cells(self, layer)
        if done:
            return
        if layer.is_public:
            self._public(layer)
            return
        for member in layer.members:
            self.add(FusedLayer(member))

    def _public(self, layer: FusedLayer) -> None:
        """Run one layer through the public functions."""
        step = layer.step
        values = [self.planes(name) for name in step.inputs]
        if _keeps_order(step) and values[0].buffer is not None:
            self.set_planes(step.outputs[0], Planes(values[0].buffer, step.shape))
            return
        outputs = [Buffer(step.shape, np.int64 if k else np.float32) for k, _ in enumerate(step.outputs)]
        compute = computed_by(layer, self.parameters)
        if layer.output == self.result and len(outputs) == 1:
            # The last layer's result are the logits, unless it is a view of what is used again.
            def write(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> np.ndarray:
                result = compute([v.array(x) for v in values])
                own = not any(np.may_share_memory(result, array) for array in (x, self.arena))
                return result if own else result.copy()

            self.written = True
            self.calls.append(Call(layer.names, [v.buffer for v in values if v.buffer is not None], write))
            return

        def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
            result = compute([v.array(x) for v in values])
            for buffer, array in zip(outputs, result if len(outputs) > 1 else (result,), strict=True):
                buffer.array[...] = array

        buffers = [v.buffer for v in values if v.buffer is not None] + outputs
        self.calls.append(Call(layer.names, buffers, run))
        names = (layer.output, *step.outputs[1:])
        for name, buffer in zip(names, outputs, strict=True):
            self.set_planes(name, Planes(buffer, step.shape))

    def _finish(self) -> None:
        """Bring the result into the logits, where the last layer has not written them itself."""
        if self.written:
            return
        value = self.values[self.result]
        if isinstance(value, Blocks) and len(value.buffers) == 1:
            buffer, name = value.buffers[0], f"{self.result} to planes"
            call = Call(name, [buffer], lambda x, logits, _: self.kernels.to_planes(buffer.array, logits))
        else:
            planes = self.planes(self.result)
            buffers = [] if planes.buffer is None else [planes.buffer]
            call = Call(f"{self.result} copied", buffers, lambda x, logits, _: np.copyto(logits, planes.array(x)))
        self.calls.append(call)

    # What the functions of the layers share

    def buffer(self, shape: tuple[int, ...], dtype: Any = np.float32) -> Buffer:
        """Return a new buffer in blocks for an array (N, C, H, W)."""
        block = self.kernels.BLOCK
        return Buffer((shape[0], -(-shape[1] // block), *shape[2:], block), dtype)

    def buffers_like(self, source: Blocks, shape: tuple[int, ...]) -> list[Buffer]:
        """Return new buffers for the parts of a value, with other heights and widths."""
        return [self.buffer((shape[0], channels, *shape[2:])) for channels in source.channels]

    def set_planes(self, name: str, planes: Planes) -> None:
        """Note that a value lies in planes."""
        self.values[name] = self._as_planes[name] = planes

    def blocks(self, name: str) -> Blocks:
        """Return a value in blocks; planes are copied into them, once."""
        value = self.values[name]
        if isinstance(value, Planes):
            out, source = self.buffer(value.shape), value

            def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
                self.kernels.from_planes(source.array(x), out.array)

            self.calls.append(Call(f"{name} to blocks", [b for b in (source.buffer, out) if b is not None], run))
            value = self.values[name] = Blocks((out,), value.shape[1:2])
        return value

    def one_buffer(self, name: str) -> Blocks:
        """Return a value in blocks of one buffer; the parts of a concatenation are copied together, once."""
        value = self.blocks(name)
        if len(value.buffers) == 1:
            return value
        self.values[name] = self.planes(name)
        return self.blocks(name)

    def planes(self, name: str) -> Planes:
        """Return a value as planes; blocks are copied into them, once."""
        if name in self._as_planes:
            return self._as_planes[name]
        value, shape = self.values[name], self.shapes[name]
        parts, channels = value.buffers, np.cumsum([0, *value.channels])
        out = Buffer(shape)

        def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
            for k, part in enumerate(parts):
                self.kernels.to_planes(part.array, out.array, channels[k], value.channels[k])

        self.calls.append(Call(f"{name} to planes", [*parts, out], run))
        self._as_planes[name] = Planes(out, shape)
        return self._as_planes[name]

    def wanted_in_planes(self, name: str, channels: int) -> bool:
        """Return whether a convolution's output of few channels is written as planes at once.

        Blocks of which most is empty would be read by layers that compute on planes anyway.
        """
        if name == self.result:
            return channels <= self.kernels.BLOCK
        return 4 * channels <= self.kernels.BLOCK and all(
            reader.layer.blocked != "kernel" or (reader.operation in RESAMPLING and reader.outputs[0] == self.result)
            for reader in self.readers[name]
        )

    def parameter(self, step: Step, entry: str) -> np.ndarray:
        """Return a parameter of a step, float32 without subnormal numbers."""
        return without_subnormals(np.asarray(self.parameters[f"{step.name}.{entry}"]))
