"""The list of cases of an operation: every choice of every field once, then every pair, then random ones."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from segalgo.verify.catalogue.registry import operation_of
from segalgo.verify.operation import Operation, Recipe, Source

LAYOUTS = ("C", "F", "strided", "reversed", "inner", "offset", "readonly")
CANDIDATES = 12
# Kinds of values that only floats have.
FLOAT_VALUES = (
    *("infinite", "nan", "subnormal", "tiny", "negative", "infinite patches", "negative zeros", "huge", "one ulp"),
    *("far constant",),
)
# Kinds that most kernels meet seldom: windows of one infinity, rows of negatives, no spread far from zero.
HARD = ("infinite patches", "negative zeros", "negative", "far constant", "infinite", "nan", "one ulp", "huge")
# Shape, dtype, values and layout; what follows in a recipe are parameters.
FIELDS = 4


@lru_cache(maxsize=64)
def recipes(name: str, seed: int, count: int) -> tuple[Recipe, ...]:
    """Return the first `count` cases of an operation; a longer list begins with the shorter one."""
    operation = operation_of(name)
    found: list[Recipe] = []
    for recipe in _ordered(operation, seed):
        found.append(recipe)
        if len(found) == count:
            break
    return tuple(found)


def chosen_recipes(
    name: str,
    seed: int,
    dtypes: Sequence[str] | None,
    layouts: Sequence[str],
    ndims: Sequence[int] | None = None,
    fix: Mapping[str, Any] | None = None,
    most: int = 4000,
) -> Iterator[Recipe]:
    """Yield cases with one of these dtypes and ranks and with fixed parameters, of the first `most` of the operation.

    Other memory orders become the first of `layouts`.
    """
    operation, fix = operation_of(name), fix or {}
    unknown = set(fix) - set(factors_of(operation)) - set(operation.signature.parameters)
    if unknown:
        known = sorted({*operation.choices, *operation.signature.parameters})
        raise ValueError(f"fix={', '.join(sorted(unknown))}: expected parameters of {name}, {', '.join(known)}")
    seen: set[str] = set()
    for recipe in _some_at_a_time(name, seed, most):
        if (dtypes is not None and recipe.dtype not in dtypes) or (
            ndims is not None and len(recipe.shape) not in ndims
        ):
            continue
        if recipe.layout not in layouts:
            recipe = recipe.changed(layout=layouts[0])
        fixed = with_fixed(operation, recipe, fix) if fix else recipe
        if fixed is None or (fix and fixed.describe() in seen):
            continue
        seen.add(fixed.describe())
        yield fixed


def _some_at_a_time(name: str, seed: int, most: int) -> Iterator[Recipe]:
    """Yield the first cases, made in batches that double."""
    asked, given = 256, 0
    while True:
        known = recipes(name, seed, asked)
        yield from known[given:]
        given = len(known)
        if given < asked or asked >= most:
            return
        asked = min(2 * asked, most)


def with_fixed(operation: Operation, recipe: Recipe, fix: Mapping[str, Any]) -> Recipe | None:
    """Return the recipe with the parameters fixed; None where they do not go together with the rest of it."""
    for name, value in fix.items():
        if name not in recipe.parameters:
            continue
        choices = [value, *(choice for choice in operation.choices.get(name, ()) if choice != value)]
        candidates = (recipe.changed(**{name: choice}) for choice in choices)
        fitting = (one for one in candidates if _says(operation, one, name, value))
        recipe = next(fitting, None)  # type: ignore[assignment]
        if recipe is None:
            return None
    if not _fits_safely(operation, recipe):
        return None
    if any(not _says(operation, recipe, name, value) for name, value in fix.items()):
        return None
    return recipe


def _says(operation: Operation, recipe: Recipe, name: str, value: Any) -> bool:
    """Return whether a recipe hands over this value: its own parameter, or the argument made from it."""
    own = recipe.parameters.get(name)
    if name not in operation.signature.parameters:
        return _alike(own, value)
    if own is not None and not _fits_safely(operation, recipe):
        return _alike(own, value)
    try:
        given = operation.arguments(recipe, Source(recipe)).get(name)
    except (ValueError, TypeError, IndexError, KeyError):
        return False
    return _alike(given, value)


def _alike(given: Any, value: Any) -> bool:
    if isinstance(given, np.ndarray):
        return False
    pair = value if isinstance(value, list | tuple) else (value, value)
    same = type(given) is not bool or isinstance(value, bool)
    return bool((given == value and same) or (isinstance(given, tuple) and given == tuple(pair)))


def _fits_safely(operation: Operation, recipe: Recipe) -> bool:
    try:
        return fits(operation, recipe)
    except (ValueError, TypeError, IndexError):
        return False


def factors_of(operation: Operation) -> dict[str, Sequence[Any]]:
    """Return every field of a recipe with its choices, the default first."""
    return {
        "shape": operation.shapes,
        "dtype": operation.dtypes,
        "values": operation.values,
        "layout": LAYOUTS,
        **operation.choices,
    }


def _ordered(operation: Operation, seed: int) -> Iterator[Recipe]:
    rng = np.random.default_rng([seed, *operation.name.encode()])
    factors = factors_of(operation)
    missing = _pairs_of(factors)
    number = 0
    seen: set[str] = set()
    for chosen, fixed in (*_one_by_one(factors), *_large(operation, factors), *_hard(factors)):
        recipe = _fitting(operation, number, seed, chosen)
        if recipe is None and fixed:
            recipe, chosen = _near(operation, number, seed, chosen, fixed, factors, rng)
        if recipe and recipe.describe() not in seen:
            seen.add(recipe.describe())
            missing -= _pairs(factors, chosen)
            yield recipe
            number += 1
    idle = 0
    while idle < 2000:
        fitting = []
        for _ in range(CANDIDATES):
            chosen = {name: int(rng.integers(len(choices))) for name, choices in factors.items()}
            if recipe := _fitting(operation, number, seed, _picked(factors, chosen)):
                fitting.append((_worth(_pairs_by_place(chosen) & missing), len(fitting), recipe, chosen))
        if not fitting:
            idle += 1
            continue
        _, _, recipe, chosen = max(fitting, key=lambda entry: (entry[0], -entry[1]))
        missing -= _pairs_by_place(chosen)
        if recipe.describe() in seen:
            idle += 1
            continue
        idle = 0
        seen.add(recipe.describe())
        yield recipe
        number += 1


def _one_by_one(factors: dict[str, Sequence[Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the defaults, and each other choice of each field, with the field that it changes; fields take turns."""
    default = {name: choices[0] for name, choices in factors.items()}
    yield default, ""
    for k in range(1, max(map(len, factors.values()))):
        for name, choices in factors.items():
            if k < len(choices):
                yield {**default, name: choices[k]}, name


