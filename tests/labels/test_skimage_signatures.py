"""Functions that bear a name of scikit-image take their arguments in the order of scikit-image."""

import inspect

import pytest
import skimage.filters
import skimage.measure
import skimage.morphology
import skimage.segmentation

import segalgo

MODULES = (skimage.filters, skimage.measure, skimage.segmentation, skimage.morphology)
# scikit-image writes into `out`; here only `label` does.
LEFT_OUT = {"clear_border": {"out"}, "remove_small_objects": {"out"}}
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
    expected = [p.name for p in theirs if p.kind in POSITIONAL]
    got = [p.name for p in ours.values() if p.kind in POSITIONAL]
    # The name of the picture itself differs (label_image, ar): it is passed by position.
    assert got[1 : len(expected)] == expected[1:]
    by_name = {p.name for p in theirs if p.kind == inspect.Parameter.KEYWORD_ONLY}
    assert by_name - set(ours) == LEFT_OUT.get(name, set())
