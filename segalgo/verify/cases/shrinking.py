"""Make a failing case smaller as long as it fails in the same way."""

import time
from collections.abc import Iterator
from typing import Any

from segalgo.verify.caller import Caller
from segalgo.verify.cases.case import Case
from segalgo.verify.cases.recipes import factors_of, fits
from segalgo.verify.comparison import Worst
from segalgo.verify.judge import judge
from segalgo.verify.operation import Operation, Recipe
from segalgo.verify.reports.verdict import Finding

MOST_ATTEMPTS = 150
MOST_SECONDS = 5.0
PLAIN_VALUES = ("counting", "ties", "random")


def shrunk(finding: Finding, call: Caller) -> Finding:
    """Return a finding of the same kind on the smallest case that shows it."""
    operation = finding.case.operation
    best, attempts, until = finding, 0, time.perf_counter() + MOST_SECONDS
    progress = True
    while progress:
        progress = False
        for recipe in _simpler(operation, best.case.recipe):
            if attempts >= MOST_ATTEMPTS or time.perf_counter() > until:
                return best
            attempts += 1
            found = _fails(recipe, call, finding.kind)
            if found:
                best, progress = found, True
                break
    return best


def _fails(recipe: Recipe, call: Caller, kind: str) -> Finding | None:
    case = Case(recipe)
    try:
        if call.missing(case):
            return None
        wrong = judge(case, call)[0]
    except (ValueError, TypeError, IndexError):  # the reference refuses what was put together
        return None
    same = [mismatch for mismatch in wrong if mismatch.kind == kind]
    return Finding.of(case, same[0], Worst()) if same else None


def _simpler(operation: Operation, recipe: Recipe) -> Iterator[Recipe]:
    """Yield recipes that are simpler in one thing: sizes first, then parameters, values, memory, dtype."""
    for change in _changes(operation, recipe):
        candidate = recipe.changed(**change)
        if fits(operation, candidate):
            yield candidate


def _changes(operation: Operation, recipe: Recipe) -> Iterator[dict[str, Any]]:
    shape = recipe.shape
    for axis, n in enumerate(shape):
        for size in sorted({1, n // 2, n - 1}):
            if 1 <= size < n:
                yield {"shape": (*shape[:axis], size, *shape[axis + 1 :])}
    for name, choices in factors_of(operation).items():
        if name in recipe.parameters and recipe.parameters[name] != choices[0]:
            yield {name: choices[0]}
    for values in PLAIN_VALUES:
        if values in operation.values:
            if values == recipe.values:
                break
            yield {"values": values}
    if recipe.layout != "C":
        yield {"layout": "C"}
    if recipe.dtype != operation.dtypes[0]:
        yield {"dtype": operation.dtypes[0]}
