"""Operators on arrays that are known before the pixels: shapes, indices, weights that are computed from weights.

Each is a function of the node's attributes and its input arrays (None for one left out); the result's size is checked
before it is made.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from segalgo.models.graph.nodes import GraphError

MOST_CELLS = 2**24
"""Cells of the largest array that folding may make."""
DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float32",
    11: "float64", 12: "uint32", 13: "uint64", 16: "float32",
}  # fmt: skip
"""ONNX's numbers of dtypes; the half floats are computed in float32."""

Known = np.ndarray
Function = Callable[..., Any]


def _cast(a: Mapping[str, Any], x: Known) -> Known:
    if a["to"] not in DTYPES:
        raise GraphError(f"Cast to the type {a['to']}: expected numbers")
    with np.errstate(invalid="ignore", over="ignore"):
        return x.astype(DTYPES[a["to"]])


def axes_of(attributes: Mapping[str, Any], given: Known | None, rank: int) -> tuple[int, ...] | None:
    """Return the axes that an attribute or an input names, counted from the first; None if neither does."""
    axes = attributes.get("axes") if given is None else [int(k) for k in np.asarray(given).ravel()]
    if axes is None:
        return None
    if any(not -rank <= k < rank for k in axes):
        raise GraphError(f"axes {tuple(axes)} of an array of {rank} axes")
    return tuple(k % rank for k in axes)


def _squeeze(a: Mapping[str, Any], x: Known, axes: Known | None = None) -> Known:
    return x.squeeze(axes_of(a, axes, x.ndim))


def _unsqueeze(a: Mapping[str, Any], x: Known, axes: Known | None = None) -> Known:
    count = len(a["axes"] if axes is None else axes)
    return np.expand_dims(x, axes_of(a, axes, x.ndim + count))


def slices_of(
    attributes: Mapping[str, Any], given: Sequence[Known | None], shape: tuple[int, ...]
) -> tuple[list[int], list[int], list[int | None], list[int]]:
    """Return axes, starts, stops and steps as Python's slices have them."""
    if "starts" in attributes:
        starts, stops, axes, steps = attributes["starts"], attributes["ends"], attributes.get("axes"), None
    else:
        starts, stops, axes, steps = (
            None if v is None else [int(n) for n in np.asarray(v).ravel()] for v in (*given, None, None)[:4]
        )
    if starts is None or stops is None or len(starts) != len(stops):
        raise GraphError("Slice without as many starts as ends")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(axes) == len(steps) == len(starts) or any(not -len(shape) <= k < len(shape) for k in axes):
        raise GraphError(f"Slice of an array {shape}: axes {axes}, starts {starts}, steps {steps}")
    if 0 in steps:
        raise GraphError("Slice with a step of 0")
    ends: list[int | None] = []
    for k, (axis, stop, step) in enumerate(zip(axes, stops, steps, strict=True)):
        n = shape[axis]
        first = starts[k] + n if starts[k] < 0 else starts[k]
        last = stop + n if stop < 0 else stop
        if step > 0:
            starts[k], last = min(max(first, 0), n), min(max(last, 0), n)
        else:
            starts[k], last = min(max(first, 0), n - 1), min(max(last, -1), n - 1)
        ends.append(None if last < 0 else last)
    return [axis % len(shape) for axis in axes], list(starts), ends, steps


def _slice(a: Mapping[str, Any], x: Known, *given: Known | None) -> Known:
    parts = [slice(None)] * x.ndim
    for axis, start, stop, step in zip(*slices_of(dict(a), given, x.shape), strict=True):
        parts[axis] = slice(start, stop, step)
    return x[tuple(parts)]


