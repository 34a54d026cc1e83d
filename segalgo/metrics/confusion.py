"""The confusion matrix: which class was taken for which, counted over cells."""

import operator
import warnings
from typing import Any, Self

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo._core.checks import as_array, as_contiguous, as_integer
from segalgo._core.dispatch import wing

# A matrix of this many classes takes 512 MiB; beyond it labels are object numbers, not classes.
MOST_CLASSES = 8192


def confusion_matrix(target: Any, prediction: Any, num_classes: int, ignore_index: int | None = 255) -> Any:
    """Count how often a cell of each class is predicted as each class.

    ``matrix[i, j]`` is the number of cells whose target is i and whose prediction is j. A cell whose target is
    `ignore_index` counts nowhere, whatever is predicted there. Any other label outside ``0 ... num_classes - 1`` is
    an error, in `prediction` also the value of `ignore_index` itself unless it is a class.

    Parameters
    ----------
    target, prediction : array of integers or bool, any shape, the same for both
        Labels: what is true, and what was found. NumPy or CuPy; the two may differ in dtype.
    num_classes : int
        1 to 8192.
    ignore_index : int or None, default 255
        The target label that is not scored; None scores all.

    Returns
    -------
    array, (num_classes, num_classes), int64
        Of the kind of `target`.

    Raises
    ------
    TypeError
        If labels are not integers or bool, or one array is CuPy's and the other NumPy's.
    ValueError
        If shapes differ, `num_classes` is out of range, or a label is no class; the message names the first one.

    Warns
    -----
    LabelWarning
        If of two classes the second has no cell and cells are ignored, as with masks of 0 and 255, whose 255 is the
        object: give ``target == 255``, or ``ignore_index=None`` where all cells are scored.

    Notes
    -----
    Grade: exact. One pass over both arrays; scratch of 8 to 32 bytes a cell of the matrix and thread.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.metrics import confusion_matrix
    >>> confusion_matrix(np.array([0, 0, 1, 255]), np.array([0, 1, 1, 1]), num_classes=2)
    array([[1, 1],
           [0, 1]])
    """
    x, y = _as_classes(target, "target"), _as_classes(prediction, "prediction")
    if x.shape != y.shape:
        raise ValueError(f"prediction has shape {y.shape}: expected that of target, {x.shape}")
    classes = _class_count(num_classes)
    ignored = _ignored_label(ignore_index)
    matrix, strays = wing("metrics.confusion", x, y).confusion_matrix(x, y, classes, ignored)
    if strays:
        raise ValueError(_stray(x, y, classes, ignored))
    if classes == 2:
        _note_ignored(matrix, x.size, ignored, 3)
    return matrix


def _note_ignored(matrix: Any, cells: int, ignored: int | None, level: int) -> None:
    """Warn where ignored cells are all that a target of two classes has beside its first class."""
    from segalgo._core.label_warning import LabelWarning

    if ignored != 255 or not isinstance(matrix, np.ndarray):
        return
    counted = int(matrix.sum())
    if 0 < counted < cells and not matrix[1:].any():
        warnings.warn(
            f"{cells - counted} of {cells} target cells hold {ignored} and are ignored, and none holds 1: "
            f"if {ignored} is the object, give target == {ignored}",
            LabelWarning,
            stacklevel=level + 1,
        )


def _as_classes(value: Any, argument: str) -> Any:
    array = as_array(value, argument)
    if array.dtype.kind not in "biu":
        raise TypeError(f"{argument} has dtype {array.dtype}: expected integers or bool")
    array = as_contiguous(array).reshape(array.shape)
    return array.view(np.uint8) if array.dtype.kind == "b" else array


def _ignored_label(ignore_index: Any) -> int | None:
    return None if ignore_index is None else as_integer(ignore_index, "ignore_index", most=1 << 64)


def _class_count(num_classes: Any) -> int:
    try:
        classes = operator.index(num_classes)
    except TypeError:
        raise TypeError(f"num_classes={num_classes!r}: expected an integer") from None
    if not 1 <= classes <= MOST_CLASSES:
        raise ValueError(f"num_classes={num_classes}: expected 1 to {MOST_CLASSES}")
    return classes


