"""Local thresholds."""

from collections.abc import Callable
from typing import Any

import numpy as np

import segalgo
from segalgo import use_backend
from segalgo.thresholds.windows import as_picture, as_terms, border_sources, gaussian_weights, odd_sizes, value_limits
from segalgo.verify.bounds import DOUBLE, storage_bound, window_moments_bound
from segalgo.verify.catalogue.inputs import input_as
from segalgo.verify.operation import Operation, Recipe

SHAPES = ((9, 11), (26, 33), (1, 1), (1, 17), (31,), (5, 6, 7), (2, 40), (33, 3))
LARGE = ((65, 127),)
DTYPES = ("uint8", "float32", "uint16", "float64", "int16", "int32", "int8", "bool", "float16")
VALUES = ("two hills", "random", "constant", "counting", "stripes", "tiny", "zeros", "far from zero")
WINDOWS = (3, 15, 1, 7)


def _fits(recipe: Recipe) -> bool:
    # Squares of the largest integers pass what float64 holds exactly.
    return recipe.values != "random" or recipe.dtype != "int32"


def _moments(image: np.ndarray, window: int, mode: str = "mirror") -> tuple[np.ndarray, np.ndarray, float, float]:
    """Return mean and deviation of every window in float64, and how far either may be off."""
    x = image.astype(np.float64)
    sizes = odd_sizes(window, "window", x.ndim)
    terms = as_terms(as_picture(image))
    padded = terms.values.astype(np.float64) - terms.shift
    for axis, width in enumerate(sizes):
        padded = padded.take(border_sources(x.shape[axis], width, mode), axis)
    total, squares = float(np.abs(padded).sum()), float((padded**2).sum())
    off_mean, off_square = window_moments_bound(x, sizes, total, squares)
    with use_backend("reference"):
        m = segalgo.threshold_niblack(x, window, 0.0)
        s = m - segalgo.threshold_niblack(x, window, 1.0)
    difference = m - terms.origin
    off_variance = off_square + 3 * np.abs(difference) * off_mean + 4 * DOUBLE * (difference**2 + s * s)
    off = np.sqrt(s * s + off_variance) - np.sqrt(np.maximum(s * s - off_variance, 0))
    return m, s, off_mean + DOUBLE * np.abs(m), off + DOUBLE * (np.abs(m) + s)


def _rule(change: Callable[..., Any]) -> Any:
    """Bound a rule by how much mean and deviation move it: `change` returns both slopes and what else is rounded."""

    def bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
        image = arguments["image"]
        m, s, off_m, off_s = _moments(image, recipe["window_size"])
        by_m, by_s, extra = change(recipe, image, m, s, off_s)
        rounding = storage_bound(np.float32 if recipe.dtype in ("float16", "float32") else np.float64, expected[0])
        return [2 * (by_m * off_m + by_s * off_s + 8 * DOUBLE * (by_m * np.abs(m) + by_s * s) + extra) + rounding]

    return bound


def _niblack(recipe: Recipe, image: np.ndarray, m: Any, s: Any, off_s: Any) -> Any:
    return 1.0, abs(recipe["k"]), 0.0


def _sauvola(recipe: Recipe, image: np.ndarray, m: Any, s: Any, off_s: Any) -> Any:
    low, high = value_limits(image)
    r = recipe["r"] or 0.5 * (high - low)
    k = abs(recipe["k"])
    return 1 + k + k * s / r, k * np.abs(m) / r, 0.0


def _wolf(recipe: Recipe, image: np.ndarray, m: Any, s: Any, off_s: Any) -> Any:
    k, low = abs(recipe["k"]), float(image.min())
    largest = float(s.max(initial=0.0))
    if largest <= 4 * float(np.max(off_s, initial=0.0)):
        return 1 + 2 * k, 0.0, np.inf  # deviations that are rounding alone: any share of the largest will do
    spread = np.abs(m - low)
    # The largest deviation is off too, and with it every share of it.
    return 1 + 2 * k, 2 * k * spread / largest + k * spread / largest * float(np.max(off_s)) / largest, 0.0


