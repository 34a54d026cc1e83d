"""Compile a kernel of a ``.cu`` file for the simulated device and call it through ctypes."""

import ctypes
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from segalgo.simulated.watch import Watch

HEADER = Path(__file__).parent / "simulated_device.h"
# Hidden, so that each kernel has a threadIdx of its own.
FLAGS = (
    "-std=c++17",
    "-O1",
    "-g1",
    "-fPIC",
    "-fvisibility=hidden",
    "-pthread",
    "-ffp-contract=off",
    "-U_FORTIFY_SOURCE",
)
# A watched kernel calls a hook before each of its accesses; ours, not those of the sanitizer's library.
WATCH_FLAGS = ("-DSIMULATED_WATCH", "-fsanitize=thread", "-gdwarf-4")
ORDERS = {"forward": 0, "reversed": 1, "shuffled": 2}

# The one thing of CUDA C++ that no macro can express: an unsized array of dynamic shared memory.
DYNAMIC_SHARED = re.compile(
    r"extern\s+__shared__\s+(?:__align__\s*\(\s*\d+\s*\)\s*|alignas\s*\(\s*\d+\s*\)\s*)?([\w:<>,\s]+?)\s+(\w+)\s*\[\s*\]\s*;"
)
# Headers that NVRTC and nvcc know; what is in them that we have is in ours.
KNOWN_INCLUDE = re.compile(
    r"^[ \t]*#[ \t]*include[ \t]*[<\"](cuda_runtime|cuda|cuda_fp16|cuda_runtime_api|device_launch_parameters|"
    r"math_constants|cstdint|stdint|cmath|math|cfloat|float|climits|limits)(\.h)?[>\"]",
    re.MULTILINE,
)
# Shared variables of a kernel: a type, and one name or more.
SHARED = re.compile(
    r"(?<!extern )(?<!extern\n)__shared__\s+(?:volatile\s+)?"
    r"(?:__align__\s*\(\s*\d+\s*\)\s*|alignas\s*\(\s*\d+\s*\)\s*)?"
    r"([\w:]+(?:\s*<[^;<>]*>)?(?:\s+(?:int|char|long|short))*)\s+"
    r"(\w+\s*(?:\[[^\]\[]*\]\s*)*(?:,\s*\w+\s*(?:\[[^\]\[]*\]\s*)*)*);"
)
PARAMETERS = re.compile(r"\b(\w+)\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)\s*\{")


class Launch(ctypes.Structure):
    """``simulated::Launch`` of simulated_device.h, field by field."""

    _fields_ = (
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("dynamic_shared", ctypes.c_uint64),
        ("order", ctypes.c_int32),
        ("os_threads", ctypes.c_int32),
        ("seed", ctypes.c_uint64),
        ("message", ctypes.c_char_p),
        ("message_bytes", ctypes.c_uint64),
    )


@cache
def find_compiler() -> tuple[str, ...] | None:
    """Return the command of the host's C++ compiler: ``CXX`` if set, else the first of the usual names."""
    if os.environ.get("CXX"):
        return tuple(shlex.split(os.environ["CXX"]))
    for name in ("c++", "g++", "clang++"):
        if shutil.which(name):
            return (name,)
    return None


@cache
def cache_folder() -> Path:
    """Return the folder of compiled kernels: ``SEGALGO_CACHE_DIR``, else the user's cache, else a private one."""
    chosen = os.environ.get("SEGALGO_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    try:
        folder = Path(chosen) if chosen else Path.home() / ".cache"
        folder = folder / "segalgo" / "simulated"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):
        return Path(tempfile.mkdtemp(prefix="segalgo-"))


def translation_unit(source: str, file_name: str, kernel: str, watched: bool = False) -> str:
    """Return what the host compiler reads: the header, the .cu text, and two C functions that reach the kernel."""
    text = KNOWN_INCLUDE.sub("//", source)
    text = DYNAMIC_SHARED.sub(lambda m: f"SIMULATED_DYNAMIC_SHARED({m[1]}, {m[2]});" + "\n" * m[0].count("\n"), text)
    if watched:
        text = SHARED.sub(_with_room, text)
    return (
        f'#include "{HEADER.name}"\n#line 1 "{file_name}"\n{text}\n#line 1 "launch of {file_name}"\n'
        f"SIMULATED_ENTRY const char* segalgo_signature() {{ return simulated::signature({kernel}); }}\n"
        "SIMULATED_ENTRY int segalgo_launch(const simulated::Launch* how, void** arguments)"
        f" {{ return simulated::launch({kernel}, how, arguments); }}\n"
    )


