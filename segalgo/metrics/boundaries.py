"""The boundary F1 score: how well the contours of two label maps agree."""

import itertools
import math
from typing import Any

import numpy as np

from segalgo._core.checks import as_array, one_of
from segalgo._core.dispatch import host_wing
from segalgo._core.numbers import as_real_number, as_score

# Of the picture's diagonal: Csurka et al. 2013, and the Berkeley benchmark before them.
TOLERANCE = 0.0075


def boundary_f1(
    target: Any,
    prediction: Any,
    num_classes: int,
    ignore_index: int | None = 255,
    tolerance: float | None = None,
    matching: str = "one-to-one",
    empty: float = np.nan,
) -> np.ndarray:
    """Return the boundary F1 score (BF) of each class.

    The boundary of a class are the cells (i, j) whose block of four, (i, j) to (i + 1, j + 1), holds the class and
    something else; a block with an ignored target cell is no boundary of anything. Precision is the share of predicted
    boundary cells that are matched to target boundary cells within `tolerance`, recall the share of target ones that
    are matched, F1 their harmonic mean. A class with a boundary in only one of the two has 0; in neither, `empty`.

    The score of a picture is the mean over classes that are not nan; of a data set, the mean over pictures.

    Parameters
    ----------
    target, prediction : array of integers or bool, (H, W) or (N, H, W)
        Labels; NumPy.
    num_classes : int
        Labels are 0 ... num_classes - 1.
    ignore_index : int or None, default 255
        The target label that is not scored.
    tolerance : float, optional
        Largest distance in pixels, by default 0.0075 of the diagonal: 4.5 at 360 x 480.
    matching : {"one-to-one", "nearest"}, default "one-to-one"
        ``one-to-one``: the largest possible number of pairs, each cell in one of them, as the Berkeley benchmark and
        SegNet's evaluation do. ``nearest``: a cell is matched if any cell of the other boundary is near enough, which
        is quicker and gives equal or higher scores.
    empty : float, default nan
        The score of a class without a boundary.

    Returns
    -------
    array, (num_classes,) or (N, num_classes), float64
        0 to 1.

    Raises
    ------
    TypeError, ValueError
        If labels are not integers or no classes, shapes differ or are others, or the tolerance is negative.

    Notes
    -----
    Grade: exact counts. Cost: a pass over the picture, and for each class a matching in proportion to its boundary
    cells times those within the tolerance, some times over.

    References
    ----------
    Csurka, Larlus, Perronnin: What is a good evaluation measure for semantic segmentation?, BMVC 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.metrics import boundary_f1
    >>> target = np.zeros((20, 20), int)
    >>> target[5:15, 5:15] = 1
    >>> boundary_f1(target, np.roll(target, 1, axis=0), num_classes=3, tolerance=1)
    array([ 1.,  1., nan])
    """
    # The same checks of labels as the confusion matrix has; its counts are not needed.
    from segalgo.metrics.confusion import confusion_matrix

    x, y = as_array(target, "target"), as_array(prediction, "prediction")
    if not isinstance(x, np.ndarray) or not isinstance(y, np.ndarray):
        raise TypeError("target and prediction: expected NumPy arrays, boundaries are matched in the host's memory")
    if x.ndim not in (2, 3):
        raise ValueError(f"target has shape {x.shape}: expected (H, W) or (N, H, W)")
    confusion_matrix(x, y, num_classes, ignore_index)
    one_of(matching, "matching", ("one-to-one", "nearest"))
    empty = as_score(empty, "empty")
    height, width = x.shape[-2:]
    reach = TOLERANCE * float(np.hypot(height, width)) if tolerance is None else as_real_number(tolerance, "tolerance")
    if not 0 <= reach <= height + width:
        raise ValueError(f"tolerance={tolerance}: expected 0 to the picture's size, in pixels")
    ignored = np.zeros(x.shape, bool) if ignore_index is None else x == int(ignore_index)
    count = math.prod(x.shape[:-2])
    planes = [plane.reshape(count, height, width) for plane in (x, y, ignored)]
    rows = [_score_picture(*picture, num_classes, reach, matching, empty) for picture in zip(*planes, strict=True)]
    return np.array(rows, np.float64).reshape(*x.shape[:-2], num_classes)


def _score_picture(
    target: np.ndarray,
    prediction: np.ndarray,
    ignored: np.ndarray,
    num_classes: int,
    reach: float,
    matching: str,
    empty: float,
) -> list[float]:
    """Return the score of each class in one picture."""
    shape = target.shape
    places, others = (_boundary_cells(plane, ignored, num_classes) for plane in (target, prediction))
    match = _match_nearest if matching == "nearest" else _match_pairs
    scores = []
    for cells, found in zip(places, others, strict=True):
        if not cells.size + found.size:
            scores.append(empty)
            continue
        right, hit = match(found, cells, reach, shape) if cells.size and found.size else (0, 0)
        precision, recall = right / max(found.size, 1), hit / max(cells.size, 1)
        scores.append(2 * precision * recall / (precision + recall) if right and hit else 0.0)
    return scores


def _boundary_cells(labels: np.ndarray, ignored: np.ndarray, num_classes: int) -> list[np.ndarray]:
    """Return the numbers i * width + j of each class's boundary cells; over the last row and column labels go on."""
    if labels.size == 0:
        return [np.empty(0, np.int64)] * num_classes
    blocks = _blocks(labels)
    differ = (blocks[1:] != blocks[0]).any(axis=0) & ~_blocks(ignored).any(axis=0)
    places = np.flatnonzero(differ)
    values = blocks.reshape(4, -1)[:, places]
    # A label that stands twice in a block counts once.
    fresh = np.array([(values[k] != values[:k]).all(axis=0) for k in range(4)])
    classes, cells = values[fresh].astype(np.int64), np.broadcast_to(places, values.shape)[fresh]
    order = np.lexsort((cells, classes))
    bounds = np.searchsorted(classes[order], np.arange(num_classes + 1))
    return [cells[order[a:b]] for a, b in itertools.pairwise(bounds)]


def _blocks(plane: np.ndarray) -> np.ndarray:
    """Return the cell itself and its neighbours right, below, and right below."""
    padded = np.pad(plane, ((0, 1), (0, 1)), mode="edge")
    return np.stack([padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]])


def _match_pairs(found: np.ndarray, cells: np.ndarray, reach: float, shape: tuple[int, int]) -> tuple[int, int]:
    """Return the number of pairs, twice."""
    span = np.arange(-int(reach), int(reach) + 1)
    offsets = np.stack(np.meshgrid(span, span, indexing="ij"), axis=-1).reshape(-1, 2)
    squares = (offsets**2).sum(axis=1)
    order = np.argsort(squares, kind="stable")
    offsets = offsets[order[squares[order] <= reach**2]].astype(np.int64)
    pairs = host_wing("metrics.boundary_matching").match_points(found, cells, np.ascontiguousarray(offsets), *shape)
    return pairs, pairs


def _match_nearest(found: np.ndarray, cells: np.ndarray, reach: float, shape: tuple[int, int]) -> tuple[int, int]:
    """Return how many cells of each have one of the other within reach."""
    from scipy.ndimage import distance_transform_edt

    def near(these: np.ndarray, those: np.ndarray) -> int:
        away = np.ones(shape, bool)
        away.ravel()[those] = False
        return int((distance_transform_edt(away).ravel()[these] <= reach).sum())

    return near(found, cells), near(cells, found)
