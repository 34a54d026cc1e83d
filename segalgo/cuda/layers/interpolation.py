"""Interpolation and padding: launch code of ``_ext/layers/interpolation.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

THREADS = 256


def pad(x: Any, rows: Any, columns: Any, value: float) -> Any:
    """See `segalgo.pad`. One thread an output cell."""
    device = device_of(x)
    output = device.xp.empty((*x.shape[:2], rows.size, columns.size), x.dtype)
    if output.size:
        sizes = (x.shape[0] * x.shape[1], *x.shape[2:], rows.size, columns.size)
        places = map(device.xp.asarray, (rows, columns))
        arguments = (x, *places, output, x.dtype.type(value), *map(np.int64, sizes))
        kernel = f"fetch_cells<{c_name(x.dtype)}>"
        device.launch("layers.interpolation", kernel, blocks_for(output.size, THREADS), (THREADS,), arguments)
    return output


def interpolate_nearest(x: Any, rows: Any, columns: Any) -> Any:
    """See `segalgo.interpolate`. One thread an output cell."""
    return pad(x, rows, columns, 0.0)


def interpolate_bilinear(x: Any, rows: Any, row_weights: Any, columns: Any, column_weights: Any) -> Any:
    """See `segalgo.interpolate`. One thread an output cell."""
    device = device_of(x)
    oh, ow = rows.shape[1], columns.shape[1]
    output = device.xp.empty((*x.shape[:2], oh, ow), x.dtype)
    if output.size:
        taps = map(device.xp.asarray, (rows, row_weights, columns, column_weights))
        sizes = (x.shape[0] * x.shape[1], *x.shape[2:], oh, ow)
        kernel = f"interpolate_bilinear<{c_name(x.dtype)}>"
        arguments = (x, *taps, output, *map(np.int64, sizes))
        device.launch("layers.interpolation", kernel, blocks_for(output.size, THREADS), (THREADS,), arguments)
    return output


def interpolate_filtered(x: Any, rows: Any, row_weights: Any, columns: Any, column_weights: Any) -> Any:
    """See `segalgo.interpolate`. One thread an output cell."""
    device = device_of(x)
    oh, ow = rows.shape[1], columns.shape[1]
    output = device.xp.empty((*x.shape[:2], oh, ow), x.dtype)
    if output.size:
        taps = map(device.xp.asarray, (rows, row_weights, columns, column_weights))
        sizes = (x.shape[0] * x.shape[1], *x.shape[2:], oh, ow, row_weights.shape[1], column_weights.shape[1])
        kernel = f"interpolate_filtered<{c_name(x.dtype)}>"
        arguments = (x, *taps, output, *map(np.int64, sizes))
        device.launch("layers.interpolation", kernel, blocks_for(output.size, THREADS), (THREADS,), arguments)
    return output
