"""FCN on a ResNet: a classification network whose last map is classified cell by cell."""

from collections.abc import Mapping, Sequence
from typing import Any

from segalgo.models.graph.network import Network
from segalgo.models.graph.other_names import kernel_shape
from segalgo.models.networks.backbones import torchvision_backbones as backbones
from segalgo.models.networks.backbones.conv_norm import conv_norm
from segalgo.models.predicting.preprocessing import IMAGENET


class FCN(Network):
    """FCN with a ResNet, as torchvision builds it: ``fcn_resnet50``, ``fcn_resnet101``.

    The backbone's last map, an eighth of the picture, passes a 3 x 3 convolution to a quarter of its channels, batch
    norm, ReLU, dropout, and a 1 x 1 convolution to the classes. The logits are enlarged bilinearly to the picture.

    Parameters
    ----------
    in_channels : int, default 3
    num_classes : int, default 21
    backbone : {"resnet50", "resnet101", "resnet18", "resnet34", "mobilenet_v2", "mobilenet_v3_large"}
    width_mult : float, default 1.0
        Factor of the backbone's channels.
    dilated : sequence of 3 bool, default (False, True, True)
        Whether stages 2, 3 and 4 of a ResNet dilate in place of halving (torchvision's
        ``replace_stride_with_dilation``). With none the last map is a 32nd of the picture.
    dropout : float, default 0.1
        Active only in `predict` with `samples`.
    seed : int, default 0
        Of the fresh weights (He et al. 2015).

    Notes
    -----
    Departures from the paper [1]_, torchvision's: a ResNet in place of VGG16, dilated in place of skips from earlier
    maps, and bilinear enlargement in place of transposed convolutions (see `FCN8s` for those). The auxiliary head on
    stage 3 serves training alone: its weights, ``aux_classifier``, are left out when a file is loaded. torchvision's
    preset resizes the shorter side of a picture to 520; `predict` takes pictures as they are.

    35,322,218 parameters in torchvision's ``fcn_resnet50`` count the auxiliary head, which has 2,365,205.

    References
    ----------
    .. [1] J. Long, E. Shelhamer, T. Darrell, "Fully convolutional networks for semantic segmentation", CVPR 2015.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> model = segalgo.models.FCN(num_classes=5, backbone="resnet18", width_mult=1 / 16)
    >>> model(np.zeros((1, 3, 45, 61), np.float32)).shape
    (1, 5, 45, 61)
    """

    architecture = "fcn"
    mark = ("backbone.conv1.weight", "classifier.0.weight", "classifier.4.weight")
    unused = ("aux_classifier.",)

    @classmethod
    def has_mark(cls, names: Any) -> bool:
        """Return whether the names of parameters are those of this network, on any backbone."""
        return super().has_mark(names) or all(
            mark in names for mark in ("backbone.0.0.weight", "classifier.0.weight", "classifier.4.weight")
        )

    @classmethod
    def arguments_of(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Return the arguments that the names and shapes of parameters tell."""
        return {**backbones.arguments_of(shapes), "num_classes": kernel_shape(shapes, "classifier.4.weight")[0]}

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 21,
        backbone: str = "resnet50",
        *,
        width_mult: float = 1.0,
        dilated: Sequence[bool] = (False, True, True),
        dropout: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.backbone = backbones.as_backbone(backbone)
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
        x = conv_norm(layers, x, "classifier", max(x.shape[1] // 4, 1), 3, padding=1)
        x = layers.dropout(x, "classifier.3", self.dropout)
        x = layers.conv2d(x, "classifier.4", self.num_classes, 1)
        return layers.interpolate(x, "logits", size, mode="bilinear", align_corners=False)

    def in_encoder(self, name: str) -> bool:
        """Return whether a parameter belongs to the backbone."""
        return name.startswith(backbones.PREFIX)

    def encoder_parameters(self, weights: Mapping[str, Any]) -> dict[str, Any]:
        """Return the backbone's parameters of torchvision's classification network."""
        return backbones.classification_weights(weights, self.backbone)
