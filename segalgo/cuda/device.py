"""The small device that launch code knows: CuPy's, or the simulated one.

Both offer the same few verbs: ``xp`` (the array module: ``empty``, ``zeros`` ... allocate), ``launch``,
``to_host``, ``synchronize``. Launch code never asks which one it has.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

SOURCES = Path(__file__).parent.parent / "_ext"
NVRTC_OPTIONS = ("--std=c++17", "--fmad=false")

_schedule: ContextVar[dict[str, Any]] = ContextVar("segalgo_simulated_schedule", default={})  # noqa: B039 (never written)
_counted: ContextVar[tuple[list[Any], tuple[int, ...]] | None] = ContextVar("segalgo_counted_launches", default=None)
_findings: ContextVar[list[str] | None] = ContextVar("segalgo_watched_findings", default=None)


def file_of(topic: str) -> str:
    """Return the path of a topic's source below ``_ext``: "layers/pooling.cu" for "layers.pooling"."""
    return topic.replace(".", "/") + ".cu"


@cache
def source(topic: str) -> str:
    """Return the text of the topic's ``.cu`` file."""
    return (SOURCES / file_of(topic)).read_text()


class SimulatedDevice:
    """Runs kernels on the processor, over NumPy arrays."""

    xp = np

    def launch(
        self,
        topic: str,
        kernel: str,
        grid: Sequence[int],
        block: Sequence[int],
        arguments: Sequence[Any],
        shared: int = 0,
    ) -> None:
        """Run one kernel, in the thread and block order that `simulated_schedule` asks for."""
        counted = _counted.get()
        if counted is not None:
            run = _counted_kernel(topic, kernel)
            run.counter.l2_bytes = counted[1]
            run(grid, block, arguments, shared, **_schedule.get())
            counted[0].append((topic, kernel, tuple(grid), tuple(block), shared, run.counter.counts))
            return
        findings = _findings.get()
        run = _simulated_kernel(topic, kernel, findings is not None)
        try:
            run(grid, block, arguments, shared, **_schedule.get())
        finally:
            if findings is not None:
                findings += [f"{kernel}: {line}" for line in run.watch.findings]

    def to_host(self, array: np.ndarray) -> np.ndarray:
        """Return the array: it is in the host's memory already."""
        return array

    def synchronize(self) -> None:
        """Do nothing: a simulated launch returns when the grid is done."""


class CuPyDevice:
    """Runs kernels on the current GPU, compiled by NVRTC at first use and kept in CuPy's cache."""

    def __init__(self) -> None:
        self.xp = import_module("cupy")

    def launch(
        self,
        topic: str,
        kernel: str,
        grid: Sequence[int],
        block: Sequence[int],
        arguments: Sequence[Any],
        shared: int = 0,
    ) -> None:
        """Queue one kernel on the current stream."""
        _cupy_kernel(topic, kernel)(tuple(grid), tuple(block), tuple(arguments), shared_mem=shared)

    def to_host(self, array: Any) -> np.ndarray:
        """Return a NumPy copy; waits for the stream."""
        return self.xp.asnumpy(array)

    def synchronize(self) -> None:
        """Wait until everything queued on the current stream is done."""
        self.xp.cuda.get_current_stream().synchronize()


Device = SimulatedDevice | CuPyDevice


def device_of(array: Any) -> Device:
    """Return the device that holds an array."""
    if isinstance(array, np.ndarray):
        return SimulatedDevice()
    current = _cupy_device().xp.cuda.Device().id
    if array.device.id != current:
        raise ValueError(
            f"array on GPU {array.device.id}, but GPU {current} is current: expected the call inside "
            f"`with cupy.cuda.Device({array.device.id})`"
        )
    return _cupy_device()


@contextmanager
def watched_kernels() -> Iterator[list[str]]:
    """Watch every access of kernels that the simulated device runs inside a ``with`` block; yield the findings."""
    findings: list[str] = []
    token = _findings.set(findings)
    try:
        yield findings
    finally:
        _findings.reset(token)


@contextmanager
def counted_kernels(l2_bytes: tuple[int, ...]) -> Iterator[list[Any]]:
    """Count what kernels of the simulated device move inside a ``with`` block, with L2 caches of these sizes.

    Yields a list that grows by one entry a launch: topic, kernel, grid, block, dynamic shared memory, counts.
    """
    counted: list[Any] = []
    token = _counted.set((counted, l2_bytes))
    try:
        yield counted
    finally:
        _counted.reset(token)


@contextmanager
def simulated_schedule(order: str = "forward", seed: int = 0, os_threads: int | None = None) -> Iterator[None]:
    """Run blocks and threads of the simulated device forward, reversed or shuffled inside a ``with`` block."""
    token = _schedule.set({"order": order, "seed": seed, "os_threads": os_threads})
    try:
        yield
    finally:
        _schedule.reset(token)


@cache
def _cupy_device() -> CuPyDevice:
    return CuPyDevice()


@cache
def _simulated_kernel(topic: str, kernel: str, watched: bool) -> Any:
    from segalgo.simulated.compiler import Kernel

    return Kernel(source(topic), file_of(topic), kernel, watched)


@cache
def _counted_kernel(topic: str, kernel: str) -> Any:
    from segalgo.simulated.compiler import Kernel

    return Kernel(source(topic), file_of(topic), kernel, profiled=True)


@cache
def _cupy_kernel(topic: str, kernel: str) -> Any:
    cupy = import_module("cupy")
    module = cupy.RawModule(code=source(topic), options=NVRTC_OPTIONS, name_expressions=[kernel])
    return module.get_function(kernel)


def blocks_for(items: int, threads: int) -> tuple[int, int, int]:
    """Return a one-dimensional grid that covers `items` with `threads` each; kernels stride over the grid beyond it."""
    return (max(1, min(-(-items // threads), 2**20)), 1, 1)


# Places below this are computed in 32 bits, also by threads that stride beyond the last of them by a whole grid.
MOST_32_BIT = 2**30


def index_type(arrays: Iterable[Any], reach: int = 0) -> Any:
    """Return int32 where the place of every element of these arrays fits, and `reach`, else int64.

    Kernels with many divisions of places have an instance for each: a card has no instructions for 64-bit ones.
    """
    return np.int32 if max(reach, *(array.size for array in arrays)) < MOST_32_BIT else np.int64


def window_reach(*axes: tuple[int, ...]) -> int:
    """Return more than any row or column that a kernel computes on its way.

    Of each axis: the sizes of the input and of the window, stride, padding, dilation, and the size of the output.
    """
    return max(size + (k + 1) * d + (out + 1) * s + 2 * p for size, k, s, p, d, out in axes)


C_NAMES = {
    "bool": "bool",
    "int8": "signed char",
    "uint8": "unsigned char",
    "int16": "short",
    "uint16": "unsigned short",
    "int32": "int",
    "uint32": "unsigned int",
    "int64": "long long",
    "uint64": "unsigned long long",
    "float32": "float",
    "float64": "double",
}


def c_name(dtype: Any) -> str:
    """Return the C++ name of a dtype, for a kernel's template argument."""
    return C_NAMES[np.dtype(dtype).name]
