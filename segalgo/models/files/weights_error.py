"""The one exception of reading weight files, and what becomes it."""

import struct
import zipfile
import zlib


class WeightsError(ValueError):
    """A file that cannot be read as weights; the message names file and reason."""


class RefusedError(ValueError):
    """A part of a file that its reader refuses; becomes a `WeightsError` where the file's name is known."""


# What the readers of containers, numbers and text raise for damaged input.
DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,  # includes RecursionError and NotImplementedError
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def quoted(name: object, longest: int = 80) -> str:
    """Return a name from a file for a message: escaped where it cannot be printed, and cut where it is long."""
    text = name if isinstance(name, str) else type(name).__name__
    text = text if len(text) <= longest else text[:longest] + "..."
    return text if text.isprintable() and text.isascii() else ascii(text)


def reason(error: BaseException) -> str:
    """Return one line that says what an exception of `DAMAGE` or an `OSError` says, in at most 300 characters."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return quoted(" ".join(str(error).split()) or type(error).__name__, 300)
