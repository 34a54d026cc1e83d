"""Run-length codes of masks: the reference of `segalgo.masks`.

Counts are the lengths of runs in column order (cell (i, j) of h rows is number j * h + i), of zeros and of ones in
turn, zeros first. Several codes travel as one array of counts and where each begins: ``offsets``.
"""

import itertools
from typing import Any

import numpy as np


def mask_to_counts(mask: Any) -> Any:
    """Return the counts of a mask of bytes 0 and 1; None if another byte is in it."""
    if mask.size and mask.max() > 1:
        return None
    line = mask.ravel(order="F")
    places = np.flatnonzero(np.diff(line, prepend=np.uint8(0)))
    return np.diff(places, prepend=0, append=line.size).astype(np.uint32)


def counts_to_mask(counts: Any, height: int, width: int, column_order: bool) -> Any:
    """Return the mask, uint8, in row or column order."""
    ones = (np.arange(counts.size) % 2).astype(np.uint8)
    mask = np.repeat(ones, counts).reshape(height, width, order="F")
    return mask if column_order else np.ascontiguousarray(mask)


def counts_to_text(counts: Any) -> bytes:
    """Return COCO's string: see ``rleToString`` of maskApi.c.

    From the fourth count on the difference to the count before the last one is written, in groups of five bits, low
    bits first, 32 added while more groups follow, 48 to all. The last group's bit 16 is the sign.
    """
    text = bytearray()
    for k, count in enumerate(counts.tolist()):
        rest = count - int(counts[k - 2]) if k > 2 else count
        more = True
        while more:
            bits = rest & 31
            rest >>= 5
            more = rest != (-1 if bits & 16 else 0)
            text.append(48 + bits + 32 * more)
    return bytes(text)


def counts_to_texts(counts: Any, offsets: Any) -> list[bytes]:
    """Return the strings of several codes."""
    return [counts_to_text(counts[a:b]) for a, b in itertools.pairwise(offsets)]


def texts_to_counts(texts: list) -> tuple[Any, Any, tuple[int, int] | None]:
    """Return counts and offsets of strings; and of the first fault which string and character, else None.

    A fault is a character that is not of the code, a count of more than seven groups or out of 0 ... 2^32 - 1, and a
    string that breaks off.
    """
    counts: list[int] = []
    offsets = np.zeros(len(texts) + 1, np.int64)
    for k, text in enumerate(texts):
        found, fault = _read_text(text)
        if fault is not None:
            return np.empty(0, np.uint32), offsets, (k, fault)
        counts += found
        offsets[k + 1] = len(counts)
    return np.array(counts, np.uint32), offsets, None


def _read_text(text: bytes) -> tuple[list[int], int | None]:
    found: list[int] = []
    value = shift = 0
    for place, character in enumerate(text):
        bits = character - 48
        if not 0 <= bits <= 63 or shift > 30:
            return [], place
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        if len(found) > 2:
            value += found[-2]
        if not 0 <= value < 2**32:
            return [], place
        found.append(value)
        value = shift = 0
    return found, len(text) if shift else None


def areas(counts: Any, offsets: Any) -> Any:
    """Return how many ones each code has."""
    return np.array([counts[a + 1 : b : 2].sum(dtype=np.int64) for a, b in itertools.pairwise(offsets)], np.int64)


def totals(counts: Any, offsets: Any) -> Any:
    """Return how many cells each code has."""
    return np.array([counts[a:b].sum(dtype=np.int64) for a, b in itertools.pairwise(offsets)], np.int64)


def bounding_boxes(counts: Any, offsets: Any, heights: Any) -> Any:
    """Return (first row, last row, first column, last column) of each code's ones; (h, -1, -1, -1) without ones."""
    boxes = np.empty((heights.size, 4), np.int64)
    for box, (a, b), h in zip(boxes, itertools.pairwise(offsets), heights.tolist(), strict=True):
        ends = np.cumsum(counts[a:b], dtype=np.int64)[: (b - a) // 2 * 2].reshape(-1, 2)
        start, last = ends[ends[:, 0] < ends[:, 1]].T - np.array([[0], [1]])
        if start.size == 0:
            box[:] = h, -1, -1, -1
            continue
        wraps = start // h != last // h
        top, bottom = np.where(wraps, 0, start % h), np.where(wraps, h - 1, last % h)
        box[:] = top.min(), bottom.max(), start.min() // h, last.max() // h
    return boxes


def grouped_ious(
    counts: Any,
    offsets: Any,
    boxes: Any,
    sizes: Any,
    other_counts: Any,
    other_offsets: Any,
    other_boxes: Any,
    other_sizes: Any,
    crowd: Any,
    first: Any,
    other_first: Any,
) -> Any:
    """Return intersection over union of all pairs within groups, flat, group by group, row by row.

    Group g holds the codes first[g] ... first[g + 1] - 1 and, of the others, other_first[g] ... Where an other is a
    crowd, intersection over the size of the first.
    """
    ious = []
    for g in range(first.size - 1):
        for k in range(first[g], first[g + 1]):
            a = np.cumsum(counts[offsets[k] : offsets[k + 1]], dtype=np.int64)
            for m in range(other_first[g], other_first[g + 1]):
                b = np.cumsum(other_counts[other_offsets[m] : other_offsets[m + 1]], dtype=np.int64)
                common = _common(a, b)
                union = sizes[k] if crowd[m] else sizes[k] + other_sizes[m] - common
                ious.append(common / union if common else 0.0)
    return np.array(ious, np.float64)


def _common(ends: Any, other_ends: Any) -> int:
    """Return the cells that two codes share: between neighbouring ends of either, both are constant."""
    places = np.unique(np.concatenate([[0], ends, other_ends]))
    inside = [np.searchsorted(e, places[:-1], side="right") % 2 == 1 for e in (ends, other_ends)]
    return int((np.diff(places) * (inside[0] & inside[1])).sum())


def merge_counts(counts: Any, offsets: Any, size: int, intersect: bool) -> Any:
    """Return the counts of the union, or the intersection, of codes of `size` cells."""
    ends = [np.cumsum(counts[a:b], dtype=np.int64) for a, b in itertools.pairwise(offsets)]
    places = np.unique(np.concatenate([[0], *ends]))
    places = places[places < size]
    inside = np.array([np.searchsorted(e, places, side="right") % 2 == 1 for e in ends])
    line = inside.all(axis=0) if intersect else inside.any(axis=0)
    changes = places[np.diff(line, prepend=False)]
    return np.diff(changes, prepend=0, append=size).astype(np.uint32)
