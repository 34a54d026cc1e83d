"""Layers without weights on channel blocks: pooling, other grids, borders, joined channels."""

from collections.abc import Callable
from typing import Any

import numpy as np

from segalgo._core.checks import as_pair
from segalgo.layers.interpolation import linear_taps, nearest_indices
from segalgo.models.graph.execution import Step
from segalgo.models.graph.resampling import taps_of_two
from segalgo.models.plans.arena import Buffer
from segalgo.models.plans.fusion import FusedLayer
from segalgo.models.plans.values import Blocks, Call, Planes


def max_pooling(plan: Any, layer: FusedLayer) -> bool:
    """Maxima of 2 x 2 windows with their places, or of any windows without."""
    step = layer.step
    if step.name in plan.halving:
        return _halving(plan, step)
    if len(step.outputs) > 1 or not isinstance(plan.values[step.inputs[0]], Blocks):
        return False
    rows, columns = _windows(step)
    dilation = as_pair(step.options["dilation"], "dilation", 1)

    def pooled(x: np.ndarray, out: np.ndarray) -> None:
        plan.maps.maxima(x, out, rows, columns, dilation)

    return _each_part(plan, layer, pooled)


def _halving(plan: Any, step: Step) -> bool:
    if len(step.outputs) > 1:  # places of winners are kept in one buffer
        source = plan.one_buffer(step.inputs[0])
        pooled, winner = pool_buffers(plan, step)
        outputs = [pooled]
    else:
        source, winner = plan.blocks(step.inputs[0]), None
        outputs = plan.buffers_like(source, step.shape)

    def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
        for buffer, out in zip(source.buffers, outputs, strict=True):
            plan.kernels.max_pool2d(buffer.array, out.array, winner.array if winner else None)

    plan.calls.append(Call(step.name, [*source.buffers, *outputs, *([winner] if winner else [])], run))
    name_pooled(plan, step, Blocks(tuple(outputs), source.channels), winner)
    return True


def pool_buffers(plan: Any, pool: Step | None) -> tuple[Buffer | None, Buffer | None]:
    """Return buffers for the maxima of 2 x 2 windows and for their places, None for what is not wanted."""
    if pool is None:
        return None, None
    winner = plan.buffer(pool.shape, np.int8) if pool.options["return_indices"] else None
    return plan.buffer(pool.shape), winner


def name_pooled(plan: Any, pool: Step, pooled: Blocks, winner: Buffer | None) -> None:
    """Note where the outputs of a pooling are."""
    plan.values[pool.outputs[0]] = pooled
    if winner:
        plan.values[pool.outputs[1]] = winner


def unpooling(plan: Any, layer: FusedLayer) -> bool:
    """Maxima of 2 x 2 windows back to their places."""
    step = layer.step
    winner = plan.values[step.inputs[1]]
    if not isinstance(winner, Buffer):
        return False
    source, out = plan.one_buffer(step.inputs[0]), plan.buffer(step.shape)

    def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
        plan.kernels.max_unpool2d(source.buffers[0].array, winner.array, out.array)

    plan.calls.append(Call(step.name, [source.buffers[0], winner, out], run))
    plan.values[step.outputs[0]] = Blocks((out,), step.shape[1:2])
    return True


def average_pooling(plan: Any, layer: FusedLayer) -> bool:
    """Means of windows."""
    step = layer.step
    if not isinstance(plan.values[step.inputs[0]], Blocks):
        return False
    axes = _windows(step)
    divisors = []
    for axis, (_, count) in enumerate(axes):
        if step.options["count_include_pad"]:
            kernel, stride, padding = (as_pair(step.options[name], name, 0)[axis] for name in WINDOW)
            start = np.arange(len(count)) * stride - padding
            count = np.minimum(start + kernel, step.input_shapes[0][2 + axis] + padding) - start
        divisors.append(count.astype(np.float32))
    return _each_part(plan, layer, lambda x, out: plan.maps.means(x, out, *axes, *divisors))


WINDOW = ("kernel_size", "stride", "padding")


