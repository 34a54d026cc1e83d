"""U-Nets of other projects: which of them are ours, and what their parameters are called there."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from segalgo.models.graph.other_names import OtherNames, renamed

DOUBLE = {"0": "conv1", "1": "bn1", "3": "conv2", "4": "bn2"}
"""Our layers of a block for the numbers of ``Sequential(Conv2d, BatchNorm2d, ReLU, Conv2d, BatchNorm2d, ReLU)``."""


def milesial_unet(names: set[str]) -> dict[str, str]:
    """Return our layer for each layer of milesial/Pytorch-UNet, with transposed convolutions or bilinear."""
    depth = sum(f"down{stage}.maxpool_conv.1.double_conv.0.weight" in names for stage in range(1, 13))
    blocks = {"inc.double_conv": "down1"}
    for stage in range(1, depth + 1):
        blocks[f"down{stage}.maxpool_conv.1.double_conv"] = f"down{stage + 1}"
        blocks[f"up{stage}.conv.double_conv"] = f"up{depth + 1 - stage}"
    upward = {f"up{stage}.up": f"up{depth + 1 - stage}_upconv" for stage in range(1, depth + 1)}
    return _layers_of(blocks) | upward | {"outc.conv": "classifier"}


def persson_unet(names: set[str]) -> dict[str, str]:
    """Return our layer for each layer of the U-Net in aladdinpersson's tutorial."""
    depth = sum(f"downs.{stage}.conv.0.weight" in names for stage in range(12))
    blocks = {f"downs.{stage}.conv": f"down{stage + 1}" for stage in range(depth)}
    blocks["bottleneck.conv"] = f"down{depth + 1}"
    blocks |= {f"ups.{2 * stage + 1}.conv": f"up{depth - stage}" for stage in range(depth)}
    upward = {f"ups.{2 * stage}": f"up{depth - stage}_upconv" for stage in range(depth)}
    return _layers_of(blocks) | upward | {"final_conv": "classifier"}


