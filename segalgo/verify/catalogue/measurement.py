"""Statistics of labels, contacts and the Euler number."""

from typing import Any

import numpy as np

from segalgo.verify.bounds import storage_bound
from segalgo.verify.catalogue.inputs import LARGE_PICTURES, PICTURES
from segalgo.verify.catalogue.relabeling import LABEL_DTYPES, LABEL_VALUES
from segalgo.verify.operation import Operation, Recipe, Source

SHAPES = (*PICTURES, (0, 3))
NAMES = ("label", "area", "bounding_box", "centroid", "intensity_mean", "intensity_min", "intensity_max")


def _statistics_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    labels = source.main()
    image = None
    if recipe["intensity"] is not None:
        image = source.other(recipe.shape, "random", recipe["intensity"])
    largest = int(labels.max(initial=0))
    more = largest + 2 if recipe["more_rows"] else None
    return {"labels": labels, "intensity_image": image, "num_labels": more}


def _statistics_bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    """Sums of floats in float64 in any order; coordinates and integers are exact up to one division."""
    label, area, _, centroid, *rest = expected
    bounds: list[Any] = [None, None, None, storage_bound(np.float64, centroid)]
    if not rest:
        return bounds
    mean, _, _, total = rest
    if total.dtype.kind != "f":
        return [*bounds, storage_bound(np.float64, mean), None, None, None]
    labels, image = arguments["labels"], np.abs(arguments["intensity_image"].astype(np.float64))
    sums = np.array([image[labels == name].sum() for name in label])
    allowed = (area + 2) * np.finfo(np.float64).eps * sums
    return [*bounds, allowed / np.maximum(area, 1) + storage_bound(np.float64, mean), None, None, allowed]


def _plain(name: str) -> Any:
    def arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
        connectivity = 1 if recipe["connectivity"] == "faces" else len(recipe.shape)
        rest = {key: value for key, value in recipe.parameters.items() if key != "connectivity"}
        return {name: source.main(), "connectivity": connectivity, **rest}

    return arguments


OPERATIONS = (
    Operation(
        "label_statistics",
        _statistics_arguments,
        SHAPES,
        LABEL_DTYPES,
        LABEL_VALUES,
        {"intensity": ("float32", None, "uint8", "float64", "int64", "bool", "float16"), "more_rows": (False, True)},
        LARGE_PICTURES,
        lambda recipe: recipe.values != "sparse labels" or not recipe["more_rows"],
        _statistics_bound,
        outputs=(*NAMES, "intensity_sum"),
    ),
    Operation(
        "contacts",
        _plain("labels"),
        SHAPES,
        LABEL_DTYPES,
        LABEL_VALUES,
        {"connectivity": ("faces", "all"), "background": (False, True)},
        LARGE_PICTURES,
        outputs=("pairs", "counts"),
    ),
    Operation(
        "euler_number",
        _plain("image"),
        (*SHAPES, (2, 3, 2, 3)),
        ("bool", "uint8", "int32", "float32"),
        LABEL_VALUES,
        {"connectivity": ("all", "faces")},
        LARGE_PICTURES,
        outputs=("number",),
    ),
)
