"""Class maps, numbered objects and panoptic maps, and the memory of objects."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

import segalgo

MAPS = arrays(np.uint8, st.tuples(st.integers(0, 9), st.integers(0, 9)), elements=st.sampled_from([0, 1, 2, 7, 255]))


def disks(shape, centres, radius):
    i, j = np.indices(shape)
    return np.any([(i - r) ** 2 + (j - c) ** 2 <= radius**2 for r, c in centres], 0)


def test_by_hand():
    street = np.array([[3, 3, 0, 5], [0, 0, 3, 5], [255, 255, 0, 0]], np.uint8)
    found = segalgo.semantic_to_instances(street, ignore_index=255)
    assert found.labels.tolist() == [[1, 1, 0, 2], [0, 0, 1, 2], [0, 0, 0, 0]]
    assert found.classes.tolist() == [3, 5]
    assert segalgo.semantic_to_instances(street, connectivity=4).classes.tolist() == [3, 5, 3]
    assert segalgo.semantic_to_instances(street, classes=[5]).labels.sum() == 2
    everything = segalgo.semantic_to_instances(street, background=None, ignore_index=None, connectivity=4)
    assert everything.classes.tolist() == [3, 0, 5, 0, 3, 255, 0]


@given(MAPS)
def test_objects_are_scipys_components_of_each_class(street):
    found = segalgo.semantic_to_instances(street, ignore_index=255)
    expected = sum(ndimage.label(street == k, np.ones((3, 3)))[1] for k in (1, 2, 7))
    assert len(found.classes) == expected == found.labels.max(initial=0)
    assert found.labels.dtype == np.int32
    firsts = np.unique(found.labels, return_index=True)
    assert (np.diff(firsts[1][firsts[0] > 0]) > 0).all()
    assert (segalgo.instances_to_semantic(found.labels, found.classes) == np.where(street == 255, 0, street)).all()


@given(MAPS)
def test_every_wing_gives_the_same_objects(street):
    found = segalgo.semantic_to_instances(street, ignore_index=255)
    for name in ("reference", "cython", "simulated"):
        if segalgo.backends()[name].available:
            with segalgo.use_backend(name):
                again = segalgo.semantic_to_instances(street, ignore_index=255)
            assert (again.labels == found.labels).all()
            assert (again.classes == found.classes).all()


@given(MAPS)
def test_splitting_only_cuts(street):
    whole = segalgo.semantic_to_instances(street, ignore_index=255)
    parts = segalgo.semantic_to_instances(street, ignore_index=255, split_touching=True, depth=0.5)
    assert ((parts.labels > 0) == (whole.labels > 0)).all()
    assert len(np.unique(np.stack([parts.labels, whole.labels]).reshape(2, -1), axis=1).T) == len(
        np.unique(parts.labels)
    )
    assert (segalgo.instances_to_semantic(parts.labels, parts.classes) == np.where(street == 255, 0, street)).all()


def test_touching_disks_are_cut_at_their_necks():
    centres = [(30, 30), (30, 64), (60, 47)]
    street = disks((100, 100), centres, 19).astype(np.uint8) * 4
    assert len(segalgo.semantic_to_instances(street, ignore_index=255).classes) == 1
    found = segalgo.semantic_to_instances(street, split_touching=True)
    assert found.classes.tolist() == [4, 4, 4]
    assert [int(found.labels[centre]) for centre in centres] == [1, 2, 3]
    assert np.bincount(found.labels[street > 0])[1:].min() > 0.8 * np.pi * 19**2
    assert len(segalgo.semantic_to_instances(street, split_touching=True, depth=19).classes) == 1


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (1, 1), (1, 7)])
def test_small_and_empty_maps(shape):
    found = segalgo.semantic_to_instances(np.ones(shape, np.uint8), split_touching=True)
    assert found.labels.shape == shape
    assert len(found.classes) == (1 if found.labels.size else 0)
    joined = segalgo.to_panoptic(np.ones(shape, np.uint8))
    assert joined.labels.shape == shape
    assert segalgo.bounding_boxes(found.labels).shape == (len(found.classes), 4)
    assert segalgo.count_objects(found.labels) == len(found.classes)


def test_inputs_are_not_changed_and_views_count():
    street = np.zeros((20, 20), np.uint8)
    street[::2] = 1
    street.setflags(write=False)
    view = street[::2, ::-3]
    assert len(segalgo.semantic_to_instances(view, split_touching=True).classes) == 1
    assert segalgo.to_panoptic(view).segments[0]["area"] == view.size


def test_panoptic_by_hand():
    street = [[0, 0, 0, 0, 255], [2, 2, 0, 2, 2], [1, 1, 1, 1, 1]]
    joined = segalgo.to_panoptic(street, things=[2])
    assert joined.labels.tolist() == [[1, 1, 1, 1, 0], [3, 3, 1, 4, 4], [2] * 5]
    assert joined.segments[3] == {
        "id": 4, "category_id": 2, "isthing": 1, "iscrowd": 0, "area": 2, "bbox": [3, 1, 2, 1],
    }  # fmt: skip
    json.dumps(joined.segments)
    instances = [[0, 0, 0, 0, 0], [9, 9, 0, 9, 0], [0, 0, 0, 9, 0]]
    joined = segalgo.to_panoptic(street, instances, things=[2])
    assert joined.labels.tolist() == [[1, 1, 1, 1, 0], [3, 3, 1, 3, 0], [2] * 5]  # a thing without number is void
    assert [entry["category_id"] for entry in segalgo.to_panoptic(street, instances).segments] == [0, 1, 2]
    assert segalgo.to_panoptic(street, ignore_index=255).segments[0] == {
        "id": 1, "category_id": 0, "isthing": 0, "iscrowd": 0, "area": 5, "bbox": [0, 0, 4, 2],
    }  # fmt: skip


@given(MAPS)
def test_panoptic_maps_keep_classes(street):
    joined = segalgo.to_panoptic(street, ignore_index=255)
    back = segalgo.instances_to_semantic(joined.labels, [entry["category_id"] for entry in joined.segments], 255)
    assert (back == street).all()
    areas = np.bincount(joined.labels.reshape(-1), minlength=1)[1:]
    assert areas.tolist() == [entry["area"] for entry in joined.segments]


def test_boxes_and_counts():
    labels = np.zeros((5, 6), np.int64)
    labels[1:3, 2:6] = 1
    labels[4, 0] = 3
    assert segalgo.bounding_boxes(labels).tolist() == [[1, 2, 3, 6], [0, 0, 0, 0], [4, 0, 5, 1]]
    assert segalgo.bounding_boxes(labels, form="coco").tolist() == [[2, 1, 4, 2], [0, 0, 0, 0], [0, 4, 1, 1]]
    assert segalgo.count_objects(labels) == 2
    assert segalgo.count_objects(labels, [5, 5, 9]) == {5: 1, 9: 1}
    labels[0, 0] = 2**40  # one row for each number that occurs, not for each that could
    assert len(segalgo.bounding_boxes(labels)) == 3


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: segalgo.semantic_to_instances(np.zeros((2, 2))), "label_map has dtype float64"),
        (lambda: segalgo.semantic_to_instances(np.zeros(2, int)), r"label_map has shape \(2,\): expected \(H, W\)"),
        (lambda: segalgo.semantic_to_instances([[1]], depth=0), "depth=0: expected a number above 0"),
        (lambda: segalgo.semantic_to_instances([[1]], depth=float("nan")), "depth=nan"),
        (lambda: segalgo.instances_to_semantic([[2]], [5]), "labels holds object 2, classes lists 1"),
        (lambda: segalgo.instances_to_semantic([[-1]], [5]), "labels holds -1"),
        (lambda: segalgo.instances_to_semantic([[1]], [0.5]), "classes has dtype float64"),
        (lambda: segalgo.to_panoptic([[-1]]), "label_map holds -1"),
        (lambda: segalgo.to_panoptic([[1]], [[1, 2]]), r"instances has shape \(1, 2\): expected \(1, 1\)"),
        (lambda: segalgo.bounding_boxes([[1]], form="yolo"), "form='yolo'"),
        (lambda: segalgo.count_objects([[3]], [1]), "labels holds object 3, classes lists 1"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call()


def test_no_heavy_import_before_objects_are_cut():
    code = (
        "import sys, segalgo; segalgo.semantic_to_instances([[1]]); segalgo.InstanceRecognizer();"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"skimage", "scipy", "matplotlib", "safetensors"} & set(loaded)


def memory():
    found = segalgo.InstanceRecognizer(threshold=0.5)
    found.store([[1.0, 100.0], [2.0, 100.0], [9.0, 300.0]], ["a", "a", "b"])
    return found


def test_recognition_by_hand():
    found = segalgo.InstanceRecognizer(threshold=0.5)
    found.store([[0.0], [2.0]], ["low", "high"])  # standard deviation 1
    near, middle, far = found.recognize([[0.25], [1.0], [4.0]])
    assert near.name == "low"
    assert near.distance == 0.25
    assert near.score == pytest.approx(np.exp(-0.25))
    assert (middle.index, middle.name) == (0, None)  # equally near: the first; exp(-1) is below the threshold
    assert (far.index, far.name, far.distance) == (1, None, 2.0)
    assert found.recognize(np.zeros((0, 1))) == []


def test_recognition_against_brute_force(rng):
    stored, asked = rng.normal(size=(40, 5)) * [1, 10, 100, 1e-3, 1], rng.normal(size=(300, 5)) * [1, 10, 100, 1e-3, 1]
    found = segalgo.InstanceRecognizer(0)
    found.store(stored, [str(k) for k in range(40)])
    scale = stored.std(0)
    expected = [np.sqrt((((one - stored) / scale) ** 2).mean(1)) for one in asked]
    answers = found.recognize(asked)
    assert [answer.index for answer in answers] == [distances.argmin() for distances in expected]
    np.testing.assert_allclose([answer.distance for answer in answers], [d.min() for d in expected], rtol=1e-12)
    assert [answer.name for answer in answers] == [str(answer.index) for answer in answers]


def test_an_empty_memory_knows_nothing():
    assert segalgo.InstanceRecognizer().recognize([[1.0, 2.0]])[0] == (None, 0.0, np.inf, -1)


def test_features_that_never_vary_are_measured_in_their_magnitude():
    found = segalgo.InstanceRecognizer(0.5)
    found.store([[100.0, 0.0]], ["one"])
    assert found.recognize([[101.0, 0.0]])[0].name == "one"
    assert found.recognize([[300.0, 0.0]])[0].name is None


def test_forgetting():
    found = memory()
    assert found.forget("a") == 2
    assert (len(found), found.names) == (1, ["b"])
    assert found.forget("c") == 0
    assert found.forget("b") == 1
    found.store([[1.0]], ["c"])  # another number of features, now that nothing is stored
    assert found.recognize([[1.0]])[0].name == "c"


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_saving_and_loading(tmp_path, suffix):
    for before in (memory(), segalgo.InstanceRecognizer(0.25)):
        before.names = [f"{name} é" for name in before.names]
        before.save(tmp_path / f"memory{suffix}")
        after = segalgo.InstanceRecognizer.load(tmp_path / f"memory{suffix}")
        assert (after.names, after.threshold) == (before.names, before.threshold)
        assert after.descriptors.tolist() == before.descriptors.tolist()
    (tmp_path / f"memory{suffix}").write_bytes(b"words")
    with pytest.raises(ValueError, match="memory"):
        segalgo.InstanceRecognizer.load(tmp_path / f"memory{suffix}")
    with pytest.raises(FileNotFoundError, match="no such file"):
        segalgo.InstanceRecognizer.load(tmp_path / f"other{suffix}")


def test_files_of_something_else(tmp_path):
    np.savez(tmp_path / "other.npz", words=np.zeros(3))
    with pytest.raises(ValueError, match=r"other\.npz: holds no memory of objects"):
        segalgo.InstanceRecognizer.load(tmp_path / "other.npz")
    np.savez(tmp_path / "pickle.npz", names=np.array([{}], object))
    with pytest.raises(ValueError, match=r"pickle\.npz"):
        segalgo.InstanceRecognizer.load(tmp_path / "pickle.npz")
    for call in (memory().save, segalgo.InstanceRecognizer.load):
        with pytest.raises(ValueError, match=r"expected a name that ends with \.npz or \.safetensors"):
            call(tmp_path / "memory.pkl")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: segalgo.InstanceRecognizer(1.5), "threshold=1.5: expected 0 to 1"),
        (lambda: memory().store([[1.0, 2.0]], ["a", "b"]), "names holds 2: expected 1"),
        (lambda: memory().store([[1.0]], ["a"]), "descriptors has 1 features: expected 2"),
        (lambda: memory().store([[1.0, np.nan]], ["a"]), "descriptors holds NaN"),
        (lambda: memory().store([[1.0, 2.0]], [3]), "names holds other things than str"),
        (lambda: memory().store([[1.0, 2.0]], ["a\0b"]), "names holds a name with a zero character"),
        (lambda: memory().recognize(np.zeros((2, 2, 2))), r"descriptors has shape \(2, 2, 2\)"),
        (lambda: memory().recognize([["a", "b"]]), "descriptors"),
        (lambda: segalgo.describe_objects([[1, 0, 3]]), "labels holds no object 2"),
        (lambda: segalgo.describe_objects([1]), r"labels has shape \(1,\)"),
    ],
)
def test_bad_descriptors_are_named(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call()


def test_coins_are_recognised_after_a_quarter_turn():
    from skimage.data import coins

    found = segalgo.segment(coins(), "local", window=151, offset=10, fill_holes=True, min_area=100)
    known = segalgo.InstanceRecognizer()
    known.store(segalgo.describe_objects(found.labels, coins()), [str(k) for k in range(1, found.count + 1)])
    turned, labels = np.rot90(coins()), np.rot90(found.labels)
    answers = known.recognize(segalgo.describe_objects(labels, turned))
    assert [answer.name for answer in answers] == known.names
    assert min(answer.score for answer in answers) > 0.999
    assert segalgo.describe_objects(labels).shape == (24, 3)
    assert segalgo.describe_objects(np.zeros((3, 3), int), np.zeros((3, 3))).shape == (0, 6)
