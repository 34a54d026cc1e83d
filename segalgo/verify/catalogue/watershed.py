"""Watersheds by the method that every wing has."""

from typing import Any

import numpy as np

from segalgo.verify.catalogue.inputs import LARGE_PICTURES, PICTURES
from segalgo.verify.operation import Operation, Recipe, Source

DTYPES = ("uint8", "float32", "int32", "float64", "uint16", "int64", "int8", "bool", "int16", "uint32", "uint64")
VALUES = ("random", "ties", "counting", "zeros", "constant", "checkerboard", "stripes", "blobs", "spiral")


def _arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    image = source.main()
    rng = source.rng
    chance = {"few": 0.02, "many": 0.3, "none": 0.0}[recipe["markers"]]
    markers = np.where(rng.random(image.shape) < chance, rng.integers(1, 200, image.shape), 0)
    return {
        "image": image,
        "markers": markers.astype(np.int32),
        "connectivity": 1 if recipe["connectivity"] == "faces" else image.ndim,
        "offset": None,
        "mask": rng.random(image.shape) < 0.9 if recipe["mask"] else None,
        "method": "forest",
    }


OPERATIONS = (
    Operation(
        "watershed",
        _arguments,
        (*PICTURES, (0, 3), (3, 2, 3, 4)),
        DTYPES,
        VALUES,
        {"markers": ("few", "many", "none"), "connectivity": ("faces", "all"), "mask": (False, True)},
        LARGE_PICTURES,
        outputs=("labels",),
    ),
)
