"""Overlap-tile: cut a picture so that each part is computed from all that its output depends on.

A part of a picture gives the same output as the whole where two things hold: it begins at a multiple of the alignment,
so that every strided layer places its windows as in the whole; and it reaches beyond the wanted output by the receptive
field. Both follow from the records of the layers. Each kind of part is then checked: its layers are followed from the
input, with the cells that are equal to those of the whole, until the wanted cells of the output are found among them.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from segalgo._core.checks import as_pair
from segalgo.models.graph.execution import INPUT, Step
from segalgo.models.graph.layer import CELL, Layer, Reach, Unbounded

Interval = tuple[int, int]
ROWS, COLUMNS = 2, 3


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
    """Return the receptive field of a network, the larger one of its two axes.

    Raises
    ------
    ValueError
        If the network has a layer of which no part of the input is enough; the message names it.
    """
    steps = model.describe((1, model.in_channels, *model.fitting_size(512, 512)))
    alignment = _alignment(steps)
    # A size that every layer divides: layers that repair odd sizes are not in the description.
    size = -(-512 // alignment) * alignment
    steps = model.describe((1, model.in_channels, *model.fitting_size(size, size)))
    before, after = zip(*(_reach_of_block(steps, axis, alignment) for axis in (ROWS, COLUMNS)), strict=True)
    return ReceptiveField(alignment, max(before), max(after))


def windows(model: Any, shape: tuple[int, int], tile: Any) -> list[tuple[Span, Span]]:
    """Cut a picture of this height and width into parts of `tile` cells that read their surroundings.

    For a network with a margin, what a part reads is the part and the margin around it.

    Raises
    ------
    TypeError, ValueError
        If `tile` is not an integer of at least 1.
    ValueError
        If parts cannot equal the whole; the message names the layer.
    """
    field = receptive_field(model)
    canvas = model.fitting_size(*(n + 2 * model.margin for n in shape))
    steps = model.describe((1, model.in_channels, *canvas))
    alignment = math.lcm(field.alignment, _alignment(steps))
    side = as_tile(tile, alignment)
    field = ReceptiveField(alignment, field.before, field.after)
    rows, columns = (
        list(_checked_spans(model, steps, axis, shape[axis - 2], canvas, side, field)) for axis in (ROWS, COLUMNS)
    )
    return [(i, j) for i in rows for j in columns]


def as_tile(tile: Any, alignment: int) -> int:
    """Return the side of a tile, rounded up to the alignment."""
    if isinstance(tile, bool) or not hasattr(tile, "__index__"):
        raise TypeError(f"tile={tile!r}: expected an integer, the side of a tile in pixels")
    if tile.__index__() < 1:
        raise ValueError(f"tile={tile}: expected at least 1")
    return _round_up(tile.__index__(), alignment)


def _checked_spans(
    model: Any,
    steps: Sequence[Step],
    axis: int,
    n: int,
    canvas: tuple[int, int],
    side: int,
    field: ReceptiveField,
) -> Iterator[Span]:
    """Yield the parts of one axis, each found equal to the whole.

    All but those at the ends read equally many cells, so that a plan made for one serves the others. Where a part is
    too small for the network, or reads too little, it is enlarged.
    """
    before, after = (_round_up(max(cells, 0), field.alignment) for cells in (field.before, field.after))
    seen: set[Any] = set()
    for start in range(0, n, side):
        stop, extra = min(start + side, n), 0
        while True:
            first = start if model.margin else max(start - before - extra, 0)
            last = stop if model.margin else min(first + before + side + after + 2 * extra, n)
            span = Span(start, stop, first, last)
            # Parts of these extents that touch neither end of the axis give the same result.
            inner = (first > 0, last < n)
            kind = (inner, start - first, stop - first, last - first, None if all(inner) else start)
            if kind in seen:
                break
            fault = _fault(model, steps, axis, n, canvas, span)
            if fault is None:
                seen.add(kind)
                break
            if model.margin or last - first == n or extra > 4 * (before + side + after):
                raise ValueError(f"tile: parts of {side} cells do not equal the whole picture, {fault}; use tile=None")
            extra = max(field.alignment, 2 * extra)
        yield span


def _fault(model: Any, whole: Sequence[Step], axis: int, n: int, canvas: tuple[int, int], span: Span) -> str | None:
    """Return why the output of a part differs from that of the whole, or None if it does not."""
    read = span.read_stop - span.read_start
    size = list(canvas)
    # The other axis is taken whole: sizes along one do not depend on the other.
    wanted = list(canvas)
    wanted[axis - 2] = read + 2 * model.margin
    size[axis - 2] = model.fitting_size(*wanted)[axis - 2]
    try:
        part = model.describe((1, model.in_channels, *size))
    except ValueError as error:
        return f"since a part of {read} cells is too small ({error})"
    # Padding that makes a part fit the network agrees with the whole picture only at the picture's border.
    valid = size[axis - 2] if span.read_stop == n or model.margin else read
    cells = np.zeros(size[axis - 2], bool)
    cells[: min(valid, canvas[axis - 2] - span.read_start)] = True
    comparison = _Comparison(whole, part, axis)
    comparison.maps[INPUT, INPUT] = _Map(canvas[axis - 2], span.read_start, cells)
    try:
        output = comparison.follow()
    except _DifferentError as error:
        return str(error)
    inside = output.equal[span.start - output.start : span.stop - output.start]
    if output.start > span.start or len(inside) < span.stop - span.start or not inside.all():
        return "since some of its cells depend on more of the picture"
    return None


class _DifferentError(Exception):
    """A part is computed in another way than the whole."""


@dataclass(frozen=True)
class _Map:
    """One array of a part beside that of the whole, along one axis."""

    whole: int
    """Cells of the whole."""
    start: int
    """The place in the whole of the part's first cell."""
    equal: np.ndarray
    """(cells of the part,) bool: which ones have the value that the whole has there."""


