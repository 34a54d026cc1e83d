"""Networks of semantic segmentation: the counts of parameters and products and the maps of their papers."""

import numpy as np
import pytest
from semantic_networks import SMALL, seasoned

import segalgo
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
)
from segalgo.models.graph.execution import Computation
from segalgo.models.networks.dilated_network import CONTEXTS

# What torchvision's auxiliary head on stage 3 of a bottleneck ResNet has: a 3 x 3 and a 1 x 1 convolution.
AUXILIARY = 256 * 1024 * 9 + 2 * 256 + 21 * 256 + 21
COUNTS = {
    "fcn_resnet50": (35_322_218 - AUXILIARY, lambda: FCN()),
    "fcn_resnet101": (54_314_346 - AUXILIARY, lambda: FCN(backbone="resnet101")),
    "deeplabv3_resnet50": (42_004_074 - AUXILIARY, lambda: DeepLabV3()),
    "deeplabv3_resnet101": (60_996_202 - AUXILIARY, lambda: DeepLabV3(backbone="resnet101")),
    "deeplabv3_mobilenet_v3_large": (
        11_029_328 - (10 * 40 * 9 + 2 * 10 + 21 * 10 + 21),
        lambda: DeepLabV3(backbone="mobilenet_v3_large"),
    ),
    "lraspp_mobilenet_v3_large": (3_221_538, lambda: LRASPP()),
    "pspnet50-ade": (49_180_908 - 2_398_358, lambda: PSPNet()),
    "pspnet101-ade": (68_173_036 - 2_398_358, lambda: PSPNet(backbone="resnet101")),
    "fcn32s": (134_346_581 + 1_806_336, lambda: FCN32s()),
    "fcn16s": (134_346_581 + 512 * 21 + 21 + 441 * (4 * 4 + 32 * 32), lambda: FCN16s()),
    "fcn8s": (134_346_581 + 16_170 + 127_008, lambda: FCN8s()),
    "fcn8s-at-once": (134_346_581 + 16_170 + 127_008, lambda: FCN8sAtOnce()),
    "crf-rnn": (134_491_103, lambda: CRFRNN(canvas=1)),
    "deeplab-largefov": (20_505_429, lambda: DeepLabV1()),
    "deeplabv2-vgg16-aspp": (37_877_652, lambda: DeepLabV2VGG16()),
    "deeplabv2-resnet101-msc": (44_048_532, lambda: DeepLabV2()),
    "dilated-front-end": (134_346_581, lambda: DilatedNetwork(context=None)),
    "dilated-basic-21": (134_346_581 + 7 * (21 * 21 * 9 + 21) + 21 * 21 + 21, lambda: DilatedNetwork(context="camvid")),
    "dilated-large-21": (134_346_581 + 6_803_139, lambda: DilatedNetwork()),
    "icnet-cityscapes": (6_685_715, lambda: ICNet()),
    "refinenet101-voc": (118_052_437, lambda: RefineNet()),
    "segformer-b0-ade": (3_752_694, lambda: SegFormer()),
    "segformer-b0-cityscapes": (3_719_027, lambda: SegFormer(num_classes=19)),
}


def shapes_of(model, *size):
    return {step.name: step.shape[1:] for step in model.describe((1, model.in_channels, *size))}


@pytest.mark.parametrize("builder", COUNTS)
def test_parameters_are_as_many_as_published(builder):
    count, make = COUNTS[builder]
    assert make().summary((1, 3, 65, 65)).parameters == count


def test_segformers_are_as_large_as_in_the_paper():
    """Table 1 of Xie et al.: parameters of encoder and decoder in millions, ADE20K."""
    for variant, encoder, decoder in (
        ("b0", 3.4, 0.4), ("b1", 13.1, 0.6), ("b2", 24.2, 3.3), ("b3", 44.0, 3.3), ("b4", 60.8, 3.3), ("b5", 81.4, 3.3),
    ):  # fmt: skip
        rows = SegFormer(variant=variant).summary((1, 3, 64, 64)).rows
        counts = [
            sum(row.parameters for row in rows if row.name.startswith("segformer") == own) for own in (True, False)
        ]
        assert counts[0] / 1e6 == pytest.approx(encoder, abs=0.11)
        assert counts[1] / 1e6 == pytest.approx(decoder, abs=0.21)


