"""Segmentation by a threshold: threshold, clean, label, measure."""

from dataclasses import dataclass
from typing import Any

import numpy as np

import segalgo
from segalgo._core.checks import as_array, as_flag, as_integer, one_of
from segalgo._core.numbers import as_real_number

GLOBAL_METHODS = ("otsu", "li", "yen", "triangle", "isodata", "minimum", "mean", "entropy")
WINDOW_METHODS = ("local", "niblack", "sauvola", "wolf", "bradley", "phansalkar")
METHODS = GLOBAL_METHODS + WINDOW_METHODS


@dataclass(frozen=True)
class Segmentation:
    """The objects of a picture: their label map, their measures, and the threshold that found them."""

    labels: Any
    """(H, W) int32: 0 is ground, objects count from 1 in row order of their first pixel."""
    threshold: Any
    """The grey value, or an array of one per pixel where the method looks at a window; None where it has none."""
    statistics: Any
    """`LabelStatistics`: row k is object k + 1."""

    @property
    def count(self) -> int:
        """The number of objects; numbers that a label map leaves out are none."""
        return int((self.statistics.area > 0).sum())


def segment(
    image: Any,
    method: str = "otsu",
    *,
    threshold: float | None = None,
    foreground: str = "above",
    connectivity: int | None = None,
    min_area: int = 1,
    fill_holes: bool = False,
    clear_border: bool = False,
    window: int = 25,
    offset: float = 0,
) -> Segmentation:
    """Find the objects of a grayscale image: threshold, clean, label, measure.

    Composed of a ``threshold_*`` function, `binarize`, `fill_holes`, `label`, `clear_border`, `remove_small_objects`
    and `label_statistics`.

    Parameters
    ----------
    image : array, (H, W) or (H, W, 1), bool, integer or float
        The grey picture (see `to_grey`). NumPy or CuPy.
    method : str, default "otsu"
        The threshold: "otsu", "li", "yen", "triangle", "isodata", "minimum", "mean", "entropy", one for the picture;
        "local", "niblack", "sauvola", "wolf", "bradley", "phansalkar", one for each pixel from its window.
    threshold : float, optional
        The grey value itself, instead of a method.
    foreground : {"above", "below"}, default "above"
        Whether objects are the pixels above the threshold or those up to it.
    connectivity : int, optional
        1 or 4: neighbours share a side. 2 or 8, the default: or a corner.
    min_area : int, default 1
        Smaller objects are removed; in pixels.
    fill_holes : bool, default False
        Fill the holes of objects.
    clear_border : bool, default False
        Remove objects that touch the border of the image.
    window : int, default 25
        Odd side of the window of the local methods, in pixels.
    offset : float, default 0
        Added to the threshold, in grey values. The sum does not wrap, whatever the dtype of the picture.

    Returns
    -------
    Segmentation
        ``labels``, ``threshold``, ``statistics`` (area, bounding box, centroid, intensities), ``count``.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit, or the picture holds NaN; the message names it.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> image = np.array([[0, 9, 9, 0], [0, 0, 0, 0], [8, 0, 0, 7]])
    >>> found = segalgo.segment(image)
    >>> found.count, found.statistics.area.tolist()
    (3, [2, 1, 1])
    """
    image = as_array(image, "image")
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.ndim != 2:
        raise ValueError(f"image has shape {image.shape}: expected (H, W), a grey picture (see to_grey)")
    one_of(foreground, "foreground", ("above", "below"))
    one_of(method, "method", METHODS)
    if as_integer(window, "window", 1) % 2 == 0:
        raise ValueError(f"window={window}: expected an odd integer")
    if threshold is None:
        threshold = find_threshold(image, method, window)
    else:
        threshold = as_real_number(threshold, "threshold")
    threshold = _with_offset(threshold, offset)
    return find_objects(
        image,
        image,
        threshold,
        foreground=foreground,
        connectivity=connectivity,
        min_area=min_area,
        fill_holes=fill_holes,
        clear_border=clear_border,
    )


def find_objects(
    values: Any,
    grey: Any,
    threshold: Any,
    *,
    foreground: str = "above",
    connectivity: int | None = None,
    min_area: int = 1,
    fill_holes: bool = False,
    clear_border: bool = False,
) -> Segmentation:
    """Binarize values, label the objects, clean them, and measure them once, on a grey picture of the same size."""
    min_area = as_integer(min_area, "min_area", most=2**63 - 1)
    fill_holes, clear_border = as_flag(fill_holes, "fill_holes"), as_flag(clear_border, "clear_border")
    mask = segalgo.binarize(values, threshold, foreground)
    if fill_holes:
        # Ground is connected the other way than objects: a ring that closes at corners encloses its hole.
        mask = segalgo.fill_holes(mask, 2 if connectivity in (1, 4) else 1)
    labels = segalgo.label(mask, connectivity=connectivity)
    if clear_border:
        labels = segalgo.clear_border(labels)
    if min_area > 1:
        labels = segalgo.remove_small_objects(labels, max_size=min_area - 1)
    if clear_border or min_area > 1:
        labels = segalgo.relabel_sequential(labels)[0]
    return Segmentation(labels, threshold, segalgo.label_statistics(labels, grey))


def _with_offset(threshold: Any, offset: Any) -> Any:
    """Return threshold + offset, which never wraps: integers count in 64 bits, or as floats beyond them."""
    step = as_real_number(offset, "offset")
    if step == 0:
        return threshold
    if getattr(threshold, "ndim", 0):
        return threshold + step if threshold.dtype.kind == "f" else threshold.astype(np.float64) + step
    if getattr(threshold, "dtype", np.dtype(float)).kind == "f":
        with np.errstate(over="ignore"):
            return threshold + step
    if not (step.is_integer() and isinstance(threshold, int | np.integer | np.bool_)):
        return np.float64(as_real_number(threshold, "threshold") + step)
    whole = int(threshold) + int(step)
    return np.int64(whole) if -(2**63) <= whole < 2**63 else whole


def find_threshold(image: Any, method: str, window: int = 25) -> Any:
    """Return the threshold that a method of `METHODS` finds: a grey value, or an array of one per pixel."""
    one_of(method, "method", METHODS)
    if method in GLOBAL_METHODS:
        return getattr(segalgo, f"threshold_{method}")(image) if image.size else 0
    return getattr(segalgo, f"threshold_{method}")(image, window)
