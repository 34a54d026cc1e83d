"""Interpolation and padding."""

from typing import Any

import numpy as np
from scipy import ndimage

from segalgo.verify.bounds import bilinear_position_bound, computed_eps, storage_bound
from segalgo.verify.cases.values import WILD
from segalgo.verify.catalogue.inputs import FLOATS, LARGE_PLANES, PLANES, pair
from segalgo.verify.operation import Operation, Recipe, Source


def _arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    name, value = recipe["target"]
    smooth = recipe["mode"] in ("bilinear", "bicubic")
    options = {name: recipe[name] for name in ("align_corners", "antialias")} if smooth else {}
    return {"input": source.main(), name: value, "mode": recipe["mode"], **options}


def _fits(recipe: Recipe) -> bool:
    if len(recipe.shape) != 4 or 0 in recipe.shape[-2:]:
        return False
    if recipe["mode"] not in ("bilinear", "bicubic"):
        return recipe["align_corners"] is None and not recipe["antialias"]
    # Positions may round either way, and an infinity has no small difference to its neighbours.
    return recipe.values not in ("infinite", "nan")


def _bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    if recipe["mode"] not in ("bilinear", "bicubic"):
        return [None]
    if expected[0].size == 0:
        return [0]
    if recipe["mode"] == "bicubic" or recipe["antialias"]:
        # Two sums of windows that may span the picture; their weights' absolute values add up to at most 1.4 an axis.
        x, terms = arguments["input"].astype(np.float64), sum(recipe.shape[2:]) + 16
        size = max(*recipe.shape[2:], *expected[0].shape[2:])
        allowed = 2 * (terms + 8 * size) * computed_eps(np.dtype(recipe.dtype)) * np.abs(x).max()
        computed = np.finfo(np.float32 if recipe.dtype == "float16" else recipe.dtype)
        # Products below the normal numbers round by a subnormal one each.
        allowed += 4 * terms * float(computed.smallest_subnormal)
        return [allowed + storage_bound(np.dtype(recipe.dtype), expected[0])]
    x = arguments["input"].astype(np.float64)
    shape, size = x.shape[2:], expected[0].shape[2:]
    # Where a position rounds to the neighbouring cell, what is near counts: the largest cell and the span around.
    near = (1, 1, 5, 5)
    largest = ndimage.maximum_filter(np.abs(x), near)
    span = ndimage.maximum_filter(x, near) - ndimage.minimum_filter(x, near)
    rows, columns = (_nearest(*axis, bool(recipe["align_corners"])) for axis in zip(shape, size, strict=True))
    at = (slice(None), slice(None), rows[:, None], columns)
    bound = bilinear_position_bound(np.dtype(recipe.dtype), expected[0], largest[at], span[at], max(*shape, *size))
    return [bound + 8 * np.finfo(recipe.dtype).smallest_subnormal]


def _nearest(n: int, size: int, corners: bool) -> np.ndarray:
    """Return a cell near the position of each output cell."""
    j = np.arange(size)
    position = j * ((n - 1) / max(size - 1, 1)) if corners else (j + 0.5) * n / size - 0.5
    return np.clip(np.rint(position).astype(int), 0, n - 1)


def _pad_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    value = {"value": recipe["value"]} if recipe["mode"] == "constant" else {}
    return {"input": source.main(), "pad": recipe["pad"], "mode": recipe["mode"], **value}


def _pad_fits(recipe: Recipe) -> bool:
    amounts = (*recipe["pad"], 0, 0)[:4]
    for n, sides in zip(recipe.shape[:-3:-1], (amounts[:2], amounts[2:]), strict=True):
        limit = {"constant": n + 9, "replicate": n + 9, "reflect": n - 1, "circular": n}[recipe["mode"]]
        if max(sides) > limit or n + min(sides[0], 0) + min(sides[1], 0) < 1:
            return False
    return recipe["mode"] == "constant" or recipe["value"] is None


def _target_is_not_empty(recipe: Recipe) -> bool:
    name, value = recipe["target"]
    sizes = zip(recipe.shape[-2:], pair(value), strict=True)
    return name == "size" or all(int(n * factor) >= 1 for n, factor in sizes)


OPERATIONS = (
    Operation(
        "interpolate",
        _arguments,
        PLANES,
        FLOATS,
        WILD,
        {
            "target": (
                ("scale_factor", 2),
                ("size", (3, 5)),
                ("size", 1),
                ("scale_factor", 1.7),
                ("scale_factor", (0.6, 3)),
                ("size", (37, 33)),
            ),
            "mode": ("bilinear", "nearest", "nearest-exact", "bicubic"),
            "align_corners": (None, True, False),
            "antialias": (False, True),
        },
        LARGE_PLANES[:1],
        lambda recipe: _fits(recipe) and _target_is_not_empty(recipe),
        _bound,
    ),
    Operation(
        "pad",
        _pad_arguments,
        PLANES,
        FLOATS,
        WILD,
        {
            "pad": ((1, 2), (0, 0), (1, 2, 3, 0), (3, 3, 3, 3), (-1, 2), (2, -1, -1, 1)),
            "mode": ("constant", "reflect", "replicate", "circular"),
            "value": (None, 1.5),
        },
        LARGE_PLANES,
        _pad_fits,
    ),
)
