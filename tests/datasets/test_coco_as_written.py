"""COCO's annotation files as tools write them, and as nobody should: what pycocotools reads is read, the rest skipped."""

import contextlib
import copy
import io
import json
import time
import tracemalloc

import numpy as np
import pytest
from click.testing import CliRunner
from data_trees import picture

from segalgo.cli import main
from segalgo.datasets import COCOInstances, DatasetError, LabelWarning, open_dataset

H, W = 40, 60
SQUARE = [10, 10, 20, 10, 20, 20, 10, 20]
BASE = {
    "images": [{"id": 1, "file_name": "a.png", "height": H, "width": W}],
    "categories": [{"id": 1, "name": "x"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 100, "bbox": [10, 10, 10, 10],
         "segmentation": [SQUARE]},
    ],
}  # fmt: skip
CODE = {"size": [H, W], "counts": [100, 50, H * W - 150]}


def write(tmp_path, edit=lambda content: None, name="t.json"):
    content = copy.deepcopy(BASE)
    edit(content)
    path = tmp_path / name
    path.write_text(json.dumps(content))
    picture(tmp_path / "a.png", np.zeros((H, W, 3), np.uint8))
    return path


def first(content):
    return content["annotations"][0]


KINDS = {
    "one code in a list": lambda c: first(c).update(segmentation=[CODE]),
    "two codes in a list": lambda c: first(c).update(
        segmentation=[CODE, {"size": [H, W], "counts": [120, 90, H * W - 210]}]
    ),
    "two points beside a ring": lambda c: first(c).update(segmentation=[SQUARE, [1, 1, 2, 2]]),
    "one point beside a ring": lambda c: first(c).update(segmentation=[SQUARE, [1, 1]]),
    "height as a float": lambda c: c["images"][0].update(height=40.0, width=60.0),
    "counts as floats": lambda c: first(c).update(
        segmentation={"size": [40.0, 60.0], "counts": [100.0, 50.0, float(H * W - 150)]}
    ),
    "ids as words": lambda c: (c["images"][0].update(id="a"), first(c).update(image_id="a")),
    "categories as words": lambda c: (c["categories"][0].update(id="c"), first(c).update(category_id="c")),
    "ids as floats": lambda c: (c["images"][0].update(id=1.0), first(c).update(image_id=1.0, category_id=1.0)),
    "no categories": lambda c: c.pop("categories"),
    "categories null": lambda c: c.update(categories=None),
    "no area, box or crowd": lambda c: [first(c).pop(key) for key in ("area", "bbox", "iscrowd", "id")],
    "crowd null": lambda c: first(c).update(iscrowd=None, area=None),
    "extra keys": lambda c: (c.update(info={}, licenses=[{}]), c["images"][0].update(license=3, date_captured=None)),
    "windows folders": lambda c: c["images"][0].update(file_name="C:\\data\\train\\a.png"),
    "relative folders": lambda c: c["images"][0].update(file_name="data\\a.png"),
    "an absolute path": lambda c: c["images"][0].update(file_name="/home/somebody/a.png"),
    "a URL": lambda c: c["images"][0].update(file_name="https://images.org/x/a.png?size=large"),
    "no size": lambda c: [c["images"][0].pop(key) for key in ("height", "width")],
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_that_tools_write(tmp_path, kind):
    path = write(tmp_path, KINDS[kind])
    sample = open_dataset(path)[0]
    assert sample.image.shape == (H, W, 3)
    area = {"one code in a list": 50, "counts as floats": 50, "two codes in a list": 110}.get(kind, 100)
    assert sample.masks.shape == (1, H, W)
    assert sample.masks.sum() == (sample.labels == 1).sum() == (sample.instances == 1).sum() == area


@pytest.mark.peers
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("no size", "categories null")])
def test_masks_are_those_of_pycocotools(tmp_path, kind):
    peer = pytest.importorskip("pycocotools.coco")
    path = write(tmp_path, KINDS[kind])
    with contextlib.redirect_stdout(io.StringIO()):
        content = json.loads(path.read_text())
        first(content).setdefault("id", 1)
        (tmp_path / "peer.json").write_text(json.dumps(content))
        tool = peer.COCO(tmp_path / "peer.json")
        right = tool.annToMask(tool.dataset["annotations"][0])
    np.testing.assert_array_equal(open_dataset(path)[0].masks[0], right)


