"""A CUDA kernel from source as a function that `check` can judge: on the simulated device, watched, or on a GPU."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any

import numpy as np

from segalgo.cuda.device import C_NAMES
from segalgo.verify.cases.case import Case
from segalgo.verify.catalogue.registry import operation_of
from segalgo.verify.comparison import Mismatch
from segalgo.verify.kernels.expressions import LaunchError, values
from segalgo.verify.kernels.launch_scope import not_taken, scope_of

SCHEDULES = (("forward", 0), ("reversed", 0), ("shuffled", 1), ("shuffled", 2))
HALF = re.compile(r"\b(__)?half\b")
# What a fault of the simulated device is called in a report.
FAULTS = (
    ("divergent barrier", "divergent barrier"),
    ("divergent warp", "warp misuse"),
    ("deadlock", "warp misuse"),
    ("in its own mask", "warp misuse"),
    ("shuffle", "warp misuse"),
    ("__trap", "trap"),
    ("assert", "trap"),
)


class KernelFaultError(Exception):
    """What the device saw while the kernel ran; `mismatches` are the findings."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__(lines[0])
        found: dict[str, Mismatch] = {}
        for line in lines:
            kind = kind_of(line)
            found.setdefault(kind, Mismatch(kind, line))
        self.mismatches = list(found.values())


def kind_of(line: str) -> str:
    """Return the kind of a finding from its line."""
    head = line.partition(":")[0]
    if head in ("race", "out of bounds", "uninitialised shared memory"):
        return head
    return next((kind for word, kind in FAULTS if word in line), "fault")


@dataclass
class CudaKernel:
    """A kernel in CUDA C++ and how it is launched; ``run(case)`` returns its outputs.

    Parameters
    ----------
    path : str
        The ``.cu`` file.
    operation : str
        What it computes: one of `operations()`.
    entry : str
        The kernel's name; ``name<T>`` for a template on the element type of the input.
    args : str
        Its arguments, comma-separated expressions of the names in `docs/verify.md`.
    grid, block : str
        One to three sizes each. A grid of size 0 is not launched.
    shared : str, default "0"
        Bytes of dynamic shared memory.
    zeroed : sequence of str, default ()
        Outputs that the launch promises to be zero; others hold canaries.
    device : {"cpu", "cuda"}, default "cpu"
        "cpu": the simulated device.
    """

    path: str
    operation: str
    entry: str
    args: str
    grid: str
    block: str = "256"
    shared: str = "0"
    zeroed: Sequence[str] = ()
    device: str = "cpu"
    _kernels: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    _calls: int = field(default=0, init=False, repr=False)

    @property
    def __name__(self) -> str:
        return self.entry

    def setup(self) -> str:
        """Return the expression that makes this kernel again."""
        fields = {
            one.name: getattr(self, one.name) for one in dataclass_fields(self) if one.init and one.name[0] != "_"
        }
        default = {"block": "256", "shared": "0", "zeroed": (), "device": "cpu"}
        words = (f"{name}={value!r}" for name, value in fields.items() if default.get(name) != value)
        return f"segalgo.verify.CudaKernel({', '.join(words)})"

    def source(self) -> str:
        """Return the text of the file."""
        return Path(self.path).read_text()

    def dtypes(self) -> list[str]:
        """Return the dtypes of the operation that this kernel takes; compiles what has to be compiled to know."""
        known = list(operation_of(self.operation).dtypes)
        if "<T" in self.entry:
            return [name for name in known if name != "float16" or HALF.search(self.source())]
        if self.device == "cuda":
            codes = _types_of_parameters(self.source(), self.entry)
        else:
            codes = self._kernel(known[0]).signature
        places = [k for k, name in enumerate(_names(self.args)) if name in ("x", *_array_names(self.operation)[:1])]
        if not places or places[0] >= len(codes):
            return known
        code = codes[places[0]][1:]
        return [name for name in known if _fits_pointer(np.dtype(name), code)]

    def missing(self, case: Case) -> set[str]:
        """Return what the case needs and the launch does not take."""
        words = " ".join((self.args, self.grid, self.block, self.shared))
        return not_taken(case, set(re.findall(r"[A-Za-z_]\w*", words)))

    def run(self, case: Case, arguments: dict[str, Any] | None = None) -> Any:
        """Launch the kernel on a case and return its outputs; raise `KernelFaultError` with what the device saw."""
        arguments = case.arguments if arguments is None else arguments
        kernel = self._kernel(case.recipe.dtype)
        outputs = [np.empty(like.shape, like.dtype) for like in case.shaped]
        scope = scope_of(case, outputs, arguments)
        for name in self.zeroed:
            if name not in scope:
                raise LaunchError(f"zeroed: no output {name!r} here")
            scope[name].fill(0)
        given = values(self.args, scope, "args")
        codes = _types_of_parameters(self.source(), self.entry) if self.device == "cuda" else kernel.signature
        if len(codes) != len(given):
            raise LaunchError(f"args has {len(given)} arguments: expected {len(codes)}, those of {self.entry}")
        passed = [_as_code(value, code, case.recipe.dtype) for value, code in zip(given, codes, strict=True)]
        size = [int(n) for n in values(self.grid, scope, "grid")]
        block = [int(n) for n in values(self.block, scope, "block")]
        shared = int(values(self.shared, scope, "shared")[0])
        if min(size) > 0:
            self._launch(kernel, size, block, passed, shared)
        for original, used in zip(given, passed, strict=True):
            if isinstance(original, np.ndarray) and used is not original and any(original is o for o in outputs):
                original[...] = used  # an output of integers of another width
        return outputs

    def _launch(self, kernel: Any, grid: list[int], block: list[int], passed: list[Any], shared: int) -> None:
        if self.device == "cuda":
            _launch_on_gpu(kernel, grid, block, passed, shared)
            return
        order, seed = SCHEDULES[self._calls % len(SCHEDULES)]
        self._calls += 1
        fault = []
        try:
            kernel(grid, block, passed, shared, order=order, seed=seed)
        except (TypeError, ValueError) as error:
            raise LaunchError(str(error)) from None
        except RuntimeError as error:
            fault = [str(error).partition(": ")[2]]
        lines = [*kernel.watch.findings, *(line for line in fault if "out of bounds:" not in line)]
        if lines:
            raise KernelFaultError(lines)

    def _kernel(self, dtype: str) -> Any:
        name = self.entry.replace("<T", "<" + _element(dtype)) if "<T" in self.entry else self.entry
        if name not in self._kernels:
            if self.device == "cuda":
                import cupy

                options = ("--std=c++17",)
                module = cupy.RawModule(code=self.source(), options=options, name_expressions=[name])
                self._kernels[name] = module.get_function(name)
            else:
                from segalgo.simulated.compiler import Kernel

                self._kernels[name] = Kernel(self.source(), Path(self.path).name, name, watched=True)
        return self._kernels[name]


