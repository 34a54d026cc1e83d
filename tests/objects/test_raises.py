"""Every error that functions on objects and `segment` promise is raised by a call here, and names the argument."""

import inspect

import numpy as np
import pytest
from promised_errors import promised_errors

import segalgo

X = np.random.default_rng(0).integers(0, 5, (6, 7))
FLOATS = X.astype(float)
ROOMS = (
    "segalgo.objects.boxes",
    "segalgo.objects.instances",
    "segalgo.objects.panoptic",
    "segalgo.objects.recognition",
    "segalgo.segmenters.threshold",
)
PLANE = {
    TypeError: [(lambda f: f(FLOATS), "labels")],
    ValueError: [(lambda f: f(X[0]), "labels"), (lambda f: f(X - 3), "labels")],
}
CASES = {
    "bounding_boxes": {**PLANE, ValueError: [*PLANE[ValueError], (lambda f: f(X, form="polygon"), "form")]},
    "count_objects": {
        TypeError: [*PLANE[TypeError], (lambda f: f(X, classes="ab"), "classes")],
        ValueError: [*PLANE[ValueError], (lambda f: f(X, classes=[1]), "classes")],
    },
    "instances_to_semantic": {
        TypeError: [(lambda f: f(FLOATS, [1]), "labels"), (lambda f: f(X, range(9), 0.5), "background")],
        ValueError: [(lambda f: f(X[0], [1]), "labels"), (lambda f: f(X, [1]), "classes")],
    },
    "semantic_to_instances": {
        TypeError: [
            (lambda f: f(FLOATS), "label_map"),
            (lambda f: f(X, background=0.5), "background"),
            (lambda f: f(X, ignore_index=0.5), "ignore_index"),
            (lambda f: f(X, classes="ab"), "classes"),
            (lambda f: f(X, split_touching="yes"), "split_touching"),
            (lambda f: f(X, depth="deep"), "depth"),
        ],
        ValueError: [
            (lambda f: f(X[0]), "label_map"),
            (lambda f: f(X, ignore_index="none"), "ignore_index"),
            (lambda f: f(X, connectivity=3), "connectivity"),
            (lambda f: f(X, depth=0), "depth"),
            (lambda f: f(X, depth=np.nan), "depth"),
        ],
    },
    "to_panoptic": {
        TypeError: [
            (lambda f: f(FLOATS), "label_map"),
            (lambda f: f(X, FLOATS), "instances"),
            (lambda f: f(X, things="ab"), "things"),
            (lambda f: f(X, ignore_index=0.5), "ignore_index"),
        ],
        ValueError: [
            (lambda f: f(X[0]), "label_map"),
            (lambda f: f(X - 3), "label_map"),
            (lambda f: f(X, X[:2]), "instances"),
            (lambda f: f(X, X - 3), "instances"),
        ],
    },
    "describe_objects": {
        TypeError: [(lambda f: f(FLOATS), "labels"), (lambda f: f([[1]], [["a"]]), "image")],
        ValueError: [
            (lambda f: f(X[0]), "labels"),
            (lambda f: f([[1, 3]]), "labels"),
            (lambda f: f([[1, 2]], [[1]]), "image"),
        ],
    },
    "segment": {
        TypeError: [
            (lambda f: f(X + 1j), "image"),
            (lambda f: f(X, threshold="a"), "threshold"),
            (lambda f: f(X, connectivity=1.5), "connectivity"),
            (lambda f: f(X, min_area=1.5), "min_area"),
            (lambda f: f(X, fill_holes="yes"), "fill_holes"),
            (lambda f: f(X, clear_border="yes"), "clear_border"),
            (lambda f: f(X, window=2.5), "window"),
            (lambda f: f(X, offset="a"), "offset"),
        ],
        ValueError: [
            (lambda f: f(X[0]), "image"),
            (lambda f: f(FLOATS * np.nan), "image"),
            (lambda f: f(X, "kittler"), "method"),
            (lambda f: f(X, foreground="over"), "foreground"),
            (lambda f: f(X, connectivity=3), "connectivity"),
            (lambda f: f(X, window=4), "window"),
            (lambda f: f(X, offset=np.inf), "offset"),
        ],
    },
}


def functions():
    return sorted(
        name
        for name in segalgo.__all__
        if inspect.isfunction(getattr(segalgo, name, None)) and getattr(segalgo, name).__module__.startswith(ROOMS)
    )


@pytest.mark.parametrize("name", functions())
def test_what_is_promised_is_raised(name):
    function = getattr(segalgo, name)
    assert promised_errors(function) == {error.__name__ for error in CASES[name]}
    for error, calls in CASES[name].items():
        for call, message in calls:
            with pytest.raises(error, match=message):
                call(function)


def test_what_a_memory_of_objects_refuses(tmp_path):
    memory = segalgo.InstanceRecognizer()
    memory.store([[1.0, 2.0]], ["penny"])
    for error, message, call in (
        (ValueError, "threshold", lambda: segalgo.InstanceRecognizer(threshold=2)),
        (ValueError, "names", lambda: memory.store([[1.0, 2.0]], ["a", "b"])),
        (TypeError, "names", lambda: memory.store([[1.0, 2.0]], [5])),
        (ValueError, "names", lambda: memory.store([[1.0, 2.0]], ["a\0b"])),
        (TypeError, "descriptors", lambda: memory.store([["a"]], ["b"])),
        (ValueError, "descriptors", lambda: memory.store([[np.nan, 1]], ["b"])),
        (ValueError, "descriptors", lambda: memory.recognize([[1.0]])),
        (TypeError, "descriptors", lambda: memory.recognize([["a", "b"]])),
        (ValueError, "path", lambda: memory.save(tmp_path / "memory.txt")),
        (ValueError, "path", lambda: segalgo.InstanceRecognizer.load(tmp_path / "memory.txt")),
        (FileNotFoundError, "memory.npz", lambda: segalgo.InstanceRecognizer.load(tmp_path / "memory.npz")),
    ):
        with pytest.raises(error, match=message):
            call()
    (tmp_path / "memory.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"memory\.npz"):
        segalgo.InstanceRecognizer.load(tmp_path / "memory.npz")
