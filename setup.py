"""Build the compiled kernels: every ``segalgo/_ext/ROOM/*.pyx`` is found by itself and built per instruction set.

Metadata lives in pyproject.toml. Environment variables:

SEGALGO_NO_EXTENSIONS=1   install the pure Python wings only (reference, CUDA)
SEGALGO_NO_OPENMP=1       build without OpenMP although the compiler has it
SEGALGO_DEBUG=1           bounds checks, no optimisation, undefined-behaviour sanitizer
SEGALGO_SANITIZE=1        kernels as they are, with AddressSanitizer and UndefinedBehaviorSanitizer
SEGALGO_LEVELS=x86_64_v4  build these instruction levels alone (comma between): quicker while a kernel is being written;
                          ``native`` stands for the best level that this machine runs
SEGALGO_NO_CCACHE=1       compile without ccache, which is used where it is installed and CC names no compiler
SEGALGO_PROGRESS=1        say on standard error how many kernels are compiled
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCE = Path("segalgo") / "_ext"
DEBUG = os.environ.get("SEGALGO_DEBUG") == "1"
SANITIZE = os.environ.get("SEGALGO_SANITIZE") == "1"

# One source, one build per level; segalgo/_ext/__init__.py picks the best that the processor has.
X86_LEVELS = {
    "baseline": [],
    "x86_64_v3": ["-march=x86-64-v3"],
    "x86_64_v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
# -ffp-contract=off: a product and a sum are rounded twice wherever the source writes them so, on every level.
# -fno-math-errno and -fno-trapping-math change neither results nor NaN, only errno and the order of exceptions.
# A kernel written once for floats and integers asks "is this NaN?" of integers too; compilers remark on that.
QUIET_FLAGS = ["-Wno-unused-function", "-Wno-tautological-compare"]
UNIX_FLAGS = ["-O3", "-g0", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", *QUIET_FLAGS]
DEBUG_FLAGS = ["-O1", "-g", "-ffp-contract=off", "-fsanitize=undefined", *QUIET_FLAGS]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize=vptr", "-fno-sanitize-recover=all"]
SANITIZE_FLAGS = ["-O1", "-g1", "-fno-omit-frame-pointer", "-ffp-contract=off", *SANITIZERS, *QUIET_FLAGS]
MSVC_FLAGS = ["/O2", "/fp:precise"]

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "wraparound": DEBUG,
    "initializedcheck": DEBUG,
    "cdivision": not DEBUG,
    "freethreading_compatible": True,
    "embedsignature": True,
}

OPENMP_PROBE = """
#include <omp.h>
int main(void) {
    int sum = 0;
    #pragma omp parallel for reduction(+:sum)
    for (int i = 0; i < 8; i++) sum += omp_get_num_threads() > 0;
    return sum != 8;
}
"""


LEVEL_PROBE = """
#include "shared/cpu.h"
int main(void) { return cpu_level(); }
"""


def instruction_levels() -> dict[str, list[str]]:
    """Return the compiler flags of each level that this platform is built for."""
    x86 = platform.machine().lower() in {"x86_64", "amd64"} and os.name == "posix"
    levels = X86_LEVELS if x86 else {"baseline": []}
    wanted = list(filter(None, os.environ.get("SEGALGO_LEVELS", "").split(",")))
    unknown = sorted(set(wanted) - {*levels, "native"})
    if unknown:
        raise SystemExit(f"SEGALGO_LEVELS: {', '.join(unknown)} is none of native, {', '.join(levels)}")
    # Which level is native is known when the compiler is: until then all of them are listed.
    return {level: levels[level] for level in wanted} if wanted and "native" not in wanted else levels


def find_extensions() -> list[Extension]:
    """Translate every .pyx once and list one extension per kernel module and instruction level."""
    if os.environ.get("SEGALGO_NO_EXTENSIONS") == "1":
        return []
    import numpy
    from Cython.Build import cythonize

    include = [str(SOURCE), numpy.get_include()]
    translated = cythonize(
        [
            Extension(f"segalgo._ext.{path.parent.name}.{path.stem}", [str(path)])
            for path in sorted(SOURCE.glob("*/*.pyx"))
        ],
        build_dir="build/cython",
        compiler_directives=DIRECTIVES,
    )
    extensions = []
    for module in translated:
        room, topic = module.name.split(".")[-2:]
        # A leading underscore marks what is asked before a level is known (_cpu): built once, plainly.
        levels = {"": []} if topic.startswith("_") else instruction_levels()
        for level, flags in levels.items():
            source = Path("build/cython") / (level or "plain") / room / f"{topic}.c"
            copy_if_newer(Path(module.sources[0]), source)
            extensions.append(
                Extension(
                    ".".join(filter(None, ["segalgo._ext", level, room, topic])),
                    [str(source)],
                    include_dirs=include,
                    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
                    extra_compile_args=list(flags),
                    depends=sorted(map(str, headers_of(Path(module.sources[0])))),
                )
            )
    return extensions


def headers_of(source: Path) -> set[Path]:
    """Return our headers that a file includes, and those that they include: a change of one builds it again."""
    found: set[Path] = set()
    waiting = [source]
    while waiting:
        names = re.findall(r'^\s*#\s*include "([\w./]+\.h)"', waiting.pop().read_text(), re.M)
        fresh = {SOURCE / name for name in names if (SOURCE / name).exists()} - found
        found |= fresh
        waiting += fresh
    return found


def copy_if_newer(source: Path, target: Path) -> None:
    """Copy a generated C file, so that levels built in parallel do not share an object file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        shutil.copy2(source, target)


