"""PNG, JPEG, GIF, BMP, WebP and JPEG 2000, which Pillow decodes, and what has to be known to trust its answers."""

import struct
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np

from segalgo.pictures import png
from segalgo.pictures.errors import UnreadableError
from segalgo.pictures.opened import OpenedPicture, known_orientation

ORIENTATION = 0x0112
MOST_SCANS = 100  # of a progressive JPEG; encoders write about ten, and each costs a pass over the picture

MOST_TILES = 2**16  # of a JPEG 2000, as its standard has it


def open_png(file: BinaryIO, page: int | None) -> OpenedPicture:
    """Read the header of a PNG."""
    from PIL.Image import Image
    from PIL.PngImagePlugin import PngImageFile

    header = png.read_header(file)
    file.seek(0)
    picture = PngImageFile(file)
    still = not getattr(picture, "is_animated", False)
    exact = header.bits == 16 and header.channels > 1 and (still or not page)

    def decode(labels: bool) -> np.ndarray:
        if exact:
            return _with_transparent_value(png.read_16_bits(file, header), header.transparent)
        if page:
            picture.seek(page)
        values = _decoded(picture, labels)
        # Pillow leaves rows that the data do not reach at zero.
        if still and (header.interlaced or not values[-1].any()) and not png.holds_all_rows(file, header):
            raise ValueError("its data end before the last row")
        if labels and header.color_type == 0 and header.bits in (2, 4):
            values = values // np.uint8(255 // (2**header.bits - 1))  # Pillow spreads the grey values over 0 to 255
        if not labels and header.bits == 16 and header.transparent is not None and values.ndim == 2:
            values = _with_transparent_value(values[..., None], header.transparent)
        return values

    colors = 3 if header.color_type in (2, 3, 6) else 1
    opened = _opened("PNG", picture, decode, (colors + 1) * (2 if header.bits == 16 else 1))
    opened.grey = header.color_type in (0, 4)
    if header.exif:
        opened.orientation = _exif_orientation(header.exif)
    elif "Raw profile type exif" in picture.info:  # as ImageMagick writes it
        opened.orientation = known_orientation(Image.getexif(picture).get(ORIENTATION))
    _choose_frame(opened, picture, page)
    return opened


def _with_transparent_value(values: np.ndarray, transparent: bytes | None) -> np.ndarray:
    """Add an opacity channel where tRNS names one value or color of 16 bits as transparent."""
    if transparent is None or values.shape[2] not in (1, 3) or len(transparent) < 2 * values.shape[2]:
        return values
    color = np.frombuffer(transparent[: 2 * values.shape[2]], ">u2").astype(np.uint16)
    opacity = np.where((values == color).all(axis=2, keepdims=True), np.uint16(0), np.uint16(65535))
    return np.concatenate([values, opacity], axis=2)


def open_jpeg(file: BinaryIO, page: int | None) -> OpenedPicture:
    """Read the header of a JPEG."""
    from PIL.JpegImagePlugin import JpegImageFile

    picture = JpegImageFile(file)
    opened = _opened("JPEG", picture, lambda labels: _decoded(picture, labels), len(picture.getbands()))
    opened.lossy = True
    opened.grey = picture.mode == "L"
    opened.orientation = known_orientation(picture.getexif().get(ORIENTATION))
    if picture.mode == "CMYK":
        opened.decisions.append("is CMYK, converted to RGB")
    _choose_frame(opened, picture, page)
    if picture.info.get("progressive"):
        file.seek(0)
        scans = sum(data.count(b"\xff\xda") for data in iter(lambda: file.read(2**20), b""))
        if scans > MOST_SCANS:
            raise ValueError(f"its data are spread over {scans} scans, expected at most {MOST_SCANS}")
    return opened


