"""Keep, remove, renumber and fill labels."""

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module, is_cupy
from segalgo._core.checks import as_array, as_contiguous
from segalgo._core.dispatch import wing
from segalgo.labels.label_arrays import as_labels, as_unsigned, is_dense, largest_label, ranked
from segalgo.labels.labeling import as_connectivity, label
from segalgo.reference.labels.relabeling import largest_labels

# What is removed where no size is given, as in scikit-image.
DEFAULT_MAX_SIZE = 64


def remove_small_objects(
    labels: Any, min_size: int | None = None, connectivity: int = 1, *, max_size: int | None = None
) -> Any:
    """Remove labels of at most `max_size` cells; of a boolean image, its small components.

    Removed cells become 0 (False). A label counts as one object, wherever its cells lie.

    Parameters
    ----------
    labels : array of integers or bool, any number of axes
        Labels of at least 0, or a boolean image; NumPy or CuPy, any memory order.
    min_size : int, optional
        The smallest number of cells that stays: another way to write ``max_size = min_size - 1``.
    connectivity : int, default 1
        Which components a boolean image has: 1 to ndim, or 4, 8 (2-D), 6, 18, 26 (3-D). Of no effect on labels.
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
        If a label or a size is negative, or both sizes are given.

    Notes
    -----
    Grade: exact. Cost: one pass that counts, one that looks up. Scratch: a table of 8 bytes for each label up to the
    largest and each thread; where the largest exceeds both 65536 and the number of cells, for each label that occurs,
    and one array of ranks.

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
        raise ValueError(f"min_size={min_size!r} and max_size={max_size!r}: expected one of them")
    if min_size is not None:
        return _as_count(min_size, "min_size") - 1
    return DEFAULT_MAX_SIZE if max_size is None else _as_count(max_size, "max_size")


def largest_components(labels: Any, k: int = 1, connectivity: int | None = None, *, relabel: bool = False) -> Any:
    """Keep the k labels of most cells; of a boolean image, its k largest components.

    Other cells become 0 (False). Among labels of equal area the smaller wins. Fewer than k labels: all stay.

    Parameters
    ----------
    labels : array of integers or bool, any number of axes
        Labels of at least 0, or a boolean image; NumPy or CuPy, any memory order.
    k : int, default 1
        How many stay, at least 0.
    connectivity : int, optional
        Which components a boolean image has: 1 to ndim, the default, or 4, 8 (2-D), 6, 18, 26 (3-D). Of no effect on
        labels.
    relabel : bool, default False
        Renumber the labels that stay 1, 2, ..., in ascending order of their labels. Of no effect on a boolean image.

    Returns
    -------
    array, shape and dtype of `labels`

    Raises
    ------
    TypeError
        If `labels` is not of integers or bool, or `k` is not an integer.
    ValueError
        If a label or `k` is negative.

    Notes
    -----
    Grade: exact. Cost and scratch: as `remove_small_objects`.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.largest_components(np.array([5, 5, 0, 7, 7, 9]), 1)
    array([5, 5, 0, 0, 0, 0])
    """
    x = as_labels(labels, "labels", bools=True)
    reach = as_connectivity(connectivity, x.ndim)
    number = _as_count(k, "k")
    cells, names = _components(x, reach)
    compute = wing("labels.relabeling", cells)
    areas = compute.label_areas(cells, names.size - 1)
    xp = array_module(cells)
    kept = xp.asarray(largest_labels(areas.get() if is_cupy(areas) else areas, number))
    renumber = relabel and x.dtype != np.bool_
    table = xp.where(kept, xp.cumsum(kept), 0).astype(x.dtype) if renumber else names * kept
    return compute.map_labels(cells, as_unsigned(table)).view(x.dtype)


def clear_border(labels: Any, buffer_size: int = 0, bgval: int = 0, mask: Any = None) -> Any:
    """Clear objects that touch the border.

    An object is a component of equal cells that are not 0, with full connectivity: parts of one label that do not
    touch each other are judged one by one, as in scikit-image. Where a cell of background lies in the border, all
    background becomes `bgval` too.

    Parameters
    ----------
    labels : array of integers or bool, any number of axes
        Labels of at least 0, or a boolean image; NumPy or CuPy, any memory order.
    buffer_size : int, default 0
        The border is this much wider than one cell; less than every size of `labels`.
    bgval : int, default 0
        What cleared cells become; a value of the dtype of `labels`.
    mask : array of bool, shape of `labels`, optional
        Where False lies the border; `buffer_size` then does not count.

    Returns
    -------
    array, shape and dtype of `labels`

    Raises
    ------
    TypeError
        If `labels` is not of integers or bool, or `mask` not of bool.
    ValueError
        If a label is negative, `buffer_size` does not fit, `bgval` is no value of the dtype, or the shapes differ.

    Notes
    -----
    Grade: exact. Cost: that of `label`, a look at the border and one pass. Scratch: the array of components.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.clear_border(np.array([[1, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]])).tolist()
    [[0, 0, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]]
    """
    x = as_labels(labels, "labels", bools=True)
    border = _as_count(buffer_size, "buffer_size")
    if mask is not None:
        mask = as_contiguous(as_array(mask, "mask"))
        if mask.dtype != np.bool_:
            raise TypeError(f"mask has dtype {mask.dtype}: expected bool")
        if mask.shape != x.shape:
            raise ValueError(f"mask has shape {mask.shape}: expected {x.shape}, the shape of labels")
    elif any(border >= n for n in x.shape):
        raise ValueError(f"buffer_size={border}: expected less than every size of labels, which has shape {x.shape}")
    fill = _as_value(bgval, "bgval", x.dtype)
    largest_label(x, "labels")
    components, count = label(x, return_num=True)
    if x.size == 0:
        return x.copy()
    compute = wing("labels.relabeling", x, mask)
    cleared = compute.border_labels(as_unsigned(components), count, border, mask)
    values = array_module(x).full(count + 1, fill, x.dtype)
    cells = compute.replace_components(as_unsigned(x), as_unsigned(components), cleared, as_unsigned(values))
    return cells.view(x.dtype)


@dataclass(eq=False)
class LabelMap:
    """A map between labels: ``in_values[k]`` becomes ``out_values[k]``, and what is not listed becomes 0.

    As scikit-image's ArrayMap: ``label_map(labels)`` and ``label_map[labels]`` apply it, ``label_map[3] = 7`` changes
    it. Its size is that of the two lists, however large the labels are. ``numpy.asarray(label_map)`` is the lookup
    table, up to the largest label.
    """

    in_values: Any
    """(M,), ascending."""
    out_values: Any
    """(M,), in the order of `in_values`."""

    @property
    def dtype(self) -> np.dtype:
        """The dtype of mapped labels."""
        return self.out_values.dtype

    def __len__(self) -> int:
        return int(self.in_values[-1]) + 1 if self.in_values.size else 0

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("copy=False: expected True or None, a table is made from the two lists")
        table = np.zeros(len(self), self.dtype if dtype is None else dtype)
        keys, values = (x.get() if is_cupy(x) else x for x in (self.in_values, self.out_values))
        table[keys] = values
        return table

    def __call__(self, labels: Any) -> Any:
        """Return the array of mapped labels, shape of `labels`, dtype of `out_values`."""
        return self[labels]

    def __getitem__(self, labels: Any) -> Any:
        """Return the array of mapped labels, shape of `labels`, dtype of `out_values`.

        A slice stands for the labels that it names, a boolean array for the positions where it is True.
        """
        xp = array_module(self.in_values)
        cells = self._keys(labels)
        if self.in_values.size == 0:
            return xp.zeros(cells.shape, self.out_values.dtype)
        keys = self.in_values.astype(np.uint64)  # int64 beside uint64 would be compared as float64
        place = xp.minimum(xp.searchsorted(keys, cells), keys.size - 1)
        found = xp.where(keys[place] == cells, self.out_values[place], self.out_values.dtype.type(0))
        return found if cells.ndim else found[()]

    def __setitem__(self, labels: Any, values: Any) -> None:
        """Map labels to other values: one for all, or one for each."""
        xp = array_module(self.in_values)
        cells = self._keys(labels)
        given = as_labels(xp.atleast_1d(as_array(values, "values")), "values")
        if given.size:
            _as_value(int(given.min()), "values", self.dtype)
            _as_value(int(given.max()), "values", self.dtype)
        given = xp.broadcast_to(given.astype(self.dtype), cells.shape or (1,))
        if cells.size == 0:
            return
        _as_value(int(cells.max()), "labels", self.in_values.dtype)
        # Of a label that occurs twice the last counts, so the new ones come first and in reverse.
        keys = xp.concatenate([cells.reshape(-1)[::-1], self.in_values.astype(np.uint64)])
        mapped = xp.concatenate([given.reshape(-1)[::-1], self.out_values])
        keys, first = xp.unique(keys, return_index=True)
        self.in_values, self.out_values = keys.astype(self.in_values.dtype), mapped[first]

    def _keys(self, labels: Any) -> Any:
        """Return labels of at least 0 as uint64."""
        xp = array_module(self.in_values)
        if isinstance(labels, slice):
            labels = xp.arange(*labels.indices(len(self)))
        cells = as_array(labels, "labels")
        if cells.dtype.kind == "b":
            cells = xp.flatnonzero(cells)
        if cells.dtype.kind not in "iu" and cells.size:
            raise TypeError(f"labels has dtype {cells.dtype}: expected integers, bool or a slice")
        if cells.dtype.kind == "i" and bool((cells < 0).any()):
            raise IndexError("labels holds a negative label: expected labels of at least 0")
        return cells.astype(np.uint64)


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
        If `label_field` is not of an integer dtype.
    ValueError
        If a label is negative, or `offset` is less than 1 or so large that 64 bits might not hold the labels.

    Notes
    -----
    Grade: exact. Cost and scratch: as `remove_small_objects`.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> relabeled, forward, inverse = segalgo.relabel_sequential(np.array([1, 1, 5, 0, 99]))
    >>> relabeled, forward.in_values, forward.out_values
    (array([1, 1, 2, 0, 3]), array([ 0,  1,  5, 99]), array([0, 1, 2, 3]))
    """
    x = as_labels(label_field, "label_field")
    first = _as_count(offset, "offset")
    if not 1 <= first <= 2**64 - 1 - x.size:
        raise ValueError(f"offset={offset!r}: expected 1 to {2**64 - 1 - x.size}, so that 64 bits hold every new label")
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


