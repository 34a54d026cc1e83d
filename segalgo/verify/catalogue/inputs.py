"""Shapes, dtypes and small functions that several topics share."""

from collections.abc import Callable
from typing import Any

import numpy as np

from segalgo import use_backend
from segalgo.verify.operation import Recipe, Source

FLOATS = ("float32", "float64", "float16")
INTEGERS = ("int32", "uint8", "int64", "uint16", "int16", "int8", "uint32", "uint64")

# (N, C, H, W): one cell, non-square, primes, around 32, empty batches and channels.
PLANES = (
    (2, 3, 8, 10),
    (2, 1, 33, 33),
    (1, 1, 1, 1),
    (1, 2, 13, 11),
    (1, 1, 1, 37),
    (1, 1, 37, 1),
    (1, 1, 31, 32),
    (1, 1, 5, 7),
    (1, 5, 17, 9),
    (0, 2, 6, 6),
    (3, 6, 9),
)
# Around the sizes of blocks.
LARGE_PLANES = ((1, 3, 65, 127), (1, 1, 128, 257))

# Arrays of any rank; the second one takes several blocks of 256 threads, so that a short run has one as well.
CELLS = (
    (7, 9),
    (37, 21),
    (1,),
    (31,),
    (32,),
    (33,),
    (3, 4, 5),
    (129, 1),
    (257,),
    (1, 1),
    (0,),
    (3, 0, 2),
    (2, 3, 4, 5),
    (1, 127),
)
LARGE_CELLS = ((1023,), (61, 67), (5, 4099))

# Pictures and label arrays: 1-D to 3-D.
PICTURES = ((7, 9), (33, 32), (1, 1), (1, 13), (16, 16), (17, 33), (31,), (5, 6, 7), (2, 37), (3, 1, 9))
LARGE_PICTURES = ((65, 129), (11, 17, 19), (1030,))


def input_as(name: str) -> Callable[[Recipe, Source], dict[str, Any]]:
    """Return what makes the arguments of a door that takes one array, under this name, and the recipe's parameters."""
    return lambda recipe, source: {name: source.main(), **recipe.parameters}


def pair(value: Any) -> tuple[int, int]:
    """Return a size for both axes."""
    return value if isinstance(value, tuple) else (value, value)


def absolute(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments with floats replaced by their absolute values in float64."""
    return {
        name: np.abs(value.astype(np.float64)) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value
        for name, value in arguments.items()
    }


def on_absolute(door: Any, arguments: dict[str, Any]) -> Any:
    """Return what the reference makes of the absolute values, in float64."""
    with use_backend("reference"):
        return door(**absolute(arguments))


def works(check: Any, *arguments: Any) -> bool:
    """Return whether a size function accepts its arguments."""
    try:
        check(*arguments)
    except ValueError:
        return False
    return True
