"""The one error of commands: bad input, one line on stderr, exit code 2."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click


class Refusal(click.ClickException):
    """Bad input: one line on stderr, exit code 2."""

    exit_code = 2


@contextmanager
def refusing(path: str | Path | None = None) -> Iterator[None]:
    """Turn the errors that bad input causes into a refusal, which names `path` where the error names no file."""
    from segalgo.datasets.errors import DatasetError
    from segalgo.pictures import PictureError

    prefix = "" if path is None else f"{path}: "
    try:
        yield
    except (DatasetError, PictureError) as error:
        raise Refusal(_one_line(error)) from None
    except OSError as error:
        if error.filename is None and path is None:
            raise  # the output: a closed pipe, a full device; the group of commands knows what to say
        where = error.filename or path
        raise Refusal(f"{where}: {error.strerror or error}") from None
    except MemoryError:
        raise Refusal(f"{prefix}does not fit into memory") from None
    except (ValueError, TypeError, RuntimeError, ImportError) as error:
        raise Refusal(prefix + _one_line(error)) from None


@contextmanager
def saying_notes() -> Iterator[list[str]]:
    """Print what was decided of ambiguous labels as lines on stderr, each once; the list gathers them."""
    from segalgo.datasets.errors import LabelWarning

    notes: list[str] = []
    show = warnings.showwarning

    def note(message: Any, category: Any, *rest: Any, **named: Any) -> None:
        if not issubclass(category, LabelWarning):
            show(message, category, *rest, **named)
        elif str(message) not in notes:
            notes.append(str(message))
            click.echo(f"segalgo: note: {message}", err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always", LabelWarning)
        warnings.showwarning = note
        yield notes


def refuse_overwriting(outputs: Iterable[Path], inputs: Iterable[Path], way_out: str = "choose another name") -> None:
    """Refuse results that would overwrite an input, also where a link leads to it."""
    written = {identity: path for path in outputs if (identity := _identity(path)) is not None}
    if not written:
        return  # nothing exists yet; the inputs, which may be many, need not be looked at
    for path in inputs:
        if (identity := _identity(path)) in written:
            raise Refusal(f"{written[identity]}: would overwrite an input: {way_out}")


def _identity(path: Path) -> tuple[int, int] | None:
    """Return device and number of an existing file: the same for all its names."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
