"""Index arithmetic at sizes that no memory holds: a kernel runs some of its blocks over arrays of a claimed size.

The arrays are reserved addresses: a page of them takes memory when a thread touches it, and around each lies a gap in
which every access is seen before it happens. An index that a multiple of 2^32 brings back has overflowed.
"""

import ctypes
import mmap
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from segalgo.verify.cases.case import Case
from segalgo.verify.cases.recipes import fits
from segalgo.verify.comparison import Mismatch
from segalgo.verify.kernels.expressions import LaunchError, TooLargeError, values
from segalgo.verify.kernels.launch_scope import output_names, scope_of
from segalgo.verify.kernels.steps import Step

KIND = "int32 index overflow"
# A third of what an int holds, so that a loop may add its stride; more than an int holds; more than an unsigned.
CLAIMS = (5 * 2**27, 2**31 + 2**20 + 77, 2**32 + 2**20 + 77)
WORDS = {CLAIMS[0]: "671 million", CLAIMS[1]: "2^31", CLAIMS[2]: "2^32"}
GAP = 2**36
MOST_ACCESSES = 40_000
# Of x86-64 and 64-bit ARM alike.
MAP_NORESERVE, PROT_NONE = 0x4000, 0
FOUND = re.compile(r"(?:reads|writes) (?:shared )?(\S+)\[(-?\d+)\] at (.+), it has (\d+) elements")
RACE = re.compile(r"race: (\S+)\[\d+\] is written by .* at (.+) and written by .* at (.+), and nothing orders blocks")


