"""MobileNetV3-Large: inverted residual blocks with depthwise convolutions and squeeze-and-excitation.

Howard et al., "Searching for MobileNetV3", ICCV 2019, table 1. Names are those of torchvision.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from segalgo.models.graph.other_names import kernel_shape
from segalgo.models.networks.backbones.conv_norm import conv_norm

BATCH_NORM_EPS = 1e-3


class InvertedResidual(NamedTuple):
    """One row of the paper's table 1."""

    kernel: int
    expanded: int
    out: int
    squeeze: bool
    """Whether the channels are weighted by squeeze-and-excitation."""
    activation: str
    stride: int


RE, HS = "relu", "hardswish"
FIRST = 16
LARGE = (
    InvertedResidual(3, 16, 16, False, RE, 1),
    InvertedResidual(3, 64, 24, False, RE, 2),
    InvertedResidual(3, 72, 24, False, RE, 1),
    InvertedResidual(5, 72, 40, True, RE, 2),
    InvertedResidual(5, 120, 40, True, RE, 1),
    InvertedResidual(5, 120, 40, True, RE, 1),
    InvertedResidual(3, 240, 80, False, HS, 2),
    InvertedResidual(3, 200, 80, False, HS, 1),
    InvertedResidual(3, 184, 80, False, HS, 1),
    InvertedResidual(3, 184, 80, False, HS, 1),
    InvertedResidual(3, 480, 112, True, HS, 1),
    InvertedResidual(3, 672, 112, True, HS, 1),
    InvertedResidual(5, 672, 160, True, HS, 2),
    InvertedResidual(5, 960, 160, True, HS, 1),
    InvertedResidual(5, 960, 160, True, HS, 1),
)
DILATED_FROM = 13  # the blocks from here on, counted from 1, dilate in place of halving
LOW, HIGH = "4", "16"
"""The maps of one eighth and of one sixteenth of the picture that heads read."""


def make_divisible(channels: float, divisor: int = 8) -> int:
    """Return the nearest multiple of a divisor that is not less than nine tenths of the channels."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor


def mobilenet_v3_large(layers: Any, x: Any, prefix: str = "backbone.", width_mult: float = 1.0) -> dict[str, Any]:
    """Return the maps "0" to "16" of a picture, dilated in the last stage so that they end at one sixteenth.

    Parameters
    ----------
    layers, x
        As in `Network.forward`.
    prefix : str
        In front of all names of layers.
    width_mult : float
        Factor of all channels, which are then rounded to multiples of 8.
    """
    x = conv_norm(
        layers, x, f"{prefix}0", make_divisible(FIRST * width_mult), 3, HS, BATCH_NORM_EPS, stride=2, padding=1
    )
    features = {"0": x}
    for number, row in enumerate(LARGE, 1):
        dilation = 2 if number >= DILATED_FROM else 1
        expanded, out = (make_divisible(n * width_mult) for n in (row.expanded, row.out))
        scaled = row._replace(expanded=expanded, out=out)
        x = features[str(number)] = _block(layers, x, f"{prefix}{number}", scaled, dilation)
    features[HIGH] = conv_norm(layers, x, f"{prefix}{HIGH}", 6 * x.shape[1], 1, HS, BATCH_NORM_EPS)
    return features


def _block(layers: Any, x: Any, name: str, row: InvertedResidual, dilation: int) -> Any:
    """Return a block's result: expanded, filtered in each channel, weighted, projected, and added to its input."""
    y, numbers = x, iter(range(4))
    if row.expanded != x.shape[1]:
        y = conv_norm(layers, y, f"{name}.block.{next(numbers)}", row.expanded, 1, row.activation, BATCH_NORM_EPS)
    options = {
        "stride": 1 if dilation > 1 else row.stride,
        "padding": (row.kernel - 1) // 2 * dilation,
        "dilation": dilation,
        "groups": row.expanded,
    }
    depthwise = f"{name}.block.{next(numbers)}"
    y = conv_norm(layers, y, depthwise, row.expanded, row.kernel, row.activation, BATCH_NORM_EPS, **options)
    if row.squeeze:
        y = _squeeze_excitation(layers, y, f"{name}.block.{next(numbers)}")
    y = conv_norm(layers, y, f"{name}.block.{next(numbers)}", row.out, 1, None, BATCH_NORM_EPS)
    return layers.add(y, x, f"{name}.add") if row.stride == 1 and y.shape[1] == x.shape[1] else y


def _squeeze_excitation(layers: Any, x: Any, name: str) -> Any:
    """Return the map with each channel times a weight from 0 to 1 that the means of all channels give."""
    channels = x.shape[1]
    weight = layers.adaptive_avg_pool2d(x, f"{name}.avgpool", 1)
    weight = layers.conv2d(weight, f"{name}.fc1", make_divisible(channels / 4), 1)
    weight = layers.relu(weight, f"{name}.activation")
    weight = layers.conv2d(weight, f"{name}.fc2", channels, 1)
    weight = layers.hardsigmoid(weight, f"{name}.scale_activation")
    return layers.multiply(x, weight, f"{name}.scaled")


def width_mult_of(shapes: Mapping[str, tuple[int, ...]], prefix: str = "backbone.") -> float:
    """Return the factor of the channels, from the widest of them, that of the last block's expansion."""
    widest = kernel_shape(shapes, f"{prefix}15.block.0.0.weight")[0]
    return widest / LARGE[-1].expanded


def classification_weights(weights: Mapping[str, Any], prefix: str = "backbone.") -> dict[str, Any]:
    """Return torchvision's classification weights by our names, without the classifier."""
    return {
        prefix + name.removeprefix("features."): value
        for name, value in weights.items()
        if not name.startswith("classifier.")
    }
