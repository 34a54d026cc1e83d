"""Cells that are connected with a seed over cells of similar values."""

from typing import Any

from segalgo.verify.catalogue.inputs import LARGE_PICTURES, PICTURES
from segalgo.verify.operation import Operation, Recipe, Source

DTYPES = ("uint8", "float32", "int32", "float64", "uint16", "int64", "int8", "bool", "int16", "uint32", "uint64")
VALUES = ("ties", "random", "counting", "zeros", "constant", "checkerboard", "stripes", "blobs", "spiral")


def _arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    image = source.main()
    seed = tuple(int(source.rng.integers(n)) for n in image.shape)
    connectivity = 1 if recipe["connectivity"] == "faces" else image.ndim
    return {"image": image, "seed_point": seed, "connectivity": connectivity, "tolerance": recipe["tolerance"]}


OPERATIONS = (
    Operation(
        "flood",
        _arguments,
        (*PICTURES, (3, 2, 3, 4)),
        DTYPES,
        VALUES,
        {"connectivity": ("all", "faces"), "tolerance": (None, 0, 1.5, 100)},
        LARGE_PICTURES,
        outputs=("mask",),
    ),
)
