"""Launches of a user's kernel with its accesses counted: on a case of an operation, or on arrays of any sizes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segalgo.simulated.compiler import Kernel
from segalgo.simulated.translation import with_headers, without_host_code
from segalgo.verify.cases.case import Case
from segalgo.verify.cases.recipes import fits, with_fixed
from segalgo.verify.catalogue.registry import operation_of
from segalgo.verify.kernels.cuda_source import ELEMENT, CudaKernel
from segalgo.verify.kernels.entries import saying_what_there_is
from segalgo.verify.kernels.expressions import LaunchError, three_sizes, whole_number
from segalgo.verify.kernels.faults import KernelFaultError
from segalgo.verify.kernels.launch_scope import output_names, scope_of
from segalgo.verify.kernels.steps import SCRATCH, Step
from segalgo.verify.operation import Recipe
from segalgo.verify.processes.guards import aligned_empty
from segalgo.verify.profiling.cards import CARDS
from segalgo.verify.profiling.measured import LaunchProfile

MOST_SHARED = max(card.shared_of_block for card in CARDS.values())
# Sizes of the case by the rank that an operation begins with: some thousand threads, quick on the simulated device.
SHAPES = {4: (1, 16, 64, 64), 3: (16, 64, 64), 2: (256, 256), 1: (65536,)}
BOXES = (256, 4)


@dataclass
class CountedKernel(CudaKernel):
    """A kernel whose launches are counted, not judged; `counted` holds one entry a kernel of the last run."""

    most_steps: int = 0
    counted: list[LaunchProfile] = field(default_factory=list, init=False, repr=False)

    def _kernel(self, entry: str, dtype: str) -> Any:
        name = ELEMENT.sub("half" if dtype == "float16" else _c_name(dtype), entry)
        if name not in self._kernels:
            source, folders = self.source(), (str(Path(self.path).resolve().parent), *self.include)
            with saying_what_there_is(source, Path(self.path).name, name, folders):
                made = Kernel(
                    source,
                    Path(self.path).name,
                    name,
                    folders=folders,
                    defines=tuple(self.defines),
                    shared_limit=MOST_SHARED,
                    profiled=True,
                )
            made.counter.l2_bytes = tuple(card.l2_bytes for card in CARDS.values())
            made.counter.most_steps = self.most_steps
            self._kernels[name] = made
        return self._kernels[name]

    def prepared(
        self,
        launch: Step,
        scope: Mapping[str, Any],
        dtype: str,
        in_width: Callable[[Any, str], Any] | None = None,
    ) -> tuple[Any, list[Any], list[int], list[int], int]:
        """Return the launch as `CudaKernel` does; without an operation, numbers have to fit their parameters."""
        if in_width is None:
            in_width = _as_given if self.operation else _whole_for_integers
        return super().prepared(launch, scope, dtype, in_width)

    def _launch(
        self,
        kernel: Any,
        grid: list[int],
        block: list[int],
        passed: list[Any],
        shared: int,
        schedule: int,
        marks: list[np.ndarray],
    ) -> int:
        try:
            kernel(grid, block, passed, shared, os_threads=1 if self.most_steps else None)
        except TypeError as error:
            raise LaunchError(str(error)) from None
        except ValueError as error:
            raise KernelFaultError([f"invalid launch: {error}"]) from None
        except RuntimeError as error:
            raise KernelFaultError([str(error).partition(": ")[2]]) from None
        same = [one for one in self.counted if one.entry == kernel.name and one.grid == three(grid)]
        if same and not self.most_steps:
            same[0].launches += 1  # a launch that is repeated counts as often as it runs
        else:
            self.counted.append(LaunchProfile(kernel.name, three(grid), three(block), shared, kernel.counter.counts))
        return 0

    def run_on(self, scope: dict[str, Any], dtype: str) -> None:
        """Run the launches on arrays and sizes by name, without an operation."""
        self._run_steps(self._steps, scope, dtype, 0)

    def sizes_on(self, scope: Mapping[str, Any]) -> list[tuple[str, list[int], list[int], int]]:
        """Return entry, grid, block and dynamic shared memory of each launch."""
        return [
            (
                launch.entry,
                three_sizes(launch.grid, scope, "grid"),
                three_sizes(launch.block, scope, "block"),
                whole_number(launch.shared, scope, "shared"),
            )
            for launch in self._launches
        ]


def _as_given(value: Any, code: str) -> Any:
    return value


def _whole_for_integers(value: Any, code: str) -> Any:
    if isinstance(value, float) and code[0] in "iu" and value % 1 != 0:
        raise LaunchError(f"args: {value} is no whole number, the kernel takes an integer there")
    return value


def _c_name(dtype: str) -> str:
    from segalgo.cuda.device import C_NAMES

    return C_NAMES[dtype]


def three(sizes: Sequence[int]) -> tuple[int, int, int]:
    """Return a grid or block with all three sides."""
    x, y, z = (*sizes, 1, 1)[:3]
    return int(x), int(y), int(z)


def device_source(kernel: CudaKernel) -> str:
    """Return the text that NVIDIA's compiler reads at run time: headers of the user put in, host code left out."""
    path = Path(kernel.path)
    folders = (path.resolve().parent, *kernel.include)
    text = without_host_code(with_headers(kernel.source(), path.name, folders))
    # Host headers that NVRTC has not.
    return "\n".join("" if _is_of_the_host(line) else line for line in text.splitlines())