def buda_unet(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights of mateuszbuda/brain-segmentation-pytorch, which puts the enlarged map before the skip."""
    layers = {"conv": "classifier"}
    for j in (1, 2):
        layers |= {f"bottleneck.bottleneckconv{j}": f"down5_conv{j}", f"bottleneck.bottlenecknorm{j}": f"down5_bn{j}"}
        for stage in range(1, 5):
            for theirs, ours in ((f"encoder{stage}.enc{stage}", "down"), (f"decoder{stage}.dec{stage}", "up")):
                layers |= {f"{theirs}conv{j}": f"{ours}{stage}_conv{j}", f"{theirs}norm{j}": f"{ours}{stage}_bn{j}"}
    layers |= {f"upconv{stage}": f"up{stage}_upconv" for stage in range(1, 5)}
    return skips_first(renamed(weights, layers))


def nnunet(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights of nnU-Net's `PlainConvUNet`, if it was built of the layers of ours.

    Raises
    ------
    ValueError
        If it was not; the message says by what it differs.
    """
    own = {
        name: value
        for name, value in weights.items()
        if ".all_modules." not in name and not name.startswith("decoder.encoder.")
    }
    names = set(own)
    depth = sum(f"decoder.transpconvs.{k}.weight" in names for k in range(12))
    first = own["encoder.stages.0.0.convs.0.conv.weight"]
    convolutions = {name.rpartition(".convs.")[0] for name in names if ".convs.2." in name}
    differences = []
    if first.ndim != 4:
        differences.append("it takes volumes")
    if depth and "encoder.stages.1.0.convs.0.conv.weight" in names:
        differences.append("it halves by convolutions of stride 2 where ours pools")
    if "encoder.stages.0.0.convs.0.norm.running_mean" not in names:
        differences.append("it normalizes each picture (instance normalization) where ours has batch normalization")
    if convolutions or f"encoder.stages.{depth}.1.convs.1.conv.weight" not in names:
        differences.append("its blocks have not two convolutions each")
    if differences:
        raise ValueError(_refusal(differences, "nnU-Net's PlainConvUNet"))
    blocks = {"encoder.stages.0.0": "down1"}
    blocks |= {f"encoder.stages.{k}.1": f"down{k + 1}" for k in range(1, depth + 1)}
    blocks |= {f"decoder.stages.{k}": f"up{depth - k}" for k in range(depth)}
    layers = {f"decoder.transpconvs.{k}": f"up{depth - k}_upconv" for k in range(depth)}
    layers[f"decoder.seg_layers.{depth - 1}"] = "classifier"
    for theirs, ours in blocks.items():
        for j in (0, 1):
            layers |= {
                f"{theirs}.convs.{j}.conv": f"{ours}_conv{j + 1}",
                f"{theirs}.convs.{j}.norm": f"{ours}_bn{j + 1}",
            }
    warnings.warn(
        "weights of nnU-Net do not tell activation and pooling: they are taken for ReLU and max-pooling", stacklevel=2
    )
    # The other heads, of coarser maps, serve training alone.
    heads = {f"decoder.seg_layers.{k}.{entry}" for k in range(depth - 1) for entry in ("weight", "bias")}
    translated = renamed({name: value for name, value in own.items() if name not in heads}, layers)
    for k in range(1, depth + 1):
        kernel = translated[f"up{k}_upconv.weight"]  # (in, out, 2, 2)
        translated.setdefault(f"up{k}_upconv.bias", np.zeros(kernel.shape[1:2], kernel.dtype))
    return skips_first(translated)


def monai_basic_unet(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse the weights of MONAI's `BasicUNet`, which differs from ours in its last up-convolution and mostly in more.

    Raises
    ------
    ValueError
        Always; the message says by what it differs.
    """
    differences = []
    if weights["conv_0.conv_0.conv.weight"].ndim != 4:
        differences.append("it takes volumes")
    if "conv_0.conv_0.adn.N.running_mean" not in weights:
        differences.append("it normalizes each picture (instance normalization) where ours has batch normalization")
    differences.append("its last up-convolution keeps the number of channels where ours halves it")
    differences.append("its activation is a leaky ReLU unless it was chosen otherwise")
    raise ValueError(_refusal(differences, "MONAI's BasicUNet"))


def smp_network(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse the weights of segmentation_models.pytorch, whose decoders segalgo does not have.

    Raises
    ------
    ValueError
        Always; the message says by what it differs.
    """
    decoder = "U-Net" if any(name.startswith("decoder.blocks.0.conv1.") for name in weights) else "network"
    differences = [
        "its encoder is a network for classification (ResNet and the like)",
        "its decoder enlarges by repeating values",
    ]
    raise ValueError(_refusal(differences, f"a {decoder} of segmentation_models.pytorch"))


def skips_first(weights: dict[str, Any]) -> dict[str, Any]:
    """Return weights whose blocks expect the skip before the enlarged map, of weights that expect it behind."""
    for name, kernel in weights.items():
        stage, _, layer = name.partition("_")
        if (
            stage.startswith("up")
            and layer == "conv1.weight"
            and f"{stage}_upconv.weight" in weights
            and kernel.ndim == 4
        ):
            enlarged = weights[f"{stage}_upconv.weight"].shape[1]
            weights[name] = np.concatenate([kernel[:, enlarged:], kernel[:, :enlarged]], axis=1)
    return weights


def _layers_of(blocks: Mapping[str, str]) -> dict[str, str]:
    """Return our layer for each layer of blocks that number their layers."""
    return {f"{theirs}.{n}": f"{ours}_{layer}" for theirs, ours in blocks.items() for n, layer in DOUBLE.items()}


def _refusal(differences: list[str], network: str) -> str:
    return f"the weights are of {network}, which is not the U-Net of segalgo: {'; '.join(differences)}"


RGB_FROM_0_TO_1 = {"preprocessing": {"channels": "rgb", "mean": 0.0, "scale": 255.0}}
OTHER_NAMES = (
    OtherNames(
        "milesial/Pytorch-UNet, unet/unet_model.py",
        lambda weights: "inc.double_conv.0.weight" in weights,
        lambda weights: renamed(weights, milesial_unet(set(weights))),
        RGB_FROM_0_TO_1,
    ),
    OtherNames(
        "mateuszbuda/brain-segmentation-pytorch, unet.py (pictures are normalized one by one before it)",
        lambda weights: "encoder1.enc1conv1.weight" in weights,
        buda_unet,
    ),
    OtherNames(
        "aladdinpersson/Machine-Learning-Collection, semantic_segmentation_unet/model.py",
        lambda weights: "downs.0.conv.0.weight" in weights and "bottleneck.conv.0.weight" in weights,
        lambda weights: renamed(weights, persson_unet(set(weights))),
        RGB_FROM_0_TO_1,
    ),
    OtherNames(
        "MIC-DKFZ/dynamic-network-architectures, unet.py: PlainConvUNet of nnU-Net",
        lambda weights: "encoder.stages.0.0.convs.0.conv.weight" in weights,
        nnunet,
    ),
    OtherNames(
        "Project-MONAI/MONAI, monai/networks/nets/basic_unet.py",
        lambda weights: "conv_0.conv_0.conv.weight" in weights and "upcat_1.convs.conv_0.conv.weight" in weights,
        monai_basic_unet,
    ),
    OtherNames(
        "qubvel/segmentation_models.pytorch",
        lambda weights: "segmentation_head.0.weight" in weights,
        smp_network,
    ),
)
