"""The fully connected layer."""

import math
from typing import Any

import numpy as np

from segalgo._core.checks import as_array, as_contiguous, as_real, widened
from segalgo._core.dispatch import wing


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """Multiply the last axis by a matrix, and add a bias.

    ``out[..., n] = sum over k of input[..., k] * weight[n, k] + bias[n]``.

    Parameters
    ----------
    input : array, (..., K), float16, float32 or float64
        NumPy or CuPy; any memory order.
    weight : array, (N, K), dtype of `input`
    bias : array, (N,), dtype of `input`, optional

    Returns
    -------
    array, (..., N), dtype of `input`

    Raises
    ------
    TypeError
        If an array is not of a float dtype, or not of the input's.
    ValueError
        If a shape does not fit.

    Notes
    -----
    Grade: rounded; products and sums in the dtype of the input (float32 for float16), each output cell in an order
    that depends neither on the number of threads nor on the other cells. Cost: N * K products a row; a packed copy of
    the weights.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.linear(np.array([1.0, 2.0]), np.array([[1.0, 1.0], [0.0, 3.0]]), np.array([0.5, 0.0]))
    array([3.5, 6. ])
    """
    x = as_real(input, "input", 1)
    matrix = as_array(weight, "weight")
    if matrix.ndim != 2 or matrix.shape[1] != x.shape[-1]:
        raise ValueError(f"weight has shape {matrix.shape}: expected (N, {x.shape[-1]}), the last axis of input")
    matrix = _of_dtype(matrix, "weight", x.dtype)
    if bias is None:
        vector = _of_dtype(matrix[:, :0].sum(axis=1, dtype=x.dtype), "bias", x.dtype)  # zeros, on the same device
    else:
        vector = _of_dtype(as_array(bias, "bias"), "bias", x.dtype)
        if vector.shape != matrix.shape[:1]:
            raise ValueError(f"bias has shape {vector.shape}: expected {matrix.shape[:1]}")
    rows = widened(x).reshape(math.prod(x.shape[:-1]), x.shape[-1])
    output = wing("layers.fully_connected", x, matrix, vector).linear(rows, matrix, vector)
    return output.reshape(*x.shape[:-1], matrix.shape[0]).astype(x.dtype, copy=False)


def _of_dtype(array: Any, argument: str, dtype: np.dtype) -> Any:
    """Return the array contiguous and widened, if it has the input's dtype."""
    if array.dtype.name != dtype.name:
        raise TypeError(f"{argument} has dtype {array.dtype}: expected {dtype}, that of input")
    return widened(as_contiguous(array))
