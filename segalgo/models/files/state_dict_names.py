"""What other implementations call the same parameters: tables from their names to ours."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from segalgo.models.networks.segnet import SegNet

# Layers of torchvision's vgg16 and vgg16_bn, `features.{number}`, in the order of the thirteen convolutions.
VGG16 = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
VGG16_BN = (0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40)
ENCODER = tuple(f"conv{stage}_{j}" for stage, depth in enumerate(SegNet.depths, 1) for j in range(1, depth + 1))


def milesial_unet(names: set[str]) -> dict[str, str]:
    """milesial/Pytorch-UNet, ``unet/unet_model.py``, with transposed convolutions or bilinear."""
    depth = sum(f"down{stage}.maxpool_conv.1.double_conv.0.weight" in names for stage in range(1, 10))
    blocks = {"inc.double_conv": "down1"}
    for stage in range(1, depth + 1):
        blocks[f"down{stage}.maxpool_conv.1.double_conv"] = f"down{stage + 1}"
        blocks[f"up{stage}.conv.double_conv"] = f"up{depth + 1 - stage}"
    layers = {"outc.conv": "classifier"}
    for theirs, ours in blocks.items():
        layers |= {
            f"{theirs}.0": f"{ours}_conv1",
            f"{theirs}.1": f"{ours}_bn1",
            f"{theirs}.3": f"{ours}_conv2",
            f"{theirs}.4": f"{ours}_bn2",
        }
    return layers | {f"up{stage}.up": f"up{depth + 1 - stage}_upconv" for stage in range(1, depth + 1)}


def semseg_segnet(names: set[str]) -> dict[str, str]:
    """meetps/pytorch-semseg, ``ptsemseg/models/segnet.py``; its decoder counts layers in the order they run."""
    layers = {}
    for stage, depth in enumerate(SegNet.depths, 1):
        for j in range(1, depth + 1):
            up = f"conv{stage}_{depth + 1 - j}_D"
            for theirs, ours in ((f"down{stage}.conv{j}", f"conv{stage}_{j}"), (f"up{stage}.conv{j}", up)):
                layers |= {f"{theirs}.cbr_unit.0": ours, f"{theirs}.cbr_unit.1": f"{ours}_bn"}
    return layers


def vgg16(names: set[str]) -> dict[str, str]:
    """Torchvision's VGG16, with or without batch normalization: the encoder of SegNet."""
    if f"features.{VGG16_BN[-1]}.weight" not in names:
        return {f"features.{number}": ours for number, ours in zip(VGG16, ENCODER, strict=True)}
    layers = {f"features.{number}": ours for number, ours in zip(VGG16_BN, ENCODER, strict=True)}
    return layers | {f"features.{number + 1}": f"{ours}_bn" for number, ours in zip(VGG16_BN, ENCODER, strict=True)}


# A name that tells the implementation, the table, and what to know of the model beside its shapes.
IMPLEMENTATIONS: tuple[tuple[str, Callable[[set[str]], dict[str, str]], dict[str, Any]], ...] = (
    (
        "inc.double_conv.0.weight",
        milesial_unet,
        {"preprocessing": {"channels": "rgb", "mean": 0.0, "scale": 255.0}},
    ),
    (
        "down1.conv1.cbr_unit.0.weight",
        semseg_segnet,
        {
            "arguments": {"ceil_mode": False, "bare": False},
            "preprocessing": {"channels": "bgr", "mean": (104.00699, 116.66877, 122.67892), "scale": 255.0},
        },
    ),
)


# The authors fed raw pictures as OpenCV reads them.
RELEASE = {"preprocessing": {"channels": "bgr", "mean": 0.0, "scale": 1.0}}
BATCH_NORM_EPS = 1e-5


def translate(weights: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return weights under our names, and what is known of the implementation; ours pass as they are."""
    for mark, table, known in IMPLEMENTATIONS:
        if mark in weights:
            return renamed(weights, table(set(weights))), known
    if {"conv1_bn.weight", "conv1_1_bn.weight"} & set(weights) and not any(n.endswith("_mean") for n in weights):
        return with_statistics(renamed(weights, {"dense_softmax_inner_prod": "conv_classifier"})), RELEASE
    return dict(weights), {}


def with_statistics(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the weights of the SegNet authors' release, whose statistics are folded into scale and shift.

    Their layers are ours, ``conv1_1`` and ``conv1_1_bn``; scale and shift, of shape (1, C, 1, 1), count as weight and
    bias. Means of 0 and variances that make the divisor 1 leave them alone.
    """
    result = dict(weights)
    for name, value in weights.items():
        layer, _, entry = name.rpartition(".")
        if layer.endswith("_bn"):
            result[name] = value.reshape(-1)
            if entry == "weight":
                result[f"{layer}.running_mean"] = np.zeros(value.size, np.float32)
                result[f"{layer}.running_var"] = np.full(value.size, 1 - BATCH_NORM_EPS, np.float32)
    return result


def renamed(weights: Mapping[str, np.ndarray], layers: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Return weights with the layer's part of each name exchanged; a layer that the table lacks keeps its name."""
    result = {}
    for name, value in weights.items():
        layer, _, entry = name.rpartition(".")
        result[f"{layers.get(layer, layer)}.{entry}"] = value
    return result
