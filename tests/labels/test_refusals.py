"""Every argument of every function on labels, given what it cannot be: an error that names the argument."""

import inspect
import warnings

import numpy as np
import pytest
from wrong_arguments import ARRAYS, LARGE, POSITIVE, faults_of

import segalgo

ROOMS = "segalgo.labels."
X = np.random.default_rng(0).integers(0, 9, (6, 7))
CALLS = {
    "label": {"image": X},
    "same_partition": {"a": X, "b": X},
    "label_statistics": {"labels": X},
    "contacts": {"labels": X},
    "euler_number": {"image": X},
    "find_boundaries": {"label_img": X},
    "clear_border": {"labels": X},
    "fill_holes": {"image": X},
    "largest_components": {"labels": X},
    "relabel_sequential": {"label_field": X},
    "remove_small_objects": {"labels": X},
}
NOT_TRIED = set()

# What is right for an argument after all.
RIGHT = {
    "image": ARRAYS,
    "labels": ARRAYS,
    "label_img": ARRAYS,
    "label_field": ARRAYS,
    ("label", "background"): LARGE,
    ("find_boundaries", "background"): LARGE,
    "delta": POSITIVE,
    "k": POSITIVE,
    "min_size": POSITIVE,
    "max_size": POSITIVE,
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
