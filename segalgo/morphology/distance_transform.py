"""Distance of every cell to the nearest cell of another value, and labels grown by it."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import as_flag, as_number, as_sequence, is_sequence, one_of
from segalgo._core.dispatch import wing
from segalgo.labels.label_arrays import as_labels, as_unsigned

METRICS = ("euclidean", "cityblock", "chessboard")
# A spacing is taken as a fraction with at most this denominator if the nearest float64 of that fraction is the spacing.
LARGEST_DENOMINATOR = 10**4
# Sums of squares below this are exact in float64, and so is the division that finds where two parabolas cross.
LARGEST_EXACT = 2**52


class Grid(NamedTuple):
    """The spacing as the kernels count: `weights` an axis, `scale` from their distances to those of the caller."""

    weights: tuple[float, ...]
    scale: Fraction
    integral: bool


def distance_transform(
    image: Any,
    spacing: float | Sequence[float] | None = None,
    *,
    metric: str = "euclidean",
    limit: float | None = None,
    squared: bool = False,
    dtype: Any = None,
    return_distances: bool = True,
    return_indices: bool = False,
) -> Any:
    """Return for every cell that is not 0 the distance to the nearest cell of another value.

    Of a boolean image that is the distance of the foreground to the background, as
    `scipy.ndimage.distance_transform_edt` gives it. Of a label map each object is measured on its own: the nearest cell
    may be background or belong to another label. Cells of background are at distance 0.

    Parameters
    ----------
    image : array of bool or integers, any number of axes
        0 is background. NumPy or CuPy, any memory order. Of floats pass ``image != 0``.
    spacing : float or sequence of floats, default 1
        The size of a cell along each axis, above 0.
    metric : {"euclidean", "cityblock", "chessboard"}
        ``sqrt(sum(d**2))``, ``sum(abs(d))`` or ``max(abs(d))`` of the differences d along the axes.
    limit : float, optional
        Cells at a larger distance count as infinitely far.
    squared : bool, default False
        Return squared Euclidean distances, without rounding: int64 where every spacing is an integer, else float64.
    dtype : {"float32", "float64"}, default "float32"
        Of the distances; squared ones have their own.
    return_distances, return_indices : bool, default True, False
        What to return; at least one.

    Returns
    -------
    distances : array, shape of `image`
        Infinite (squared: the largest int64) where no cell of another value is within `limit`.
    indices : array (ndim, ...) of int64
        The coordinates of the nearest cell of another value, its own for background, -1 where there is none. Of several
        nearest cells the first in row order; with ``metric="chessboard"``, whose distance does not grow with every
        axis, the first along each axis in turn, the last axis first.

    Raises
    ------
    TypeError
        If `image` is not of bool or integers, or an option has the wrong type.
    ValueError
        If `spacing` is not above 0 and finite, or not one number an axis, `limit` is negative or NaN, `metric` or
        `dtype` is unknown, `squared` comes with another metric, or nothing is to be returned.

    Notes
    -----
    Grade: exact. Spacings that are fractions with small denominators (0.5, 0.29, 1.25) are counted in integers, so that
    ties are ties and the distance is rounded once, after the square root. Other spacings, and sums of squares beyond
    2**52, are summed in float64 along the last axis first: the same numbers in every wing.

    The processor builds the lower envelope of parabolas along each axis [1]_ [2]_: linear in cells, for any distance.
    The GPU, chessboard distances, and spacings that are no such fraction walk outwards from each cell: as many steps an
    axis as the distance is long. Scratch on the processor: none beside the result, or 4 to 8 bytes a cell where the
    result has another size, and 8 bytes a cell for indices.

    References
    ----------
    .. [1] A. Meijster, J. Roerdink, W. Hesselink, "A general algorithm for computing distance transforms in linear
       time", Mathematical Morphology and its Applications to Image and Signal Processing, 2000.
    .. [2] P. Felzenszwalb, D. Huttenlocher, "Distance transforms of sampled functions", Theory of Computing 8, 2012.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.distance_transform(np.array([[0, 1, 1, 1], [1, 1, 1, 1]]), squared=True)
    array([[ 0,  1,  4,  9],
           [ 1,  2,  5, 10]])
    >>> segalgo.distance_transform(np.array([3, 3, 3, 7, 7, 0]))
    array([3., 2., 1., 1., 1., 0.], dtype=float32)
    """
    labels = as_labels(image, "image", bools=True)
    distances, places = _transform(
        labels, spacing, metric, limit, squared, dtype, as_flag(return_distances, "return_distances"), return_indices
    )
    if places is None:
        return distances
    coordinates = _coordinates(places, labels.shape)
    return (distances, coordinates) if return_distances else coordinates


def expand_labels(label_image: Any, distance: float = 1, spacing: float | Sequence[float] | None = None) -> Any:
    """Grow labels into the background around them, by at most `distance` and never over each other.

    Parameters
    ----------
    label_image : array of integers, any number of axes
        0 is background. NumPy or CuPy, any memory order.
    distance : float, default 1
        How far labels grow, in units of `spacing`: Euclidean, at least 0.
    spacing : float or sequence of floats, default 1
        The size of a cell along each axis.

    Returns
    -------
    array, shape and dtype of `label_image`
        A cell of background has the label of the nearest labelled cell; of several nearest ones, that of the first in
        row order. (scikit-image leaves the choice among these to SciPy's order of work.)

    Raises
    ------
    TypeError
        If `label_image` is not of integers, or `distance` is no number.
    ValueError
        If `distance` is negative or NaN, or `spacing` does not fit.

    Notes
    -----
    Composed of `distance_transform` and one look-up. Grade: exact. Scratch: 13 bytes a cell.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.expand_labels(np.array([0, 0, 3, 0, 0, 0, 5]), 1)
    array([0, 3, 3, 3, 0, 5, 5])
    """
    labels = as_labels(label_image, "label_image")
    reach = _as_limit(distance, "distance")
    places = _transform(labels == 0, spacing, "euclidean", reach, False, None, False, True)[1]
    if labels.size == 0:
        return labels.copy()
    xp = array_module(labels)
    return xp.where(places >= 0, labels.reshape(-1)[xp.maximum(places, 0)], labels.dtype.type(0))


def _transform(
    labels: Any, spacing: Any, metric: Any, limit: Any, squared: Any, dtype: Any, distances: bool, indices: Any
) -> tuple[Any, Any]:
    """Check the options, then compute distances and flat indices (None where not asked for)."""
    one_of(metric, "metric", METRICS)
    square, indices = as_flag(squared, "squared"), as_flag(indices, "return_indices")
    if square and metric != "euclidean":
        raise ValueError(f"squared=True with metric={metric!r}: expected metric='euclidean'")
    if not distances and not indices:
        raise ValueError("return_distances=False and return_indices=False: expected one of them to be True")
    if square and dtype is not None:
        raise ValueError(f"dtype={dtype!r} with squared=True: expected no dtype, squared distances have their own")
    name = one_of(
        getattr(dtype, "__name__", "float32" if dtype is None else str(dtype)), "dtype", ("float32", "float64")
    )
    grid = _grid(spacing, labels.shape, metric)
    reach = math.inf if limit is None else _as_limit(limit, "limit")
    root = metric == "euclidean" and not square
    if square:
        name = "int64" if grid.integral and grid.scale.denominator == 1 else "float64"
    scale = float(grid.scale**2 if square else grid.scale)
    compute = wing("morphology.distance_transform", labels)
    furthest = _largest_value(reach, grid, metric)
    return compute.distance_transform(
        as_unsigned(labels), grid.weights, metric, grid.integral, furthest, scale, root, name, indices
    )


def _as_limit(value: Any, argument: str) -> float:
    """Return a distance of at least 0."""
    number = as_number(value, argument)
    if not number >= 0:
        raise ValueError(f"{argument}={value!r}: expected a number of at least 0")
    return number


def _grid(spacing: Any, shape: tuple[int, ...], metric: str) -> Grid:
    """Return the spacing as integers where small fractions describe it, else as float64."""
    sizes = _as_spacing(spacing, len(shape))
    power = 2 if metric == "euclidean" else 1
    fractions = [Fraction(size).limit_denominator(LARGEST_DENOMINATOR) for size in sizes]
    if all(float(fraction) == size for fraction, size in zip(fractions, sizes, strict=True)):
        scale = Fraction(math.gcd(*(f.numerator for f in fractions)), math.lcm(*(f.denominator for f in fractions)))
        # Every fraction is a multiple of gcd(numerators) / lcm(denominators).
        steps = [int(fraction / scale) for fraction in fractions]
        if sum((step * n) ** power for step, n in zip(steps, shape, strict=True)) < LARGEST_EXACT:
            return Grid(tuple(float(step**power) for step in steps), scale, True)
    weights = tuple(size**power for size in sizes)
    if not all(0 < weight < math.inf for weight in weights):
        raise ValueError(f"spacing={spacing!r}: expected numbers whose squares float64 holds")
    return Grid(weights, Fraction(1), False)


def _as_spacing(spacing: Any, ndim: int) -> tuple[float, ...]:
    """Return one size an axis, above 0 and finite."""
    if spacing is None:
        return (1.0,) * ndim
    given = as_sequence(spacing, "spacing", "a number or one an axis") if is_sequence(spacing) else (spacing,) * ndim
    sizes = tuple(as_number(size, "spacing") for size in given)
    if len(sizes) != ndim or not all(0 < size < math.inf for size in sizes):
        raise ValueError(f"spacing={spacing!r}: expected one finite number above 0, or one for each of {ndim} axes")
    return sizes


def _largest_value(limit: float, grid: Grid, metric: str) -> float:
    """Return the largest number that kernels count whose distance, as float64, is within the limit."""
    if limit == math.inf:
        return math.inf
    scale = float(grid.scale)
    power = 2 if metric == "euclidean" else 1
    try:
        value = (limit / scale) ** power
    except OverflowError:
        return math.inf
    if value >= LARGEST_EXACT and grid.integral:
        return math.inf

    def within(number: float) -> bool:
        return (math.sqrt(number) if power == 2 else number) * scale <= limit

    if grid.integral:
        value = float(math.floor(value))
        while within(value + 1):
            value += 1
        while value > 0 and not within(value):
            value -= 1
        return value
    while math.isfinite(value) and within(math.nextafter(value, math.inf)):
        value = math.nextafter(value, math.inf)
    while value > 0 and not within(value):
        value = math.nextafter(value, 0)
    return value


def _coordinates(places: Any, shape: tuple[int, ...]) -> Any:
    """Return flat indices as coordinates (ndim, ...); -1 stays -1 along each axis."""
    xp = array_module(places)
    coordinates = xp.empty((len(shape), *shape), np.int64)
    rest = places
    for axis in reversed(range(len(shape))):
        n = max(shape[axis], 1)
        coordinates[axis] = xp.where(places < 0, -1, rest % n)
        rest = rest // n
    return coordinates
