"""Overlap-tile: cut a picture so that each part is computed from all that its output depends on.

A network with pooling gives the same output for a part of a picture as for the whole where two things hold: the part
begins at a multiple of the coarsest pooling cell, and it reaches beyond the wanted output by the receptive field.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from segalgo.models.graph.execution import INPUT, Step

Interval = tuple[int, int]


@dataclass(frozen=True)
class Span:
    """Along one axis: the cells of the output to write, and the cells of the input to read for them."""

    start: int
    stop: int
    read_start: int
    read_stop: int

    @property
    def inside(self) -> slice:
        """The cells to write, counted within the part."""
        return slice(self.start - self.read_start, self.stop - self.read_start)


@dataclass(frozen=True)
class ReceptiveField:
    """What one aligned block of output cells depends on."""

    alignment: int
    """Parts may begin at multiples of this: the cells of the input in one cell of the coarsest map."""
    before: int
    """Cells of the input above, or to the left of, a block of output that begins at such a multiple."""
    after: int
    """Cells below, or to the right of, a block that ends at such a multiple."""


def receptive_field(model: Any) -> ReceptiveField:
    """Return the receptive field of a network, from its layers backwards."""
    # Large enough, and a multiple of all pooling: no layer that repairs odd sizes stands in the description.
    steps = model.describe((1, model.in_channels, *model.fitting_size(512, 512)))
    alignment = math.prod(step.options["stride"] for step in steps if step.operation == "max_pool2d")
    shapes = {name: step.shape for step in steps for name in step.outputs}
    needed: dict[str, Interval] = {steps[-1].name: (0, alignment - 1)}
    for step in reversed(steps):
        wanted = [needed[name] for name in step.outputs if name in needed]
        if not wanted:
            continue
        for name in step.inputs:
            read = _read(step, _union(wanted), shapes.get(name))
            needed[name] = _union([read, needed[name]] if name in needed else [read])
    low, high = needed[INPUT]
    return ReceptiveField(alignment, -low, high - (alignment - 1))


def spans(n: int, tile: int, field: ReceptiveField) -> Iterator[Span]:
    """Cut an axis of n cells into parts of `tile` cells, a multiple of the alignment, that read their surroundings.

    All but those at the end read equally many cells, so that what is prepared for one serves the others.
    """
    before, after = (_round_up(max(cells, 0), field.alignment) for cells in (field.before, field.after))
    for start in range(0, n, tile):
        read_start = max(start - before, 0)
        yield Span(start, min(start + tile, n), read_start, min(read_start + before + tile + after, n))


def as_tile(tile: Any, alignment: int) -> int:
    """Return the side of a tile, rounded up to the alignment."""
    if isinstance(tile, bool) or not hasattr(tile, "__index__"):
        raise TypeError(f"tile={tile!r}: expected an integer, the side of a tile in pixels")
    if tile.__index__() < 1:
        raise ValueError(f"tile={tile}: expected at least 1")
    return _round_up(tile.__index__(), alignment)


def _round_up(n: int, step: int) -> int:
    return -(-n // step) * step


def _union(intervals: list[Interval]) -> Interval:
    return min(low for low, _ in intervals), max(high for _, high in intervals)


def _read(step: Step, wanted: Interval, shape: tuple[int, ...] | None) -> Interval:
    """Return the cells that a layer reads for a run of its output."""
    (low, high), options = wanted, step.options
    if step.operation == "conv2d":
        reach = options["dilation"] * (options["kernel_size"] - 1)
        border = {"same": reach // 2, "valid": 0}.get(options["padding"], options["padding"])
        return low * options["stride"] - border, high * options["stride"] - border + reach
    if step.operation == "max_pool2d":
        return low * options["stride"], high * options["stride"] + options["kernel_size"] - 1
    if step.operation == "conv_transpose2d":
        return -(-(low - options["kernel_size"] + 1) // options["stride"]), high // options["stride"]
    if step.operation == "max_unpool2d":
        return low // options["stride"], high // options["stride"]
    if step.operation == "crop":
        offset = (shape[2] - step.shape[2]) // 2
        return low + offset, high + offset
    if step.operation in ("interpolate", "pad"):
        raise ValueError(
            f"tile with the layer {step.name} ({step.operation}): its positions depend on the size of the whole "
            "picture, so that no tile can equal the whole; use tile=None"
        )
    return wanted
