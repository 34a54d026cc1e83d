"""What the record of a layer must say. The records themselves are in `segalgo.models.graph.layers`.

A record is a frozen dataclass: its fields are the layer's options, its methods and class attributes say everything
that computing, describing, `summary`, `trace`, tiles and plans have to know. A record that lacks a part raises
TypeError when its module is imported.
"""

import math
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, ClassVar

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Parameter:
    """One array that a layer owns: its shape, and its value before training."""

    shape: Shape
    products: int | None = None
    """Products that meet in an output cell: fresh values are normal, of variance 2 / products (He et al. 2015)."""
    constant: float = 0.0
    """The fresh value where `products` is None."""
    trained: bool = True
    """False for statistics, such as the mean of batch normalization, which `summary` does not count."""


@dataclass(frozen=True)
class Reach:
    """Along one axis: output cell j depends on the input cells ``ceil(j*step + first)`` to ``floor(j*step + last)``."""

    step: Fraction = Fraction(1)
    first: Fraction = Fraction(0)
    last: Fraction = Fraction(0)
    repeats: bool = False
    """Whether cells outside the map are replaced by cells inside it (mirrored, clamped) and not by a constant."""

    def read(self, low: int, high: int) -> tuple[int, int]:
        """Return the input cells that a run of output cells reads, in a map without end."""
        return math.ceil(low * self.step + self.first), math.floor(high * self.step + self.last)


@dataclass(frozen=True)
class Unbounded:
    """Said in place of a `Reach` where no part of the input is enough for a part of the output."""

    reason: str


CELL = Reach()
"""The reach of a layer that computes every cell from the cell at the same place."""
WHOLE_MAP = Unbounded("it reads its whole input")
MOVED_AXES = Unbounded("it moves or joins the axes of the picture")

LAYERS: dict[str, type["Layer"]] = {}
"""Every record by the name of its operation, which is also the method's name in ``forward(layers, x)``."""

PARTS = ("onnx", "blocked", "inputs", "compute", "output_shape", "parameters", "multiplications", "flops", "reach")


class Layer:
    """Base of the records; ``class Conv2d(Layer, operation="conv2d")`` registers one."""

    operation: ClassVar[str]
    onnx: ClassVar[str]
    """Name of the operator in ONNX that computes this, or the part of it that this layer is."""
    blocked: ClassVar[str | None]
    """How a plan computes it on channel blocks: "kernel" (it has its own), "cells" (by `compute`, on the blocks as they
    are), or None (on planes, by `compute`)."""
    inputs: ClassVar[int | None]
    """Number of inputs; None for any number."""

    needs: ClassVar[dict[str, str]] = {}
    """Parts that a family asks of its records, with the method that reads them: a record may write that itself."""
    extents: ClassVar[tuple[str, ...]] = ()
    """Options whose values follow the size of the picture."""
    index_inputs: ClassVar[tuple[int, ...]] = ()
    """Places of the inputs that are indices of `max_pool2d`."""
    samples: ClassVar[bool] = False
    """Whether `compute` also takes `rng`, a random generator or None."""

    def __init_subclass__(cls, operation: str | None = None, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if operation is None:  # a family of records
            return
        missing = [part for part in PARTS if not hasattr(cls, part)]
        missing += [part for part, method in cls.needs.items() if method not in vars(cls) and not hasattr(cls, part)]
        if not vars(cls).get("__doc__"):
            missing.append("a docstring")
        if missing:
            raise TypeError(f"record of the layer {operation}: {', '.join(missing)} missing")
        if operation in LAYERS:
            raise TypeError(f"record of the layer {operation}: there is one already, {LAYERS[operation].__name__}")
        cls.operation = operation
        LAYERS[operation] = cls

    # Every record has, with `shapes` those of its inputs:
    #   compute(*arrays, **parameters)   the result, by public functions of segalgo
    #   output_shape(*shapes)            the shape of the (first) output
    #   parameters(*shapes)              dict of name in the layer ("weight") to Parameter
    #   multiplications(*shapes)         number of products
    #   flops(*shapes)                   number of additions, products, comparisons
    #   reach(axis, *shapes)             Reach or Unbounded along axis 2 (rows) or 3 (columns)

    @property
    def options(self) -> dict[str, Any]:
        """Return the options by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def output_names(self, name: str) -> tuple[str, ...]:
        """Return the names of the arrays that the layer of this name writes."""
        return (name,)

    def cells_read(self, *shapes: Shape) -> int:
        """Return how many cells of its inputs it reads."""
        return sum(map(math.prod, shapes))
