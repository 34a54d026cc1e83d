"""A file as read-only bytes: small ones are copied where they are used, large ones stay mapped."""

import mmap
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import numpy as np

from segalgo.models.files.weights_error import RefusedError

MAPPED_FROM = 2**28
"""Arrays of files of this many bytes and more are views of the mapped file; those of smaller files are copies, so that
the file may be written again while they are in use."""


class MappedFile:
    """A context in which the bytes of a file are at hand, as `data`; its length is `size`."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            file.seek(0, 2)
            self.size = file.tell()
            if self.size == 0:
                raise RefusedError("is empty (0 bytes)")
            self.data = mmap.mmap(file.fileno(), self.size, access=mmap.ACCESS_READ)

    def __enter__(self) -> "MappedFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(BufferError):  # arrays that view the file keep it mapped
            self.data.close()

    def numbers(self, start: int, count: int) -> np.ndarray:
        """Return `count` bytes from `start` on as uint8, read-only."""
        if start < 0 or count < 0 or start + count > self.size:
            raise RefusedError(f"truncated: bytes {start} to {start + count} are wanted of a file of {self.size}")
        values = np.frombuffer(self.data, np.uint8, count, start) if count else np.zeros(0, np.uint8)
        if self.size < MAPPED_FROM:
            values = values.copy()
            values.flags.writeable = False
        return values
