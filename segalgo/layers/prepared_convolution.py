"""Convolution with weights packed once for many pictures, and with what follows it folded in."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from segalgo._core.checks import REAL, as_array, as_flag, as_integer, as_number, as_pair, as_planes, as_sequence, one_of
from segalgo._core.dispatch import wing
from segalgo.layers.convolution_arguments import (
    ALGORITHMS,
    as_bias,
    as_weight,
    check_channels,
    check_padding,
    choose_algorithm,
    conv2d_sizes,
    widened,
)


class PreparedConv2d:
    """A convolution whose weights are packed; `prepare_conv2d` makes it, a call applies it.

    Attributes
    ----------
    weight, bias : array
        As given to `prepare_conv2d`, batch normalization folded in; float32 where they were float16.
    stride, dilation : (int, int)
    padding : int, (int, int) or str
    groups : int
    relu : bool
    algorithm : str
    """

    def __init__(
        self,
        weight: Any,
        bias: Any,
        dtype: np.dtype,
        stride: tuple[int, int],
        padding: int | Sequence[int] | str,
        dilation: tuple[int, int],
        groups: int,
        relu: bool,
        algorithm: str,
    ) -> None:
        self.weight, self.bias, self.dtype = weight, bias, dtype
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.relu, self.algorithm = relu, algorithm
        self._packed: dict[tuple[str, str], Any] = {}
        self._pack(wing("layers.convolution", weight), None)

    def __call__(self, input: Any) -> Any:
        """Return the convolution of a tensor (N, C, H, W) or (C, H, W) of the weights' dtype, as `conv2d` does."""
        x = as_planes(input, "input")
        if x.dtype != self.dtype:
            raise TypeError(f"input has dtype {x.dtype}: expected {self.dtype}, that of the weights")
        check_channels(x, self.weight, self.groups)
        border, size = conv2d_sizes(x.shape, self.weight.shape, self.stride, self.padding, self.dilation)
        compute = wing("layers.convolution", x, self.weight)
        output = compute.conv2d_packed(widened(x), self._pack(compute, size), border, size)
        output = output.astype(x.dtype, copy=False)
        return output[0] if np.ndim(input) == 3 else output

    def _pack(self, compute: ModuleType, size: tuple[int, int] | None) -> Any:
        """Return the packed weights of a wing for an output of this size; each form is packed once."""
        method = choose_algorithm(compute, self.algorithm, self.weight, self.stride, self.dilation, self.groups, size)
        key = (compute.__name__, method)
        if key not in self._packed:
            self._packed[key] = compute.pack_conv2d(
                self.weight, self.bias, self.stride, self.dilation, self.groups, self.relu, method
            )
        return self._packed[key]


def prepare_conv2d(
    weight: Any,
    bias: Any = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    batch_norm: Sequence[Any] | None = None,
    relu: bool = False,
    algorithm: str = "auto",
) -> PreparedConv2d:
    """Pack a convolution's weights once, with what follows it folded in; the result is called with the pictures.

    ``prepare_conv2d(weight, bias, ...)(input)`` is ``conv2d(input, weight, bias, ...)``, then batch normalization in
    inference, then ReLU, where asked for.

    Parameters
    ----------
    weight, bias, stride, padding, dilation, groups, algorithm
        As for `conv2d`.
    batch_norm : (running_mean, running_var, weight, bias, eps), optional
        Four arrays (K,) and a number; the third and fourth may be None (1 and 0). Folded into the weights in float64:
        ``scale = weight / sqrt(running_var + eps)``.
    relu : bool, default False
        Replace negative sums by zero in the same step that writes them; NaN stays.

    Returns
    -------
    PreparedConv2d
        Call it with an array (N, C, H, W) or (C, H, W) of the dtype of `weight`. It may be called from several threads.

    Raises
    ------
    TypeError, ValueError
        As `conv2d` does, as soon as the fault can be seen.

    Notes
    -----
    Grade: rounded, with the bound of `conv2d` for the folded weights.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> layer = segalgo.prepare_conv2d(np.array([[[[2.0]]]]), np.array([-3.0]), relu=True)
    >>> layer(np.array([[[1.0, 2.0]]]))
    array([[[0., 1.]]])
    """
    w = as_weight(weight, None)
    steps, spread = as_pair(stride, "stride", 1), as_pair(dilation, "dilation", 1)
    groups = as_integer(groups, "groups", 1)
    if w.shape[0] % groups:
        raise ValueError(f"groups={groups}: expected a divisor of {w.shape[0]}, the output channels of weight")
    border = check_padding(padding, steps)
    rectified = as_flag(relu, "relu")
    one_of(algorithm, "algorithm", ALGORITHMS)
    b = as_bias(bias, w.shape[0], w.dtype)
    folded, offset = widened(w), widened(b)
    if batch_norm is not None:
        folded, offset = fold_batch_norm(folded, offset, batch_norm)
    return PreparedConv2d(folded, offset, w.dtype, steps, border, spread, groups, rectified, algorithm)


def fold_batch_norm(weight: Any, bias: Any, batch_norm: Sequence[Any]) -> tuple[Any, Any]:
    """Return weight and bias of the convolution followed by batch normalization; sums in float64."""
    entries = as_sequence(batch_norm, "batch_norm", "(running_mean, running_var, weight, bias, eps)")
    if len(entries) != 5:
        raise ValueError(
            f"batch_norm has {len(entries)} entries: expected (running_mean, running_var, weight, bias, eps)"
        )
    mean, var, gamma, beta = (
        None if array is None and name in ("weight", "bias") else _statistic(array, name, weight.shape[:1])
        for name, array in zip(("running_mean", "running_var", "weight", "bias"), entries, strict=False)
    )
    eps = as_number(entries[4], "batch_norm eps")
    scale = (var + eps) ** -0.5 if gamma is None else gamma * (var + eps) ** -0.5
    shift = -mean * scale if bias is None else (bias.astype(np.float64) - mean) * scale
    shift = shift if beta is None else shift + beta
    return (weight * scale[:, None, None, None]).astype(weight.dtype), shift.astype(weight.dtype)


def _statistic(value: Any, name: str, shape: tuple[int, ...]) -> Any:
    """Return one of the arrays of batch normalization in float64."""
    array = as_array(value, f"batch_norm {name}")
    if array.shape != shape:
        raise ValueError(f"batch_norm {name} has shape {array.shape}: expected {shape}")
    if array.dtype.name not in REAL:
        raise TypeError(f"batch_norm {name} has dtype {array.dtype}: expected one of {', '.join(REAL)}")
    return array.astype(np.float64)
