"""An answer against the right one: shapes, dtypes, and every element within its bound."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Mismatch:
    """What is wrong with one output."""

    kind: str
    message: str
    output: str = ""
    wrong: Any = field(default=None, repr=False, compare=False)
    """Array of bool, where the output is wrong; None where it has another shape."""


@dataclass(frozen=True)
class Worst:
    """The largest error of an answer: in units of its bound, and in units of the last place."""

    ratio: float = 0.0
    ulp: float = 0.0

    def __or__(self, other: "Worst") -> "Worst":
        return Worst(max(self.ratio, other.ratio), max(self.ulp, other.ulp))


def compare(
    names: Sequence[str],
    got: Sequence[np.ndarray],
    shaped: Sequence[np.ndarray],
    expected: Sequence[np.ndarray],
    bounds: Sequence[Any],
) -> tuple[list[Mismatch], Worst]:
    """Return what is wrong with each output, and the largest error."""
    if len(got) != len(expected):
        return [Mismatch("wrong outputs", f"{len(got)} arrays returned, expected {len(expected)}")], Worst()
    found, worst = [], Worst()
    for k, (ours, like, truth, bound) in enumerate(zip(got, shaped, expected, bounds, strict=True)):
        name = names[k] if k < len(names) else f"output {k}"
        if ours.shape != truth.shape:
            found.append(Mismatch("wrong shape", f"{name} has shape {ours.shape}, expected {truth.shape}", name))
            continue
        if not dtype_fits(ours, like):
            found.append(Mismatch("wrong dtype", f"{name} has dtype {ours.dtype}, expected {like.dtype}", name))
            if ours.dtype.kind not in "biuf":
                continue
        mismatch, error = _compare_one(name, ours, truth, bound, rounded_in(ours, like))
        worst |= error
        if mismatch:
            found.append(mismatch)
    return found, worst


def dtype_fits(answer: np.ndarray, like: np.ndarray) -> bool:
    """Return whether an answer has the dtype that the reference has.

    A single number may have any dtype that its value fits into: that of a threshold depends on the picture, constant
    or not, which neither a kernel nor a function with one type of result can know.
    """
    if answer.dtype == like.dtype:
        return True
    if like.ndim or answer.dtype.kind not in "iuf" or like.dtype.kind not in "iuf":
        return False
    wide = answer.dtype.kind == "f" and answer.dtype.itemsize >= (4 if like.dtype.itemsize <= 4 else 8)
    with np.errstate(all="ignore"):
        return wide or bool(like.astype(answer.dtype) == like)


def rounded_in(answer: np.ndarray, like: np.ndarray) -> np.dtype:
    """Return the float dtype that an answer is rounded to, also where the reference keeps an integer."""
    if like.dtype.kind == "f":
        return like.dtype
    return answer.dtype if answer.dtype.kind == "f" else np.dtype(np.float64)


def _compare_one(
    name: str, got: np.ndarray, expected: np.ndarray, bound: Any, dtype: np.dtype
) -> tuple[Mismatch | None, Worst]:
    if bound is None:
        wrong = (got != expected) & ~((got != got) & (expected != expected))
        if not wrong.any():
            return None, Worst()
        return _mismatch(name, got, expected, np.asarray(wrong), "equal"), _exact_error(got, expected)
    allowed = np.broadcast_to(np.asarray(bound, np.float64), expected.shape)
    with np.errstate(all="ignore"):
        got64 = got.astype(np.float64)
        finite = np.isfinite(expected)
        same = (got64 == expected) | (np.isnan(got64) & np.isnan(expected))
        error = np.where(finite, np.abs(got64 - expected), 0)
        # Near the end of the dtype an infinity is within rounding; where no bound is known nothing is judged.
        over = finite & (np.abs(expected) + allowed >= float(np.finfo(dtype).max)) & ~np.isnan(got64)
        judged = ~(finite & ~np.isfinite(allowed))
        wrong = np.where(finite, ~(error <= allowed), ~same) & ~over & judged
        ratio = np.where(finite & judged & ~over, error / np.maximum(allowed, np.finfo(np.float64).tiny), 0)
        spacing = np.spacing(np.abs(expected).astype(dtype)).astype(np.float64)
        ulp = np.where(finite & judged & ~over & np.isfinite(spacing), error / spacing, 0)
    worst = Worst(_largest(ratio), _largest(ulp))
    if not wrong.any():
        return None, worst
    return _mismatch(name, got, expected, np.asarray(wrong), allowed), worst


def _largest(values: np.ndarray) -> float:
    if values.size == 0:
        return 0.0
    return float("inf") if np.isnan(values).any() else float(values.max())


def _exact_error(got: np.ndarray, expected: np.ndarray) -> Worst:
    if expected.dtype.kind != "f":
        return Worst(float("inf"), float("inf"))
    with np.errstate(all="ignore"):
        error = np.abs(got.astype(np.float64) - expected.astype(np.float64))
        return Worst(float("inf"), _largest(error / np.spacing(np.abs(expected)).astype(np.float64)))


def _mismatch(name: str, got: np.ndarray, expected: np.ndarray, wrong: np.ndarray, allowed: Any) -> Mismatch:
    place = tuple(int(k) for k in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
    where = f"{name}{list(place)}" if place else name
    rule = "" if isinstance(allowed, str) else f" within {allowed[place]:.3g}"
    kind = "wrong values"
    count = int(wrong.sum())
    share = "" if wrong.size == 1 else f" ({count} of {wrong.size} elements are wrong)"
    return Mismatch(kind, f"{where} is {got[place]}, expected {expected[place]}{rule}{share}", name, wrong)
