"""The fully connected layer: launch code of ``_ext/layers/fully_connected.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

TILE = 16  # the kernel counts on it


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
