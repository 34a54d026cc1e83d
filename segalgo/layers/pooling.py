"""Max-pooling with indices, and its inverse, max-unpooling."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.checks import REAL, as_flag, as_pair, as_planes, as_sequence, one_of, shown, widened
from segalgo._core.dispatch import wing
from segalgo.layers.pooling_arguments import as_indices, as_stride
from segalgo.layers.sizes import check_output, pool_size, unpool_size

POOLED = (*REAL, "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


def max_pool2d(
    input: Any,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Take the maximum of every window, and optionally return its place.

    ``out[n, c, i, j] = max over u, v of input[n, c, i*sh - ph + u*dh, j*sw - pw + v*dw]``; cells outside the picture
    never win. The first maximum in row order wins; a NaN wins over every number, the last one of a window over the
    others (as in PyTorch).

    Parameters
    ----------
    input : array, (N, C, H, W) or (C, H, W), float16, float32, float64 or integers of 8 to 64 bits
        NumPy or CuPy; any memory order.
    kernel_size : int or (int, int)
        Window height and width, at least 1.
    stride : int or (int, int), optional
        Step between windows; `kernel_size` if not given, or if it is an empty sequence.
    padding : int or (int, int), default 0
        Cells added on each side; at most half of the dilated kernel.
    dilation : int or (int, int), default 1
        Step between the cells of a window.
    ceil_mode : bool, default False
        Round the output size up: a last window may hang over the edge if it starts inside the picture or its padding.
    return_indices : bool, default False
        Also return the place of each maximum.

    Returns
    -------
    output : array, (N, C, OH, OW) or (C, OH, OW), dtype of `input`
        ``OH = floor((H + 2*ph - dh*(kh - 1) - 1) / sh) + 1``, ceil if `ceil_mode`.
    indices : array of int64, shape of `output`
        Only if `return_indices`: flat index ``row * W + column`` in the plane of `input`.

    Raises
    ------
    TypeError
        If `input` is not of such a dtype, a size is not an integer, or a flag not True or False.
    ValueError
        If a shape or size does not fit; the message names it.

    Notes
    -----
    Grade: exact. Cost: ``kh * kw`` comparisons an output cell. float16 is widened to float32 and narrowed again.

    References
    ----------
    .. [1] V. Badrinarayanan, A. Kendall, R. Cipolla, "SegNet", PAMI 39(12), 2017, section 3.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> x = np.array([[[1, 5, 2, 0], [3, 5, 9, 8]]], np.float32)
    >>> output, indices = segalgo.max_pool2d(x, 2, return_indices=True)
    >>> output[0], indices[0]
    (array([[5., 9.]], dtype=float32), array([[1, 6]]))
    """
    x = as_planes(input, "input", POOLED)
    kernel = as_pair(kernel_size, "kernel_size", 1)
    steps = as_stride(stride, kernel)
    border = as_pair(padding, "padding", 0)
    spread = as_pair(dilation, "dilation", 1)
    with_indices = as_flag(return_indices, "return_indices")
    size = tuple(
        pool_size(*axis, ceil_mode) for axis in zip("HW", x.shape[2:], kernel, steps, border, spread, strict=True)
    )
    check_output((*x.shape[:2], *size))
    compute = wing("layers.pooling", x).max_pool2d
    values, indices = compute(widened(x), kernel, steps, border, spread, size)
    values = values.astype(x.dtype, copy=False)
    if np.ndim(input) == 3:
        values, indices = values[0], indices[0]
    return (values, indices) if with_indices else values


