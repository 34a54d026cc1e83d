"""Whole networks beside inference engines: a planned pass against ONNX Runtime, OpenVINO and PyTorch, and peak memory.

All in float32, with the same weights and threads; ``python -m benchmarks.models`` prints peak memory as well, each
implementation in a process of its own.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.harness import THREADS, peer
from segalgo.models import FCN, LRASPP, DeepLabV3, SegFormer, SegNet, UNet

SIDE = {"256": (1, 3, 256, 256), "512": (1, 3, 512, 512), "segnet": (1, 3, 352, 480)}
# name: network, input shape
UNETS = {
    "width 64 @256": (lambda: UNet(norm=None), SIDE["256"]),
    "width 64 @512": (lambda: UNet(norm=None), SIDE["512"]),
    "width 64 batch norm @256": (lambda: UNet(), SIDE["256"]),
    "width 64 batch norm @512": (lambda: UNet(), SIDE["512"]),
    "width 16 @512": (lambda: UNet(width=16, norm=None), SIDE["512"]),
    "width 16 batch norm @512": (lambda: UNet(width=16), SIDE["512"]),
}
SEGNETS = {"VGG16 480 x 352": (lambda: SegNet(), SIDE["segnet"])}
SEMANTIC = {
    "FCN-ResNet50 @520": (lambda: FCN(), (1, 3, 520, 520)),
    "DeepLabV3-ResNet50 @520": (lambda: DeepLabV3(), (1, 3, 520, 520)),
    "LR-ASPP @520": (lambda: LRASPP(), (1, 3, 520, 520)),
    "SegFormer-B0 @512": (lambda: SegFormer(), (1, 3, 512, 512)),
}
CASES = UNETS | SEGNETS | SEMANTIC


def picture(shape):
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def planned(network, shape):
    """Return our planned pass."""
    x, run = picture(shape), network.plan(shape)
    return lambda: run(x)


def torch_pass(network, shape, channels_last=False):
    """Return the steps of a network in PyTorch's functions, eager."""
    torch = peer("torch")
    functional = torch.nn.functional
    form = torch.channels_last if channels_last else torch.contiguous_format
    parameters = {}
    for name, value in network.parameters.items():
        tensor = torch.from_numpy(np.array(value))
        parameters[name] = tensor.contiguous(memory_format=form) if tensor.ndim == 4 else tensor
    steps, image = network.describe(shape), torch.from_numpy(picture(shape)).contiguous(memory_format=form)
    last_read = {name: k for k, step in enumerate(steps) for name in step.inputs}

    def compute(step, inputs):
        weights = {name.rpartition(".")[2]: parameters[name] for name in step.parameters}
        options = step.options
        if step.operation == "conv2d":
            own = {name: options[name] for name in ("stride", "padding", "dilation", "groups")}
            return functional.conv2d(*inputs, weights["weight"], weights.get("bias"), **own)
        if step.operation == "conv_transpose2d":
            return functional.conv_transpose2d(*inputs, weights["weight"], weights["bias"], stride=options["stride"])
        if step.operation == "batch_norm":
            entries = (weights[entry] for entry in ("running_mean", "running_var", "weight", "bias"))
            return functional.batch_norm(*inputs, *entries, eps=options["eps"])
        if step.operation == "max_unpool2d":
            return functional.max_unpool2d(*inputs, 2, 2, output_size=options["output_size"])
        if step.operation == "concatenate":
            return torch.cat(inputs, 1)
        if step.operation == "dropout":
            return inputs[0]
        if step.operation in ("add", "multiply"):
            return getattr(torch, step.operation)(*inputs)
        if step.operation == "reshape":
            return inputs[0].reshape(options["shape"])
        if step.operation == "transpose":
            return inputs[0].permute(options["axes"])
        if step.operation == "linear":
            return functional.linear(*inputs, weights["weight"], weights.get("bias"))
        if step.operation == "matmul":
            first, second = inputs
            return first @ (second.transpose(-1, -2) if options["transposed"] else second) * options["scale"]
        if step.operation == "softmax":
            return functional.softmax(*inputs, dim=options["axis"])
        if step.operation == "layer_norm":
            shape = (options["normalized_shape"],)
            return functional.layer_norm(*inputs, shape, weights["weight"], weights["bias"], options["eps"])
        return getattr(functional, step.operation)(*inputs, **options)

    def run():
        arrays = {"input": image}
        for k, step in enumerate(steps):
            result = compute(step, [arrays[name] for name in step.inputs])
            arrays.update(zip(step.outputs, result if len(step.outputs) > 1 else (result,), strict=True))
            for name in step.inputs:
                if last_read[name] <= k:
                    arrays.pop(name, None)
        return arrays[steps[-1].outputs[0]].numpy()

    return run