BAD = {
    "box alone": lambda a: a.pop("segmentation"),
    "segmentation null": lambda a: a.update(segmentation=None),
    "no parts": lambda a: a.update(segmentation=[]),
    "two points alone": lambda a: a.update(segmentation=[[1, 1, 2, 2]]),
    "an odd list": lambda a: a.update(segmentation=[[*SQUARE, 3]]),
    "words": lambda a: a.update(segmentation=[["a"] * 6]),
    "another size": lambda a: a.update(segmentation={"size": [W, H], "counts": [H * W]}),
    "counts that do not add up": lambda a: a.update(segmentation={"size": [H, W], "counts": [5]}),
    "counts past 32 bits": lambda a: a.update(segmentation={"size": [H, W], "counts": [2**40, 5]}),
    "counts past 64 bits": lambda a: a.update(segmentation={"size": [H, W], "counts": [10**300, 5]}),
    "counts of a fraction": lambda a: a.update(segmentation={"size": [H, W], "counts": [100.5, H * W - 100.5]}),
    "a string that breaks off": lambda a: a.update(segmentation={"size": [H, W], "counts": "oooo"}),
    "surrogates": lambda a: a.update(segmentation={"size": [H, W], "counts": "\ud800\udfff"}),
    "NaN": lambda a: a.update(segmentation=[[1, 1, float("nan"), 1, 3, 3]]),
    "infinity": lambda a: a.update(segmentation=[[1, 1, float("inf"), 1, 3, 3]]),
    "10^400": lambda a: a.update(segmentation=[[1, 1, 10**400, 1, 3, 3]]),
    "far away": lambda a: a.update(segmentation=[[1, 1, 1e300, 1, 3, 3]]),
    "no picture": lambda a: a.update(image_id=77),
    "no category": lambda a: a.update(category_id=None),
    "a fraction as category": lambda a: a.update(category_id=1.5),
    "a true category": lambda a: a.update(category_id=True),
    "crowd as a word": lambda a: a.update(iscrowd="yes"),
    "crowd 2": lambda a: a.update(iscrowd=2),
    "crowd -1": lambda a: a.update(iscrowd=-1),
    "crowd as a list": lambda a: a.update(iscrowd=[]),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_annotations_are_skipped_and_counted(tmp_path, kind):
    def edit(content):
        bad = copy.deepcopy(first(content))
        BAD[kind](bad)
        content["annotations"] = [bad, first(content)]

    path = write(tmp_path, edit)
    with pytest.warns(LabelWarning, match=r"1 entry skipped, the first one: annotations\[0\]"):
        sample = open_dataset(path)[0]
    assert sample.masks.sum() == 100
    assert sample.instances.max() == 1
    with pytest.raises(DatasetError, match=r"annotations\[0\]"):
        COCOInstances(path, strict=True)
    # Where none can be used there is nothing to read.
    with pytest.raises(DatasetError, match=r"annotations\[0\]"):
        open_dataset(write(tmp_path, lambda content: BAD[kind](first(content))))


@pytest.mark.parametrize(
    ("value", "crowd"), [(1, True), (True, True), ("1", True), (1.0, True), ("0", False), ("", False)]
)
def test_crowds_as_tools_write_them(tmp_path, value, crowd):
    sample = open_dataset(write(tmp_path, lambda c: first(c).update(iscrowd=value)))[0]
    assert (sample.labels == 1).sum() == 100
    assert sample.instances.max() == int(not crowd)


def test_more_categories_than_8_bits_hold(tmp_path):
    path = write(tmp_path, lambda c: c.update(categories=[{"id": k, "name": str(k)} for k in range(1, 256)]))
    with pytest.raises(DatasetError, match=r"names 255 categories: expected 1 to 254.*take categories .* out of the"):
        open_dataset(path)


def test_the_command_skips_or_refuses(tmp_path):
    path = write(tmp_path, lambda c: c["annotations"].append({"id": 2, "image_id": 1, "category_id": 1}))
    arguments = ["convert", str(path), str(tmp_path / "out"), "--to", "labels"]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, "1 entry skipped" in result.stderr) == (0, True)
    result = CliRunner().invoke(main, [*arguments, "--strict"])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_boxes_alone_are_evaluated(tmp_path):
    found = {"image_id": 1, "category_id": 1, "score": 0.9, "bbox": [10, 10, 10, 10]}
    (tmp_path / "found.json").write_text(json.dumps([found]))
    path = write(tmp_path, lambda c: (first(c).pop("segmentation"), c["images"][0].update(height=40.0)))
    result = CliRunner().invoke(main, ["evaluate", str(tmp_path / "found.json"), str(path)])
    assert result.exit_code == 0, result.output
    assert "boxes compared" in result.stdout
    assert "AP, IoU .50 to .95   100.00" in result.stdout


