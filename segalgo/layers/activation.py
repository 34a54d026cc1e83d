"""Activation functions of single elements, and softmax along an axis.

PyTorch's functional API has in addition ``inplace`` (inputs are never changed here) and, for softmax, ``dtype``.
"""

import math
from typing import Any

from segalgo._core.checks import as_integer, as_number, as_real, one_of, widened
from segalgo._core.dispatch import wing


def relu(input: Any) -> Any:
    """Set negative cells to zero.

    ``out = input`` where it is above 0 or NaN, else +0.

    Parameters
    ----------
    input : array of any shape, float16, float32 or float64
        NumPy or CuPy; any memory order.

    Returns
    -------
    array, shape and dtype of `input`

    Raises
    ------
    TypeError
        If `input` is not of a float dtype.

    Notes
    -----
    Grade: exact. Cost: one read and one write of the tensor.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    return _cell_by_cell("relu", input)


def leaky_relu(input: Any, negative_slope: float = 0.01) -> Any:
    """Multiply negative cells by a slope.

    ``out = input`` where it is above 0, else ``input * negative_slope``, the slope rounded to the dtype of the input
    (float32 for float16). NaN stays NaN.

    Parameters
    ----------
    input : array of any shape, float16, float32 or float64
        NumPy or CuPy; any memory order.
    negative_slope : float, default 0.01

    Returns
    -------
    array, shape and dtype of `input`

    Raises
    ------
    TypeError
        If `input` is not of a float dtype, or `negative_slope` not a number.
    ValueError
        If `negative_slope` is beyond the range of float64.

    Notes
    -----
    Grade: exact, one product and one rounding. Cost: one read and one write of the tensor.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.leaky_relu(np.array([-1.0, 0.0, 2.0]), 0.25)
    array([-0.25,  0.  ,  2.  ])
    """
    return _cell_by_cell("leaky_relu", input, as_number(negative_slope, "negative_slope"))


def prelu(input: Any, weight: Any) -> Any:
    """Multiply negative cells by a learned slope, one for all channels or one a channel.

    ``out[n, c, ...] = input[n, c, ...]`` where it is above 0, else ``input[n, c, ...] * weight[c]``. NaN stays NaN.

    Parameters
    ----------
    input : array, (N, C, ...) or of any shape with a single slope, float16, float32 or float64
        NumPy or CuPy; any memory order.
    weight : array, (C,), (1,) or (), dtype of `input`
        The slopes. An input of fewer than two axes has one channel.

    Returns
    -------
    array, shape and dtype of `input`

    Raises
    ------
    TypeError
        If `input` is not of a float dtype, or `weight` not of that of `input`.
    ValueError
        If the shape of `weight` does not fit the channels of `input`.

    Notes
    -----
    Grade: exact, one product and one rounding (float16 is computed in float32). Cost: one read and one write of the
    tensor.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.prelu(np.array([[-1.0, -2.0], [3.0, -4.0]]), np.array([0.5, 0.25]))
    array([[-0.5, -0.5],
           [ 3. , -1. ]])
    """
    x = as_real(input, "input")
    slopes = as_real(weight, "weight")
    if slopes.dtype != x.dtype:
        raise TypeError(f"weight has dtype {slopes.dtype}: expected {x.dtype}, that of input")
    channels = x.shape[1] if x.ndim > 1 else 1
    if slopes.shape not in ((), (1,), (channels,)):
        raise ValueError(
            f"weight has shape {slopes.shape}: expected (), (1,) or ({channels},), one slope a channel of input"
        )
    if slopes.size == 1:
        shape = (1, 1, x.size)
    else:
        shape = (x.shape[0], channels, math.prod(x.shape[2:]))
    cells, slopes = widened(x).reshape(shape), widened(slopes).reshape(-1)
    output = wing("layers.activation", cells, slopes).prelu(cells, slopes)
    return output.reshape(x.shape).astype(x.dtype, copy=False)


def relu6(input: Any) -> Any:
    """Clip every cell to the range from 0 to 6.

    +0 up to 0, ``input`` from there to 6, and 6 above. NaN stays NaN.

    Parameters
    ----------
    input : array of any shape, float16, float32 or float64
        NumPy or CuPy; any memory order.

    Returns
    -------
    array, shape and dtype of `input`

    Raises
    ------
    TypeError
        If `input` is not of a float dtype.

    Notes
    -----
    Grade: exact. Cost: one read and one write of the tensor.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.relu6(np.array([-1.0, 2.0, 9.0]))
    array([0., 2., 6.])
    """
    return _cell_by_cell("relu6", input)


def hardsigmoid(input: Any) -> Any:
    """Map every cell to a sigmoid curve made of straight lines.

    0 up to -3, ``(input + 3) / 6`` from -3 to 3, and 1 from 3 on. NaN stays NaN.

    Parameters
    ----------
    input : array of any shape, float16, float32 or float64
        NumPy or CuPy; any memory order.

    Returns
    -------
    array, shape and dtype of `input`

    Raises
    ------
    TypeError
        If `input` is not of a float dtype.

    Notes
    -----
    Grade: rounded, in the dtype of the input (float32 for float16); error at most 4 eps. Cost: one read and one write
    of the tensor.

    References
    ----------
    .. [1] A. Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.2.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.hardsigmoid(np.array([-4.0, 0.0, 1.5, 4.0]))
    array([0.  , 0.5 , 0.75, 1.  ])
    """
    return _cell_by_cell("hardsigmoid", input)


def hardswish(input: Any) -> Any:
    """Multiply every cell by its `hardsigmoid`.

    0 up to -3, ``input * (input + 3) / 6`` from -3 to 3, and ``input`` from 3 on. NaN stays NaN.

    Parameters
    ----------
    input : array of any shape, float16, float32 or float64
        NumPy or CuPy; any memory order.

    Returns
    -------
    array, shape and dtype of `input`

    Raises
    ------
    TypeError
        If `input` is not of a float dtype.

    Notes
    -----
    Grade: rounded, in the dtype of the input (float32 for float16); error at most ``4 * eps * |input|``. Cost: one
    read and one write of the tensor.

    References
    ----------
    .. [1] A. Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.2.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.hardswish(np.array([-4.0, -1.5, 1.5, 4.0]))
    array([ 0.   , -0.375,  1.125,  4.   ])
    """
    return _cell_by_cell("hardswish", input)


def sigmoid(input: Any) -> Any:
    """Map every cell to ``1 / (1 + exp(-input))``.

    Parameters
    ----------
    input : array of any shape, float16, float32 or float64
        NumPy or CuPy; any memory order. NaN stays NaN.

    Returns
    -------
    array, shape and dtype of `input`

    Raises
    ------
    TypeError
        If `input` is not of a float dtype.

    Notes
    -----
    Grade: rounded, in the dtype of the input (float32 for float16); relative error at most 4 eps, also of subnormal
    results. Cost: one exponential a cell.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.sigmoid(np.array([-np.inf, 0.0, np.inf]))
    array([0. , 0.5, 1. ])
    """
    return _cell_by_cell("sigmoid", input)


def gelu(input: Any, approximate: str = "none") -> Any:
    """Multiply every cell by the normal distribution's integral up to it (Gaussian error linear unit).

    ``0.5 * input * (1 + erf(input / sqrt(2)))``, or with ``approximate="tanh"``
    ``0.5 * input * (1 + tanh(sqrt(2 / pi) * (input + 0.044715 * input**3)))``.

    Parameters
    ----------
    input : array of any shape, float16, float32 or float64
        NumPy or CuPy; any memory order. NaN stays NaN; -inf gives NaN, as the formula does.
    approximate : {"none", "tanh"}, default "none"

    Returns
    -------
    array, shape and dtype of `input`

    Raises
    ------
    TypeError
        If `input` is not of a float dtype.
    ValueError
        If `approximate` is neither of the two.

    Notes
    -----
    Grade: rounded, in the dtype of the input (float32 for float16); error at most ``4 * eps * |input|``. Cost: one
    exponential and one division a cell, and for "none" a polynomial of degree 11 (float64: 26).

    References
    ----------
    .. [1] D. Hendrycks, K. Gimpel, "Gaussian error linear units", arXiv:1606.08415, 2016.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    one_of(approximate, "approximate", ("none", "tanh"))
    return _cell_by_cell("gelu", input, approximate == "tanh")


