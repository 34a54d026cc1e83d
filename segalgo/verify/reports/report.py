"""What a verification found, as text, JSON and a page."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segalgo.verify.cases.case import Case
from segalgo.verify.cases.patterns import patterns
from segalgo.verify.comparison import Mismatch, Worst
from segalgo.verify.operation import Recipe


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, on one case."""

    kind: str
    message: str
    case: Case
    output: str = ""
    wrong: Any = field(default=None, repr=False)
    worst: Worst = field(default_factory=Worst)

    @classmethod
    def of(cls, case: Case, mismatch: Mismatch, worst: Worst) -> "Finding":
        """Return a mismatch with the case that it was seen on."""
        return cls(mismatch.kind, mismatch.message, case, mismatch.output, mismatch.wrong, worst)

    def code(self, function: str, setup: str = "") -> str:
        """Return three lines that show it again; `setup` makes a kernel that is run by cases."""
        if setup:
            return f"kernel = {setup}\ncase = {self.case.code()}\nprint(case.compare(kernel.run(case)), case.expected)"
        return (
            f"case = {self.case.code()}\n"
            f"result = {function}(*case.args, **case.kwargs)\n"
            "print(case.compare(result), case.expected)"
        )


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

    @property
    def passed(self) -> bool:
        """Whether nothing was found, on at least one case."""
        return not self.findings and bool(self.passed_recipes)

    @property
    def failed_recipes(self) -> list[Recipe]:
        """The cases that something was found on."""
        return list({finding.case.recipe.number: finding.case.recipe for finding in self.findings}.values())

    @property
    def kinds(self) -> dict[str, int]:
        """How many cases show each kind of finding, the most frequent first."""
        seen: dict[str, set[int]] = {}
        for finding in self.findings:
            seen.setdefault(finding.kind, set()).add(finding.case.recipe.number)
        return dict(sorted(((kind, len(numbers)) for kind, numbers in seen.items()), key=lambda pair: -pair[1]))

    @property
    def patterns(self) -> list[str]:
        """What all failing cases have in common and few others have."""
        return patterns(self.failed_recipes, self.passed_recipes)

    def __str__(self) -> str:
        total = len(self.passed_recipes) + len(self.failed_recipes)
        word = "passed" if self.passed else "FAILED" if self.findings else "NOT CHECKED"
        lines = [
            f"{self.operation}: {self.function} {word} ({total} cases, seed {self.seed}, {self.seconds:.1f} s)",
            f"  largest error of right cases: {self.worst.ratio:.2g} of its bound, {self.worst.ulp:.3g} ULP",
        ]
        for kind, count in self.kinds.items():
            first = next(finding for finding in self.findings if finding.kind == kind)
            lines.append(f"  {kind}: {count} case{'s' * (count != 1)}; {first.message}")
        lines += [f"  fails where {pattern}" for pattern in self.patterns]
        for name, count in self.uncovered.items():
            lines.append(f"  not covered: {name} ({count} cases), not taken by the function or the launch")
        lines += [f"  remark: {remark}" for remark in dict.fromkeys(self.remarks[:3])]
        if self.smallest is not None:
            lines += [
                f"  smallest failing case: {self.smallest.case.recipe.describe()}",
                f"    {self.smallest.message}",
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
                "cases": {"passed": len(self.passed_recipes), "failed": len(self.failed_recipes)},
                "worst": {"of_bound": _finite(self.worst.ratio), "ulp": _finite(self.worst.ulp)},
                "kinds": self.kinds,
                "patterns": self.patterns,
                "not_covered": self.uncovered,
                "remarks": self.remarks,
                "seconds": self.seconds,
                "findings": [_as_dict(finding, self) for finding in self.findings],
                "smallest": None if self.smallest is None else _as_dict(self.smallest, self),
            },
            indent=2,
        )

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
