"""Profiles of files, in a process of their own, and of the library's own kernels."""

import pickle
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segalgo import use_backend
from segalgo.verify.catalogue.registry import operation_of
from segalgo.verify.doors import check_kernel
from segalgo.verify.kernels.expressions import LaunchError
from segalgo.verify.processes.isolation import VerificationError
from segalgo.verify.profiling.cards import CARDS, beyond_limits, card_of
from segalgo.verify.profiling.compiled import CompilerError, compiled, missing_tools
from segalgo.verify.profiling.floors import floor_of
from segalgo.verify.profiling.launching import CountedKernel, arrays_for, case_for, scope_for, three
from segalgo.verify.profiling.measured import LaunchProfile
from segalgo.verify.profiling.profile import Profile
from segalgo.verify.reports.report import Report

# What the C library says when it finds its own memory overwritten.
OVERWRITTEN = re.compile(r"corrupt|(?:malloc|realloc|free)\(\)|invalid pointer")
VERIFIED_CASES = 24
MOST_BLOCKS = (2**31 - 1, 65535, 65535)


def profile(
    path: str | Path,
    operation: str = "",
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
    fix: Mapping[str, Any] | None = None,
    arrays: Mapping[str, str] | None = None,
    sizes: Mapping[str, float] | None = None,
    shape: Sequence[int] | None = None,
    dtype: str | None = None,
    card: str = "A100",
    anyway: bool = False,
    report: Report | None = None,
    record: str | Path | None = None,
    seed: int = 0,
    seconds: float = 300.0,
) -> Profile:
    """Count what a CUDA kernel moves and where it waits, without a GPU.

    The kernel is verified first, then launched once on the simulated device with every access counted as a card would
    serve it, and compiled for three architectures where NVIDIA's compiler is installed.

    Parameters
    ----------
    path : str or Path
        A ``.cu`` file.
    operation : str, default ""
        What the kernel computes: one of `operations()`. Empty: it is launched on `arrays`, and not verified.
    entry, args, grid, block, shared, zeroed, steps, scratch, include, defines, fix
        As for `check_kernel`.
    arrays : dict, optional
        Without an operation: arrays of random numbers by name, ``{"x": "float32[n]"}``.
    sizes : dict, optional
        Without an operation: numbers by name, for `arrays`, `args` and `grid`.
    shape : sequence of int, optional
        Of the operation's first array; by default some tens of thousands of elements.
    dtype : str, optional
        Of that array; by default the first that the operation has.
    card : {"T4", "A100", "H100"}, default "A100"
        The card that the advice is for; times are given for all.
    anyway : bool, default False
        Profile a kernel that fails verification, too.
    report : Report, optional
        A verification of the same kernel that was done already.
    record : str or Path, optional
        Write the launch access by access to this file, as JSON; for small launches.
    seed : int, default 0
        Makes the numbers.
    seconds : float, default 300
        Limit of the launch and of its compilation.

    Returns
    -------
    Profile

    Raises
    ------
    ValueError
        If there is no such operation, card or dtype, or the shape does not go together with the rest.
    VerificationError
        If the file is missing, does not compile, fails verification, exceeds a limit of the card, or the launch names
        what there is not.

    Notes
    -----
    See ``docs/profile.md`` for what the figures mean and how they are counted.
    """
    card = card_of(card).name
    words = {
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
        "fix": dict(fix or {}),
    }
    if operation:
        operation_of(operation)
    if not Path(path).is_file():
        raise VerificationError(f"{path}: no such file")
    order = {"kernel": words, "shape": shape, "dtype": dtype, "card": card, "seed": seed, "steps": record is not None}
    order |= {"arrays": dict(arrays or {}), "sizes": dict(sizes or {})}
    order["architectures"] = [one.architecture for one in CARDS.values()]
    _refuse_beyond_limits(order)
    verified = "not verified: no operation given"
    if operation:
        if report is None:
            same = {name: value for name, value in words.items() if name not in ("path", "operation")}
            report = check_kernel(path, operation, **same, cases=VERIFIED_CASES, seed=seed)  # type: ignore[arg-type]
        verified = f"verified: {report.verdict} ({report.coverage})"
        if not report.passed and not anyway:
            raise VerificationError(
                f"{path}: fails verification as {operation} ({report.headline or report.verdict}); "
                "expected a kernel that passes, or anyway"
            )
    made, text = _isolated(order, seconds)
    made.verified = verified
    if record is not None:
        from segalgo._core.writing import replacing

        with replacing(Path(record)) as beside:
            beside.write_text(text, encoding="utf-8")
    return made


def _refuse_beyond_limits(order: dict[str, Any]) -> None:
    """Raise where a launch exceeds a limit of the card that shows before it runs."""
    card = CARDS[order["card"]]
    try:
        kernel = CountedKernel(**order["kernel"])
        if kernel.operation:
            scope = scope_for(case_for(kernel.operation, order["shape"], order["dtype"], kernel.fix, order["seed"]))
        else:
            scope = arrays_for(order["arrays"], order["sizes"], order["seed"])
        for entry, grid, block, shared in kernel.sizes_on(scope):
            words = beyond_limits(card, _product(block), shared)
            for side, blocks, most in zip("xyz", three(grid), MOST_BLOCKS, strict=True):
                if blocks > most:
                    words = words or f"{blocks} blocks in {side} of the grid: {card.name} takes at most {most}"
            if words:
                raise VerificationError(f"{entry}: {words}")
    except LaunchError as error:
        raise VerificationError(str(error)) from None


