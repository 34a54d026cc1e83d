"""The orientation of EXIF is applied, whatever the format."""

import numpy as np
import pytest
import tifffile
from picture_files import RAMP, RGB, H, W, chunk, displayed, png16, read, save
from PIL import Image

from segalgo.pictures import picture_size, read_labels


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_the_orientation_of_exif_is_applied(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    if suffix == "tif":
        tifffile.imwrite(path, RGB, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    else:
        save(path, RGB, exif=exif, **({"lossless": True} if suffix == "webp" else {}))
    want = displayed(path)
    np.testing.assert_array_equal(read(path), want)
    assert picture_size(path) == want.shape[:2]
    if suffix != "jpg":
        np.testing.assert_array_equal(read_labels(path, colors=True), want)


def test_orientation_of_a_chunk_behind_the_pixels(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = RAMP.astype(np.uint16)
    (tmp_path / "a.png").write_bytes(png16(np.dstack([pixels] * 3), after=chunk(b"eXIf", exif.tobytes()[6:])))
    np.testing.assert_array_equal(read(tmp_path / "a.png")[..., 0], np.rot90(pixels, -1))
    assert picture_size(tmp_path / "a.png") == (W, H)
