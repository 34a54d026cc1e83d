"""DeepLab v2 on a ResNet: dilated classifiers side by side, and the best of several scales."""

import re
from collections.abc import Mapping
from typing import Any

from segalgo._core.checks import as_flag, one_of
from segalgo.models.graph.network import Network, as_count
from segalgo.models.graph.other_names import OtherNames, blocks_after, kernel_shape
from segalgo.models.networks.backbones.resnet import RESNETS
from segalgo.models.networks.deeplab_vgg16 import RELEASED

BACKBONES = ("resnet101", "resnet50")
RATES = (6, 12, 18, 24)
SCALES = (0.5, 0.75)
"""The further scales of the multi-scale form."""
# Stride of the first block, and dilation of all blocks, of the four stages.
STAGES = ((1, 1), (2, 1), (1, 2), (1, 4))
PREFIX = "base."
# Of torchvision's bottleneck: conv1 is our block's "reduce", and so on.
PARTS = {"1": "reduce", "2": "conv3x3", "3": "increase"}
BOTTLENECK = re.compile(r"layer([1-4])\.(\d+)\.(?:(conv|bn)([123])|downsample\.([01]))\.(\w+)")
STEM = re.compile(r"(conv|bn)1\.(\w+)")


def _from_torchvision(name: str) -> str:
    """Return our name of a parameter of torchvision's ResNet, or the name itself."""
    if found := STEM.fullmatch(name):
        return f"{PREFIX}layer1.conv1.{found[1]}.{found[2]}"
    if found := BOTTLENECK.fullmatch(name):
        stage, block, kind, number, shortcut, entry = found.groups()
        part = PARTS[number] if number else "shortcut"
        kind = kind or ("conv", "bn")[int(shortcut)]
        return f"{PREFIX}layer{int(stage) + 1}.block{int(block) + 1}.{part}.{kind}.{entry}"
    return name


