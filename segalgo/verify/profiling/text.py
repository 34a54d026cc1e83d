"""A profile as text and as JSON."""

import json
from typing import Any

from segalgo.verify.profiling.advice import advice_of
from segalgo.verify.profiling.cards import CARDS
from segalgo.verify.profiling.measured import LaunchProfile, Measured

VERSION = 1
MIX = 6


def text_of(profile: Measured) -> str:
    """Return the profile as lines of text."""
    name = f"{profile.operation}: {profile.name}" if profile.operation else profile.name
    lines = [f"{name} ({profile.case})" if profile.case else name]
    if profile.verified:
        lines.append(f"  {profile.verified}")
    remarks = advice_of(profile)
    lines.append(f"  first to mend: {remarks[0]}" if remarks else "  nothing stands out")
    lines += [f"  then: {one}" for one in remarks[1:4]]
    lines.append(
        f"  floor: {_bytes(profile.floor.bytes)}"
        + (f", {profile.floor.operations:.3g} operations" if profile.floor.operations else "")
    )
    lines.append(
        f"  moved to and from memory on {profile.card}: {_bytes(profile.memory_bytes())}, {profile.over_floor:.2f} "
        f"times the floor; sectors {100 * profile.efficiency:.0f} % used"
    )
    for card in CARDS.values():
        beyond = next((words for one in profile.launches if (words := one.beyond(card))), "")
        seconds, limit = profile.time(card.name)
        floor = profile.floor_seconds(card.name)
        lines.append(
            f"  {card.name}: does not fit: {beyond}"
            if beyond
            else f"  {card.name}: at least {_time(seconds)}, limited by {limit}; the floor takes {_time(floor)}"
        )
    for launch in profile.launches:
        lines += _launch_lines(launch, profile)
    lines += [f"  remark: {one}" for one in dict.fromkeys(profile.remarks)]
    return "\n".join(lines)


def _launch_lines(launch: LaunchProfile, profile: Measured) -> list[str]:
    times = f", {launch.launches} times" if launch.launches > 1 else ""
    counts = launch.counts
    lines = [
        f"  {launch.entry} grid {_sizes(launch.grid)} block {_sizes(launch.block)}{times}: "
        f"{100 * counts.active_lanes:.0f} % of lanes work, {sum(counts.barriers.values())} barriers of blocks"
    ]
    rows = [("line", "array", "kind", "requests", "sectors/req", "used", "L1 hits", "passes/req", "worst")]
    for one in counts.accesses:
        of_global = one.memory == "global"
        shown = one.passes / one.requests if one.passes else 0
        rows.append(
            (
                str(one.line or "?"),
                one.array,
                f"{one.memory} {one.kind}",
                str(one.requests),
                f"{one.sectors_per_request:.2f}" if of_global else "",
                f"{100 * one.efficiency:.0f} %" if of_global else "",
                f"{100 * one.l1_hit_rate:.0f} %" if of_global and one.kind == "load" else "",
                f"{shown:.2f}" if shown else "",
                str(one.most_passes) if shown else "",
            )
        )
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines += ["    " + "  ".join(word.ljust(w) for word, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    for one in counts.branches:
        if one.divergent:
            lines.append(f"    line {one.line}: {one.divergent} of {one.executed} branches divergent")
    for card in CARDS.values():
        made, full = launch.compiled.get(card.architecture), launch.occupancy(card)
        if made is None or full is None:
            continue
        mix = ", ".join(f"{n} {kind}" for kind, n in made.mix().most_common(MIX))
        lines.append(
            f"    {made.architecture} ({card.name}): {made.registers} registers, {made.spill_bytes} bytes spilled, "
            f"{launch.shared_bytes} bytes shared; {full.warps} of {full.most_warps} warps ({full.limiter}); {mix}"
        )
    return lines


def json_of(profile: Measured) -> str:
    """Return everything as JSON."""
    return json.dumps(
        {
            "version": VERSION,
            "name": profile.name,
            "operation": profile.operation,
            "file": profile.file_name,
            "case": profile.case,
            "verified": profile.verified,
            "advice": advice_of(profile),
            "floor": {
                "bytes": profile.floor.bytes,
                "operations": profile.floor.operations,
                "dtype": profile.floor.dtype,
            },
            "moved": {card: profile.memory_bytes(card) for card in CARDS},
            "efficiency": round(profile.efficiency, 6),
            "over_floor": round(profile.over_floor, 6),
            "most_passes": profile.most_passes,
            "spill_bytes": profile.spill_bytes,
            "times": {
                card: dict(zip(("seconds", "limit"), profile.time(card), strict=True))
                | {"floor": profile.floor_seconds(card)}
                for card in CARDS
            },
            "launches": [_launch_record(one) for one in profile.launches],
            "remarks": list(dict.fromkeys(profile.remarks)),
        },
        indent=1,
    )


def _launch_record(launch: LaunchProfile) -> dict[str, Any]:
    counts = launch.counts
    return {
        "entry": launch.entry,
        "grid": list(launch.grid),
        "block": list(launch.block),
        "shared": launch.shared,
        "launches": launch.launches,
        "active_lanes": round(counts.active_lanes, 6),
        "accesses": [vars(one) for one in counts.accesses],
        "branches": [vars(one) for one in counts.branches],
        "active": {line: list(numbers) for line, numbers in counts.active.items()},
        "barriers": counts.barriers,
        "warp_operations": {line: list(numbers) for line, numbers in counts.warp_operations.items()},
        "busiest_address": counts.busiest,
        "shared_bytes": counts.shared_bytes,
        "l2": {card: [vars(one) for one in cache] for card, cache in zip(CARDS, counts.caches, strict=False)},
        "beyond": {card.name: words for card in CARDS.values() if (words := launch.beyond(card))},
        "compiled": {
            name: {
                "registers": made.registers,
                "spill_bytes": made.spill_bytes,
                "shared_bytes": made.shared_bytes,
                "long_divisions": made.long_divisions,
                "mix": dict(made.mix().most_common()),
            }
            for name, made in launch.compiled.items()
        },
        "occupancy": {
            card.name: {"warps": full.warps, "of": full.most_warps, "blocks": full.blocks, "limiter": full.limiter}
            for card in CARDS.values()
            if (full := launch.occupancy(card)) is not None
        },
    }


def _sizes(sizes: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in sizes[: max(1, 3 - (sizes[2:] == (1,)) - (sizes[1:] == (1, 1)))])


def _bytes(number: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number} bytes"


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"
