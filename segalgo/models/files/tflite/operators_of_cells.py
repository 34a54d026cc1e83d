"""Operators of TensorFlow Lite on single cells: arithmetic, activation functions, softmax."""

from typing import Any

import numpy as np

from segalgo.models.files.tflite.reading import Operator, Reader, Reading

ONNX_BOOL = 9
ONNX_TYPES = {0: 1, 1: 10, 2: 6, 3: 2, 4: 7, 7: 5, 9: 3, 10: 11}
"""ONNX's numbers of the dtypes of numbers by TensorFlow Lite's."""


def _cells(operation: str, **attributes: Any) -> Reader:
    """Return a reader of operators on single cells, or on two arrays cell by cell."""

    def read(r: Reading, op: Operator) -> None:
        rank = r.rank(op.outputs[0])
        r.emit(operation, op.name, [r.broadcast(tensor, rank) for tensor in op.inputs], op.outputs, **attributes)

    return read


def _square(r: Reading, op: Operator) -> None:
    source = op.inputs[0]
    if op.kind == "SQUARED_DIFFERENCE":
        source = r.new(op.outputs[0])
        rank = r.rank(op.outputs[0])
        r.emit("Sub", source, [r.broadcast(tensor, rank) for tensor in op.inputs], [source])
    two = r.constant(2.0, op.name, np.float32)
    r.emit("Pow", op.name, [source, two], op.outputs)


def _rsqrt(r: Reading, op: Operator) -> None:
    root = r.new(op.outputs[0])
    r.emit("Sqrt", root, op.inputs, [root])
    r.emit("Reciprocal", op.name, [root], op.outputs)


def _prelu(r: Reading, op: Operator) -> None:
    r.emit("PRelu", op.name, [op.inputs[0], r.broadcast(op.inputs[1], r.rank(op.inputs[0]))], op.outputs)


def _leaky(r: Reading, op: Operator) -> None:
    r.emit("LeakyRelu", op.name, op.inputs, op.outputs, alpha=op.options.Alpha())


def _gelu(r: Reading, op: Operator) -> None:
    approximate = "tanh" if op.option("Approximate", False) else "none"
    r.emit("Gelu", op.name, op.inputs, op.outputs, approximate=approximate)


def _softmax(r: Reading, op: Operator) -> None:
    source, rank = op.inputs[0], r.rank(op.inputs[0])
    if op.kind == "SOFTMAX" and op.option("Beta", 1) != 1:
        beta, source = r.constant(op.options.Beta(), op.name, np.float32), r.new(op.name)
        r.emit("Mul", source, [op.inputs[0], beta], [source])
    operation = "Softmax" if op.kind == "SOFTMAX" else "LogSoftmax"
    r.emit(operation, op.name, [source], op.outputs, axis=1 if rank == 4 else -1)


def _passed(r: Reading, op: Operator) -> None:
    """Read what changes a dtype alone: half floats are float32 here already."""
    if op.inputs[0] in r.constants and r.constants[op.inputs[0]].dtype.kind == "f":
        r.constants[op.outputs[0]] = r.constants[op.inputs[0]]
    else:
        r.emit("Identity", op.name, op.inputs, op.outputs)


def _cast(r: Reading, op: Operator) -> None:
    r.emit("Cast", op.name, op.inputs, op.outputs, to=ONNX_TYPES.get(op.option("OutDataType", 0), ONNX_BOOL))


READERS: dict[str, Reader] = {
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
}
