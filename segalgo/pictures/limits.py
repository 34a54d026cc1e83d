"""How large a picture may be: in pixels, in proportion to its file, and for the memory of the machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_max_pixels: ContextVar[int | None] = ContextVar("max_pixels", default=None)


@contextmanager
def use_max_pixels(max_pixels: int) -> Iterator[None]:
    """Read pictures of up to this many pixels in the block, whatever the size of their files.

    Parameters
    ----------
    max_pixels : int
        The limit, for every reader that is not given a `max_pixels` of its own.
    """
    token = _max_pixels.set(max_pixels)
    try:
        yield
    finally:
        _max_pixels.reset(token)
