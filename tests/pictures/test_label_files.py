"""Label maps: what is read from files that keep values, and which files are refused."""

import numpy as np
import pytest
import tifffile
from picture_files import GREY, RAMP, RGB, save

from segalgo.pictures import PictureError, read_labels


def test_labels_of_lossy_files_are_refused(tmp_path):
    for name, options in (("a.jpg", {}), ("a.webp", {}), ("a.jp2", {"irreversible": True})):
        save(tmp_path / name, GREY, **options)
        with pytest.raises(PictureError, match=r"is (JPEG|WebP|JPEG 2000), whose compression changes values"):
            read_labels(tmp_path / name)


def test_labels_saved_as_colors(tmp_path):
    np.testing.assert_array_equal(read_labels(save(tmp_path / "a.png", np.dstack([GREY] * 3))), GREY)
    np.testing.assert_array_equal(read_labels(save(tmp_path / "b.png", np.dstack([GREY] * 3 + [GREY * 0 + 9]))), GREY)
    np.testing.assert_array_equal(read_labels(save(tmp_path / "c.png", np.dstack([GREY, GREY * 0 + 255]))), GREY)
    with pytest.raises(PictureError, match=r"d.png: holds colors, such as \[40, 20, 215\] at row 0, column 0"):
        read_labels(save(tmp_path / "d.png", RGB))
    with pytest.raises(PictureError, match="is transparent in places"):
        read_labels(save(tmp_path / "e.png", np.dstack([GREY] * 4)))
    np.testing.assert_array_equal(read_labels(tmp_path / "d.png", colors=True), RGB)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_labels_as_floats(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", RAMP.astype(dtype), photometric="minisblack")
    labels = read_labels(tmp_path / "a.tif")
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, RAMP)
    for value in (0.5, np.nan, np.inf, 2.0**60):
        values = RAMP.astype(dtype)
        values[2, 3] = value
        tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
        with pytest.raises(PictureError, match=r"a.tif: holds .* at \[2, 3\]: expected labels, whole numbers"):
            read_labels(tmp_path / "a.tif")


@pytest.mark.parametrize("dtype", [np.uint64, np.int64, np.uint32, np.int32, np.int16])
def test_labels_keep_their_dtype(tmp_path, dtype):
    values = RAMP.astype(dtype)
    values[0, 0] = np.iinfo(dtype).max
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    labels = read_labels(tmp_path / "a.tif")
    assert labels.dtype == dtype
    np.testing.assert_array_equal(labels, values)


@pytest.mark.parametrize("suffix", [".PNG", ".Png", ".TIF"])
def test_names_in_upper_case_are_found_and_hidden_files_skipped(tmp_path, suffix):
    from segalgo.pictures.listing import find_picture, list_pictures

    for name in (f"a{suffix}", f"._a{suffix}", ".hidden.png", "b.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in list_pictures(tmp_path)] == [f"a{suffix}"]
    assert find_picture(tmp_path, "a") == tmp_path / f"a{suffix}"
    assert find_picture(tmp_path, "n" * 300) is None
