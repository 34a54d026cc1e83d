"""A file of each kind, written by Pillow, tifffile, imageio or by hand, read as it is displayed."""

import io
import struct
import warnings
import zlib
from contextlib import nullcontext

import numpy as np
import pytest
import tifffile
from picture_files import GREY, RAMP, RGB, H, W, chunk, png16, tiff_by_hand
from PIL import Image, ImageOps, features

import segalgo
from segalgo.pictures import PictureError, PictureWarning, is_grey, picture_size, read_labels


def read(path, **options):
    """Read a picture about which there is nothing to decide."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return segalgo.read_picture(path, **options)


def save(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def displayed(path):
    return np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))


# PNG


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


def pack(row, bits):
    """Pack numbers into bytes, the first in the highest bits."""
    single = np.unpackbits(row.astype(">u2").view(np.uint8).reshape(-1, 2), axis=1)[:, 16 - bits :]
    return np.packbits(single.ravel()).tobytes()


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


# JPEG


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


# Orientation


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


# TIFF

DTYPES = [np.uint8, np.uint16, np.uint32, np.int8, np.int16, np.int32, np.float16, np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", [
    {}, {"byteorder": ">"}, {"bigtiff": True}, {"tile": (16, 16)}, {"rowsperstrip": 3}, {"compression": "zlib"},
    {"compression": "zlib", "predictor": True}, {"compression": "zlib", "byteorder": ">", "predictor": True},
    {"compression": "lzma", "tile": (16, 32)},
])  # fmt: skip
@pytest.mark.parametrize("kind", ["grey", "rgb", "planar"])
def test_tiff_of_tifffile(tmp_path, rng, dtype, options, kind):
    dtype = np.dtype(dtype)
    if options.get("predictor") and dtype == np.float64:
        pytest.skip("tifffile itself has no floating-point predictor without imagecodecs")
    shape = {"grey": (H, W), "rgb": (H, W, 3), "planar": (3, H, W)}[kind]
    values = rng.normal(size=shape) * 50 if dtype.kind == "f" else rng.integers(0, np.iinfo(dtype).max, shape)
    values = values.astype(dtype)
    options = dict(options)
    if options.get("predictor") and dtype.kind == "f":
        options["predictor"] = False
    photometric = "minisblack" if kind == "grey" else "rgb"
    planar = {"planarconfig": "separate"} if kind == "planar" else {}
    tifffile.imwrite(tmp_path / "a.tif", values, photometric=photometric, **planar, **options)
    picture = read(tmp_path / "a.tif")
    assert picture.dtype == dtype
    np.testing.assert_array_equal(picture, np.moveaxis(values, 0, -1) if kind == "planar" else values)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "raw"])
@pytest.mark.parametrize("predictor", [1, 2])
@pytest.mark.parametrize("values", [GREY, RGB, RAMP.astype(np.uint16), GREY > 100, RAMP.astype(np.float32)])
def test_tiff_of_pillow(tmp_path, compression, predictor, values):
    if predictor == 2 and (compression in ("packbits", "raw") or values.dtype in (bool, np.float32)):
        pytest.skip("no such files")
    save(tmp_path / "a.tif", values, compression=compression, tiffinfo={317: predictor} if predictor == 2 else {})
    picture = read(tmp_path / "a.tif")
    assert picture.dtype == values.dtype
    np.testing.assert_array_equal(picture, values)


@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("deep", [1, 3])
@pytest.mark.parametrize("rows", [1, 7, H])
def test_lzw_of_16_bits(tmp_path, predictor, deep, rows):
    """LZW by libtiff of what Pillow hands out with 8 bits at most."""
    values = (np.dstack([RAMP * 7 + k for k in range(deep)]) % 4096).astype("<u2")
    coded = values.copy()
    if predictor:
        coded[:, 1:] -= values[:, :-1]
    strips = []
    for first in range(0, H, rows):
        part = coded[first : first + rows].reshape(-1, W * deep).view(np.uint8)
        file = io.BytesIO()
        Image.fromarray(part).save(file, "TIFF", compression="tiff_lzw", tiffinfo={278: len(part)})
        with tifffile.TiffFile(io.BytesIO(file.getvalue())) as tiff:
            page = tiff.pages[0]
            start, length = page.dataoffsets[0], page.databytecounts[0]
            assert len(page.dataoffsets) == 1
        strips.append(file.getvalue()[start : start + length])
    tags = {
        256: W, 257: H, 258: [16] * deep, 259: 5, 262: 2 if deep == 3 else 1, 277: deep, 278: rows,
        317: 2 if predictor else 1,
    }  # fmt: skip
    (tmp_path / "a.tif").write_bytes(tiff_by_hand(tags, strips))
    np.testing.assert_array_equal(read(tmp_path / "a.tif").reshape(values.shape), values)


@pytest.mark.parametrize("size", [2, 4, 8])
@pytest.mark.parametrize("deep", [1, 3])
def test_the_floating_point_predictor(tmp_path, rng, size, deep):
    values = rng.normal(size=(H, W * deep)).astype(f">f{size}")
    # Bytes of equal weight together, then the difference to the same channel of the pixel before.
    planes = values.view(np.uint8).reshape(H, W * deep, size).swapaxes(1, 2).reshape(H, -1)
    coded = planes.copy()
    coded[:, deep:] -= planes[:, :-deep]
    tags = {
        256: W, 257: H, 258: [8 * size] * deep, 259: 8, 262: 2 if deep == 3 else 1, 277: deep, 278: H, 317: 3,
        339: [3] * deep,
    }  # fmt: skip
    (tmp_path / "a.tif").write_bytes(tiff_by_hand(tags, [zlib.compress(coded.tobytes())]))
    np.testing.assert_array_equal(read(tmp_path / "a.tif").reshape(values.shape), values)


@pytest.mark.parametrize("bits", [2, 4, 6, 10, 12, 14])
@pytest.mark.parametrize("white_is_zero", [False, True])
def test_tiff_of_odd_bits(tmp_path, bits, white_is_zero):
    values = RAMP % 2**bits
    strip = b"".join(pack(row, bits) for row in values)
    tags = {256: W, 257: H, 258: bits, 259: 1, 262: 0 if white_is_zero else 1, 277: 1, 278: H}
    (tmp_path / "a.tif").write_bytes(tiff_by_hand(tags, [strip]))
    want = 2**bits - 1 - values if white_is_zero else values
    with pytest.warns(PictureWarning, match="white is zero") if white_is_zero else nullcontext():
        np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), want)
    picture = read(tmp_path / "a.tif")
    assert picture.dtype == (np.uint8 if bits <= 8 else np.uint16)
    np.testing.assert_array_equal(picture, want * (255 // (2**bits - 1)) if bits in (2, 4) else want)


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
def test_fax(tmp_path, compression):
    save(tmp_path / "a.tif", GREY > 100, compression=compression)
    picture = read(tmp_path / "a.tif")
    assert picture.dtype == bool
    np.testing.assert_array_equal(picture, GREY > 100)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), GREY > 100)


@pytest.mark.parametrize("values", [GREY, RGB])
def test_jpeg_in_tiff(tmp_path, values):
    save(tmp_path / "a.tif", values, compression="jpeg")
    np.testing.assert_allclose(read(tmp_path / "a.tif").astype(int), values, atol=40)
    want = np.asarray(Image.open(tmp_path / "a.tif")).astype(int)
    np.testing.assert_allclose(read(tmp_path / "a.tif").astype(int), want, atol=3)
    with pytest.raises(PictureError, match="whose compression changes values"):
        read_labels(tmp_path / "a.tif")


def test_white_is_zero(tmp_path):
    for dtype in (np.uint8, np.uint16):
        top = np.iinfo(dtype).max
        tifffile.imwrite(tmp_path / "a.tif", (top - GREY.astype(int)).astype(dtype), photometric="miniswhite")
        np.testing.assert_array_equal(read(tmp_path / "a.tif"), GREY)
    tifffile.imwrite(tmp_path / "b.tif", GREY <= 100, photometric="miniswhite")
    np.testing.assert_array_equal(read(tmp_path / "b.tif"), GREY > 100)
    tifffile.imwrite(tmp_path / "f.tif", GREY.astype(np.float32), photometric="miniswhite")
    with pytest.warns(PictureWarning, match="says that white is zero"):
        np.testing.assert_array_equal(segalgo.read_picture(tmp_path / "f.tif"), GREY)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_palette_tiff(tmp_path, dtype):
    colormap = np.random.default_rng(0).integers(0, 2**16, (3, 2 ** (8 * np.dtype(dtype).itemsize)), np.uint16)
    indices = (GREY > 100).astype(dtype) + dtype(3)
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=colormap)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), (colormap >> 8).astype(np.uint8).T[indices])
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), indices)


def test_cmyk_tiff(tmp_path):
    inks = Image.fromarray(RGB).convert("CMYK")
    inks.save(tmp_path / "a.tif")
    with pytest.warns(PictureWarning, match="is CMYK"):
        picture = segalgo.read_picture(tmp_path / "a.tif")
    np.testing.assert_allclose(picture.astype(int), np.asarray(inks.convert("RGB")).astype(int), atol=1)
    tifffile.imwrite(tmp_path / "b.tif", np.asarray(inks).astype(np.uint16) * 257, photometric="separated")
    with pytest.warns(PictureWarning, match="is CMYK"):
        deep = segalgo.read_picture(tmp_path / "b.tif")
    np.testing.assert_allclose(deep / 257, picture, atol=1)
    assert read(tmp_path / "a.tif", channel=3).shape == (H, W)


@pytest.mark.parametrize("pages", [2, 3, 4, 5])
@pytest.mark.parametrize("form", ["ome", "imagej", "pages", "truncated"])
def test_stacks_are_stacks(tmp_path, pages, form):
    stack = np.stack([GREY // (k + 1) for k in range(pages)])
    path = tmp_path / ("a.ome.tif" if form == "ome" else "a.tif")
    options = {
        "ome": {"metadata": {"axes": "ZYX"}}, "imagej": {"imagej": True}, "pages": {"metadata": None},
        "truncated": {"truncate": True},
    }[form]  # fmt: skip
    tifffile.imwrite(path, stack, photometric="minisblack", **options)
    with pytest.raises(PictureError, match=rf"is a stack of {pages} pictures of 20 x 30 pixels; page=k \(--page k\)"):
        segalgo.read_picture(path)
    for k in range(pages):
        np.testing.assert_array_equal(read(path, page=k), stack[k])
        np.testing.assert_array_equal(read_labels(path, page=k), stack[k])
    with pytest.raises(PictureError, match=f"has no page {pages}: there are {pages}"):
        segalgo.read_picture(path, page=pages)


def test_a_stack_of_colors(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([RGB, 255 - RGB]), photometric="rgb")
    with pytest.raises(PictureError, match="is a stack of 2 pictures"):
        segalgo.read_picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(read(tmp_path / "a.tif", page=1), 255 - RGB)


def test_pages_of_two_sizes(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(GREY, photometric="minisblack")
        file.write(GREY[:9, :9], photometric="minisblack")
    with pytest.warns(PictureWarning, match=r"a.tif: holds 2 pages of different sizes, the first is read; page=k"):
        assert segalgo.read_picture(tmp_path / "a.tif").shape == (H, W)
    assert read(tmp_path / "a.tif", page=0).shape == (H, W)
    assert read(tmp_path / "a.tif", page=1).shape == (9, 9)


def test_thumbnails_are_no_pages(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(RGB, photometric="rgb")
        file.write(RGB[::2, ::2], photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), RGB)


@pytest.mark.parametrize(
    ("bands", "photometric", "extra", "shape", "words"),
    [
        (4, "rgb", ["unspecified"], (H, W, 3), "has 4 bands, the first three are read"),
        (4, "rgb", ["unassalpha"], (H, W, 4), None),
        (6, "rgb", ["unspecified"] * 3, (H, W, 3), "has 6 bands, the first three are read"),
        (4, "minisblack", ["unspecified"] * 3, (H, W, 3), "has 4 bands, the first three are read"),
        (3, "minisblack", ["unspecified"] * 2, (H, W, 3), "has 3 grey bands, taken as red, green and blue"),
        (2, "minisblack", ["unspecified"], (H, W), "has 2 bands, the first is read"),
        (2, "minisblack", ["unassalpha"], (H, W, 2), None),
    ],
)
def test_bands_are_no_opacity(tmp_path, bands, photometric, extra, shape, words):
    values = np.dstack([GREY // (k + 1) for k in range(bands)])
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, photometric=photometric, extrasamples=extra, planarconfig="contig")
    if words is None:
        picture = read(path)
    else:
        with pytest.warns(
            PictureWarning, match=rf"{words}.*: channel=k \(--channel k\) reads band k of 0 to {bands - 1}"
        ):
            picture = segalgo.read_picture(path)
    assert picture.shape == shape
    np.testing.assert_array_equal(picture.reshape(H, W, -1), values[..., : shape[2] if len(shape) == 3 else 1])
    for k in range(bands):
        np.testing.assert_array_equal(read(path, channel=k), values[..., k])
    with pytest.raises(PictureError, match=f"has no channel {bands}: there are {bands}"):
        segalgo.read_picture(path, channel=bands)


def test_premultiplied_opacity(tmp_path):
    opacity = np.full((H, W), 128, np.uint8)
    opacity[0] = 0
    stored = np.dstack([(RGB * (opacity[..., None] / 255)).round().astype(np.uint8), opacity])
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    picture = read(tmp_path / "a.tif")
    np.testing.assert_allclose(picture[1:, :, :3].astype(int), RGB[1:], atol=1)
    np.testing.assert_array_equal(picture[..., 3], opacity)


@pytest.mark.parametrize("case", ["offset", "count", "fewer", "cut", "outside"])
@pytest.mark.parametrize("compression", [1, 8])
def test_missing_strips_are_refused(tmp_path, case, compression):
    strips = [zlib.compress(part.tobytes()) if compression == 8 else part.tobytes() for part in np.split(GREY, 4)]
    tags = {256: W, 257: H, 258: 8, 259: compression, 262: 1, 277: 1, 278: H // 4}
    whole = tiff_by_hand(tags, strips)
    (tmp_path / "a.tif").write_bytes(whole)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), GREY)
    lengths = [len(strip) for strip in strips]
    starts = [len(whole) - sum(lengths[k:]) for k in range(4)]
    if case == "offset":
        tags[273] = [starts[0], 0, starts[2], starts[3]]
    elif case == "count":
        tags[273], tags[279] = starts, [lengths[0], lengths[1], 0, lengths[3]]
    elif case == "fewer":
        tags[273], tags[279] = starts[:3], lengths[:3]
    elif case == "cut":
        tags[273], tags[279] = starts, [lengths[0], lengths[1] // 2, *lengths[2:]]
    else:
        tags[273], tags[279] = [*starts[:3], 10**6], lengths
    (tmp_path / "a.tif").write_bytes(tiff_by_hand(tags, strips))
    with pytest.raises(
        PictureError, match=r"strip (1|2|3) (is missing|lies outside)|3 of 4 strips|holds \d+ of|-3|inval"
    ):
        segalgo.read_picture(tmp_path / "a.tif")


# Animations and the rest


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


# Labels


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