def max_unpool2d(
    input: Any,
    indices: Any,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    output_size: Sequence[int] | None = None,
    on_duplicate: str = "last",
    dilation: int | Sequence[int] = 1,
) -> Any:
    """Put every value back where max-pooling found it, and zero everywhere else.

    ``out[n, c].flat[indices[n, c, i, j]] = input[n, c, i, j]``.

    Parameters
    ----------
    input : array, (N, C, H, W) or (C, H, W), float16, float32 or float64
        The pooled values.
    indices : array of integers, shape of `input`
        Flat indices in a plane of the output, as `max_pool2d` returns them.
    kernel_size, stride, padding : int or (int, int)
        Those of the pooling; they give the output size where `output_size` does not.
    output_size : sequence of int, optional
        (OH, OW), or the whole shape of the output: the size before pooling, where it was not
        ``(H - 1)*sh - 2*ph + dh*(kh - 1) + 1``. Each size within one stride of that.
    on_duplicate : {"last", "raise"}, default "last"
        What overlapping windows bring: one index twice in a plane. "last": the later value in row order stays, in
        every backend and for any thread count.
    dilation : int or (int, int), default 1
        That of the pooling.

    Returns
    -------
    array, (N, C, OH, OW) or (C, OH, OW), dtype of `input`

    Raises
    ------
    TypeError
        If `input` is not of a float dtype, `indices` not of an integer dtype, or a size not an integer.
    ValueError
        If shapes do not fit, an index lies outside the output plane, or repeats while ``on_duplicate="raise"``.

    Notes
    -----
    Grade: exact. Cost: one read of `input` and `indices`, one write of the output.

    References
    ----------
    .. [1] V. Badrinarayanan, A. Kendall, R. Cipolla, "SegNet", PAMI 39(12), 2017, section 3.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> pooled, indices = np.array([[[5.0, 9.0]]]), np.array([[[1, 6]]])
    >>> segalgo.max_unpool2d(pooled, indices, 2)
    array([[[0., 5., 0., 0.],
            [0., 0., 9., 0.]]])
    """
    x = as_planes(input, "input")
    places = as_indices(indices, "indices")
    if places.shape != np.shape(input):
        raise ValueError(f"indices has shape {places.shape}: expected {np.shape(input)}, the shape of input")
    one_of(on_duplicate, "on_duplicate", ("last", "raise"))
    kernel = as_pair(kernel_size, "kernel_size", 1)
    steps = as_stride(stride, kernel)
    border = as_pair(padding, "padding", 0)
    spread = as_pair(dilation, "dilation", 1)
    axes = zip("HW", x.shape[2:], kernel, steps, border, spread, _output_pair(output_size), strict=True)
    size = tuple(unpool_size(*axis) for axis in axes)
    check_output((*x.shape[:2], *size))
    places = places.reshape(x.shape)
    compute = wing("layers.pooling", x, places).max_unpool2d
    output, fault = compute(widened(x), places, size, on_duplicate == "raise")
    if fault >= 0:
        _raise_index_fault(int(places.reshape(-1)[fault]), fault, x.shape, size)
    output = output.astype(x.dtype, copy=False)
    return output[0] if np.ndim(input) == 3 else output


def _output_pair(output_size: Any) -> tuple[Any, Any]:
    """Return the two sizes of an output given as (OH, OW) or as its whole shape, or None for each axis."""
    if output_size is None:
        return None, None
    sizes = as_sequence(output_size, "output_size", "(OH, OW) or the whole shape of the output")
    if len(sizes) not in (2, 3, 4):
        raise ValueError(f"output_size={shown(output_size)}: expected (OH, OW) or the whole shape of the output")
    return sizes[-2:]


def _raise_index_fault(index: int, position: int, shape: tuple[int, ...], size: tuple[int, int]) -> None:
    """Raise for an index outside the plane, or one that repeats."""
    where = tuple(int(k) for k in np.unravel_index(position, shape))
    if 0 <= index < size[0] * size[1]:
        raise ValueError(
            f"indices{list(where)}={index} repeats an earlier index of its plane, and on_duplicate='raise'"
        )
    raise ValueError(
        f"indices{list(where)}={index}: expected 0 to {size[0] * size[1] - 1}, the {size[0]} x {size[1]} output plane; "
        "pass output_size if the picture before pooling had another size"
    )