def reshaped(shape: Sequence[int], x: tuple[int, ...], allowzero: bool = False) -> tuple[int, ...]:
    """Return the shape that Reshape gives an array: 0 keeps an axis, -1 takes what remains."""
    if len(shape) > 32 or any(n < -1 for n in shape) or (not allowzero and any(n == 0 for n in shape[len(x) :])):
        raise GraphError(f"Reshape of {x} to {tuple(shape)}")
    target = [x[k] if n == 0 and not allowzero else n for k, n in enumerate(shape)]
    known = math.prod(n for n in target if n != -1)
    if target.count(-1) > 1 or (-1 in target and (known == 0 or math.prod(x) % known)):
        raise GraphError(f"Reshape of {x} to {tuple(shape)}")
    target = [math.prod(x) // known if n == -1 else n for n in target]
    if math.prod(target) != math.prod(x):
        raise GraphError(f"Reshape of {x} to {tuple(shape)}: expected as many cells")
    return tuple(target)


def _reshape(a: Mapping[str, Any], x: Known, shape: Known | None = None) -> Known:
    target = a["shape"] if shape is None else [int(n) for n in shape]
    return x.reshape(reshaped(target, x.shape, bool(a.get("allowzero"))))


def _flatten(a: Mapping[str, Any], x: Known) -> Known:
    axis = a.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), -1)


def _bounded(shape: Sequence[int]) -> tuple[int, ...]:
    shape = tuple(int(n) for n in shape)
    if len(shape) > 32 or min(shape, default=0) < 0 or math.prod(max(n, 1) for n in shape) > MOST_CELLS:
        raise GraphError(f"an array of shape {shape}, computed from constants, is larger than {MOST_CELLS} cells")
    return shape


def _constant_of_shape(a: Mapping[str, Any], shape: Known) -> Known:
    value = np.asarray(a.get("value", np.zeros(1, np.float32)))
    return np.broadcast_to(value.reshape(-1)[:1].reshape(()), _bounded(shape))


def _expand(a: Mapping[str, Any], x: Known, shape: Known) -> Known:
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, _bounded(shape)))


def _tile(a: Mapping[str, Any], x: Known, repeats: Known) -> Known:
    _bounded([n * int(count) for n, count in zip(x.shape, repeats, strict=True)])
    return np.tile(x, tuple(int(n) for n in repeats))


def _range(a: Mapping[str, Any], start: Known, stop: Known, step: Known) -> Known:
    if not step:
        raise GraphError("Range with a step of 0")
    _bounded([max(math.ceil((float(stop) - float(start)) / float(step)), 0)])
    return np.arange(start.reshape(()), stop.reshape(()), step.reshape(()), dtype=start.dtype)


def _split(a: Mapping[str, Any], x: Known, sizes: Known | None = None) -> list[Known]:
    axis = a.get("axis", 0)
    parts = split_sizes(a, sizes, x.shape[axis])
    return np.split(x, np.cumsum(parts)[:-1], axis)