def _with_room(declaration: re.Match[str]) -> str:
    """Return shared variables with room around each, on the same lines."""
    names = (re.match(r"(\w+)\s*(.*)", one.strip(), re.DOTALL) for one in declaration[2].split(","))
    each = " ".join(f"SIMULATED_SHARED(SIMULATED_TYPE({declaration[1]}), {name[1]}, {name[2]});" for name in names)
    return each.replace("\n", " ") + "\n" * declaration[0].count("\n")


def header_text() -> str:
    """Return all parts of the simulated device: what a compiled kernel depends on beside its own source."""
    return "".join(path.read_text() for path in sorted(HEADER.parent.glob("simulated_*.h")))


def compile_kernel(source: str, file_name: str, kernel: str, watched: bool = False) -> Path:
    """Return the shared library of one kernel, compiled now or found in the cache."""
    compiler = find_compiler()
    if compiler is None:
        raise RuntimeError("no C++ compiler found; install g++ or clang++, or name one in CXX")
    if watched and not sys.platform.startswith("linux"):
        raise RuntimeError(f"watched kernels need Linux, this is {sys.platform}")
    unit = translation_unit(source, file_name, kernel, watched)
    flags = (*FLAGS, *watch_flags(compiler)) if watched else FLAGS
    library = cached((unit, header_text(), *compiler, *flags, platform.machine()), ".so")
    if library.exists():
        return library
    with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
        unit_path, built = Path(folder) / "kernel.cpp", Path(folder) / "kernel.so"
        unit_path.write_text(unit)
        what = f"{kernel} of {file_name}"
        if watched:
            part = unit_path.with_suffix(".o")
            run_compiler([*compiler, *flags, f"-I{HEADER.parent}", "-c", str(unit_path), "-o", str(part)], what)
            inputs = [str(part), str(hooks_object(compiler))]
        else:
            inputs = [f"-I{HEADER.parent}", str(unit_path)]
        run_compiler([*compiler, *FLAGS, "-shared", *inputs, "-o", str(built)], what)
        built.replace(library)  # atomic: two processes may compile the same kernel at once
    return library


def cached(parts: Sequence[str], suffix: str) -> Path:
    """Return the place in the cache of what is made from these parts."""
    return cache_folder() / (hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32] + suffix)


