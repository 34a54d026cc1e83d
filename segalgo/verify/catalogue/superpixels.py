"""Superpixels by local k-means."""

from typing import Any

from segalgo.verify.operation import Operation, Recipe, Source

SHAPES = ((7, 9), (1, 1), (1, 13), (16, 17, 3), (9, 5, 2), (33, 12, 3), (12, 20, 4), (5, 6, 7, 3), (3, 8, 9, 1), (0, 3))
VALUES = ("random", "ties", "counting", "zeros", "constant", "checkerboard", "stripes", "blobs")


def _arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    image = source.main()
    shape = image.shape if image.ndim == 2 else image.shape[:-1]
    return {
        "image": image,
        "n_segments": recipe["n_segments"],
        "compactness": recipe["compactness"],
        "max_num_iter": recipe["rounds"],
        "enforce_connectivity": recipe["connected"],
        "mask": source.rng.random(shape) < 0.8 if recipe["mask"] else None,
    }


OPERATIONS = (
    Operation(
        "slic",
        _arguments,
        SHAPES,
        ("uint8", "float32", "uint16", "int16", "float64", "int32", "bool"),
        VALUES,
        {
            "n_segments": (6, 1, 40),
            "compactness": (10.0, 0.1, 100.0),
            "rounds": (10, 1),
            "connected": (True, False),
            "mask": (False, True),
        },
        ((40, 65, 3), (9, 17, 33)),
        outputs=("labels",),
    ),
)
