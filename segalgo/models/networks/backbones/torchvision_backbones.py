"""The backbones of torchvision's segmentation networks, by the names of their builders."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from segalgo._core.checks import as_flag, as_number, as_sequence, one_of, shown
from segalgo.models.graph.other_names import kernel_shape
from segalgo.models.networks.backbones import mobilenetv2, mobilenetv3, resnet

PREFIX = "backbone."
MOBILENET_V2, MOBILENET_V3 = "mobilenet_v2", "mobilenet_v3_large"
BACKBONES = (*resnet.RESNETS, MOBILENET_V2, MOBILENET_V3)
RESNET_WIDTH = 64


def as_backbone(value: Any) -> str:
    """Return the name of a backbone."""
    return str(one_of(value, "backbone", BACKBONES))


def as_width_mult(value: Any) -> float:
    """Return a factor of channels."""
    factor = as_number(value, "width_mult")
    if not math.isfinite(factor) or not 0 < factor <= 64:
        raise ValueError(f"width_mult={shown(value)}: expected a number above 0, at most 64")
    return factor


def as_dilated(value: Any) -> tuple[bool, bool, bool]:
    """Return for the last three stages of a ResNet whether they dilate in place of halving."""
    expected = "three flags, for stages 2, 3 and 4"
    flags = tuple(as_flag(flag, "dilated") for flag in as_sequence(value, "dilated", expected))
    if len(flags) != 3:
        raise ValueError(f"dilated={shown(value)}: expected {expected}")
    return flags


def last_map(layers: Any, x: Any, backbone: str, width_mult: float, dilated: Sequence[bool]) -> Any:
    """Return the deepest map of a picture."""
    if backbone == MOBILENET_V2:
        return mobilenetv2.mobilenet_v2(layers, x, PREFIX, width_mult)[mobilenetv2.HIGH]
    if backbone == MOBILENET_V3:
        return mobilenetv3.mobilenet_v3_large(layers, x, PREFIX, width_mult)[mobilenetv3.HIGH]
    width = max(round(RESNET_WIDTH * width_mult), 1)
    return resnet.resnet(layers, x, resnet.RESNETS[backbone], PREFIX, width, dilated)["layer4"]


def arguments_of(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return the arguments of a network that the names and shapes of its backbone's parameters tell.

    torchvision dilates the last two stages of bottlenecks, and none of the other blocks.
    """
    if f"{PREFIX}0.0.weight" in shapes:
        second = f"{PREFIX}1.conv.0.0.weight" in shapes
        return {
            "in_channels": kernel_shape(shapes, f"{PREFIX}0.0.weight")[1],
            "backbone": MOBILENET_V2 if second else MOBILENET_V3,
            "width_mult": (mobilenetv2 if second else mobilenetv3).width_mult_of(shapes, PREFIX),
        }
    if f"{PREFIX}layer1.0.conv1.weight" not in shapes:
        raise ValueError(f"{PREFIX}layer1.0.conv1.weight: missing, and the backbone cannot be told without it")
    name = resnet.form_of(shapes, PREFIX)
    return {
        "in_channels": kernel_shape(shapes, f"{PREFIX}conv1.weight")[1],
        "backbone": name,
        "width_mult": resnet.width_of(shapes, PREFIX) / RESNET_WIDTH,
        "dilated": (False, *(resnet.RESNETS[name].bottleneck,) * 2),
    }


def classification_weights(weights: Mapping[str, Any], backbone: str) -> dict[str, Any]:
    """Return torchvision's weights of a classification network of this form by our names."""
    form = {MOBILENET_V2: mobilenetv2, MOBILENET_V3: mobilenetv3}.get(backbone, resnet)
    return form.classification_weights(weights, PREFIX)
