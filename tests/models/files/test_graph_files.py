"""Graphs from files: what they become, what is kept, and what is refused."""

import json
import struct
import tracemalloc

import numpy as np
import pytest
from click.testing import CliRunner

import segalgo
from segalgo.cli import main
from segalgo.models import GraphError, ImportedNetwork, WeightsError, from_checkpoint, from_onnx, from_tflite

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
helper, numpy_helper = onnx.helper, onnx.numpy_helper
FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


def tensor(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def write(path, nodes, constants, shape=(1, 3, None, None), output="y", opset=18, edit=None, metadata=None):
    """Write a model of one input "x" and one output, and return its path."""
    inputs = [helper.make_tensor_value_info("x", FLOAT, [n if n is not None else f"d{k}" for k, n in enumerate(shape)])]
    outputs = [helper.make_tensor_value_info(output, FLOAT, None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [tensor(name, value) for name, value in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    if metadata:
        helper.set_model_props(model, metadata)
    if edit:
        edit(model)
    path.write_bytes(model.SerializeToString())
    return path


def node(operation, inputs, output, **attributes):
    return helper.make_node(
        operation, inputs.split(), output.split(), name=f"{operation}_{output.split()[0]}", **attributes
    )


def small(rng, path, **options):
    """Write a U-shaped network of free sizes: two scales, a gate, a resize to the size of another map."""
    constants = {
        "stem.weight": rng.standard_normal((8, 3, 3, 3)).astype(np.float32),
        "down.weight": rng.standard_normal((8, 8, 3, 3)).astype(np.float32),
        "gate.weight": rng.standard_normal((8, 8, 1, 1)).astype(np.float32),
        "head.weight": rng.standard_normal((4, 16, 1, 1)).astype(np.float32),
        "head.bias": rng.standard_normal(4).astype(np.float32),
        "two": np.array([2, 4], np.int64),
        "none": np.array([], np.float32),
        "zero": np.array([0], np.int64),
        "start": np.array([0], np.int64),
        "channels": np.array([8], np.int64),
    }
    nodes = [
        node("Conv", "x stem.weight", "a", pads=[1, 1, 1, 1]),
        node("Relu", "a", "b"),
        node("Conv", "b down.weight", "c", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("GlobalAveragePool", "c", "m"),
        node("Conv", "m gate.weight", "n"),
        node("Sigmoid", "n", "s"),
        node("Mul", "c s", "d"),
        node("Shape", "b", "shape"),
        node("Slice", "shape two_start two_end zero", "size"),
        node("Shape", "d", "own"),
        node("Slice", "own start two_start zero", "front"),
        node("Concat", "front size", "sizes", axis=0),
        node("Resize", "d none none sizes", "e", mode="linear", coordinate_transformation_mode="half_pixel"),
        node("Concat", "e b", "f", axis=1),
        node("Conv", "f head.weight head.bias", "y"),
    ]
    constants |= {"two_start": np.array([2], np.int64), "two_end": np.array([4], np.int64)}
    return write(path, nodes, constants, **options)


def test_a_graph_of_free_sizes(backend, rng, tmp_path):
    model = from_onnx(small(rng, tmp_path / "net.onnx"))
    assert (model.in_channels, model.num_classes, model.input_size) == (3, 4, None)
    p = model.parameters
    for shape in ((2, 3, 17, 22), (1, 3, 8, 8)):
        x = rng.standard_normal(shape).astype(np.float32)
        b = segalgo.relu(segalgo.conv2d(x, p["stem.weight"], None, 1, 1))
        c = segalgo.conv2d(b, p["down.weight"], None, 2, 1)
        gate = segalgo.sigmoid(segalgo.conv2d(c.mean((2, 3), keepdims=True), p["gate.weight"]))
        e = segalgo.interpolate(c * gate, b.shape[2:], mode="bilinear")
        expected = segalgo.conv2d(np.concatenate((e, b), 1), p["head.weight"], p["head.bias"])
        got = backend.numpy(model(backend.array(x)))
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(model.plan(shape)(x), expected, rtol=1e-3, atol=1e-3)
    names = [name for name, _ in model.trace(x)]
    assert names[0] == "stem"
    assert len(names) == len(model.describe(x.shape))
    assert model.summary().parameters == sum(value.size for value in p.values())
    assert model.predict(np.zeros((21, 33, 3), np.uint8)).shape == (21, 33)


def test_source_describes_the_same_network(rng, tmp_path):
    model = from_onnx(small(rng, tmp_path / "net.onnx"))
    text = model.to_source()
    space = {}
    exec(compile(text, "source", "exec"), space)
    twin = space["FromFile"]()
    twin.load_state_dict(model.parameters)
    x = rng.standard_normal((1, 3, 19, 30)).astype(np.float32)  # another size than the text was made for
    assert twin.describe(x.shape) == model.describe(x.shape)
    np.testing.assert_array_equal(twin(x), model(x))


def test_source_of_a_graph_that_begins_with_a_constant(rng, tmp_path):
    constants = {"k": rng.random((1, 3, 1, 1), np.float32), "w": rng.standard_normal((4, 3, 3, 3)).astype(np.float32)}
    nodes = [node("Sub", "x k", "a"), node("Conv", "a w", "y", pads=[1, 1, 1, 1])]
    model = from_onnx(write(tmp_path / "net.onnx", nodes, constants))
    space = {}
    exec(model.to_source(), space)
    twin = space["FromFile"]()
    twin.load_state_dict(model.parameters)
    for shape in ((1, 3, 256, 256), (2, 3, 19, 30)):
        x = rng.standard_normal(shape).astype(np.float32)
        np.testing.assert_array_equal(twin(x), model(x))


def windows(n, k, s, d, before, after, ceil):
    """Return the cells of each window of ONNX's pooling along an axis, those of the picture alone."""
    free = n + before + after - d * (k - 1) - 1
    count = (-(-free // s) if ceil else free // s) + 1
    starts = [i * s - before for i in range(count) if i * s < n + before]
    return [[c for c in range(start, start + d * k, d) if 0 <= c < n] for start in starts]


def pooled(x, rows, columns, reduce):
    return np.stack([np.stack([reduce(x[:, :, r][..., c], (2, 3)) for c in columns], -1) for r in rows], -2)


def same(n, k, s, auto):
    total = max((-(-n // s) - 1) * s + k - n, 0)
    return (total // 2, total - total // 2) if auto == "SAME_UPPER" else (total - total // 2, total // 2)


@pytest.mark.parametrize("auto", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize(("kernel", "stride"), [((3, 2), (2, 2)), ((2, 4), (1, 1)), ((4, 5), (3, 2)), ((1, 3), (2, 4))])
def test_averages_with_unequal_borders_at_every_size(auto, kernel, stride, rng, tmp_path):
    options = {"auto_pad": auto, "kernel_shape": kernel, "strides": stride}
    model = from_onnx(write(tmp_path / "net.onnx", [node("AveragePool", "x", "y", **options)], {}))
    for size in ((64, 64), (9, 12), (37, 50), (5, 11)):
        x = rng.standard_normal((2, 3, *size))
        axes = [windows(n, k, s, 1, *same(n, k, s, auto), False) for n, k, s in zip(size, kernel, stride, strict=True)]
        expected = pooled(x, *axes, np.mean)
        np.testing.assert_allclose(model(x.astype(np.float32)), expected, atol=1e-5)
        np.testing.assert_allclose(model.plan(x.shape)(x.astype(np.float32)), expected, atol=1e-5)


@pytest.mark.parametrize("pads", [(1, 0, 0, 2), (2, 1, 2, 1), (0, 2, 1, 0)])
def test_averages_with_given_borders_at_every_size(pads, rng, tmp_path):
    nodes = [node("AveragePool", "x", "y", kernel_shape=[3, 3], strides=[2, 1], pads=pads)]
    model = from_onnx(write(tmp_path / "net.onnx", nodes, {}))
    for size in ((64, 64), (9, 12), (37, 50)):
        x = rng.standard_normal((1, 3, *size))
        axes = [windows(size[k], 3, (2, 1)[k], 1, pads[k], pads[k + 2], False) for k in (0, 1)]
        np.testing.assert_allclose(model(x.astype(np.float32)), pooled(x, *axes, np.mean), atol=1e-5)
        np.testing.assert_allclose(model.plan(x.shape)(x.astype(np.float32)), pooled(x, *axes, np.mean), atol=1e-5)


@pytest.mark.parametrize("stride", [(2, 3), (3, 2), (1, 4)])
def test_no_largest_value_of_a_window_that_begins_after_the_picture(stride, rng, tmp_path):
    options = {"kernel_shape": [3, 3], "dilations": [2, 1], "pads": [1, 0, 1, 1], "ceil_mode": 1, "strides": stride}
    model = from_onnx(write(tmp_path / "net.onnx", [node("MaxPool", "x", "y", **options)], {}))
    for size in ((8, 9), (9, 12), (37, 50)):
        x = rng.standard_normal((2, 3, *size)).astype(np.float32)
        axes = [windows(size[k], 3, stride[k], 2 - k, 1 - k, 1, True) for k in (0, 1)]
        np.testing.assert_array_equal(model(x), pooled(x, *axes, np.max))


@pytest.mark.parametrize(
    "network",
    [segalgo.models.UNet(1, 2, 4, 2), segalgo.models.SegNet(3, 4, widths=(4, 4, 4, 4, 4))],
    ids=["unet", "segnet"],
)
def test_source_of_networks_of_the_house(network):
    space = {}
    exec(network.to_source(), space)
    twin = space[type(network).__name__](network.in_channels, network.num_classes)
    shape = (1, network.in_channels, 256, 256)
    assert twin.describe(shape) == network.describe(shape)


def test_a_saved_graph_comes_back_with_what_was_said_of_it(rng, tmp_path):
    options = {"names": ["sky", "tree", "road", "car"], "mean": (1.0, 2.0, 3.0), "scale": 50, "channels": "bgr"}
    model = from_onnx(small(rng, tmp_path / "net.onnx"), **options)
    model.save(tmp_path / "net.safetensors")
    twin = from_checkpoint(tmp_path / "net.safetensors")
    assert isinstance(twin, ImportedNetwork)
    assert twin.preprocessing == model.preprocessing == segalgo.models.Preprocessing("bgr", (1, 2, 3), 50)
    assert twin.classes.names == ("sky", "tree", "road", "car")
    x = rng.standard_normal((1, 3, 12, 18)).astype(np.float32)
    np.testing.assert_array_equal(twin(x), model(x))
    with pytest.raises(ValueError, match="names: expected 4"):
        from_onnx(tmp_path / "net.onnx", names=["a", "b"])
    with pytest.raises(TypeError, match="names='abc'"):
        from_onnx(tmp_path / "net.onnx", names="abc")
    with pytest.raises(ValueError, match="layout='HWC'"):
        from_onnx(tmp_path / "net.onnx", layout="HWC")
    with pytest.raises(ValueError, match=r"mean=.*3"):
        from_onnx(tmp_path / "net.onnx", mean=(1.0, 2.0))
    with pytest.raises(TypeError, match="key="):
        from_checkpoint(tmp_path / "net.onnx", key="ema")


def test_names_in_the_metadata(rng, tmp_path):
    for text in ("{0: 'a', 1: 'b', 2: 'c', 3: 'd'}", '["a", "b", "c", "d"]', "a,b,c,d", "a\nb\nc\nd"):
        assert from_onnx(small(rng, tmp_path / "n.onnx", metadata={"names": text})).classes.names == tuple("abcd")
    model = from_onnx(small(rng, tmp_path / "n.onnx", metadata={"names": "{0: __import__('os')}"}))
    assert model.classes.names[0] == "class 0"


def test_the_last_axis_may_hold_the_channels(rng, tmp_path):
    weight = rng.standard_normal((5, 3, 3, 3)).astype(np.float32)
    nodes = [
        node("Transpose", "x", "a", perm=[0, 3, 1, 2]),
        node("Conv", "a w", "b", pads=[1, 1, 1, 1]),
        node("Transpose", "b", "c", perm=[0, 2, 3, 1]),
        node("ArgMax", "c", "y", axis=3, keepdims=0),
    ]
    model = from_onnx(write(tmp_path / "n.onnx", nodes, {"w": weight}, (1, 16, 20, 3)))
    assert (model.input_size, model.num_classes) == ((16, 20), 5)
    x = rng.standard_normal((1, 3, 16, 20)).astype(np.float32)
    np.testing.assert_allclose(model(x), segalgo.conv2d(x, weight, None, 1, 1), rtol=1e-4, atol=1e-4)
    # A picture of another size is resized, and the scores are enlarged.
    picture = rng.integers(0, 256, (33, 47, 3), np.uint8)
    assert model.predict(picture).shape == (33, 47)
    assert model.predict_proba(picture).shape == (5, 33, 47)
    assert model.predict(picture, augment=True).shape == (33, 47)
    assert model.predict(np.stack((picture, picture))).shape == (2, 33, 47)
    with pytest.raises(ValueError, match="tile=8"):
        model.predict(picture, tile=8)
    with pytest.raises(ValueError, match="16 x 20, for which the file was made"):
        model(np.zeros((1, 3, 8, 8), np.float32))


def test_probabilities_are_not_made_twice(rng, tmp_path):
    weight = rng.standard_normal((1, 3, 1, 1)).astype(np.float32)
    model = from_onnx(write(tmp_path / "n.onnx", [node("Conv", "x w", "a"), node("Sigmoid", "a", "y")], {"w": weight}))
    assert model.probabilities
    assert model.classes.names == ("background", "foreground")
    picture = rng.integers(0, 256, (6, 7, 3), np.uint8)
    logits = np.einsum("hwc,oc->hw", picture / np.float32(255), weight[:, :, 0, 0])
    np.testing.assert_allclose(model.predict_proba(picture)[0], 1 / (1 + np.exp(-logits)), rtol=1e-4)
    np.testing.assert_array_equal(model.predict(picture), logits > 0)


def test_gelu_is_recognised(rng, tmp_path):
    constants = {"r": np.float32(2**0.5), "one": np.float32(1), "half": np.float32(0.5)}
    nodes = [
        node("Div", "x r", "a"),
        node("Erf", "a", "b"),
        node("Add", "b one", "c"),
        node("Mul", "x c", "d"),
        node("Mul", "d half", "y"),
    ]
    model = from_onnx(write(tmp_path / "n.onnx", nodes, constants))
    assert [step.operation for step in model.describe((1, 3, 8, 8))] == ["gelu"]
    x = rng.standard_normal((1, 3, 8, 8)).astype(np.float32)
    np.testing.assert_array_equal(model(x), segalgo.gelu(x))


# What is refused


def test_all_unknown_operators_are_named_at_once(tmp_path):
    nodes = [
        node("LSTM", "x w w", "a"),
        node("Relu", "x", "b"),
        node("NonMaxSuppression", "b w", "c"),
        helper.make_node("FusedThing", ["x"], ["d"], name="third", domain="com.example"),
        node("Sum", "b c a d", "y"),
    ]
    with pytest.raises(WeightsError, match=r"(?s)3 of 5 nodes.*LSTM 'LSTM_a'.*NonMaxSuppression.*FusedThing 'third'"):
        from_onnx(write(tmp_path / "n.onnx", nodes, {"w": np.ones(3, np.float32)}))


HOSTILE = {
    "cyclic": (lambda: [node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")], "cyclic"),
    "itself": (lambda: [node("Add", "x y", "y")], "cyclic"),
    "unknown input": (lambda: [node("Add", "x nothing", "y")], "reads 'nothing', unknown"),
    "written twice": (lambda: [node("Relu", "x", "y"), node("Relu", "x", "y")], "written already"),
    "huge constant": (
        lambda: [node("ConstantOfShape", "huge", "h"), node("Add", "x h", "y")],
        "larger than",
    ),
    "huge expansion": (lambda: [node("Expand", "x wide", "y")], "2.31|more than"),
    "huge padding": (
        lambda: [node("Pad", "x pads", "a"), node("Relu", "a", "y")],
        "2.31",
    ),
    "huge range": (lambda: [node("Range", "zero big one", "r"), node("Add", "x r", "y")], "larger than"),
    "wrong reshape": (lambda: [node("Reshape", "x seven", "y")], "Reshape of"),
    "strides of zero": (lambda: [node("Conv", "x w", "y", strides=[0, 1])], "stride|modulo|division"),
    "groups of zero": (lambda: [node("Conv", "x w", "y", group=0)], "groups=0"),
    "negative dilation": (lambda: [node("Conv", "x w", "y", dilations=[-1, 1])], "dilation"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_graphs_are_refused(case, tmp_path):
    nodes, text = HOSTILE[case]
    constants = {
        "w": np.ones((2, 3, 1, 1), np.float32),
        "huge": np.array([1, 3, 2**20, 2**20], np.int64),
        "wide": np.array([2**30, 3, 64, 64], np.int64),
        "pads": np.array([0, 0, 2**29, 2**29, 0, 0, 0, 0], np.int64),
        "zero": np.int64(0),
        "one": np.int64(1),
        "big": np.int64(2**60),
        "seven": np.array([7], np.int64),
    }
    path = write(tmp_path / "n.onnx", nodes(), constants)
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match=text):
            from_onnx(path)
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()


def edited(change):
    def edit(model):
        change(model.graph.initializer[0])

    return edit


def outside(location, offset="0"):
    def change(constant):
        constant.ClearField("raw_data")
        constant.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", offset)):
            entry = constant.external_data.add()
            entry.key, entry.value = key, value

    return change


def with_field(name, value):
    return lambda constant: setattr(constant, name, value)


def with_dims(*dims):
    def change(constant):
        del constant.dims[:]
        constant.dims.extend(dims)

    return change


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (outside("/etc/hostname"), "expected a file in the folder"),
        (outside("../secret.bin"), "expected a file in the folder"),
        (outside("link.bin"), "expected a file in the folder"),
        (outside("missing.bin"), "no such file"),
        (outside("data.bin", "20"), "truncated"),
        (outside("data.bin", "-8"), "truncated"),
        (outside("data.bin", "many"), "integers"),
        (with_dims(2**40, 2**40), "larger than any array"),
        (with_dims(-1, 3), "integers"),
        (with_dims(2, 3, 1, 2), "bytes, expected"),
        (with_dims(*[1] * 40), "axes"),
        (with_field("data_type", 99), "type 99"),
        (with_field("raw_data", b"\0" * 5), "5 bytes"),
    ],
)
def test_hostile_tensors_are_refused(change, text, tmp_path):
    (tmp_path / "secret.bin").write_bytes(bytes(64))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "data.bin").write_bytes(bytes(24))
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    weights = {"w": np.ones((2, 3, 1, 1), np.float32)}
    path = write(folder / "n.onnx", [node("Conv", "x w", "y")], weights, edit=edited(change))
    with pytest.raises(WeightsError, match=text):
        from_onnx(path)


def test_external_data_beside_the_file(rng, tmp_path):
    weight = rng.standard_normal((2, 3, 1, 1)).astype(np.float32)
    (tmp_path / "data.bin").write_bytes(bytes(8) + weight.tobytes())
    nodes = [node("Conv", "x w", "y")]
    model = from_onnx(write(tmp_path / "n.onnx", nodes, {"w": weight}, edit=edited(outside("data.bin", "8"))))
    (name,) = model.parameters
    np.testing.assert_array_equal(model.parameters[name], weight)


def test_cut_and_foreign_files_are_refused(rng, tmp_path):
    data = small(rng, tmp_path / "whole.onnx").read_bytes()
    path = tmp_path / "n.onnx"
    for content in (b"", data[: len(data) // 2], data[:-3], b"\x08" * 1000, b"<!doctype html>", rng.bytes(4000)):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"n\.onnx"):
            from_onnx(path)
    for missing in (tmp_path / "no.onnx", tmp_path, tmp_path / "whole.pth"):
        with pytest.raises(WeightsError):
            from_onnx(missing)
    with pytest.raises(WeightsError, match=r"named \.tflite"):
        from_tflite(tmp_path / "whole.onnx")
    with pytest.raises(TypeError, match="path="):
        from_onnx(3)


def test_a_hostile_record_is_refused(rng, tmp_path):
    model = from_onnx(small(rng, tmp_path / "net.onnx"))
    record = model.arguments["graph"]
    assert ImportedNetwork(json.loads(json.dumps(record))).num_classes == 4
    for change in (
        {"form": 9},
        {"nodes": [["Relu", "a", ["y"], ["y"], {}]]},
        {"nodes": 3},
        {"constants": {"w": ["object", [1]]}},
        {"constants": {"w": ["int64", [2**40]]}},
        {"input_shape": [1, 3]},
        {"layout": "HCNW"},
        {"input": 5},
    ):
        with pytest.raises(GraphError):
            ImportedNetwork({**record, **change})


def flatbuffer(data):
    return b"\x1c\0\0\0TFL3" + data


def test_hostile_tflite_files_are_refused(rng, tmp_path):
    pytest.importorskip("tflite", reason="the package tflite is not installed")
    path = tmp_path / "n.tflite"
    contents = [b"", b"TFL3", bytes(100), flatbuffer(b""), flatbuffer(bytes(200)), flatbuffer(b"\xff" * 200)]
    contents += [struct.pack("<I", 2**31) + b"TFL3" + bytes(60)]
    contents += [flatbuffer(rng.bytes(400)) for _ in range(100)]
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"n\.tflite"):
            from_tflite(path)


# The command line


def test_segment_with_a_graph(rng, tmp_path):
    small(rng, tmp_path / "net.onnx")
    from PIL import Image

    Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(tmp_path / "photo.png")
    (tmp_path / "names.txt").write_text("sky\ntree\nroad\ncar\n\nof a data set\n")
    arguments = [
        "segment",
        str(tmp_path / "photo.png"),
        "--model",
        str(tmp_path / "net.onnx"),
        "-o",
        str(tmp_path / "o"),
    ]
    options = ["--mean", "1,2,3", "--scale", "60", "--channels", "bgr", "--names", str(tmp_path / "names.txt")]
    result = CliRunner().invoke(main, [*arguments, *options])
    assert result.exit_code == 0, result.output
    assert "assumed" not in result.output
    table = next((tmp_path / "o").rglob("classes.csv")).read_text()
    assert "sky" in table
    assert "car" in table
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0
    assert "0 to 1 is assumed" in result.output
    for wrong in (["--scale", "nan"], ["--names", "a,b"], ["--names", "missing.txt"], ["--mean", "1,2"]):
        result = CliRunner().invoke(main, [*arguments, *wrong])
        assert result.exit_code == 2
        assert result.output.count("\n") <= 2
    result = CliRunner().invoke(main, [*arguments[:2], "--scale", "3"])
    assert result.exit_code == 2
