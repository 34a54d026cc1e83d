"""Names and colours of classes."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from segalgo.plot import COLORS

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Classes:
    """Names and colours, one each a class, in the order of the logits."""

    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    objects: str | None = None
    """The name of the class whose connected parts are objects to count, if there is one."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(map(str, self.names)))
        object.__setattr__(self, "colours", tuple(_as_colour(colour) for colour in self.colours))
        if len(self.names) != len(self.colours):
            raise ValueError(f"{len(self.names)} names and {len(self.colours)} colours: expected as many of both")
        if self.objects is not None and self.objects not in self.names:
            raise ValueError(f"objects={self.objects!r}: expected one of {', '.join(self.names)}")

    def __len__(self) -> int:
        return len(self.names)

    def palette(self) -> np.ndarray:
        """Return the colours as uint8 (classes, 3)."""
        return np.array(self.colours, np.uint8).reshape(-1, 3)


def default_classes(count: int) -> Classes:
    """Return numbers for names, and colours that repeat in paler shades."""
    cycle, base = np.arange(count) // 7, COLORS[np.arange(count) % 7].astype(np.float64)
    shades = np.rint(base + (255.0 - base) * (1 - 0.75**cycle)[:, None]).astype(int).tolist()
    return Classes(tuple(f"class {k}" for k in range(count)), tuple(map(tuple, shades)))


def _as_colour(colour: Iterable[int]) -> Colour:
    colour = tuple(map(int, colour))
    if len(colour) != 3 or not all(0 <= value <= 255 for value in colour):
        raise ValueError(f"colour {colour}: expected red, green and blue, 0 to 255")
    return colour
