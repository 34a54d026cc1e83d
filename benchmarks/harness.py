"""What every benchmark shares: peers on as many threads as ours, the floor, times in turns, and peak memory.

A benchmark is a class as asv reads it: ``param_names`` and ``params`` with a parameter ``implementation`` (``segalgo``,
the peers, ``floor``), ``setup``, which asserts once that the implementations agree, and a method ``time_...``.
"""

import itertools
import os
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

ROUNDS = 9
LEAST_SECONDS = 0.02
THREADS = int(os.environ.get("OMP_NUM_THREADS") or 2)
os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))
# A thread that waits for another sleeps, ours and the peers' alike. Waiting threads that spin take the processor from
# the very thread they wait for as soon as anything else runs on the machine, and then we would time the spinning.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@cache
def peer(name: str) -> ModuleType:
    """Return a peer's module with its threads set; asv reads NotImplementedError as "not applicable here"."""
    try:
        module = import_module(name)
    except ImportError as error:
        raise NotImplementedError(f"{name} is not installed") from error
    if name == "cv2":
        module.setNumThreads(THREADS)
    elif name == "torch":
        module.set_num_threads(THREADS)
        module.set_grad_enabled(False)
    return module


def floor(source: np.ndarray, *targets: np.ndarray, fresh: bool = False):
    """Return a call that reads `source` once and writes as many bytes as the targets have: what memory allows.

    With `fresh` the targets are allocated in the call, as they are by every function that returns new arrays: the
    system clears each page of a large one before the function may write it.
    """
    from segalgo._ext.shared._floor import read_and_write

    size = sum(array.nbytes for array in targets)
    if fresh:
        return lambda: read_and_write(source, np.empty(size, np.uint8))
    target = np.empty(size, np.uint8)
    return lambda: read_and_write(source, target)


@dataclass(frozen=True)
class Comparison:
    """One combination of parameters: median seconds and peak bytes of each implementation."""

    name: str
    seconds: dict[str, float]
    peak_bytes: dict[str, int]


def comparisons(case: type, rounds: int = ROUNDS) -> Iterator[Comparison]:
    """Measure all combinations of a benchmark's parameters; combinations that ours does not have are left out."""
    axis = case.param_names.index("implementation")
    others = [name for name in case.param_names if name != "implementation"]
    for combination in itertools.product(*(values for k, values in enumerate(case.params) if k != axis)):
        parameters = dict(zip(others, combination, strict=True))
        calls = {
            name: call
            for name in case.params[axis]
            if (call := _prepared(case, {**parameters, "implementation": name})) is not None
        }
        if "segalgo" not in calls:
            continue
        name = " ".join([case.__name__, *map(str, combination)])
        memory = {which: peak_memory(call) for which, call in calls.items()}
        yield Comparison(name, medians(calls, rounds), memory)


def medians(calls: dict[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, float]:
    """Return the median seconds of each call, all called in turns so that noise of the machine meets all."""
    repeats = {}
    for name, call in calls.items():
        call()
        start = time.perf_counter()
        call()
        repeats[name] = max(1, round(LEAST_SECONDS / max(time.perf_counter() - start, 1e-9))) if rounds > 1 else 1
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            seconds[name].append((time.perf_counter() - start) / repeats[name])
    return {name: statistics.median(values) for name, values in seconds.items()}


def peak_memory(call: Callable[[], Any]) -> int:
    """Return by how many bytes a call raises the memory in use: resident on Linux, elsewhere as Python counts it.

    Memory that the process keeps from earlier calls is not counted again, so small calls may show 0.
    """
    reset = Path("/proc/self/clear_refs")
    if reset.exists() and os.access(reset, os.W_OK):
        call()  # what is imported or cached at the first call
        reset.write_text("5")
        before = _resident("VmRSS")
        call()
        return max(_resident("VmHWM") - before, 0)
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _resident(entry: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(entry))


def _prepared(case: type, parameters: dict[str, Any]) -> Callable[[], Any] | None:
    """Return a call of the benchmark's timed method, set up; None where it does not apply here."""
    instance = case()
    values = [parameters[name] for name in case.param_names]
    try:
        instance.setup(*values)
    except NotImplementedError:
        return None
    method = next(getattr(instance, name) for name in dir(instance) if name.startswith("time_"))
    return lambda: method(*values)
