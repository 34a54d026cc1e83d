"""Watersheds from markers: the flood of scikit-image, and a minimum spanning forest that every wing computes."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module, is_cupy
from segalgo._core.checks import as_array, as_contiguous, as_flag, as_number, one_of, with_few_axes
from segalgo._core.dispatch import host_wing, wing
from segalgo.labels.label_arrays import as_labels, as_unsigned
from segalgo.labels.labeling import as_connectivity, label

METHODS = ("flood", "forest")
# Cells, those of the margin included, are numbered in int32.
MOST_CELLS = 2**31 - 1


def watershed(
    image: Any,
    markers: Any = None,
    connectivity: Any = 1,
    offset: Sequence[int] | None = None,
    mask: Any = None,
    compactness: float = 0,
    watershed_line: bool = False,
    *,
    method: str = "flood",
) -> Any:
    """Divide an image among markers: each cell goes to the marker from which water reaches it lowest.

    Parameters
    ----------
    image : array of numbers or bool, any number of axes
        The altitudes; infinities are altitudes, NaN is refused. NumPy or CuPy, any memory order.
    markers : array of integers or bool, shape of `image`, or int, optional
        The labels of cells where the flood begins, negative ones included; 0 elsewhere. A number: about so many markers
        on a regular grid. None, the default: the local minima, numbered in row order.
    connectivity : int or array of bool, default 1
        Which cells are neighbours: along how many axes they differ at most, or how many there are (4 or 8 in 2-D; 6, 18
        or 26 in 3-D), or a footprint with `image.ndim` axes.
    offset : sequence of int, optional
        The centre of such a footprint; by default its middle.
    mask : array of bool, shape of `image`, optional
        Cells outside get 0, and no flood passes them.
    compactness : float, default 0
        Added to a cell's altitude for each cell of distance to its marker, for compact regions. ``flood`` only.
    watershed_line : bool, default False
        Leave a line of cells with label 0 between regions. ``flood`` only.
    method : {"flood", "forest"}
        ``flood``: the labels of `skimage.segmentation.watershed` (0.26), cell by cell. Altitudes are compared as
        float64. It is sequential by definition and takes NumPy arrays only. ``forest``: the minimum spanning forest of
        the cells, rooted at the markers, where cells are ordered by (altitude, position) and an edge by its higher and
        then its lower cell. No order of work can change it, so every backend and any number of threads gives the same
        labels.

    Returns
    -------
    array, shape of `image`
        Labels; dtype of `markers`, int32 where these are found here. Cells that no marker reaches are 0.

    Raises
    ------
    TypeError
        If an array is of no such dtype, `connectivity` or a number is none, or ``flood`` gets a CuPy array.
    ValueError
        If shapes differ, `image` holds NaN or has more than about 2**31 cells, `markers` as a number is less than 1, or
        `connectivity`, `offset`, `compactness` or `method` is out of range; with ``forest``, if `compactness` or
        `watershed_line` is set or a footprint is not symmetric.
    RuntimeError
        If ``flood`` is to run on the simulated device.

    Notes
    -----
    Both methods give a cell to a marker that reaches it over the lowest pass, and agree wherever only one label does.
    Where several do, as on plateaus and above a pass, ``flood`` takes the one that came first and ``forest`` follows
    the lowest neighbour.

    Grade: exact. Cost: ``flood`` takes the logarithm of its queue for each cell, on one thread; ``forest`` a few
    passes, and more for parts that hold no marker. Scratch of ``flood``: copies of the three arrays with a margin, the
    image as float64, and 32 bytes for each cell that waits; of ``forest``: 9 bytes a cell (13 where altitudes have 64
    bits), and for parts that hold no marker 4 bytes a cell and 16 an edge between them.

    References
    ----------
    .. [1] F. Meyer, "Un algorithme optimal de ligne de partage des eaux", Reconnaissance des Formes et Intelligence
       Artificielle, 1991.
    .. [2] J. Cousty et al., "Watershed cuts: minimum spanning forests and the drop of water principle", IEEE PAMI
       31(8), 2009.
    .. [3] P. Neubert, P. Protzel, "Compact watershed and preemptive SLIC", ICPR 2014.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> image = np.array([[0, 1, 3, 2, 0]])
    >>> segalgo.watershed(image, np.array([[1, 0, 0, 0, 2]]))
    array([[1, 1, 1, 2, 2]])
    >>> segalgo.watershed(image, np.array([[1, 0, 0, 0, 2]]), method="forest")
    array([[1, 1, 1, 2, 2]])
    """
    one_of(method, "method", METHODS)
    given = with_few_axes(as_array(image, "image"), "image")
    if given.ndim == 0:
        raise ValueError("image has shape (): expected at least one axis")
    offsets = _as_offsets(connectivity, offset, given.ndim)
    cells = math.prod(n + 2 * int(d) for n, d in zip(given.shape, abs(offsets).max(0), strict=True))
    if cells > MOST_CELLS:
        raise ValueError(f"image has shape {given.shape}: expected at most {MOST_CELLS} cells with the margin")
    altitudes = _as_altitudes(given)
    inside = _as_mask(mask, altitudes)
    strength, lines = as_number(compactness, "compactness"), as_flag(watershed_line, "watershed_line")
    if not 0 <= strength < math.inf:
        raise ValueError(f"compactness={compactness!r}: expected a finite number of at least 0")
    if method == "flood":
        if is_cupy(altitudes):
            raise TypeError("image is a CuPy array and method='flood' is sequential: expected method='forest'")
        compute = host_wing("morphology.watershed_flood")
    elif strength or lines:
        chosen = f"compactness={compactness!r}" if strength else "watershed_line=True"
        raise ValueError(f"{chosen} with method='forest': expected method='flood'")
    elif {tuple(o) for o in offsets.tolist()} != {tuple(o) for o in (-offsets).tolist()}:
        raise ValueError("connectivity is not symmetric about its centre: expected that of method='forest'")
    seeds = _as_markers(markers, altitudes, offsets, inside)
    unsigned = as_unsigned(as_contiguous(array_module(altitudes).where(inside, seeds, seeds.dtype.type(0))))
    if method == "forest":
        forest = wing("morphology.watershed_forest", altitudes, unsigned, inside)
        return forest.watershed_forest(altitudes, unsigned, offsets, inside).view(seeds.dtype)
    heights = altitudes.astype(np.float64, copy=False)
    return compute.watershed_flood(heights, unsigned, offsets, inside, strength, lines).view(seeds.dtype)


def _as_altitudes(array: Any) -> Any:
    """Return the image in a dtype that the kernels know, contiguous, without NaN."""
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"image has dtype {array.dtype}: expected bool, integers or floats of at most 64 bits")
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.dtype.kind == "f" and array.dtype.itemsize == 2:
        array = array.astype(np.float32)
    if array.dtype.kind == "f" and bool(array_module(array).isnan(array).any()):
        raise ValueError("image holds NaN: expected altitudes that have an order")
    return as_contiguous(array)


def _as_mask(mask: Any, image: Any) -> Any:
    """Return where the flood may go, of the image's shape and kind."""
    xp = array_module(image)
    if mask is None:
        return xp.ones(image.shape, bool)
    array = as_array(mask, "mask")
    if array.shape != image.shape:
        raise ValueError(f"mask has shape {array.shape}: expected {image.shape}, the shape of image")
    if array.dtype.kind not in "biu":
        raise TypeError(f"mask has dtype {array.dtype}: expected bool or integers")
    return as_contiguous(array != 0)


