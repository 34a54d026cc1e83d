"""Every error that the docstring of a function of plot promises is raised by a call here; the message says why."""

import inspect
import sys

import numpy as np
import pytest
from promised_errors import promised_errors

from segalgo import plot

X = np.random.default_rng(0).integers(0, 9, (6, 7))
PICTURE = np.zeros((6, 7, 3), np.uint8)
TRACE = [("conv1", np.zeros((1, 4, 5, 5), np.float32))]
MISSING = "see test_a_missing_matplotlib_is_named"

CASES = {
    "blur_background": {
        TypeError: [(lambda f: f(PICTURE.astype(str), X), "image"), (lambda f: f(PICTURE, X, sigma="a"), "sigma")],
        ValueError: [
            (lambda f: f(PICTURE, X[1:]), "mask"),
            (lambda f: f(PICTURE, X, sigma=-1), "sigma"),
            (lambda f: f(PICTURE, X, feather=-1), "feather"),
        ],
    },
    "legend": {ValueError: [(lambda f: f(["a", "b"], np.zeros((3, 3))), "colors")], ImportError: MISSING},
    "overlay": {
        TypeError: [
            (lambda f: f(PICTURE, X / 2), "labels"),
            (lambda f: f(PICTURE, X, alpha="a"), "alpha"),
            (lambda f: f(PICTURE, X, scale=1.5), "scale"),
        ],
        ValueError: [
            (lambda f: f(PICTURE, X[1:]), "labels"),
            (lambda f: f(PICTURE, X, alpha=2), "alpha"),
            (lambda f: f(PICTURE, X, scale=0), "scale"),
        ],
    },
    "overlay_classes": {
        TypeError: [
            (lambda f: f(PICTURE, X / 2, ["a"] * 9, np.zeros((9, 3))), "labels"),
            (lambda f: f(PICTURE, X, ["a"] * 9, np.zeros((9, 3)), alpha="a"), "alpha"),
        ],
        ValueError: [
            (lambda f: f(PICTURE, X[1:], ["a"] * 9, np.zeros((9, 3))), "labels"),
            (lambda f: f(PICTURE, X, ["a"] * 9, np.zeros((8, 3))), "names and colors"),
            (lambda f: f(PICTURE, X, ["a"] * 3, np.zeros((3, 3))), "names and colors"),
            (lambda f: f(PICTURE, X, ["a"] * 9, np.zeros((9, 3)), alpha=2), "alpha"),
        ],
    },
    "show_confusion": {
        ValueError: [
            (lambda f: f(np.zeros((2, 3))), "matrix"),
            (lambda f: f([[1, -1], [0, 1]]), "matrix"),
            (lambda f: f(np.eye(2), ["a"]), "class_names"),
            (lambda f: f(np.eye(2), normalize="both"), "normalize"),
        ],
        ImportError: MISSING,
    },
    "show_histogram": {
        TypeError: [
            (lambda f: f(X, "high"), "thresholds"),
            (lambda f: f(X + 1j), "image"),
            (lambda f: f(X / 2, bins=2.5), "bins"),
        ],
        ValueError: [
            (lambda f: f(X[0]), "image"),
            (lambda f: f(np.full((2, 2), np.nan)), "image"),
            (lambda f: f(X, mask=X[1:] > 3), "mask"),
            (lambda f: f(X / 2, bins=0), "bins"),
        ],
        ImportError: MISSING,
    },
    "show_instances": {
        TypeError: [(lambda f: f(PICTURE, X / 2), "labels"), (lambda f: f(PICTURE, X, alpha="a"), "alpha")],
        ValueError: [(lambda f: f(PICTURE, X[1:]), "labels"), (lambda f: f(PICTURE, X, alpha=-1), "alpha")],
        ImportError: MISSING,
    },
    "show_trace": {
        TypeError: [
            (lambda f: f(TRACE, channels="all"), "channels"),
            (lambda f: f(TRACE, batch=0.5), "batch"),
        ],
        ValueError: [
            (lambda f: f(TRACE, channels=0), "channels"),
            (lambda f: f(TRACE, batch=1), "batch"),
            (lambda f: f(TRACE, axes=np.zeros((1, 1), object)), "axes"),
            (lambda f: f([]), "trace"),
            (lambda f: f(TRACE, layers="pool*"), "layers"),
            (lambda f: f([("deep", np.zeros((1, 1, 1, 1, 1)))]), "deep"),
        ],
        ImportError: MISSING,
    },
    "side_by_side": {
        ValueError: [
            (lambda f: f([PICTURE], ["a", "b"]), "titles"),
            (lambda f: f([np.zeros(4)]), "image has shape"),
        ],
        ImportError: MISSING,
    },
}


def functions():
    return sorted(name for name in plot.__all__ if inspect.isfunction(getattr(plot, name)))


@pytest.mark.parametrize("name", functions())
def test_what_is_promised_is_raised(name):
    pytest.importorskip("matplotlib").use("agg")
    cases = CASES.get(name, {})
    assert promised_errors(getattr(plot, name)) == {error.__name__ for error in cases}
    for error, calls in cases.items():
        for call, message in () if calls == MISSING else calls:
            with pytest.raises(error, match=message):
                call(getattr(plot, name))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("legend", (["a"],)),
        ("show_confusion", (np.eye(2),)),
        ("show_histogram", (X,)),
        ("show_instances", (PICTURE, X)),
        ("show_trace", (TRACE,)),
        ("side_by_side", ([PICTURE],)),
    ],
)
def test_a_missing_matplotlib_is_named(monkeypatch, name, arguments):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"segalgo\[plot\]"):
        getattr(plot, name)(*arguments)
