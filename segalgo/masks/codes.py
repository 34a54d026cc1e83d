"""Run-length codes as they arrive, one or many, checked and joined to arrays."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from segalgo._core.checks import as_array
from segalgo._core.dispatch import host_wing

# Counts are 32-bit numbers in COCO's code.
MOST_CELLS = 2**32 - 1
# Masks are decoded up to this size unless the caller allows more: 268 million cells, 256 MiB.
MOST_DECODED = 2**28


class Codes(NamedTuple):
    """Several codes as one array: code k has counts[offsets[k] : offsets[k + 1]] and sizes[k] = (height, width)."""

    counts: np.ndarray
    offsets: np.ndarray
    sizes: np.ndarray


def as_counts(rle: Mapping[str, Any], argument: str) -> tuple[np.ndarray, int, int]:
    """Return a code's counts, height and width, checked."""
    codes = as_codes([rle], argument, single=True)
    height, width = codes.sizes[0].tolist()
    return codes.counts, height, width


def as_codes(rles: Sequence[Mapping[str, Any]], argument: str, single: bool = False) -> Codes:
    """Return several codes as one array, each checked; errors name the argument and, unless single, the index."""
    if isinstance(rles, Mapping) or not isinstance(rles, Sequence):
        raise TypeError(f"{argument} is {type(rles).__name__}: expected a sequence of run-length codes")

    def name(k: int) -> str:
        return argument if single else f"{argument}[{k}]"

    sizes = np.empty((len(rles), 2), np.int64)
    parts: list[Any] = []
    for k, rle in enumerate(rles):
        sizes[k] = _size_of(rle, name(k))
        parts.append(_raw_counts(rle, name(k)))
    counts, offsets = _joined(parts, name)
    totals = host_wing("masks.run_lengths").totals(counts, offsets)
    wrong = np.flatnonzero(totals != sizes[:, 0] * sizes[:, 1])
    if wrong.size:
        k = int(wrong[0])
        height, width = sizes[k].tolist()
        total = int(totals[k])
        raise ValueError(f"{name(k)} has counts that add up to {total}: expected {height} * {width} = {height * width}")
    return Codes(counts, offsets, sizes)


def _size_of(rle: Any, name: str) -> tuple[int, int]:
    try:
        height, width = rle["size"]
        height, width = operator.index(height), operator.index(width)
    except (KeyError, IndexError, TypeError, ValueError, OverflowError):
        shown = rle.get("size", "missing") if isinstance(rle, Mapping) else f"that of {type(rle).__name__}"
        raise ValueError(
            f"{name} has size {str(shown)[:40]}: expected a dictionary with size [height, width]"
        ) from None
    if height < 0 or width < 0 or height * width > MOST_CELLS:
        raise ValueError(f"{name} has size {_short([height, width])}: expected 0 to {MOST_CELLS} cells")
    return height, width


def _raw_counts(rle: Mapping[str, Any], name: str) -> Any:
    """Return the counts as bytes or as a checked array."""
    if "counts" not in rle:
        raise ValueError(f"{name} has no counts: expected a list, str or bytes")
    counts = rle["counts"]
    if isinstance(counts, bytes):
        return counts
    if isinstance(counts, str):
        return counts.encode("utf-8", "surrogatepass")
    try:
        array = as_array(counts, f"{name}: counts") if isinstance(counts, np.ma.MaskedArray) else np.asarray(counts)
        fits = array.ndim == 1 and (array.size == 0 or array.dtype.kind in "iu")
    except (OverflowError, ValueError):
        fits = False
    if not fits:
        raise ValueError(
            f"{name} has counts of type {type(counts).__name__}: expected a list of integers, str or bytes"
        )
    outside = (array < 0) | (array > MOST_CELLS)
    if outside.any():
        k = int(outside.argmax())
        raise ValueError(f"{name} has count {array[k]} at position {k}: expected 0 to {MOST_CELLS}")
    return array.astype(np.uint32)


def _joined(parts: list[Any], name: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return all counts behind each other and their offsets; strings are read at once."""
    texts = [part for part in parts if isinstance(part, bytes)]
    counts, offsets, fault = host_wing("masks.run_lengths").texts_to_counts(texts)
    if fault is not None:
        k = [k for k, part in enumerate(parts) if isinstance(part, bytes)][fault[0]]
        raise ValueError(
            f"{name(k)} has counts that are no run-length string at character {fault[1]}: {_shown(parts[k])}"
        )
    if len(texts) == len(parts):
        return counts, offsets
    read = iter(np.split(counts, offsets[1:-1]) if texts else ())
    arrays = [next(read) if isinstance(part, bytes) else part for part in parts]
    return np.concatenate(arrays), np.cumsum([0, *map(len, arrays)])


def _short(value: Any) -> str:
    """Write a value in few characters, also an integer of thousands of digits."""
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    return str(value) if abs(value) < 10**40 else f"{'-' * (value < 0)}2^{value.bit_length() - 1} or more"


def _shown(text: bytes) -> str:
    return repr(text[:24]) + (" ..." if len(text) > 24 else "")
