"""The fully connected layer, and attention."""

from typing import Any

import numpy as np

from segalgo import scaled_dot_product_attention, use_backend
from segalgo.verify.bounds import attention_bound, linear_bound
from segalgo.verify.cases.values import WIDE
from segalgo.verify.catalogue.inputs import CELLS, FLOATS
from segalgo.verify.operation import Operation, Recipe, Source


def _arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    out = recipe["out_features"]
    return {
        "input": source.main(),
        "weight": source.other((out, recipe.shape[-1])),
        "bias": source.other((out,)) if recipe["bias"] else None,
    }


def _bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    x, weight = arguments["input"].astype(np.float64), arguments["weight"].astype(np.float64)
    bias = np.zeros(weight.shape[0]) if arguments["bias"] is None else arguments["bias"].astype(np.float64)
    rows = x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1])
    flat = expected[0].reshape(rows.shape[0], -1) if expected[0].size else np.zeros((rows.shape[0], weight.shape[0]))
    bound = linear_bound(np.dtype(recipe.dtype), flat, rows, weight, bias)
    underflow = x.shape[-1] * float(np.finfo(recipe.dtype).smallest_subnormal)
    return [(bound + underflow).reshape(expected[0].shape)]


def _attention_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    *leading, _, depth = recipe.shape
    keys = recipe["keys"]
    return {
        "query": source.main(),
        "key": source.other((*leading, keys, depth), "random"),
        "value": source.other((*leading, keys, recipe["columns"]), "random"),
        "is_causal": recipe["is_causal"],
        "scale": recipe["scale"],
    }


def _attention_bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    wide = {name: arguments[name].astype(np.float64) for name in ("query", "key", "value")}
    depth, keys = recipe.shape[-1], recipe["keys"]
    scale = recipe["scale"] if recipe["scale"] is not None else max(depth, 1) ** -0.5
    largest = abs(scale) * (np.abs(wide["query"]) @ np.abs(wide["key"]).swapaxes(-1, -2)).max(axis=-1, keepdims=True)
    with use_backend("reference"):
        absolute = scaled_dot_product_attention(**{**arguments, **wide, "value": np.abs(wide["value"])})
    return [attention_bound(np.dtype(recipe.dtype), expected[0], absolute, (largest, keys), depth)]


OPERATIONS = (
    Operation(
        "scaled_dot_product_attention",
        _attention_arguments,
        ((2, 5, 8), (7, 4), (1, 1), (1, 2, 13, 3), (33, 16), (0, 5, 4), (3, 0, 4)),
        FLOATS,
        ("random", "constant", "zeros", "counting"),
        {"keys": (9, 1, 40), "columns": (4, 1, 33), "is_causal": (False, True), "scale": (None, 0.5)},
        ((3, 61, 32), (300, 20)),
        bound=_attention_bound,
    ),
    Operation(
        "linear",
        _arguments,
        (*CELLS, (16, 17), (33, 40)),
        FLOATS,
        WIDE,
        {"out_features": (5, 1, 16, 33), "bias": (True, False)},
        ((61, 67), (5, 1031)),
        bound=_bound,
    ),
)