def _windows(step: Step) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return, along each axis, the first input cell of each window and how many of its cells are in the input."""
    axes = []
    for axis, (n, size) in enumerate(zip(step.input_shapes[0][2:], step.shape[2:], strict=True)):
        kernel, stride, padding = (as_pair(step.options[name], name, 0)[axis] for name in WINDOW)
        dilation = as_pair(step.options.get("dilation", 1), "dilation", 1)[axis]
        start = np.arange(size, dtype=np.int64) * stride - padding
        before = np.maximum(-(start // dilation), 0)  # windows' cells before the input
        beyond = np.minimum(-((start - n) // dilation), kernel)
        axes.append((start + before * dilation, beyond - before))
    return axes


def whole_means(plan: Any, layer: FusedLayer) -> bool:
    """The mean of every plane."""
    step = layer.step
    if step.shape[2:] != (1, 1) or not isinstance(plan.values[step.inputs[0]], Blocks):
        return False
    return _each_part(plan, layer, plan.maps.plane_means)


def interpolation(plan: Any, layer: FusedLayer) -> bool:
    """Another grid, by the nearest cell or the four around the position."""
    step, options = layer.step, layer.step.options
    if layer.output == plan.result or not isinstance(plan.values[step.inputs[0]], Blocks):
        return False  # the result is wanted in planes: of a coarse map, the change of layout costs little
    if options["mode"] not in ("nearest", "nearest-exact", "bilinear"):
        return False
    factors = (None, None) if options["scale_factor"] is None else as_pair_of_numbers(options["scale_factor"])
    given = [None if f is None or options["recompute_scale_factor"] else 1.0 / float(f) for f in factors]
    axes = list(zip(step.input_shapes[0][2:], step.shape[2:], given, strict=True))
    if options["mode"] != "bilinear":
        rows, columns = (nearest_indices(*axis, options["mode"] == "nearest-exact") for axis in axes)
        return _each_part(plan, layer, lambda x, out: plan.maps.fetch(x, out, rows, columns))
    return _bilinear(plan, layer, [linear_taps(*axis, bool(options["align_corners"]), np.float32) for axis in axes])


def as_pair_of_numbers(value: Any) -> tuple[Any, Any]:
    """Return a factor for each axis."""
    return tuple(value) if isinstance(value, list | tuple) else (value, value)


def resampling(plan: Any, layer: FusedLayer) -> bool:
    """Another grid by the rules of ONNX, where they mix two cells along each axis."""
    step = layer.step
    if layer.output == plan.result or not isinstance(plan.values[step.inputs[0]], Blocks):
        return False
    axes = [taps_of_two(*axis, step.layer.rule) for axis in step.layer.axes(step.input_shapes[0])]
    return None not in axes and _bilinear(plan, layer, axes)


def _bilinear(plan: Any, layer: FusedLayer, axes: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    floats = 2 * layer.shape[3] * plan.kernels.BLOCK
    tables = [np.ascontiguousarray(a, d) for axis in axes for a, d in zip(axis, (np.int64, np.float32), strict=True)]
    needed = plan.kernels.threads() * floats
    return _each_part(plan, layer, lambda x, out, scratch: plan.maps.bilinear(x, out, *tables, scratch), needed)


def _each_part(plan: Any, layer: FusedLayer, compute: Callable[..., None], scratch: int = 0) -> bool:
    """Add ``compute(part, out)`` for each part of the first input; with scratch, that is the third argument."""
    source = plan.blocks(layer.step.inputs[0])
    outputs = plan.buffers_like(source, layer.shape)

    def run(x: np.ndarray, logits: np.ndarray, work: np.ndarray) -> None:
        for buffer, out in zip(source.buffers, outputs, strict=True):
            compute(buffer.array, out.array, *([work[:scratch]] if scratch else []))

    plan.calls.append(Call(layer.names, [*source.buffers, *outputs], run, scratch=scratch))
    plan.values[layer.output] = Blocks(tuple(outputs), source.channels)
    return True


def concatenation(plan: Any, layer: FusedLayer) -> bool:
    """Read the parts where they are, as further blocks of one value."""
    step = layer.step
    if len(step.shape) != 4 or step.layer.axis % 4 != 1:
        return False
    parts = [plan.blocks(name) for name in step.inputs]
    buffers, channels = (sum(lists, ()) for lists in zip(*((p.buffers, p.channels) for p in parts), strict=True))
    plan.values[step.outputs[0]] = Blocks(buffers, tuple(channels))
    return True


def moved(plan: Any, layer: FusedLayer) -> bool:
    """Crop, or pad with zeros: whole cells are copied."""
    step = layer.step
    options = step.options
    padded = step.operation == "pad"
    if not isinstance(plan.values[step.inputs[0]], Blocks):
        return False
    if padded and (options["mode"] != "constant" or options["value"] or min(options["amounts"]) < 0):
        return False
    (height, width), size = step.input_shapes[0][2:], step.shape[2:]
    if padded:
        left, _, top, _ = options["amounts"]
        read, write = np.s_[:], np.s_[:, :, top : top + height, left : left + width]
    else:
        top, left = step.layer.corner(step.input_shapes[0])
        read, write = np.s_[:, :, top : top + size[0], left : left + size[1]], np.s_[:]

    def copy(x: np.ndarray, out: np.ndarray) -> None:
        if padded:
            out[...] = 0
        out[write] = x[read]

    return _each_part(plan, layer, copy)


def to_map(plan: Any, layer: FusedLayer) -> bool:
    """Rows of channels (N, H * W, C) as a map: a cell's channels lie side by side in both."""
    if layer.tokens is None:
        return False
    source, out = plan.planes(layer.inputs[0]), plan.buffer(layer.shape)

    def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
        plan.kernels.from_tokens(source.array(x), out.array)

    plan.calls.append(Call(layer.names, [b for b in (source.buffer, out) if b is not None], run))
    plan.values[layer.output] = Blocks((out,), layer.shape[1:2])
    return True


def to_rows(plan: Any, layer: FusedLayer) -> bool:
    """A map as rows of channels (N, H * W, C)."""
    if layer.tokens is None or not isinstance(plan.values[layer.inputs[0]], Blocks):
        return False
    source, out = plan.one_buffer(layer.inputs[0]).buffers[0], Buffer(layer.shape)

    def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
        plan.kernels.to_tokens(source.array, out.array)

    plan.calls.append(Call(layer.names, [source, out], run))
    plan.set_planes(layer.output, Planes(out, layer.shape))
    return True


KERNELS = {
    "transpose": to_map,
    "reshape": to_rows,
    "max_pool2d": max_pooling,
    "max_unpool2d": unpooling,
    "avg_pool2d": average_pooling,
    "adaptive_avg_pool2d": whole_means,
    "interpolate": interpolation,
    "resample": resampling,
    "concatenate": concatenation,
    "crop": moved,
    "pad": moved,
}
