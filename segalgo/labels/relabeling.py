"""Keep, remove and renumber labels."""

from typing import Any

import numpy as np

from segalgo._core.arrays import array_module, is_cupy
from segalgo._core.checks import as_flag, shown
from segalgo._core.dispatch import wing
from segalgo.labels.label_arrays import as_count, as_labels, as_unsigned, is_dense, largest_label, ranked
from segalgo.labels.label_map import LabelMap
from segalgo.labels.labeling import as_connectivity, label
from segalgo.reference.labels.relabeling import largest_labels

# The default of scikit-image.
DEFAULT_MAX_SIZE = 64


def remove_small_objects(
    labels: Any, min_size: int | None = None, connectivity: int = 1, *, max_size: int | None = None
) -> Any:
    """Remove labels of at most `max_size` cells; of a boolean image, its small components.

    Removed cells become 0 (False). All cells of a label are one object, also if they are not connected.

    Parameters
    ----------
    labels : array of integers or bool, any number of axes
        Labels of at least 0, or a boolean image; NumPy or CuPy, any memory order.
    min_size : int, optional
        The smallest number of cells that is kept: equivalent to ``max_size = min_size - 1``.
    connectivity : int, default 1
        Which components a boolean image has: 1 to ndim, or 4, 8 (2-D), 6, 18, 26 (3-D). Not used for labels.
    max_size : int, optional
        The largest number of cells that is removed; 64 where neither size is given. Arguments have the order of
        scikit-image, which has named sizes this way since 0.26.

    Returns
    -------
    array, shape and dtype of `labels`

    Raises
    ------
    TypeError
        If `labels` is not of integers or bool, or a size is not an integer.
    ValueError
        If a label or a size is negative, both sizes are given, the connectivity does not fit the number of axes, or
        there are more than 8 axes.

    Notes
    -----
    Composed of `label` (boolean images), the areas of all labels, and a table look-up (`label_areas` and `map_labels`
    of each backend). Grade: exact. Scratch: a table of 8 bytes for each label up to the largest and each thread; where
    the largest exceeds both 65536 and the number of cells, for each label that occurs, and one array of ranks.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.remove_small_objects(np.array([3, 3, 0, 7, 7, 7]), max_size=2)
    array([0, 0, 0, 7, 7, 7])
    """
    x = as_labels(labels, "labels", bools=True)
    reach = as_connectivity(connectivity, x.ndim)
    limit = _size_limit(min_size, max_size)
    cells, names = _components(x, reach)
    compute = wing("labels.relabeling", cells)
    kept = compute.label_areas(cells, names.size - 1) > limit
    return compute.map_labels(cells, as_unsigned(names * kept)).view(x.dtype)


def _size_limit(min_size: Any, max_size: Any) -> int:
    """Return the largest number of cells that is removed."""
    if min_size is not None and max_size is not None:
        raise ValueError(f"min_size={shown(min_size)} and max_size={shown(max_size)}: expected one of them")
    if min_size is not None:
        return as_count(min_size, "min_size") - 1
    return DEFAULT_MAX_SIZE if max_size is None else as_count(max_size, "max_size")


def largest_components(labels: Any, k: int = 1, connectivity: int | None = None, *, relabel: bool = False) -> Any:
    """Keep the k labels of most cells; of a boolean image, its k largest components.

    Other cells become 0 (False). Of labels of equal area the smaller is kept. If there are fewer than k labels, all are
    kept.

    Parameters
    ----------
    labels : array of integers or bool, any number of axes
        Labels of at least 0, or a boolean image; NumPy or CuPy, any memory order.
    k : int, default 1
        Number of labels to keep, at least 0.
    connectivity : int, optional
        Which components a boolean image has: 1 to ndim, the default, or 4, 8 (2-D), 6, 18, 26 (3-D). Not used for
        labels.
    relabel : bool, default False
        Renumber the kept labels 1, 2, ..., in ascending order. Not used for a boolean image.

    Returns
    -------
    array, shape and dtype of `labels`

    Raises
    ------
    TypeError
        If `labels` is not of integers or bool, `k` is not an integer, or `relabel` not a bool.
    ValueError
        If a label or `k` is negative, the connectivity does not fit the number of axes, or there are more than 8 axes.

    Notes
    -----
    Composed of the areas of all labels and a table look-up, as `remove_small_objects`. Grade: exact.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.largest_components(np.array([5, 5, 0, 7, 7, 9]), 1)
    array([5, 5, 0, 0, 0, 0])
    """
    x = as_labels(labels, "labels", bools=True)
    reach = as_connectivity(connectivity, x.ndim)
    number = as_count(k, "k")
    renumber = as_flag(relabel, "relabel")
    cells, names = _components(x, reach)
    compute = wing("labels.relabeling", cells)
    areas = compute.label_areas(cells, names.size - 1)
    xp = array_module(cells)
    kept = xp.asarray(largest_labels(areas.get() if is_cupy(areas) else areas, number))
    renumber = renumber and x.dtype != np.bool_
    table = xp.where(kept, xp.cumsum(kept), 0).astype(x.dtype) if renumber else names * kept
    return compute.map_labels(cells, as_unsigned(table)).view(x.dtype)


