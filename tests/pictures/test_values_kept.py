"""What is written is what was given, or an error; what is read as labels is what was meant."""

import contextlib

import numpy as np
import pytest
from PIL import Image

import segalgo
from segalgo.pictures import PictureError, PictureWarning, read_labels, read_picture, write_picture

cv2 = pytest.importorskip("cv2")

SHAPES = [(9, 11), (9, 11, 1), (9, 11, 2), (9, 11, 3), (9, 11, 4), (9, 11, 5), (3, 9, 11)]
DTYPES = [
    "bool",
    "uint8",
    "int8",
    "uint16",
    ">u2",
    "int16",
    "uint32",
    "int32",
    ">i4",
    "int64",
    "float16",
    "float32",
    "float64",
]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF", ".bmp", ".gif", ".jp2", ".pgm", ".ppm", ".pbm", ".pnm"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_picture_comes_back_as_it_was_written_or_is_refused(tmp_path, suffix, dtype):
    rng = np.random.default_rng(3)
    held = 0
    for shape in SHAPES:
        values = (rng.uniform(-(2.0**40), 2.0**40, shape) % 2.0**15).astype(dtype)
        if values.dtype.kind in "iu":
            values.flat[:2] = np.iinfo(values.dtype).min, np.iinfo(values.dtype).max
        path = tmp_path / f"a{suffix}"
        with contextlib.suppress(TypeError):
            write_picture(path, values)
        if not path.exists():
            with pytest.raises(TypeError, match="picture has dtype"):
                write_picture(path, values)
            continue
        held += 1
        found = read_picture(path)
        if suffix == ".gif":  # has no bool, and grey is a palette
            found = segalgo.to_grey(found)
            values = values * np.uint8(255) if values.dtype == bool else values
        np.testing.assert_array_equal(found, values[..., 0] if shape[2:] == (1,) else values)
        path.unlink()
    assert held or dtype != "uint8"


def test_masked_elements_are_not_dropped_in_silence(tmp_path):
    masked = np.ma.masked_greater(np.arange(12, dtype=np.uint8).reshape(3, 4), 5)
    labels = np.zeros((3, 4), np.uint8)
    for call in (
        lambda: write_picture(tmp_path / "a.png", masked),
        lambda: segalgo.to_grey(masked),
        lambda: segalgo.overlay(masked, labels),
        lambda: segalgo.overlay(labels, masked),
        lambda: segalgo.blur_background(labels, masked > 3),
    ):
        with pytest.raises(TypeError, match="masked elements"):
            call()
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("wrong", [np.zeros((3, 3), complex), np.full((3, 3), None), np.zeros((3, 3), "M8[s]")])
def test_to_grey_and_overlay_take_numbers_only(wrong):
    with pytest.raises(TypeError, match="picture"):
        segalgo.to_grey(wrong)
    with pytest.raises(TypeError, match="image"):
        segalgo.overlay(wrong, np.zeros((3, 3), int))


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64])
def test_overlay_colors_the_largest_labels(dtype):
    labels = np.zeros((8, 8), dtype)
    labels[2:6, 2:6] = np.iinfo(dtype).max
    drawn = segalgo.overlay(np.zeros((8, 8), np.uint8), labels, scale=1, numbers=False, outlines=False, alpha=1)
    assert (drawn[2:6, 2:6].max(axis=-1) > 0).all()
    assert not drawn[:2].any()


@pytest.mark.parametrize("writer", ["Pillow", "imageio"])
@pytest.mark.parametrize("numbers", [(0, 255), (0, 90, 200), (0, 1, 2, 3), (5, 7)])
def test_grey_labels_of_a_gif_are_not_ranks(tmp_path, writer, numbers):
    labels = np.array(numbers, np.uint8)[np.arange(600).reshape(20, 30) // 40 % len(numbers)]
    path = tmp_path / "a.gif"
    if writer == "Pillow":
        Image.fromarray(labels).save(path)
    else:
        pytest.importorskip("imageio.v3").imwrite(path, labels)
    np.testing.assert_array_equal(read_labels(path), labels)
    np.testing.assert_array_equal(segalgo.to_grey(read_picture(path)), labels)


def test_a_gif_with_colors_keeps_its_indices(tmp_path):
    indices = (np.arange(600).reshape(20, 30) // 40 % 3).astype(np.uint8)
    picture = Image.fromarray(indices, "P")
    picture.putpalette([0, 0, 0, 200, 10, 10, 10, 10, 200])
    picture.save(tmp_path / "a.gif", optimize=False)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.gif"), indices)


def test_labels_in_a_jpeg_2000_that_may_be_cut_short_come_with_a_word(tmp_path):
    labels = np.random.default_rng(0).integers(0, 5, (37, 53)).astype(np.uint8)
    assert cv2.imwrite(str(tmp_path / "a.jp2"), labels)  # reversible wavelet, at a rate that cuts the data
    with pytest.warns(PictureWarning, match="cut short"):
        read_labels(tmp_path / "a.jp2")


def test_labels_in_which_white_is_zero_come_with_a_word(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    tifffile.imwrite(tmp_path / "a.tif", labels, photometric="miniswhite")
    with pytest.warns(PictureWarning, match="white is zero"):
        np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), 255 - labels)


def test_a_suffix_that_names_no_format_is_an_error(tmp_path):
    with pytest.raises(PictureError, match="cannot be written"):
        write_picture(tmp_path / "a.xyz", np.zeros((2, 2), np.uint8))