def _names(args: str) -> list[str]:
    return [part.strip() for part in args.split(",")]


def _array_names(operation: str) -> list[str]:
    return list(operation_of(operation).signature.parameters)


def _element(dtype: str) -> str:
    return "half" if dtype == "float16" else C_NAMES[dtype]


def _fits_pointer(dtype: np.dtype, code: str) -> bool:
    if code.startswith("x"):
        return True
    return code == f"{dtype.kind}{dtype.itemsize}" or (dtype.kind == "b" and code in ("u1", "b1"))


def _as_code(value: Any, code: str, dtype: str) -> Any:
    """Return an argument as the kernel takes it: arrays of integers in its width, numbers in its type."""
    if isinstance(value, np.ndarray):
        if code[0] not in "pc" or code[1] == "x":
            return value
        wanted = np.dtype(code[1:])
        if value.dtype.kind in "biu" and wanted.kind in "biu" and value.dtype != wanted:
            return value.astype(wanted)
        return value if value.ndim else value.reshape(1)
    if code[0] in "pc":
        raise LaunchError(f"args: {value!r} is a number: expected an array, the kernel takes a pointer there")
    return np.dtype(code.replace("b1", "?")).type(value)


def _types_of_parameters(source: str, entry: str) -> list[str]:
    """Return the codes of a kernel's parameters from its source, for NVRTC, which does not tell."""
    from segalgo.simulated.compiler import PARAMETERS

    named = {text: np.dtype(name) for name, text in C_NAMES.items()}
    named |= {"int": np.dtype("int32"), "unsigned": np.dtype("uint32"), "size_t": np.dtype("uint64")}
    wanted = entry.partition("<")[0].strip()
    for name, text in PARAMETERS.findall(source):
        if name != wanted:
            continue
        codes = []
        for part in text.split(","):
            words = re.sub(r"\b(const|__restrict__|volatile)\b|[\w]+\s*$", " ", part).replace("*", " ").split()
            dtype = named.get(" ".join(words))
            code = "x0" if dtype is None else f"{dtype.kind}{dtype.itemsize}"
            codes.append(("c" if "const" in part else "p") + code if "*" in part else code)
        return codes
    raise LaunchError(f"entry={entry!r}: no kernel of that name in the file")


def _launch_on_gpu(kernel: Any, grid: list[int], block: list[int], passed: list[Any], shared: int) -> None:
    import cupy

    on_gpu = [cupy.asarray(value) if isinstance(value, np.ndarray) else value for value in passed]
    kernel(tuple(grid), tuple(block), tuple(on_gpu), shared_mem=shared)
    cupy.cuda.get_current_stream().synchronize()
    for value, used in zip(passed, on_gpu, strict=True):
        if isinstance(value, np.ndarray) and value.flags.writeable:
            value[...] = used.get()
