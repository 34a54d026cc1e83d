"""Run-length codes of all objects of a label map at once."""

from typing import Any, NamedTuple

import numpy as np

from segalgo._core.checks import as_array
from segalgo._core.dispatch import host_wing
from segalgo.labels.label_arrays import as_labels, is_dense, largest_label, ranked
from segalgo.masks.codes import MOST_CELLS


class LabelRuns(NamedTuple):
    """The objects of a label map as run-length codes, in ascending order of their labels."""

    labels: np.ndarray
    """(K,), the labels that occur, without 0."""
    size: tuple[int, int]
    """Height and width."""
    counts: np.ndarray
    """uint32, the run lengths of all objects; object k has counts[offsets[k] : offsets[k + 1]]."""
    offsets: np.ndarray
    """(K + 1,) int64."""
    areas: np.ndarray
    """(K,) int64, cells of each object."""
    boxes: np.ndarray
    """(K, 4) int64: first column, first row, width, height."""

    def texts(self) -> list[bytes]:
        """Return the codes as COCO's strings."""
        return host_wing("masks.run_lengths").counts_to_texts(self.counts, self.offsets)


def labels_to_rles(labels: Any) -> dict[int, dict[str, Any]]:
    """Encode every object of a label map as COCO's compressed run-length code.

    Equal to ``{k: mask_to_rle(labels == k) for k in np.unique(labels) if k}``, at the cost of a few walks over the map
    however many objects it has.

    Parameters
    ----------
    labels : array, (height, width), integers or bool
        0 where no object is; numbers may have gaps and be of any size. NumPy.

    Returns
    -------
    dict of int -> dict
        ``{"size": [height, width], "counts": bytes}`` of each label that occurs, in ascending order.

    Raises
    ------
    TypeError
        If labels are not integers or bool, or no NumPy array.
    ValueError
        If a label is negative, the map has not two axes, or 2^32 cells or more.

    Notes
    -----
    Grade: exact. Cost: three walks over the map, the runs, and the strings. Scratch: 4 bytes a cell where labels are
    not int32, 16 bytes a run.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.masks import labels_to_rles
    >>> labels_to_rles(np.array([[0, 1], [7, 1]]))
    {1: {'size': [2, 2], 'counts': b'22'}, 7: {'size': [2, 2], 'counts': b'112'}}
    """
    runs = label_runs(labels, "labels")
    return {
        number: {"size": list(runs.size), "counts": text}
        for number, text in zip(runs.labels.tolist(), runs.texts(), strict=True)
    }


def label_runs(labels: Any, argument: str) -> LabelRuns:
    """Return the runs, areas and boxes of all objects of a label map, checked."""
    ranks, names = rank_labels(labels, argument)
    height, width = ranks.shape
    counts, offsets = host_wing("masks.label_runs").labels_to_counts(ranks, len(names))
    kernels = host_wing("masks.run_lengths")
    areas = kernels.areas(counts, offsets)
    top, bottom, left, right = kernels.bounding_boxes(counts, offsets, np.full(len(names), height, np.int64)).T
    boxes = np.column_stack([left, top, right - left + 1, bottom - top + 1])
    if areas.all():
        return LabelRuns(names, (height, width), counts, offsets, areas, boxes)
    # An absent label has one count, all zeros: leave it out.
    kept = areas > 0
    lengths = np.diff(offsets)
    return LabelRuns(
        names[kept],
        (height, width),
        counts[np.repeat(kept, lengths)],
        np.cumsum(np.append(0, lengths[kept])),
        areas[kept],
        boxes[kept],
    )


def rank_labels(labels: Any, argument: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a label map as int32 numbers 0, 1, 2 ... and the labels that 1, 2 ... stand for; some may be absent."""
    array = as_array(labels, argument)
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{argument} is {type(labels).__name__}: expected a NumPy array")
    array = as_labels(array, argument, bools=True)
    if array.ndim != 2:
        raise ValueError(f"{argument} has shape {array.shape}: expected (height, width)")
    if array.size > MOST_CELLS:
        raise ValueError(f"{argument} has {array.size} cells: expected at most {MOST_CELLS}")
    array = array.view(np.uint8) if array.dtype == bool else array
    largest = largest_label(array, argument)
    if is_dense(array, largest):
        names = np.arange(1, largest + 1).astype(array.dtype)
        ranks = array
    else:
        ranks, names = ranked(array)
        names = names[1:]
    return np.ascontiguousarray(ranks, np.int32), names
