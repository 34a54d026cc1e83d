"""Every error that the docstring of a public function or method of datasets promises is raised by a call here."""

import inspect

import numpy as np
import pytest
from promised_errors import promised_errors

from segalgo import datasets
from segalgo.datasets import ENCODINGS, COCOWriter, DatasetError, LabelEncoding, open_dataset, plain_encoding

X = np.array([[0, 1], [1, 2]])
TWO = plain_encoding(["ground", "object"])

CASES = {
    open_dataset: {
        DatasetError: [
            (lambda at: open_dataset(at / "missing"), "missing"),
            (lambda at: open_dataset(at), "Looked for"),
            (lambda at: open_dataset(at / "damaged.json"), "damaged.json"),
            (lambda at: open_dataset(at / "one.json", "test"), "test"),
        ],
        ValueError: [
            (lambda at: open_dataset(at, kind="imagenet"), "kind"),
            (lambda at: open_dataset(at / "one.json", colour=3), "colour"),
        ],
    },
    plain_encoding: {
        ValueError: [
            (lambda at: plain_encoding([]), "class_names"),
            (lambda at: plain_encoding([str(k) for k in range(256)]), "class_names"),
            (lambda at: plain_encoding(["a", "b", "c"], foreground_value=255), "foreground_value"),
            (lambda at: plain_encoding(["a", "b"], foreground_value=7, ignore_value=7), "ignore_value"),
            (lambda at: plain_encoding(["a", "b"], foreground_value=0), "foreground_value"),
            (lambda at: plain_encoding(["a", "b"], ignore_value=-1), "ignore_value"),
        ],
    },
    LabelEncoding.decode: {
        DatasetError: [
            (lambda at: TWO.decode(X, at / "a.png"), "a.png"),
            (lambda at: ENCODINGS["camvid"].decode(np.full((1, 1, 3), 7, np.uint8), at / "a.png"), "a.png"),
        ]
    },
    LabelEncoding.encode: {ValueError: [(lambda at: TWO.encode(X), "2")]},
    COCOWriter.add: {
        TypeError: [(lambda at: COCOWriter(["a"]).add("a.png", X / 2), "labels")],
        ValueError: [
            (lambda at: COCOWriter(["a"]).add("a.png", X, [1]), "categories"),
            (lambda at: COCOWriter(["a"]).add("a.png", X, [1, 2]), "categor"),
            (lambda at: COCOWriter(["a"]).add("a.png", X, [1, 1], [0.5]), "scores"),
        ],
    },
    COCOWriter.write: {OSError: [(lambda at: COCOWriter(["a"]).write(at / "nowhere" / "a.json"), "nowhere")]},
}


def documented():
    """Yield the public functions and methods whose docstrings promise errors."""
    for name in datasets.__all__:
        value = getattr(datasets, name)
        members = vars(value).values() if inspect.isclass(value) else [value]
        for member in members:
            function = getattr(member, "__func__", member)
            if inspect.isfunction(function) and not function.__name__.startswith("_") and promised_errors(function):
                yield function


def test_every_function_is_tried():
    assert set(documented()) == set(CASES)


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__qualname__)
def test_what_is_promised_is_raised(function, tmp_path):
    (tmp_path / "damaged.json").write_text("{")
    (tmp_path / "one.json").write_text('{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}]}')
    assert promised_errors(function) == {error.__name__ for error in CASES[function]}
    for error, calls in CASES[function].items():
        for call, message in calls:
            with pytest.raises(error, match=message):
                call(tmp_path)
