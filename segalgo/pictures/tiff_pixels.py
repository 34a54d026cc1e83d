"""The samples of a TIFF page: strips and tiles, decompressed, unpacked and put together."""

import io
import os
import struct
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np

from segalgo.pictures import tiff_pages as tags
from segalgo.pictures.tiff_pages import Page

NONE, LZW, JPEG, DEFLATE, OLD_DEFLATE, PACK_BITS, LZMA = 1, 5, 7, 8, 32946, 32773, 34925
FAX = (2, 3, 4)  # CCITT Huffman, Group 3, Group 4
LIBTIFF = (LZW, PACK_BITS, *FAX)
"""Compressions that libtiff undoes for us, through Pillow."""
LOSSY = (6, JPEG, 33003, 33005, 34712, 34933, 34934, 50001, 50002, 52546)
"""Old and new JPEG, JPEG 2000, WebP, JPEG XR and JPEG XL."""
REVERSED_BITS = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1], axis=1)[:, 0]


def sample_bits(page: Page) -> int:
    """Return the bits of a sample, the same for all samples of the page."""
    bits = page.values(tags.BITS)
    if len(bits) and (bits != bits[0]).any():
        raise ValueError(f"its samples have {bits[:8].tolist()} bits, expected one number")
    return int(bits[0]) if len(bits) else 1


def sample_dtype(page: Page) -> np.dtype:
    """Return the dtype of a decoded sample; integers of 2 to 7 bits are held in 8, of 9 to 15 in 16."""
    bits = sample_bits(page)
    kind = {1: "u", 2: "i", 3: "f", 4: "u"}.get(page.value(tags.SAMPLE_FORMAT, 1))
    if kind == "f" and bits in (16, 32, 64):
        return np.dtype(f"f{bits // 8}")
    if kind == "i" and bits in (8, 16, 32, 64):
        return np.dtype(f"i{bits // 8}")
    if kind == "u" and bits == 1:
        return np.dtype(bool)
    if kind == "u" and (bits <= 16 or bits in (32, 64)):
        return np.dtype(np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else f"u{bits // 8}")
    raise ValueError(f"its samples have {bits} bits in format {page.value(tags.SAMPLE_FORMAT, 1)}, which is not read")


