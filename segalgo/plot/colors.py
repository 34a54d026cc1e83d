"""Colors that color-blind readers tell apart, and pictures as RGB."""

from typing import Any

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo._core.checks import as_array, as_number, shown

# The palette of Okabe and Ito (2008) for color-blind readers, without black, which looks like background.
COLORS = np.array(
    [(230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167)],
    np.uint8,
)


def as_rgb(image: Any) -> np.ndarray:
    """Return uint8 RGB: integers of 8 bits and bool by their dtype's range, all else by the range of the values."""
    image = as_array(image, "image")
    image = image.get() if is_cupy(image) else image
    if image.dtype.kind not in "biuf":
        raise TypeError(f"image has dtype {image.dtype}: expected bool, integers or floats")
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (3, 4)):
        raise ValueError(f"image has shape {image.shape}: expected (H, W), (H, W, 3) or (H, W, 4)")
    image = image[..., :3] if image.ndim == 3 else image[..., None].repeat(3, -1)
    if image.dtype == np.uint8:
        return image
    if image.dtype == bool:
        return image.astype(np.uint8) * 255
    values = image.astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    with np.errstate(invalid="ignore"):
        spread = np.clip((values - low) / (high - low if high > low else 1.0), 0, 1)
    return np.rint(np.nan_to_num(spread) * 255).astype(np.uint8)


def as_label_map(labels: Any, shape: tuple[int, ...], argument: str = "labels") -> np.ndarray:
    """Return a label map of the picture's height and width."""
    labels = as_array(labels, argument)
    labels = labels.get() if is_cupy(labels) else labels
    if labels.shape != shape[:2]:
        raise ValueError(
            f"{argument} has shape {labels.shape}: expected {tuple(shape[:2])}, the image's height and width"
        )
    if labels.dtype.kind not in "iub":
        raise TypeError(f"{argument} has dtype {labels.dtype}: expected integers")
    return labels


def distinct_colors(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give touching objects different colors, as far as seven colors go.

    Returns the object numbers that occur, ascending, and a place in `COLORS` for each.
    """
    from segalgo.labels.measurement import contacts

    present = np.unique(labels)
    present = present[present != 0]
    ranks = np.searchsorted(present, np.where(labels == 0, present[0] if present.size else 0, labels)) + 1
    pairs, _ = contacts(np.where(labels == 0, 0, ranks), connectivity=2)
    neighbours: list[list[int]] = [[] for _ in present]
    for one, other in pairs - 1:
        neighbours[one].append(other)
        neighbours[other].append(one)
    chosen = np.full(len(present), -1)
    for k in range(len(present)):
        taken = chosen[neighbours[k]]
        wish = k % len(COLORS)  # the color of a map whose objects do not touch: they just take turns
        free = [c for c in (*range(wish, len(COLORS)), *range(wish)) if c not in taken]
        chosen[k] = free[0] if free else wish
    return present, chosen


def import_pyplot() -> Any:
    """Return matplotlib's pyplot; a clear message where it is missing."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("this needs matplotlib: pip install 'segalgo[plot]'") from error
    return pyplot


def as_opacity(alpha: Any) -> float:
    """Return a number from 0 to 1."""
    opacity = as_number(alpha, "alpha")
    if not 0 <= opacity <= 1:
        raise ValueError(f"alpha={shown(alpha)}: expected 0 to 1")
    return opacity


def new_axes(ax: Any, figsize: tuple[float, float] | None = None) -> Any:
    """Return the axes that were given, or those of a new figure."""
    if ax is not None:
        return ax
    return import_pyplot().subplots(figsize=figsize, layout="constrained")[1]
