"""The networks, one file each: arguments, layers, margins, marks of a checkpoint, names in other projects."""

import importlib
import pkgutil
from functools import cache
from typing import Any


@cache
def architectures() -> dict[str, Any]:
    """Return every network of this folder by its `architecture`, the word that stands in files.

    A file is found by itself; the class in it registers by naming its `architecture`.
    """
    found: dict[str, Any] = {}
    for module in sorted(name for _, name, _ in pkgutil.iter_modules(__path__)):
        contents = vars(importlib.import_module(f"{__name__}.{module}"))
        for made in contents.values():
            own = isinstance(made, type) and made.__module__ == contents["__name__"]
            if own and getattr(made, "architecture", None):
                if made.architecture in found:
                    raise TypeError(f"{made.__name__}: architecture {made.architecture!r} is taken")
                found[made.architecture] = made
    return found
