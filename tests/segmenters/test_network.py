"""``segalgo segment --model``: classes with a legend, cells as objects, shares, and refusals."""

import csv

import numpy as np
import pytest
from click.testing import CliRunner
from network_deviation import random_parameters
from PIL import Image

import segalgo
from segalgo.cli import main
from segalgo.models import Classes, SegNet, UNet, from_checkpoint
from segalgo.plot import overlay_classes
from segalgo.segmenters.network import segment_with_model


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def street(tmp_path, rng):
    """A network of classes, and a picture."""
    model = SegNet(3, 4, (4, 4, 4, 4, 4))
    model.load_state_dict(random_parameters(model, rng))
    model.classes = Classes(("sky", "road", "tree", "car"), ((1, 2, 3), (0, 255, 0), (255, 0, 0), (0, 0, 255)))
    model.save(tmp_path / "street.safetensors")
    Image.fromarray(rng.integers(0, 256, (45, 61, 3), np.uint8)).save(tmp_path / "photo.png")
    return tmp_path


@pytest.fixture
def tissue(tmp_path):
    """A network that calls bright pixels cell (its first channel passes through), and a picture with three of them."""
    model = UNet(1, 2, 2, 1, norm=None)
    state = {name: np.zeros_like(value) for name, value in model.parameters.items()}
    state["down1_conv1.weight"][0, 0, 1, 1] = 1
    state["down1_conv2.weight"][0, 0, 1, 1] = 1
    state["up1_conv1.weight"][0, 0, 1, 1] = 1
    state["up1_conv2.weight"][0, 0, 1, 1] = 1
    state["classifier.weight"][1, 0] = 4
    state["classifier.bias"][0] = 2
    model.load_state_dict(state)
    model.classes = Classes(("membrane", "cell"), ((0, 0, 0), (230, 159, 0)), "cell")
    model.save(tmp_path / "tissue.safetensors")
    image = np.full((40, 50), 20, np.uint8)
    image[2:12, 2:12] = image[12:20, 12:30] = 220  # these touch at a corner alone
    image[25:35, 5:45] = 220
    image[28:30, 20:24] = 20
    image[38, 48] = 220
    Image.fromarray(image).save(tmp_path / "slice.png")
    return tmp_path


def test_classes(street):
    result = run("segment", street / "photo.png", "--model", street / "street.safetensors", "-o", street)
    assert result.exit_code == 0, result.output
    folder = street / "photo"
    labels = segalgo.read_picture(folder / "labels.png")
    picture = segalgo.read_picture(street / "photo.png")
    np.testing.assert_array_equal(labels, from_checkpoint(street / "street.safetensors").predict(picture))
    rows = table(folder / "classes.csv")
    assert [row["name"] for row in rows] == ["sky", "road", "tree", "car"]
    for k, row in enumerate(rows):
        assert int(row["class"]) == k
        assert int(row["pixels"]) == (labels == k).sum()
        assert float(row["share"]) == pytest.approx((labels == k).mean())
    drawn = segalgo.read_picture(folder / "overlay.png")
    assert drawn.shape[0] > 45
    assert drawn.shape[1:] == (61, 3)
    assert not (folder / "objects.csv").exists()
    largest = max(rows, key=lambda row: int(row["pixels"]))
    assert f"{largest['name']} " in result.output
    assert str(folder / "overlay.png") in result.output


def test_tiles_and_symmetries(street):
    for option in (["--tile", 32], ["--augment"]):
        path = street / option[0].strip("-")
        arguments = ["segment", street / "photo.png", "--model", street / "street.safetensors", *option, "-o", path]
        assert run(*arguments).exit_code == 0
        labels = segalgo.read_picture(path / "photo" / "labels.png")
        whole = from_checkpoint(street / "street.safetensors").predict(
            segalgo.read_picture(street / "photo.png"), augment=option == ["--augment"]
        )
        assert (labels == whole).mean() > 0.99


def test_cells(tissue):
    arguments = ["segment", tissue / "slice.png", "--model", tissue / "tissue.safetensors", "-o", tissue]
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert "3 objects (cell)" in result.output
    labels = segalgo.read_picture(tissue / "slice" / "labels.png")
    assert labels.max() == 3
    rows = table(tissue / "slice" / "objects.csv")
    assert [int(row["area"]) for row in rows] == [100, 8 * 18, 400 - 8]
    assert float(rows[0]["mean_intensity"]) == 220
    shares = table(tissue / "slice" / "classes.csv")
    assert int(shares[1]["pixels"]) == 100 + 144 + 392 + 1
    assert "4 objects" in run(*arguments, "--min-area", 0).output
    assert "2 objects" in run(*arguments, "--connectivity", 8).output
    run(*arguments, "--fill-holes")
    assert max(int(row["area"]) for row in table(tissue / "slice" / "objects.csv")) == 400
    assert "0 objects" in run(*arguments, "--threshold", 1).output


