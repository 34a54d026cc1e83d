"""Read ONNX files: the graph as nodes and constants.

The package ``onnx`` reads the container; tensors are checked and taken here: sizes are held against the bytes there
are, and external data against the folder of the file.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segalgo.models.files.graph_files import (
    MOST_NODES,
    NAMES,
    checked_path,
    chosen,
    network_of,
    package,
    read_names,
)
from segalgo.models.files.limits import checked_shape
from segalgo.models.files.mapped_file import MappedFile
from segalgo.models.files.small_floats import widen
from segalgo.models.files.weights import as_path, errors_of
from segalgo.models.files.weights_error import RefusedError, quoted, reason
from segalgo.models.graph.network import Network
from segalgo.models.graph.nodes import Graph, Node

OLDEST_OPSET = 7
# Number of a type: its dtype, the field of values that are not raw, and the dtype of that field.
TYPES = {
    1: ("float32", "float_data"),
    2: ("uint8", "int32_data"),
    3: ("int8", "int32_data"),
    4: ("uint16", "int32_data"),
    5: ("int16", "int32_data"),
    6: ("int32", "int32_data"),
    7: ("int64", "int64_data"),
    9: ("bool", "int32_data"),
    10: ("float16", "int32_data"),
    11: ("float64", "double_data"),
    12: ("uint32", "uint64_data"),
    13: ("uint64", "uint64_data"),
    16: ("bfloat16", "int32_data"),
}
ITEMSIZE = {"bfloat16": 2}
INPUT_TYPES = (1, 2, 10, 11, 16)


def from_onnx(
    path: Any,
    *,
    output: str | None = None,
    layout: str | None = None,
    names: Sequence[str] | None = None,
    channels: str | None = None,
    mean: float | Sequence[float] | None = None,
    scale: float | Sequence[float] | None = None,
) -> Network:
    """Make a network of the graph in an ONNX file.

    The file's nodes become layers of segalgo, so the network runs on every backend, and `trace`, `summary`, `plan`,
    `predict`, `save` and `to_source` serve it as any other. A final choice of the largest class (ArgMax) is left out:
    `predict` makes it. Free sizes of the picture and the batch stay free; a file for one size gets pictures of that
    size from `predict`, which resizes them and enlarges the scores.

    Parameters
    ----------
    path : str or Path
        Named ``.onnx``; operator set 7 or later; float32, float16 and bfloat16 weights, computed in float32. External
        data are read from the file's folder, mapped where they are large.
    output : str, optional
        The name of the output that is wanted, where a file has several; the first by default.
    layout : {"NCHW", "NHWC"}, optional
        Order of the axes of input and output. By default NHWC where the last axis has 1, 3 or 4 cells and the second
        has not.
    names : sequence of str, optional
        Of the classes. By default those in the file's metadata, if it has any, else numbers.
    channels : {"rgb", "bgr", "grey", "as is"}, optional
    mean, scale : float or sequence of float, optional
        How the network wants pictures, which ONNX files do not say: ``(value - mean) / scale`` with values from 0 to
        255. By default RGB from 0 to 1: mean 0, scale 255.

    Returns
    -------
    Network

    Raises
    ------
    WeightsError
        If the file is missing, damaged or no ONNX file; if it has operators that are not known here, all named with
        their nodes in one error; if its graph is cyclic or its sizes do not fit.
    TypeError, ValueError
        If an option does not fit.
    ImportError
        If the package ``onnx`` is not installed.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.models.from_onnx("missing.onnx")
    Traceback (most recent call last):
    segalgo.models.files.weights_error.WeightsError: missing.onnx: no such file
    """
    path = as_path(path)
    if layout not in (None, "NCHW", "NHWC"):
        raise ValueError(f"layout={layout!r}: expected 'NCHW' or 'NHWC'")
    with errors_of(path):
        checked_path(path, ".onnx")
    onnx = package("onnx", "onnx")
    with errors_of(path):
        try:
            model = onnx.ModelProto.FromString(path.read_bytes())
        except Exception as error:  # of the protobuf package, whichever there is
            raise RefusedError(f"damaged or no ONNX file ({reason(error)})") from None
        graph = _Reader(model, path).graph(output, layout)
        found = names if names is not None else _names_in(model)
    network = network_of(path, graph, names, channels, mean, scale)
    if names is None and found and len(found) == network.num_classes:
        from segalgo.models.files.graph_files import named_classes

        network.classes = named_classes(found, network.num_classes)
    return network


class _Reader:
    """One file being read."""

    def __init__(self, model: Any, path: Path) -> None:
        self.model, self.path, self.proto = model, path, model.graph
        self.files: dict[str, MappedFile] = {}
        self.constants: dict[str, np.ndarray] = {}

    def graph(self, output: str | None, layout: str | None) -> Graph:
        """Return the graph in the neutral form."""
        opset = next((entry.version for entry in self.model.opset_import if entry.domain in ("", "ai.onnx")), None)
        if opset is None or not self.proto.node:
            raise RefusedError("damaged or no ONNX file: it has no nodes, or no version of the operators")
        if opset < OLDEST_OPSET:
            raise RefusedError(f"operator set {opset}: expected {OLDEST_OPSET} or later; the onnx package converts it")
        if len(self.proto.node) > MOST_NODES:
            raise RefusedError(f"{len(self.proto.node)} nodes: expected at most {MOST_NODES}")
        if self.proto.sparse_initializer:
            raise RefusedError("sparse weights: expected dense ones")
        for tensor in self.proto.initializer:
            self._add(tensor.name, self.array(tensor))
        name, shape = self._input()
        nodes = [node for k, proto in enumerate(self.proto.node) if (node := self._node(proto, k))]
        if layout is None:
            layout = "NHWC" if shape[3] in (1, 3, 4) and shape[1] not in (1, 3, 4) else "NCHW"
        outputs = [entry.name for entry in self.proto.output]
        if not outputs:
            raise RefusedError("it has no output")
        return Graph(name, shape, chosen(outputs, output, "output"), tuple(nodes), self.constants, layout, int(opset))

    def _add(self, name: str, array: np.ndarray) -> None:
        if name in self.constants:
            raise RefusedError(f"the constant {quoted(name)} stands twice")
        self.constants[name] = array

    def _input(self) -> tuple[str, tuple[int | None, ...]]:
        inputs = [entry for entry in self.proto.input if entry.name not in self.constants]
        if len(inputs) != 1:
            listed = ", ".join(quoted(entry.name) for entry in inputs[:10])
            raise RefusedError(f"{len(inputs)} inputs ({listed}): expected one, the picture")
        kind = inputs[0].type.tensor_type
        if kind.elem_type not in INPUT_TYPES:
            raise RefusedError(f"its input has the type {kind.elem_type}: expected float or uint8")
        dims = [
            d.dim_value if d.WhichOneof("value") == "dim_value" and d.dim_value > 0 else None for d in kind.shape.dim
        ]
        if len(dims) != 4:
            raise RefusedError(f"its input has {len(dims)} axes: expected (N, C, H, W) or (N, H, W, C)")
        return inputs[0].name, tuple(dims)

    def _node(self, proto: Any, place: int) -> Node | None:
        """Return a node; None for a constant, which is kept."""
        domain = "" if proto.domain in ("", "ai.onnx") else f"{proto.domain}."
        name = proto.name or next((output for output in proto.output if output), f"node {place}")
        attributes = {a.name: self._attribute(a, name) for a in proto.attribute}
        if proto.op_type == "Constant" and not domain:
            self._add(proto.output[0], _constant(attributes, name))
            return None
        return Node(domain + proto.op_type, name, tuple(proto.input), tuple(proto.output), attributes)

    def _attribute(self, a: Any, node: str) -> Any:
        kinds = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints", 8: "strings"}
        if a.type not in kinds:
            return None  # graphs, of operators that are refused by name
        value = getattr(a, kinds[a.type])
        if a.type == 3:
            return value.decode("utf-8", "replace")
        if a.type == 4:
            return self.array(value)
        if a.type == 8:
            return [text.decode("utf-8", "replace") for text in value]
        return list(value) if a.type in (6, 7) else value

    def array(self, tensor: Any) -> np.ndarray:
        """Return a tensor as an array, read-only; half floats as float32."""
        if tensor.data_type not in TYPES:
            raise RefusedError(f"the constant {quoted(tensor.name)} has the type {tensor.data_type}: expected numbers")
        kind, field = TYPES[tensor.data_type]
        itemsize = ITEMSIZE.get(kind) or np.dtype(kind).itemsize
        shape = checked_shape(map(int, tensor.dims), itemsize)
        count = math.prod(shape)
        if tensor.data_location == 1:
            raw = self._external(tensor, count * itemsize)
        elif tensor.HasField("raw_data") or not count:
            raw = np.frombuffer(tensor.raw_data, np.uint8)
        else:
            return _listed(tensor, kind, field, shape, count)
        if raw.size != count * itemsize:
            raise RefusedError(
                f"the constant {quoted(tensor.name)} of shape {shape} and {kind} has {raw.size} bytes, expected "
                f"{count * itemsize}"
            )
        if kind in ("float16", "bfloat16"):
            values = widen(raw, kind, "<")
        else:
            values = np.require(raw.view(np.dtype(kind).newbyteorder("<")), kind, "A")
        values = values.reshape(shape)
        values.flags.writeable = False
        return values

    def _external(self, tensor: Any, count: int) -> np.ndarray:
        """Return the bytes of a tensor that lie in another file of the same folder."""
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        folder = self.path.parent.resolve()
        file = (folder / location).resolve()
        inside = location and not Path(location).is_absolute() and file.is_relative_to(folder) and "\\" not in location
        if not inside:
            raise RefusedError(f"external data {quoted(location)!r}: expected a file in the folder of the model")
        try:
            start, length = int(entries.get("offset") or 0), int(entries.get("length") or count)
        except ValueError:
            raise RefusedError("external data: expected integers for offset and length") from None
        if length != count:
            raise RefusedError(
                f"the constant {quoted(tensor.name)} has {length} bytes of external data, expected {count}"
            )
        if location not in self.files:
            if not file.is_file():
                raise RefusedError(f"external data {quoted(location)!r}: no such file")
            self.files[location] = MappedFile(file)
        return self.files[location].numbers(start, length)


def _listed(tensor: Any, kind: str, field: str, shape: Sequence[int], count: int) -> np.ndarray:
    """Return a tensor whose values stand one by one."""
    values = getattr(tensor, field)
    if len(values) != count:
        raise RefusedError(f"the constant {quoted(tensor.name)} of shape {shape} has {len(values)} values")
    if kind in ("float16", "bfloat16"):
        array = widen(np.array(values, np.int64).astype(np.uint16).view(np.uint8), kind, "=")
    else:
        array = np.array(values).astype(kind)
    array = array.reshape(shape)
    array.flags.writeable = False
    return array


def _constant(attributes: dict[str, Any], name: str) -> np.ndarray:
    """Return the array of a Constant node."""
    kinds = {
        "value": None,
        "value_float": "float32",
        "value_floats": "float32",
        "value_int": "int64",
        "value_ints": "int64",
    }
    for key, value in attributes.items():
        if key in kinds and value is not None:
            return np.asarray(value, kinds[key])
    raise RefusedError(f"node Constant {quoted(name)}: expected numbers")


def _names_in(model: Any) -> list[str] | None:
    """Return the names of classes in a file's metadata."""
    entries: Iterable[Any] = model.metadata_props
    for entry in entries:
        if entry.key.lower() in NAMES:
            return read_names(entry.value)
    return None
