"""PNG files, written by Pillow or by hand, read as they are displayed."""

import struct
import zlib

import numpy as np
import pytest
from picture_files import GREY, RAMP, RGB, H, W, chunk, displayed, pack, png16, read, save
from PIL import Image

import segalgo
from segalgo.pictures import PictureError, read_labels


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 9, 3), (9, 5, 4), (8, 8, 2), (1030, 4, 3), (3, 40, 4), (7, 9)])
def test_png_keeps_16_bits(tmp_path, rng, shape, interlaced):
    pixels = rng.integers(0, 2**16, shape).astype(np.uint16)
    pixels[len(pixels) // 2 :] //= 4096
    (tmp_path / "a.png").write_bytes(png16(pixels, rng.integers(0, 5, 11), interlaced))
    picture = read(tmp_path / "a.png")
    assert picture.dtype == np.uint16
    np.testing.assert_array_equal(picture, pixels)


def test_png_of_12_bits_in_16(tmp_path):
    rgb = np.full((20, 20, 3), 40, np.uint16)
    rgb[5:10, 5:10] = 200
    (tmp_path / "a.png").write_bytes(png16(rgb))
    found = segalgo.segment(segalgo.to_grey(read(tmp_path / "a.png")))
    assert found.statistics.area.tolist() == [25]


def test_png_transparency_by_value(tmp_path):
    pixels = np.full((4, 5, 3), 1000, np.uint16)
    pixels[1, 2] = 7, 8, 9
    (tmp_path / "a.png").write_bytes(png16(pixels, before=chunk(b"tRNS", struct.pack(">3H", 7, 8, 9))))
    picture = read(tmp_path / "a.png")
    assert picture.shape == (4, 5, 4)
    assert picture[1, 2].tolist() == [7, 8, 9, 0]
    assert (picture[..., 3] == 65535).sum() == 19
    (tmp_path / "g.png").write_bytes(png16(pixels[..., 0], before=chunk(b"tRNS", struct.pack(">H", 7))))
    assert read(tmp_path / "g.png")[1, 2].tolist() == [7, 0]
    save(tmp_path / "grey.png", GREY, transparency=40)
    picture = read(tmp_path / "grey.png")
    np.testing.assert_array_equal(picture, np.dstack([GREY, np.where(GREY == 40, 0, 255)]))
    np.testing.assert_array_equal(read_labels(tmp_path / "grey.png"), GREY)
    save(tmp_path / "rgb.png", RGB, transparency=tuple(RGB[0, 0].tolist()))
    assert (read(tmp_path / "rgb.png")[..., 3] == 0).sum() == (GREY == 40).sum()


def test_png_palettes(tmp_path):
    image = Image.fromarray((GREY > 100).astype(np.uint8))
    image.putpalette([255, 255, 255, 10, 20, 30])
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png"), displayed(tmp_path / "a.png"))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), GREY > 100)
    image.save(tmp_path / "t.png", transparency=bytes([0, 128]))
    picture = read(tmp_path / "t.png")
    assert picture[0, 0].tolist() == [255, 255, 255, 0]
    assert picture[5, 6].tolist() == [10, 20, 30, 128]
    np.testing.assert_array_equal(read_labels(tmp_path / "t.png"), GREY > 100)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_png_of_few_bits(tmp_path, bits):
    values = (RAMP % 2**bits).astype(np.uint8)
    rows = b"".join(b"\0" + pack(row, bits) for row in values)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, bits, 0, 0, 0, 0))
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + head + chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )  # fmt: skip
    picture = read(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.astype(int) if bits == 1 else picture // (255 // (2**bits - 1)), values)
    assert picture.max() == (True if bits == 1 else 255)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), values)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("interlaced", [0, 1])
def test_png_with_missing_rows_is_refused(tmp_path, bits, interlaced):
    rows = (b"\0" + bytes(W * bits // 8)) * (H // 2)
    head = struct.pack(">IIBBBBB", W, H, bits, 0, 0, 0, interlaced)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(
        PictureError, match=r"a.png: cannot be read .*(its data end before the last row|image file is truncated)"
    ):
        segalgo.read_picture(tmp_path / "a.png")
