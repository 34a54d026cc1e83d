"""What windows over a picture need before a wing starts: sizes, borders, weights of a Gaussian, origins of sums."""

import math
import operator
from typing import Any, NamedTuple

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import as_array, as_grey, shown
from segalgo._core.numbers import as_real_number, is_sequence
from segalgo.thresholds.histogram import value_range

# Cells of a window along one axis and in all: sums of squares of 16-bit pixels then fit into 63 bits.
MOST_CELLS_OF_AN_AXIS = 2**24
MOST_CELLS = 2**31 - 1
LARGEST_SIGMA = 2.0**18


class Picture(NamedTuple):
    """Pixels as kernels take them, the dtype of their thresholds, and their smallest and largest value."""

    pixels: Any
    dtype: np.dtype
    low: Any
    high: Any

    @property
    def values(self) -> Any:
        """The pixels as numbers that filters weigh: integers of more than 16 bits become float64."""
        wide = self.pixels.dtype.kind != "f" and self.pixels.dtype.itemsize > 2
        return self.pixels.astype(np.float64) if wide else self.pixels


class Terms(NamedTuple):
    """Pixels as sums take them: ``pixel = (value - shift + origin) * 2**exponent``."""

    values: Any
    shift: float
    origin: float
    exponent: int


def as_picture(image: Any) -> Picture:
    """Return the picture with at least one axis; floats must be finite."""
    array = as_array(image, "image")
    if array.ndim == 0:
        raise ValueError("image has shape (): expected at least one axis")
    pixels = as_grey(array, "image")
    dtype = np.dtype(np.float32 if pixels.dtype == np.float32 else np.float64)
    if pixels.size == 0 or (pixels.dtype.kind != "f" and pixels.dtype.itemsize <= 2):
        return Picture(pixels, dtype, 0, 0)
    low, high, nans = value_range(pixels.reshape(-1))
    if nans:
        raise ValueError(f"image holds {nans} NaN: expected none, a window that holds a NaN has no threshold")
    if pixels.dtype.kind == "f" and not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"image has values from {low} to {high}: expected finite ones")
    return Picture(pixels, dtype, low, high)


def as_terms(picture: Picture, outside: float = 0.0) -> Terms:
    """Return pixels whose squares neither cancel nor overflow.

    Pixels that are farther from zero than from each other become differences from the middle of their range. Sums of
    integers of up to 16 bits are exact, so wider integers become these if their range allows it.
    """
    pixels = picture.pixels
    if pixels.dtype.kind != "f":
        if pixels.dtype.itemsize <= 2:
            return Terms(pixels, 0.0, 0.0, 0)
        low, high = int(picture.low), int(picture.high)
        for dtype in (np.uint16, np.int16):
            if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
                return Terms(pixels.astype(dtype), 0.0, 0.0, 0)
        if max(-low, high) <= 2**53 and not _is_far(low, high):
            return Terms(pixels.astype(np.float64), 0.0, 0.0, 0)
        middle = low + (high - low + 1) // 2  # so that differences hold in 64 bits
        if pixels.dtype.itemsize == 8:
            differences = (pixels - pixels.dtype.type(middle)).view(np.int64)
        else:
            differences = pixels.astype(np.int64) - middle
        narrow = np.int16 if high - low < 2**16 else np.float64
        return Terms(differences.astype(narrow), 0.0, float(middle), 0)
    exponent = exponent_of(picture, outside)
    low, high = (float(np.ldexp(float(end), -exponent)) for end in (picture.low, picture.high))
    middle = low / 2 + high / 2 if _is_far(low, high) else 0.0
    values = array_module(pixels).ldexp(pixels, -exponent) if exponent else pixels
    return Terms(values, middle, middle, exponent)


def _is_far(low: float, high: float) -> bool:
    """Return whether a range is narrower than its distance from zero."""
    return low > high - low or -high > high - low


