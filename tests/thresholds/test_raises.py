"""Every error that the docstring of a threshold promises is raised by a call here; the message names the argument."""

import inspect

import numpy as np
import pytest
from promised_errors import promised_errors

import segalgo

X = np.random.default_rng(0).integers(0, 9, (6, 7))
NAN = np.array([[1.0, np.nan]])
MIXED = np.array([1.0, np.inf])
LARGE = 2**24 + 1

GLOBAL = {
    TypeError: [
        (lambda f: f(X + 1j), "image"),
        (lambda f: f(X.astype(str)), "image"),
        (lambda f: f(hist=["a"]), "hist"),
    ],
    ValueError: [
        (lambda f: f(), "image and hist"),
        (lambda f: f(X[:0]), "image"),
        (lambda f: f(X, mask=np.zeros(X.shape, bool)), "image"),
        (lambda f: f(hist=np.zeros(4)), "hist"),
        (lambda f: f(X, mask=np.ones(3, bool)), "mask"),
        (lambda f: f(NAN), "image"),
        (lambda f: f(MIXED), "image"),
    ],
}
BINS = {TypeError: [*GLOBAL[TypeError], (lambda f: f(X, 2.5), "nbins")], ValueError: GLOBAL[ValueError]}
# Counts and shapes are checked before any work, so an image of integers is enough.
BINS[TypeError][-1] = (lambda f: f(X / 2, 2.5), "nbins")
BINS[ValueError] = [*GLOBAL[ValueError], (lambda f: f(X / 2, 0), "nbins")]
WINDOW = {
    TypeError: [(lambda f: f(X + 1j), "image"), (lambda f: f(X, 2.5), "window_size")],
    ValueError: [
        (lambda f: f(X, 4), "window_size"),
        (lambda f: f(X, -1), "window_size"),
        (lambda f: f(X, LARGE), "window_size"),
        (lambda f: f(X, (3, 3, 3)), "window_size"),
        (lambda f: f(NAN, 3), "image"),
        (lambda f: f(MIXED, 3), "image"),
        (lambda f: f(np.float64(1), 1), "image"),
    ],
}


def with_weight(name):
    return {
        TypeError: [*WINDOW[TypeError], (lambda f: f(X, 3, **{name: "a"}), f"{name}=")],
        ValueError: [*WINDOW[ValueError], (lambda f: f(X, 3, **{name: np.inf}), f"{name}=")],
    }


