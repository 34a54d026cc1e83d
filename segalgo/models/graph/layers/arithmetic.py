"""Records of arithmetic: functions of single cells, and of two arrays cell by cell.

Networks written by hand need few of them; graphs that other programs wrote are full of them. They are computed by the
functions of the array module, NumPy or CuPy.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from segalgo._core.arrays import array_module, is_cupy
from segalgo.models.graph.layer import Shape
from segalgo.models.graph.layers.families import Cellwise, Pairwise


class _Function(Cellwise):
    """Records of functions of one cell that count as one operation where they say nothing else."""

    multiplications_per_cell, flops_per_cell = 0, 1


# A function that maps 0 to a finite number may be computed on channel blocks, whose last one is filled up with zeros;
# functions that can grow without bound are not.


@dataclass(frozen=True)
class Tanh(_Function, operation="tanh"):
    """Hyperbolic tangent."""

    onnx = "Tanh"
    blocked = "cells"

    def compute(self, x: Any) -> Any:
        return array_module(x).tanh(x)


@dataclass(frozen=True)
class Exp(_Function, operation="exp"):
    """Exponential function."""

    onnx = "Exp"

    def compute(self, x: Any) -> Any:
        return array_module(x).exp(x)


@dataclass(frozen=True)
class Log(_Function, operation="log"):
    """Natural logarithm; -inf for 0, NaN for negative cells."""

    onnx = "Log"

    def compute(self, x: Any) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            return array_module(x).log(x)


@dataclass(frozen=True)
class Sqrt(_Function, operation="sqrt"):
    """Square root; NaN for negative cells."""

    onnx = "Sqrt"

    def compute(self, x: Any) -> Any:
        with np.errstate(invalid="ignore"):
            return array_module(x).sqrt(x)


@dataclass(frozen=True)
class Erf(_Function, operation="erf"):
    """Gaussian error function."""

    onnx = "Erf"

    def compute(self, x: Any) -> Any:
        if is_cupy(x):
            from cupyx.scipy.special import erf
        else:
            from scipy.special import erf
        return erf(x)


@dataclass(frozen=True)
class Absolute(_Function, operation="absolute"):
    """Absolute value."""

    onnx = "Abs"
    blocked = "cells"

    def compute(self, x: Any) -> Any:
        return array_module(x).abs(x)


@dataclass(frozen=True)
class Negative(_Function, operation="negative"):
    """The other sign."""

    onnx = "Neg"
    blocked = "cells"

    def compute(self, x: Any) -> Any:
        return -x


@dataclass(frozen=True)
class Reciprocal(_Function, operation="reciprocal"):
    """``1 / x``."""

    onnx = "Reciprocal"

    def compute(self, x: Any) -> Any:
        with np.errstate(divide="ignore"):
            return 1 / x


@dataclass(frozen=True)
class Floor(_Function, operation="floor"):
    """The largest integer that is not larger."""

    onnx = "Floor"
    blocked = "cells"

    def compute(self, x: Any) -> Any:
        return array_module(x).floor(x)


@dataclass(frozen=True)
class Ceil(_Function, operation="ceil"):
    """The smallest integer that is not smaller."""

    onnx = "Ceil"
    blocked = "cells"

    def compute(self, x: Any) -> Any:
        return array_module(x).ceil(x)


@dataclass(frozen=True)
class Elu(_Function, operation="elu"):
    """``alpha * (exp(x) - 1)`` in place of negative cells."""

    onnx = "Elu"
    blocked = "cells"
    flops_per_cell = 3

    alpha: float = 1.0

    def compute(self, x: Any) -> Any:
        xp = array_module(x)
        return xp.where(x > 0, x, x.dtype.type(self.alpha) * xp.expm1(xp.minimum(x, 0)))


@dataclass(frozen=True)
class Softplus(_Function, operation="softplus"):
    """``log(1 + exp(x))``."""

    onnx = "Softplus"
    flops_per_cell = 3

    def compute(self, x: Any) -> Any:
        xp = array_module(x)
        return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


@dataclass(frozen=True)
class Clip(_Function, operation="clip"):
    """Cells limited to `minimum` to `maximum`; None is no limit. NaN stays NaN."""

    onnx = "Clip"
    flops_per_cell = 2
    blocked = "cells"

    minimum: float | None = None
    maximum: float | None = None

    def compute(self, x: Any) -> Any:
        xp = array_module(x)
        if self.minimum is not None:
            x = xp.maximum(x, x.dtype.type(self.minimum))
        return x if self.maximum is None else xp.minimum(x, x.dtype.type(self.maximum))


@dataclass(frozen=True)
class Scale(_Function, operation="scale"):
    """``x * factor + offset``, two numbers for all cells."""

    onnx = "Mul"
    blocked = "cells"

    factor: float = 1.0
    offset: float = 0.0

    def compute(self, x: Any) -> Any:
        if self.factor != 1:
            x = x * x.dtype.type(self.factor)
        return x + x.dtype.type(self.offset) if self.offset != 0 else x

    def multiplications(self, x: Shape) -> int:
        return math.prod(x) * (self.factor != 1)

    def flops(self, x: Shape) -> int:
        return math.prod(x) * ((self.factor != 1) + (self.offset != 0))


@dataclass(frozen=True)
class Power(_Function, operation="power"):
    """``x ** exponent``, one exponent for all cells."""

    onnx = "Pow"

    exponent: float

    def compute(self, x: Any) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            return x * x if self.exponent == 2 else x ** x.dtype.type(self.exponent)

    def multiplications(self, x: Shape) -> int:
        return math.prod(x)


class _OfTwo(Pairwise):
    """Records of layers that combine two arrays cell by cell; an axis of one cell is repeated."""

    blocked = None
    function: ClassVar[Callable[[Any, Any, Any], Any]]

    def compute(self, first: Any, second: Any) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            return type(self).function(array_module(first), first, second)

    def multiplications(self, first: Shape, second: Shape) -> int:
        return 0


@dataclass(frozen=True)
class Subtract(_OfTwo, operation="subtract"):
    """Difference of two arrays."""

    onnx = "Sub"
    blocked = "cells"
    function = staticmethod(lambda xp, first, second: first - second)


@dataclass(frozen=True)
class Divide(_OfTwo, operation="divide"):
    """Quotient of two arrays."""

    onnx = "Div"
    blocked = None
    function = staticmethod(lambda xp, first, second: first / second)

    def multiplications(self, first: Shape, second: Shape) -> int:
        return self.flops(first, second)


@dataclass(frozen=True)
class Maximum(_OfTwo, operation="maximum"):
    """The larger one of two arrays, cell by cell; NaN where either is NaN."""

    onnx = "Max"
    blocked = "cells"
    function = staticmethod(lambda xp, first, second: xp.maximum(first, second))


@dataclass(frozen=True)
class Minimum(_OfTwo, operation="minimum"):
    """The smaller one of two arrays, cell by cell; NaN where either is NaN."""

    onnx = "Min"
    blocked = "cells"
    function = staticmethod(lambda xp, first, second: xp.minimum(first, second))
