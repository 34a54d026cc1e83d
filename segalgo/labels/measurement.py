"""What labels measure: statistics of each label, contacts between labels, and the Euler number."""

import operator
from typing import Any, NamedTuple

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import as_array, as_contiguous, as_flag, shown, with_few_axes
from segalgo._core.dispatch import wing
from segalgo.labels.label_arrays import as_labels, as_unsigned, is_dense, largest_label, ranked
from segalgo.labels.labeling import as_connectivity

# Sums of floats are cut into at most this many parts: enough for the threads of a processor.
MOST_STRIPES = 16
# Rows of a table that a caller may ask for.
MOST_ROWS = 2**40


class LabelStatistics(NamedTuple):
    """Measurements of K labels; row k of every array belongs to ``label[k]``."""

    label: Any
    """(K,), dtype of the labels."""
    area: Any
    """(K,) int64, number of cells; 0 where a label is absent."""
    bounding_box: Any
    """(K, 2 * ndim) int64: the smallest coordinates, then one past the largest; zeros where a label is absent."""
    centroid: Any
    """(K, ndim) float64, mean coordinates; NaN where a label is absent."""
    intensity_mean: Any = None
    """(K,) float64; NaN where a label is absent. None without an intensity image, as the next three."""
    intensity_min: Any = None
    """(K,), dtype of the intensity image; NaN (floats) or 0 where a label is absent."""
    intensity_max: Any = None
    """(K,), dtype of the intensity image; NaN (floats) or 0 where a label is absent."""
    intensity_sum: Any = None
    """(K,) int64 of bool and integers, uint64 of uint64, float64 of floats."""


def label_statistics(labels: Any, intensity_image: Any = None, num_labels: int | None = None) -> LabelStatistics:
    """Measure every label: area, bounding box, centroid, and mean, minimum, maximum and sum of an intensity image.

    Row k belongs to label k + 1, for the labels 1 to `num_labels`; 0 is background and has no row. Labels that are
    absent have area 0. Only where `num_labels` is not given and the largest label exceeds both 65536 and the number
    of cells, rows belong to the labels that occur, in ascending order: field ``label`` says which, in either case.

    Parameters
    ----------
    labels : array of integers, any number of axes
        Labels of at least 0; NumPy or CuPy, any memory order.
    intensity_image : array, shape of `labels`, bool, integers or floats, optional
        NaN makes mean, minimum, maximum and sum of its label NaN.
    num_labels : int, optional
        The number of rows, at least the largest label; the largest label if not given.

    Returns
    -------
    LabelStatistics
        A named tuple of arrays: ``label, area, bounding_box, centroid, intensity_mean, intensity_min, intensity_max,
        intensity_sum``; the last four None without an intensity image.

    Raises
    ------
    TypeError
        If `labels` is not of an integer dtype, the intensity image not of numbers, or `num_labels` not an integer.
    ValueError
        If a label is negative or above `num_labels`, the shapes differ, or there are more than 8 axes.

    Notes
    -----
    Grade: exact; sums of integers are taken modulo 2**64. Sums of floats are in float64 and rounded, in an order that
    depends on the shape and the number of rows alone: the array in raster order is cut into equal parts
    (``size // (4 * (rows + 1))`` of them, at least 2 and at most 16), each label's cells of a part are added in raster
    order, and the parts are added in order. Error at most ``area * 2**-53 * sum(|values|)`` to first order; the bits
    are the same in every backend. Cost: one pass for the largest label, one that works on runs. Scratch of the Cython
    wing: 8 * (3 * ndim + 1) bytes for a label in a part that contains it, 24 more with intensities.

    References
    ----------
    .. [1] A. Rosenfeld, A. C. Kak, "Digital Picture Processing", 2nd ed., Academic Press, 1982, chapter 11.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> found = segalgo.label_statistics(np.array([[1, 1, 0], [0, 3, 3]]))
    >>> found.area
    array([2, 0, 2])
    >>> found.bounding_box[2], found.centroid[2]
    (array([1, 1, 2, 3]), array([1. , 1.5]))
    """
    given = as_array(labels, "labels")
    if given.ndim == 0:  # one cell without coordinates
        image = None if intensity_image is None else as_array(intensity_image, "intensity_image")
        if image is not None and image.ndim:
            raise ValueError(f"intensity_image has shape {image.shape}: expected (), the shape of labels")
        found = label_statistics(given.reshape(1), None if image is None else image.reshape(1), num_labels)
        return found._replace(bounding_box=found.bounding_box[:, :0], centroid=found.centroid[:, :0])
    x = as_labels(given, "labels")
    image = None if intensity_image is None else _as_intensity(intensity_image, x)
    largest = largest_label(x, "labels")
    if num_labels is not None:
        num_labels = _as_row_count(num_labels, largest)
    if num_labels is None and not is_dense(x, largest):
        cells, names = ranked(x)
        names, rows = names[1:], names.size - 1
    else:
        rows = largest if num_labels is None else int(num_labels)
        cells, names = as_unsigned(x), None
    compute = wing("labels.measurement", cells, image).label_statistics
    area, box, coordinate_sum, total, low, high = compute(cells, _plain(image), rows, sum_stripes(x.size, rows))
    xp = array_module(area)
    if names is None:
        names = xp.arange(1, rows + 1).astype(x.dtype)
    # An absent label divides by NaN, which raises no warning and gives NaN.
    divisor = xp.where(area > 0, area, np.nan)
    centroid = coordinate_sum / divisor[:, None]
    if image is None:
        return LabelStatistics(names, area, box, centroid)
    low, high = low.astype(image.dtype, copy=False), high.astype(image.dtype, copy=False)
    if image.dtype.kind == "f":
        low += 0  # a zero is positive, whichever of the zeros a wing met first
        high += 0
    return LabelStatistics(names, area, box, centroid, total / divisor, low, high, total)


