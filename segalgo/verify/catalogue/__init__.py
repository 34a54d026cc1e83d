"""Cases, truth and bounds of every operation, one module a topic: each offers a tuple ``OPERATIONS``."""

from segalgo.verify.catalogue.inputs import (
    CELLS,
    FLOATS,
    INTEGERS,
    LARGE_CELLS,
    LARGE_PICTURES,
    LARGE_PLANES,
    PICTURES,
    PLANES,
    absolute,
    on_absolute,
    pair,
    works,
)

__all__ = [
    "CELLS",
    "FLOATS",
    "INTEGERS",
    "LARGE_CELLS",
    "LARGE_PICTURES",
    "LARGE_PLANES",
    "PICTURES",
    "PLANES",
    "absolute",
    "on_absolute",
    "pair",
    "works",
]
