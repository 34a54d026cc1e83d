"""LR-ASPP: a small head on MobileNetV3, which weights channels by the mean of the map."""

from collections.abc import Mapping
from typing import Any

from segalgo.models.graph.network import Network, as_count
from segalgo.models.graph.other_names import kernel_shape
from segalgo.models.networks.backbones import torchvision_backbones as backbones
from segalgo.models.networks.backbones.conv_norm import conv_norm
from segalgo.models.networks.backbones.mobilenetv3 import HIGH, LOW, mobilenet_v3_large
from segalgo.models.predicting.preprocessing import IMAGENET


class LRASPP(Network):
    """LR-ASPP with MobileNetV3-Large, as torchvision builds it: ``lraspp_mobilenet_v3_large``.

    The map of one sixteenth of the picture passes a 1 x 1 convolution, and its channels are weighted by a sigmoid of
    the mean of the map. It is enlarged to the map of one eighth; both are classified by 1 x 1 convolutions and summed.
    The logits are enlarged bilinearly to the picture.

    Parameters
    ----------
    in_channels : int, default 3
    num_classes : int, default 21
    inter_channels : int, default 128
        Of the head.
    width_mult : float, default 1.0
        Factor of the backbone's channels.
    seed : int, default 0
        Of the fresh weights (He et al. 2015).

    Notes
    -----
    Departures from the paper [1]_, torchvision's: the mean is of the whole map, where the paper pools windows of 49 x
    49 cells with strides. It makes tiles impossible. 3,221,538 parameters with 21 classes.

    References
    ----------
    .. [1] A. Howard et al., "Searching for MobileNetV3", ICCV 2019, figure 10.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.models.LRASPP().summary((1, 3, 64, 64)).parameters
    3221538
    """

    architecture = "lraspp"
    mark = "classifier.cbr.0.weight"

    @classmethod
    def arguments_of(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Return the arguments that the names and shapes of parameters tell."""
        known = backbones.arguments_of(shapes)
        name = known.pop("backbone")
        if name != backbones.MOBILENET_V3:
            raise ValueError(f"LR-ASPP on {name}: expected one on {backbones.MOBILENET_V3}")
        return {
            **known,
            "num_classes": kernel_shape(shapes, "classifier.low_classifier.weight")[0],
            "inter_channels": kernel_shape(shapes, "classifier.cbr.0.weight")[0],
        }

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 21,
        inter_channels: int = 128,
        *,
        width_mult: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.inter_channels = as_count(inter_channels, "inter_channels")
        self.width_mult = backbones.as_width_mult(width_mult)
        super().__init__(in_channels, num_classes, seed)
        if self.in_channels == 3:
            self.preprocessing = IMAGENET

    def forward(self, layers: Any, x: Any) -> Any:
        """Return logits: the network, layer by layer."""
        size = x.shape[2:]
        features = mobilenet_v3_large(layers, x, backbones.PREFIX, self.width_mult)
        low, high = features[LOW], features[HIGH]
        x = conv_norm(layers, high, "classifier.cbr", self.inter_channels)
        weight = layers.adaptive_avg_pool2d(high, "classifier.scale.0", 1)
        weight = layers.conv2d(weight, "classifier.scale.1", self.inter_channels, 1, bias=False)
        weight = layers.sigmoid(weight, "classifier.scale.2")
        x = layers.multiply(x, weight, "classifier.scaled")
        x = layers.interpolate(x, "classifier.enlarged", low.shape[2:], mode="bilinear", align_corners=False)
        low = layers.conv2d(low, "classifier.low_classifier", self.num_classes, 1)
        high = layers.conv2d(x, "classifier.high_classifier", self.num_classes, 1)
        x = layers.add(low, high, "classifier.sum")
        return layers.interpolate(x, "logits", size, mode="bilinear", align_corners=False)

    def in_encoder(self, name: str) -> bool:
        """Return whether a parameter belongs to the backbone."""
        return name.startswith(backbones.PREFIX)

    def encoder_parameters(self, weights: Mapping[str, Any]) -> dict[str, Any]:
        """Return the backbone's parameters of torchvision's classification network."""
        return backbones.classification_weights(weights, backbones.MOBILENET_V3)