def _is_of_the_host(line: str) -> bool:
    words = ("torch/", "ATen/", "c10/", "cuda_runtime.h", "vector>", "iostream>", "cstdio>", "stdio.h>", "pybind11/")
    return line.lstrip().startswith("#") and "include" in line and any(word in line for word in words)


def case_for(operation: str, shape: Sequence[int] | None, dtype: str | None, fix: Mapping[str, Any], seed: int) -> Case:
    """Return a case of an operation of this shape and dtype, with random values and fixed parameters."""
    known = operation_of(operation)
    first = known.shapes[0]
    shape = tuple(shape) if shape else (BOXES if "boxes" in known.signature.parameters else SHAPES[len(first)])
    dtype = dtype or known.dtypes[0]
    if dtype not in known.dtypes:
        raise ValueError(f"dtype={dtype!r}: expected one of {', '.join(known.dtypes)}")
    unknown = set(fix) - set(known.choices) - set(known.signature.parameters)
    if unknown:
        raise ValueError(f"fix={', '.join(sorted(unknown))}: expected parameters of {operation}")
    usual = {name: choices[0] for name, choices in known.choices.items()}
    recipe = Recipe(operation, 0, seed, shape, dtype, "random", "C", usual)
    fixed = with_fixed(known, recipe, fix) if fix else recipe
    if fixed is None or not fits(known, fixed):
        raise ValueError(f"{recipe.describe()}: these do not go together with {operation}")
    return Case(fixed)


def scope_for(case: Case) -> dict[str, Any]:
    """Return the names that a launch may use for a case, with empty outputs."""
    outputs = {
        name: np.empty(like.shape, like.dtype) for name, like in zip(output_names(case), case.shaped, strict=True)
    }
    return scope_of(case, outputs, case.arguments)


def arrays_for(arrays: Mapping[str, str], sizes: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return sizes, and arrays of random numbers from descriptions such as ``"float32[n]"``."""
    scope: dict[str, Any] = dict(sizes)
    rng = np.random.default_rng(seed)
    for name, text in arrays.items():
        match = SCRATCH.fullmatch(text)
        if match is None:
            raise LaunchError(f"array {name}={text!r}: expected a dtype and a size, as in 'float32[n]'")
        try:
            dtype = np.dtype(match[1])
        except TypeError:
            raise LaunchError(f"array {name}={text!r}: {match[1]!r} is no dtype") from None
        count = whole_number(match[2], scope, f"array {name}, size")
        if count < 1:
            raise LaunchError(f"array {name}={text!r}: {count} elements, expected at least 1")
        scope[name] = aligned_empty(count, dtype)
        scope[name][...] = (rng.random(count) * 97).astype(dtype)
    scope["n"] = scope.get("n", max((a.size for a in scope.values() if isinstance(a, np.ndarray)), default=0))
    return scope