def test_maps_of_segformer():
    """Figure 2 of Xie et al.: maps of 1/4, 1/8, 1/16 and 1/32; attention over 1/64 of the cells in the first stage."""
    shapes = shapes_of(SegFormer(), 512, 512)
    for stage, shape in enumerate([(32, 128, 128), (64, 64, 64), (160, 32, 32), (256, 16, 16)]):
        assert shapes[f"segformer.encoder.stage.{stage}.map"] == shape
    heads = {
        entry: [shapes[f"segformer.encoder.block.{stage}.0.attention.self.{entry}.heads"] for stage in range(4)]
        for entry in ("query", "key")
    }
    assert heads["query"] == [(1, 128**2, 32), (2, 64**2, 32), (5, 32**2, 32), (8, 256, 32)]
    assert heads["key"] == [(1, 256, 32), (2, 256, 32), (5, 256, 32), (8, 256, 32)]
    assert shapes["decode_head.concatenated"] == (1024, 128, 128)
    assert shapes["decode_head.classifier"] == (150, 128, 128)


# Products of all convolutions, in units of 1e9, at 520 x 520; torchvision's figures count the auxiliary head.
@pytest.mark.parametrize(
    ("make", "published", "auxiliary"),
    [
        (lambda: FCN(), 152.717, (AUXILIARY - 533) * 65 * 65),
        (lambda: DeepLabV3(), 178.722, (AUXILIARY - 533) * 65 * 65),
        (lambda: LRASPP(), 2.086, 0),
    ],
)
def test_products_are_as_many_as_published(make, published, auxiliary):
    rows = make().summary((1, 3, 520, 520)).rows
    products = sum(row.multiplications for row in rows if row.operation == "conv2d")
    assert (products + auxiliary) / 1e9 == pytest.approx(published, rel=1e-3)


def test_maps_of_resnet():
    """Table 1 of He et al.: 112, 56, 28, 14, 7 cells of a picture of 224; dilated, the last three have 28."""
    maps = {"stem": (64, 112, 112), "layer1": (256, 56, 56), "layer2": (512, 28, 28)}
    maps |= {"layer3": (1024, 14, 14), "layer4": (2048, 7, 7)}
    plain = shapes_of(FCN(dilated=(False, False, False)), 224, 224)
    for name, shape in maps.items():
        last = {"stem": "relu1", "layer1": "layer1.2.relu3", "layer2": "layer2.3.relu3"}
        assert plain["backbone." + last.get(name, {"layer3": "layer3.5.relu3"}.get(name, "layer4.2.relu3"))] == shape
    dilated = FCN().describe((1, 3, 224, 224))
    options = {step.name: step.options for step in dilated}
    assert {step.name: step.shape for step in dilated}["backbone.layer4.2.relu3"] == (1, 2048, 28, 28)
    rates = [options[f"backbone.layer{s}.{k}.conv2"]["dilation"] for s, k in ((3, 0), (3, 1), (4, 0), (4, 1))]
    assert rates == [1, 2, 2, 4]
    basic = shapes_of(FCN(backbone="resnet34", dilated=(False, False, False)), 224, 224)
    assert basic["backbone.layer4.2.relu2"] == (512, 7, 7)
    assert sum(".conv" in name for name in basic) == 1 + 2 * (3 + 4 + 6 + 3)


def test_maps_of_mobilenetv3():
    """Table 1 of Howard et al. at 224, but for the last stage, which is dilated: 14 cells in place of 7."""
    shapes = shapes_of(LRASPP(), 224, 224)
    maps = {"0.2": (16, 112, 112), "3.add": (24, 56, 56), "6.add": (40, 28, 28), "10.add": (80, 14, 14)}
    maps |= {"12.add": (112, 14, 14), "15.add": (160, 14, 14), "16.2": (960, 14, 14)}
    for name, shape in maps.items():
        assert shapes[f"backbone.{name}"] == shape
    squeezed = {name: shape[0] for name, shape in shapes.items() if name.endswith("fc1")}
    assert [squeezed[f"backbone.{k}.block.2.fc1"] for k in (4, 5, 11, 12, 13, 14)] == [24, 32, 120, 168, 168, 240]
    assert shapes["classifier.enlarged"] == (128, 28, 28)


