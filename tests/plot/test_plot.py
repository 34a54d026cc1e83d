"""Figures: what they draw, counted in matplotlib's own objects; pictures as arrays."""

import subprocess
import sys

import matplotlib as mpl

mpl.use("agg")

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.quiver import Quiver

import segalgo
from segalgo.plot import COLORS
from segalgo.plot.colors import distinct_colors


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    pyplot.close("all")


def two_objects():
    labels = np.zeros((40, 60), int)
    labels[5:35, 5:30] = 4
    labels[5:35, 30:55] = 9
    return labels


def of_kind(ax, kind):
    return [child for child in ax.get_children() if isinstance(child, kind)]


def drawn(ax):
    ax.figure.canvas.draw()
    return np.asarray(ax.figure.canvas.buffer_rgba())


def test_instances_have_numbers_outlines_and_boxes():
    labels = two_objects()
    figure, ax = pyplot.subplots()
    assert segalgo.show_instances(np.zeros((40, 60)), labels, ax=ax, boxes=True) is ax
    assert [text.get_text() for text in ax.texts] == ["4", "9"]
    for text, number in zip(ax.texts, (4, 9), strict=True):
        column, row = text.get_position()
        assert labels[round(row), round(column)] == number
    (lines,) = of_kind(ax, LineCollection)
    assert len(lines.get_segments()) == 2 * (2 * 30 + 2 * 25)
    # Every piece of outline lies between a pixel of an object and one of something else.
    for (j0, i0), (j1, i1) in np.array(lines.get_segments())[::7]:
        i, j = (i0 + i1) / 2, (j0 + j1) / 2
        ends = (
            ((int(i - 0.5), int(j)), (int(i + 0.5), int(j)))
            if i0 == i1
            else ((int(i), int(j - 0.5)), (int(i), int(j + 0.5)))
        )
        assert labels[ends[0]] != labels[ends[1]]
    boxes = of_kind(ax, PatchCollection)
    assert [len(patches.get_paths()) for patches in boxes] == [2, 2]
    assert len(figure.axes) == 1
    assert drawn(ax).std() > 0


def test_instances_without_extras_and_with_names():
    ax = segalgo.show_instances(np.zeros((40, 60, 3), np.uint8), two_objects(), outlines=False, numbers=False)
    assert not of_kind(ax, LineCollection)
    assert not ax.texts
    ax = segalgo.show_instances(np.zeros((40, 60)), two_objects(), names={4: "cell"})
    assert [text.get_text() for text in ax.texts] == ["cell", "9"]
    ax = segalgo.show_instances(np.zeros((4, 6)), np.zeros((4, 6), int))
    assert not ax.texts


