"""``segalgo evaluate``, ``segalgo convert`` and ``segalgo segment --format coco``, used as a person would use them."""

import json
import subprocess
import sys
from pathlib import Path

import data_trees
import numpy as np
import pytest
import skimage
from click.testing import CliRunner
from data_trees import TREES, coco_content, palette_picture, picture, plane
from PIL import Image

import segalgo
from segalgo.cli import main
from segalgo.datasets import ENCODINGS, COCOInstances, COCOWriter, open_dataset
from segalgo.masks import rle_to_mask

COINS = Path(skimage.__file__).parent / "data" / "coins.png"


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def done(result):
    assert result.exit_code == 0, result.output
    return result.output


def refused(result, *words):
    """Assert one line on stderr, exit code 2, no traceback."""
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    for word in words:
        assert word in lines[0], lines[0]


def copy_labels(dataset, folder, ending=""):
    """Write a data set's own labels as predictions, in its own numbers."""
    for sample in dataset:
        picture(folder / f"{Path(sample.name).stem}{ending}.png", dataset.encoding.encode(sample.labels))


@pytest.mark.parametrize("tree", [name for name in TREES if name not in ("uci",)])
def test_the_truth_scores_one(tmp_path, tree):
    root = TREES[tree](tmp_path / "data")
    copy_labels(open_dataset(root), tmp_path / "predictions")
    done(run("evaluate", tmp_path / "predictions", root, "--json", tmp_path / "scores.json"))
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["mean_iou"] == scores["pixel_accuracy"] == scores["frequency_weighted_iou"] == 1
    assert scores["pixels"] == sum((sample.labels != 255).sum() for sample in open_dataset(root))
    present = {int(k) for sample in open_dataset(root) for k in np.unique(sample.labels)} - {255}
    assert {k for k, row in enumerate(scores["classes"]) if row["iou"] is not None} == present


def test_scores_by_hand(tmp_path):
    picture(tmp_path / "truth" / "a.png", np.array([[0, 0, 1, 1], [2, 2, 11, 11]], np.uint8))
    picture(tmp_path / "truth" / "b.png", np.array([[0, 0, 0, 0]], np.uint8))
    picture(tmp_path / "found" / "a.png", np.array([[0, 1, 1, 1], [2, 11, 5, 0]], np.uint8))
    picture(tmp_path / "found" / "b.png", np.array([[0, 0, 0, 2]], np.uint8))
    text = done(
        run(
            "evaluate", tmp_path / "found", tmp_path / "truth", "--dataset", "camvid", "--json", tmp_path / "s.json",
            "--picture", tmp_path / "confusion.png",
        )
    )  # fmt: skip
    scores = json.loads((tmp_path / "s.json").read_text())
    # sky: 4 right, 2 missed; building: 2 right, 1 too many; pole: 1 right, 1 missed (as void), 1 too many.
    assert [row["iou"] for row in scores["classes"][:4]] == pytest.approx([4 / 6, 2 / 3, 1 / 3, None])
    assert scores["mean_iou"] == pytest.approx((4 / 6 + 2 / 3 + 1 / 3) / 3)
    assert scores["pixel_accuracy"] == pytest.approx(7 / 10)
    assert scores["class_accuracy"] == pytest.approx((4 / 6 + 1 + 1 / 2) / 3)
    assert scores["frequency_weighted_iou"] == pytest.approx(0.6 * 4 / 6 + 0.2 * 2 / 3 + 0.2 / 3)
    assert scores["pixels_without_class"] == 1
    assert scores["classes"][2]["precision"] == pytest.approx(1 / 2)
    assert scores["classes"][0]["dice"] == pytest.approx(8 / 10)
    assert "1 pixels were predicted as no class" in text
    assert "mean IoU" in text
    assert "55.56" in text
    assert segalgo.read_picture(tmp_path / "confusion.png").ndim == 3


def test_class_indices_and_longer_names(tmp_path):
    root = data_trees.cityscapes(tmp_path / "data")
    dataset = open_dataset(root)
    for sample in dataset:
        picture(tmp_path / "indices" / f"{sample.name}_network.png", sample.labels)
    scores = done(run("evaluate", tmp_path / "indices", root, "--class-indices"))
    assert "pixel accuracy           100.00" in scores
    refused(run("evaluate", tmp_path / "indices", root), "aachen_000000_000019_network.png", "holds label 255")


