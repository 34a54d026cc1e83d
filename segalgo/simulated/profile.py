"""The Python side of profiled kernels: what a launch did, counted as a card would do it, by source line and array."""

import ctypes
import re
import shutil
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

SECTOR = 32
# Of Kind in simulated_counter.h.
KINDS = {1: "load", 2: "store", 3: "atomic"}
# counter::StepRecord of simulated_counter.h, field by field.
STEP = np.dtype(
    {
        "names": ["request", "block", "thread", "pc", "barrier", "region", "offset", "value", "kind", "bytes"],
        "formats": ["u4", "u4", "u4", "u4", "u4", "i4", "u8", "u8", "u1", "u1"],
        "offsets": [0, 4, 8, 12, 16, 20, 24, 32, 40, 41],
        "itemsize": 48,
    }
)
FIRST_SHARED = 1000


@dataclass(frozen=True)
class AccessCount:
    """What one source line did with one array, over all warps.

    `requests` are instructions of a warp, `lanes` its threads that took part. Of global memory: `sectors` of 32 bytes
    that were moved, `least_sectors` that the distinct bytes would fill, of loads `l1_sectors` and how many of these
    `l1_hits` the modelled L1 had. Of shared memory: `passes`, those it would take without bank conflicts
    (`least_passes`), and `most_passes` of one group of lanes. Of atomics: `passes` of lanes that met at one address.
    """

    line: int
    array: str
    memory: str
    kind: str
    requests: int = 0
    lanes: int = 0
    bytes: int = 0
    distinct_bytes: int = 0
    sectors: int = 0
    least_sectors: int = 0
    passes: int = 0
    least_passes: int = 0
    most_passes: int = 0
    l1_sectors: int = 0
    l1_hits: int = 0

    @property
    def efficiency(self) -> float:
        """The sectors that the distinct bytes would fill, over those that were moved: 1 is best."""
        return self.least_sectors / self.sectors if self.sectors else 1.0

    @property
    def sectors_per_request(self) -> float:
        """Sectors of 32 bytes a request."""
        return self.sectors / self.requests if self.requests else 0.0

    @property
    def conflicts(self) -> int:
        """Passes beyond those that the request takes without bank conflicts, or without meeting at one address."""
        return self.passes - self.least_passes

    @property
    def l1_hit_rate(self) -> float:
        """The part of the sectors loaded that the modelled L1 had."""
        return self.l1_hits / self.l1_sectors if self.l1_sectors else 0.0


NUMBERS = [one.name for one in fields(AccessCount)][4:]


@dataclass(frozen=True)
class BranchCount:
    """Conditions of one line: how often warps came to them, with how many threads, and how often these parted."""

    line: int
    executed: int
    lanes: int
    divergent: int


@dataclass(frozen=True)
class CacheCount:
    """One array in the modelled L2: sectors loaded that were there, those that were not, and sectors written."""

    array: str
    hits: int
    misses: int
    written: int


