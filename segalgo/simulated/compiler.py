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
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from segalgo.simulated.profile import Counter
from segalgo.simulated.translation import (
    launch_bounds,
    refuse_assembly,
    with_headers,
    with_shared_memory,
    without_host_code,
)
from segalgo.simulated.watch import Watch

HEADER = Path(__file__).parent / "simulated_device.h"
# Headers of CUDA and PyTorch by their names: what is in them that we have.
HEADERS = Path(__file__).parent / "include"
INCLUDES = (f"-I{HEADER.parent}", f"-I{HEADERS}")
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
# And integers wrap, as they do on a card.
WATCH_FLAGS = ("-DSIMULATED_WATCH", "-fwrapv", "-fsanitize=thread", "-fsanitize=alignment", "-gdwarf-4")
# A profiled one also before each basic block and where a condition is computed; blocks stay in the order of the source.
PROFILE_FLAGS = (
    "-DSIMULATED_PROFILE",
    "-include",
    "simulated_profile_shared.h",
    "-fsanitize=thread",
    "-fsanitize-coverage=trace-pc,trace-cmp",
    "-fno-reorder-blocks",
    "-fno-thread-jumps",  # would make two of an access behind a branch
    "-gdwarf-4",
)
OF_GCC = ("-fno-reorder-blocks", "-fno-thread-jumps")
ORDERS = {"forward": 0, "reversed": 1, "shuffled": 2}

PARAMETERS = re.compile(r"\b(\w+)\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)\s*\{")


class CompilationError(RuntimeError):
    """A kernel that does not compile, with what the compiler says."""


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
        ("switching", ctypes.c_int32),
        ("cooperative", ctypes.c_int32),
        ("shared_limit", ctypes.c_uint64),
        ("switches", ctypes.c_uint64),
        ("chosen", ctypes.POINTER(ctypes.c_uint64)),
        ("chosen_count", ctypes.c_uint64),
        ("most_accesses", ctypes.c_uint64),
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


def translation_unit(
    source: str,
    file_name: str,
    kernel: str,
    watched: bool = False,
    folders: Sequence[str | Path] = (),
    defines: Sequence[str] = (),
) -> str:
    """Return what the host compiler reads: the header, the .cu text, and C functions that reach the kernel."""
    text = without_host_code(with_headers(source, file_name, folders))
    refuse_assembly(text, file_name)
    text = with_shared_memory(text, watched)
    macros = "".join(
        "#define {} {}\n".format(*(one.partition("=")[::2] if "=" in one else (one, "1"))) for one in defines
    )
    bounds = launch_bounds(text, kernel)
    limit = bounds if bounds.isidentifier() or bounds.isdigit() else "1024"
    if "<" in kernel and not limit.isdigit():
        limit = "1024"  # it may be a parameter of the template
    return (
        f'#include "{HEADER.name}"\n{macros}#line 1 "{file_name}"\n{text}\n#line 1 "launch of {file_name}"\n'
        f"SIMULATED_ENTRY const char* segalgo_signature() {{ return simulated::signature({kernel}); }}\n"
        f"SIMULATED_ENTRY int segalgo_launch_bounds() {{ return int({limit}); }}\n"
        "SIMULATED_ENTRY int segalgo_launch(simulated::Launch* how, void** arguments)"
        f" {{ return simulated::launch({kernel}, how, arguments); }}\n"
    )


# Parts that a source includes for itself.
OPTIONAL = ("simulated_groups.h", "simulated_cub.h", "simulated_tensors.h")


# Parts that only a profiled kernel is compiled with.
OF_PROFILES = (
    "simulated_profile.h",
    "simulated_profile_shared.h",
    "simulated_profile_hooks.h",
    "simulated_counter.h",
)


def header_text(source: str = "", profiled: bool = False) -> str:
    """Return the parts of the simulated device that a source is compiled with: what it depends on beside itself."""
    left_out = OPTIONAL if profiled else (*OPTIONAL, *OF_PROFILES)
    parts = sorted(path for path in HEADER.parent.glob("simulated_*.h") if path.name not in left_out)
    if "#include" in source.replace(f'#include "{HEADER.name}"', "").replace(" ", ""):
        parts += sorted(HEADER.parent / name for name in OPTIONAL)
        parts += sorted(path for path in HEADERS.rglob("*") if path.is_file())
    return "".join(path.read_text() for path in parts)