def test_predictions_in_folders_of_their_names(tmp_path):
    root = data_trees.camvid_folders(tmp_path / "data")
    for sample in open_dataset(root, "val"):
        picture(tmp_path / "out" / sample.name / "labels.png", sample.labels)
    assert "100.00" in done(run("evaluate", tmp_path / "out", root, "--split", "val", "--dataset", "camvid"))


@pytest.mark.parametrize("tree", ["isbi-stack", "isbi-folders"])
def test_a_named_data_set_whose_folder_holds_pictures(tmp_path, tree):
    root = TREES[tree](tmp_path / "data")
    copy_labels(open_dataset(root), tmp_path / "found")
    text = done(run("evaluate", tmp_path / "found", root, "--dataset", "isbi"))
    assert "11 pictures" in text
    assert "mean IoU                 100.00" in text
    if tree == "isbi-folders":
        assert "11 pictures" in done(run("evaluate", tmp_path / "found", root / "labels", "--dataset", "isbi"))


def test_bad_predictions_are_one_line(tmp_path):
    root = data_trees.camvid_folders(tmp_path / "data")
    found = tmp_path / "found"
    found.mkdir()
    name = "0001TP_006690"
    refused(run("evaluate", found, root), str(found), f"holds no label picture for {name}")
    picture(found / f"{name}.png", plane([12]).astype(np.uint8))
    refused(run("evaluate", found, root), f"{name}.png", "holds label 12 at row 0, column 0")
    picture(found / f"{name}.png", plane([1]).astype(np.uint8)[:, :-1])
    refused(run("evaluate", found, root), f"{name}.png", "is 6 x 7, the target is 6 x 8")
    (found / f"{name}.png").write_text("words")
    refused(run("evaluate", found, root), f"{name}.png", "not a picture")
    refused(run("evaluate", tmp_path / "nowhere", root), "nowhere: no such file or folder")
    (found / f"{name}.png").unlink()
    refused(run("evaluate", found, found), "no data set recognised")
    refused(run("evaluate", found, root, "--split", "test"), "has no split 'test': expected one of train, val")
    refused(run("evaluate", COINS, root), "is no folder")
    refused(run("evaluate", found, data_trees.uci(tmp_path / "uci")), "is a table without label maps")
    copy_labels(open_dataset(root), found)
    refused(run("evaluate", found, root, "--json", tmp_path / "no" / "s.json"), "No such file")
    refused(run("evaluate", found, root, "--picture", tmp_path / "c.words"), "c.words")
    for split in ("a", "b"):
        picture(found / f"{name}_{split}.png", plane([1]).astype(np.uint8))
    (found / f"{name}.png").unlink()
    refused(run("evaluate", found, root), f"holds 2 label pictures for {name}")
    voc = data_trees.voc(tmp_path / "voc")
    picture(found / "2008_000001.png", plane([1]).astype(np.uint8))
    refused(run("evaluate", found, voc, "--split", "test"), "has no labels to compare with")


def test_detections_of_coco(tmp_path):
    root = data_trees.coco(tmp_path / "coco")
    content = coco_content()
    single = [entry for entry in content["annotations"] if not entry["iscrowd"]]
    detections = [entry | {"score": 0.9 - 0.1 * k} for k, entry in enumerate(single)]
    path = tmp_path / "detections.json"
    path.write_text(json.dumps(detections))
    text = done(run("evaluate", path, root, "--json", tmp_path / "scores.json"))
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["AP"] == pytest.approx(1)
    assert scores["APl"] is None
    assert "AP, IoU .50 to .95" in text
    path.write_text(json.dumps([{"image_id": 9, "category_id": 1, "bbox": [1, 1, 4, 3], "score": 1}]))
    assert "boxes compared" in done(run("evaluate", path, root / "annotations" / "instances_val2017.json"))
    path.write_text('[{"image_id": 9}]')
    refused(run("evaluate", path, root), str(path))
    path.write_text("3")
    refused(run("evaluate", path, root), str(path), "expected a list of detections")
    refused(run("evaluate", path, root, "--class-indices"), str(path))
    refused(run("evaluate", tmp_path / "none.json", root), "none.json")


