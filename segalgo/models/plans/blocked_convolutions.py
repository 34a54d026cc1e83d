"""Convolutions on channel blocks: which kernel serves a layer, and its weights as that kernel takes them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from segalgo._core.checks import as_pair
from segalgo.layers.prepared_convolution import fold_batch_norm
from segalgo.layers.sizes import conv_padding
from segalgo.models.plans.arena import Buffer
from segalgo.models.plans.blocked_cells import epilogue
from segalgo.models.plans.blocked_maps import max_pooling, name_pooled, pool_buffers
from segalgo.models.plans.fusion import FusedLayer
from segalgo.models.plans.values import Blocks, Call, Planes, spread_channels, whole_blocks, without_subnormals

# F(4x4, 3x3) takes 36 products a tile and channel, and its transforms as long as 11 more; the direct sum 9 a cell.
WINOGRAD_PRODUCTS = 47
# A convolution of so few groups is computed as one of all channels, with zeros between the groups.
MOST_GROUPS = 4
Pair = tuple[int, int]


def convolution(plan: Any, layer: FusedLayer) -> bool:
    """Convolution by Winograd, by the direct sum, or of each channel alone."""
    options, channels = layer.step.options, layer.input_shape[1]
    groups = options["groups"]
    if groups == channels > MOST_GROUPS:
        return _depthwise(plan, layer)
    if groups > MOST_GROUPS:
        return False
    kernels, shape = plan.kernels, layer.shape
    stride = as_pair(options["stride"], "stride", 1)
    weight, bias = _folded(plan, layer)
    weight, dilation = _without_zeros(weight, as_pair(options["dilation"], "dilation", 1))
    source = plan.values[layer.inputs[0]]
    winograd = stride == (1, 1) and _winograd_pays(weight.shape, shape, dilation)
    planar = isinstance(source, Planes) and (source.shape[1] < kernels.BLOCK or not winograd)
    if not planar:
        source = plan.blocks(layer.inputs[0])
        weight = spread_channels(weight, source.channels, kernels.BLOCK, axis=1)
    weight, bias = whole_blocks(weight, kernels.BLOCK), whole_blocks(bias, kernels.BLOCK)
    added = plan.one_buffer(layer.partner).buffers[0] if layer.added else None
    end = epilogue(plan, layer.activation, shape[1])
    size, corner = layer.input_shape[2:], _corner(layer)
    pooled_here = layer.pool is not None and dilation == (1, 1)
    if winograd and not planar:
        kernel = kernels.Winograd(weight, bias, end, shape[0], size, corner, shape[2:], dilation)
        out, (pooled, winner) = plan.buffer(shape), pool_buffers(plan, layer.pool if pooled_here else None)
        targets = [out if layer.kept or not pooled_here else None, pooled, winner]
        _call(plan, layer.names, kernel, source, targets, added)
        plan.values[layer.output] = Blocks((out,), shape[1:2])
        if pooled_here:
            name_pooled(plan, layer.pool, Blocks((pooled,), shape[1:2]), winner)
        elif layer.pool:
            max_pooling(plan, FusedLayer(layer.pool))
        return True
    kernel = kernels.Direct(weight, bias, end, shape[0], size, corner, shape[2:], stride, dilation, planar)
    _direct(plan, layer, [kernel], source, added)
    if layer.pool:
        max_pooling(plan, FusedLayer(layer.pool))
    return True


def _depthwise(plan: Any, layer: FusedLayer) -> bool:
    """Each channel with one kernel of its own."""
    options, kernels = layer.step.options, plan.kernels
    shape, block = layer.shape, plan.kernels.BLOCK
    if shape[1] != layer.input_shape[1] or layer.shuffle:
        return False
    stride = as_pair(options["stride"], "stride", 1)
    weight, bias = _folded(plan, layer)
    weight, dilation = _without_zeros(weight, as_pair(options["dilation"], "dilation", 1))
    source = plan.blocks(layer.inputs[0])
    if len(source.buffers) > 1 and any(n % block for n in source.channels[:-1]):
        source = plan.one_buffer(layer.inputs[0])
    weight, bias = whole_blocks(weight, block), whole_blocks(bias, block)
    end = epilogue(plan, layer.activation, shape[1])
    added = plan.one_buffer(layer.partner).buffers[0] if layer.added else None
    size = layer.input_shape[2:]
    kernel = kernels.Depthwise(weight, bias, end, shape[0], size, _corner(layer), shape[2:], stride, dilation)
    out = plan.buffer(shape)
    _call(plan, layer.names, kernel, source, [out, None], added)
    plan.values[layer.output] = Blocks((out,), shape[1:2])
    if layer.pool:
        max_pooling(plan, FusedLayer(layer.pool))
    return True


def transposed_convolution(plan: Any, layer: FusedLayer) -> bool:
    """Transposed convolution of stride s as s * s convolutions, each of which writes every s-th row and column."""
    options, kernels = layer.step.options, plan.kernels
    stride = as_pair(options["stride"], "stride", 1)
    if as_pair(options["dilation"], "dilation", 1) != (1, 1) or options["groups"] > MOST_GROUPS:
        return False
    source = plan.blocks(layer.inputs[0])
    weight, bias = _folded(plan, layer)
    weight = _without_groups(weight, options["groups"])
    weight = whole_blocks(spread_channels(weight, source.channels, kernels.BLOCK, axis=0), kernels.BLOCK, 1)
    bias = whole_blocks(bias, kernels.BLOCK)
    end, size = epilogue(plan, layer.activation, layer.shape[1]), layer.input_shape[2:]
    added = plan.one_buffer(layer.partner).buffers[0] if layer.added else None
    border = np.add(as_pair(options["padding"], "padding", 0), _cropped(layer))
    doubled = tuple(2 * n for n in size)
    few = plan.wanted_in_planes(layer.output, layer.shape[1])
    if weight.shape[2:] == stride == (2, 2) and not border.any() and layer.shape[2:] == doubled and not few:
        bound = (weight, bias, end, layer.shape[0], size, (0, 0), size)
        _direct(plan, layer, [kernels.Direct(*bound, transposed=True)], source, added)
        return True
    phases = []
    for i in range(min(stride[0], layer.shape[2])):
        for j in range(min(stride[1], layer.shape[3])):
            axes = zip((i, j), weight.shape[2:], stride, border, strict=True)
            (rows, top), (columns, left) = (_phase(*axis) for axis in axes)
            part = weight[:, :, rows][:, :, :, columns].transpose(1, 0, 2, 3)
            grid = tuple(-(-(n - first) // s) for n, first, s in zip(layer.shape[2:], (i, j), stride, strict=True))
            bound = (np.ascontiguousarray(part), bias, end, layer.shape[0], size, (top, left), grid)
            phases.append(kernels.Direct(*bound, output_size=layer.shape[2:], first=(i, j), step=stride))
    _direct(plan, layer, phases, source, added)
    return True


def _phase(first: int, kernel: int, stride: int, border: int) -> tuple[np.ndarray, int]:
    """Return the kernel cells that meet in output cells first, first + stride, ..., as a convolution reads the input.

    Output cell o is the sum over input cells i and kernel cells u with ``stride * i + u == o + border``. The kernel
    cells of a convolution run with the input: the last one first. Also returned is how far before the first input cell
    the first output cell reads.
    """
    taps = np.arange((first + border) % stride, kernel, stride)[::-1]
    # The input cell that the first output cell reads by the first tap.
    cell = (first + border - (taps[0] if len(taps) else 0)) // stride
    return taps, -int(cell)


def _direct(plan: Any, layer: FusedLayer, kernels: list[Any], source: Any, added: Any) -> None:
    """Add the calls of one layer by the direct sum, into blocks, planes, or the logits."""
    if added or not plan.wanted_in_planes(layer.output, layer.shape[1]):
        out = plan.buffer(layer.shape)
        plan.values[layer.output] = Blocks((out,), layer.shape[1:2])
        targets: list[Any] | None = [out, None]
    elif layer.output == plan.result:
        plan.written = True
        targets = None
    else:
        planes = Buffer(layer.shape)
        plan.set_planes(layer.output, Planes(planes, layer.shape))
        targets = [None, planes]
    for kernel in kernels:
        _call(plan, layer.names, kernel, source, targets, added)


def _call(plan: Any, name: str, kernel: Any, source: Any, targets: list[Any] | None, added: Any) -> None:
    """Add a call of a kernel: into some buffers (None for what is not wanted), or into the logits if there are none.

    The addresses of the input's planes are found once, but for the network's input.
    """
    sources = [source.buffer] if isinstance(source, Planes) else list(source.buffers)
    fixed: list[Any] = []

    def arrays() -> list[Any]:
        return [None if b is None else b.array for b in targets or []]

    def bind() -> None:
        given = [source.array(None)] if isinstance(source, Planes) else [b.array for b in sources]
        table = None if sources[0] is None else plan.kernels.plane_table(given)
        fixed.extend((table, arrays(), None if added is None else added.array))

    def run(x: np.ndarray, logits: np.ndarray, scratch: np.ndarray) -> None:
        table, outputs, addend = fixed
        table = plan.kernels.plane_table([x]) if table is None else table
        kernel.run(table, *(outputs if targets else (None, logits)), scratch, addend)

    buffers = [b for b in (*sources, *(targets or ()), added) if b is not None]
    plan.calls.append(Call(name, buffers, run, bind, kernel.scratch(plan.kernels.threads())))


def _corner(layer: FusedLayer) -> Pair:
    """Return how many zeros stand before the first cell of the input, along each axis."""
    options = layer.step.options
    kernel, dilation = (as_pair(options[name], name, 1) for name in ("kernel_size", "dilation"))
    padding = options["padding"]
    borders = (padding, padding) if isinstance(padding, str) else as_pair(padding, "padding", 0)
    corner = map(conv_padding, "HW", kernel, borders, dilation)
    left, _, top, _ = layer.border.options["amounts"] if layer.border else (0, 0, 0, 0)
    return tuple(n + more for n, more in zip(corner, (top, left), strict=True))


def _cropped(layer: FusedLayer) -> Pair:
    """Return the first row and column of a transposed convolution's output that are wanted."""
    return layer.crop.layer.corner(layer.crop.input_shapes[0]) if layer.crop else (0, 0)


