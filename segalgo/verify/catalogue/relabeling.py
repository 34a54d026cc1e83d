"""Keeping, removing, renumbering and filling labels."""

from typing import Any

import numpy as np

from segalgo.verify.catalogue.inputs import LARGE_PICTURES, PICTURES, input_as
from segalgo.verify.operation import Operation, Recipe, Source

LABEL_VALUES = ("blobs", "ties", "zeros", "constant", "checkerboard", "stripes", "spiral", "sparse labels")
LABEL_DTYPES = ("int32", "uint8", "int64", "uint16", "uint32", "int8", "uint64")
SHAPES = (*PICTURES, (0, 3))
# The limit by both of its names: functions take one or the other.
AN_AREA = "of a label"  # just at the limit: what stays at `min_size` and goes at `max_size`
SIZE_LIMITS = (
    *(("max_size", 4), ("min_size", 5), ("max_size", AN_AREA), ("min_size", AN_AREA)),
    *(("max_size", 0), ("min_size", 2), ("max_size", 20), ("min_size", 65)),
)


def _border_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    labels = source.main()
    mask = source.rng.random(labels.shape) < 0.9 if recipe["mask"] else None
    return {"labels": labels, "buffer_size": recipe["buffer_size"], "bgval": recipe["bgval"], "mask": mask}


def _size_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    name, limit = recipe["limit"]
    labels = source.main()
    if limit == AN_AREA:
        areas = np.unique(np.unique(labels[labels != 0], return_counts=True)[1]) if labels.dtype != bool else ()
        limit = int(areas[len(areas) // 2]) if len(areas) else 4
    return {"labels": labels, name: limit, "connectivity": recipe["connectivity"]}


def _border_fits(recipe: Recipe) -> bool:
    if recipe.dtype == "bool" and recipe["bgval"] > 1:
        return False
    return recipe["buffer_size"] == 0 if recipe["mask"] else recipe["buffer_size"] < min(recipe.shape)


OPERATIONS = (
    Operation(
        "remove_small_objects",
        _size_arguments,
        SHAPES,
        (*LABEL_DTYPES, "bool"),
        LABEL_VALUES,
        {"limit": SIZE_LIMITS, "connectivity": (1, None)},
        LARGE_PICTURES,
        lambda recipe: recipe["connectivity"] is not None or recipe.dtype == "bool",
    ),
    Operation(
        "largest_components",
        input_as("labels"),
        SHAPES,
        (*LABEL_DTYPES, "bool"),
        LABEL_VALUES,
        {"k": (1, 0, 2, 100), "relabel": (False, True)},
        LARGE_PICTURES,
    ),
    Operation(
        "clear_border",
        _border_arguments,
        SHAPES,
        (*LABEL_DTYPES, "bool"),
        LABEL_VALUES,
        {"buffer_size": (0, 1, 2), "bgval": (0, 1, 5), "mask": (False, True)},
        LARGE_PICTURES,
        _border_fits,
    ),
    Operation(
        "relabel_sequential",
        input_as("label_field"),
        SHAPES,
        LABEL_DTYPES,
        LABEL_VALUES,
        {"offset": (1, 2, 200)},
        LARGE_PICTURES,
        outputs=("relabeled", "forward in", "forward out", "inverse in", "inverse out"),
    ),
    Operation(
        "fill_holes",
        input_as("image"),
        SHAPES,
        ("bool", *LABEL_DTYPES),
        LABEL_VALUES,
        {"connectivity": (1,)},
        LARGE_PICTURES,
    ),
)
