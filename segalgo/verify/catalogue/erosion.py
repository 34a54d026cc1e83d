"""The least and the largest value of each neighbourhood."""

from typing import Any

import numpy as np

from segalgo.verify.catalogue.inputs import LARGE_PICTURES, PICTURES
from segalgo.verify.operation import Operation, Recipe, Source

DTYPES = ("uint8", "float32", "int32", "float64", "uint16", "int64", "int8", "bool", "int16", "uint32", "uint64")
VALUES = ("random", "ties", "counting", "zeros", "constant", "checkerboard", "stripes", "blobs")


def _footprint(kind: str, ndim: int, rng: np.random.Generator) -> np.ndarray | None:
    if kind == "cross":
        return None
    if kind == "box":
        return np.ones((2, 3, 5, 1)[:ndim] if ndim < 5 else (3,) * ndim, np.uint8)
    if kind == "ball":
        at = np.indices((7,) * ndim) - 3
        return ((at**2).sum(0) <= 9).astype(np.uint8)
    footprint = rng.random((5,) * ndim) < 0.4
    footprint.flat[rng.integers(footprint.size)] = True
    return footprint


def _arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    image = source.main()
    footprint = _footprint(recipe["footprint"], image.ndim, source.rng)
    return {"image": image, "footprint": footprint, "mode": recipe["mode"]}


OPERATIONS = tuple(
    Operation(
        name,
        _arguments,
        (*PICTURES, (0, 3), (3, 2, 3, 4)),
        DTYPES,
        VALUES,
        {
            "footprint": ("ball", "cross", "box", "scattered"),
            "mode": ("reflect", "ignore", "wrap", "nearest", "mirror", "constant", "min", "max"),
        },
        LARGE_PICTURES,
    )
    for name in ("erosion", "dilation")
)
