"""What a pickle of PyTorch says of tensors, as plain records: read from `torch.save`'s references and calls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from segalgo.models.files.limits import MOST_AXES

# Names of PyTorch's typed storages, and their dtypes.
STORAGE_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "QInt8Storage": "int8",
    "QUInt8Storage": "uint8",
    "QInt32Storage": "int32",
    "QUInt4x2Storage": "uint8",
    "QUInt2x4Storage": "uint8",
    "UntypedStorage": "uint8",
}
STORAGE_MODULES = ("torch", "torch.cuda", "torch.storage")
FLOAT8_DTYPES = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu")
TENSOR_DTYPES = {*STORAGE_DTYPES.values(), "uint16", "uint32", "uint64", *FLOAT8_DTYPES}


@dataclass(frozen=True, slots=True)
class Name:
    """A function or class that a pickle names."""

    path: str


class Skipped(dict):
    """An object that is no part of weights: its class, and what the pickle puts into it. It is never made."""

    __slots__ = ("path", "state")

    def __init__(self, path: str) -> None:
        self.path = path
        self.state: Any = None


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of numbers elsewhere in the file."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """A view of a storage; strides count cells."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    negated: bool = False
    conjugated: bool = False


@dataclass(frozen=True, slots=True)
class OtherTensor:
    """A tensor that cannot be read as an array of numbers, and why."""

    reason: str


def storage_dtype(path: str) -> str:
    """Return the dtype of a typed storage's class; an untyped one counts bytes."""
    module, _, name = path.rpartition(".")
    if module not in STORAGE_MODULES or name not in STORAGE_DTYPES:
        raise ValueError("a storage of an unknown class")
    return STORAGE_DTYPES[name]


def sizes(values: Any) -> tuple[int, ...]:
    """Return a tuple of integers of at least 0 that positions in a file may be."""
    if not isinstance(values, tuple | list) or not all(type(n) is int and 0 <= n < 2**62 for n in values):
        raise ValueError("sizes that are no integers of at least 0")
    return tuple(values)


def _tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any = None, hooks: Any = None, metadata: Any = None
) -> Tensor:
    """Build what `torch._utils._rebuild_tensor_v2` builds; `metadata` says whether it is negated or conjugated."""
    if not isinstance(storage, Storage):
        raise ValueError("a tensor without a storage")
    shape, strides = sizes(shape), sizes(strides)
    if len(shape) != len(strides) or len(shape) > MOST_AXES:
        raise ValueError(f"a tensor of {len(shape)} sizes and {len(strides)} strides")
    marks = metadata if isinstance(metadata, dict) else {}
    negated, conjugated = marks.get("neg") is True, marks.get("conj") is True
    return Tensor(storage, storage.dtype, sizes((offset,))[0], shape, strides, negated, conjugated)


def _tensor_of_dtype(
    storage: Any,
    offset: Any,
    shape: Any,
    strides: Any,
    grad: Any = None,
    hooks: Any = None,
    dtype: Any = None,
    metadata: Any = None,
) -> Tensor | OtherTensor:
    """Build what `torch._utils._rebuild_tensor_v3` builds: the dtype stands beside an untyped storage."""
    plain = _tensor(storage, offset, shape, strides, grad, hooks, metadata)
    if not isinstance(dtype, Name):
        raise ValueError("a tensor without a dtype")
    name = dtype.path.rpartition(".")[2]
    if name not in TENSOR_DTYPES:
        return OtherTensor(f"a tensor of dtype {name:.40}")
    return Tensor(
        plain.storage, name, plain.offset, plain.shape, plain.strides, plain.negated, plain.conjugated
    )  # fmt: skip


def _parameter(data: Any, *rest: Any) -> Any:
    if not isinstance(data, Tensor | OtherTensor):
        raise ValueError("a parameter that is no tensor")
    return data


def _of_type(function: Any, kind: Any, arguments: Any, *rest: Any) -> Any:
    """Build what `torch._tensor._rebuild_from_type_v2` builds: a tensor of a subclass; the subclass is passed over."""
    if not isinstance(function, Name) or not isinstance(arguments, tuple):
        raise ValueError("a tensor of a class without its values")
    if function.path not in PLAIN_TENSORS:
        return OtherTensor("a tensor of a class of its own")
    return PLAIN_TENSORS[function.path](*arguments)


def _ordered(items: Any = ()) -> dict:
    """Build an ordered dictionary: empty and filled later, or (by Python 2) from pairs."""
    if not isinstance(items, list | tuple) or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in items
    ):
        raise ValueError("a dictionary of other things than pairs of a name and a value")
    return dict(items)


def _size(values: Any = ()) -> tuple[int, ...]:
    return sizes(values)


def _other(kind: str) -> Callable[..., OtherTensor]:
    return lambda *arguments: OtherTensor(kind)


PLAIN_TENSORS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_dtype,
}
BUILDERS: dict[str, Callable[..., Any]] = {
    **PLAIN_TENSORS,
    "collections.OrderedDict": _ordered,
    "torch.Size": _size,
    "torch._tensor._rebuild_from_type_v2": _of_type,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._utils._rebuild_qtensor": _other("a quantized tensor"),
    "torch._utils._rebuild_sparse_tensor": _other("a sparse tensor"),
    "torch._utils._rebuild_sparse_csr_tensor": _other("a sparse tensor"),
    "torch._utils._rebuild_nested_tensor": _other("a nested tensor"),
    "torch._utils._rebuild_meta_tensor_no_storage": _other("a tensor without values (device meta)"),
    "torch._utils._rebuild_device_tensor_from_numpy": _other("a tensor of another device, stored as a NumPy array"),
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _other("a tensor of another device"),
    "torch._utils._rebuild_wrapper_subclass": _other("a tensor of a class of its own"),
}
"""The calls of a pickle that are obeyed, by records of our own."""