def relabel_sequential(label_field: Any, offset: int = 1) -> tuple[Any, LabelMap, LabelMap]:
    """Renumber labels to offset, offset + 1, ..., in ascending order of the labels; 0 stays 0.

    Parameters
    ----------
    label_field : array of integers, any number of axes
        Labels of at least 0; NumPy or CuPy, any memory order.
    offset : int, default 1
        The first new label, at least 1.

    Returns
    -------
    relabeled : array, shape of `label_field`
        Dtype of `label_field`, or the smallest unsigned dtype that holds the largest new label where it does not fit
        below the largest value of that dtype (scikit-image's rule).
    forward_map, inverse_map : LabelMap
        From old to new labels and back: pairs of arrays ``in_values, out_values``, 0 among them where it occurs.
        ``forward_map[label_field]`` equals `relabeled`, ``inverse_map[relabeled]`` equals `label_field`.

    Raises
    ------
    TypeError
        If `label_field` is not of an integer dtype, or `offset` is not an integer.
    ValueError
        If a label is negative, `offset` is less than 1 or so large that 64 bits might not hold the new labels, or there
        are more than 8 axes.

    Notes
    -----
    Composed of the areas of all labels and a table look-up, as `remove_small_objects`. Grade: exact.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> relabeled, forward, inverse = segalgo.relabel_sequential(np.array([1, 1, 5, 0, 99]))
    >>> relabeled, forward.in_values, forward.out_values
    (array([1, 1, 2, 0, 3]), array([ 0,  1,  5, 99]), array([0, 1, 2, 3]))
    """
    x = as_labels(label_field, "label_field")
    first = as_count(offset, "offset")
    if not 1 <= first <= 2**64 - 1 - x.size:
        raise ValueError(
            f"offset={shown(offset)}: expected 1 to {2**64 - 1 - x.size}, so that 64 bits hold every new label"
        )
    xp = array_module(x)
    largest = largest_label(x, "label_field")
    if is_dense(x, largest):
        cells = as_unsigned(x)
        present = wing("labels.relabeling", x).label_areas(cells, largest) > 0
        values = xp.flatnonzero(present).astype(x.dtype)
        rank = xp.cumsum(present[1:]).astype(np.uint64) + np.uint64(first - 1)
    else:
        cells, names = ranked(x)
        values = names if bool((cells == 0).any()) else names[1:]
        present = xp.ones(names.size, bool)
        rank = _counted_from(xp, first, names.size - 1)
    labelled = values.size - int(values.size > 0 and not values[0])
    dtype = _sequential_dtype(x.dtype, first + labelled - 1 if labelled else 0)
    table = xp.zeros(present.size, dtype)
    table[1:] = xp.where(present[1:], rank, np.uint64(0)).astype(dtype)
    relabeled = wing("labels.relabeling", cells).map_labels(cells, as_unsigned(table)).view(dtype)
    new = _counted_from(xp, first, values.size).astype(dtype)
    if labelled < values.size:
        new = xp.concatenate([xp.zeros(1, dtype), new[:-1]])
    return relabeled, LabelMap(values, new), LabelMap(new, values)


def _counted_from(xp: Any, first: int, count: int) -> Any:
    """Return first, first + 1, ... as uint64; `arange` alone would pass through float64 near 2**63."""
    return xp.arange(count, dtype=np.uint64) + np.uint64(first)


def _components(x: Any, connectivity: int) -> tuple[Any, Any]:
    """Return unsigned cells that index a table of names: labels themselves, ranks of sparse ones, or components."""
    xp = array_module(x)
    if x.dtype == np.bool_:
        components, count = label(x, return_num=True, connectivity=connectivity)
        names = xp.ones(count + 1, bool)
        names[0] = False
        return as_unsigned(components), names
    largest = largest_label(x, "labels")
    if is_dense(x, largest):
        return as_unsigned(x), xp.arange(largest + 1).astype(x.dtype)
    return ranked(x)


def _sequential_dtype(dtype: np.dtype, largest: int) -> np.dtype:
    """Return the dtype of sequential labels: scikit-image's rule."""
    needed = np.min_scalar_type(largest)
    return dtype if needed.itemsize <= dtype.itemsize and largest < np.iinfo(dtype).max else needed
