"""Operators of TensorFlow Lite in the neutral form: options read, axes from (N, H, W, C) to (N, C, H, W)."""

from dataclasses import replace

from segalgo.models.files.tflite import operators_of_arrays, operators_of_cells, operators_of_maps
from segalgo.models.files.tflite.reading import Operator, Reading

READERS = operators_of_maps.READERS | operators_of_cells.READERS | operators_of_arrays.READERS
ACTIVATIONS = {
    1: ("Relu", {}),
    2: ("Clip", {"min": -1.0, "max": 1.0}),
    3: ("Clip", {"min": 0.0, "max": 6.0}),
    4: ("Tanh", {}),
}
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
"""The tables of options of operators that have some."""


def read_operator(r: Reading, op: Operator) -> None:
    """Add the nodes of one operator; one that is not known becomes a node of its own name, which is refused later."""
    for tensor in (*op.inputs, *op.outputs):
        if tensor in r.faults:
            op = replace(op, kind=f"{op.kind} with {r.faults[tensor]}")
    read = READERS.get(op.kind)
    if read is None:
        r.emit(op.kind, op.name, [tensor for tensor in op.inputs if tensor], op.outputs)
        return
    activation = op.options.FusedActivationFunction() if hasattr(op.options, "FusedActivationFunction") else 0
    if not activation:
        read(r, op)
        return
    if activation not in ACTIVATIONS:
        r.emit(f"{op.kind} with the activation {activation}", op.name, op.inputs, op.outputs)
        return
    before = r.new(op.outputs[0])
    r.shapes[before] = r.shapes[op.outputs[0]]
    read(r, replace(op, outputs=[before]))
    operation, attributes = ACTIVATIONS[activation]
    r.emit(operation, f"{op.name}_{operation.lower()}", [before], op.outputs, **attributes)
