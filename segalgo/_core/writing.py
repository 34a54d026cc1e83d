"""Write files whole: under a temporary name beside the target, renamed when complete."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LONGEST_SUFFIX = 16  # characters; a longer one names no format and could make the temporary name too long


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path to write to; on success it is renamed to `path`, on any error it is removed.

    A reader of `path` finds the old file or the new one, never a part of it, and two writers do not mix. The temporary
    file lies in the same folder, begins with a dot and has the suffix of `path`, so that writers that choose the format
    by the suffix do so. Symbolic links are followed, the permissions of an existing file are kept, and devices and
    pipes, such as ``/dev/stdout``, are written directly.

    Parameters
    ----------
    path : str or Path
        The final name.

    Yields
    ------
    Path
        An empty file to write to.

    Raises
    ------
    OSError
        If the folder does not exist or cannot be written, `path` is a folder, or its name is too long; the error names
        `path`.
    """
    target = Path(os.path.realpath(path))
    mode = None
    with suppress(FileNotFoundError):
        mode = target.stat().st_mode
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(21, "Is a directory", str(path))
    if mode is not None and not stat.S_ISREG(mode):
        yield target
        return
    suffix = target.suffix if len(target.suffix) <= LONGEST_SUFFIX else ""
    beside = target.parent / f".{secrets.token_hex(8)}{suffix}"
    try:
        # mkstemp would make the file private; a new file has the permissions that the process gives to files.
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            if mode is not None:
                beside.chmod(stat.S_IMODE(mode))
            yield beside
            os.replace(beside, target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        if error.filename is not None and Path(os.fsdecode(error.filename)) == beside:
            error.filename, error.filename2 = str(path), None
        raise
