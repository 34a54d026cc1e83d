"""Which of the Penn-Fudan pictures the network of persons is not trained on."""

from collections.abc import Iterable
from pathlib import Path

PLACES = ("Fudan", "Penn")


def held_out(names: Iterable[str]) -> set[str]:
    """Return the last ten pictures of both places: neighbours in the list show the same scene."""
    names = sorted(names)
    return {name for place in PLACES for name in [n for n in names if n.startswith(place)][-10:]}


def names_in(data: Path) -> list[str]:
    """Return the names of all pictures."""
    return sorted(path.stem for path in (data / "images").iterdir())
