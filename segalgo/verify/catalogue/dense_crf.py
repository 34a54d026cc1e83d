"""Gaussian filtering in feature space, and mean-field inference."""

from typing import Any

import numpy as np

from segalgo import gaussian_feature_filter, use_backend
from segalgo.verify.bounds import computed_eps, storage_bound
from segalgo.verify.operation import Operation, Recipe, Source

SHAPES = ((3, 7, 9), (1, 5), (1, 1), (2, 33), (9, 4, 3), (21, 6, 7), (0, 5), (3, 0, 2), (1, 2, 3, 4))
LARGE = ((2, 31, 33), (40, 67))
# Sums of weights of the same sign, so that the weighted mean is off by the mean of the absolute values times roundings.
VALUES = ("random", "counting", "ties", "constant", "zeros", "negative", "falling")


def _arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    features = source.rng.normal(0, recipe["spread"], (recipe["dims"], *recipe.shape[1:]))
    return {
        "values": source.main(),
        "features": features,
        "method": recipe["method"],
        "normalize": recipe["normalize"],
    }


def _bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    """Bound sums of parts of 64 terms, of such parts, of D + 1 axes and corners; and of weights, where they divide."""
    points = int(np.prod(recipe.shape[1:]))
    roundings = 64 + points // 64 + 5 * (recipe["dims"] + 1) + 8
    with use_backend("reference"):
        absolute = gaussian_feature_filter(**{**arguments, "values": np.abs(arguments["values"].astype(np.float64))})
    eps = computed_eps(np.dtype(recipe.dtype))
    return [(1 + recipe["normalize"]) * roundings * eps * absolute + storage_bound(recipe.dtype, expected[0])]


def _scene(recipe: Recipe, source: Source) -> dict[str, Any]:
    scores = np.exp(source.rng.normal(0, 1.5, recipe.shape))
    channels = () if recipe["channels"] is None else (recipe["channels"],)
    return {
        "probabilities": (scores / scores.sum(axis=0)).astype(recipe.dtype),
        "image": source.rng.integers(0, 256, (*recipe.shape[1:], *channels)).astype(np.uint8),
        "iterations": recipe["iterations"],
        "spatial_weight": SPATIAL,
        "bilateral_weight": BILATERAL,
        "bilateral_sigma": 5.0,
        "color_sigma": 60.0,
        "normalization": recipe["normalization"],
        "method": recipe["method"],
    }


SPATIAL, BILATERAL = 0.5, 1.0
# How much more than 1 the weights of one pixel may come to where sums are not divided after they are made.
LARGEST_SUM = 4
LARGEST_LOGIT = 12.0  # -log(1e-5), rounded up


def _inference_bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    """Bound the roundings of the sums of each iteration, and what errors of the one before come to.

    Probabilities are off by no more than their logits; what a class hears is off by that times the weights.
    """
    points, classes = int(np.prod(recipe.shape[1:])), recipe.shape[0]
    roundings = 64 + points // 64 + 60 + classes
    weight = (SPATIAL + BILATERAL) * LARGEST_SUM
    own = roundings * computed_eps(np.dtype(recipe.dtype)) * (LARGEST_LOGIT + weight)
    off = own
    for _ in range(recipe["iterations"]):
        off = own + weight * off
    return [off + storage_bound(recipe.dtype, expected[0])]


OPERATIONS = (
    Operation(
        "dense_crf",
        _scene,
        ((3, 7, 9), (1, 1, 1), (2, 1, 33), (9, 4, 3), (21, 6, 7), (2, 0, 3)),
        ("float32", "float64", "float16"),
        ("random",),
        {
            "iterations": (1, 0, 2),
            "normalization": ("symmetric", "after", "before"),
            "method": ("lattice", "exact"),
            "channels": (3, None, 1),
        },
        ((5, 31, 33),),
        bound=_inference_bound,
    ),
    Operation(
        "gaussian_feature_filter",
        _arguments,
        SHAPES,
        ("float32", "float64", "float16"),
        VALUES,
        {
            "method": ("lattice", "exact"),
            "normalize": (True, False),
            "dims": (2, 5, 1, 3),
            "spread": (1.0, 0.1, 5.0),
        },
        LARGE,
        bound=_bound,
    ),
)
