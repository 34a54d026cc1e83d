"""Networks from files beside ONNX Runtime and LiteRT: trained networks on photographs, and exports of PyTorch."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segalgo
from segalgo.models import from_onnx, from_tflite

pytestmark = pytest.mark.peers
SHARED = Path(__file__).parents[3] / "shared"
WEIGHTS = next((p for p in (SHARED / "weights", SHARED.parents[1] / "shared" / "weights") if p.is_dir()), None)
PHOTOS = ("grace_hopper.png", "bird_segmentation.png", "dog_segmentation_256.png")
ABSENT = "the folder of trained networks, shared/weights, is absent"
# How the networks were trained to see pictures: mean and scale of values from 0 to 255.
FILES = {
    "deeplab_portrait.onnx": (127.5, 127.5),
    "prisma_portrait.onnx": (0, 255),
    "sinet_portrait.onnx": ((102.9, 112.0, 117.5), (64.0, 65.5, 66.5)),
    "hair_segmentation.tflite": (0, 255),
    "deeplabv3_257_mv_gpu.tflite": (127.5, 127.5),
    "selfie_segmentation.tflite": (0, 255),
    "slim_reshape.tflite": (127.5, 127.5),
}
EPS = np.finfo(np.float32).eps


def photo(name):
    return np.asarray(Image.open(WEIGHTS.parent / "data" / "photos" / name).convert("RGB"))


def planes_of(model, picture):
    """Return what `predict` shows to the network."""
    size = model.input_size
    resized = np.asarray(Image.fromarray(picture).resize(size[::-1], Image.Resampling.BILINEAR))
    return np.ascontiguousarray(model.preprocessing(resized)[None])


def peer_of(path):
    """Return a function from (1, C, H, W) to the file's output as the peer computes it."""
    if path.suffix == ".onnx":
        ort = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 2
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return lambda x: session.run(None, {session.get_inputs()[0].name: x})[0]
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="LiteRT is not installed")
    interpreter = litert.Interpreter(str(path), num_threads=2)
    interpreter.allocate_tensors()

    def run(x):
        interpreter.set_tensor(
            interpreter.get_input_details()[0]["index"], np.ascontiguousarray(x.transpose(0, 2, 3, 1))
        )
        interpreter.invoke()
        y = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        return y.transpose(0, 3, 1, 2) if y.ndim == 4 else y.reshape(1, 1, *x.shape[2:])

    return run


@pytest.mark.skipif(WEIGHTS is None, reason=ABSENT)
@pytest.mark.parametrize("name", FILES)
def test_trained_networks_on_photographs(name):
    path = WEIGHTS / name
    mean, scale = FILES[name]
    model = segalgo.models.from_checkpoint(path, mean=mean, scale=scale)
    peer = peer_of(path)
    depth = sum(step.operation in ("conv2d", "conv_transpose2d", "linear") for step in model.describe(_shape(model)))
    plan = model.plan(_shape(model))
    unpools = any(step.operation == "max_unpool2d" for step in model.describe(_shape(model)))
    noise = np.random.default_rng(5).random(_shape(model), np.float32)
    for x in (noise, *(planes_of(model, photo(name)) for name in PHOTOS)):
        right = peer(x)
        # Each convolution adds some roundings of its sums; both sides round.
        bound = 16 * depth * EPS * np.abs(right).max()
        for got in (model(x), plan(x)):
            assert got.shape == right.shape
            if unpools and x is not noise:
                # On even ground the cells of a window are nearly equal: rounding decides which of them unpooling fills.
                assert np.mean(np.abs(got - right) > bound) < 0.08
                assert np.mean(got.argmax(1) == right.argmax(1)) > 0.99
                continue
            assert np.abs(got - right).max() <= bound
            if right.shape[1] > 1:
                assert np.mean(got.argmax(1) == right.argmax(1)) > 0.999