def _winograd_pays(weight_shape: tuple[int, ...], shape: tuple[int, ...], dilation: Pair) -> bool:
    """Return whether F(4x4, 3x3) is faster than the direct sum for an output of this shape.

    Rows and columns of one remainder modulo the dilation have tiles of their own.
    """
    height, width = shape[2:]
    tiles = math.prod(-(-n // (4 * d)) * d for n, d in zip(shape[2:], dilation, strict=True))
    return tuple(weight_shape[2:]) == (3, 3) and WINOGRAD_PRODUCTS * tiles < 9 * height * width


def _without_groups(weight: np.ndarray, groups: int) -> np.ndarray:
    """Return a weight (K, C / groups, ...), of a transposed convolution (C, K / groups, ...), of all channels.

    Between the groups, which follow each other along the first axis, are zeros.
    """
    if groups == 1:
        return weight
    first, second = weight.shape[0] // groups, weight.shape[1]
    whole = np.zeros((weight.shape[0], second * groups, *weight.shape[2:]), weight.dtype)
    for k in range(groups):
        own = slice(k * first, (k + 1) * first)
        whole[own, k * second : (k + 1) * second] = weight[own]
    return whole


def _without_zeros(weight: np.ndarray, dilation: Pair) -> tuple[np.ndarray, Pair]:
    """Return a kernel without rows and columns of zeros, as some files write a dilated one, and the dilation."""
    found = list(dilation)
    for axis in (2, 3):
        size = weight.shape[axis]
        for step in range(size - 1, 1, -1):
            between = np.delete(weight, np.s_[::step], axis)
            if (size - 1) % step == 0 and not between.any():
                weight = weight.take(range(0, size, step), axis)
                found[axis - 2] *= step
                break
    return np.ascontiguousarray(weight), tuple(found)


def _folded(plan: Any, layer: FusedLayer) -> tuple[np.ndarray, np.ndarray]:
    """Return weight and bias of a convolution with its batch normalization and the offset of each channel."""
    step = layer.step
    transposed, groups = step.operation == "conv_transpose2d", step.options["groups"]
    weight = plan.parameter(step, "weight")
    if not transposed and groups <= MOST_GROUPS:
        weight = _without_groups(weight, groups)
    bias = plan.parameter(step, "bias") if step.options["bias"] else None
    if layer.shuffle:
        order = np.arange(layer.shape[1]).reshape(layer.shuffle[0].shape[1:3]).T.ravel()
        weight, bias = weight[order], None if bias is None else bias[order]
    if layer.batch_norm:
        norm = layer.batch_norm
        entries = [plan.parameter(norm, entry) for entry in ("running_mean", "running_var", "weight", "bias")]
        folded = (*entries, norm.options["eps"])
        if transposed:
            weight, bias = _fold_transposed(weight, bias, folded, groups)
        else:
            weight, bias = fold_batch_norm(weight, bias, folded)
    bias = np.zeros(layer.shape[1], weight.dtype) if bias is None else bias
    if layer.offset:
        constant = next(name for name in layer.offset.inputs if f"{name}.value" in plan.parameters)
        bias = bias + np.asarray(plan.parameters[f"{constant}.value"]).reshape(-1)
    return without_subnormals(weight), without_subnormals(bias)


def _fold_transposed(
    weight: np.ndarray, bias: np.ndarray | None, norm: tuple[Any, ...], groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fold batch normalization into weights (C, K / groups, kh, kw)."""
    channels, outs, *kernel = weight.shape
    by_group = weight.reshape(groups, channels // groups, outs, *kernel).swapaxes(1, 2)
    folded, bias = fold_batch_norm(by_group.reshape(groups * outs, channels // groups, *kernel), bias, norm)
    back = folded.reshape(groups, outs, channels // groups, *kernel).swapaxes(1, 2)
    return np.ascontiguousarray(back.reshape(weight.shape)), bias


KERNELS: dict[str, Callable[[Any, FusedLayer], bool]] = {
    "conv2d": convolution,
    "conv_transpose2d": transposed_convolution,
}
