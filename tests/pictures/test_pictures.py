"""Reading pictures, turning them grey, writing label maps, drawing overlays."""

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import color, data

import segalgo
from segalgo.pictures import PictureError


def save(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("name", "dtype", "shape"),
    [
        ("grey8.png", np.uint8, (7, 5)),
        ("grey16.png", np.uint16, (7, 5)),
        ("rgb.png", np.uint8, (7, 5, 3)),
        ("rgba.png", np.uint8, (7, 5, 4)),
        ("rgb.jpg", np.uint8, (7, 5, 3)),
        ("grey16.tif", np.uint16, (7, 5)),
        ("float.tif", np.float32, (7, 5)),
        ("rgb.tif", np.uint8, (7, 5, 3)),
    ],
)
def test_reads_what_scikit_image_reads(tmp_path, rng, name, dtype, shape):
    array = (rng.random(shape) * (1 if dtype == np.float32 else np.iinfo(dtype).max)).astype(dtype)
    path = tmp_path / name
    if path.suffix == ".tif":
        tifffile.imwrite(path, array)
    else:
        save(path, array)
    picture = segalgo.read_picture(path)
    assert picture.dtype == dtype
    assert picture.shape == shape
    if path.suffix != ".jpg":
        np.testing.assert_array_equal(picture, array)


def test_reads_palette_one_bit_and_grey_with_alpha(tmp_path):
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    Image.fromarray(grey).convert("P").save(tmp_path / "palette.png")
    Image.fromarray(grey > 100).save(tmp_path / "bit.png")
    Image.fromarray(np.dstack([grey, np.full_like(grey, 255)])).save(tmp_path / "alpha.png")
    for name in ("palette.png", "alpha.png"):
        np.testing.assert_allclose(segalgo.to_grey(segalgo.read_picture(tmp_path / name)), grey, atol=1)
    np.testing.assert_array_equal(segalgo.to_grey(segalgo.read_picture(tmp_path / "bit.png")) > 0, grey > 100)


def damaged(folder):
    """Yield (path, reason) of files that are no good."""
    whole = save(folder / "whole.png", data.coins()).read_bytes()
    for name, content, reason in [
        ("truncated.png", whole[:5000], "cannot be read as a picture"),
        ("header.png", whole[:20], "cannot be read as a picture"),
        ("text.png", b"these are words\n" * 40, "not a picture, or a damaged one"),
        ("zero.png", b"", r"is empty \(0 bytes\)"),
        ("zero.tif", b"", r"is empty \(0 bytes\)"),
        ("text.tif", b"these are words\n" * 40, "cannot be read as a picture"),
        ("text.jpg", b"\xff\xd8\xff\xe0 broken", "cannot be read as a picture"),
    ]:
        path = folder / name
        path.write_bytes(content)
        yield path, reason
    yield folder / "missing.png", "no such file"
    yield folder, "is a folder"
    stack = folder / "stack.tif"
    tifffile.imwrite(stack, np.zeros((6, 8, 9), np.uint8))
    yield stack, r"is a stack of 6 pictures of 8 x 9 pixels; page=k \(--page k\) reads one"


def test_damaged_files_are_named_with_the_reason(tmp_path):
    for path, reason in damaged(tmp_path):
        with pytest.raises(PictureError, match=reason) as caught:
            segalgo.read_picture(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


def test_grey_is_scikit_images_luminance():
    picture = data.chelsea()
    np.testing.assert_allclose(segalgo.to_grey(picture), color.rgb2gray(picture) * 255, rtol=0, atol=0.5 + 1e-9)
    alpha = np.dstack([picture, np.linspace(0, 255, picture[..., 0].size).astype(np.uint8).reshape(picture.shape[:2])])
    expected = color.rgb2gray(color.rgba2rgb(alpha)) * 255
    np.testing.assert_allclose(segalgo.to_grey(alpha), expected, atol=0.51)


def test_grey_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"picture has shape \(2, 2, 5\)"):
        segalgo.to_grey(np.zeros((2, 2, 5)))


@pytest.mark.parametrize(
    ("highest", "name", "dtype"),
    [
        (0, "m.png", np.uint8),
        (255, "m.png", np.uint8),
        (256, "m.png", np.uint16),
        (65536, "m.tif", np.int32),
        (2**40, "m.tif", np.int64),
    ],
)
def test_label_maps_survive_the_file(tmp_path, highest, name, dtype):
    labels = np.zeros((5, 6), np.int64)
    labels[2, 3] = highest
    path = segalgo.write_label_map(tmp_path / "m", labels)
    assert path.name == name
    back = segalgo.read_picture(path)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, labels)


