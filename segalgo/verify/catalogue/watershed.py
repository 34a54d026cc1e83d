"""Floods: watersheds from markers, by the method that every wing has, and cells of similar values around a seed."""

from typing import Any

import numpy as np

from segalgo.verify.catalogue.inputs import LARGE_PICTURES, PICTURES
from segalgo.verify.operation import Operation, Recipe, Source

DTYPES = ("uint8", "float32", "int32", "float64", "uint16", "int64", "int8", "bool", "int16", "uint32", "uint64")
WATERSHED_VALUES = ("random", "ties", "counting", "zeros", "constant", "checkerboard", "stripes", "blobs", "spiral")
FLOOD_VALUES = ("ties", "random", "counting", "zeros", "constant", "checkerboard", "stripes", "blobs", "spiral")


def _watershed_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
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


def _flood_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    image = source.main()
    seed = tuple(int(source.rng.integers(n)) for n in image.shape)
    connectivity = 1 if recipe["connectivity"] == "faces" else image.ndim
    return {"image": image, "seed_point": seed, "connectivity": connectivity, "tolerance": recipe["tolerance"]}


OPERATIONS = (
    Operation(
        "watershed",
        _watershed_arguments,
        (*PICTURES, (0, 3), (3, 2, 3, 4)),
        DTYPES,
        WATERSHED_VALUES,
        {"markers": ("few", "many", "none"), "connectivity": ("faces", "all"), "mask": (False, True)},
        LARGE_PICTURES,
        outputs=("labels",),
    ),
    Operation(
        "flood",
        _flood_arguments,
        (*PICTURES, (3, 2, 3, 4)),
        DTYPES,
        FLOOD_VALUES,
        {"connectivity": ("all", "faces"), "tolerance": (None, 0, 1.5, 100)},
        LARGE_PICTURES,
        outputs=("mask",),
    ),
)
