"""Verification of files, in a process of its own: CUDA source, and functions of Python files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segalgo.verify.cases.recipes import LAYOUTS
from segalgo.verify.catalogue.registry import operation_of
from segalgo.verify.kernels.cuda_source import CudaKernel
from segalgo.verify.kernels.expressions import LaunchError
from segalgo.verify.processes.isolation import CASE_SECONDS, MOST_MEMORY, MOST_SECONDS, VerificationError, isolated
from segalgo.verify.reports.report import Report
from segalgo.verify.runner import DEFAULT_CASES

KERNEL_CASES = 80


def check_kernel(
    path: str | Path,
    operation: str,
    entry: str = "",
    args: str = "",
    grid: str = "",
    block: str = "256",
    shared: str = "0",
    *,
    zeroed: Sequence[str] = (),
    steps: Sequence[Mapping[str, Any]] = (),
    scratch: Mapping[str, str] | None = None,
    include: Sequence[str | Path] = (),
    defines: Sequence[str] = (),
    most_elements: int | None = None,
    fix: Mapping[str, Any] | None = None,
    seed: int = 0,
    cases: int = KERNEL_CASES,
    dtypes: Sequence[str] | None = None,
    ndims: Sequence[int] | None = None,
    device: str = "cpu",
    case_seconds: float = CASE_SECONDS,
    seconds: float = MOST_SECONDS,
    memory: int = MOST_MEMORY,
) -> Report:
    """Judge a CUDA kernel from source, without a GPU or with one.

    On the simulated device (``device="cpu"``) every memory access is watched: besides wrong numbers and elements that
    are never written, the report names races within a block and between blocks, accesses out of bounds, uninitialised
    shared memory, barriers that part of a block skips, and misused warp operations, with kernel line, block and thread.
    Threads and blocks run forward, reversed and shuffled.

    Parameters
    ----------
    path : str or Path
        A ``.cu`` file with the kernel, as NVRTC takes it.
    operation : str
        What the kernel claims to compute: one of `operations()`.
    entry : str
        Its name; ``my_kernel<T>`` for a template on the element type.
    args : str
        Its arguments: names of arrays and sizes, and arithmetic on them, with commas between.
    grid, block : str
        One to three sizes each, in the same words.
    shared : str, default "0"
        Bytes of dynamic shared memory.
    zeroed : sequence of str, default ()
        Outputs and scratch arrays that are zero when the kernel starts.
    steps : sequence of dict, default ()
        In place of `entry`, `args` and `grid`: launches, copies, fills and repetitions, in order; see `CudaKernel`.
    scratch : dict, optional
        Further arrays by name, with dtype and size: ``{"partial": "T[rows]"}``.
    include : sequence of str, default ()
        Folders of headers, beside that of the file.
    defines : sequence of str, default ()
        Macros, ``"NAME=VALUE"``.
    most_elements : int, optional
        More elements are never handed over: index arithmetic is not tried beyond.
    fix : dict, optional
        Parameters of the operation that the kernel has built in; only cases with these values are made.
    seed, cases, dtypes, ndims
        As for `check`.
    device : {"cpu", "cuda"}, default "cpu"
        "cuda": on the GPU, through CuPy; numbers and unwritten elements alone are judged.
    case_seconds, seconds : float
        Limits of one case and of all.
    memory : int
        Bytes that the process may allocate.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If there is no such operation.
    VerificationError
        If the file is missing, does not compile, or the launch names what there is not.

    Notes
    -----
    The kernel runs in a subprocess: a wild pointer or an endless loop ends that one. See ``docs/verify.md`` for the
    names that `args` and `grid` know.
    """
    operation_of(operation)
    kernel = {
        "path": str(path),
        "operation": operation,
        "entry": entry,
        "args": args,
        "grid": grid,
        "block": block,
        "shared": shared,
        "zeroed": tuple(zeroed),
        "steps": tuple(steps),
        "scratch": dict(scratch or {}),
        "include": tuple(str(folder) for folder in include),
        "defines": tuple(defines),
        "most_elements": most_elements,
        "fix": dict(fix or {}),
        "device": device,
    }
    try:
        made = CudaKernel(**kernel)  # type: ignore[arg-type]
    except LaunchError as error:
        raise VerificationError(str(error)) from None
    if not Path(path).is_file():
        raise VerificationError(f"{path}: no such file")
    order = {
        "kernel": kernel,
        "operation": operation,
        "seed": seed,
        "cases": cases,
        "dtypes": None if dtypes is None else list(dtypes),
        "ndims": None if ndims is None else list(ndims),
        "name": made.__name__,
        "setup": made.setup(),
        "fix": dict(fix or {}),
    }
    return isolated(order, case_seconds, seconds, memory)


def check_file(
    path: str | Path,
    function: str,
    operation: str,
    *,
    seed: int = 0,
    cases: int = DEFAULT_CASES,
    dtypes: Sequence[str] | None = None,
    ndims: Sequence[int] | None = None,
    layouts: Sequence[str] = LAYOUTS,
    device: str = "cpu",
    fix: Mapping[str, Any] | None = None,
    case_seconds: float = CASE_SECONDS,
    seconds: float = MOST_SECONDS,
    memory: int = MOST_MEMORY,
) -> Report:
    """Judge a function of a Python file as `check` does, in a subprocess with limits of time and memory.

    Parameters
    ----------
    path : str or Path
    function : str
        Its name in the file.
    operation, seed, cases, dtypes, ndims, layouts, device, fix
        As for `check`.
    case_seconds, seconds, memory
        As for `check_kernel`.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If there is no such operation.
    VerificationError
        If the file or the function is missing.
    """
    operation_of(operation)
    order: dict[str, Any] = {
        "path": str(path),
        "function": function,
        "operation": operation,
        "seed": seed,
        "cases": cases,
        "dtypes": None if dtypes is None else list(dtypes),
        "ndims": None if ndims is None else list(ndims),
        "layouts": list(layouts),
        "device": device,
        "name": function,
        "setup": f"segalgo.verify.load({str(Path(path).resolve())!r}, {function!r})",
        "fix": dict(fix or {}),
    }
    return isolated(order, case_seconds, seconds, memory)


__all__ = ["VerificationError", "check_file", "check_kernel"]
