"""VGG16: thirteen 3 x 3 convolutions in five stages, each followed by pooling.

Simonyan and Zisserman, "Very deep convolutional networks", ICLR 2015, table 1, column D. Names are those of Caffe.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from segalgo._core.checks import as_sequence, shown
from segalgo.models.graph.network import as_count
from segalgo.models.graph.other_names import kernel_shape

DEPTHS = (2, 2, 3, 3, 3)
WIDTHS = (64, 128, 256, 512, 512)
CONVOLUTIONS = tuple(f"conv{stage}_{j}" for stage, depth in enumerate(DEPTHS, 1) for j in range(1, depth + 1))
# Layers of torchvision's vgg16, `features.{number}`, in the order of the convolutions.
TORCHVISION = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


def vgg16(layers: Any, x: Any, widths: Sequence[int] = WIDTHS, first_padding: int = 1) -> dict[str, Any]:
    """Return the maps "pool1" to "pool5" of a picture; sizes are rounded up where they are halved, as in Caffe.

    Parameters
    ----------
    layers, x
        As in `Network.forward`.
    widths : sequence of 5 int
        Channels of the stages.
    first_padding : int
        Zeros around the picture; all other convolutions have 1.
    """
    features = {}
    for stage, width in enumerate(widths, 1):
        x = vgg_stage(layers, x, stage, width, first_padding=first_padding if stage == 1 else 1)
        x = features[f"pool{stage}"] = layers.max_pool2d(x, f"pool{stage}", 2, 2, ceil_mode=True)
    return features


def vgg_stage(
    layers: Any, x: Any, stage: int, width: int, padding: int = 1, dilation: int = 1, first_padding: int | None = None
) -> Any:
    """Return what the convolutions of one stage, 1 to 5, make of a map; pooling is left to the caller."""
    for j in range(1, DEPTHS[stage - 1] + 1):
        border = padding if j > 1 or first_padding is None else first_padding
        x = layers.conv2d(x, f"conv{stage}_{j}", width, 3, padding=border, dilation=dilation)
        x = layers.relu(x, f"relu{stage}_{j}")
    return x


def as_widths(value: Any) -> tuple[int, ...]:
    """Return the channels of the five stages."""
    expected = "5 numbers of channels, one a stage"
    widths = tuple(as_count(width, "widths") for width in as_sequence(value, "widths", expected))
    if len(widths) != len(DEPTHS):
        raise ValueError(f"widths={shown(value)}: expected {expected}")
    return widths


def widths_of(shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """Return the channels of the five stages, of the shapes of parameters."""
    return tuple(kernel_shape(shapes, f"conv{stage}_1.weight")[0] for stage in range(1, 6))


def classification_weights(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return torchvision's classification weights by our names, the first two matrices as convolutions fc6 and fc7.

    A matrix that reads the 7 x 7 cells of the last map is a convolution with a kernel of that size.
    """
    names = dict(zip((f"features.{k}" for k in TORCHVISION), CONVOLUTIONS, strict=True))
    names |= {"classifier.0": "fc6", "classifier.3": "fc7"}
    result = {}
    for name, value in weights.items():
        layer, _, entry = name.rpartition(".")
        if layer == "classifier.6":
            continue
        if layer == "classifier.0" and entry == "weight" and value.ndim == 2 and value.shape[1] % 49 == 0:
            value = value.reshape(len(value), -1, 7, 7)
        if layer == "classifier.3" and entry == "weight" and value.ndim == 2:
            value = value[:, :, None, None]
        result[f"{names.get(layer, layer)}.{entry}"] = value
    return result
