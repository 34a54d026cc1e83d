"""Pictures in folders: which files are pictures, in which order, and the one of a given name."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pbm", ".pgm", ".ppm", ".pnm", ".jp2", ".j2k",
)  # fmt: skip
"""Lower-case suffixes of picture files, the preferred ones of label maps first."""


def list_pictures(folder: Path, ending: str = "", suffixes: Iterable[str] = SUFFIXES) -> list[Path]:
    """List the pictures of a folder whose names, without suffix, end with `ending`; 2 comes before 10.

    Hidden files are left out, such as the companions ``._a.png`` that macOS writes.
    """
    if not folder.is_dir():
        return []
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes and path.stem.endswith(ending) and not path.name.startswith(".")
    ]
    return sorted(found, key=natural_order)


def natural_order(path: Path) -> tuple[list[Any], str]:
    """Return a key that sorts ``2.png`` before ``10.png``."""
    # `re.split` puts digits at odd indices, so that numbers are compared with numbers and text with text.
    parts = re.split(r"([0-9]{1,18})", path.name)
    return [int(part) if k % 2 else part for k, part in enumerate(parts)], path.name


def find_picture(folder: Path, stem: str, suffixes: Iterable[str] = SUFFIXES) -> Path | None:
    """Return the picture of this name without suffix, or None; a suffix may be in upper case."""
    for suffix in suffixes:
        for spelling in (suffix, suffix.upper(), suffix.title()):
            path = folder / (stem + spelling)
            try:
                if path.is_file():
                    return path
            except (OSError, ValueError):  # a name that no file can have
                return None
    return None
