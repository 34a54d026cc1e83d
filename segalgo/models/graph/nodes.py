"""The neutral form of a graph from a file: nodes, named as ONNX names its operators, and constant arrays.

Readers of file formats write it, `segalgo.models.graph.lowering` makes layers of it. Maps are (N, C, H, W).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

PASSING = ("Cast", "Dropout", "Identity", "Squeeze", "Unsqueeze", "Reshape", "Flatten", "Transpose")
"""Operators after which the numbers are still those before."""
ROOT_OF_TWO = 2**0.5


class GraphError(ValueError):
    """A graph that cannot become a network: operators, options or shapes outside the vocabulary, or a damaged order."""


@dataclass(frozen=True)
class Node:
    """One operator: what it reads ("" for an input left out), what it writes, and its attributes as plain values."""

    operation: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.operation} {self.name!r}"


@dataclass(frozen=True)
class Graph:
    """Nodes in order, constants by name, and one input and one output, both pictures."""

    input: str
    input_shape: tuple[int | None, ...]
    """In the order of `layout`; None for sizes that are free."""
    output: str
    nodes: tuple[Node, ...]
    constants: Mapping[str, np.ndarray]
    layout: str = "NCHW"
    """Order of the axes of input and output, "NCHW" or "NHWC"."""
    opset: int = 21

    def producers(self) -> dict[str, Node]:
        """Return the node that writes each array."""
        return {output: node for node in self.nodes for output in node.outputs}

    def channels(self) -> int | None:
        """Return the number of input channels, None if it is free."""
        return self.input_shape[self.layout.index("C")]

    def size(self) -> tuple[int, int] | None:
        """Return height and width of the input, None if one of them is free."""
        height, width = (self.input_shape[self.layout.index(axis)] for axis in "HW")
        return None if height is None or width is None else (height, width)


def checked(graph: Graph) -> Graph:
    """Return the graph if every node reads what earlier nodes wrote, and every array is written once.

    Raises
    ------
    GraphError
        If it is not so: the graph is cyclic, out of order or lacks arrays.
    """
    written = {graph.input, *graph.constants}
    for node in graph.nodes:
        lacking = [name for name in node.inputs if name and name not in written]
        if lacking:
            later = any(lacking[0] in other.outputs for other in graph.nodes)
            fault = "which is written by it or after it: the graph is cyclic or out of order" if later else "unknown"
            raise GraphError(f"node {node} reads {lacking[0]!r:.80}, {fault}")
        for name in filter(None, node.outputs):
            if name in written:
                raise GraphError(f"node {node} writes {name!r:.80}, which is written already")
            written.add(name)
    if graph.output not in written:
        raise GraphError(f"nothing writes the output {graph.output!r:.80}")
    return graph


def pruned(graph: Graph) -> Graph:
    """Return the graph without the nodes and constants on which its output does not depend."""
    needed, kept = {graph.output}, []
    for node in reversed(graph.nodes):
        if needed & set(node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    constants = {name: value for name, value in graph.constants.items() if name in needed}
    return replace(graph, nodes=tuple(kept[::-1]), constants=constants)


def without_argmax(graph: Graph) -> Graph:
    """Return the graph that ends before a final choice of the largest class, if it has one."""
    producers, name = graph.producers(), graph.output
    while (node := producers.get(name)) and (node.operation in PASSING or node.operation == "ArgMax"):
        if node.operation == "ArgMax":
            return pruned(replace(graph, output=node.inputs[0]))
        name = node.inputs[0]
    return graph


def ends_in_probabilities(graph: Graph) -> bool:
    """Return whether the last thing computed is a softmax or sigmoid."""
    producers, name = graph.producers(), graph.output
    while (node := producers.get(name)) and (node.operation in PASSING or node.operation in ("Slice", "Gather")):
        name = node.inputs[0]
    return node is not None and node.operation in ("Softmax", "Sigmoid")


def with_gelu(graph: Graph) -> Graph:
    """Return the graph with Gelu nodes in place of ``x / sqrt(2)``, Erf, ``+ 1``, ``* x``, ``* 0.5``."""
    producers = graph.producers()
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    found: dict[str, Node] = {}
    for erf in graph.nodes:
        if erf.operation == "Erf" and (gelu := _gelu(graph, erf, producers, readers)):
            found[gelu.name] = gelu
    nodes = tuple(found.get(node.name, node) for node in graph.nodes)
    return pruned(replace(graph, nodes=nodes)) if found else graph


def _gelu(graph: Graph, erf: Node, producers: Mapping[str, Node], readers: Mapping[str, list[Node]]) -> Node | None:
    """Return the Gelu node of which an Erf is a part, under the name of the last node that it replaces."""
    inner = producers.get(erf.inputs[0])
    factor = inner and _scalar(graph, inner.inputs[1:])
    if inner is None or factor is None:
        return None
    if not {"Div": abs(factor - ROOT_OF_TWO), "Mul": abs(factor - 1 / ROOT_OF_TWO)}.get(inner.operation, 1) < 1e-5:
        return None
    x, name, factor, seen_x = inner.inputs[0], erf.outputs[0], 1.0, False
    for step in range(3):
        following = readers.get(name, [])
        if len(following) != 1 or name == graph.output:
            return None
        node = following[0]
        other = [i for i in node.inputs if i != name]
        scalar = _scalar(graph, other)
        if step == 0:
            if node.operation != "Add" or scalar != 1:
                return None
        elif node.operation != "Mul" or len(other) != 1:
            return None
        elif other[0] == x and not seen_x:
            seen_x = True
        elif scalar is not None:
            factor *= scalar
        else:  # x * 0.5 was computed beside
            half = producers.get(other[0])
            if half is None or half.operation != "Mul" or x not in half.inputs or seen_x:
                return None
            scalar = _scalar(graph, [i for i in half.inputs if i != x])
            seen_x, factor = True, factor * (scalar or 0)
        name = node.outputs[0]
        if step and seen_x and factor == 0.5:
            return Node("Gelu", node.name, (x,), node.outputs, {})
    return None


def _scalar(graph: Graph, names: Iterable[str]) -> float | None:
    """Return the one number that the one named constant holds, None if there is none."""
    names = list(names)
    value = graph.constants.get(names[0]) if len(names) == 1 else None
    return None if value is None or value.size != 1 else float(value.reshape(()))
