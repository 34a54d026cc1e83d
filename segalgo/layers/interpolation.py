"""Interpolation to another size, and padding."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.checks import (
    as_flag,
    as_integer,
    as_number,
    as_planes,
    as_sequence,
    is_sequence,
    one_of,
    shown,
    widened,
)
from segalgo._core.dispatch import wing
from segalgo.layers.sizes import check_output, interpolate_size, pad_size
from segalgo.reference.layers.interpolation import filter_taps, linear_taps, nearest_indices, pad_indices

MODES = ("nearest", "nearest-exact", "bilinear", "bicubic")
SMOOTH = MODES[2:]
PAD_MODES = ("constant", "reflect", "replicate", "circular")


def interpolate(
    input: Any,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """Sample every plane on a finer or coarser grid.

    With ``step = n / output`` along an axis of n cells: "nearest" takes the cell ``floor(j * step)``;
    "nearest-exact" ``floor((j + 0.5) * step)``, the cell whose middle is nearest; "bilinear" weighs the two cells
    around ``(j + 0.5) * step - 0.5``, or with `align_corners` around ``j * (n - 1) / (output - 1)``, first along the
    columns, then along the rows. Positions before the first and after the last cell get that cell. "bicubic" weighs
    four cells along each axis around the same positions by Keys' cubic convolution. With `antialias`, the windows of
    both are as wide as a step where the picture is reduced. NaN and infinities follow from products and sums.

    Parameters
    ----------
    input : array, (N, C, H, W), float16, float32 or float64
        NumPy or CuPy; any memory order. (PyTorch reads three axes as a line of cells; here they are refused.)
    size : int or (int, int), optional
        Output height and width.
    scale_factor : float or (float, float), optional
        Output size as a multiple of the input's: ``floor(n * scale_factor)``. Either this or `size`.
    mode : {"nearest", "nearest-exact", "bilinear", "bicubic"}, default "nearest"
    align_corners : bool, optional
        Only for "bilinear" and "bicubic": map first and last cell onto first and last cell. False if not given.
    recompute_scale_factor : bool, optional
        With `scale_factor`, the step is ``1 / scale_factor`` as it stands; if True, it is ``n / output``.
    antialias : bool, default False
        Only for "bilinear" and "bicubic": average over all cells of a step when the picture is reduced.

    Returns
    -------
    array, (N, C, OH, OW), dtype of `input`

    Raises
    ------
    TypeError
        If `input` is not of a float dtype, a size is not a number, or a flag not True or False.
    ValueError
        If a shape, size or mode does not fit; the message names it.

    Notes
    -----
    Where a `scale_factor` gives just the n or 2 n cells of its integer neighbour (1.1 with n = 8), "nearest" takes
    cells ``j`` and ``j // 2``; so does PyTorch for channels-last tensors, while its other layout follows the step.

    Grade: exact for the nearest modes; rounded for the others, whose weights, products and sums are in the dtype of
    the input (float32 for float16). Positions are computed in that dtype, for the nearest modes in float32, as PyTorch
    does, for "bicubic" and `antialias` in float64, and are the same in every backend. Cost: one write of the output;
    for "bilinear" two products an output cell, and two a cell of the rows that are read; for windows of k cells, k.

    References
    ----------
    .. [1] R. Keys, "Cubic convolution interpolation for digital image processing", IEEE ASSP 29(6), 1981.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.interpolate(np.array([[[[0.0, 4.0]]]]), size=(1, 4), mode="bilinear")
    array([[[[0., 1., 3., 4.]]]])
    """
    x = as_planes(input, "input")
    if np.ndim(input) != 4:
        raise ValueError(f"input has shape {np.shape(input)}: expected (N, C, H, W)")
    if 0 in x.shape[2:]:
        raise ValueError(f"input has shape {x.shape}: expected a height and width of at least 1")
    one_of(mode, "mode", MODES)
    corners = align_corners is not None and as_flag(align_corners, "align_corners")
    recompute = recompute_scale_factor is not None and as_flag(recompute_scale_factor, "recompute_scale_factor")
    smooth = as_flag(antialias, "antialias")
    if mode not in SMOOTH and align_corners is not None:
        raise ValueError(
            f"align_corners={align_corners!r} with mode={mode!r}: expected None, it is for 'bilinear' and 'bicubic'"
        )
    if mode not in SMOOTH and smooth:
        raise ValueError(f"antialias=True with mode={mode!r}: expected False, it is for 'bilinear' and 'bicubic'")
    if recompute and size is not None:
        raise ValueError("recompute_scale_factor=True with size: expected scale_factor")
    sizes = _both(size, "size")
    factors = _both(scale_factor, "scale_factor")
    axes = zip("HW", x.shape[2:], sizes, factors, strict=True)
    output_size = [interpolate_size(*axis) for axis in axes]
    steps = [None if f is None or recompute else 1.0 / float(f) for f in factors]
    check_output((*x.shape[:2], *output_size))
    x, dtype = widened(x), x.dtype
    axes = list(zip(x.shape[2:], output_size, steps, strict=True))
    compute = wing("layers.interpolation", x)
    if mode not in SMOOTH:
        rows, columns = (nearest_indices(*axis, mode == "nearest-exact") for axis in axes)
        output = compute.interpolate_nearest(x, rows, columns)
    elif mode == "bilinear" and not smooth:
        (rows, row_weights), (columns, column_weights) = (linear_taps(*axis, corners, x.dtype) for axis in axes)
        output = compute.interpolate_bilinear(x, rows, row_weights, columns, column_weights)
    elif smooth and tuple(output_size) == x.shape[2:]:  # PyTorch's rule, whatever the steps: every cell is itself
        output = compute.interpolate_nearest(x, *map(np.arange, output_size))
    else:
        (rows, row_weights), (columns, column_weights) = (
            filter_taps(*axis, corners, mode == "bicubic", smooth, x.dtype) for axis in axes
        )
        output = compute.interpolate_filtered(x, rows, row_weights, columns, column_weights)
    return output.astype(dtype, copy=False)


def pad(input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:
    """Add cells around every plane, or with negative amounts take them off.

    Output cell (i, j) is input cell ``(i - top, j - left)``. Where that lies outside the picture: "constant" writes
    `value`; "reflect" mirrors at the first and last cell, which are not repeated; "replicate" takes the nearest cell;
    "circular" repeats the picture, as negative amounts have left it, with its period.

    Parameters
    ----------
    input : array, (N, C, H, W) or (C, H, W), float16, float32 or float64
        NumPy or CuPy; any memory order.
    pad : (left, right) or (left, right, top, bottom)
        Cells to add on each side, the last axis first. "reflect" takes less than the picture has, "circular" at most
        as many.
    mode : {"constant", "reflect", "replicate", "circular"}, default "constant"
    value : float, optional
        For "constant", 0 if not given.

    Returns
    -------
    array, (N, C, OH, OW) or (C, OH, OW), dtype of `input`

    Raises
    ------
    TypeError
        If `input` is not of a float dtype, an amount is not an integer, or `value` not a number.
    ValueError
        If an amount or the mode does not fit; the message names it.

    Notes
    -----
    Grade: exact. Cost: one read of the cells kept, one write of the output.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.pad(np.array([[[1.0, 2.0, 3.0]]]), (2, 1), mode="reflect")
    array([[[3., 2., 1., 2., 3., 2.]]])
    """
    x = as_planes(input, "input")
    amounts = as_sequence(pad, "pad", "integers (left, right) or (left, right, top, bottom)")
    amounts = tuple(as_integer(amount, "pad") for amount in amounts)
    if len(amounts) not in (2, 4):
        raise ValueError(f"pad={shown(amounts)}: expected (left, right) or (left, right, top, bottom)")
    one_of(mode, "mode", PAD_MODES)
    constant = 0.0 if value is None else as_number(value, "value")
    if mode != "constant" and constant != 0:
        raise ValueError(f"value={value!r} with mode={mode!r}: expected None, it is for 'constant'")
    left, right, top, bottom = (*amounts, 0, 0)[:4]
    x, dtype = widened(x), x.dtype
    sides = ((x.shape[2], top, bottom, mode), (x.shape[3], left, right, mode))
    size = [pad_size(axis, *side) for axis, side in zip("HW", sides, strict=True)]
    check_output((*x.shape[:2], *size))
    rows, columns = (pad_indices(*side) for side in sides)
    output = wing("layers.interpolation", x).pad(x, rows, columns, constant)
    output = output.astype(dtype, copy=False)
    return output[0] if np.ndim(input) == 3 else output


def _both(value: Any, argument: str) -> tuple[Any, Any]:
    """Return the value for each axis, not yet checked."""
    if not is_sequence(value):
        return (value, value)
    pair = as_sequence(value, argument, "one value or a pair")
    if len(pair) != 2:
        raise ValueError(f"{argument}={shown(value)}: expected one value or a pair")
    return pair
