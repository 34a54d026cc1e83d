"""Run a function on one case, several times under different circumstances, and say what is wrong."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from segalgo.verify.cases.case import Case, split
from segalgo.verify.comparison import Mismatch, Worst, compare
from segalgo.verify.kernels.expressions import LaunchError
from segalgo.verify.operation import outputs_of
from segalgo.verify.processes.guards import Guarded, poison_of, poisoned_memory


@dataclass
class Attempt:
    """One call: what came back, as copies, and what happened to the inputs."""

    outputs: list[np.ndarray]
    faults: list[Mismatch]
    results: list[Any]
    guarded: dict[str, Guarded]


class Caller:
    """Calls a function with a case's arguments in guarded memory, as NumPy or CuPy arrays."""

    def __init__(self, function: Callable[..., Any], device: str = "cpu") -> None:
        self.function = function
        self.xp = np
        if device == "cuda":
            import cupy

            self.xp = cupy
        self.by_case = getattr(function, "run", None)  # a kernel is launched with the names of its case
        self.accepted = None if self.by_case else _keywords(function)

    def missing(self, case: Case) -> set[str]:
        """Return what the case needs and the function, or the launch of the kernel, does not take."""
        if self.by_case:
            return self.function.missing(case)
        if self.accepted is None:
            return set()
        return set(split(case.operation, case.arguments)[1]) - self.accepted

    def __call__(self, case: Case, guard: int = 0, poison: int = 0, reuse: dict[str, Guarded] | None = None) -> Attempt:
        """Run the function; `reuse` puts the arguments into memory that an earlier call used."""
        guarded = reuse or {
            name: Guarded(value, case.recipe.layout if value.ndim else "C", guard, self.xp)
            for name, value in case.arguments.items()
            if isinstance(value, np.ndarray)
        }
        if reuse:
            for name, place in guarded.items():
                place.put(case.arguments[name])
        placed = {name: guarded[name].view if name in guarded else v for name, v in case.arguments.items()}
        args, kwargs = split(case.operation, placed)
        try:
            with poisoned_memory(poison, self.xp), np.errstate(all="ignore"):
                result = self.by_case(case, placed) if self.by_case else self.function(*args, **kwargs)
                outputs = outputs_of(result)
        except LaunchError:
            raise
        except Exception as error:  # whatever a user's function raises is a finding
            if hasattr(error, "mismatches"):
                return Attempt([], error.mismatches, [], guarded)
            text = (str(error).strip().splitlines() or [""])[0]
            return Attempt([], [Mismatch("raises", f"{type(error).__name__}: {text}")], [], guarded)
        faults = _damage(guarded)
        for k, output in enumerate(outputs):
            if any(
                isinstance(g.buffer, np.ndarray) and np.may_share_memory(output, g.buffer) for g in guarded.values()
            ):
                name = case.operation.outputs[k] if k < len(case.operation.outputs) else f"output {k}"
                faults.append(Mismatch("returns its input", f"{name} shares memory with an input", name))
        return Attempt([np.array(output) for output in outputs], faults, outputs, guarded)


def judge(case: Case, call: Caller) -> tuple[list[Mismatch], Worst, list[str], Attempt]:
    """Return what is wrong on this case, the largest error, remarks, and the first call.

    The second call finds other numbers around its inputs and in fresh memory: an answer that changes depends on them,
    or on chance, or on the first call.
    """
    first = call(case, 0, 0)
    if first.faults:
        return first.faults, Worst(), [], first
    wrong, worst = _compared(case, first)
    second = call(case, 1, 1)
    if second.faults:
        return second.faults, worst, [], first
    if any(ours.shape != theirs.shape for ours, theirs in zip(first.outputs, second.outputs, strict=False)) or len(
        first.outputs
    ) != len(second.outputs):
        again = _compared(case, second)[0]
        return wrong or [_renamed(again[0], "state between calls")], worst, [], first
    if not _same(first, second):
        found, remarks = _cause(case, call, first, second, wrong)
        return found, worst, remarks, first
    return wrong, worst, [], first


