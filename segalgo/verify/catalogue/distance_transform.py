"""Distances to the nearest cell of another value."""

from typing import Any

from segalgo.verify.catalogue.inputs import LARGE_PICTURES, PICTURES
from segalgo.verify.catalogue.relabeling import LABEL_DTYPES, LABEL_VALUES
from segalgo.verify.operation import Operation, Recipe, Source

# The second is a fraction that is counted in integers, the third is none.
SPACINGS = {"unit": 1.0, "fraction": 2.5, "irrational": 3.14159265358979}


def _distance_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    image = source.main()
    chosen = {name: recipe[name] for name in ("metric", "limit")}
    chosen["dtype"] = recipe["result"]
    spacing = [SPACINGS[recipe["spacing"]], *[1.0] * (image.ndim - 1)]
    return {"image": image, "spacing": spacing, **chosen, "return_indices": True}


def _expand_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    labels = source.main()
    labels[source.rng.random(labels.shape) < 0.7] = 0
    return {"label_image": labels, "distance": recipe["distance"]}


OPERATIONS = (
    Operation(
        "distance_transform",
        _distance_arguments,
        (*PICTURES, (0, 3), (3, 2, 3, 4)),
        (*LABEL_DTYPES, "bool"),
        LABEL_VALUES,
        {
            "metric": ("euclidean", "cityblock", "chessboard"),
            "spacing": ("unit", "fraction", "irrational"),
            "limit": (None, 2.0),
            "result": ("float32", "float64"),
        },
        LARGE_PICTURES,
        outputs=("distances", "indices"),
    ),
    Operation(
        "expand_labels",
        _expand_arguments,
        (*PICTURES, (0, 3)),
        LABEL_DTYPES,
        LABEL_VALUES,
        {"distance": (1, 0, 2.5)},
        LARGE_PICTURES,
        outputs=("labels",),
    ),
)
