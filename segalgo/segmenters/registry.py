"""The methods of ``segalgo segment`` besides thresholds: the command line and the documentation read this list."""

from segalgo.segmenters.felzenszwalb import METHOD as FELZENSZWALB
from segalgo.segmenters.kmeans import METHOD as KMEANS
from segalgo.segmenters.method import Method, Option
from segalgo.segmenters.slic import METHOD as SLIC
from segalgo.segmenters.watershed import METHOD as WATERSHED

METHODS: dict[str, Method] = {method.name: method for method in (WATERSHED, SLIC, FELZENSZWALB, KMEANS)}


def options_of_methods() -> dict[str, tuple[Option, tuple[str, ...]]]:
    """Return every option that a method has of its own, and the methods that take it."""
    found: dict[str, tuple[Option, tuple[str, ...]]] = {}
    for method in METHODS.values():
        for option in method.options:
            known, names = found.get(option.name, (option, ()))
            if known != option:
                raise ValueError(f"option {option.name!r}: expected one definition for all methods that take it")
            found[option.name] = (option, (*names, method.name))
    return found