@dataclass
class LaunchCounts:
    """Everything counted of one launch.

    `accesses` by line, array and kind; `branches` by line; `active` by line: basic blocks that warps executed and their
    threads; `barriers` by line, how many blocks passed it; `warp_operations` by line, how many, and their threads;
    `caches` for each modelled size of L2, `written_back` the sectors that it wrote to memory.
    """

    accesses: list[AccessCount] = field(default_factory=list)
    branches: list[BranchCount] = field(default_factory=list)
    active: dict[int, tuple[int, int]] = field(default_factory=dict)
    barriers: dict[int, int] = field(default_factory=dict)
    warp_operations: dict[int, tuple[int, int]] = field(default_factory=dict)
    busiest: dict[str, int] = field(default_factory=dict)
    shared_bytes: dict[str, int] = field(default_factory=dict)
    array_bytes: dict[str, int] = field(default_factory=dict)
    caches: list[list[CacheCount]] = field(default_factory=list)
    written_back: list[int] = field(default_factory=list)
    blocks: int = 0
    steps: np.ndarray | None = None
    step_names: dict[int, tuple[str, int]] = field(default_factory=dict)
    step_lines: dict[int, int] = field(default_factory=dict)

    def of(self, memory: str = "", kind: str = "", array: str = "", line: int = 0) -> list[AccessCount]:
        """Return the accesses of a memory, kind, array or line."""
        return [
            one
            for one in self.accesses
            if memory in ("", one.memory)
            and kind in ("", one.kind)
            and array in ("", one.array)
            and line in (0, one.line)
        ]

    def total(self, name: str, memory: str = "", kind: str = "", array: str = "", line: int = 0) -> int:
        """Return the sum of one number over accesses."""
        return sum(getattr(one, name) for one in self.of(memory, kind, array, line))

    @property
    def thread_accesses(self) -> int:
        """Loads, stores and atomics of threads, in all."""
        return self.total("lanes")

    @property
    def efficiency(self) -> float:
        """Of all requests to global memory: least sectors over sectors."""
        moved = self.total("sectors", "global")
        return self.total("least_sectors", "global") / moved if moved else 1.0

    @property
    def most_passes(self) -> int:
        """The worst bank conflict: passes of one group of lanes; 1 without any."""
        found = [one.most_passes for one in self.of("shared") if one.kind != "atomic"]
        return max(found, default=1)

    @property
    def active_lanes(self) -> float:
        """The mean part of a warp's 32 lanes that execute a basic block."""
        executed = sum(one for one, _ in self.active.values())
        return sum(lanes for _, lanes in self.active.values()) / (32 * executed) if executed else 1.0

    def memory_bytes(self, cache: int = 0) -> int:
        """Return the bytes between the modelled L2 of that number and memory."""
        if not self.caches:
            return SECTOR * self.total("sectors", "global")
        return SECTOR * (sum(one.misses for one in self.caches[cache]) + self.written_back[cache])

    def l2_bytes(self) -> int:
        """Return the bytes between L1 and L2."""
        return SECTOR * (self.total("sectors", "global") - self.total("l1_hits", "global"))


