"""Every error that the docstring of a public function or method of models promises is raised by a call here."""

import inspect
import sys

import numpy as np
import pytest
from promised_errors import promised_errors

from segalgo import models
from segalgo.models import (
    ImportedNetwork,
    Network,
    SegNet,
    UNet,
    WeightsError,
    available,
    from_checkpoint,
    from_onnx,
    from_tflite,
    load,
    load_encoder,
    load_weights,
    save_weights,
)
from segalgo.models.graph.nodes import GraphError

SMALL = UNet(1, 2, 2, 1)
GREY = np.zeros((8, 8, 1), np.float32)
WEIGHTS = {"a": np.zeros(3, np.float32)}

CASES = {
    load_weights: {
        WeightsError: [
            (lambda at: load_weights(at / "missing.pth"), "no such file"),
            (lambda at: load_weights(at / "damaged.pth"), "damaged.pth"),
            (lambda at: load_weights(at / "a.safetensors", key="b"), "key='b'"),
        ],
        TypeError: [(lambda at: load_weights(3), "path"), (lambda at: load_weights(at / "a.pth", key=3), "key")],
    },
    save_weights: {
        WeightsError: [
            (lambda at: save_weights(at / "nowhere" / "b.safetensors", WEIGHTS), "cannot be written"),
            (lambda at: save_weights(at / "b.pth", WEIGHTS), "named .safetensors"),
        ],
        TypeError: [
            (lambda at: save_weights(3, WEIGHTS), "path"),
            (lambda at: save_weights(at / "b.safetensors", [1]), "weights"),
            (lambda at: save_weights(at / "b.safetensors", {"a": "b"}), "a has dtype"),
            (lambda at: save_weights(at / "b.safetensors", WEIGHTS, {"a": object()}), "record"),
        ],
        ValueError: [(lambda at: save_weights(at / "b.safetensors", {"": WEIGHTS["a"]}), "weights")],
    },
    available: {
        TypeError: [(lambda at: available(3), "folder")],
        WeightsError: [(lambda at: available(at / "foreign"), "foreign")],
    },
    load: {
        TypeError: [(lambda at: load("unet", 3), "folder")],
        ValueError: [(lambda at: load("other"), "name")],
        WeightsError: [(lambda at: load("a", at / "foreign"), "foreign")],
    },
    from_checkpoint: {
        WeightsError: [
            (lambda at: from_checkpoint(at / "missing.pth"), "no such file"),
            (lambda at: from_checkpoint(at / "a.safetensors"), "no architecture"),
        ],
        ValueError: [(lambda at: from_checkpoint(at / "a.safetensors", architecture="other"), "architecture")],
        TypeError: [
            (lambda at: from_checkpoint(3), "path"),
            (lambda at: from_checkpoint(at / "a.pth", key=3), "key"),
            (lambda at: from_checkpoint(at / "a.onnx", key="a"), "key"),
            (lambda at: from_checkpoint(at / "a.onnx", architecture="unet"), "architecture"),
        ],
    },
    load_encoder: {
        WeightsError: [(lambda at: load_encoder(SegNet(widths=(1,) * 5), at / "missing.pth"), "no such file")],
        ValueError: [(lambda at: load_encoder(SegNet(widths=(1,) * 5), {}), "mismatches")],
        TypeError: [
            (lambda at: load_encoder(SMALL, {}), "model"),
            (lambda at: load_encoder(3, {}), "model"),
            (lambda at: load_encoder(SegNet(widths=(1,) * 5), 3), "source"),
        ],
    },
    Network.load_state_dict: {
        ValueError: [(lambda at: SMALL.load_state_dict({}), "mismatches")],
        TypeError: [
            (lambda at: SMALL.load_state_dict([1]), "state_dict"),
            (lambda at: SMALL.load_state_dict({"a": "b"}), "a of type str"),
        ],
    },
    Network.predict: {
        TypeError: [
            (lambda at: SMALL.predict(GREY.astype(np.complex64)), "image"),
            (lambda at: SMALL.predict(GREY, tile=2.5), "tile"),
        ],
        ValueError: [
            (lambda at: SMALL.predict(np.zeros((2, 3, 4, 5, 6), np.float32)), "image"),
            (lambda at: SMALL.predict(GREY, samples=0), "samples"),
            (lambda at: UNet(1, 2, 2, 1, up="bilinear").predict(GREY, tile=8), "tile"),
        ],
    },
    Network.to_source: {
        ValueError: [(lambda at: SMALL.to_source((1, 1, 1, 1)), "pool1"), (lambda at: SMALL.to_source((2,)), "shape")]
    },
}
# Their errors need the packages of graph files: tests/models/files/test_graph_files.py raises each.
WITH_PACKAGES = {from_onnx, from_tflite, ImportedNetwork.__init__, Network.arguments_of}


def documented():
    """Yield the public functions and methods whose docstrings promise errors."""
    for name in models.__all__:
        value = getattr(models, name)
        members = vars(value).values() if inspect.isclass(value) else [value]
        for member in members:
            function = getattr(member, "__func__", member)
            if inspect.isfunction(function) and not function.__name__.startswith("_") and promised_errors(function):
                yield function


def test_every_function_is_tried():
    others = {getattr(function, "__func__", function) for function in WITH_PACKAGES}
    assert set(documented()) - others == set(CASES)


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__qualname__)
def test_what_is_promised_is_raised(function, tmp_path):
    (tmp_path / "damaged.pth").write_bytes(b"abc")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "a.safetensors").write_bytes(b"abc")
    (tmp_path / "foreign" / "a.json").write_text("{")
    save_weights(tmp_path / "a.safetensors", WEIGHTS)
    assert promised_errors(function) == {error.__name__ for error in CASES[function]}
    for error, calls in CASES[function].items():
        for call, message in calls:
            with pytest.raises(error, match=message):
                call(tmp_path)


@pytest.mark.parametrize(
    ("read", "suffix", "package"), [(from_onnx, "onnx", "onnx"), (from_tflite, "tflite", "tflite")]
)
def test_readers_of_graphs(tmp_path, monkeypatch, read, suffix, package):
    """What they refuse before, or without, a graph: a missing package, file, or a name."""
    assert promised_errors(read) == {"ImportError", "TypeError", "ValueError", "WeightsError"}
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(TypeError, match="path"):
        read(3)
    (tmp_path / f"a.{suffix}").write_bytes(b"abc")
    with pytest.raises(ImportError, match=package):
        read(tmp_path / f"a.{suffix}")


def test_a_graph_that_cannot_be_computed():
    assert promised_errors(ImportedNetwork) == {"GraphError"}
    assert issubclass(GraphError, ValueError)
