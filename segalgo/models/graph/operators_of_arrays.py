"""Operators on arrays of any rank: functions of cells, arithmetic, products of matrices, shapes and parts."""

import math
from typing import Any

import numpy as np

from segalgo.models.graph.folding import axes_of, reshaped, slices_of, split_sizes
from segalgo.models.graph.lowering import Lowering, operator
from segalgo.models.graph.nodes import GraphError, Node

# Functions of single cells

PLAIN = {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "HardSwish": "hardswish",
    "Tanh": "tanh",
    "Exp": "exp",
    "Log": "log",
    "Sqrt": "sqrt",
    "Erf": "erf",
    "Abs": "absolute",
    "Neg": "negative",
    "Reciprocal": "reciprocal",
    "Floor": "floor",
    "Ceil": "ceil",
    "Softplus": "softplus",
}


@operator(*PLAIN)
def _plain(g: Lowering, node: Node) -> Any:
    return getattr(g.layers, PLAIN[node.operation])(g.value(node, 0), g.name_of(node))


@operator("LeakyRelu")
def _leaky_relu(g: Lowering, node: Node) -> Any:
    return g.layers.leaky_relu(g.value(node, 0), g.name_of(node), float(node.attributes.get("alpha", 0.01)))


@operator("Elu")
def _elu(g: Lowering, node: Node) -> Any:
    return g.layers.elu(g.value(node, 0), g.name_of(node), float(node.attributes.get("alpha", 1.0)))


@operator("Gelu")
def _gelu(g: Lowering, node: Node) -> Any:
    return g.layers.gelu(g.value(node, 0), g.name_of(node), node.attributes.get("approximate", "none"))


@operator("HardSigmoid")
def _hard_sigmoid(g: Lowering, node: Node) -> Any:
    x, name = g.value(node, 0), g.name_of(node)
    alpha, beta = float(node.attributes.get("alpha", 0.2)), float(node.attributes.get("beta", 0.5))
    if abs(alpha - 1 / 6) < 1e-7 and beta == 0.5:
        return g.layers.hardsigmoid(x, name)
    return g.layers.clip(g.layers.scale(x, g.name(f"{name}_line"), alpha, beta), name, 0.0, 1.0)


@operator("Clip")
def _clip(g: Lowering, node: Node) -> Any:
    limits = [node.attributes.get("min"), node.attributes.get("max")]
    for k in (1, 2):
        if g.given(node, k):
            limits[k - 1] = float(g.array(node, k).reshape(-1)[0])
    # Files write "no limit" as the largest number of single precision.
    lowest, highest = (None if v is None or abs(v) >= 3.4028234e38 else float(v) for v in limits)
    x, name = g.value(node, 0), g.name_of(node)
    if (lowest, highest) == (0, None):
        return g.layers.relu(x, name)
    if (lowest, highest) == (0, 6):
        return g.layers.relu6(x, name)
    return g.layers.clip(x, name, lowest, highest)


@operator("PRelu")
def _prelu(g: Lowering, node: Node) -> Any:
    x, name = g.value(node, 0), g.name_of(node, 1)
    slope = g.weight(node, 1) if g.is_known(node, 1) else None
    rank = len(x.shape)
    if slope is not None and slope.size == 1:
        g.own(name, weight=slope.reshape(1))
        return g.layers.prelu(x, name, 1)
    if slope is not None and rank > 1:
        shape = (1,) * (rank - slope.ndim) + slope.shape
        if shape == (1, x.shape[1], *(1,) * (rank - 2)):
            g.own(name, weight=slope.reshape(-1))
            return g.layers.prelu(x, name, x.shape[1])
    above, below = g.layers.relu(x, name), g.layers.clip(x, g.name(f"{name}_below"), None, 0.0)
    below = g.layers.multiply(below, g.value(node, 1), g.name(f"{name}_slope"))
    return g.layers.add(above, below, g.name(f"{name}_sum"))


@operator("Dropout", "Identity")
def _identity(g: Lowering, node: Node) -> Any:
    if node.operation == "Dropout" and g.given(node, 2) and g.array(node, 2).any():
        raise GraphError("dropout in training")
    return g.value(node, 0)


FLOATS, INTEGERS = (1, 10, 11, 16), (2, 3, 4, 5, 6, 7, 12, 13)


@operator("Cast")
def _cast(g: Lowering, node: Node) -> Any:
    x, to = g.value(node, 0), node.attributes["to"]
    whole = node.attributes.get("whole_input")
    if to in FLOATS or whole:
        return x
    if to not in INTEGERS:
        raise GraphError(f"Cast to the type {to} of something computed from the picture")
    # Towards 0: the larger of floor and the smaller of ceil that lie beside 0.
    name = g.name_of(node)
    below = g.layers.ceil(g.layers.clip(x, g.name(f"{name}_below"), None, 0.0), g.name(f"{name}_ceil"))
    above = g.layers.floor(g.layers.clip(x, g.name(f"{name}_above"), 0.0, None), g.name(f"{name}_floor"))
    return g.layers.add(below, above, name)


