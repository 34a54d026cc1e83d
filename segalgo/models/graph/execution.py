"""Two readers of a network's ``forward(layers, x)``: one computes, the other writes the layers down.

Both take ``layers.OPERATION(inputs..., name, options...)`` for every record of `segalgo.models.graph.layers`.
Parameters are found by name: ``{name}.weight``, ``{name}.bias`` and so on.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import segalgo.models.graph.layers  # noqa: F401  (it fills LAYERS)
from segalgo.models.graph.layer import LAYERS, Layer, Parameter, Shape

INPUT = "input"


@dataclass(frozen=True)
class Value:
    """What stands for an array while a network is described: a name and a shape."""

    name: str
    shape: Shape
    indices: bool = False
    """Whether it stands for the indices of max-pooling."""


@dataclass(frozen=True)
class Step:
    """One layer of a described network."""

    name: str
    layer: Layer
    """The record, which holds the options."""
    inputs: tuple[str, ...]
    """Names of arrays that earlier steps wrote; the network's input is called "input"."""
    outputs: tuple[str, ...]
    """The name of the step; max-pooling with indices also writes ``{name}_indices``."""
    parameters: tuple[str, ...]
    """Full names, in the order of the layer's record; those of another step where it repeats that (see `again`)."""
    input_shapes: tuple[Shape, ...]
    shape: Shape
    """Of the output."""

    @property
    def operation(self) -> str:
        """Name of the layer's operation."""
        return self.layer.operation

    @property
    def options(self) -> dict[str, Any]:
        """All options of the layer by name."""
        return self.layer.options

    @property
    def owner(self) -> str:
        """The name in front of its parameters: its own, or that of the step that it repeats."""
        return self.parameters[0].rpartition(".")[0] if self.parameters else self.name


class Reader:
    """Has a method for every layer of the vocabulary; a subclass says in `_take` what to do with a call."""

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        if operation not in LAYERS:
            raise AttributeError(f"no layer {operation!r}: expected one of {', '.join(LAYERS)}")
        return partial(self._called, LAYERS[operation])

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *LAYERS]

    def again(self, suffix: str) -> "Reader":
        """Return this reader for a further pass through layers that were called before, with the same parameters.

        Layers are called by the names of the first pass; `suffix` stands behind the names of their results.
        """
        return _Again(self, suffix)

    def _called(self, record: type[Layer], *arguments: Any, name: str | None = None, **options: Any) -> Any:
        """Divide a call into inputs, name and options."""
        place = next((k for k, value in enumerate(arguments) if isinstance(value, str)), len(arguments))
        inputs, rest = arguments[:place], arguments[place:]
        if name is None:
            if not rest:
                raise TypeError(f"{record.operation} without a name: expected inputs, then the layer's name")
            name, rest = rest[0], rest[1:]
        if len(inputs) != record.inputs if record.inputs is not None else not inputs:
            raise TypeError(
                f"layer {name} ({record.operation}) has {len(inputs)} inputs: "
                f"expected {1 if record.inputs is None else record.inputs}"
            )
        return self._take(record(*rest, **options), name, inputs)

    def _take(self, layer: Layer, name: str, inputs: Sequence[Any], owner: str | None = None) -> Any:
        """Read a layer; `owner` is the name in front of its parameters, where that is not its own."""
        raise NotImplementedError


class _Again(Reader):
    """See `Reader.again`."""

    def __init__(self, reader: Reader, suffix: str) -> None:
        self.reader, self.suffix = reader, suffix

    def _take(self, layer: Layer, name: str, inputs: Sequence[Any], owner: str | None = None) -> Any:
        return self.reader._take(layer, f"{name}{self.suffix}", inputs, owner or name)


class Computation(Reader):
    """Compute layers by the public functions of segalgo, on the backend that those choose."""

    def __init__(self, parameters: Mapping[str, Any], rng: np.random.Generator | None = None) -> None:
        self.parameters = parameters
        self.rng = rng

    def _take(self, layer: Layer, name: str, inputs: Sequence[Any], owner: str | None = None) -> Any:
        return apply(layer, owner or name, inputs, self.parameters, self.rng)


