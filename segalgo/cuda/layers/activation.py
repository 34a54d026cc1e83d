"""Activation functions: launch code of ``_ext/layers/activation.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

THREADS = 256  # of a block; softmax_rows counts on it
LONG_ROW = 128  # from this length on, a block to a row instead of a thread


def relu(x: Any) -> Any:
    """See `segalgo.relu`. One thread a cell."""
    return _cell_by_cell("relu", x)


def leaky_relu(x: Any, negative_slope: float) -> Any:
    """See `segalgo.leaky_relu`. One thread a cell."""
    return _cell_by_cell("leaky_relu", x, x.dtype.type(negative_slope))


def prelu(x: Any, weight: Any) -> Any:
    """See `segalgo.prelu`. One thread a cell."""
    device = device_of(x)
    output = device.xp.empty(x.shape, x.dtype)
    if x.size:
        sizes = map(np.int64, (x.shape[0] * x.shape[1], *x.shape[1:]))
        kernel = f"prelu<{c_name(x.dtype)}>"
        grid = blocks_for(x.size, THREADS)
        device.launch("layers.activation", kernel, grid, (THREADS,), (x, weight, output, *sizes))
    return output


def relu6(x: Any) -> Any:
    """See `segalgo.relu6`. One thread a cell."""
    return _cell_by_cell("relu6", x)


def hardsigmoid(x: Any) -> Any:
    """See `segalgo.hardsigmoid`. One thread a cell."""
    return _cell_by_cell("hardsigmoid", x)


def hardswish(x: Any) -> Any:
    """See `segalgo.hardswish`. One thread a cell."""
    return _cell_by_cell("hardswish", x)


def sigmoid(x: Any) -> Any:
    """See `segalgo.sigmoid`. One thread a cell."""
    return _cell_by_cell("sigmoid", x)


def gelu(x: Any, tanh: bool) -> Any:
    """See `segalgo.gelu`. One thread a cell."""
    return _cell_by_cell("gelu", x, np.int32(tanh))


def softmax(x: Any) -> Any:
    """See `segalgo.softmax`. One thread a line, one block a long row."""
    return _along_axis(x, False)


def log_softmax(x: Any) -> Any:
    """See `segalgo.log_softmax`. One thread a line, one block a long row."""
    return _along_axis(x, True)


def _cell_by_cell(operation: str, x: Any, *parameters: Any) -> Any:
    device = device_of(x)
    output = device.xp.empty(x.shape, x.dtype)
    if x.size:
        arguments = (x, output, *parameters, np.int64(x.size))
        kernel = f"{operation}<{c_name(x.dtype)}>"
        device.launch("layers.activation", kernel, blocks_for(x.size, THREADS), (THREADS,), arguments)
    return output


def _along_axis(x: Any, logarithm: bool) -> Any:
    device = device_of(x)
    outer, n, inner = x.shape
    output = device.xp.empty(x.shape, x.dtype)
    name = c_name(x.dtype)
    if inner == 1 and n >= LONG_ROW:
        arguments = (x, output, np.int64(outer), np.int64(n), np.int32(logarithm))
        device.launch("layers.activation", f"softmax_rows<{name}>", blocks_for(outer, 1), (THREADS,), arguments)
    else:
        arguments = (x, output, *map(np.int64, x.shape), np.int32(logarithm))
        device.launch(
            "layers.activation", f"softmax<{name}>", blocks_for(outer * inner, THREADS), (THREADS,), arguments
        )
    return output
