"""The canvas, color maps, one-hot codes and palette pictures."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segalgo import PictureError, masks

SQUARE = [[1, 1], [5, 1], [5, 5], [1, 5]]


def test_strokes_above_and_underneath():
    canvas = masks.Canvas((6, 8)).polygon(SQUARE, 1)
    first = canvas.labels.copy()
    canvas.polygon([[3, 0], [8, 0], [8, 6], [3, 6]], 2, underneath=True)
    assert (canvas.labels[first == 1] == 1).all()
    # Between the two no cell is lost, and none is both.
    assert (canvas.labels[:, 3:] != 0).all()
    canvas.polygon([[3, 0], [8, 0], [8, 6], [3, 6]], 3)
    assert (canvas.labels[:, 3:] == 3).all()
    assert (canvas.labels[:, :3] == first[:, :3]).all()


def test_neighbours_drawn_carelessly_leave_no_gap():
    canvas = masks.Canvas((20, 20)).polygon([[0, 0], [10.3, 0], [9.7, 20], [0, 20]], 1)
    canvas.polygon([[8, 0], [20, 0], [20, 20], [7, 20]], 2, underneath=True)
    assert set(np.unique(canvas.labels)) == {1, 2}


def test_brush_is_round():
    canvas = masks.Canvas((9, 9)).brush([[4.5, 4.5]], 3, 1)
    i, j = np.indices((9, 9))
    np.testing.assert_array_equal(canvas.labels == 1, (i - 4) ** 2 + (j - 4) ** 2 <= 9)


def test_brush_follows_its_line(rng):
    for _ in range(20):
        points, radius = rng.uniform(-5, 25, (rng.integers(1, 5), 2)), rng.uniform(0, 4)
        got = masks.Canvas((17, 23)).brush(points, radius, 1).labels
        centres = np.stack(np.meshgrid(np.arange(23) + 0.5, np.arange(17) + 0.5), axis=-1)
        expected = np.zeros((17, 23), bool)
        for a, b in zip(points[: max(len(points) - 1, 1)], points[1:] if len(points) > 1 else points, strict=True):
            # The distance to many points of the line, a little more or less than that to the line itself.
            on = a + np.linspace(0, 1, 4001)[:, None] * (b - a)
            distance = np.sqrt(((centres[:, :, None] - on) ** 2).sum(axis=-1)).min(axis=-1)
            expected |= distance <= radius
            assert not (got[distance <= radius - 1e-2] == 0).any()
        assert (got == 1).sum() - expected.sum() in range(4)


@given(
    st.lists(
        st.tuples(st.integers(-3, 12), st.integers(-3, 12), st.floats(0, 5), st.integers(0, 3), st.booleans()),
        max_size=8,
    )
)
def test_undo_and_redo_walk_the_same_way(strokes):
    canvas = masks.Canvas((7, 9))
    states = [canvas.labels.copy()]
    for column, row, radius, label, underneath in strokes:
        canvas.brush([[column, row]], radius, label, underneath)
        states.append(canvas.labels.copy())
    for state in states[-2::-1]:
        assert canvas.undo()
        np.testing.assert_array_equal(canvas.labels, state)
    assert not canvas.undo()
    for state in states[1:]:
        assert canvas.redo()
        np.testing.assert_array_equal(canvas.labels, state)
    assert not canvas.redo()


def test_history_is_bounded_and_ends_with_a_new_stroke():
    canvas = masks.Canvas((4, 4), history=2)
    for label in (1, 2, 3):
        canvas.brush([[2, 2]], 9, label)
    assert [canvas.undo(), canvas.undo(), canvas.undo()] == [True, True, False]
    assert (canvas.labels == 1).all()
    canvas.erase([[0, 0]], 1)
    assert not canvas.redo()


def test_a_canvas_goes_on_with_a_copy():
    labels = np.ones((3, 3), np.uint8)
    canvas = masks.Canvas(labels).brush([[1, 1]], 1, 2)
    assert (labels == 1).all()
    with pytest.raises(ValueError, match="read-only"):
        canvas.labels[0, 0] = 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: masks.Canvas((2**15, 2**14)), "expected at least 0 each, at most 268435456 cells"),
        (lambda: masks.Canvas((2, -1)), "expected at least 0 each"),
        (lambda: masks.Canvas((2,)), "expected \\(height, width\\)"),
        (lambda: masks.Canvas(np.zeros((2, 2))), "expected \\(height, width\\) or a label map"),
        (lambda: masks.Canvas(np.full((2, 2), -1)), "canvas holds labels -1 to -1"),
        (lambda: masks.Canvas((2, 2), history=-1), "history=-1"),
        (lambda: masks.Canvas((2, 2)).polygon([0, 0, 1, 1], 1), "polygon has 2 points"),
        (lambda: masks.Canvas((2, 2)).brush([[0, np.nan]], 1, 1), "points of shape \\(1, 2\\): expected"),
        (lambda: masks.Canvas((2, 2)).brush([], 1, 1), "points of shape"),
        (lambda: masks.Canvas((2, 2)).brush([[0, 0]], -1, 1), "radius=-1"),
        (lambda: masks.Canvas((2, 2)).mask(np.zeros((2, 3)), 1), "mask has shape \\(2, 3\\): expected \\(2, 2\\)"),
        (lambda: masks.Canvas((2, 2)).mask(np.zeros((2, 2)), -1), "label=-1"),
    ],
)
def test_bad_strokes(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_colormaps():
    voc = masks.colormap("voc")
    assert voc[[1, 15, 20, 255]].tolist() == [[128, 0, 0], [192, 128, 128], [0, 64, 128], [224, 224, 192]]
    assert len(np.unique(voc, axis=0)) == 256
    cityscapes = masks.colormap("cityscapes")
    assert cityscapes.shape == (34, 3)
    assert cityscapes[26].tolist() == [0, 0, 142]
    train = masks.colormap("cityscapes-train")
    assert train.shape == (19, 3)
    assert train[[0, 13, 18]].tolist() == [[128, 64, 128], [0, 0, 142], [119, 11, 32]]
    assert masks.colormap("camvid", 11)[4].tolist() == [0, 0, 192]
    for name, count in (("ade", None), ("camvid", 13), ("voc", -1)):
        with pytest.raises(ValueError, match=r"name=|num_colors="):
            masks.colormap(name, count)


def test_colors_there_and_back(rng):
    for name in ("voc", "cityscapes-train", "camvid"):
        colors = masks.colormap(name)
        labels = rng.integers(0, len(colors), (13, 17))
        picture = masks.labels_to_colors(labels, colors)
        assert picture.shape == (13, 17, 3)
        got = masks.colors_to_labels(picture, colors)
        np.testing.assert_array_equal(got, labels)
        assert got.dtype == np.uint8
    marked = masks.labels_to_colors(np.array([0, 255]), masks.colormap("camvid"), 255, (224, 224, 192))
    assert marked[1].tolist() == [224, 224, 192]
    assert masks.colors_to_labels(marked, masks.colormap("camvid"), unknown=255).tolist() == [0, 255]
    with pytest.raises(ValueError, match=r"picture has color \[224, 224, 192\] at \[1\]"):
        masks.colors_to_labels(marked, masks.colormap("camvid"))
    with pytest.raises(ValueError, match=r"labels holds 12 at \[0, 1\]: expected 0 to 11"):
        masks.labels_to_colors(np.array([[0, 12]]), masks.colormap("camvid"))


def test_one_hot(rng):
    labels = rng.integers(0, 5, (2, 6, 7))
    labels[0, 0, 0] = 255
    planes = masks.one_hot(labels, 5)
    assert planes.shape == (2, 5, 6, 7)
    assert planes.dtype == np.float32
    assert planes[0, :, 0, 0].sum() == 0
    kept = labels != 255
    np.testing.assert_array_equal(planes.argmax(axis=1)[kept], labels[kept])
    np.testing.assert_array_equal(planes.sum(axis=1), kept)
    assert masks.one_hot(np.array([[True, False]]), 2, dtype=bool).tolist() == [[[False, True]], [[True, False]]]
    # No work for classes that no cell has, however many they are.
    assert masks.one_hot(np.zeros((0, 3), int), 2**31).shape == (2**31, 0, 3)
    with pytest.raises(ValueError, match=r"labels holds 255 at \[0, 0, 0\]: expected 0 to 4"):
        masks.one_hot(labels, 5, ignore_index=None)
    with pytest.raises(TypeError, match="labels is ndarray of float64"):
        masks.one_hot(np.zeros((2, 2)), 5)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels, palette, color_type=3):
    """Write a PNG by hand, so that its palette may be anything."""
    height, width = pixels.shape
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0))
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    colors = chunk(b"PLTE", bytes(palette)) if palette is not None else b""
    return b"\x89PNG\r\n\x1a\n" + header + colors + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_palette_pictures_there_and_back(tmp_path, rng):
    labels = rng.integers(0, 256, (9, 11))
    masks.write_palette_picture(tmp_path / "voc.png", labels)
    got, palette = masks.read_palette_picture(tmp_path / "voc.png")
    np.testing.assert_array_equal(got, labels)
    np.testing.assert_array_equal(palette, masks.colormap("voc"))
    for count in (1, 2, 3, 5, 12, 17):
        colors = masks.colormap("voc", count)
        masks.write_palette_picture(tmp_path / "few.png", labels % count, colors)
        got, palette = masks.read_palette_picture(tmp_path / "few.png")
        np.testing.assert_array_equal(got, labels % count)
        np.testing.assert_array_equal(palette[:count], colors)


def test_a_truncated_palette_is_named(tmp_path):
    path = tmp_path / "short.png"
    path.write_bytes(png(np.array([[0, 1], [1, 7]], np.uint8), range(12)))
    with pytest.raises(
        PictureError, match=r"short.png: its palette is truncated to 4 colors, but .* \[1, 1\] has index 7"
    ):
        masks.read_palette_picture(path)
    path.write_bytes(png(np.array([[0, 1], [1, 3]], np.uint8), range(12)))
    assert masks.read_palette_picture(path)[0].tolist() == [[0, 1], [1, 3]]


def test_files_that_are_no_palette_pictures(tmp_path):
    path = tmp_path / "file.png"
    with pytest.raises(PictureError, match=r"file.png: no such file"):
        masks.read_palette_picture(path)
    whole = png(np.zeros((64, 64), np.uint8), range(12))
    for content, message in (
        (b"", "cannot be read as a picture, it is empty"),
        (b"GIF", "cannot be read"),
        (whole[:60], "cannot be read"),
        (png(np.zeros((2, 2), np.uint8), None, 0), "has no palette"),
        (whole, "has 64 x 64 pixels, more than the limit of 100"),
    ):
        path.write_bytes(content)
        with pytest.raises(PictureError, match=f"file.png: {message}"):
            masks.read_palette_picture(path, max_cells=100)


def test_a_header_that_claims_a_petabyte_costs_nothing(tmp_path):
    path = tmp_path / "huge.png"
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2**25, 2**25, 8, 3, 0, 0, 0))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"PLTE", bytes(12)) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    )
    with pytest.raises(PictureError, match=r"huge\.png"):
        masks.read_palette_picture(path)


def test_labels_that_have_no_color_are_not_written(tmp_path):
    path = tmp_path / "a.png"
    with pytest.raises(ValueError, match=r"labels holds 256 at \[0, 1\]: expected 0 to 255"):
        masks.write_palette_picture(path, np.array([[0, 256]]))
    with pytest.raises(ValueError, match=r"labels holds 2 at \[0, 0\]: expected 0 to 1"):
        masks.write_palette_picture(path, np.array([[2]]), np.zeros((2, 3), int))
    with pytest.raises(ValueError, match=r"palette has shape \(257, 3\)"):
        masks.write_palette_picture(path, np.array([[2]]), np.zeros((257, 3), int))
    with pytest.raises(PictureError, match=r"expected a name that ends in \.png"):
        masks.write_palette_picture(tmp_path / "a.jpg", np.array([[2]]))
    with pytest.raises(PictureError, match="cannot be written"):
        masks.write_palette_picture(tmp_path / "none" / "a.png", np.array([[2]]))
    assert not path.exists()
