"""The report of a verification, as text, JSON and files for other tools."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segalgo._core.writing import replacing
from segalgo.verify.reports import formats
from segalgo.verify.reports.html import page
from segalgo.verify.reports.verdict import Finding, Verdict


@dataclass(frozen=True)
class Report(Verdict):
    """The verdict on one function; ``print`` it."""

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
        return _written(path, formats.junit(self))

    def annotations(self, path: str) -> list[str]:
        """Return a line for each kind of finding that GitHub Actions shows beside the source at `path`."""
        return formats.annotations(self, path)

    def to_html(self, path: str | Path) -> Path:
        """Write a self-contained page, with a picture of where in the output the errors lie; return its path."""
        return _written(path, page(self))


def _written(path: str | Path, text: str) -> Path:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


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