class _Comparison:
    """Follow the layers of a part and of the whole, with the cells that are equal in both."""

    def __init__(self, whole: Sequence[Step], part: Sequence[Step], axis: int) -> None:
        self.axis = axis
        self.whole = {step.name: step for step in whole}
        self.part = {step.name: step for step in part}
        self.outputs = whole[-1].name, part[-1].name
        # By the names of an array in the whole and in the part: they differ where only one of them pads or crops.
        self.maps: dict[tuple[str, str], _Map] = {}

    def follow(self) -> _Map:
        for name, step in self.part.items():
            other = self.whole.get(name)
            if other is None:
                continue
            if len(step.inputs) != len(other.inputs) or not _alike(step.layer, other.layer):
                raise _DifferentError(f"since the layer {name} ({step.operation}) is another one in a part")
            inputs = [self._pair(*names) for names in zip(other.inputs, step.inputs, strict=True)]
            reach = self._reach(other)
            if reach != self._reach(step):
                raise _DifferentError(f"since the layer {name} ({step.operation}) has other positions in a part")
            result = _followed(inputs, reach, other.shape[self.axis], step.shape[self.axis], name)
            self.maps.update({(output, output): result for output in step.outputs})
        return self._pair(*self.outputs)

    def _pair(self, whole: str, part: str) -> _Map:
        """Return an array, past layers that stand in only one of the descriptions (padding, cropping)."""
        if (whole, part) in self.maps:
            return self.maps[whole, part]
        if whole in self.whole and whole not in self.part:
            step = self.whole[whole]
            source = self._pair(step.inputs[0], part)
            sizes = step.shape[self.axis], len(source.equal)
        elif part in self.part and part not in self.whole:
            step = self.part[part]
            source = self._pair(whole, step.inputs[0])
            sizes = source.whole, step.shape[self.axis]
        else:
            raise _DifferentError(f"since a part reads {part} where the whole reads {whole}")
        if len(step.inputs) != 1 or self._reach(step) != CELL:
            raise _DifferentError(f"since the layer {step.name} ({step.operation}) is not in both")
        # Equal cells have the same place in both; cells beyond the end of one have no counterpart.
        result = self.maps[whole, part] = _followed([source], CELL, *sizes, step.name)
        return result

    def _reach(self, step: Step) -> Reach:
        reach = step.layer.reach(self.axis, *step.input_shapes)
        if isinstance(reach, Unbounded):
            raise _refusal(step, reach.reason)
        # The pad layer reports that it repeats cells even where it adds none.
        return CELL if reach == Reach(repeats=True) else reach