def test_overlay_colors_objects_and_leaves_ground():
    image = np.full((40, 50), 100, np.uint8)
    labels = np.zeros((40, 50), np.int32)
    labels[5:20, 5:20] = 1
    labels[25:35, 30:45] = 9  # the colors repeat every seven labels: 9 has the color of 2
    drawn = segalgo.overlay(image, labels, numbers=False, scale=1)
    ground = labels == 0
    np.testing.assert_array_equal(drawn[ground], 100)
    assert (drawn[6, 6] != 100).any()
    two = segalgo.overlay(image, np.where(labels == 9, 2, labels), numbers=False, scale=1)
    np.testing.assert_array_equal(drawn, two)
    outline = np.asarray(segalgo.plot.COLORS[0])
    np.testing.assert_array_equal(drawn[5, 5:20], np.broadcast_to(outline, (15, 3)))


def test_overlay_writes_numbers_and_scales():
    labels = np.zeros((60, 80), np.int32)
    labels[10:50, 10:70] = 12
    plain = segalgo.overlay(np.zeros((60, 80)), labels, numbers=False)
    numbered = segalgo.overlay(np.zeros((60, 80)), labels)
    assert plain.shape == numbered.shape
    assert plain.shape[1] >= 900
    changed = np.argwhere((plain != numbered).any(-1))
    assert len(changed) > 10
    middle = np.array(plain.shape[:2]) / 2
    assert np.abs(changed.mean(0) - middle).max() < 20


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (30, 2), (0, 5), (0, 0)])
def test_overlay_of_odd_sizes(shape):
    drawn = segalgo.overlay(np.ones(shape), np.ones(shape, int))
    assert drawn.ndim == 3


@pytest.mark.parametrize("dtype", [bool, np.uint16, np.int32, np.float64])
def test_overlay_shows_dim_pictures(dtype):
    image = np.arange(12).reshape(3, 4).astype(dtype)
    drawn = segalgo.overlay(image, np.zeros((3, 4), int), scale=1)
    assert drawn.min() == 0
    assert drawn.max() == 255


def test_overlay_takes_sparse_labels_and_refuses_what_does_not_fit():
    labels = np.zeros((40, 40), np.int64)
    labels[4:36, 4:36] = 2**40
    assert segalgo.overlay(np.zeros((40, 40)), labels).shape[2] == 3
    with pytest.raises(ValueError, match=r"labels has shape \(3, 3\)"):
        segalgo.overlay(np.zeros((4, 4)), np.zeros((3, 3), int))
    with pytest.raises(TypeError, match="labels has dtype float64"):
        segalgo.overlay(np.zeros((4, 4)), np.zeros((4, 4)))
    with pytest.raises(ValueError, match="alpha=2"):
        segalgo.overlay(np.zeros((4, 4)), np.zeros((4, 4), int), alpha=2)
    with pytest.raises(ValueError, match="scale=0"):
        segalgo.overlay(np.zeros((4, 4)), np.zeros((4, 4), int), scale=0)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([[0, -1]], ValueError, r"labels holds -1 at \[0, 1\]: expected labels from 0"),
        ([[0.5, 1.0]], TypeError, "labels has dtype float64"),
        (np.zeros((2, 3, 4), int), ValueError, r"labels has shape \(2, 3, 4\)"),
        (np.zeros((0, 4), int), ValueError, r"labels has shape \(0, 4\)"),
    ],
)
def test_what_is_no_label_map_is_not_written(tmp_path, labels, error, message):
    with pytest.raises(error, match=message):
        segalgo.write_label_map(tmp_path / "m", labels)
    assert not list(tmp_path.iterdir())


def test_large_ids_survive_the_file(tmp_path):
    labels = np.array([[0, 2**63 + 7], [2**64 - 1, 864691135341199281]], np.uint64)
    np.testing.assert_array_equal(segalgo.pictures.read_labels(segalgo.write_label_map(tmp_path / "m", labels)), labels)


def test_pictures_of_one_channel_are_grey(tmp_path):
    grey = data.coins()
    image = grey[..., None]
    np.testing.assert_array_equal(segalgo.to_grey(image), grey)
    np.testing.assert_array_equal(segalgo.segment(image).labels, segalgo.segment(grey).labels)
    np.testing.assert_array_equal(
        segalgo.overlay(image, grey > 100, scale=1), segalgo.overlay(grey, grey > 100, scale=1)
    )
    segalgo.write_picture(tmp_path / "a.png", image)
    np.testing.assert_array_equal(segalgo.read_picture(tmp_path / "a.png"), grey)
    np.testing.assert_array_equal(segalgo.read_picture(segalgo.write_label_map(tmp_path / "m", image)), grey)


def test_pictures_that_cannot_be_written(tmp_path):
    with pytest.raises(TypeError, match=r"picture has dtype uint16 and shape \(2, 2, 3\)"):
        segalgo.write_picture(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint16))
    with pytest.raises(PictureError, match=r"a\.xyz: cannot be written"):
        segalgo.write_picture(tmp_path / "a.xyz", np.zeros((2, 2), np.uint8))
    assert not list(tmp_path.iterdir())
