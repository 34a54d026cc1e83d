"""Data sets: what each reader makes of a miniature tree in its real layout."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import data_trees
import numpy as np
import pytest
from data_trees import CITYSCAPES_IDS, PANOPTIC_IDS, SHAPE, TREES, plane

from segalgo.datasets import ENCODINGS, COCOPanoptic, DatasetError, ImageFolders, open_dataset

SHARED = Path(os.environ.get("SEGALGO_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")


@pytest.mark.parametrize("tree", TREES)
def test_each_layout_is_recognised_and_reads_lazily(tmp_path, tree):
    root = TREES[tree](tmp_path / "data")
    dataset = open_dataset(root)
    known = tree.split("-")[0] if tree not in ("coco-panoptic",) else tree
    assert dataset.kind == known
    assert dataset.split == dataset.splits[0]
    assert len(dataset) == len(list(dataset)) > 0
    assert repr(dataset).startswith(f"<{dataset.title}: {len(dataset)} ")
    if tree == "uci":
        return
    count = len(dataset.class_names)
    assert dataset.colors.shape == (count, 3)
    assert dataset.colors.dtype == np.uint8
    for sample in dataset:
        image, labels = sample
        assert image.dtype == labels.dtype == np.uint8
        assert image.shape[:2] == labels.shape == SHAPE
        assert set(np.unique(labels)) <= {*range(count), 255}
        assert sample.image is sample.image
        assert (sample.class_names, sample.name) == (dataset.class_names, sample.record.name)
        if sample.instances is not None:
            assert sample.instances.dtype == np.int32
            assert sample.instances.shape == SHAPE


def test_indexing_like_a_list(tmp_path):
    dataset = open_dataset(data_trees.isbi_folders(tmp_path))
    assert dataset.names == [str(k) for k in range(11)]
    assert dataset[-1].name == dataset[10].name == dataset["10"].name == dataset[np.int64(10)].name == "10"
    assert dataset[2:8:3].names == ["2", "5"]
    assert dataset[::-1][0].name == "10"
    assert len(dataset[5:5]) == 0
    assert dataset[3:][1].labels.tolist() == dataset[4].labels.tolist()
    for index in (11, -12):
        with pytest.raises(IndexError, match=f"index {index}: expected -11 to 10"):
            dataset[index]
    with pytest.raises(TypeError, match="index has type float"):
        dataset[1.0]
    with pytest.raises(KeyError, match="no sample 'x'"):
        dataset["x"]


def test_a_progress_bar_counts_samples(tmp_path, capsys):
    dataset = open_dataset(data_trees.isbi_stack(tmp_path))
    assert [sample.name for sample in dataset.progress(disable=False)] == dataset.names
    assert "11/11" in capsys.readouterr().err
    assert len(list(open_dataset(data_trees.uci(tmp_path / "uci")).progress())) == 2


def test_nothing_is_read_before_it_is_asked_for(tmp_path):
    root = data_trees.camvid_folders(tmp_path)
    picture = root / "train" / "images" / "0001TP_006690.jpg"
    label = root / "train" / "labels" / "0001TP_006690.png"
    label.write_bytes(b"words")
    sample = open_dataset(root)[0]
    assert sample.image.shape == (*SHAPE, 3)
    with pytest.raises(ValueError, match=r"0001TP_006690\.png"):
        _ = sample.labels
    picture.unlink()
    assert sample.image.shape == (*SHAPE, 3)


def test_samples_travel_to_other_processes(tmp_path):
    dataset = open_dataset(data_trees.coco(tmp_path))
    again = pickle.loads(pickle.dumps(dataset))[0]
    assert (again.labels == dataset[0].labels).all()


def test_voc(tmp_path):
    root = data_trees.voc(tmp_path)
    train = open_dataset(root)
    assert train.splits == ("train", "val", "test")
    sample = train[0]
    assert (sample.labels == plane([0, 0, 15, 15, 255, 20])).all()
    assert (sample.instances == plane([0, 0, 1, 2, 0, 3])).all()
    assert train.class_names[15] == "person"
    assert train.colors[15].tolist() == [192, 128, 128]
    assert train.colors[20].tolist() == [0, 64, 128]
    test = open_dataset(root / "VOC2012", "test")
    assert test[0].labels is None
    assert test[0].instances is None
    assert test[0].image.shape == (*SHAPE, 3)
    assert open_dataset(tmp_path, "val").names == ["2007_000039", "2007_000063"]


@pytest.mark.parametrize("tree", ["cityscapes", "kitti"])
def test_cityscapes_and_kitti(tmp_path, tree):
    dataset = open_dataset(TREES[tree](tmp_path))
    expected = {7: 0, 26: 13, 0: 255, 24: 11, 33: 18, 23: 10, 3: 255}
    assert (dataset[0].labels == np.vectorize(expected.get)(CITYSCAPES_IDS)).all()
    # The two cars and the bicycle are counted; the plain 24 is a group of persons that nobody told apart.
    assert (dataset[0].instances == plane([0, 2, 1, 0, 0, 3, 0, 0])).all()
    assert dataset.class_names[18] == "bicycle"
    assert len(dataset.class_names) == 19
    test = open_dataset(tmp_path, dataset.splits[-1])
    assert test.split.startswith("test")
    assert test[0].labels is None


@pytest.mark.parametrize("tree", ["camvid-segnet", "camvid-folders"])
def test_camvid_by_indices(tmp_path, tree):
    dataset = open_dataset(TREES[tree](tmp_path))
    assert (dataset[0].labels == plane([0, 3, 255, 10])).all()
    assert dataset.class_names[:5] == ("sky", "building", "pole", "road", "pavement")
    assert dataset.colors[4].tolist() == [60, 40, 222]
    assert open_dataset(tmp_path, "val").names == ["0016E5_07959"]


def test_camvid_of_other_frame_names(tmp_path):
    data_trees.picture(tmp_path / "images" / "frame.jpg", data_trees.photograph())
    data_trees.picture(tmp_path / "labels" / "frame.png", data_trees.CAMVID_LABELS.astype(np.uint8))
    with pytest.raises(DatasetError, match="names no classes"):
        open_dataset(tmp_path)
    assert (open_dataset(tmp_path, kind="camvid")[0].labels == plane([0, 3, 255, 10])).all()


def test_camvid_by_colors(tmp_path):
    dataset = open_dataset(data_trees.camvid_colors(tmp_path))
    assert (dataset[0].labels == plane([3, 3, 1, 255])).all()
    assert dataset.names == ["0006R0_f00930"]


def test_every_color_of_camvid_is_listed_once():
    rgb = ENCODINGS["camvid"].rgb
    assert len(rgb) == 32
    assert sorted(set(rgb.values())) == [*range(11), 255]


def test_isbi_stack_and_folders_hold_the_same(tmp_path):
    stack = open_dataset(data_trees.isbi_stack(tmp_path / "stack"))
    assert stack.splits == ("train", "test")
    assert len(stack) == 11
    assert stack[0].image.shape == SHAPE
    assert ((stack[10].image > 99) == (stack[10].labels == 1)).all()
    assert open_dataset(tmp_path / "stack", "test")[1].labels is None
    folders = open_dataset(data_trees.isbi_folders(tmp_path / "folders"))
    assert folders.names[-1] == "10"
    assert ((folders[10].image > 99) == (folders[10].labels == 1)).all()
    assert folders.class_names == ("membrane", "cell")


def test_ade20k(tmp_path):
    dataset = open_dataset(data_trees.ade20k(tmp_path))
    assert dataset.splits == ("training", "validation")
    assert (dataset[0].labels == plane([255, 0, 149])).all()
    assert len(dataset.class_names) == 150
    assert (dataset.class_names[0], dataset.class_names[149]) == ("wall", "flag")
    assert dataset.class_names[130] == "projection screen"


def test_black_and_white_labels_of_photographs_are_no_membranes(tmp_path):
    data_trees.isbi_folders(tmp_path)
    for path in (tmp_path / "images").iterdir():
        data_trees.picture(path, data_trees.photograph())
    with pytest.raises(DatasetError, match="names no classes"):
        open_dataset(tmp_path)
    assert open_dataset(tmp_path, kind="isbi")[0].image.shape == SHAPE
    (tmp_path / "classes.txt").write_text("ground\n")
    data_trees.isbi_folders(tmp_path)
    assert open_dataset(tmp_path).kind == "folders"


def test_folders_need_class_names(tmp_path):
    root = data_trees.folders(tmp_path)
    dataset = open_dataset(root)
    assert dataset.class_names == ("ground", "wheat", "weed")
    assert (dataset[0].labels == plane([0, 1, 2, 255])).all()
    assert open_dataset(root / "val").class_names == ("ground", "wheat", "weed")
    (root / "classes.txt").unlink()
    assert ImageFolders(root, class_names=["a", "b", "c"]).class_names == ("a", "b", "c")


def test_uci_table(tmp_path):
    root = data_trees.uci(tmp_path)
    table = open_dataset(root)
    assert table.splits == ("train", "test", "all")
    assert table.features.shape == (2, 19)
    assert [table.class_names[k] for k in table.targets] == ["brickface", "grass"]
    features, target = table[-1]
    assert target == 6
    assert features.tolist() == [k + 0.5 for k in range(19)]
    assert len(table[:1]) == 1
    assert open_dataset(root, "all").targets.tolist() == [0, 6, 1]
    assert open_dataset(root / "segmentation.test").targets.tolist() == [1]


def test_coco_paints_small_objects_in_front(tmp_path):
    dataset = open_dataset(data_trees.coco(tmp_path))
    assert dataset.class_names == ("background", "person", "dog")
    assert dataset.split == "val2017"
    sample = dataset[0]
    masks = sample.masks
    assert masks.shape == (3, *SHAPE)
    assert masks[1].sum() == 12
    assert masks[1, 1:4, 1:5].all()
    dog = np.zeros(SHAPE, bool)
    dog[2, 2] = dog[2, 3] = True
    assert (masks[0] == dog).all()
    assert masks[2, :3].all()
    expected = np.where(masks[2] | masks[1], 1, 0)
    expected[dog] = 2
    assert (sample.labels == expected).all()
    numbers = np.where(masks[1], 2, 0)
    numbers[dog] = 1
    assert (sample.instances == numbers).all()
    assert [entry["id"] for entry in sample.annotations] == [1, 2, 3]
    assert not dataset[1].labels.any()
    assert open_dataset(tmp_path / "annotations" / "instances_val2017.json").names == dataset.names


def test_coco_panoptic(tmp_path):
    dataset = open_dataset(data_trees.coco_panoptic(tmp_path))
    sample = dataset[0]
    assert (sample.segment_ids == PANOPTIC_IDS).all()
    assert (sample.labels == np.vectorize({200: 1, 70000: 0, 300: 0, 70001: 0, 0: 255}.get)(PANOPTIC_IDS)).all()
    assert (sample.instances == np.vectorize({200: 0, 70000: 1, 300: 2, 70001: 0, 0: 0}.get)(PANOPTIC_IDS)).all()
    assert dataset.colors.tolist() == [[220, 20, 60], [1, 2, 3]]
    assert isinstance(open_dataset(tmp_path / "annotations" / "panoptic_val2017.json"), COCOPanoptic)


@pytest.mark.parametrize("kind", ENCODINGS)
def test_encodings_go_back_and_forth(kind):
    encoding = ENCODINGS[kind]
    count = len(encoding.class_names)
    labels = np.arange(count)[None]
    raw = encoding.encode(labels)
    assert (encoding.decode(raw, "file") == labels).all()
    with pytest.raises(ValueError, match=f"labels holds {count}: expected one of {count} classes"):
        encoding.encode(np.array([[count]]))


def test_the_package_opens_no_heavy_imports():
    code = "import sys, segalgo.datasets; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"PIL", "tqdm", "tifffile", "skimage", "scipy", "matplotlib"} & set(loaded)


@pytest.mark.skipif(not (SHARED / "camvid").is_dir(), reason="no folder of real data: name one in SEGALGO_TEST_DATA")
def test_real_camvid():
    train, val = open_dataset(SHARED / "camvid"), open_dataset(SHARED / "camvid", "val")
    assert (train.kind, len(train), len(val)) == ("camvid", 367, 101)
    image, labels = val[50]
    assert image.shape == (360, 480, 3)
    assert set(np.unique(labels)) <= {*range(11), 255}


@pytest.mark.skipif(not (SHARED / "membrane").is_dir(), reason="no folder of real data: name one in SEGALGO_TEST_DATA")
def test_real_membranes():
    dataset = open_dataset(SHARED / "membrane")
    assert (dataset.kind, len(dataset)) == ("isbi", 24)
    image, labels = dataset[-1]
    assert image[labels == 0].mean() < image[labels == 1].mean()