def read_samples(page: Page) -> np.ndarray:
    """Decode a page: (H, W, samples), as stored."""
    height, width, samples = page.shape
    dtype = sample_dtype(page)
    compression = page.value(tags.COMPRESSION, NONE)
    planes = samples if page.value(tags.PLANAR, 1) == 2 else 1
    deep = samples // planes  # samples of a pixel of a segment
    tiled = tags.TILE_WIDTH in page.tags
    rows, columns = (
        (page.value(tags.TILE_LENGTH, 0), page.value(tags.TILE_WIDTH, 0))
        if tiled
        else (min(page.value(tags.ROWS_PER_STRIP, height), height), width)
    )
    # Encoders round tiles up to a multiple of 16; a tile is never much larger than its picture.
    if not (0 < rows <= height + 2**12 and 0 < columns <= width + 2**12):
        raise ValueError(f"it is cut into pieces of {rows} x {columns} pixels")
    down, across = -(-height // rows), -(-width // columns)
    segments = _read_segments(page, planes * down * across, tiled, rows, columns * deep)
    picture = np.empty((height, width, samples), dtype)
    for plane in range(planes):
        part = segments[plane * down * across : (plane + 1) * down * across]
        target = picture[..., plane : plane + 1] if planes > 1 else picture
        heights = [rows if tiled else min(rows, height - rows * k) for k in range(down) for _ in range(across)]
        joined = across == 1 and compression != JPEG
        step = height if joined else rows
        for k, values in enumerate(_decode(page, compression, part, heights, columns, deep, dtype, joined)):
            row, column = k // across * step, k % across * columns
            place = target[row : row + step, column : column + columns]
            place[:] = values[: place.shape[0], : place.shape[1]]
    return picture


def _read_segments(page: Page, count: int, tiled: bool, rows: int, row_samples: int) -> list[bytes]:
    """Read the compressed strips or tiles; all of them must be there."""
    name = "tile" if tiled else "strip"
    starts = page.values(tags.TILE_OFFSETS if tiled else tags.STRIP_OFFSETS)
    counts = page.values(tags.TILE_BYTE_COUNTS if tiled else tags.STRIP_BYTE_COUNTS)
    if tiled and not len(starts):  # some writers use the tags of strips
        starts, counts = page.values(tags.STRIP_OFFSETS), page.values(tags.STRIP_BYTE_COUNTS)
    if not len(counts) and page.value(tags.COMPRESSION, NONE) == NONE:
        counts = np.full(len(starts), rows * ((row_samples * sample_bits(page) + 7) // 8), np.int64)
        if len(starts) == count and not tiled:  # the last strip may be shorter
            counts[-1] = min(int(counts[-1]), max(0, page.file_bytes - int(starts[-1])))
    if len(starts) < count or len(counts) < count:
        raise ValueError(f"{min(len(starts), len(counts))} of {count} {name}s are listed")
    if counts[:count].astype(np.float64).sum() > max(2**26, 4 * page.file_bytes):
        raise ValueError(f"its {name}s overlap")
    segments = []
    for k in range(count):
        start, length = int(starts[k]) + page.shift, int(counts[k])
        if length == 0 or start == 0:
            raise ValueError(f"{name} {k} is missing")
        if start < 0 or start + length > page.file_bytes:
            raise ValueError(f"{name} {k} lies outside the file")
        page.file.seek(start)
        segments.append(page.file.read(length))
    return segments


def _decode(
    page: Page,
    compression: int,
    segments: list[bytes],
    heights: list[int],
    width: int,
    deep: int,
    dtype: np.dtype,
    joined: bool,
) -> Iterator[np.ndarray]:
    """Yield the samples of each segment, (its height, width, deep), or of all at once, one above the other."""
    bits = sample_bits(page)
    row_bytes = (width * deep * bits + 7) // 8
    if compression == JPEG:
        for segment, height in zip(segments, heights, strict=True):
            yield _from_jpeg(page, segment, height, width, deep)
        return
    if compression in LIBTIFF:
        if compression in FAX and (bits, deep) != (1, 1):
            raise ValueError(f"fax compression of {deep} x {bits} bits is not read")
        rows = _from_libtiff(page, compression, segments, heights, row_bytes, width)
        pieces = iter(np.split(rows, np.cumsum(heights)[:-1]))
    else:
        pieces = (
            _uncompressed(page, compression, segment, height, row_bytes)
            for segment, height in zip(segments, heights, strict=True)
        )
    predictor = page.value(tags.PREDICTOR, 1) if compression in (LZW, DEFLATE, OLD_DEFLATE, LZMA) else 1
    if joined:
        pieces = (np.concatenate(list(pieces)),)
    for piece in pieces:
        yield _unpack(piece, page, bits, width, deep, dtype, predictor)


def _uncompressed(page: Page, compression: int, segment: bytes, height: int, row_bytes: int) -> np.ndarray:
    """Undo a compression that Python has itself: (height, row_bytes) uint8."""
    length = height * row_bytes
    if compression in (DEFLATE, OLD_DEFLATE):
        data = zlib.decompressobj().decompress(segment, length)
    elif compression == LZMA:
        import lzma

        data = lzma.LZMADecompressor(memlimit=2**26).decompress(segment, length)
    elif compression == NONE:
        data = segment[:length]
        if page.value(tags.FILL_ORDER, 1) == 2 and sample_bits(page) < 8:
            data = REVERSED_BITS[np.frombuffer(data, np.uint8)].tobytes()
    else:
        raise NotImplementedError(compression)
    if len(data) < length:
        raise ValueError(f"a strip or tile holds {len(data)} of {length} bytes")
    return np.frombuffer(data, np.uint8).reshape(height, row_bytes)


def _unpack(
    rows: np.ndarray, page: Page, bits: int, width: int, deep: int, dtype: np.dtype, predictor: int
) -> np.ndarray:
    """Turn rows of bytes into samples, (height, width, deep)."""
    height = len(rows)
    if predictor == 3 and dtype.kind == "f":
        size = dtype.itemsize
        sums = np.add.accumulate(rows.reshape(height, -1, deep), axis=1, dtype=np.uint8)
        # The bytes of a row are grouped by significance, the most significant first.
        values = np.ascontiguousarray(sums.reshape(height, size, -1).swapaxes(1, 2)).view(f">f{size}")
        return values.reshape(height, width, deep)
    if bits in (8, 16, 32, 64):
        values = np.ascontiguousarray(rows).view(dtype.newbyteorder(page.order)).reshape(height, width, deep)
        if predictor == 2 and dtype.kind in "ui":
            return np.add.accumulate(values.astype(dtype), axis=1, dtype=dtype)
        if predictor != 1:
            raise ValueError(f"predictor {predictor} of {dtype} is not read")
        return values
    if predictor != 1:
        raise ValueError(f"predictor {predictor} of {bits} bits is not read")
    single = np.unpackbits(rows, axis=1)[:, : width * deep * bits].reshape(height, width, deep, bits)
    if bits == 1:
        return single[..., 0].astype(bool)
    values = np.zeros(single.shape[:3], dtype)
    for k in range(bits):
        values = values << 1 | single[..., k]
    return values


def _from_jpeg(page: Page, segment: bytes, height: int, width: int, deep: int) -> np.ndarray:
    """Decode a strip or tile that is a JPEG stream, whose tables may stand in a tag."""
    from PIL.JpegImagePlugin import JpegImageFile

    if sample_bits(page) != 8:
        raise ValueError(f"JPEG of {sample_bits(page)} bits is not read")
    if not segment.rstrip(b"\0").endswith(b"\xff\xd9"):
        raise ValueError("a strip or tile is cut off")
    tables = page.values(tags.JPEG_TABLES).tobytes()[2:-2]
    photometric = page.value(tags.PHOTOMETRIC, 1)
    # Adobe's marker tells libjpeg whether three channels are YCbCr, which it would guess from their names otherwise.
    marker = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + (b"\x01" if photometric == 6 else b"\x00")
    stream = io.BytesIO(b"\xff\xd8" + (marker if deep == 3 else b"") + tables + segment[2:])
    picture = JpegImageFile(stream)
    if picture.width != width or picture.height < height:
        raise ValueError(f"a strip or tile has {picture.size[1]} x {picture.size[0]} pixels, not {height} x {width}")
    values = np.asarray(picture)
    values = values[:height, :, None] if values.ndim == 2 else values[:height]
    if values.shape[2] != deep:
        raise ValueError(f"a strip or tile has {values.shape[2]} channels, expected {deep}")
    return values


def _from_libtiff(
    page: Page, compression: int, segments: list[bytes], heights: list[int], row_bytes: int, width: int
) -> np.ndarray:
    """Decompress segments with libtiff: (sum of heights, row_bytes) uint8.

    Pillow hands pixels out in modes of its own, of 8 bits where there are several channels. So libtiff is given a file
    that describes the same compressed data as grey bytes, or as bits for fax.
    """
    from PIL.TiffImagePlugin import TiffImageFile

    grey = compression not in FAX
    options = [(tag, page.value(tag, 0)) for tag in (292, 293)] if compression in (3, 4) else []  # of fax
    entries = [
        *options,
        (tags.WIDTH, row_bytes if grey else width),
        (tags.LENGTH, sum(heights)),
        (tags.BITS, 8 if grey else 1),
        (tags.COMPRESSION, compression),
        (tags.PHOTOMETRIC, 1),
        (tags.FILL_ORDER, page.value(tags.FILL_ORDER, 1)),
        (tags.SAMPLES, 1),
        (tags.ROWS_PER_STRIP, heights[0]),
    ]
    starts = np.cumsum([0, *map(len, segments)], dtype=np.int64)
    head = 8 + 2 + 12 * (len(entries) + 2) + 4
    lists = head + 8 * len(segments)
    ifd = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries]
    many = len(segments) > 1
    for tag, values, place in (
        (tags.STRIP_OFFSETS, starts[:-1] + lists, head),
        (tags.STRIP_BYTE_COUNTS, np.diff(starts), head + 4 * len(segments)),
    ):
        ifd.append(struct.pack("<HHII", tag, 4, len(segments), place if many else int(values[0])))
    ifd.sort(key=lambda entry: struct.unpack_from("<H", entry)[0])
    table = np.concatenate([starts[:-1] + lists, np.diff(starts)]).astype("<u4").tobytes()
    file = io.BytesIO(
        b"II*\0" + struct.pack("<IH", 8, len(ifd)) + b"".join(ifd) + bytes(4) + table + b"".join(segments)
    )
    with _without_messages_of_c():
        picture = TiffImageFile(file)
        values = np.asarray(picture)
    return values if grey else np.packbits(values, axis=1)


@contextmanager
def _without_messages_of_c() -> Iterator[None]:
    """Keep libtiff from writing to stderr what is raised as an error anyway, where no other thread writes there."""
    if threading.active_count() > 1:
        yield
        return
    with suppress(AttributeError, OSError, ValueError):
        sys.stderr.flush()
    try:
        kept = os.dup(2)
        null = os.open(os.devnull, os.O_WRONLY)
    except OSError:
        yield
        return
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)