def _stray(target: Any, prediction: Any, num_classes: int, ignored: int | None) -> str:
    """Say which label, the first in row order, is no class; target before prediction."""
    for array, argument in ((target, "target"), (prediction, "prediction")):
        stray = (array < 0) | (array >= num_classes)
        if ignored is not None:
            stray &= target != ignored
        if stray.any():
            place = np.unravel_index(int(stray.argmax()), array.shape)
            where = ", ".join(str(int(k)) for k in place)
            ignoring = "" if ignored is None else f" (ignore_index {ignored} is for targets)"
            return (
                f"{argument} holds {int(array[tuple(place)])} at [{where}]: expected 0 to {num_classes - 1}{ignoring}"
            )
    raise AssertionError("a stray label was counted but is not there")


class ConfusionMatrix:
    """A confusion matrix that grows with every batch, so that scores are of all pictures together.

    The mean of scores of single pictures is another number; benchmarks mean this one.

    Parameters
    ----------
    num_classes : int or None, default None
        1 to 8192. None: as many as the labels that come need, the largest of them plus one.
    ignore_index : int or None, default 255
        The target label that is not scored.

    Attributes
    ----------
    matrix : array, (num_classes, num_classes), int64
        The counts so far, a NumPy array. The functions of `segalgo.metrics` take the object in its place.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.metrics import ConfusionMatrix, mean_iou
    >>> matrix = ConfusionMatrix(2)
    >>> for target, prediction in (([0, 0, 1], [0, 1, 1]), ([1, 1, 255], [1, 1, 0])):
    ...     matrix.update(np.array(target), np.array(prediction))
    ConfusionMatrix(2 classes, 3 cells)
    ConfusionMatrix(2 classes, 5 cells)
    >>> mean_iou(matrix)
    0.625
    """

    def __init__(self, num_classes: int | None = None, ignore_index: int | None = 255) -> None:
        self.grows = num_classes is None
        self.ignore_index = _ignored_label(ignore_index)
        classes = 0 if num_classes is None else _class_count(num_classes)
        self.matrix = np.zeros((classes, classes), np.int64)

    @property
    def num_classes(self) -> int:
        """The number of rows, and of columns."""
        return len(self.matrix)

    def update(self, target: Any, prediction: Any) -> Self:
        """Add the cells of a batch, as `confusion_matrix` counts them; an error leaves the matrix as it was."""
        if self.grows:
            self._grow(max(self._classes_of(target, "target"), self._classes_of(prediction, "prediction")))
        counts = confusion_matrix(target, prediction, max(self.num_classes, 1), self.ignore_index)
        counts = counts.get() if is_cupy(counts) else counts
        if self.num_classes:
            self.matrix += counts
        if self.grows and self.num_classes == 1:
            _note_ignored(counts, np.size(target), self.ignore_index, 2)
        return self

    def merge(self, other: "ConfusionMatrix") -> Self:
        """Add the counts of another matrix, as of another process; it must have as many classes unless this grows."""
        if self.grows:
            self._grow(other.num_classes)
        if other.num_classes > self.num_classes or (other.num_classes < self.num_classes and not other.grows):
            raise ValueError(f"other has {other.num_classes} classes: expected {self.num_classes}")
        self.matrix[: other.num_classes, : other.num_classes] += other.matrix
        return self

    def reset(self) -> Self:
        """Begin again at zero."""
        self.matrix = np.zeros_like(self.matrix)
        return self

    def _classes_of(self, value: Any, argument: str) -> int:
        labels = _as_classes(value, argument)
        if self.ignore_index is not None and argument == "target":
            labels = labels[labels != self.ignore_index]
        largest = int(labels.max()) if labels.size else -1
        if largest >= MOST_CLASSES:
            raise ValueError(f"{argument} holds {largest}: expected labels below {MOST_CLASSES}")
        return largest + 1

    def _grow(self, num_classes: int) -> None:
        more = num_classes - self.num_classes
        if more > 0:
            self.matrix = np.pad(self.matrix, (0, more))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.matrix, dtype, copy=True if copy is None else copy)

    def __repr__(self) -> str:
        return f"ConfusionMatrix({self.num_classes} classes, {int(self.matrix.sum())} cells)"