@pytest.mark.skipif(WEIGHTS is None, reason=ABSENT)
def test_of_equal_cells_the_first_is_unpooled():
    """Even squares: most windows of the first pooling tie exactly, and none of the later ones nearly."""
    path = WEIGHTS / "hair_segmentation.tflite"
    model = from_tflite(path)
    colors = np.random.default_rng(0).random((1, 4, 16, 16))
    x = np.kron(colors, np.ones((32, 32))).astype(np.float32)
    first = next(step for step in model.describe(x.shape) if step.operation == "max_pool2d")
    cells = dict(model.trace(x))[first.inputs[0]]
    windows = cells.reshape(*cells.shape[:2], cells.shape[2] // 2, 2, cells.shape[3] // 2, 2)
    assert (windows == windows[:, :, :, :1, :, :1]).all((3, 5)).mean() > 0.8
    right = peer_of(path)(x)
    for got in (model(x), model.plan(x.shape)(x)):
        assert np.abs(got - right).max() <= 1600 * EPS * np.abs(right).max()


def _shape(model):
    return (1, model.in_channels, *model.input_size)


@pytest.mark.skipif(WEIGHTS is None, reason=ABSENT)
def test_trained_networks_find_what_is_there():
    photos = WEIGHTS.parent / "data" / "photos"
    names = (photos / "pascal_voc_segmentation_labels.txt").read_text().split("\n\n")[0].split()
    model = from_tflite(WEIGHTS / "deeplabv3_257_mv_gpu.tflite", names=names, mean=127.5, scale=127.5)
    labels = model.predict(photo("bird_segmentation.png"))
    mask = np.asarray(Image.open(photos / "bird_segmentation_mask.png"))
    if mask.shape[:2] == labels.shape:
        bird = mask if mask.ndim == 2 else mask.max(-1)
        assert np.mean((labels == names.index("bird")) == (bird == bird.max())) > 0.9
    assert np.mean(labels == names.index("bird")) > 0.05
    portrait = photo("grace_hopper.png")
    assert np.mean(model.predict(portrait) == names.index("person")) > 0.3
    selfie = from_tflite(WEIGHTS / "selfie_segmentation.tflite")
    assert np.mean(selfie.predict(portrait) == 1) > 0.3
    hair = from_tflite(WEIGHTS / "hair_segmentation.tflite")
    assert 0.01 < np.mean(hair.predict(portrait) == 1) < 0.3


# Exports of PyTorch

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn, functional = torch.nn, torch.nn.functional


class Encoder(nn.Module):
    """Hard-swish, squeeze-and-excite, dilation and a pyramid of pooled maps; resized to the picture."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.Hardswish())
        self.depthwise = nn.Conv2d(16, 16, 5, 2, 2, groups=16)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 8, 1), nn.ReLU(), nn.Conv2d(8, 16, 1))
        self.dilated = nn.Conv2d(16, 16, 3, padding=4, dilation=4)
        self.slope = nn.PReLU(16)
        self.norm = nn.GroupNorm(4, 16)
        self.head = nn.Conv2d(32, 5, 1)

    def forward(self, x):
        y = self.stem(x)
        z = self.depthwise(y)
        z = z * functional.hardsigmoid(self.gate(z))
        z = self.norm(self.slope(self.dilated(z)))
        z = functional.interpolate(z, y.shape[-2:], mode="bilinear", align_corners=False)
        y = functional.max_pool2d(y, 3, 1, 1) + functional.avg_pool2d(y, 3, 1, 1)
        scores = self.head(torch.cat((y, z), 1))
        return functional.interpolate(scores, x.shape[-2:], mode="bilinear", align_corners=True)


class Attention(nn.Module):
    """A block as SegFormer has it: tokens, layer norm, attention, depthwise convolution between two linear layers."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Conv2d(3, 16, 7, 4, 3)
        self.norm1, self.norm2 = nn.LayerNorm(16), nn.LayerNorm(16)
        self.query, self.key, self.value, self.out = (nn.Linear(16, 16) for _ in range(4))
        self.first, self.second = nn.Linear(16, 32), nn.Linear(32, 16)
        self.depthwise = nn.Conv2d(32, 32, 3, 1, 1, groups=32)
        self.head = nn.Conv2d(16, 4, 1)

    def forward(self, x):
        maps = self.embed(x)
        n, c, h, w = maps.shape
        tokens = maps.flatten(2).transpose(1, 2)
        y = self.norm1(tokens)
        q, k, v = (layer(y).view(n, h * w, 2, c // 2).transpose(1, 2) for layer in (self.query, self.key, self.value))
        weights = torch.softmax(q @ k.transpose(-1, -2) / (c // 2) ** 0.5, -1)
        tokens = tokens + self.out((weights @ v).transpose(1, 2).reshape(n, h * w, c))
        y = self.first(self.norm2(tokens))
        y = self.depthwise(y.transpose(1, 2).reshape(n, 32, h, w)).flatten(2).transpose(1, 2)
        tokens = tokens + self.second(functional.gelu(y))
        return self.head(tokens.transpose(1, 2).reshape(n, c, h, w))


class UpAndDown(nn.Module):
    """Transposed convolutions, reflected borders, pixel shuffle, nearest and cubic sampling, a channel argument."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 12, 3, 2)
        self.up = nn.ConvTranspose2d(12, 8, 3, 2, 1, 1)
        self.last = nn.ConvTranspose2d(8, 4, 4, 2, 1)

    def forward(self, x):
        y = functional.leaky_relu(self.down(functional.pad(x, (1, 1, 1, 1), mode="reflect")), 0.1)
        shuffled = functional.pixel_shuffle(y, 2)
        y = functional.elu(self.up(y))[:, :, :, : x.shape[3]]
        y = self.last(torch.tanh(y))
        y = functional.interpolate(y, scale_factor=0.5, mode="nearest")
        z = functional.interpolate(shuffled, scale_factor=1, mode="nearest")
        parts = torch.chunk(y, 2, 1)
        return torch.cat((parts[0] / 3 + parts[1].clamp(-0.5, 0.5), z - z.mean((2, 3), keepdim=True)), 1)


@pytest.mark.parametrize("opset", [11, 13, 17])
@pytest.mark.parametrize("dynamic", [True, False])
@pytest.mark.parametrize("kind", [Encoder, Attention, UpAndDown])
@pytest.mark.filterwarnings("ignore")
def test_exports_of_pytorch(kind, dynamic, opset, tmp_path):
    torch.manual_seed(3)
    network, x = kind().eval(), torch.randn(1, 3, 64, 64)
    file = io.BytesIO()
    axes = {"x": {0: "n", 2: "h", 3: "w"}} if dynamic else None
    names = {"input_names": ["x"], "output_names": ["y"]}
    torch.onnx.export(network, (x,), file, opset_version=opset, dynamic_axes=axes, dynamo=False, **names)
    path = tmp_path / "net.onnx"
    path.write_bytes(file.getvalue())
    model = from_onnx(path)
    inputs = [x, *([torch.randn(2, 3, 96, 32), torch.randn(1, 3, 40, 72)] if dynamic else [])]
    for one in inputs:
        with torch.no_grad():
            expected = network(one).numpy()
        for got in (model(one.numpy()), model.plan(tuple(one.shape))(one.numpy())):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=2e-5)
