"""Damaged and hostile files: the documented error, in little time and memory."""

import io
import struct
import time
import warnings
import zlib

import numpy as np
import pytest
import tifffile
from picture_files import GREY, RGB, chunk, tiff_by_hand
from PIL import Image

import segalgo
from segalgo.pictures import PictureError, read_labels
from segalgo.pictures.limits import check_memory
from segalgo.pictures.png import PASSES, SIGNATURE


def encoded(name):
    file = io.BytesIO()
    kind, _, option = name.partition("-")
    if kind == "tifffile":
        options = {"tiles": {"tile": (16, 16), "compression": "zlib"}, "big": {"bigtiff": True}}[option]
        tifffile.imwrite(file, GREY, photometric="minisblack", **options)
    elif option == "frames":
        Image.fromarray(RGB).save(file, kind, save_all=True, append_images=[Image.fromarray(255 - RGB)])
    else:
        options = {"compression": option} if kind == "TIFF" else {}
        Image.fromarray(GREY > 100 if option == "group4" else RGB).save(file, kind, **options)
    return file.getvalue()


DAMAGES = 120
NAMES = (
    "PNG", "PNG-frames", "JPEG", "GIF", "GIF-frames", "BMP", "WEBP", "WEBP-frames", "PPM", "JPEG2000", "TIFF-raw",
    "TIFF-tiff_lzw", "TIFF-jpeg", "TIFF-group4", "TIFF-packbits", "tifffile-tiles", "tifffile-big",
)  # fmt: skip


def error_of(read, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read(path)
        except PictureError as error:
            return str(error)
    return None


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_raise_the_documented_error(tmp_path, name):
    rng = np.random.default_rng(0)
    whole = encoded(name)
    path = tmp_path / "a.bin"
    for k in range(DAMAGES):
        data = bytearray(whole)
        if k % 4 == 0:
            data = data[: int(rng.integers(1, len(data)))]
        else:
            head = len(data) if k % 2 else min(len(data), 120)
            for place in rng.integers(0, head, int(rng.integers(1, 5))):
                data[place] = int(rng.choice([0, 1, 255, 127, int(rng.integers(256))]))
        path.write_bytes(data)
        start = time.perf_counter()
        for read in (segalgo.read_picture, read_labels):
            message = error_of(read, path)
            assert message is None or (message.startswith(f"{path}: ") and "\n" not in message)
        assert time.perf_counter() - start < 20  # seconds; a machine may be busy


def png(width, height, bits, kind, data):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def pages_in_a_circle(count=150):
    data = b"II*\0" + struct.pack("<I", 8)
    for k in range(count):
        data += struct.pack("<HHHIII", 1, 256, 4, 1, 5, 8 + 18 * ((k + 1) % count))
    return data


HOSTILE = {
    "png": (png(8000, 9000, 8, 0, zlib.compress(bytes(8001 * 9000), 9)), "in a file of"),
    "png header": (png(2**31 - 1, 2**31 - 1, 16, 6, b"x"), "more than the limit of 178956970"),
    "gif": (
        b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b"\x2c" + bytes(9) + b";",
        "more than the limit",
    ),
    "sparse tiff": (
        tiff_by_hand({256: 22800, 257: 7000, 258: 8, 259: 1, 262: 1, 277: 1, 278: 7000, 273: 0, 279: 0}, [b""]),
        "in a file of",
    ),
    "pages in a circle": (pages_in_a_circle(), "its pages form a circle"),
    "tags outside": (
        b"II*\0" + struct.pack("<IHHHIII", 8, 1, 273, 4, 2**32 - 1, 8, 0),
        "a.bin: .*(outside|expected at least one)",
    ),
    "comments": (b"P5" + b"#" * 900_000, "its header is damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_before_they_cost_anything(tmp_path, name):
    content, message = HOSTILE[name]
    (tmp_path / "a.bin").write_bytes(content)
    start = time.process_time()
    with pytest.raises(PictureError, match=message):
        segalgo.read_picture(tmp_path / "a.bin")
    assert time.process_time() - start < 2


def test_the_limit_can_be_raised(tmp_path):
    content, _ = HOSTILE["png"]
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(PictureError, match=r"max_pixels=72000000 \(--max-pixels 72000000\) reads them"):
        segalgo.read_picture(tmp_path / "a.png")
    assert segalgo.read_picture(tmp_path / "a.png", max_pixels=72_000_000).shape == (9000, 8000)
    with segalgo.pictures.use_max_pixels(100), pytest.raises(PictureError, match="more than the limit of 100"):
        segalgo.read_picture(tmp_path / "a.png")


def test_what_does_not_fit_into_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("segalgo.pictures.limits.available_memory", lambda: 2**20)
    Image.fromarray(np.zeros((1000, 1000), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(PictureError, match="does not fit into memory: about 6 MiB are needed, 1 MiB are free"):
        segalgo.read_picture(tmp_path / "a.png")
    check_memory(tmp_path, 2**19)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("shape", [(1_000_000, 1), (1, 1_000_000), (700_000, 2), (3, 500_000)])
def test_thin_png_of_16_bits_takes_time_in_proportion(tmp_path, shape, interlaced):
    height, width = shape
    if interlaced:
        sizes = [(-(-(height - r) // dr), -(-(width - c) // dc)) for r, c, dr, dc in PASSES]
        data = b"".join((b"\4" + b"\0\1" * 3 * w) * h for h, w in sizes if h > 0 and w > 0)
    else:
        data = (b"\4" + b"\0\1" * 3 * width) * height
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, int(interlaced))
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(SIGNATURE + parts)
    start = time.process_time()
    picture = segalgo.read_picture(tmp_path / "a.png")
    assert time.process_time() - start < 4
    assert picture.shape == (height, width, 3)
    if not interlaced and height == 1:
        np.testing.assert_array_equal(picture[0, :600, 0], np.arange(1, 601) % 256)
