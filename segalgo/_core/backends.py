"""Which backends work on this machine, and why the others do not."""

import shutil
import sys
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec

BACKENDS = ("reference", "cython", "cuda", "simulated")


@dataclass(frozen=True)
class BackendStatus:
    """Whether a backend works here, and what it runs on or what it lacks."""

    available: bool
    detail: str

    def __str__(self) -> str:
        return f"{'available' if self.available else 'missing'}: {self.detail}"


def backends() -> dict[str, BackendStatus]:
    """List the four backends with what they run on, or the reason why they are missing.

    Returns
    -------
    dict of str to BackendStatus
        Keys ``reference``, ``cython``, ``cuda``, ``simulated``; each value has ``available`` (bool) and
        ``detail`` (str). Asking imports CuPy where it is installed.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.backends()["reference"].available
    True
    """
    return {name: backend_status(name) for name in BACKENDS}


@cache
def backend_status(name: str) -> BackendStatus:
    """Return the status of one backend; cached for the life of the process."""
    return {"reference": _reference, "cython": _cython, "cuda": _cuda, "simulated": _simulated}[name]()


def _reference() -> BackendStatus:
    return BackendStatus(True, f"NumPy {import_module('numpy').__version__}")


def _cython() -> BackendStatus:
    from segalgo import _ext

    if not _ext.available():
        return BackendStatus(False, "the compiled kernels are not built; run `pip install .` or `make build`")
    cpu = import_module("segalgo._ext.shared._cpu")
    openmp = f"{cpu.max_threads()} threads" if cpu.has_openmp() else "one thread, built without OpenMP"
    return BackendStatus(True, f"instruction set {_ext.instruction_set()}, {openmp}")


def _cuda() -> BackendStatus:
    if find_spec("cupy") is None:
        return BackendStatus(
            False,
            "CuPy is not installed; `pip install segalgo[cuda12]` or `segalgo[cuda13]`, as your driver has it",
        )
    try:
        runtime = import_module("cupy").cuda.runtime
        if runtime.getDeviceCount() == 0:
            return BackendStatus(False, "CuPy is installed, but the driver shows no GPU")
        name = runtime.getDeviceProperties(0)["name"].decode()
    except Exception as error:  # an ImportError of a CUDA library, or CuPy's own error types
        return BackendStatus(False, f"CuPy is installed, but cannot be used: {str(error).splitlines()[0]}")
    return BackendStatus(True, name)


def _simulated() -> BackendStatus:
    from segalgo.simulated.compiler import find_compiler

    if sys.platform == "win32":
        return BackendStatus(False, "the simulated device switches threads with ucontext, which Windows lacks")
    compiler = find_compiler()
    if compiler is None:
        return BackendStatus(False, "no C++ compiler found; install g++ or clang++, or name one in CXX")
    return BackendStatus(True, f"CUDA sources compiled by {shutil.which(compiler[0]) or compiler[0]}")
