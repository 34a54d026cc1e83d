"""A network whose layers a file describes: ONNX, TensorFlow Lite."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from segalgo.models.graph import operators_of_arrays, operators_of_maps  # noqa: F401  (they fill the operators)
from segalgo.models.graph.classes import Classes
from segalgo.models.graph.execution import INPUT, Description, Value
from segalgo.models.graph.graph_records import graph_from_record, graph_record
from segalgo.models.graph.lowering import Lowering, check_operators
from segalgo.models.graph.network import Network
from segalgo.models.graph.nodes import Graph, GraphError, checked, ends_in_probabilities
from segalgo.models.predicting.preprocessing import Preprocessing

LARGEST_STEP = 2**31
"""Cells of the largest array between layers, at the size at which a file is tried."""
MULTIPLES = (1, 2, 4, 8, 16, 32, 64, 128)
PROBES = (64, 128, 256, 224, 512)
YES_OR_NO = Classes(("background", "foreground"), ((0, 0, 0), (230, 159, 0)))


class ImportedNetwork(Network):
    """A network from a file: `from_onnx`, `from_tflite` make it.

    Parameters
    ----------
    graph : Graph or mapping
        Nodes and constants, or their record as `arguments` returns it, without the weights.

    Raises
    ------
    GraphError
        If the graph is cyclic, has operators that are not known here, or shapes that do not fit.
    """

    architecture = "imported"

    def __init__(self, graph: Any) -> None:
        self._graph = checked(graph if isinstance(graph, Graph) else graph_from_record(graph))
        check_operators(self._graph)
        self._sizes: dict[tuple[int, int], tuple[int, int]] = {}
        self._outputs: dict[tuple[int, int], tuple[int, int]] = {}
        lowering, output = self._tried()
        super().__init__(lowering.values_shape[1], output.shape[1], 0)
        self._read = frozenset(lowering.read)
        self._set_parameters(lowering.parameters)
        self.probabilities = ends_in_probabilities(self._graph)
        self.preprocessing = Preprocessing({1: "grey", 3: "rgb", 4: "rgb"}.get(self.in_channels, "as is"), 0.0, 255.0)
        if self.in_channels == 4:
            self.preprocessing = Preprocessing("rgb", 0.0, 255.0, empty_channels=1)
        if self.num_classes == 1:
            self.classes = YES_OR_NO

    @classmethod
    def arguments_of(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Raise: names of weights do not tell a graph."""
        raise ValueError("weights alone do not tell the graph of a file")

    @property
    def arguments(self) -> dict[str, Any]:
        """The graph as plain values, which make this network again but for its weights."""
        return {"graph": graph_record(self._graph, self._read)}

    @property
    def graph(self) -> Graph:
        """Nodes and constants of the file."""
        return self._graph

    def __repr__(self) -> str:
        size = self.input_size
        kind = "any size" if size is None else f"{size[0]} x {size[1]}"
        return f"ImportedNetwork({len(self._graph.nodes)} nodes, {self.in_channels} channels, {kind})"

    # Sizes

    @cached_property
    def input_size(self) -> tuple[int, int] | None:
        """Height and width of the pictures that the file is made for; None if it takes any."""
        return self._graph.size()

    def fitting_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest input size, at least this one, that the graph takes."""
        if self.input_size is not None:
            return self.input_size
        height, width = max(height, 1), max(width, 1)
        if (height, width) not in self._sizes:
            self._sizes[height, width] = self._fitting(height, width)
        return self._sizes[height, width]

    def _fitting(self, height: int, width: int) -> tuple[int, int]:
        fault: ValueError | None = None
        for multiple in MULTIPLES:
            size = -(-height // multiple) * multiple, -(-width // multiple) * multiple
            try:
                self._describe(size)
            except ValueError as error:
                fault = fault or error
            else:
                return size
        raise ValueError(f"a picture of {height} x {width}: {fault}")

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of the scores of a picture of this size."""
        if self.input_size not in (None, (height, width)):
            raise ValueError(
                f"a picture of {height} x {width}: expected {self.input_size[0]} x {self.input_size[1]}, for which the "
                "file was made; predict takes pictures of any size"
            )
        size = self.fitting_size(height, width)
        if size not in self._outputs:
            self._outputs[size] = tuple(self._describe(size)[-1].shape[2:])
        result = self._outputs[size]
        if result == size:
            return height, width
        # Scores on a coarser grid: those that reach into the picture.
        rows, columns = (-(-m * n // f) for m, n, f in zip(result, (height, width), size, strict=True))
        return rows, columns

    @property
    def own_grid(self) -> bool:
        """Whether the scores lie on another grid than the pixels, or the file is made for one size."""
        if self.input_size is not None:
            return True
        size = self.fitting_size(256, 256)
        return self.output_size(*size) != size

    # Computing

    def forward(self, layers: Any, x: Any) -> Any:
        """Return the file's output (N, classes, H, W): its graph, node by node."""
        return Lowering(self._graph, layers).run(x)

    def _describe(self, size: tuple[int, int]) -> Any:
        return self.describe((1, self.in_channels, *size))

    def described_parameters(self) -> dict[str, Any]:
        """Return the shape and the fresh value of every parameter, in the order of the layers."""
        if not hasattr(self, "_described"):
            description = Description()
            size = self.input_size or self._probe
            self.forward(description, Value(INPUT, (1, self.in_channels, *size)))
            self._described = description.parameters
        return self._described

    def _tried(self) -> tuple[Lowering, Any]:
        """Describe the graph at its own size, or at the first one that it takes, and return that reading."""
        free = self._graph.size()
        channels = self._graph.channels()
        fault: ValueError | None = None
        for count in (channels,) if channels is not None else (3, 1, 4):
            for size in (free,) if free is not None else [(side, side) for side in PROBES]:
                try:
                    lowering, output = self._read_at(count, size)
                except ValueError as error:
                    fault = fault or error
                else:
                    self._probe = size
                    lowering.values_shape = (1, count, *size)
                    return lowering, output
        raise fault if isinstance(fault, GraphError) else GraphError(str(fault))

    def _read_at(self, channels: int, size: tuple[int, int]) -> tuple[Lowering, Any]:
        if not all(1 <= n < 2**31 for n in (channels, *size)):
            raise GraphError(f"an input of {channels} channels, {size[0]} x {size[1]}: expected at least one pixel")
        description = Description()
        lowering = Lowering(self._graph, description)
        output = lowering.run(Value(INPUT, (1, channels, *size)))
        for step in description.leading_to(output):
            if np.prod([float(n) for n in step.shape]) > LARGEST_STEP:
                raise GraphError(f"layer {step.name} makes an array of shape {step.shape}: expected at most 2^31 cells")
        if 0 in output.shape:
            raise GraphError(f"an output of shape {output.shape}: expected at least one cell")
        needed = {name for step in description.leading_to(output) for name in step.parameters}
        lowering.parameters = {k: v for k, v in lowering.parameters.items() if k in needed}
        return lowering, output

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name and shape of every parameter, in the order of the layers."""
        return {name: tuple(value.shape) for name, value in self.parameters.items()}

    def _set_parameters(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take the arrays of the file as they are, without copies."""
        from types import MappingProxyType

        views = {}
        for name, array in arrays.items():
            view = array.view()
            view.flags.writeable = False
            views[name] = view
        self._parameters = MappingProxyType(views)
