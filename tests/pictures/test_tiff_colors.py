"""TIFF whose samples are YCbCr or L*a*b*, as Pillow and tifffile write them: read as displayed, or refused."""

import numpy as np
import pytest
import tifffile
from picture_files import RGB, tiff_by_hand
from PIL import Image

import segalgo
from segalgo.pictures import PictureError, PictureWarning

COLORS = Image.fromarray(RGB)


def stored(mode):
    return np.asarray(COLORS.convert(mode))


def write(path, kind):
    """Write the same colors in a form that a word names: photometric interpretation, program and compression."""
    photometric, program, compression = kind.split("-")
    if program == "Pillow":
        COLORS.convert({"cielab": "LAB"}.get(photometric, "YCbCr")).save(path)
        return
    values = stored("YCbCr" if photometric == "ycbcr" else "LAB")
    if photometric == "icclab":  # a and b are 128 higher there
        values = values ^ np.array([0, 128, 128], np.uint8)
    compression = None if compression == "raw" else compression
    # The tag of 1 x 1 subsampling: without it 2 x 2 is meant, which the length of the strips denies.
    tifffile.imwrite(path, values, photometric=photometric, compression=compression)


@pytest.mark.parametrize("kind", ["ycbcr-Pillow-raw", "ycbcr-tifffile-raw", "ycbcr-tifffile-zlib", "cielab-Pillow-raw",
                                  "cielab-tifffile-raw", "cielab-tifffile-zlib", "icclab-tifffile-raw"])  # fmt: skip
def test_colors_are_those_displayed(tmp_path, kind):
    write(tmp_path / "a.tif", kind)
    with pytest.warns(PictureWarning, match="is (YCbCr|L\\*a\\*b\\*), converted to RGB"):
        picture = segalgo.read_picture(tmp_path / "a.tif")
    mode = "YCbCr" if kind.startswith("ycbcr") else "LAB"
    np.testing.assert_array_equal(picture, np.asarray(COLORS.convert(mode).convert("RGB")))
    assert np.abs(picture.astype(int) - RGB).max() <= 8  # 8 bits of another color space
    band = segalgo.read_picture(tmp_path / "a.tif", channel=0)
    np.testing.assert_array_equal(band, stored(mode)[..., 0])


def test_what_is_not_read_names_the_way_out(tmp_path):
    wide = stored("LAB").astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", wide, photometric="cielab")
    with pytest.raises(PictureError, match=r"L\*a\*b\* of 16 bits.*convert it to RGB"):
        segalgo.read_picture(tmp_path / "a.tif")
    # Two rows of 30 pixels, one color for 2 x 2: six bytes for four pixels.
    tags = {256: 30, 257: 2, 258: [8, 8, 8], 259: 1, 262: 6, 277: 3, 278: 2, 530: [2, 2]}
    (tmp_path / "b.tif").write_bytes(tiff_by_hand(tags, [bytes(15 * 6)]))
    with pytest.raises(PictureError, match=r"one color for 2 x 2 pixels.*convert it to RGB first"):
        segalgo.read_picture(tmp_path / "b.tif")