def test_a_folder_of_pictures(street):
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(street / "grey.png")
    result = run("segment", street, "--model", street / "street.safetensors", "-o", street / "results")
    assert result.exit_code == 0, result.output
    assert "2 of 2 pictures segmented" in result.output
    assert (street / "results" / "grey" / "classes.csv").exists()


def test_blurred_background(street):
    arguments = ["segment", street / "photo.png", "--model", street / "street.safetensors", "-o", street]
    result = run(*arguments, "--blur-background", "tree")
    assert result.exit_code == 0, result.output
    assert str(street / "photo" / "blurred.png") in result.output
    picture, labels, blurred = (
        segalgo.read_picture(path)
        for path in (street / "photo.png", street / "photo" / "labels.png", street / "photo" / "blurred.png")
    )
    np.testing.assert_array_equal(blurred, segalgo.blur_background(picture, labels == 2))


def test_refusals(street, tissue):
    model, photo = street / "street.safetensors", street / "photo.png"
    (street / "broken.pth").write_bytes(b"nothing")
    Image.fromarray(np.zeros((4, 4), np.float32)).save(street / "range.tif")
    for arguments, words in (
        ((photo, "--model", "unet-nothing"), ["--model 'unet-nothing': expected", "a weight file"]),
        ((photo, "--model", street / "none.pth"), ["none.pth: no such file"]),
        ((photo, "--model", street / "broken.pth"), ["broken.pth", "neither a zip file"]),
        ((photo, "--model", model, "--method", "li"), ["--model and --method exclude each other"]),
        ((photo, "--model", model, "--threshold", 0.5), ["--threshold with --model", "finds no objects"]),
        ((photo, "--model", model, "--min-area", 5), ["--min-area with --model"]),
        ((photo, "--model", model, "--blur-background", "sea"), ["--blur-background 'sea'", "one of sky, road, tree"]),
        ((photo, "--blur-background", "sky"), ["--blur-background: expected with --model alone"]),
        ((photo, "--tile", 32), ["--tile and --augment: expected with --model alone"]),
        (
            (photo, "--model", tissue / "tissue.safetensors", "--threshold", 7),
            ["threshold=7.0: expected a probability"],
        ),
    ):
        result = run("segment", *arguments, "-o", street / "out")
        assert result.exit_code == 2, result.output
        assert isinstance(result.exception, SystemExit)
        (line,) = result.stderr.strip().splitlines()
        for word in words:
            assert word in line


def test_segment_with_model_in_python(tissue):
    model = from_checkpoint(tissue / "tissue.safetensors")
    found = segment_with_model(model, segalgo.read_picture(tissue / "slice.png"), min_area=10)
    assert found.objects.count == 3
    assert found.shares()[1][:3] == (1, "cell", 637)
    with pytest.raises(ValueError, match=r"threshold=-0\.5"):
        segment_with_model(model, np.zeros((4, 4), np.uint8), threshold=-0.5)


def test_overlay_classes():
    labels = np.array([[0, 1], [2, 1]])
    names, colors = ["a", "b", "c"], [(0, 0, 0), (200, 0, 0), (0, 0, 100)]
    drawn = overlay_classes(np.zeros((2, 2), np.uint8), labels, names, colors, alpha=0.5)
    assert drawn[0, 1].tolist() == [100, 0, 0]
    assert drawn[1, 0].tolist() == [0, 0, 50]
    wide = np.zeros((3, 400), int)
    one = overlay_classes(np.zeros((3, 400), np.uint8), wide, names, colors)
    many = overlay_classes(np.zeros((3, 400), np.uint8), np.arange(1200).reshape(3, 400) % 40, [f"number {k}" for k in range(40)], [(k, k, k) for k in range(40)])  # fmt: skip
    assert one.shape[0] < many.shape[0]  # the legend takes the lines it needs
    assert (one[3:] != 255).any()
    for bad, words in (
        ({"labels": labels[:1]}, r"shape \(1, 2\): expected \(2, 2\)"),
        ({"labels": labels + 1}, "names and colors hold 3 and 3"),
        ({"colors": colors[:2]}, "names and colors hold 3 and 2"),
        ({"alpha": 2}, "alpha=2"),
    ):
        with pytest.raises(ValueError, match=words):
            overlay_classes(**{"image": np.zeros((2, 2)), "labels": labels, "names": names, "colors": colors, **bad})
