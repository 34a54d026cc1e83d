"""Read TensorFlow Lite files: the graph as nodes and constants.

The packages ``flatbuffers`` and ``tflite`` read the container. Maps lie as (N, H, W, C) in the file; here they become
(N, C, H, W), and so do the axes of operators. Where an operator changes the number of axes, its maps are first
brought into the file's order, so that the order of the cells is the file's.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from segalgo.models.files.graph_files import MOST_NODES, checked_path, network_of, package
from segalgo.models.files.limits import checked_shape
from segalgo.models.files.mapped_file import MappedFile
from segalgo.models.files.tflite.operators import OPTIONS, read_operator
from segalgo.models.files.tflite.reading import Operator, Reading
from segalgo.models.files.weights import as_path, errors_of
from segalgo.models.files.weights_error import DAMAGE, RefusedError, quoted, reason
from segalgo.models.graph.network import Network
from segalgo.models.graph.nodes import Graph

IDENTIFIER = b"TFL3"
DTYPES = {
    0: "float32",
    1: "float16",
    2: "int32",
    3: "uint8",
    4: "int64",
    6: "bool",
    7: "int16",
    9: "int8",
    10: "float64",
    15: "uint32",
    16: "uint16",
}
MOST_TENSORS = 200_000


def from_tflite(
    path: Any,
    *,
    names: Sequence[str] | None = None,
    channels: str | None = None,
    mean: float | Sequence[float] | None = None,
    scale: float | Sequence[float] | None = None,
) -> Network:
    """Make a network of the graph in a TensorFlow Lite file.

    As `from_onnx`, for files of float32 computation, weights of float32 or float16. MediaPipe's custom operators
    (MaxPoolingWithArgmax2D, MaxUnpooling2D, Convolution2DTransposeBias) are known. Inputs and outputs become
    (N, C, H, W). A network of four input channels gets the picture and a channel of zeros (no earlier mask).

    Parameters
    ----------
    path : str or Path
        Named ``.tflite``.
    names : sequence of str, optional
        Of the classes.
    channels : {"rgb", "bgr", "grey", "as is"}, optional
    mean, scale : float or sequence of float, optional
        ``(value - mean) / scale`` with values from 0 to 255; by default RGB from 0 to 1 (mean 0, scale 255). For -1 to
        1: mean 127.5, scale 127.5.

    Returns
    -------
    Network

    Raises
    ------
    WeightsError
        If the file is missing, damaged or no such file; if it is quantized; if it has operators that are not known
        here, all named with their nodes in one error; if its graph is cyclic or its sizes do not fit.
    TypeError, ValueError
        If an option does not fit.
    ImportError
        If the packages are not installed.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.models.from_tflite("missing.tflite")
    Traceback (most recent call last):
    segalgo.models.files.weights_error.WeightsError: missing.tflite: no such file
    """
    path = as_path(path)
    with errors_of(path):
        checked_path(path, ".tflite")
    package("flatbuffers", "tflite")
    schema = package("tflite", "tflite")
    with errors_of(path), MappedFile(path) as file:
        graph = _read(file, schema)
    return network_of(path, graph, names, channels, mean, scale)


def _read(file: MappedFile, schema: Any) -> Graph:
    """Return the graph of a file in the neutral form."""
    if file.size < 8 or file.data[4:8] != IDENTIFIER:
        raise RefusedError("no TensorFlow Lite file: it lacks the mark TFL3")
    try:
        return _Reader(file, schema).graph()
    except RefusedError:
        raise
    except (struct.error, *DAMAGE) as error:
        raise RefusedError(f"damaged file ({reason(error)})") from None


class _Reader(Reading):
    """One file being read."""

    def __init__(self, file: MappedFile, schema: Any) -> None:
        super().__init__()
        self.file, self.schema = file, schema
        # Of small files a copy, so that they may be written again; of large ones the map.
        self.model = schema.Model.GetRootAs(file.data, 0)
        self._bound(self.model.SubgraphsLength(), "subgraphs", 100)
        if self.model.SubgraphsLength() != 1:
            raise RefusedError(f"{self.model.SubgraphsLength()} subgraphs: expected one")
        self.subgraph = self.model.Subgraphs(0)
        self.builtin = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}

    def graph(self) -> Graph:
        """Return the graph in the neutral form."""
        part = self.subgraph
        self._bound(part.TensorsLength(), "tensors", MOST_TENSORS)
        self._bound(part.OperatorsLength(), "operators", MOST_NODES)
        for k in range(part.TensorsLength()):
            self._tensor(k, part.Tensors(k))
        inputs, outputs = (
            self._places(part.Inputs, part.InputsLength()),
            self._places(part.Outputs, part.OutputsLength()),
        )
        if len(inputs) != 1 or not outputs:
            raise RefusedError(f"{len(inputs)} inputs and {len(outputs)} outputs: expected one picture, and a result")
        shape = self.shapes[self.tensor_name(inputs[0])]
        if len(shape) != 4:
            raise RefusedError(f"its input has {len(shape)} axes: expected (N, H, W, C)")
        for k in range(part.OperatorsLength()):
            read_operator(self, self._operator(k, part.Operators(k)))
        n, h, w, c = (size if size > 0 else None for size in shape)
        ends = self.tensor_name(inputs[0]), (n, c, h, w), self.tensor_name(outputs[0])
        return Graph(*ends, tuple(self.nodes), self.constants)

    def _bound(self, count: int, what: str, most: int) -> None:
        """Refuse a number of things of which each takes at least four bytes of the file."""
        if not 0 <= count <= min(most, self.file.size // 4):
            raise RefusedError(f"damaged file: {count} {what} in {self.file.size} bytes")

    def _places(self, read: Callable[[int], Any], count: int) -> list[int]:
        """Return indices of tensors; -1 for one left out."""
        self._bound(count, "indices", 10_000)
        places = [int(read(k)) for k in range(count)]
        if any(not -1 <= place < self.subgraph.TensorsLength() for place in places):
            raise RefusedError(f"damaged file: the tensors {places[:8]} of {self.subgraph.TensorsLength()}")
        return places

    def tensor_name(self, place: int) -> str:
        """Return the name of a tensor, which no other has."""
        return self.names[place]

    def _tensor(self, place: int, tensor: Any) -> None:
        self._bound(tensor.ShapeLength(), "axes", 32)
        signed = tensor.ShapeSignatureLength()
        self._bound(signed, "axes", 32)
        read = tensor.ShapeSignature if signed else tensor.Shape
        shape = tuple(int(read(k)) for k in range(signed or tensor.ShapeLength()))
        text = (tensor.Name() or b"").decode("utf-8", "replace")
        name = text if text and text not in self.shapes else f"{text or 'tensor'}:{place}"
        self.names.append(name)
        self.shapes[name] = shape
        if tensor.Type() not in DTYPES:
            self.faults[name] = f"the type {tensor.Type()}"
            return
        if tensor.Sparsity() is not None:
            self.faults[name] = "sparse numbers"
            return
        array = self._array(name, tensor, shape)
        if array is not None:
            self.constants[name] = array
        quantization = tensor.Quantization()
        if DTYPES[tensor.Type()] in ("uint8", "int8", "int16") and quantization and quantization.ScaleLength():
            self.faults[name] = "quantized numbers"

    def _array(self, name: str, tensor: Any, shape: Sequence[int]) -> np.ndarray | None:
        """Return the numbers of a constant; None for a tensor that the graph computes."""
        place = tensor.Buffer()
        if not 0 <= place < self.model.BuffersLength():
            raise RefusedError(f"damaged file: buffer {place} of {self.model.BuffersLength()}")
        buffer = self.model.Buffers(place)
        count = buffer.DataLength()
        outside = buffer.Offset() if hasattr(buffer, "Offset") else 0
        if outside > 1:  # behind the flatbuffer, in files above 2 GB
            raw = self.file.numbers(int(outside), int(buffer.Size()))
        elif count:
            if not 0 < count <= self.file.size:
                raise RefusedError(f"truncated: the constant {quoted(name)} of {count} bytes")
            start = buffer._tab.Vector(buffer._tab.Offset(4))
            raw = self.file.numbers(start, count)
        else:
            return None
        kind = np.dtype(DTYPES[tensor.Type()]).newbyteorder("<")
        shape = checked_shape(shape, kind.itemsize)
        if int(np.prod(shape, dtype=object)) * kind.itemsize != raw.size:
            raise RefusedError(f"the constant {quoted(name)} of shape {shape} and {kind.name} has {raw.size} bytes")
        array = np.require(raw.view(kind), kind.newbyteorder("="), "A").reshape(shape)
        return array.astype(np.float32) if kind.name == "float16" else array

    def _operator(self, place: int, operator: Any) -> Operator:
        """Return an operator; it is named after its first output."""
        code_place = operator.OpcodeIndex()
        if not 0 <= code_place < self.model.OperatorCodesLength():
            raise RefusedError(f"damaged file: operator code {code_place} of {self.model.OperatorCodesLength()}")
        code = self.model.OperatorCodes(code_place)
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kind = self.builtin.get(number, f"operator {number}")
        custom = b""
        if kind == "CUSTOM":
            kind = (code.CustomCode() or b"CUSTOM").decode("utf-8", "replace")[:80]
            count = operator.CustomOptionsLength()
            self._bound(count // 4, "bytes of options", 10_000)
            custom = bytes(operator.CustomOptions(k) for k in range(count))
        places = self._places(operator.Inputs, operator.InputsLength())
        inputs = [self.names[k] if k >= 0 else "" for k in places]
        outputs = [self.names[k] for k in self._places(operator.Outputs, operator.OutputsLength())]
        if not outputs:
            raise RefusedError(f"damaged file: operator {place} ({kind}) without outputs")
        options, table = None, operator.BuiltinOptions()
        if kind in OPTIONS and table is not None:
            options = getattr(self.schema, OPTIONS[kind])()
            options.Init(table.Bytes, table.Pos)
        return Operator(kind, outputs[0], inputs, outputs, options, custom)
