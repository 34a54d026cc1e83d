"""Conversions of pooling indices."""

from typing import Any

from segalgo import plane_to_tensor_indices, use_backend
from segalgo.verify.catalogue.inputs import PLANES
from segalgo.verify.operation import Operation, Recipe, Source

SHAPES = (*PLANES, (2, 33, 3, 5), (1, 1, 65, 65))
CHOICES = {"plane_size": ((7, 9), (1, 13), (33, 1), (64, 32)), "storage_order": ("row", "column")}


def _plane_indices(recipe: Recipe, source: Source) -> Any:
    height, width = recipe["plane_size"]
    return source.rng.integers(0, height * width, recipe.shape).astype(recipe.dtype)


def _to_tensor(recipe: Recipe, source: Source) -> dict[str, Any]:
    return {"indices": _plane_indices(recipe, source), **recipe.parameters}


def _to_plane(recipe: Recipe, source: Source) -> dict[str, Any]:
    with use_backend("reference"):
        indices = plane_to_tensor_indices(_plane_indices(recipe, source), **recipe.parameters)
    return {"indices": indices, **recipe.parameters}


OPERATIONS = (
    Operation("plane_to_tensor_indices", _to_tensor, SHAPES, ("int64", "int32", "uint16"), ("random",), CHOICES),
    Operation("tensor_to_plane_indices", _to_plane, SHAPES, ("int64",), ("random",), CHOICES),
)
