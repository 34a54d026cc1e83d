"""Read PBM, PGM and PPM files; Pillow changes the values of those that do not have 8 bits."""

import re
from typing import BinaryIO

import numpy as np

from segalgo.pictures.errors import UnreadableError
from segalgo.pictures.opened import OpenedPicture

LONGEST_HEADER = 2**16  # bytes, most of them comments


def open_netpbm(file: BinaryIO, page: int | None) -> OpenedPicture:
    """Read the header of a PBM, PGM or PPM, plain or raw."""
    if page not in (None, 0):
        raise UnreadableError(f"has no page {page}: there is 1, counted from 0")
    head = file.read(LONGEST_HEADER)
    kind = int(head[1:2])
    numbers, place = [], 2
    for _ in range(2 if kind in (1, 4) else 3):
        found = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])*(\d{1,10})").match(head, place)
        if found is None:
            raise ValueError("its header is damaged")
        numbers.append(int(found[1]))
        place = found.end()
    width, height, largest = (*numbers, 1)[:3]
    if not 0 < largest < 2**16:
        raise ValueError(f"its largest value is {largest}, expected 1 to 65535")
    channels = 3 if kind in (3, 6) else 1
    dtype = np.dtype(bool if kind in (1, 4) else np.uint8 if largest < 256 else ">u2")
    raw_row = -(-width // 8) if kind == 4 else width * channels * dtype.itemsize

    def decode(labels: bool) -> np.ndarray:
        file.seek(place)
        if kind <= 3:
            values = _plain(file.read(), kind, height * width * channels, largest)
        else:
            if not file.read(1).isspace():
                raise ValueError("its header is damaged")
            data = file.read(height * raw_row)
            if len(data) < height * raw_row:
                raise ValueError(f"its data end after {len(data)} of {height * raw_row} bytes")
            if kind == 4:
                bits = np.unpackbits(np.frombuffer(data, np.uint8).reshape(height, raw_row), axis=1)
                return bits[:, :width] == 0  # 1 is black
            values = np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))
        shape = (height, width) if channels == 1 else (height, width, 3)
        values = values.reshape(shape)
        return values == 0 if kind == 1 else values

    opened = OpenedPicture("Netpbm", (height, width), channels * dtype.itemsize, decode)
    opened.grey = channels == 1
    return opened


def _plain(data: bytes, kind: int, count: int, largest: int) -> np.ndarray:
    """Read numbers in words; digits of a plain PBM need no blanks between them."""
    data = re.sub(rb"#[^\r\n]*", b"", data)
    if kind == 1:
        digits = np.frombuffer(data, np.uint8)
        values = digits[(digits == ord("0")) | (digits == ord("1"))][:count] - np.uint8(ord("0"))
    else:
        words = data.split(None, count)[:count]
        values = np.array([int(word) if word.isdigit() and len(word) < 6 else 2**16 for word in words], np.int64)
        if values.max(initial=0) > largest:
            raise ValueError(f"it holds a value that is none of 0 to {largest}")
        values = values.astype(np.uint8 if largest < 256 else np.uint16)
    if len(values) < count:
        raise ValueError(f"its data end after {len(values)} of {count} values")
    return values
