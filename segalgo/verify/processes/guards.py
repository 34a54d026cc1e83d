"""Arrays between guard zones, in every memory order; and fresh memory that is not clean."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

MARGIN = 256  # elements, so that an array behind it is aligned as its buffer is
# Several of each, so that an answer which depends on them shows, and chance can be told from proof.
GUARDS = (np.nan, 31337.0)
POISONS = (np.nan, -24680.0, 13579.0, -97.0)
# What a card's allocator keeps: vector loads of the first element are aligned.
ALIGNMENT = 256


class Guarded:
    """A copy of an array inside a larger buffer; what lies around it is known, and checked afterwards."""

    def __init__(self, values: np.ndarray, layout: str = "C", guard: int = 0, xp: Any = np) -> None:
        self._xp = xp
        self.buffer, self.view = _placed(values, layout, xp)
        self.buffer.fill(_as(values.dtype, GUARDS[guard], guard))
        marked, inside = _placed(values.astype(bool), layout, np)
        marked.fill(False)
        inside[...] = True
        self._inside = marked.tobytes()
        self.put(values)
        if layout == "readonly" and xp is np:
            self.view.flags.writeable = False

    def put(self, values: np.ndarray) -> None:
        """Overwrite the array, in its place."""
        writeable = getattr(self.view.flags, "writeable", True)
        if not writeable:
            self.view.flags.writeable = True
        self.view[...] = self._xp.asarray(values)
        if not writeable:
            self.view.flags.writeable = False
        self._before = self.buffer.tobytes()

    def damage(self) -> str | None:
        """Return "guard" if something outside the array was written, "input" if the array was, or None."""
        after = self.buffer.tobytes()
        if after == self._before:
            return None
        size = self.buffer.itemsize
        old, new = (np.frombuffer(data, np.uint8).reshape(-1, size) for data in (self._before, after))
        changed = (old != new).any(axis=1)
        return "guard" if (changed & ~np.frombuffer(self._inside, bool)).any() else "input"


def _placed(values: np.ndarray, layout: str, xp: Any) -> tuple[Any, Any]:
    """Return a flat buffer and the view of it that holds the values."""
    shape, dtype = values.shape, values.dtype
    if layout in ("C", "readonly", "offset") or values.ndim == 0:
        first = MARGIN + (layout == "offset")
        buffer = aligned_empty(values.size + 2 * MARGIN + 1, dtype, xp)
        return buffer, buffer[first : first + values.size].reshape(shape)
    if layout == "F":
        buffer = aligned_empty(values.size + 2 * MARGIN, dtype, xp)
        return buffer, buffer[MARGIN : MARGIN + values.size].reshape(shape[::-1]).T
    if layout in ("strided", "reversed"):
        wide = (*shape[:-1], 2 * shape[-1])
        buffer = aligned_empty(int(np.prod(wide)) + 2 * MARGIN, dtype, xp)
        inner = buffer[MARGIN : buffer.size - MARGIN].reshape(wide)
        return buffer, inner[..., ::2] if layout == "strided" else inner[..., ::-1][..., ::2]
    around = tuple(n + 2 for n in shape)
    buffer = aligned_empty(int(np.prod(around)), dtype, xp)
    return buffer, buffer.reshape(around)[(slice(1, -1),) * len(shape)]


def aligned_empty(size: int, dtype: Any, xp: Any = np) -> Any:
    """Return a flat array whose first element lies at a multiple of `ALIGNMENT`, the same for every call."""
    dtype = np.dtype(dtype)
    if xp is not np:
        return xp.empty(size, dtype)  # a card's allocator aligns
    room = xp.empty(size + ALIGNMENT // dtype.itemsize, dtype)
    first = -room.ctypes.data % ALIGNMENT // dtype.itemsize
    return room[first : first + size]


def _as(dtype: np.dtype, value: float, which: int) -> Any:
    """Return a filling of a dtype: the number itself for floats, an unlikely one for others."""
    if dtype.kind == "f":
        return dtype.type(value)
    if dtype.kind == "b":
        return which % 2 == 0
    info = np.iinfo(dtype)
    return (info.max - 42, info.min + 57, info.max - 101, info.min + 26)[which]


@contextmanager
def poisoned_memory(which: int, xp: Any = np) -> Iterator[None]:
    """Let `numpy.empty` and `empty_like` (and CuPy's) return memory full of one of `POISONS` inside a ``with`` block.

    What was allocated so and never written shows in the answer. It changes NumPy for the whole process meanwhile.
    """

    def dirty(allocate: Any) -> Any:
        def allocate_dirty(*given: Any, **named: Any) -> Any:
            array = allocate(*given, **named)
            if array.dtype.kind in "biuf" and array.size:
                array.fill(_as(array.dtype, POISONS[which], which))
            return array

        return allocate_dirty

    modules = [np] if xp is np else [np, xp]
    clean = [(module, name, getattr(module, name)) for module in modules for name in ("empty", "empty_like")]
    try:
        for module, name, allocate in clean:
            setattr(module, name, dirty(allocate))
        yield
    finally:
        for module, name, allocate in clean:
            setattr(module, name, allocate)


def poison_of(dtype: np.dtype, which: int) -> Any:
    """Return what unwritten memory of a dtype holds inside `poisoned_memory`."""
    return _as(dtype, POISONS[which], which)
