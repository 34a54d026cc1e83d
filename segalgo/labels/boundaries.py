"""Where regions of different labels meet."""

import operator
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import one_of, shown
from segalgo._core.dispatch import wing
from segalgo.labels.label_arrays import as_labels
from segalgo.labels.labeling import as_connectivity


def find_boundaries(label_img: Any, connectivity: int = 1, mode: str = "thick", background: int = 0) -> Any:
    """Mark where regions of different labels meet.

    - ``thick``: cells with a neighbour of another label.
    - ``inner``: those of the ``thick`` cells that are not background.
    - ``outer``: those of the ``thick`` cells that are background, or where two objects touch: the largest label among
      the cell and all its neighbours (full connectivity) differs from the smallest label other than background.
    - ``subpixel``: an image of ``2 * n - 1`` cells along an axis of n, in which a cell between pixels is set if these
      pixels (2, 4, ... of them) are not all equal.

    Parameters
    ----------
    label_img : array of integers or bool, any number of axes
        NumPy or CuPy, any memory order; labels may be negative.
    connectivity : int, default 1
        Which cells are neighbours: 1 to ndim, or 4, 8 (2-D), 6, 18, 26 (3-D). Not used by ``subpixel``.
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
        If `label_img` is not of integers or bool, or `connectivity` or `background` not an integer.
    ValueError
        If the mode is none of the four, the connectivity does not fit the number of axes, `background` is outside the
        dtype for ``outer``, or there are more than 8 axes.

    Notes
    -----
    Grade: exact; equal to `skimage.segmentation.find_boundaries`, except for ``subpixel`` if the largest value of the
    dtype is a label, which scikit-image does not support. Cost: one comparison of each cell with each neighbour. No
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
        raise TypeError(f"background={shown(background)}: expected an integer") from None
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
