"""Average precision, as COCO computes it."""

import contextlib
import copy
import io

import numpy as np
import pytest

import segalgo
from segalgo import masks
from segalgo.metrics import average_precision

NAMES = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]


def scene(rng, pictures=25, shape=(120, 150), categories=4, objects=7, detections=10, ties=True):
    """Return COCO's dictionary and detections: crowds, polygons and codes of both kinds, empty pictures, ties."""
    height, width = shape
    coco = {
        "images": [{"id": 7 * k + 3, "height": height, "width": width} for k in rng.permutation(pictures).tolist()],
        "annotations": [],
        "categories": [{"id": 3 * k + 1} for k in range(categories + 1)],  # the last one is nowhere true
    }
    found = []
    for image in coco["images"]:
        here = []
        for _ in range(rng.integers(0, objects)):
            points = star(rng, shape, rng.uniform(2, 60))
            record = {"image_id": image["id"], "category_id": int(3 * rng.integers(0, categories) + 1)}
            code = masks.polygon_to_rle(points, shape)
            forms = (
                code,
                {**code, "counts": code["counts"].decode()},
                masks.decompress_rle(code),
                [points.ravel().tolist()],
            )
            record["segmentation"] = forms[rng.integers(0, 4)]
            record["bbox"] = list(map(float, masks.rle_bounding_box(code)))
            record["area"] = masks.rle_area(code) * float(rng.choice([0.5, 1, 1.3]))
            record["iscrowd"] = int(rng.random() < 0.15)
            coco["annotations"].append({**record, "id": len(coco["annotations"]) + 1})
            here.append((points, record["category_id"]))
        for _ in range(rng.integers(0, detections)):
            points, category = star(rng, shape, rng.uniform(2, 60)), int(3 * rng.integers(0, categories + 1) + 1)
            if here and rng.random() < 0.8:
                points, category = here[rng.integers(0, len(here))]
                points = points + rng.normal(0, rng.choice([0, 1, 6]), points.shape)
            code = masks.polygon_to_rle(points, shape)
            score = rng.random()
            found.append({
                "image_id": image["id"],
                "category_id": category,
                "score": round(score, 1) if ties else score,
                "segmentation": code,
                "bbox": list(map(float, masks.rle_bounding_box(code))),
            })  # fmt: skip
    return coco, found


def star(rng, shape, radius):
    angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 9)))
    return rng.uniform(0, 1, 2) * shape[::-1] + radius * np.column_stack([np.cos(angles), np.sin(angles)])


def box(left, top, width, height, **keys):
    return {"image_id": 1, "category_id": 1, "bbox": [left, top, width, height], **keys}


def test_worked_by_hand(host_backend):
    """Two objects; the better detection is right, the second wrong, the third right: precision 1 to recall 1/2, 2/3."""
    truth = [box(0, 0, 10, 10), box(50, 50, 10, 10)]
    found = [box(0, 0, 10, 10, score=0.9), box(90, 90, 5, 5, score=0.8), box(50, 50, 10, 10, score=0.7)]
    got = average_precision(truth, found, "bbox", areas={"all": (0, 1e10)}, max_detections=(10,))
    assert got.summary["AP"] == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)
    assert got.summary["AR10"] == 1
    assert got.precision.shape == (10, 101, 1, 1, 1)
    assert got.scores[0, [0, 50, 51, 100], 0, 0, 0].tolist() == [0.9, 0.9, 0.7, 0.7]


def test_a_crowd_absorbs_detections(host_backend):
    truth = [box(0, 0, 10, 10), box(20, 0, 40, 40, iscrowd=1)]
    found = [box(20, 0, 10, 10, score=0.9), box(30, 0, 10, 10, score=0.8), box(0, 0, 10, 10, score=0.1)]
    assert average_precision(truth, found, "bbox").summary["AP"] == pytest.approx(1)
    assert average_precision(truth[:1], found, "bbox").summary["AP"] == pytest.approx(1 / 3)


def test_detections_outside_the_area_range_do_not_count(host_backend):
    truth = [box(0, 0, 10, 10), box(200, 200, 100, 100)]
    found = [box(400, 0, 50, 50, score=0.9), box(0, 0, 10, 10, score=0.5)]
    got = average_precision(truth, found, "bbox")
    assert got.summary["APs"] == pytest.approx(1)
    assert got.summary["APl"] == 0
    assert np.isnan(got.summary["APm"])


