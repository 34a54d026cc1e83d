"""MobileNetV2: inverted residual blocks with depthwise convolutions and linear bottlenecks.

Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018, table 2. Names are those of
torchvision.
"""

from collections.abc import Mapping
from typing import Any

from segalgo.models.graph.other_names import kernel_shape
from segalgo.models.networks.backbones.conv_norm import conv_norm
from segalgo.models.networks.backbones.mobilenetv3 import make_divisible

FIRST = 32
# Rows of the paper's table 2: expansion, channels of the output, blocks, stride of the first block.
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
DILATED_FROM = 14  # the blocks from here on, counted from 1, dilate in place of halving
HIGH = "17"
"""The map of one sixteenth of the picture that heads read: the last but one of the classification network."""


def mobilenet_v2(layers: Any, x: Any, prefix: str = "backbone.", width_mult: float = 1.0) -> dict[str, Any]:
    """Return the maps "0" to "17" of a picture, dilated in the last stages so that they end at one sixteenth.

    Parameters
    ----------
    layers, x
        As in `Network.forward`.
    prefix : str
        In front of all names of layers.
    width_mult : float
        Factor of all channels, which are then rounded to multiples of 8.
    """
    first = make_divisible(FIRST * width_mult)
    features = {"0": conv_norm(layers, x, f"{prefix}0", first, 3, "relu6", stride=2, padding=1)}
    number = 0
    for expansion, channels, count, stride in STAGES:
        for k in range(count):
            x = features[str(number)]
            number += 1
            dilation = 2 if number >= DILATED_FROM else 1
            out = make_divisible(channels * width_mult)
            features[str(number)] = _block(
                layers, x, f"{prefix}{number}", expansion, out, stride if k == 0 else 1, dilation
            )
    return features


def _block(layers: Any, x: Any, name: str, expansion: int, out: int, stride: int, dilation: int) -> Any:
    """Return a block's result: expanded, filtered in each channel, projected, and added to its input."""
    y, expanded, number = x, x.shape[1] * expansion, 0
    if expansion > 1:
        y = conv_norm(layers, y, f"{name}.conv.0", expanded, 1, "relu6")
        number = 1
    options = {"stride": 1 if dilation > 1 else stride, "padding": dilation, "dilation": dilation, "groups": expanded}
    y = conv_norm(layers, y, f"{name}.conv.{number}", expanded, 3, "relu6", **options)
    y = conv_norm(layers, y, f"{name}.conv", out, 1, None, numbers=(number + 1, number + 2))
    return layers.add(y, x, f"{name}.add") if stride == 1 and x.shape[1] == out else y


def width_mult_of(shapes: Mapping[str, tuple[int, ...]], prefix: str = "backbone.") -> float:
    """Return the factor of the channels, from those of the last block."""
    return kernel_shape(shapes, f"{prefix}{HIGH}.conv.2.weight")[0] / STAGES[-1][1]


def classification_weights(weights: Mapping[str, Any], prefix: str = "backbone.") -> dict[str, Any]:
    """Return torchvision's classification weights by our names, without the last convolution and the classifier."""
    last = f"features.{int(HIGH) + 1}."
    return {
        prefix + name.removeprefix("features."): value
        for name, value in weights.items()
        if not name.startswith(("classifier.", last))
    }
