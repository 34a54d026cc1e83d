"""Operators of TensorFlow Lite in the neutral form: options read, axes from (N, H, W, C) to (N, C, H, W)."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from segalgo.models.files.weights_error import RefusedError, quoted
from segalgo.models.graph.nodes import Node

TO_NCHW = (0, 3, 1, 2)
TO_NHWC = (0, 2, 3, 1)
AXIS = (0, 2, 3, 1)
"""Where an axis of (N, H, W, C) lies in (N, C, H, W)."""
ACTIVATIONS = {
    1: ("Relu", {}),
    2: ("Clip", {"min": -1.0, "max": 1.0}),
    3: ("Clip", {"min": 0.0, "max": 6.0}),
    4: ("Tanh", {}),
}
SAME = {0: "SAME_UPPER", 1: "VALID"}
CUSTOM_SAME = {1: "SAME_UPPER", 2: "VALID"}  # TfLitePadding, in options of custom operators
OPTIONS = {
    "ADD": "AddOptions",
    "SUB": "SubOptions",
    "MUL": "MulOptions",
    "DIV": "DivOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "CONCATENATION": "ConcatenationOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "SOFTMAX": "SoftmaxOptions",
    "RESHAPE": "ReshapeOptions",
    "SQUEEZE": "SqueezeOptions",
    "MEAN": "ReducerOptions",
    "SUM": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "GELU": "GeluOptions",
    "MIRROR_PAD": "MirrorPadOptions",
    "SPLIT": "SplitOptions",
    "GATHER": "GatherOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "SPACE_TO_DEPTH": "SpaceToDepthOptions",
    "CAST": "CastOptions",
    "PACK": "PackOptions",
}


class Reading:
    """What has been read of a file: nodes, constants, and the shapes of its tensors as the file has them."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, np.ndarray] = {}
        self.names: list[str] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.faults: dict[str, str] = {}
        """Tensors that cannot be computed with here, and why."""
        self._count = 0

    def emit(self, operation: str, name: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> None:
        """Add a node."""
        self.nodes.append(Node(operation, name, tuple(inputs), tuple(outputs), attributes))

    def new(self, near: str) -> str:
        """Return a name that no tensor of the file has."""
        self._count += 1
        return f"{near}//{self._count}"

    def constant(self, array: Any, near: str, dtype: Any = np.int64) -> str:
        """Return the name of a new constant."""
        name = self.new(near)
        self.constants[name] = np.asarray(array, dtype)
        return name

    def rank(self, name: str) -> int:
        """Return the number of axes of a tensor."""
        return len(self.shapes[name])

    def known(self, name: str, kind: str) -> np.ndarray:
        """Return a constant that the operator needs to know."""
        if name not in self.constants:
            raise RefusedError(f"operator {kind}: its input {quoted(name)} is computed, expected a constant")
        return self.constants[name]

    def maps(self, name: str) -> str:
        """Return a tensor as an operator on cells reads it: constants of four axes as (N, C, H, W)."""
        if name in self.constants and self.rank(name) == 4:
            moved = f"{name}//maps"
            if moved not in self.constants:
                self.constants[moved] = np.ascontiguousarray(self.constants[name].transpose(TO_NCHW))
                self.shapes[moved] = self.shapes[name]
            return moved
        return name

    def in_file_order(self, name: str) -> str:
        """Return a tensor in the file's order of axes."""
        if self.rank(name) != 4 or name in self.constants:
            return name
        moved = self.new(name)
        self.emit("Transpose", moved, [name], [moved], perm=list(TO_NHWC))
        return moved

    def from_file_order(self, node: str, output: str) -> str:
        """Return the name under which a node writes a tensor in the file's order; it is brought into ours after it."""
        return self.new(output) if self.rank(output) == 4 else output

    def settle(self, written: str, output: str) -> None:
        """Bring what was written under the name of `from_file_order` into our order."""
        if written != output:
            self.emit("Transpose", f"{output}_maps", [written], [output], perm=list(TO_NCHW))


Reader = Callable[[Reading, str, str, list[str], list[str], Any, bytes], None]


def read_operator(
    r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], options: Any, custom: bytes
) -> None:
    """Add the nodes of one operator; one that is not known becomes a node of its own name, which is refused later."""
    for tensor in (*inputs, *outputs):
        if tensor in r.faults:
            kind = f"{kind} with {r.faults[tensor]}"
    function = READERS.get(kind)
    if function is None:
        r.emit(kind, name, [tensor for tensor in inputs if tensor], outputs)
        return
    activation = options.FusedActivationFunction() if hasattr(options, "FusedActivationFunction") else 0
    if not activation:
        function(r, kind, name, inputs, outputs, options, custom)
        return
    if activation not in ACTIVATIONS:
        r.emit(f"{kind} with the activation {activation}", name, inputs, outputs)
        return
    before = r.new(outputs[0])
    r.shapes[before] = r.shapes[outputs[0]]
    function(r, kind, name, inputs, [before], options, custom)
    operation, attributes = ACTIVATIONS[activation]
    r.emit(operation, f"{name}_{operation.lower()}", [before], outputs, **attributes)


