"""A stand-in for CuPy: arrays of another type than NumPy's, and kernels that the simulated device runs.

As strict as CuPy where it matters for launch code: NumPy arrays do not mix with its arrays, its arrays do not become NumPy
arrays unasked, and only what CuPy has is there. `install` puts it in the place of CuPy for one test.
"""

import sys
import types
from importlib import import_module
from typing import Any

import numpy as np

from segalgo.cuda import device as launching
from segalgo.simulated.compiler import Kernel


class StandIn(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that is no NumPy array; its own type, module and rules are CuPy's."""

    __module__ = "cupy"
    device = types.SimpleNamespace(id=0)

    def __init__(self, array):
        self._array = array

    @property
    def data(self):
        """Where the elements lie."""
        return types.SimpleNamespace(ptr=self._array.ctypes.data)

    def get(self):
        """Return a NumPy copy."""
        return self._array.copy()

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        _refuse_numpy([*inputs, *kwargs.values()])
        return wrapped(getattr(ufunc, method)(*map(unwrapped, inputs), **unwrapped(kwargs)))

    def __array_function__(self, function, kinds, args, kwargs):
        return getattr(sys.modules["cupy"], function.__name__)(*args, **kwargs)  # as CuPy does

    def __getattr__(self, name):
        if name.startswith("__cuda") or name.startswith("__array"):
            raise AttributeError(name)
        value = getattr(self._array, name)
        return calling(value, name) if callable(value) else wrapped(value)

    def __getitem__(self, key):
        _refuse_numpy(key if isinstance(key, tuple) else (key,))
        return wrapped(np.asarray(self._array[unwrapped(key)]))

    def __setitem__(self, key, value):
        _refuse_numpy([*(key if isinstance(key, tuple) else (key,)), value])
        self._array[unwrapped(key)] = unwrapped(value)

    def __len__(self):
        return len(self._array)

    def __int__(self):
        return int(self._array)

    def __float__(self):
        return float(self._array)

    def __bool__(self):
        return bool(self._array)

    def __index__(self):
        return self._array.item().__index__()

    def __iter__(self):
        return (wrapped(np.asarray(one)) for one in self._array)


def wrapped(value: Any) -> Any:
    """Return arrays, also in tuples and lists, as arrays of the stand-in."""
    if isinstance(value, np.ndarray | np.generic):
        return StandIn(np.asarray(value))
    if isinstance(value, tuple | list):
        return type(value)(map(wrapped, value)) if type(value) in (tuple, list) else tuple(map(wrapped, value))
    return value


def unwrapped(value: Any) -> Any:
    """Return the NumPy arrays inside."""
    if isinstance(value, StandIn):
        return value._array
    if type(value) in (tuple, list):
        return type(value)(map(unwrapped, value))
    if isinstance(value, dict):
        return {name: unwrapped(one) for name, one in value.items()}
    return value


def _refuse_numpy(values: Any) -> None:
    for value in values:
        if isinstance(value, np.ndarray) and value.ndim:
            raise TypeError("Unsupported type <class 'numpy.ndarray'>: a NumPy array beside one of CuPy")


TAKES_NUMPY = ("asarray", "array", "ascontiguousarray", "asnumpy")


def calling(function: Any, name: str) -> Any:
    """Return a function of NumPy that takes and returns arrays of the stand-in."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if name not in TAKES_NUMPY:
            _refuse_numpy([*args, *kwargs.values()])
        return wrapped(function(*unwrapped(args), **unwrapped(kwargs)))

    return call


class RawModule:
    """Kernels by name, run by the simulated device."""

    def __init__(self, *, code, options, name_expressions):
        self.names = name_expressions
        self.code = code
        assert set(options) == set(launching.NVRTC_OPTIONS)

    def get_function(self, name):
        """Return a kernel: called with grid, block, arguments and ``shared_mem``, as CuPy's."""
        assert name in self.names

        def launch(grid, block, args, *, shared_mem=0):
            assert all(isinstance(side, int) for side in (*grid, *block)), "CuPy takes plain numbers as sizes"
            for one in args:
                assert isinstance(one, StandIn | np.generic), f"{type(one)} as an argument of {name}"
            kernel = Kernel(self.code, "kernel.cu", name)
            kernel(grid, block, [unwrapped(one) for one in args], shared_mem)

        return launch


class Module(types.ModuleType):
    """The module ``cupy``: what NumPy has, if CuPy has it, too."""

    def __init__(self, real):
        super().__init__("cupy")
        self.real = real
        self.used = set()
        self.RawModule, self.ndarray = RawModule, StandIn
        self.cuda = types.SimpleNamespace(
            Device=lambda number=0: types.SimpleNamespace(id=number),
            get_current_stream=lambda: types.SimpleNamespace(synchronize=lambda: None),
        )

    def asnumpy(self, array):
        """Return a NumPy copy."""
        return unwrapped(array).copy()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        self.used.add(name)
        if self.real is not None and not hasattr(self.real, name):
            raise AttributeError(f"module 'cupy' has no attribute {name!r}")
        value = getattr(np, name)
        return calling(value, name) if callable(value) and not isinstance(value, type) else value


def real_cupy() -> Any:
    """Return CuPy, which can be imported without a card; None where it is not installed."""
    try:
        return import_module("cupy")
    except ImportError:
        return None


def install(monkeypatch: Any) -> Module:
    """Put the stand-in in the place of CuPy until the test ends."""
    module = Module(real_cupy())
    monkeypatch.setitem(sys.modules, "cupy", module)
    for cached in (launching._cupy_device, launching._cupy_kernel):
        cached.cache_clear()
    return module
