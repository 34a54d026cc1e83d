"""A graph as plain values, for the header of a file of weights, and back.

Constants that only become parameters are written as their shapes: their numbers stand in the file as parameters of the
layers. The others (shapes, limits, scalars) are written with their numbers.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from segalgo.models.graph.nodes import Graph, GraphError, Node

FORM = 1
KINDS = ("float32", "float64", "int64", "int32", "bool", "uint8", "int8", "int16", "uint16", "uint32", "uint64")
MOST_AXES = 32


def graph_record(graph: Graph, read: frozenset[str]) -> dict[str, Any]:
    """Return the record of a graph; `read` names the constants whose numbers it needs."""
    return {
        "form": FORM,
        "input": graph.input,
        "input_shape": list(graph.input_shape),
        "output": graph.output,
        "layout": graph.layout,
        "opset": graph.opset,
        "nodes": [
            [node.operation, node.name, list(node.inputs), list(node.outputs), _plain(node.attributes)]
            for node in graph.nodes
        ],
        "constants": {
            name: [
                value.dtype.name,
                list(value.shape),
                *([value.ravel().tolist()] if name in read or value.dtype.kind != "f" else []),
            ]
            for name, value in graph.constants.items()
        },
    }


def graph_from_record(record: Any) -> Graph:
    """Return the graph of a record; constants without numbers are zeros that take no memory.

    Raises
    ------
    GraphError
        If it is no such record.
    """
    try:
        if record["form"] != FORM:
            raise GraphError(f"form {record['form']!r:.40} of a graph: expected {FORM}")
        constants = {_text(name): _constant(*entry) for name, entry in record["constants"].items()}
        nodes = tuple(
            Node(_text(kind), _text(name), tuple(map(_text, inputs)), tuple(map(_text, outputs)), _restored(attributes))
            for kind, name, inputs, outputs, attributes in record["nodes"]
        )
        shape = tuple(n if n is None else _count(n) for n in record["input_shape"])
        layout = record["layout"]
        if len(shape) != 4 or layout not in ("NCHW", "NHWC"):
            raise GraphError(f"an input of shape {shape}, layout {layout!r:.40}")
        ends = _text(record["input"]), shape, _text(record["output"])
        return Graph(*ends, nodes, constants, layout, _count(record["opset"]))
    except GraphError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise GraphError(f"the record of a graph cannot be read: {str(error)[:200]}") from None


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return {"array": [value.dtype.name, list(value.shape), value.ravel().tolist()]}
        return list(value) if isinstance(value, tuple) else value

    return {name: plain(value) for name, value in attributes.items()}


def _restored(attributes: Any) -> dict[str, Any]:
    restored = {}
    for name, value in attributes.items():
        if isinstance(value, dict):
            restored[name] = _constant(*value["array"])
        elif isinstance(value, list):
            if not all(isinstance(n, int | float | str) for n in value):
                raise GraphError(f"an attribute {name!r:.40} of other things than numbers")
            restored[name] = value
        elif isinstance(value, int | float | str) or value is None:
            restored[name] = value
        else:
            raise GraphError(f"an attribute {name!r:.40} of the kind {type(value).__name__}")
    return restored


def _constant(kind: Any, shape: Any, numbers: Any = None) -> np.ndarray:
    shape = tuple(map(_count, shape))
    if kind not in KINDS or len(shape) > MOST_AXES:
        raise GraphError(f"a constant of the dtype {kind!r:.40} and {len(shape)} axes")
    if numbers is None:
        if np.dtype(kind).kind != "f":
            raise GraphError("a constant of integers without its numbers")
        return np.broadcast_to(np.zeros((), kind), shape)
    return np.array(numbers, kind).reshape(shape)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise GraphError(f"a {type(value).__name__} in place of a name")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**62:
        raise GraphError(f"{value!r:.40} in place of a size")
    return value