def _as_offsets(connectivity: Any, offset: Any, ndim: int) -> np.ndarray:
    """Return the offsets of the neighbours, (count, ndim), by growing distance and then in row order."""
    if getattr(connectivity, "ndim", 0) > 0 or isinstance(connectivity, list | tuple):
        footprint = np.asarray(as_array(connectivity, "connectivity")) != 0
        if footprint.ndim != ndim or footprint.size == 0:
            raise ValueError(f"connectivity has shape {footprint.shape}: expected a footprint with {ndim} axes")
    else:
        reach = as_connectivity(connectivity, ndim)
        footprint = np.zeros((3,) * ndim, bool)
        for step in itertools.product((-1, 0, 1), repeat=ndim):
            footprint[tuple(d + 1 for d in step)] = np.count_nonzero(step) <= reach
    centre = _as_centre(offset, footprint)
    offsets = np.argwhere(footprint) - centre
    offsets = offsets[offsets.any(1)]
    if len(offsets) == 0:
        raise ValueError("connectivity has no neighbour: expected a footprint with a cell beside its centre")
    return offsets[np.argsort((offsets**2).sum(1), kind="stable")].astype(np.int64)


def _as_centre(offset: Any, footprint: np.ndarray) -> np.ndarray:
    """Return the centre of a footprint, which is itself a part of it."""
    if offset is None:
        if any(n % 2 == 0 for n in footprint.shape):
            raise ValueError(f"connectivity has shape {footprint.shape}: expected odd sizes, or its centre as offset")
        return np.array(footprint.shape) // 2
    centre = np.asarray(as_array(offset, "offset"))
    if centre.dtype.kind not in "iu":
        raise TypeError(f"offset has dtype {centre.dtype}: expected integers")
    if centre.shape != (footprint.ndim,) or (centre < 0).any() or (centre >= footprint.shape).any():
        raise ValueError(f"offset={offset!r}: expected a place in the footprint, which has shape {footprint.shape}")
    return centre


