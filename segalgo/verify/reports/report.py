"""What a verification found, as text, JSON and a page."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segalgo.verify.cases.case import Case
from segalgo.verify.cases.patterns import in_common, patterns
from segalgo.verify.comparison import Mismatch, Worst
from segalgo.verify.operation import Recipe

# Kinds of findings, the strongest proof first: what a device saw, what memory shows, what numbers show.
STRENGTH = (
    ("race", "out of bounds", "misaligned access", "uninitialised shared memory", "divergent barrier", "warp misuse"),
    ("trap", "fault", "crashes", "does not end", "invalid launch"),
    ("writes outside", "changes its input", "returns its input", "overwrites an earlier answer", "state between calls"),
    ("unwritten output", "uninitialised memory", "reads outside"),
    ("wrong values", "wrong shape", "wrong dtype", "wrong outputs", "raises"),
    ("not repeatable",),
)


def strength(kind: str) -> int:
    """Return how strong a finding of this kind is; a smaller number is stronger."""
    return next((k for k, kinds in enumerate(STRENGTH) if kind in kinds), len(STRENGTH))


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, on one case."""

    kind: str
    message: str
    case: Case
    output: str = ""
    wrong: Any = field(default=None, repr=False)
    worst: Worst = field(default_factory=Worst)
    after: int = 0
    """How many cases were judged before it showed; 0 where the case shows it alone."""

    @classmethod
    def of(cls, case: Case, mismatch: Mismatch, worst: Worst, after: int = 0) -> "Finding":
        """Return a mismatch with the case that it was seen on."""
        return cls(mismatch.kind, mismatch.message, case, mismatch.output, mismatch.wrong, worst, after)

    def code(self, function: str, setup: str = "") -> str:
        """Return three lines that show it again; `setup` makes the function or the kernel."""
        made = f"function = {setup or function}"
        more = f", after={self.after}" if self.after else ""
        return (
            f"import segalgo; {made}\n"
            f"case = {self.case.code()}\n"
            f"print(segalgo.verify.judged(case, function{more}), case.expected)"
        )


def strongest(findings: list[Finding]) -> Finding:
    """Return a finding of the strongest kind: the most frequent one of these."""
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.kind] = counts.get(finding.kind, 0) + 1
    kind = min(counts, key=lambda name: (strength(name), -counts[name]))
    return next(finding for finding in findings if finding.kind == kind)