class Counter:
    """Over one compiled kernel; one launch at a time, since its hooks keep one account."""

    def __init__(self, library: Any, path: Path, file_name: str, names: Sequence[str]) -> None:
        library.segalgo_profile_result.restype = ctypes.c_char_p
        library.segalgo_profile_shared_names.restype = ctypes.c_char_p
        library.segalgo_profile_steps.restype = ctypes.c_uint64
        self._library, self._path, self._file_name, self._names = library, path, file_name, names
        self._lock = threading.Lock()
        self._lines: dict[int, int] = {}
        self.l2_bytes: tuple[int, ...] = (40 * 2**20,)
        self.most_steps = 0
        self.counts = LaunchCounts()

    @contextmanager
    def over(self, arguments: Sequence[Any]) -> Iterator[None]:
        """Count one launch; afterwards `counts` holds what it did."""
        with self._lock:
            arrays = [(k, a) for k, a in enumerate(arguments) if isinstance(a, np.ndarray) and a.dtype != np.void]
            names = [self._names[k] if k < len(self._names) else f"argument {k}" for k, _ in arrays]
            self._begin(names, [array for _, array in arrays])
            yield
            self.counts = self._read(self._library.segalgo_profile_result().decode(errors="replace"))
            self.counts.array_bytes = {name: a.nbytes for name, (_, a) in zip(names, arrays, strict=True)}
            if self.most_steps:
                self._take_steps(names, [array for _, array in arrays])

    def _begin(self, names: Sequence[str], arrays: Sequence[np.ndarray]) -> None:
        count = max(len(arrays), 1)
        caches = len(self.l2_bytes)
        self._library.segalgo_profile_begin(
            len(arrays),
            (ctypes.c_char_p * count)(*(name.encode() for name in names)),
            (ctypes.c_void_p * count)(*(array.ctypes.data for array in arrays)),
            (ctypes.c_uint64 * count)(*(array.nbytes for array in arrays)),
            (ctypes.c_uint64 * count)(*(array.itemsize for array in arrays)),
            caches,
            (ctypes.c_uint64 * caches)(*self.l2_bytes),
            int(self.most_steps > 0),
            ctypes.c_uint64(self.most_steps),
        )

    def _read(self, text: str) -> LaunchCounts:
        """Return the account that simulated_profile_hooks.h writes, with lines in the place of code offsets."""
        records = [line.split("\t") for line in text.splitlines()]
        places = [int(words[1]) for words in records if words[0] in ("access", "branch", "block")]
        self.look_up(places)
        counts = LaunchCounts()
        accesses: dict[tuple[int, str, str, str], list[int]] = {}
        branches: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
        active: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for what, *words in records:
            if what == "access":
                key = (self._lines[int(words[0])], words[1], words[2], KINDS[int(words[3])])
                _add(accesses, key, [int(word) for word in words[4:]])
                continue
            if what in ("busiest", "shared"):
                (counts.busiest if what == "busiest" else counts.shared_bytes)[words[0]] = int(words[1])
                continue
            if what == "l2":
                k, hits, misses, written = map(int, words[1:])
                counts.caches += [[] for _ in range(k + 1 - len(counts.caches))]
                counts.caches[k].append(CacheCount(words[0], hits, misses, written))
                continue
            first, *rest = map(int, words)
            if what in ("branch", "block"):
                to = (branches if what == "branch" else active)[self._lines[first]]
                to[:] = [a + b for a, b in zip(to, rest, strict=True)]
            elif what == "barrier":
                counts.barriers[first] = rest[0]
            elif what == "warp":
                counts.warp_operations[first] = (rest[0], rest[1])
            elif what == "written back":
                counts.written_back.append(rest[0])
            elif what == "ran":
                counts.blocks = first
        counts.accesses = sorted(
            (AccessCount(*key, *numbers) for key, numbers in accesses.items()),
            key=lambda one: (one.line, one.memory, one.array, one.kind),
        )
        counts.branches = [BranchCount(line, *numbers) for line, numbers in sorted(branches.items()) if line]
        counts.active = {line: (numbers[0], numbers[1]) for line, numbers in sorted(active.items()) if line}
        return counts

    def _take_steps(self, names: Sequence[str], arrays: Sequence[np.ndarray]) -> None:
        """Keep the accesses one by one, with the names and item sizes of what they met."""
        at = ctypes.c_void_p()
        number = int(self._library.segalgo_profile_steps(ctypes.byref(at)))
        raw = ctypes.string_at(at, number * STEP.itemsize) if number else b""
        self.counts.steps = np.frombuffer(raw, STEP)
        self.look_up(int(pc) for pc in np.unique(self.counts.steps["pc"]))
        self.counts.step_lines = dict(self._lines)
        shared = self._library.segalgo_profile_shared_names().decode(errors="replace").splitlines()
        self.counts.step_names = {k: (name, arrays[k].itemsize) for k, name in enumerate(names)}
        self.counts.step_names[len(names)] = ("module variables", 4)
        for k, text in enumerate(shared):
            name, _, item = text.rpartition(" ")
            self.counts.step_names[FIRST_SHARED + k] = (name, int(item))

    def look_up(self, places: Iterable[int]) -> None:
        """Ask addr2line for the lines of code offsets; 0 stands for what it does not know."""
        unknown = sorted(set(places) - set(self._lines))
        self._lines |= dict.fromkeys(unknown, 0)
        tool = shutil.which("addr2line") or shutil.which("llvm-addr2line")
        if tool is None or not unknown:
            return
        command = [tool, "-a", "-i", "-e", str(self._path)]
        answer = subprocess.run(
            command, input="".join(f"0x{one:x}\n" for one in unknown), capture_output=True, text=True, check=False
        ).stdout
        current = 0
        for line in answer.splitlines():
            if line.startswith("0x"):
                current = int(line, 16)
                continue
            # The innermost frame in the kernel's own file: what it calls may be inlined into it.
            place = re.search(rf"{re.escape(self._file_name)}:(\d+)", line)
            if place and not self._lines[current]:
                self._lines[current] = int(place[1])


def _add(sums: dict[Any, list[int]], key: Any, numbers: list[int]) -> None:
    """Add the numbers of one place of the code to those of its line; of `most_passes` the largest stays."""
    known = sums.setdefault(key, [0] * len(numbers))
    for k, name in enumerate(NUMBERS):
        known[k] = max(known[k], numbers[k]) if name == "most_passes" else known[k] + numbers[k]
