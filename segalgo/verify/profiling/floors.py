"""The least that an operation costs: bytes that must come and go once, and arithmetic that its formula asks for."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from segalgo.verify.cases.case import Case


@dataclass(frozen=True)
class Floor:
    """Bytes of every input and output, each once; operations of the formula, 0 where it has none worth counting."""

    bytes: int
    operations: int
    dtype: str


def floor_of(case: Case, outputs: list[np.ndarray]) -> Floor:
    """Return the floor of one case: its arrays, and the outputs that are written."""
    arrays = [value for value in case.arguments.values() if isinstance(value, np.ndarray)]
    total = sum(array.nbytes for array in (*arrays, *outputs))
    return Floor(int(total), operations_of(case), case.recipe.dtype)


def operations_of(case: Case) -> int:
    """Return the multiplications and additions of a case's formula."""
    count = COUNTED.get(case.recipe.operation)
    return 0 if count is None else int(count(case.arguments, case.shaped[0]))


def _conv2d(arguments: dict[str, Any], output: np.ndarray) -> int:
    """Two for each term: channels of a group times cells of the kernel."""
    return 2 * output.size * int(np.prod(arguments["weight"].shape[1:]))


def _conv_transpose2d(arguments: dict[str, Any], output: np.ndarray) -> int:
    return 2 * arguments["input"].size * int(np.prod(arguments["weight"].shape[1:]))


def _linear(arguments: dict[str, Any], output: np.ndarray) -> int:
    return 2 * output.size * int(arguments["weight"].shape[1])


def _window(arguments: dict[str, Any], output: np.ndarray) -> int:
    kernel = arguments["kernel_size"]
    return output.size * int(np.prod(kernel if isinstance(kernel, tuple) else (kernel, kernel)))


COUNTED = {
    "conv2d": _conv2d,
    "conv_transpose2d": _conv_transpose2d,
    "linear": _linear,
    "avg_pool2d": _window,
    "max_pool2d": _window,
}
