"""Verify a function: every case, then the earlier ones again, then again after a loop."""

import inspect
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from segalgo.verify.caller import Caller
from segalgo.verify.cases.case import Case
from segalgo.verify.cases.recipes import LAYOUTS, chosen_recipes, fits
from segalgo.verify.cases.shrinking import shrunk
from segalgo.verify.catalogue.registry import operation_of
from segalgo.verify.comparison import Mismatch, Worst
from segalgo.verify.judge import compared, judge, with_fresh_numbers
from segalgo.verify.kernels.expressions import LaunchError
from segalgo.verify.operation import Recipe
from segalgo.verify.reports.report import Report
from segalgo.verify.reports.verdict import Finding, strongest

DEFAULT_CASES = 250
FRESH = 10
AGAIN = 25
LOOP = 20
# How many cases are asked for each that is judged, and how many launches may fail before the first that works.
MOST_ASKED = 8
PATIENCE = 20
# Arguments that a parameter of the recipes makes, under another name.
MADE_FROM = {
    "axes": ("normalized_shape",),
    "affine": ("weight", "bias"),
    "target": ("size", "scale_factor"),
    "limit": ("max_size", "min_size"),
}


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
    fix: Mapping[str, Any] | None = None,
    seconds: float | None = None,
    setup: str = "",
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
    fix : dict, optional
        Parameters that the function has built in: only cases with these values are made.
    seconds : float, optional
        No case is begun after so long; the report says how many were judged.
    setup : str, default ""
        The expression that makes the function again, for the lines of the report.

    Returns
    -------
    Report
        With ``passed``, ``print(report)``, ``to_html(path)``, ``to_json()``.

    Raises
    ------
    ValueError
        If there is no such operation or parameter, no case of these dtypes and ranks, or a kernel's launch does not
        fit any case.

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
    known = operation_of(operation)
    if dtypes is None and hasattr(function, "dtypes"):
        dtypes = function.dtypes()  # a kernel knows what it takes
    fixed = dict(fix or {}) | dict(getattr(function, "fix", {}))
    run = _Run(operation, Caller(function, device, fixed), seed, progress, until(seconds))
    run.all(chosen_recipes(operation, seed, dtypes, layouts, ndims, fixed), cases)
    if not run.asked:
        ranks = sorted({len(shape) for shape in known.shapes})
        raise ValueError(
            f"dtypes={dtypes!r}, ndims={ndims!r}, fix={fixed!r}: expected some of {', '.join(known.dtypes)}, "
            f"with {ranks} axes"
        )
    run.again()
    run.after_a_loop()
    return run.report(function, shrink, setup)


def until(seconds: float | None) -> float:
    """Return the time after which no further case is begun."""
    return float("inf") if seconds is None else time.monotonic() + seconds


