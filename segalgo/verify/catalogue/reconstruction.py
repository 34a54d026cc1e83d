"""Reconstruction of an image from a lower one."""

from typing import Any

import numpy as np

from segalgo.verify.catalogue.inputs import LARGE_PICTURES, PICTURES
from segalgo.verify.operation import Operation, Recipe, Source

DTYPES = ("uint8", "float32", "int32", "float64", "uint16", "int64", "int8", "bool", "int16", "uint32", "uint64")
VALUES = ("random", "ties", "counting", "zeros", "constant", "checkerboard", "stripes", "blobs", "spiral")


def _arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    mask = source.main()
    far = mask.min(initial=mask.flat[0]) if recipe["method"] == "dilation" and mask.size else mask.max(initial=0)
    seed = np.where(source.rng.random(mask.shape) < recipe["share"], mask, far).astype(mask.dtype)
    footprint = None
    if recipe["footprint"] == "cross":
        footprint = (np.indices((3,) * mask.ndim) != 1).sum(0) <= 1
    elif recipe["footprint"] == "one-sided":
        footprint = np.zeros((5,) * mask.ndim, bool)
        footprint.flat[: footprint.size // 3] = True
        footprint.flat[footprint.size // 2 + 1] = True
    return {"seed": seed, "mask": mask, "method": recipe["method"], "footprint": footprint}


OPERATIONS = (
    Operation(
        "reconstruction",
        _arguments,
        (*PICTURES, (3, 2, 3, 4)),
        DTYPES,
        VALUES,
        {
            "share": (0.03, 0.5, 0.0),
            "footprint": ("all", "cross", "one-sided"),
            "method": ("dilation", "erosion"),
        },
        LARGE_PICTURES,
    ),
)
