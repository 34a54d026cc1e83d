"""Activation functions and softmax."""

from typing import Any

import numpy as np

from segalgo.verify.bounds import (
    gelu_bound,
    hardsigmoid_bound,
    hardswish_bound,
    log_softmax_bound,
    sigmoid_bound,
    softmax_bound,
)
from segalgo.verify.cases.values import WILD
from segalgo.verify.catalogue.inputs import CELLS, FLOATS, LARGE_CELLS, input_as
from segalgo.verify.operation import Operation, Recipe, Source


def _prelu_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    channels = recipe.shape[1] if len(recipe.shape) > 1 and recipe["slopes"] == "channels" else 1
    return {"input": source.main(), "weight": source.other((channels,), "random")}


def _hardsigmoid(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    return [hardsigmoid_bound(recipe.dtype, expected[0])]


def _hardswish(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    return [hardswish_bound(recipe.dtype, expected[0], arguments["input"].astype(np.float64))]


def _sigmoid(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    # At the end of the range 1 / exp(-x) underflows to 0 before the result does.
    return [2 * sigmoid_bound(recipe.dtype, expected[0]) + float(np.finfo(recipe.dtype).smallest_normal)]


def _gelu(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    return [2 * gelu_bound(recipe.dtype, expected[0], arguments["input"].astype(np.float64))]


def _shifted(recipe: Recipe, arguments: dict[str, Any]) -> tuple[np.ndarray, int]:
    """Return the scores less their maximum, and how many of them share it out."""
    x = arguments["input"].astype(np.float64)
    if x.size == 0:
        return x, 0
    return x - x.max(axis=recipe["axis"], keepdims=True), x.shape[recipe["axis"]]


def _softmax(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    shifted, terms = _shifted(recipe, arguments)
    allowed = softmax_bound(np.dtype(recipe.dtype), expected[0], np.maximum(shifted, -1e4), terms)
    return [allowed + float(np.finfo(recipe.dtype).smallest_normal)]


def _log_softmax(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    # Where the output is near 0 the difference of scores and the logarithm cancel.
    shifted, terms = _shifted(recipe, arguments)
    allowed = log_softmax_bound(np.dtype(recipe.dtype), expected[0], terms)
    return [allowed + np.finfo(np.float32 if recipe.dtype == "float16" else recipe.dtype).eps * np.abs(shifted)]


def _has_axis(recipe: Recipe) -> bool:
    return -len(recipe.shape) <= recipe["axis"] < len(recipe.shape)


ARGUMENTS = input_as("input")

OPERATIONS = (
    Operation("relu", ARGUMENTS, CELLS, FLOATS, WILD, large=LARGE_CELLS),
    Operation("leaky_relu", ARGUMENTS, CELLS, FLOATS, WILD, {"negative_slope": (0.01, 0.25, 0.0, -1.5)}, LARGE_CELLS),
    Operation("prelu", _prelu_arguments, CELLS, FLOATS, WILD, {"slopes": ("channels", "one")}, LARGE_CELLS),
    Operation("relu6", ARGUMENTS, CELLS, FLOATS, WILD, large=LARGE_CELLS),
    Operation("hardsigmoid", ARGUMENTS, CELLS, FLOATS, WILD, {}, LARGE_CELLS, bound=_hardsigmoid),
    Operation("hardswish", ARGUMENTS, CELLS, FLOATS, WILD, {}, LARGE_CELLS, bound=_hardswish),
    Operation("sigmoid", ARGUMENTS, CELLS, FLOATS, WILD, {}, LARGE_CELLS, bound=_sigmoid),
    Operation("gelu", ARGUMENTS, CELLS, FLOATS, WILD, {"approximate": ("none", "tanh")}, LARGE_CELLS, bound=_gelu),
    Operation("softmax", ARGUMENTS, CELLS, FLOATS, WILD, {"axis": (-1, 0, 1)}, LARGE_CELLS, _has_axis, _softmax),
    Operation(
        "log_softmax", ARGUMENTS, CELLS, FLOATS, WILD, {"axis": (-1, 0, 1)}, LARGE_CELLS, _has_axis, _log_softmax
    ),
)