def fill_holes(image: Any, connectivity: int = 1) -> Any:
    """Fill holes: of a boolean image, background that is cut off from the border; of labels, with their label.

    A hole is a component of background that has no cell at the border and whose neighbours that are not background
    all have one label; its cells get that label. Background between two labels stays, as does what they enclose
    together. Both components and neighbours are those of `connectivity`.

    Parameters
    ----------
    image : array of bool or integers, any number of axes
        A boolean image or labels of at least 0; NumPy or CuPy, any memory order.
    connectivity : int, default 1
        Which cells of background are connected: 1 to ndim, or 4, 8 (2-D), 6, 18, 26 (3-D).

    Returns
    -------
    array, shape and dtype of `image`

    Raises
    ------
    TypeError
        If `image` is not of bool or integers.
    ValueError
        If a label is negative, or the connectivity does not exist in that many dimensions.

    Notes
    -----
    Grade: exact; of boolean images equal to `scipy.ndimage.binary_fill_holes`. Cost: that of `label`, one pass over
    background and its neighbours, and one that fills. Scratch: the array of components, and 24 bytes for each
    component of the background and each thread.

    References
    ----------
    .. [1] P. Soille, "Morphological Image Analysis", 2nd ed., Springer, 2003, section 6.3.7.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.fill_holes(np.array([[2, 2, 2, 0], [2, 0, 2, 0], [2, 2, 2, 0]])).tolist()
    [[2, 2, 2, 0], [2, 2, 2, 0], [2, 2, 2, 0]]
    """
    x = as_labels(image, "image", bools=True)
    reach = as_connectivity(connectivity, x.ndim)
    largest_label(x, "image")
    if x.size == 0:
        return x.copy()
    components, count = label(x == 0, return_num=True, connectivity=reach)
    cells, parts = as_unsigned(x), as_unsigned(components)
    compute = wing("labels.relabeling", cells)
    owners = compute.hole_owners(cells, parts, count, reach)
    return compute.replace_components(cells, parts, (owners != 0).view(np.uint8), owners).view(x.dtype)


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


def _as_count(value: Any, argument: str) -> int:
    """Return an integer of at least 0."""
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{argument}={value!r}: expected an integer") from None
    if count < 0:
        raise ValueError(f"{argument}={value!r}: expected at least 0")
    return count


def _as_value(value: Any, argument: str, dtype: np.dtype) -> Any:
    """Return a scalar of the dtype that equals the value."""
    low, high = (0, 1) if dtype == np.bool_ else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if not isinstance(value, bool | int | float | np.bool_ | np.integer | np.floating):
        raise TypeError(f"{argument}={value!r}: expected a whole number")
    if not low <= value <= high or value != int(value):
        raise ValueError(f"{argument}={value!r}: expected a whole number from {low} to {high}, for dtype {dtype}")
    return dtype.type(int(value))
