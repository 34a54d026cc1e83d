"""Normalization: launch code of ``_ext/layers/normalization.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

THREADS = 256  # of a block; layer_norm's sums count on it


def batch_norm(x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Any:
    """See `segalgo.batch_norm`. One thread a cell."""
    device = device_of(x)
    output = device.xp.empty(x.shape, x.dtype)
    if output.size:
        sizes = map(np.int64, (x.shape[0] * x.shape[1], *x.shape[1:]))
        arguments = (x, mean, var, weight, bias, output, np.float64(eps), *sizes)
        kernel = f"batch_norm<{c_name(x.dtype)}>"
        device.launch("layers.normalization", kernel, blocks_for(x.size, THREADS), (THREADS,), arguments)
    return output


def layer_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    """See `segalgo.layer_norm`. One block a row."""
    device = device_of(x)
    output = device.xp.empty(x.shape, x.dtype)
    if output.size:
        arguments = (x, weight, bias, output, np.float64(eps), *map(np.int64, x.shape))
        kernel = f"layer_norm<{c_name(x.dtype)}>"
        device.launch("layers.normalization", kernel, blocks_for(x.shape[0], 1), (THREADS,), arguments)
    return output


def group_norm(x: Any, groups: int, weight: Any, bias: Any, eps: float) -> Any:
    """See `segalgo.group_norm`. One block a group of a picture."""
    device = device_of(x)
    output = device.xp.empty(x.shape, x.dtype)
    if output.size:
        rows, count = x.shape[0] * groups, x.shape[1] // groups * x.shape[2]
        sizes = map(np.int64, (rows, groups, count, x.shape[2]))
        arguments = (x, weight, bias, output, np.float64(eps), *sizes)
        kernel = f"group_norm<{c_name(x.dtype)}>"
        device.launch("layers.normalization", kernel, blocks_for(rows, 1), (THREADS,), arguments)
    return output


def local_response_norm(x: Any, size: int, alpha: float, beta: float, k: float) -> Any:
    """See `segalgo.local_response_norm`. One thread a cell."""
    device = device_of(x)
    output = device.xp.empty(x.shape, x.dtype)
    if output.size:
        sizes = map(np.int64, (x.shape[0] * x.shape[1], *x.shape[1:]))
        numbers = (np.int64(size), np.float64(alpha / size), np.float64(beta), np.float64(k))
        kernel = f"local_response_norm<{c_name(x.dtype)}>"
        device.launch(
            "layers.normalization", kernel, blocks_for(x.size, THREADS), (THREADS,), (x, output, *numbers, *sizes)
        )
    return output
