"""How large a picture may be: in pixels, in proportion to its file, and for the memory of the machine."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from segalgo.pictures.errors import PictureError

MAX_PIXELS = 178_956_970
"""The most pixels of a picture, unless a limit is given; the same number from which Pillow refuses to read."""
ALWAYS_ALLOWED = 64 * 2**20
"""Bytes of a decoded picture that are allowed whatever the size of its file."""
MOST_EXPANSION = 256
"""Above `ALWAYS_ALLOWED`, the most decoded bytes for each byte of the file; photographs have 3 to 100."""
DECODER_COPIES = 3
"""Copies of a decoded picture that a decoder holds at the same time, at most."""

_max_pixels: ContextVar[int | None] = ContextVar("max_pixels", default=None)


@contextmanager
def use_max_pixels(max_pixels: int) -> Iterator[None]:
    """Read pictures of up to this many pixels in the block, whatever the size of their files.

    Parameters
    ----------
    max_pixels : int
        The limit, for every reader that is not given a `max_pixels` of its own.

    Examples
    --------
    >>> import segalgo
    >>> with segalgo.pictures.use_max_pixels(10**9):
    ...     pass  # data sets and commands read large pictures here
    """
    token = _max_pixels.set(max_pixels)
    try:
        yield
    finally:
        _max_pixels.reset(token)


def max_pixels_in_use() -> int | None:
    """Return the limit of the innermost `use_max_pixels` block, None outside of them."""
    return _max_pixels.get()


def check_size(
    path: Path, height: int, width: int, pixel_bytes: float, file_bytes: int, max_pixels: int | None = None
) -> None:
    """Refuse a picture that is too large, before anything of its size is allocated.

    Raises
    ------
    PictureError
        If it has no pixels, more than `max_pixels` (by default the limit of `use_max_pixels`, else `MAX_PIXELS`), more
        bytes than its file can be expected to hold, or more than the memory that is free.
    """
    pixels = height * width
    if pixels < 1:
        raise PictureError(f"{path}: has {height} x {width} pixels, expected at least one")
    given = _max_pixels.get() if max_pixels is None else max_pixels
    if pixels > (MAX_PIXELS if given is None else given):
        raise PictureError(
            f"{path}: has {height} x {width} pixels, more than the limit of {MAX_PIXELS if given is None else given}; "
            f"max_pixels={pixels} (--max-pixels {pixels}) reads it"
        )
    decoded = pixels * pixel_bytes
    if given is None and decoded > max(ALWAYS_ALLOWED, MOST_EXPANSION * file_bytes):
        raise PictureError(
            f"{path}: {height} x {width} pixels in a file of {file_bytes} bytes would take {_amount(decoded)}; if they "
            f"are meant, max_pixels={pixels} (--max-pixels {pixels}) reads them"
        )
    check_memory(path, DECODER_COPIES * decoded)


def check_memory(path: Path, needed: float) -> None:
    """Refuse what needs more memory than is free.

    Raises
    ------
    PictureError
        If less than `needed` bytes are available.
    """
    free = available_memory()
    if free is not None and needed > free:
        raise PictureError(
            f"{path}: does not fit into memory: about {_amount(needed)} are needed, {_amount(free)} are free"
        )


def available_memory() -> int | None:
    """Return the bytes that this process can still allocate: by the machine, its control group and its own limit."""
    found = [*_of_machine(), *_of_control_group(), *_of_process()]
    return max(0, min(found)) if found else None


def _of_machine() -> Iterator[int]:
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024
                return
    with suppress(OSError, ValueError, AttributeError):
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _of_control_group() -> Iterator[int]:
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        with suppress(OSError, ValueError):  # "max" where there is no limit
            most = int(Path(limit).read_text())
            # Cached files count as used, and are given up when memory is needed.
            cached = 0
            for line in Path(used).with_name("memory.stat").read_text().splitlines():
                name, _, value = line.partition(" ")
                cached += int(value) if name in ("active_file", "inactive_file") else 0
            yield most - int(Path(used).read_text()) + cached


def _of_process() -> Iterator[int]:
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        with suppress(OSError, ValueError):
            yield limit - int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _amount(count: Any) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
