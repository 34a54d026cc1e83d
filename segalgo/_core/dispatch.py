"""From the backend word and the arrays' type to the wing that computes."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from types import ModuleType
from typing import Any

from segalgo import _ext
from segalgo._core.arrays import is_cupy
from segalgo._core.backends import BACKENDS, backend_status

_forced: ContextVar[str | None] = ContextVar("segalgo_backend", default=None)


@contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Compute everything inside a ``with`` block with one backend.

    A named backend never falls back: where it is missing, entering the block raises and says why.

    Parameters
    ----------
    name : {"reference", "cython", "cuda", "simulated"}
        ``cuda`` takes CuPy arrays; the others take NumPy arrays. ``simulated`` runs the CUDA kernels on the
        processor, slowly and strictly.

    Raises
    ------
    ValueError
        If `name` is not one of the four.
    RuntimeError
        If that backend is not available here; the message says what is missing.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> with segalgo.use_backend("reference"):
    ...     segalgo.label(np.array([[1, 0, 1]]))
    array([[1, 0, 2]], dtype=int32)
    """
    if name not in BACKENDS:
        raise ValueError(f"name={name!r}: expected one of {', '.join(BACKENDS)}")
    status = backend_status(name)
    if not status.available:
        raise RuntimeError(f"backend {name!r} is not available: {status.detail}")
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)


def wing(topic: str, *arrays: Any) -> ModuleType:
    """Return the module that computes `topic` for these arrays: the forced wing, else the one of their type."""
    on_gpu = is_cupy(arrays[0])
    if any(is_cupy(array) != on_gpu for array in arrays[1:] if array is not None):
        raise TypeError("NumPy and CuPy arrays in one call: expected all on one device, move them yourself")
    name = _forced.get()
    if name is None:
        name = "cuda" if on_gpu else "cython" if _ext.available() else "reference"
    elif (name == "cuda") != on_gpu:
        kind, want = ("CuPy", "NumPy") if on_gpu else ("NumPy", "CuPy")
        raise TypeError(f"backend {name!r} got a {kind} array: expected {want} arrays, no array is moved unasked")
    if name == "cython":
        return _ext.load(topic)
    return import_module(f"segalgo.{'reference' if name == 'reference' else 'cuda'}.{topic}")


def host_wing(topic: str) -> ModuleType:
    """Return the module that computes a topic whose data live in the host's memory: there is no CUDA wing of it."""
    name = _forced.get()
    if name in ("cuda", "simulated"):
        raise RuntimeError(
            f"backend {name!r} has no {topic.rpartition('.')[2].replace('_', ' ')}: expected 'reference' or 'cython'"
        )
    if name == "cython" or (name is None and _ext.available()):
        return _ext.load(topic)
    return import_module(f"segalgo.reference.{topic}")
