"""A network as Python text: a class with a ``forward`` in the style of `segalgo.models.networks`."""

import keyword
import math
import re
from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any

from segalgo.models.graph.execution import INPUT, Step

LINE = 110
INDENT = " " * 8

HEADER = '''"""{title}: {count} layers, read from its description."""

from typing import Any

from segalgo.models import Network


class {title}(Network):
    """The layers of {origin}, for an input of {shape}."""

    def __init__(self, in_channels: int = {channels}, num_classes: int = {classes}, *, seed: int = 0) -> None:
        super().__init__(in_channels, num_classes, seed)

'''
SIZES = '''    def fitting_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the only size that these layers take."""
        return {size}

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of the scores."""
        return {output}

'''
FORWARD = '''    def forward(self, layers: Any, x: Any) -> Any:
        """Return the scores of x."""
'''


def source_of(model: Any, input_shape: Sequence[int]) -> str:
    """Return Python text that defines a network of the layers that a model has for an input of this shape."""
    steps = model.describe(tuple(input_shape))
    fixed, other = model.input_size, None
    if fixed is None:
        other = _elsewhere(model, steps, input_shape)
    title = _title(model)
    names = _variables(steps)
    lines, seen = [], {INPUT: ("x", tuple(input_shape), _input_shape(other) if other else None)}
    free = fixed is None
    for k, step in enumerate(steps):
        twin = other[k] if other else None
        text, follows = _call(step, twin, names, seen)
        free = free and follows
        lines.append(text)
        for name in step.outputs:
            seen[name] = (names[name], step.shape, twin.shape if twin else None)
    head = HEADER.format(
        title=title,
        count=len(steps),
        origin=repr(model).split("(")[0],
        shape=" x ".join(map(str, input_shape)),
        channels=model.in_channels,
        classes=model.num_classes,
    )
    height, width = (int(n) for n in input_shape[2:])
    if not free or tuple(steps[-1].shape[2:]) != (height, width):
        head += SIZES.format(size=(height, width), output=tuple(map(int, steps[-1].shape[2:])))
    return head + FORWARD + "\n".join(lines) + f"\n{INDENT}return {names[steps[-1].outputs[0]]}\n"


def _elsewhere(model: Any, steps: Sequence[Step], shape: Sequence[int]) -> list[Step] | None:
    """Return the layers for another size, where these are the same ones."""
    height, width = model.fitting_size(2 * shape[2] + 1, 3 * shape[3] + 1)
    try:
        other = model.describe((shape[0], shape[1], height, width))
    except ValueError:
        return None
    same = [(s.name, s.operation, s.inputs) for s in steps] == [(s.name, s.operation, s.inputs) for s in other]
    return other if same else None


def _input_shape(steps: Sequence[Step]) -> tuple[int, ...]:
    """Return the shape of the input, as the first layer that reads it has it; layers of constants read nothing."""
    reader = next(step for step in steps if INPUT in step.inputs)
    return tuple(reader.input_shapes[reader.inputs.index(INPUT)])


def _call(step: Step, twin: Step | None, names: dict[str, str], seen: dict[str, Any]) -> tuple[str, bool]:
    """Return the line of a layer, and whether it holds for pictures of other sizes."""
    arguments = [names[name] for name in step.inputs] + [f'"{step.owner}"']
    reader = "layers" if step.owner == step.name else f'layers.again("{step.name.removeprefix(step.owner)}")'
    follows = True
    keywords = False
    for entry in fields(step.layer):  # type: ignore[arg-type]
        value = getattr(step.layer, entry.name)
        if twin is not None and getattr(twin.layer, entry.name) != value:
            text = _as_size(value, getattr(twin.layer, entry.name), seen)
            follows = follows and text is not None
            text = text or _written(value)
        elif entry.default is not MISSING and (value == entry.default and type(value) is type(entry.default)):
            keywords = True
            continue
        else:
            text = _written(value)
        keywords = keywords or bool(entry.default is not MISSING)
        arguments.append(f"{entry.name}={text}" if keywords else text)
    targets = ", ".join(names[name] for name in step.outputs)
    line = f"{INDENT}{targets} = {reader}.{step.operation}({', '.join(arguments)})"
    if len(line) > LINE:
        inner = ",\n".join(f"{INDENT}    {argument}" for argument in arguments)
        line = f"{INDENT}{targets} = {reader}.{step.operation}(\n{inner},\n{INDENT})"
    return line, follows


def _as_size(value: Any, other: Any, seen: dict[str, Any]) -> str | None:
    """Return a text for a size that follows the picture: the height and width, or the shape, of an earlier array."""
    for name, shape, twin in reversed(list(seen.values())):
        if twin is None:
            continue
        if tuple(shape) == _tuple(value) and tuple(twin) == _tuple(other):
            return f"{name}.shape"
        if tuple(shape[2:]) == _tuple(value) and tuple(twin[2:]) == _tuple(other):
            return f"{name}.shape[2:]"
    return None


def _written(value: Any) -> str:
    """Return a value as Python text."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _variables(steps: Sequence[Step]) -> dict[str, str]:
    """Return a name of Python for each array, after the layer that writes it."""
    names, taken = {INPUT: "x"}, {"x", "layers", "self"}
    for step in steps:
        for output in step.outputs:
            wanted = re.sub(r"\W+", "_", output, flags=re.ASCII).strip("_").lower() or "value"
            if wanted[0].isdigit() or keyword.iskeyword(wanted):
                wanted = f"{step.operation}_{wanted}"
            name, count = wanted[:60], 1
            while name in taken:
                count += 1
                name = f"{wanted[:56]}_{count}"
            taken.add(name)
            names[output] = name
    return names


def _title(model: Any) -> str:
    name = type(model).__name__
    return name if name != "ImportedNetwork" else "FromFile"
