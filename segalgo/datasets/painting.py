"""Paint objects over each other run by run; the cost grows with their areas, not with the size of the image."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from segalgo.masks.codes import as_codes
from segalgo.pictures.limits import max_pixels_in_use

# Limits where the picture itself is missing: cells of a label map, and cells of all masks together.
MOST_CELLS = 2**24
MOST_MASK_CELLS = 2**26
# Cells of a label map that each byte of the annotation file and picture allows.
CELLS_PER_BYTE = 64
# How often all objects together may cover the label map; those of photographs cover it once or twice.
MOST_COVERED = 32


def paint(size: tuple[int, int], codes: Sequence[Any], values: Iterable[int], dtype: Any) -> np.ndarray:
    """Return a map (H, W) on which run-length codes are painted with values, one over the other."""
    height, width = size
    columns = np.zeros(height * width, dtype)
    for code, value in zip(codes, values, strict=True):
        counts = as_codes([code], "code").counts.astype(np.int64)
        ends = np.cumsum(counts)
        starts, lengths = ends[:-1:2], counts[1::2]
        if lengths.size and lengths.sum() < 64 * lengths.size:
            # Many short runs: all their cells at once.
            first = np.repeat(starts - np.append(0, np.cumsum(lengths)[:-1]), lengths)
            columns[first + np.arange(first.size)] = value
        else:
            for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
                columns[start : start + length] = value
    return np.ascontiguousarray(columns.reshape(width, height).T)


def find_excess(size: tuple[int, int], bytes_read: int) -> str | None:
    """Say why a map of this size is not made for files of so many bytes; None where it may be."""
    cells = size[0] * size[1]
    allowed = max_pixels_in_use() or max(MOST_CELLS, CELLS_PER_BYTE * bytes_read)
    if cells <= allowed:
        return None
    return (
        f"asks for {size[0]} x {size[1]} pixels, in files of {bytes_read} bytes: expected at most {allowed} "
        "(--max-pixels or use_max_pixels says otherwise)"
    )


def find_coverage_excess(size: tuple[int, int], areas: Sequence[int]) -> str | None:
    """Say why so many objects of these areas are not painted; None where they may be."""
    most, covered = MOST_MASK_CELLS + MOST_COVERED * size[0] * size[1], sum(areas)
    return None if covered <= most else f"has objects that cover {covered} pixels together: expected at most {most}"


def find_masks_excess(size: tuple[int, int], count: int, bytes_read: int) -> str | None:
    """Say why masks are not made all at once; None where they may be."""
    cells, allowed = count * size[0] * size[1], MOST_MASK_CELLS + 16 * CELLS_PER_BYTE * bytes_read
    if cells <= allowed:
        return None
    return (
        f"has {count} masks of {size[0]} x {size[1]}: expected at most {allowed} cells at once; decode the codes of "
        "read_codes(record) one by one"
    )