def test_equal_scores_go_by_order_and_equal_ious_to_the_later_object(host_backend):
    truth = [box(0, 0, 10, 10, iscrowd=0), box(0, 0, 10, 10, iscrowd=0)]
    found = [box(0, 0, 10, 10, score=0.5), box(90, 0, 10, 10, score=0.5)]
    curve = average_precision(truth, found, "bbox").precision[0, :, 0, 0, -1]
    assert curve[[0, 50, 51]].tolist() == pytest.approx([1, 1, 0])
    curve = average_precision(truth, found[::-1], "bbox").precision[0, :, 0, 0, -1]
    assert curve[[0, 50, 51]].tolist() == pytest.approx([0.5, 0.5, 0])


def test_nothing_there(host_backend):
    assert average_precision([], []).precision.shape == (10, 101, 0, 4, 3)
    assert np.isnan(average_precision([], []).mean_precision())
    assert average_precision([], []).mean_precision(empty=1) == 1
    missed = average_precision([box(0, 0, 5, 5)], [], "bbox")
    assert missed.summary["AP"] == 0
    assert missed.summary["AR100"] == 0
    assert np.isnan(average_precision([], [box(0, 0, 5, 5, score=1)], "bbox").summary["AP"])


def test_wings_agree(rng):
    coco, found = scene(rng, 15)
    for kind in ("segm", "bbox"):
        results = []
        for backend in ("reference", "cython"):
            with segalgo.use_backend(backend):
                results.append(average_precision(coco, found, kind))
        for name in ("precision", "recall", "scores"):
            np.testing.assert_array_equal(getattr(results[0], name), getattr(results[1], name))


def test_numbers_by_category_and_threshold(rng):
    coco, found = scene(rng)
    got = average_precision(coco, found)
    by_category = got.by_category()
    assert list(by_category) == [1, 4, 7, 10, 13]
    assert np.isnan(by_category[13])
    assert np.nanmean(list(by_category.values())) == pytest.approx(got.summary["AP"])
    assert np.mean([got.mean_precision(t) for t in got.thresholds]) == pytest.approx(got.summary["AP"])
    assert list(got.summary) == NAMES
    with pytest.raises(ValueError, match=r"threshold=0.52: expected one of"):
        got.mean_precision(0.52)
    with pytest.raises(ValueError, match="area='tiny'"):
        got.mean_recall(area="tiny")
    with pytest.raises(ValueError, match="most=7"):
        got.mean_recall(most=7)


GOOD = box(0, 0, 4, 4, segmentation={"size": [4, 4], "counts": [16]})


