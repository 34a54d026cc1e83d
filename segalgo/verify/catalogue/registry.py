"""The catalogue: every operation that can be verified, found in the topics of this folder."""

import pkgutil
from functools import cache
from importlib import import_module

from segalgo.verify import catalogue as topics
from segalgo.verify.operation import Operation

NOT_TOPICS = ("inputs", "registry")


@cache
def catalogue() -> dict[str, Operation]:
    """Return every operation that can be verified, by name."""
    found = {}
    for module in pkgutil.iter_modules(topics.__path__):
        if module.name not in NOT_TOPICS:
            for operation in import_module(f"{topics.__name__}.{module.name}").OPERATIONS:
                found[operation.name] = operation
    return dict(sorted(found.items()))


def operations() -> tuple[str, ...]:
    """Return the names of the operations that can be verified.

    Examples
    --------
    >>> from segalgo import verify
    >>> "max_unpool2d" in verify.operations()
    True
    """
    return tuple(catalogue())


def operation_of(name: str) -> Operation:
    """Return an operation of the catalogue."""
    try:
        return catalogue()[name]
    except KeyError:
        raise ValueError(f"operation={name!r}: expected one of {', '.join(catalogue())}") from None
