"""Networks of semantic segmentation: every backend, plans, tiles, files, refusals."""

import numpy as np
import pytest
from click.testing import CliRunner
from network_deviation import assert_logits, deviation
from PIL import Image
from semantic_networks import SMALL, seasoned

import segalgo
from segalgo.cli import main
from segalgo.models import (
    CRFRNN,
    FCN,
    LRASPP,
    DeepLabV1,
    DeepLabV2,
    DeepLabV2VGG16,
    DeepLabV3,
    DilatedNetwork,
    FCN8s,
    FCN8sAtOnce,
    FCN16s,
    FCN32s,
    ICNet,
    PSPNet,
    RefineNet,
    SegFormer,
    UNet,
    WeightsError,
    from_checkpoint,
    load_encoder,
    save_weights,
)
from segalgo.models.graph.execution import by_step
from segalgo.models.networks.backbones.vgg import CONVOLUTIONS, TORCHVISION
from segalgo.models.plans.public import PublicPlan

SLOW_ON_THE_SIMULATED_DEVICE = {
    "deeplabv3-mobilenet": "a minute there, where LR-ASPP runs this backbone and DeepLabV3 on a ResNet this head",
    "dilated-voc": "half a minute there, where the network of Cityscapes runs the same layers but for the enlargement",
}
# Which parameter a test gives another shape.
LAST_LAYERS = (
    "classifier.4.bias", "classifier.bias", "cls.4.bias", "score_fr.bias", "fc8.bias", "fc8_1.bias", "aspp.c0.bias",
    "fc-final.bias", "final.bias", "conv6_cls.bias", "clf_conv.bias",
)  # fmt: skip


@pytest.fixture(params=SMALL)
def name(request):
    return request.param


@pytest.fixture
def model(name):
    return seasoned(SMALL[name]())


def test_every_backend(backend, name, model, rng):
    """The plain pass in each wing, the simulated device included: a small form, end to end."""
    simulated = backend.word == "simulated"
    if simulated and name in SLOW_ON_THE_SIMULATED_DEVICE:
        pytest.skip(SLOW_ON_THE_SIMULATED_DEVICE[name])
    size = model.fitting_size(*((17, 9) if simulated else (45, 61)))
    for dtype in ("float32",) if simulated else ("float32", "float64"):
        x = rng.standard_normal((1, model.in_channels, *size)).astype(dtype)
        with segalgo.use_backend("reference"):
            expected, allowed = deviation(model, x, dtype)
        got = model(backend.array(x))
        assert got.dtype == dtype
        assert_logits(backend.numpy(got), expected, allowed)


def test_trace_summary_and_sizes(model, rng):
    for size in ((1, 1), (7, 33), (64, 40)):
        x = rng.standard_normal((2, model.in_channels, *size), dtype=np.float32)
        steps = model.describe((2, model.in_channels, *model.fitting_size(*size)))
        traced = dict(model.trace(x))
        assert {name: array.shape for name, array in traced.items()} == {step.name: step.shape for step in steps}
        logits = model(x)
        assert logits.shape == (2, model.num_classes, *size)
        np.testing.assert_array_equal(traced[steps[-1].name][:, :, : size[0], : size[1]], logits)
    assert f"{model.summary().parameters:,}" in str(model.summary()).splitlines()[-1]


@pytest.mark.parametrize("size", [(64, 96), (45, 61)])
def test_plans_compute_what_the_plain_pass_computes(model, size, rng):
    shape = (2, model.in_channels, *model.fitting_size(*size))
    x = rng.standard_normal(shape, dtype=np.float32)
    expected, allowed = deviation(model, x, "float32")
    run = model.plan(shape)
    for _ in range(2):
        assert_logits(run(x), expected, allowed)
    steps = model.describe(shape)
    assert_logits(PublicPlan(steps, by_step(steps, model.parameters)).run(x, None), expected, allowed)


IMAGENET = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375], "rgb"
PREPROCESSING = {
    name: (mean, [1.0, 1.0, 1.0], "bgr")
    for mean, names in (
        ((104.00699, 116.66877, 122.67892), ("fcn32s", "fcn16s", "fcn8s", "fcn8s-at-once")),
        ((104.008, 116.669, 122.675), ("deeplabv1", "deeplabv2-vgg16", "deeplabv2")),
        ((102.93, 111.36, 116.52), ("dilated-voc",)),
        ((72.39, 82.91, 73.16), ("dilated-cityscapes",)),
        ((103.939, 116.779, 123.68), ("icnet", "crf-rnn")),
    )
    for name in names
}


