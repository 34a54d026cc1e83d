"""The pages of a TIFF file: their tags, read with checks against the length of the file.

Own code, though tifffile is at hand: a hostile file must not cost more than its length, and a page must be judged (its
size, what its samples mean, whether its strips are there) before anything is decoded.
"""

import json
import re
import struct
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np

# Format and size of the types of tags.
TYPES = {
    1: ("B", 1), 2: ("B", 1), 3: ("H", 2), 4: ("I", 4), 5: ("I", 8), 6: ("b", 1), 7: ("B", 1), 8: ("h", 2),
    9: ("i", 4), 10: ("i", 8), 11: ("f", 4), 12: ("d", 8), 13: ("I", 4), 16: ("Q", 8), 17: ("q", 8), 18: ("Q", 8),
}  # fmt: skip
INTEGERS = {kind for kind, (letter, _) in TYPES.items() if letter not in "fd"}
NEW_SUBFILE_TYPE, WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
FILL_ORDER, DESCRIPTION, STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP = 266, 270, 273, 274, 277, 278
STRIP_BYTE_COUNTS, PLANAR, SOFTWARE, PREDICTOR, COLOR_MAP = 279, 284, 305, 317, 320
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_BYTE_COUNTS = 322, 323, 324, 325
INK_SET, EXTRA_SAMPLES, SAMPLE_FORMAT, JPEG_TABLES, SUBSAMPLING, DEPTH = 332, 338, 339, 347, 530, 32997
REDUCED, MASK = 1, 4  # bits of NewSubfileType
UNSPECIFIED, ASSOCIATED, UNASSOCIATED = 0, 1, 2  # values of ExtraSamples