class Description(Reader):
    """Compute shapes alone, and write down every layer as a `Step`."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.parameters: dict[str, Parameter] = {}
        self._names = {INPUT}

    def _take(self, layer: Layer, name: str, inputs: Sequence[Any], owner: str | None = None) -> Any:
        shapes = tuple(value.shape for value in inputs)
        try:
            self._check(layer, name, inputs)
            shape = tuple(map(int, layer.output_shape(*shapes)))
            parameters = layer.parameters(*shapes)
            named = {f"{owner or name}.{entry}": parameter for entry, parameter in parameters.items()}
            for full_name, parameter in named.items() if owner else ():
                if self.parameters.get(full_name) != parameter:
                    raise ValueError(f"{full_name}: expected a parameter of shape {parameter.shape} of an earlier pass")
        except (ValueError, TypeError) as error:
            raise type(error)(f"layer {name} ({layer.operation}): {error}") from None
        self.parameters.update(named)
        outputs = layer.output_names(name)
        self._names.update(outputs)
        read = tuple(value.name for value in inputs)
        self.steps.append(Step(name, layer, read, outputs, tuple(named), shapes, shape))
        values = tuple(Value(output, shape, indices=k > 0) for k, output in enumerate(outputs))
        return values if len(values) > 1 else values[0]

    def _check(self, layer: Layer, name: str, inputs: Sequence[Value]) -> None:
        taken = self._names & set(layer.output_names(name))
        if taken:
            raise ValueError(f"{taken.pop()!r} is the name of two arrays: expected a name of its own")
        for k, value in enumerate(inputs):
            if value.indices != (k in layer.index_inputs):
                expected = "indices of max_pool2d" if k in layer.index_inputs else "values"
                raise TypeError(f"input {k} is {value.name}: expected {expected}")

    def leading_to(self, output: Any) -> list[Step]:
        """Return the steps on which a value depends, in order; the last one writes it."""
        if not isinstance(output, Value) or output.indices or output.name == INPUT:
            raise TypeError(f"forward returned {output!r}: expected the output of a layer")
        needed, steps = {output.name}, []
        for step in reversed(self.steps):
            if needed & set(step.outputs):
                needed.update(step.inputs)
                steps.append(step)
        return steps[::-1]


def apply(
    layer: Layer,
    name: str,
    inputs: Sequence[Any],
    parameters: Mapping[str, Any],
    rng: np.random.Generator | None = None,
) -> Any:
    """Return the result of a layer for arrays."""
    entries = layer.parameters(*(array.shape for array in inputs))
    owned = {entry: parameters[f"{name}.{entry}"] for entry in entries}
    if layer.samples:
        owned["rng"] = rng
    return layer.compute(*inputs, **owned)


def by_step(steps: Sequence[Step], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters by the names of the steps that use them, one array by several names where steps share it."""
    named = dict(parameters)
    for step in steps:
        if step.owner != step.name:
            own = (f"{step.name}.{full_name.rpartition('.')[2]}" for full_name in step.parameters)
            named.update(zip(own, (parameters[full_name] for full_name in step.parameters), strict=True))
    return named


def run_steps(
    steps: Sequence[Step],
    parameters: Mapping[str, Any],
    arrays: Mapping[str, Any],
    rng: np.random.Generator | None = None,
) -> Iterator[tuple[str, Any]]:
    """Compute layers one by one from given arrays; yield each new one with its name.

    An array is released after the last step that reads it.
    """
    last_read = {name: k for k, step in enumerate(steps) for name in step.inputs}
    arrays = dict(arrays)
    for k, step in enumerate(steps):
        result = apply(step.layer, step.owner, [arrays[n] for n in step.inputs], parameters, rng)
        made = dict(zip(step.outputs, result if len(step.outputs) > 1 else (result,), strict=True))
        arrays.update(made)
        for name in {*step.inputs, *step.outputs}:
            if last_read.get(name, -1) <= k:
                del arrays[name]
        yield from made.items()


def run_samples(
    steps: Sequence[Step], parameters: Mapping[str, Any], x: Any, rng: np.random.Generator, count: int
) -> Iterator[Any]:
    """Compute a network with dropout `count` times and yield the logits.

    The layers before the first dropout are computed once.
    """
    first = next((k for k, step in enumerate(steps) if step.layer.samples), len(steps) - 1)
    read_later = {name for step in steps[first:] for name in step.inputs}
    arrays = {INPUT: x}
    arrays |= {name: array for name, array in run_steps(steps[:first], parameters, arrays) if name in read_later}
    for _ in range(count):
        ((_, logits),) = deque(run_steps(steps[first:], parameters, arrays, rng), maxlen=1)
        yield logits