def contacts(labels: Any, connectivity: int = 1, background: bool = False) -> tuple[Any, Any]:
    """Find which labels touch, and over how many neighbouring cells.

    Two labels touch where a cell of one is a neighbour of a cell of the other; every such pair of cells counts once.
    With connectivity 1 the count is the number of shared faces (edges of pixels in 2-D).

    Parameters
    ----------
    labels : array of integers, any number of axes
        Labels of at least 0; NumPy or CuPy, any memory order.
    connectivity : int, default 1
        1 to ndim: neighbours differ by one in at most that many coordinates. Also 4, 8 (2-D) and 6, 18, 26 (3-D).
    background : bool, default False
        Whether contacts with label 0 count.

    Returns
    -------
    pairs : array (M, 2), dtype of `labels`
        The smaller label first; pairs in ascending order.
    counts : array (M,) of int64
        Number of pairs of neighbouring cells.

    Raises
    ------
    TypeError
        If `labels` is not of an integer dtype, or `background` not a bool.
    ValueError
        If a label is negative, the connectivity does not fit the number of axes, or there are more than 8 axes.

    Notes
    -----
    Grade: exact. Cost: one comparison of each cell with half of its neighbours. Scratch of the Cython wing: a hash
    table of 24 bytes for each pair and thread, at most half full.

    References
    ----------
    .. [1] A. Tremeau, P. Colantoni, "Regions adjacency graph applied to color image segmentation", IEEE Transactions
       on Image Processing 9(4), 2000.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> pairs, counts = segalgo.contacts(np.array([[1, 1, 2], [1, 0, 2], [3, 3, 3]]))
    >>> pairs.tolist(), counts.tolist()
    ([[1, 2], [1, 3], [2, 3]], [1, 1, 1])
    """
    x = as_labels(labels, "labels")
    reach = as_connectivity(connectivity, x.ndim)
    with_background = as_flag(background, "background")
    largest_label(x, "labels")
    cells = as_unsigned(x)
    pairs, counts = wing("labels.measurement", cells).contacts(cells, reach, with_background)
    return pairs.astype(x.dtype, copy=False), counts