def run_compiler(command: Sequence[str], what: str) -> None:
    """Run the compiler; raise RuntimeError with what it says if it fails."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"{what} does not compile:\n{result.stderr}")


@cache
def watch_flags(compiler: tuple[str, ...]) -> tuple[str, ...]:
    """Return the flags that call hooks, and other ones for volatile accesses; gcc and clang spell these differently."""
    said = subprocess.run([*compiler, "--version"], capture_output=True, text=True, check=False).stdout
    if "clang" in said:
        return (*WATCH_FLAGS, "-mllvm", "-tsan-distinguish-volatile=1")
    return (*WATCH_FLAGS, "--param", "tsan-distinguish-volatile=1")


@cache
def hooks_object(compiler: tuple[str, ...]) -> Path:
    """Return the compiled hooks, the same for every kernel."""
    built = cached((header_text(), *compiler, *FLAGS, platform.machine()), ".o")
    if not built.exists():
        with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
            part = Path(folder) / "hooks.o"
            source = HEADER.parent / "simulated_hooks.h"
            command = [*compiler, *FLAGS, "-O2", "-DSIMULATED_WATCH", "-x", "c++", "-c", str(source), "-o", str(part)]
            run_compiler(command, source.name)
            part.replace(built)
    return built


class Kernel:
    """One kernel of the simulated device: checks arguments more strictly than a card, then runs the grid."""

    def __init__(self, source: str, file_name: str, name: str, watched: bool = False) -> None:
        path = compile_kernel(source, file_name, name, watched)
        library = ctypes.CDLL(str(path))
        library.segalgo_signature.restype = ctypes.c_char_p
        self.name = name
        self.watch = Watch(library, path, file_name, parameter_names(source, name)) if watched else None
        self.signature: list[str] = library.segalgo_signature().decode().split()
        self._launch = library.segalgo_launch
        self._launch.argtypes = (ctypes.POINTER(Launch), ctypes.POINTER(ctypes.c_void_p))

    def __call__(
        self,
        grid: Sequence[int],
        block: Sequence[int],
        arguments: Sequence[Any],
        shared: int = 0,
        order: str = "forward",
        seed: int = 0,
        os_threads: int | None = None,
    ) -> None:
        """Run the kernel over the grid; raise RuntimeError with the first fault that a thread met.

        A watched kernel runs on one OS thread, and leaves what it found in ``watch.findings``.
        """
        grid, block = _three(grid), _three(block)
        if not 1 <= block[0] * block[1] * block[2] <= 1024 or block[2] > 64:
            raise ValueError(f"{self.name}: block={block}, expected 1 to 1024 threads, at most 64 of them in z")
        if not (1 <= grid[0] < 2**31 and 1 <= grid[1] < 2**16 and 1 <= grid[2] < 2**16):
            raise ValueError(f"{self.name}: grid={grid}, expected 1 to (2**31 - 1, 65535, 65535) blocks")
        if not 0 <= shared <= 48 * 1024:
            raise ValueError(f"{self.name}: shared={shared} bytes, expected 0 to 49152")
        slots = self._check(arguments)
        message = ctypes.create_string_buffer(768)
        how = Launch(
            (ctypes.c_uint * 3)(*grid),
            (ctypes.c_uint * 3)(*block),
            shared,
            ORDERS[order],
            os_threads or os.cpu_count() or 1,
            seed,
            ctypes.cast(message, ctypes.c_char_p),
            len(message),
        )
        pointers = (ctypes.c_void_p * max(len(slots), 1))(*(slot.ctypes.data for slot in slots))
        if self.watch is None:
            failed = self._launch(ctypes.byref(how), pointers)
            text = message.value.decode(errors="replace")
        else:
            how.os_threads = 1
            with self.watch.over(arguments):
                failed = self._launch(ctypes.byref(how), pointers)
            text = self.watch.with_lines(message.value.decode(errors="replace"))
        if failed:
            raise RuntimeError(f"{self.name}: {text}")

    def _check(self, arguments: Sequence[Any]) -> list[np.ndarray]:
        """Return one-element arrays that hold each argument's bytes: a scalar, or an array's address."""
        if len(arguments) != len(self.signature):
            raise TypeError(f"{self.name}: {len(arguments)} arguments, expected {len(self.signature)}")
        slots = []
        for k, (argument, code) in enumerate(zip(arguments, self.signature, strict=True)):
            where = f"{self.name}: argument {k}"
            if isinstance(argument, np.ndarray) and code[0] in "pc" and argument.ndim:
                if code[1] != "x" and code[1:] != f"{argument.dtype.kind}{argument.itemsize}":
                    raise TypeError(f"{where} is an array of {argument.dtype}, expected a pointer of kind {code[1:]}")
                if not argument.flags.c_contiguous:
                    raise ValueError(f"{where} is not C-contiguous, and kernels ignore strides")
                if code[0] == "p" and not argument.flags.writeable:
                    raise ValueError(f"{where} is read-only, and the kernel takes it as a pointer to non-const")
                slots.append(np.array([argument.ctypes.data], np.uintp))
            elif isinstance(argument, np.generic) and code[0] not in "pc":
                if code != f"{argument.dtype.kind}{argument.dtype.itemsize}":
                    raise TypeError(f"{where} is {argument.dtype}, expected a scalar of kind {code}")
                slots.append(np.array([argument]))
            else:
                raise TypeError(
                    f"{where} is {type(argument).__name__}, expected an array or NumPy scalar of kind {code}"
                )
        return slots


def parameter_names(source: str, kernel: str) -> list[str]:
    """Return the names of a kernel's parameters as its source spells them; nothing if it is written in another way."""
    wanted = kernel.partition("<")[0].strip()
    for name, text in PARAMETERS.findall(source):
        if name == wanted:
            return [re.split(r"[\s*&]+", part.strip())[-1] for part in text.split(",") if part.strip()]
    return []


def _three(size: Sequence[int]) -> tuple[int, int, int]:
    x, y, z = (*size, 1, 1)[:3]
    return int(x), int(y), int(z)
