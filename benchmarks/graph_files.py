"""Networks from ONNX and TensorFlow Lite files beside the engines that run them: times, memory, and the first answer.

The files are those of a folder that the environment variable SEGALGO_GRAPHS names, and a U-Net with a ResNet-34 encoder
at 512 x 512, shaped as segmentation_models.pytorch makes it, with random weights. All in float32, on as many threads.
``python -m benchmarks.graph_files`` prints peak memory and start-up as well, each in a process of its own.
"""

import os
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.harness import THREADS, medians, peer
from segalgo.models import from_onnx, from_tflite

FOLDER = Path(os.environ.get("SEGALGO_GRAPHS", "no folder given"))
UNET = "unet_resnet34.onnx"
FILES = sorted(path.name for path in FOLDER.glob("*") if path.suffix in (".onnx", ".tflite"))


class UNetWriter:
    """Nodes and weights of the U-Net, batch normalization folded as exporters do."""

    def __init__(self):
        self.helper, self.rng = peer("onnx").helper, np.random.default_rng(0)
        self.nodes, self.weights = [], []

    def node(self, kind, *inputs, **attributes):
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name, array):
        self.weights.append(peer("onnx").numpy_helper.from_array(array.astype(np.float32), name))
        return name

    def convolution(self, x, channels, outs, kernel=3, stride=1, relu=True):
        k, shape = len(self.nodes), (outs, channels, kernel, kernel)
        weight = self.constant(f"weight{k}", self.rng.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5)
        bias = self.constant(f"bias{k}", self.rng.standard_normal(outs) / 10)
        pads = [kernel // 2] * 4
        y = self.node("Conv", x, weight, bias, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads)
        return self.node("Relu", y) if relu else y

    def residual(self, x, channels, outs, stride):
        y = self.convolution(self.convolution(x, channels, outs, 3, stride), outs, outs, relu=False)
        same = stride == 1 and channels == outs
        x = x if same else self.convolution(x, channels, outs, 1, stride, relu=False)
        return self.node("Relu", self.node("Add", y, x))

    def write(self, path, side=512):
        x = self.convolution("input", 3, 64, 7, 2)
        skips, channels = [x], 64
        x = self.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
        for outs, depth, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            for k in range(depth):
                x, channels = self.residual(x, channels, outs, stride if k == 0 else 1), outs
            skips.append(x)
        scales = self.constant("scales", np.array([1, 1, 2, 2]))
        grid = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        joined = [(skips[3], 256), (skips[2], 128), (skips[1], 64), (skips[0], 64), (None, 0)]
        for (skip, more), outs in zip(joined, (256, 128, 64, 32, 16), strict=True):
            x = self.node("Resize", x, "", scales, **grid)
            x = self.node("Concat", x, skip, axis=1) if skip else x
            x = self.convolution(self.convolution(x, channels + more, outs), outs, outs)
            channels = outs
        result = self.convolution(x, 16, 1, relu=False)
        make, kind = self.helper.make_tensor_value_info, peer("onnx").TensorProto.FLOAT
        ends = [make("input", kind, [1, 3, side, side])], [make(result, kind, [1, 1, side, side])]
        graph = self.helper.make_graph(self.nodes, "unet_resnet34", *ends, self.weights)
        model = self.helper.make_model(graph, opset_imports=[self.helper.make_opsetid("", 13)], ir_version=8)
        peer("onnx").save(model, path)


@cache
def path_of(name):
    if name != UNET:
        return FOLDER / name
    path = Path(tempfile.gettempdir()) / "segalgo-benchmarks" / UNET
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        UNetWriter().write(path)
    return path


def picture(name):
    """Return an input of the file's size."""
    network = ours(name)
    size = network.input_size or (512, 512)
    return np.random.default_rng(0).random((1, network.in_channels, *size), np.float32)


def ours(name):
    path = path_of(name)
    return from_onnx(path) if path.suffix == ".onnx" else from_tflite(path)


def channels_first(array):
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array


def segalgo(name, x):
    run = ours(name).plan(x.shape)
    return lambda: run(x)


def onnxruntime(name, x):
    if not name.endswith(".onnx"):
        raise NotImplementedError("ONNX files alone")
    ort = peer("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = THREADS, 3
    session = ort.InferenceSession(path_of(name), options, providers=["CPUExecutionProvider"])
    key = session.get_inputs()[0].name
    return lambda: session.run(None, {key: x})[0]


def openvino(name, x):
    engine, channels_last = peer("openvino"), not name.endswith(".onnx")
    settings = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1}
    try:
        compiled = engine.Core().compile_model(path_of(name), "CPU", settings)
    except RuntimeError as error:
        raise NotImplementedError("OpenVINO does not read this file") from error
    request = compiled.create_infer_request()
    given = np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if channels_last else x

    def run():
        request.infer({0: given}, share_inputs=True)
        result = request.get_output_tensor(0).data
        return channels_first(result) if channels_last else result

    return run


def litert(name, x):
    if not name.endswith(".tflite"):
        raise NotImplementedError("TensorFlow Lite files alone")
    interpreter = peer("ai_edge_litert.interpreter").Interpreter(str(path_of(name)), num_threads=THREADS)
    interpreter.allocate_tensors()
    given = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    source, result = (d[0]["index"] for d in (interpreter.get_input_details(), interpreter.get_output_details()))

    def run():
        interpreter.set_tensor(source, given)
        interpreter.invoke()
        return channels_first(interpreter.get_tensor(result))

    return run


IMPLEMENTATIONS = {"segalgo": segalgo, "onnxruntime": onnxruntime, "openvino": openvino, "litert": litert}


class GraphFile:
    """A planned pass beside the engines; setting up asserts that they agree."""

    param_names = ("file", "implementation")
    params = ([*FILES, UNET], list(IMPLEMENTATIONS))

    def setup(self, file, implementation):
        x = picture(file)
        self.run = IMPLEMENTATIONS[implementation](file, x)
        expected, got = (np.asarray(run()) for run in (segalgo(file, x), self.run))
        scale = np.abs(expected).max()
        # Where unpooling follows, rounding may send one value aside.
        far = np.abs(got.reshape(expected.shape) - expected) > 1e-3 * scale
        assert far.mean() < 0.01, f"{far.mean():.1%} of the cells of {file} differ"

    def time_graph(self, file, implementation):
        self.run()


def alone(name, implementation):
    """Print seconds to the first answer and peak memory (KiB) of an implementation, its input already there."""
    shape = tuple(map(int, os.environ["SEGALGO_SHAPE"].split(",")))
    x = np.random.default_rng(0).random(shape, np.float32)
    modules = {"segalgo": "onnx", "onnxruntime": "onnxruntime", "openvino": "openvino"}
    peer(modules.get(implementation, "ai_edge_litert.interpreter"))
    start = time.perf_counter()
    run = IMPLEMENTATIONS[implementation](name, x)
    run()
    first = time.perf_counter() - start
    for _ in range(3):
        run()
    lines = Path("/proc/self/status").read_text().splitlines()
    print(first, next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def main():
    for name in sys.argv[1:] or [*FILES, UNET]:
        x, calls = picture(name), {}
        for implementation, make in IMPLEMENTATIONS.items():
            try:
                calls[implementation] = make(name, x)
            except NotImplementedError:
                continue
        seconds, words = medians(calls), []
        environment = {**os.environ, "SEGALGO_SHAPE": ",".join(map(str, x.shape))}
        for implementation in calls:
            code = f"from benchmarks.graph_files import alone; alone({name!r}, {implementation!r})"
            command = [sys.executable, "-c", code]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            first, peak = map(float, done.stdout.split()[-2:])
            words.append(
                f"{implementation} {1000 * seconds[implementation]:.1f} ms, first after {1000 * first:.0f} ms, "
                f"peak {peak / 1024:.0f} MiB"
            )
        best = min(value for key, value in seconds.items() if key != "segalgo")
        print(f"{name}: {best / seconds['segalgo']:.2f} of the best engine; " + "; ".join(words), flush=True)


if __name__ == "__main__":
    main()