def euler_number(image: Any, connectivity: int | None = None) -> int:
    """Compute the Euler number: in 2-D objects minus holes, in 3-D objects plus cavities minus tunnels.

    Values above 0 are object, so that a label array counts as one set; NaN is background. Outside the array is
    background. With full connectivity a cell is a closed cube, with connectivity 1 an open one joined through faces;
    the background then has the other connectivity. An empty array has Euler number 0.

    Parameters
    ----------
    image : array of bool, integers or floats, any number of axes
        NumPy or CuPy, any memory order.
    connectivity : int, optional
        1 or ndim (also 4, 8 in 2-D and 6, 26 in 3-D); ndim if not given.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If `image` is not of bool, integers or floats.
    ValueError
        If the connectivity is neither 1 nor ndim, or the image has no axis or more than 8.

    Notes
    -----
    Grade: exact. Cost: one read of the image, and 2**(ndim - 1) counts of runs in lines of bits. Scratch of the
    Cython wing: one bit a cell.

    References
    ----------
    .. [1] S. B. Gray, "Local properties of binary images in two dimensions", IEEE Transactions on Computers C-20(5),
       1971.
    .. [2] J. Ohser, W. Nagel, K. Schladitz, "The Euler number of discretized sets", Lecture Notes in Physics 600, 2002.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> ring = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    >>> segalgo.euler_number(ring), segalgo.euler_number(ring, connectivity=1)
    (0, 4)
    """
    x = as_array(image, "image")
    if x.ndim == 0:
        raise ValueError("image has shape (): expected at least one axis")
    if x.dtype.kind not in "biuf":
        raise TypeError(f"image has dtype {x.dtype}: expected bool, integers or floats")
    with_few_axes(x, "image")
    reach = as_connectivity(connectivity, x.ndim)
    if reach not in (1, x.ndim):
        raise ValueError(f"connectivity={shown(connectivity)}: the Euler number is defined for 1 and {x.ndim}")
    x = as_contiguous(x > 0 if x.dtype.kind == "f" else x)
    if x.size == 0:
        return 0
    return wing("labels.measurement", x).euler_number(_plain(x), reach == x.ndim)


def _as_row_count(value: Any, largest: int) -> int:
    """Return the number of rows, at least the largest label."""
    try:
        rows = operator.index(value)
    except TypeError:
        raise TypeError(f"num_labels={shown(value)}: expected an integer or None") from None
    if not largest <= rows <= MOST_ROWS:
        raise ValueError(
            f"num_labels={shown(value)}: expected at least {largest}, the largest label, and at most {MOST_ROWS}"
        )
    return rows


def sum_stripes(size: int, rows: int) -> int:
    """Return how many parts sums of floats are made of: a rule of shape and rows alone, whatever the threads."""
    return min(max(size // (4 * (rows + 1)), 2), MOST_STRIPES)


def _as_intensity(value: Any, labels: Any) -> Any:
    """Return the intensity image, contiguous, checked against the labels."""
    image = as_array(value, "intensity_image")
    if image.shape != labels.shape:
        raise ValueError(f"intensity_image has shape {image.shape}: expected {labels.shape}, the shape of labels")
    if image.dtype.kind not in "biuf" or image.dtype.itemsize > 8:
        raise TypeError(f"intensity_image has dtype {image.dtype}: expected bool, integers or floats up to float64")
    return as_contiguous(image)


def _plain(image: Any) -> Any:
    """Return bool as uint8 and float16 as float32, which holds every value of it exactly."""
    if image is None:
        return None
    if image.dtype == np.bool_:
        return image.view(np.uint8)
    return image.astype(np.float32) if (image.dtype.kind, image.dtype.itemsize) == ("f", 2) else image
