"""What a command says of bad input."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click


class Refusal(click.ClickException):
    """Bad input: one line on stderr, exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """Print the message alone."""
        click.echo(f"segalgo: {self.format_message()}", err=True)


@contextmanager
def refusing(path: str | Path | None = None) -> Iterator[None]:
    """Turn the errors that bad input causes into a refusal, which names `path` where the error names no file."""
    from segalgo.datasets.errors import DatasetError
    from segalgo.pictures.files import PictureError

    prefix = "" if path is None else f"{path}: "
    try:
        yield
    except (DatasetError, PictureError) as error:
        raise Refusal(_one_line(error)) from None
    except OSError as error:
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


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
