"""What a plan on channel blocks passes from step to step, and parameters in whole blocks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from segalgo.models.plans.arena import Buffer


@dataclass(frozen=True)
class Blocks:
    """A value in channel blocks: buffers one after the other, each with so many channels.

    The last block of each may be part empty.
    """

    buffers: tuple[Buffer, ...]
    channels: tuple[int, ...]


@dataclass(frozen=True)
class Planes:
    """An array of any shape in its usual order: a buffer, or None for the input of the network.

    The buffer may have another shape: the cells are the same.
    """

    buffer: Buffer | None
    shape: tuple[int, ...]

    def array(self, x: np.ndarray) -> np.ndarray:
        """Return the array, for the network's input x."""
        return x if self.buffer is None else self.buffer.array.reshape(self.shape)


@dataclass
class Call:
    """One step of the plan: what it reads and writes, its scratch (floats), and the function to run.

    `run` takes the network's input, the logits and the scratch; it returns None, or other logits instead of the given
    ones. `bind` runs once, when buffers have their memory.
    """

    name: str
    buffers: list[Buffer]
    run: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray | None]
    bind: Callable[[], None] = lambda: None
    scratch: int = 0


def without_subnormals(array: np.ndarray) -> np.ndarray:
    """Return the array with zeros in place of numbers below the smallest normal one.

    Weight decay leaves many of them in trained networks; a processor takes some hundred cycles for a product with one.
    """
    below = (array != 0) & (np.abs(array) < np.finfo(array.dtype).tiny)
    return np.where(below, array.dtype.type(0), array) if below.any() else array


def whole_blocks(array: np.ndarray, block: int, axis: int = 0) -> np.ndarray:
    """Return the array with zeros up to a multiple of `block` along an axis."""
    amounts = [(0, 0)] * array.ndim
    amounts[axis] = (0, -array.shape[axis] % block)
    return np.ascontiguousarray(np.pad(array, amounts) if amounts[axis][1] else array)


def spread_channels(array: np.ndarray, channels: Sequence[int], block: int, axis: int = 0) -> np.ndarray:
    """Return the array with each part of a value's channels filled up to whole blocks."""
    parts = np.split(array, np.cumsum(channels)[:-1], axis)
    return np.ascontiguousarray(np.concatenate([whole_blocks(part, block, axis) for part in parts], axis))