def compile_kernel(
    source: str,
    file_name: str,
    kernel: str,
    watched: bool = False,
    folders: Sequence[str | Path] = (),
    defines: Sequence[str] = (),
    profiled: bool = False,
) -> Path:
    """Return the shared library of one kernel, compiled now or found in the cache."""
    compiler = find_compiler()
    if compiler is None:
        raise RuntimeError("no C++ compiler found; install g++ or clang++, or name one in CXX")
    hooked = watched or profiled
    if hooked and not sys.platform.startswith("linux"):
        raise RuntimeError(f"watched and profiled kernels need Linux, this is {sys.platform}")
    unit = translation_unit(source, file_name, kernel, hooked, folders, defines)
    flags = (*FLAGS, *hook_flags(compiler, profiled)) if hooked else FLAGS
    library = cached((unit, header_text(unit, profiled), *compiler, *flags, platform.machine()), ".so")
    if library.exists():
        return library
    with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
        unit_path, built = Path(folder) / "kernel.cpp", Path(folder) / "kernel.so"
        unit_path.write_text(unit)
        what = f"{kernel} of {file_name}"
        if hooked:
            part = unit_path.with_suffix(".o")
            command = [*compiler, *flags, *INCLUDES, "-c", str(unit_path), "-o", str(part)]
            try:
                run_compiler([*command, *(("-DSIMULATED_WHOLE_VECTORS",) if profiled else ())], what)
            except CompilationError:
                if not profiled:
                    raise
                run_compiler(command, what)  # a union of vectors, say, which may not copy them in a way of their own
            inputs = [str(part), str(hooks_object(compiler, profiled))]
        else:
            inputs = [*INCLUDES, str(unit_path)]
        run_compiler([*compiler, *FLAGS, "-shared", *inputs, "-o", str(built)], what)
        built.replace(library)  # atomic: two processes may compile the same kernel at once
    return library


def cached(parts: Sequence[str], suffix: str) -> Path:
    """Return the place in the cache of what is made from these parts."""
    return cache_folder() / (hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32] + suffix)


