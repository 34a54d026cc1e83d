"""Boxes: overlaps, coding, suppression."""

from typing import Any

import numpy as np

from segalgo.verify.bounds import computed_eps, storage_bound
from segalgo.verify.catalogue.inputs import FLOATS
from segalgo.verify.operation import Operation, Recipe, Source

# The second one has more boxes than a word of 64 bits and more numbers than a block of 256 threads.
SHAPES = ((9, 4), (65, 4), (1, 4), (0, 4), (2, 4), (31, 4), (64, 4), (97, 4))
LARGE = ((300, 4),)
VALUES = ("random", "counting", "falling", "ties", "constant", "zeros", "negative", "cancelling", "far from zero")


def boxes_of(source: Source, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return boxes whose corners are the values of the recipe, put in order."""
    given = source.main() if shape is None else source.other(shape)
    return np.concatenate([np.minimum(given[:, :2], given[:, 2:]), np.maximum(given[:, :2], given[:, 2:])], axis=1)


def _anchors_of(source: Source, count: int) -> np.ndarray:
    corners = source.other((count, 2), "random")
    return np.concatenate([corners, corners + source.positive((count, 2))], axis=1)


def _boxes(recipe: Recipe, source: Source) -> dict[str, Any]:
    return {"boxes": boxes_of(source), **recipe.parameters}


def _pairs(recipe: Recipe, source: Source) -> dict[str, Any]:
    boxes, others = boxes_of(source), boxes_of(source, (recipe["others"], 4))
    crowd = source.rng.random(len(others)) < 0.5 if recipe["is_crowd"] else None
    return {"boxes": boxes, "others": others, "is_crowd": crowd, "plus_one": recipe["plus_one"]}


def _scored(recipe: Recipe, source: Source) -> dict[str, Any]:
    boxes = boxes_of(source)
    kind = "ties" if recipe["equal_scores"] else "random"
    options = {name: recipe[name] for name in ("iou_threshold", "plus_one", "suppress_equal")}
    return {"boxes": boxes, "scores": source.other(recipe.shape[:1], kind), **options}


def _grouped(recipe: Recipe, source: Source) -> dict[str, Any]:
    arguments = _scored(recipe, source)
    return {**arguments, "idxs": source.rng.integers(-1, 3, recipe.shape[0])}


def _encoded(recipe: Recipe, source: Source) -> dict[str, Any]:
    boxes = boxes_of(source)
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)  # an area for every box
    return {"boxes": boxes, "anchors": _anchors_of(source, len(boxes)), "weights": recipe["weights"]}


def _encode_bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    eps = computed_eps(np.dtype(recipe.dtype))
    boxes, anchors = (arguments[name].astype(np.float64) for name in ("boxes", "anchors"))
    weights = np.array(recipe["weights"])
    size = np.abs(boxes).max(axis=1, initial=0) + np.abs(anchors).max(axis=1, initial=0)
    shift = 6 * eps * weights[:2] * size[:, None] / (anchors[:, 2:] - anchors[:, :2])
    growth = 6 * eps * (weights[2:] + np.abs(expected[0][:, 2:]))
    return [np.concatenate([shift, growth], axis=1) + storage_bound(recipe.dtype, expected[0])]


def _decoded(recipe: Recipe, source: Source) -> dict[str, Any]:
    deltas = source.main()
    if recipe["classes"]:
        deltas = np.repeat(deltas[:, None], recipe["classes"], axis=1)
    anchors = _anchors_of(source, len(deltas))
    return {"deltas": deltas, "anchors": anchors, "weights": recipe["weights"]}


def _decode_bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    eps = computed_eps(np.dtype(recipe.dtype))
    deltas, anchors = (arguments[name].astype(np.float64) for name in ("deltas", "anchors"))
    anchors = anchors if deltas.ndim == 2 else anchors[:, None]
    weights = np.array(recipe["weights"])
    size = anchors[..., 2:] - anchors[..., :2]
    growth = np.minimum(deltas[..., 2:] / weights[2:], 5)
    allowed = np.abs(deltas[..., :2] / weights[:2]) * size + np.abs(anchors).max(axis=-1, keepdims=True, initial=0)
    allowed = 8 * eps * (allowed + np.exp(growth) * size * (1 + np.abs(growth)))
    return [np.concatenate([allowed, allowed], axis=-1) + storage_bound(recipe.dtype, expected[0])]


def _clipped(recipe: Recipe, source: Source) -> dict[str, Any]:
    return {"boxes": boxes_of(source), "size": recipe["size"]}


def _ranked(recipe: Recipe, source: Source) -> dict[str, Any]:
    return {"input": source.main(), "k": recipe["k"]}


def are_boxes(recipe: Recipe) -> bool:
    """Return whether the recipe's array has a row of four numbers a box."""
    return len(recipe.shape) == 2 and recipe.shape[1] == 4


WEIGHTS = {"weights": ((1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0))}
SUPPRESSION = {
    "iou_threshold": (0.5, 0.0, 0.3, 1.0, 1 / 3),
    "plus_one": (False, True),
    "suppress_equal": (False, True),
    "equal_scores": (False, True),
}

OPERATIONS = (
    Operation("box_area", _boxes, SHAPES, FLOATS, VALUES, {"plus_one": (False, True)}, LARGE, are_boxes),
    Operation(
        "box_iou",
        _pairs,
        SHAPES,
        FLOATS,
        VALUES,
        {"others": (5, 0, 1, 33), "is_crowd": (False, True), "plus_one": (False, True)},
        LARGE,
        are_boxes,
    ),
    Operation("clip_boxes", _clipped, SHAPES, FLOATS, VALUES, {"size": ((3, 5), (0, 1), (1, 900))}, LARGE, are_boxes),
    Operation("encode_boxes", _encoded, SHAPES, FLOATS, VALUES, WEIGHTS, LARGE, are_boxes, _encode_bound),
    Operation(
        "decode_boxes",
        _decoded,
        SHAPES,
        FLOATS,
        ("random", "ties", "zeros", "negative", "tiny"),
        {**WEIGHTS, "classes": (0, 1, 3)},
        LARGE,
        are_boxes,
        _decode_bound,
    ),
    Operation("nms", _scored, SHAPES, FLOATS, VALUES, SUPPRESSION, LARGE, are_boxes),
    Operation("batched_nms", _grouped, SHAPES, FLOATS, VALUES, SUPPRESSION, LARGE, are_boxes),
    Operation(
        "topk",
        _ranked,
        ((9,), (1,), (0,), (33,), (777,)),
        (*FLOATS, "int32", "uint8"),
        ("random", "ties", "constant", "falling", "counting"),
        {"k": (3, 0, 1, 40)},
        fits=lambda recipe: len(recipe.shape) == 1,
        outputs=("values", "indices"),
    ),
)
