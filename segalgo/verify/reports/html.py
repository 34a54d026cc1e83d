"""The page of a report: one file, no scripts, pictures drawn as SVG."""

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from segalgo.verify.reports.report import Finding, Report

MOST_CELLS = 64
STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }
table { border-collapse: collapse } td, th { padding: .2em .8em; text-align: left; border-bottom: 1px solid #ddd }
pre { background: #f4f4f4; padding: .8em; overflow-x: auto } .right { color: #176f2c } .wrong { color: #a11 }
svg { background: #e8f0e8; image-rendering: pixelated }
"""


def page(report: "Report") -> str:
    """Return the whole page as text."""
    word, kind = ("passed", "right") if report.passed else ("FAILED", "wrong")
    total = len(report.passed_recipes) + len(report.failed_recipes)
    rows = [
        ("cases", f"{total}, {len(report.failed_recipes)} of them failed; seed {report.seed}, {report.seconds:.1f} s"),
        ("largest error of right cases", f"{report.worst.ratio:.3g} of its bound, {report.worst.ulp:.3g} ULP"),
        *((name, f"{count} cases") for name, count in report.kinds.items()),
        *(("fails where", pattern) for pattern in report.patterns),
        *(("not covered", f"{name}, {count} cases") for name, count in report.uncovered.items()),
    ]
    body = "".join(f"<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in rows)
    title = f"{report.operation}: {report.function}"
    smallest = "" if report.smallest is None else _finding(report.smallest, report, "Smallest failing case")
    others = "".join(_finding(finding, report, finding.kind) for finding in _one_a_kind(report))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
        f'<h1>{escape(title)} <span class="{kind}">{word}</span></h1><table>{body}</table>{smallest}{others}</html>\n'
    )


def _one_a_kind(report: "Report") -> list["Finding"]:
    return list({finding.kind: finding for finding in reversed(report.findings)}.values())[::-1]


def _finding(finding: "Finding", report: "Report", title: str) -> str:
    return (
        f"<h2>{escape(title)}</h2><p>{escape(finding.case.recipe.describe())}</p>"
        f'<p class="wrong">{escape(finding.message)}</p>{error_picture(finding.wrong)}'
        f"<pre>{escape(finding.code(report.function, report.setup))}</pre>"
    )


def error_picture(wrong: Any) -> str:
    """Return an SVG of the wrong elements: the last two axes, darker where more of the others are wrong."""
    if wrong is None or np.size(wrong) == 0 or not np.any(wrong):
        return ""
    cells = np.atleast_2d(np.asarray(wrong))
    share = cells.reshape(-1, *cells.shape[-2:]).mean(axis=0)
    share = _coarser(share)
    height, width = share.shape
    scale = max(4, min(24, 480 // max(height, width)))
    rects = "".join(
        f'<rect x="{j}" y="{i}" width="1" height="1" fill="#a11" fill-opacity="{max(share[i, j], 0.25):.2f}"/>'
        for i, j in np.argwhere(share > 0)
    )
    return (
        f'<svg width="{width * scale}" height="{height * scale}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="wrong elements of the output">{rects}</svg>'
        f"<p>Wrong elements (red) in the {cells.shape[-2]} x {cells.shape[-1]} cells of the output's last axes.</p>"
    )


def _coarser(share: np.ndarray) -> np.ndarray:
    """Return at most `MOST_CELLS` cells an axis, each the largest of those that it stands for."""
    for axis in (0, 1):
        n = share.shape[axis]
        step = -(-n // MOST_CELLS)
        if step > 1:
            share = np.maximum.reduceat(share, np.arange(0, n, step), axis=axis)
    return share