def _followed(inputs: Sequence[_Map], reach: Reach, whole: int, part: int, name: str) -> _Map:
    """Return which cells of a layer's output are equal in part and whole."""
    start = inputs[0].start / reach.step
    if start.denominator != 1 or any(source.start != inputs[0].start for source in inputs):
        raise _DifferentError(f"since the layer {name} has no cell where a part begins")
    start = int(start)
    parts = math.lcm(reach.step.denominator, reach.first.denominator, reach.last.denominator)
    j = np.arange(start, start + part, dtype=np.int64)
    step, first, last = (int(value * parts) for value in (reach.step, reach.first, reach.last))
    low, high = -((-(j * step + first)) // parts), (j * step + last) // parts
    equal = j < whole
    for source in inputs:
        equal &= _reads_equal(source, low, high, reach.repeats)
    return _Map(whole, start, equal)


def _reads_equal(source: _Map, low: np.ndarray, high: np.ndarray, repeats: bool) -> np.ndarray:
    """Return for which runs of cells, from `low` to `high`, a part reads what the whole reads."""
    start, stop = source.start, source.start + len(source.equal)
    equal = np.ones(low.shape, bool)
    if repeats:  # cells outside the map are those inside it, counted back from its end
        above, below = low < 0, high >= source.whole
        equal &= (~above | (start == 0)) & (~below | (stop == source.whole))
        last = source.whole - 1
        low, high = (
            np.where(below, np.minimum(low, 2 * last - high), low),
            np.where(above, np.maximum(high, -low), high),
        )
    some = (low <= high) & (high >= 0) & (low < source.whole)
    covered = (np.maximum(low, 0) >= start) & (np.minimum(high, source.whole - 1) < stop)
    equal &= ~some | covered
    # All cells of the part that are read must be equal; among them are those that the whole does not have.
    sums = np.concatenate([[0], np.cumsum(source.equal)])
    first, beyond = np.clip(low - start, 0, stop - start), np.clip(high + 1 - start, 0, stop - start)
    beyond = np.maximum(first, beyond)
    return equal & (sums[beyond] - sums[first] == beyond - first)


def _alike(one: Layer, other: Layer) -> bool:
    """Return whether two layers differ at most in options that follow the size of the picture."""
    if type(one) is not type(other):
        return False
    return all(one.options[name] == other.options[name] for name in one.options if name not in one.extents)


def _alignment(steps: Sequence[Step]) -> int:
    """Return the multiple at which parts may begin, from the cell sizes of all maps."""
    result = 1
    for axis in (ROWS, COLUMNS):
        scales = {INPUT: Fraction(1)}  # cells of the input in one cell of each map
        for step in steps:
            reach = step.layer.reach(axis, *step.input_shapes)
            if isinstance(reach, Unbounded):
                raise _refusal(step, reach.reason)
            _check_unpooling(step, steps)
            sources = {scales[name] for name in step.inputs}
            if len(sources) > 1:
                sizes = ", ".join(map(str, sorted(sources)))
                raise _refusal(step, f"its inputs have cells of {sizes} cells of the picture")
            scale = sources.pop() * reach.step
            scales.update(dict.fromkeys(step.outputs, scale))
            result = math.lcm(result, scale.numerator)
        if scales[steps[-1].name] != 1:
            raise _refusal(steps[-1], f"its cells are of {scales[steps[-1].name]} cells of the picture")
    return result


def _check_unpooling(step: Step, steps: Sequence[Step]) -> None:
    """Refuse unpooling into an array that is not as the one that was pooled: indices would mean other places."""
    if step.operation != "max_unpool2d":
        return
    pool = next(other for other in steps if step.inputs[1] in other.outputs)
    windows = [
        [as_pair(s.options[name], name, 0) for name in ("kernel_size", "stride", "padding")] for s in (step, pool)
    ]
    dilated = as_pair(pool.options["dilation"], "dilation", 1) != (1, 1)
    if windows[0] != windows[1] or dilated or step.shape[2:] != pool.input_shapes[0][2:]:
        raise _refusal(step, f"it has not the windows and the size of the pooling {pool.name}")


def _refusal(step: Step, reason: str) -> ValueError:
    return ValueError(
        f"tile with the layer {step.name} ({step.operation}): {reason}, so that no tile can equal the whole; "
        "use tile=None"
    )


def _reach_of_block(steps: Sequence[Step], axis: int, alignment: int) -> Interval:
    """Return how many cells of the input before and after a block of output it depends on."""
    needed: dict[str, Interval] = {steps[-1].name: (0, alignment - 1)}
    for step in reversed(steps):
        wanted = _union([needed[name] for name in step.outputs if name in needed])
        read = step.layer.reach(axis, *step.input_shapes).read(*wanted)
        for name in step.inputs:
            needed[name] = _union([read, needed[name]] if name in needed else [read])
    low, high = needed[INPUT]
    return -low, high - (alignment - 1)


def _round_up(n: int, step: int) -> int:
    return -(-n // step) * step


def _union(intervals: Sequence[Interval]) -> Interval:
    return min(low for low, _ in intervals), max(high for _, high in intervals)
