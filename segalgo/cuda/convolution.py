"""Convolution and transposed convolution: launch code of ``_ext/convolution.cu``.

One algorithm, the tiled direct product; Winograd's is not written for this wing, and its rounding is within the bound
of the direct one, so ``algorithm="winograd"`` is answered by the direct product too.
"""

from typing import Any

import numpy as np

from segalgo.cuda._device import c_name, device_of

# As in convolution.cu: threads of a block, and rows and positions of its tile.
SIDE = 16
TILE = 64
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
    """See `segalgo.conv2d`. One block a tile of output channels and cells."""
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
        arguments = (x, weight, _bias(device, bias, rows * groups, x.dtype), output, *map(np.int64, sizes))
        grid = _grid(positions, rows, batch * groups * stride[0] * stride[1])
        device.launch("convolution", f"conv_transpose2d<{c_name(x.dtype)}>", grid, (SIDE, SIDE), arguments)
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
    """Return "direct": the only one here."""
    return "direct"


def pack_conv2d(
    weight: Any, bias: Any, stride: Pair, dilation: Pair, groups: int, relu: bool, algorithm: str
) -> tuple[Any, ...]:
    """See `segalgo.prepare_conv2d`. The kernel reads weights as they are; only a missing bias is filled in."""
    bias = _bias(device_of(weight), bias, weight.shape[0], weight.dtype)
    return weight, bias, stride, dilation, groups, relu


def conv2d_packed(x: Any, packed: tuple[Any, ...], padding: Pair, output_size: Pair) -> Any:
    """See `segalgo.prepare_conv2d`. One call with packed weights."""
    weight, bias, stride, dilation, groups, relu = packed
    device = device_of(x)
    batch, channels, height, width = x.shape
    rows, kh, kw = weight.shape[0] // groups, *weight.shape[2:]
    output = device.xp.empty((batch, rows * groups, *output_size), x.dtype)
    if output.size:
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
        arguments = (x, weight, bias, output, *map(np.int64, sizes), np.int32(relu))
        grid = _grid(output_size[0] * output_size[1], rows, batch * groups)
        device.launch("convolution", f"conv2d<{c_name(x.dtype)}>", grid, (SIDE, SIDE), arguments)
    return output


def _grid(positions: int, rows: int, pictures: int) -> tuple[int, int, int]:
    """Return the grid that covers positions, rows and pictures; kernels stride where it is cut to a card's limits."""
    return min(-(-positions // TILE), 2**30), min(-(-rows // TILE), 2**15), min(pictures, 2**15)


def _bias(device: Any, bias: Any, rows: int, dtype: Any) -> Any:
    """Return the bias, or zeros."""
    return device.xp.zeros(rows, dtype) if bias is None else bias
