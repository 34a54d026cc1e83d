"""PSPNet: means of the whole map and of its parts, beside the map itself."""

from collections.abc import Mapping
from typing import Any

from segalgo._core.checks import one_of
from segalgo.models.graph.network import Network, as_count
from segalgo.models.graph.other_names import kernel_shape, renamed
from segalgo.models.networks.backbones import resnet
from segalgo.models.networks.backbones.conv_norm import conv_norm
from segalgo.models.networks.backbones.torchvision_backbones import RESNET_WIDTH, as_width_mult
from segalgo.models.predicting.preprocessing import IMAGENET

BINS = (1, 2, 3, 6)
STAGES = ("layer0.", "layer1.", "layer2.", "layer3.", "layer4.")
# The stem of the classification network by our names.
STEM = {"conv1": "layer0.0", "bn1": "layer0.1", "conv2": "layer0.3", "bn2": "layer0.4", "conv3": "layer0.6",
        "bn3": "layer0.7"}  # fmt: skip


class PSPNet(Network):
    """PSPNet on a dilated ResNet, as hszhao/semseg builds it.

    The last map, an eighth of the picture, is averaged over the whole and over 2 x 2, 3 x 3 and 6 x 6 parts. Each of
    these passes a 1 x 1 convolution and is enlarged again; map and means are joined by a 3 x 3 convolution and
    classified. The logits are enlarged bilinearly to the picture, corners on corners.

    Parameters
    ----------
    in_channels : int, default 3
    num_classes : int, default 150
    backbone : {"resnet50", "resnet101", "resnet18", "resnet34"}
    head_channels : int, default 512
        Of the joining convolution.
    width_mult : float, default 1.0
        Factor of the backbone's channels.
    dropout : float, default 0.1
        Active only in `predict` with `samples`.
    seed : int, default 0
        Of the fresh weights (He et al. 2015).

    Notes
    -----
    Departures from the paper [1]_, the port's: halving in the 3 x 3 convolution of a bottleneck, not in its first, and
    means joined from the coarsest to the finest. The stem is of three 3 x 3 convolutions, and all blocks of stages 3
    and 4 are dilated by 2 and 4. Sizes must be a multiple of 8 and one more: other pictures are padded with zeros and
    the logits cropped. The auxiliary head serves training alone: its weights, ``aux``, are left out when a file is
    loaded. The released recipes average over crops and scales; `predict` takes the picture as it is. Means of the whole
    map make tiles impossible.

    49,180,908 parameters in the port's PSPNet-50 with 150 classes count the auxiliary head, which has 2,398,358.

    References
    ----------
    .. [1] H. Zhao, J. Shi, X. Qi, X. Wang, J. Jia, "Pyramid scene parsing network", CVPR 2017, figure 3.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.models.PSPNet().summary((1, 3, 65, 65)).parameters
    46782550
    """

    architecture = "pspnet"
    mark = ("ppm.features.0.1.weight", "cls.4.weight")
    unused = ("aux.",)

    @classmethod
    def arguments_of(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Return the arguments that the names and shapes of parameters tell."""
        return {
            "in_channels": kernel_shape(shapes, "layer0.0.weight")[1],
            "num_classes": kernel_shape(shapes, "cls.4.weight")[0],
            "backbone": resnet.form_of(shapes, ""),
            "head_channels": kernel_shape(shapes, "cls.0.weight")[0],
            "width_mult": resnet.width_of(shapes, "") / RESNET_WIDTH,
        }

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 150,
        backbone: str = "resnet50",
        head_channels: int = 512,
        *,
        width_mult: float = 1.0,
        dropout: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.backbone = str(one_of(backbone, "backbone", tuple(resnet.RESNETS)))
        self.head_channels = as_count(head_channels, "head_channels")
        self.width_mult = as_width_mult(width_mult)
        self.dropout = dropout
        super().__init__(in_channels, num_classes, seed)
        if self.in_channels == 3:
            self.preprocessing = IMAGENET

    def forward(self, layers: Any, x: Any) -> Any:
        """Return logits: the network, layer by layer."""
        size, form = x.shape[2:], resnet.RESNETS[self.backbone]
        width = max(round(RESNET_WIDTH * self.width_mult), 1)
        features = resnet.resnet(
            layers, x, form, "", width, (False, True, True), deep_stem=True, dilate_first_block=True
        )
        x = features["layer4"]
        parts = [x]
        for k, cells in enumerate(BINS):
            name = f"ppm.features.{k}"
            mean = layers.adaptive_avg_pool2d(x, f"{name}.0", cells)
            mean = conv_norm(layers, mean, name, max(x.shape[1] // len(BINS), 1), numbers=(1, 2))
            parts.append(layers.interpolate(mean, f"{name}.4", x.shape[2:], mode="bilinear", align_corners=True))
        x = layers.concatenate(*parts, "ppm")
        x = conv_norm(layers, x, "cls", self.head_channels, 3, padding=1)
        x = layers.dropout(x, "cls.3", self.dropout)
        x = layers.conv2d(x, "cls.4", self.num_classes, 1)
        return layers.interpolate(x, "logits", size, mode="bilinear", align_corners=True)

    def fitting_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest input size, at least this one, that the network takes as it is."""
        rows, columns = (8 * -(-(max(n, 1) - 1) // 8) + 1 for n in (height, width))
        return rows, columns

    def in_encoder(self, name: str) -> bool:
        """Return whether a parameter belongs to the ResNet."""
        return name.startswith(STAGES)

    def encoder_parameters(self, weights: Mapping[str, Any]) -> dict[str, Any]:
        """Return the port's classification network, whose stem has three convolutions, by our names."""
        return renamed({name: value for name, value in weights.items() if not name.startswith("fc.")}, STEM)
