"""The page of a profile: one file, no scripts; the source with what each of its lines does beside it."""

from html import escape

from segalgo.verify.profiling.advice import advice_of
from segalgo.verify.profiling.cards import CARDS
from segalgo.verify.profiling.measured import LaunchProfile, Measured
from segalgo.verify.profiling.text import text_of

STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 90em; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }
table { border-collapse: collapse; font-size: 13px } td, th { padding: 0 .6em; text-align: right; white-space: nowrap }
td.code { text-align: left; font-family: monospace; white-space: pre } th { border-bottom: 1px solid #888 }
tr:hover { background: #eef } pre { background: #f4f4f4; padding: .8em; overflow-x: auto } td.n { color: #888 }
.bad { background: #f7d4d4 } .fair { background: #fbf0cf } .good { background: #d9f0dc }
"""
COLUMNS = (
    ("requests", "requests of warps to global memory"),
    ("sectors/req", "sectors of 32 bytes a request"),
    ("used", "sectors that the distinct bytes would fill, over those moved"),
    ("L1 hits", "of sectors loaded, by the model"),
    ("shared", "requests to shared memory"),
    ("passes/req", "passes a request: 1 without bank conflicts (2 for 8-byte, 4 for 16-byte accesses)"),
    ("atomics", "requests of atomics"),
    ("at one", "lanes of an atomic request at one address, on average"),
    ("divergent", "divergent of executed branches"),
    ("lanes", "active lanes of 32, on average"),
    ("SASS", "instructions of the compiler for this line"),
)


def page_of(profile: Measured) -> str:
    """Return the whole page as text."""
    title = f"{profile.operation}: {profile.name}" if profile.operation else profile.name
    remarks = "".join(f"<li>{escape(one)}</li>" for one in advice_of(profile)) or "<li>nothing stands out</li>"
    sources = "".join(_source(launch, profile) for launch in profile.launches) if profile.source else ""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
        f"<h1>{escape(title)}</h1><p>{escape(profile.case)}</p><h2>To mend</h2><ol>{remarks}</ol>{sources}"
        f"<h2>All figures</h2><pre>{escape(text_of(profile))}</pre></html>\n"
    )


def _source(launch: LaunchProfile, profile: Measured) -> str:
    head = "".join(f'<th title="{escape(words)}">{name}</th>' for name, words in COLUMNS)
    made = launch.compiled.get(CARDS[profile.card].architecture)
    instructions = {line: sum(mix.values()) for line, mix in made.by_line().items()} if made else {}
    rows = "".join(
        f'<tr><td class="n">{number}</td><td class="code">{escape(line)}</td>'
        f"{_cells(launch, number, instructions)}</tr>"
        for number, line in enumerate(profile.source.splitlines(), 1)
    )
    return f"<h2>{escape(launch.entry)}</h2><table><tr><th></th><th></th>{head}</tr>{rows}</table>"


def _cells(launch: LaunchProfile, line: int, instructions: dict[int, int]) -> str:
    counts = launch.counts
    moved = counts.of("global", line=line)
    shared = [one for one in counts.of("shared", line=line) if one.kind != "atomic"]
    atomics = counts.of(kind="atomic", line=line)
    cells: list[tuple[str, str]] = []
    requests, sectors = (sum(getattr(one, name) for one in moved) for name in ("requests", "sectors"))
    least = sum(one.least_sectors for one in moved)
    used = least / sectors if sectors else 1.0
    cells += [(str(requests or ""), ""), (f"{sectors / requests:.1f}" if requests else "", "")]
    cells.append((f"{100 * used:.0f} %" if sectors else "", _grade(used, 0.9, 0.6) if sectors else ""))
    loaded, hits = (sum(getattr(one, name) for one in moved) for name in ("l1_sectors", "l1_hits"))
    cells.append((f"{100 * hits / loaded:.0f} %" if loaded else "", ""))
    requests, passes = (sum(getattr(one, name) for one in shared) for name in ("requests", "passes"))
    least = sum(one.least_passes for one in shared)
    cells.append((str(requests or ""), ""))
    cells.append((f"{passes / requests:.1f}" if requests else "", _grade(least / passes, 0.9, 0.5) if passes else ""))
    requests, passes = (sum(getattr(one, name) for one in atomics) for name in ("requests", "passes"))
    cells.append((str(requests or ""), ""))
    cells.append(
        (f"{passes / requests:.1f}" if requests else "", _grade(requests / passes, 0.5, 0.2) if passes else "")
    )
    branches = [one for one in counts.branches if one.line == line]
    executed, divergent = (sum(getattr(one, name) for one in branches) for name in ("executed", "divergent"))
    text = f"{divergent} / {executed}" if executed else ""
    cells.append((text, _grade(1 - divergent / executed, 0.95, 0.7) if executed else ""))
    ran, lanes = counts.active.get(line, (0, 0))
    cells.append((f"{lanes / ran:.0f}" if ran else "", _grade(lanes / ran / 32, 0.9, 0.5) if ran else ""))
    cells.append((str(instructions.get(line, "")), ""))
    return "".join(f'<td class="{grade}">{text}</td>' if grade else f"<td>{text}</td>" for text, grade in cells)


def _grade(value: float, good: float, fair: float) -> str:
    return "good" if value >= good else "fair" if value >= fair else "bad"