def test_predict(name, model, rng):
    picture = rng.integers(0, 256, (45, 61, 3), dtype=np.uint8)
    labels = model.predict(picture)
    assert labels.shape == (45, 61)
    mean, scale, channels = PREPROCESSING.get(name, IMAGENET)
    assert model.preprocessing.channels == channels
    mean, scale = (np.array(values)[:, None, None] for values in (mean, scale))
    x = ((picture[..., ::-1] if channels == "bgr" else picture).transpose(2, 0, 1) - mean) / scale
    logits = model(x[None])[0]
    best, second = np.sort(logits, axis=0)[[-1, -2]]
    sure = best - second > 1e-3 * np.abs(logits).max()
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(labels[sure], logits.argmax(0)[sure])


def test_tiles_where_the_layers_allow_them(rng):
    """FCN on a ResNet is convolutions alone; a mean of the whole map refuses."""
    made = seasoned(SMALL["fcn-resnet18"]())
    picture = rng.integers(0, 256, (64, 1152, 3), dtype=np.uint8)
    whole, tiled = made.predict_proba(picture), made.predict_proba(picture, tile=32)
    np.testing.assert_allclose(tiled, whole, atol=1e-4)
    with pytest.raises(ValueError, match=r"tile with the layer logits \(interpolate\).*not by an integer factor"):
        made.predict(picture[:45], tile=32)
    for name, layer in (
        ("segformer", r"segformer\.encoder\.patch_embeddings\.0\.flattened"),
        ("deeplabv3-resnet34", "classifier.0.convs.4.0"),
        ("lraspp", r"backbone\.4\.block\.\d\.avgpool"),
    ):
        with pytest.raises(ValueError, match=f"tile with the layer {layer} .*(reads its whole input|axes)"):
            SMALL[name]().predict(picture, tile=64)


def test_files_keep_the_network(model, tmp_path, rng):
    model.save(tmp_path / "own.safetensors")
    again = from_checkpoint(tmp_path / "own.safetensors")
    assert repr(again) == repr(model)
    # Names and shapes alone, without a record.
    save_weights(tmp_path / "bare.safetensors", model.parameters)
    named = {"architecture": "fcn8s_at_once"} if isinstance(model, FCN8sAtOnce) else {}
    assert type(from_checkpoint(tmp_path / "bare.safetensors", **named)) is type(model)
    x = rng.standard_normal((1, 3, 32, 48), dtype=np.float32)
    np.testing.assert_array_equal(again(x), model(x))


