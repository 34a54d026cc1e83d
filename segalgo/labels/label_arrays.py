"""Checks shared by the functions on label arrays: dtype, largest label, counts and values; ranks of sparse labels."""

import operator
from typing import Any

import numpy as np

from segalgo._core.checks import as_array, as_contiguous, shown, with_few_axes
from segalgo._core.dispatch import wing

# Labels up to this, or up to the number of cells, index tables directly; larger ones are replaced by their ranks.
DENSE_LIMIT = 2**16


def as_labels(value: Any, argument: str, bools: bool = False) -> Any:
    """Return an integer array (or bool, where allowed) of at least one axis, C-contiguous, native byte order."""
    array = as_array(value, argument)
    if array.dtype.kind not in ("biu" if bools else "iu"):
        expected = "bool or integers" if bools else "integers"
        raise TypeError(f"{argument} has dtype {array.dtype}: expected {expected}")
    if array.ndim == 0:
        raise ValueError(f"{argument} has shape (): expected at least one axis")
    return as_contiguous(with_few_axes(array, argument))


def as_unsigned(labels: Any) -> Any:
    """Return the same bytes as unsigned integers, the one kind of label that wings know; bool becomes uint8."""
    return labels.view(f"u{labels.itemsize}")


def largest_label(labels: Any, argument: str) -> int:
    """Return the largest label, 0 of an empty array; raise where one is negative."""
    if labels.size == 0:
        return 0
    largest = wing("labels.relabeling", labels).largest_label(as_unsigned(labels))
    # Read as unsigned, a negative label is larger than every other.
    if labels.dtype.kind == "i" and largest > np.iinfo(labels.dtype).max:
        raise ValueError(f"{argument} holds the negative label {int(labels.min())}: expected labels of at least 0")
    return largest


def is_dense(labels: Any, largest: int) -> bool:
    """Return whether tables with a cell for each label up to the largest are of reasonable size."""
    return largest <= max(DENSE_LIMIT, labels.size)


def ranked(labels: Any) -> tuple[Any, Any]:
    """Return an array of ranks and the sorted labels that they stand for; rank 0 is label 0, present or not."""
    compute = wing("labels.relabeling", labels)
    unsigned = as_unsigned(labels)
    values = compute.distinct_labels(unsigned)
    ranks = compute.rank_labels(unsigned, values)
    return ranks, values.astype(labels.dtype, copy=False)


def as_count(value: Any, argument: str) -> int:
    """Return an integer of at least 0."""
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{argument}={shown(value)}: expected an integer") from None
    if count < 0:
        raise ValueError(f"{argument}={shown(value)}: expected at least 0")
    return count


def as_value(value: Any, argument: str, dtype: np.dtype) -> Any:
    """Return a scalar of the dtype that equals the value."""
    low, high = (0, 1) if dtype == np.bool_ else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if not isinstance(value, bool | int | float | np.bool_ | np.integer | np.floating):
        raise TypeError(f"{argument}={shown(value)}: expected a whole number")
    if not low <= value <= high or value != int(value):
        raise ValueError(f"{argument}={shown(value)}: expected a whole number from {low} to {high}, for dtype {dtype}")
    return dtype.type(int(value))
