"""NumPy or CuPy: which of the two an array belongs to. CuPy is not imported before one of its arrays comes."""

from typing import Any

import numpy as np


def is_cupy(array: Any) -> bool:
    """Return whether this is a CuPy array, without importing CuPy."""
    return type(array).__module__.partition(".")[0] == "cupy"


def array_module(array: Any) -> Any:
    """Return the module, NumPy or CuPy, that an array belongs to."""
    if is_cupy(array):
        import cupy

        return cupy
    return np
