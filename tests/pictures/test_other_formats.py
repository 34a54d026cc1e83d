"""JPEG, GIF, WebP, BMP, JPEG 2000 and Netpbm files, and animations, read as they are displayed."""

import numpy as np
import pytest
from picture_files import GREY, RAMP, RGB, H, W, read, save
from PIL import Image, features

import segalgo
from segalgo.pictures import PictureError, PictureWarning, is_grey, picture_size


def test_jpeg_cmyk_is_converted(tmp_path):
    Image.fromarray(np.dstack([GREY] * 3)).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    with pytest.warns(PictureWarning, match="a.jpg: is CMYK, converted to RGB"):
        picture = segalgo.read_picture(tmp_path / "a.jpg")
    assert picture.shape == (H, W, 3)
    np.testing.assert_allclose(segalgo.to_grey(picture), GREY, atol=8)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_jpeg(tmp_path, options):
    np.testing.assert_array_equal(
        read(save(tmp_path / "a.jpg", RGB, **options)), np.asarray(Image.open(tmp_path / "a.jpg"))
    )
    assert read(save(tmp_path / "g.jpg", GREY)).shape == (H, W)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_animations_give_their_first_frame_and_say_so(tmp_path, suffix):
    frames = [RGB, 255 - RGB, RGB // 2]
    path = tmp_path / f"a.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(RGB).save(path, save_all=True, append_images=[Image.fromarray(f) for f in frames[1:]], **options)
    with pytest.warns(PictureWarning, match=rf"a.{suffix}: holds 3 frames, the first is read; page=k \(--page k\)"):
        picture = segalgo.read_picture(path)
    with Image.open(path) as image:
        for k in range(3):
            image.seek(k)
            np.testing.assert_array_equal(read(path, page=k)[..., :3], np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(picture[..., :3], read(path, page=0)[..., :3])
    with pytest.raises(PictureError, match="has no page 3: there are 3"):
        segalgo.read_picture(path, page=3)


def test_gif_of_one_frame(tmp_path):
    save(tmp_path / "a.gif", GREY)
    np.testing.assert_array_equal(segalgo.to_grey(read(tmp_path / "a.gif")), GREY)


@pytest.mark.parametrize("values", [GREY, RGB, GREY > 100])
@pytest.mark.parametrize("suffix", ["bmp", "webp", "ppm", "jp2"])
def test_other_formats(tmp_path, values, suffix):
    path = tmp_path / f"a.{suffix}"
    if suffix == "jp2" and values.dtype == bool:
        pytest.skip("JPEG 2000 has no bits")
    if suffix == "jp2" and not features.check("jpg_2000"):
        pytest.skip("Pillow is built without OpenJPEG")
    save(path, values, **({"lossless": True} if suffix == "webp" else {}))
    picture = read(path)
    if suffix == "webp" and values.ndim == 2:
        picture = picture[..., 0]
    np.testing.assert_array_equal(picture > 0 if values.dtype == bool else picture, values)
    assert is_grey(path) == (values.ndim == 2 and suffix != "webp")
    assert picture_size(path) == (H, W)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("kind", ["bit", "grey", "rgb"])
def test_netpbm(tmp_path, dtype, plain, kind):
    largest = 255 if dtype == np.uint8 else 4095
    values = {
        "bit": GREY > 100,
        "grey": (RAMP % largest),
        "rgb": np.dstack([RAMP % largest, RAMP * 7 % largest, RAMP]),
    }[kind]
    values = values if kind == "bit" else np.minimum(values, largest).astype(dtype)
    number = {"bit": 1, "grey": 2, "rgb": 3}[kind] + (0 if plain else 3)
    head = f"P{number}\n# words\n{W} {H}\n" + ("" if kind == "bit" else f"{largest}\n")
    if plain:
        stored = ~values if kind == "bit" else values
        body = " ".join(str(int(n)) for n in stored.ravel()).encode()
    elif kind == "bit":
        body = np.packbits(~values, axis=1).tobytes()
    else:
        body = values.astype(np.dtype(dtype).newbyteorder(">")).tobytes()
    (tmp_path / "a.pnm").write_bytes(head.encode() + body)
    picture = read(tmp_path / "a.pnm")
    assert picture.dtype == values.dtype
    np.testing.assert_array_equal(picture, values)
    (tmp_path / "a.pnm").write_bytes(head.encode() + (body.rsplit(b" ", 1)[0] if plain else body[:-2]))
    with pytest.raises(PictureError, match="its data end after"):
        segalgo.read_picture(tmp_path / "a.pnm")


def test_suffixes_do_not_matter_and_channels_can_be_named(tmp_path):
    save(tmp_path / "a.tif", RGB, format="PNG")
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), RGB)
    np.testing.assert_array_equal(read(tmp_path / "a.tif", channel=1), RGB[..., 1])
    with pytest.raises(PictureError, match="has no channel 3: there are 3"):
        segalgo.read_picture(tmp_path / "a.tif", channel=3)
    for name in ("page", "channel", "max_pixels"):
        with pytest.raises(TypeError, match=f"{name}='1': expected an integer"):
            segalgo.read_picture(tmp_path / "a.tif", **{name: "1"})
