"""What verification knows of one operation, and the recipe of one case."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import segalgo
from segalgo.verify.cases.values import fill


@dataclass(frozen=True)
class Recipe:
    """What a case is made of; the same recipe makes the same arrays, bit for bit."""

    operation: str
    number: int
    seed: int
    shape: tuple[int, ...]
    dtype: str
    values: str
    layout: str
    parameters: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.parameters[name]

    def changed(self, **changes: Any) -> "Recipe":
        """Return the recipe with other fields or parameters."""
        fields = {name: changes.pop(name) for name in ("shape", "dtype", "values", "layout") if name in changes}
        return replace(self, parameters={**self.parameters, **changes}, **fields)

    def describe(self) -> str:
        """Return one line: shape, dtype, values, layout and parameters."""
        chosen = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        memory = "" if self.layout == "C" else f", memory {self.layout}"
        return f"shape {self.shape}, {self.dtype}, values {self.values!r}{memory}{', ' if chosen else ''}{chosen}"


class Source:
    """Fills the arrays of a case, each from the recipe's seed alone."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.rng = np.random.default_rng([recipe.seed, recipe.number])

    def main(self) -> np.ndarray:
        """Return the array that the recipe's shape, dtype and values describe."""
        return fill(self.recipe.values, self.recipe.shape, self.recipe.dtype, self.rng)

    def other(self, shape: tuple[int, ...], values: str | None = None, dtype: Any = None) -> np.ndarray:
        """Return another array; ties stay ties, other values are random."""
        plain = ("ties", "counting", "zeros", "constant")
        chosen = values or (self.recipe.values if self.recipe.values in plain else "random")
        return fill("ties" if chosen in ("counting", "zeros") else chosen, shape, dtype or self.recipe.dtype, self.rng)

    def positive(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        """Return random numbers from 0.25 to 2.25."""
        return (self.rng.random(shape) * 2 + 0.25).astype(dtype or self.recipe.dtype)


Bound = Callable[[Recipe, dict[str, Any], list[np.ndarray]], list[Any]]


@dataclass(frozen=True)
class Operation:
    """One operation: its cases, its truth, and how far an answer may be off.

    `choices` are the parameters of a recipe, each with its default first. `arguments` makes the arguments of the door
    from a recipe. `bound` gets the arguments and the exact outputs in float64 and returns an allowance for each output,
    None for outputs that must be equal; without it all must be equal.
    """

    name: str
    arguments: Callable[[Recipe, Source], dict[str, Any]]
    shapes: Sequence[tuple[int, ...]]
    dtypes: Sequence[str]
    values: Sequence[str]
    choices: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    large: Sequence[tuple[int, ...]] = ()
    fits: Callable[[Recipe], bool] = lambda recipe: True
    bound: Bound | None = None
    truth: Callable[[dict[str, Any]], Any] | None = None
    outputs: Sequence[str] = ("output",)
    scope: Callable[[Recipe, dict[str, Any]], dict[str, Any]] | None = None

    @property
    def grade(self) -> str:
        """Return "exact" where all outputs must be equal, else "rounded"."""
        return "exact" if self.bound is None else "rounded"

    def output_name(self, k: int) -> str:
        """Return the name of an output by its place."""
        return self.outputs[k] if k < len(self.outputs) else f"output {k}"

    @property
    def door(self) -> Callable[..., Any]:
        """The public function of the library."""
        return getattr(segalgo, self.name)

    @property
    def signature(self) -> inspect.Signature:
        """The signature of the door."""
        return inspect.signature(self.door)


def outputs_of(result: Any) -> list[Any]:
    """Return a result as a flat list of arrays: tuples and label maps are opened, None is left out."""
    if isinstance(result, tuple | list):
        return [array for part in result for array in outputs_of(part)]
    if isinstance(result, segalgo.LabelMap):
        return [result.in_values, result.out_values]
    if result is None:
        return []
    if type(result).__module__.partition(".")[0] == "cupy":
        return [result.get()]
    return [result if isinstance(result, np.ndarray) else np.asarray(result)]
