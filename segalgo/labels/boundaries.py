"""Where regions of different labels meet."""

import operator
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import one_of
from segalgo._core.dispatch import wing
from segalgo.labels.label_arrays import as_labels
from segalgo.labels.labeling import as_connectivity


def find_boundaries(label_img: Any, connectivity: int = 1, mode: str = "thick", background: int = 0) -> Any:
    """Mark where regions of different labels meet.

    ``thick``: cells with a neighbour of another label. ``inner``: those of them that are not background. ``outer``:
    those of them that are background, or at which two objects touch: the largest label among the cell and all its
    neighbours (full connectivity) is not the smallest one that is not background. ``subpixel``: an image of
    ``2 * n - 1`` cells an axis, where a cell between pixels is set if these (2, 4, ... of them) are not all equal.

    Parameters
    ----------
    label_img : array of integers or bool, any number of axes
        NumPy or CuPy, any memory order; negative labels are labels like all others.
    connectivity : int, default 1
        Which cells are neighbours: 1 to ndim, or 4, 8 (2-D), 6, 18, 26 (3-D). Of no effect on ``subpixel``.
    mode : {"thick", "inner", "outer", "subpixel"}, default "thick"
        See above.
    background : int, default 0
        The label that is background for ``inner`` and ``outer``.

    Returns
    -------
    array of bool, shape of `label_img`
        For ``subpixel``, ``2 * n - 1`` cells along an axis of n.

    Raises
    ------
    TypeError
        If `label_img` is not of integers or bool.
    ValueError
        If the mode is none of the four, or the connectivity does not exist in that many dimensions.

    Notes
    -----
    Grade: exact; equal to `skimage.segmentation.find_boundaries`, but for ``subpixel`` where the largest value of the
    dtype is a label: here it is one like all others. Cost: one comparison of each cell with each neighbour. No
    scratch.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.find_boundaries(np.array([0, 0, 5, 5, 5, 0]), mode="inner").astype(int)
    array([0, 0, 1, 0, 1, 0])
    """
    x = as_labels(label_img, "label_img", bools=True)
    reach = as_connectivity(connectivity, x.ndim)
    one_of(mode, "mode", ("thick", "inner", "outer", "subpixel"))
    try:
        behind = operator.index(background)
    except TypeError:
        raise TypeError(f"background={background!r}: expected an integer") from None
    x = x.view(np.uint8) if x.dtype == np.bool_ else x
    limits = np.iinfo(x.dtype)
    if not limits.min <= behind <= limits.max:
        if mode == "outer":
            raise ValueError(f"background={background}: expected a value of dtype {x.dtype}")
        if mode == "inner":  # no cell is background
            mode = "thick"
        behind = 0
    if x.size == 0:
        shape = [max(2 * n - 1, 0) for n in x.shape] if mode == "subpixel" else x.shape
        return array_module(x).zeros(shape, bool)
    return wing("labels.boundaries", x).find_boundaries(x, reach, mode, behind)