def _cause(
    case: Case, call: Caller, first: Attempt, second: Attempt, wrong: list[Mismatch]
) -> tuple[list[Mismatch], list[str]]:
    """Say why two calls with the same arguments gave different answers."""
    unwritten = _unwritten(case, first, second)
    if unwritten:
        return unwritten, []
    third = call(case, 0, 0)
    if not third.faults and _same(first, third):
        fourth = call(case, 1, 0)
        if not fourth.faults and _same(first, fourth):
            kind, text = "uninitialised memory", "depends on memory that was allocated and not written"
        else:
            kind, text = "reads outside", "depends on what lies outside the input array: it reads beyond the array"
        return _where_different(case, first, second, kind, text), []
    fourth = call(case, 0, 0)
    now = _compared(case, third)[0] if not third.faults else third.faults
    if not wrong and now and not fourth.faults and _same(third, fourth):
        return [_renamed(now[0], "state between calls", "right on the first call, then wrong: ")], []
    then = _compared(case, second)[0]
    if wrong and now and then and _same_places(wrong, now) and _same_places(wrong, then):
        return wrong, []  # wrong at every call in the same places; that sums change their order is another matter
    if wrong or now or then:
        found = (wrong or now or then)[0]
        return [_renamed(found, "not repeatable", "another answer at every call: ")], []
    return [], [f"answers differ between calls within the bound (a sum whose order changes): {case.recipe.describe()}"]


def _compared(case: Case, attempt: Attempt) -> tuple[list[Mismatch], Worst]:
    return compare(case.operation.outputs, attempt.outputs, case.shaped, case.expected, case.bounds)


def _same_places(one: list[Mismatch], other: list[Mismatch]) -> bool:
    """Return whether most of the wrong elements of two answers are the same ones."""
    if len(one) != len(other):
        return False
    for a, b in zip(one, other, strict=True):
        if a.kind != b.kind or (a.wrong is None) != (b.wrong is None):
            return False
        if a.wrong is not None and 2 * int((a.wrong != b.wrong).sum()) > int(a.wrong.sum()):
            return False
    return True


def _same(a: Attempt, b: Attempt) -> bool:
    return len(a.outputs) == len(b.outputs) and all(
        x.shape == y.shape and x.dtype == y.dtype and x.tobytes() == y.tobytes()
        for x, y in zip(a.outputs, b.outputs, strict=True)
    )


def _unwritten(case: Case, first: Attempt, second: Attempt) -> list[Mismatch]:
    """Return the outputs that hold the two fillings of fresh memory at the same places."""
    found = []
    for k, (a, b) in enumerate(zip(first.outputs, second.outputs, strict=True)):
        if a.dtype.kind not in "biuf" or a.dtype != b.dtype:
            continue
        one, two = poison_of(a.dtype, 0), poison_of(a.dtype, 1)
        left = ((a == one) | ((a != a) & (one != one))) & (b == two)
        if left.any():
            name = case.operation.outputs[k] if k < len(case.operation.outputs) else f"output {k}"
            place = [int(i) for i in np.unravel_index(int(np.argmax(left)), left.shape)]
            text = f"{name}{place} and {int(left.sum()) - 1} more of {left.size} elements are never written"
            found.append(Mismatch("unwritten output", text, name, np.asarray(left)))
    return found


def _where_different(case: Case, a: Attempt, b: Attempt, kind: str, text: str) -> list[Mismatch]:
    for k, (x, y) in enumerate(zip(a.outputs, b.outputs, strict=True)):
        different = np.asarray((x != y) & ~((x != x) & (y != y)))
        if different.any():
            name = case.operation.outputs[k] if k < len(case.operation.outputs) else f"output {k}"
            place = [int(i) for i in np.unravel_index(int(np.argmax(different)), different.shape)]
            return [Mismatch(kind, f"{name}{place} {text}", name, different)]
    return [Mismatch(kind, f"the answer {text}")]


def _renamed(mismatch: Mismatch, kind: str, before: str = "") -> Mismatch:
    return Mismatch(kind, before + mismatch.message, mismatch.output, mismatch.wrong)


def _damage(guarded: dict[str, Guarded]) -> list[Mismatch]:
    faults = []
    for name, place in guarded.items():
        damage = place.damage()
        if damage == "guard":
            faults.append(Mismatch("writes outside", f"memory around {name} was written", name))
        elif damage == "input":
            faults.append(Mismatch("changes its input", f"{name} was written", name))
    return faults


def _keywords(function: Callable[..., Any]) -> set[str] | None:
    """Return the names that a function takes by keyword; None where any goes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
