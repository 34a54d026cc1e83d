"""PNG with 16 bits a channel, which Pillow cuts to 8, and the check that a PNG holds all of its rows."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Adam7: first row and column of each pass, and its steps.
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
PIECE = 2**20


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
    """Undo the row filters of PNG: (H, W, bytes of a pixel) uint8.

    A filter predicts each byte from the bytes of the same place in neighbouring pixels, so the bytes of a pixel do not
    mix: 4, 6 or 8 of them are handed to Pillow as one or two pictures of 3 or 4 channels of 8 bits with the same
    filters.
    """
    from PIL.PngImagePlugin import PngImageFile

    if filters.max(initial=0) > 4:
        raise ValueError(f"a row has filter {filters.max()}, expected 0 to 4")
    height, width, size = filtered.shape
    channels = 3 if size % 3 == 0 else 4
    pixels = np.empty((height, width, size), np.uint8)
    whole = np.dtype((np.void, channels))  # copied as one element, several times faster than byte by byte
    for first in range(0, size, channels):
        of_pixel = slice(first, first + channels)
        rows = np.empty((height, 1 + width * channels), np.uint8)
        rows[:, 0] = filters
        rows[:, 1:].view(whole)[...] = filtered[..., of_pixel].view(whole)[..., 0]
        header = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 6, 0, 0, 0)
        parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
        picture = io.BytesIO(SIGNATURE + b"".join(_chunk(kind, data) for kind, data in parts))
        del rows
        pixels[..., of_pixel].view(whole)[..., 0] = np.asarray(PngImageFile(picture)).view(whole)[..., 0]
    return pixels


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
