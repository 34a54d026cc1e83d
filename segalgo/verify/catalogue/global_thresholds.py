"""Global thresholds."""

from typing import Any

import numpy as np

from segalgo.verify.bounds import storage_bound, sum_bound
from segalgo.verify.operation import Operation, Recipe, Source

SHAPES = ((16, 17), (5, 7), (31, 33), (1, 40), (257,), (6, 7, 9), (64, 64), (2, 3, 4, 5), (1, 2))
LARGE = ((130, 257), (70000,))
DTYPES = ("uint8", "float32", "uint16", "float64", "int16", "int8", "float16", "int32", "int64", "uint32")
# Ranges at the ends of a float dtype: of a few subnormals, of one unit in the last place, of the whole dtype.
ENDS = ("subnormal", "one ulp", "huge")
VALUES = ("two hills", "small", "ties", "counting", "constant", "random", "alternating", "stripes", *ENDS)
FEW = ("two hills", "small")


def _arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    image = source.main()
    chosen = {name: value for name, value in recipe.parameters.items() if name != "mask"}
    if recipe.parameters.get("mask"):
        mask = source.rng.random(image.shape) < 0.7
        mask.reshape(-1)[:1] = True
        chosen["mask"] = mask
    return {"image": image, **chosen}


def _fits(recipe: Recipe) -> bool:
    """Random integers of many bits have no histogram of a bin a value, and integers no ends of floats."""
    if recipe.values in ENDS:
        return np.dtype(recipe.dtype).kind == "f"
    return (
        np.dtype(recipe.dtype).kind == "f"
        or recipe.values not in ("random", "alternating")
        or (np.dtype(recipe.dtype).itemsize <= 2)
    )


def _with_hills(recipe: Recipe) -> bool:
    """Two hills of enough pixels, so that there are peaks and classes."""
    return int(np.prod(recipe.shape)) >= 250


def _mean_bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    image = arguments["image"]
    if image.dtype.kind != "f":
        return [storage_bound(np.float64, expected[0])]
    chosen = image[arguments["mask"]] if "mask" in arguments else image
    average = np.abs(chosen.astype(np.float64)).mean()
    return [sum_bound(recipe.dtype, expected[0], average, chosen.size)]


def _li_bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    """An iteration may end a step sooner or later: by the tolerance, twice; and its means are rounded."""
    image = arguments["image"].astype(np.float64)
    if arguments["image"].dtype.kind != "f":
        return [None]
    return [2 * arguments["tolerance"] + sum_bound(recipe.dtype, expected[0], np.abs(image).max(), image.size)]


def _threshold(name: str, **more: Any) -> Operation:
    given = {
        "shapes": SHAPES,
        "dtypes": DTYPES,
        "values": VALUES,
        "choices": {"mask": (False, True), "nbins": (256, 10, 37)},
        "large": LARGE,
        "fits": _fits,
        "outputs": ("threshold",),
    }
    return Operation(f"threshold_{name}", _arguments, **{**given, **more})


OPERATIONS = (
    _threshold("otsu"),
    _threshold("yen"),
    _threshold("entropy"),
    _threshold("triangle"),
    _threshold("isodata", choices={"mask": (False, True), "nbins": (256, 10), "return_all": (False, True)}),
    _threshold("minimum", values=("two hills",), dtypes=DTYPES[:2], fits=lambda r: int(np.prod(r.shape)) >= 1000),
    _threshold(
        "mean",
        values=tuple(kind for kind in VALUES if kind != "huge"),  # sums of the bound would overflow
        choices={"mask": (False, True)},
        fits=lambda recipe: recipe.values not in ENDS or np.dtype(recipe.dtype).kind == "f",
        bound=_mean_bound,
    ),
    _threshold(
        "multiotsu",
        values=FEW,
        choices={"mask": (False, True), "classes": (3, 2, 4), "nbins": (64,)},
        fits=_with_hills,
        outputs=("thresholds",),
    ),
    _threshold(
        "li",
        values=FEW,
        dtypes=tuple(name for name in DTYPES if name != "float16"),
        choices={"tolerance": (0.5, 2.0)},
        fits=lambda recipe: True,
        bound=_li_bound,
    ),
)
