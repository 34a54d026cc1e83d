"""How the names and shapes of given weights differ from those of a network."""

import difflib
from collections.abc import Mapping

MOST_LINES = 100
MOST_COMPARED, LONGEST_COMPARED = 500, 200  # names, and characters of each: what comparing them costs grows with both

Shapes = Mapping[str, tuple[int, ...]]


def state_dict_faults(given: Shapes, expected: Shapes) -> str:
    """Return the number of mismatches and a line for each: missing, unknown, and of another shape; "" if there is none.

    A missing name is followed by the most similar of the unknown ones.
    """
    unknown = [name for name in given if name not in expected]
    compared = [name for name in unknown if len(name) <= LONGEST_COMPARED][:MOST_COMPARED]
    missing = [name for name in expected if name not in given]
    faults = [
        f"{name}: missing, expected shape {expected[name]}{_nearest(name, compared) if k < MOST_LINES else ''}"
        for k, name in enumerate(missing)
    ]
    faults += [f"{_cut(name)}: unknown, of shape {given[name]}" for name in unknown]
    faults += [
        f"{name}: of shape {given[name]}, expected {shape}"
        for name, shape in expected.items()
        if name in given and given[name] != shape
    ]
    if not faults:
        return ""
    count = "1 mismatch" if len(faults) == 1 else f"{len(faults)} mismatches"
    lines = faults[:MOST_LINES] + ([f"and {len(faults) - MOST_LINES} more"] if len(faults) > MOST_LINES else [])
    return f"{count}:\n  " + "\n  ".join(lines)


def _nearest(name: str, unknown: list[str]) -> str:
    similar = difflib.get_close_matches(name, unknown, 1)
    return f"; the nearest unknown name is {similar[0]}" if similar else ""


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_COMPARED else f"{name[:LONGEST_COMPARED]}..."