def test_the_command_takes_a_file_of_weights(model, tmp_path, rng):
    """``segalgo segment --model FILE`` recognises the network by names and shapes."""
    picture = rng.integers(0, 256, (45, 61, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "picture.png")
    save_weights(tmp_path / "weights.safetensors", model.parameters)
    options = ("--model", tmp_path / "weights.safetensors", "-o", tmp_path)
    result = CliRunner().invoke(main, [str(word) for word in ("segment", tmp_path / "picture.png", *options)])
    assert result.exit_code == 0, result.output
    found = from_checkpoint(tmp_path / "weights.safetensors")
    labels = segalgo.read_picture(tmp_path / "picture" / "labels.png")
    np.testing.assert_array_equal(labels, found.predict(picture))


def test_the_auxiliary_head_is_left_out(tmp_path):
    for name in ("fcn-resnet50", "deeplabv3-mobilenet"):
        model = seasoned(SMALL[name]())
        extra = {f"aux_classifier.{k}.weight": np.ones((3, 3, 1, 1), np.float32) for k in (0, 4)}
        save_weights(tmp_path / "weights.safetensors", {**model.parameters, **extra})
        got = from_checkpoint(tmp_path / "weights.safetensors")
        assert list(got.parameters) == list(model.parameters)
        assert got.arguments == model.arguments
    made = SMALL["lraspp"]()
    with pytest.raises(ValueError, match=r"1 mismatch:\n  aux_classifier.0.weight: unknown"):
        made.load_state_dict({**made.parameters, "aux_classifier.0.weight": np.ones(1, np.float32)})


def test_weights_that_do_not_fit_are_listed(model, tmp_path):
    state = dict(model.parameters)
    name = next(name for name in list(state)[len(state) // 2 :] if name.endswith(".weight"))
    state[name.replace("weight", "wieght")] = state.pop(name)
    last = next(name for name in state if name.endswith(LAST_LAYERS))
    classes = model.num_classes
    state[last] = np.zeros(9, np.float32)
    with pytest.raises(ValueError, match="3 mismatches") as caught:
        model.load_state_dict(state)
    assert f"{name}: missing, expected shape" in str(caught.value)
    assert f"the nearest unknown name is {name.replace('weight', 'wieght')}" in str(caught.value)
    assert f"{last}: of shape (9,), expected ({classes},)" in str(caught.value)
    del state[last]
    save_weights(tmp_path / "weights.safetensors", state)
    with pytest.raises(WeightsError, match="missing"):
        from_checkpoint(tmp_path / "weights.safetensors", architecture=model.architecture)


def test_encoders_of_classification_networks(tmp_path, rng):
    """ResNet and MobileNetV3 by torchvision's names go into any head; the classifier is passed over."""
    for name, classifier in (
        ("fcn-resnet50", "fc.weight"), ("deeplabv3-resnet34", "fc.weight"), ("lraspp", "classifier.3.weight"),
        ("deeplabv3-mobilenet", "classifier.0.weight"), ("deeplabv3-mobilenetv2", "classifier.1.weight"),
        ("deeplabv3-mobilenetv2", "features.18.0.weight"),
    ):  # fmt: skip
        trained, fresh = seasoned(SMALL[name]()), SMALL[name]()
        prefix = "" if "resnet" in name else "features."
        weights = {
            prefix + parameter.removeprefix("backbone."): value
            for parameter, value in trained.parameters.items()
            if parameter.startswith("backbone.")
        }
        weights[classifier] = np.zeros((10, 8), np.float32)
        save_weights(tmp_path / "encoder.safetensors", weights)
        head = {parameter: value for parameter, value in fresh.parameters.items() if "backbone" not in parameter}
        assert load_encoder(fresh, tmp_path / "encoder.safetensors") is fresh
        for parameter, value in fresh.parameters.items():
            np.testing.assert_array_equal(value, head.get(parameter, trained.parameters[parameter]))
        with pytest.raises(WeightsError, match="an encoder alone"):
            from_checkpoint(tmp_path / "encoder.safetensors")
        weights.pop(next(iter(weights)))
        with pytest.raises(ValueError, match="1 mismatch"):
            load_encoder(fresh, weights)
    with pytest.raises(TypeError, match="model is a UNet"):
        load_encoder(UNet(1, 2, 2, 1), {})
    with pytest.raises(TypeError, match="model is a dict"):
        load_encoder({}, {})


@pytest.mark.parametrize(
    "name", ["fcn8s-at-once", "crf-rnn", "deeplabv1", "deeplabv2-vgg16", "dilated-voc", "refinenet"]
)
def test_encoders_by_the_names_of_torchvision(name):
    """VGG16 as it is numbered there, its matrices as far as the network has them; a ResNet without a prefix."""
    trained, fresh = seasoned(SMALL[name]()), SMALL[name]()
    names = {ours: ours for ours in trained.parameters if fresh.in_encoder(ours)}
    if name != "refinenet":
        numbers = dict(zip(CONVOLUTIONS, (f"features.{k}" for k in TORCHVISION), strict=True))
        numbers |= {"fc6": "classifier.0", "fc7": "classifier.3"}
        names = {ours: f"{numbers[ours.partition('.')[0]]}.{ours.rpartition('.')[2]}" for ours in names}
    weights = {theirs: trained.parameters[ours] for ours, theirs in names.items()}
    for layer, shape in (("classifier.0", (8, 49 * 8)), ("classifier.3", (8, 8)), ("classifier.6", (10, 8))):
        weights.setdefault(f"{layer}.weight", np.zeros(shape, np.float32)) if name != "refinenet" else None
    weights |= {"fc.weight": np.zeros((10, 8))} if name == "refinenet" else {}
    before = dict(fresh.parameters)
    load_encoder(fresh, weights)
    for ours, value in fresh.parameters.items():
        np.testing.assert_array_equal(value, trained.parameters[ours] if ours in names else before[ours])
    weights["features.99.weight"] = weights.pop(next(iter(weights)))
    with pytest.raises(ValueError, match=r"2 mismatches:\n.*: missing, expected shape.*\n.*unknown, of shape"):
        load_encoder(fresh, weights)


def test_an_architecture_may_be_named(tmp_path):
    model = seasoned(SMALL["fcn8s-at-once"]())
    save_weights(tmp_path / "bare.safetensors", model.parameters)
    assert type(from_checkpoint(tmp_path / "bare.safetensors")) is FCN8s
    with pytest.raises(ValueError, match="architecture='fcn8'"):
        from_checkpoint(tmp_path / "bare.safetensors", architecture="fcn8")
    with pytest.raises(WeightsError, match=r"cls\.4\.weight: missing|layer0"):
        from_checkpoint(tmp_path / "bare.safetensors", architecture="pspnet")
    model.save(tmp_path / "own.safetensors")
    with pytest.raises(WeightsError, match="architecture='fcn8s': its record says 'fcn8s_at_once'"):
        from_checkpoint(tmp_path / "own.safetensors", architecture="fcn8s")
    with pytest.raises(TypeError, match="architecture='fcn8s': expected none with a graph"):
        from_checkpoint(tmp_path / "graph.onnx", architecture="fcn8s")


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: FCN(backbone="resnet9"), ValueError, "backbone='resnet9'"),
        (lambda: FCN(width_mult=0), ValueError, "width_mult=0: expected a number above 0"),
        (lambda: LRASPP(width_mult=float("nan")), ValueError, "width_mult=nan"),
        (lambda: FCN(width_mult="wide"), TypeError, "width_mult='wide': expected a number"),
        (lambda: FCN(dilated=(True, False)), ValueError, r"dilated=\(True, False\): expected three flags"),
        (lambda: DeepLabV3(dilated=True), TypeError, "dilated=True: expected three flags"),
        (lambda: DeepLabV3(head_channels=0), ValueError, "head_channels=0: expected at least 1"),
        (lambda: LRASPP(inter_channels=1.5), TypeError, "inter_channels=1.5: expected an integer"),
        (lambda: FCN8s(widths=(1, 2)), ValueError, r"widths=\(1, 2\): expected 5 numbers"),
        (lambda: FCN32s(widths=3), TypeError, "widths=3: expected 5 numbers"),
        (lambda: FCN16s(classifier_channels=0), ValueError, "classifier_channels=0"),
        (lambda: PSPNet(backbone="mobilenet_v3_large"), ValueError, "backbone='mobilenet_v3_large'"),
        (lambda: CRFRNN(iterations=-1), ValueError, "iterations=-1"),
        (lambda: CRFRNN(canvas=0), ValueError, "canvas=0"),
        (lambda: DeepLabV1(widths=(1, 2)), ValueError, r"widths=\(1, 2\): expected 5 numbers"),
        (lambda: DeepLabV1(multiscale="yes"), TypeError, "multiscale='yes'"),
        (lambda: DeepLabV2VGG16(classifier_channels=0), ValueError, "classifier_channels=0"),
        (lambda: DeepLabV2(backbone="resnet18"), ValueError, "backbone='resnet18'"),
        (lambda: DeepLabV2(width=0), ValueError, "width=0"),
        (lambda: DilatedNetwork(context="coco"), ValueError, "context='coco'"),
        (lambda: ICNet(width=1.5), TypeError, "width=1.5"),
        (lambda: ICNet(batch_norm="yes"), TypeError, "batch_norm='yes'"),
        (lambda: RefineNet(backbone="mobilenet_v2"), ValueError, "backbone='mobilenet_v2'"),
        (lambda: SegFormer(variant="b6"), ValueError, "variant='b6'"),
        (lambda: SegFormer(width_mult=0.1), ValueError, "width_mult=0.1: expected a factor that leaves whole heads"),
        (lambda: SegFormer(decoder_channels=0), ValueError, "decoder_channels=0"),
        (lambda: SegFormer(norm_eps=0), ValueError, "norm_eps=0: expected a small number above 0"),
        (lambda: FCN(dropout=1.0), ValueError, "dropout=1.0"),
        (lambda: FCN(num_classes=0), ValueError, "num_classes=0"),
    ],
)
def test_bad_arguments(make, error, words):
    with pytest.raises(error, match=words):
        make()
