"""ONNX's own tests of its operators, for every operator that graphs from files may have.

The package `onnx` ships for each operator small models with inputs and outputs. Here such a model is read as
`from_onnx` reads files, and computed layer by layer; inputs that must be known beforehand are given as constants.
"""

import warnings
from pathlib import Path

import numpy as np
import pytest

from segalgo.models.files.onnx_files import _Reader
from segalgo.models.graph.execution import Computation
from segalgo.models.graph.folding import FOLDED
from segalgo.models.graph.lowering import OPERATORS, Lowering
from segalgo.models.graph.nodes import Graph, GraphError
from segalgo.models.networks import imported  # noqa: F401  (fills the operators)

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
pytestmark = pytest.mark.peers

CLAIMED = sorted({*OPERATORS, *FOLDED} - {"Pack"})
# Parts of names of tests, and why these are outside what graphs of pictures may have.
OUTSIDE = {
    "pool_1d_": "lines in place of pictures",
    "pool_3d_": "volumes in place of pictures",
    "convtranspose_1d": "lines in place of pictures",
    "convtranspose_3d": "volumes in place of pictures",
    "training": "networks in training",
    "dropout_default_mask": "the mask of a dropout",
    "select_last_index": "the last of equal cells",
    "averagepool_2d_dilations": "averages of cells that lie apart",
    "precomputed_strides": "indices in column order",
    "maxunpool_export": "indices from elsewhere than a pooling of the graph, counted over all planes",
    "tf_crop_and_resize": "a part of a picture",
    "not_larger": "sizes that keep the aspect",
    "not_smaller": "sizes that keep the aspect",
    "empty_set": "reductions of nothing",
    "FLOAT16": "half floats, which are computed in single precision",
    "FLOAT8": "floats of 8 bits",
    "FLOAT4": "floats of 4 bits",
    "INT4": "integers of 4 bits",
    "INT2": "integers of 2 bits",
    "STRING": "texts",
    "E8M0": "powers of two in 8 bits",
}
ELSEWHERE = {"MaxUnpool"}
"""Operators whose cases all lie outside; the tests of files have them."""


@pytest.fixture(scope="module")
def cases():
    """Return the cases of onnx by operator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        found = {}
        for case in collect_testcases(None):
            nodes = case.model.graph.node if case.model is not None else []
            if len(nodes) == 1 and nodes[0].domain == "":
                found.setdefault(nodes[0].op_type, []).append(case)
    return found


def computed(model, inputs, known):
    """Return the outputs of a model, with the inputs of these places given as constants."""
    reader = _Reader(model, Path("model.onnx"))
    for initializer in model.graph.initializer:
        reader.constants[initializer.name] = reader.array(initializer)
    nodes = [node for k, proto in enumerate(model.graph.node) if (node := reader._node(proto, k))]
    arrays = {value.name: np.asarray(array) for value, array in zip(model.graph.input, inputs, strict=False)}
    opset = max(entry.version for entry in model.opset_import if not entry.domain)
    outputs = [value.name for value in model.graph.output]
    constants = reader.constants | {name: array for k, (name, array) in enumerate(arrays.items()) if k in known}
    layers = Computation({})
    lowering = Lowering(Graph("", (None,) * 4, outputs[0], tuple(nodes), constants, "NCHW", opset), layers)
    layers.parameters = lowering.parameters
    lowering.values.update({name: array for name, array in arrays.items() if name not in constants})
    for node in nodes:
        lowering._take(node)
    everything = {**lowering.known, **lowering.values}
    return [everything[name] for name in outputs if name in everything]


def plain(array):
    return onnx.numpy_helper.to_array(array) if isinstance(array, onnx.TensorProto) else np.asarray(array)


def check(case):
    """Run one case; return None, or what is wrong."""
    fault = None
    for inputs, expected in case.data_sets:
        arrays, expected = map(plain, inputs), map(plain, expected)
        arrays, expected = list(arrays), list(expected)
        floats = [k for k, array in enumerate(arrays) if array.dtype in (np.float32, np.float64)]
        others = set(range(len(arrays))) - set(floats)
        # First all that can be is computed from the "picture", then the first input alone, then nothing.
        for known in (others, {*others, *floats[1:]}, {*range(len(arrays))}):
            try:
                got = computed(case.model, arrays, known)
            except GraphError as error:
                fault = fault or str(error)
                continue
            for mine, right in zip(got, expected, strict=False):
                assert tuple(mine.shape) == np.shape(right)
                mine, right = np.asarray(mine, np.float64), np.asarray(right, np.float64)
                np.testing.assert_allclose(mine, right, rtol=2e-4, atol=2e-5)
            break
        else:
            return fault
    return None


@pytest.mark.parametrize("operation", CLAIMED)
def test_operators_compute_what_onnx_says(operation, cases):
    done, faults = 0, []
    for case in cases[operation]:
        if any(part in case.name for part in OUTSIDE):
            continue
        try:
            fault = check(case)
        except Exception as error:  # each case is reported
            fault = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        done += 1
        if fault:
            faults.append(f"{case.name}: {fault}")
    assert not faults, "\n".join(faults)
    assert done or operation in ELSEWHERE, f"no case of {operation}"
