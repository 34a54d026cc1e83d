"""The subprocess of a profile: reads what to run, leaves the profile, or a text that says what is wrong, in a file."""

import pickle
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from segalgo.verify.kernels.expressions import LaunchError
from segalgo.verify.kernels.faults import KernelFaultError
from segalgo.verify.profiling.cards import CARDS
from segalgo.verify.profiling.compiled import CompilerError, compiled, missing_tools
from segalgo.verify.profiling.floors import Floor, floor_of
from segalgo.verify.profiling.launching import CountedKernel, arrays_for, case_for, device_source
from segalgo.verify.profiling.measured import LaunchProfile
from segalgo.verify.profiling.profile import Profile
from segalgo.verify.profiling.steps import MOST_STEPS, TooManyStepsError, steps_of

DEVICE_ERRORS = (OSError, RuntimeError, ValueError, TypeError, KeyError, MemoryError)


def work(order: dict[str, Any]) -> Any:
    """Profile what the order names; return the profile and its steps, or a text that says what is wrong."""
    started = time.perf_counter()
    try:
        kernel = CountedKernel(**order["kernel"], most_steps=MOST_STEPS if order["steps"] else 0)
        if order["kernel"]["operation"]:
            case = case_for(kernel.operation, order["shape"], order["dtype"], kernel.fix, order["seed"])
            missing = kernel.missing(case)
            if missing:
                return f"the launch does not take {', '.join(sorted(missing))}: expected it, or --fix"
            outputs = kernel.run(case)
            floor, text = floor_of(case, list(outputs.values())), case.recipe.describe()
            scope = {**case.arguments}
        else:
            scope = arrays_for(order["arrays"], order["sizes"], order["seed"])
            dtype = order["dtype"] or next(
                (str(a.dtype) for a in scope.values() if isinstance(a, np.ndarray)), "float32"
            )
            kernel.run_on(scope, dtype)
            floor, text = _floor_of_launches(kernel.counted, dtype), _described(scope)
    except KernelFaultError as error:
        return f"the kernel fails on the simulated device: {error}"
    except DEVICE_ERRORS as error:
        return (
            f"{error}"
            if isinstance(error, LaunchError | RuntimeError | ValueError)
            else f"{type(error).__name__}: {error}"
        )
    if not kernel.counted:
        return "no launch: expected a grid that is not empty"
    remarks = _compile(kernel, order["architectures"])
    profile = Profile(
        name=kernel.__name__,
        operation=kernel.operation,
        case=text,
        floor=floor,
        launches=kernel.counted,
        card=order["card"],
        file_name=Path(kernel.path).name,
        source=kernel.source(),
        remarks=remarks,
        seconds=time.perf_counter() - started,
    )
    if beyond := next((words for one in profile.launches if (words := one.beyond(CARDS[profile.card]))), ""):
        return beyond
    if not order["steps"]:
        return profile, ""
    try:
        return profile, steps_of(profile, _dtypes(kernel, scope))
    except TooManyStepsError as error:
        return str(error)


def _compile(kernel: CountedKernel, architectures: list[str]) -> list[str]:
    """Add what the compiler makes of each launch; return remarks on what it could not."""
    if lacking := missing_tools():
        return [f"registers and instructions were not read; {lacking}"]
    remarks: list[str] = []
    source = device_source(kernel)
    for launch in kernel.counted:
        for name in architectures:
            try:
                launch.compiled[name] = compiled(source, launch.entry, name, kernel.include, tuple(kernel.defines))
            except CompilerError as error:
                remarks.append(f"registers and instructions were not read: {error}")
                break
    return remarks


def _floor_of_launches(launches: list[LaunchProfile], dtype: str) -> Floor:
    """Return the bytes of each array that is read, and of each that is written, once a launch.

    Of an array that is touched in part, no more than what is asked of it counts.
    """
    used = 0
    for launch in launches:
        for kinds in (("load",), ("store", "atomic")):
            for name, size in launch.counts.array_bytes.items():
                asked = sum(launch.counts.total("distinct_bytes", "global", kind, name) for kind in kinds)
                used += min(asked, size) * launch.launches
    return Floor(int(used), 0, dtype)


def _described(scope: dict[str, Any]) -> str:
    return ", ".join(
        f"{name}: {value.dtype}[{value.size}]" if isinstance(value, np.ndarray) else f"{name} = {value}"
        for name, value in scope.items()
    )


def _dtypes(kernel: CountedKernel, scope: dict[str, Any]) -> dict[str, dict[str, np.dtype]]:
    """Return the dtypes of a kernel's pointers by the names of its parameters."""
    from segalgo.simulated.compiler import parameter_names

    found: dict[str, dict[str, np.dtype]] = {}
    for launch in kernel.counted:
        names = parameter_names(kernel.source(), launch.entry)
        signature = kernel._kernels[launch.entry].signature
        found[launch.entry] = {
            name: np.dtype(code[1:].replace("b1", "?"))
            for name, code in zip(names, signature, strict=False)
            if code[0] in "pc" and code[1] != "x"
        }
        # Shared variables mostly hold what the first array does.
        first = next(iter(found[launch.entry].values()), None)
        if first is not None:
            for _, (name, item) in launch.counts.step_names.items():
                if item == first.itemsize:
                    found[launch.entry].setdefault(name, first)
    return found


if __name__ == "__main__":
    try:
        result = work(pickle.loads(Path(sys.argv[1]).read_bytes()))
    except Exception as error:  # a fault of the profile itself: never a verdict on the kernel
        result = f"the profile failed: {type(error).__name__}: {error}"
    Path(sys.argv[2]).write_bytes(pickle.dumps(result))