# Convolution and pooling


def _conv(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    weight = r.new(inputs[1])
    depthwise = kind == "DEPTHWISE_CONV_2D"
    group = 1
    if depthwise:  # (1, H, W, O)
        group = max(r.shapes[inputs[0]][3], 1)
    elif r.rank(inputs[1]) == 4:
        group = max(r.shapes[inputs[0]][3] // max(r.shapes[inputs[1]][3], 1), 1)
    # The weights may be widened from half floats by a node before.
    perm = [3, 0, 1, 2] if depthwise else list(TO_NCHW)
    _move(r, inputs[1], weight, perm)
    r.emit(
        "Conv",
        name,
        [inputs[0], weight, *inputs[2:3]],
        outputs,
        auto_pad=SAME[o.Padding()],
        strides=[o.StrideH(), o.StrideW()],
        dilations=[o.DilationHFactor(), o.DilationWFactor()],
        group=group,
    )


def _move(r: Reading, source: str, target: str, perm: list[int]) -> None:
    """Write a constant, or what becomes one, with its axes in another order."""
    if source in r.constants:
        if r.constants[source].ndim != 4:
            raise RefusedError(f"weights {quoted(source)} of {r.constants[source].ndim} axes: expected 4")
        r.constants[target] = np.ascontiguousarray(r.constants[source].transpose(perm))
        r.shapes[target] = r.constants[target].shape
    else:
        r.emit("Transpose", target, [source], [target], perm=perm)


def _transpose_conv(
    r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes
) -> None:
    weight = r.new(inputs[1])
    _move(r, inputs[1], weight, [3, 0, 1, 2])
    size = [int(n) for n in r.known(inputs[0], kind)[1:3]]
    strides = [o.StrideH(), o.StrideW()]
    reads = [inputs[2], weight, *inputs[3:4]]
    r.emit("ConvTranspose", name, reads, outputs, strides=strides, output_shape=size)


def _transpose_conv_bias(
    r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes
) -> None:
    padding, columns, rows = struct.unpack_from("<3i", custom)
    weight = r.new(inputs[1])
    _move(r, inputs[1], weight, [3, 0, 1, 2])
    attributes = {"strides": [rows, columns], "auto_pad": CUSTOM_SAME[padding]}
    r.emit("ConvTranspose", name, [inputs[0], weight, inputs[2]], outputs, **attributes)


def _pool(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    operation = {"AVERAGE_POOL_2D": "AveragePool", "MAX_POOL_2D": "MaxPool"}[kind]
    attributes = {"kernel_shape": [o.FilterHeight(), o.FilterWidth()], "strides": [o.StrideH(), o.StrideW()]}
    r.emit(operation, name, inputs, outputs, auto_pad=SAME[o.Padding()], **attributes)


def _argmax_pool(
    r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes
) -> None:
    padding, columns, rows, width, height = struct.unpack_from("<5i", custom)
    attributes = {"kernel_shape": [height, width], "strides": [rows, columns], "auto_pad": CUSTOM_SAME[padding]}
    r.emit("MaxPool", name, inputs, outputs, **attributes)


def _unpool(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    _, columns, rows, width, height = struct.unpack_from("<5i", custom)
    size = [int(n) for n in r.shapes[outputs[0]][1:3]]
    attributes = {"kernel_shape": [height, width], "strides": [rows, columns]}
    r.emit("MaxUnpool", name, inputs, outputs, **attributes, **({"size": size} if min(size, default=0) > 0 else {}))


def _resize(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    linear = kind == "RESIZE_BILINEAR"
    corners, half = o.AlignCorners(), o.HalfPixelCenters()
    coordinates = "align_corners" if corners else "half_pixel" if half else "asymmetric"
    nearest = "round_prefer_ceil" if corners else "floor"
    if half and not linear:
        coordinates = "tf_half_pixel_for_nn"
    sizes = r.constant(r.known(inputs[1], kind), name)
    r.emit(
        "Resize",
        name,
        [inputs[0], "", "", sizes],
        outputs,
        mode="linear" if linear else "nearest",
        coordinate_transformation_mode=coordinates,
        nearest_mode=nearest,
        axes=[2, 3],
    )


# Cells


def _cells(operation: str, **attributes: Any) -> Reader:
    """Return a reader of operators on single cells, or on two arrays cell by cell."""

    def read(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
        rank = r.rank(outputs[0])
        r.emit(operation, name, [_broadcast(r, tensor, rank) for tensor in inputs], outputs, **attributes)

    return read


def _broadcast(r: Reading, tensor: str, rank: int) -> str:
    """Return an input with its axes where they lie in an output of so many axes."""
    own = r.rank(tensor)
    if rank != 4 or own in (0, 4):
        return r.maps(tensor) if rank == 4 else tensor
    moved = r.new(tensor)
    shape = (1,) * (4 - own) + r.shapes[tensor]
    if tensor in r.constants:
        r.constants[moved] = np.ascontiguousarray(r.constants[tensor].reshape(shape).transpose(TO_NCHW))
        return moved
    whole = r.new(tensor)
    shape = tuple(n if n > 0 else -1 for n in shape)
    r.emit("Reshape", whole, [tensor], [whole], shape=list(shape))
    r.emit("Transpose", moved, [whole], [moved], perm=list(TO_NCHW))
    return moved


def _square(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    source = inputs[0]
    if kind == "SQUARED_DIFFERENCE":
        source = r.new(outputs[0])
        rank = r.rank(outputs[0])
        r.emit("Sub", source, [_broadcast(r, tensor, rank) for tensor in inputs], [source])
    two = r.constant(2.0, name, np.float32)
    r.emit("Pow", name, [source, two], outputs)


def _rsqrt(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    root = r.new(outputs[0])
    r.emit("Sqrt", root, inputs, [root])
    r.emit("Reciprocal", name, [root], outputs)


def _prelu(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    r.emit("PRelu", name, [inputs[0], _broadcast(r, inputs[1], r.rank(inputs[0]))], outputs)


def _leaky(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    r.emit("LeakyRelu", name, inputs, outputs, alpha=o.Alpha())


def _gelu(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    approximate = "tanh" if o is not None and o.Approximate() else "none"
    r.emit("Gelu", name, inputs, outputs, approximate=approximate)


def _softmax(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    source, rank = inputs[0], r.rank(inputs[0])
    if kind == "SOFTMAX" and o is not None and o.Beta() != 1:
        beta, source = r.constant(o.Beta(), name, np.float32), r.new(name)
        r.emit("Mul", source, [inputs[0], beta], [source])
    r.emit("Softmax" if kind == "SOFTMAX" else "LogSoftmax", name, [source], outputs, axis=1 if rank == 4 else -1)


def _passed(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    """Read what changes a dtype alone: half floats are float32 here already."""
    if inputs[0] in r.constants and r.constants[inputs[0]].dtype.kind == "f":
        r.constants[outputs[0]] = r.constants[inputs[0]]
    else:
        r.emit("Identity", name, inputs, outputs)


def _cast(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    to = {0: 1, 1: 10, 2: 6, 3: 2, 4: 7, 7: 5, 9: 3, 10: 11}.get(o.OutDataType() if o is not None else 0, 9)
    r.emit("Cast", name, inputs, outputs, to=to)


# Shapes and parts


def _moving(operation: str) -> Reader:
    """Return a reader of operators whose output may have another number of axes, by the order of the file."""

    def read(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
        source, written = r.in_file_order(inputs[0]), r.from_file_order(name, outputs[0])
        reads, attributes = [source], {}
        if operation == "Reshape":
            if len(inputs) > 1 and inputs[1]:
                reads.append(inputs[1])
            else:
                attributes["shape"] = [int(o.NewShape(k)) for k in range(min(o.NewShapeLength(), 32))]
        elif operation == "Squeeze":
            axes = [int(o.SqueezeDims(k)) for k in range(min(o.SqueezeDimsLength(), 32))]
            attributes = {"axes": axes} if axes else {}
        else:  # Unsqueeze and Transpose take their axes from a constant
            axes = [int(k) for k in r.known(inputs[1], kind).ravel()]
            attributes = {"perm": axes} if operation == "Transpose" else {"axes": axes}
        r.emit(operation, name, reads, [written], **attributes)
        r.settle(written, outputs[0])

    return read


def _axis(axis: int, rank: int) -> int:
    """Return where an axis of the file lies here."""
    if not -rank <= axis < rank:
        raise RefusedError(f"axis {axis} of a tensor of {rank} axes")
    return AXIS[axis % rank] if rank == 4 else axis % rank


def _concat(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    axis = _axis(o.Axis(), r.rank(outputs[0]))
    r.emit("Concat", name, [r.maps(tensor) for tensor in inputs], outputs, axis=axis)


def _reduce(operation: str) -> Reader:
    def read(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
        rank, axes = r.rank(inputs[0]), [int(k) for k in r.known(inputs[1], kind).ravel()]
        keep = bool(o is not None and o.KeepDims())
        source = inputs[0]
        if keep or sorted(axis % rank for axis in axes) == [1, 2]:
            axes = [_axis(axis, rank) for axis in axes]
        else:
            source = r.in_file_order(source)
        where = r.constant(axes, name)
        r.emit(operation, name, [source, where], outputs, keepdims=int(keep))

    return read


def _pad(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    amounts = r.known(inputs[1], kind)
    if amounts.shape != (4, 2) or r.rank(inputs[0]) != 4:
        r.emit(f"{kind} of {r.rank(inputs[0])} axes", name, inputs, outputs)
        return
    ordered = amounts[list(TO_NCHW)]
    value = float(r.known(inputs[2], kind).reshape(-1)[0]) if kind == "PADV2" else 0.0
    if kind == "MIRROR_PAD" and o is not None and o.Mode() != 0:
        r.emit("MIRROR_PAD with repeated borders", name, inputs, outputs)
        return
    mode = "reflect" if kind == "MIRROR_PAD" else "constant"
    r.emit("Pad", name, [inputs[0]], outputs, pads=[int(n) for n in ordered.T.ravel()], mode=mode, value=value)


def _slice(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    rank = r.rank(inputs[0])
    begin, second = (([int(n) for n in r.known(inputs[k], kind).ravel()]) for k in (1, 2))
    if kind == "SLICE":
        steps, squeezed = [1] * rank, []
        ends = [2**31 if n == -1 else b + n for b, n in zip(begin, second, strict=True)]
    else:
        steps, ends = [int(n) for n in r.known(inputs[3], kind).ravel()], list(second)
        if o.EllipsisMask() or o.NewAxisMask() or len(begin) != rank:
            r.emit("STRIDED_SLICE with new axes", name, inputs[:1], outputs)
            return
        squeezed = [k for k in range(rank) if o.ShrinkAxisMask() >> k & 1]
        for k in range(rank):
            if o.BeginMask() >> k & 1:
                begin[k] = 0 if steps[k] > 0 else 2**31
            if o.EndMask() >> k & 1:
                ends[k] = 2**31 if steps[k] > 0 else -(2**31)
        for k in squeezed:
            steps[k], ends[k] = 1, 2**31 if begin[k] == -1 else begin[k] + 1
    axes = [_axis(k, rank) for k in range(rank)]
    lists = [r.constant(values, name) for values in (begin, ends, axes, steps)]
    if not squeezed:
        r.emit("Slice", name, [inputs[0], *lists], outputs)
        return
    part = r.new(name)
    r.emit("Slice", part, [inputs[0], *lists], [part])
    r.shapes[part] = (1,) * rank
    written = r.from_file_order(name, outputs[0])
    r.emit("Squeeze", name, [r.in_file_order(part)], [written], axes=squeezed)
    r.settle(written, outputs[0])


def _split(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    axis = _axis(int(r.known(inputs[0], kind).reshape(-1)[0]), r.rank(inputs[1]))
    r.emit("Split", name, [inputs[1]], outputs, axis=axis)


def _gather(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    source, written = r.in_file_order(inputs[0]), r.from_file_order(name, outputs[0])
    if o is not None and o.BatchDims():
        r.emit("GATHER with batches", name, inputs[:1], outputs)
        return
    r.emit("Gather", name, [source, inputs[1]], [written], axis=o.Axis() if o is not None else 0)
    r.settle(written, outputs[0])


def _tile(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    repeats = r.known(inputs[1], kind)
    ordered = repeats[list(TO_NCHW)] if r.rank(inputs[0]) == 4 else repeats
    r.emit("Tile", name, [inputs[0], r.constant(ordered, name)], outputs)


def _argmax(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    rank, axis = r.rank(inputs[0]), int(r.known(inputs[1], kind).reshape(-1)[0])
    if rank == 4 and axis % 4 != 3:
        r.emit("ARG_MAX along rows or columns", name, inputs[:1], outputs)
        return
    r.emit("ArgMax", name, inputs[:1], outputs, axis=_axis(axis, rank), keepdims=0)


def _fully_connected(
    r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes
) -> None:
    """Read a product of rows with weights (O, I)."""
    keep = bool(o is not None and o.KeepNumDims())
    source, columns = r.in_file_order(inputs[0]), r.shapes[inputs[1]][-1]
    if not keep or r.rank(inputs[0]) == 2:
        rows = r.new(name)
        r.emit("Reshape", rows, [source], [rows], shape=[-1, columns])
        r.emit("Gemm", name, [rows, *inputs[1:]], outputs, transB=1)
        return
    weight, written = r.new(name), r.from_file_order(name, outputs[0])
    r.emit("Transpose", weight, [inputs[1]], [weight], perm=[1, 0])
    bias = len(inputs) > 2 and inputs[2]
    product = r.new(name) if bias else written
    r.emit("MatMul", name, [source, weight], [product])
    if bias:
        r.emit("Add", f"{name}_bias", [product, inputs[2]], [written])
    r.settle(written, outputs[0])


def _batch_matmul(
    r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes
) -> None:
    reads = []
    for tensor, adjoint in zip(inputs, (o.AdjX(), o.AdjY()), strict=True):
        source, rank = r.in_file_order(tensor), r.rank(tensor)
        if adjoint:
            turned = r.new(name)
            perm = [*range(rank - 2), rank - 1, rank - 2]
            r.emit("Transpose", turned, [source], [turned], perm=perm)
            source = turned
        reads.append(source)
    written = r.from_file_order(name, outputs[0])
    r.emit("MatMul", name, reads, [written])
    r.settle(written, outputs[0])


def _blocks(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    operation = {"DEPTH_TO_SPACE": "DepthToSpace", "SPACE_TO_DEPTH": "SpaceToDepth"}[kind]
    r.emit(operation, name, inputs, outputs, blocksize=o.BlockSize())


def _pack(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    parts, axis = [], o.Axis()
    for tensor in inputs:
        part = r.new(name)
        r.emit("Unsqueeze", part, [r.in_file_order(tensor)], [part], axes=[axis])
        parts.append(part)
    written = r.from_file_order(name, outputs[0])
    r.emit("Concat", name, parts, [written], axis=axis)
    r.settle(written, outputs[0])


def _shape(r: Reading, kind: str, name: str, inputs: list[str], outputs: list[str], o: Any, custom: bytes) -> None:
    r.emit("Shape", name, [r.in_file_order(inputs[0])], outputs)


READERS: dict[str, Reader] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _conv,
    "TRANSPOSE_CONV": _transpose_conv,
    "Convolution2DTransposeBias": _transpose_conv_bias,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "MaxPoolingWithArgmax2D": _argmax_pool,
    "MaxUnpooling2D": _unpool,
    "RESIZE_BILINEAR": _resize,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "ADD": _cells("Add"),
    "SUB": _cells("Sub"),
    "MUL": _cells("Mul"),
    "DIV": _cells("Div"),
    "MAXIMUM": _cells("Max"),
    "MINIMUM": _cells("Min"),
    "POW": _cells("Pow"),
    "SQUARED_DIFFERENCE": _square,
    "SQUARE": _square,
    "NEG": _cells("Neg"),
    "EXP": _cells("Exp"),
    "LOG": _cells("Log"),
    "SQRT": _cells("Sqrt"),
    "RSQRT": _rsqrt,
    "ABS": _cells("Abs"),
    "FLOOR": _cells("Floor"),
    "CEIL": _cells("Ceil"),
    "RELU": _cells("Relu"),
    "RELU6": _cells("Clip", min=0.0, max=6.0),
    "RELU_N1_TO_1": _cells("Clip", min=-1.0, max=1.0),
    "LEAKY_RELU": _leaky,
    "PRELU": _prelu,
    "ELU": _cells("Elu"),
    "TANH": _cells("Tanh"),
    "LOGISTIC": _cells("Sigmoid"),
    "HARD_SWISH": _cells("HardSwish"),
    "GELU": _gelu,
    "SOFTMAX": _softmax,
    "LOG_SOFTMAX": _softmax,
    "DEQUANTIZE": _passed,
    "CAST": _cast,
    "RESHAPE": _moving("Reshape"),
    "SQUEEZE": _moving("Squeeze"),
    "EXPAND_DIMS": _moving("Unsqueeze"),
    "TRANSPOSE": _moving("Transpose"),
    "CONCATENATION": _concat,
    "MEAN": _reduce("ReduceMean"),
    "SUM": _reduce("ReduceSum"),
    "REDUCE_MAX": _reduce("ReduceMax"),
    "REDUCE_MIN": _reduce("ReduceMin"),
    "PAD": _pad,
    "PADV2": _pad,
    "MIRROR_PAD": _pad,
    "SLICE": _slice,
    "STRIDED_SLICE": _slice,
    "SPLIT": _split,
    "GATHER": _gather,
    "TILE": _tile,
    "ARG_MAX": _argmax,
    "FULLY_CONNECTED": _fully_connected,
    "BATCH_MATMUL": _batch_matmul,
    "DEPTH_TO_SPACE": _blocks,
    "SPACE_TO_DEPTH": _blocks,
    "PACK": _pack,
    "SHAPE": _shape,
}
