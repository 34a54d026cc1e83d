"""Damaged data sets: one error, which names the file and the record."""

import pickle
import re

import data_trees
import numpy as np
import pytest
import tifffile
from data_trees import TREES, coco_content, panoptic_content, photograph, picture, plane

from segalgo.datasets import DatasetError, LabelWarning, open_dataset


def refused(call, path, *words, record=None):
    with pytest.raises(DatasetError) as caught:
        call()
    error = caught.value
    assert error.path.name == path, error
    assert str(error.path) in str(error)
    if record is not None:
        assert error.record == record, error
    for word in words:
        assert word in str(error), error


def test_nothing_there_and_nothing_recognised(tmp_path):
    refused(lambda: open_dataset(tmp_path / "nowhere"), "nowhere", "no such file or folder")
    (tmp_path / "empty").mkdir()
    refused(
        lambda: open_dataset(tmp_path / "empty"),
        "empty", "Looked for", "JPEGImages/", "instances_*.json", "leftImg8bit", "image_2", "train-volume.tif",
        "segmentation.data", "annotations/training/", "classes.txt",
    )  # fmt: skip
    refused(lambda: open_dataset(tmp_path / "empty", kind="voc"), "empty", "is no PASCAL VOC: looked for JPEGImages/")
    with pytest.raises(ValueError, match=r"kind='imagenet': expected one of voc, coco"):
        open_dataset(tmp_path, kind="imagenet")


@pytest.mark.parametrize("tree", TREES)
def test_an_unknown_split_lists_the_known_ones(tmp_path, tree):
    root = TREES[tree](tmp_path / "data")
    known = open_dataset(root).splits
    with pytest.raises(DatasetError, match=rf"has no split 'nosuch': expected one of {', '.join(known)}"):
        open_dataset(root, "nosuch")


def test_the_error_keeps_its_parts_when_it_travels():
    error = pickle.loads(pickle.dumps(DatasetError("a/b.png", "is damaged", "frame 3")))
    assert (error.path.name, error.reason, error.record) == ("b.png", "is damaged", "frame 3")
    assert str(error) == "a/b.png [frame 3]: is damaged"


