"""A picture file whose header has been read, and the orientation in which it is displayed."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass
class OpenedPicture:
    """What a decoder knows of a picture before it decodes it."""

    format: str
    stored_size: tuple[int, int]
    """Height and width, as stored."""
    pixel_bytes: float
    """Bytes that a decoded pixel takes, for the check of memory."""
    decode: Callable[[bool], np.ndarray]
    """Returns (H, W) or (H, W, C) as stored; given True, the numbers of a label map: palette indices, grey unscaled."""
    orientation: int = 1
    """EXIF's number, 1 to 8."""
    lossy: bool = False
    """Whether the compression changes values, so that no label survives it."""
    grey: bool = False
    """Whether the picture has no colors; transparency is none."""
    decisions: list[str] = field(default_factory=list)
    """What was decided where the file can be read in more than one way."""

    pages: int = 1
    """Pages of a TIFF, frames of an animation."""
    palette: Callable[[], np.ndarray] | None = None
    """Returns the colors of the indices, (n, 3) uint8, where the picture has a palette."""
    read_band: Callable[[int], np.ndarray] | None = None
    """Returns one band as stored, for files that have bands beside the colors that `decode` returns."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, as displayed."""
        return self.stored_size[::-1] if self.orientation >= 5 else self.stored_size


def upright(picture: np.ndarray, orientation: int) -> np.ndarray:
    """Return a stored picture as it is displayed, by EXIF's orientation 1 to 8."""
    if orientation in (3, 4, 6, 7):
        picture = picture[::-1]
    if orientation in (2, 3, 7, 8):
        picture = picture[:, ::-1]
    if orientation >= 5:
        picture = picture.swapaxes(0, 1)
    return np.ascontiguousarray(picture)


def known_orientation(value: object) -> int:
    """Return an orientation from metadata, 1 where it holds none of 1 to 8."""
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
