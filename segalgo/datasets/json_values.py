"""Values of JSON objects as people's tools write them: ids, whole numbers, names of files."""

from collections.abc import Container
from pathlib import Path, PureWindowsPath
from typing import Any
from urllib.parse import unquote, urlsplit

from segalgo.datasets.errors import DatasetError
from segalgo.datasets.files import require, safe_name


def require_id(table: Any, key: str, path: Path, place: str) -> int | str:
    """Return an id: an integer, a float of integer value as the integer, or a word."""
    value = require(table, key, (int, float, str), path, place)
    if isinstance(value, float):
        if not value.is_integer():
            raise DatasetError(path, f"{key!r} is {value}: expected an integer or a word", place)
        return int(value)
    return value


def known_id(value: int | str, known: Container[int | str]) -> int | str:
    """Return an id as `known` has it: some tools write ``5`` in one list and ``"5"`` in another."""
    if value in known:
        return value
    try:
        other = str(value) if isinstance(value, int) else int(value)
    except ValueError:
        return value
    return other if other in known else value


def order_of_id(value: int | str) -> tuple[bool, Any]:
    """Return a key that sorts integers before words."""
    return isinstance(value, str), value


def require_whole(table: Any, key: str, path: Path, place: str) -> int:
    """Return an integer; a float of integer value counts as one."""
    value = require(table, key, (int, float), path, place)
    if isinstance(value, float) and not value.is_integer():
        raise DatasetError(path, f"{key!r} is {value}: expected an integer", place)
    return int(value)


def local_name(name: str, path: Path, place: str) -> str:
    """Return the name of a picture relative to the data set, of what tools write: URLs, backslashes, drives.

    Of an absolute path and of a URL the last part is kept; a name that leads out of the data set is refused.
    """
    if "://" in name:
        try:
            name = unquote(urlsplit(name).path).rsplit("/", 1)[-1]
        except ValueError:
            raise DatasetError(path, f"names the file {short(name)}, which is no address", place) from None
    elif "\\" in name or PureWindowsPath(name).drive:
        windows = PureWindowsPath(name)
        name = windows.name if windows.drive or windows.root else windows.as_posix()
    if name.startswith("/"):
        name = name.rsplit("/", 1)[-1]
    return safe_name(name, path, place)


def short(value: Any) -> str:
    """Write a value in at most 60 characters."""
    if isinstance(value, int) and abs(value) >= 10**40:
        return f"{'-' * (value < 0)}2^{abs(value).bit_length() - 1} or more"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
