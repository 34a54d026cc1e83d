"""Connected components: the reference wing of `segalgo.labels.labeling`."""

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np


def label(
    image: np.ndarray,
    background: Any,
    connectivity: int,
    wrap: tuple[bool, ...],
    delta: Any,
    out: np.ndarray | None,
) -> tuple[np.ndarray, int]:
    """See `segalgo.label`. Join pairs of neighbours: every tree of pixels hangs on its first pixel in row order.

    Each round hooks the root of one side of every pair to the smaller root of the other, then lets every pixel point
    at its root (pointer jumping). A round at least halves the trees that still have a neighbour, so rounds are few.
    """
    foreground = np.ones(image.shape, bool) if background is None else image != background
    left, right = neighbour_pairs(image, foreground, connectivity, wrap, delta)
    parent = np.arange(image.size)
    while left.size:
        np.minimum.at(parent, np.maximum(left, right), np.minimum(left, right))
        while (parent[parent] != parent).any():
            parent = parent[parent]
        left, right = parent[left], parent[right]
        open_pairs = left != right
        left, right = left[open_pairs], right[open_pairs]
    # Roots are first pixels, so counting them in row order numbers the components.
    is_root = (parent == np.arange(image.size)) & foreground.ravel()
    count = int(np.count_nonzero(is_root))
    labels = out
    if labels is None:
        labels = np.empty(image.shape, np.int32 if count <= np.iinfo(np.int32).max else np.int64)
    labels[...] = (np.cumsum(is_root)[parent] * foreground.ravel()).reshape(image.shape)
    return labels, count


def neighbour_pairs(
    image: np.ndarray, foreground: np.ndarray, connectivity: int, wrap: tuple[bool, ...], delta: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat indices of both pixels of every joined pair, each pair once."""
    pixel = np.arange(image.size).reshape(image.shape)
    lefts, rights = [], []
    for offset in half_neighbourhood(image.ndim, connectivity):
        neighbour, here = pixel, pixel
        for axis, (step, around) in enumerate(zip(offset, wrap, strict=True)):
            if around:
                neighbour = np.roll(neighbour, -step, axis)
            else:
                size = image.shape[axis]
                neighbour = neighbour.take(range(max(step, 0), size + min(step, 0)), axis)
                here = here.take(range(max(-step, 0), size + min(-step, 0)), axis)
        a, b = here.ravel(), neighbour.ravel()
        both = foreground.ravel()[a] & foreground.ravel()[b]
        a, b = a[both], b[both]
        joined = close(image.ravel()[a], image.ravel()[b], delta)
        lefts.append(a[joined])
        rights.append(b[joined])
    return np.concatenate(lefts), np.concatenate(rights)


def half_neighbourhood(ndim: int, connectivity: int) -> list[tuple[int, ...]]:
    """Return the steps to neighbours that differ along at most `connectivity` axes, one of each opposite two."""
    zero = (0,) * ndim
    return [step for step in product((-1, 0, 1), repeat=ndim) if step > zero and np.abs(step).sum() <= connectivity]


def close(a: np.ndarray, b: np.ndarray, delta: Any) -> np.ndarray:
    """Return where ``abs(a - b) <= delta``, exactly: the larger minus the smaller, which unsigned 64 bits hold."""
    if delta == 0:
        return a == b
    high, low = np.maximum(a, b), np.minimum(a, b)
    if a.dtype.kind == "f":
        # Equal infinities are close, though their difference is a NaN.
        with np.errstate(invalid="ignore", over="ignore"):
            return (a == b) | (high.astype(np.float64) - low.astype(np.float64) <= delta)
    return high.astype(np.uint64) - low.astype(np.uint64) <= np.uint64(delta)


def same_partition(a: np.ndarray, b: np.ndarray) -> int:
    """See `segalgo.same_partition`. Returns the flat index of the first pixel that disagrees, or -1.

    A pixel agrees if the first pixel that bears its label in `a` and the first that bears its label in `b` are one
    and the same; a virtual first pixel, 0 in both, ties the backgrounds together.
    """
    disagree = first_with_same_value(a) != first_with_same_value(b)
    return int(np.argmax(disagree)) if disagree.any() else -1


def first_with_same_value(labels: np.ndarray) -> np.ndarray:
    """Return, for each pixel, the position of the first that bears its label; a 0 comes before all."""
    _, first, inverse = np.unique(np.append(labels.dtype.type(0), labels), return_index=True, return_inverse=True)
    return first[inverse][1:]


class LabelStep(NamedTuple):
    """What is known after one row: a picture of the first scan of two-scan labeling."""

    row: int
    """The row that was just read."""
    labels: np.ndarray
    """Provisional labels of the rows so far (int32, whole image); 0 on background and below."""
    equivalences: list[tuple[int, int]]
    """Pairs of provisional labels that this row found to be one component."""
    forest: np.ndarray
    """``forest[k]`` is the parent of provisional label k; roots are their own parents; ``forest[0] = 0``."""


def label_steps(image: np.ndarray, connectivity: int | None = None) -> Iterator[LabelStep]:
    """Label an image row by row, and show the state after each: for lessons and notebooks, not for speed.

    The first scan gives each foreground pixel (not 0) the smallest label among its neighbours above and to the left
    that have its value, or a new label, and notes which labels met. The forest keeps what was noted: the larger root
    hangs on the smaller. After the last row, roots counted in order number the components as `segalgo.label` does;
    `resolve` takes that second scan.

    Parameters
    ----------
    image : array of integers or bool, (H, W)
    connectivity : 1 or 2 (4 or 8 neighbours), default 2

    Yields
    ------
    LabelStep
        Row, provisional labels, equivalences found in this row, forest; arrays are copies.
    """
    image = np.asarray(image)
    if image.ndim != 2:
        raise ValueError(f"image has shape {image.shape}: expected (H, W)")
    if connectivity not in (None, 1, 2, 4, 8):
        raise ValueError(f"connectivity={connectivity!r}: expected 1 or 4, 2 or 8")
    behind = ((0, -1), (-1, 0)) if connectivity in (1, 4) else ((0, -1), (-1, -1), (-1, 0), (-1, 1))
    height, width = image.shape
    labels = np.zeros(image.shape, np.int32)
    parent = [0]
    for i in range(height):
        equivalences = []
        for j in range(width):
            if image[i, j] == 0:
                continue
            places = [(i + di, j + dj) for di, dj in behind if i + di >= 0 and 0 <= j + dj < width]
            met = sorted({int(labels[place]) for place in places if image[place] == image[i, j]})
            if not met:
                met = [len(parent)]
                parent.append(met[0])
            labels[i, j] = met[0]
            for other in met[1:]:
                equivalences.append((met[0], other))
                roots = sorted((find(parent, met[0]), find(parent, other)))
                parent[roots[1]] = roots[0]
        yield LabelStep(i, labels.copy(), equivalences, np.array(parent, np.int32))


def find(parent: list[int] | np.ndarray, k: int) -> int:
    """Return the root of the tree that holds k."""
    while parent[k] != k:
        k = int(parent[k])
    return k


def resolve(step: LabelStep) -> np.ndarray:
    """Return final labels from the last step: the second scan, which renames every label after its root."""
    roots = np.array([find(step.forest, k) for k in range(len(step.forest))])
    is_root = roots == np.arange(len(roots))
    return (np.cumsum(is_root) - 1)[roots].astype(np.int32)[step.labels]