class DeepLabV2(Network):
    """DeepLab v2 on ResNet-101: four dilated classifiers, added, and the largest logits of three scales.

    A ResNet whose last two stages dilate by 2 and 4 in place of halving gives a map of one eighth of the picture. Four
    3 x 3 convolutions dilated by 6, 12, 18 and 24 classify it, and their logits are added (atrous spatial pyramid
    pooling). The picture also passes at 0.75 and 0.5 of its size, with the same weights; the largest logits of the
    three count. They are enlarged bilinearly to the picture. The paper then applies `segalgo.dense_crf`.

    Parameters
    ----------
    in_channels : int, default 3
    num_classes : int, default 21
    backbone : {"resnet101", "resnet50"}
    width : int, default 64
        Channels of the stem, and width of the first stage.
    multiscale : bool, default True
        Whether the two smaller scales are used.
    seed : int, default 0
        Of the fresh weights (He et al. 2015).

    Notes
    -----
    Halving is in the first 1 x 1 convolution of a stage, as in He et al. and Caffe, and pooling after the stem rounds
    sizes up. Names and the resizing, half-pixel centers, are those of kazuto1011/deeplab-pytorch; the release in Caffe
    resized corners on corners. `predict` gives BGR from 0 to 255 without the mean. Files of the multi-scale form have
    ``base.`` in front of their names; files without it are taken for one scale. Sizes that no factor relates make tiles
    impossible. 44,048,532 parameters with 21 classes.

    References
    ----------
    .. [1] L.-C. Chen, G. Papandreou, I. Kokkinos, K. Murphy, A. L. Yuille, "DeepLab: semantic image segmentation with
       deep convolutional nets, atrous convolution, and fully connected CRFs", PAMI 40(4), 2018, figure 4, table 4.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.models.DeepLabV2().summary((1, 3, 65, 65)).parameters
    44048532
    """

    architecture = "deeplabv2"
    mark = (f"{PREFIX}layer1.conv1.conv.weight", f"{PREFIX}aspp.c0.weight")
    other_names = (
        OtherNames(
            "kazuto1011/deeplab-pytorch, one scale",
            lambda weights: {"layer1.conv1.conv.weight", "aspp.c0.weight"} <= set(weights),
            lambda weights: {f"{PREFIX}{name}": value for name, value in weights.items()},
            {"arguments": {"multiscale": False}},
        ),
    )

    @classmethod
    def arguments_of(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Return the arguments that the names and shapes of parameters tell."""
        depths = tuple(blocks_after(shapes, f"{PREFIX}layer{stage}.block") - 1 for stage in range(2, 6))
        backbone = next((name for name in BACKBONES if RESNETS[name].depths == depths), None)
        if backbone is None:
            raise ValueError(f"a ResNet with stages of {depths} bottlenecks: expected {' or '.join(BACKBONES)}")
        width, in_channels = kernel_shape(shapes, f"{PREFIX}layer1.conv1.conv.weight")[:2]
        return {
            "in_channels": in_channels,
            "num_classes": kernel_shape(shapes, f"{PREFIX}aspp.c0.weight")[0],
            "backbone": backbone,
            "width": width,
        }

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 21,
        backbone: str = "resnet101",
        *,
        width: int = 64,
        multiscale: bool = True,
        seed: int = 0,
    ) -> None:
        self.backbone = str(one_of(backbone, "backbone", BACKBONES))
        self.width = as_count(width, "width")
        self.multiscale = as_flag(multiscale, "multiscale")
        super().__init__(in_channels, num_classes, seed)
        if self.in_channels == 3:
            self.preprocessing = RELEASED

    def forward(self, layers: Any, x: Any) -> Any:
        """Return logits: the network, layer by layer."""
        logits = self._scores(layers, x)
        for scale in SCALES if self.multiscale else ():
            name = f"@{scale}"
            part = layers.interpolate(x, f"input{name}", scale_factor=scale, mode="bilinear", align_corners=False)
            y = self._scores(layers.again(name), part)
            y = layers.interpolate(y, f"scores{name}", logits.shape[2:], mode="bilinear", align_corners=False)
            logits = layers.maximum(logits, y, f"largest{name}")
        return layers.interpolate(logits, "logits", x.shape[2:], mode="bilinear", align_corners=False)

    def _scores(self, layers: Any, x: Any) -> Any:
        """Return logits of one eighth of a picture."""
        x = _norm(layers, x, f"{PREFIX}layer1.conv1", self.width, 7, stride=2, padding=3)
        x = layers.max_pool2d(x, f"{PREFIX}layer1.pool", 3, 2, 1, ceil_mode=True)
        for stage, (depth, (stride, rate)) in enumerate(zip(RESNETS[self.backbone].depths, STAGES, strict=True), 2):
            for block in range(1, depth + 1):
                name = f"{PREFIX}layer{stage}.block{block}"
                x = _bottleneck(
                    layers, x, name, self.width << (stage - 2), stride if block == 1 else 1, rate, block == 1
                )
        scores = None
        for k, rate in enumerate(RATES):
            y = layers.conv2d(x, f"{PREFIX}aspp.c{k}", self.num_classes, 3, padding=rate, dilation=rate)
            scores = y if scores is None else layers.add(scores, y, f"{PREFIX}aspp.sum{k}")
        return scores

    def fitting_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest input size, at least this one, that the network takes as it is."""
        return max(height, 2), max(width, 2)  # half of it is a cell

    def in_encoder(self, name: str) -> bool:
        """Return whether a parameter belongs to the ResNet."""
        return name.startswith(f"{PREFIX}layer")

    def encoder_parameters(self, weights: Mapping[str, Any]) -> dict[str, Any]:
        """Return torchvision's ResNet by our names, without the fully connected layer.

        Its bottlenecks halve in the 3 x 3 convolution, where these do in the first: for training, not for use as it is.
        """
        return {_from_torchvision(name): value for name, value in weights.items() if not name.startswith("fc.")}


def _norm(
    layers: Any, x: Any, name: str, channels: int, kernel_size: int = 1, relu: bool = True, **options: Any
) -> Any:
    """Return a normalized convolution, rectified, by the names of its parts in the port."""
    x = layers.conv2d(x, f"{name}.conv", channels, kernel_size, bias=False, **options)
    x = layers.batch_norm(x, f"{name}.bn")
    return layers.relu(x, f"{name}.relu") if relu else x


def _bottleneck(layers: Any, x: Any, name: str, width: int, stride: int, dilation: int, first: bool) -> Any:
    """Return the sum of a map and what three convolutions make of it, rectified; the first one has the stride."""
    y = _norm(layers, x, f"{name}.reduce", width, stride=stride)
    y = _norm(layers, y, f"{name}.conv3x3", width, 3, padding=dilation, dilation=dilation)
    y = _norm(layers, y, f"{name}.increase", 4 * width, relu=False)
    if first:
        x = _norm(layers, x, f"{name}.shortcut", 4 * width, relu=False, stride=stride)
    return layers.relu(layers.add(y, x, f"{name}.add"), f"{name}.relu")
