"""Superpixels by local k-means."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class SlicStep(NamedTuple):
    """The state after one round."""

    labels: np.ndarray
    """The number of the nearest centre of each cell, -1 where there is none."""
    centres: np.ndarray
    """Places and features of the centres, after they moved to the means of their cells."""


def slic(
    features: np.ndarray,
    mask: np.ndarray | None,
    centres: np.ndarray,
    windows: tuple[float, ...],
    ratios: tuple[float, ...],
    rounds: int,
) -> np.ndarray:
    """See `segalgo.slic`. Rounds of assignment and means, until an assignment changes nothing."""
    labels = np.full(features.shape[1:], -1, np.int32)
    for step in slic_steps(features, mask, centres, windows, ratios, rounds):
        labels = step.labels
    return labels


def slic_steps(
    features: np.ndarray,
    mask: np.ndarray | None,
    centres: np.ndarray,
    windows: tuple[float, ...],
    ratios: tuple[float, ...],
    rounds: int,
) -> Iterator[SlicStep]:
    """Show how superpixels find their cells: for lessons, not for speed.

    Parameters
    ----------
    features : array (C, D, H, W) of float32
        Whole numbers.
    mask : array (D, H, W) of bool, optional
        The cells that belong to superpixels.
    centres : array (K, 3 + C) of float32
        Places (plane, row, column) and features.
    windows : tuple of 3 floats
        How far along each axis a centre reaches.
    ratios : tuple of 3 floats
        How many units of features a cell of distance counts.
    rounds : int
        How often at most.

    Yields
    ------
    SlicStep
        Labels and centres after each round; arrays are copies.
    """
    labels = np.full(features.shape[1:], -1, np.int32)
    moved = centres.astype(np.float32)
    for _ in range(rounds):
        following = _assigned(features, mask, moved, windows, ratios, labels)
        changed = not np.array_equal(following, labels)
        labels = following
        if changed:
            moved = _means(features, labels, moved)
        yield SlicStep(labels.copy(), moved.copy())
        if not changed:
            return


def _assigned(
    features: np.ndarray,
    mask: np.ndarray | None,
    centres: np.ndarray,
    windows: tuple[float, ...],
    ratios: tuple[float, ...],
    before: np.ndarray,
) -> np.ndarray:
    """Return the nearest centre of each cell, the first one of equal ones; cells in no window keep what they had."""
    best = np.full(before.shape, np.finfo(np.float32).max, np.float32)
    labels = before.copy()
    for number, centre in enumerate(centres):
        box, far = [], np.float32(0)
        for axis, n in enumerate(before.shape):
            at = np.arange(n, dtype=np.float32)
            window = np.float32(windows[axis])
            inside = np.flatnonzero((at >= centre[axis] - window) & (at <= centre[axis] + window))
            box.append(slice(int(inside[0]), int(inside[-1]) + 1) if len(inside) else slice(0, 0))
            apart = (at[box[-1]] - centre[axis]) * np.float32(ratios[axis])
            far = far + (apart * apart).reshape([-1 if other == axis else 1 for other in range(3)])
        for channel, value in zip(features, centre[3:], strict=True):
            apart = channel[tuple(box)] - value
            far = far + apart * apart
        here = tuple(box)
        nearer = far < best[here]
        best[here] = np.where(nearer, far, best[here])
        labels[here] = np.where(nearer, number, labels[here])
    return labels if mask is None else np.where(mask, labels, -1).astype(np.int32)


def _means(features: np.ndarray, labels: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the means of the cells of each centre, from exact sums; centres without cells stay."""
    held = labels >= 0
    numbers = labels[held]
    count = np.bincount(numbers, minlength=len(centres))
    values = [*np.indices(labels.shape), *features.astype(np.int64)]
    moved = centres.copy()
    for column, value in enumerate(values):
        total = np.zeros(len(centres), np.int64)
        np.add.at(total, numbers, value[held])
        moved[count > 0, column] = (total[count > 0] / count[count > 0]).astype(np.float32)
    return moved


def lab_features(codes: np.ndarray, linear: np.ndarray, matrix: np.ndarray, cube: np.ndarray) -> np.ndarray:
    """See `segalgo.slic`: colors (..., 3) as L, a, b in 64ths, a plane each. All numbers are integers of 32 bits."""
    light = linear[codes]
    x, y, z = (cube[np.minimum((light * row).sum(-1, dtype=np.int32) >> 14, 65535)] for row in matrix.reshape(3, 3))
    return np.stack([(116 * y >> 8) - 1024, 500 * (x - y) >> 8, 200 * (y - z) >> 8]).astype(np.float32)
