"""Run a function on one case, several times under different circumstances, and say what is wrong.

A reason is stated only where an experiment shows it: the same call again, with other numbers in fresh memory, with
others around the inputs, in the same order of threads. What no experiment explains is "not repeatable" if an answer is
wrong, and a remark if all lie within the bound.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from segalgo.verify.caller import Attempt, Caller
from segalgo.verify.cases.case import Case
from segalgo.verify.comparison import Mismatch, Worst, compare
from segalgo.verify.processes.guards import poison_of

# Circumstances of the calls that tell apart what an answer depends on: (numbers around inputs, in fresh memory).
CLEAN, OTHER = (0, 0), (1, 1)
ONLY_GUARDS, ONLY_FRESH = (1, 0), (0, 1)
PATTERN = (CLEAN, OTHER, OTHER, CLEAN, CLEAN, OTHER)

UNORDERED = "plain reads beside atomic writes change no answer: "

Verdict = tuple[list[Mismatch], Worst, list[str], Attempt]


def judge(case: Case, call: Caller) -> Verdict:
    """Return what is wrong on this case, the largest error, remarks, and the first call."""
    first = call(case, *CLEAN)
    if first.faults:
        return first.faults, Worst(), [], first
    wrong, worst = compared(case, first)
    second = call(case, *OTHER)
    if second.faults:
        return second.faults, worst, [], first
    remarks = [f"{UNORDERED}{first.unordered}"] if first.unordered else []
    if _shapes(first) != _shapes(second):
        again = compared(case, second)[0]
        return wrong or [_renamed(again[0], "state between calls")], worst, [], first
    if not _same(first, second):
        wrong, more = cause(case, call, first, second, wrong)
        if wrong:
            return wrong, worst, more, first
        remarks += more
    if call.schedules > 1:
        wrong, worst, remarks = _in_other_orders(case, call, first, wrong, worst, remarks)
    return wrong, worst, [] if wrong else remarks, first


def cause(
    case: Case, call: Caller, first: Attempt, second: Attempt, wrong: list[Mismatch]
) -> tuple[list[Mismatch], list[str]]:
    """Say why two calls with the same arguments gave different answers."""
    unwritten = _unwritten(case, call, first, second)
    if unwritten:
        return unwritten, []
    clean, other = [first], [second]
    for circumstances in PATTERN:
        attempt = call(case, *circumstances)
        if attempt.faults:
            return attempt.faults, []
        (clean if circumstances is CLEAN else other).append(attempt)
    steady = all(_same(first, a) for a in clean) and all(_same(second, a) for a in other)
    verdicts = {id(a): compared(case, a)[0] for a in (*clean, *other)}
    if not any(verdicts.values()):
        return [], [f"answers differ between calls within the bound (a sum whose order changes): {_describe(case)}"]
    if steady or _split_by_circumstances(clean, other, verdicts):
        reason = _what_it_depends_on(case, call, first, second, steady)
        if reason:
            return reason, []
    later = [verdicts[id(a)] for a in (*clean[1:], *other)]
    if not wrong and all(later):
        return [_renamed(later[0][0], "state between calls", "right on the first call, then wrong: ")], []
    if wrong and all(found and _same_places(wrong, found) for found in later):
        return wrong, []  # wrong at every call in the same places; that sums change their order is another matter
    found = next(found for found in verdicts.values() if found)[0]
    return [_renamed(found, "not repeatable", "another answer at every call: ")], []


def _split_by_circumstances(clean: list[Attempt], other: list[Attempt], verdicts: dict[int, list[Mismatch]]) -> bool:
    """Return whether all answers are right under one filling and all are wrong under the other."""
    one, two = ([bool(verdicts[id(a)]) for a in attempts] for attempts in (clean, other))
    return (all(one) and not any(two)) or (all(two) and not any(one))


def _what_it_depends_on(
    case: Case, call: Caller, first: Attempt, second: Attempt, steady: bool
) -> list[Mismatch] | None:
    """Change the two fillings one at a time; nothing where the answers do not follow them."""

    def like(circumstances: tuple[int, int]) -> str:
        attempts = [call(case, *circumstances) for _ in range(2 if steady else 4)]
        if steady:
            same = [(_same(a, first), _same(a, second)) for a in attempts]
            return "clean" if all(a for a, _ in same) else "other" if all(b for _, b in same) else ""
        right = [not compared(case, a)[0] for a in attempts]
        ours = not compared(case, first)[0]
        return "" if len(set(right)) > 1 else "clean" if right[0] == ours else "other"

    guards, fresh = like(ONLY_GUARDS), like(ONLY_FRESH)
    if guards == "other" and fresh == "clean":
        text = "depends on what lies outside the input array: it reads beyond the array"
        return _where_different(case, first, second, "reads outside", text)
    if fresh == "other" and guards == "clean":
        text = "depends on memory that was allocated and not written"
        return _where_different(case, first, second, "uninitialised memory", text)
    return None


def _in_other_orders(
    case: Case, call: Caller, first: Attempt, wrong: list[Mismatch], worst: Worst, remarks: list[str]
) -> tuple[list[Mismatch], Worst, list[str]]:
    """Run a kernel's threads in other orders; an answer that is right in some and wrong in others is a race."""
    differ = False
    for schedule in range(1, call.schedules):
        attempt = call(case, *CLEAN, schedule=schedule)
        name = call.function.schedule_name(schedule)  # type: ignore[attr-defined]
        if call.function.has_few_blocks(schedule):  # type: ignore[attr-defined]
            found = _with_few_blocks(case, call, attempt, wrong)
            if found:
                return found, worst, remarks
            continue
        if attempt.faults:
            return [_renamed(fault, fault.kind, "", f" (threads {name})") for fault in attempt.faults], worst, remarks
        if not attempt.places and not attempt.outputs and first.outputs:
            continue  # this order does not differ from the others: the kernel has no atomics and no volatile accesses
        found, error = compared(case, attempt)
        differ |= not _same(first, attempt)
        if found and not wrong:
            again = call(case, *CLEAN)
            if not _same(first, again) and compared(case, again)[0]:
                text = "right on the first call, then wrong: "
                return [_renamed(compared(case, again)[0][0], "state between calls", text)], worst, remarks
            return [_renamed(found[0], "race", f"updates get lost with threads {name}: ")], worst, remarks
        if wrong and not found:
            text = f"right with threads {name}, wrong with threads {call.function.schedule_name(0)}: "  # type: ignore[attr-defined]
            return [_renamed(wrong[0], "race", text)], worst, remarks
        worst = worst if wrong else worst | error
    if differ and wrong and first.unordered:  # wrong in every order, and each time otherwise
        wrong = [Mismatch("race", first.unordered, wrong[0].output, wrong[0].wrong), *wrong]
    if differ and not wrong and not any("within the bound" in remark for remark in remarks):
        remarks = [*remarks, f"answers differ between orders of threads, within the bound: {_describe(case)}"]
    return wrong, worst, remarks


