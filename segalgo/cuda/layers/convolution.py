"""Convolution and transposed convolution: launch code of ``_ext/layers/convolution.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of, index_type, window_reach

# As in convolution.cu: threads of a block, and rows and positions of its tile.
BLOCK = (16, 8)
ROWS, POSITIONS = 64, 128
# Threads of a block where each has a tile of Winograd's, and the most bytes of its transformed inputs and products.
WINOGRAD_THREADS = 128
WINOGRAD_BYTES = 256 * 1024 * 1024
# Fewest channels in and out for which "auto" takes Winograd. From arithmetic, not measured: the product shrinks to a
# quarter, 18 * (C + K) bytes an output cell of transformed tiles come on top, which below 32 channels weigh more.
WINOGRAD_LEAST_CHANNELS = 32
Pair = tuple[int, int]


def conv2d(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    output_size: Pair,
    algorithm: str,
) -> Any:
    """See `segalgo.conv2d`. Weights are packed and used once."""
    packed = pack_conv2d(weight, bias, stride, dilation, groups, False, algorithm)
    return conv2d_packed(x, packed, padding, output_size)


def conv_transpose2d(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    output_size: Pair,
) -> Any:
    """See `segalgo.conv_transpose2d`. One block a tile of output channels and cells of one phase of the output."""
    device = device_of(x)
    batch, channels, height, width = x.shape
    rows, kh, kw = weight.shape[1:]
    output = device.xp.empty((batch, rows * groups, *output_size), x.dtype)
    if output.size:
        positions = -(-output_size[0] // stride[0]) * -(-output_size[1] // stride[1])
        sizes = (
            batch,
            groups,
            channels // groups,
            height,
            width,
            rows,
            kh,
            kw,
            *stride,
            *padding,
            *dilation,
            *output_size,
        )
        index = index_type((x, weight, output), _reach(x, weight, stride, padding, dilation, output_size))
        arguments = (x, weight, _bias(device, bias, rows * groups, x.dtype), output, *map(index, sizes))
        phases = min(stride[0], output_size[0]) * min(stride[1], output_size[1])
        grid = _grid(positions, rows, batch * groups * phases)
        kernel = f"conv_transpose2d<{c_name(x.dtype)}, {c_name(index)}>"
        device.launch("layers.convolution", kernel, grid, BLOCK, arguments)
    return output


def choose_algorithm(
    channels: int,
    out_channels: int,
    kernel: Pair,
    stride: Pair,
    dilation: Pair,
    output_size: Pair | None,
    itemsize: int,
) -> str:
    """Return "winograd" where it can compute this and has channels enough to pay."""
    if kernel != (3, 3) or stride != (1, 1) or dilation[0] != dilation[1]:
        return "direct"
    return "winograd" if min(channels, out_channels) >= WINOGRAD_LEAST_CHANNELS else "direct"


def pack_conv2d(
    weight: Any, bias: Any, stride: Pair, dilation: Pair, groups: int, relu: bool, algorithm: str
) -> tuple[Any, ...]:
    """See `segalgo.prepare_conv2d`. Winograd's weights are transformed; a missing bias is filled in."""
    device = device_of(weight)
    bias = _bias(device, bias, weight.shape[0], weight.dtype)
    if algorithm == "winograd":
        weight = _winograd_weights(device, weight)
    return weight, bias, stride, dilation, groups, relu, algorithm


def conv2d_packed(x: Any, packed: tuple[Any, ...], padding: Pair, output_size: Pair) -> Any:
    """See `segalgo.prepare_conv2d`. One call with packed weights."""
    weight, bias, stride, dilation, groups, relu, algorithm = packed
    device = device_of(x)
    output = device.xp.empty((x.shape[0], bias.shape[0], *output_size), x.dtype)
    if output.size:
        if algorithm == "winograd":
            _winograd(device, x, weight, bias, output, padding, dilation[0], groups, relu)
        else:
            _direct(device, x, weight, bias, output, stride, padding, dilation, groups, relu)
    return output


