"""Layers that compute every cell of a map from cells at the same place, on channel blocks."""

from typing import Any

import numpy as np

from segalgo.layers.prepared_convolution import fold_batch_norm
from segalgo.models.graph.execution import Step
from segalgo.models.plans.fusion import ACTIVATIONS, FusedLayer
from segalgo.models.plans.values import Blocks, Call, whole_blocks, without_subnormals

# The numbers of the activations in blocked_epilogue.h.
LINEAR, RELU, LIMITED, SLOPED, HARD_SIGMOID, HARD_SWISH = range(6)
PLAIN = (LINEAR, 0.0, 0.0, None)
"""The epilogue that does nothing."""


def epilogue(plan: Any, activation: Step | None, channels: int) -> tuple:
    """Return an activation as the kernels take it: (number, low, high, slopes in whole blocks or None)."""
    *end, slopes = activation_of(plan, activation, channels)
    return (*end, None if slopes is None else whole_blocks(slopes, plan.kernels.BLOCK))


def activation_of(plan: Any, activation: Step | None, channels: int) -> tuple:
    """Return an activation as (number, low, high, slopes (C,) or None)."""
    if activation is None:
        return PLAIN
    options = activation.options
    match activation.operation:
        case "relu":
            return (RELU, 0.0, 0.0, None)
        case "relu6":
            return (LIMITED, 0.0, 6.0, None)
        case "clip":
            low, high = options["minimum"], options["maximum"]
            return (LIMITED, -np.inf if low is None else low, np.inf if high is None else high, None)
        case "leaky_relu":
            return (SLOPED, 0.0, 0.0, np.full(channels, options["negative_slope"], np.float32))
        case "prelu":
            return (SLOPED, 0.0, 0.0, np.broadcast_to(plan.parameter(activation, "weight"), (channels,)))
        case "hardsigmoid":
            return (HARD_SIGMOID, 0.0, 0.0, None)
        case "hardswish":
            return (HARD_SWISH, 0.0, 0.0, None)
    raise ValueError(f"{activation.operation}: expected one of {', '.join(ACTIVATIONS)}")


def by_cells(plan: Any, layer: FusedLayer) -> bool:
    """Compute a layer on blocks as they are, by a kernel or by `compute`; what fills up a block is computed too."""
    step = layer.step
    values = [plan.values[name] for name in step.inputs]
    if not any(isinstance(value, Blocks) for value in values):
        return False
    if any(len(shape) != 4 or shape != step.shape for shape in step.input_shapes):
        return False  # cells are repeated
    if step.operation in ACTIVATIONS:
        return _cells(plan, layer, activation=step)
    sources = [plan.blocks(name) for name in step.inputs]
    if any(source.channels != sources[0].channels for source in sources):
        sources = [plan.one_buffer(name) for name in step.inputs]
    outputs = plan.buffers_like(sources[0], step.shape)
    parts = list(zip(*(source.buffers for source in sources), outputs, strict=True))

    def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
        for *buffers, out in parts:
            out.array[...] = step.layer.compute(*(buffer.array for buffer in buffers))

    plan.calls.append(Call(step.name, [buffer for part in parts for buffer in part], run))
    plan.values[step.outputs[0]] = Blocks(tuple(outputs), sources[0].channels)
    return True


def _cells(
    plan: Any,
    layer: FusedLayer,
    factor: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    activation: Step | None = None,
) -> bool:
    """Add ``activation(x * factor + offset)`` of the layer's first input, `factor` and `offset` (C,) or None."""
    source = plan.blocks(layer.step.inputs[0])
    outputs = plan.buffers_like(source, layer.shape)
    factors, offsets = (_by_part(plan, array, source) for array in (factor, offset))
    parts = list(zip(source.buffers, outputs, factors, offsets, _ends(plan, activation, source), strict=True))

    def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
        for buffer, out, factor, offset, end in parts:
            plan.maps.cells(buffer.array, out.array, factor, offset, None, False, end)

    plan.calls.append(Call(layer.names, [*source.buffers, *outputs], run))
    plan.values[layer.output] = Blocks(tuple(outputs), source.channels)
    return True