def write_onnx(network, shape, path):
    """Write a network as an ONNX file, layer by layer as it is described."""
    onnx = peer("onnx")
    helper = onnx.helper
    graph_nodes, source = [], {}
    constants = {name: np.array(value) for name, value in network.parameters.items()}

    def constant(name, value):
        constants[name] = value
        return name

    def add(kind, inputs, outputs, **attributes):
        graph_nodes.append(helper.make_node(kind, inputs, outputs, **attributes))

    for step in network.describe(shape):
        inputs, options, outputs = [source.get(name, name) for name in step.inputs], step.options, list(step.outputs)
        weights = [f"{step.name}.{entry}" for entry in ("weight", "bias") if f"{step.name}.{entry}" in step.parameters]
        name, operation = step.name, step.operation
        if operation == "dropout":
            source[name] = inputs[0]
        elif operation == "conv2d":
            pairs = {key: [options[key]] * 2 for key in ("stride", "dilation")}
            sides = {"strides": pairs["stride"], "dilations": pairs["dilation"], "pads": [options["padding"]] * 4}
            add("Conv", inputs + weights, outputs, group=options["groups"], **sides)
        elif operation == "conv_transpose2d":
            add("ConvTranspose", inputs + weights, outputs, strides=[options["stride"]] * 2)
        elif operation == "batch_norm":
            statistics = [f"{name}.running_mean", f"{name}.running_var"]
            add("BatchNormalization", inputs + weights + statistics, outputs, epsilon=options["eps"])
        elif operation == "max_pool2d":
            window = {"kernel_shape": [options["kernel_size"]] * 2, "strides": [options["stride"]] * 2}
            add("MaxPool", inputs, outputs, pads=[options["padding"]] * 4, **window)
        elif operation == "adaptive_avg_pool2d" and options["output_size"] == 1:
            add("GlobalAveragePool", inputs, outputs)
        elif operation == "concatenate":
            add("Concat", inputs, outputs, axis=1)
        elif operation == "interpolate" and options["mode"] == "bilinear" and not options["align_corners"]:
            sizes = constant(f"{name}.sizes", np.array(step.shape, np.int64))
            half = {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"}
            add("Resize", [*inputs, "", "", sizes], outputs, **half)
        elif operation == "hardsigmoid":
            add("HardSigmoid", inputs, outputs, alpha=1 / 6, beta=0.5)
        elif operation == "reshape":
            add("Reshape", [*inputs, constant(f"{name}.shape", np.array(step.shape, np.int64))], outputs)
        elif operation == "transpose":
            add("Transpose", inputs, outputs, perm=list(options["axes"]))
        elif operation == "linear":
            constants[weights[0]] = np.ascontiguousarray(constants[weights[0]].T)
            add("MatMul", [*inputs, weights[0]], [f"{name}.product"])
            add("Add", [f"{name}.product", weights[1]], outputs)
        elif operation == "matmul":
            if options["transposed"]:
                add("Transpose", inputs[1:], [f"{name}.second"], perm=[0, 1, 3, 2])
                inputs = [inputs[0], f"{name}.second"]
            scale = constant(f"{name}.scale", np.array(options["scale"], np.float32))
            add("Mul", [inputs[0], scale], [f"{name}.first"])
            add("MatMul", [f"{name}.first", inputs[1]], outputs)
        elif operation == "softmax":
            add("Softmax", inputs, outputs, axis=options["axis"])
        elif operation == "layer_norm":
            add("LayerNormalization", inputs + weights, outputs, axis=-1, epsilon=options["eps"])
        elif operation in ONNX_NAMES:
            add(ONNX_NAMES[operation], inputs, outputs)
        else:
            raise NotImplementedError(f"{operation} has no ONNX form here")
    real = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        graph_nodes,
        "network",
        [helper.make_tensor_value_info("input", real, shape)],
        [helper.make_tensor_value_info(graph_nodes[-1].output[0], real, None)],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.save(model, str(path))


# Layers without options here.
ONNX_NAMES = {"relu": "Relu", "hardswish": "HardSwish", "sigmoid": "Sigmoid", "gelu": "Gelu", "add": "Add",
              "multiply": "Mul"}  # fmt: skip


def onnxruntime_pass(path, shape):
    runtime = peer("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    x = picture(shape)
    return lambda: session.run(None, {"input": x})[0]


def openvino_pass(path, shape):
    openvino = peer("openvino")
    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(core.read_model(str(path)), "CPU", settings).create_infer_request()
    x = picture(shape)
    return lambda: next(iter(request.infer([x]).values()))


def implementation_pass(case, implementation, folder):
    """Return a call that runs a case; ONNX files are written into a folder unless they are there."""
    make, shape = CASES[case]
    network = make()
    if implementation == "segalgo":
        return planned(network, shape)
    if implementation.startswith("torch"):
        return torch_pass(network, shape, implementation.endswith("channels_last"))
    path = Path(folder) / f"{case.replace(' ', '_')}.onnx"
    if not path.exists():
        write_onnx(network, shape, path)
    return {"openvino": openvino_pass, "onnxruntime": onnxruntime_pass}[implementation](path, shape)


class Networks:
    """One picture, weights packed beforehand."""

    param_names = ("case", "implementation")
    timeout = 300

    def setup(self, case, implementation):
        with tempfile.TemporaryDirectory() as folder:
            self.call = implementation_pass(case, implementation, folder)
        if implementation != "segalgo":
            make, shape = CASES[case]
            ours, theirs = planned(make(), shape)(), self.call()
            # Where two cells of a window are nearly equal, rounding decides which one max-unpooling puts back.
            assert np.quantile(np.abs(ours - theirs), 0.95) < 1e-3 * np.abs(theirs).max()

    def time_pass(self, case, implementation):
        self.call()


class PlannedUNet(Networks):
    """Every peer has a form of U-Net."""

    params = (tuple(UNETS), ("segalgo", "openvino", "onnxruntime", "torch", "torch_channels_last"))


class PlannedSemantic(Networks):
    """Dilated ResNets, MobileNetV3 and attention."""

    params = (tuple(SEMANTIC), ("segalgo", "openvino", "onnxruntime", "torch", "torch_channels_last"))


class PlannedSegNet(Networks):
    """Max-unpooling has no good ONNX form."""

    params = (tuple(SEGNETS), ("segalgo", "torch", "torch_channels_last"))


def peak_memory(case, implementation, folder):
    """Return the peak resident MiB (Linux) of a process that builds one implementation and runs it twice."""
    # Not getrusage: what it reports is that of the parent where the parent was larger.
    program = (
        "import sys; from benchmarks.models import implementation_pass as p;"
        "call = p(*sys.argv[1:]); call(); call();"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    command = [sys.executable, "-c", program, case, implementation, folder]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1024


def main():
    """Print the peak memory of every implementation of one U-Net: ``python -m benchmarks.models``."""
    case = "width 64 @512"
    make, shape = CASES[case]
    with tempfile.TemporaryDirectory() as folder:
        write_onnx(make(), shape, Path(folder) / f"{case.replace(' ', '_')}.onnx")
        for implementation in PlannedUNet.params[1]:
            print(f"{case}  {implementation:20s} {peak_memory(case, implementation, folder):7.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
