"""A reader of the pickles in PyTorch's files that executes nothing.

A pickle is a program for a stack machine, and its calls may name any function of Python. This machine knows the
instructions that containers, numbers, strings and tensors need. Calls that build tensors make records of our own, calls
that build other harmless objects make a placeholder, and any other call is refused. Cost: a step an instruction; what
the instructions allocate is accounted for, so that memory stays in proportion to the file.
"""

import codecs
import pickle
import struct
from collections.abc import Callable, Sequence
from typing import Any

from segalgo.models.files.limits import Allowance
from segalgo.models.files.pickled_names import check_call, check_name
from segalgo.models.files.tensor_records import (
    BUILDERS,
    Name,
    OtherTensor,
    Skipped,
    Storage,
    Tensor,
    sizes,
    storage_dtype,
)
from segalgo.models.files.weights_error import DAMAGE, RefusedError, reason

LONGEST_INTEGER = 1024  # bytes
LONGEST_LINE = 4096  # characters of a name or number of the text protocol
# Bytes that objects take in memory, rounded up.
SMALL, ENTRY, CONTAINER, DICTIONARY = 64, 110, 160, 250


class PickleReader:
    """Reads one pickle after the other from a buffer.

    Parameters
    ----------
    data : bytes or mmap
    allowance : Allowance
        Accounts for what the pickles allocate.
    place : int
        Where the first pickle begins; afterwards, where the last one ended.
    """

    def __init__(self, data: Sequence[int], allowance: Allowance, place: int = 0) -> None:
        self.data: Any = data
        self.allowance = allowance
        self.place = place
        self.storages: dict[str, Storage] = {}
        """The storages that the pickles refer to, by key."""

    def read(self) -> Any:
        """Return the object of the next pickle: tensors as records, harmless objects as `Skipped`.

        Raises
        ------
        RefusedError
            If the pickle names or needs anything else, or is damaged.
        """
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        start = self.place
        try:
            while True:
                start = self.place
                code = self.data[start]
                self.place = start + 1
                if code == STOP:
                    return self.stack.pop()
                instruction = INSTRUCTIONS.get(code)
                if instruction is None:
                    name = OTHERS.get(code, f"{code:#04x}")
                    raise RefusedError(
                        f"the pickle needs the instruction {name} at byte {start}, which tensors do not need"
                    )
                instruction(self)
        except RefusedError:
            raise
        except IndexError:
            if start >= len(self.data):
                raise RefusedError("pickle without an end: the file is truncated") from None
            raise RefusedError(f"damaged pickle at byte {start} (its stack is empty)") from None
        except DAMAGE as error:
            raise RefusedError(f"damaged pickle at byte {start} ({reason(error)})") from None

    # Arguments of instructions

    def _bytes(self, count: int) -> bytes:
        values = self.data[self.place : self.place + count]
        if len(values) != count:
            raise RefusedError(f"damaged pickle: truncated at byte {self.place}, where {count} bytes belong")
        self.place += count
        return bytes(values)

    def _number(self, count: int) -> int:
        return int.from_bytes(self._bytes(count), "little")

    def _line(self) -> str:
        end = self.data.find(b"\n", self.place, self.place + LONGEST_LINE)
        if end < 0:
            raise ValueError("a line without an end")
        line = self._bytes(end + 1 - self.place)[:-1]
        return line.decode("utf-8")

    # Numbers, strings and constants

    def _push(self, value: Any, cost: int = SMALL) -> None:
        self.allowance.take(cost, "the pickle")
        self.stack.append(value)

    def _binint(self) -> None:
        self._push(struct.unpack("<i", self._bytes(4))[0])

    def _long(self, count: int) -> None:
        if count > LONGEST_INTEGER:
            raise ValueError(f"an integer of {count} bytes")
        self._push(int.from_bytes(self._bytes(count), "little", signed=True))

    def _int(self) -> None:
        line = self._line()
        self._push({"00": False, "01": True}.get(line) if line in ("00", "01") else int(line))

    def _text(self, count: int) -> None:
        self._push(self._bytes(count).decode("utf-8", "surrogatepass"), SMALL + 4 * count)

    def _old_text(self, count: int) -> None:
        self._push(self._bytes(count).decode("latin-1"), SMALL + 2 * count)

    def _string(self) -> None:
        line = self._line().strip()
        if len(line) < 2 or line[0] != line[-1] or line[0] not in "'\"":
            raise ValueError("a string without quotes")
        self._push(codecs.escape_decode(line[1:-1].encode("latin-1"))[0].decode("latin-1"))

    def _skipped_bytes(self, count: int) -> None:
        """Push a placeholder for bytes: no part of a tensor's record holds any."""
        if self.place + count > len(self.data):
            raise RefusedError(f"damaged pickle: truncated at byte {self.place}, where {count} bytes belong")
        self.place += count
        self._push(b"")

    # The stack and the memo

    def _pop(self) -> None:
        if self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        else:
            self.stack.pop()

    def _mark(self) -> None:
        self.allowance.take(SMALL, "the pickle")
        self.marks.append(len(self.stack))

    def _popped_to_mark(self) -> list[Any]:
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def _put(self, index: int) -> None:
        if not 0 <= index < 2**32:
            raise ValueError("a memo of a number that is out of range")
        self.allowance.take(ENTRY, "the pickle")
        self.memo[index] = self.stack[-1]

    def _get(self, index: int) -> None:
        if index not in self.memo:
            raise ValueError(f"the memo {index if index < 2**62 else 'of a large number'} was never written")
        self.stack.append(self.memo[index])

    # Containers

    def _tuple_of(self, count: int) -> None:
        if len(self.stack) < count:
            raise IndexError
        items = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        self._push(items)

    def _tuple(self) -> None:
        items = tuple(self._popped_to_mark())
        self._push(items, SMALL + 8 * len(items))

    def _list(self) -> None:
        items = self._popped_to_mark()
        self._push(items, CONTAINER + 8 * len(items))

    def _extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            self.allowance.take(8 * len(items), "the pickle")
            target.extend(items)
        elif not isinstance(target, Skipped):
            raise ValueError(f"a {_kind(target)} where a list belongs")

    def _append(self) -> None:
        item = self.stack.pop()
        self._extend([item])

    def _dict(self) -> None:
        items = self._popped_to_mark()
        self._push({}, DICTIONARY)
        self._fill(items)

    def _setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._fill([key, value])

    def _fill(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise ValueError(f"a {_kind(target)} where a dictionary belongs")
        if len(items) % 2:
            raise ValueError("a key without a value")
        self.allowance.take(ENTRY * len(items) // 2, "the pickle")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_as_key(key)] = value

    def _unordered(self) -> None:
        self._popped_to_mark()
        self._push(Skipped("builtins.frozenset"), DICTIONARY)

    def _additems(self) -> None:
        self._popped_to_mark()
        if not isinstance(self.stack[-1], Skipped):
            raise ValueError(f"a {_kind(self.stack[-1])} where a set belongs")

    # Names, calls, and references to storages

    def _name(self, module: str, name: str) -> None:
        if not module.isprintable() or not name.isprintable():
            raise ValueError("a name that cannot be one")
        check_name(module, name)
        self._push(Name(f"{module}.{name}"), 4 * SMALL)

    def _global(self) -> None:
        module = self._line()
        self._name(module, self._line())

    def _stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise ValueError("a name that is no string")
        self._name(module, name)

    def _call(self, function: Any, arguments: Any) -> None:
        if not isinstance(arguments, tuple):
            raise ValueError(f"a call with a {_kind(arguments)} for its arguments")
        if isinstance(function, Skipped):  # a function that another harmless call returned
            self._push(Skipped(function.path), DICTIONARY)
            return
        if not isinstance(function, Name):
            raise ValueError(f"a call of a {_kind(function)}")
        build = BUILDERS.get(function.path)
        if build is None:
            check_call(function.path)
            self._push(Skipped(function.path), DICTIONARY)
        else:
            self._push(build(*arguments), DICTIONARY)

    def _reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self._call(function, arguments)

    def _newobj_ex(self) -> None:
        self.stack.pop()  # arguments by keyword
        self._reduce()

    def _build(self) -> None:
        # State dicts carry an attribute `_metadata`, versions of layers; other objects keep their attributes so.
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Skipped):
            target.state = state
        elif not isinstance(target, dict | Tensor | OtherTensor):
            raise ValueError(f"a {_kind(target)} with attributes")

    def _persid(self) -> None:
        raise RefusedError(
            "a pickle of protocol 0, whose references to numbers are texts that PyTorch itself does not read: save it "
            "again with a pickle_protocol of 2 or above"
        )

    def _binpersid(self) -> None:
        reference = self.stack.pop()
        if not isinstance(reference, tuple) or not reference or not isinstance(reference[0], str):
            raise ValueError("a reference that is no tuple of a word and more")
        if reference[0] == "module" and len(reference) > 1 and isinstance(reference[1], Name):
            self._push(reference[1])  # the class of a whole model, beside its source text
            return
        kind, name, key, _, count, *view = reference
        if kind != "storage" or not isinstance(name, Name) or any(part is not None for part in view):
            raise RefusedError(f"the pickle refers to something that is no whole storage, at byte {self.place}")
        if not isinstance(key, str) or len(key) > LONGEST_LINE:
            raise ValueError("a storage without a key")
        storage = Storage(key, storage_dtype(name.path), sizes((count,))[0])
        if self.storages.setdefault(key, storage) != storage:
            raise RefusedError(f"the storage {key!r:.60} is used with different dtypes or sizes")
        self._push(storage, 4 * SMALL)


def _kind(value: Any) -> str:
    """Return what a value is called in messages."""
    return f"{value.path:.80}" if isinstance(value, Name | Skipped) else type(value).__name__


def _as_key(key: Any) -> Any:
    """Return a key as it is where its hash is cheap and spread, else a placeholder.

    Tuples may share tuples to any depth, and integers and floats can be chosen to have one hash.
    """
    plain = isinstance(key, str) or key is None or (isinstance(key, int) and abs(key) < 2**60)
    return key if plain else object()


def _instructions() -> dict[int, Callable[[PickleReader], None]]:
    """Return what each instruction's byte does."""
    r = PickleReader
    table: dict[bytes, Callable[[PickleReader], None]] = {
        pickle.PROTO: lambda m: m._bytes(1) and None,
        pickle.FRAME: lambda m: m._bytes(8) and None,
        pickle.NONE: lambda m: m._push(None),
        pickle.NEWTRUE: lambda m: m._push(True),
        pickle.NEWFALSE: lambda m: m._push(False),
        pickle.INT: r._int,
        pickle.BININT: r._binint,
        pickle.BININT1: lambda m: m._push(m._number(1)),
        pickle.BININT2: lambda m: m._push(m._number(2)),
        pickle.LONG: lambda m: m._push(int(m._line().removesuffix("L"))),
        pickle.LONG1: lambda m: m._long(m._number(1)),
        pickle.LONG4: lambda m: m._long(m._number(4)),
        pickle.FLOAT: lambda m: m._push(float(m._line())),
        pickle.BINFLOAT: lambda m: m._push(struct.unpack(">d", m._bytes(8))[0]),
        pickle.STRING: r._string,
        pickle.UNICODE: lambda m: m._push(m._line().encode("latin-1", "backslashreplace").decode("raw_unicode_escape")),
        pickle.BINUNICODE: lambda m: m._text(m._number(4)),
        pickle.SHORT_BINUNICODE: lambda m: m._text(m._number(1)),
        pickle.BINUNICODE8: lambda m: m._text(m._number(8)),
        pickle.BINSTRING: lambda m: m._old_text(m._number(4)),
        pickle.SHORT_BINSTRING: lambda m: m._old_text(m._number(1)),
        pickle.BINBYTES: lambda m: m._skipped_bytes(m._number(4)),
        pickle.SHORT_BINBYTES: lambda m: m._skipped_bytes(m._number(1)),
        pickle.BINBYTES8: lambda m: m._skipped_bytes(m._number(8)),
        pickle.BYTEARRAY8: lambda m: m._skipped_bytes(m._number(8)),
        pickle.POP: r._pop,
        pickle.POP_MARK: lambda m: m._popped_to_mark() and None,
        pickle.DUP: lambda m: m._push(m.stack[-1]),
        pickle.MARK: r._mark,
        pickle.PUT: lambda m: m._put(int(m._line())),
        pickle.BINPUT: lambda m: m._put(m._number(1)),
        pickle.LONG_BINPUT: lambda m: m._put(m._number(4)),
        pickle.MEMOIZE: lambda m: m._put(len(m.memo)),
        pickle.GET: lambda m: m._get(int(m._line())),
        pickle.BINGET: lambda m: m._get(m._number(1)),
        pickle.LONG_BINGET: lambda m: m._get(m._number(4)),
        pickle.EMPTY_TUPLE: lambda m: m._push(()),
        pickle.TUPLE1: lambda m: m._tuple_of(1),
        pickle.TUPLE2: lambda m: m._tuple_of(2),
        pickle.TUPLE3: lambda m: m._tuple_of(3),
        pickle.TUPLE: r._tuple,
        pickle.EMPTY_LIST: lambda m: m._push([], CONTAINER),
        pickle.LIST: r._list,
        pickle.APPEND: r._append,
        pickle.APPENDS: lambda m: m._extend(m._popped_to_mark()),
        pickle.EMPTY_DICT: lambda m: m._push({}, DICTIONARY),
        pickle.DICT: r._dict,
        pickle.SETITEM: r._setitem,
        pickle.SETITEMS: lambda m: m._fill(m._popped_to_mark()),
        pickle.EMPTY_SET: lambda m: m._push(Skipped("builtins.set"), DICTIONARY),
        pickle.ADDITEMS: r._additems,
        pickle.FROZENSET: r._unordered,
        pickle.GLOBAL: r._global,
        pickle.STACK_GLOBAL: r._stack_global,
        pickle.REDUCE: r._reduce,
        pickle.NEWOBJ: r._reduce,
        pickle.NEWOBJ_EX: r._newobj_ex,
        pickle.BUILD: r._build,
        pickle.PERSID: r._persid,
        pickle.BINPERSID: r._binpersid,
    }
    return {code[0]: instruction for code, instruction in table.items()}


STOP = pickle.STOP[0]
INSTRUCTIONS = _instructions()
OTHERS = {
    getattr(pickle, name)[0]: name for name in ("INST", "OBJ", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER")
}
