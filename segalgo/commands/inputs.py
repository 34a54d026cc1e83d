"""The pictures that a command's arguments name, and the folders of their results."""

import tempfile
from pathlib import Path

from segalgo.commands.refusal import Refusal
from segalgo.pictures import SUFFIXES, list_pictures


def find_pictures(images: tuple[Path, ...]) -> list[Path]:
    """List the files that the arguments name: files as they are, folders by the pictures in them.

    Hidden files of a folder are skipped: macOS keeps a companion ``._a.png`` beside ``a.png``.
    """
    pictures = []
    for path in images:
        try:
            if not path.is_dir():
                pictures.append(path)
                continue
            inside = [file for file in list_pictures(path) if file.is_file()]
        except OSError as error:
            raise Refusal(f"{path}: cannot be listed ({error.strerror})") from None
        if not inside:
            raise Refusal(f"{path}: no pictures in this folder, expected files named {' '.join(SUFFIXES)}")
        pictures += inside
    return pictures


def name_folders(pictures: list[Path], output: Path, reserved: tuple[str, ...] = ()) -> list[Path]:
    """Give each picture a folder of its own below `output`, named after the file.

    A number tells files of one name apart. Names whose stem consists of dots, such as ``...png``, are kept whole: the
    stem would name `output` itself or the folder above it.
    """
    taken = {name.lower() for name in reserved}
    folders = []
    for path in pictures:
        stem = path.stem if path.stem.strip(".") else path.name
        stem = stem if stem.strip(".") else "picture"
        name, number = stem, 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.lower())
        folders.append(output / name)
    return folders


def make_folder(folder: Path) -> None:
    """Create a folder for results, and refuse one that cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Refusal(f"{folder}: cannot be written ({error.strerror or error})") from None
