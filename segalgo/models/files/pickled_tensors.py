"""A reader of the pickles in PyTorch's files that executes nothing.

A pickle is a program for a stack machine, and its calls may name any function of Python. This machine knows the
instructions that containers, numbers, strings and tensors need; its calls build records of our own, and a name outside
the table below is refused. Python's module ``pickletools`` splits the bytes into instructions.
"""

import io
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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
    "UntypedStorage": "uint8",
}
TENSOR_DTYPES = {*STORAGE_DTYPES.values(), "uint16", "uint32", "uint64"}


class RefusedError(ValueError):
    """What this reader does not do; the message says what."""


@dataclass(frozen=True)
class Name:
    """A function or class that a pickle names."""

    path: str


@dataclass(frozen=True)
class Storage:
    """A run of numbers elsewhere in the file."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; strides count cells."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_pickle(stream: io.BytesIO) -> Any:
    """Return the object of the pickle at the stream's place, tensors as `Tensor` records; the stream ends behind it.

    Raises
    ------
    RefusedError
        If the pickle names or needs anything but containers, numbers, strings and tensors, or is damaged.
    """
    machine = _Machine()
    try:
        for operation, argument, place in pickletools.genops(stream):
            machine.place = place
            if operation.name == "STOP":
                return machine.stack.pop()
            machine.run(operation.name, argument)
    except RefusedError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise RefusedError(f"damaged pickle at byte {machine.place} ({error})") from None
    raise RefusedError("pickle without an end")


class _Machine:
    """Stack, marks and memo of one pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.place: int | None = 0

    def run(self, name: str, argument: Any) -> None:
        """Execute one instruction."""
        if name in PUSHED:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name]())
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[int(argument)] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[int(argument)])
        elif hasattr(self, f"_{name.lower()}"):
            getattr(self, f"_{name.lower()}")(argument)
        else:
            raise RefusedError(
                f"the pickle needs the instruction {name} at byte {self.place}, which tensors do not need"
            )

    def _pop(self, kind: type | tuple[type, ...]) -> Any:
        value = self.stack.pop()
        if not isinstance(value, kind):
            raise ValueError(f"a {type(value).__name__} where none belongs")
        return value

    def _popped_to_mark(self) -> list[Any]:
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def _proto(self, argument: int) -> None:
        pass

    def _frame(self, argument: int) -> None:
        pass

    def _memoize(self, argument: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _mark(self, argument: Any) -> None:
        self.marks.append(len(self.stack))

    def _pop_mark(self, argument: Any) -> None:
        self._popped_to_mark()

    def _tuple(self, argument: Any) -> None:
        self.stack.append(tuple(self._popped_to_mark()))

    def _tuple1(self, argument: Any) -> None:
        self.stack[-1:] = [tuple(self.stack[-1:])]

    def _tuple2(self, argument: Any) -> None:
        self.stack[-2:] = [tuple(self.stack[-2:])]

    def _tuple3(self, argument: Any) -> None:
        self.stack[-3:] = [tuple(self.stack[-3:])]

    def _list(self, argument: Any) -> None:
        self.stack.append(self._popped_to_mark())

    def _append(self, argument: Any) -> None:
        item = self.stack.pop()
        self._top(list).append(item)

    def _appends(self, argument: Any) -> None:
        items = self._popped_to_mark()
        self._top(list).extend(items)

    def _dict(self, argument: Any) -> None:
        self._setitems_of({}, self._popped_to_mark(), push=True)

    def _setitem(self, argument: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._setitems_of(self._top(dict), [key, value])

    def _setitems(self, argument: Any) -> None:
        items = self._popped_to_mark()
        self._setitems_of(self._top(dict), items)

    def _setitems_of(self, target: dict, items: list[Any], push: bool = False) -> None:
        for key in items[::2]:
            if not isinstance(key, str | int | float):
                raise ValueError(f"a {type(key).__name__} as the key of a dictionary")
        target.update(zip(items[::2], items[1::2], strict=True))
        if push:
            self.stack.append(target)

    def _top(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise ValueError(f"a {type(self.stack[-1]).__name__} where a {kind.__name__} belongs")
        return self.stack[-1]

    def _global(self, argument: str) -> None:
        self._push_name(*argument.split(" ", 1))

    def _stack_global(self, argument: Any) -> None:
        name, module = self._pop(str), self._pop(str)
        self._push_name(module, name)

    def _push_name(self, module: str, name: str) -> None:
        path = f"{module}.{name}"
        storage = module in ("torch", "torch.storage") and name in STORAGE_DTYPES
        dtype = module == "torch" and name in TENSOR_DTYPES
        if not storage and not dtype and path not in BUILDERS:
            raise RefusedError(
                f"the pickle names {path}, and files of weights need tensors alone; nothing was executed"
            )
        self.stack.append(Name(path))

    def _reduce(self, argument: Any) -> None:
        arguments, name = self._pop(tuple), self._pop(Name)
        if name.path not in BUILDERS:
            raise RefusedError(f"the pickle calls {name.path}, which builds no tensor")
        self.stack.append(BUILDERS[name.path](*arguments))

    def _build(self, argument: Any) -> None:
        # State dicts carry an attribute `_metadata`, versions of layers.
        self.stack.pop()
        self._top(dict)

    def _binpersid(self, argument: Any) -> None:
        kind, name, key, _, count, *view = self._pop(tuple)
        if kind != "storage" or not isinstance(name, Name) or not isinstance(key, str) or any(view):
            raise RefusedError(f"the pickle refers to a {kind!r} of the file, expected a whole storage")
        storage = name.path.rpartition(".")[2]
        self.stack.append(Storage(key, STORAGE_DTYPES[storage], _counts((count,))[0]))


def _counts(values: Any) -> tuple[int, ...]:
    """Return a tuple of integers of at least 0 that a position in a file may be."""
    if not isinstance(values, tuple | list) or not all(type(n) is int and 0 <= n < 2**62 for n in values):
        raise ValueError(f"sizes {values!r:.60}, expected integers of at least 0")
    return tuple(values)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> Tensor:
    """Build what `torch._utils._rebuild_tensor_v2` builds."""
    if not isinstance(storage, Storage):
        raise ValueError("a tensor without a storage")
    shape, strides = _counts(shape), _counts(strides)
    if len(shape) != len(strides) or len(shape) > 32:
        raise ValueError(f"a tensor of {len(shape)} sizes and {len(strides)} strides")
    return Tensor(storage, storage.dtype, _counts((offset,))[0], shape, strides)


def _tensor_of_dtype(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any, dtype: Any, *rest: Any
) -> Tensor:
    """Build what `torch._utils._rebuild_tensor_v3` builds: the dtype stands beside an untyped storage."""
    plain = _tensor(storage, offset, shape, strides)
    name = dtype.path.rpartition(".")[2] if isinstance(dtype, Name) else ""
    if name not in TENSOR_DTYPES:
        raise ValueError("a tensor without a dtype")
    return Tensor(plain.storage, name, plain.offset, plain.shape, plain.strides)


def _parameter(data: Any, *rest: Any) -> Any:
    if not isinstance(data, Tensor):
        raise ValueError("a parameter that is no tensor")
    return data


def _ordered(items: Any = ()) -> dict:
    """Build an ordered dictionary: empty and filled later, or (by Python 2) from pairs."""
    if not isinstance(items, list | tuple) or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in items
    ):
        raise ValueError("a dictionary of other things than pairs of a name and a value")
    return dict(items)


def _size(values: Any = ()) -> tuple[int, ...]:
    return _counts(values)


BUILDERS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_dtype,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.Size": _size,
}
PUSHED = {
    "INT",
    "BININT",
    "BININT1",
    "BININT2",
    "LONG",
    "LONG1",
    "BINFLOAT",
    "BINSTRING",
    "SHORT_BINSTRING",
    "BINUNICODE",
    "SHORT_BINUNICODE",
}
CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
