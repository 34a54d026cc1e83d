"""Weights in several files with an index, ``*.index.json``, as the transformers library writes them."""

import json
from pathlib import Path

from segalgo.models.files.weights_error import RefusedError, quoted, reason

SUFFIX = ".index.json"
LONGEST_INDEX = 2**26


def read_index(path: Path) -> dict[Path, list[str]]:
    """Return the files of an index, and which names each holds.

    The files lie beside the index: names of files alone are taken, no paths.
    """
    if path.stat().st_size > LONGEST_INDEX:
        raise RefusedError(f"is larger than {LONGEST_INDEX} bytes, and no index is")
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"its JSON cannot be read ({reason(error)})") from None
    names = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(names, dict) or not names:
        raise RefusedError("no index of weights: expected an object weight_map from names to files")
    files: dict[Path, list[str]] = {}
    for name, file in names.items():
        if not isinstance(file, str) or not file or Path(file).name != file or "\\" in file or "\0" in file:
            raise RefusedError(
                f"the file of {quoted(name)} is {quoted(file)}, expected the name of a file beside the index"
            )
        if file.endswith(SUFFIX):
            raise RefusedError(f"the file of {quoted(name)} is another index")
        files.setdefault(path.parent / file, []).append(name)
    missing = [quoted(file.name) for file in files if not file.is_file()]
    if missing:
        more = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
        raise RefusedError(f"{len(missing)} of its {len(files)} files are missing: {', '.join(missing[:8])}{more}")
    return files
