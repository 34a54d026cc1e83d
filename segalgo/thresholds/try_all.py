"""A figure of all global thresholds of an image."""

import math
from typing import Any

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo._core.checks import as_array, as_integer, one_of
from segalgo.thresholds.binarization import binarize
from segalgo.thresholds.cross_entropy import threshold_li
from segalgo.thresholds.entropy import threshold_entropy, threshold_yen
from segalgo.thresholds.histogram import histogram_of
from segalgo.thresholds.histogram_shape import threshold_minimum, threshold_triangle
from segalgo.thresholds.means import threshold_isodata, threshold_mean
from segalgo.thresholds.otsu import threshold_otsu

METHODS = {
    "Entropy": threshold_entropy,
    "Isodata": threshold_isodata,
    "Li": threshold_li,
    "Mean": threshold_mean,
    "Minimum": threshold_minimum,
    "Otsu": threshold_otsu,
    "Triangle": threshold_triangle,
    "Yen": threshold_yen,
}


def try_all_thresholds(
    image: Any, figsize: tuple[float, float] = (8, 10), num_cols: int = 2, foreground: str = "above"
) -> tuple[Any, Any]:
    """Plot an image, its histogram with every global threshold, and the mask of each threshold.

    If a method finds no threshold, the name of its error is shown in place of the mask.

    Parameters
    ----------
    image : array (H, W)
        bool, integers or floats; NumPy or CuPy.
    figsize : pair of floats, default (8, 10)
        Width and height of the figure, in inches; checked by matplotlib.
    num_cols : int, default 2
        Number of columns, from 1 to 10.
    foreground : {"above", "below"}, default "above"
        See `binarize`.

    Returns
    -------
    figure, axes : matplotlib Figure and flat array of its Axes

    Raises
    ------
    TypeError
        If `image` is not an array of real numbers, or `num_cols` not an integer.
    ValueError
        If `image` does not have two axes, has no pixel, or holds NaN; if `num_cols` or `foreground` has another value.
    ImportError
        If matplotlib is missing (``pip install segalgo[plot]``).

    Notes
    -----
    Composed of all global thresholds and `binarize`. matplotlib is imported by the call.

    Examples
    --------
    >>> import segalgo
    >>> from skimage.data import coins
    >>> figure, axes = segalgo.try_all_thresholds(coins())  # doctest: +SKIP
    """
    pixels = as_array(image, "image")
    if pixels.ndim != 2:
        raise ValueError(f"image has shape {pixels.shape}: expected (H, W)")
    one_of(foreground, "foreground", ("above", "below"))
    columns = as_integer(num_cols, "num_cols", 1, len(METHODS) + 2)
    counts, centers = histogram_of(pixels, 256, None, None)
    from matplotlib import pyplot

    rows = math.ceil((len(METHODS) + 2) / columns)
    figure, grid = pyplot.subplots(rows, columns, figsize=figsize, squeeze=False)
    axes = grid.reshape(-1)
    for axis in axes:
        axis.axis("off")
    axes[0].imshow(_on_host(pixels), cmap="gray")
    axes[0].set_title("Original")
    axes[1].axis("on")
    axes[1].fill_between(centers.astype(np.float64), counts, step="mid", color="0.7")
    axes[1].set_title("Histogram")
    for k, (name, method) in enumerate(METHODS.items()):
        axis = axes[k + 2]
        axis.set_title(name)
        try:
            threshold = method(pixels)
        except (RuntimeError, ValueError) as error:
            axis.text(0.5, 0.5, type(error).__name__, ha="center", va="center", transform=axis.transAxes)
            continue
        axis.imshow(_on_host(binarize(pixels, threshold, foreground)), cmap="gray")
        axes[1].axvline(float(threshold), color=f"C{k}", label=name)
    axes[1].legend(fontsize="x-small")
    figure.tight_layout()
    return figure, axes


def _on_host(array: Any) -> np.ndarray:
    return array.get() if is_cupy(array) else array