CASES = {
    "threshold_otsu": BINS,
    "threshold_yen": BINS,
    "threshold_entropy": BINS,
    "threshold_triangle": BINS,
    "threshold_isodata": {**BINS, TypeError: [*BINS[TypeError], (lambda f: f(X, return_all="yes"), "return_all")]},
    "threshold_minimum": {
        TypeError: [*BINS[TypeError], (lambda f: f(X, max_num_iter=1.5), "max_num_iter")],
        ValueError: [*BINS[ValueError], (lambda f: f(X, max_num_iter=0), "max_num_iter")],
        RuntimeError: [
            (lambda f: f([1, 1]), "two maxima"),
            (lambda f: f([1, 1, 1, 2]), "two maxima"),
            (lambda f: f(np.repeat(np.arange(31), np.arange(31) % 2 * 9 + 1), max_num_iter=1), "max_num_iter"),
        ],
    },
    "threshold_multiotsu": {
        TypeError: [*GLOBAL[TypeError], (lambda f: f(X, 2.5), "classes"), (lambda f: f(X / 2, 3, 2.5), "nbins")],
        ValueError: [
            *GLOBAL[ValueError],
            (lambda f: f(X, 1), "classes"),
            (lambda f: f([1, 1, 2], 3), "image has only 2"),
            (lambda f: f(None, 3, hist=[4, 2]), "hist has only 2"),
        ],
    },
    "threshold_mean": {
        TypeError: GLOBAL[TypeError],
        ValueError: [*GLOBAL[ValueError][:-1], (lambda f: f(np.array([-np.inf, np.inf])), "image")],
    },
    "threshold_li": {
        TypeError: [
            *GLOBAL[TypeError],
            (lambda f: f(X, tolerance="small"), "tolerance"),
            (lambda f: f(X, initial_guess="low"), "initial_guess"),
            (lambda f: f(X, iter_callback=3), "iter_callback"),
        ],
        ValueError: [
            *GLOBAL[ValueError][:5],
            (lambda f: f(X, tolerance=-1), "tolerance"),
            (lambda f: f(X, initial_guess=-5), "initial_guess"),
            (lambda f: f(X, initial_guess=100), "initial_guess"),
        ],
    },
    "threshold_niblack": with_weight("k"),
    "threshold_sauvola": {
        TypeError: [*with_weight("k")[TypeError], (lambda f: f(X, 3, r="a"), "r=")],
        ValueError: [*with_weight("k")[ValueError], (lambda f: f(X, 3, r=0), "r=")],
    },
    "threshold_wolf": with_weight("k"),
    "threshold_bradley": with_weight("t"),
    "threshold_phansalkar": {
        TypeError: [*with_weight("k")[TypeError], *with_weight("p")[TypeError], *with_weight("q")[TypeError]],
        ValueError: [*with_weight("k")[ValueError], (lambda f: f(X, 3, r=0), "r=")],
    },
    "threshold_local": {
        TypeError: [
            (lambda f: f(X + 1j), "image"),
            (lambda f: f(X, 2.5), "block_size"),
            (lambda f: f(X, offset="a"), "offset"),
            (lambda f: f(X, cval="a"), "cval"),
            (lambda f: f(X, 3, "generic"), "param"),
            (lambda f: f(X, param="a"), "param"),
        ],
        ValueError: [
            (lambda f: f(X, 4), "block_size"),
            (lambda f: f(X, 0), "block_size"),
            (lambda f: f(X, LARGE), "block_size"),
            (lambda f: f(X, (3, 3, 3)), "block_size"),
            (lambda f: f(NAN), "image"),
            (lambda f: f(MIXED), "image"),
            (lambda f: f(X, 3, "mode"), "method"),
            (lambda f: f(X, 3, mode="edge"), "mode"),
            (lambda f: f(X, offset=np.nan), "offset"),
            (lambda f: f(X, param=-1), "param"),
            (lambda f: f(X, mode="constant", cval=np.inf), "cval"),
        ],
    },
    "binarize": {
        TypeError: [(lambda f: f(X + 1j, 0), "image"), (lambda f: f(X, "a"), "threshold")],
        ValueError: [(lambda f: f(X, X[:2]), "threshold"), (lambda f: f(X, 0, "over"), "foreground")],
    },
    "apply_hysteresis_threshold": {
        TypeError: [
            (lambda f: f(X + 1j, 0, 1), "image"),
            (lambda f: f(X, "a", 1), "low"),
            (lambda f: f(X, 0, None), "high"),
        ],
        ValueError: [
            (lambda f: f(X, X[:2], 1), "low"),
            (lambda f: f(X, 0, X[:2]), "high"),
            (lambda f: f(np.ones((1,) * 9), 0, 1), "image"),
        ],
    },
    "try_all_thresholds": {
        TypeError: [(lambda f: f(X + 1j), "image"), (lambda f: f(X, num_cols=2.5), "num_cols")],
        ValueError: [
            (lambda f: f(X[0]), "image"),
            (lambda f: f(X[:0]), "image"),
            (lambda f: f(NAN), "image"),
            (lambda f: f(X, num_cols=0), "num_cols"),
            (lambda f: f(X, foreground="over"), "foreground"),
        ],
        ImportError: [],  # see test_a_missing_matplotlib_is_named
    },
}


def thresholds():
    return sorted(
        name
        for name in segalgo.__all__
        if inspect.isfunction(getattr(segalgo, name, None))
        and getattr(segalgo, name).__module__.startswith("segalgo.thresholds.")
    )


@pytest.mark.parametrize("name", thresholds())
def test_what_is_promised_is_raised(name):
    function = getattr(segalgo, name)
    assert promised_errors(function) == {error.__name__ for error in CASES[name]}
    for error, calls in CASES[name].items():
        for call, message in calls:
            with pytest.raises(error, match=message):
                call(function)


def test_a_missing_matplotlib_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(ImportError, match="matplotlib"):
        segalgo.try_all_thresholds(X)
