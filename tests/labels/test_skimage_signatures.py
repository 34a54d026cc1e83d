"""Functions that bear a name of scikit-image take their arguments in the order of scikit-image."""

import inspect
from itertools import takewhile

import pytest
import skimage.filters
import skimage.measure
import skimage.morphology
import skimage.segmentation

import segalgo

MODULES = (skimage.filters, skimage.measure, skimage.segmentation, skimage.morphology)
# scikit-image writes into `out`; here only `label` does.
FILTERS = ("erosion", "dilation", "opening", "closing", "white_tophat", "black_tophat")
LEFT_OUT = {
    **{name: {"out"} for name in ("clear_border", "remove_small_objects", *FILTERS)},
    "flood_fill": {"in_place"},
    "slic": {"sigma", "max_size_factor", "slic_zero"},
}
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def shared_names():
    for name in dir(segalgo):
        for module in MODULES:
            if callable(getattr(module, name, None)) and callable(getattr(segalgo, name)):
                yield name, module
                break


SHARED = dict(shared_names())


def test_the_names_are_found():
    assert {"label", "threshold_otsu", "remove_small_objects", "clear_border", "euler_number"} <= set(SHARED)


@pytest.mark.parametrize("name", SHARED)
def test_order_of_arguments(name):
    theirs = inspect.signature(inspect.unwrap(getattr(SHARED[name], name))).parameters.values()
    ours = inspect.signature(getattr(segalgo, name)).parameters
    left_out = LEFT_OUT.get(name, set())
    positional = [p.name for p in theirs if p.kind in POSITIONAL]
    # What comes after an argument that is left out must be named here, since its place differs.
    expected = list(takewhile(lambda argument: argument not in left_out, positional))
    got = [p.name for p in ours.values() if p.kind in POSITIONAL]
    # The name of the picture itself differs (label_image, ar): it is passed by position.
    assert got[1 : len(expected)] == expected[1:]
    assert len(got) == len(expected) or len(expected) == len(positional)
    assert {p.name for p in list(theirs)[1:]} - set(ours) == left_out
