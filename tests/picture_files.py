"""Picture files for tests: by hand (PNG of 16 bits, TIFF of given tags and strips) and by Pillow, and how they are read."""

import struct
import warnings
import zlib

import numpy as np
from PIL import Image, ImageOps

import segalgo

H, W = 20, 30
GREY = np.full((H, W), 40, np.uint8)
GREY[4:9, 5:15] = 200
RGB = np.dstack([GREY, GREY // 2, 255 - GREY])
RAMP = np.arange(H * W).reshape(H, W)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png16(pixels, filters=None, interlaced=False, before=b"", after=b""):
    """Encode a PNG of 16 bits by hand: any filter of each row, Adam7."""
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    data = b""
    for row, column, down, right in passes:
        part = pixels[row::down, column::right]
        if part.size == 0:
            continue
        raw = part.astype(">u2").view(np.uint8).reshape(len(part), -1).astype(int)
        size = 2 * pixels.shape[2]
        above = np.zeros_like(raw[0])
        for k, current in enumerate(raw):
            kind = 0 if filters is None else filters[k % len(filters)]
            left = np.concatenate([np.zeros(size, int), current[:-size]])
            corner = np.concatenate([np.zeros(size, int), above[:-size]])
            guess = left + above - corner
            a, b, c = abs(guess - left), abs(guess - above), abs(guess - corner)
            paeth = np.where((a <= b) & (a <= c), left, np.where(b <= c, above, corner))
            predicted = (0, left, above, (left + above) // 2, paeth)[kind]
            data += bytes([kind]) + ((current - predicted) % 256).astype(np.uint8).tobytes()
            above = current
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[pixels.shape[2]]
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, kind, 0, 0, interlaced)
    body = before + chunk(b"IDAT", zlib.compress(data)) + after
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + body + chunk(b"IEND", b"")


def tiff_by_hand(tags, strips, order="<", offset=None):
    """Assemble a TIFF of one page from tags and strips."""
    tags = dict(tags)
    tags.setdefault(273, [0] * len(strips))
    tags.setdefault(279, [len(strip) for strip in strips])
    listed = {tag: value if isinstance(value, list) else [value] for tag, value in tags.items()}
    place = 8 + 2 + 12 * len(listed) + 4
    extra_bytes = sum(4 * len(values) for values in listed.values() if len(values) > 1)
    if listed[273] == [0] * len(strips):
        starts = np.cumsum([place + extra_bytes, *map(len, strips)]).tolist()[:-1]
        listed[273] = starts
    entries, extra = b"", b""
    for tag in sorted(listed):
        values = listed[tag]
        data = struct.pack(f"{order}{len(values)}I", *values)
        where = data if len(values) == 1 else struct.pack(f"{order}I", place + len(extra))
        entries += struct.pack(f"{order}HHI", tag, 4, len(values)) + where
        extra += data if len(values) > 1 else b""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(f"{order}IH", 8, len(listed))
    return head + entries + struct.pack(f"{order}I", 0) + extra + b"".join(strips)


def pack(row, bits):
    """Pack numbers into bytes, the first in the highest bits."""
    single = np.unpackbits(row.astype(">u2").view(np.uint8).reshape(-1, 2), axis=1)[:, 16 - bits :]
    return np.packbits(single.ravel()).tobytes()


def read(path, **options):
    """Read a picture about which there is nothing to decide."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return segalgo.read_picture(path, **options)


def save(path, array, **options):
    """Write an array with Pillow; return the path."""
    Image.fromarray(array).save(path, **options)
    return path


def displayed(path):
    """Return a picture as Pillow displays it, RGB."""
    return np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