@dataclass(frozen=True)
class Report:
    """The verdict on one function; ``print`` it."""

    operation: str
    function: str
    seed: int
    passed_recipes: list[Recipe] = field(repr=False)
    findings: list[Finding]
    smallest: Finding | None
    worst: Worst
    uncovered: dict[str, int]
    remarks: list[str]
    seconds: float
    setup: str = ""
    asked: int = 0
    fixed: dict[str, Any] = field(default_factory=dict)
    source: str = field(default="", repr=False)
    command: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing was found, on at least one case."""
        return not self.findings and bool(self.passed_recipes)

    @property
    def verdict(self) -> str:
        """Return "passed", "FAILED", or "NOT CHECKED" where no case was judged."""
        return "passed" if self.passed else "FAILED" if self.findings else "NOT CHECKED"

    @property
    def exit_code(self) -> int:
        """Return 0 for right, 1 for wrong, 2 for what could not be verified."""
        return {"passed": 0, "FAILED": 1, "NOT CHECKED": 2}[self.verdict]

    @property
    def failed_recipes(self) -> list[Recipe]:
        """The cases that something was found on."""
        return list({finding.case.recipe.number: finding.case.recipe for finding in self.findings}.values())

    @property
    def kinds(self) -> dict[str, int]:
        """How many cases show each kind of finding, the strongest kind first."""
        seen: dict[str, set[int]] = {}
        for finding in self.findings:
            seen.setdefault(finding.kind, set()).add(finding.case.recipe.number)
        counts = {kind: len(numbers) for kind, numbers in seen.items()}
        return dict(sorted(counts.items(), key=lambda pair: (strength(pair[0]), -pair[1])))

    @property
    def headline(self) -> str:
        """The strongest finding in one line; empty if there is none."""
        if not self.findings:
            return ""
        finding = strongest(self.findings)
        return f"{finding.kind}: {finding.message}"

    @property
    def patterns(self) -> list[str]:
        """What all failing cases have in common and no other case has."""
        return patterns(self.failed_recipes, self.passed_recipes)

    @property
    def in_common(self) -> list[str]:
        """What all failing cases have in common, though some others have it too."""
        return [] if self.patterns else in_common(self.failed_recipes, self.passed_recipes)

    @property
    def coverage(self) -> str:
        """What share of the operation was judged, in one line."""
        from segalgo.verify.catalogue.registry import operation_of

        judged = len(self.passed_recipes) + len(self.failed_recipes)
        asked = max(self.asked, judged)
        known = operation_of(self.operation).dtypes
        seen = {recipe.dtype for recipe in (*self.passed_recipes, *self.failed_recipes)}
        share = f"{100 * judged // max(asked, 1)} % of the cases that were asked for"
        fixed = "".join(f"; {name}={value!r} fixed" for name, value in self.fixed.items())
        dtypes = (
            f"{', '.join(name for name in known if name in seen) or 'no dtype'} ({len(seen)} of {len(known)} dtypes)"
        )
        return f"{judged} cases, {share}; {dtypes}{fixed}"

    def __str__(self) -> str:
        total = len(self.passed_recipes) + len(self.failed_recipes)
        lines = [
            f"{self.operation}: {self.function} {self.verdict} ({total} cases, seed {self.seed}, {self.seconds:.1f} s)",
            f"  covered: {self.coverage}",
        ]
        if self.passed_recipes:
            lines.append(
                f"  largest error of right cases: {self.worst.ratio:.2g} of its bound, {self.worst.ulp:.3g} ULP"
            )
        for kind, count in self.kinds.items():
            first = next(finding for finding in self.findings if finding.kind == kind)
            lines.append(f"  {kind}: {count} case{'s' * (count != 1)}; {first.message}")
        lines += [f"  fails where {pattern}" for pattern in self.patterns]
        lines += [f"  all failing cases: {text}" for text in self.in_common]
        for name, count in self.uncovered.items():
            hint = "" if " " in name else f"; --fix {name}=... if it is built in"
            lines.append(f"  not covered: {name} ({count} cases), not taken by the function or the launch{hint}")
        lines += [f"  remark: {remark}" for remark in list(dict.fromkeys(self.remarks))[:3]]
        if self.smallest is not None:
            lines += [
                f"  smallest failing case: {self.smallest.case.recipe.describe()}",
                f"    {self.smallest.kind}: {self.smallest.message}",
                "  to see it again:",
                *("    " + line for line in self.smallest.code(self.function, self.setup).splitlines()),
            ]
        return "\n".join(lines)

    def to_json(self) -> str:
        """Return everything as JSON text."""
        return json.dumps(
            {
                "operation": self.operation,
                "function": self.function,
                "seed": self.seed,
                "passed": self.passed,
                "verdict": self.verdict,
                "headline": self.headline,
                "coverage": self.coverage,
                "fixed": {name: repr(value) for name, value in self.fixed.items()},
                "cases": {"passed": len(self.passed_recipes), "failed": len(self.failed_recipes)},
                "worst": {"of_bound": _finite(self.worst.ratio), "ulp": _finite(self.worst.ulp)},
                "kinds": self.kinds,
                "patterns": self.patterns,
                "in_common": self.in_common,
                "not_covered": self.uncovered,
                "remarks": self.remarks,
                "seconds": self.seconds,
                "findings": [_as_dict(finding, self) for finding in self.findings],
                "smallest": None if self.smallest is None else _as_dict(self.smallest, self),
            },
            indent=2,
        )

    def to_junit(self, path: str | Path) -> Path:
        """Write JUnit's XML, a test case for each kind of finding; return its path."""
        from segalgo.verify.reports.formats import junit

        path = Path(path)
        path.write_text(junit(self), encoding="utf-8")
        return path

    def annotations(self, path: str) -> list[str]:
        """Return a line for each kind of finding that GitHub Actions shows beside the source at `path`."""
        from segalgo.verify.reports.formats import annotations

        return annotations(self, path)

    def to_html(self, path: str | Path) -> Path:
        """Write a self-contained page, with a picture of where in the output the errors lie; return its path."""
        from segalgo.verify.reports.html import page

        path = Path(path)
        path.write_text(page(self), encoding="utf-8")
        return path


def _finite(value: float) -> float | str:
    return value if abs(value) < float("inf") else str(value)


def _as_dict(finding: Finding, report: Report) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "message": finding.message,
        "number": finding.case.recipe.number,
        "case": finding.case.recipe.describe(),
        "code": finding.code(report.function, report.setup),
    }
