"""Boundary pixels matched one to one: the reference of `segalgo.metrics.boundary_f1`."""

from typing import Any


def match_points(points: Any, others: Any, offsets: Any, height: int, width: int) -> int:
    """Return how many points can be paired with others at the given offsets, each used once, at most.

    Points are cell numbers i * width + j. Pairs are made greedily, offset by offset; then augmenting paths are looked
    for from the points that are left: point, other, its point, another other ... up to a free one, where all pairs on
    the way are exchanged (Kuhn). A walk of all free points visits each other once; walks end when one gains nothing.
    """
    places = [divmod(place, width) for place in points.tolist()]
    numbers = {divmod(place, width): k for k, place in enumerate(others.tolist())}
    near = [[numbers[i + di, j + dj] for di, dj in offsets.tolist() if (i + di, j + dj) in numbers] for i, j in places]
    partner_of: dict[int, int] = {}
    free = set(range(len(places)))
    for di, dj in offsets.tolist():
        for k in sorted(free):
            other = numbers.get((places[k][0] + di, places[k][1] + dj))
            if other is not None and other not in partner_of:
                partner_of[other] = k
                free.discard(k)
    gained = True
    while gained:
        seen: set[int] = set()
        found = {k for k in sorted(free) if _augment(k, near, partner_of, seen)}
        free -= found
        gained = bool(found)
    return len(partner_of)


def _augment(start: int, near: list[list[int]], partner_of: dict[int, int], seen: set[int]) -> bool:
    """Look for a path from a free point to a free other, depth first; exchange the pairs along it."""
    path: list[tuple[int, int]] = []
    walks = [(start, iter(near[start]))]
    while walks:
        point, rest = walks[-1]
        other = next((o for o in rest if o not in seen), None)
        if other is None:
            walks.pop()
            if path:
                path.pop()
            continue
        seen.add(other)
        path.append((point, other))
        if other not in partner_of:
            partner_of.update({o: p for p, o in path})
            return True
        walks.append((partner_of[other], iter(near[partner_of[other]])))
    return False
