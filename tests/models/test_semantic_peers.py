"""Networks of semantic segmentation held against PyTorch's, with the same weights under the same names."""

import numpy as np
import pytest
from network_deviation import assert_logits, deviation

import segalgo
from segalgo.models import CRFRNN, FCN, DeepLabV2, DeepLabV3, FCN8s, SegFormer, from_checkpoint, load_encoder

pytestmark = pytest.mark.peers

WIDTHS = (8, 16, 40, 64)  # a quarter of B0, an eighth of the others


def cases():
    import torch_papers as papers
    import torch_segmentation as peers
    from torch_fcn_vgg16 import CaffeFCN
    from torch_pspnet import SemsegPSPNet
    from torch_segformers import NvlabsSegFormer, TransformersSegFormer

    narrow = (4, 4, 8, 8, 8)
    mobile, channels = papers.mobilenet_v2_features(0.25)
    return {
        "deeplabv3-mobilenetv2": peers.Segmentation(
            peers.Features(mobile, {"17": "out"}, channels), peers.DeepLabHead(channels, 5, 16)
        ),
        "deeplabv1": papers.LargeFOV(narrow, 16, 5, False),
        "deeplabv1-msc": papers.LargeFOV(narrow, 16, 5, True),
        "deeplabv2-vgg16": papers.VGG16ASPP(narrow, 16, 5),
        "deeplabv2": papers.PortDeepLabV2((3, 4, 6, 3), 4, 5),
        "deeplabv2-msc": papers.PortMSC(papers.PortDeepLabV2((3, 4, 23, 3), 4, 5)),
        "dilated-front": papers.Dilated(narrow, 8, 5, "front"),
        "dilated-voc": papers.Dilated(narrow, 8, 3, "voc"),
        "dilated-camvid": papers.Dilated(narrow, 8, 5, "camvid"),
        "dilated-kitti": papers.Dilated(narrow, 8, 5, "kitti"),
        "dilated-cityscapes": papers.Dilated(narrow, 8, 5, "cityscapes"),
        "icnet": papers.CaffeICNet(8, 5, False),
        "icnet-norm": papers.CaffeICNet(8, 5, True),
        "refinenet": papers.PortRefineNet("resnet50", 8, 8, 5),
        "fcn-resnet18": peers.fcn("resnet18", 5, 8, (False, False, False)),
        "fcn-resnet50": peers.fcn("resnet50", 5, 8),
        "fcn-resnet101": peers.fcn("resnet101", 4, 4),
        "deeplabv3-resnet34": peers.Segmentation(
            peers.ResNet("resnet34", 8, (False, False, False)), peers.DeepLabHead(64, 4, 16)
        ),
        "deeplabv3-resnet50": peers.deeplabv3("resnet50", 5, 8, 16),
        "deeplabv3-mobilenet": peers.deeplabv3("mobilenet_v3_large", 5, 16, 16),
        "lraspp": peers.LRASPP(5, 16, 0.25),
        "fcn32s": CaffeFCN(32, (4, 4, 8, 8, 8), 16, 5),
        "fcn16s": CaffeFCN(16, (4, 4, 8, 8, 8), 16, 5),
        "fcn8s": CaffeFCN(8, (4, 4, 8, 8, 8), 16, 5),
        "pspnet-resnet50": SemsegPSPNet("resnet50", 8, 16, 5),
        "segformer-transformers": TransformersSegFormer(WIDTHS, (2, 2, 2, 2), 24, 5),
        "segformer-nvlabs": NvlabsSegFormer(WIDTHS, (3, 4, 6, 3), 24, 5),
    }


NAMES = (
    "fcn-resnet18", "fcn-resnet50", "fcn-resnet101", "deeplabv3-resnet34", "deeplabv3-resnet50", "deeplabv3-mobilenet",
    "lraspp", "segformer-transformers", "segformer-nvlabs", "fcn32s", "fcn16s", "fcn8s", "pspnet-resnet50",
    "deeplabv3-mobilenetv2", "deeplabv1", "deeplabv1-msc", "deeplabv2-vgg16", "deeplabv2", "deeplabv2-msc",
    "dilated-front", "dilated-voc", "dilated-camvid", "dilated-kitti", "dilated-cityscapes", "icnet", "icnet-norm",
    "refinenet",
)  # fmt: skip


def seasoned(theirs):
    """Give a network random weights; those that end residual blocks are small, so that sums do not grow."""
    from torch_networks import randomize

    theirs = randomize(theirs)
    for module in theirs.modules():
        last = getattr(module, "bn3", None)
        if last is not None:
            last.weight.data *= 0.3
    return theirs


