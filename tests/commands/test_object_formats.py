"""Objects from label maps to COCO's polygons, YOLO, labelme and Kaggle, and back to the same label maps."""

import base64
import csv
import io
import json

import numpy as np
import pytest
from click.testing import CliRunner
from data_trees import picture
from PIL import Image

from segalgo.cli import main
from segalgo.datasets import YOLO, DatasetError, Labelme, open_dataset
from segalgo.masks import rle_to_mask, start_lengths_to_rle

LABELS = np.zeros((41, 60), np.uint8)
LABELS[3:20, 4:30] = 1
LABELS[8:12, 9:14] = LABELS[13:15, 20:25] = 0  # two holes
LABELS[10, 10] = 2  # an object within a hole
LABELS[25:40, 30:60] = 2
LABELS[25:30, 0:3] = 1


def run(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


def labels_of(path):
    return np.asarray(Image.open(path))


@pytest.fixture
def source(tmp_path):
    picture(tmp_path / "source" / "a.png", LABELS)
    picture(tmp_path / "source" / "b.png", LABELS[::-1])
    return tmp_path / "source"


def test_polygons_of_coco(tmp_path, source):
    run("convert", source, tmp_path / "p.json", "--to", "coco", "--polygons")
    content = json.loads((tmp_path / "p.json").read_text())
    assert all(isinstance(entry["segmentation"], list) for entry in content["annotations"])
    run("convert", tmp_path / "p.json", tmp_path / "back", "--to", "labels")
    np.testing.assert_array_equal(labels_of(tmp_path / "back" / "a.png"), LABELS)
    np.testing.assert_array_equal(labels_of(tmp_path / "back" / "b.png"), LABELS[::-1])


@pytest.mark.peers
def test_polygons_are_the_masks_of_pycocotools(tmp_path, source):
    peer = pytest.importorskip("pycocotools.coco")
    run("convert", source, tmp_path / "p.json", "--to", "coco", "--polygons")
    tool = peer.COCO(tmp_path / "p.json")
    drawn = np.zeros_like(LABELS)
    for annotation in tool.loadAnns(tool.getAnnIds(imgIds=[1])):
        drawn += annotation["category_id"] * tool.annToMask(annotation)
    np.testing.assert_array_equal(drawn, LABELS)


def test_yolo_there_and_back(tmp_path, source):
    assert "4 objects of 2 pictures".replace("4", "8") in run("convert", source, tmp_path / "y", "--to", "yolo").stdout
    for name in ("a", "b"):
        picture(tmp_path / "y" / "images" / f"{name}.jpg", np.zeros((*LABELS.shape, 3), np.uint8))
    dataset = open_dataset(tmp_path / "y")
    assert isinstance(dataset, YOLO)
    assert dataset.class_names == ("background", "1", "2")
    np.testing.assert_array_equal(dataset["a"].labels, LABELS)
    np.testing.assert_array_equal(dataset["b"].labels, LABELS[::-1])
    run("convert", tmp_path / "y", tmp_path / "c.json", "--to", "coco")
    entries = json.loads((tmp_path / "c.json").read_text())["annotations"]
    assert sorted(entry["area"] for entry in entries if entry["image_id"] == 1) == sorted(
        [1, 15 * 30, 15, 17 * 26 - 20 - 10]
    )


def test_yolo_boxes_names_and_faults(tmp_path):
    picture(tmp_path / "train" / "images" / "a.png", np.zeros((20, 40, 3), np.uint8))
    labels = tmp_path / "train" / "labels" / "a.txt"
    labels.parent.mkdir()
    labels.write_text("1 0.5 0.5 0.25 0.5\n0 0.0 0.0 0.1 0.0 0.1 0.2 0.0 0.2 0.87\n\n")
    for text in ("names: ['cat', \"dog\"]\n", "nc: 2\nnames:\n- cat\n- dog\n", "names:\n  0: cat\n  1: dog\nval: x\n"):
        (tmp_path / "data.yaml").write_text(text)
        dataset = open_dataset(tmp_path)
        assert dataset.class_names == ("background", "cat", "dog")
    want = np.zeros((20, 40), int)
    want[5:15, 15:25], want[0:4, 0:4] = 2, 1
    np.testing.assert_array_equal(dataset[0].labels, want)
    assert dataset[0].instances.max() == 2
    for text, words in (
        ("7 0 0 1 0 1 1", "is of class '7': expected 0 to 1"),
        ("0 a b c d", "expected a class and numbers"),
        ("0 0.1 0.2", "holds 2 numbers"),
        ("0 0 0 1 0 nan 1", "expected numbers within"),
        ("0 1e30 0 1 0 1 1", "expected numbers within"),
        ("²  0 0 1 1", "is of class"),
    ):
        labels.write_text(text)
        with pytest.raises(DatasetError) as caught:
            _ = open_dataset(tmp_path)[0].labels
        assert caught.value.record == "line 1"
        assert words in str(caught.value)


def test_labelme_there_and_back(tmp_path, source):
    assert "8 objects of 2 pictures" in run("convert", source, tmp_path / "l", "--to", "labelme").stdout
    dataset = open_dataset(tmp_path / "l")
    assert isinstance(dataset, Labelme)
    np.testing.assert_array_equal(dataset["a"].labels, LABELS)
    run("convert", tmp_path / "l", tmp_path / "back", "--to", "labels")
    np.testing.assert_array_equal(labels_of(tmp_path / "back" / "b.png"), LABELS[::-1])
    # A single file as well.
    np.testing.assert_array_equal(open_dataset(tmp_path / "l" / "a.json")[0].labels, LABELS)


def shape(kind, points, **more):
    return {"label": "x", "points": points, "shape_type": kind, "group_id": None, "flags": {}, **more}


def test_shapes_of_labelme(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(np.array([[255, 0], [255, 255]], np.uint8)).save(buffer, "PNG")
    content = {
        "shapes": [
            shape("rectangle", [[10, 2], [4, 6]]),
            shape("circle", [[30.0, 20.0], [30.0, 25.0]]),
            shape("point", [[1, 1]]),
            shape("mask", [[50, 30], [52, 32]], mask=base64.b64encode(buffer.getvalue()).decode()),
            shape("polygon", [[0, 30], [4, 30], [4, 34], [0, 34]], group_id=1),
            shape("polygon", [[10, 30], [14, 30], [14, 34], [10, 34]], group_id=1),
        ],
        "imagePath": "..\\pictures\\a.png".replace("..\\", ""), "imageData": None, "imageHeight": 40, "imageWidth": 60,
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(content))
    instances = open_dataset(tmp_path)[0].instances
    areas = np.bincount(instances.ravel())[1:].tolist()
    assert areas[0] == 24
    assert areas[1] == pytest.approx(np.pi * 25, abs=6)
    assert areas[2:] == [3, 32]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["shapes"][0].pop("label"), "has no key 'label'"),
        (lambda c: c["shapes"][0].update(shape_type="blob"), "has shape_type 'blob'"),
        (lambda c: c["shapes"][0].update(points=[[1, 2]]), "cannot be drawn"),
        (lambda c: c["shapes"][0].update(points=[[10**400, 1], [2, 2], [3, 3]], shape_type="polygon"), "cannot be drawn"),
        (lambda c: c["shapes"][0].update(shape_type="mask", mask="!!"), "cannot be drawn"),
        (lambda c: c["shapes"][0].update(label="a\nb"), "expected a printable text"),
        (lambda c: c.update(imageHeight=10**9), "expected imageHeight"),
        (lambda c: c.update(imagePath="../../x.png"), "not inside the data set"),
        (lambda c: c.update(shapes=5), "'shapes' is a int"),
    ],
)  # fmt: skip
def test_damaged_labelme_files(tmp_path, change, words):
    content = {
        "shapes": [shape("rectangle", [[10, 2], [4, 6]])],
        "imagePath": "a.png",
        "imageHeight": 9,
        "imageWidth": 9,
    }
    change(content)
    (tmp_path / "a.json").write_text(json.dumps(content))
    result = run("convert", tmp_path / "a.json", tmp_path / "out", "--to", "labels", code=2)
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_kaggle(tmp_path, source):
    run("convert", source, tmp_path / "k.csv", "--to", "kaggle")
    with (tmp_path / "k.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    drawn = sum(
        rle_to_mask(start_lengths_to_rle(row["EncodedPixels"], LABELS.shape))
        for row in rows
        if row["ImageId"] == "a.png"
    )
    np.testing.assert_array_equal(drawn, LABELS > 0)


def test_objects_of_coco_stay_apart(tmp_path):
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 4, "width": 8}],
        "categories": [{"id": 3, "name": "x"}],
        "annotations": [
            {
                "id": k,
                "image_id": 1,
                "category_id": 3,
                "segmentation": [[4 * k, 0, 4 * k + 4, 0, 4 * k + 4, 4, 4 * k, 4]],
            }
            for k in (0, 1)
        ],
    }
    (tmp_path / "c.json").write_text(json.dumps(content))
    run("convert", tmp_path / "c.json", tmp_path / "y", "--to", "yolo")
    assert len((tmp_path / "y" / "labels" / "a.txt").read_text().splitlines()) == 2