def _as_markers(markers: Any, image: Any, offsets: np.ndarray, mask: Any) -> Any:
    """Return labels of the image's shape, of an integer dtype."""
    xp = array_module(image)
    if markers is None:
        return _numbered_minima(image, offsets, mask)
    if not isinstance(markers, bool) and isinstance(markers, int | np.integer):
        if markers < 1:
            raise ValueError(f"markers={markers!r}: expected at least 1, or an array")
        inside = int(mask.sum())
        wanted = int(markers * image.size / inside) if inside else 0
        return xp.asarray(_regular_markers(image.shape, max(wanted, 1)))
    labels = as_labels(markers, "markers", bools=True)
    if labels.shape != image.shape:
        raise ValueError(f"markers has shape {labels.shape}: expected {image.shape}, the shape of image")
    if is_cupy(labels) != is_cupy(image):
        raise TypeError("NumPy and CuPy arrays in one call: expected image and markers on one device")
    return labels


def _numbered_minima(image: Any, offsets: np.ndarray, mask: Any) -> Any:
    """Return the local minima: plateaus that have no lower neighbour; none where all altitudes are equal."""
    xp = array_module(image)
    reach = int(np.abs(offsets).sum(1).max())
    whole = {tuple(o) for o in itertools.product((-1, 0, 1), repeat=image.ndim) if 0 < np.count_nonzero(o) <= reach}
    if {tuple(o) for o in offsets.tolist()} != whole:
        raise ValueError("markers=None with a footprint as connectivity: expected markers, or a number of axes")
    if image.size == 0 or bool((image == image.reshape(-1)[0]).all()):
        return xp.zeros(image.shape, np.int32)
    plateaus, count = label(image, background=None, return_num=True, connectivity=reach)
    plateaus = plateaus + (1 if int(plateaus.min()) == 0 else 0)
    lower = xp.zeros(count + 2, bool)
    for step in offsets.tolist():
        spans = list(zip(step, image.shape, strict=True))
        here = tuple(slice(max(0, -d), min(n, n - d)) for d, n in spans)
        there = tuple(slice(max(0, d), min(n, n + d)) for d, n in spans)
        lower[plateaus[here][image[there] < image[here]]] = True
    return label(~lower[plateaus] & mask, connectivity=reach)


def _regular_markers(shape: tuple[int, ...], count: int) -> np.ndarray:
    """Return about `count` markers, numbered in row order, on a grid of equal steps along all axes.

    An axis shorter than the step holds one marker; the other axes share the rest (as `skimage.util.regular_seeds`).
    """
    markers = np.zeros(shape, np.int64)
    if markers.size <= count:
        places: tuple[slice, ...] = (slice(None),) * len(shape)
    else:
        ascending = sorted(range(len(shape)), key=lambda axis: shape[axis])
        sizes = np.sort(shape)
        steps = np.full(len(shape), (markers.size / count) ** (1 / len(shape)))
        for short in range(len(shape)):
            if (sizes >= steps).all():
                break
            steps[short] = sizes[short]
            if short + 1 < len(shape):
                steps[short + 1 :] = (np.prod(sizes[short + 1 :]) / count) ** (1 / (len(shape) - short - 1))
        along = dict(zip(ascending, steps, strict=True))
        places = tuple(
            slice(int(along[axis] // 2), None, max(round(float(along[axis])), 1)) for axis in range(len(shape))
        )
    grid = markers[places].shape
    markers[places] = 1 + np.arange(math.prod(grid)).reshape(grid)
    return markers
