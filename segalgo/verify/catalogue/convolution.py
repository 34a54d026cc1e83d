"""Convolution and transposed convolution."""

from typing import Any

import numpy as np

from segalgo.layers.sizes import conv_size, conv_transpose_size
from segalgo.verify.bounds import conv2d_bound, conv_transpose2d_bound, storage_bound, transform_floor, winograd_bound
from segalgo.verify.cases.values import WIDE
from segalgo.verify.catalogue.inputs import FLOATS, LARGE_PLANES, PLANES, pair, works
from segalgo.verify.operation import Operation, Recipe, Source

KERNELS = (3, 1, 2, (1, 3), (5, 4), 7)
WINDOW = {"kernel": KERNELS, "stride": (1, 2, (3, 1)), "padding": (0, 1, (2, 1)), "dilation": (1, 2, (1, 3))}
CHANNELS = {"bias": (True, False), "groups": (1, 2, 3), "out_channels": (4, 1, 6, 33)}


def _axes(recipe: Recipe, *more: str) -> Any:
    names = ("kernel", "stride", "padding", *more, "dilation")
    return zip("HW", recipe.shape[-2:], *(pair(recipe[name]) for name in names), strict=True)


def _conv_fits(recipe: Recipe) -> bool:
    channels, groups = recipe.shape[-3], recipe["groups"]
    if channels % groups or recipe["out_channels"] % groups:
        return False
    if recipe["padding"] == "same":
        return recipe["stride"] == 1
    return all(works(conv_size, *axis) for axis in _axes(recipe))


def _conv_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    out, groups = recipe["out_channels"], recipe["groups"]
    return {
        "input": source.main(),
        "weight": source.other((out, recipe.shape[-3] // groups, *pair(recipe["kernel"]))),
        "bias": source.other((out,)) if recipe["bias"] else None,
        **{name: recipe[name] for name in ("stride", "padding", "dilation", "groups")},
    }


def _transposed_fits(recipe: Recipe) -> bool:
    channels, groups = recipe.shape[-3], recipe["groups"]
    if 0 in recipe.shape[-2:] or channels % groups or recipe["out_channels"] % groups:
        return False
    return all(works(conv_transpose_size, *axis) for axis in _axes(recipe, "output_padding"))


def _transposed_arguments(recipe: Recipe, source: Source) -> dict[str, Any]:
    out, groups = recipe["out_channels"], recipe["groups"]
    return {
        "input": source.main(),
        "weight": source.other((recipe.shape[-3], out // groups, *pair(recipe["kernel"]))),
        "bias": source.other((out,)) if recipe["bias"] else None,
        **{name: recipe[name] for name in ("stride", "padding", "output_padding", "groups", "dilation")},
    }


def _wide(arguments: dict[str, Any], *names: str) -> list[Any]:
    """Return arrays in the dtype that they are computed in."""
    arrays = (arguments[name] for name in names)
    return [a if a is None or a.dtype != np.float16 else a.astype(np.float32) for a in arrays]


def _conv_bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    """Direct, or where the shape allows Winograd's formula the larger of the two."""
    x, weight, bias = _wide(arguments, "input", "weight", "bias")
    x = x[None] if x.ndim == 3 else x
    stride, spread = pair(recipe["stride"]), pair(recipe["dilation"])
    kernel = weight.shape[2:]
    border = pair(recipe["padding"])
    if recipe["padding"] == "same":
        border = tuple(d * (k - 1) // 2 for d, k in zip(spread, kernel, strict=True))
    given = (x, weight, bias, stride, border, spread, recipe["groups"], expected[0].shape[-2:])
    bound = conv2d_bound(*given)
    if kernel == (3, 3) and stride == (1, 1) and spread[0] == spread[1] and bound.size:
        bound = np.maximum(bound, winograd_bound(*given))
    bound = bound + transform_floor(x, weight)
    return [bound.reshape(expected[0].shape) + _rounding(recipe, weight, expected[0])]


def _transposed_bound(recipe: Recipe, arguments: dict[str, Any], expected: list[np.ndarray]) -> list[Any]:
    x, weight, bias = _wide(arguments, "input", "weight", "bias")
    x = x[None] if x.ndim == 3 else x
    window = (pair(recipe["stride"]), pair(recipe["padding"]), pair(recipe["dilation"]))
    bound = conv_transpose2d_bound(x, weight, bias, *window, recipe["groups"], expected[0].shape[-2:])
    bound = bound + transform_floor(x, weight, transposed=True)
    return [bound.reshape(expected[0].shape) + _rounding(recipe, weight, expected[0])]


def _rounding(recipe: Recipe, weight: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The rounding to the storage dtype, and products that underflow."""
    tiny = float(np.finfo(weight.dtype).smallest_subnormal)
    return storage_bound(recipe.dtype, expected) + weight.size * tiny


OPERATIONS = (
    Operation(
        "conv2d",
        _conv_arguments,
        (*PLANES, (1, 6, 12, 12), (1, 33, 9, 9)),
        FLOATS,
        WIDE,
        {**WINDOW, **CHANNELS, "padding": (0, 1, (2, 1), "same")},
        LARGE_PLANES[:1],
        _conv_fits,
        _conv_bound,
    ),
    Operation(
        "conv_transpose2d",
        _transposed_arguments,
        (*PLANES, (1, 6, 12, 12), (1, 33, 9, 9)),
        FLOATS,
        WIDE,
        {**WINDOW, **CHANNELS, "output_padding": (0, 1, (1, 0))},
        LARGE_PLANES[:1],
        _transposed_fits,
        _transposed_bound,
    ),
)
