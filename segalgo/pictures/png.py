"""PNG with 16 bits a channel, which Pillow cuts to 8, and the check that a PNG holds all of its rows."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.lib.stride_tricks import as_strided

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Adam7: first row and column of each pass, and its steps.
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
PIECE = 2**20
BLOCK = 1024  # rows that are unfiltered together; more take more memory, fewer more steps


@dataclass(frozen=True)
class PNGHeader:
    """What the chunks beside the pixels say."""

    height: int
    width: int
    bits: int
    color_type: int
    interlaced: bool
    transparent: bytes | None
    """The data of tRNS."""
    exif: bytes | None
    """The data of eXIf."""

    @property
    def channels(self) -> int:
        """Samples of a pixel."""
        return CHANNELS[self.color_type]


def read_header(file: BinaryIO) -> PNGHeader:
    """Read IHDR, tRNS and eXIf, which may stand behind the pixels."""
    header, transparent, exif = None, None, None
    for kind, length in _chunks(file):
        if kind == b"IHDR" and length == 13:
            width, height, bits, color_type, _, _, interlace = struct.unpack(">IIBBBBB", file.read(13))
            header = height, width, bits, color_type, interlace == 1
        elif kind == b"tRNS" and length <= 256:
            transparent = file.read(length)
        elif kind == b"eXIf" and length < 2**16:
            exif = file.read(length)
    if header is None or header[3] not in CHANNELS or header[2] not in (1, 2, 4, 8, 16):
        raise ValueError("its header is damaged")
    return PNGHeader(*header, transparent, exif)


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield kind and length of each chunk, with the file at its data."""
    place = len(SIGNATURE)
    while True:
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        yield kind, length
        if kind == b"IEND":
            return
        place += 12 + length


def _inflate(file: BinaryIO) -> Iterator[bytes]:
    """Yield the decompressed data of all IDAT chunks in pieces of at most `PIECE` bytes."""
    stream = zlib.decompressobj()
    for kind, length in _chunks(file):
        if kind != b"IDAT":
            continue
        while length and not stream.eof:
            data = file.read(min(length, PIECE))
            if not data:
                return
            length -= len(data)
            while data and not stream.eof:
                yield stream.decompress(data, PIECE)
                data = stream.unconsumed_tail


def _pass_sizes(header: PNGHeader) -> list[tuple[int, int]]:
    """Return height and width of the pictures that are stored one after the other."""
    if not header.interlaced:
        return [(header.height, header.width)]
    return [
        (-(-(header.height - row) // down), -(-(header.width - column) // right)) for row, column, down, right in PASSES
    ]


def _row_bytes(header: PNGHeader, width: int) -> int:
    return (width * header.channels * header.bits + 7) // 8


def stored_bytes(header: PNGHeader) -> int:
    """Return how many bytes the rows take, with their filter bytes."""
    return sum(h * (1 + _row_bytes(header, w)) for h, w in _pass_sizes(header) if h > 0 and w > 0)


def holds_all_rows(file: BinaryIO, header: PNGHeader) -> bool:
    """Return whether the compressed data reach to the last row; Pillow fills missing rows with zeros."""
    missing = stored_bytes(header)
    for piece in _inflate(file):
        missing -= len(piece)
        if missing <= 0:
            return True
    return False


def read_16_bits(file: BinaryIO, header: PNGHeader) -> np.ndarray:
    """Decode a PNG of 16 bits a channel: (H, W, C) uint16, without what tRNS makes transparent."""
    total = stored_bytes(header)
    data, filled = np.empty(total, np.uint8), 0
    for piece in _inflate(file):
        part = np.frombuffer(piece, np.uint8)[: total - filled]
        data[filled : filled + len(part)] = part
        filled += len(part)
        if filled == total:
            break
    if filled < total:
        raise ValueError(f"its data end after {filled} of {total} bytes")
    picture = np.empty((header.height, header.width, header.channels), np.uint16)
    place = 0
    for k, (height, width) in enumerate(_pass_sizes(header)):
        if height <= 0 or width <= 0:
            continue
        length = height * (1 + _row_bytes(header, width))
        rows = data[place : place + length].reshape(height, -1)
        place += length
        pixels = _unfilter(rows[:, 0], rows[:, 1:].reshape(height, width, -1)).view(">u2")
        if header.interlaced:
            row, column, down, right = PASSES[k]
            picture[row::down, column::right] = pixels
        else:
            picture[:] = pixels
    return picture


def _unfilter(filters: np.ndarray, filtered: np.ndarray) -> np.ndarray:
    """Undo the row filters of PNG: (H, W, bytes of a pixel) uint8."""
    if filters.max(initial=0) > 4:
        raise ValueError(f"a row has filter {filters.max()}, expected 0 to 4")
    pixels = np.empty_like(filtered)
    above = np.zeros(filtered.shape[1:], np.uint8)
    if (filters <= 2).all():
        for kind, row, out in zip(filters, filtered, pixels, strict=True):
            if kind == 1:
                np.add.accumulate(row, axis=0, dtype=np.uint8, out=out)
            else:
                np.add(row, above if kind == 2 else np.uint8(0), out=out)
            above = out
        return pixels
    for first in range(0, len(filtered), BLOCK):
        rows = slice(first, first + BLOCK)
        pixels[rows] = _unfilter_block(filters[rows], filtered[rows], above)
        above = pixels[rows][-1]
    return pixels


def _unfilter_block(filters: np.ndarray, filtered: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Undo all filters in a block of rows, given the row above it.

    A byte is predicted from its left, upper and upper left neighbour, so all pixels of an antidiagonal can be computed
    at once from the two antidiagonals before it: H + W steps of NumPy instead of one of Python for each pixel. The
    block is stored by antidiagonals: ``skewed[i + j, i]`` is pixel (i, j), with the row above it as row 0.
    """
    height, width, size = filtered.shape[0] + 1, filtered.shape[1], filtered.shape[2]
    skewed = np.zeros((height + width - 1, height, size), np.uint8)
    down, right, byte = skewed.strides[0] + skewed.strides[1], skewed.strides[0], 1
    upright = as_strided(skewed, (height, width, size), (down, right, byte))
    upright[0], upright[1:] = above, filtered
    kinds = np.concatenate([np.zeros(1, np.uint8), filters])[:, None]
    masks = [(kinds == k).astype(np.int16) for k in range(5)]
    # The two last antidiagonals, by row; before its first column a row holds zeros.
    before = np.zeros((height, size), np.int16)
    last = np.zeros((height, size), np.int16)
    for d in range(height + width - 1):
        # Row 0 is known; its pixel stands in the antidiagonal as it is.
        rows = slice(max(1, d - width + 1), min(height - 1, d) + 1)
        shifted = slice(rows.start - 1, rows.stop - 1)
        pixels = skewed[d].astype(np.int16)
        if rows.start < rows.stop:
            left, up, corner = last[rows], last[shifted], before[shifted]
            predicted = left * masks[1][rows] + up * masks[2][rows] + ((left + up) >> 1) * masks[3][rows]
            to_left, to_up = np.abs(up - corner), np.abs(left - corner)
            to_corner = np.abs(left + up - 2 * corner)
            nearest = np.where(to_up <= to_corner, up, corner)
            nearest = np.where((to_left <= to_up) & (to_left <= to_corner), left, nearest)
            predicted += nearest * masks[4][rows]
            pixels[rows] = (pixels[rows] + predicted) & 255
            skewed[d, rows] = pixels[rows]
        before, last = last, pixels
    return upright[1:]
