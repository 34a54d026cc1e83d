"""A small launch access by access, as JSON that a page can play. The format is documented in ``docs/profile.md``."""

import json
from typing import Any

import numpy as np

from segalgo.simulated.profile import KINDS, LaunchCounts
from segalgo.verify.profiling.measured import Measured

VERSION = 1
MOST_BYTES = 5_000_000
MOST_STEPS = 200_000
COLUMNS = ("request", "block", "thread", "kind", "array", "index", "line", "barrier", "value", "address")


class TooManyStepsError(ValueError):
    """A launch with more accesses than a page can play."""


def steps_of(profile: Measured, dtypes: dict[str, dict[str, np.dtype]]) -> str:
    """Return the accesses of a profile's launches, in the order of their requests, as JSON below `MOST_BYTES`.

    `dtypes` tells by launch and array how values are read; other arrays hold integers.
    """
    launches = []
    for launch in profile.launches:
        counts = launch.counts
        if counts.steps is None or len(counts.steps) >= MOST_STEPS:
            raise TooManyStepsError(f"{launch.entry}: {MOST_STEPS} accesses or more, expected a smaller launch")
        names, rows = _rows(counts, dtypes.get(launch.entry, {}))
        launches.append(
            {
                "entry": launch.entry,
                "grid": list(launch.grid),
                "block": list(launch.block),
                "arrays": names,
                "columns": list(COLUMNS),
                "steps": rows,
            }
        )
    whole = {"version": VERSION, "file": profile.file_name, "source": profile.source.splitlines(), "launches": launches}
    text = json.dumps(whole, separators=(",", ":"))
    if len(text) > MOST_BYTES:
        raise TooManyStepsError(f"{len(text)} bytes of steps, expected at most {MOST_BYTES}: make the launch smaller")
    return text


def _rows(counts: LaunchCounts, dtypes: dict[str, np.dtype]) -> tuple[list[dict[str, Any]], list[list[Any]]]:
    assert counts.steps is not None
    present = [int(k) for k in np.unique(counts.steps["region"])]
    number = {region: k for k, region in enumerate(present)}
    names = []
    for region in present:
        name, item = counts.step_names[region]
        memory = "shared" if region >= 1000 else "global"
        names.append({"name": name, "memory": memory, "item_bytes": item, "dtype": str(dtypes.get(name, ""))})
    rows = []
    for step in counts.steps:
        region = int(step["region"])
        name, item = counts.step_names[region]
        size = int(step["bytes"])
        rows.append(
            [
                int(step["request"]),
                int(step["block"]),
                int(step["thread"]),
                KINDS[int(step["kind"])],
                number[region],
                int(step["offset"]) // max(item, 1),
                counts.step_lines.get(int(step["pc"]), 0),
                int(step["barrier"]),
                _value(int(step["value"]), size, dtypes.get(name)),
                int(step["offset"]),
            ]
        )
    return names, rows


def _value(bits: int, size: int, dtype: np.dtype | None) -> Any:
    """Return the value of an access in its array's dtype; the bits as a number where that is not known."""
    if dtype is None or dtype.itemsize != size or size > 8:
        return bits
    value = np.frombuffer(bits.to_bytes(8, "little")[:size], dtype)[0].item()
    if isinstance(value, float):
        return float(f"{value:.7g}") if np.isfinite(value) else str(value)
    return int(value)
