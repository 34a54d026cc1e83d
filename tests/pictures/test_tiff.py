"""TIFF files, written by Pillow, tifffile or by hand, read as they are displayed."""

import io
import zlib
from contextlib import nullcontext

import numpy as np
import pytest
import tifffile
from picture_files import GREY, RAMP, RGB, H, W, pack, read, save, tiff_by_hand
from PIL import Image

import segalgo
from segalgo.masks import read_palette_picture
from segalgo.pictures import PictureError, PictureWarning, read_labels

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


def test_palette_with_opacity_by_pillow(tmp_path):
    indices, opacity = (RAMP % 7).astype(np.uint8), (RAMP % 256).astype(np.uint8)
    image = Image.fromarray(np.dstack([indices, opacity]), "PA")
    image.putpalette([*range(7, 28), *bytes(768 - 21)])
    image.save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), np.asarray(image.convert("RGBA")))
    np.testing.assert_array_equal(read(tmp_path / "a.tif", channel=3), opacity)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), indices)
    np.testing.assert_array_equal(read_palette_picture(tmp_path / "a.tif")[0], indices)


@pytest.mark.parametrize("bits", [1, 4, 8, 16])
@pytest.mark.parametrize("extra", [1, 2])
@pytest.mark.parametrize("planar", [False, True])
def test_palette_with_opacity_of_any_depth(tmp_path, rng, bits, extra, planar):
    largest = 2**bits - 1
    indices, opacity = rng.integers(0, 2**bits, (2, H, W))
    colormap = rng.integers(0, 2**16, (3, 2**bits))
    planes = (indices, opacity) if planar else (np.stack([indices, opacity], 2).reshape(H, 2 * W),)
    order = "<u2" if bits == 16 else None
    strips = [
        plane.astype(order).tobytes() if order else b"".join(pack(row, bits) for row in plane) for plane in planes
    ]
    tags = {
        256: W, 257: H, 258: [bits, bits], 259: 1, 262: 3, 277: 2, 278: H, 284: 2 if planar else 1,
        320: colormap.ravel().tolist(), 338: extra,
    }  # fmt: skip
    (tmp_path / "a.tif").write_bytes(tiff_by_hand(tags, strips))
    picture = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture[..., :3], (colormap >> 8).T[indices])
    np.testing.assert_array_equal(picture[..., 3], np.rint(opacity * 255 / largest))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), indices)


def test_palette_with_a_band_that_is_no_opacity(tmp_path):
    indices, band = (RAMP % 7).astype(np.uint8), (RAMP % 256).astype(np.uint8)
    colormap = np.arange(768) * 80
    tags = {
        256: W, 257: H, 258: [8, 8], 259: 1, 262: 3, 277: 2, 278: H, 320: colormap.tolist(), 338: 0,
    }  # fmt: skip
    (tmp_path / "a.tif").write_bytes(tiff_by_hand(tags, [np.dstack([indices, band]).tobytes()]))
    with pytest.warns(PictureWarning, match=r"has 2 bands, the first is read: channel=k .* reads band k of 0 to 1"):
        picture = segalgo.read_picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture, (colormap.reshape(3, 256) >> 8).T[indices])
    np.testing.assert_array_equal(read(tmp_path / "a.tif", channel=1), band)


@pytest.mark.parametrize("extra", [0, 1, 2])
def test_cmyk_with_a_fifth_band(tmp_path, extra):
    inks = np.asarray(Image.fromarray(RGB).convert("CMYK"))
    opacity = np.full((H, W), 128, np.uint8)
    stored = (inks * (opacity[..., None] / 255)).round().astype(np.uint8) if extra == 1 else inks
    tags = {256: W, 257: H, 258: [8] * 5, 259: 1, 262: 5, 277: 5, 278: H, 338: extra}
    (tmp_path / "a.tif").write_bytes(tiff_by_hand(tags, [np.dstack([stored, opacity]).tobytes()]))
    with pytest.warns(PictureWarning) as told:
        picture = segalgo.read_picture(tmp_path / "a.tif")
    assert picture.shape == (H, W, 4 if extra else 3)
    np.testing.assert_allclose(picture[..., :3].astype(int), RGB, atol=2)
    if extra:
        np.testing.assert_array_equal(picture[..., 3], opacity)
    assert ("has 5 bands, the first four are read" in " ".join(str(one.message) for one in told)) == (extra == 0)


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
