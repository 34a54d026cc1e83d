"""Conversions between the two ways to count the indices of max-pooling: in a plane, and over the whole tensor."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.checks import as_pair, one_of
from segalgo._core.dispatch import wing
from segalgo.layers.pooling_arguments import as_indices

ORDERS = ("row", "column")


def plane_to_tensor_indices(indices: Any, plane_size: Sequence[int], storage_order: str = "row") -> Any:
    """Turn indices within a plane (PyTorch's, ours) into indices over the whole tensor (ONNX's MaxPool).

    ``row * W + column`` of plane ``p = n*C + c`` becomes ``p*H*W + row*W + column``, or with
    ``storage_order="column"`` ``p*H*W + column*H + row`` (ONNX's ``storage_order=1``).

    Parameters
    ----------
    indices : array of integers, (N, C, OH, OW) or (C, OH, OW)
        As `segalgo.max_pool2d` returns them.
    plane_size : (int, int)
        (H, W): height and width of the planes that the indices point into.
    storage_order : {"row", "column"}, default "row"
        Which of the two the tensor-wide indices count along first.

    Returns
    -------
    array of int64, shape of `indices`

    Raises
    ------
    TypeError
        If `indices` is not of an integer dtype.
    ValueError
        If an index lies outside its plane, or tensor-wide indices would pass 2**63.

    Notes
    -----
    Grade: exact. `tensor_to_plane_indices` is the inverse.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.plane_to_tensor_indices(np.array([[[1]], [[5]]]), (2, 3)).ravel()
    array([ 1, 11])
    """
    return _converted(indices, plane_size, storage_order, "plane_to_tensor_indices", "0 to {last} in each plane")


def tensor_to_plane_indices(indices: Any, plane_size: Sequence[int], storage_order: str = "row") -> Any:
    """Turn indices over the whole tensor (ONNX's MaxPool) into indices within a plane (PyTorch's, ours).

    The inverse of `plane_to_tensor_indices`: ``p*H*W + row*W + column``, or with ``storage_order="column"``
    ``p*H*W + column*H + row``, becomes ``row * W + column``.

    Parameters
    ----------
    indices : array of integers, (N, C, OH, OW) or (C, OH, OW)
        Indices over a tensor (N, C, H, W), each within its own plane.
    plane_size : (int, int)
        (H, W): height and width of the planes that the indices point into.
    storage_order : {"row", "column"}, default "row"
        How `indices` count: ONNX's ``storage_order`` 0 or 1.

    Returns
    -------
    array of int64, shape of `indices`

    Raises
    ------
    TypeError
        If `indices` is not of an integer dtype.
    ValueError
        If an index points into another plane than its own.

    Notes
    -----
    Grade: exact.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.tensor_to_plane_indices(np.array([[[1]], [[11]]]), (2, 3)).ravel()
    array([1, 5])
    """
    expected = "p*{size} to p*{size} + {last} in plane p"
    return _converted(indices, plane_size, storage_order, "tensor_to_plane_indices", expected)


def _converted(indices: Any, plane_size: Sequence[int], storage_order: str, operation: str, expected: str) -> Any:
    """Check the arguments, convert, and raise for the first index that does not lie in its plane."""
    places = as_indices(indices, "indices")
    if places.ndim not in (3, 4):
        raise ValueError(f"indices has shape {places.shape}: expected (N, C, OH, OW) or (C, OH, OW)")
    size = as_pair(plane_size, "plane_size", 1)
    one_of(storage_order, "storage_order", ORDERS)
    planes = int(np.prod(places.shape[:-2]))
    if planes * size[0] * size[1] > 2**63 - 1:
        raise ValueError(f"plane_size={size} with {planes} planes: expected at most 2**63 - 1 cells in all")
    flat = places.reshape(planes, places.shape[-2] * places.shape[-1])
    convert = getattr(wing("layers.index_conventions", places), operation)
    output, fault = convert(flat, size, storage_order == "column")
    if fault >= 0:
        where = [int(k) for k in np.unravel_index(fault, places.shape)]
        cells = size[0] * size[1]
        raise ValueError(
            f"indices{where}={int(flat.reshape(-1)[fault])}: expected {expected.format(size=cells, last=cells - 1)}, "
            f"planes of {size[0]} x {size[1]}"
        )
    return output.reshape(places.shape)
