"""Every argument of every threshold, given what it cannot be: an error that names the argument."""

import inspect
import warnings

import numpy as np
import pytest
from wrong_arguments import ARRAYS, FLOAT, LARGE, POSITIVE, faults_of

import segalgo

ROOMS = "segalgo.thresholds."
IMAGE = np.random.default_rng(0).integers(0, 9, (6, 7)).astype(float)
TWO_PEAKS = np.repeat([0.0, 1, 2, 3, 4, 5, 6], [1, 9, 3, 1, 4, 8, 2])
GLOBAL = ("otsu", "multiotsu", "yen", "entropy", "triangle", "isodata", "li", "mean")
LOCAL = ("niblack", "sauvola", "wolf", "bradley", "phansalkar", "local")
CALLS = {f"threshold_{name}": {"image": IMAGE} for name in GLOBAL + LOCAL} | {
    "threshold_minimum": {"image": TWO_PEAKS},
    "binarize": {"image": IMAGE, "threshold": 3},
    "apply_hysteresis_threshold": {"image": IMAGE, "low": 2, "high": 5},
    "try_all_thresholds": {"image": IMAGE},
}
# matplotlib checks these by itself, the function is the caller's, and five numbers are no picture of two peaks.
NOT_TRIED = {("try_all_thresholds", "figsize")}

# What is right for an argument after all.
RIGHT = dict.fromkeys(("k", "r", "t", "p", "q", "offset", "tolerance"), FLOAT) | {
    "image": ARRAYS,
    "hist": ARRAYS,
    ("threshold_multiotsu", "hist"): ARRAYS,
    ("threshold_minimum", "image"): ARRAYS,
    ("threshold_minimum", "hist"): ARRAYS,
    ("try_all_thresholds", "image"): {"a list of lists"},
    "iter_callback": {"a function"},
    "initial_guess": {"a function"},
    ("binarize", "threshold"): LARGE,
    "cval": FLOAT,
    "max_num_iter": POSITIVE,
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