def split_sizes(attributes: Mapping[str, Any], given: Known | None, n: int) -> list[int]:
    """Return the sizes of the parts of an axis of n cells."""
    sizes = attributes.get("split") if given is None else [int(k) for k in given]
    if sizes is None:
        count = attributes.get("num_outputs") or attributes["outputs"]
        if not 1 <= count <= MOST_CELLS:
            raise GraphError(f"Split into {count} parts")
        size = -(-n // count)
        sizes = [max(min(size, n - k * size), 0) for k in range(count)]
    if sum(sizes) != n or min(sizes, default=0) < 0:
        raise GraphError(f"Split of {n} cells into {list(sizes)}")
    return list(sizes)


def _reduction(function: Callable[..., Known]) -> Function:
    def reduce(a: Mapping[str, Any], x: Known, axes: Known | None = None) -> Known:
        named = axes_of(a, axes, x.ndim)
        if not named and a.get("noop_with_empty_axes"):
            return x
        return np.asarray(function(x, axis=named or None, keepdims=bool(a.get("keepdims", 1))))

    return reduce


def _cellwise(function: Callable[..., Any]) -> Function:
    def compute(a: Mapping[str, Any], *arrays: Known) -> Known:
        _bounded(np.broadcast_shapes(*(x.shape for x in arrays)))
        with np.errstate(all="ignore"):
            return np.asarray(function(*arrays))

    return compute


def _divide(first: Known, second: Known) -> Known:
    if first.dtype.kind not in "iu":
        return first / second
    if not np.all(second):
        raise GraphError("Div of integers by 0")
    quotient = first // second
    # Towards 0, where Python's quotient goes down.
    return quotient + ((quotient < 0) & (quotient * second != first)).astype(first.dtype)


def _mod(a: Mapping[str, Any], x: Known, y: Known) -> Known:
    _bounded(np.broadcast_shapes(x.shape, y.shape))
    if x.dtype.kind in "iu" and not np.all(y):
        raise GraphError("Mod by 0")
    with np.errstate(all="ignore"):
        return np.fmod(x, y) if a.get("fmod") else np.mod(x, y)


def _concat(a: Mapping[str, Any], *arrays: Known) -> Known:
    _bounded([sum(x.size for x in arrays)])
    return np.concatenate(arrays, a["axis"])


def _pack(a: Mapping[str, Any], *arrays: Known) -> Known:
    return np.stack(arrays, a.get("axis", 0))


FOLDED: dict[str, Function] = {
    "Shape": lambda a, x: np.array(x.shape[a.get("start", 0) : a.get("end")], np.int64),
    "Size": lambda a, x: np.array(x.size, np.int64),
    "Identity": lambda a, x: x,
    "Cast": _cast,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Slice": _slice,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": lambda a, x: x.transpose(a.get("perm")),
    "Concat": _concat,
    "Pack": _pack,
    "Gather": lambda a, x, indices: np.take(x, indices.astype(np.int64), a.get("axis", 0)),
    "ConstantOfShape": _constant_of_shape,
    "Expand": _expand,
    "Tile": _tile,
    "Range": _range,
    "Split": _split,
    "ReduceProd": _reduction(np.prod),
    "ReduceSum": _reduction(np.sum),
    "ReduceMean": _reduction(np.mean),
    "ReduceMax": _reduction(np.max),
    "ReduceMin": _reduction(np.min),
    "Add": _cellwise(lambda x, y: x + y),
    "Sub": _cellwise(lambda x, y: x - y),
    "Mul": _cellwise(lambda x, y: x * y),
    "Div": _cellwise(_divide),
    "Mod": _mod,
    "Pow": _cellwise(lambda x, y: np.power(x.astype(np.float64), y).astype(x.dtype)),
    "Neg": _cellwise(np.negative),
    "Abs": _cellwise(np.abs),
    "Sqrt": _cellwise(np.sqrt),
    "Exp": _cellwise(np.exp),
    "Log": _cellwise(np.log),
    "Floor": _cellwise(np.floor),
    "Ceil": _cellwise(np.ceil),
    "Reciprocal": _cellwise(lambda x: (1 / x).astype(x.dtype)),
    "Equal": _cellwise(np.equal),
    "Less": _cellwise(np.less),
    "LessOrEqual": _cellwise(np.less_equal),
    "Greater": _cellwise(np.greater),
    "GreaterOrEqual": _cellwise(np.greater_equal),
    "Not": _cellwise(np.logical_not),
    "And": _cellwise(np.logical_and),
    "Or": _cellwise(np.logical_or),
    "Where": _cellwise(np.where),
    "Max": lambda a, *arrays: np.max(np.broadcast_arrays(*arrays), axis=0),
    "Min": lambda a, *arrays: np.min(np.broadcast_arrays(*arrays), axis=0),
}
ONLY_FOLDED = ("Size", "Range", "ConstantOfShape", "ReduceProd", "Equal", "Less", "LessOrEqual", "Greater")
ONLY_FOLDED += ("GreaterOrEqual", "Not", "And", "Or", "Mod", "Pack")
"""Operators that are computed for known arrays alone."""
DAMAGE = (ArithmeticError, LookupError, TypeError, ValueError)


def fold(node: Any, arrays: Sequence[Known | None]) -> list[Known]:
    """Return the outputs of a node for known inputs.

    Raises
    ------
    GraphError
        If the arrays do not fit the operator, or the result would be too large.
    """
    while arrays and arrays[-1] is None:
        arrays = arrays[:-1]
    attributes = {**node.attributes, "outputs": len(node.outputs)}
    try:
        result = FOLDED[node.operation](attributes, *arrays)
    except GraphError as error:
        raise GraphError(f"node {node}: {error}") from None
    except DAMAGE as error:
        raise GraphError(f"node {node} cannot be computed from its constants: {error}") from None
    return list(result) if isinstance(result, list) else [np.asarray(result)]
