"""Masks from pictures and thresholds."""

from typing import Any

import numpy as np

from segalgo.verify.cases.values import WILD
from segalgo.verify.catalogue.inputs import FLOATS, INTEGERS, LARGE_PICTURES, PICTURES
from segalgo.verify.operation import Operation, Recipe, Source

VALUES = ("random", "ties", "two hills", "spiral", "constant", "extremes", *WILD[1:])


def _level(recipe: Recipe, source: Source, image: np.ndarray) -> Any:
    """A value of the picture, one between two values, one for each pixel, or one that no pixel reaches."""
    finite = image[np.isfinite(image)] if image.dtype.kind == "f" else image
    middle = np.sort(finite.reshape(-1))[finite.size // 2] if finite.size else image.dtype.type(0)
    if recipe["level"] == "pixel":
        return middle
    if recipe["level"] == "between":
        return np.float64(float(middle) + 0.5)
    if recipe["level"] == "array":
        return source.rng.permutation(image.reshape(-1)).reshape(image.shape)
    return np.float64(1e300 if recipe["level"] == "above all" else -1e300)


def _binarize(recipe: Recipe, source: Source) -> dict[str, Any]:
    image = source.main()
    return {"image": image, "threshold": _level(recipe, source, image), "foreground": recipe["foreground"]}


def _hysteresis(recipe: Recipe, source: Source) -> dict[str, Any]:
    image = source.main()
    low, high = recipe["levels"]
    return {"image": image, "low": np.float64(low), "high": np.float64(high)}


OPERATIONS = (
    Operation(
        "binarize",
        _binarize,
        (*PICTURES, (0, 3)),
        ("uint8", "float32", "bool", "float64", "float16", *INTEGERS[2:], "int32"),
        VALUES,
        {
            "level": ("pixel", "between", "array", "above all", "below all"),
            "foreground": ("above", "below"),
        },
        LARGE_PICTURES,
        lambda recipe: recipe.dtype != "bool" or recipe["level"] != "between",
        outputs=("mask",),
    ),
    Operation(
        "apply_hysteresis_threshold",
        _hysteresis,
        (*PICTURES, (0, 3)),
        ("float32", "uint8", "int32", "float64", *FLOATS[2:]),
        ("small", "two hills", "spiral", "stripes", "checkerboard", "zeros", "random", "nan"),
        {"levels": ((0.5, 80), (30, 60), (0.2, 0.8), (60, 30), (1e9, 2e9))},
        LARGE_PICTURES,
        outputs=("mask",),
    ),
)