def test_maps_of_deeplabv3():
    """Figure 5 of Chen et al.: five branches of 256 channels side by side, at an eighth of the picture."""
    steps = DeepLabV3().describe((1, 3, 520, 520))
    shapes = {step.name: step.shape[1:] for step in steps}
    assert shapes["classifier.0.concatenated"] == (1280, 65, 65)
    assert shapes["classifier.0.project.0"] == shapes["classifier.1"] == (256, 65, 65)
    rates = [step.options["dilation"] for step in steps if step.name.startswith("classifier.0.convs.") and "weight"
             and step.operation == "conv2d" and step.options["kernel_size"] == 3]  # fmt: skip
    assert rates == [12, 24, 36]


def test_maps_of_fcn_on_vgg16():
    """The sizes of the authors' definition for a picture of 500 rows."""
    shapes = shapes_of(FCN8s(), 500, 500)
    sizes = {"conv1_1": 698, "pool1": 349, "pool2": 175, "pool3": 88, "pool4": 44, "pool5": 22, "fc6": 16}
    sizes |= {"score_fr": 16, "upscore2": 34, "fuse_pool4": 34, "upscore_pool4": 70, "fuse_pool3": 70, "upscore8": 568}
    assert {name: shapes[name][1] for name in sizes} == sizes
    assert shapes["fc7"][0] == 4096
    assert shapes["score"] == (21, 500, 500)
    assert shapes_of(FCN16s(), 500, 500)["upscore16"][1] == 34 * 16 + 16
    assert shapes_of(FCN32s(), 500, 500)["upscore"][1] == 16 * 32 + 32


def test_fresh_enlargement_is_bilinear():
    """A constant map stays constant, and no class reaches into another."""
    parameters = FCN8s(3, 2, (2, 2, 2, 2, 2), 4).parameters
    np.testing.assert_allclose(np.diag(parameters["upscore2.weight"][0, 0]), np.array([0.25, 0.75, 0.75, 0.25]) ** 2)
    assert not parameters["upscore8.weight"][0, 1].any()
    enlarged = segalgo.conv_transpose2d(np.ones((1, 2, 4, 4), np.float32), parameters["upscore8.weight"], stride=8)
    np.testing.assert_allclose(enlarged[..., 8:-8, 8:-8], 1, rtol=1e-6)


def test_maps_of_pspnet():
    """Figure 3 of Zhao et al.: 60 x 60 cells of a picture of 473, averaged to 1, 2, 3 and 6, joined to 4096 channels."""
    steps = PSPNet().describe((1, 3, 473, 473))
    shapes = {step.name: step.shape[1:] for step in steps}
    assert shapes["layer0.6"] == (128, 237, 237)
    assert shapes["layer4.2.relu3"] == (2048, 60, 60)
    assert [shapes[f"ppm.features.{k}.1"] for k in range(4)] == [(512, n, n) for n in (1, 2, 3, 6)]
    assert shapes["ppm"] == (4096, 60, 60)
    rates = {step.name: step.options["dilation"] for step in steps if step.name.endswith("conv2")}
    assert {rates[f"layer3.{k}.conv2"] for k in range(6)} == {2}
    assert {rates[f"layer4.{k}.conv2"] for k in range(3)} == {4}
    assert PSPNet().fitting_size(480, 466) == (481, 473)


def test_maps_of_deeplab_on_vgg16():
    """An eighth of a picture of 321: 161, 81, 41 cells; the branches are dilated by 6 to 24."""
    steps = DeepLabV2VGG16().describe((1, 3, 321, 321))
    shapes = {step.name: step.shape[1:] for step in steps}
    assert [shapes[f"pool{k}"][1] for k in range(1, 6)] == [161, 81, 41, 41, 41]
    assert [step.options["dilation"] for step in steps if step.name.startswith("fc6_")] == [6, 12, 18, 24]
    assert {step.options["dilation"] for step in steps if step.name.startswith("conv5")} == {2}
    assert shapes["fc7_4"] == (1024, 41, 41)
    assert shapes_of(DeepLabV1(), 321, 321)["fc8"] == (21, 41, 41)
    several = shapes_of(DeepLabV1(multiscale=True), 321, 321)
    assert [several[f"{source}_ms"][1] for source in ("data", "pool1", "pool2", "pool3", "pool4")] == [
        321, 161, 81, 41, 41
    ]  # fmt: skip
    assert several["data_conv"][0] == several["pool4_fc"][0] == 128
    assert DeepLabV1().fitting_size(320, 322) == (321, 329)


