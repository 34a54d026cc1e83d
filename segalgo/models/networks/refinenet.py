"""RefineNet: maps of four resolutions, joined from the coarsest to the finest by convolutions alone."""

from collections.abc import Mapping
from typing import Any

from segalgo._core.checks import one_of
from segalgo.models.graph.network import Network, as_count
from segalgo.models.graph.other_names import kernel_shape
from segalgo.models.networks.backbones import resnet
from segalgo.models.networks.backbones.torchvision_backbones import RESNET_WIDTH, as_width_mult
from segalgo.models.predicting.preprocessing import IMAGENET

STAGES = ("conv1.", "bn1.", "layer1.", "layer2.", "layer3.", "layer4.")
POOLINGS = 4
"""Of chained residual pooling."""


class RefineNet(Network):
    """RefineNet on a ResNet, as DrSleep/refinenet-pytorch builds it.

    Four blocks, one for each stage of the ResNet, the deepest first. A block passes its map through residual
    convolution units, adds what the deeper block made, enlarged, and lets chained residual pooling and three further
    units work on the sum. The last one, of a quarter of the picture, is classified; its logits are enlarged by cubic
    interpolation.

    Parameters
    ----------
    in_channels : int, default 3
    num_classes : int, default 21
    backbone : {"resnet101", "resnet50", "resnet34", "resnet18"}
    head_channels : int, default 256
        Of the blocks; the deepest has twice as many.
    width_mult : float, default 1.0
        Factor of the backbone's channels.
    dropout : float, default 0.5
        After the two deepest maps and before the classifier; active only in `predict` with `samples`.
    seed : int, default 0
        Of the fresh weights (He et al. 2015).

    Notes
    -----
    Departures from the paper [1]_, the port's: in chained residual pooling, pooling is before the convolution, as in
    the models for PASCAL VOC; a ResNet that halves in the 3 x 3 convolution of a bottleneck. Models with the improved
    order, convolution first, do not fit. Maps are enlarged bilinearly, corners on corners, which makes tiles
    impossible. 118,052,437 parameters with 21 classes.

    References
    ----------
    .. [1] G. Lin, A. Milan, C. Shen, I. Reid, "RefineNet: multi-path refinement networks for high-resolution semantic
       segmentation", CVPR 2017, figures 2 and 3.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.models.RefineNet().summary((1, 3, 64, 64)).parameters
    118052437
    """

    architecture = "refinenet"
    mark = ("p_ims1d2_outl1_dimred.weight", "clf_conv.weight")

    @classmethod
    def arguments_of(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Return the arguments that the names and shapes of parameters tell."""
        return {
            "in_channels": kernel_shape(shapes, "conv1.weight")[1],
            "num_classes": kernel_shape(shapes, "clf_conv.weight")[0],
            "backbone": resnet.form_of(shapes, ""),
            "head_channels": kernel_shape(shapes, "clf_conv.weight")[1],
            "width_mult": resnet.width_of(shapes, "") / RESNET_WIDTH,
        }

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 21,
        backbone: str = "resnet101",
        head_channels: int = 256,
        *,
        width_mult: float = 1.0,
        dropout: float = 0.5,
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
        size = tuple(x.shape[2:])
        width = max(round(RESNET_WIDTH * self.width_mult), 1)
        features = resnet.resnet(layers, x, resnet.RESNETS[self.backbone], "", width)
        maps = [features[f"layer{stage}"] for stage in (4, 3, 2, 1)]
        for k in (0, 1):
            maps[k] = layers.dropout(maps[k], f"layer{4 - k}.dropout", self.dropout)
        x = self._block(layers, maps[0], None, 1, 2 * self.head_channels)
        for k in (1, 2, 3):
            x = layers.interpolate(x, f"enlarged{k}", maps[k].shape[2:], mode="bilinear", align_corners=True)
            x = self._block(layers, maps[k], x, k + 1, self.head_channels)
        x = layers.dropout(x, "clf_dropout", self.dropout)
        x = layers.conv2d(x, "clf_conv", self.num_classes, 3, padding=1)
        return layers.resample(x, "logits", size, mode="cubic", coordinates="half_pixel")

    def _block(self, layers: Any, x: Any, deeper: Any, k: int, channels: int) -> Any:
        """Return RefineNet block k: of a map of the ResNet, and of what the deeper block made."""

        def convolved(x: Any, name: str, made: int) -> Any:
            return layers.conv2d(x, name, made, 3, padding=1, bias=False)

        x = convolved(x, f"p_ims1d2_outl{k}_dimred", channels)
        x = _residual_units(layers, x, f"adapt_stage{k}_b", 2)
        if deeper is not None:
            x = convolved(x, f"adapt_stage{k}_b2_joint_varout_dimred", channels)
            x = layers.add(x, deeper, f"stage{k}_sum")
        x = layers.relu(x, f"stage{k}_relu")
        x = _chained_pooling(layers, x, f"mflow_conv_g{k}_pool")
        x = _residual_units(layers, x, f"mflow_conv_g{k}_b", 3)
        return x if k == 4 else convolved(x, f"mflow_conv_g{k}_b3_joint_varout_dimred", self.head_channels)

    def in_encoder(self, name: str) -> bool:
        """Return whether a parameter belongs to the ResNet."""
        return name.startswith(STAGES)

    def encoder_parameters(self, weights: Mapping[str, Any]) -> dict[str, Any]:
        """Return torchvision's ResNet, without the fully connected layer."""
        return resnet.classification_weights(weights, "")


def _residual_units(layers: Any, x: Any, name: str, count: int) -> Any:
    """Return residual convolution units: twice ReLU and convolution, the first with a bias, added to the map."""
    for k in range(1, count + 1):
        y = x
        for part, bias in (("conv", True), ("conv_relu_varout_dimred", False)):
            y = layers.relu(y, f"{name}.0.{k}_{part}_relu")
            y = layers.conv2d(y, f"{name}.0.{k}_{part}", x.shape[1], 3, padding=1, bias=bias)
        x = layers.add(x, y, f"{name}.0.{k}_sum")
    return x


def _chained_pooling(layers: Any, x: Any, name: str) -> Any:
    """Return the sum of a map and of what a chain of poolings and convolutions makes of it, step by step."""
    top = x
    for k in range(1, POOLINGS + 1):
        top = layers.max_pool2d(top, f"{name}.0.{k}_pool", 5, 1, 2)
        top = layers.conv2d(top, f"{name}.0.{k}_outvar_dimred", x.shape[1], 3, padding=1, bias=False)
        x = layers.add(x, top, f"{name}.0.{k}_sum")
    return x
