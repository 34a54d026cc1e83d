"""The Cython wing: compiled kernels, one build per instruction level, the best one chosen here.

``SEGALGO_INSTRUCTION_SET`` (``baseline``, ``x86-64-v3``, ``x86-64-v4``) forces a level; tests switch with
`use_instruction_set`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

LEVELS = ("baseline", "x86-64-v3", "x86-64-v4")

_forced: ContextVar[str | None] = ContextVar("segalgo_instruction_set", default=None)


@cache
def available() -> tuple[str, ...]:
    """Return the levels that are built and that the processor can run, lowest first; () where nothing is built."""
    try:
        best = import_module("segalgo._ext.shared._cpu").instruction_level()
    except ImportError:
        return ()
    folder = Path(__file__).parent
    return tuple(level for level in LEVELS[: best + 1] if _holds_modules(folder / _package(level)))


@cache
def _default() -> str:
    """Return the level that the environment names, or else the best one."""
    wanted = os.environ.get("SEGALGO_INSTRUCTION_SET")
    if not wanted:
        return available()[-1]
    return _checked(wanted, "SEGALGO_INSTRUCTION_SET")


def instruction_set() -> str:
    """Return the level whose kernels the next call will use."""
    return _forced.get() or _default()


@contextmanager
def use_instruction_set(level: str) -> Iterator[None]:
    """Run the kernels of one level inside a ``with`` block."""
    token = _forced.set(_checked(level, "level"))
    try:
        yield
    finally:
        _forced.reset(token)


def load(topic: str) -> ModuleType:
    """Return the kernel module of a topic ("layers.pooling"), of the current level."""
    return _load(topic, instruction_set())


@cache
def _load(topic: str, level: str) -> ModuleType:
    return import_module(f"segalgo._ext.{_package(level)}.{topic}")


def _holds_modules(folder: Path) -> bool:
    return any(path.suffix in (".so", ".pyd") for path in folder.glob("*/*"))


def _package(level: str) -> str:
    return level.replace("-", "_")


def _checked(level: str, argument: str) -> str:
    if level not in available():
        raise ValueError(f"{argument}={level!r}: expected one of {', '.join(available()) or 'none (not built)'}")
    return level
