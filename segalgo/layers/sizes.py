"""Output sizes of the layers, and the input sizes that lead to a given output size: integers only, no arrays.

The functions of one axis take and return integers; doors call them, so that every wing gets the same sizes.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

# No picture is larger along an axis; `input_sizes` searches up to here.
LARGEST = 2**40


def output_size(operation: str, input_size: Sequence[int], **parameters: Any) -> tuple[int, int]:
    """Return the output size (OH, OW) of a layer for an input size (H, W).

    Convolution and pooling: ``floor((n + 2*p - d*(k - 1) - 1) / s) + 1``; with `ceil_mode` the quotient is rounded
    up, and a last window that would start in the far padding is dropped. Transposed convolution:
    ``(n - 1)*s - 2*p + d*(k - 1) + output_padding + 1``; unpooling: ``(n - 1)*s - 2*p + k``; interpolation: `size`,
    or ``floor(n * scale_factor)``. These are PyTorch's rules.

    Parameters
    ----------
    operation : {"conv2d", "conv_transpose2d", "max_pool2d", "avg_pool2d", "max_unpool2d", "interpolate"}
    input_size : (int, int)
        Height and width.
    **parameters
        Those of the operation that matter: `kernel_size`, `stride`, `padding`, `dilation`, `output_padding`,
        `ceil_mode`, `size`, `scale_factor`; one value, or a pair for the two axes. Defaults are the operation's.

    Returns
    -------
    (int, int)

    Raises
    ------
    TypeError
        If a parameter is unknown to the operation, or not a number.
    ValueError
        If no output exists: a kernel larger than the padded input, a stride below 1.

    See Also
    --------
    input_sizes : the way back.

    References
    ----------
    .. [1] V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, 2016.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.output_size("max_pool2d", (7, 8), kernel_size=3, stride=2, ceil_mode=True)
    (3, 4)
    """
    if len(input_size) != 2:
        raise ValueError(f"input_size={tuple(input_size)}: expected (H, W)")
    per_axis = _per_axis(operation, parameters)
    return tuple(
        per_axis[k](axis, _integer(n, "input_size", axis, 1))
        for k, (axis, n) in enumerate(zip("HW", input_size, strict=True))
    )


def input_sizes(operation: str, output_size: Sequence[int], **parameters: Any) -> tuple[range, range]:
    """Return every input size of a layer whose output has the given size.

    Parameters
    ----------
    operation, **parameters
        As in `segalgo.output_size`.
    output_size : (int, int)
        Height and width of the output.

    Returns
    -------
    (range, range)
        All heights, and all widths: consecutive integers, since no output shrinks when its input grows. Empty where
        no input gives this size.

    Raises
    ------
    TypeError, ValueError
        As in `segalgo.output_size`; also for ``interpolate`` with `size`, whose output tells nothing of its input.

    Notes
    -----
    Cost: a bisection of each axis, some 80 evaluations of the rule.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.input_sizes("conv2d", (4, 4), kernel_size=3, stride=2, padding=1)
    (range(7, 9), range(7, 9))
    """
    if len(output_size) != 2:
        raise ValueError(f"output_size={tuple(output_size)}: expected (OH, OW)")
    if operation == "interpolate" and parameters.get("size") is not None:
        raise ValueError("input_sizes of interpolate with size: every input size leads there; expected scale_factor")
    per_axis = _per_axis(operation, parameters)
    ranges = []
    for k, (axis, wanted) in enumerate(zip("HW", output_size, strict=True)):
        wanted = _integer(wanted, "output_size", axis, 1)

        def reaches(n: int, least: int, rule: Callable[..., int] = per_axis[k], axis: str = axis) -> bool:
            try:
                return rule(axis, n) >= least
            except NoOutputError:  # too small an input: below every output
                return False

        first, beyond = (_first_where(lambda n, least=least: reaches(n, least)) for least in (wanted, wanted + 1))
        ranges.append(range(first, beyond))
    return tuple(ranges)


class NoOutputError(ValueError):
    """An input is too small for the layer."""


def conv_size(axis: str, n: int, kernel_size: int, stride: int = 1, padding: int | str = 0, dilation: int = 1) -> int:
    """Return the output size of a convolution along one axis."""
    k, s, d = _window(axis, kernel_size, stride, dilation)
    if padding == "same":
        if s != 1:
            raise ValueError(f"padding='same' with stride={s} along {axis}: expected stride 1")
        return n
    p = 0 if padding == "valid" else _integer(padding, "padding", axis, 0)
    extent = d * (k - 1) + 1
    if n + 2 * p < extent:
        raise NoOutputError(
            f"kernel of extent {extent} along {axis}: expected at most {n + 2 * p}, the padded input size"
        )
    return (n + 2 * p - extent) // s + 1


def conv_transpose_size(
    axis: str, n: int, kernel_size: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """Return the output size of a transposed convolution along one axis."""
    k, s, d = _window(axis, kernel_size, stride, dilation)
    p = _integer(padding, "padding", axis, 0)
    extra = _integer(output_padding, "output_padding", axis, 0)
    if extra >= max(s, d):
        raise ValueError(
            f"output_padding={extra} along {axis}: expected less than the larger of stride={s} and dilation={d}"
        )
    size = (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
    if size < 1:
        raise NoOutputError(f"output size {size} along {axis}: expected at least 1, padding={p} takes all of it")
    return size


def pool_size(
    axis: str,
    n: int,
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> int:
    """Return the output size of max-pooling along one axis.

    A last window that would start in the far padding is dropped. An input is refused where a window of a dilated
    kernel would have no cell of it.
    """
    k, s, d = _window(axis, kernel_size, kernel_size if stride is None else stride, dilation)
    p = _integer(padding, "padding", axis, 0)
    extent = d * (k - 1) + 1
    if p > extent // 2:
        raise ValueError(
            f"padding={p} along {axis}: expected at most {extent // 2}, half of the dilated kernel {extent}"
        )
    size = (n + 2 * p - extent + (s - 1 if ceil_mode else 0)) // s + 1
    if ceil_mode and (size - 1) * s >= n + p:
        size -= 1
    if n < 1 or size < 1:
        raise NoOutputError(
            f"kernel of extent {extent} along {axis}: expected at most {n + 2 * p}, the padded input size"
        )
    # Windows that start before the picture and step over it: only where the picture is narrower than a step.
    if n < d and any(start % d >= n for start in range(-p, min(0, size * s - p), s)):
        raise NoOutputError(
            f"padding={p} with dilation={d} along {axis}: a window lies wholly in the padding, expected a cell of the "
            f"{n} in each"
        )
    return size


def avg_pool_size(
    axis: str, n: int, kernel_size: int, stride: int | None = None, padding: int = 0, ceil_mode: bool = False
) -> int:
    """Return the output size of average-pooling along one axis."""
    return pool_size(axis, n, kernel_size, stride, padding, 1, ceil_mode)


def unpool_size(axis: str, n: int, kernel_size: int, stride: int | None = None, padding: int = 0) -> int:
    """Return the default output size of max-unpooling along one axis."""
    k, s, _ = _window(axis, kernel_size, kernel_size if stride is None else stride, 1)
    size = (n - 1) * s - 2 * _integer(padding, "padding", axis, 0) + k
    if size < 1:
        raise NoOutputError(f"output_size is not given and would be {size} along {axis}: expected at least 1")
    return size


def interpolate_size(axis: str, n: int, size: int | None = None, scale_factor: float | None = None) -> int:
    """Return the output size of interpolation along one axis."""
    if (size is None) == (scale_factor is None):
        raise ValueError(f"size={size!r} and scale_factor={scale_factor!r}: expected one of them, and only one")
    if size is not None:
        return _integer(size, "size", axis, 1)
    try:
        scale = float(scale_factor)
    except (TypeError, ValueError):
        raise TypeError(f"scale_factor={scale_factor!r} along {axis}: expected a number") from None
    if not 0 < scale < math.inf:
        raise ValueError(f"scale_factor={scale_factor!r} along {axis}: expected a positive, finite number")
    result = math.floor(n * scale)
    if result < 1:
        raise NoOutputError(
            f"scale_factor={scale_factor!r} along {axis} makes {n} cells to {result}: expected at least 1"
        )
    return result


RULES: dict[str, Callable[..., int]] = {
    "conv2d": conv_size,
    "conv_transpose2d": conv_transpose_size,
    "max_pool2d": pool_size,
    "avg_pool2d": avg_pool_size,
    "max_unpool2d": unpool_size,
    "interpolate": interpolate_size,
}


def _per_axis(operation: str, parameters: dict[str, Any]) -> list[Callable[[str, int], int]]:
    """Return the rule of each axis, its parameters bound: the one of a pair that belongs to the axis."""
    if operation not in RULES:
        raise ValueError(f"operation={operation!r}: expected one of {', '.join(RULES)}")
    rule = RULES[operation]
    known = list(inspect.signature(rule).parameters)[2:]
    for name, value in parameters.items():
        if name not in known:
            raise TypeError(f"{operation} has no parameter {name!r} that changes its size: expected {', '.join(known)}")
        if isinstance(value, Sequence) and not isinstance(value, str) and len(value) != 2:
            raise ValueError(f"{name}={value!r}: expected one value, or a pair")
    if "kernel_size" in known and "kernel_size" not in parameters:
        raise TypeError(f"{operation} without kernel_size: expected an integer or a pair of integers")

    def bound(k: int) -> Callable[[str, int], int]:
        mine = {
            name: value[k] if isinstance(value, Sequence) and not isinstance(value, str) else value
            for name, value in parameters.items()
        }
        return lambda axis, n: rule(axis, n, **mine)

    return [bound(0), bound(1)]


def _window(axis: str, kernel_size: Any, stride: Any, dilation: Any) -> tuple[int, int, int]:
    """Return kernel size, stride and dilation of one axis, each at least 1."""
    return (
        _integer(kernel_size, "kernel_size", axis, 1),
        _integer(stride, "stride", axis, 1),
        _integer(dilation, "dilation", axis, 1),
    )


def _integer(value: Any, argument: str, axis: str, least: int) -> int:
    """Return the value as an integer of at least `least`."""
    try:
        number = value.__index__()
    except AttributeError:
        raise TypeError(f"{argument}={value!r} along {axis}: expected an integer") from None
    if number < least:
        raise ValueError(f"{argument}={number} along {axis}: expected at least {least}")
    return number


def _first_where(reached: Callable[[int], bool]) -> int:
    """Return the first n from 1 where a condition holds that, once true, stays true."""
    low, high = 0, 1
    while not reached(high):
        if high >= LARGEST:
            return high
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high
