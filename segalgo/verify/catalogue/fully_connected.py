"""The fully connected layer."""

from typing import Any

import numpy as np

from segalgo.verify.bounds import linear_bound
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


OPERATIONS = (
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