def run_compiler(command: Sequence[str], what: str) -> None:
    """Run the compiler; raise CompilationError with what it says if it fails."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise CompilationError(f"{what} does not compile:\n{result.stderr}")


@cache
def hook_flags(compiler: tuple[str, ...], profiled: bool) -> tuple[str, ...]:
    """Return the flags that call hooks, and other ones for volatile accesses; gcc and clang spell these differently."""
    said = subprocess.run([*compiler, "--version"], capture_output=True, text=True, check=False).stdout
    flags = PROFILE_FLAGS if profiled else WATCH_FLAGS
    if "clang" in said:
        own = [flag for flag in flags if flag not in OF_GCC]
        own += ["-fsanitize-coverage=bb", "-mllvm", "-sanitizer-coverage-prune-blocks=0"] if profiled else []
        return (*own, "-mllvm", "-tsan-distinguish-volatile=1")
    return (*flags, "--param", "tsan-distinguish-volatile=1")


@cache
def hooks_object(compiler: tuple[str, ...], profiled: bool) -> Path:
    """Return the compiled hooks, the same for every kernel."""
    name, macro = ("profile_hooks", "PROFILE") if profiled else ("hooks", "WATCH")
    built = cached((name, header_text(profiled=profiled), *compiler, *FLAGS, platform.machine()), ".o")
    if not built.exists():
        with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
            part = Path(folder) / "hooks.o"
            source = HEADER.parent / f"simulated_{name}.h"
            command = [
                *compiler,
                *FLAGS,
                "-O2",
                f"-DSIMULATED_{macro}",
                "-x",
                "c++",
                "-c",
                str(source),
                "-o",
                str(part),
            ]
            run_compiler(command, source.name)
            part.replace(built)
    return built


class Kernel:
    """One kernel of the simulated device: checks arguments more strictly than a card, then runs the grid."""

    def __init__(
        self,
        source: str,
        file_name: str,
        name: str,
        watched: bool = False,
        folders: Sequence[str | Path] = (),
        defines: Sequence[str] = (),
        shared_limit: int = 48 * 1024,
        profiled: bool = False,
    ) -> None:
        path = compile_kernel(source, file_name, name, watched, folders, defines, profiled)
        library = ctypes.CDLL(str(path))
        library.segalgo_signature.restype = ctypes.c_char_p
        library.segalgo_launch_bounds.restype = ctypes.c_int
        self.name = name
        self.switches = 0
        self._most_threads = library.segalgo_launch_bounds()
        self._shared_limit = shared_limit
        self._cooperative = "this_grid" in source
        self.watch = Watch(library, path, file_name, parameter_names(source, name)) if watched else None
        self.counter = Counter(library, path, file_name, parameter_names(source, name)) if profiled else None
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
        switching: int = 0,
        marks: Sequence[np.ndarray] = (),
        chosen: Sequence[int] = (),
        most_accesses: int = 0,
    ) -> None:
        """Run the kernel over the grid; raise RuntimeError with the first fault that a thread met.

        The blocks of a watched kernel run one after the other; what it found is left in ``watch.findings``, and the
        number of its atomic and volatile accesses in ``switches``. `switching` lets threads go on in turns at these.
        `marks` are arrays in which several threads may write the same value at once. `chosen` are the numbers of the
        blocks of a watched kernel that run, in place of all; each is left after `most_accesses` accesses.
        """
        grid, block = _three(grid), _three(block)
        if not 1 <= block[0] * block[1] * block[2] <= 1024 or block[2] > 64:
            raise ValueError(f"{self.name}: block={block}, expected 1 to 1024 threads, at most 64 of them in z")
        if not (1 <= grid[0] < 2**31 and 1 <= grid[1] < 2**16 and 1 <= grid[2] < 2**16):
            raise ValueError(f"{self.name}: grid={grid}, expected 1 to (2**31 - 1, 65535, 65535) blocks")
        if block[0] * block[1] * block[2] > self._most_threads:
            raise ValueError(
                f"{self.name}: block={block}, expected at most {self._most_threads} threads (__launch_bounds__)"
            )
        if not 0 <= shared <= self._shared_limit:
            raise ValueError(f"{self.name}: shared={shared} bytes, expected 0 to {self._shared_limit}")
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
            switching,
            int(self._cooperative),
            self._shared_limit,
            0,
            (ctypes.c_uint64 * max(len(chosen), 1))(*chosen),
            len(chosen),
            most_accesses,
        )
        pointers = (ctypes.c_void_p * max(len(slots), 1))(*(slot.ctypes.data for slot in slots))
        if self.watch is not None:
            with self.watch.over(arguments, marks):
                failed = self._launch(ctypes.byref(how), pointers)
            text = self.watch.with_lines(message.value.decode(errors="replace"))
            self.switches = int(how.switches)
        else:
            with self.counter.over(arguments) if self.counter is not None else nullcontext():
                failed = self._launch(ctypes.byref(how), pointers)
            text = message.value.decode(errors="replace")
        if failed:
            raise RuntimeError(f"{self.name}: {text}")

    def _check(self, arguments: Sequence[Any]) -> list[np.ndarray]:
        """Return one-element arrays that hold each argument's bytes: a scalar, or an array's address."""
        if len(arguments) != len(self.signature):
            raise TypeError(f"{self.name}: {len(arguments)} arguments, expected {len(self.signature)}")
        slots = []
        for k, (argument, code) in enumerate(zip(arguments, self.signature, strict=True)):
            where = f"{self.name}: argument {k}"
            if code[0] == "a" and isinstance(argument, np.ndarray):
                slots.append(accessor(argument, code, where))
            elif code[0] == "x" and isinstance(argument, np.ndarray):
                slots.append(argument)  # the bytes of a struct
            elif isinstance(argument, np.ndarray) and code[0] in "pc" and argument.ndim:
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


def accessor(array: np.ndarray, code: str, where: str) -> np.ndarray:
    """Return the bytes of a tensor accessor: the address, sizes and strides; the code tells type, axes and width."""
    kind, axes, width = code[1:].split("_")
    if kind != f"{array.dtype.kind}{array.itemsize}" or int(axes) != array.ndim:
        raise TypeError(f"{where} is an array of {array.dtype} with {array.ndim} axes, expected {kind} with {axes}")
    numbers = np.array([*array.shape, *(step // array.itemsize for step in array.strides)], f"i{width}")
    return np.frombuffer(np.uint64(array.ctypes.data).tobytes() + numbers.tobytes() + bytes(8), np.uint8)


def parameter_names(source: str, kernel: str) -> list[str]:
    """Return the names of a kernel's parameters as its source spells them; nothing if it is written in another way."""
    return [re.split(r"[\s*&]+", part)[-1] for part in _parameters(source, kernel)]


def parameter_types(source: str, kernel: str) -> list[str]:
    """Return the types of a kernel's parameters as its source spells them, without what templates are given."""
    return [re.sub(r"\w+\s*$", "", part).strip() for part in _parameters(source, kernel)]


def _parameters(source: str, kernel: str) -> list[str]:
    wanted = kernel.partition("<")[0].strip()
    for name, text in PARAMETERS.findall(source):
        if name == wanted:
            while "<" in text and (plain := re.sub(r"<[^<>]*>", " ", text)) != text:
                text = plain
            return [part.strip() for part in text.split(",") if part.strip()]
    return []


def _three(size: Sequence[int]) -> tuple[int, int, int]:
    x, y, z = (*size, 1, 1)[:3]
    return int(x), int(y), int(z)
