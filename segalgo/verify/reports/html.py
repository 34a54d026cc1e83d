"""The page of a report: one file, no scripts, pictures drawn as SVG."""

import re
from html import escape
from typing import Any

import numpy as np

from segalgo.verify.reports.verdict import Finding, Verdict

MOST_CELLS = 64
MOST_LINES = 400
LINES = re.compile(r"\bline (\d+)")
THREADS = re.compile(r"thread \((\d+), (\d+), (\d+)\)")
STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 72em; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }
table { border-collapse: collapse } td, th { padding: .2em .8em; text-align: left; border-bottom: 1px solid #ddd }
th { vertical-align: top; white-space: nowrap } pre { background: #f4f4f4; padding: .8em; white-space: pre-wrap }
pre.source { padding: .8em 0; overflow-wrap: anywhere } pre.source span { display: block; padding: 0 .8em 0 4em }
pre.source span { text-indent: -3.2em } pre.source .lit { background: #f7d4d4 }
pre.source b { color: #888; font-weight: 400 }
.right { color: #176f2c } .wrong { color: #a11 } .open { color: #8a6100 } svg { background: #e8f0e8 }
"""


def page(report: Verdict) -> str:
    """Return the whole page as text."""
    kind = {"passed": "right", "FAILED": "wrong"}.get(report.verdict, "open")
    title = f"{report.operation}: {report.function}"
    head = f'<p class="wrong">{escape(report.headline)}</p>' if report.headline else ""
    smallest = "" if report.smallest is None else _finding(report.smallest, report, "Smallest failing case")
    others = "".join(_finding(finding, report, finding.kind, False) for finding in _one_a_kind(report))
    command = f"<h2>The command</h2><pre>{escape(report.command)}</pre>" if report.command else ""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
        f'<h1>{escape(title)} <span class="{kind}">{report.verdict}</span></h1>{head}{_table(_summary(report))}'
        f"{smallest}{_source(report)}{others}<h2>Covered</h2>{_table(_covered(report))}{command}</html>\n"
    )


def _table(rows: list[tuple[str, str]]) -> str:
    body = "".join(f"<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in rows)
    return f"<table>{body}</table>"


def _summary(report: Verdict) -> list[tuple[str, str]]:
    failed = len(report.failed_recipes)
    total = len(report.passed_recipes) + failed
    return [
        ("cases", f"{total}, {failed} of them failed; seed {report.seed}, {report.seconds:.1f} s"),
        ("largest error of right cases", f"{report.worst.ratio:.3g} of its bound, {report.worst.ulp:.3g} ULP"),
        *((name, f"{count} cases") for name, count in report.kinds.items()),
        *(("fails where", pattern) for pattern in report.patterns),
        *(("all failing cases", text) for text in report.in_common),
        *(("remark", text) for text in list(dict.fromkeys(report.remarks))[:3]),
    ]


def _covered(report: Verdict) -> list[tuple[str, str]]:
    """Return what was judged and what was left out, with the number of cases."""
    judged = (*report.passed_recipes, *report.failed_recipes)
    kinds = ("dtype", "values", "layout")
    rows = [("in all", report.coverage)]
    for name in kinds:
        counts: dict[str, int] = {}
        for recipe in judged:
            value = str(getattr(recipe, name))
            counts[value] = counts.get(value, 0) + 1
        rows.append((name, ", ".join(f"{value} {count}" for value, count in sorted(counts.items()))))
    return [*rows, *(("not covered", f"{name}, {count} cases") for name, count in report.uncovered.items())]


def _one_a_kind(report: Verdict) -> list[Finding]:
    return list({finding.kind: finding for finding in reversed(report.findings)}.values())[::-1]


def _finding(finding: Finding, report: Verdict, title: str, with_code: bool = True) -> str:
    code = f"<pre>{escape(finding.code(report.function, report.setup))}</pre>" if with_code else ""
    return (
        f"<h2>{escape(title)}</h2><p>{escape(finding.case.recipe.describe())}</p>"
        f'<p class="wrong">{escape(finding.kind)}: {escape(finding.message)}</p>{error_picture(finding.wrong)}'
        f"{thread_picture(finding.message)}{code}"
    )


def _source(report: Verdict) -> str:
    """Return the source with the lines lit that the findings name."""
    if not report.source:
        return ""
    lit = {int(number) for finding in report.findings for number in LINES.findall(finding.message)}
    lines = report.source.splitlines()
    near = [
        k for k in range(1, len(lines) + 1) if not lit or len(lines) <= MOST_LINES or min(abs(k - n) for n in lit) < 40
    ]
    rows = "".join(
        f"<span{' class=lit' if k in lit else ''}><b>{k:4}</b> {escape(lines[k - 1]) or ' '}</span>"
        for k in near[:MOST_LINES]
    )
    return f'<h2>Source</h2><pre class="source">{rows}</pre>'


def thread_picture(message: str) -> str:
    """Return an SVG of a block's threads, with those that a finding names in red: 32 in a row, a warp."""
    named = [tuple(map(int, place)) for place in THREADS.findall(message)]
    if not named:
        return ""
    most = [max(place[axis] for place in named) + 1 for axis in range(3)]
    flat = most[1] == most[2] == 1
    width = 32 if flat else max(most[0], 8)
    height = min(32, -(-most[0] // 32) if flat else max(most[1], 8))
    cells = {(x % 32, x // 32) if flat else (x, y) for x, y, _ in named}
    rects = "".join(
        f'<rect x="{x + 0.08}" y="{y + 0.08}" width=".84" height=".84" fill="{"#a11" if (x, y) in cells else "#bcd"}"/>'
        for y in range(height)
        for x in range(width)
    )
    size = max(8, min(20, 640 // width))
    return (
        f'<svg width="{width * size}" height="{height * size}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="threads of the block">{rects}</svg><p>Threads of the block that it names (red)'
        f"{', a warp a row' if flat else ''}.</p>"
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
