"""Regions: features on a grid, levels of a pyramid, masks pasted into pictures."""

from typing import Any

import numpy as np

from segalgo import roi_align, use_backend
from segalgo.verify.bounds import computed_eps, storage_bound
from segalgo.verify.cases.values import WIDE
from segalgo.verify.catalogue.boxes import SHAPES as BOX_SHAPES
from segalgo.verify.catalogue.boxes import VALUES, are_boxes, boxes_of
from segalgo.verify.catalogue.inputs import FLOATS
from segalgo.verify.operation import Operation, Recipe, Source

# (N, C, H, W): one cell, rows, more channels than stand side by side.
SHAPES = ((2, 3, 8, 10), (1, 1, 5, 7), (1, 1, 1, 1), (1, 17, 6, 5), (3, 2, 1, 9), (1, 33, 9, 1), (1, 0, 6, 6))


def _regions(recipe: Recipe, source: Source) -> dict[str, Any]:
    x = source.main()
    count, (height, width) = recipe["regions"], recipe.shape[2:]
    corner = source.rng.random((count, 2)) * (width + 4, height + 4) - 2
    size = source.rng.random((count, 2)) * (width, height)
    size[::3] = 0  # regions without an area
    boxes = np.concatenate([corner, corner + size], axis=1) / recipe["spatial_scale"]
    boxes = np.round(boxes) if recipe["whole"] else boxes
    pictures = source.rng.integers(0, recipe.shape[0], (count, 1))
    names = ("output_size", "spatial_scale", "sampling_ratio", "aligned")
    rows = np.concatenate([pictures, boxes], axis=1)
    return {"input": x, "boxes": rows, **{name: recipe[name] for name in names}}


def _bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    # Rows and columns of weights, rounded, each product and each sum; products below the normal numbers.
    terms = sum(recipe.shape[2:]) + 8
    least = np.finfo(np.float32 if recipe.dtype == "float16" else recipe.dtype).smallest_subnormal
    with use_backend("reference"):
        sums = roi_align(**{**arguments, "input": np.abs(arguments["input"].astype(np.float64))})
    return [terms * (computed_eps(np.dtype(recipe.dtype)) * sums + least) + storage_bound(recipe.dtype, expected[0])]


def _levels(recipe: Recipe, source: Source) -> dict[str, Any]:
    return {"boxes": boxes_of(source), "canonical_size": recipe["canonical_size"]}


def _pasted(recipe: Recipe, source: Source) -> dict[str, Any]:
    masks, (height, width) = source.main(), recipe["size"]
    corner = source.rng.random((len(masks), 2)) * (width + 6, height + 6) - 5
    size = source.rng.random((len(masks), 2)) * (width, height)
    size[::3] = 0  # boxes without an area
    boxes = np.concatenate([corner, corner + size], axis=1)
    names = ("size", "threshold", "padding")
    return {"masks": masks, "boxes": boxes, **{name: recipe[name] for name in names}}


OPERATIONS = (
    Operation(
        "roi_align",
        _regions,
        SHAPES,
        FLOATS,
        WIDE,
        {
            "output_size": (2, 1, (3, 2), 7),
            "spatial_scale": (1.0, 0.25),
            "sampling_ratio": (2, -1, 1, 3),
            "aligned": (False, True),
            "regions": (5, 0, 1),
            "whole": (False, True),
        },
        ((1, 16, 33, 40),),
        lambda recipe: len(recipe.shape) == 4 and recipe.shape[0] > 0 and 0 not in recipe.shape[2:],
        _bound,
    ),
    Operation(
        "fpn_levels",
        _levels,
        BOX_SHAPES,
        FLOATS,
        VALUES,
        {"canonical_size": (2.0, 224.0, 0.5)},
        fits=are_boxes,
    ),
    Operation(
        "paste_masks",
        _pasted,
        ((3, 5, 7), (1, 1, 1), (0, 4, 4), (4, 1, 9), (2, 1, 6, 5), (5, 14, 14)),
        FLOATS,
        (*WIDE, "nan"),
        {"size": ((12, 9), (1, 1), (0, 5), (33, 20)), "threshold": (None, 0.5, 0.1), "padding": (1, 0, 3)},
        ((2, 28, 28),),
        lambda recipe: (
            (len(recipe.shape) == 3 or (len(recipe.shape) == 4 and recipe.shape[1] == 1)) and 0 not in recipe.shape[-2:]
        ),
    ),
)
