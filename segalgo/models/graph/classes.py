"""Names and colors of classes."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from segalgo.plot import COLORS

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Classes:
    """Names and colors, one each a class, in the order of the logits."""

    names: tuple[str, ...]
    colors: tuple[Color, ...]
    objects: str | None = None
    """The name of the class whose connected parts are objects to count, if there is one."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(map(str, self.names)))
        object.__setattr__(self, "colors", tuple(_as_color(color) for color in self.colors))
        if len(self.names) != len(self.colors):
            raise ValueError(f"{len(self.names)} names and {len(self.colors)} colors: expected as many of both")
        if self.objects is not None and self.objects not in self.names:
            raise ValueError(f"objects={self.objects!r}: expected one of {', '.join(self.names)}")

    def __len__(self) -> int:
        return len(self.names)

    def palette(self) -> np.ndarray:
        """Return the colors as uint8 (classes, 3)."""
        return np.array(self.colors, np.uint8).reshape(-1, 3)


def default_classes(count: int) -> Classes:
    """Return numbers for names, and colors that repeat in paler shades."""
    cycle, base = np.arange(count) // 7, COLORS[np.arange(count) % 7].astype(np.float64)
    shades = np.rint(base + (255.0 - base) * (1 - 0.75**cycle)[:, None]).astype(int).tolist()
    return Classes(tuple(f"class {k}" for k in range(count)), tuple(map(tuple, shades)))


def _as_color(color: Iterable[int]) -> Color:
    color = tuple(map(int, color))
    if len(color) != 3 or not all(0 <= value <= 255 for value in color):
        raise ValueError(f"color {color}: expected red, green and blue, 0 to 255")
    return color