def batch_norm(plan: Any, layer: FusedLayer) -> bool:
    """Scale and shift of each channel, by stored statistics."""
    step = layer.step
    if len(step.shape) != 4 or not isinstance(plan.values[step.inputs[0]], Blocks):
        return False
    factor, offset = norm_as_scale(plan, step)
    return _cells(plan, layer, factor, offset, layer.activation)


def norm_as_scale(plan: Any, step: Step) -> tuple[np.ndarray, np.ndarray]:
    """Return batch normalization as a factor and an offset of each channel, float32."""
    entries = [plan.parameter(step, entry) for entry in ("running_mean", "running_var", "weight", "bias")]
    ones = np.ones((len(entries[0]), 1, 1, 1), np.float32)
    weight, offset = fold_batch_norm(ones, None, (*entries, step.options["eps"]))
    return without_subnormals(np.ascontiguousarray(weight[:, 0, 0, 0])), without_subnormals(offset)


def prelu(plan: Any, layer: FusedLayer) -> bool:
    """Negative cells times a slope of their channel."""
    if len(layer.shape) != 4 or not isinstance(plan.values[layer.step.inputs[0]], Blocks):
        return False
    return _cells(plan, layer, activation=layer.step)


def combined(plan: Any, layer: FusedLayer) -> bool:
    """Sum or product of two maps, or of a map and one number for each channel."""
    step = layer.step
    shapes = step.input_shapes
    if any(len(shape) != 4 for shape in shapes):
        return False
    product = step.operation == "multiply"
    if shapes[0] == shapes[1]:
        return any(isinstance(plan.values[name], Blocks) for name in step.inputs) and _pair(plan, layer, product)
    # One number for each channel beside a map.
    for first, second in ((0, 1), (1, 0)):
        if shapes[first] == step.shape and shapes[second][1:] == (step.shape[1], 1, 1):
            return isinstance(plan.values[step.inputs[first]], Blocks) and _by_channel(
                plan, layer, step.inputs[first], step.inputs[second], product
            )
    return False


def _pair(plan: Any, layer: FusedLayer, product: bool) -> bool:
    names = layer.step.inputs
    sources = [plan.blocks(name) for name in names]
    if sources[0].channels != sources[1].channels:
        sources = [plan.one_buffer(name) for name in names]
    outputs = plan.buffers_like(sources[0], layer.shape)
    ends = _ends(plan, layer.activation, sources[0])
    parts = list(zip(sources[0].buffers, sources[1].buffers, outputs, ends, strict=True))

    def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
        for first, second, out, end in parts:
            plan.maps.cells(first.array, out.array, None, None, second.array, product, end)

    plan.calls.append(Call(layer.names, [b for part in parts for b in part[:3]], run))
    plan.values[layer.output] = Blocks(tuple(outputs), sources[0].channels)
    return True


def _by_part(plan: Any, array: np.ndarray | None, source: Blocks) -> list[np.ndarray | None]:
    """Return what belongs to each part of a value of an array (C,), in whole blocks; None for each if there is none."""
    if array is None:
        return [None] * len(source.channels)
    return [whole_blocks(part, plan.kernels.BLOCK) for part in np.split(array, np.cumsum(source.channels)[:-1])]


def _ends(plan: Any, activation: Step | None, source: Blocks) -> list[tuple]:
    """Return the epilogue of each part of a value."""
    *end, slopes = activation_of(plan, activation, sum(source.channels))
    return [(*end, part) for part in _by_part(plan, slopes, source)]


def _by_channel(plan: Any, layer: FusedLayer, map_name: str, channel_name: str, product: bool) -> bool:
    """Each channel times, or plus, a number that is itself computed."""
    source = plan.blocks(map_name)
    numbers = plan.one_buffer(channel_name).buffers[0]
    if len(source.buffers) > 1:
        source = plan.one_buffer(map_name)
    out = plan.buffers_like(source, layer.shape)[0]
    end = epilogue(plan, layer.activation, source.channels[0])

    def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
        factor, offset = (numbers.array, None) if product else (None, numbers.array)
        plan.maps.cells(source.buffers[0].array, out.array, factor, offset, None, False, end)

    plan.calls.append(Call(layer.names, [*source.buffers, numbers, out], run))
    plan.values[layer.output] = Blocks((out,), source.channels)
    return True


KERNELS = {"batch_norm": batch_norm, "prelu": prelu, "add": combined, "multiply": combined}
