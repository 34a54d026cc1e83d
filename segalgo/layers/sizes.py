"""Output sizes of the layers, and the input sizes that lead to a given output size: integers only, no arrays.

The functions of one axis take and return integers; doors call them, so that every wing gets the same sizes.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

from segalgo._core.checks import LARGEST_ARGUMENT, as_flag, as_integer, as_number, as_sequence, is_sequence, shown

# No picture is larger along an axis; `input_sizes` searches up to here.
LARGEST = 2**40
# No output has more elements.
LARGEST_OUTPUT = 2**40


def output_size(operation: str, input_size: Sequence[int], **parameters: Any) -> tuple[int, int]:
    """Return the output size (OH, OW) of a layer for an input size (H, W).

    Convolution and pooling: ``floor((n + 2*p - d*(k - 1) - 1) / s) + 1``; with `ceil_mode` the quotient is rounded
    up, and a last window that would start in the far padding is dropped. Transposed convolution:
    ``(n - 1)*s - 2*p + d*(k - 1) + output_padding + 1``; unpooling: ``(n - 1)*s - 2*p + d*(k - 1) + 1``; interpolation:
    `size`, or ``floor(n * scale_factor)``; adaptive pooling: `output_size`, or the input's where it is None. These are
    PyTorch's rules.

    Parameters
    ----------
    operation : {"conv2d", "conv_transpose2d", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "max_unpool2d", \
"interpolate"}
    input_size : (int, int)
        Height and width.
    **parameters
        Those that change the size: `kernel_size`, `stride`, `padding`, `dilation`, `output_padding`,
        `ceil_mode`, `size`, `scale_factor`, `output_size`; one value, or a pair for the two axes. Defaults are the
        operation's.

    Returns
    -------
    (int, int)

    Raises
    ------
    TypeError
        If a parameter is unknown to the operation, or not a number.
    ValueError
        If no output exists: a kernel larger than the padded input, a stride below 1. Sizes, strides, paddings and
        dilations are at most 2**31 - 1.

    See Also
    --------
    input_sizes : the inverse.

    References
    ----------
    .. [1] V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, 2016.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.output_size("max_pool2d", (7, 8), kernel_size=3, stride=2, ceil_mode=True)
    (3, 4)
    """
    sizes = _height_and_width(input_size, "input_size", "(H, W)")
    per_axis = _per_axis(operation, parameters)
    return tuple(
        per_axis[k](axis, _integer(n, "input_size", axis, 1, LARGEST))
        for k, (axis, n) in enumerate(zip("HW", sizes, strict=True))
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
        As in `segalgo.output_size`; also for ``interpolate`` with `size` and for ``adaptive_avg_pool2d``, whose outputs
        tell nothing of their inputs.

    Notes
    -----
    Cost: a bisection of each axis, some 80 evaluations of the rule.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.input_sizes("conv2d", (4, 4), kernel_size=3, stride=2, padding=1)
    (range(7, 9), range(7, 9))
    """
    sizes = _height_and_width(output_size, "output_size", "(OH, OW)")
    per_axis = _per_axis(operation, parameters)
    if operation == "interpolate" and parameters.get("size") is not None:
        raise ValueError("size with operation='interpolate': every input size leads there; expected scale_factor")
    if operation == "adaptive_avg_pool2d":
        raise ValueError("operation='adaptive_avg_pool2d': every input size leads to every output size")
    ranges = []
    for k, (axis, wanted) in enumerate(zip("HW", sizes, strict=True)):
        wanted = _integer(wanted, "output_size", axis, 1, LARGEST)

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
            f"kernel_size={k} of weight with dilation={d}, a kernel of extent {extent} along {axis}: expected at most "
            f"{n + 2 * p}, the padded input size"
        )
    return (n + 2 * p - extent) // s + 1


def conv_padding(axis: str, kernel_size: int, padding: int | str, dilation: int = 1) -> int:
    """Return the zeros before the first cell of an axis: of an odd total for "same", the larger half lies behind."""
    if padding == "same":
        return dilation * (kernel_size - 1) // 2
    return 0 if padding == "valid" else padding


