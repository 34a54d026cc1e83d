"""Run a case on every wing and say what is wrong with it."""

import copy
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

import segalgo
from segalgo import verify
from segalgo.verify.cases.case import Case
from tests.fuzz.cases import FuzzCase
from tests.fuzz.makers import MAKERS

# Far wider than any operation's rounding, far narrower than a wrong answer; the catalogue's cases have exact bounds.
LOOSE = 2e-3
# Sums in double precision, which functions outside the catalogue may take in another order.
TIGHT = 1e-9
# Topics without a CUDA wing refuse the simulated device in these words.
HOST_ONLY = re.compile(r"backend 'simulated' has no ")


@dataclass
class Outcome:
    """What a wing did: the parts of its answer, or its error."""

    parts: list[Any] | None
    error: BaseException | None = None

    def __str__(self) -> str:
        return f"{type(self.error).__name__}: {self.error}" if self.error else f"answers {_brief(self.parts)}"


def faults(case: FuzzCase, simulated: bool = False) -> list[str]:
    """Return what is wrong with a case, a line each; nothing where all is well."""
    wings = ["reference"]
    wings += ["cython"] if segalgo.backends()["cython"].available else []
    wings += ["simulated"] if simulated and segalgo.backends()["simulated"].available else []
    kept = copy.deepcopy(case.arguments)
    found, outcomes = [], {}
    for name in wings:
        outcomes[name] = _run(case, name)
        if not _same(_parts(case.arguments), _parts(kept), 0.0):
            return [f"{name} changed its inputs"]
    first = outcomes["reference"]
    if first.error is not None:
        found += _faults_of_refusal(case, first.error)
    for name, outcome in list(outcomes.items())[1:]:
        if outcome.error is not None and HOST_ONLY.match(str(outcome.error)):
            continue
        found += _differences(case, name, first, outcome)
    return found


def _run(case: FuzzCase, wing: str) -> Outcome:
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"), segalgo.use_backend(wing):
            warnings.simplefilter("ignore")
            return Outcome(_parts(case.function(**case.arguments)))
    except TimeoutError:  # of the fuzzer: no answer of the function
        raise
    except Exception as error:
        return Outcome(None, error)


def _faults_of_refusal(case: FuzzCase, error: BaseException) -> list[str]:
    if isinstance(error, MemoryError):  # legal sizes that this machine cannot hold
        return []
    if case.valid and case.recipe is not None:
        return [f"refuses arguments of its catalogue: {type(error).__name__}: {error}"]
    if type(error).__name__ in (case.function.__doc__ or "") and not isinstance(error, ValueError | TypeError):
        return []
    if not isinstance(error, ValueError | TypeError):
        return [f"refused by {type(error).__name__}, expected ValueError or TypeError: {error}"]
    words = set(re.findall(r"\w+", str(error)))
    names = _words_of(case)
    return [] if words & names else [f"the refusal names no argument: {type(error).__name__}: {error}"]


def _words_of(case: FuzzCase) -> set[str]:
    import inspect

    parameters = inspect.signature(case.function).parameters
    # Errors on records name the record's field; on many arrays of different devices, the arrays.
    return (
        set(parameters)
        | {"kernel_size", "input_size", "output_size", "counts", "bbox", "arrays", "codes", "ring"}
        | {"annotations", "intensity_image"}
    )


def _differences(case: FuzzCase, wing: str, first: Outcome, other: Outcome) -> list[str]:
    if (first.error is None) != (other.error is None):
        if any(isinstance(outcome.error, MemoryError) for outcome in (first, other)):
            return []
        return [f"reference {first}, {wing} {other}"]
    if first.error is not None:
        if type(first.error) is not type(other.error) and MemoryError not in (type(first.error), type(other.error)):
            return [f"reference refuses by {first}, {wing} by {other}"]
        return []
    if case.recipe is not None and case.valid:
        reference_case = Case(case.recipe)
        wrong = reference_case.compare(_rebuilt(other.parts))
        return [f"{wing}: {mismatch.message}" for mismatch in wrong]
    rounded = case.function not in MAKERS and verify.case(case.operation, 0).operation.bound is not None
    may_overflow = any(_is_extreme(part) for part in _parts(case.arguments))
    if not _same(first.parts, other.parts, LOOSE if rounded else TIGHT, may_overflow):
        return [f"reference {first}, {wing} {other}"]
    return []


def _rebuilt(parts: list[Any] | None) -> tuple[Any, ...]:
    return tuple(np.asarray(part) for part in parts or [])


def _parts(value: Any) -> list[Any]:
    """Return the arrays and scalars that a result is made of, in order."""
    if isinstance(value, np.ndarray | np.generic):
        return [np.asarray(value)]
    if isinstance(value, segalgo.LabelMap):
        return [value.in_values, value.out_values]
    if isinstance(value, Mapping):
        return [part for key in value for part in [key, *_parts(value[key])]]
    if isinstance(value, tuple | list):
        return [part for entry in value for part in _parts(entry)]
    if is_dataclass(value) and not isinstance(value, type):
        return [part for field in fields(value) for part in _parts(getattr(value, field.name))]
    if value is None:
        return []
    return [value]


def _is_extreme(part: Any) -> bool:
    """Return whether a number among these may leave the range of a float on the way: its square does, or it is none."""
    if isinstance(part, str | bytes) or np.asarray(part).dtype.kind not in "iufc":
        return False
    numbers = np.asarray(part)
    dtype = numbers.dtype if numbers.dtype.kind == "f" and numbers.ndim else np.dtype(np.float32)
    with np.errstate(all="ignore"):
        sizes = np.abs(numbers.astype(np.complex128 if numbers.dtype.kind == "c" else np.float64, copy=False))
        limit = float(np.sqrt(np.float64(np.finfo(dtype).max)))
        return bool((~(sizes <= limit) | ((sizes > 0) & (sizes < 1 / limit))).any())


def _same(a: Any, b: Any, tolerance: float, may_overflow: bool = False) -> bool:
    if len(a) != len(b):
        return False
    return all(_equal(x, y, tolerance, may_overflow) for x, y in zip(a, b, strict=True))


def _equal(a: Any, b: Any, tolerance: float, may_overflow: bool = False) -> bool:
    if not isinstance(a, np.ndarray | float | np.generic):
        return type(a) is type(b) and (bool(a == b) if isinstance(a, int | str | bytes | bool) else True)
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype == object:
        return True
    if a.dtype.kind not in "fc":
        return bool((a == b).all())
    with np.errstate(all="ignore"):
        finite = np.isfinite(a) & np.isfinite(b)
        if not (finite | (a == b) | (np.isnan(a) & np.isnan(b))).all():
            return may_overflow and tolerance > 0  # a sum that overflows in one order of its terms and not in another
        scale = np.abs(a[finite]).max(initial=0)
        return bool((np.abs(a[finite] - b[finite]) <= tolerance * scale).all())


def _brief(parts: list[Any] | None) -> str:
    shown = [
        f"<{p.dtype.str} {p.shape} {p.reshape(-1)[:6].tolist()}>" if isinstance(p, np.ndarray) else repr(p)[:80]
        for p in (parts or [])[:4]
    ]
    return ", ".join(shown)