def test_panoptic_files_of_coco(tmp_path):
    root = data_trees.coco_panoptic(tmp_path / "coco")
    found = root / "annotations" / "panoptic_val2017.json"
    (root / "val2017" / "000000000009.jpg").unlink()  # the photographs are not needed
    text = done(run("evaluate", found, root, "--json", tmp_path / "scores.json"))
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["pq_all"] == scores["rq_things"] == scores["sq_stuff"] == 1
    assert "PQ" in text
    content = data_trees.panoptic_content()
    # The sky is taken for persons: one segment too many of one class, one missed of the other.
    content["annotations"][0]["segments_info"][0]["category_id"] = 1
    other = data_trees.coco_panoptic(tmp_path / "other", content) / "annotations" / "panoptic_val2017.json"
    done(run("evaluate", other, root, "--json", tmp_path / "scores.json"))
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["pq_stuff"] == 0
    assert scores["classes"][0]["rq"] == pytest.approx(2 / 2.5)
    picture(other.parent / "panoptic_val2017" / "000000000009.png", np.zeros((5, 8, 3), np.uint8))
    refused(run("evaluate", other, root), "000000000009.png", "is 5 x 8: expected 6 x 8")
    content["annotations"] = [{"image_id": 1, "file_name": "a.png", "segments_info": []}]
    other.write_text(json.dumps(content))
    refused(run("evaluate", other, root), str(other), "holds no annotation of picture 9")
    other.write_text('{"annotations": [{"segments_info": []}]}')
    refused(run("evaluate", other, root), str(other), "annotations[0]", "has no key 'image_id'")


def test_palette_pictures_keep_their_numbers(tmp_path):
    labels = plane([0, 3, 11, 10]).astype(np.uint8)
    picture(tmp_path / "labels" / "a.png", labels)
    done(run("convert", tmp_path / "labels", tmp_path / "colored", "--to", "palette", "--dataset", "camvid"))
    with Image.open(tmp_path / "colored" / "a.png") as image:
        assert image.mode == "P"
        indices, rgb = np.asarray(image), np.asarray(image.convert("RGB"))
    assert (indices == np.where(labels == 11, 255, labels)).all()
    assert (rgb[labels == 3] == ENCODINGS["camvid"].colors[3]).all()
    done(run("convert", tmp_path / "colored", tmp_path / "back", "--to", "labels"))
    with Image.open(tmp_path / "back" / "a.png") as image:
        assert image.mode == "L"
        assert (np.asarray(image) == indices).all()
    done(run("convert", tmp_path / "labels" / "a.png", tmp_path / "one.png", "--to", "palette"))
    with Image.open(tmp_path / "one.png") as image:
        assert image.getpalette()[3 * 11 : 3 * 11 + 3] == [192, 128, 0]


def test_classes_to_coco_and_back(tmp_path):
    labels = plane([0, 2, 0, 2, 0, 1, 255]).astype(np.uint8)
    palette_picture(tmp_path / "voc" / "a.png", labels)
    palette_picture(tmp_path / "voc" / "b.png", plane([0]))
    text = done(run("convert", tmp_path / "voc", tmp_path / "o.json", "--to", "coco", "--dataset", "voc"))
    found = segalgo.semantic_to_instances(labels)
    assert f"{len(found.classes)} objects of 2 pictures" in text
    content = json.loads((tmp_path / "o.json").read_text())
    assert content["categories"][0] == {"id": 1, "name": "aeroplane"}
    for k, annotation in enumerate(content["annotations"]):
        assert annotation["category_id"] == found.classes[k]
        assert (rle_to_mask(annotation["segmentation"]) == (found.labels == k + 1)).all()
        assert annotation["area"] == (found.labels == k + 1).sum()
    assert [entry["bbox"] for entry in content["annotations"]] == segalgo.bounding_boxes(
        found.labels, form="coco"
    ).tolist()
    done(run("convert", tmp_path / "o.json", tmp_path / "back", "--to", "labels"))
    assert (segalgo.read_picture(tmp_path / "back" / "a.png") == np.where(labels == 255, 0, labels)).all()
    done(run("convert", tmp_path / "o.json", tmp_path / "numbers", "--to", "labels", "--objects"))
    numbers = segalgo.read_picture(tmp_path / "numbers" / "a.png")
    assert len(np.unique(numbers)) == len(found.classes) + 1


