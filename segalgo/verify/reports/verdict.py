"""What a verification found: the findings and the verdict that follows from them."""

from dataclasses import dataclass, field
from typing import Any

from segalgo.verify.cases.case import Case
from segalgo.verify.cases.patterns import in_common, patterns
from segalgo.verify.catalogue.registry import operation_of
from segalgo.verify.comparison import Mismatch, Worst
from segalgo.verify.operation import Recipe

# Kinds of findings, the strongest proof first: what a device saw, what memory shows, what numbers show.
STRENGTH = (
    ("shared memory aliasing",),
    ("race", "out of bounds", "misaligned access", "uninitialised shared memory", "divergent barrier", "warp misuse"),
    ("int32 index overflow", "trap", "fault", "crashes", "does not end", "invalid launch"),
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
class Verdict:
    """What was found of one function, and what follows from it."""

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
