"""Connected components and the comparison of labelings."""

from typing import Any

import numpy as np

from segalgo.verify.catalogue.inputs import LARGE_PICTURES, PICTURES
from segalgo.verify.operation import Operation, Recipe, Source

PATTERNS = ("random", "blobs", "checkerboard", "stripes", "spiral", "zeros", "constant", "ties", "sparse labels")
DTYPES = ("uint8", "bool", "int32", "int64", "uint16", "int8", "float32", "float64")


def _label_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    image = source.main()
    if recipe.values == "random" and recipe.dtype != "bool":
        image = (source.rng.random(recipe.shape) < 0.5).astype(recipe.dtype)
    wrap = recipe["wrap"]
    return {
        "image": image,
        "background": recipe["background"],
        "return_num": True,
        "connectivity": 1 if recipe["connectivity"] == "faces" else None,
        "wrap": None if wrap is None else tuple(axis in wrap for axis in range(image.ndim)),
        "delta": recipe["delta"],
    }


def _label_fits(recipe: Recipe) -> bool:
    return recipe.dtype != "bool" or (recipe["background"] in (0, None) and recipe["delta"] == 0)


def _pair_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    """A labeling and the same one with other names; "split" and "merged" differ in one place or more."""
    a = source.main()
    names = source.rng.permutation(np.arange(1, 256, dtype=np.int64))
    b = np.where(a == 0, 0, names[a % 251])
    if recipe["difference"] == "one cell" and b.size:
        b.reshape(-1)[int(source.rng.integers(b.size))] += 300
    elif recipe["difference"] == "merged":
        b = np.where(b > 0, 5, 0)
    elif recipe["difference"] == "background":
        b = np.where(a == a.max(initial=0), 0, b)
    return {"a": a, "b": b.astype(np.int32)}


OPERATIONS = (
    Operation(
        "label",
        _label_arguments,
        (*PICTURES, (0, 3), (3, 2, 3, 4)),
        DTYPES,
        PATTERNS,
        {
            "connectivity": ("all", "faces"),
            "background": (0, None, 1),
            "wrap": (None, (0,), (1,), (0, 1)),
            "delta": (0, 1),
        },
        LARGE_PICTURES,
        _label_fits,
        outputs=("labels", "count"),
    ),
    Operation(
        "same_partition",
        _pair_arguments,
        (*PICTURES, (0, 3)),
        ("int32", "uint8", "int64"),
        ("blobs", "ties", "zeros", "constant", "stripes"),
        {"difference": ("none", "one cell", "merged", "background")},
        LARGE_PICTURES[:1],
        outputs=("equal", "first"),
    ),
)