def test_crf_rnn_begins_as_a_potts_model(rng):
    """Fresh, its last layer is `dense_crf` with weights 3 and 5, of the picture padded to the canvas."""
    model = CRFRNN(3, 4, (2, 2, 2, 2, 2), 4, iterations=2, canvas=20)
    x = rng.normal(0, 50, (1, 3, 12, 17)).astype(np.float32)
    arrays = dict(model.trace(x))
    padded = np.pad(x[0], ((0, 0), (0, 8), (0, 3)))
    options = {"spatial_weight": 3, "bilateral_weight": 5, "bilateral_sigma": 160, "color_sigma": 3}
    expected = segalgo.dense_crf(
        arrays["score"][0], padded.transpose(1, 2, 0), 2, normalization="after", logits=True, **options
    )
    np.testing.assert_allclose(model(x)[0], expected[:, :12, :17], rtol=1e-5, atol=1e-5)
    assert CRFRNN(3, 4, (2, 2, 2, 2, 2), 4).fitting_size(375, 501) == (500, 501)


def test_maps_of_deeplabv2():
    """Three scales of a picture of 513 pass the same layers; the last stages are dilated by 2 and 4."""
    steps = DeepLabV2().describe((1, 3, 513, 513))
    shapes = {step.name: step.shape[1:] for step in steps}
    last = "base.layer5.block3.relu"
    assert [shapes[last + scale] for scale in ("", "@0.75", "@0.5")] == [(2048, 65, 65), (2048, 49, 49), (2048, 33, 33)]
    rates = {step.name: step.options["dilation"] for step in steps if step.operation == "conv2d"}
    assert {rates[f"base.layer4.block{k}.conv3x3.conv"] for k in range(1, 24)} == {2}
    assert {rates[f"base.layer5.block{k}.conv3x3.conv"] for k in range(1, 4)} == {4}
    assert [rates[f"base.aspp.c{k}"] for k in range(4)] == [6, 12, 18, 24]
    strides = {step.name: step.options["stride"] for step in steps if step.operation == "conv2d"}
    assert strides["base.layer3.block1.reduce.conv"] == strides["base.layer3.block1.shortcut.conv"] == 2
    assert strides["base.layer3.block1.conv3x3.conv"] == 1


def test_layers_of_a_further_pass_have_the_parameters_of_the_first():
    model = seasoned(SMALL["deeplabv2"]())
    names = [step.name for step in model.describe((1, 3, 45, 61)) if step.operation == "conv2d"]
    assert len(names) == 3 * len({name.partition("@")[0] for name in names})
    assert not any("@" in name for name in model.parameters)
    again = {}
    exec(model.to_source((1, 3, 45, 61)), again)
    copy = again["DeepLabV2"](3, 5).load_state_dict(model.parameters)
    x = np.random.default_rng(3).standard_normal((1, 3, 45, 61), dtype=np.float32)
    np.testing.assert_array_equal(copy(x), model(x))

    class Different(DeepLabV2):
        def forward(self, layers, x):
            y = layers.conv2d(x, "a", 4, 3)
            return layers.again("@2").conv2d(y, "a", 4, 3)

    with pytest.raises(
        ValueError, match=r"layer a@2 \(conv2d\): a\.weight: expected a parameter of shape \(4, 4, 3, 3\)"
    ):
        Different().describe((1, 3, 33, 33))


def test_maps_of_the_dilated_network():
    """The sizes of the authors' deployed definitions: 66 cells of 900 pixels, 128 of 1396."""
    steps = DilatedNetwork().describe((1, 3, 528, 528))
    shapes = {step.name: step.shape[1:] for step in steps}
    assert shapes["mirrored_columns"] == (3, 900, 900)
    assert shapes["fc-final"] == shapes["ct_final"] == (21, 66, 66)
    context = [step for step in steps if step.name.startswith("ct_") and step.operation == "conv2d"]
    assert [step.options["dilation"] for step in context] == [1, 1, 2, 4, 8, 16, 1, 1]
    assert [step.shape[1] for step in context] == [42, 42, 84, 168, 336, 672, 672, 21]
    city = shapes_of(DilatedNetwork(num_classes=19, context="cityscapes"), 1024, 1024)
    assert city["ctx_final"] == (19, 128, 128)
    assert city["ctx_upsample"] == (19, 1024, 1024)
    kitti = DilatedNetwork(num_classes=11, context="kitti").parameter_shapes()
    assert "ctx_conv4_1.weight" in kitti
    assert "ctx_conv5_1.weight" not in kitti


