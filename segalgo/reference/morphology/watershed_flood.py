"""Watershed by flooding from markers, with a priority queue."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Cell(NamedTuple):
    """A cell that waits in the queue; (value, age) is its priority."""

    value: float
    age: int
    place: int
    source: int


def watershed_flood(
    image: np.ndarray,
    markers: np.ndarray,
    offsets: np.ndarray,
    mask: np.ndarray,
    compactness: float,
    watershed_line: bool,
) -> np.ndarray:
    """See `segalgo.watershed`. image is float64; cells leave the queue by value, then by the time they entered it."""
    flooding = _Flooding(image, markers, offsets, mask, compactness, watershed_line)
    for _ in flooding.steps():
        pass
    return flooding.result()


class WatershedStep(NamedTuple):
    """The state after one cell left the queue."""

    place: tuple[int, ...]
    """The cell that left the queue."""
    labels: np.ndarray
    """Labels so far; 0 where the flood has not come."""
    waiting: int
    """How many cells wait in the queue."""


def watershed_steps(
    image: np.ndarray, markers: np.ndarray, connectivity: int = 1, mask: np.ndarray | None = None
) -> Iterator[WatershedStep]:
    """Flood an image from markers cell by cell, and show the state after each: for lessons, not for speed.

    A cell gets its label when a neighbour that floods it puts it into the queue. The lowest waiting cell leaves first;
    among equals the one that has waited longest, which splits plateaus between markers.

    Parameters
    ----------
    image : array of numbers
        The altitudes.
    markers : array of integers, shape of `image`
        Labels of the cells where the flood begins; 0 elsewhere.
    connectivity : int, default 1
        Along how many axes at most neighbours differ.
    mask : array of bool, shape of `image`, optional
        Where the flood may go.

    Yields
    ------
    WatershedStep
        The cell that left the queue, the labels so far, the length of the queue; arrays are copies.
    """
    image, markers = np.asarray(image, np.float64), np.asarray(markers)
    if markers.shape != image.shape:
        raise ValueError(f"markers has shape {markers.shape}: expected {image.shape}, the shape of image")
    if not 1 <= connectivity <= image.ndim:
        raise ValueError(f"connectivity={connectivity!r}: expected 1 to {image.ndim}")
    inside = np.ones(image.shape, bool) if mask is None else np.asarray(mask, bool)
    around = np.argwhere(np.ones((3,) * image.ndim)) - 1
    distance = (around**2).sum(1)
    around = around[np.argsort(distance, kind="stable")]
    offsets = around[((around**2).sum(1) > 0) & ((around**2).sum(1) <= connectivity)]
    flooding = _Flooding(image, np.where(inside, markers, 0), offsets, inside, 0.0, False)
    for place in flooding.steps():
        yield WatershedStep(tuple(map(int, place)), flooding.result(), len(flooding.queue))


class _Flooding:
    """A flood on arrays with a margin, outside the mask, so that every neighbour exists."""

    def __init__(
        self,
        image: np.ndarray,
        markers: np.ndarray,
        offsets: np.ndarray,
        mask: np.ndarray,
        compactness: float,
        watershed_line: bool,
    ) -> None:
        margin = np.abs(offsets).max(0, initial=0)
        pad = [(int(n), int(n)) for n in margin]
        self.image = np.pad(image, pad)
        self.labels = np.pad(markers, pad).reshape(-1)
        self.mask = np.pad(mask, pad).reshape(-1)
        self.shape, self.margin = self.image.shape, margin
        steps = [int(np.prod(self.shape[axis + 1 :], dtype=np.int64)) for axis in range(image.ndim)]
        self.steps_to = [int(step) for step in offsets @ np.array(steps, np.int64)]
        self.image = self.image.reshape(-1)
        self.compactness, self.lines = compactness, watershed_line
        self.queue: list[Cell] = []

    def result(self) -> np.ndarray:
        """Return a copy of the labels without the margin."""
        inside = tuple(slice(int(m), n - int(m)) for m, n in zip(self.margin, self.shape, strict=True))
        return np.ascontiguousarray(self.labels.reshape(self.shape)[inside])

    def steps(self) -> Iterator[np.ndarray]:
        """Flood; yield the coordinates of each cell that leaves the queue."""
        age = 0
        late = self.compactness > 0 or self.lines
        for place in map(int, np.flatnonzero(self.labels)):
            push(self.queue, Cell(self.image[place], 0, place, place))
        while self.queue:
            cell = pop(self.queue)
            if late:
                if self.labels[cell.place] and cell.place != cell.source:
                    continue
                # A cell between two labels becomes part of the line; a compact flood has no lines.
                if self.compactness > 0 or not self._on_line(cell.place, self.labels[cell.source]):
                    self.labels[cell.place] = self.labels[cell.source]
            for step in self.steps_to:
                place = cell.place + step
                if not self.mask[place] or self.labels[place]:
                    continue
                age += 1
                value = self.image[place]
                if self.compactness > 0:
                    value += self.compactness * self._distance(place, cell.source)
                elif not self.lines:
                    self.labels[place] = self.labels[cell.place]
                # Water comes no lower than it went on its way.
                push(self.queue, Cell(max(value, cell.value), age, place, cell.source))
            yield np.array(np.unravel_index(cell.place, self.shape)) - self.margin

    def _on_line(self, place: int, label: int) -> bool:
        """Return whether a cell meets another label than the one that comes, and leave it out from now on if so."""
        if not self.mask[place]:
            return True
        near = [place + step for step in self.steps_to]
        line = any(self.mask[n] and self.labels[n] not in (0, label) for n in near)
        if line:
            self.mask[place] = False
        return line

    def _distance(self, a: int, b: int) -> float:
        """Return the Euclidean distance of two cells."""
        places = np.array(np.unravel_index([a, b], self.shape))
        return float(np.sqrt(((places[:, 0] - places[:, 1]) ** 2).sum()))


def before(a: Cell, b: Cell) -> bool:
    """Return whether a cell leaves the queue before another; markers of equal altitude are equal."""
    return a.value < b.value or (a.value == b.value and a.age < b.age)


def push(queue: list[Cell], cell: Cell) -> None:
    """Put a cell into a binary heap: it rises while it is less than its parent."""
    queue.append(cell)
    child = len(queue) - 1
    while child and before(queue[child], queue[(child - 1) // 2]):
        parent = (child - 1) // 2
        queue[child], queue[parent] = queue[parent], queue[child]
        child = parent


def pop(queue: list[Cell]) -> Cell:
    """Take the least cell: the last one takes its place and sinks. The order of equal markers follows from this."""
    least, last = queue[0], queue.pop()
    if queue:
        queue[0] = last
    place = 0
    while True:
        smallest = place
        for child in (2 * place + 1, 2 * place + 2):
            if child < len(queue) and before(queue[child], queue[smallest]):
                smallest = child
        if smallest == place:
            return least
        queue[place], queue[smallest] = queue[smallest], queue[place]
        place = smallest