@dataclass
class Page:
    """The tags of one page; their values are read when they are asked for."""

    file: BinaryIO
    file_bytes: int
    order: str
    """``"<"`` or ``">"``, as in `struct`."""
    tags: dict[int, tuple[int, int, int, bytes]]
    """Type, count and place of the values, by tag, and the values themselves where they stand in the entry."""
    index: int = 0
    """Its place in the file's chain of pages."""
    shift: int = 0
    """Bytes from the page's own pixels to those of a further picture that the same tags describe."""

    def values(self, tag: int, most: int | None = None) -> np.ndarray:
        """Return the values of a tag, or the first `most`; none where the page does not have it."""
        if tag not in self.tags:
            return np.zeros(0, np.int64)
        kind, count, place, inline = self.tags[tag]
        letter, size = TYPES[kind]
        if inline:
            return np.frombuffer(inline, np.dtype(f"{self.order}{letter}"))[:most]
        length = (count if most is None else min(count, most)) * size
        if place + length > self.file_bytes:
            raise ValueError(f"the values of its tag {tag} lie outside the file")
        self.file.seek(place)
        return np.frombuffer(self.file.read(length), np.dtype(f"{self.order}{letter}"))

    def value(self, tag: int, default: int) -> int:
        """Return the first value of a tag as an integer."""
        if tag not in self.tags:
            return default
        kind, _, _, inline = self.tags[tag]
        if inline and kind in INTEGERS:
            return struct.unpack_from(f"{self.order}{TYPES[kind][0]}", inline)[0]
        values = self.values(tag, 1)
        return int(values[0]) if len(values) and np.isfinite(values[0]) else default

    def text(self, tag: int) -> str:
        """Return a tag as text."""
        return self.values(tag).tobytes().split(b"\0")[0].decode("utf-8", "replace")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and samples."""
        return self.value(LENGTH, 0), self.value(WIDTH, 0), self.value(SAMPLES, 1)


def read_pages(file: BinaryIO) -> list[Page]:
    """Return the pages of a TIFF or BigTIFF file, in the order of the file."""
    file_bytes = file.seek(0, 2)
    file.seek(0)
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}[head[:2]]
    (version,) = struct.unpack(f"{order}H", head[2:4])
    big = version == 43
    count_format, link_format, entry_bytes, inline = ("Q", "Q", 20, 8) if big else ("H", "I", 12, 4)
    place = struct.unpack(f"{order}{link_format}", head[8:16] if big else head[4:8])[0]
    count_bytes, link_bytes = (8, 8) if big else (2, 4)
    pages: list[Page] = []
    seen: set[int] = set()
    entries_left = file_bytes // entry_bytes  # honest directories do not overlap
    while place:
        if place in seen:
            raise ValueError("its pages form a circle")
        seen.add(place)
        file.seek(place)
        data = file.read(count_bytes)
        if len(data) < count_bytes:
            raise ValueError(f"page {len(pages)} lies outside the file")
        (count,) = struct.unpack(f"{order}{count_format}", data)
        entries_left -= count
        if entries_left < 0:
            raise ValueError(f"page {len(pages)} has {count} tags, more than the file can hold")
        data = file.read(count * entry_bytes + link_bytes)
        if len(data) < count * entry_bytes:
            raise ValueError(f"the tags of page {len(pages)} are cut off")
        tags = {}
        for k in range(count):
            tag, kind, number = struct.unpack_from(f"{order}HH{link_format}", data, k * entry_bytes)
            if kind not in TYPES:
                continue
            at = k * entry_bytes + entry_bytes - inline
            length = number * TYPES[kind][1]
            if length <= inline:
                tags[tag] = kind, number, place + count_bytes + at, data[at : at + length]
            else:
                tags[tag] = kind, number, struct.unpack_from(f"{order}{link_format}", data, at)[0], b""
        pages.append(Page(file, file_bytes, order, tags, len(pages)))
        link = data[count * entry_bytes :]
        place = struct.unpack(f"{order}{link_format}", link)[0] if len(link) == link_bytes else 0
    if not pages:
        raise ValueError("it holds no page")
    return pages


def full_pages(pages: list[Page]) -> list[Page]:
    """Leave out thumbnails and masks; add the pictures of a stack that stands behind one page's tags."""
    kept = [page for page in pages if not page.value(NEW_SUBFILE_TYPE, 0) & (REDUCED | MASK)] or pages[:1]
    if len(kept) == 1:
        page = kept[0]
        length = _contiguous_bytes(page)
        count = _described_pictures(page) if length else 1
        start = int(page.values(STRIP_OFFSETS)[0]) if length else 0
        if count > 1 and start + count * length <= page.file_bytes:
            return [replace(page, shift=k * length) for k in range(count)]
    return kept


def _contiguous_bytes(page: Page) -> int:
    """Return the length of a page's pixels where they are not compressed and lie in one piece, else 0."""
    if page.value(COMPRESSION, 1) != 1 or STRIP_OFFSETS not in page.tags:
        return 0
    height, width, samples = page.shape
    length = height * ((width * samples * page.value(BITS, 1) + 7) // 8)
    starts, counts = page.values(STRIP_OFFSETS), page.values(STRIP_BYTE_COUNTS)
    if len(starts) != len(counts) or not len(starts):
        return 0
    ends = starts.astype(np.uint64) + counts.astype(np.uint64)
    return length if (ends[:-1] == starts[1:]).all() and length > 0 else 0


def _described_pictures(page: Page) -> int:
    """Return how many pictures ImageJ or tifffile say to stand behind one page."""
    text = page.text(DESCRIPTION)
    if text.startswith("ImageJ="):
        found = re.search(r"^images=(\d{1,9})\s*$", text, re.MULTILINE)
        return int(found[1]) if found else 1
    if text.startswith("{"):
        try:
            shape: Any = json.loads(text).get("shape", ())
        except (ValueError, RecursionError, AttributeError):
            return 1
        if isinstance(shape, list) and shape and all(type(n) is int and 0 < n < 2**40 for n in shape):
            height, width, samples = page.shape
            pictures = 1
            for n in shape:
                pictures *= n
            return max(1, pictures // max(1, height * width * samples))
    return 1
