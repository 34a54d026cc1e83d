"""``segalgo evaluate`` and ``segalgo convert`` of masks as most people have them: 0 and 255."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from data_trees import picture

from segalgo.cli import main

MASK = np.zeros((20, 30), np.uint8)
MASK[2:8, 3:12] = MASK[10:15, 15:25] = 1


def run(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


def scores_of(tmp_path, truth, found, *options, classes="background\nobject\n"):
    root = tmp_path / "set"
    picture(root / "images" / "a.png", np.zeros((*truth.shape, 3), np.uint8))
    picture(root / "labels" / "a.png", truth)
    (root / "classes.txt").write_text(classes)
    picture(tmp_path / "found" / "a.png", found)
    result = run("evaluate", tmp_path / "found", root, "--json", tmp_path / "s.json", *options)
    return json.loads((tmp_path / "s.json").read_text()), result


@pytest.mark.parametrize("value", [1, 128, 255])
def test_an_empty_prediction_of_masks(tmp_path, value):
    scores, result = scores_of(tmp_path, MASK * value, MASK * 0)
    assert scores["mean_iou"] == pytest.approx((496 / 600 + 0) / 2)
    assert scores["pixels_ignored"] == 0
    said = [note for note in scores["notes"] if "is taken for class 1" in note]
    assert len(said) == (value != 1)
    assert ("segalgo: note:" in result.stderr) == (value != 1)


@pytest.mark.parametrize(("target", "prediction"), [(255, 1), (1, 255), (255, 255), (128, 255), (1, 1)])
def test_targets_and_predictions_in_their_own_values(tmp_path, target, prediction):
    assert scores_of(tmp_path, MASK * target, MASK * prediction)[0]["mean_iou"] == 1
    if target != 1:
        scores, _ = scores_of(tmp_path, MASK * target, MASK * prediction, "--foreground-value", target)
        assert scores["mean_iou"] == 1


def test_ignored_targets_and_absent_classes_are_said(tmp_path):
    truth = np.full((20, 30), 255, np.uint8)
    truth[:4] = MASK[:4]
    scores, result = scores_of(tmp_path, truth, MASK)
    assert scores["pixels_ignored"] == 480
    assert "480 of 600 pixels of the targets are ignored" in result.stdout
    _, result = scores_of(tmp_path, MASK * 255, MASK, "--ignore-value", "255")
    assert "no pixel of the targets is object" in result.stdout


def test_two_plain_folders(tmp_path):
    picture(tmp_path / "true" / "a.png", MASK * 255)
    picture(tmp_path / "found" / "a.png", MASK * 0)
    result = run("evaluate", tmp_path / "found", tmp_path / "true")
    assert "mean IoU                  41.33" in result.stdout
    picture(tmp_path / "true" / "a.png", MASK * 3)
    picture(tmp_path / "true" / "b.png", MASK + 1)
    picture(tmp_path / "found" / "a.png", MASK * 3)
    picture(tmp_path / "found" / "b.png", MASK + 1)
    assert "mean IoU                 100.00" in run("evaluate", tmp_path / "found", tmp_path / "true").stdout


def objects_of(tmp_path, mask, *options):
    picture(tmp_path / "m.png", mask)
    result = run("convert", tmp_path / "m.png", tmp_path / "o.json", "--to", "coco", *options)
    content = json.loads((tmp_path / "o.json").read_text())
    return [entry["name"] for entry in content["categories"]], content["annotations"], result


def test_masks_to_coco(tmp_path):
    names, annotations, result = objects_of(tmp_path, MASK * 255)
    assert names == ["object"]
    assert [entry["area"] for entry in annotations] == [54, 50]
    assert "255 is taken for the object" in result.stderr
    names, annotations, _ = objects_of(tmp_path, MASK * 255, "--ignore-value", 255)
    assert annotations == []
    names, annotations, result = objects_of(tmp_path, MASK * 200, "--foreground-value", 200)
    assert (names, len(annotations), result.stderr) == (["object"], 2, "")
    both = MASK * 255
    both[0, 0] = 1
    assert [entry["area"] for entry in objects_of(tmp_path, both)[1]] == [1]  # beside 1 it is "ignore"


def test_masks_to_labels(tmp_path):
    from PIL import Image

    picture(tmp_path / "m.png", MASK * 255)
    run("convert", tmp_path / "m.png", tmp_path / "l.png", "--to", "labels", "--foreground-value", 255)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "l.png")), MASK)


def test_numbers_that_are_no_classes(tmp_path):
    import tifffile

    tifffile.imwrite(tmp_path / "m.tif", np.array([[0, 2**40]]))
    arguments = ["convert", str(tmp_path / "m.tif"), str(tmp_path / "o.json"), "--to", "coco"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "or --objects where the numbers are objects" in result.stderr
    assert CliRunner().invoke(main, [*arguments, "--objects"]).exit_code == 0
