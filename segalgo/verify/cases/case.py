"""One case: arguments, the right answer, and how far another may be off."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from segalgo import use_backend
from segalgo.verify.cases.recipes import fits, recipes
from segalgo.verify.catalogue.registry import operation_of
from segalgo.verify.comparison import Mismatch, compare
from segalgo.verify.operation import Operation, Recipe, Source, outputs_of


@dataclass(frozen=True, eq=False)
class Case:
    """One case of an operation, with its arguments made."""

    recipe: Recipe

    def __reduce__(self) -> tuple[Any, ...]:
        return Case, (self.recipe,)

    @property
    def operation(self) -> Operation:
        """The operation that this is a case of."""
        return operation_of(self.recipe.operation)

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """The arguments by the names of the door."""
        return self.operation.arguments(self.recipe, Source(self.recipe))

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments: arrays and what the door has no default for."""
        return split(self.operation, self.arguments)[0]

    @property
    def kwargs(self) -> dict[str, Any]:
        """The others, where they are not what the door takes by default."""
        return split(self.operation, self.arguments)[1]

    @cached_property
    def shaped(self) -> list[np.ndarray]:
        """The reference's answer in the dtypes that the door returns."""
        with use_backend("reference"), np.errstate(all="ignore"):
            return outputs_of(self.operation.door(**self.arguments))

    @cached_property
    def expected(self) -> list[np.ndarray]:
        """The right answer: in float64 where the operation rounds."""
        if self.operation.bound is None:
            return self.shaped
        wide = {name: widened(value) for name, value in self.arguments.items()}
        with use_backend("reference"), np.errstate(all="ignore"):
            return outputs_of((self.operation.truth or _by_door(self.operation))(wide))

    @cached_property
    def bounds(self) -> list[Any]:
        """What each element may be off; None where it must be equal."""
        if self.operation.bound is None:
            return [None] * len(self.expected)
        with np.errstate(all="ignore"):
            return self.operation.bound(self.recipe, self.arguments, self.expected)

    def compare(self, result: Any) -> list[Mismatch]:
        """Return what is wrong with an answer; nothing if it is right."""
        return compare(self.operation.outputs, outputs_of(result), self.shaped, self.expected, self.bounds)[0]

    def code(self) -> str:
        """Return the expression that makes this case again."""
        recipe = self.recipe
        original = recipes(recipe.operation, recipe.seed, recipe.number + 1)[recipe.number]
        changes = {
            name: getattr(recipe, name)
            for name in ("shape", "dtype", "values", "layout")
            if getattr(recipe, name) != getattr(original, name)
        }
        changes |= {name: v for name, v in recipe.parameters.items() if v != original.parameters[name]}
        words = "".join(f", {name}={value!r}" for name, value in changes.items())
        seed = f", seed={recipe.seed}" if recipe.seed else ""
        return f'segalgo.verify.case("{recipe.operation}", {recipe.number}{seed}{words})'


def case(operation: str, number: int, seed: int = 0, **changes: Any) -> Case:
    """Return one case of an operation, as the report of `check` names it.

    Parameters
    ----------
    operation : str
        One of `operations()`.
    number : int
        Which case, from 0.
    seed : int, default 0
    **changes
        ``shape``, ``dtype``, ``values``, ``layout`` or a parameter of the operation, in place of the case's own.

    Returns
    -------
    Case
        With ``arguments``, ``args`` and ``kwargs`` to call a function with, ``expected`` and ``bounds``, and
        ``compare(result)``.

    Raises
    ------
    ValueError
        If there is no such operation or case, or the changes do not go together.

    Examples
    --------
    >>> from segalgo import verify
    >>> case = verify.case("relu", 0, shape=(3,), values="ties")
    >>> case.compare(np.maximum(case.args[0], 0))
    []
    """
    if number < 0:
        raise ValueError(f"number={number}: expected at least 0")
    known = recipes(operation, seed, number + 1)
    if number >= len(known):
        raise ValueError(f"number={number}: expected less than {len(known)}, the cases of {operation}")
    unknown = set(changes) - {"shape", "dtype", "values", "layout", *known[number].parameters}
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))}: expected shape, dtype, values, layout or a parameter")
    recipe = known[number].changed(**changes)
    if not fits(operation_of(operation), recipe):
        raise ValueError(f"{recipe.describe()}: these do not go together")
    return Case(recipe)


def split(operation: Operation, arguments: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return positional and keyword arguments."""
    parameters = operation.signature.parameters
    named = [name for name in parameters if name in arguments]
    needed = [
        k
        for k, name in enumerate(named)
        if isinstance(arguments[name], np.ndarray) or parameters[name].default is inspect.Parameter.empty
    ]
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    most = next((k for k, name in enumerate(named) if parameters[name].kind is keyword_only), len(named))
    count = min(max(needed, default=-1) + 1, most)
    rest = {
        name: arguments[name]
        for name in named[count:]
        if isinstance(arguments[name], np.ndarray) or not _equal(arguments[name], parameters[name].default)
    }
    return tuple(arguments[name] for name in named[:count]), rest


def _equal(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and bool(value == default))


def goes_without(case: Case, name: str, value: Any) -> bool:
    """Return whether a function or kernel that does not take a parameter computes what this value of it asks for."""
    rank = max(len(case.recipe.shape), 1)
    if name == "axis" and isinstance(value, int):
        return value % rank == rank - 1
    if name == "normalized_shape":
        return len(value) == 1
    default = case.operation.signature.parameters[name].default
    return default is not inspect.Parameter.empty and _equal(value, default)


def widened(value: Any) -> Any:
    """Return floats as float64, and anything else as it is."""
    return value.astype(np.float64) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


def _by_door(operation: Operation) -> Callable[[dict[str, Any]], Any]:
    return lambda arguments: operation.door(**arguments)
