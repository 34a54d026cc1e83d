"""Arrays that live for some steps only, laid into one piece of memory."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

LINE = 64  # bytes of a cache line: every array begins on one


class Buffer:
    """An array that some step writes first and some step reads last.

    Attributes
    ----------
    shape, dtype
    first, last : int
        The steps between which it must not be overwritten.
    array : numpy.ndarray
        After `arrange`.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any = np.float32) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.first = self.last = -1
        self.offset = 0
        self.array: np.ndarray | None = None

    @property
    def nbytes(self) -> int:
        """Bytes in the arena, whole cache lines."""
        return -(-math.prod(self.shape) * self.dtype.itemsize // LINE) * LINE

    def used_at(self, step: int) -> None:
        """Note that a step writes or reads it."""
        self.first = step if self.first < 0 else self.first
        self.last = step


def arrange(buffers: Iterable[Buffer]) -> np.ndarray:
    """Give every buffer its array, all in one piece of memory, and return that.

    The largest first, each at the lowest place where no buffer of the same time lies.
    """
    placed: list[Buffer] = []
    for buffer in sorted(buffers, key=lambda b: (-b.nbytes, b.first)):
        others = [b for b in placed if b.first <= buffer.last and buffer.first <= b.last]
        buffer.offset = 0
        for other in sorted(others, key=lambda b: b.offset):
            if buffer.offset + buffer.nbytes <= other.offset:
                break
            buffer.offset = max(buffer.offset, other.offset + other.nbytes)
        placed.append(buffer)
    memory = np.empty(max((b.offset + b.nbytes for b in placed), default=0) + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    for buffer in placed:
        size = math.prod(buffer.shape) * buffer.dtype.itemsize
        cells = memory[start + buffer.offset : start + buffer.offset + size]
        buffer.array = cells.view(buffer.dtype).reshape(buffer.shape)
    return memory