def test_a_hundred_numbers_do_not_cover_each_other():
    labels = np.zeros((300, 400), int)
    for k in range(100):
        i, j = 30 * (k // 10) + 12, 40 * (k % 10) + 16
        labels[i : i + 5 + k % 9, j : j + 4 + k % 7] = k + 1
    ax = segalgo.show_instances(np.zeros(labels.shape), labels)
    drawn(ax)
    boxes = [text.get_window_extent().padded(-2) for text in ax.texts]
    assert len(boxes) == 100
    assert not any(one.overlaps(other) for k, one in enumerate(boxes) for other in boxes[:k])
    assert min(text.get_fontsize() for text in ax.texts) >= 6


def test_touching_objects_differ_in_color(rng):
    labels = rng.integers(0, 40, (10, 12)).repeat(5, 0).repeat(5, 1)
    present, color = distinct_colors(labels)
    assert present.tolist() == [k for k in range(1, 40) if (labels == k).any()]
    assert set(color) <= set(range(len(COLORS)))
    stripes = np.arange(1, 31).repeat(2)[None].repeat(3, 0)
    _, color = distinct_colors(stripes)
    assert (color[1:] != color[:-1]).all()
    squares = np.array([[1, 8], [15, 22]])  # all four touch, and all would take turn 0 by number alone
    assert len(set(distinct_colors(squares)[1])) == 4


def test_pictures_side_by_side():
    labels = two_objects() // 4
    colors = np.array([(1, 2, 3), (10, 20, 30), (100, 110, 120)], np.uint8)
    axes = segalgo.side_by_side({"image": np.zeros((40, 60, 3)), "labels": labels}, colors=colors)
    assert [ax.get_title() for ax in axes] == ["image", "labels"]
    assert (axes[1].images[0].get_array() == colors[labels]).all()
    black = segalgo.side_by_side([np.full((2, 2), 255, np.uint8)], colors=colors)[0].images[0].get_array()
    assert not np.asarray(black).any()
    _, given = pyplot.subplots(1, 2)
    assert segalgo.side_by_side([labels, labels], axes=given)[1] is given[1]
    for arguments, words in (
        (([labels], ["a", "b"]), "titles holds 2: expected 1"),
        (([labels], None), "axes holds 2: expected 1"),
    ):
        with pytest.raises(ValueError, match=words):
            segalgo.side_by_side(*arguments, axes=given if arguments[1] is None else None)


def test_legend_lists_what_occurs():
    names = ["sky", "road", "car"]
    ax = segalgo.legend(names, np.eye(3, dtype=np.uint8) * 255, present=np.array([[2, 0, 255]]))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["sky", "car"]
    assert ax.get_legend().legend_handles[1].get_facecolor()[:3] == (0, 0, 1)
    assert len(segalgo.legend([str(k) for k in range(60)]).get_legend().get_texts()) == 60
    with pytest.raises(ValueError, match=r"colors has shape \(2, 3\): expected \(3, 3\)"):
        segalgo.legend(names, np.zeros((2, 3)))


def test_histogram_with_thresholds(rng):
    image = rng.integers(0, 200, (50, 60), np.uint8)
    ax = segalgo.show_histogram(image, {"Otsu": 99.0, "Li": 80.25})
    assert [line.get_xdata()[0] for line in ax.lines[1:]] == [99.0, 80.25]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["Otsu 99", "Li 80.25"]
    counts = ax.lines[0].get_ydata()
    assert counts.sum() == image.size
    mask = np.zeros(image.shape, bool)
    mask[:2] = True
    assert segalgo.show_histogram(image, 5, mask=mask, log=True).lines[0].get_ydata().sum() == 120
    assert segalgo.show_histogram(rng.random((4, 4))).get_legend() is None
    deep = segalgo.show_histogram(rng.integers(0, 60000, (50, 60), np.uint16), bins=64).lines[0].get_ydata()
    assert (len(deep), deep.sum()) == (64, 3000)
    with pytest.raises(TypeError, match="thresholds="):
        segalgo.show_histogram(image, {"Otsu": "high"})
    with pytest.raises(ValueError, match="image has shape"):
        segalgo.show_histogram(np.zeros(4))


def test_confusion():
    matrix = np.array([[90, 10, 0], [20, 60, 0], [0, 0, 0]])
    ax = segalgo.show_confusion(matrix, ["a", "b", "c"])
    shares = np.ma.getdata(ax.images[0].get_array())
    assert shares[:2].tolist() == [[90, 10, 0], [25, 75, 0]]
    assert np.ma.getmaskarray(ax.images[0].get_array())[2].all()
    assert [text.get_text() for text in ax.texts] == ["90", "10", "25", "75"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["a", "b", "c"]
    columns = segalgo.show_confusion(matrix, normalize="prediction").images[0].get_array()
    assert columns[0, 0] == pytest.approx(100 * 90 / 110)
    assert [text.get_text() for text in segalgo.show_confusion(matrix, normalize=None).texts] == [
        "90",
        "10",
        "20",
        "60",
    ]
    large = segalgo.show_confusion(np.eye(150, dtype=int), [f"class {k}" for k in range(150)])
    assert not large.texts
    assert len(large.get_yticks()) <= 40
    drawn(large)
    for bad in (np.zeros((2, 3)), np.zeros((0, 0)), [[-1]], [[np.nan]]):
        with pytest.raises(ValueError, match="matrix"):
            segalgo.show_confusion(bad)
    with pytest.raises(ValueError, match="class_names holds 1: expected 3"):
        segalgo.show_confusion(matrix, ["a"])


def trace(rng):
    x = rng.random((2, 3, 10, 14)).astype(np.float32)
    pooled, indices = segalgo.max_pool2d(x, 2, return_indices=True)
    yield from (("input", x), ("pool", pooled), ("pool_indices", indices), ("scores", pooled.mean((2, 3))))


def test_trace_shows_maps_and_arrows(rng):
    layers = list(trace(rng))
    axes = segalgo.show_trace(iter(layers), channels=2, batch=1)
    assert axes.shape == (4, 2)
    assert (axes[0, 1].images[0].get_array() == layers[0][1][1, 1]).all()
    (arrows,) = of_kind(axes[2, 0], Quiver)
    start = np.stack([arrows.Y, arrows.X], -1)
    end = start + np.stack([arrows.V, arrows.U], -1)
    ends = np.rint(end).astype(int).reshape(-1, 2)
    indices = layers[2][1][1, 0]
    (left, right), (bottom, top) = axes[2, 0].get_xlim(), axes[2, 0].get_ylim()
    window = indices[round(top + 0.5) // 2 : round(bottom + 0.5) // 2, round(left + 0.5) // 2 : round(right + 0.5) // 2]
    assert window.shape == (5, 6)
    assert set(map(tuple, ends)) == {divmod(int(k), 14) for k in window.reshape(-1)}
    assert np.abs(end - start).max() == 0.5
    assert axes[3, 0].images[0].get_array().shape == (1, 3)
    assert "pool_indices" in axes[2, 0].get_ylabel()
    drawn(axes[0, 0])


def test_arrows_stand_where_something_happens():
    x = np.zeros((1, 40, 60), np.float32)
    x[0, 31, 47] = 1
    pooled, indices = segalgo.max_pool2d(x, 2, return_indices=True)
    ax = segalgo.show_trace([("x", x), ("p_indices", indices), ("p", pooled)], channels=1, layers="*_indices")[0, 0]
    assert ax.get_xlim()[0] < 47 < ax.get_xlim()[1]
    assert ax.get_ylim()[1] < 31 < ax.get_ylim()[0]


def test_trace_of_some_layers(rng):
    axes = segalgo.show_trace(trace(rng), channels=3, layers="pool*")
    assert axes.shape == (2, 3)
    assert of_kind(axes[1, 0], Quiver)
    _, given = pyplot.subplots(1, 1, squeeze=False)
    assert segalgo.show_trace(trace(rng), channels=1, layers=["input"], axes=given)[0, 0] is given[0, 0]
    for options, words in (
        ({"layers": "conv*"}, "expected a pattern that fits"),
        ({"channels": 0}, "channels=0"),
        ({"batch": 2}, "batch=2: expected less than 2"),
        ({"axes": given}, r"axes has shape \(1, 1\): expected \(4, 4\)"),
    ):
        with pytest.raises(ValueError, match=words):
            segalgo.show_trace(trace(rng), **options)
    with pytest.raises(ValueError, match="deep has shape"):
        segalgo.show_trace([("deep", np.zeros((1, 1, 1, 1, 1)))])


def test_indices_without_their_source_say_so():
    axes = segalgo.show_trace([("pool_indices", np.zeros((1, 2, 2), np.int64))], channels=1)
    assert axes[0, 0].texts[0].get_text() == "indices"


def test_the_background_blurs_and_the_object_stays(rng):
    image = rng.integers(0, 256, (60, 80, 3), np.uint8)
    image[20:40, 30:50] = (250, 10, 10)
    mask = np.zeros((60, 80), bool)
    mask[20:40, 30:50] = True
    result = segalgo.blur_background(image, mask, feather=0)
    assert (result[mask] == image[mask]).all()
    assert result[~mask].std() < 0.3 * image[~mask].std()
    # The red object does not bleed: background beside it is as grey as background far away.
    assert abs(float(result[30, 28, 0]) - float(result[30, 28, 1])) < 30
    assert (segalgo.blur_background(image, np.ones((60, 80), int)) == image).all()
    assert (segalgo.blur_background(image, mask, sigma=0, feather=0) == image).all()
    for arguments, words in ((("x", mask[:2]), "mask has shape"), ((0, mask), "sigma=-1")):
        with pytest.raises(ValueError, match=words):
            segalgo.blur_background(image, arguments[1], sigma=8 if arguments[0] == "x" else -1)


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (3, 1)])
def test_tiny_pictures(shape):
    assert segalgo.blur_background(np.zeros(shape), np.zeros(shape, bool)).shape == (*shape, 3)
    if 0 not in shape:
        drawn(segalgo.show_instances(np.zeros(shape), np.ones(shape, int)))


def test_without_matplotlib_the_message_names_the_extra():
    code = """
import sys
sys.modules["matplotlib"] = None
import numpy as np, segalgo
for call in (lambda: segalgo.show_confusion([[1]]), lambda: segalgo.legend(["a"]), lambda: segalgo.show_histogram(np.eye(3)),
             lambda: segalgo.side_by_side([np.eye(3)]), lambda: segalgo.show_instances(np.eye(3), np.eye(3, dtype=int)),
             lambda: segalgo.show_trace([("a", np.zeros((1, 2, 2)))])):
    try:
        call()
    except ImportError as error:
        print(error)
"""
    text = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert text.count("this needs matplotlib: pip install 'segalgo[plot]'") == 6
