"""What a profile holds: launches with their counts, the floor of what they compute, and times by a roofline."""

from dataclasses import dataclass, field
from typing import Any

from segalgo.simulated.profile import SECTOR, LaunchCounts
from segalgo.verify.profiling.cards import CARDS, Card, Occupancy, beyond_limits, occupancy
from segalgo.verify.profiling.compiled import CompiledKernel
from segalgo.verify.profiling.floors import Floor

SECTORS_A_CYCLE = 4
"""That L1 of a multiprocessor hands over: 128 bytes."""
ATOMICS_A_CYCLE = 32
"""That L2 takes at different addresses; lanes at one address count one after the other."""


@dataclass
class LaunchProfile:
    """One kernel: how it was launched, what it did, and what the compiler made of it for each architecture."""

    entry: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    shared: int
    counts: LaunchCounts
    compiled: dict[str, CompiledKernel] = field(default_factory=dict)
    launches: int = 1
    """How often it was launched; the counts are those of the first time."""

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return self.block[0] * self.block[1] * self.block[2]

    @property
    def shared_bytes(self) -> int:
        """Shared memory of a block, static and dynamic."""
        static = sum(n for name, n in self.counts.shared_bytes.items() if name != "dynamic shared memory")
        return static + self.shared

    def occupancy(self, card: Card) -> Occupancy | None:
        """Return how full a multiprocessor of the card is; None where the compiler did not say the registers."""
        made = self.compiled.get(card.architecture)
        return None if made is None else occupancy(card, self.threads, made.registers, self.shared_bytes)

    def beyond(self, card: Card) -> str:
        """Return which limit of the card it exceeds, in words."""
        made = self.compiled.get(card.architecture)
        return beyond_limits(card, self.threads, self.shared_bytes, made.registers if made else 0)

    def times(self, card: Card) -> dict[str, float]:
        """Return seconds of one launch by what could limit it: memory, L1, shared memory, atomics."""
        counts, cycles = self.counts, card.multiprocessors * card.clock
        # A grid of few blocks leaves multiprocessors idle.
        busy = cycles * min(1.0, max(counts.blocks, 1) / card.multiprocessors)
        atomics = sum(one.passes for one in counts.of("global", "atomic"))
        return {
            "memory": counts.memory_bytes(list(CARDS).index(card.name)) / card.bandwidth,
            "L1": counts.total("sectors", "global") / SECTORS_A_CYCLE / busy,
            "shared memory": sum(one.passes for one in counts.of("shared")) / busy,
            "atomics": atomics / ATOMICS_A_CYCLE / card.clock,
        }


@dataclass
class Measured:
    """What one call moves, where it waits, and what it would take at least."""

    name: str
    operation: str
    case: str
    floor: Floor
    launches: list[LaunchProfile]
    card: str = "A100"
    file_name: str = ""
    source: str = ""
    verified: str = ""
    remarks: list[str] = field(default_factory=list)
    seconds: float = 0.0
    fixed: dict[str, Any] = field(default_factory=dict)

    def memory_bytes(self, card: str = "") -> int:
        """Return the bytes that the launches move between a card's modelled L2 and its memory."""
        number = list(CARDS).index(card or self.card)
        return sum(one.counts.memory_bytes(number) * one.launches for one in self.launches)

    @property
    def requested_bytes(self) -> int:
        """Bytes of the sectors that all requests to global memory touch, caches aside."""
        return SECTOR * sum(one.counts.total("sectors", "global") * one.launches for one in self.launches)

    @property
    def over_floor(self) -> float:
        """Bytes moved to and from memory over those that the operation needs."""
        return self.memory_bytes() / self.floor.bytes if self.floor.bytes else 1.0

    @property
    def efficiency(self) -> float:
        """Of all requests to global memory: the sectors that their bytes would fill over those they take."""
        sums = [
            sum(one.counts.total(name, "global") * one.launches for one in self.launches)
            for name in ("least_sectors", "sectors")
        ]
        return sums[0] / sums[1] if sums[1] else 1.0

    @property
    def most_passes(self) -> int:
        """The worst bank conflict: 2 for a 2-way one."""
        return max((one.counts.most_passes for one in self.launches), default=1)

    @property
    def spill_bytes(self) -> int | None:
        """Bytes of spilled registers on any architecture; None where the compiler was not asked."""
        made = [kernel for one in self.launches for kernel in one.compiled.values()]
        return sum(kernel.spill_bytes for kernel in made) if made else None

    def floor_seconds(self, card: str = "") -> float:
        """Return the least time of the operation on a card: its bytes or its arithmetic, whichever takes longer."""
        of = CARDS[card or self.card]
        return max(self.floor.bytes / of.bandwidth, self.floor.operations / of.operations(self.floor.dtype))

    def time(self, card: str = "") -> tuple[float, str]:
        """Return the least time that what was counted takes on a card, and what limits it."""
        of = CARDS[card or self.card]
        sums: dict[str, float] = {}
        for one in self.launches:
            for name, seconds in one.times(of).items():
                sums[name] = sums.get(name, 0.0) + seconds * one.launches
        sums["arithmetic"] = self.floor.operations / of.operations(self.floor.dtype)
        limit = max(sums, key=lambda name: sums[name])
        return sums[limit], limit
