"""Verification of a planted bug: few cases first, and more only where these do not show it."""

from segalgo import verify

FEW = 6


def report_until(kind, operation, function, cases, **options):
    """Return the report of so few cases as show a finding of this kind, or of all of them; any kind if it is empty."""
    for count in (FEW, *(n for n in (24, cases) if FEW < n <= cases)):
        report = verify.check(operation, function, cases=count, shrink=False, **options)
        if report.verdict == "FAILED" and (not kind or kind in report.kinds):
            break
    return report