def _direct(
    device: Any,
    x: Any,
    weight: Any,
    bias: Any,
    output: Any,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    relu: bool,
) -> None:
    """Fill the output by the direct product: one block a tile of output channels and cells."""
    batch, channels, height, width = x.shape
    rows, output_size = weight.shape[0] // groups, output.shape[2:]
    sizes = (batch, groups, channels // groups, height, width, rows, *weight.shape[2:])
    sizes += (*stride, *padding, *dilation, *output_size)
    index = index_type((x, weight, output), _reach(x, weight, stride, padding, dilation, output_size))
    arguments = (x, weight, bias, output, *map(index, sizes), np.int32(relu))
    grid = _grid(output_size[0] * output_size[1], rows, batch * groups)
    device.launch("layers.convolution", f"conv2d<{c_name(x.dtype)}, {c_name(index)}>", grid, BLOCK, arguments)


def _winograd_weights(device: Any, weight: Any) -> Any:
    """Return the transformed kernels, (36, K, C / groups)."""
    kernels = weight.shape[0] * weight.shape[1]
    places = device.xp.empty((36, *weight.shape[:2]), weight.dtype)
    if kernels:
        index, grid = index_type((weight, places)), blocks_for(kernels, WINOGRAD_THREADS)
        kernel = f"conv2d_winograd_weights<{c_name(weight.dtype)}, {c_name(index)}>"
        device.launch("layers.convolution", kernel, grid, (WINOGRAD_THREADS,), (weight, places, index(kernels)))
    return places


def _winograd(
    device: Any,
    x: Any,
    weights: Any,
    bias: Any,
    output: Any,
    padding: Pair,
    dilation: int,
    groups: int,
    relu: bool,
) -> None:
    """Fill the output by Winograd's product, so many tiles at a time that scratch stays within its bytes."""
    batch, all_channels, height, width = x.shape
    _, all_rows, oh, ow = output.shape
    channels, rows = all_channels // groups, all_rows // groups
    down, across = ((size - 1) // dilation // 4 + 1 for size in (oh, ow))  # tiles of the residue that has the most
    tiles = batch * dilation * dilation * down * across
    most = max(1, WINOGRAD_BYTES // (36 * (channels + rows) * x.dtype.itemsize))
    threads = (WINOGRAD_THREADS,)
    inputs = device.xp.empty(36 * channels * min(most, tiles), x.dtype)
    products = device.xp.empty(36 * rows * min(most, tiles), x.dtype)
    index = index_type((x, weights, output, inputs, products), 4 * tiles + height + width + 8 * dilation + max(padding))
    word = f"{c_name(x.dtype)}, {c_name(index)}"
    for group in range(groups):
        own = device.xp.ascontiguousarray(weights[:, group * rows : (group + 1) * rows])
        for first in range(0, tiles, most):
            count = min(most, tiles - first)
            place = tuple(map(index, (dilation, down, across, first, count)))
            sizes = tuple(map(index, (all_channels, group * channels, channels, height, width, *padding)))
            name, grid = f"conv2d_winograd_inputs<{word}>", blocks_for(channels * count, WINOGRAD_THREADS)
            device.launch("layers.convolution", name, grid, threads, (x, inputs, *sizes, *place))
            sizes = tuple(map(index, (rows * channels, rows, channels, count)))
            name, grid = f"conv2d_winograd_products<{word}>", (*_grid(count, rows, 1)[:2], 36)
            device.launch("layers.convolution", name, grid, BLOCK, (own, inputs, products, *sizes))
            sizes = tuple(map(index, (all_rows, group * rows, rows, oh, ow)))
            name, grid = f"conv2d_winograd_outputs<{word}>", blocks_for(rows * count, WINOGRAD_THREADS)
            device.launch(
                "layers.convolution", name, grid, threads, (products, bias, output, *sizes, *place, np.int32(relu))
            )


def _grid(positions: int, rows: int, pictures: int) -> tuple[int, int, int]:
    """Return the grid that covers positions, rows and pictures; kernels stride where it is cut to a card's limits."""
    return min(-(-positions // POSITIONS), 2**30), min(-(-rows // ROWS), 2**15), min(pictures, 2**15)


def _reach(x: Any, weight: Any, stride: Pair, padding: Pair, dilation: Pair, output_size: Pair) -> int:
    """Return more than any row, column or number of terms that a kernel computes on its way."""
    axes = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, output_size, strict=True)
    return max(
        window_reach(*axes),
        int(np.prod(weight.shape[1:])),
        int(np.prod(output_size)),
        int(np.prod(stride)) * x.shape[0],
    )


def _bias(device: Any, bias: Any, rows: int, dtype: Any) -> Any:
    """Return the bias, or zeros."""
    return device.xp.zeros(rows, dtype) if bias is None else bias