def softmax(input: Any, axis: int | None = None, *, dim: int | None = None) -> Any:
    """Turn scores along an axis into probabilities.

    ``exp(input - max) / sum(exp(input - max))``, maximum and sum along `axis`. A NaN or +inf makes its whole line NaN,
    and so does a line of -inf alone.

    Parameters
    ----------
    input : array of any shape, float16, float32 or float64
        NumPy or CuPy; any memory order.
    axis : int
        The axis of the classes: 1 for (N, C, H, W). Negative counts from the end; an array without axes counts as one
        of one element.
    dim : int
        PyTorch's name of `axis`; one of the two must be given.

    Returns
    -------
    array, shape and dtype of `input`

    Raises
    ------
    TypeError
        If `input` is not of a float dtype, or `axis` not an integer.
    ValueError
        If there is no such axis, or none is given.

    Notes
    -----
    Grade: rounded; exponentials in the dtype of the input (float32 for float16), sums in float64. Relative error at
    most ``(|input - max| + 6) * eps``. Cost: one exponential a cell; the input is read twice.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.softmax(np.log([[1.0, 3.0]]), axis=1)
    array([[0.25, 0.75]])
    """
    return _along_axis("softmax", input, axis, dim)


def log_softmax(input: Any, axis: int | None = None, *, dim: int | None = None) -> Any:
    """Return the logarithms of the probabilities of `segalgo.softmax`.

    ``input - max - log(sum(exp(input - max)))``, maximum and sum along `axis`.

    Parameters
    ----------
    input : array of any shape, float16, float32 or float64
        NumPy or CuPy; any memory order.
    axis : int
        The axis of the classes: 1 for (N, C, H, W). Negative counts from the end; an array without axes counts as one
        of one element.
    dim : int
        PyTorch's name of `axis`; one of the two must be given.

    Returns
    -------
    array, shape and dtype of `input`

    Raises
    ------
    TypeError
        If `input` is not of a float dtype, or `axis` not an integer.
    ValueError
        If there is no such axis, or none is given.

    Notes
    -----
    Grade: rounded; exponentials in the dtype of the input (float32 for float16), sums, logarithms and differences in
    float64. Error at most ``eps * (|output| + 8)``. Cost: one exponential a cell, one logarithm a line.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.log_softmax(np.array([0.0, 0.0]), axis=0).round(4)
    array([-0.6931, -0.6931])
    """
    return _along_axis("log_softmax", input, axis, dim)