def test_folders_of_roboflow(tmp_path):
    for split in ("test", "train", "valid"):
        (tmp_path / split).mkdir()
        write(tmp_path / split, name="_annotations.coco.json")
    dataset = open_dataset(tmp_path)
    assert dataset.splits == ("train", "test", "valid")
    assert open_dataset(tmp_path, "valid")[0].image.shape == (H, W, 3)
    (tmp_path / "one").mkdir()
    write(tmp_path / "one", name="_annotations.coco.json")
    assert open_dataset(tmp_path / "one").split == "all"


def full(size, count):
    height, width = size
    code = {"size": [height, width], "counts": [0, height * width]}
    return [{"id": k, "image_id": 1, "category_id": 1, "segmentation": code} for k in range(count)]


def hostile(height, width, annotations):
    return json.dumps({**BASE, "images": [{**BASE["images"][0], "height": height, "width": width}],
                       "annotations": annotations})  # fmt: skip


ZIGZAG = [value for k in range(800) for value in ((k % 2) * 2**23, k % 30)]
DIGITS = "9" * 5000
HOSTILE = {
    "a polygon that passes billions of columns": hostile(
        30, 2**23, [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [ZIGZAG]}]
    ),
    "2,000 full masks": hostile(4096, 4096, full((4096, 4096), 2000)),
    "a picture of 2^28 pixels": hostile(2**14, 2**14, full((2**14, 2**14), 1)),
    "a picture of 10^400 rows": hostile(10**400, 3, []),
    "a height of infinity": hostile(float("inf"), 3, []),
    "5,000 digits": json.dumps(BASE).replace('"height": 40', f'"height": {DIGITS}'),
    "5,000 digits in a mask": json.dumps(BASE).replace("10, 10, 20", f"{DIGITS}, 10, 20"),
    "deep nesting": "[" * 200_000,
    "deep objects": '{"a":' * 100_000,
    "a lone surrogate": json.dumps(BASE).replace("a.png", r"\ud800.png"),
    "a lone surrogate as name": json.dumps(BASE).replace('"name": "x"', r'"name": "\udc00"'),
    "a long name": json.dumps(BASE).replace("a.png", "a" * 5000),
    "many folders": json.dumps(BASE).replace("a.png", "a/" * 5000),
    "a zero byte": json.dumps(BASE).replace("a.png", r"a\u0000.png"),
    "two pictures of one id": json.dumps({**BASE, "images": BASE["images"] * 2}),
    "two categories of one id": json.dumps({**BASE, "categories": BASE["categories"] * 2}),
    "no object": "[1]",
    "half a file": json.dumps(BASE)[:-9],
}


def paint_first(path):
    dataset = COCOInstances(path)
    return dataset.paint_instances(dataset.records[0])


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_refused_quickly_and_in_little_memory(tmp_path, kind):
    path = tmp_path / "hostile.json"
    path.write_text(HOSTILE[kind])
    assert path.stat().st_size < 2**20
    start = time.process_time()
    with pytest.raises(DatasetError) as caught:
        paint_first(path)
    assert time.process_time() - start < 2
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError):
            paint_first(path)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 800
    str(caught.value).encode()
    result = CliRunner().invoke(main, ["convert", str(path), str(tmp_path / "out"), "--to", "labels"])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1, result.stderr


def test_what_a_file_may_ask_for_can_be_raised(tmp_path):
    path = tmp_path / "large.json"
    path.write_text(hostile(5000, 4000, full((5000, 4000), 1)))
    arguments = ["convert", str(path), str(tmp_path / "out"), "--to", "labels"]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, "--max-pixels" in result.stderr) == (2, True)
    assert CliRunner().invoke(main, [*arguments, "--max-pixels", "20000000"]).exit_code == 0


def test_many_masks_at_once_are_refused(tmp_path):
    path = tmp_path / "many.json"
    path.write_text(hostile(2000, 2000, full((2000, 2000), 60)))
    picture(tmp_path / "a.png", np.zeros((2000, 2000), np.uint8))
    sample = COCOInstances(path)[0]
    with pytest.raises(DatasetError, match=r"60 masks of 2000 x 2000: .* one by one"):
        _ = sample.masks
