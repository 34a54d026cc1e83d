"""Pictures, lists and JSON of data sets as files; whatever is wrong with one becomes a `DatasetError`."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from segalgo.datasets.errors import DatasetError
from segalgo.pictures import reading
from segalgo.pictures.errors import PictureError, PictureWarning
from segalgo.pictures.grey import to_grey
from segalgo.pictures.listing import find_picture, list_pictures
from segalgo.pictures.reading import read_labels, read_picture

# Bytes of a name and characters of a path that file systems take.
LONGEST_NAME, LONGEST_PATH = 255, 2048


def pair_pictures(images: Path, labels: Path, ending: str = "") -> list[tuple[str, Path, Path]]:
    """Pair every picture of a folder with the label picture of the same name plus `ending`."""
    pairs = []
    for image in list_pictures(images):
        label = find_picture(labels, image.stem + ending)
        if label is None:
            raise DatasetError(image, f"has no labels: expected {labels / (image.stem + ending)}.png", image.stem)
        pairs.append((image.stem, image, label))
    return pairs


def read_photograph(path: Path, record: str | None = None, page: int | None = None) -> np.ndarray:
    """Read a picture as (H, W, 3) uint8: grey is repeated, transparency dropped, 16 bits reduced."""
    with _as_dataset_error(path, record):
        picture = _as_uint8(read_picture(path, page=page), path)
    if picture.ndim == 2 or picture.shape[2] == 2:
        grey = picture if picture.ndim == 2 else picture[..., 0]
        return np.repeat(grey[..., None], 3, axis=2)
    return np.ascontiguousarray(picture[..., :3])


def read_grey(path: Path, record: str | None = None, page: int | None = None) -> np.ndarray:
    """Read a picture as (H, W) uint8."""
    with _as_dataset_error(path, record):
        return to_grey(_as_uint8(read_picture(path, page=page), path))


def _as_uint8(picture: np.ndarray, path: Path) -> np.ndarray:
    if picture.dtype == np.uint8:
        return picture
    if picture.dtype == bool:
        return picture.astype(np.uint8) * np.uint8(255)
    if picture.dtype != np.uint16:
        raise PictureError(f"{path}: holds {picture.dtype}, expected a picture of 8 or 16 bits")
    warnings.warn(f"{path}: has 16 bits, reduced to 8 by the range 0 to 65535", PictureWarning, stacklevel=4)
    return ((picture + np.uint32(128)) // np.uint32(257)).astype(np.uint8)


def read_indices(path: Path, record: str | None = None, rgb: bool = False, page: int | None = None) -> np.ndarray:
    """Read a label picture as numbers: palette indices as they are, never their colors.

    Returns (H, W) uint8 or int32 (int64 where the file has more than 32 bits), or (H, W, 3) uint8 where `rgb` allows
    pictures of colors.
    """
    with _as_dataset_error(path, record):
        labels = read_labels(path, page=page, colors=rgb)
    if labels.ndim == 3 and labels.dtype != np.uint8:
        raise DatasetError(path, f"has colors of {labels.dtype}, expected 8 bits", record)
    if labels.dtype == np.uint64 and labels.max(initial=0) >= 2**63:
        raise DatasetError(path, f"holds label {labels.max()}, expected less than 2^63", record)
    return labels.astype({"u1": np.uint8, "u2": np.int32, "i1": np.int32, "i2": np.int32, "i4": np.int32}.get(
        labels.dtype.str[1:], np.int64), copy=False)  # fmt: skip


def picture_size(path: Path, record: str | None = None, page: int | None = None) -> tuple[int, int]:
    """Return height and width of a picture as displayed, from its header."""
    with _as_dataset_error(path, record):
        return reading.picture_size(path, page=page)


def count_pages(path: Path) -> int:
    """Return how many pictures a file holds."""
    with _as_dataset_error(path, None):
        return reading.count_pages(path)


def is_grey(path: Path) -> bool:
    """Return whether a picture has no colors, from its header."""
    with _as_dataset_error(path, None):
        return reading.is_grey(path)


@contextmanager
def _as_dataset_error(path: Path, record: str | None) -> Iterator[None]:
    """Turn the reading room's errors into those of data sets, which name the record."""
    try:
        yield
    except PictureError as error:
        raise DatasetError(path, str(error).removeprefix(f"{path}: "), record) from error


def read_lines(path: Path) -> list[tuple[int, str]]:
    """Return numbers and contents of the lines of a text file that are not empty, without blanks around them."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        return [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(path, f"cannot be read as text ({error})") from None


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    try:
        return json.loads(path.read_bytes())
    except json.JSONDecodeError as error:
        raise DatasetError(path, f"is not JSON ({error.msg})", f"line {error.lineno}") from None
    except RecursionError:
        raise DatasetError(path, "cannot be read as JSON (nested too deeply)") from None
    except MemoryError:
        raise DatasetError(path, "does not fit into memory") from None
    except (OSError, ValueError) as error:  # also integers of thousands of digits
        raise DatasetError(path, f"cannot be read as JSON ({str(error)[:120]})") from None


def require(table: Any, key: str, types: type | tuple[type, ...], path: Path, place: str) -> Any:
    """Return the value of a key of a JSON object; refuse a missing key, or a value of another type."""
    if not isinstance(table, dict):
        raise DatasetError(path, f"is a {type(table).__name__}, expected an object with {key!r}", place)
    if key not in table:
        raise DatasetError(path, f"has no key {key!r}", place)
    value = table[key]
    if not isinstance(value, types) or isinstance(value, bool):
        raise DatasetError(path, f"{key!r} is a {type(value).__name__}: {_short(value)}", place)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise DatasetError(path, f"{key!r} is no text: {_short(value)}", place) from None
    return value


def safe_name(name: str, path: Path, place: str) -> str:
    """Refuse file names that lead out of the data set."""
    parts = Path(name).parts
    if max(map(len, map(str.encode, parts)), default=0) > LONGEST_NAME or len(name) > LONGEST_PATH:
        raise DatasetError(path, f"names a file of {len(name)} characters: {_short(name)}", place)
    if not name or "\0" in name or Path(name).is_absolute() or ".." in parts:
        raise DatasetError(path, f"names the file {_short(name)}, which is not inside the data set", place)
    return name


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
