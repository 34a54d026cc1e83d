"""Operators of TensorFlow Lite on maps: convolution, pooling, padding, sampling."""

import struct

import numpy as np

from segalgo.models.files.tflite.reading import TO_NCHW, Operator, Reader, Reading
from segalgo.models.files.weights_error import RefusedError, quoted

SAME = {0: "SAME_UPPER", 1: "VALID"}
CUSTOM_SAME = {1: "SAME_UPPER", 2: "VALID"}  # TfLitePadding, in options of custom operators


def _conv(r: Reading, op: Operator) -> None:
    weight = r.new(op.inputs[1])
    depthwise = op.kind == "DEPTHWISE_CONV_2D"
    group = 1
    if depthwise:  # (1, H, W, O)
        group = max(r.shapes[op.inputs[0]][3], 1)
    elif r.rank(op.inputs[1]) == 4:
        group = max(r.shapes[op.inputs[0]][3] // max(r.shapes[op.inputs[1]][3], 1), 1)
    # The weights may be widened from half floats by a node before.
    perm = [3, 0, 1, 2] if depthwise else list(TO_NCHW)
    _move(r, op.inputs[1], weight, perm)
    r.emit(
        "Conv",
        op.name,
        [op.inputs[0], weight, *op.inputs[2:3]],
        op.outputs,
        auto_pad=SAME[op.options.Padding()],
        strides=[op.options.StrideH(), op.options.StrideW()],
        dilations=[op.options.DilationHFactor(), op.options.DilationWFactor()],
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


def _transpose_conv(r: Reading, op: Operator) -> None:
    weight = r.new(op.inputs[1])
    _move(r, op.inputs[1], weight, [3, 0, 1, 2])
    size = [int(n) for n in r.known(op.inputs[0], op.kind)[1:3]]
    strides = [op.options.StrideH(), op.options.StrideW()]
    reads = [op.inputs[2], weight, *op.inputs[3:4]]
    r.emit("ConvTranspose", op.name, reads, op.outputs, strides=strides, output_shape=size)


def _transpose_conv_bias(r: Reading, op: Operator) -> None:
    padding, columns, rows = struct.unpack_from("<3i", op.custom)
    weight = r.new(op.inputs[1])
    _move(r, op.inputs[1], weight, [3, 0, 1, 2])
    attributes = {"strides": [rows, columns], "auto_pad": CUSTOM_SAME[padding]}
    r.emit("ConvTranspose", op.name, [op.inputs[0], weight, op.inputs[2]], op.outputs, **attributes)


def _pool(r: Reading, op: Operator) -> None:
    operation = {"AVERAGE_POOL_2D": "AveragePool", "MAX_POOL_2D": "MaxPool"}[op.kind]
    attributes = {
        "kernel_shape": [op.options.FilterHeight(), op.options.FilterWidth()],
        "strides": [op.options.StrideH(), op.options.StrideW()],
    }
    r.emit(operation, op.name, op.inputs, op.outputs, auto_pad=SAME[op.options.Padding()], **attributes)


def _argmax_pool(r: Reading, op: Operator) -> None:
    padding, columns, rows, width, height = struct.unpack_from("<5i", op.custom)
    attributes = {"kernel_shape": [height, width], "strides": [rows, columns], "auto_pad": CUSTOM_SAME[padding]}
    r.emit("MaxPool", op.name, op.inputs, op.outputs, **attributes)


def _unpool(r: Reading, op: Operator) -> None:
    _, columns, rows, width, height = struct.unpack_from("<5i", op.custom)
    size = [int(n) for n in r.shapes[op.outputs[0]][1:3]]
    attributes = {"kernel_shape": [height, width], "strides": [rows, columns]}
    if min(size, default=0) > 0:
        attributes["size"] = size
    r.emit("MaxUnpool", op.name, op.inputs, op.outputs, **attributes)


def _resize(r: Reading, op: Operator) -> None:
    linear = op.kind == "RESIZE_BILINEAR"
    corners, half = op.options.AlignCorners(), op.options.HalfPixelCenters()
    coordinates = "align_corners" if corners else "half_pixel" if half else "asymmetric"
    nearest = "round_prefer_ceil" if corners else "floor"
    if half and not linear:
        coordinates = "tf_half_pixel_for_nn"
    sizes = r.constant(r.known(op.inputs[1], op.kind), op.name)
    r.emit(
        "Resize",
        op.name,
        [op.inputs[0], "", "", sizes],
        op.outputs,
        mode="linear" if linear else "nearest",
        coordinate_transformation_mode=coordinates,
        nearest_mode=nearest,
        axes=[2, 3],
    )


def _pad(r: Reading, op: Operator) -> None:
    amounts = r.known(op.inputs[1], op.kind)
    if amounts.shape != (4, 2) or r.rank(op.inputs[0]) != 4:
        r.emit(f"{op.kind} of {r.rank(op.inputs[0])} axes", op.name, op.inputs, op.outputs)
        return
    ordered = amounts[list(TO_NCHW)]
    value = float(r.known(op.inputs[2], op.kind).reshape(-1)[0]) if op.kind == "PADV2" else 0.0
    if op.kind == "MIRROR_PAD" and op.option("Mode", 0) != 0:
        r.emit("MIRROR_PAD with repeated borders", op.name, op.inputs, op.outputs)
        return
    mode = "reflect" if op.kind == "MIRROR_PAD" else "constant"
    r.emit("Pad", op.name, [op.inputs[0]], op.outputs, pads=[int(n) for n in ordered.T.ravel()], mode=mode, value=value)


def _blocks(r: Reading, op: Operator) -> None:
    operation = {"DEPTH_TO_SPACE": "DepthToSpace", "SPACE_TO_DEPTH": "SpaceToDepth"}[op.kind]
    r.emit(operation, op.name, op.inputs, op.outputs, blocksize=op.options.BlockSize())


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
    "PAD": _pad,
    "PADV2": _pad,
    "MIRROR_PAD": _pad,
    "DEPTH_TO_SPACE": _blocks,
    "SPACE_TO_DEPTH": _blocks,
}
