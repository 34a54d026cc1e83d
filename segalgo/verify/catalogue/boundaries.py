"""Boundaries between labels."""

from typing import Any

from segalgo.verify.catalogue.inputs import LARGE_PICTURES, PICTURES
from segalgo.verify.catalogue.relabeling import LABEL_DTYPES, LABEL_VALUES
from segalgo.verify.operation import Operation, Recipe, Source


def _arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    connectivity = 1 if recipe["connectivity"] == "faces" else len(recipe.shape)
    chosen = {name: recipe[name] for name in ("mode", "background")}
    return {"label_img": source.main(), "connectivity": connectivity, **chosen}


OPERATIONS = (
    Operation(
        "find_boundaries",
        _arguments,
        (*PICTURES, (0, 3)),
        (*LABEL_DTYPES, "bool"),
        LABEL_VALUES,
        {
            "mode": ("thick", "inner", "outer", "subpixel"),
            "connectivity": ("faces", "all"),
            "background": (0, 1),
        },
        LARGE_PICTURES,
        outputs=("mask",),
    ),
)
