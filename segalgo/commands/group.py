"""The group of commands: every expected error ends as one line on stderr and an exit code."""

import errno
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import click

REFUSED = 2
CLOSED_PIPE = 1
INTERRUPTED = 130  # as a shell reports SIGINT


class CommandGroup(click.Group):
    """A click group whose errors are one line each: ``segalgo: what is wrong``.

    Exit codes: 2 for bad input, for a lack of memory and for an output that cannot be written; 1, without a word,
    where the reader of the output has closed its pipe; 130 after an interrupt. Warnings of the library, such as what
    was decided about an ambiguous file, are printed as one line each.
    """

    def main(self, *arguments: Any, **options: Any) -> NoReturn:
        """Run the command that the arguments name, and exit."""
        _open_standard_streams()
        options["standalone_mode"] = False  # click raises instead of printing usage and error on several lines
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")  # names of files need not be valid text
        try:
            with _printing_warnings():
                code = super().main(*arguments, **options)
                sys.stdout.flush()
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            code = REFUSED
        except click.ClickException as error:
            code = _refuse(error.format_message(), error.exit_code if error.exit_code != 1 else REFUSED)
        except (click.Abort, KeyboardInterrupt):
            code = _refuse("interrupted", INTERRUPTED)
        except MemoryError:
            code = _refuse("out of memory", REFUSED)
        except OSError as error:
            code = _refuse_output(error)
        sys.exit(code if isinstance(code, int) else 0)


def _open_standard_streams() -> None:
    """Open the null device where the caller has closed a standard stream; a picture file would take its number."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", closefd=False))


def print_line(line: str) -> None:
    """Print one line to stderr, above a progress bar where there is one."""
    from tqdm import tqdm

    tqdm.write(f"segalgo: {_escaped(line)}", file=sys.stderr)


def _refuse(message: str, code: int) -> int:
    with suppress(OSError):  # stderr may be full or closed as well
        click.echo(f"segalgo: {_escaped(message)}", err=True)
    return code


def _refuse_output(error: OSError) -> int:
    """Say that an output cannot be written; a closed pipe is no error of ours."""
    _discard_output()
    if error.errno == errno.EPIPE:
        return CLOSED_PIPE
    where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else "cannot write: "
    return _refuse(f"{where}{error.strerror or error}", REFUSED)


def _discard_output() -> None:
    """Send what is still buffered for stdout to the null device: the interpreter flushes it once more at exit."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


@contextmanager
def _printing_warnings() -> Iterator[None]:
    from segalgo.pictures import PictureWarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
        print_line(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("always", PictureWarning)
        warnings.showwarning = show
        yield


def _escaped(text: str) -> str:
    """Return the text as one line: names of files may hold line breaks and other control characters."""
    return "".join(c if c.isprintable() or 0xD800 <= ord(c) < 0xE000 else repr(c)[1:-1] for c in text)