# Arithmetic

PAIRWISE = {"Add": "add", "Sub": "subtract", "Mul": "multiply", "Div": "divide", "Max": "maximum", "Min": "minimum"}


@operator("Add", "Sub", "Mul", "Div")
def _arithmetic(g: Lowering, node: Node) -> Any:
    operation, name = node.operation, g.name_of(node)
    known = [k for k in (0, 1) if g.is_known(node, k)]
    number = g.number(node, known[0]) if len(known) == 1 else None
    other = g.shape(node, 1 - known[0]) if number is not None else ()
    if number is not None and len(g.shape(node, known[0])) <= len(other) and math.isfinite(number):
        x = g.value(node, 1 - known[0])
        if operation == "Add":
            return g.layers.scale(x, name, 1.0, number)
        if operation == "Mul":
            return g.layers.scale(x, name, number)
        if operation == "Sub":
            return g.layers.scale(x, name, 1.0, -number) if known == [1] else g.layers.scale(x, name, -1.0, number)
        if known == [1] and number and math.frexp(number)[0] in (0.5, -0.5):  # a power of two: the same bits
            return g.layers.scale(x, name, 1 / number)
    return getattr(g.layers, PAIRWISE[operation])(g.value(node, 0), g.value(node, 1), name)


@operator("Max", "Min", "Sum", "Mean")
def _several(g: Lowering, node: Node) -> Any:
    operation = {**PAIRWISE, "Sum": "add", "Mean": "add"}[node.operation]
    total, name = g.value(node, 0), g.name_of(node)
    for k in range(1, len(node.inputs)):
        part = name if k == len(node.inputs) - 1 else g.name(f"{name}_{k}")
        total = getattr(g.layers, operation)(total, g.value(node, k), part)
    return g.layers.scale(total, g.name(f"{name}_mean"), 1 / len(node.inputs)) if node.operation == "Mean" else total


@operator("Pow")
def _power(g: Lowering, node: Node) -> Any:
    exponent = g.number(node, 1)
    if exponent is None:
        raise GraphError("an exponent for each cell: expected one number")
    x, name = g.value(node, 0), g.name_of(node)
    return g.layers.sqrt(x, name) if exponent == 0.5 else g.layers.power(x, name, exponent)


# Products of matrices


@operator("Gemm")
def _gemm(g: Lowering, node: Node) -> Any:
    a, name = node.attributes, g.name_of(node, 1)
    alpha, beta = float(a.get("alpha", 1.0)), float(a.get("beta", 1.0))
    x = g.value(node, 0)
    if len(x.shape) != 2:
        raise GraphError(f"an input of shape {tuple(x.shape)}: expected a matrix")
    if a.get("transA"):
        x = g.transposed(x, (1, 0), f"{name}_input")
    has_bias = g.given(node, 2)
    columns = g.shape(node, 1)[0 if a.get("transB") else 1]
    row = has_bias and g.is_known(node, 2) and g.shape(node, 2) in ((columns,), (1, columns))
    if g.is_known(node, 1):
        weight = g.weight(node, 1) if alpha == 1 else g.array(node, 1) * np.float32(alpha)
        weight = weight if a.get("transB") else weight.T
        if row:
            bias = g.weight(node, 2) if beta == 1 else g.array(node, 2) * np.float32(beta)
            g.own(name, weight=weight, bias=bias.reshape(-1))
            return g.layers.linear(x, name, columns, True)
        g.own(name, weight=weight)
        y = g.layers.linear(x, name, columns, False)
    else:
        y = g.layers.matmul(x, g.value(node, 1), name, bool(a.get("transB")), alpha)
    if not has_bias or beta == 0:
        return y
    summand = g.value(node, 2)
    if beta != 1:
        summand = g.layers.scale(summand, g.name(f"{name}_beta"), beta)
    return g.layers.add(y, summand, g.name(f"{name}_sum"))


