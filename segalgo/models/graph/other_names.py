"""How other implementations name and store the parameters of a network."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class OtherNames:
    """An implementation elsewhere whose weight files a network can take."""

    source: str
    """Where the implementation is found, for readers."""
    fits: Callable[[Mapping[str, Any]], bool]
    """Whether weights (name to array) are of this implementation."""
    translate: Callable[[Mapping[str, Any]], dict[str, Any]]
    """From its weights to ours."""
    known: Mapping[str, Any] = field(default_factory=dict)
    """What shapes do not tell: "arguments" of the network, and its "preprocessing"."""


def renamed(weights: Mapping[str, Any], layers: Mapping[str, str]) -> dict[str, Any]:
    """Return weights with the layer's part of each name exchanged; a layer that the table lacks keeps its name."""
    result = {}
    for name, value in weights.items():
        layer, _, entry = name.rpartition(".")
        result[f"{layers.get(layer, layer)}.{entry}"] = value
    return result


def kernel_shape(shapes: Mapping[str, tuple[int, ...]], name: str) -> tuple[int, ...]:
    """Return the shape of a kernel that the arguments of a network cannot be told without.

    Raises
    ------
    ValueError
        If it is missing or not the shape of a kernel.
    """
    if name not in shapes:
        raise ValueError(f"{name}: missing, and the architecture cannot be told without it")
    if len(shapes[name]) != 4 or 0 in shapes[name]:
        raise ValueError(f"{name}: of shape {shapes[name]}, expected the four axes of a kernel")
    return shapes[name]


def blocks_after(names: Iterable[str], prefix: str) -> int:
    """Return how many blocks are numbered after a prefix: one more than the largest number, 0 if there is none."""
    numbers = (name.removeprefix(prefix).partition(".")[0] for name in names if name.startswith(prefix))
    return max((int(number) + 1 for number in numbers if number.isdecimal() and len(number) < 5), default=0)
