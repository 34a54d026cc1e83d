"""Every error that the docstring of a function on labels promises is raised by a call here, and names the argument."""

import inspect

import numpy as np
import pytest
from promised_errors import promised_errors

import segalgo

X = np.random.default_rng(0).integers(0, 9, (6, 7))
FLOATS = X.astype(float)
NEGATIVE = X - 5
MANY_AXES = np.ones((1,) * 9, int)

CASES = {
    "label": {
        TypeError: [
            (lambda f: f(X + 1j), "image"),
            (lambda f: f(X, "a"), "background"),
            (lambda f: f(X, return_num="yes"), "return_num"),
            (lambda f: f(X, connectivity=1.5), "connectivity"),
            (lambda f: f(X, out=[0]), "out"),
            (lambda f: f(X, out=FLOATS), "out"),
            (lambda f: f(X, wrap="yes"), "wrap"),
            (lambda f: f(X, delta="a"), "delta"),
        ],
        ValueError: [
            (lambda f: f(X, connectivity=3), "connectivity"),
            (lambda f: f([1.0, np.nan]), "image"),
            (lambda f: f(X, delta=-1), "delta"),
            (lambda f: f(X, out=np.zeros(3, np.int32)), "out"),
            (lambda f: f(X, wrap=[True]), "wrap"),
            (lambda f: f(MANY_AXES), "image"),
        ],
    },
    "same_partition": {
        TypeError: [(lambda f: f(FLOATS, X), "a has"), (lambda f: f(X, FLOATS), "b has")],
        ValueError: [(lambda f: f(X, X[0]), "b has shape")],
    },
    "label_statistics": {
        TypeError: [
            (lambda f: f(FLOATS), "labels"),
            (lambda f: f(X, X + 1j), "intensity_image"),
            (lambda f: f(X, num_labels=8.5), "num_labels"),
        ],
        ValueError: [
            (lambda f: f(NEGATIVE), "labels"),
            (lambda f: f(X, num_labels=3), "num_labels"),
            (lambda f: f(X, X[0]), "intensity_image"),
            (lambda f: f(MANY_AXES), "labels"),
        ],
    },
    "contacts": {
        TypeError: [(lambda f: f(FLOATS), "labels"), (lambda f: f(X, background="yes"), "background")],
        ValueError: [
            (lambda f: f(NEGATIVE), "labels"),
            (lambda f: f(X, 3), "connectivity"),
            (lambda f: f(MANY_AXES), "labels"),
        ],
    },
    "euler_number": {
        TypeError: [(lambda f: f(X + 1j), "image")],
        ValueError: [
            (lambda f: f(np.ones((2, 2, 2)), 2), "connectivity"),
            (lambda f: f(MANY_AXES), "image"),
            (lambda f: f(np.array(1)), "image"),
        ],
    },
    "find_boundaries": {
        TypeError: [(lambda f: f(FLOATS), "label_img"), (lambda f: f(X, background=0.5), "background")],
        ValueError: [
            (lambda f: f(X, mode="around"), "mode"),
            (lambda f: f(X, 3), "connectivity"),
            (lambda f: f(X.astype(np.uint8), mode="outer", background=300), "background"),
            (lambda f: f(MANY_AXES), "label_img"),
        ],
    },
    "clear_border": {
        TypeError: [
            (lambda f: f(FLOATS), "labels"),
            (lambda f: f(X, mask=X), "mask"),
            (lambda f: f(X, 1.5), "buffer_size"),
            (lambda f: f(X, bgval="a"), "bgval"),
        ],
        ValueError: [
            (lambda f: f(NEGATIVE), "labels"),
            (lambda f: f(X, 6), "buffer_size"),
            (lambda f: f(X, -1), "buffer_size"),
            (lambda f: f(X, bgval=0.5), "bgval"),
            (lambda f: f(X, mask=np.ones(3, bool)), "mask"),
            (lambda f: f(MANY_AXES), "labels"),
        ],
    },
    "fill_holes": {
        TypeError: [(lambda f: f(FLOATS), "image")],
        ValueError: [
            (lambda f: f(NEGATIVE), "image"),
            (lambda f: f(X, 3), "connectivity"),
            (lambda f: f(MANY_AXES), "image"),
        ],
    },
    "largest_components": {
        TypeError: [
            (lambda f: f(FLOATS), "labels"),
            (lambda f: f(X, 1.5), "k="),
            (lambda f: f(X, relabel="yes"), "relabel"),
        ],
        ValueError: [
            (lambda f: f(NEGATIVE), "labels"),
            (lambda f: f(X, -1), "k="),
            (lambda f: f(X, connectivity=3), "connectivity"),
            (lambda f: f(MANY_AXES), "labels"),
        ],
    },
    "relabel_sequential": {
        TypeError: [(lambda f: f(FLOATS), "label_field"), (lambda f: f(X, 1.5), "offset")],
        ValueError: [
            (lambda f: f(NEGATIVE), "label_field"),
            (lambda f: f(X, 0), "offset"),
            (lambda f: f(X, 2**64), "offset"),
            (lambda f: f(MANY_AXES), "label_field"),
        ],
    },
    "remove_small_objects": {
        TypeError: [
            (lambda f: f(FLOATS), "labels"),
            (lambda f: f(X, 1.5), "min_size"),
            (lambda f: f(X, max_size=1.5), "max_size"),
        ],
        ValueError: [
            (lambda f: f(NEGATIVE), "labels"),
            (lambda f: f(X, -1), "min_size"),
            (lambda f: f(X, 3, max_size=3), "min_size=3 and max_size=3"),
            (lambda f: f(X, connectivity=3), "connectivity"),
            (lambda f: f(MANY_AXES), "labels"),
        ],
    },
}


def functions():
    return sorted(
        name
        for name in segalgo.__all__
        if inspect.isfunction(getattr(segalgo, name, None))
        and getattr(segalgo, name).__module__.startswith("segalgo.labels.")
    )


@pytest.mark.parametrize("name", functions())
def test_what_is_promised_is_raised(name):
    function = getattr(segalgo, name)
    assert promised_errors(function) == {error.__name__ for error in CASES[name]}
    for error, calls in CASES[name].items():
        for call, message in calls:
            with pytest.raises(error, match=message):
                call(function)


def test_what_a_label_map_refuses():
    mapping = segalgo.relabel_sequential(X.astype(np.uint8))[1]
    with pytest.raises(TypeError, match="labels"):
        mapping[0.5]
    with pytest.raises(IndexError, match="labels"):
        mapping[-1]
    with pytest.raises(ValueError, match="values"):
        mapping[1] = 300
    with pytest.raises(ValueError, match="copy"):
        np.asarray(mapping, copy=False)


def test_labels_do_not_overwrite_their_image():
    cells = np.zeros(4, np.int32)
    with pytest.raises(ValueError, match="out overlaps image"):
        segalgo.label(cells, out=cells)
