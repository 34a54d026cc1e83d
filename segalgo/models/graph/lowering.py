"""From the nodes of a graph to calls of our layers.

`Lowering.run` reads the nodes in order. What is known without the pixels (shapes, indices, weights) is computed at
once; every other node becomes one or a few layers. It runs anew for each size of the input, so sizes that the graph
computes from the size of the picture come out right.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from segalgo.models.graph.folding import FOLDED, ONLY_FOLDED, fold
from segalgo.models.graph.nodes import Graph, GraphError, Node

LEAST_BUDGET = 2**26
BUDGET_FACTOR = 8
MOST_LISTED = 40
UNNAMED = re.compile(r"[^A-Za-z0-9_./-]+")

Operator = Callable[["Lowering", Node], Any]
OPERATORS: dict[str, Operator] = {}
"""Every operator that becomes layers, filled by the modules `operators_of_maps` and `operators_of_arrays`."""


def operator(*names: str) -> Callable[[Operator], Operator]:
    """Register a function for operators of these names."""

    def register(function: Operator) -> Operator:
        for name in names:
            if name in OPERATORS:
                raise TypeError(f"operator {name}: there is a function already")
            OPERATORS[name] = function
        return function

    return register


class Lowering:
    """One reading of a graph by `layers`, a `Computation` or a `Description`."""

    def __init__(self, graph: Graph, layers: Any) -> None:
        self.graph = graph
        self.layers = layers
        self.known: dict[str, np.ndarray] = dict(graph.constants)
        self.values: dict[str, Any] = {}
        self.parameters: dict[str, np.ndarray] = {}
        """The arrays of all layers by the names of their parameters."""
        self.read: set[str] = set()
        """Constants whose numbers decided something here; of the others the shapes are enough."""
        self._made: set[str] = {"input"}
        self._constants: dict[str, Any] = {}
        there = sum(value.nbytes for value in graph.constants.values() if 0 not in value.strides)
        self.budget = max(LEAST_BUDGET, BUDGET_FACTOR * there)

    def run(self, x: Any) -> Any:
        """Return the output for an input (N, C, H, W)."""
        self.values[self.graph.input] = self.transposed(x, (0, 2, 3, 1), "input_nhwc") if self._last() else x
        for node in self.graph.nodes:
            self._take(node)
        if self.graph.output in self.known:
            raise GraphError("the output does not depend on the input")
        return self._as_maps(self.values[self.graph.output], x)

    def _last(self) -> bool:
        return self.graph.layout == "NHWC"

    def _take(self, node: Node) -> None:
        names = [name for name in node.inputs if name]
        if node.operation in FOLDED and all(name in self.known for name in names):
            results = fold(node, [self.known[name] if name else None for name in node.inputs])
            self.read.update(names)
            self.budget -= sum(value.nbytes for value in results if value.base is None)
            if self.budget < 0:
                raise GraphError(f"node {node}: more memory for constants than the file's size allows")
            self.known.update(zip(node.outputs, results, strict=False))
            return
        if node.operation in ("Shape", "Size"):
            shape = np.array(
                self.shape(node, 0)[node.attributes.get("start", 0) : node.attributes.get("end")], np.int64
            )
            self.known[node.outputs[0]] = shape if node.operation == "Shape" else shape.prod()
            return
        try:
            result = OPERATORS[node.operation](self, node)
        except GraphError:
            raise
        except (ValueError, TypeError, LookupError, ArithmeticError) as error:
            raise GraphError(f"node {node}: {error}") from None
        results = result if isinstance(result, tuple) else (result,)
        self.values.update(zip(node.outputs, results, strict=False))

    # What operators ask

    def is_known(self, node: Node, k: int) -> bool:
        """Return whether an input is known without the pixels."""
        return node.inputs[k] in self.known

    def given(self, node: Node, k: int) -> bool:
        """Return whether the node has this input at all."""
        return k < len(node.inputs) and node.inputs[k] != ""

    def array(self, node: Node, k: int) -> np.ndarray:
        """Return an input whose numbers must be known."""
        name = node.inputs[k]
        if name not in self.known:
            raise GraphError(
                f"node {node}: its input {k} ({name!r:.80}) is computed from the picture, expected a constant"
            )
        self.read.add(name)
        return self.known[name]

    def weight(self, node: Node, k: int) -> np.ndarray:
        """Return an input that becomes a parameter: its shape is certain, its numbers are only passed on."""
        name = node.inputs[k]
        if name not in self.known:
            raise GraphError(
                f"node {node}: its input {k} ({name!r:.80}) is computed from the picture, expected weights"
            )
        return as_float(self.known[name])

    def value(self, node: Node, k: int) -> Any:
        """Return an input as a value of `layers`; a constant becomes a layer of its own."""
        name = node.inputs[k]
        if name in self.values:
            return self.values[name]
        if name not in self.known:
            raise GraphError(f"node {node}: its input {k} ({name!r:.80}) is an output that is not computed here")
        if name not in self._constants:
            self._constants[name] = self.constant(as_float(self.known[name]), name)
        return self._constants[name]

    def shape(self, node: Node, k: int) -> tuple[int, ...]:
        """Return the shape of an input."""
        name = node.inputs[k]
        return tuple(self.known[name].shape) if name in self.known else tuple(self.value(node, k).shape)

    def number(self, node: Node, k: int) -> float | None:
        """Return the one number of a known input; None if it is computed, or has more."""
        name = node.inputs[k]
        if name not in self.known or self.known[name].size != 1:
            return None
        return float(self.array(node, k).reshape(()))

    # What operators make

    def constant(self, array: np.ndarray, name: str) -> Any:
        """Return a layer that holds an array."""
        own = self.name(name)
        self.own(own, value=array)
        return self.layers.constant(own, tuple(array.shape))

    def own(self, layer: str, **arrays: np.ndarray) -> None:
        """Give arrays to a layer as its parameters."""
        for entry, array in arrays.items():
            self.parameters[f"{layer}.{entry}"] = as_float(array)

    def transposed(self, x: Any, axes: Sequence[int], name: str) -> Any:
        """Return x with its axes in another order."""
        return self.layers.transpose(x, self.name(name), tuple(axes))

    def reshaped(self, x: Any, shape: Sequence[int], name: str) -> Any:
        """Return x in another shape; x itself if it has it."""
        shape = tuple(map(int, shape))
        return x if tuple(x.shape) == shape else self.layers.reshape(x, self.name(name), shape)

    def name_of(self, node: Node, k: int | None = None) -> str:
        """Return a name for a layer of a node: that of its weights without ``.weight``, else the node's own."""
        if k is not None and self.given(node, k) and node.inputs[k].endswith(".weight"):
            return self.name(node.inputs[k].removesuffix(".weight"))
        return self.name(node.name)

    def name(self, wanted: str) -> str:
        """Return a name that no other layer has, of characters that files and Python texts take."""
        wanted = UNNAMED.sub("_", wanted).strip("._/-")[:100] or "layer"
        name, count = wanted, 1
        while {name, f"{name}_indices"} & self._made:
            count += 1
            name = f"{wanted}_{count}"
        self._made |= {name, f"{name}_indices"}
        return name

    # The output

    def _as_maps(self, y: Any, x: Any) -> Any:
        """Return the output as (N, classes, H, W)."""
        shape, (height, width) = tuple(y.shape), x.shape[2:]
        if len(shape) == 4:
            return self.transposed(y, (0, 3, 1, 2), "output_nchw") if self._last() and shape[1] != 1 else y
        if len(shape) == 3 and shape[1] == height * width:
            y = self.transposed(y, (0, 2, 1), "output_classes")
            return self.reshaped(y, (shape[0], shape[2], height, width), "output_maps")
        if len(shape) == 3 and shape[2] == height * width:
            return self.reshaped(y, (*shape[:2], height, width), "output_maps")
        if len(shape) == 3:
            return self.reshaped(y, (shape[0], 1, *shape[1:]), "output_maps")
        if len(shape) == 2 and shape[1] == height * width:
            return self.reshaped(y, (shape[0], 1, height, width), "output_maps")
        if len(shape) == 2 and shape == (height, width):
            return self.reshaped(y, (1, 1, height, width), "output_maps")
        raise GraphError(f"its output has shape {shape}: expected maps, (N, classes, H, W)")


def as_float(array: np.ndarray) -> np.ndarray:
    """Return an array as float32, or float64 where it is that."""
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)


def check_operators(graph: Graph) -> None:
    """Refuse a graph with operators that are unknown, all named at once.

    Raises
    ------
    GraphError
        With every unknown operator and its node.
    """
    # Only what is computed from the picture has to have a layer.
    live = {graph.input}
    unknown = []
    for node in graph.nodes:
        if node.operation in ("Shape", "Size"):
            continue
        depends = bool(live & set(node.inputs))
        if depends:
            live.update(node.outputs)
        folds = node.operation in FOLDED and not depends
        if not folds and (node.operation not in OPERATORS or node.operation in ONLY_FOLDED):
            unknown.append(node)
    if unknown:
        listed = "\n  ".join(str(node)[:160] for node in unknown[:MOST_LISTED])
        more = f"\n  ... and {len(unknown) - MOST_LISTED} more" if len(unknown) > MOST_LISTED else ""
        kinds = ", ".join(sorted({node.operation for node in unknown}))[:400]
        raise GraphError(
            f"{len(unknown)} of {len(graph.nodes)} nodes have operators that are not known here ({kinds}):\n"
            f"  {listed}{more}"
        )
