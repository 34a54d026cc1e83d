"""One case: an operation and its arguments, drawn from a seed and a number alone."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import segalgo
from segalgo import masks, metrics, verify
from segalgo.verify.cases.recipes import factors_of, fits
from segalgo.verify.catalogue.registry import operation_of
from segalgo.verify.operation import Recipe, Source
from tests.fuzz.arrays import LAYOUTS, odd_array, odd_value, placed
from tests.fuzz.makers import MAKERS, NOT_FUZZED

MOST_ELEMENTS = 3000


@dataclass(frozen=True, eq=False)
class FuzzCase:
    """A call: `valid` where its arguments are ones that the operation takes; `recipe` where the catalogue made it."""

    operation: str
    function: Callable[..., Any]
    arguments: dict[str, Any]
    valid: bool
    recipe: Recipe | None

    def describe(self) -> str:
        """Return the call, with arrays by dtype, shape and memory."""
        return f"{self.operation}({', '.join(f'{name}={_shown(value)}' for name, value in self.arguments.items())})"


@cache
def operations() -> dict[str, Callable[..., Any]]:
    """Return all fuzzed functions by name, those of the catalogue and those of `makers`."""
    listed = {name: operation_of(name).door for name in verify.operations()}
    listed |= {name_of(function): function for function in MAKERS}
    return dict(sorted(listed.items()))


def name_of(function: Callable[..., Any]) -> str:
    """Return the name by which users reach a function, without the package's."""
    for module in (segalgo, masks, metrics):
        if getattr(module, function.__name__, None) is function:
            return f"{module.__name__}.{function.__name__}".removeprefix("segalgo.")
    raise AssertionError(f"{function} is not public")


def not_listed() -> list[str]:
    """Return the public functions that are neither fuzzed nor excused."""
    missing = []
    for module in (segalgo, masks, metrics):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value) and name not in NOT_FUZZED and value not in operations().values():
                missing.append(f"{module.__name__}.{name}")
    return missing


def draw(seed: int, number: int, operation: str | None = None) -> FuzzCase:
    """Return a case: the same for the same seed, number and operation."""
    rng = np.random.default_rng([seed, number])
    names = list(operations())
    name = names[int(rng.integers(len(names)))] if operation is None else operation
    function = operations()[name]
    recipe = None
    if function in MAKERS:
        arguments = MAKERS[function](rng)
    else:
        recipe = _recipe(name, seed, number, rng)
        with np.errstate(all="ignore"):
            arguments = operation_of(name).arguments(recipe, Source(recipe))
    arguments = {key: _placed(value, rng) for key, value in arguments.items()}
    if rng.random() < 0.5:
        return FuzzCase(name, function, arguments, True, recipe)
    for _ in range(int(rng.integers(1, 3))):
        _spoil(function, arguments, rng)
    return FuzzCase(name, function, arguments, False, None)


def _recipe(name: str, seed: int, number: int, rng: np.random.Generator) -> Recipe:
    """Return a recipe of the catalogue with random choices that go together, and often a random shape."""
    operation = operation_of(name)
    factors = factors_of(operation)
    while True:
        chosen = {field: choices[int(rng.integers(len(choices)))] for field, choices in factors.items()}
        shape = chosen["shape"]
        if rng.random() < 0.5:
            shape = tuple(int(rng.integers(1, 3 * n + 2)) if n else 0 for n in shape)
        if int(np.prod(shape)) > MOST_ELEMENTS:
            continue
        parameters = {
            field: value for field, value in chosen.items() if field not in ("shape", "dtype", "values", "layout")
        }
        recipe = Recipe(name, number, seed, shape, chosen["dtype"], chosen["values"], "C", parameters)
        if fits(operation, recipe):
            return recipe


def _placed(value: Any, rng: np.random.Generator) -> Any:
    return placed(value, LAYOUTS[int(rng.integers(len(LAYOUTS)))]) if isinstance(value, np.ndarray) else value


def _spoil(function: Callable[..., Any], arguments: dict[str, Any], rng: np.random.Generator) -> None:
    """Replace one argument, given or left out, by something else."""
    names = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]
    name = names[int(rng.integers(len(names)))]
    value = arguments.get(name)
    arguments[name] = odd_array(value, rng) if isinstance(value, np.ndarray) and rng.random() < 0.8 else odd_value(rng)


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        flags = "".join(letter for letter, name in zip("caw", ("C_CONTIGUOUS", "ALIGNED", "WRITEABLE"), strict=True) if value.flags[name])  # fmt: skip
        content = f" {value.tolist()!r}" if value.size <= 6 and value.dtype.kind != "O" else ""
        return f"<{value.dtype.str} {value.shape} {flags}{content}>"
    text = repr(value)
    return text if len(text) < 300 else f"{text[:300]} ..."
