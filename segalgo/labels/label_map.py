"""A map from labels to labels, as renumbering returns it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module, is_cupy
from segalgo._core.checks import as_array
from segalgo.labels.label_arrays import as_labels, as_value


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
            as_value(int(given.min()), "values", self.dtype)
            as_value(int(given.max()), "values", self.dtype)
        given = xp.broadcast_to(given.astype(self.dtype), cells.shape or (1,))
        if cells.size == 0:
            return
        as_value(int(cells.max()), "labels", self.in_values.dtype)
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
