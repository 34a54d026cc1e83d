"""The command ``segalgo doctor``: what works here, what clashes, and the command that mends it."""

import ctypes
import ctypes.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

import click

from segalgo._version import __version__

WORKS, MISSING, CLASHES = "works", "missing", "clashes"


@dataclass(frozen=True)
class Diagnosis:
    """The state of one part of the machine; `remedy` is a command, where there is one."""

    part: str
    state: str
    detail: str
    remedy: str = ""


@click.command("doctor")
def doctor_command() -> None:
    """Show what works here and what clashes.

    Each fault comes with the command that mends it. CuPy is imported last, and in a process of its own, so that a
    broken installation is reported, too. What is missing is no fault: NumPy alone is needed. Exit code 1 where
    something clashes.
    """
    click.echo(f"segalgo {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    clashes = False
    for found in diagnoses():
        clashes |= found.state == CLASHES
        click.echo(f"  {found.state:8s} {found.part:18s} {found.detail}")
        if found.remedy:
            click.echo(f"  {'':27s} -> {found.remedy}")
    if clashes:
        raise click.exceptions.Exit(1)


def diagnoses() -> Iterator[Diagnosis]:
    """Yield the state of each part, those that others build on first."""
    yield from _numpy_and_kernels()
    yield _compiler()
    packages = installed_packages()
    driver = driver_version()
    yield _driver(driver)
    yield _toolkit()
    yield _nvrtc(packages)
    yield _cupy(packages, driver)


def installed_packages() -> dict[str, str]:
    """Return the versions of the installed distributions by their normalized names."""
    found = {}
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if name:
            found[name.lower().replace("_", "-")] = distribution.version
    return found


def _numpy_and_kernels() -> Iterator[Diagnosis]:
    import numpy as np

    from segalgo import _ext

    yield Diagnosis("NumPy", WORKS, np.__version__)
    try:
        levels = _ext.available()
        level = _ext.instruction_set() if levels else ""
    except ValueError as error:
        yield Diagnosis("compiled kernels", CLASHES, str(error), "unset SEGALGO_INSTRUCTION_SET")
        return
    if not levels:
        detail = "not built: operations run in NumPy, slowly"
        yield Diagnosis("compiled kernels", MISSING, detail, "make build, or pip install --force-reinstall segalgo")
        return
    try:
        from segalgo._ext.shared import _cpu

        _ext.load("labels.labeling")
    except ImportError as error:
        # Kernels built against another major version of NumPy fail to import.
        detail = " ".join(str(error).split())
        yield Diagnosis("compiled kernels", CLASHES, detail, "pip install --force-reinstall segalgo")
        return
    yield Diagnosis("compiled kernels", WORKS, f"{level} (built and runnable: {', '.join(levels)})")
    if _cpu.has_openmp():
        yield Diagnosis("threads", WORKS, f"OpenMP, {_cpu.max_threads()} threads")
    else:
        detail = "built without OpenMP: one thread"
        yield Diagnosis("threads", MISSING, detail, "install a compiler with OpenMP, then make clean build")


def _compiler() -> Diagnosis:
    from segalgo.simulated.compiler import find_compiler

    if sys.platform == "win32":
        return Diagnosis("simulated device", MISSING, "needs ucontext, which Windows lacks")
    command = find_compiler()
    if command is None:
        detail = "no C++ compiler found, so that CUDA sources cannot run without a GPU"
        return Diagnosis("simulated device", MISSING, detail, "install g++ or clang++, or name one in CXX")
    return Diagnosis(
        "simulated device", WORKS, f"CUDA sources are compiled by {shutil.which(command[0]) or command[0]}"
    )


def driver_version() -> int | None:
    """Return the newest CUDA version that the driver runs, as 12040 for 12.4; None without a driver."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        library = ctypes.CDLL(name)
        version = ctypes.c_int()
        return version.value if library.cuDriverGetVersion(ctypes.byref(version)) == 0 else None
    except (OSError, AttributeError):
        return None


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def _driver(version: int | None) -> Diagnosis:
    if version is None:
        return Diagnosis("NVIDIA driver", MISSING, "none found; without one CUDA kernels run on the simulated device")
    return Diagnosis("NVIDIA driver", WORKS, f"runs CUDA up to {_version(version)}")


def _toolkit() -> Diagnosis:
    named = os.environ.get("CUDA_PATH") or os.environ.get("CUDA_HOME")
    if named and not Path(named).is_dir():
        return Diagnosis(
            "CUDA toolkit", CLASHES, f"CUDA_PATH or CUDA_HOME names {named}, no folder", "unset CUDA_PATH CUDA_HOME"
        )
    compiler = shutil.which("nvcc")
    if compiler is None and not named:
        return Diagnosis("CUDA toolkit", MISSING, "none found; CuPy's wheels do not need one")
    return Diagnosis("CUDA toolkit", WORKS, str(named or Path(compiler or "").parent.parent))


def _nvrtc(packages: dict[str, str]) -> Diagnosis:
    wheels = [f"{name} {version}" for name, version in packages.items() if name.startswith("nvidia-cuda-nvrtc")]
    library = ctypes.util.find_library("nvrtc")
    if wheels or library:
        return Diagnosis("NVRTC", WORKS, ", ".join([*wheels, *([library] if library else [])]))
    detail = "not found; `segalgo verify` compiles for the simulated device alone"
    return Diagnosis("NVRTC", MISSING, detail, "pip install nvidia-cuda-nvrtc-cu12")


def _cupy(packages: dict[str, str], driver: int | None) -> Diagnosis:
    part = "CuPy"
    found = {name: version for name, version in packages.items() if _is_cupy(name)}
    listed = ", ".join(f"{name} {version}" for name, version in found.items())
    if len(found) > 1:
        remedy = f"pip uninstall {' '.join(found)}, then install the one of your driver"
        return Diagnosis(part, CLASHES, f"{listed} overwrite each other's files", remedy)
    if not found:
        if driver is None:
            return Diagnosis(part, MISSING, "not installed, and no driver that it could use")
        extra = "cuda13" if driver >= 13000 else "cuda12"
        return Diagnosis(part, MISSING, "not installed", f"pip install segalgo[{extra}]")
    (name,) = found
    major = name.removeprefix("cupy-cuda").rstrip("x")
    if driver is not None and major.isdigit() and int(major) > driver // 1000:
        remedy = f"pip uninstall {name} && pip install segalgo[cuda12], or renew the driver"
        return Diagnosis(part, CLASHES, f"{listed}, but the driver runs CUDA up to {_version(driver)}", remedy)
    return _tried_cupy(listed)


def _is_cupy(name: str) -> bool:
    return name == "cupy" or name.startswith(("cupy-cuda", "cupy-rocm"))


def _tried_cupy(listed: str) -> Diagnosis:
    """Ask the cuda backend in a process of its own: a clash of libraries may end it."""
    program = "from segalgo import backends; status = backends()['cuda']; print(int(status.available), status.detail)"
    try:
        tried = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        return Diagnosis("CuPy", CLASHES, f"{listed}: its import does not end")
    available, _, detail = tried.stdout.strip().partition(" ")
    if tried.returncode or not available:
        last = (tried.stderr.strip().splitlines() or [f"ended with status {tried.returncode}"])[-1]
        return Diagnosis("CuPy", CLASHES, f"{listed}: {last}")
    return Diagnosis("CuPy", WORKS if available == "1" else MISSING, f"{listed}: {detail}")