def _with_few_blocks(case: Case, call: Caller, attempt: Attempt, wrong: list[Mismatch]) -> list[Mismatch]:
    """Return what a grid of one or two blocks shows of a loop that a large grid leaves after its first pass."""
    alone = call.function.answers_with_few_blocks  # type: ignore[attr-defined]
    text = "with fewer blocks, whose threads go through the loop several times: "
    faults = [fault for fault in attempt.faults if alone or fault.kind == "race"]
    if faults or wrong or not attempt.outputs:
        return [_renamed(fault, fault.kind, text) for fault in faults]
    found = compared(case, attempt)[0] if alone else []
    return [_renamed(one, one.kind, text) for one in found]


def with_fresh_numbers(case: Case, call: Caller, first: Attempt) -> list[Mismatch]:
    """Other numbers in the memory of an earlier call: an answer kept by address or by shape shows."""
    other = Case(replace(case.recipe, seed=case.recipe.seed + 1))
    if any(
        np.shape(value) != np.shape(case.arguments[name])
        for name, value in other.arguments.items()
        if isinstance(value, np.ndarray)
    ):
        return []
    kept = [np.array(result) for result in first.results]
    attempt = call(other, reuse=first.guarded)
    if attempt.faults:
        return attempt.faults
    for k, (now, before) in enumerate(zip(first.results, kept, strict=True)):
        if np.asarray(now).tobytes() != before.tobytes():
            name = case.operation.output_name(k)
            return [Mismatch("overwrites an earlier answer", f"{name} of one call was written by the next", name)]
    wrong = compared(other, attempt)[0]
    if wrong and not judge(other, call)[0]:
        text = f"an earlier answer for other numbers in the same memory: {wrong[0].message}"
        return [Mismatch("state between calls", text, wrong[0].output, wrong[0].wrong)]
    return []


