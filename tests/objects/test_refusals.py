"""Every argument of functions on objects and of `segment`, given what it cannot be: an error that names it."""

import inspect
import warnings

import numpy as np
import pytest
from wrong_arguments import FLOAT, faults_of

import segalgo

ROOMS = (
    "segalgo.objects.boxes",
    "segalgo.objects.instances",
    "segalgo.objects.panoptic",
    "segalgo.objects.recognition",
    "segalgo.segmenters.threshold",
)
X = np.random.default_rng(0).integers(0, 9, (6, 7))
CALLS = {
    "segment": {"image": X},
    "bounding_boxes": {"labels": X},
    "count_objects": {"labels": X},
    "instances_to_semantic": {"labels": X, "classes": list(range(9))},
    "semantic_to_instances": {"label_map": X},
    "to_panoptic": {"label_map": X},
    "describe_objects": {"labels": X},
}
NOT_TRIED = set()

# What is right for an argument after all.
MATRIX = {"a list of lists"}
RIGHT = {
    "image": MATRIX,
    "labels": MATRIX,
    "label_map": MATRIX,
    "things": {"a set", "five numbers"},
    ("semantic_to_instances", "classes"): {"a set", "five numbers"},
    ("segment", "threshold"): FLOAT,
    "offset": FLOAT,
    "depth": FLOAT,
}


def arguments():
    return [
        pytest.param(name, argument, id=f"{name}-{argument}")
        for name, call in CALLS.items()
        for argument in inspect.signature(getattr(segalgo, name)).parameters
        if (name, argument) not in NOT_TRIED
    ]


def test_every_function_is_here():
    functions = {
        name
        for name in segalgo.__all__
        if inspect.isfunction(getattr(segalgo, name, None)) and getattr(segalgo, name).__module__.startswith(ROOMS)
    }
    assert functions == set(CALLS)


@pytest.mark.parametrize(("name", "argument"), arguments())
def test_what_an_argument_cannot_be_is_refused_by_its_name(name, argument):
    right = RIGHT.get((name, argument), RIGHT.get(argument, ()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        faults = faults_of(getattr(segalgo, name), CALLS[name], argument, right)
    assert not faults, "\n".join(faults)
