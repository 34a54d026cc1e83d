"""DeepLab on VGG16: LargeFOV of the first paper, and atrous spatial pyramid pooling of the second."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from segalgo._core.checks import as_flag
from segalgo.models.graph.network import Network, as_count
from segalgo.models.graph.other_names import OtherNames, kernel_shape
from segalgo.models.networks.backbones.vgg import (
    CONVOLUTIONS,
    WIDTHS,
    as_widths,
    classification_weights,
    vgg_stage,
    widths_of,
)
from segalgo.models.predicting.preprocessing import Preprocessing

RELEASED = Preprocessing("bgr", mean=(104.008, 116.669, 122.675), scale=1.0)
MULTISCALE_CHANNELS = 128
# Sources of the multi-scale form, and how many of the picture's pixels, along an axis, are in one of their cells.
SOURCES = {"data": 1, "pool1": 2, "pool2": 4, "pool3": 8, "pool4": 8}
RATES = (6, 12, 18, 24)
# The authors' files call the last layer after the data set: fc8_voc12, fc8_voc12_1.
LAST = re.compile(r"fc8_(?!\d+$)[a-z0-9]+?(_[1-4])?")


def _with_plain_last_layer(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return weights whose last layers are called fc8, or fc8_1 to fc8_4."""
    result = {}
    for name, value in weights.items():
        layer, _, entry = name.rpartition(".")
        found = LAST.fullmatch(layer)
        result[f"fc8{found[1] or ''}.{entry}" if found else name] = value
    return result


AUTHORS = OtherNames(
    "DeepLab's release in Caffe",
    lambda weights: (
        "fc7.weight" in weights or "fc7_1.weight" in weights
        if any(LAST.fullmatch(name.rpartition(".")[0]) for name in weights)
        else False
    ),
    _with_plain_last_layer,
)


