"""The fully connected layer, and attention: products with matrices."""

import math
from typing import Any

import numpy as np

from segalgo._core.checks import as_array, as_contiguous, as_flag, as_real, widened
from segalgo._core.dispatch import wing
from segalgo._core.numbers import as_real_number


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


def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, is_causal: bool = False, scale: float | None = None
) -> Any:
    """Average values, each query by how well it fits the keys.

    ``out = softmax(scale * query @ key.T) @ value``, for each index of the leading axes.

    Parameters
    ----------
    query : array, (..., L, E), float16, float32 or float64
        NumPy or CuPy; any memory order. The leading axes are pictures and heads.
    key : array, (..., S, E), dtype of `query`
        As many leading axes of the same lengths.
    value : array, (..., S, V), dtype of `query`
    is_causal : bool, default False
        Query i sees the keys 0 to i alone.
    scale : float, optional
        ``1 / sqrt(E)`` if not given.

    Returns
    -------
    array, (..., L, V), dtype of `query`
        Zeros where there are no keys.

    Raises
    ------
    TypeError
        If an array is not of a float dtype, or not of the query's, `is_causal` no flag, or `scale` not a number.
    ValueError
        If a shape does not fit.

    See Also
    --------
    linear, softmax

    Notes
    -----
    PyTorch's function of this name has masks and dropout in addition. Grade: rounded; products and sums in the dtype of
    the query (float32 for float16), in an order that does not depend on the number of threads. Cost: ``L S (E + V)``
    products and ``L S`` exponentials. The L x S matrix is never in memory: a thread holds the scores of up to 12
    queries; besides, there are packed copies of keys and values.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NIPS 2017, section 3.2.1.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> query, key, value = np.array([[9.0]]), np.array([[9.0], [-9.0]]), np.array([[1.0, 2.0], [5.0, 5.0]])
    >>> segalgo.scaled_dot_product_attention(query, key, value)
    array([[1., 2.]])
    """
    q = as_real(query, "query", 2)
    k, v = (as_array(array, name) for array, name in ((key, "key"), (value, "value")))
    if k.ndim != q.ndim or k.shape[:-2] != q.shape[:-2] or k.shape[-1] != q.shape[-1]:
        expected = str((*q.shape[:-2], "S", q.shape[-1])).replace("'", "")
        raise ValueError(f"key has shape {k.shape}: expected {expected} for query of shape {q.shape}")
    if v.ndim != q.ndim or v.shape[:-1] != k.shape[:-1]:
        expected = str((*k.shape[:-1], "V")).replace("'", "")
        raise ValueError(f"value has shape {v.shape}: expected {expected} for key of shape {k.shape}")
    k, v = _of_dtype(k, "key", q.dtype, "query"), _of_dtype(v, "value", q.dtype, "query")
    causal = as_flag(is_causal, "is_causal")
    factor = 1 / math.sqrt(max(q.shape[-1], 1)) if scale is None else as_real_number(scale, "scale")
    compute = wing("layers.fully_connected", q, k, v).scaled_dot_product_attention
    batches = math.prod(q.shape[:-2])
    three = (array.reshape(batches, *array.shape[-2:]) for array in (widened(q), k, v))
    output = compute(*three, factor, causal)
    return output.reshape(*q.shape[:-1], v.shape[-1]).astype(q.dtype, copy=False)


def _of_dtype(array: Any, argument: str, dtype: np.dtype, first: str = "input") -> Any:
    """Return the array contiguous and widened, if it has the dtype of the first argument."""
    if array.dtype.name != dtype.name:
        raise TypeError(f"{argument} has dtype {array.dtype}: expected {dtype}, that of {first}")
    return widened(as_contiguous(array))
