"""DeepLabV3: dilated convolutions of several rates side by side, and the mean of the whole map."""

from collections.abc import Mapping, Sequence
from typing import Any

from segalgo.models.graph.network import Network, as_count
from segalgo.models.graph.other_names import kernel_shape
from segalgo.models.networks.backbones import torchvision_backbones as backbones
from segalgo.models.networks.backbones.conv_norm import conv_norm
from segalgo.models.predicting.preprocessing import IMAGENET

RATES = (12, 24, 36)


class DeepLabV3(Network):
    """DeepLabV3, as torchvision builds it: ``deeplabv3_resnet50``, ``_resnet101``, ``_mobilenet_v3_large``.

    The backbone's last map is read by atrous spatial pyramid pooling: a 1 x 1 convolution, three 3 x 3 convolutions
    dilated by 12, 24 and 36, and the mean of the whole map, which a 1 x 1 convolution reads and which is spread again.
    The five results are joined by a 1 x 1 convolution; a 3 x 3 and a 1 x 1 convolution make the logits, which are
    enlarged bilinearly to the picture.

    Parameters
    ----------
    in_channels : int, default 3
    num_classes : int, default 21
    backbone : {"resnet50", "resnet101", "resnet18", "resnet34", "mobilenet_v2", "mobilenet_v3_large"}
    head_channels : int, default 256
        Of each branch of the pyramid and of the two convolutions after it.
    width_mult : float, default 1.0
        Factor of the backbone's channels.
    dilated : sequence of 3 bool, default (False, True, True)
        Whether stages 2, 3 and 4 of a ResNet dilate in place of halving; see `FCN`.
    dropout : float, default 0.1
        Active only in `predict` with `samples`.
    seed : int, default 0
        Of the fresh weights (He et al. 2015).

    Notes
    -----
    Departures from the paper [1]_, torchvision's: the rates are those of the paper's output stride 8, and the first
    block of a dilated stage has the dilation of the stage before; the paper's multi-grid rates within stage 4 are not
    used. On MobileNetV2, which torchvision does not offer, the head reads the last map but one, of 320 channels and one
    sixteenth of the picture, as in the paper of that network. The auxiliary head serves training alone: its weights,
    ``aux_classifier``, are left out when a file is loaded. torchvision's preset resizes the shorter side of a picture
    to 520; `predict` takes pictures as they are. The mean of the whole map makes tiles impossible.

    References
    ----------
    .. [1] L.-C. Chen, G. Papandreou, F. Schroff, H. Adam, "Rethinking atrous convolution for semantic image
       segmentation", arXiv:1706.05587, 2017, figure 5.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.models.DeepLabV3().summary((1, 3, 64, 64)).parameters
    39638869
    """

    architecture = "deeplabv3"
    mark = "classifier.0.convs.0.0.weight"
    unused = ("aux_classifier.",)

    @classmethod
    def arguments_of(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Return the arguments that the names and shapes of parameters tell."""
        return {
            **backbones.arguments_of(shapes),
            "num_classes": kernel_shape(shapes, "classifier.4.weight")[0],
            "head_channels": kernel_shape(shapes, "classifier.0.convs.0.0.weight")[0],
        }

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 21,
        backbone: str = "resnet50",
        head_channels: int = 256,
        *,
        width_mult: float = 1.0,
        dilated: Sequence[bool] = (False, True, True),
        dropout: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.backbone = backbones.as_backbone(backbone)
        self.head_channels = as_count(head_channels, "head_channels")
        self.width_mult = backbones.as_width_mult(width_mult)
        self.dilated = backbones.as_dilated(dilated)
        self.dropout = dropout
        super().__init__(in_channels, num_classes, seed)
        if self.in_channels == 3:
            self.preprocessing = IMAGENET

    def forward(self, layers: Any, x: Any) -> Any:
        """Return logits: the network, layer by layer."""
        size = x.shape[2:]
        x = backbones.last_map(layers, x, self.backbone, self.width_mult, self.dilated)
        x = self._pyramid(layers, x, "classifier.0")
        x = layers.conv2d(x, "classifier.1", self.head_channels, 3, padding=1, bias=False)
        x = layers.relu(layers.batch_norm(x, "classifier.2"), "classifier.3")
        x = layers.conv2d(x, "classifier.4", self.num_classes, 1)
        return layers.interpolate(x, "logits", size, mode="bilinear", align_corners=False)

    def _pyramid(self, layers: Any, x: Any, name: str) -> Any:
        """Return atrous spatial pyramid pooling of a map."""
        width = self.head_channels
        branches = [conv_norm(layers, x, f"{name}.convs.0", width)]
        for k, rate in enumerate(RATES, 1):
            branches.append(conv_norm(layers, x, f"{name}.convs.{k}", width, 3, padding=rate, dilation=rate))
        mean = layers.adaptive_avg_pool2d(x, f"{name}.convs.4.0", 1)
        mean = conv_norm(layers, mean, f"{name}.convs.4", width, numbers=(1, 2))
        branches.append(
            layers.interpolate(mean, f"{name}.convs.4.spread", x.shape[2:], mode="bilinear", align_corners=False)
        )
        x = layers.concatenate(*branches, f"{name}.concatenated")
        x = conv_norm(layers, x, f"{name}.project", width)
        return layers.dropout(x, f"{name}.project.3", self.dropout)

    def in_encoder(self, name: str) -> bool:
        """Return whether a parameter belongs to the backbone."""
        return name.startswith(backbones.PREFIX)

    def encoder_parameters(self, weights: Mapping[str, Any]) -> dict[str, Any]:
        """Return the backbone's parameters of torchvision's classification network."""
        return backbones.classification_weights(weights, self.backbone)
