"""Pictures, lists and JSON of data sets as files; whatever is wrong with one becomes a `DatasetError`."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from segalgo.datasets.errors import DatasetError
from segalgo.pictures.listing import find_picture, list_pictures


def pair_pictures(images: Path, labels: Path, ending: str = "") -> list[tuple[str, Path, Path]]:
    """Pair every picture of a folder with the label picture of the same name plus `ending`."""
    pairs = []
    for image in list_pictures(images):
        label = find_picture(labels, image.stem + ending)
        if label is None:
            raise DatasetError(image, f"has no labels: expected {labels / (image.stem + ending)}.png", image.stem)
        pairs.append((image.stem, image, label))
    return pairs


def read_photograph(path: Path, record: str | None = None) -> np.ndarray:
    """Read a picture as (H, W, 3) uint8: grey is repeated, transparency dropped."""
    return _read(path, record, lambda picture: np.asarray(picture.convert("RGB")))


def read_grey(path: Path, record: str | None = None) -> np.ndarray:
    """Read a picture as (H, W) uint8."""
    return _read(path, record, lambda picture: np.asarray(picture.convert("L")))


def read_indices(path: Path, record: str | None = None, rgb: bool = False) -> np.ndarray:
    """Read a label picture as numbers: palette indices as they are, never their colors.

    Returns (H, W) uint8 or int32, or (H, W, 3) uint8 where `rgb` allows pictures of colors.
    """

    def convert(picture: Any) -> np.ndarray:
        if picture.mode in ("P", "L"):
            return np.asarray(picture)
        if picture.mode == "1":
            return np.asarray(picture).astype(np.uint8)
        if picture.mode.startswith("I"):
            return np.asarray(picture).astype(np.int32)
        if picture.mode in ("RGB", "RGBA") and rgb:
            return np.asarray(picture.convert("RGB"))
        raise DatasetError(path, f"has mode {picture.mode}: expected indices, grey or of a palette", record)

    return _read(path, record, convert)


def picture_size(path: Path, record: str | None = None) -> tuple[int, int]:
    """Return height and width from a picture's header."""
    return _read(path, record, lambda picture: picture.size[::-1])


def is_grey(path: Path) -> bool:
    """Return whether a picture has no colors, from its header."""
    return _read(path, None, lambda picture: picture.mode in ("1", "L") or picture.mode.startswith("I"))


def _read(path: Path, record: str | None, convert: Callable[[Any], Any]) -> Any:
    """Open a picture, hand it to `convert`, and close it; decoders' errors become ours."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on metadata; what cannot be decoded is raised
            with Image.open(path) as picture:
                return convert(picture)
    except DatasetError:
        raise
    except FileNotFoundError:
        raise DatasetError(path, "no such file", record) from None
    except MemoryError:
        raise DatasetError(path, "does not fit into memory", record) from None
    except Exception as error:  # every decoder has error types of its own
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        reason = "not a picture, or a damaged one" if "cannot identify" in text else text
        raise DatasetError(path, f"cannot be read as a picture ({reason})", record) from error


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
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise DatasetError(path, f"cannot be read as JSON ({error})") from None


def require(table: Any, key: str, types: type | tuple[type, ...], path: Path, place: str) -> Any:
    """Return the value of a key of a JSON object; refuse a missing key, or a value of another type."""
    if not isinstance(table, dict):
        raise DatasetError(path, f"is a {type(table).__name__}, expected an object with {key!r}", place)
    if key not in table:
        raise DatasetError(path, f"has no key {key!r}", place)
    value = table[key]
    if not isinstance(value, types) or isinstance(value, bool):
        raise DatasetError(path, f"{key!r} is a {type(value).__name__}: {_short(value)}", place)
    return value


def safe_name(name: str, path: Path, place: str) -> str:
    """Refuse file names that lead out of the data set."""
    if not name or "\0" in name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise DatasetError(path, f"names the file {_short(name)}, which is not inside the data set", place)
    return name


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