class Reserved:
    """Arrays of addresses without memory, given back together."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.mmap.restype = ctypes.c_void_p
        self._libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long)
        self._libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        self._libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
        self._taken: list[tuple[int, int]] = []

    def array(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Return an array of zeros with a gap before and behind it."""
        dtype = np.dtype(dtype)
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        room = 2 * GAP + -(-max(size, 1) // mmap.PAGESIZE) * mmap.PAGESIZE
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
        base = self._libc.mmap(None, room, PROT_NONE, flags, -1, 0)
        if base in (None, ctypes.c_void_p(-1).value):
            raise OSError(ctypes.get_errno(), "no addresses to reserve")
        self._taken.append((base, room))
        if self._libc.mprotect(base + GAP, room - 2 * GAP, mmap.PROT_READ | mmap.PROT_WRITE):
            raise OSError(ctypes.get_errno(), "no memory behind reserved addresses")
        held = (ctypes.c_char * max(size, 1)).from_address(base + GAP)
        return np.ndarray(shape, dtype, buffer=held)

    def release(self) -> None:
        """Give all addresses back; their arrays must not be used any more."""
        for base, room in self._taken:
            self._libc.munmap(base, room)
        self._taken.clear()


@contextmanager
def reserved() -> Iterator[Reserved]:
    """Reserve arrays inside a ``with`` block, beyond the limit of addresses that the process was given."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    room = Reserved()
    try:
        yield room
    finally:
        room.release()
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@dataclass(frozen=True)
class ClaimedCase:
    """A case whose first array has another length along its first axis than it holds: what a launch asks of a case."""

    case: Case
    arguments: Mapping[str, Any]
    shaped: list[np.ndarray]

    @property
    def recipe(self) -> Any:
        """That of the small case."""
        return self.case.recipe

    @property
    def operation(self) -> Any:
        """That of the small case."""
        return self.case.operation


def claimed_case(case: Case, elements: int, room: Reserved) -> ClaimedCase | None:
    """Return a case with so many elements or a few more, grown along the first axis; None where that axis is fixed."""
    shape = case.recipe.shape
    if not shape or 0 in shape:
        return None
    longer = case.recipe.changed(shape=(shape[0] + 1, *shape[1:]))
    if not fits(case.operation, longer):
        return None
    other = Case(longer)
    length = -(-elements // int(np.prod(shape[1:], dtype=int)))

    def grown(one: Any, two: Any) -> Any:
        if not isinstance(one, np.ndarray) or not isinstance(two, np.ndarray):
            return one
        if one.ndim != two.ndim or any(b not in (a, a + 1) for a, b in zip(one.shape, two.shape, strict=True)):
            raise LaunchError("the sizes of its arrays do not follow the first axis")
        sizes = tuple(length if b > a else a for a, b in zip(one.shape, two.shape, strict=True))
        return one if sizes == one.shape else room.array(sizes, one.dtype)

    arguments = {name: grown(value, other.arguments[name]) for name, value in case.arguments.items()}
    if len(case.shaped) != len(other.shaped):
        return None
    return ClaimedCase(case, arguments, [grown(a, b) for a, b in zip(case.shaped, other.shaped, strict=True)])


def chosen_blocks(grid: list[int], threads: int) -> list[int]:
    """Return the numbers of some blocks: the first and last ones, some between, and where 32 bits end."""
    count = int(np.prod([*grid, 1], dtype=object))
    places = {count * k // 12 for k in range(13)} | {1, count - 1, count - 2}
    for bits in (29, 30, 31, 32):
        places |= {2**bits // threads + step for step in (-1, 0, 1, 2)}
    return sorted(place for place in places if 0 <= place < count)


def claims_tried(kernel: Any, case: Case, most_elements: int | None) -> tuple[list[Mismatch], list[str]]:
    """Return what is wrong with a kernel's index arithmetic at large sizes, and what is worth a remark.

    Wrong: an index overflows although the arrays have but 671 million elements, or although the kernel takes a size of
    64 bits. A kernel whose sizes are all int is right for what an int holds.
    """
    if any("this_grid" in kernel.source() or step.repeat for step in kernel.all_steps):
        return [], []
    for elements in CLAIMS:
        if most_elements is not None and elements > most_elements:
            break
        try:
            with reserved() as room:
                claimed = claimed_case(case, elements, room)
                if claimed is None:
                    return [], []
                text = _overflow(kernel, claimed, room)
        except TooLargeError:
            return [], []  # a parameter does not hold such a size: none is handed over
        except (LaunchError, OSError, MemoryError) as error:
            return [], [f"index arithmetic was not tried with {WORDS[elements]} elements: {error}"]
        if text and (elements == CLAIMS[0] or _takes_64_bits(kernel, case)):
            return [Mismatch(KIND, f"with {WORDS[elements]} elements, {text}")], []
        if text:
            return [], [
                f"its sizes are int, and it is right for what an int holds: with {WORDS[elements]} elements, {text}"
            ]
    return [], []


def _overflow(kernel: Any, claimed: ClaimedCase, room: Reserved) -> str:
    """Run some blocks of each launch; return the first index that overflows, or nothing."""
    dtype = claimed.recipe.dtype
    names = output_names(claimed)  # type: ignore[arg-type]
    outputs = {}
    for k in kernel.places_of_outputs(claimed):
        own = kernel.dtype_of_output(claimed, k, names[k])
        outputs[names[k]] = room.array(claimed.shaped[k].shape, own)
    scope = scope_of(claimed, outputs, dict(claimed.arguments))  # type: ignore[arg-type]
    for name, (kind, size) in kernel.scratch_arrays.items():
        count = max(int(values(size, scope, f"scratch {name}")[0]), 0)
        scope[name] = room.array((count,), dtype if kind == "T" else kind)
    for launch in kernel.all_steps:
        if launch.entry and (text := _overflow_of_launch(kernel, launch, scope, dtype, room)):
            return text
    return ""


def _overflow_of_launch(kernel: Any, launch: Step, scope: dict[str, Any], dtype: str, room: Reserved) -> str:
    def in_width(value: Any, code: str) -> Any:
        """Return an array of the kernel's integers in place of one of other integers: none is copied."""
        if not isinstance(value, np.ndarray) or code[0] not in "pc" or code[1] == "x":
            return value
        wanted = np.dtype(code[1:].replace("b1", "?"))
        return value if value.dtype == wanted or not value.ndim else room.array(value.shape, wanted)

    compiled, passed, grid, block, shared = kernel.prepared(launch, scope, dtype, in_width)
    if min(grid) <= 0:
        return ""
    chosen = chosen_blocks(grid, int(np.prod(block)))
    try:
        compiled(grid, block, passed, shared, chosen=chosen, most_accesses=MOST_ACCESSES)
    except TypeError as error:
        raise LaunchError(str(error)) from None
    except ValueError as error:
        raise LaunchError(f"the launch does not allow it ({error})") from None
    except RuntimeError:
        pass  # told by the findings
    return next((text for line in compiled.watch.findings if (text := _explained(line))), "")


def _explained(line: str) -> str:
    """Return how 32 bits explain a finding; nothing if they do not."""
    match = FOUND.search(line)
    if match and line.startswith("out of bounds"):
        index, size = int(match[2]), int(match[4])
        # A few elements before an array are another fault; smaller steps are those of offsets in bytes.
        if index < -(2**16) and any(0 <= index + 2**bits < size for bits in range(29, 35)):
            return f"{match[1]}[{index}] at {match[3]}: 32 bits do not hold the index"
        return ""
    match = RACE.search(line)
    if match and match[2] == match[3]:
        return f"{match[1]} is written twice at {match[2]}: 32 bits do not hold the index"
    return ""


def _takes_64_bits(kernel: Any, case: Case) -> bool:
    """Return whether a launch takes a size of 64 bits: the kernel says that it may be so large."""
    launches = (step for step in kernel.all_steps if step.entry)
    return any(code in ("i8", "u8") for launch in launches for code in kernel.codes_of(launch, case.recipe.dtype))