def compared(case: Case, attempt: Attempt) -> tuple[list[Mismatch], Worst]:
    """Compare the outputs that a call returned; those that it does not offer are left out."""
    places = range(len(case.expected)) if attempt.places is None else attempt.places
    names = [case.operation.output_name(k) for k in places]
    pick: Callable[[list[Any]], list[Any]] = lambda values: [values[k] for k in places]  # noqa: E731
    return compare(names, attempt.outputs, pick(case.shaped), pick(case.expected), pick(case.bounds))


def _describe(case: Case) -> str:
    return case.recipe.describe()


def _shapes(attempt: Attempt) -> list[tuple[int, ...]]:
    return [output.shape for output in attempt.outputs]


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


def _unwritten(case: Case, call: Caller, first: Attempt, second: Attempt) -> list[Mismatch]:
    """Return the outputs that hold the fillings of fresh memory, whichever they are, at the same places."""
    left = [_holds(a, 0) & _holds(b, 1) for a, b in zip(first.outputs, second.outputs, strict=True)]
    # Another two fillings; a bool has but two values, so that chance needs more calls to be ruled out.
    for poison in (2, 3, *((0, 1, 0, 0, 1, 1) if any(a.dtype == bool for a in first.outputs) else ())):
        if not any(places.any() for places in left):
            return []
        attempt = call(case, 0, poison)
        if attempt.faults or _shapes(attempt) != _shapes(first):
            return attempt.faults
        left = [places & _holds(output, poison) for places, output in zip(left, attempt.outputs, strict=True)]
    found = []
    for k, places in enumerate(left):
        if places.any():
            name = case.operation.output_name(k if first.places is None else first.places[k])
            place = [int(i) for i in np.unravel_index(int(np.argmax(places)), places.shape)]
            text = f"{name}{place} and {int(places.sum()) - 1} more of {places.size} elements are never written"
            found.append(Mismatch("unwritten output", text, name, places))
    return found


def _holds(output: np.ndarray, poison: int) -> np.ndarray:
    if output.dtype.kind not in "biuf":
        return np.zeros(output.shape, bool)
    value = poison_of(output.dtype, poison)
    return np.asarray((output == value) | ((output != output) & (value != value)))


def _where_different(case: Case, a: Attempt, b: Attempt, kind: str, text: str) -> list[Mismatch]:
    for k, (x, y) in enumerate(zip(a.outputs, b.outputs, strict=True)):
        different = np.asarray((x != y) & ~((x != x) & (y != y)))
        if different.any():
            name = case.operation.output_name(k if a.places is None else a.places[k])
            place = [int(i) for i in np.unravel_index(int(np.argmax(different)), different.shape)]
            return [Mismatch(kind, f"{name}{place} {text}", name, different)]
    return [Mismatch(kind, f"the answer {text}")]


def _renamed(mismatch: Mismatch, kind: str, before: str = "", after: str = "") -> Mismatch:
    return Mismatch(kind, before + mismatch.message + after, mismatch.output, mismatch.wrong)
