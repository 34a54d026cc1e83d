"""Regions that Felzenszwalb and Huttenlocher's comparison of edges finds."""

import math
from typing import Any

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo._core.checks import as_integer, as_number
from segalgo._core.dispatch import host_wing
from segalgo.labels.measurement import label_statistics
from segalgo.segmenters.method import Method, Option
from segalgo.segmenters.slic import as_image
from segalgo.segmenters.threshold import Segmentation

# Edges are numbered in 32 bits, four to a cell.
MOST_CELLS = 2**30


def felzenszwalb(
    image: Any, scale: float = 1, sigma: float = 0.8, min_size: int = 20, *, channel_axis: int | None = -1
) -> Any:
    """Divide an image into regions whose borders are stronger than what lies inside them.

    Edges between neighbours, in ascending order of the difference of their cells, join two regions if they cost less
    than each of them allows: the largest difference inside it plus ``scale / 255`` divided by the number of its cells.

    Parameters
    ----------
    image : array (H, W) or (H, W, C) of numbers or bool
        uint8 and uint16 count from 0 to 1; other numbers as they are. NumPy; NaN and infinities are refused.
    scale : float, default 1
        At least 0; a larger one gives larger regions.
    sigma : float, default 0.8
        The standard deviation of the Gaussian that smooths the image first, in cells; at least 0.
    min_size : int, default 20
        Smaller regions join a neighbour at the end, in the order of edges.
    channel_axis : int or None, default -1
        The axis of the channels; None: there are none. An image (H, W) has none in any case.

    Returns
    -------
    array (H, W) of int32
        Labels from 0 on, in row order of their first cell.

    Raises
    ------
    TypeError
        If `image` or a number has the wrong type, or `image` is a CuPy array.
    ValueError
        If `image` has another shape, too many cells, or holds NaN or infinities, or a number is out of range.
    RuntimeError
        If it is to run on a CUDA or simulated device.

    See Also
    --------
    slic, watershed

    Notes
    -----
    Grade: exact, of the smoothed image, which comes from SciPy. Edges are ordered by (cost, cell, direction), the total
    order that scikit-image lacks: where costs are equal its result depends on its sort, elsewhere the labels are those
    of `skimage.segmentation.felzenszwalb` (0.26). Each edge depends on those before it, so there is no CUDA wing.
    Scratch: 80 bytes a cell, and the image as float64 twice.

    References
    ----------
    .. [1] P. Felzenszwalb, D. Huttenlocher, "Efficient graph-based image segmentation", International Journal of
       Computer Vision 59(2), 2004.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> image = np.zeros((4, 6))
    >>> image[:, 3:] = 1
    >>> segalgo.felzenszwalb(image, sigma=0, min_size=1)[0]
    array([0, 0, 0, 1, 1, 1], dtype=int32)
    """
    values, _ = as_image(image, channel_axis)
    if values.ndim != 3:
        raise ValueError(f"image has shape {tuple(np.shape(image))}: expected (H, W) or (H, W, C)")
    if is_cupy(values):
        raise TypeError("image is a CuPy array and the order of edges is sequential: expected a NumPy array, or slic")
    share, width = as_number(scale, "scale"), as_number(sigma, "sigma")
    if not 0 <= share < math.inf:
        raise ValueError(f"scale={scale!r}: expected a finite number of at least 0")
    if not 0 <= width < math.inf:
        raise ValueError(f"sigma={sigma!r}: expected a finite number of at least 0")
    least = as_integer(min_size, "min_size", 0)
    compute = host_wing("segmenters.felzenszwalb")
    if values.shape[0] * values.shape[1] > MOST_CELLS:
        raise ValueError(f"image has shape {values.shape[:2]}: expected at most {MOST_CELLS} cells")
    if values.size == 0:
        return np.zeros(values.shape[:2], np.int32)
    return compute.felzenszwalb(_smoothed(values, width), share / 255, least)


def _smoothed(values: np.ndarray, sigma: float) -> np.ndarray:
    """Return the image as float64, smoothed along its rows and columns."""
    from scipy.ndimage import gaussian_filter

    unit = 1 / np.iinfo(values.dtype).max if values.dtype in (np.uint8, np.uint16) else 1.0
    wide = np.multiply(values, unit, dtype=np.float64)
    return np.ascontiguousarray(gaussian_filter(wide, (sigma, sigma, 0)) if sigma else wide)


def segment_by_felzenszwalb(
    picture: Any, grey: Any, region_scale: float = 100.0, sigma: float = 0.8, region_size: int = 20
) -> Segmentation:
    """Return the regions of a picture as objects, with their measures on its grey values.

    Composed of `felzenszwalb` and `label_statistics`.
    """
    colors = picture[..., :3] if picture.ndim == 3 and picture.shape[2] in (3, 4) else grey
    labels = felzenszwalb(colors, region_scale, sigma, region_size) + np.int32(1)
    return Segmentation(labels, None, label_statistics(labels, grey))


METHOD = Method(
    "felzenszwalb",
    "Regions whose borders are stronger than what lies inside them.",
    segment_by_felzenszwalb,
    (
        Option("region_scale", float, "Larger numbers give larger regions.", 100.0),
        Option("sigma", float, "How much the picture is smoothed first, in pixels.", 0.8),
        Option("region_size", int, "Smaller regions join a neighbour, in pixels.", 20),
    ),
)