def exponent_of(picture: Picture, outside: float = 0.0) -> int:
    """Return the power of two by which pixels are divided before they are squared and added; 0 for nearly all."""
    if picture.pixels.dtype != np.float64:
        return 0  # float64 holds sums of squares of all others
    exponent = int(np.frexp(max(abs(float(picture.low)), abs(float(picture.high)), abs(outside)))[1])
    return exponent if abs(exponent) > 400 else 0


def times_power(threshold: Any, exponent: int) -> Any:
    """Return threshold * 2**exponent, infinite where that overflows."""
    if not exponent:
        return threshold
    with np.errstate(over="ignore", under="ignore"):
        return array_module(threshold).ldexp(threshold, exponent)


def varies(pixels: Any, window: tuple[int, ...]) -> bool:
    """Return whether a window of a picture that is mirrored beyond its border holds two values."""
    return any(
        width > 1 and bool((pixels != pixels[(*(slice(None),) * axis, slice(1))]).any())
        for axis, width in enumerate(window)
    )


def value_limits(image: Any) -> tuple[float, float]:
    """Return the ends of an image's dtype: 0 and 1 for bool, -1 and 1 for floats, as scikit-image has them."""
    dtype = as_array(image, "image").dtype
    if dtype.kind in "iu":
        return np.iinfo(dtype).min, np.iinfo(dtype).max
    return (0, 1) if dtype.kind == "b" else (-1, 1)


def odd_sizes(value: Any, argument: str, ndim: int) -> tuple[int, ...]:
    """Return one odd window size for each axis; one integer counts for all."""
    try:
        sizes = tuple(map(operator.index, value)) if is_sequence(value) else (operator.index(value),) * ndim
    except TypeError:
        raise TypeError(f"{argument}={shown(value)}: expected an odd integer, or one for each axis") from None
    if len(sizes) != ndim:
        raise ValueError(f"{argument}={shown(value)}: expected {ndim} sizes, one for each axis of image")
    if any(size < 1 or size % 2 == 0 for size in sizes):
        raise ValueError(f"{argument}={shown(value)}: expected odd sizes of at least 1")
    if max(sizes, default=1) > MOST_CELLS_OF_AN_AXIS or math.prod(sizes) > MOST_CELLS:
        raise ValueError(
            f"{argument}: expected at most {MOST_CELLS_OF_AN_AXIS} cells along an axis and {MOST_CELLS} in all"
        )
    return sizes


def border_sources(n: int, window: int, mode: str) -> np.ndarray:
    """Return which of n rows the n + window - 1 rows under the windows are; -1 for none of them ("constant")."""
    at = np.arange(-(window // 2), n + window // 2)
    if n == 0:
        return at[:0]
    if mode == "constant":
        return np.where((at >= 0) & (at < n), at, -1)
    if mode == "nearest":
        return at.clip(0, n - 1)
    if mode == "wrap":
        return at % n
    if mode == "mirror":
        at = at % max(2 * n - 2, 1)
        return np.minimum(at, 2 * n - 2 - at)
    at = at % (2 * n)
    return np.minimum(at, 2 * n - 1 - at)


def gaussian_weights(sigma: Any, ndim: int) -> list[np.ndarray]:
    """Return for each axis the weights of the distances 0, 1 ... up to four sigma; they and their mirror sum to 1."""
    sigmas = [as_real_number(s, "param", least=0) for s in (sigma if is_sequence(sigma) else [sigma] * ndim)]
    if len(sigmas) != ndim or max(sigmas, default=0.0) > LARGEST_SIGMA:
        raise ValueError(
            f"param={shown(sigma)}: expected a sigma of 0 to {LARGEST_SIGMA:.0f}, or one for each of {ndim} axes"
        )
    weights = []
    for s in sigmas:
        radius = int(4.0 * s + 0.5) if s > 1e-15 else 0
        bell = np.exp(-0.5 / (s * s if radius else 1.0) * np.arange(-radius, radius + 1) ** 2)
        weights.append((bell / bell.sum())[radius:])
    return weights
