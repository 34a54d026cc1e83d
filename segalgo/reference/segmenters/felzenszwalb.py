"""Regions by comparing edges with what lies inside."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class FelzenszwalbStep(NamedTuple):
    """An edge that joined two regions."""

    cost: float
    """Of the edge, at most what both regions allowed."""
    labels: np.ndarray
    """The first cell of each cell's region, after the edge."""


def felzenszwalb(image: np.ndarray, scale: float, min_size: int) -> np.ndarray:
    """See `segalgo.felzenszwalb`. Edges by (cost, cell, direction), a forest of cells whose roots are first cells."""
    joining = _Joining(image, scale)
    for _ in joining.steps():
        pass
    joining.join_small(min_size)
    first = joining.first_cells()
    return np.unique(first, return_inverse=True)[1].reshape(first.shape).astype(np.int32)


def felzenszwalb_steps(image: np.ndarray, scale: float) -> Iterator[FelzenszwalbStep]:
    """Show how regions grow together: for lessons, not for speed.

    Parameters
    ----------
    image : array (H, W) or (H, W, C) of numbers
        The picture, smoothed as the caller likes.
    scale : float
        How much the cost of an edge may be above what lies inside a region, divided by the region's cells.

    Yields
    ------
    FelzenszwalbStep
        After each edge that joins two regions, in ascending order of cost; labels are a copy.
    """
    values = np.asarray(image, np.float64)
    joining = _Joining(values if values.ndim == 3 else values[..., None], scale)
    for cost in joining.steps():
        yield FelzenszwalbStep(cost, joining.first_cells())


class _Joining:
    """A forest of cells, the edges in their order, and what regions allow."""

    def __init__(self, image: np.ndarray, scale: float) -> None:
        self.shape = height, width = image.shape[:2]
        self.scale = scale
        cells = np.arange(height * width).reshape(height, width)
        self.ends, self.costs = _edges(image, cells)
        self.parent = list(range(cells.size))
        self.size = [1] * cells.size
        self.allowed = [scale] * cells.size

    def steps(self) -> Iterator[float]:
        """Join regions; yield the cost of each edge that does."""
        for cost, (first, second) in zip(self.costs.tolist(), self.ends.tolist(), strict=True):
            a, b = self._root(first), self._root(second)
            if a != b and cost < self.allowed[a] and cost < self.allowed[b]:
                root = self._join(a, b)
                self.allowed[root] = cost + self.scale / self.size[root]
                yield cost

    def join_small(self, least: int) -> None:
        """Join regions of fewer cells to a neighbour, edge by edge in the same order."""
        for first, second in self.ends.tolist():
            a, b = self._root(first), self._root(second)
            if a != b and min(self.size[a], self.size[b]) < least:
                self._join(a, b)

    def first_cells(self) -> np.ndarray:
        """Return the first cell of each cell's region."""
        return np.array([self._root(cell) for cell in range(len(self.parent))], np.int64).reshape(self.shape)

    def _root(self, cell: int) -> int:
        while self.parent[cell] != cell:
            self.parent[cell] = self.parent[self.parent[cell]]
            cell = self.parent[cell]
        return cell

    def _join(self, a: int, b: int) -> int:
        root, other = min(a, b), max(a, b)
        self.parent[other] = root
        self.size[root] += self.size[other]
        return root


def _edges(image: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends and the cost of each edge, by cost, then by cell, then right, down, down right, down left."""
    ends, costs, directions = [], [], []
    pairs = (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
        ((slice(None, -1), slice(None, -1)), (slice(1, None), slice(1, None))),
        ((slice(None, -1), slice(1, None)), (slice(1, None), slice(None, -1))),
    )
    for direction, (here, there) in enumerate(pairs):
        total = np.zeros(cells[here].shape)
        for channel in range(image.shape[2]):
            with np.errstate(over="ignore"):  # differences of huge values cost infinitely much
                apart = image[there][..., channel] - image[here][..., channel]
                total = total + apart * apart
        ends.append(np.stack([cells[here].ravel(), cells[there].ravel()], 1))
        costs.append(np.sqrt(total).ravel())
        directions.append(np.full(total.size, direction))
    all_ends, all_costs = np.concatenate(ends), np.concatenate(costs)
    order = np.lexsort((np.concatenate(directions), all_ends[:, 0], all_costs))
    return all_ends[order], all_costs[order]
