"""Which input cells an output cell mixes on another grid, and how much of each: the rules of ONNX's Resize.

A rule has two parts. The coordinate transformation gives an output cell a position on the input grid; the mode says
which cells around that position count: the nearest, the two around it, or the four around it.
Source: the ONNX operator specification, Resize (version 19).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

NEAREST: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}
COORDINATES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
)


@dataclass(frozen=True)
class Sampling:
    """The options of a rule, as ONNX names them."""

    mode: str = "linear"
    coordinates: str = "half_pixel"
    nearest_mode: str = "round_prefer_floor"
    cubic_coeff_a: float = -0.75
    exclude_outside: bool = False
    antialias: bool = False

    def __post_init__(self) -> None:
        if self.mode not in ("nearest", "linear", "cubic"):
            raise ValueError(f"mode={self.mode!r}: expected nearest, linear or cubic")
        if self.coordinates not in COORDINATES:
            raise ValueError(f"coordinates={self.coordinates!r}: expected {', '.join(COORDINATES)}")
        if self.nearest_mode not in NEAREST:
            raise ValueError(f"nearest_mode={self.nearest_mode!r}: expected {', '.join(NEAREST)}")


def positions(n: int, size: int, scale: float | None, coordinates: str) -> np.ndarray:
    """Return the positions of `size` output cells on a grid of n cells, float64.

    `scale` is output cells for an input cell, ``size / n`` where it is None.
    """
    factor = size / n if scale is None else scale
    cells = np.arange(size, dtype=np.float64)
    if coordinates == "align_corners":
        last = (n * factor if scale is not None else size) - 1
        return cells * (n - 1) / last if last > 0 else np.zeros(size)
    if coordinates == "asymmetric":
        return cells / factor
    if coordinates == "tf_half_pixel_for_nn":
        return (cells + 0.5) / factor
    if coordinates == "pytorch_half_pixel" and size == 1:
        return np.zeros(1)
    if coordinates == "half_pixel_symmetric":
        # The centers of output and input coincide, also where the output size was rounded.
        adjustment = size / (n * factor)
        return n / 2 * (1 - adjustment) + (cells + 0.5) / factor - 0.5
    return (cells + 0.5) / factor - 0.5


def taps(n: int, size: int, scale: float | None, rule: Sampling) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices (taps, size) of input cells, int64, and their weights (taps, size), float64."""
    places = positions(n, size, scale, rule.coordinates)
    if rule.mode == "nearest":
        cells = NEAREST[rule.nearest_mode](places).clip(0, n - 1).astype(np.int64)
        return cells[None], np.ones((1, size))
    factor = size / n if scale is None else scale
    stretch = min(factor, 1.0) if rule.antialias else 1.0
    half = {"linear": 1, "cubic": 2}[rule.mode] / stretch
    first = np.floor(places - half).astype(np.int64) + 1
    offsets = np.arange(int(np.ceil(2 * half)) + (stretch < 1), dtype=np.int64)
    cells = first + offsets[:, None]
    weights = _kernel((cells - places) * stretch, rule)
    if rule.exclude_outside:
        weights = np.where((cells >= 0) & (cells < n), weights, 0)
    if rule.exclude_outside or rule.antialias:
        weights = weights / weights.sum(axis=0)
    used = np.any(weights != 0, axis=1)
    return cells[used].clip(0, n - 1), weights[used]


def taps_of_two(n: int, size: int, scale: float | None, rule: Sampling) -> tuple[np.ndarray, np.ndarray] | None:
    """Return `taps` with two cells (2, size) each, of which the second may weigh nothing; None if it takes more."""
    if rule.mode != "linear":
        return None
    cells, weights = taps(n, size, scale, rule)
    if len(cells) > 2:
        return None
    if len(cells) == 1:
        cells, weights = np.repeat(cells, 2, axis=0), np.stack([weights[0], np.zeros(size)])
    return np.ascontiguousarray(cells), np.ascontiguousarray(weights)


def _kernel(distance: np.ndarray, rule: Sampling) -> np.ndarray:
    """Return the weight of a cell at a distance: a triangle, or Keys' cubic convolution (1981)."""
    d = np.abs(distance)
    if rule.mode == "linear":
        return np.maximum(1 - d, 0)
    a = rule.cubic_coeff_a
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))
