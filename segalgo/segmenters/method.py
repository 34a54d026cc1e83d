"""What a segmentation method is made of, for the command line and the documentation."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segalgo.segmenters.threshold import Segmentation


@dataclass(frozen=True)
class Option:
    """A value that a method takes besides the picture."""

    name: str
    """As the argument of the function; on the command line with dashes."""
    kind: type
    """int, float, str, or Path for a picture file of labels."""
    help: str
    default: Any = None


@dataclass(frozen=True)
class Method:
    """One way to segment a picture."""

    name: str
    summary: str
    """What it does, in one line."""
    find: Callable[..., Segmentation]
    """Takes the picture as it was read, its grey values, and the options by name."""
    options: tuple[Option, ...] = ()
    shared: tuple[str, ...] = ()
    """Options of thresholds that it takes too: foreground, min_area ..."""


MARKERS = Option("markers", Path, "A picture of labels, as large: where regions begin; 0 elsewhere.")