def test_unreadable_pictures(tmp_path):
    root = data_trees.camvid_folders(tmp_path)
    label = root / "train" / "labels" / "0001TP_006690.png"
    whole = label.read_bytes()
    for damaged in (b"", b"these are words", whole[: len(whole) // 2]):
        label.write_bytes(damaged)
        refused(lambda: open_dataset(root)[0].labels, label.name, "cannot be read as a picture", record="0001TP_006690")
    (root / "train" / "images" / "0001TP_006690.jpg").write_bytes(b"words")
    refused(lambda: open_dataset(root)[0].image, "0001TP_006690.jpg", "not a picture", record="0001TP_006690")


def test_labels_beyond_the_classes(tmp_path):
    root = data_trees.camvid_folders(tmp_path)
    label = root / "train" / "labels" / "0001TP_006690.png"
    values = plane([0]).astype(np.uint8)
    values[3, 5] = 12
    picture(label, values)
    refused(
        lambda: open_dataset(root)[0].labels,
        label.name, "holds label 12 at row 3, column 5: expected 0 to 11, 255", record="0001TP_006690",
    )  # fmt: skip
    picture(label, np.full((6, 8), 300, np.uint16))
    refused(lambda: open_dataset(root)[0].labels, label.name, "holds label 300 at row 0, column 0")
    picture(label, np.full((6, 8, 3), 5, np.uint8))
    refused(lambda: open_dataset(root)[0].labels, label.name, "holds color (5, 5, 5) at row 0, column 0")
    picture(label, plane([0]).astype(np.uint8)[:-1])
    refused(lambda: open_dataset(root)[0].labels, label.name, "is 5 x 8, its picture is 6 x 8")


def test_colors_where_indices_belong(tmp_path):
    root = data_trees.ade20k(tmp_path)
    label = root / "ADEChallengeData2016" / "annotations" / "training" / "ADE_train_00000001.png"
    picture(label, photograph())
    refused(
        lambda: open_dataset(root)[0].labels,
        label.name,
        "holds colors, such as",
        "expected labels, indices of a palette or grey",
    )
    picture(label, np.full((6, 8), 151, np.uint8))
    refused(lambda: open_dataset(root)[0].labels, label.name, "holds label 151", "expected 0 to 150")


def test_pictures_without_labels(tmp_path):
    root = data_trees.camvid_segnet(tmp_path / "camvid")
    (root / "trainannot" / "0001TP_006690.png").unlink()
    refused(lambda: open_dataset(root), "0001TP_006690.png", "has no labels", record="0001TP_006690")
    root = data_trees.voc(tmp_path)
    (root / "VOC2012" / "SegmentationClass" / "2007_000032.png").unlink()
    refused(lambda: open_dataset(root)[0].labels, "2007_000032.png", "no such file", record="2007_000032")


def test_lists_that_lead_outside(tmp_path):
    root = data_trees.voc(tmp_path)
    (root / "VOC2012" / "ImageSets" / "Segmentation" / "train.txt").write_text("2007_000032\n\n../../secret\n")
    refused(lambda: open_dataset(root), "train.txt", "'../../secret', which is not inside", record="line 3")


def test_stacks(tmp_path):
    root = data_trees.isbi_stack(tmp_path)
    labels = np.full((11, 6, 8), 255, np.uint8)
    labels[4, 2, 3] = 7
    tifffile.imwrite(root / "train-labels.tif", labels, photometric="minisblack")
    refused(lambda: open_dataset(root)[4].labels, "train-labels.tif", "holds label 7 at row 2, column 3", record="04")
    assert open_dataset(root)[3].labels.all()
    tifffile.imwrite(root / "train-labels.tif", labels[:9], photometric="minisblack")
    refused(lambda: open_dataset(root), "train-labels.tif", "holds 9 slices, train-volume.tif 11")
    (root / "train-labels.tif").write_bytes(b"II*\0words")
    refused(lambda: open_dataset(root), "train-labels.tif", "cannot be read as a picture")


def test_folders_without_class_names(tmp_path):
    root = data_trees.folders(tmp_path)
    (root / "classes.txt").unlink()
    refused(lambda: open_dataset(root), root.name, "names no classes: expected classes.txt")


def test_uci_rows(tmp_path):
    root = data_trees.uci(tmp_path)
    path = root / "segmentation.data"
    row = ",".join(["1.0"] * 19)
    path.write_text(f"NAMES\n\nSKY,{row}\nSEA,{row}\n")
    refused(lambda: open_dataset(root), path.name, "names the class 'SEA'", record="line 4")
    path.write_text(f"SKY,{row},2.0\n")
    refused(lambda: open_dataset(root), path.name, "has 21 values", record="line 1")
    path.write_text(f"SKY,{row[:-3]}x\n")
    refused(lambda: open_dataset(root), path.name, "holds 'x': expected a number", record="line 1")
    path.write_text("NAMES\n")
    refused(lambda: open_dataset(root), path.name, "holds no rows")
    path.write_bytes(b"\xff\xfe\x00")
    refused(lambda: open_dataset(root), path.name, "cannot be read as text")


COCO_DAMAGE = [
    (lambda c: c.pop("images"), "the file", "has no key 'images'"),
    (lambda c: c.pop("annotations"), "the file", "has no key 'annotations'"),
    (lambda c: c["images"][1].pop("height"), "images[1]", "has no key 'height'"),
    (lambda c: c["images"][0].update(width="8"), "images[0]", "'width' is a str"),
    (lambda c: c["images"][0].update(width=0), "images[0]", "expected at least 1 x 1"),
    (lambda c: c["images"][0].update(width=10**9), "images[0]", "expected at most"),
    (lambda c: c["images"][1].update(id=9), "images[1]", "has the id 9 of another picture"),
    (lambda c: c["images"][1].update(file_name="../x.jpg"), "images[1]", "not inside the data set"),
    (lambda c: c["annotations"][2].pop("image_id"), "annotations[2]", "has no key 'image_id'"),
    (lambda c: c["annotations"][1].pop("segmentation"), "annotations[1]", "has no key 'segmentation'"),
    (lambda c: c["annotations"][1].update(segmentation="3"), "annotations[1]", "'segmentation' is a str"),
    (lambda c: c["annotations"][1].update(image_id=77), "annotations[1]", "is of picture 77"),
    (lambda c: c["annotations"][0].update(category_id=3), "annotations[0]", "is of category 3"),
    (lambda c: c["annotations"].insert(0, 5), "annotations[0]", "is a int, expected an object"),
    (lambda c: c["categories"][0].update(id=1), "categories", "names category 1 twice"),
]  # fmt: skip


@pytest.mark.parametrize("damage", range(len(COCO_DAMAGE)))
def test_coco_with_missing_or_wrong_keys(tmp_path, damage):
    change, record, words = COCO_DAMAGE[damage]
    content = coco_content()
    change(content)
    root = data_trees.coco(tmp_path, content)
    refused(lambda: open_dataset(root, strict=True), "instances_val2017.json", words, record=record)
    if record.startswith("annotations["):
        with pytest.warns(LabelWarning, match=rf"1 entry skipped, the first one: {re.escape(record)} "):
            assert len(open_dataset(root)) == 2


@pytest.mark.parametrize(
    "segmentation",
    [
        [[1.0, 1.0, 2.0, 2.0]],
        [[1.0, 1.0, 2.0, 2.0, 3.0]],
        [[1.0, 1.0, 2.0, float("inf"), 3.0, 3.0]],
        {"size": [6, 8], "counts": [1, 2]},
        {"size": [6, 8], "counts": [-1, 49]},
        {"size": [8, 6], "counts": [48]},
        {"size": [10**7, 10**8], "counts": [10**15]},
        {"size": [6, 8]},
        {"counts": [48]},
        {"size": [6, 8], "counts": "~~~~~"},
    ],
)
def test_coco_with_damaged_masks(tmp_path, segmentation):
    content = coco_content()
    content["annotations"][1]["segmentation"] = segmentation
    root = data_trees.coco(tmp_path, content)
    refused(lambda: open_dataset(root, strict=True), "instances_val2017.json", record="annotations[1]")
    with pytest.warns(LabelWarning, match=r"1 entry skipped, the first one: annotations\[1\] "):
        dataset = open_dataset(root)
    whole = coco_content()
    assert len(dataset[0].annotations) == sum(a["image_id"] == dataset.records[0].id for a in whole["annotations"]) - 1
    assert dataset[1].labels.shape == (6, 8)


def test_coco_of_another_size_than_its_picture(tmp_path):
    root = data_trees.coco(tmp_path)
    picture(root / "val2017" / "000000000009.jpg", photograph((5, 8)))
    refused(lambda: open_dataset(root)[0].labels, "000000000009.jpg", "is 5 x 8, instances_val2017.json says 6 x 8")


def test_json_that_is_none(tmp_path):
    root = data_trees.coco(tmp_path)
    path = root / "annotations" / "instances_val2017.json"
    for text, words in (('{"images": [\n}', "is not JSON"), ("[1, 2]", "holds a list"), ("", "is not JSON")):
        path.write_text(text)
        refused(lambda: open_dataset(root), path.name, words)
    path.write_bytes(b"\xff\x00")
    refused(lambda: open_dataset(path), path.name, "JSON")


def test_panoptic_damage(tmp_path):
    content = panoptic_content()
    del content["annotations"][0]["segments_info"][1]["category_id"]
    root = data_trees.coco_panoptic(tmp_path / "key", content)
    refused(
        lambda: open_dataset(root), "panoptic_val2017.json", "has no key 'category_id'",
        record="annotations[0].segments_info[1]",
    )  # fmt: skip
    content = panoptic_content()
    del content["annotations"][0]["segments_info"][3]
    root = data_trees.coco_panoptic(tmp_path / "segment", content)
    refused(lambda: open_dataset(root)[0].labels, "000000000009.png", "holds segment 300, which annotations[0] of")
    content = panoptic_content()
    content["categories"][0]["color"] = [1, 2]
    root = data_trees.coco_panoptic(tmp_path / "color", content)
    refused(lambda: open_dataset(root), "panoptic_val2017.json", "has the color [1, 2]", record="categories[0]")


@pytest.mark.parametrize("tree", TREES)
def test_whatever_is_damaged_one_error_names_a_file(tmp_path, tree):
    """Each file in turn is cut, emptied, overwritten or removed: reading all succeeds or names what is wrong."""
    root = TREES[tree](tmp_path / "data")
    rng = np.random.default_rng(5)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    named = []
    for path in files:
        whole = path.read_bytes()
        flipped = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            flipped[place] ^= int(rng.integers(1, 256))
        for damaged in (whole[: len(whole) // 2], b"", b"\x00\xff words {", bytes(flipped), None):
            if damaged is None:
                path.unlink()
            else:
                path.write_bytes(damaged)
            try:
                for sample in open_dataset(root):
                    if tree != "uci":
                        _ = sample.image, sample.labels, sample.instances
            except DatasetError as error:
                named.append(str(error.path) in str(error))
            path.write_bytes(whole)
    assert len(named) >= len(files)
    assert all(named)