def _bradley(recipe: Recipe, image: np.ndarray, m: Any, s: Any, off_s: Any) -> Any:
    return 1 + abs(recipe["t"]), 0.0, 0.0


def _phansalkar(recipe: Recipe, image: np.ndarray, m: Any, s: Any, off_s: Any) -> Any:
    scale = float(value_limits(image)[1])
    k, r, p, q = (recipe[name] for name in "krpq")
    rise = p * np.exp(-q * m / scale)
    slope = 1 + rise * (1 + q * np.abs(m) / scale) + k * (1 + s / (r * scale))
    return slope, k * np.abs(m) / (r * scale), 4 * DOUBLE * np.abs(m) * rise * (1 + q * np.abs(m) / scale)


def _local_fits(recipe: Recipe) -> bool:
    if recipe["param"] is not None and recipe["method"] != "gaussian":
        return False
    return _fits(recipe) and (recipe["mode"] == "constant" or recipe["cval"] == 0)


def _local_bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    image, method = arguments["image"], recipe["method"]
    storage = np.float32 if recipe.dtype in ("float16", "float32") else np.float64
    rounding = storage_bound(storage, expected[0])
    if recipe["offset"]:  # the threshold is stored before the offset is taken off
        rounding = rounding + storage_bound(storage, expected[0] + recipe["offset"])
    if method == "median":
        return [rounding if recipe["offset"] else None]
    with use_backend("reference"):
        positive = np.abs(image.astype(np.float64))
        chosen = {name: recipe[name] for name in ("block_size", "method", "mode", "param")}
        sums = segalgo.threshold_local(positive, **chosen, cval=abs(recipe["cval"]))
    if method == "gaussian":
        sigma = (recipe["block_size"] - 1) / 6 if recipe["param"] is None else recipe["param"]
        terms = sum(2 * weights.size + 2 for weights in gaussian_weights(sigma, image.ndim))
        return [terms * DOUBLE * sums + (image.ndim + 1) * np.finfo(storage).eps * sums + 2 * rounding]
    sizes = odd_sizes(recipe["block_size"], "block_size", image.ndim)
    total = float(positive.sum() + abs(recipe["cval"])) * float(np.prod([w + 1 for w in sizes]))
    off, _ = window_moments_bound(image, sizes, total, 0.0)
    return [2 * off + rounding]


def _windowed(name: str, change: Any, **choices: Any) -> Operation:
    return Operation(
        f"threshold_{name}",
        input_as("image"),
        SHAPES,
        DTYPES,
        VALUES,
        {"window_size": WINDOWS, **choices},
        LARGE,
        _fits,
        _rule(change),
        outputs=("threshold",),
    )


OPERATIONS = (
    _windowed("niblack", _niblack, k=(0.2, 0.0, -0.5)),
    _windowed("sauvola", _sauvola, k=(0.2, 0.5), r=(None, 64.0)),
    _windowed("wolf", _wolf, k=(0.5, 0.2)),
    _windowed("bradley", _bradley, t=(0.15, 0.5)),
    _windowed("phansalkar", _phansalkar, k=(0.25, 0.1), r=(0.5,), p=(2.0, 3.0), q=(10.0,)),
    Operation(
        "threshold_local",
        input_as("image"),
        SHAPES,
        DTYPES,
        VALUES,
        {
            "block_size": WINDOWS,
            "method": ("gaussian", "mean", "median"),
            "offset": (0, 2.5),
            "mode": ("reflect", "constant", "nearest", "mirror", "wrap"),
            "param": (None, 2.5),
            "cval": (0, 3.25),
        },
        LARGE,
        _local_fits,
        _local_bound,
        outputs=("threshold",),
    ),
)
