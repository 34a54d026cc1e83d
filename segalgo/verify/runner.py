"""Verify a function: every case, then the earlier ones again, then again after a loop."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from segalgo.verify.cases.case import Case
from segalgo.verify.cases.recipes import LAYOUTS, chosen_recipes
from segalgo.verify.cases.shrinking import shrunk
from segalgo.verify.catalogue.registry import operation_of
from segalgo.verify.comparison import Mismatch, Worst
from segalgo.verify.judge import Caller, judge
from segalgo.verify.reports.report import Finding, Report

DEFAULT_CASES = 250
FRESH = 10
AGAIN = 25
LOOP = 20


def check(
    operation: str,
    function: Callable[..., Any],
    seed: int = 0,
    *,
    cases: int = DEFAULT_CASES,
    dtypes: Sequence[str] | None = None,
    layouts: Sequence[str] = LAYOUTS,
    ndims: Sequence[int] | None = None,
    device: str = "cpu",
    shrink: bool = True,
    progress: Callable[[int, str], None] | None = None,
) -> Report:
    """Judge a function against the reference of an operation.

    Every case is called at least twice, with arrays between guard zones and with fresh memory full of canaries; some
    again in the same memory with other numbers, some after all others, and one after a loop of calls. Rounded outputs
    must lie within an a-priori bound for each element, others must be equal.

    Parameters
    ----------
    operation : str
        What the function claims to compute: one of `operations()`.
    function : callable
        Takes what the library's function of that name takes: arrays and parameters without defaults by position, the
        rest by keyword and only where it differs from the default. Keywords that its signature does not name are left
        out, with their cases.
    seed : int, default 0
        Makes the cases; the same number makes the same cases.
    cases : int, default 250
        How many. The first ones change one thing at a time, the next ones cover pairs of choices.
    dtypes : sequence of str, optional
        Only cases whose array has one of these dtypes.
    layouts : sequence of str, optional
        Memory orders: "C", "F", "strided", "reversed", "inner" (a window of a larger array), "offset", "readonly".
        ``("C",)`` for a function that documents that it takes C-contiguous arrays only.
    ndims : sequence of int, optional
        Only cases whose first array has so many axes: ``(2,)`` for a function of pictures alone.
    device : {"cpu", "cuda"}, default "cpu"
        "cuda" hands CuPy arrays to the function.
    shrink : bool, default True
        Whether to look for a smaller failing case; takes up to some seconds.
    progress : callable, optional
        Called with the number of each case before it runs, and its description.

    Returns
    -------
    Report
        With ``passed``, ``print(report)``, ``to_html(path)``, ``to_json()``.

    Raises
    ------
    ValueError
        If there is no such operation, or no case of these dtypes and ranks.

    Notes
    -----
    While the function runs, `numpy.empty` and `numpy.empty_like` return memory full of canaries, in the whole process.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo import verify
    >>> verify.check("relu", lambda x: np.where(x < 0, x.dtype.type(0), x), cases=40).passed
    True
    >>> verify.check("relu", lambda x: np.maximum(x, 0, out=x), cases=40).findings[0].kind
    'changes its input'
    """
    operation_of(operation)
    chosen = chosen_recipes(operation, seed, cases, dtypes, layouts, ndims)
    if not chosen:
        known = operation_of(operation)
        ranks = sorted({len(shape) for shape in known.shapes})
        raise ValueError(
            f"dtypes={dtypes!r}, ndims={ndims!r}: expected some of {', '.join(known.dtypes)}, with {ranks} axes"
        )
    run = _Run(operation, Caller(function, device), seed, progress)
    for recipe in chosen:
        run.one(Case(recipe))
    run.again()
    run.after_a_loop()
    return run.report(function, shrink)


class _Run:
    """What is known so far: passed cases, findings, the largest error."""

    def __init__(self, operation: str, call: Caller, seed: int, progress: Callable[[int, str], None] | None) -> None:
        self.operation, self.call, self.seed = operation, call, seed
        self.progress = progress or (lambda number, text: None)
        self.passed: list[Case] = []
        self.findings: list[Finding] = []
        self.uncovered: dict[str, int] = {}
        self.remarks: list[str] = []
        self.worst = Worst()
        self.started = time.perf_counter()

    def one(self, case: Case) -> None:
        """Judge one case, and some a second time in the same memory."""
        missing = self.call.missing(case)
        if missing:
            for name in missing:
                self.uncovered[name] = self.uncovered.get(name, 0) + 1
            return
        self.progress(case.recipe.number, case.recipe.describe())
        wrong, worst, remarks, first = judge(case, self.call)
        self.remarks += remarks
        if not wrong:
            self.worst |= worst
            if len(self.passed) < FRESH:
                wrong = self._with_fresh_numbers(case, first)
        if wrong:
            self.findings += [Finding.of(case, mismatch, self.worst | worst) for mismatch in wrong[:3]]
        else:
            self.passed.append(case)

    def _with_fresh_numbers(self, case: Case, first: Any) -> list[Mismatch]:
        """Other numbers in the memory of an earlier call: an answer kept by address or by shape shows."""
        other = Case(_with_seed(case))
        if any(
            np.shape(value) != np.shape(case.arguments[name])
            for name, value in other.arguments.items()
            if isinstance(value, np.ndarray)
        ):
            return []
        kept = [np.array(result) for result in first.results]
        attempt = self.call(other, reuse=first.guarded)
        if attempt.faults:
            return attempt.faults
        for k, (now, before) in enumerate(zip(first.results, kept, strict=True)):
            if np.asarray(now).tobytes() != before.tobytes():
                name = case.operation.outputs[k] if k < len(case.operation.outputs) else f"output {k}"
                return [Mismatch("overwrites an earlier answer", f"{name} of one call was written by the next", name)]
        wrong = other.compare(attempt.outputs)
        if wrong and not judge(other, self.call)[0]:
            text = f"an earlier answer for other numbers in the same memory: {wrong[0].message}"
            return [Mismatch("state between calls", text, wrong[0].output, wrong[0].wrong)]
        return []

    def again(self) -> None:
        """Run earlier cases in another order; what was right must be right again."""
        order = np.random.default_rng(self.seed).permutation(len(self.passed))[:AGAIN]
        for k in order:
            self._once_more(self.passed[k], "right at first, wrong after other cases: ")

    def after_a_loop(self) -> None:
        """Run one case many times, as a benchmark does, and judge it then."""
        if not self.passed:
            return
        case = self.passed[0]
        for _ in range(LOOP):
            self.call(case)
        self._once_more(case, f"right at first, wrong after {LOOP} calls: ")

    def _once_more(self, case: Case, text: str) -> None:
        self.progress(case.recipe.number, case.recipe.describe())
        attempt = self.call(case)
        wrong = attempt.faults or case.compare(attempt.outputs)
        if wrong:
            found = Mismatch("state between calls", text + wrong[0].message, wrong[0].output, wrong[0].wrong)
            self.findings.append(Finding.of(case, found, self.worst))

    def report(self, function: Any, shrink: bool) -> Report:
        """Shrink the first finding and put everything together."""
        smallest = None
        if self.findings:
            smallest = shrunk(self.findings[0], self.call) if shrink else self.findings[0]
        return Report(
            operation=self.operation,
            function=_name_of(function),
            seed=self.seed,
            passed_recipes=[case.recipe for case in self.passed],
            findings=self.findings,
            smallest=smallest,
            worst=self.worst,
            uncovered=self.uncovered,
            remarks=self.remarks,
            seconds=time.perf_counter() - self.started,
            setup=function.setup() if hasattr(function, "setup") else "",
        )


def _with_seed(case: Case) -> Any:
    from dataclasses import replace

    return replace(case.recipe, seed=case.recipe.seed + 1, values=case.recipe.values)


def _name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


def assert_correct(operation: str, function: Callable[..., Any], seed: int = 0, **options: Any) -> Report:
    """Check a function as `check` does, and raise AssertionError with the whole report unless it passes.

    Parameters
    ----------
    operation, function, seed, **options
        As for `check`.

    Returns
    -------
    Report

    Raises
    ------
    AssertionError
        With the report as its message.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo import verify
    >>> def test_my_relu():
    ...     verify.assert_correct("relu", lambda x: np.where(x < 0, x.dtype.type(0), x), cases=20)
    >>> test_my_relu()
    """
    __tracebackhide__ = True
    report = check(operation, function, seed, **options)
    if not report.passed:
        raise AssertionError("\n" + str(report))
    return report
