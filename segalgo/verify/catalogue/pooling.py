"""Max-pooling and max-unpooling."""

from typing import Any

import numpy as np

from segalgo import max_pool2d, use_backend
from segalgo.layers.sizes import pool_size
from segalgo.verify.cases.values import WILD
from segalgo.verify.catalogue.inputs import FLOATS, INTEGERS, LARGE_PLANES, PLANES, pair, works
from segalgo.verify.operation import Operation, Recipe, Source

POOLING = {
    "kernel_size": (2, 3, (1, 3), 1, (4, 2)),
    "stride": (None, 1, 2, (3, 2)),
    "padding": (0, 1, (0, 1)),
}

# Kinds of values that integers can have.
WHOLE = ("random", "counting", "falling", "ties", "constant", "zeros", "extremes", "small")


def pooling_fits(recipe: Recipe) -> bool:
    """Return whether the window fits the picture along both axes."""
    kernel = pair(recipe["kernel_size"])
    stride = kernel if recipe["stride"] is None else pair(recipe["stride"])
    more = (pair(recipe.parameters.get("dilation", 1)), pair(recipe.parameters.get("ceil_mode", False)))
    axes = zip("HW", recipe.shape[-2:], kernel, stride, pair(recipe["padding"]), *more, strict=True)
    return all(works(pool_size, *axis) for axis in axes)


def _pool_fits(recipe: Recipe) -> bool:
    whole = recipe.values in WHOLE if recipe.dtype in INTEGERS else recipe.values in WILD
    return whole and pooling_fits(recipe)


def _pool_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    return {"input": source.main(), **recipe.parameters, "return_indices": True}


def _unpool_fits(recipe: Recipe) -> bool:
    return 0 not in recipe.shape[-2:] and pooling_fits(recipe)


def _unpool_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    """Pool a picture of the recipe's shape: its indices are those that unpooling meets.

    "repeated" lets cells share a place, "spread" takes any places of the output.
    """
    picture = source.main()
    window = {name: recipe[name] for name in POOLING}
    with use_backend("reference"):
        values, indices = max_pool2d(np.where(np.isnan(picture), 0, picture), **window, return_indices=True)
    plane = picture.shape[-2] * picture.shape[-1]
    if recipe["places"] == "repeated":
        indices = source.rng.integers(0, min(plane, 3), indices.shape)
    elif recipe["places"] == "spread":
        indices = source.rng.integers(0, plane, indices.shape)
    else:
        values = np.where(np.isfinite(values), values, 1).astype(values.dtype)
    values = np.where(values == 0, values.dtype.type(0.5), values)
    return {"input": values, "indices": indices, **window, "output_size": picture.shape[-2:]}


OPERATIONS = (
    Operation(
        "max_pool2d",
        _pool_arguments,
        PLANES,
        (*FLOATS, *INTEGERS),
        (*WILD, "extremes", "small"),
        {**POOLING, "dilation": (1, 2, (1, 3)), "ceil_mode": (False, True)},
        LARGE_PLANES,
        _pool_fits,
        outputs=("output", "indices"),
    ),
    Operation(
        "max_unpool2d",
        _unpool_arguments,
        PLANES,
        FLOATS,
        WILD,
        {**POOLING, "places": ("pooled", "repeated", "spread")},
        LARGE_PLANES,
        _unpool_fits,
    ),
)