def conv_transpose_size(
    axis: str, n: int, kernel_size: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """Return the output size of a transposed convolution along one axis."""
    k, s, d = _window(axis, kernel_size, stride, dilation)
    p = _integer(padding, "padding", axis, 0)
    extra = _integer(output_padding, "output_padding", axis, 0)
    _require_cell(axis, n)
    if extra >= max(s, d):
        raise ValueError(
            f"output_padding={extra} along {axis}: expected less than the larger of stride={s} and dilation={d}"
        )
    size = (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
    if size < 1:
        raise NoOutputError(f"padding={p} along {axis} leaves an output of size {size}: expected at least 1")
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
    _require_cell(axis, n)
    extent = d * (k - 1) + 1
    if p > extent // 2:
        raise ValueError(
            f"padding={p} along {axis}: expected at most {extent // 2}, half of the dilated kernel {extent}"
        )
    size = (n + 2 * p - extent + (s - 1 if as_flag(ceil_mode, "ceil_mode") else 0)) // s + 1
    if ceil_mode and (size - 1) * s >= n + p:
        size -= 1
    if size < 1:
        raise NoOutputError(
            f"kernel_size={k} with dilation={d}, a kernel of extent {extent} along {axis}: expected at most "
            f"{n + 2 * p}, the padded input size"
        )
    # Windows that start before the picture and step over it: only where the picture is narrower than a step. They
    # start at -p + m*s; m counts those that start before 0.
    m = min(size, -(-p // s))
    if n < d and _residues_from(m, s, -p % d, d, n):
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


def adaptive_pool_size(axis: str, n: int, output_size: int | None) -> int:
    """Return the output size of adaptive pooling along one axis."""
    _require_cell(axis, n)
    return n if output_size is None else _integer(output_size, "output_size", axis, 0)


def unpool_size(
    axis: str,
    n: int,
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
    dilation: int = 1,
    output_size: int | None = None,
) -> int:
    """Return the output size of max-unpooling along one axis: the default, or a given size within one stride of it."""
    k, s, d = _window(axis, kernel_size, kernel_size if stride is None else stride, dilation)
    default = (n - 1) * s - 2 * _integer(padding, "padding", axis, 0) + d * (k - 1) + 1
    if output_size is None:
        if default < 1:
            raise NoOutputError(f"output_size is not given and would be {default} along {axis}: expected at least 1")
        return default
    size = _integer(output_size, "output_size", axis, 1)
    if not default - s < size < default + s:
        raise ValueError(
            f"output_size={size} along {axis}: expected {max(default - s + 1, 1)} to {default + s - 1}, within one "
            f"stride={s} of the default {default}"
        )
    return size


def interpolate_size(axis: str, n: int, size: int | None = None, scale_factor: float | None = None) -> int:
    """Return the output size of interpolation along one axis."""
    if (size is None) == (scale_factor is None):
        raise ValueError(f"size={shown(size)} and scale_factor={shown(scale_factor)}: expected just one of them")
    _require_cell(axis, n)
    if size is not None:
        return _integer(size, "size", axis, 1)
    scale = as_number(scale_factor, "scale_factor")
    if not 0 < scale < math.inf:
        raise ValueError(f"scale_factor={scale_factor!r} along {axis}: expected a positive, finite number")
    if n * scale > LARGEST_ARGUMENT:
        raise ValueError(
            f"scale_factor={scale_factor!r} along {axis} with {n} cells: expected at most {LARGEST_ARGUMENT} cells"
        )
    result = math.floor(n * scale)
    if result < 1:
        raise NoOutputError(
            f"scale_factor={scale_factor!r} along {axis} makes {n} cells to {result}: expected at least 1"
        )
    return result


def pad_size(axis: str, n: int, before: int, after: int, mode: str = "constant") -> int:
    """Return the output size of padding along one axis."""
    before, after = (_integer(amount, "pad", axis, -LARGEST_ARGUMENT) for amount in (before, after))
    size = n + before + after
    if size < 0:
        raise ValueError(f"pad=({before}, {after}) makes the {n} cells of {axis} to {size}: expected at least 0")
    most = {"reflect": n - 1, "circular": n}.get(mode)
    if most is not None and max(before, after) > most:
        raise ValueError(
            f"pad=({before}, {after}) along {axis} with mode={mode!r}: expected at most {most} of {n} cells"
        )
    left = n + min(before, 0) + min(after, 0)
    if size and mode != "constant" and (n < 1 or (mode == "circular" and left < 1)):
        raise ValueError(f"pad=({before}, {after}) along {axis} with mode={mode!r}: expected to leave a cell to repeat")
    return size


def check_output(shape: Sequence[int]) -> None:
    """Raise for an output of more elements than any memory holds, before anything is computed for it."""
    if math.prod(shape) > LARGEST_OUTPUT:
        raise ValueError(f"output of shape {tuple(shape)}: expected at most {LARGEST_OUTPUT} elements")


RULES: dict[str, Callable[..., int]] = {
    "conv2d": conv_size,
    "conv_transpose2d": conv_transpose_size,
    "max_pool2d": pool_size,
    "avg_pool2d": avg_pool_size,
    "adaptive_avg_pool2d": adaptive_pool_size,
    "max_unpool2d": unpool_size,
    "interpolate": interpolate_size,
}


def _per_axis(operation: str, parameters: dict[str, Any]) -> list[Callable[[str, int], int]]:
    """Return the rule of each axis, its parameters bound: the one of a pair that belongs to the axis."""
    if not isinstance(operation, str) or operation not in RULES:
        raise ValueError(f"operation={shown(operation)}: expected one of {', '.join(RULES)}")
    rule = RULES[operation]
    known = list(inspect.signature(rule).parameters)[2:]
    values = {}
    for name, value in parameters.items():
        if name not in known:
            raise TypeError(f"{operation} has no parameter {name!r} that changes its size: expected {', '.join(known)}")
        if is_sequence(value) and not isinstance(value, str):
            values[name] = as_sequence(value, name, "one value, or a pair")
            if len(values[name]) != 2:
                raise ValueError(f"{name}={shown(value)}: expected one value, or a pair")
        else:
            values[name] = (value, value)
    if "kernel_size" in known and "kernel_size" not in parameters:
        raise TypeError(f"{operation} without kernel_size: expected an integer or a pair of integers")

    def bound(k: int) -> Callable[[str, int], int]:
        return lambda axis, n: rule(axis, n, **{name: pair[k] for name, pair in values.items()})

    return [bound(0), bound(1)]


def _height_and_width(value: Any, argument: str, expected: str) -> tuple[Any, Any]:
    """Return two elements, not yet checked."""
    pair = as_sequence(value, argument, expected)
    if len(pair) != 2:
        raise ValueError(f"{argument}={shown(value)}: expected {expected}")
    return pair


def _require_cell(axis: str, n: int) -> None:
    if n < 1:
        raise NoOutputError(f"input has size {n} along {axis}: expected at least 1")


def _window(axis: str, kernel_size: Any, stride: Any, dilation: Any) -> tuple[int, int, int]:
    """Return kernel size, stride and dilation of one axis, each at least 1."""
    return (
        _integer(kernel_size, "kernel_size", axis, 1),
        _integer(stride, "stride", axis, 1),
        _integer(dilation, "dilation", axis, 1),
    )


def _integer(value: Any, argument: str, axis: str, least: int, most: int = LARGEST_ARGUMENT) -> int:
    """Return the value as an integer of at least `least` and at most `most`."""
    try:
        return as_integer(value, argument, least, most)
    except (TypeError, ValueError) as error:
        came, _, expected = str(error).rpartition(": expected ")
        raise type(error)(f"{came} along {axis}: expected {expected}") from None


def _residues_from(count: int, step: int, first: int, divisor: int, least: int) -> bool:
    """Return whether one of first, first + step, ... (`count` numbers) leaves a remainder of at least `least`."""

    def carries(offset: int) -> int:
        return _floor_sum(count, divisor, step, first + offset)

    return carries(divisor - least) > carries(0)


def _floor_sum(count: int, divisor: int, step: int, first: int) -> int:
    """Return the sum of floor((step * i + first) / divisor) for i from 0 to count - 1, as Euclid's algorithm does."""
    total = 0
    while True:
        total += count * (count - 1) // 2 * (step // divisor) + count * (first // divisor)
        step, first = step % divisor, first % divisor
        highest = step * count + first
        if highest < divisor:
            return total
        count, first = divmod(highest, divisor)
        divisor, step = step, divisor


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
