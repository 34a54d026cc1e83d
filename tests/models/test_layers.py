"""The records of the layers: what each says of itself is what it does."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from network_deviation import random_parameters

import segalgo
from segalgo.models import Network, UNet
from segalgo.models.graph.execution import INPUT, Computation, Description, Value
from segalgo.models.graph.layer import LAYERS, PARTS, Layer, Unbounded
from segalgo.models.graph.layers.families import Cellwise

PLANES = (2, 4, 9, 11)
# operation: shapes of the inputs, options
CASES = {
    "conv2d": [
        ([PLANES], {"out_channels": 6, "kernel_size": 3}),
        ([PLANES], {"out_channels": 4, "kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0), "groups": 4}),
        ([PLANES], {"out_channels": 2, "kernel_size": 4, "padding": "same", "dilation": 2, "groups": 2, "bias": False}),
    ],
    "conv_transpose2d": [
        ([PLANES], {"out_channels": 6, "kernel_size": 2, "stride": 2}),
        ([PLANES], {"out_channels": 6, "kernel_size": (3, 4), "stride": (2, 3), "padding": 1, "output_padding": 1}),
        ([PLANES], {"out_channels": 4, "kernel_size": 3, "dilation": 2, "groups": 2, "bias": False}),
    ],
    "linear": [([(2, 5, 7)], {"out_features": 3}), ([(2, 7)], {"out_features": 3, "bias": False})],
    "matmul": [([(2, 3, 5, 4), (2, 3, 4, 6)], {}), ([(2, 5, 4), (2, 6, 4)], {"transposed": True, "scale": 0.5})],
    "scaled_dot_product_attention": [
        ([(2, 3, 5, 4), (2, 3, 6, 4), (2, 3, 6, 7)], {}),
        ([(2, 5, 4), (2, 6, 4), (2, 6, 1)], {"is_causal": True, "scale": 0.5}),
    ],
    "crf_rnn": [([(2, 4, 5, 6), (2, 3, 5, 6)], {"iterations": 2}), ([(1, 2, 4, 3), (1, 1, 4, 3)], {"iterations": 1})],
    "max_pool2d": [
        ([PLANES], {}),
        ([PLANES], {"kernel_size": (3, 2), "stride": 2, "padding": 1, "ceil_mode": True}),
        ([PLANES], {"kernel_size": 2, "stride": 1, "dilation": 3, "return_indices": True}),
    ],
    "max_unpool2d": [([(2, 4, 4, 5), (2, 4, 4, 5)], {"output_size": (9, 11)}), ([(2, 4, 4, 5), (2, 4, 4, 5)], {})],
    "avg_pool2d": [([PLANES], {}), ([PLANES], {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True})],
    "adaptive_avg_pool2d": [([PLANES], {}), ([PLANES], {"output_size": (3, None)})],
    "batch_norm": [([PLANES], {"eps": 1e-3})],
    "layer_norm": [([(2, 5, 7)], {"normalized_shape": 7}), ([PLANES], {"normalized_shape": (9, 11)})],
    "group_norm": [([PLANES], {"num_groups": 2})],
    "local_response_norm": [([PLANES], {"size": 3})],
    "softmax": [([PLANES], {"axis": 1}), ([(2, 3, 5, 5)], {"axis": -1})],
    "relu": [([PLANES], {}), ([(3, 4)], {})],
    "leaky_relu": [([PLANES], {"negative_slope": 0.2})],
    "prelu": [([PLANES], {}), ([PLANES], {"num_parameters": 4})],
    "relu6": [([PLANES], {})],
    "hardsigmoid": [([PLANES], {})],
    "hardswish": [([PLANES], {})],
    "sigmoid": [([PLANES], {})],
    "gelu": [([PLANES], {}), ([(2, 5, 7)], {"approximate": "tanh"})],
    "dropout": [([PLANES], {"p": 0.5})],
    "add": [([PLANES, PLANES], {}), ([PLANES, (1, 4, 1, 1)], {})],
    "multiply": [([PLANES, PLANES], {}), ([PLANES, (2, 4, 1, 1)], {})],
    "concatenate": [
        ([PLANES, (2, 1, 9, 11), PLANES], {}),
        ([(2, 3), (2, 4)], {}),
        ([PLANES, (2, 4, 2, 11)], {"axis": 2}),
    ],
    "interpolate": [
        ([PLANES], {"scale_factor": 2, "mode": "bilinear", "align_corners": False}),
        ([PLANES], {"size": (18, 33), "mode": "nearest-exact"}),
        ([PLANES], {"scale_factor": (3, 2)}),
        ([PLANES], {"size": (5, 30), "mode": "bilinear", "align_corners": True}),
    ],
    "pad": [([PLANES], {"amounts": (1, 2, 0, 3)}), ([PLANES], {"amounts": (1, -1, 2, 2), "mode": "reflect"})],
    "crop": [([PLANES], {"size": (4, 7)}), ([PLANES], {"size": (4, 7), "offset": (1, 3)})],
    "transpose": [([PLANES], {"axes": (0, 2, 3, 1)})],
    "reshape": [([PLANES], {"shape": (2, 4, -1)}), ([PLANES], {"shape": (2, 4, 99)})],
    **{
        operation: [([PLANES], {}), ([(3, 4)], {})]
        for operation in ("tanh", "exp", "log", "sqrt", "erf", "absolute", "negative", "reciprocal", "floor", "ceil")
    },
    "elu": [([PLANES], {"alpha": 0.5})],
    "softplus": [([PLANES], {})],
    "clip": [([PLANES], {"minimum": -0.5, "maximum": 0.5}), ([PLANES], {"minimum": 0.1}), ([PLANES], {"maximum": 0.1})],
    "scale": [([PLANES], {"factor": 2.5, "offset": -1.0}), ([PLANES], {"offset": 0.5})],
    "power": [([PLANES], {"exponent": 2.0}), ([PLANES], {"exponent": 3.0})],
    "subtract": [([PLANES, PLANES], {}), ([(1, 4, 1, 1), PLANES], {})],
    "divide": [([PLANES, PLANES], {}), ([PLANES, (2, 4, 1, 1)], {})],
    "maximum": [([PLANES, PLANES], {})],
    "minimum": [([PLANES, PLANES], {})],
    "constant": [([], {"shape": (1, 4, 1, 1)})],
    "slice": [
        ([PLANES], {"axes": (1,), "starts": (1,), "stops": (3,)}),
        ([PLANES], {"axes": (2, 3), "starts": (1, 10), "stops": (None, 1), "steps": (2, -3)}),
    ],
    "take": [([PLANES], {"indices": (2, 0, 0), "axis": 1}), ([PLANES], {"indices": (-1, 3), "axis": 2})],
    "expand": [([(2, 4, 1, 1)], {"shape": (2, 4, 9, 11)}), ([PLANES], {"shape": (1, 1, 1, 1)})],
    "tile": [([PLANES], {"repeats": (1, 2, 1, 3)})],
    **{
        operation: [([PLANES], {"axes": (2, 3)}), ([PLANES], {"axes": (-1,), "keepdims": False})]
        for operation in ("reduce_mean", "reduce_sum", "reduce_max", "reduce_min")
    },
    "argmax": [([PLANES], {"axis": 1}), ([PLANES], {"axis": 2, "keepdims": False})],
    "resample": [
        ([PLANES], {"size": (18, 7), "mode": "linear", "coordinates": "asymmetric"}),
        ([PLANES], {"size": (13, 30), "scales": (1.5, 2.75), "mode": "cubic", "exclude_outside": True}),
        ([PLANES], {"size": (5, 4), "mode": "linear", "antialias": True}),
        ([PLANES], {"size": (20, 22), "mode": "nearest", "coordinates": "align_corners", "nearest_mode": "ceil"}),
    ],
}
EACH = [
    pytest.param(operation, *case, id=f"{operation}-{k}")
    for operation in LAYERS
    for k, case in enumerate(CASES[operation])
]


def arrays_of(operation, shapes, options, rng, dtype):
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    if operation == "max_unpool2d":
        before = rng.standard_normal((2, 4, *(options.get("output_size") or (8, 10)))).astype(dtype)
        arrays = list(segalgo.max_pool2d(before, 2, return_indices=True))
    return arrays


def described(operation, shapes, options):
    description = Description()
    values = [Value(f"in{k}", shape, k in LAYERS[operation].index_inputs) for k, shape in enumerate(shapes)]
    getattr(description, operation)(*values, "layer", **options)
    return description


def parameters_of(description, rng, dtype):
    return {name: rng.uniform(0.5, 1.5, p.shape).astype(dtype) for name, p in description.parameters.items()}


@pytest.mark.parametrize(("operation", "shapes", "options"), EACH)
def test_a_layer_computes_what_it_describes(backend, operation, shapes, options, rng):
    description = described(operation, shapes, options)
    (step,) = description.steps
    for dtype in ("float32", "float64"):
        state = np.random.default_rng(3)
        parameters = parameters_of(description, state, dtype)
        arrays = arrays_of(operation, shapes, options, state, dtype)
        layers = Computation({name: backend.array(value) for name, value in parameters.items()})
        got = getattr(layers, operation)(*map(backend.array, arrays), "layer", **options)
        results = got if isinstance(got, tuple) else (got,)
        assert len(results) == len(step.outputs)
        assert {result.shape for result in results} == {step.shape}
        assert results[0].dtype == dtype
        with segalgo.use_backend("reference"):
            expected = getattr(Computation(parameters), operation)(*arrays, "layer", **options)
        expected = expected if isinstance(expected, tuple) else (expected,)
        tolerance = 1e-5 if dtype == "float32" else 1e-12
        for mine, right in zip(results, expected, strict=True):
            np.testing.assert_allclose(backend.numpy(mine), right, rtol=tolerance, atol=tolerance * 10)


@pytest.mark.parametrize(("operation", "shapes", "options"), EACH)
def test_costs_are_counted(operation, shapes, options):
    (step,) = described(operation, shapes, options).steps
    layer = step.layer
    flops, products = layer.flops(*shapes), layer.multiplications(*shapes)
    assert isinstance(flops, int)
    assert 0 <= products <= flops
    assert (not shapes) == (layer.cells_read(*shapes) == 0)
    assert layer.cells_read(*shapes) <= sum(map(np.prod, shapes))
    assert layer.onnx
    assert layer.blocked in ("kernel", "cells", None)


def test_products_worked_by_hand():
    (step,) = described("conv2d", [(1, 4, 5, 6)], {"out_channels": 8, "kernel_size": 3, "groups": 2}).steps
    assert step.layer.multiplications((1, 4, 5, 6)) == 8 * 3 * 4 * 2 * 9
    assert step.layer.flops((1, 4, 5, 6)) == 2 * 8 * 3 * 4 * 2 * 9
    (step,) = described("linear", [(3, 7)], {"out_features": 5}).steps
    assert step.layer.multiplications((3, 7)) == 3 * 7 * 5
    summary = UNet(1, 2, 4, 1, norm=None).summary((1, 1, 8, 6))
    row = next(row for row in summary.rows if row.name == "down1_conv1")
    assert row.multiplications == 4 * 48 * 9
    assert row.bytes == 4 * (48 + 4 * 9 + 4 + 4 * 48)
    assert summary.bytes == sum(row.bytes for row in summary.rows)


@pytest.mark.parametrize("axis", [2, 3])
@pytest.mark.parametrize(("operation", "shapes", "options"), EACH)
def test_nothing_beyond_the_reach_counts(operation, shapes, options, axis, rng):
    """Other values beyond the cells that a record names change nothing; for one of them at least, it matters."""
    if not shapes or len(shapes[0]) != 4:
        return
    description = described(operation, shapes, options)
    (step,) = description.steps
    reach = step.layer.reach(axis, *shapes)
    if isinstance(reach, Unbounded):
        assert reach.reason
        return
    parameters = parameters_of(description, rng, "float64")
    arrays = arrays_of(operation, shapes, options, rng, "float64")
    compute = getattr(Computation(parameters), operation)

    def output(inputs):
        result = compute(*inputs, "layer", **options)
        return (result[0] if isinstance(result, tuple) else result).swapaxes(0, axis)

    before, moved = output(arrays), 0
    n = shapes[0][axis]
    for j in range(step.shape[axis]):
        low, high = reach.read(j, j)
        if reach.repeats:  # at the ends cells are repeated
            low, high = (min(low, 2 * (n - 1) - high), max(high, -low)) if low < 0 or high >= n else (low, high)
        changed = [a.copy() for a in arrays]
        for k, array in enumerate(changed):
            if k not in step.layer.index_inputs:
                cells = array.swapaxes(0, axis)
                cells[: max(low, 0)] += 5
                cells[max(high + 1, 0) :] += 5
        after = output(changed)
        np.testing.assert_array_equal(after[j], before[j])
        moved += not np.array_equal(after, before)
    assert moved or step.shape[axis] == 1 or operation == "argmax"  # which a common summand does not move


def test_every_layer_has_cases():
    assert CASES.keys() == LAYERS.keys()


def test_a_record_without_a_part_is_refused_at_import():
    for missing in PARTS:
        contents = {part: getattr(LAYERS["relu"], part) for part in PARTS if part != missing}
        with pytest.raises(TypeError, match=f"layer half: {missing} missing"):
            type("Half", (Layer,), {**contents, "__doc__": "Half."}, operation="half")
    whole = {part: getattr(LAYERS["relu"], part) for part in PARTS}
    with pytest.raises(TypeError, match="a docstring missing"):
        type("Half", (Layer,), whole, operation="half")
    with pytest.raises(TypeError, match="there is one already, Relu"):
        type("Half", (Layer,), {**whole, "__doc__": "Half."}, operation="relu")
    assert "half" not in LAYERS


def test_a_record_of_a_family_without_its_cost_is_refused_at_import():
    parts = {"onnx": "Neg", "compute": lambda self, x: -x, "__doc__": "Half."}
    with pytest.raises(TypeError, match="layer half: flops_per_cell missing"):
        type("Half", (Cellwise,), {**parts, "multiplications_per_cell": 0}, operation="half")
    assert "half" not in LAYERS


def test_a_new_layer_is_one_record():
    @dataclass(frozen=True)
    class Opposite(LAYERS["relu"].__mro__[1], operation="opposite"):
        """The other sign."""

        onnx = "Neg"
        multiplications_per_cell, flops_per_cell = 0, 1

        def compute(self, x):
            return -x

    try:

        class Net(Network):
            def forward(self, layers, x):
                return layers.opposite(layers.conv2d(x, "conv", 2, 3, padding=1), "opposite")

        network, x = Net(1, 2, 0), np.ones((1, 1, 40, 50), np.float32)
        np.testing.assert_allclose(network.plan(x.shape)(x), network(x), rtol=1e-5, atol=1e-6)
        assert network.summary((1, 1, 40, 50)).rows[-1].flops == 4000
        assert network.predict(np.zeros((40, 50), np.uint8), tile=16, progress=False).shape == (40, 50)
    finally:
        del LAYERS["opposite"]


class Written(Network):
    """A network whose layers are given as a function."""

    def __init__(self, forward, in_channels=1, num_classes=2):
        self.function = forward
        super().__init__(in_channels, num_classes, 0)

    def forward(self, layers, x):
        return self.function(layers, x)


@pytest.mark.parametrize(
    ("forward", "error", "text"),
    [
        (lambda n, x: n.swish(x, "a"), AttributeError, "no layer 'swish': expected one of .*conv2d"),
        (lambda n, x: n.relu(x), TypeError, "relu without a name"),
        (lambda n, x: n.add(x, "a"), TypeError, r"layer a \(add\) has 1 inputs: expected 2"),
        (lambda n, x: n.relu(n.relu(x, "a"), "a"), ValueError, "'a' is the name of two arrays"),
        (lambda n, x: n.relu(x, "input"), ValueError, "'input' is the name of two arrays"),
        (lambda n, x: n.max_unpool2d(x, x, "a"), TypeError, r"layer a .*input 1 is input: expected indices"),
        (lambda n, x: n.relu(n.max_pool2d(x, "p", return_indices=True)[1], "a"), TypeError, "expected values"),
        (lambda n, x: n.conv2d(x, "a", 4, 3, groups=3), ValueError, r"layer a \(conv2d\): groups=3"),
        (lambda n, x: n.conv2d(x, "a", 4, 30), ValueError, r"layer a \(conv2d\): .*extent 30"),
        (lambda n, x: n.concatenate(x, n.max_pool2d(x, "p"), "a"), ValueError, "layer a .*but for the channels"),
        (lambda n, x: n.reshape(x, "a", (1, 5)), ValueError, "layer a .*as many cells"),
        (lambda n, x: n.crop(x, "a", (90, 9)), ValueError, "layer a .*a part of it"),
        (lambda n, x: x, TypeError, "forward returned .*expected the output of a layer"),
        (lambda n, x: n.max_pool2d(x, "p", return_indices=True)[1], TypeError, "forward returned"),
    ],
)
def test_faults_are_named(forward, error, text):
    with pytest.raises(error, match=text):
        Written(forward).describe((1, 1, 8, 8))


def test_what_the_logits_do_not_need_is_left_out():
    def forward(layers, x):
        x = layers.conv2d(x, "conv", 2, 1)
        layers.conv2d(x, "auxiliary", 2, 1)
        return x

    network = Written(forward)
    assert [step.name for step in network.describe((1, 1, 4, 4))] == ["conv"]
    assert "auxiliary.weight" in network.parameters
    x = np.ones((1, 1, 4, 4), np.float32)
    np.testing.assert_array_equal(network.plan(x.shape)(x), network(x))


def of_a_concatenation(then):
    def forward(layers, x):
        a, b = (layers.conv2d(x, name, 16, 3, padding=1) for name in "ab")
        x = then(layers, layers.concatenate(a, b, "joined"))
        return layers.conv2d(x, "classifier", 5, 1)

    return forward


@pytest.mark.parametrize(
    "then",
    [
        lambda n, x: n.max_pool2d(x, "then"),
        lambda n, x: n.crop(x, "then", (7, 7)),
        lambda n, x: n.pad(x, "then", (1, 2, 3, 4)),
        lambda n, x: n.max_unpool2d(*n.max_pool2d(x, "p", return_indices=True), "then", x.shape[2:]),
        lambda n, x: n.concatenate(n.crop(n.concatenate(x, x, "twice"), "c", (8, 8)), n.crop(x, "d", (8, 8)), "then"),
    ],
)
@pytest.mark.parametrize("channels", [16, 20])
def test_a_plan_reads_all_parts_of_a_concatenation(then, channels, rng):
    network = Written(of_a_concatenation(then), num_classes=5)
    network.load_state_dict(random_parameters(network, rng))
    x = rng.standard_normal((2, 1, 21, 18), dtype=np.float32)
    np.testing.assert_allclose(network.plan(x.shape)(x), network(x), rtol=1e-4, atol=1e-4)


def test_the_result_of_a_plan_may_be_a_pooling_or_a_concatenation(rng):
    for last in (
        lambda n, x: n.max_pool2d(n.relu(n.conv2d(x, "c", 2, 3, padding=1), "r"), "p"),
        lambda n, x: n.concatenate(n.conv2d(x, "c", 1, 3), n.conv2d(x, "d", 1, 3), "j"),
        lambda n, x: n.dropout(n.conv2d(x, "c", 2, 3), "drop"),
        lambda n, x: n.dropout(x, "drop"),
    ):
        network = Written(last)
        x = rng.standard_normal((2, 1, 9, 12), dtype=np.float32)
        np.testing.assert_allclose(
            network.plan(x.shape)(x)[:, :, :4, :6], network(x)[:, :, :4, :6], rtol=1e-4, atol=1e-5
        )


def test_tiles_after_a_strided_convolution(rng):
    def forward(layers, x):
        x = layers.relu(layers.conv2d(x, "down", 8, 3, stride=2, padding=1), "relu")
        return layers.conv_transpose2d(x, "up", 3, 2, 2)

    network = Written(forward, num_classes=3)
    image = rng.integers(0, 256, (64, 90), np.uint8)
    whole = network.predict_proba(image)
    for tile in (7, 16, 31):
        tiled = network.predict_proba(image, tile=tile, progress=False)
        np.testing.assert_allclose(tiled, whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (
            lambda n, x: n.interpolate(x, "bad", scale_factor=2, mode="bilinear", align_corners=True),
            "size of the whole",
        ),
        (lambda n, x: n.interpolate(x, "bad", size=(100, 100)), "not by an integer factor"),
        (lambda n, x: n.multiply(x, n.adaptive_avg_pool2d(x, "bad"), "scaled"), "reads its whole input"),
        (lambda n, x: n.group_norm(x, "bad", 1), "reads its whole input"),
        (lambda n, x: n.softmax(x, "bad", 3), "reads its whole input"),
        (lambda n, x: n.pad(x, "bad", (1, 1, 1, 1), "circular"), "other side"),
        (lambda n, x: n.transpose(x, "bad", (0, 1, 3, 2)), "axes of the picture"),
        (lambda n, x: n.max_pool2d(x, "bad"), "cells are of 2 cells"),
        (
            lambda n, x: n.add(*(n.crop(a, f"c{k}", (8, 8)) for k, a in enumerate((x, n.max_pool2d(x, "p")))), "bad"),
            "cells of 1, 2 cells",
        ),
        (
            lambda n, x: n.max_unpool2d(*n.max_pool2d(x, "p", 3, 2, return_indices=True), "bad", kernel_size=2),
            "windows and the size of the pooling p",
        ),
    ],
)
def test_tiles_that_cannot_be_right_are_refused_by_name(layer, reason):
    network = Written(lambda n, x: layer(n, n.conv2d(x, "conv", 2, 3, padding=1)))
    with pytest.raises(ValueError, match=rf"tile with the layer bad \(.*{reason}"):
        network.predict(np.zeros((64, 64), np.uint8), tile=16)


def test_a_bilinear_network_whose_corners_are_not_aligned_has_tiles(rng):
    def forward(layers, x):
        y = layers.relu(layers.conv2d(layers.max_pool2d(x, "p", 4, 4), "c", 6, 3, padding=1), "r")
        y = layers.interpolate(y, "up", size=x.shape[2:], mode="bilinear", align_corners=False)
        return layers.conv2d(layers.concatenate(x, y, "j"), "classifier", 3, 1)

    network = Written(forward, num_classes=3)
    image = rng.integers(0, 256, (64, 96), np.uint8)
    whole, tiled = network.predict_proba(image), network.predict_proba(image, tile=20, progress=False)
    np.testing.assert_allclose(tiled, whole, rtol=1e-4, atol=1e-5)


def test_attention_is_written_with_the_vocabulary(backend, rng):
    """One head of self-attention over the cells of a picture, beside NumPy."""

    def forward(layers, x):
        n, c, h, w = x.shape
        cells = layers.transpose(layers.reshape(x, "cells", (n, c, h * w)), "rows", (0, 2, 1))
        q, k, v = (layers.linear(layers.layer_norm(cells, f"{name}_norm", c), name, 4) for name in "qkv")
        weights = layers.softmax(layers.matmul(q, k, "scores", transposed=True, scale=0.5), "weights", -1)
        mixed = layers.transpose(layers.matmul(weights, v, "mixed"), "columns", (0, 2, 1))
        return layers.reshape(mixed, "map", (n, 4, h, w))

    network = Written(forward, in_channels=3, num_classes=4)
    network.load_state_dict(random_parameters(network, rng))
    x = rng.standard_normal((2, 3, 4, 5))
    p = network.parameters
    cells = x.reshape(2, 3, 20).transpose(0, 2, 1)
    heads = []
    for name in "qkv":
        normed = (cells - cells.mean(-1, keepdims=True)) / np.sqrt(cells.var(-1, keepdims=True) + 1e-5)
        normed = normed * p[f"{name}_norm.weight"] + p[f"{name}_norm.bias"]
        heads.append(normed @ p[f"{name}.weight"].T.astype(float) + p[f"{name}.bias"])
    q, k, v = heads
    scores = np.exp(q @ k.transpose(0, 2, 1) * 0.5)
    expected = (scores / scores.sum(-1, keepdims=True)) @ v
    got = backend.numpy(network(backend.array(x)))
    np.testing.assert_allclose(got, expected.transpose(0, 2, 1).reshape(2, 4, 4, 5), rtol=1e-9, atol=1e-10)
    assert network.describe((1, 3, 4, 5))[2].shape == (1, 20, 3)


def test_scales_are_fractions():
    (step,) = described("conv_transpose2d", [PLANES], {"out_channels": 2, "kernel_size": 3, "stride": 3}).steps
    assert step.layer.reach(2, PLANES).step == Fraction(1, 3)
    assert INPUT not in LAYERS