@pytest.mark.parametrize(
    ("truth", "found", "kind", "message"),
    [
        ([{"image_id": 1}], [], "bbox", r"annotations\[0\] has no key 'category_id'"),
        ([GOOD, {"category_id": 1}], [], "bbox", r"annotations\[1\] has no key 'image_id'"),
        ([GOOD, 5], [], "bbox", r"annotations\[1\] has no key 'image_id'"),
        ([GOOD], [GOOD], "bbox", r"detections\[0\] has no key 'score'"),
        ([GOOD], [GOOD | {"score": "high"}], "bbox", "detections: score: expected a number in each record"),
        ([GOOD], [GOOD | {"score": np.nan}], "bbox", "detections: score is nan in record 0"),
        ([GOOD | {"area": None}], [], "bbox", "annotations: area"),
        ([GOOD | {"bbox": [1, 2, 3]}], [], "bbox", r"annotations\[0\] has bbox \[1, 2, 3\]: expected four"),
        ([GOOD, GOOD | {"bbox": [1, 2, -3, 1]}], [], "bbox", r"annotations\[1\] has bbox \[1, 2, -3, 1\]"),
        ([GOOD | {"bbox": None}], [], "bbox", r"annotations\[0\] has bbox None"),
        ([{k: v for k, v in GOOD.items() if k != "segmentation"}], [], "segm", r"annotations\[0\] has no key 'segm"),
        ([GOOD, GOOD | {"segmentation": {"size": [4, 4], "counts": [3]}}], [], "segm",
         r"annotations\[1\] segmentation has counts that add up to 3: expected 4 \* 4 = 16"),
        ([GOOD | {"segmentation": [[0, 0, 1, 1, 2, 0]]}], [], "segm", r"annotations\[0\] has polygons: expected `images`"),
        ({"annotations": [GOOD | {"segmentation": [[0, 0, 1, 1]]}], "images": [{"id": 1, "height": 4, "width": 4}]}, [],
         "segm", r"annotations\[0\] segmentation\[0\] has 2 points: expected at least 3"),
        ({"annotations": [GOOD], "images": [{"id": 2}]}, [], "bbox", r"annotations\[0\] has image_id 1: expected one of"),
        ({"annotations": [GOOD], "images": [{}]}, [], "bbox", r"images\[0\] has no key 'id'"),
        ({"images": []}, [], "bbox", "targets has no key 'annotations'"),
        ([GOOD], [GOOD | {"score": 1, "segmentation": {"size": [2, 8], "counts": [16]}}], "segm",
         r"masks of the picture 1 have sizes \[4, 4\] and \[2, 8\]"),
        (7, [], "bbox", "targets is int"),
        ([], {}, "bbox", "detections is dict"),
        ([], [], "mask", "iou_type='mask'"),
    ],
)  # fmt: skip
def test_bad_records_are_named(truth, found, kind, message):
    with pytest.raises((ValueError, TypeError), match=message):
        average_precision(truth, found, kind)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thresholds": []}, r"thresholds=\[\]: expected at least one number, ascending"),
        ({"recall_points": [1, 0]}, "recall_points"),
        ({"max_detections": ()}, "max_detections"),
        ({"max_detections": (0, 1)}, "max_detections"),
        ({"max_detections": None}, "max_detections=None"),
        ({"max_detections": {"a": 1}}, "max_detections"),
        ({"max_detections": ("ten",)}, "max_detections='ten'"),
        ({"areas": {}}, "areas is empty"),
        ({"areas": "word"}, "areas of type str"),
        ({"areas": {"all": 3}}, r"areas\['all'\]=3"),
        ({"areas": {"all": (1, 2, 3)}}, r"areas\['all'\] has 3 elements"),
        ({"areas": {"all": ("a", 2)}}, r"areas\['all'\]='a'"),
    ],
)
def test_bad_settings(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        average_precision([], [], "bbox", **change)


def evaluated(coco, found, kind, **settings):
    """Return pycocotools' evaluation, quietly."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(coco)
        truth.createIndex()
        peer = COCOeval(truth, truth.loadRes(copy.deepcopy(found)), kind)
        for name, value in settings.items():
            setattr(peer.params, name, value)
        peer.evaluate()
        peer.accumulate()
        if not settings:
            peer.summarize()
    return peer


def assert_equal_to(peer, got):
    for name in ("precision", "recall", "scores"):
        ours = np.nan_to_num(getattr(got, name), nan=-1)
        np.testing.assert_allclose(ours, peer.eval[name], rtol=0, atol=1e-10)


@pytest.mark.peers
@pytest.mark.parametrize("kind", ["segm", "bbox"])
@pytest.mark.parametrize("seed", range(4))
def test_equals_pycocotools(kind, seed):
    coco, found = scene(np.random.default_rng(seed), ties=seed % 2 == 0)
    if kind == "segm" and seed > 1:  # areas of detections are then those of masks
        found = [{key: value for key, value in record.items() if key != "bbox"} for record in found]
    peer, got = evaluated(coco, found, kind), average_precision(coco, found, kind)
    assert_equal_to(peer, got)
    np.testing.assert_allclose(np.nan_to_num(list(got.summary.values()), nan=-1), peer.stats, rtol=0, atol=1e-10)
    assert 0.05 < got.summary["AP"] < 0.95


@pytest.mark.peers
@pytest.mark.parametrize("change", ["crowds", "no objects", "one picture", "many detections", "one score"])
def test_equals_pycocotools_in_hard_cases(change, rng):
    coco, found = scene(rng, 1 if change == "one picture" else 12, detections=60 if change == "many detections" else 9)
    if change == "crowds":
        for record in coco["annotations"]:
            record["iscrowd"] = 1
    elif change == "no objects":
        coco["annotations"] = coco["annotations"][:1]
    elif change == "one score":
        found = [record | {"score": 0.5} for record in found]
    for kind in ("segm", "bbox"):
        settings = {"maxDets": [2, 5], "iouThrs": np.array([0.1, 0.5, 1.0]), "recThrs": np.array([0, 0.3, 1.0])}
        peer = evaluated(coco, found, kind, **settings)
        got = average_precision(coco, found, kind, settings["iouThrs"], settings["recThrs"], settings["maxDets"])
        assert_equal_to(peer, got)
        assert_equal_to(evaluated(coco, found, kind), average_precision(coco, found, kind))
