"""Average-pooling with a window, and with a given output size."""

from typing import Any

import numpy as np

from segalgo import adaptive_avg_pool2d, avg_pool2d
from segalgo.verify.bounds import average_pooling_bound, computed_eps
from segalgo.verify.cases.values import WILD
from segalgo.verify.catalogue.inputs import FLOATS, LARGE_PLANES, PLANES, input_as, on_absolute, pair
from segalgo.verify.catalogue.pooling import POOLING, pooling_fits
from segalgo.verify.operation import Operation, Recipe


def _bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    cells = int(np.prod(pair(recipe["kernel_size"])))
    sums = on_absolute(avg_pool2d, arguments)
    return [average_pooling_bound(recipe.dtype, expected[0], sums, cells, computed_eps(np.dtype(recipe.dtype)))]


def _adaptive_bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    sizes = zip(recipe.shape[-2:], expected[0].shape[-2:], strict=True)
    cells = int(np.prod([n // max(size, 1) + 2 for n, size in sizes]))
    sums = on_absolute(adaptive_avg_pool2d, arguments)
    return [average_pooling_bound(recipe.dtype, expected[0], sums, cells, computed_eps(np.dtype(recipe.dtype)))]


OPERATIONS = (
    Operation(
        "avg_pool2d",
        input_as("input"),
        PLANES,
        FLOATS,
        WILD,
        {
            **POOLING,
            "ceil_mode": (False, True),
            "count_include_pad": (True, False),
            "divisor_override": (None, 3, -2),
        },
        LARGE_PLANES,
        pooling_fits,
        _bound,
    ),
    Operation(
        "adaptive_avg_pool2d",
        input_as("input"),
        PLANES,
        FLOATS,
        WILD,
        {"output_size": (3, 1, (2, 5), (None, 4), 7, (40, 1))},
        LARGE_PLANES,
        lambda recipe: 0 not in recipe.shape[-2:],
        _adaptive_bound,
    ),
)