@operator("MatMul")
def _matmul(g: Lowering, node: Node) -> Any:
    name, first, second = g.name_of(node, 1), g.shape(node, 0), g.shape(node, 1)
    if 0 in (len(first), len(second)):
        raise GraphError(f"arrays of shapes {first} and {second}: expected at least one axis")
    x = g.value(node, 0)
    if len(first) == 1:
        x = g.reshaped(x, (1, *first), f"{name}_row")
    if g.is_known(node, 1) and len(second) == 2:
        g.own(name, weight=g.weight(node, 1).T)
        y = g.layers.linear(x, name, second[1], False)
    else:
        other = g.value(node, 1)
        if len(second) == 1:
            other = g.reshaped(other, (*second, 1), f"{name}_column")
        y = g.layers.matmul(x, other, name)
    shape = list(y.shape)
    if len(second) == 1:
        del shape[-1]
    if len(first) == 1:
        del shape[len(shape) - (1 if len(second) == 1 else 2)]
    return g.reshaped(y, shape, f"{name}_shape")


@operator("Softmax")
def _softmax(g: Lowering, node: Node) -> Any:
    x, name = g.value(node, 0), g.name_of(node)
    shape = tuple(x.shape)
    axis = node.attributes.get("axis", -1 if g.graph.opset >= 13 else 1)
    if g.graph.opset >= 13 or axis % len(shape) == len(shape) - 1:
        return g.layers.softmax(x, name, axis)
    # Before version 13 all axes from this one on are one.
    axis %= len(shape)
    x = g.reshaped(x, (math.prod(shape[:axis]), math.prod(shape[axis:])), f"{name}_matrix")
    return g.reshaped(g.layers.softmax(x, name, 1), shape, f"{name}_shape")


@operator("LogSoftmax")
def _log_softmax(g: Lowering, node: Node) -> Any:
    name = g.name_of(node)
    return g.layers.log(_softmax(g, node), g.name(f"{name}_log"))


# Shapes and parts


@operator("Transpose")
def _transpose(g: Lowering, node: Node) -> Any:
    x = g.value(node, 0)
    axes = node.attributes.get("perm") or range(len(x.shape))[::-1]
    return x if list(axes) == list(range(len(x.shape))) else g.transposed(x, axes, node.name)


@operator("Reshape")
def _reshape(g: Lowering, node: Node) -> Any:
    x = g.value(node, 0)
    target = list(node.attributes["shape"]) if not g.given(node, 1) else [int(n) for n in g.array(node, 1)]
    batch = g.graph.input_shape[0] in (1, None)
    if batch and target and target[0] == 1 and len(x.shape) and x.shape[0] != 1:
        target[0] = x.shape[0]  # a file for one picture, run with several
    return g.reshaped(x, reshaped(target, tuple(x.shape), bool(node.attributes.get("allowzero"))), node.name)


@operator("Flatten")
def _flatten(g: Lowering, node: Node) -> Any:
    x, axis = g.value(node, 0), node.attributes.get("axis", 1)
    axis = axis + len(x.shape) if axis < 0 else axis
    return g.reshaped(x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])), node.name)


@operator("Squeeze")
def _squeeze(g: Lowering, node: Node) -> Any:
    x = g.value(node, 0)
    axes = axes_of(node.attributes, g.array(node, 1) if g.given(node, 1) else None, len(x.shape))
    if axes is None:
        axes = tuple(k for k, n in enumerate(x.shape) if n == 1)
    if any(x.shape[k] != 1 for k in axes):
        raise GraphError(f"axes {axes} of an array {tuple(x.shape)}: expected axes of one cell")
    return g.reshaped(x, [n for k, n in enumerate(x.shape) if k not in axes], node.name)


@operator("Unsqueeze")
def _unsqueeze(g: Lowering, node: Node) -> Any:
    x, given = g.value(node, 0), g.array(node, 1) if g.given(node, 1) else None
    count = len(node.attributes["axes"] if given is None else given)
    axes = axes_of(node.attributes, given, len(x.shape) + count)
    shape = list(x.shape)
    for axis in sorted(axes or ()):
        shape.insert(axis, 1)
    return g.reshaped(x, shape, node.name)


@operator("Concat")
def _concat(g: Lowering, node: Node) -> Any:
    values = [g.value(node, k) for k in range(len(node.inputs))]
    if len(values) == 1:
        return values[0]
    axis = node.attributes.get("axis", 1)
    return g.layers.concatenate(*values, g.name_of(node), axis % len(values[0].shape))


@operator("Split")
def _split(g: Lowering, node: Node) -> Any:
    x = g.value(node, 0)
    axis = node.attributes.get("axis", 0) % len(x.shape)
    given = g.array(node, 1) if g.given(node, 1) else None
    sizes = split_sizes({**node.attributes, "outputs": len(node.outputs)}, given, x.shape[axis])
    ends = np.cumsum(sizes).tolist()
    return tuple(
        g.layers.slice(x, g.name(f"{node.name}_{k}"), (axis,), (end - size,), (end,))
        for k, (size, end) in enumerate(zip(sizes, ends, strict=True))
    )