def _product(sizes: Sequence[int]) -> int:
    x, y, z = three(sizes)
    return x * y * z


def _isolated(order: dict[str, Any], seconds: float) -> tuple[Profile, str]:
    """Run the worker in a subprocess: a wild pointer or an endless loop ends that one."""
    with tempfile.TemporaryDirectory(prefix="segalgo-") as folder:
        asked, answer = Path(folder) / "order.pickle", Path(folder) / "answer.pickle"
        asked.write_bytes(pickle.dumps(order))
        command = [sys.executable, "-m", "segalgo.verify.profiling.worker", str(asked), str(answer)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise VerificationError(
                f"not done after {seconds:g} s: expected a smaller launch or more seconds"
            ) from None
        if not answer.exists():
            raise VerificationError(_why_it_died(done.returncode, done.stderr))
        result = pickle.loads(answer.read_bytes())  # written by our own subprocess
    if isinstance(result, str):
        raise VerificationError(result)
    return result


def _why_it_died(code: int, said: str) -> str:
    """Return what ended the process: the system, or the allocator that finds its own memory overwritten."""
    by_allocator = code == -signal.SIGABRT and OVERWRITTEN.search(said)
    if code in (-signal.SIGSEGV, -getattr(signal, "SIGBUS", signal.SIGSEGV)) or by_allocator:
        return "the kernel accessed memory outside of its arrays; `segalgo verify` names the line"
    return f"the process that profiled it died with code {code}"


def profile_own(
    operation: str,
    shape: Sequence[int] | None = None,
    dtype: str | None = None,
    *,
    card: str = "A100",
    fix: Mapping[str, Any] | None = None,
    architectures: Sequence[str] | None = None,
    seed: int = 0,
) -> Profile:
    """Profile the library's own CUDA kernels of an operation, without a GPU.

    Parameters
    ----------
    operation : str
        One of `operations()`.
    shape : sequence of int, optional
        Of the first array; by default some tens of thousands of elements.
    dtype : str, optional
        Of that array; by default the first that the operation has.
    card : {"T4", "A100", "H100"}, default "A100"
        The card that the advice is for.
    fix : dict, optional
        Parameters of the operation, and arguments of the library's function that are no parameter of a case, such as
        ``algorithm`` of `conv2d`.
    architectures : sequence of str, optional
        What to compile for: by default ``("sm_75", "sm_80", "sm_90")``; none for counts alone.
    seed : int, default 0
        Makes the numbers.

    Returns
    -------
    Profile

    Raises
    ------
    ValueError
        If there is no such operation, card or dtype, or the shape does not go together with the rest.

    Examples
    --------
    >>> from segalgo import verify
    >>> profile = verify.profile_own("relu", (64, 64), architectures=())  # doctest: +SKIP
    >>> profile.efficiency  # doctest: +SKIP
    1.0
    """
    from segalgo.cuda.device import counted_kernels, source

    card = card_of(card).name
    fix = dict(fix or {})
    known = operation_of(operation)
    own = {
        name: fix.pop(name) for name in list(fix) if name in known.signature.parameters and name not in known.choices
    }
    case = case_for(operation, shape, dtype, fix, seed)
    with use_backend("simulated"), counted_kernels(tuple(one.l2_bytes for one in CARDS.values())) as counted:
        known.door(**{**case.arguments, **own})
    launches: dict[Any, LaunchProfile] = {}
    topics: dict[str, str] = {}
    for topic, name, grid, block, shared, counts in counted:
        key = (name, three(grid), three(block), counts.thread_accesses)
        if key in launches:
            launches[key].launches += 1
        else:
            launches[key] = LaunchProfile(name, three(grid), three(block), shared, counts)
        topics[name] = topic
    wanted = [one.architecture for one in CARDS.values()] if architectures is None else list(architectures)
    remarks = _compile_own(list(launches.values()), topics, wanted)
    text = "".join(f", {name}={value!r}" for name, value in own.items())
    return Profile(
        name=f"segalgo.{operation}",
        operation=operation,
        case=case.recipe.describe() + text,
        floor=floor_of(case, case.shaped),
        launches=list(launches.values()),
        card=card,
        file_name=", ".join(dict.fromkeys(topics.values())),
        source=source(next(iter(topics.values()))) if len(set(topics.values())) == 1 else "",
        remarks=remarks,
    )


def _compile_own(launches: list[LaunchProfile], topics: Mapping[str, str], architectures: Sequence[str]) -> list[str]:
    from segalgo.cuda.device import source

    if architectures and (lacking := missing_tools()):
        return [f"registers and instructions were not read; {lacking}"]
    remarks = []
    for launch in launches:
        for name in architectures:
            try:
                launch.compiled[name] = compiled(source(topics[launch.entry]), launch.entry, name)
            except CompilerError as error:
                remarks.append(f"{launch.entry}: {error}")
    return remarks