class BuildKernels(build_ext):
    """Add the flags that depend on the compiler, and build on all cores."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if self.parallel is None:
            self.parallel = os.cpu_count()

    def build_extensions(self) -> None:
        if self.compiler.compiler_type == "msvc":
            flags, openmp = MSVC_FLAGS, (["/openmp"], [])
        else:
            flags = SANITIZE_FLAGS if SANITIZE else DEBUG_FLAGS if DEBUG else UNIX_FLAGS
            openmp = self.find_openmp()
        for extension in self.extensions:
            extension.extra_compile_args = [*flags, *extension.extra_compile_args, *openmp[0]]
            extension.extra_link_args = [*extension.extra_link_args, *openmp[1]]
            if DEBUG and self.compiler.compiler_type != "msvc":
                extension.extra_link_args.append("-fsanitize=undefined")
            if SANITIZE:
                extension.extra_link_args.extend(SANITIZERS)
        if "native" in os.environ.get("SEGALGO_LEVELS", "").split(","):
            self.keep_native_level()
        self.compiled, self.lock = 0, threading.Lock()
        super().build_extensions()

    def build_extension(self, extension: Extension) -> None:
        super().build_extension(extension)
        if os.environ.get("SEGALGO_PROGRESS") == "1":
            with self.lock:
                self.compiled += 1
                end = "\n" if self.compiled == len(self.extensions) else "\r" if sys.stderr.isatty() else ""
                if end or self.compiled % 25 == 0:
                    print(f"  {self.compiled} of {len(self.extensions)} kernels", end=end or "\n", file=sys.stderr)

    def keep_native_level(self) -> None:
        """Leave out the kernels of levels that this machine does not run, or that it runs slower ones than."""
        listed = {extension.name.split(".")[2] for extension in self.extensions} & set(X86_LEVELS)
        if len(listed) < 2:
            return
        with tempfile.TemporaryDirectory() as folder:
            probe = self.build_probe(folder, "cpu_probe", LEVEL_PROBE, [])
            native = list(X86_LEVELS)[subprocess.run([str(probe)], check=False).returncode]
        self.extensions[:] = [e for e in self.extensions if e.name.split(".")[2] in {native, "shared"}]

    def copy_extensions_to_source(self) -> None:
        for extension in self.extensions:
            Path(*extension.name.split(".")).parent.mkdir(parents=True, exist_ok=True)
        super().copy_extensions_to_source()

    def find_openmp(self) -> tuple[list[str], list[str]]:
        """Return the compile and link flags of OpenMP, or none where a small program does not build with it."""
        if os.environ.get("SEGALGO_NO_OPENMP") == "1":
            return [], []
        try:
            with tempfile.TemporaryDirectory() as folder:
                self.build_probe(folder, "openmp_probe", OPENMP_PROBE, ["-fopenmp"])
        except Exception as error:  # the compiler classes raise several unrelated types
            self.warn(f"building without OpenMP, kernels will use one thread ({error})")
            return [], []
        return ["-fopenmp"], ["-fopenmp"]

    def build_probe(self, folder: str, name: str, source: str, flags: list[str]) -> Path:
        """Build a small program in a folder, and return its path."""
        probe = Path(folder) / f"{name}.c"
        probe.write_text(source)
        objects = self.compiler.compile(
            [str(probe)], output_dir=folder, include_dirs=[str(SOURCE)], extra_postargs=flags
        )
        self.compiler.link_executable(objects, name, output_dir=folder, extra_postargs=flags)
        return Path(folder) / name


def use_compiler_cache() -> None:
    """Let ccache, where it is installed, keep what was compiled."""
    compiler = sysconfig.get_config_var("CC")
    wanted = "CC" not in os.environ and os.environ.get("SEGALGO_NO_CCACHE") != "1"
    if wanted and os.name == "posix" and compiler and shutil.which("ccache"):
        os.environ["CC"] = f"ccache {compiler}"


use_compiler_cache()
setup(ext_modules=find_extensions(), cmdclass={"build_ext": BuildKernels})