def _large(operation: Operation, factors: dict[str, Sequence[Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    for shape in operation.large:
        yield {**{name: choices[0] for name, choices in factors.items()}, "shape": shape}, ""


def _hard(factors: dict[str, Sequence[Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each hard kind of values twice more: on the second shape, and on the fourth with other parameters."""
    default = {name: choices[0] for name, choices in factors.items()}
    fields = ("shape", "dtype", "values", "layout")
    other = {name: choices[-1 % len(choices)] for name, choices in factors.items() if name not in fields}
    shapes = factors["shape"]
    for values in HARD:
        if values in factors["values"]:
            yield {**default, "values": values, "shape": shapes[1 % len(shapes)]}, ""
            yield {**default, **other, "values": values, "shape": shapes[3 % len(shapes)]}, "values"


def _near(
    operation: Operation,
    number: int,
    seed: int,
    chosen: dict[str, Any],
    fixed: str,
    factors: dict[str, Sequence[Any]],
    rng: np.random.Generator,
) -> tuple[Recipe | None, dict[str, Any]]:
    """Change as few other fields as it takes for this choice to fit."""
    others = [name for name in factors if name != fixed]
    for attempt in range(400):
        names = rng.permutation(others)[: 1 + attempt // 100]
        changed = {**chosen, **{n: factors[n][int(rng.integers(len(factors[n])))] for n in names}}
        recipe = _fitting(operation, number, seed, changed)
        if recipe is not None:
            return recipe, changed
    return None, chosen


def _picked(factors: dict[str, Sequence[Any]], chosen: dict[str, int]) -> dict[str, Any]:
    return {name: choices[chosen[name]] for name, choices in factors.items()}


def _fitting(operation: Operation, number: int, seed: int, chosen: dict[str, Any]) -> Recipe | None:
    """Return the recipe, or None where these choices do not go together."""
    fields = {name: chosen[name] for name in ("shape", "dtype", "values", "layout")}
    parameters = {name: value for name, value in chosen.items() if name not in fields}
    recipe = Recipe(operation.name, number, seed, parameters=parameters, **fields)
    return recipe if fits(operation, recipe) else None


def fits(operation: Operation, recipe: Recipe) -> bool:
    """Return whether the fields of a recipe go together."""
    if recipe.values in FLOAT_VALUES and np.dtype(recipe.dtype).kind != "f":
        return False
    if recipe.values == "extremes" and np.dtype(recipe.dtype).kind not in "iu":
        return False
    return operation.fits(recipe)


def _worth(pairs: set[tuple[int, int, int, int]]) -> int:
    """Return how much new pairs are worth: two parameters go before a parameter and a shape, say."""
    return sum(8 if a >= FIELDS and b >= FIELDS else 1 for a, _, b, _ in pairs)


def _pairs_of(factors: dict[str, Sequence[Any]]) -> set[tuple[int, int, int, int]]:
    sizes = [len(choices) for choices in factors.values()]
    return {
        (a, i, b, j) for a, b in combinations(range(len(sizes)), 2) for i in range(sizes[a]) for j in range(sizes[b])
    }


def _pairs(factors: dict[str, Sequence[Any]], chosen: dict[str, Any]) -> set[tuple[int, int, int, int]]:
    places = {name: list(choices).index(chosen[name]) for name, choices in factors.items() if chosen[name] in choices}
    return _pairs_by_place({name: places.get(name, -1) for name in factors})


def _pairs_by_place(chosen: dict[str, int]) -> set[tuple[int, int, int, int]]:
    return {(a, i, b, j) for (a, i), (b, j) in combinations(enumerate(chosen.values()), 2)}