class _DeepLabOnVGG16(Network):
    """What both forms share: the convolutions, pooling that keeps an eighth of the picture, and sizes."""

    def _trunk(self, layers: Any, x: Any) -> dict[str, Any]:
        """Return the maps "data" and "pool1" to "pool5"."""
        features = {"data": x}
        for stage, width in enumerate(self.widths, 1):
            dilation = 2 if stage == 5 else 1
            x = vgg_stage(layers, x, stage, width, padding=dilation, dilation=dilation)
            step = 2 if stage <= 3 else 1
            x = features[f"pool{stage}"] = layers.max_pool2d(x, f"pool{stage}", 3, step, 1, ceil_mode=True)
        return features

    def _classified(self, layers: Any, x: Any, suffix: str, rate: int) -> Any:
        """Return logits of a map by a dilated 3 x 3 and two 1 x 1 convolutions."""
        for name, kernel, spread in (("fc6", 3, rate), ("fc7", 1, 1)):
            padding = spread * (kernel // 2)
            x = layers.conv2d(x, name + suffix, self.classifier_channels, kernel, padding=padding, dilation=spread)
            x = layers.relu(x, f"relu{name[2:]}{suffix}")
            x = layers.dropout(x, f"drop{name[2:]}{suffix}", self.dropout)
        return layers.conv2d(x, f"fc8{suffix}", self.num_classes, 1)

    def fitting_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest input size, at least this one, that the network takes as it is."""
        rows, columns = (8 * -(-(max(n, 1) - 1) // 8) + 1 for n in (height, width))
        return rows, columns

    def in_encoder(self, name: str) -> bool:
        """Return whether a parameter belongs to the convolutions of VGG16."""
        return name.partition(".")[0] in CONVOLUTIONS

    def encoder_parameters(self, weights: Mapping[str, Any]) -> dict[str, Any]:
        """Return the convolutions of torchvision's VGG16; its matrices are passed over."""
        named = classification_weights(weights)
        return {name: value for name, value in named.items() if name.partition(".")[0] not in ("fc6", "fc7")}


class DeepLabV1(_DeepLabOnVGG16):
    """DeepLab-LargeFOV: VGG16 with dilated convolutions, logits of one eighth of the picture.

    Pooling has windows of 3 x 3; that of stages 4 and 5 does not halve, and the convolutions of stage 5 are dilated by
    2 in its place. A 3 x 3 convolution dilated by 12 and two 1 x 1 convolutions make the logits, which are enlarged
    bilinearly to the picture, corners on corners. The paper then lets `segalgo.dense_crf` move the borders of the
    classes to those of the picture.

    Parameters
    ----------
    in_channels : int, default 3
    num_classes : int, default 21
    widths : sequence of 5 int, default (64, 128, 256, 512, 512)
        Channels of the stages; the default is VGG16.
    classifier_channels : int, default 1024
        Of the convolutions that replace VGG16's matrices.
    multiscale : bool, default False
        The paper's MSc: the picture and the pooled maps of stages 1 to 4 are classified too, and all logits added.
    dropout : float, default 0.5
        Active only in `predict` with `samples`.
    seed : int, default 0
        Of the fresh weights (He et al. 2015).

    Notes
    -----
    As in the authors' released definition: in front of the classifier, means of 3 x 3 cells; sizes are a multiple of 8
    and one more: other pictures are padded with zeros, after the mean is subtracted, and the logits cropped. `predict`
    gives what they fed it: BGR from 0 to 255 without the mean. Names are theirs, with ``fc8`` for the last layer, whose
    name in files ends in that of the data set. Aligned corners make tiles impossible.
    20,505,429 parameters with 21 classes.

    References
    ----------
    .. [1] L.-C. Chen, G. Papandreou, I. Kokkinos, K. Murphy, A. L. Yuille, "Semantic image segmentation with deep
       convolutional nets and fully connected CRFs", ICLR 2015, section 3 and table 2.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.models.DeepLabV1().summary((1, 3, 65, 65)).parameters
    20505429
    """

    architecture = "deeplabv1"
    mark = ("conv1_1.weight", "fc6.weight", "fc8.weight")
    other_names = (AUTHORS,)

    @classmethod
    def arguments_of(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Return the arguments that the names and shapes of parameters tell."""
        return {
            "in_channels": kernel_shape(shapes, "conv1_1.weight")[1],
            "num_classes": kernel_shape(shapes, "fc8.weight")[0],
            "widths": widths_of(shapes),
            "classifier_channels": kernel_shape(shapes, "fc6.weight")[0],
            "multiscale": "data_ms.weight" in shapes,
        }

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 21,
        widths: Sequence[int] = WIDTHS,
        classifier_channels: int = 1024,
        *,
        multiscale: bool = False,
        dropout: float = 0.5,
        seed: int = 0,
    ) -> None:
        self.widths = as_widths(widths)
        self.classifier_channels = as_count(classifier_channels, "classifier_channels")
        self.multiscale = as_flag(multiscale, "multiscale")
        self.dropout = dropout
        super().__init__(in_channels, num_classes, seed)
        if self.in_channels == 3:
            self.preprocessing = RELEASED

    def forward(self, layers: Any, x: Any) -> Any:
        """Return logits: the network, layer by layer."""
        size = x.shape[2:]
        features = self._trunk(layers, x)
        x = layers.avg_pool2d(features["pool5"], "pool5a", 3, 1, 1)
        x = self._classified(layers, x, "", 12)
        x = layers.interpolate(x, "fc8_interp", size, mode="bilinear", align_corners=True)
        for source, cell in SOURCES.items() if self.multiscale else ():
            y = features[source]
            for part, kernel in (("conv", 3), ("fc", 1)):
                y = layers.conv2d(y, f"{source}_{part}", MULTISCALE_CHANNELS, kernel, padding=kernel // 2)
                y = layers.relu(y, f"{source}_{part}_relu")
                y = layers.dropout(y, f"{source}_{part}_drop", self.dropout)
            y = layers.conv2d(y, f"{source}_ms", self.num_classes, 1)
            if cell > 1:
                y = layers.interpolate(y, f"{source}_ms_interp", size, mode="bilinear", align_corners=True)
            x = layers.add(x, y, f"{source}_ms_sum")
        return x


class DeepLabV2VGG16(_DeepLabOnVGG16):
    """DeepLab v2 on VGG16: four classifiers side by side, dilated by 6, 12, 18 and 24, whose logits are added.

    Parameters
    ----------
    in_channels, num_classes, widths, classifier_channels, dropout, seed
        As in `DeepLabV1`.

    Notes
    -----
    The paper's DeepLab-ASPP-L; see `DeepLabV1` for sizes, preprocessing and names. There is no mean in front of the
    classifiers. 37,877,652 parameters with 21 classes. `DeepLabV2` is the form on a ResNet.

    References
    ----------
    .. [1] L.-C. Chen, G. Papandreou, I. Kokkinos, K. Murphy, A. L. Yuille, "DeepLab: semantic image segmentation with
       deep convolutional nets, atrous convolution, and fully connected CRFs", PAMI 40(4), 2018, figures 4 and 7.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.models.DeepLabV2VGG16().summary((1, 3, 65, 65)).parameters
    37877652
    """

    architecture = "deeplabv2_vgg16"
    mark = ("conv1_1.weight", "fc6_1.weight", "fc8_4.weight")
    other_names = (AUTHORS,)

    @classmethod
    def arguments_of(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Return the arguments that the names and shapes of parameters tell."""
        return {
            "in_channels": kernel_shape(shapes, "conv1_1.weight")[1],
            "num_classes": kernel_shape(shapes, "fc8_1.weight")[0],
            "widths": widths_of(shapes),
            "classifier_channels": kernel_shape(shapes, "fc6_1.weight")[0],
        }

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 21,
        widths: Sequence[int] = WIDTHS,
        classifier_channels: int = 1024,
        *,
        dropout: float = 0.5,
        seed: int = 0,
    ) -> None:
        self.widths = as_widths(widths)
        self.classifier_channels = as_count(classifier_channels, "classifier_channels")
        self.dropout = dropout
        super().__init__(in_channels, num_classes, seed)
        if self.in_channels == 3:
            self.preprocessing = RELEASED

    def forward(self, layers: Any, x: Any) -> Any:
        """Return logits: the network, layer by layer."""
        size = x.shape[2:]
        map5 = self._trunk(layers, x)["pool5"]
        x = self._classified(layers, map5, "_1", RATES[0])
        for k, rate in enumerate(RATES[1:], 2):
            x = layers.add(x, self._classified(layers, map5, f"_{k}", rate), f"fc8_sum{k}")
        return layers.interpolate(x, "logits", size, mode="bilinear", align_corners=True)