def test_classes_without_names_and_without_background(tmp_path):
    picture(tmp_path / "a.png", np.array([[0, 7, 255]], np.uint8))
    done(run("convert", tmp_path / "a.png", tmp_path / "o.json", "--to", "coco"))
    content = json.loads((tmp_path / "o.json").read_text())
    assert [category["name"] for category in content["categories"]] == [str(k) for k in range(1, 8)]
    assert [entry["category_id"] for entry in content["annotations"]] == [7]
    done(run("convert", tmp_path / "a.png", tmp_path / "o.json", "--to", "coco", "--dataset", "camvid"))
    content = json.loads((tmp_path / "o.json").read_text())
    names = {category["id"]: category["name"] for category in content["categories"]}
    assert [names[entry["category_id"]] for entry in content["annotations"]] == ["sky", "fence"]


def test_touching_objects_are_cut_on_request(tmp_path):
    i, j = np.indices((60, 100))
    labels = (np.hypot(i - 30, j - 30) < 20) | (np.hypot(i - 30, j - 66) < 20)
    picture(tmp_path / "a.png", labels.astype(np.uint8))
    for options, count in (((), "1 object "), (("--split-touching",), "2 objects ")):
        assert count in done(run("convert", tmp_path / "a.png", tmp_path / "o.json", "--to", "coco", *options))
    refused(
        run("convert", tmp_path / "a.png", tmp_path / "x", "--to", "labels", "--split-touching"), "--split-touching"
    )


def test_many_objects_keep_their_numbers(tmp_path):
    labels = np.arange(400, dtype=np.uint16).reshape(20, 20).repeat(2, 0)
    picture(tmp_path / "a.png", labels)
    done(run("convert", tmp_path / "a.png", tmp_path / "o.json", "--to", "coco", "--objects"))
    done(run("convert", tmp_path / "o.json", tmp_path / "back", "--to", "labels", "--objects"))
    assert (segalgo.read_picture(tmp_path / "back" / "a.png") == labels).all()
    refused(run("convert", tmp_path / "a.png", tmp_path / "p.png", "--to", "palette"), "p.png", "expected 0 to 255")