@pytest.mark.parametrize("context", ["pascal_voc", "camvid", "cityscapes"])
def test_a_fresh_context_module_passes_its_input_on(context, rng):
    """Section 4 of Yu and Koltun: nearly, since small random numbers are added."""
    model = DilatedNetwork(3, 3, (2, 2, 2, 2, 2), 4, context)
    logits = rng.uniform(0, 1, (1, 3, 16, 16)).astype(np.float32)
    passed = model._context(Computation(model.parameters), logits, CONTEXTS[context])
    assert np.abs(passed - logits).max() < 0.1


def test_maps_of_icnet():
    """The sizes of the authors' definition for 1025 x 2049."""
    steps = ICNet().describe((1, 3, 1025, 2049))
    shapes = {step.name: step.shape[1:] for step in steps}
    sizes = {"data_sub2": (3, 513, 1025), "pool1_3x3_s2": (64, 129, 257), "conv3_1": (256, 65, 129)}
    sizes |= {"conv3_1_sub4": (256, 33, 65), "conv5_3": (1024, 33, 65), "conv5_4_k1": (256, 33, 65)}
    sizes |= {"conv3_sub1": (64, 129, 257), "sub24_sum": (128, 65, 129), "sub12_sum": (128, 129, 257)}
    sizes |= {"conv6_cls": (19, 257, 513), "conv6_interp": (19, 1025, 2049)}
    assert {name: shapes[name] for name in sizes} == sizes
    pools = {step.name: (step.options["kernel_size"], step.options["stride"]) for step in steps
             if step.operation == "avg_pool2d"}  # fmt: skip
    assert pools == {
        "conv5_3_pool1": ((33, 65), (33, 65)),
        "conv5_3_pool2": ((17, 33), (16, 32)),
        "conv5_3_pool3": ((13, 25), (10, 20)),
        "conv5_3_pool6": ((8, 15), (5, 10)),
    }
    assert [shapes[f"conv5_3_pool{k}"][1:] for k in (1, 2, 3, 6)] == [(1, 1), (2, 2), (3, 3), (6, 6)]
    assert ICNet().fitting_size(1024, 2048) == (1025, 2049)
    normalized = ICNet(batch_norm=True).parameter_shapes()
    assert "conv1_sub1/bn.running_var" in normalized
    assert "conv1_sub1.bias" not in normalized


def test_maps_of_refinenet():
    """Figure 2 of Lin et al.: blocks of 1/32, 1/16, 1/8 and 1/4 of the picture."""
    shapes = shapes_of(RefineNet(), 512, 512)
    assert shapes["mflow_conv_g1_b3_joint_varout_dimred"] == (256, 16, 16)
    assert [shapes[f"adapt_stage{k}_b.0.2_sum"] for k in range(1, 5)] == [
        (512, 16, 16), (256, 32, 32), (256, 64, 64), (256, 128, 128)
    ]  # fmt: skip
    assert shapes["clf_conv"] == (21, 128, 128)
    assert len(RefineNet().parameter_shapes()) == 712 - 104  # batches that PyTorch counts, one for each normalization


def test_maps_of_mobilenetv2():
    """Table 2 of Sandler et al. at 224, but for the last stages, which are dilated: 14 cells in place of 7."""
    shapes = shapes_of(DeepLabV3(backbone="mobilenet_v2"), 224, 224)
    maps = {"0.2": (32, 112, 112), "1.conv.2": (16, 112, 112), "3.add": (24, 56, 56), "6.add": (32, 28, 28)}
    maps |= {"10.add": (64, 14, 14), "13.add": (96, 14, 14), "16.add": (160, 14, 14), "17.conv.3": (320, 14, 14)}
    assert {name: shapes[f"backbone.{name}"] for name in maps} == maps
    # torchvision's mobilenet_v2 has 3,504,872 parameters, with a last convolution to 1280 channels and 1000 classes.
    rows = DeepLabV3(backbone="mobilenet_v2").summary((1, 3, 65, 65)).rows
    count = sum(row.parameters for row in rows if row.name.startswith("backbone"))
    assert count == 3_504_872 - (320 * 1280 + 2 * 1280) - (1280 * 1000 + 1000)
