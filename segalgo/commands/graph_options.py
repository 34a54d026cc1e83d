"""Options that say of a network's file what it does not say itself."""

import math
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any

from segalgo.commands.refusal import Refusal

FILE_OPTIONS = ("scale", "mean", "channels", "layout", "names")
MOST_NAMES = 10_000
LONGEST_FILE = 2**20


def file_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options as `open_model` takes them, None for those not given."""
    return {
        "scale": _numbers(options["scale"], "--scale"),
        "mean": _numbers(options["mean"], "--mean"),
        "channels": options["channels"],
        "layout": options["layout"],
        "names": _names(options["names"]),
    }


def _numbers(text: str | None, option: str) -> Any:
    """Return one number, or several with commas between them."""
    if text is None:
        return None
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = (math.nan,)
    if not all(map(math.isfinite, values)):
        raise Refusal(f"{option} {text}: expected a number, or one for each channel with commas between them")
    return values[0] if len(values) == 1 else values


def _names(text: str | None) -> list[str] | None:
    """Return names from a file, one on each line up to the first empty one, or from a list with commas."""
    if text is None:
        return None
    path = Path(text)
    if path.suffix and path.is_file():
        if path.stat().st_size > LONGEST_FILE:
            raise Refusal(f"--names {text}: expected a file of names, at most {LONGEST_FILE} bytes")
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise Refusal(f"--names {text}: cannot be read ({error})") from None
        names = [line.strip() for line in takewhile(str.strip, dropwhile(lambda line: not line.strip(), lines))]
    elif "," in text or not path.suffix:
        names = [part.strip() for part in text.split(",")]
    else:
        raise Refusal(f"--names {text}: no such file")
    if not names or len(names) > MOST_NAMES or not all(name and name.isprintable() for name in names):
        raise Refusal(f"--names {text}: expected names that can be printed")
    return names
