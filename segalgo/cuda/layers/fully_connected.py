"""The fully connected layer, and attention: launch code of ``_ext/layers/fully_connected.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

TILE = 16  # the kernel counts on it
ATTENTION_THREADS = 256  # of a block; the kernel counts on it


def linear(x: Any, weight: Any, bias: Any) -> Any:
    """See `segalgo.linear`. One thread an output cell, one block a tile."""
    device = device_of(x)
    rows, columns = x.shape[0], weight.shape[0]
    output = device.xp.empty((rows, columns), x.dtype)
    if output.size:
        arguments = (x, weight, bias, output, *map(np.int64, (rows, columns, x.shape[1])))
        grid = blocks_for(-(-rows // TILE) * -(-columns // TILE), 1)
        device.launch("layers.fully_connected", f"linear<{c_name(x.dtype)}>", grid, (TILE, TILE), arguments)
    return output


def scaled_dot_product_attention(query: Any, key: Any, value: Any, scale: float, causal: bool) -> Any:
    """See `segalgo.scaled_dot_product_attention`. One block a query."""
    device = device_of(query)
    batches, rows, depth = query.shape
    sources, columns = value.shape[1:]
    output = device.xp.empty((batches, rows, columns), query.dtype)
    if output.size:
        sizes = map(np.int64, (batches, rows, sources, depth, columns))
        arguments = (query, key, value, output, query.dtype.type(scale), np.int32(causal), *sizes)
        kernel = f"scaled_dot_product_attention<{c_name(query.dtype)}>"
        grid = blocks_for(batches * rows, 1)
        device.launch("layers.fully_connected", kernel, grid, (ATTENTION_THREADS,), arguments)
    return output