@operator("Slice")
def _slice(g: Lowering, node: Node) -> Any:
    x = g.value(node, 0)
    given = [g.array(node, k) if g.given(node, k) else None for k in range(1, 5)]
    axes, starts, stops, steps = slices_of(node.attributes, given, tuple(x.shape))
    name = g.name_of(node)
    if len(x.shape) == 4 and set(axes) <= {2, 3} and set(steps) <= {1}:
        corner, size = [0, 0], list(x.shape[2:])
        for axis, start, stop in zip(axes, starts, stops, strict=True):
            corner[axis - 2], size[axis - 2] = start, max((stop or 0) - start, 0)
        return x if size == list(x.shape[2:]) else g.layers.crop(x, name, tuple(size), tuple(corner))
    unit = tuple(steps) if set(steps) != {1} else None
    return g.layers.slice(x, name, tuple(axes), tuple(starts), tuple(stops), unit)


@operator("Gather")
def _gather(g: Lowering, node: Node) -> Any:
    x, indices = g.value(node, 0), g.array(node, 1)
    axis = node.attributes.get("axis", 0) % len(x.shape)
    if indices.size > 2**16:
        raise GraphError(f"{indices.size} indices: expected at most {2**16}")
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    y = g.layers.take(x, g.name_of(node), tuple(int(k) for k in indices.ravel()), axis)
    return g.reshaped(y, shape, f"{node.name}_shape")


@operator("Expand")
def _expand(g: Lowering, node: Node) -> Any:
    x, shape = g.value(node, 0), tuple(int(n) for n in g.array(node, 1))
    target = np.broadcast_shapes(tuple(x.shape), shape)
    return x if target == tuple(x.shape) else g.layers.expand(x, g.name_of(node), target)


@operator("Tile")
def _tile(g: Lowering, node: Node) -> Any:
    return g.layers.tile(g.value(node, 0), g.name_of(node), tuple(int(n) for n in g.array(node, 1)))


REDUCTIONS = {
    "ReduceMean": "reduce_mean",
    "ReduceSum": "reduce_sum",
    "ReduceMax": "reduce_max",
    "ReduceMin": "reduce_min",
}


@operator(*REDUCTIONS)
def _reduce(g: Lowering, node: Node) -> Any:
    x, a = g.value(node, 0), node.attributes
    axes = axes_of(a, g.array(node, 1) if g.given(node, 1) else None, len(x.shape))
    if not axes:
        if a.get("noop_with_empty_axes"):
            return x
        axes = tuple(range(len(x.shape)))
    keepdims, name = bool(a.get("keepdims", 1)), g.name_of(node)
    if node.operation == "ReduceMean" and sorted(axes) == [2, 3] and len(x.shape) == 4:
        y = g.layers.adaptive_avg_pool2d(x, name, 1)
        return y if keepdims else g.reshaped(y, x.shape[:2], f"{name}_shape")
    return getattr(g.layers, REDUCTIONS[node.operation])(x, name, tuple(sorted(axes)), keepdims)


@operator("ArgMax")
def _argmax(g: Lowering, node: Node) -> Any:
    a = node.attributes
    if a.get("select_last_index"):
        raise GraphError("select_last_index=1: expected the first of equal cells")
    return g.layers.argmax(g.value(node, 0), g.name_of(node), a.get("axis", 0), bool(a.get("keepdims", 1)))


@operator("DepthToSpace", "SpaceToDepth")
def _blocks(g: Lowering, node: Node) -> Any:
    x, a, name = g.value(node, 0), node.attributes, g.name_of(node)
    n, c, h, w = x.shape
    b = a["blocksize"]
    if not 1 <= b <= 2**15:
        raise GraphError(f"blocksize={b}: expected at least 1")
    rows = a.get("mode", "DCR") == "DCR"
    if node.operation == "SpaceToDepth":
        if h % b or w % b:
            raise GraphError(f"blocksize={b} of {h} x {w} cells")
        x = g.layers.reshape(x, g.name(f"{name}_apart"), (n, c, h // b, b, w // b, b))
        x = g.transposed(x, (0, 3, 5, 1, 2, 4) if rows else (0, 1, 3, 5, 2, 4), name)
        return g.layers.reshape(x, g.name(f"{name}_joined"), (n, c * b * b, h // b, w // b))
    if c % (b * b):
        raise GraphError(f"blocksize={b} of {c} channels")
    apart = (n, b, b, c // b**2, h, w) if rows else (n, c // b**2, b, b, h, w)
    x = g.layers.reshape(x, g.name(f"{name}_apart"), apart)
    x = g.transposed(x, (0, 3, 4, 1, 5, 2) if rows else (0, 1, 4, 2, 5, 3), name)
    return g.layers.reshape(x, g.name(f"{name}_joined"), (n, c // b**2, h * b, w * b))