def open_gif(file: BinaryIO, page: int | None) -> OpenedPicture:
    """Read the header of a GIF."""
    from PIL.GifImagePlugin import GifImageFile

    picture = GifImageFile(file)
    place = file.tell()

    def decode(labels: bool) -> np.ndarray:
        file.seek(place)
        if page:
            picture.seek(page)
        values = _decoded(picture, labels)
        if labels and picture.mode == "P":
            # GIF has no grey: writers put the grey values that occur into the palette, and their ranks into the pixels.
            colors = np.zeros((256, 3), np.uint8)
            table = np.array(picture.getpalette(), np.uint8).reshape(-1, 3)[:256]
            colors[: len(table)] = table
            used = colors[np.unique(values)]
            if (used == used[:, :1]).all() and len(np.unique(used[:, 0])) == len(used):
                values = colors[values, 0]
        return values

    opened = _opened("GIF", picture, decode, 4)
    opened.grey = picture.mode == "L"
    _choose_frame(opened, picture, page, _gif_frames(file))
    return opened


def _gif_frames(file: BinaryIO) -> int:
    """Count the frames of a GIF; Pillow would parse each of them."""
    file.seek(10)
    flags = file.read(1)[0]
    file.seek(2, 1)
    frames = 0
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), 1)
    while True:
        kind = file.read(1)
        if kind == b",":
            frames += 1
            flags = (file.read(9) + bytes(9))[8]
            if flags & 0x80:
                file.seek(3 << ((flags & 7) + 1), 1)
            file.seek(1, 1)
        elif kind == b"!":
            file.seek(1, 1)
        elif kind != b"\0":  # the end, or what is not looked at
            return frames
        else:
            continue
        while length := (file.read(1) or b"\0")[0]:
            file.seek(length, 1)


def open_bmp(file: BinaryIO, page: int | None) -> OpenedPicture:
    """Read the header of a BMP."""
    from PIL.BmpImagePlugin import BmpImageFile

    picture = BmpImageFile(file)
    opened = _opened("BMP", picture, lambda labels: _decoded(picture, labels), len(picture.getbands()))
    opened.grey = picture.mode in ("1", "L")
    _choose_frame(opened, picture, page)
    return opened


