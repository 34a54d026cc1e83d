"""Indices within a plane and over the whole tensor: launch code of ``_ext/layers/index_conventions.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, device_of

THREADS = 256
NOBODY = np.iinfo(np.uint64).max


def plane_to_tensor_indices(indices: Any, plane_size: tuple[int, int], column_major: bool) -> tuple[Any, int]:
    """See `segalgo.plane_to_tensor_indices`. One thread an index."""
    return _convert(indices, *plane_size, True, column_major)


def tensor_to_plane_indices(indices: Any, plane_size: tuple[int, int], column_major: bool) -> tuple[Any, int]:
    """See `segalgo.tensor_to_plane_indices`. One thread an index."""
    height, width = plane_size
    outer, inner = (width, height) if column_major else (height, width)
    return _convert(indices, outer, inner, False, column_major)


def _convert(indices: Any, outer: int, inner: int, to_tensor: bool, turn: bool) -> tuple[Any, int]:
    device = device_of(indices)
    output = device.xp.empty(indices.shape, np.int64)
    if indices.size == 0:
        return output, -1
    faults = device.xp.full(1, NOBODY, np.uint64)
    sizes = map(np.int64, (*indices.shape, outer, inner))
    arguments = (indices, output, faults, *sizes, np.int32(to_tensor), np.int32(turn))
    device.launch(
        "layers.index_conventions", "convert_indices", blocks_for(indices.size, THREADS), (THREADS,), arguments
    )
    fault = device.to_host(faults)[0]
    return output, -1 if fault == NOBODY else int(fault)