def held_together(ours, theirs, x):
    """Assert that both give the same logits, in float32 within their deviation, and in float64."""
    import torch

    with torch.no_grad():
        for dtype in ("float32", "float64"):
            theirs = theirs.to(getattr(torch, dtype))
            expected = theirs(torch.from_numpy(x.astype(dtype))).numpy().astype(np.float64)
            _, allowed = deviation(ours, x.astype(dtype), dtype)
            got = ours(x.astype(dtype))
            assert got.dtype == dtype
            assert_logits(got.astype(np.float64), expected, 2 * allowed)  # both are rounded


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_those_of_pytorch(name, rng, tmp_path):
    """A file of the other's weights, its auxiliary head included, is recognised and gives the same logits."""
    import torch

    theirs = seasoned(cases()[name])
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    ours = from_checkpoint(tmp_path / "weights.pth")
    for size in ((64, 96), (45, 61)):
        fitting = ours.fitting_size(*size)
        held_together(ours, theirs, rng.standard_normal((2, ours.in_channels, *fitting), dtype=np.float32))


def test_crf_rnn_before_its_matrices_are_trained(rng, tmp_path):
    """FCN-8s of the port, then pydensecrf with weights 3 and 5, which its fresh matrices are."""
    import torch
    from torch_fcn_vgg16 import CaffeFCN

    densecrf = pytest.importorskip("pydensecrf.densecrf")
    theirs = CaffeFCN(8, (4, 4, 8, 8, 8), 16, 5)
    theirs.upscore2 = torch.nn.ConvTranspose2d(5, 5, 4, 2)
    theirs = seasoned(theirs)
    state = dict(theirs.state_dict())
    for name, weight in (("spatial_ker_weights", 3), ("bilateral_ker_weights", 5), ("compatibility_matrix", 1)):
        state[f"crfrnn.{name}"] = weight * torch.eye(5)
    torch.save(state, tmp_path / "crfasrnn_weights.pth")
    ours = from_checkpoint(tmp_path / "crfasrnn_weights.pth", canvas=1, iterations=4)
    assert type(ours) is CRFRNN
    x = rng.normal(0, 40, (1, 3, 30, 40)).astype(np.float32)
    with torch.no_grad():
        logits = theirs(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(dict(ours.trace(x))["score"], logits, atol=1e-4 * np.abs(logits).max())
    crf = densecrf.DenseCRF2D(40, 30, 5)
    crf.setUnaryEnergy(np.ascontiguousarray(-logits[0].reshape(5, -1)))
    places = np.stack(np.meshgrid(np.arange(40), np.arange(30))).reshape(2, -1)
    features = np.concatenate([places / 160, x[0].reshape(3, -1) / 3]).astype(np.float32)
    options = {"normalization": densecrf.NormalizationType.NORMALIZE_AFTER}
    crf.addPairwiseEnergy(np.ascontiguousarray((places / 3).astype(np.float32)), compat=3, **options)
    crf.addPairwiseEnergy(np.ascontiguousarray(features), compat=5, **options)
    expected = np.array(crf.inference(4)).reshape(5, 30, 40)
    got = segalgo.softmax(ours(x)[0], 0)
    assert np.quantile(np.abs(got - expected), 0.99) < 1e-3


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_the_encoder_of_resnet(name, rng):
    """Classification weights, with their fully connected layer."""
    import torch
    import torch_segmentation as peers

    theirs = seasoned(peers.ResNet(name, 8, (False, False, False), fc=10))
    state = {key: value.numpy() for key, value in theirs.state_dict().items()}
    x = rng.standard_normal((1, 3, 64, 64), dtype=np.float32)
    for network in (FCN, DeepLabV3):
        ours = load_encoder(network(3, 5, name, width_mult=1 / 8, dilated=(False, False, False)), state)
        last = "relu2" if name == "resnet18" else "relu3"
        got = dict(ours.trace(x))[f"backbone.layer4.{1 if name == 'resnet18' else 2}.{last}"]
        with torch.no_grad():
            expected = theirs(torch.from_numpy(x))["out"].numpy()
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_the_encoder_of_vgg16(rng):
    """The matrices of the classification network become convolutions: one cell of the map is its second matrix's."""
    import torch
    from torch_fcn_vgg16 import CaffeFCN
    from torch_networks import vgg16_features

    trained = seasoned(vgg16_features(False, widths=(4, 4, 8, 8, 8)))
    state = {key: value.numpy() for key, value in trained.state_dict().items() if key.startswith("features.")}
    first, second = (torch.nn.Linear(n, 16) for n in (8 * 49, 16))
    state |= {"classifier.0.weight": first.weight.detach().numpy(), "classifier.0.bias": first.bias.detach().numpy()}
    state |= {"classifier.3.weight": second.weight.detach().numpy(), "classifier.3.bias": second.bias.detach().numpy()}
    state["classifier.6.weight"] = np.zeros((10, 16), np.float32)
    ours = load_encoder(FCN8s(3, 5, (4, 4, 8, 8, 8), 16), state)
    theirs = seasoned(CaffeFCN(8, (4, 4, 8, 8, 8), 16, 5))
    names = [name for name in ours.parameters if name.startswith("conv")]
    assert names == [name for name in theirs.state_dict() if name.startswith("conv")]
    cells = torch.from_numpy(rng.standard_normal((1, 8, 7, 7), dtype=np.float32))
    with torch.no_grad():
        expected = second(torch.relu(first(cells.flatten(1)))).numpy()
    kernels = [ours.parameters[f"{name}.{entry}"] for name in ("fc6", "fc7") for entry in ("weight", "bias")]
    hidden = np.maximum(segalgo.conv2d(cells.numpy(), *kernels[:2]), 0)
    got = segalgo.conv2d(hidden, *kernels[2:])
    np.testing.assert_allclose(got[..., 0, 0], expected, rtol=1e-4, atol=1e-5)
    x = rng.standard_normal((1, 3, 64, 64), dtype=np.float32)
    ours.load_state_dict({**theirs_as_arrays(theirs), **{name: ours.parameters[name] for name in names}})
    with torch.no_grad():
        features = trained.features[:4](torch.from_numpy(np.pad(x, ((0, 0), (0, 0), (99, 99), (99, 99))))).numpy()
    got = dict(ours.trace(x))["relu1_2"]
    np.testing.assert_allclose(got[..., 3:-3, 3:-3], features[..., 3:-3, 3:-3], rtol=1e-3, atol=1e-4)


def theirs_as_arrays(theirs):
    return {key: value.numpy() for key, value in theirs.state_dict().items()}


@pytest.mark.parametrize("source", ["transformers", "nvlabs"])
def test_the_encoder_of_segformer(source):
    """Classification weights by both projects' names, with their classifier."""
    state = {key: value.numpy() for key, value in seasoned(cases()[f"segformer-{source}"]).state_dict().items()}
    whole = SegFormer(3, 5, "b0" if source == "transformers" else "b2", 24, width_mult=WIDTHS[0] / (32 if source ==
                      "transformers" else 64))  # fmt: skip
    fresh = dict(whole.parameters)
    encoder = {name.removeprefix("backbone."): value for name, value in state.items() if "decode_head" not in name}
    classifier = {"classifier.weight": np.zeros((3, 3))} if source == "transformers" else {"head.bias": np.zeros(3)}
    load_encoder(whole, encoder | classifier)
    if source == "nvlabs":
        key = state["backbone.block2.1.attn.kv.weight"][:16]
        np.testing.assert_array_equal(whole.parameters["segformer.encoder.block.1.1.attention.self.key.weight"], key)
    for name, value in whole.parameters.items():
        if name.startswith("decode_head."):
            np.testing.assert_array_equal(value, fresh[name])
        elif source == "transformers":
            np.testing.assert_array_equal(value, state[name])


def test_the_encoder_of_mobilenetv2(rng):
    """Torchvision's classification weights, with the last convolution and the classifier, which are passed over."""
    import torch
    import torch_papers as papers

    layers, channels = papers.mobilenet_v2_features(0.25)
    theirs = seasoned(torch.nn.Sequential(*layers))
    state = {f"features.{key}": value.numpy() for key, value in theirs.state_dict().items()}
    state |= {"features.18.0.weight": np.zeros((1280, channels, 1, 1)), "classifier.1.bias": np.zeros(1000)}
    ours = load_encoder(DeepLabV3(3, 5, "mobilenet_v2", width_mult=0.25), state)
    x = rng.standard_normal((1, 3, 64, 64), dtype=np.float32)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x)).numpy()
    got = dict(ours.trace(x))["backbone.17.conv.3"]
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_the_encoder_of_deeplabv2():
    """Torchvision's bottlenecks by the port's names."""
    import torch_segmentation as peers

    theirs = seasoned(peers.ResNet("resnet50", 4, (False, False, False), fc=10))
    state = {key: value.numpy() for key, value in theirs.state_dict().items()}
    ours = load_encoder(DeepLabV2(3, 5, "resnet50", width=4), state)
    for name, other in (
        ("layer1.conv1.bn.running_mean", "bn1.running_mean"),
        ("layer3.block1.shortcut.conv.weight", "layer2.0.downsample.0.weight"),
        ("layer5.block3.increase.bn.bias", "layer4.2.bn3.bias"),
    ):
        np.testing.assert_array_equal(ours.parameters[f"base.{name}"], state[other])


def test_the_encoder_of_mobilenetv3(rng):
    import torch
    import torch_segmentation as peers

    theirs = seasoned(peers.Classifier(0.25))
    state = {key: value.numpy() for key, value in theirs.state_dict().items()}
    ours = load_encoder(DeepLabV3(3, 5, "mobilenet_v3_large", width_mult=0.25), state)
    x = rng.standard_normal((1, 3, 64, 64), dtype=np.float32)
    with torch.no_grad():
        expected = theirs.features(torch.from_numpy(x)).numpy()
    got = dict(ours.trace(x))["backbone.16.2"]
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
