"""What to mend first, in words: each remark with the seconds that it would save by the roofline."""

from segalgo.simulated.profile import SECTOR, AccessCount
from segalgo.verify.profiling.cards import CARDS, Card
from segalgo.verify.profiling.measured import LaunchProfile, Measured

# What is worth a remark: a part of the whole time, and limits of what a careful kernel reaches.
WORTH = 0.05
EFFICIENT, OVER_FLOOR, CONFLICT, LANES, OCCUPIED = 0.9, 1.15, 2, 0.75, 0.25


def advice_of(profile: Measured) -> list[str]:
    """Return remarks, what costs most first."""
    card = CARDS[profile.card]
    whole = max(profile.time()[0], 1e-12)
    found: list[tuple[float, str]] = []
    for launch in profile.launches:
        where = f"{launch.entry}: " if len(profile.launches) > 1 else ""
        remarks = (
            *_requests(launch, card),
            *_conflicts(launch, card),
            *_contention(launch, card),
            *_divergence(launch, whole),
            *_compiled(launch, card, whole),
        )
        found += [(cost * launch.launches, where + words) for cost, words in remarks]
    found += _beyond_the_floor(profile, card)
    return [words for cost, words in sorted(found, key=lambda one: -one[0]) if cost >= WORTH * whole]


def _requests(launch: LaunchProfile, card: Card) -> list[tuple[float, str]]:
    """Return the accesses to global memory whose lanes lie further apart than they need."""
    found = []
    for one in launch.counts.of("global"):
        wasted = (one.sectors - one.least_sectors) * SECTOR
        if one.efficiency >= EFFICIENT or not wasted:
            continue
        least = one.least_sectors / one.requests
        verb = {"load": "loads from", "store": "stores to", "atomic": "updates"}[one.kind]
        words = (
            f"line {one.line} {verb} {one.array} with {one.sectors_per_request:.3g} sectors a request, "
            f"{least:.3g} would hold its bytes: {_apart(one)}"
        )
        found.append((wasted / card.bandwidth, words))
    return found


def _apart(one: AccessCount) -> str:
    if one.sectors_per_request <= one.least_sectors / one.requests + 1.01:
        return "its rows begin inside a sector; let each warp begin at a multiple of 32 bytes"
    if one.sectors >= 0.9 * one.lanes:
        return "each thread touches a sector of its own; let neighbouring threads take neighbouring elements"
    return "let neighbouring threads take neighbouring elements, or go through shared memory"


def _conflicts(launch: LaunchProfile, card: Card) -> list[tuple[float, str]]:
    found = []
    cycles = card.multiprocessors * card.clock * min(1.0, max(launch.counts.blocks, 1) / card.multiprocessors)
    for one in launch.counts.of("shared"):
        if one.kind == "atomic" or one.most_passes < CONFLICT or not one.conflicts:
            continue
        words = (
            f"line {one.line} {one.kind}s {one.array} with {one.most_passes}-way bank conflicts "
            f"({one.passes} passes for {one.least_passes}): pad its rows by a word, or let the threads of a warp take "
            "neighbouring words"
        )
        found.append((one.conflicts / cycles, words))
    return found


def _contention(launch: LaunchProfile, card: Card) -> list[tuple[float, str]]:
    found = []
    for one in launch.counts.of(kind="atomic"):
        if one.most_passes <= CONFLICT:
            continue
        words = (
            f"line {one.line} updates {one.array} atomically, on average {one.passes / one.requests:.1f} lanes of a "
            "warp at one address: sum up in the warp or in shared memory first"
        )
        found.append(
            (one.conflicts / (card.clock if one.memory == "global" else card.clock * card.multiprocessors), words)
        )
    return found


def _divergence(launch: LaunchProfile, whole: float) -> list[tuple[float, str]]:
    if launch.counts.active_lanes >= LANES:
        return []
    executed = max(launch.counts.branches, key=lambda one: one.divergent, default=None)
    if executed is None or not executed.divergent:
        return []
    words = (
        f"line {executed.line} parts its warp {executed.divergent} times of {executed.executed}; on average "
        f"{32 * launch.counts.active_lanes:.1f} of 32 lanes work: let whole warps take the same way"
    )
    return [((1 - launch.counts.active_lanes) * whole / 2, words)]


def _compiled(launch: LaunchProfile, card: Card, whole: float) -> list[tuple[float, str]]:
    made = launch.compiled.get(card.architecture)
    if made is None:
        return []
    found = []
    if made.spill_bytes:
        words = f"{made.spill_bytes} bytes of registers are spilled on {made.architecture}: keep fewer values at once"
        found.append((whole / 4, words))
    full = launch.occupancy(card)
    if full is not None and full.share <= OCCUPIED:
        words = f"{full.warps} of {full.most_warps} warps fit into a multiprocessor, limited by {full.limiter}" + (
            f" ({made.registers} a thread)" if full.limiter == "registers" else ""
        )
        found.append((whole / 10, words))
    if made.long_divisions:
        words = (
            f"{made.long_divisions} calls of the 64-bit division on {made.architecture}: use 32-bit indices where "
            "sizes allow, and divide once a thread"
        )
        found.append((whole / 8, words))
    return found


def _beyond_the_floor(profile: Measured, card: Card) -> list[tuple[float, str]]:
    """Return the array that memory hands over more often than once."""
    if profile.over_floor <= OVER_FLOOR:
        return []
    number = list(CARDS).index(profile.card)
    moved = {
        f"{one.array} of {launch.entry}": one.misses * SECTOR * launch.launches
        for launch in profile.launches
        if launch.counts.caches
        for one in launch.counts.caches[number]
    }
    most = max(moved, key=lambda name: moved[name], default="")
    beyond = profile.memory_bytes() - profile.floor.bytes
    words = (
        f"{profile.over_floor:.2f} times the bytes of inputs and outputs go to and from memory, most for {most}: keep "
        "what is used again in shared memory or registers"
    )
    return [(beyond / card.bandwidth, words)]