def _cell_by_cell(operation: str, input: Any, *parameters: Any) -> Any:
    x = as_real(input, "input")
    cells = widened(x).reshape(-1)
    output = getattr(wing("layers.activation", cells), operation)(cells, *parameters)
    return output.reshape(x.shape).astype(x.dtype, copy=False)


def _along_axis(operation: str, input: Any, axis: int | None, dim: int | None) -> Any:
    """View the tensor as (outer, n, inner), n the length of the axis, and compute."""
    x = as_real(input, "input")
    if (axis is None) == (dim is None):
        raise ValueError(f"axis={axis!r} and dim={dim!r}: expected just one of them, two names of the same argument")
    name, place = ("axis", axis) if dim is None else ("dim", dim)
    place = as_integer(place, name)
    shape = x.shape or (1,)
    if not -len(shape) <= place < len(shape):
        raise ValueError(f"{name}={place} with input of shape {x.shape}: expected {-len(shape)} to {len(shape) - 1}")
    if x.size == 0:
        return x.copy()
    place %= len(shape)
    lines = widened(x).reshape(math.prod(shape[:place]), shape[place], math.prod(shape[place + 1 :]))
    output = getattr(wing("layers.activation", lines), operation)(lines)
    return output.reshape(x.shape).astype(x.dtype, copy=False)
