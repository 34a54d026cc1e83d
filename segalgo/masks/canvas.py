"""A canvas to paint labels by hand: strokes above or below existing labels, with undo."""

import itertools
import operator
from typing import Any, Self

import numpy as np

from segalgo._core.checks import as_array
from segalgo.masks.codes import MOST_DECODED
from segalgo.masks.polygons import polygon_to_mask


class Canvas:
    """A label map to paint on.

    A stroke `underneath` fills only what is still ground (label 0). Drawn generously over the edge of a finished
    object, it leaves neither a gap nor an overlap between the two: no cell is lost between neighbours.

    Parameters
    ----------
    canvas : tuple of int or array of integers
        (height, width) of an empty canvas, or a label map to go on with, which is copied.
    history : int, default 100
        How many strokes can be taken back. A stroke is remembered by the labels in its box.

    Attributes
    ----------
    labels : array, (height, width), int32
        The label map, read-only; a stroke changes it in place.

    Examples
    --------
    >>> from segalgo.masks import Canvas
    >>> canvas = Canvas((3, 5))
    >>> _ = canvas.polygon([[0, 0], [3, 0], [3, 3], [0, 3]], 1)
    >>> _ = canvas.polygon([[2, 0], [5, 0], [5, 3], [2, 3]], 2, underneath=True)
    >>> canvas.labels[0].tolist()
    [1, 1, 1, 2, 2]
    >>> canvas.undo()
    True
    >>> canvas.labels[0].tolist()
    [1, 1, 1, 0, 0]
    """

    def __init__(self, canvas: Any, history: int = 100) -> None:
        if operator.index(history) < 0:
            raise ValueError(f"history={history}: expected at least 0")
        self._history = history
        self._labels = _start(canvas)
        self._done: list[tuple[tuple[slice, slice], np.ndarray]] = []
        self._undone: list[tuple[tuple[slice, slice], np.ndarray]] = []

    @property
    def labels(self) -> np.ndarray:
        """The label map, read-only."""
        view = self._labels.view()
        view.flags.writeable = False
        return view

    def polygon(self, points: Any, label: int, underneath: bool = False) -> Self:
        """Fill a polygon, by the rule ``center`` of `polygon_to_mask`; rings within it are holes."""
        return self.mask(polygon_to_mask(points, self._labels.shape), label, underneath)

    def brush(self, points: Any, radius: float, label: int, underneath: bool = False) -> Self:
        """Paint with a round brush along points (column, row): all cells whose centre is within `radius` of the line.

        One point is a dab.
        """
        line = as_array(points, "points")
        if line.dtype.kind not in "biuf":
            raise TypeError(f"points has dtype {line.dtype}: expected real numbers")
        line = line.astype(np.float64)
        if line.ndim != 2 or line.shape[1:] != (2,) or len(line) == 0 or not (np.abs(line) <= 2.0**24).all():
            raise ValueError(f"points of shape {line.shape}: expected (n, 2) finite numbers, n at least 1")
        if not 0 <= radius <= 2.0**24:
            raise ValueError(f"radius={radius}: expected 0 to 2^24")
        touched = np.zeros(self._labels.shape, bool)
        for start, end in itertools.pairwise(line) if len(line) > 1 else [(line[0], line[0])]:
            _touch(touched, start, end, float(radius))
        return self.mask(touched, label, underneath)

    def mask(self, mask: Any, label: int, underneath: bool = False) -> Self:
        """Paint the nonzero cells of a mask of the canvas's shape, as another program may have found them."""
        array = as_array(mask, "mask")
        if array.shape != self._labels.shape:
            raise ValueError(f"mask has shape {array.shape}: expected {self._labels.shape}")
        value = operator.index(label)
        if not 0 <= value <= np.iinfo(np.int32).max:
            raise ValueError(f"label={label}: expected 0 to {np.iinfo(np.int32).max}")
        cells = np.asarray(array) != 0
        if underneath:
            cells &= self._labels == 0
        box = _box(cells)
        self._remember(self._done, box)
        self._undone.clear()
        self._labels[box][cells[box]] = value
        return self

    def erase(self, points: Any, radius: float) -> Self:
        """Paint ground with a round brush."""
        return self.brush(points, radius, 0)

    def undo(self) -> bool:
        """Take the last stroke back; return whether there was one."""
        return self._exchange(self._done, self._undone)

    def redo(self) -> bool:
        """Paint again what was taken back last; return whether there was something. A new stroke ends this."""
        return self._exchange(self._undone, self._done)

    def _remember(self, stack: list[tuple[tuple[slice, slice], np.ndarray]], box: tuple[slice, slice]) -> None:
        stack.append((box, self._labels[box].copy()))
        del stack[: max(len(stack) - self._history, 0)]

    def _exchange(self, source: list[Any], target: list[Any]) -> bool:
        if not source:
            return False
        box, before = source.pop()
        self._remember(target, box)
        self._labels[box] = before
        return True


def _start(canvas: Any) -> np.ndarray:
    """Return the first label map: zeros, or a copy."""
    if isinstance(canvas, tuple):
        try:
            height, width = map(operator.index, canvas)
        except (TypeError, ValueError):
            raise ValueError(f"canvas={canvas!r}: expected (height, width) or a label map") from None
        if min(height, width) < 0 or height * width > MOST_DECODED:
            raise ValueError(f"canvas={canvas!r}: expected at least 0 each, at most {MOST_DECODED} cells")
        return np.zeros((height, width), np.int32)
    array = as_array(canvas, "canvas")
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biu" or array.ndim != 2:
        raise TypeError(
            f"canvas is {type(canvas).__name__}: expected (height, width) or a label map (H, W) of integers"
        )
    if array.size and (array.min() < 0 or array.max() > np.iinfo(np.int32).max):
        raise ValueError(f"canvas holds labels {array.min()} to {array.max()}: expected 0 to {np.iinfo(np.int32).max}")
    return array.astype(np.int32)


def _box(cells: np.ndarray) -> tuple[slice, slice]:
    """Return the smallest box around the cells that are set."""
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    if rows.size == 0:
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _touch(touched: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float) -> None:
    """Set the cells whose centre is within `radius` of the line from start to end."""
    low, high = np.minimum(start, end) - radius, np.maximum(start, end) + radius
    (left, top), (right, bottom) = (np.clip(ends, 0, touched.shape[::-1]).astype(int) for ends in (low, high + 1))
    if left >= right or top >= bottom:
        return
    columns, rows = np.arange(left, right) + 0.5 - start[0], np.arange(top, bottom)[:, None] + 0.5 - start[1]
    along = end - start
    length = float(along @ along)
    # The nearest point of the line: the foot of the perpendicular, kept between the ends.
    share = np.clip((columns * along[0] + rows * along[1]) / length, 0, 1) if length else np.zeros((1, 1))
    distance = (columns - share * along[0]) ** 2 + (rows - share * along[1]) ** 2
    touched[top:bottom, left:right] |= distance <= radius**2
