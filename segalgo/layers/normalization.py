"""Normalization: by stored statistics, over the last axes, and across neighbouring channels."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo._core.checks import (
    as_double,
    as_flag,
    as_integer,
    as_number,
    as_real,
    as_sequence,
    is_sequence,
    widened,
)
from segalgo._core.dispatch import wing


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Normalize every channel by stored statistics (batch normalization at inference).

    ``out[n, c, ...] = (input[n, c, ...] - running_mean[c]) / sqrt(running_var[c] + eps) * weight[c] + bias[c]``.

    Parameters
    ----------
    input : array, (N, C, ...), float16, float32 or float64
        NumPy or CuPy; any memory order.
    running_mean, running_var : array, (C,)
        Mean and variance of each channel.
    weight, bias : array, (C,), optional
        Factor and summand of each channel; 1 and 0 if not given.
    training : bool, default False
        Only False: the statistics are used as they are, and inputs are never changed.
    momentum : float, optional
        Ignored, as in PyTorch while `training` is False.
    eps : float, default 1e-5
        Keeps the root away from 0.

    Returns
    -------
    array, shape and dtype of `input`

    Raises
    ------
    TypeError
        If an array is not of a float dtype, or `eps` or `momentum` not a number.
    ValueError
        If a shape does not fit, or `training` is True.

    Notes
    -----
    Grade: rounded; computed in float64 and rounded once. Cost: one read and one write of the tensor.

    References
    ----------
    .. [1] S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015, algorithm 2.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> x = np.array([[[1.0, 3.0], [5.0, 5.0]]])
    >>> segalgo.batch_norm(x, np.array([2.0, 5.0]), np.array([4.0, 1.0]), eps=0.0)
    array([[[-0.5,  0.5], [ 0. ,  0. ]]])
    """
    x = as_real(input, "input", 2)
    shape = x.shape[1:2]
    mean, var = as_double(running_mean, "running_mean", shape), as_double(running_var, "running_var", shape)
    weight, bias = _affine(x, weight, bias, shape)
    if as_flag(training, "training"):
        raise ValueError("training=True: expected False; batches are normalized by stored statistics only")
    if momentum is not None:
        as_number(momentum, "momentum")
    eps = as_number(eps, "eps")
    cells = widened(x).reshape(*x.shape[:2], math.prod(x.shape[2:]))
    compute = wing("layers.normalization", x, mean, var, weight, bias).batch_norm
    output = compute(cells, mean, var, weight, bias, eps)
    return output.reshape(x.shape).astype(x.dtype, copy=False)


