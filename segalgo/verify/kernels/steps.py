"""Sequences of launches: what a host function does with its kernels, as a small description in Python or TOML."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segalgo.verify.kernels.expressions import LaunchError

WORD = re.compile(r"[A-Za-z_]\w*")
SCRATCH = re.compile(r"\s*(\w+)\s*\[(.+)\]\s*")


@dataclass(frozen=True)
class Step:
    """One thing that the host does: a launch, a copy between arrays, a fill, or steps that it repeats."""

    entry: str = ""
    args: str = ""
    grid: str = ""
    block: str = "256"
    shared: str = "0"
    copy: str = ""
    """``"to, from"``: arrays of equal numbers of elements."""
    fill: str = ""
    """``"array, number"``."""
    repeat: str = ""
    """How often `steps` run."""
    steps: tuple["Step", ...] = ()

    def words(self) -> set[str]:
        """Return every name that the step's expressions use."""
        texts = (self.args, self.grid, self.block, self.shared, self.copy, self.fill, self.repeat)
        found = {word for text in texts for word in WORD.findall(text)}
        return found.union(*(step.words() for step in self.steps))

    def all(self) -> list["Step"]:
        """Return the step and all within it."""
        return [self, *(one for step in self.steps for one in step.all())]

    def launches(self) -> list["Step"]:
        """Return the step itself if it is a launch, and the launches among its steps."""
        own = [self] if self.entry else []
        return own + [launch for step in self.steps for launch in step.launches()]


FIELDS = {"entry", "args", "grid", "block", "shared", "copy", "fill", "repeat", "steps"}


def step_of(given: Mapping[str, Any] | Step) -> Step:
    """Return a step from its description."""
    if isinstance(given, Step):
        return given
    unknown = set(given) - FIELDS
    if unknown:
        raise LaunchError(f"step with {', '.join(sorted(unknown))}: expected {', '.join(sorted(FIELDS))}")
    texts = {name: str(value) for name, value in given.items() if name != "steps"}
    step = Step(**texts, steps=tuple(step_of(one) for one in given.get("steps", ())))
    kinds = [bool(step.entry), bool(step.copy), bool(step.fill), bool(step.repeat)]
    if sum(kinds) != 1:
        raise LaunchError(f"step {dict(given)!r}: expected one of entry, copy, fill, repeat")
    if step.entry and not (step.args and step.grid):
        raise LaunchError(f"step {step.entry!r}: expected args and grid with it")
    return step


def scratch_of(given: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the dtype and the size of each scratch array from ``"float32[N * C]"``; T is the element type."""
    found = {}
    for name, text in given.items():
        match = SCRATCH.fullmatch(text)
        if match is None:
            raise LaunchError(f"scratch {name}={text!r}: expected a dtype and a size, as in 'float32[N * C]'")
        found[name] = (match[1], match[2])
    return found


def from_toml(path: str | Path) -> dict[str, Any]:
    """Return the arguments of `check_kernel` from a TOML file: operation, source, [[launch]], [scratch], [fix].

    A path in it is taken from the file's own folder.
    """
    path = Path(path)
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise LaunchError(f"{path}: {error}") from None
    known = {"operation", "source", "launch", "scratch", "zeroed", "include", "fix", "defines", "max_elements"}
    if set(given) - known:
        raise LaunchError(f"{path}: {', '.join(sorted(set(given) - known))}, expected {', '.join(sorted(known))}")
    for name in ("operation", "source", "launch"):
        if name not in given:
            raise LaunchError(f"{path}: no {name!r}, expected operation, source and one [[launch]] or more")
    steps: Sequence[Any] = given["launch"]
    limit = {"most_elements": given["max_elements"]} if "max_elements" in given else {}
    return {
        **limit,
        "path": str(path.parent / given["source"]),
        "operation": given["operation"],
        "steps": tuple(steps),
        "scratch": given.get("scratch", {}),
        "zeroed": tuple(given.get("zeroed", ())),
        "include": tuple(str(path.parent / folder) for folder in given.get("include", ())),
        "defines": tuple(given.get("defines", ())),
        "fix": given.get("fix", {}),
    }