class _Run:
    """What is known so far: passed cases, findings, the largest error."""

    def __init__(
        self,
        operation: str,
        call: Caller,
        seed: int,
        progress: Callable[[int, str], None] | None,
        end: float,
    ) -> None:
        self.operation, self.call, self.seed, self.end = operation, call, seed, end
        self.progress = progress or (lambda number, text: None)
        self.passed: list[Case] = []
        self.findings: list[Finding] = []
        self.uncovered: dict[str, int] = {}
        self.remarks: list[str] = []
        self.worst = Worst()
        self.asked = self.judged = 0
        self.described: set[str] = set()
        self.started = time.perf_counter()

    def all(self, chosen: Iterable[Recipe], cases: int) -> None:
        """Judge so many cases of those that the function covers."""
        refused: LaunchError | None = None
        for recipe in chosen:
            if self.judged == cases or self.asked >= MOST_ASKED * cases:
                break
            if time.monotonic() > self.end:
                self.remarks.insert(0, f"slow: {self.judged} of {cases} cases fitted into the time")
                break
            self.asked += 1
            try:
                self.one(Case(recipe))
            except LaunchError as error:
                refused = refused or error
                text = f"cases that the launch does not fit ({error})"
                self.uncovered[text] = self.uncovered.get(text, 0) + 1
                if not self.judged and sum(self.uncovered.values()) >= PATIENCE:
                    break
        if refused is not None and not self.judged:
            raise refused

    def one(self, case: Case) -> None:
        """Judge one case, and some a second time in the same memory."""
        missing = self.call.missing(case)
        if missing:
            for name in missing:
                self.uncovered[name] = self.uncovered.get(name, 0) + 1
            nearest = self._without(case.recipe, missing)
            if nearest is None:
                return
            case = nearest
        self.described.add(case.recipe.describe())
        self.progress(case.recipe.number, case.recipe.describe())
        wrong, worst, remarks, first = judge(case, self.call)
        self.judged += 1
        said = {_subject(remark) for remark in self.remarks}  # once: other cases say the same
        self.remarks += [remark for remark in remarks if _subject(remark) not in said]
        if not wrong:
            self.worst |= worst
            if len(self.passed) < FRESH:
                wrong = with_fresh_numbers(case, self.call, first)
        if wrong:
            self.findings += [Finding.of(case, mismatch, self.worst | worst) for mismatch in wrong[:3]]
        else:
            self.passed.append(case)

    def _without(self, recipe: Recipe, missing: set[str]) -> Case | None:
        """Return the case with other choices where the function does not take its own, unless it was judged already."""
        operation = operation_of(recipe.operation)
        names = [name for name in recipe.parameters if missing & {name, *MADE_FROM.get(name, ())}]
        for name in names:
            changed = (recipe.changed(**{name: choice}) for choice in operation.choices.get(name, ()))
            covered = (one for one in changed if fits(operation, one) and name not in self._lacking(one, name))
            recipe = next(covered, recipe)
        if not fits(operation, recipe) or recipe.describe() in self.described or self.call.missing(Case(recipe)):
            return None
        return Case(recipe)

    def _lacking(self, recipe: Recipe, name: str) -> set[str]:
        missing = self.call.missing(Case(recipe))
        return {name} if missing & {name, *MADE_FROM.get(name, ())} else set()

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
        wrong = self._wrong_now(case)
        if not wrong:
            return
        # Wrong each time from now on is state; wrong now and then is not.
        steady = all(self._wrong_now(case) for _ in range(3))
        kind, text = ("state between calls", text) if steady else ("not repeatable", "right, then wrong, then right: ")
        found = Mismatch(kind, text + wrong[0].message, wrong[0].output, wrong[0].wrong)
        self.findings.append(Finding.of(case, found, self.worst, after=self.judged))

    def _wrong_now(self, case: Case) -> list[Mismatch]:
        attempt = self.call(case)
        return attempt.faults or compared(case, attempt)[0]

    def _leave_out_refused_dtypes(self) -> None:
        """Take integers that a function of floats refuses each time as not covered."""
        if np.dtype(operation_of(self.operation).dtypes[0]).kind != "f":
            return
        right = {case.recipe.dtype for case in self.passed}
        for name in {finding.case.recipe.dtype for finding in self.findings} - right:
            of_it = [finding for finding in self.findings if finding.case.recipe.dtype == name]
            if np.dtype(name).kind != "f" and all(finding.kind == "raises" for finding in of_it):
                self.findings = [finding for finding in self.findings if finding.case.recipe.dtype != name]
                self.uncovered[f"dtype {name} (refused: {of_it[0].message})"] = len(of_it)

    def _name_aliasing(self, function: Any) -> None:
        """Rename what a kernel does wrong if it is right once its names of dynamic shared memory are apart."""
        kinds = ("wrong values", "race", "uninitialised shared memory")
        of_memory = [one for one in self.findings if one.kind in kinds]
        other = function.with_arrays_apart() if of_memory and hasattr(function, "with_arrays_apart") else None
        if other is None or len(of_memory) < len(self.findings):
            return
        call = Caller(other, "cpu", {})
        try:
            if any(judge(one.case, call)[0] for one in of_memory[:3]):
                return
        except LaunchError:
            return
        text = "two names of dynamic shared memory are one array, and right once they are apart: "
        self.findings = [replace(one, kind="shared memory aliasing", message=text + one.message) for one in of_memory]

    def report(self, function: Any, shrink: bool, setup: str) -> Report:
        """Shrink the strongest finding and put everything together."""
        smallest = None
        self._leave_out_refused_dtypes()
        self._name_aliasing(function)
        if self.findings:
            first = strongest(self.findings)
            smallest = shrunk(first, self.call) if shrink and not first.after else first
        if self.passed and hasattr(function, "at_large_sizes") and not self.findings:
            wrong, remarks = function.at_large_sizes(_of_most_axes(self.passed))
            self.findings += [Finding.of(_of_most_axes(self.passed), mismatch, self.worst) for mismatch in wrong]
            self.remarks += remarks
            smallest = self.findings[0] if self.findings else None
        if self.passed and hasattr(function, "limits"):
            self.remarks += function.limits(self.passed[0])
        left_out = function.left_out() if hasattr(function, "left_out") else []
        for name in left_out:
            self.uncovered[f"output {name}"] = self.judged
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
            setup=setup or (function.setup() if hasattr(function, "setup") else ""),
            asked=self.asked,
            fixed=dict(getattr(function, "fix", {})),
            source=_source_of(function),
        )


def _of_most_axes(cases: Sequence[Case]) -> Case:
    """Return a case whose first axis is a batch, where there is one."""
    return max(cases, key=lambda case: (0 not in case.recipe.shape, len(case.recipe.shape)))


def judged(case: Case, function: Callable[..., Any], after: int = 0, device: str = "cpu") -> list[Mismatch]:
    """Judge one case as `check` does, in the same sequence of calls; the lines of a report use it.

    Parameters
    ----------
    case : Case
    function : callable or CudaKernel
    after : int, default 0
        Judge so many cases first, as `check` did: for what only shows after other calls.
    device : {"cpu", "cuda"}, default "cpu"

    Returns
    -------
    list of Mismatch
        Empty if the function is right.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo import verify
    >>> verify.judged(verify.case("relu", 0), np.abs)[0].kind
    'wrong values'
    """
    if after:
        recipe = case.recipe
        options: dict[str, Any] = {"cases": after, "shrink": False, "device": device}
        if hasattr(function, "dtypes"):
            options |= {"dtypes": function.dtypes(), "layouts": ("C",)}
        report = check(recipe.operation, function, recipe.seed, **options)
        same = [finding for finding in report.findings if finding.case.recipe.number == recipe.number]
        return [Mismatch(finding.kind, finding.message, finding.output, finding.wrong) for finding in same]
    call = Caller(function, device)
    wrong, _, _, first = judge(case, call)
    return wrong or with_fresh_numbers(case, call, first)


def _subject(remark: str) -> str:
    """Return what a remark is about, without the case that it was seen on."""
    return remark.partition(": ")[0]


def _source_of(function: Any) -> str:
    """Return the source of a kernel or a function; nothing where it has none."""
    if hasattr(function, "source"):
        return function.source()
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return ""


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
