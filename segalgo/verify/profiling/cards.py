"""Cards: limits, published peaks, and how many blocks of a kernel fit into a multiprocessor."""

from dataclasses import dataclass

WARP = 32
REGISTER_UNIT = 256
"""Registers are given to warps in units of so many."""
WARP_UNIT = 4
"""Warps whose registers fit are counted in fours: one for each of the four schedulers."""


@dataclass(frozen=True)
class Card:
    """One card: limits of its compute capability, and peaks as its maker publishes them.

    Limits: CUDA C++ Programming Guide, "Compute Capabilities", and the occupancy calculator of the toolkit. Peaks: data
    sheets of NVIDIA T4 (2019), A100 40 GB (2020) and H100 SXM (2022).
    """

    name: str
    architecture: str
    multiprocessors: int
    clock: float
    """Boost clock in Hz."""
    bandwidth: float
    """Of memory, in bytes a second."""
    float32: float
    """Operations a second, a fused multiply-add counts as two."""
    float64: float
    l2_bytes: int
    threads: int
    """Of a multiprocessor; as are `blocks`, `registers` and `shared`."""
    blocks: int
    shared: int
    shared_of_block: int
    shared_reserved: int
    shared_unit: int
    registers: int = 65536
    registers_of_thread: int = 255

    def operations(self, dtype: str) -> float:
        """Return the peak of operations a second in a dtype."""
        return self.float64 if dtype in ("float64", "int64") else self.float32


KIB = 1024
CARDS = {
    card.name: card
    for card in (
        Card("T4", "sm_75", 40, 1.590e9, 320e9, 8.1e12, 0.254e12, 4 << 20, 1024, 16, 64 * KIB, 64 * KIB, 0, 256),
        Card(
            *("A100", "sm_80", 108, 1.410e9, 1555e9, 19.5e12, 9.7e12, 40 << 20, 2048, 32),
            *(164 * KIB, 163 * KIB, KIB, 128),
        ),
        Card(
            *("H100", "sm_90", 132, 1.980e9, 3350e9, 66.9e12, 33.5e12, 50 << 20, 2048, 32),
            *(228 * KIB, 227 * KIB, KIB, 128),
        ),
    )
}


@dataclass(frozen=True)
class Occupancy:
    """Warps of a multiprocessor that a kernel keeps busy, and what limits them."""

    warps: int
    most_warps: int
    blocks: int
    limiter: str

    @property
    def share(self) -> float:
        """Warps over the most that there can be."""
        return self.warps / self.most_warps


def card_of(name: str) -> Card:
    """Return a card by its name."""
    found = CARDS.get(name.upper())
    if found is None:
        raise ValueError(f"card={name!r}: expected one of {', '.join(CARDS)}")
    return found


def beyond_limits(card: Card, threads: int, shared: int, registers: int = 0) -> str:
    """Return which limit of a card a launch exceeds, in words; nothing if it fits."""
    if threads > 1024:
        return f"{threads} threads a block: {card.name} takes at most 1024"
    if shared > card.shared_of_block:
        return f"{shared} bytes of shared memory a block: {card.name} has at most {card.shared_of_block}"
    if registers > card.registers_of_thread:
        return f"{registers} registers a thread: {card.name} has at most {card.registers_of_thread}"
    if registers and _register_warps(card, registers) * WARP < threads:
        return f"{registers} registers in each of {threads} threads: {card.name} has {card.registers} for a block"
    return ""


def occupancy(card: Card, threads: int, registers: int, shared: int) -> Occupancy:
    """Return how many warps of a kernel fit into a multiprocessor: the smallest of four limits."""
    warps = _up(threads, WARP) // WARP
    most_warps = card.threads // WARP
    limits = {
        "threads": most_warps // warps,
        "blocks": card.blocks,
        "registers": _register_warps(card, max(registers, 1)) // warps,
    }
    of_block = _up(shared + card.shared_reserved, card.shared_unit)
    if of_block:
        limits["shared memory"] = card.shared // of_block
    limiter = min(limits, key=lambda name: limits[name])
    blocks = limits[limiter]
    return Occupancy(blocks * warps, most_warps, blocks, limiter)


def _register_warps(card: Card, registers: int) -> int:
    warps = card.registers // _up(registers * WARP, REGISTER_UNIT)
    return warps // WARP_UNIT * WARP_UNIT


def _up(number: int, unit: int) -> int:
    return -(-number // unit) * unit
