"""Normalization."""

from typing import Any

import numpy as np

from segalgo.verify.bounds import batch_norm_bound, computed_eps, local_response_norm_bound, two_pass_norm_bound
from segalgo.verify.cases.values import WIDE, WILD
from segalgo.verify.catalogue.inputs import CELLS, FLOATS, LARGE_CELLS, input_as
from segalgo.verify.operation import Operation, Recipe, Source

CHANNELLED = ((2, 3, 5, 7), (1, 1, 1), (1, 2, 31), (3, 33, 4), (1, 64, 3, 3), (0, 2, 3), (2, 5, 1, 1), (4, 8, 6))

GROUPED = (*CHANNELLED[:-1], (4, 8, 6), (2, 6), (1, 4, 2, 3, 5))


def _double(array: np.ndarray | None, default: float, size: int) -> np.ndarray:
    return np.full(size, default) if array is None else array.astype(np.float64).reshape(-1)


def _affine(recipe: Recipe, source: Source, shape: tuple[int, ...]) -> dict[str, Any]:
    given = recipe["affine"]
    return {
        "weight": source.other(shape, "random") if given else None,
        "bias": source.other(shape, "random") if given else None,
    }


def _batch_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    channels = (recipe.shape[1],)
    return {
        "input": source.main(),
        "running_mean": source.other(channels, "random"),
        "running_var": source.positive(channels),
        **_affine(recipe, source, channels),
        "eps": recipe["eps"],
    }


def _batch_bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    x = arguments["input"].astype(np.float64)
    n, c = x.shape[:2]
    cells = x.reshape(n, c, int(np.prod(x.shape[2:])))
    stored = (_double(arguments[name], 0, c) for name in ("running_mean", "running_var"))
    weight, bias = _double(arguments["weight"], 1, c), _double(arguments["bias"], 0, c)
    unit = computed_eps(np.dtype(recipe.dtype))
    flat = expected[0].reshape(cells.shape)
    bound = batch_norm_bound(recipe.dtype, flat, cells, *stored, weight, bias, recipe["eps"], unit)
    return [2 * bound.reshape(x.shape)]


def _layer_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    shape = recipe.shape[-recipe["axes"] :]
    return {
        "input": source.main(),
        "normalized_shape": shape,
        **_affine(recipe, source, shape),
        "eps": recipe["eps"],
    }


def _layer_bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    x = arguments["input"].astype(np.float64)
    if x.size == 0:
        return [0]
    rows = x.reshape(-1, int(np.prod(arguments["normalized_shape"])))
    weight, bias = (_double(arguments[name], default, rows.shape[1]) for name, default in (("weight", 1), ("bias", 0)))
    unit = computed_eps(np.dtype(recipe.dtype))
    bound = two_pass_norm_bound(recipe.dtype, expected[0].reshape(rows.shape), rows, weight, bias, recipe["eps"], unit)
    return [2 * bound.reshape(x.shape)]


def _group_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    channels = (recipe.shape[1],)
    groups = channels[0] if recipe["groups"] == "channels" else recipe["groups"]
    return {"input": source.main(), "num_groups": groups, **_affine(recipe, source, channels), "eps": recipe["eps"]}


def _group_bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    x = arguments["input"].astype(np.float64)
    if x.size == 0:
        return [0]
    n, c = x.shape[:2]
    groups, cells = arguments["num_groups"], x[0, 0].size
    rows = x.reshape(n * groups, c // groups * cells)
    # Each channel's numbers for all its cells, and the groups of every picture.
    weight, bias = (
        np.tile(_double(arguments[name], default, c).repeat(cells).reshape(groups, -1), (n, 1))
        for name, default in (("weight", 1), ("bias", 0))
    )
    unit = computed_eps(np.dtype(recipe.dtype))
    bound = two_pass_norm_bound(recipe.dtype, expected[0].reshape(rows.shape), rows, weight, bias, recipe["eps"], unit)
    return [2 * bound.reshape(x.shape)]


def _has_groups(recipe: Recipe) -> bool:
    return recipe["groups"] == "channels" or recipe.shape[1] % recipe["groups"] == 0


def _response_bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    unit = computed_eps(np.dtype(recipe.dtype))
    return [local_response_norm_bound(recipe.dtype, expected[0], recipe["size"], recipe["beta"], unit)]


OPERATIONS = (
    Operation(
        "batch_norm",
        _batch_arguments,
        CHANNELLED,
        FLOATS,
        WILD,
        {"affine": (True, False), "eps": (1e-5, 0.5)},
        ((1, 3, 65, 67),),
        bound=_batch_bound,
    ),
    Operation(
        "layer_norm",
        _layer_arguments,
        CELLS,
        FLOATS,
        WIDE,
        {"axes": (1, 2), "affine": (True, False), "eps": (1e-5, 0.5)},
        LARGE_CELLS[1:],
        lambda recipe: recipe["axes"] <= len(recipe.shape),
        _layer_bound,
    ),
    Operation(
        "group_norm",
        _group_arguments,
        GROUPED,
        FLOATS,
        WIDE,
        {"groups": (1, 2, "channels"), "affine": (True, False), "eps": (1e-5, 0.5)},
        ((1, 4, 65, 67), (1, 2, 181, 193)),
        _has_groups,
        _group_bound,
    ),
    Operation(
        "local_response_norm",
        input_as("input"),
        CHANNELLED,
        FLOATS,
        WIDE,
        {"size": (5, 1, 2, 8), "alpha": (1e-4, 1.0), "beta": (0.75, 0.5), "k": (1.0, 2.0)},
        ((1, 7, 33, 31),),
        # Squares of float32's largest values pass the range of float32.
        lambda recipe: recipe.values not in ("alternating", "cancelling") or recipe.dtype != "float16",
        _response_bound,
    ),
)