def open_webp(file: BinaryIO, page: int | None) -> OpenedPicture:
    """Read the header of a WebP, without Pillow, whose reader allocates the whole picture when it opens one."""
    size, orientation, lossy = None, 1, False
    for kind, place, length in _riff_chunks(file):
        file.seek(place)
        if kind == b"VP8X" and size is None:
            head = file.read(10)
            size = tuple(int.from_bytes(head[k : k + 3], "little") + 1 for k in (7, 4))
        elif kind == b"VP8L" and size is None:
            bits = int.from_bytes(file.read(5)[1:], "little")
            size = (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
        elif kind == b"VP8 ":
            lossy = True
            width, height = struct.unpack("<6x2H", file.read(10))
            size = size or (height & 0x3FFF, width & 0x3FFF)
        elif kind == b"ANMF":
            lossy = lossy or b"VP8 " in file.read(64)
        elif kind == b"EXIF" and length < 2**16:
            orientation = _exif_orientation(file.read(length))
    if size is None:
        raise ValueError("its header is damaged")

    def decode(labels: bool) -> np.ndarray:
        from PIL.WebPImagePlugin import WebPImageFile

        file.seek(0)
        picture = WebPImageFile(file)
        _choose_frame(opened, picture, page)
        if page:
            picture.seek(page)
        return _decoded(picture, labels)

    opened = OpenedPicture("WebP", size, 8, decode, orientation, lossy)
    return opened


def _riff_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, place and length of the chunks of a WebP."""
    place = 12
    while True:
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        name, length = struct.unpack("<4sI", head)
        yield name, place + 8, length
        place += 8 + length + (length & 1)


def _exif_orientation(data: bytes) -> int:
    from PIL import Image

    exif = Image.Exif()
    exif.load(data)
    return known_orientation(exif.get(ORIENTATION))


def open_jpeg2000(file: BinaryIO, page: int | None) -> OpenedPicture:
    """Read the header of a JPEG 2000."""
    from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

    start = file.read(2**16)
    place = start.find(b"\xff\x4f\xff\x51")  # start of the codestream, then the sizes
    if place < 0 or len(start) < place + 43:
        raise ValueError("its header is damaged")
    channels = int.from_bytes(start[place + 40 : place + 42], "big")
    bits = (start[place + 42] & 127) + 1
    tiles = struct.unpack(">2I", start[place + 24 : place + 32])
    file.seek(0)
    picture = Jpeg2KImageFile(file)
    if bits > 8 and channels > 1:
        raise UnreadableError(f"has {channels} channels of {bits} bits, which would be cut to 8: convert it to TIFF")
    if bits > 16:
        raise ValueError(f"it has {bits} bits, expected at most 16")

    def decode(labels: bool) -> np.ndarray:
        if labels and not opened.lossy:
            opened.decisions.append(
                "is a JPEG 2000 of the reversible kind, whose data may still be cut short, which changes values; "
                "PNG and TIFF keep labels for certain"
            )
        values = _decoded(picture, labels)
        # Pillow spreads 9 to 15 bits over 16.
        return values >> (16 - bits) if 8 < bits < 16 and values.dtype == np.uint16 else values

    opened = _opened("JPEG 2000", picture, decode, len(picture.getbands()) * (1 if bits <= 8 else 2))
    # The reversible wavelet is marked in the coding style; what is stored with it may still be cut off.
    style = start.find(b"\xff\x52", place)
    opened.lossy = style < 0 or start[style + 13 : style + 14] != b"\x01"
    opened.grey = picture.mode in ("L", "I;16")
    if picture.size[0] * picture.size[1] > MOST_TILES * tiles[0] * tiles[1]:
        raise ValueError(f"it is cut into more than {MOST_TILES} tiles")
    _choose_frame(opened, picture, page)
    return opened


def _opened(name: str, picture: Any, decode: Callable[[bool], np.ndarray], pixel_bytes: float) -> OpenedPicture:
    return OpenedPicture(name, picture.size[::-1], pixel_bytes, decode)


def _choose_frame(opened: OpenedPicture, picture: Any, page: int | None, frames: int | None = None) -> None:
    """Check the number of the frame, and note where the first of several is taken unasked."""
    if frames is None:
        frames = picture.n_frames if getattr(picture, "is_animated", False) else 1
    opened.pages = max(1, frames)
    if picture.mode == "P":
        opened.palette = lambda: np.array(picture.getpalette(), np.uint8).reshape(-1, 3)
    if page is None:
        if opened.pages > 1:
            opened.decisions.append(
                f"holds {opened.pages} frames, the first is read; page=k (--page k) reads frame k, counted from 0"
            )
        return
    if not 0 <= page < opened.pages:
        raise UnreadableError(f"has no page {page}: there are {opened.pages}, counted from 0")


def _decoded(picture: Any, labels: bool) -> np.ndarray:
    """Return the pixels of a Pillow picture: colors of a palette, or with `labels` its indices."""
    picture.load()
    mode = picture.mode
    if mode == "P" and not labels:
        return np.asarray(picture.convert("RGBA" if "transparency" in picture.info else "RGB"))
    if mode == "PA" and not labels:
        return np.asarray(picture.convert("RGBA"))
    if mode == "PA":
        return np.asarray(picture)[..., 0]
    if mode in ("CMYK", "YCbCr", "RGBX", "LAB", "HSV"):
        return np.asarray(picture.convert("RGB"))
    if mode == "La":
        return np.asarray(picture.convert("LA"))
    if mode == "RGBa":
        return np.asarray(picture.convert("RGBA"))
    if "transparency" in picture.info and mode in ("1", "L", "RGB") and not labels:
        return np.asarray(picture.convert("RGBA" if mode == "RGB" else "LA"))
    values = np.asarray(picture)
    if mode.startswith("I;16"):
        return values.astype(np.uint16)
    if mode == "I" and values.size and values.min() >= 0 and values.max() < 2**16:
        return values.astype(np.uint16)  # older releases of Pillow widen 16 bits
    return values
