"""How much a file of weights may ask for: memory and sizes in proportion to the file."""

import math
from collections.abc import Iterable

from segalgo.models.files.weights_error import RefusedError

FLOOR = 24 * 2**20  # bytes that any file may ask for: a network copies its weights, and both are to fit into 64 MiB
FACTOR = 24  # and how many bytes for each byte of the file
MOST_AXES = 32


class Allowance:
    """The bytes that may still be allocated for one file."""

    def __init__(self, file_size: int) -> None:
        self.limit = self.left = max(FLOOR, FACTOR * file_size)

    def take(self, count: int, what: str) -> None:
        """Account for `count` bytes that `what` is about to allocate."""
        self.left -= count
        if self.left < 0:
            raise RefusedError(
                f"{what} would make the file need more than the {self.limit} bytes that its length allows"
            )


def checked_shape(shape: Iterable[int], itemsize: int) -> tuple[int, ...]:
    """Return a shape that an array can have; the number of its bytes is not held against any file here."""
    shape = tuple(shape)
    if len(shape) > MOST_AXES:
        raise RefusedError(f"an array of {len(shape)} axes, expected at most {MOST_AXES}")
    if not all(type(n) is int and 0 <= n < 2**62 for n in shape):
        raise RefusedError("a shape of other things than integers of at least 0")
    if math.prod(max(n, 1) for n in shape) * itemsize >= 2**62:
        raise RefusedError(f"the shape {shape} is larger than any array")
    return shape