def test_bad_conversions_are_one_line(tmp_path):
    picture(tmp_path / "a.png", plane([30]).astype(np.uint8))
    picture(tmp_path / "colors" / "a.png", np.arange(27, dtype=np.uint8).reshape(3, 3, 3))
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.json").write_text("{")
    refused(run("convert", tmp_path / "no.png", tmp_path / "o", "--to", "labels"), "no.png: no such file or folder")
    refused(run("convert", tmp_path / "no.json", tmp_path / "o", "--to", "labels"), "no.json")
    refused(run("convert", tmp_path / "empty", tmp_path / "o", "--to", "labels"), "holds no pictures")
    refused(
        run("convert", tmp_path / "colors", tmp_path / "o", "--to", "labels"),
        "a.png",
        "holds colors, such as [0, 1, 2]",
    )
    refused(run("convert", tmp_path / "a.png", tmp_path / "o", "--to", "labels", "--dataset", "voc"), "holds label 30")
    refused(run("convert", tmp_path / "a.png", tmp_path / "o", "--to", "coco"), "expected a name that ends with .json")
    refused(run("convert", tmp_path / "a.png", tmp_path / "o.json", "--to", "labels"), "expected a folder")
    refused(run("convert", tmp_path / "bad.json", tmp_path / "o", "--to", "labels"), "bad.json", "is not JSON")
    refused(run("convert", tmp_path / "bad.json", tmp_path / "o", "--to", "labels", "--dataset", "voc"), "itself")
    refused(run("convert", tmp_path / "a.png", tmp_path / "a.png" / "o", "--to", "labels"), "a.png")


def test_two_pictures_of_one_name(tmp_path):
    content = coco_content()
    content["images"][1]["file_name"] = "other/000000000009.png"
    (tmp_path / "o.json").write_text(json.dumps(content))
    refused(run("convert", tmp_path / "o.json", tmp_path / "o", "--to", "labels"), "two pictures")


def test_segment_writes_an_annotation_file(tmp_path):
    options = ("--method", "local", "--window", 151, "--offset", 10, "--min-area", 100, "--format", "coco")
    text = done(run("segment", COINS, *options, "-o", tmp_path / "out"))
    assert str(tmp_path / "out" / "annotations.json") in text
    labels = segalgo.read_picture(tmp_path / "out" / "coins" / "labels.png")
    content = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert content["images"] == [{"id": 1, "file_name": "coins.png", "height": 303, "width": 384}]
    assert len(content["annotations"]) == labels.max() == 24
    for k, annotation in enumerate(content["annotations"], 1):
        assert (rle_to_mask(annotation["segmentation"]) == (labels == k)).all()
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.png").write_bytes(COINS.read_bytes())
    (folder / "bad.png").write_text("words")
    assert run("segment", folder, *options, "-o", tmp_path / "all").exit_code == 2
    dataset = COCOInstances(tmp_path / "all" / "annotations.json")
    assert [record.name for record in dataset.records] == ["one.png", "two.png"]
    assert dataset.paint_instances(dataset.records[1]).max() == 24


def test_writing_refuses_what_does_not_fit():
    writer = COCOWriter(["cell"])
    for arguments, words in (
        ((np.zeros(3, int),), "labels has shape"),
        ((np.array([[1, 2]]), [1]), "categories holds 1 entries, labels object 2"),
        ((np.array([[1, 2]]), [1, 2]), "categories holds 1 to 2: expected 1 to 1"),
        ((np.array([[1]]), None, []), "scores holds 0 entries, labels object 1"),
    ):
        with pytest.raises(ValueError, match=words):
            writer.add("a.png", *arguments)
    assert writer.content["images"] == []
    writer.add("a.png", np.array([[0, 2]]), None, [0.5, 0.25])
    assert [entry["score"] for entry in writer.content["annotations"]] == [0.25]


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools itself
def test_pycocotools_reads_our_annotation_files(tmp_path):
    from pycocotools.coco import COCO

    labels = segalgo.segment(segalgo.read_picture(COINS), min_area=100).labels
    writer = COCOWriter(["coin"])
    writer.add("coins.png", labels)
    writer.write(tmp_path / "coins.json")
    read = COCO(str(tmp_path / "coins.json"))
    for k, annotation in enumerate(read.loadAnns(read.getAnnIds()), 1):
        mask = labels == k
        assert (read.annToMask(annotation) == mask).all()
        assert annotation["area"] == mask.sum()


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools itself
def test_coco_masks_are_those_of_pycocotools(tmp_path):
    from pycocotools.coco import COCO

    root = data_trees.coco(tmp_path)
    read = COCO(str(root / "annotations" / "instances_val2017.json"))
    sample = open_dataset(root)[0]
    for mask, annotation in zip(sample.masks, sample.annotations, strict=True):
        assert (read.annToMask(annotation) == mask).all()


@pytest.mark.peers
def test_scores_are_those_of_scikit_learn(tmp_path, rng):
    from sklearn import metrics

    truth = rng.choice([*range(11), 11], (3, 20, 30)).astype(np.uint8)
    found = rng.integers(0, 11, truth.shape, np.uint8)
    for k in range(3):
        picture(tmp_path / "truth" / f"{k}.png", truth[k])
        picture(tmp_path / "found" / f"{k}.png", found[k])
    done(run("evaluate", tmp_path / "found", tmp_path / "truth", "--dataset", "camvid", "--json", tmp_path / "s.json"))
    scores = json.loads((tmp_path / "s.json").read_text())
    valid = truth != 11
    pair = truth[valid], found[valid]
    assert scores["mean_iou"] == pytest.approx(metrics.jaccard_score(*pair, average="macro"), rel=1e-12)
    assert scores["frequency_weighted_iou"] == pytest.approx(
        metrics.jaccard_score(*pair, average="weighted"), rel=1e-12
    )
    assert scores["pixel_accuracy"] == pytest.approx(metrics.accuracy_score(*pair), rel=1e-12)
    assert scores["class_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(*pair), rel=1e-12)
    assert scores["mean_dice"] == pytest.approx(metrics.f1_score(*pair, average="macro"), rel=1e-12)
    assert scores["confusion_matrix"][3][:11] == metrics.confusion_matrix(*pair)[3].tolist()


def test_commands_start_without_heavy_imports():
    code = "import sys, segalgo.cli; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"matplotlib", "skimage", "scipy", "tqdm", "PIL"} & set(loaded)
    for command in ("evaluate", "convert"):
        assert "Examples:" in run(command, "--help").output