def layer_norm(
    input: Any, normalized_shape: int | Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Normalize over the last axes by their own mean and variance.

    ``out = (input - mean) / sqrt(var + eps) * weight + bias``, mean and (biased) variance over the axes that
    `normalized_shape` names, weight and bias of their shape.

    Parameters
    ----------
    input : array, of shape (..., then normalized_shape), float16, float32 or float64
        NumPy or CuPy; any memory order.
    normalized_shape : int or sequence of int
        Shape of the last axes.
    weight, bias : array of shape `normalized_shape`, optional
        1 and 0 if not given.
    eps : float, default 1e-5
        Keeps the root away from 0.

    Returns
    -------
    array, shape and dtype of `input`

    Raises
    ------
    TypeError
        If an array is not of a float dtype, an axis not an integer, or `eps` not a number.
    ValueError
        If a shape does not fit.

    Notes
    -----
    Grade: rounded; sums are in float64, the mean first, then the squares of the differences; the result is rounded
    once. Cost: three reads of a row that stays in the cache, one write.

    References
    ----------
    .. [1] J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", arXiv:1607.06450, 2016.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.layer_norm(np.array([[1.0, 3.0], [4.0, 4.0]]), 2, eps=0.25)
    array([[-0.89442719,  0.89442719],
           [ 0.        ,  0.        ]])
    """
    x = as_real(input, "input", 1)
    named = (normalized_shape,)
    if is_sequence(normalized_shape):
        named = as_sequence(normalized_shape, "normalized_shape", "an integer or a sequence of integers")
    shape = tuple(as_integer(n, "normalized_shape") for n in named)
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(f"normalized_shape={shape} with input of shape {x.shape}: expected its last axes")
    weight, bias = _affine(x, weight, bias, shape)
    eps = as_number(eps, "eps")
    if x.size == 0:
        return x.copy()
    rows = widened(x).reshape(-1, math.prod(shape))
    compute = wing("layers.normalization", x, weight, bias).layer_norm
    output = compute(rows, weight.reshape(-1), bias.reshape(-1), eps)
    return output.reshape(x.shape).astype(x.dtype, copy=False)


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Normalize each group of channels of each picture by its own mean and variance.

    ``out[n, c, ...] = (input[n, c, ...] - mean) / sqrt(var + eps) * weight[c] + bias[c]``, mean and (biased) variance
    over all cells of the ``C / num_groups`` neighbouring channels that form the group of channel c.

    Parameters
    ----------
    input : array, (N, C, ...), float16, float32 or float64
        NumPy or CuPy; any memory order.
    num_groups : int
        Number of groups, at least 1, a divisor of C.
    weight, bias : array, (C,), optional
        Factor and summand of each channel; 1 and 0 if not given.
    eps : float, default 1e-5
        Keeps the root away from 0.

    Returns
    -------
    array, shape and dtype of `input`

    Raises
    ------
    TypeError
        If an array is not of a float dtype, `num_groups` not an integer, or `eps` not a number.
    ValueError
        If a shape or `num_groups` does not fit.

    Notes
    -----
    Grade: rounded; sums are in float64, the mean first, then the squares of the differences; the result is rounded
    once. Cost: three reads and one write of the tensor.

    References
    ----------
    .. [1] Y. Wu, K. He, "Group normalization", ECCV 2018.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.group_norm(np.array([[[1.0], [3.0], [5.0], [5.0]]]), 2, eps=0.0625).round(4).ravel()
    array([-0.9701,  0.9701,  0.    ,  0.    ])
    """
    x = as_real(input, "input", 2)
    groups = as_integer(num_groups, "num_groups", 1)
    if x.shape[1] % groups:
        raise ValueError(f"num_groups={groups} with input of shape {x.shape}: expected a divisor of {x.shape[1]}")
    weight, bias = _affine(x, weight, bias, x.shape[1:2])
    eps = as_number(eps, "eps")
    if x.size == 0:
        return x.copy()
    cells = widened(x).reshape(*x.shape[:2], math.prod(x.shape[2:]))
    output = wing("layers.normalization", x, weight, bias).group_norm(cells, groups, weight, bias, eps)
    return output.reshape(x.shape).astype(x.dtype, copy=False)


def local_response_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    """Divide every cell by a power of the mean square of its neighbours across channels.

    ``out[n, c] = input[n, c] / (k + alpha / size * sum over q of input[n, q]**2)**beta``, q from ``c - size//2`` to
    ``c + (size - 1)//2``, channels outside counted as 0.

    Parameters
    ----------
    input : array, (N, C, ...), at least three axes, float16, float32 or float64
        NumPy or CuPy; any memory order.
    size : int
        Number of neighbouring channels, at least 1.
    alpha, beta, k : float
        Factor, exponent and summand.

    Returns
    -------
    array, shape and dtype of `input`

    Raises
    ------
    TypeError
        If `input` is not of a float dtype, `size` not an integer, or another parameter not a number.
    ValueError
        If a shape or `size` does not fit.

    Notes
    -----
    Grade: rounded; computed in float64 and rounded once. Cost: `size` products a cell.

    References
    ----------
    .. [1] A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional neural networks",
       NIPS 2012, section 3.3.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.local_response_norm(np.array([[[3.0], [4.0]]]), 2, alpha=2.0, beta=0.5, k=0.0)
    array([[[1. ], [0.8]]])
    """
    x = as_real(input, "input", 3)
    size = as_integer(size, "size", 1)
    numbers = (as_number(alpha, "alpha"), as_number(beta, "beta"), as_number(k, "k"))
    cells = widened(x).reshape(*x.shape[:2], math.prod(x.shape[2:]))
    output = wing("layers.normalization", x).local_response_norm(cells, size, *numbers)
    return output.reshape(x.shape).astype(x.dtype, copy=False)


def _affine(x: Any, weight: Any, bias: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return weight and bias in float64, ones and zeros where they are not given."""
    xp = np
    if is_cupy(x):
        import cupy as xp
    weight = xp.ones(shape) if weight is None else as_double(weight, "weight", shape)
    bias = xp.zeros(shape) if bias is None else as_double(bias, "bias", shape)
    return weight, bias
